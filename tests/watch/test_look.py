"""One look: all of a long log, the last events of a job that ends meanwhile, and no more requests than needed."""

from datetime import timedelta

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.errors import ProviderUnavailableError, RateLimitedError
from mcp_browserjobs.jobs import EventKind, JobRef, JobStatus, KeyState, LoggedEvent
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.gobii import AGENT
from mcp_browserjobs.simulator.script import Beat, Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import AccountState
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch import pace
from mcp_browserjobs.watch.look import SPACING_SECONDS
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

LOGGED = [name for name in providers.names() if "fetch_events" in providers.abilities(name)]
"""Those whose events are asked for beside the job."""
EVENTS = ("/events", "/messages", "/changes", "/activities", "/timeline")
STEPS = 350
LONG: tuple[Beat, ...] = (Queued(0), *(Step(f"Read page {page}.", 2) for page in range(STEPS)))
WAITS = Step("Waits", 1e6)


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


async def steps(tracker: Tracker, ref: JobRef) -> int:
    """How many steps the log has."""
    log = await tracker.store.events(ref, after=0, limit=100_000)
    return sum(f"Read page {page}." in str(event.reported) for event in log for page in range(STEPS))


@pytest.mark.parametrize("provider", LOGGED)
async def test_a_long_log_is_read_at_once_and_then_only_what_is_new(world: World, provider: str) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=(*LONG, WAITS))).id)
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


async def test_a_watch_reads_only_what_is_new_of_a_long_log(world: World) -> None:
    ref = JobRef("browser_use", world.add("browser_use", Script(beats=(*LONG, WAITS))).id)
    await anyio.sleep(2 * STEPS + 10)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=True):
        await anyio.sleep(10)
        assert await steps(tracker, ref) >= STEPS
        world.requests.clear()
        await anyio.sleep(100)
        looks = sum(asked.path.endswith("/status") for asked in world.requests)
        assert looks > 3
        assert len(world.requests) <= 2 * looks + 1


@pytest.mark.parametrize("provider", ["browser_use", "browser_use_v2"])
async def test_a_status_word_is_kept_without_what_is_no_word_of_it(world: World, provider: str) -> None:
    class Coloured(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            body = (await response.aread()).replace(b'"status":"', b'"status":"\\u001b[31m')
            return httpx2.Response(response.status_code, content=body)

    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(0), WAITS))).id)
    async with tracker_in(world, transport=Coloured) as tracker, tracker.watching(ref, followed=False) as watch:
        await anyio.sleep(5)
        first = watch.record
        await anyio.sleep(100)
        assert first
        assert watch.record
        assert watch.record.checked_at > first.checked_at
        assert watch.record.revision == first.revision
        assert watch.record.job.provider_status.isprintable()


async def ending(world: World, provider: str, *, trouble: bool) -> list[LoggedEvent]:
    """The log of a job that ends between its events and all else of a look; with trouble, the next page fails once."""

    class Slow(InProcess):
        failed = not trouble

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            late = anyio.current_time() - begun
            if late >= 15 and not request.url.path.endswith(EVENTS):
                await anyio.sleep(10)
            if late >= 20 and request.url.path.endswith(EVENTS) and not self.failed:
                self.failed = True
                return httpx2.Response(503)
            return await super().handle_async_request(request)

    begun = anyio.current_time()
    script = Script(beats=(Queued(0), Step("Read page 0.", 10), Step("Read page 1.", 10), Finish("Read.")))
    ref = JobRef(provider, world.add(provider, script).id)
    async with tracker_in(world, transport=Slow) as tracker:
        await anyio.sleep(5)
        await tracker.look(str(ref))
        await anyio.sleep(10)
        waited = await tracker.wait([str(ref)], until="result", seconds=100)
        assert waited.views[0].status is JobStatus.COMPLETED
        assert await steps(tracker, ref) >= 2
        return await tracker.store.events(ref, after=0, limit=100)


@pytest.mark.parametrize("provider", LOGGED)
async def test_the_last_events_of_a_job_that_ends_during_a_look_are_there(world: World, provider: str) -> None:
    log = await ending(world, provider, trouble=False)
    assert log[-1].kind is EventKind.STATUS
    troubled = await ending(world, provider, trouble=True)
    assert sorted(str(event.reported) for event in troubled) == sorted(str(event.reported) for event in log)


@pytest.mark.parametrize("provider", LOGGED)
async def test_trouble_amid_the_log_of_a_job_that_is_over_leaves_nothing_out(world: World, provider: str) -> None:
    class Faltering(InProcess):
        """Fails now and then when it is asked for a page of a log."""

        pages = 0

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith(EVENTS):
                self.pages += 1
                if self.pages in (2, 5):
                    return httpx2.Response(503)
            return await super().handle_async_request(request)

    ref = JobRef(provider, world.add(provider, Script(beats=(*LONG, Finish("Read.")))).id)
    await anyio.sleep(2 * STEPS + 10)
    async with tracker_in(world, transport=Faltering) as tracker:
        waited = await tracker.wait([str(ref)], until="result", seconds=300)
        assert waited.done
        assert await steps(tracker, ref) >= STEPS


@pytest.mark.parametrize("provider", LOGGED)
async def test_a_job_and_its_log_are_asked_for_at_once(world: World, provider: str) -> None:
    class Slow(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await anyio.sleep(1)
            return await super().handle_async_request(request)

    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(0), WAITS))).id)
    async with tracker_in(world, transport=Slow) as tracker, tracker.watching(ref, followed=False) as watch:
        await watch.changed.wait()
        assert watch.record
        assert anyio.current_time() == 1


@pytest.mark.parametrize("provider", LOGGED)
async def test_a_job_that_is_over_is_looked_at_once(world: World, provider: str) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(0), Step("Read it.", 10), Finish("Read.")))).id)
    await anyio.sleep(60)
    async with tracker_in(world) as tracker:
        assert (await tracker.wait([str(ref)], until="result", seconds=100)).done
    assert sum(not asked.path.split("?")[0].endswith(EVENTS) for asked in world.requests) == 1


@pytest.mark.parametrize("provider", providers.names())
async def test_who_asks_again_within_a_second_shares_the_look(world: World, provider: str) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(0), Step("Loads", 5), WAITS))).id)
    async with tracker_in(world) as tracker:
        for _ in range(3):
            await anyio.sleep(10)
            await tracker.look(str(ref))
            asked = len(world.requests)
            await tracker.look(str(ref))
            assert len(world.requests) == asked


async def test_the_agent_of_a_task_that_was_named_once_is_asked_with_from_then_on(world: World) -> None:
    task = world.add("gobii", Script(beats=(Queued(0), WAITS)))
    task.notes["agent"] = AGENT
    named = f"gobii:{AGENT}/{task.id}"
    async with tracker_in(world) as tracker:
        await tracker.look(named)
        for _ in range(2):
            await anyio.sleep(10)
            world.requests.clear()
            await tracker.look(f"gobii:{task.id}")
            assert all("/agents/" in asked.path for asked in world.requests)


@pytest.mark.parametrize("seconds", [0.5, pace.REST_LONGEST])
async def test_an_account_that_rests_is_not_asked(world: World, seconds: float) -> None:
    ref = JobRef("dari", world.add("dari", Script()).id)
    async with tracker_in(world) as tracker:
        rest_until = tracker.clock() + timedelta(seconds=seconds)
        await tracker.store.set_account("dari", AccountState(rest_until=rest_until, strikes=1))
        with pytest.raises(RateLimitedError) as caught:
            await tracker._looker.look(ref)
        assert caught.value.retry_after == seconds
        assert world.requests == []


@pytest.mark.parametrize("seconds", [0, -1, pace.REST_LONGEST + 1])
async def test_a_rest_that_is_over_or_cannot_be_one_keeps_nobody_back(world: World, seconds: float) -> None:
    ref = JobRef("dari", world.add("dari", Script()).id)
    async with tracker_in(world) as tracker:
        rest_until = tracker.clock() + timedelta(seconds=seconds)
        await tracker.store.set_account("dari", AccountState(rest_until=rest_until, strikes=1))
        await tracker._looker.look(ref)


@pytest.mark.parametrize("key", [KeyState.UNTESTED, KeyState.REFUSED])
async def test_a_good_answer_says_that_the_key_works_and_forgets_the_429s(world: World, key: KeyState) -> None:
    ref = JobRef("dari", world.add("dari", Script()).id)
    async with tracker_in(world) as tracker:
        await tracker.store.set_account("dari", AccountState(key, strikes=3))
        await tracker._looker.look(ref)
        assert await tracker.store.account("dari") == AccountState(KeyState.WORKS)


async def test_a_good_answer_says_nothing_against_what_was_found_out_meanwhile(world: World) -> None:
    class Meanwhile(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await tracker.store.set_account("dari", found_out)
            return await super().handle_async_request(request)

    ref = JobRef("dari", world.add("dari", Script()).id)
    async with tracker_in(world, transport=Meanwhile) as tracker:
        found_out = AccountState(KeyState.REFUSED, rest_until=tracker.clock() + timedelta(seconds=60), strikes=2)
        await tracker._looker.look(ref)
        assert await tracker.store.account("dari") == found_out


async def test_a_failure_is_shared_by_who_asks_at_the_same_moment(world: World) -> None:
    ref = JobRef("dari", world.add("dari", Script(troubles=(Outage(0, 100),))).id)
    async with tracker_in(world) as tracker:
        for _ in range(3):
            with pytest.raises(ProviderUnavailableError):
                await tracker._looker.look(ref)
        assert len(world.requests) == 1
        await anyio.sleep(SPACING_SECONDS)
        with pytest.raises(ProviderUnavailableError):
            await tracker._looker.look(ref)
        assert len(world.requests) == 2
