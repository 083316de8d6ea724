"""Waits and watches that something else comes between: lists, siblings, stops, damage, other accounts."""

import sqlite3
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.acting import Actor
from mcp_browserjobs.errors import StillStartingError, UnknownOutcomeError
from mcp_browserjobs.jobs import EventKind, JobRef, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.script import Beat, Fail, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import Start
from mcp_browserjobs.views import JobView
from mcp_browserjobs.watch import look as look_module
from tests.conftest import virtual_clock
from tests.stage import new_world, statuses_of, tracker_in

pytestmark = pytest.mark.anyio

RUN = Script(beats=(Queued(0), Step("Loading", 200), Finish({"total": 42})))
LONG = Script(beats=(Queued(0), Step("Loading", 1000), Finish("x")))
PAGES = tuple(f"Page {page:02}" for page in range(20))
PAGED: tuple[Beat, ...] = (Queued(0), *(Step(page, 5) for page in PAGES), Finish("x"))
LISTING = [name for name in providers.names() if "list_jobs" in providers.abilities(name)]


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


@pytest.mark.parametrize("provider", LISTING)
async def test_a_wait_whose_end_a_list_tells_first_has_the_result(world: World, provider: str) -> None:
    ref = f"{provider}:{world.add(provider, RUN).id}"
    async with tracker_in(world) as tracker, anyio.create_task_group() as tasks:

        async def read_list() -> None:
            await anyio.sleep(201)
            await tracker.list_jobs(account=provider)

        tasks.start_soon(read_list)
        waited = await tracker.wait([ref], until="result", seconds=400)
    assert waited.done
    assert waited.seconds <= 203
    assert waited.views[0].status.final
    assert waited.views[0].seen.detailed_at is not None
    assert waited.views[0].result is not None


async def test_a_wait_whose_end_the_list_of_a_sibling_tells_first_has_the_result(world: World, store_file: str) -> None:
    ref = f"gobii:{world.add('gobii', RUN).id}"
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as other,
        anyio.create_task_group() as tasks,
    ):

        async def read_list() -> None:
            await anyio.sleep(201)
            await other.list_jobs(account="gobii")

        tasks.start_soon(read_list)
        waited = await tracker.wait([ref], until="result", seconds=400)
    assert waited.views[0].result == {"total": 42}


async def test_a_job_that_runs_again_is_watched_on(world: World) -> None:
    job = world.add("h_company", Script(beats=(Queued(0), Step("One", 10), Finish("x"))))
    ref = JobRef("h_company", job.id)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=False) as watch:
        await anyio.sleep(60)
        assert watch.ended
        job.script = Script(beats=(Queued(0), Step("One", 10), Step("Two", 100), Finish("y")))
        assert (await tracker.look(str(ref))).status is JobStatus.RUNNING
        await anyio.sleep(400)
        assert await statuses_of(tracker, ref) == ["running", "completed", "running", "completed"]


async def test_a_watch_goes_on_once_the_key_works_again(world: World) -> None:
    ref = JobRef("dari", world.add("dari", RUN).id)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=False) as watch:
        await anyio.sleep(5)
        key, world.key = world.key, "another"
        await anyio.sleep(20)
        assert watch.ended
        world.key = key
        await tracker.look(str(ref))
        await anyio.sleep(400)
        assert watch.record
        assert watch.record.job.status is JobStatus.COMPLETED


class Slow(InProcess):
    """Looks get there after a second."""

    seconds = 1.0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            await anyio.sleep(self.seconds)
        return await super().handle_async_request(request)


class Slower(Slow):
    """Looks get there after three seconds."""

    seconds = 3.0


@pytest.mark.parametrize(
    ("provider", "last", "end"),
    [
        ("dari", Finish("x"), JobStatus.COMPLETED),
        ("gobii", Fail(), JobStatus.FAILED),
        ("dari", Fail(), JobStatus.CANCELLED),
    ],
)
async def test_a_job_that_came_to_its_own_end_after_our_stop_is_told_as_what_it_is(
    world: World, provider: str, last: Beat, end: JobStatus
) -> None:
    """Where the provider has no word for a stop, its failure is one."""
    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(0), Step("Loading", 20), last))).id)
    async with tracker_in(world) as tracker:
        await tracker.look(str(ref))
        await tracker.store.mark_stopped(ref, at=tracker.clock())
        await anyio.sleep(30)
        assert (await tracker.look(str(ref))).status is end


@pytest.mark.parametrize("offset", [number / 2 for number in range(8)])
async def test_our_own_stop_is_no_failure_to_a_look_that_is_under_way(
    world: World, store_file: str, offset: float
) -> None:
    ref = JobRef("dari", world.add("dari", LONG).id)
    ends: list[JobView] = []
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Slow) as waiting,
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Slower) as stopping,
        anyio.create_task_group() as tasks,
    ):

        async def wait() -> None:
            ends.extend((await waiting.wait([str(ref)], seconds=300)).views)

        tasks.start_soon(wait)
        await anyio.sleep(20 + offset)
        await Actor(stopping).cancel(str(ref))
        await anyio.sleep(60)
        assert await statuses_of(stopping, ref) == ["running", "cancelled"]
    assert [view.status for view in ends] == [JobStatus.CANCELLED]


async def test_our_own_stop_is_no_failure_to_a_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = JobRef("kernel", world.add("kernel", LONG).id)
    async with tracker_in(world) as tracker:
        await anyio.sleep(20)
        await tracker.look(str(ref))
        provider: Any = tracker.provider("kernel")
        stop = provider.cancel_job

        async def stop_and_list(job_id: str) -> None:
            await stop(job_id)
            await tracker.list_jobs(account="kernel")

        monkeypatch.setattr(provider, "cancel_job", stop_and_list)
        await Actor(tracker).cancel(str(ref))
        assert await statuses_of(tracker, ref) == ["running", "cancelled"]


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("provider", ["browser_use", "h_company", "kernel", "asteroid"])
async def test_a_log_that_is_begun_anew_after_damage_has_its_beginning(
    world: World, store_file: str, provider: str, monkeypatch: pytest.MonkeyPatch, *, watched: bool
) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=PAGED)).id)
    async with tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker:
        store, known = tracker.store, tracker.store._known

        def damaged(*args: Any) -> Any:
            if store.shared:
                error = sqlite3.DatabaseError("malformed")
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
            return known(*args)

        async def look() -> None:
            if watched:
                async with tracker.watching(ref, followed=True):
                    await anyio.sleep(31)
                    monkeypatch.setattr(store, "_known", damaged)
                    await anyio.sleep(100)
            else:
                await anyio.sleep(31)
                await tracker.look(str(ref))
                monkeypatch.setattr(store, "_known", damaged)
                await anyio.sleep(100)
                await tracker.look(str(ref))

        await look()
        assert not store.shared
        log = [str(event.reported) for event in await store.events(ref, after=0, limit=500)]
        assert all(any(page in said for said in log) for page in PAGES)


async def test_what_a_sibling_saw_in_our_trouble_is_not_stale(world: World, store_file: str) -> None:
    class Broken(InProcess):
        broken = False

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if Broken.broken:
                raise httpx2.ConnectError("no way", request=request)
            return await super().handle_async_request(request)

    ref = JobRef("dari", world.add("dari", Script(beats=(Queued(0), Step("One", 100), Finish("x")))).id)
    ends: list[JobView] = []
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Broken) as one,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as two,
        anyio.create_task_group() as tasks,
    ):

        async def wait() -> None:
            ends.extend((await one.wait([str(ref)], seconds=300)).views)

        tasks.start_soon(wait)
        await anyio.sleep(20)
        Broken.broken = True
        await anyio.sleep(82)
        await two.look(str(ref))
        await anyio.sleep(5)
    assert [(view.status, view.stale, view.problem) for view in ends] == [(JobStatus.COMPLETED, False, None)]


async def test_what_a_sibling_saw_makes_who_follows_look_more_often(world: World, store_file: str) -> None:
    job = world.add("dari", Script(beats=(Queued(0), Step("One", 1e6))))
    ref = JobRef("dari", job.id)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as one,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as two,
        one.watching(ref, followed=True),
    ):
        await anyio.sleep(3600)
        asked = len(world.requests)
        while len(world.requests) == asked:  # noqa: ASYNC110 - a list tells nobody that it grows
            await anyio.sleep(1)
        job.script = Script(beats=(Queued(0), Step("One", anyio.current_time() + 1), Step("Two", 1e6)))
        await anyio.sleep(2)
        await two.look(str(ref))
        asked = len(world.requests)
        await anyio.sleep(4)
        assert len(world.requests) > asked


async def test_one_of_several_counts_though_its_provider_has_forgotten_it(world: World) -> None:
    done = world.add("gobii", Script(beats=(Queued(0), Step("One", 5), Finish("x"))))
    refs = [f"gobii:{done.id}", f"dari:{world.add('dari', LONG).id}"]
    async with tracker_in(world) as tracker:
        await anyio.sleep(10)
        await tracker.look(refs[0])
        world.remove("gobii", done)
        await anyio.sleep(10)
        waited = await tracker.wait(refs, need="any", seconds=100)
        assert waited.done
        assert waited.seconds < 10


@pytest.mark.parametrize(("later", "problem"), [(0, StillStartingError), (300, UnknownOutcomeError)])
async def test_a_glance_at_a_start_tells_what_is_the_matter_with_it(
    world: World, later: float, problem: type[Exception]
) -> None:
    async with tracker_in(world) as tracker:
        await tracker.store.claim_start(Start("gobii", "k", "c", virtual_clock(), "p"), since=virtual_clock())
        await anyio.sleep(later)
        (view,) = await tracker.glance(["gobii:start/k"])
        assert type(view.problem) is problem


async def test_who_follows_a_job_that_is_over_gets_all_of_a_very_long_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_module, "EVENT_PAGES", 3)
    steps = [Step(f"Step {number}", 0.01) for number in range(2000)]
    ref = JobRef("browser_use", world.add("browser_use", Script(beats=(Queued(0), *steps, Finish("x")))).id)
    async with tracker_in(world) as tracker:
        await anyio.sleep(60)
        async with tracker.watching(ref, followed=True) as watch:
            await anyio.sleep(60)
            assert watch.ended
            log = await tracker.store.events(ref, after=0, limit=5000)
            assert sum(event.kind is EventKind.STEP for event in log) == 2000


async def test_a_provider_that_hangs_holds_up_no_other(world: World) -> None:
    class Hung(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if "gobii" in str(request.url):
                await anyio.sleep(100)
            return await super().handle_async_request(request)

    hung = [JobRef("gobii", world.add("gobii", LONG).id) for _ in range(200)]
    good = JobRef("dari", world.add("dari", Script(beats=(Queued(0), Step("One", 100), Finish("x")))).id)
    async with tracker_in(world, transport=Hung) as tracker, anyio.create_task_group() as tasks:

        async def hold(ref: JobRef) -> None:
            async with tracker.watching(ref, followed=False):
                await anyio.sleep_forever()

        for ref in hung:
            tasks.start_soon(hold, ref)
        await anyio.sleep(1)
        waited = await tracker.wait([str(good)], seconds=400)
        tasks.cancel_scope.cancel()
    assert waited.seconds < 105
