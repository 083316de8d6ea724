"""A real tracker before pretend providers, in one process and on virtual time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from mcp_browserjobs import settings
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.conftest import virtual_clock

HOST = "http://providers.example"


class Wire(httpx2.ASGITransport):
    """Carries requests to an app in this process; an app that hangs up is a connection that breaks."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        try:
            return await super().handle_async_request(request)
        except OSError as error:
            raise httpx2.ReadError(str(error), request=request) from error


def new_world(**switches: object) -> World:
    """Pretend providers on the virtual clock."""
    return World(clock=virtual_clock, **switches)  # type: ignore[arg-type]


@asynccontextmanager
async def tracker_in(
    world: World, *, transport: type[Wire] = Wire, environ: Mapping[str, str] | None = None, **more: str
) -> AsyncIterator[Tracker]:
    """A running tracker whose accounts are the world's providers; `environ` and `more` add to its environment."""
    environment = {**variables(HOST, world), "BROWSERJOBS_STORE": ":memory:", **(environ or {}), **more}
    connections = Connections(transport(application(world)))
    tracker = Tracker(settings.from_environment(environment), connections=connections, clock=virtual_clock)
    async with tracker.running():
        yield tracker
