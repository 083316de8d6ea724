"""Processes that look at one job at the same time: what is newer stays, and nothing is told back and forth."""

from contextlib import AsyncExitStack
from functools import partial

import anyio
import httpx2
import pytest
from anyio.lowlevel import checkpoint

from mcp_browserjobs.jobs import Event, EventKind, JobRef, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.script import FOREVER, Finish, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from tests.stage import new_world, statuses_of, tracker_in

pytestmark = pytest.mark.anyio

SLOW_SECONDS = 8.0


class Late(InProcess):
    """Brings every answer late, as to a process that was held in between."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        await anyio.sleep(SLOW_SECONDS)
        return httpx2.Response(response.status_code, headers=response.headers, content=response.content)


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.mark.parametrize("provider", ["dari", "gobii", "browser_use", "skyvern", "hyperbrowser"])
@pytest.mark.parametrize("followed", [True, False])
async def test_an_answer_that_comes_late_is_not_written_over_a_newer_one(
    world: World, store_file: str, provider: str, *, followed: bool
) -> None:
    script = Script(beats=(Queued(0), Step("Opened the page", 5), Step("Read it", 125), Finish("Read.")))
    ref = JobRef(provider, world.add(provider, script).id)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Late) as late,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as other,
    ):
        await other.look(str(ref))
        await anyio.sleep(126 - anyio.current_time())
        async with anyio.create_task_group() as tasks, late.watching(ref, followed=followed):
            tasks.start_soon(late.look, str(ref))
            await anyio.sleep(5)
            assert (await other.look(str(ref))).status is JobStatus.COMPLETED
            await anyio.sleep(2 * SLOW_SECONDS)
        assert await statuses_of(other, ref) == ["running", "completed"]


async def test_two_that_see_a_new_job_at_once_write_it_down_once(world: World, store_file: str) -> None:
    ref = JobRef("dari", world.add("dari", Script(beats=(Queued(0), Step("Opened", 1), Stall(FOREVER)))).id)
    await anyio.sleep(5)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Late) as late,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as other,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(late.look, str(ref))
        view = await other.look(str(ref))
        await anyio.sleep(3 * SLOW_SECONDS)
        record = await late.store.load(ref)
        assert record == view.record


async def test_a_look_that_only_a_bare_word_overtook_is_made_again(world: World, store_file: str) -> None:
    job = world.add("gobii", Script(beats=(Queued(3), Step("Opened", 100), Finish("x"))))
    ref = JobRef("gobii", job.id)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Late) as late,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as other,
        anyio.create_task_group() as tasks,
    ):
        await other.look(str(ref))
        await anyio.sleep(2)
        tasks.start_soon(late.look, str(ref))
        await anyio.sleep(2)
        await other.list_jobs(account="gobii")
        await anyio.sleep(3 * SLOW_SECONDS)
        record = await late.store.load(ref)
        assert record
        assert record.detailed_at
        assert await statuses_of(late, ref) == ["queued", "running"]


@pytest.mark.parametrize("provider", ["gobii", "browser_use", "skyvern"])
async def test_a_list_that_comes_late_does_not_take_an_end_back(world: World, store_file: str, provider: str) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(0), Step("Read it", 20), Finish("Read.")))).id)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Late) as late,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as other,
        anyio.create_task_group() as tasks,
    ):
        await anyio.sleep(18)
        await other.look(str(ref))
        tasks.start_soon(partial(late.list_jobs, account=provider))
        await anyio.sleep(4)
        assert (await other.look(str(ref))).status is JobStatus.COMPLETED
        await anyio.sleep(2 * SLOW_SECONDS)
        assert await statuses_of(late, ref) == ["running", "completed"]
        assert (await other.look(str(ref))).status is JobStatus.COMPLETED


@pytest.mark.parametrize("provider", ["gobii", "browser_use"])
async def test_a_bare_word_that_comes_late_does_not_take_an_end_back(
    world: World, store_file: str, provider: str
) -> None:
    ends = range(60, 72)
    scripts = [Script(beats=(Queued(0), Step("Read it", end), Finish("Read."))) for end in ends]
    refs = [JobRef(provider, world.add(provider, script).id) for script in scripts]
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file, transport=Late) as late,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as other,
        AsyncExitStack() as stack,
    ):
        for ref in refs:
            await stack.enter_async_context(late.watching(ref, followed=False))
        for end, ref in zip(ends, refs, strict=True):
            await anyio.sleep_until(end)
            while (await other.look(str(ref))).status is JobStatus.RUNNING:  # noqa: ASYNC110 - it is asked for
                await anyio.sleep(0.2)
        await anyio.sleep(3 * SLOW_SECONDS)
        for ref in refs:
            assert await statuses_of(other, ref) == ["running", "completed"]


async def test_a_watch_that_is_left_and_taken_up_again_at_once_keeps_its_lease(world: World, store_file: str) -> None:
    ref = JobRef("dari", world.add("dari", Script(beats=(Queued(0), Stall(FOREVER)))).id)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as leader,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as sibling,
    ):
        await leader.look(str(ref))
        for _ in range(5):
            async with leader.watching(ref, followed=False):
                await anyio.sleep(3)
            async with leader.watching(ref, followed=True):
                await checkpoint()
                for _ in range(50):
                    await anyio.sleep(0.01)
                    assert not await sibling.store.lease(ref, sibling.process, now=sibling.clock())


async def test_what_a_feed_told_is_written_down_though_another_process_was_faster(
    world: World, store_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream tells each thing once: a batch that is dropped would be gone."""
    script = Script(beats=(Queued(0), *(Step(f"Read page {page}", 3) for page in range(20)), Finish("Read.")))
    ref = JobRef("browser_use", world.add("browser_use", script).id)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as leader,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as sibling,
    ):
        load, meddled = leader.store.load, 0

        async def load_and_be_overtaken(job: JobRef) -> object:
            nonlocal meddled
            record = await load(job)
            if record and record.job.status is JobStatus.RUNNING and meddled < 10:
                meddled += 1
                tick = Event(key=f"meddled {meddled}", kind=EventKind.LOG, reported={"text": "tick"})
                await sibling.store.record(job, record.job, [tick], now=sibling.clock())
            return record

        async with leader.watching(ref, followed=True):
            await anyio.sleep(10)
            monkeypatch.setattr(leader.store, "load", load_and_be_overtaken)
            await anyio.sleep(90)
        log = await sibling.store.events(ref, after=0, limit=200)
        told = [event.reported.get("text") for event in log if event.kind is EventKind.STEP]
        assert meddled == 10
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert all(any(f"Read page {page}" in str(text) for text in told) for page in range(20))
