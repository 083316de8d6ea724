"""One look: all of a long log, the last events of a job that ends meanwhile, and no more requests than needed."""

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.jobs import EventKind, JobRef, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.script import Beat, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

LOGGED = [name for name in providers.names() if "fetch_events" in providers.abilities(name)]
"""Those whose events are asked for beside the job."""
EVENTS = ("/events", "/messages", "/changes", "/activities", "/timeline")
STEPS = 350


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


async def steps(tracker: Tracker, ref: JobRef) -> int:
    """How many steps the log has."""
    log = await tracker.store.events(ref, after=0, limit=100_000)
    return sum(f"Read page {page}." in str(event.reported) for event in log for page in range(STEPS))


@pytest.mark.parametrize("provider", LOGGED)
async def test_a_long_log_is_read_at_once_and_then_only_what_is_new(world: World, provider: str) -> None:
    beats: tuple[Beat, ...] = (Queued(0), *(Step(f"Read page {page}.", 2) for page in range(STEPS)), Step("Waits", 1e6))
    ref = JobRef(provider, world.add(provider, Script(beats=beats)).id)
    await anyio.sleep(2 * STEPS + 10)
    async with tracker_in(world) as tracker:
        await tracker.look(str(ref))
        assert await steps(tracker, ref) >= STEPS
        first, again = len(world.requests), (await tracker.store.load(ref))
        await anyio.sleep(5)
        await tracker.look(str(ref))
        assert len(world.requests) - first <= max(3, first)
        after = await tracker.store.load(ref)
        assert again
        assert after
        assert after.events == again.events
        if first > 3:
            assert len(world.requests) - first < first


@pytest.mark.parametrize("provider", LOGGED)
async def test_the_last_events_of_a_job_that_ends_during_a_look_are_there(world: World, provider: str) -> None:
    class Slow(InProcess):
        """Lets the job end between its events and all else."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if anyio.current_time() >= 15 and not request.url.path.endswith(EVENTS):
                await anyio.sleep(10)
            return await super().handle_async_request(request)

    script = Script(beats=(Queued(0), Step("Read page 0.", 10), Step("Read page 1.", 10), Finish("Read.")))
    ref = JobRef(provider, world.add(provider, script).id)
    async with tracker_in(world, transport=Slow) as tracker:
        await anyio.sleep(5)
        await tracker.look(str(ref))
        await anyio.sleep_until(15)
        assert (await tracker.look(str(ref))).status is JobStatus.COMPLETED
        assert await steps(tracker, ref) >= 2
        log = await tracker.store.events(ref, after=0, limit=100)
        assert log[-1].kind is EventKind.STATUS
