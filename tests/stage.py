"""A real tracker before pretend providers, in one process and on virtual time."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from mcp_browserjobs import settings
from mcp_browserjobs.jobs import EventKind, JobRef
from mcp_browserjobs.providers.base import Connections, InProcess
from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.conftest import virtual_clock

HOST = "http://providers.example"


def new_world(**switches: object) -> World:
    """Pretend providers on the virtual clock."""
    return World(clock=virtual_clock, **switches)  # type: ignore[arg-type]


async def statuses_of(tracker: Tracker, ref: JobRef) -> list[object]:
    """All statuses that a job's log tells of."""
    log = await tracker.store.events(ref, after=0, limit=200)
    return [event.reported["status"] for event in log if event.kind is EventKind.STATUS]


@asynccontextmanager
async def tracker_in(
    world: World,
    *,
    transport: type[InProcess] = InProcess,
    clock: Callable[[], datetime] = virtual_clock,
    environ: Mapping[str, str] | None = None,
    **more: str,
) -> AsyncIterator[Tracker]:
    """A running tracker whose accounts are the world's providers; `environ` and `more` add to its environment."""
    environment = {**variables(HOST, world), "BROWSERJOBS_STORE": ":memory:", **(environ or {}), **more}
    connections = Connections(transport(application(world)))
    tracker = Tracker(settings.from_environment(environment), connections=connections, clock=clock)
    async with tracker.running():
        yield tracker
