"""One loop a job: who starts it, who ends it, how it shares its looks with sibling processes."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import datetime, timedelta
from itertools import pairwise

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.errors import AuthenticationError, JobNotFoundError
from mcp_browserjobs.jobs import EventKind, JobRef, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.simulator.script import Ask, Finish, Outage, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import LEASE_SECONDS, Record
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch import look as look_module
from mcp_browserjobs.watch import watcher as watcher_module
from mcp_browserjobs.watch.watcher import BEAT_SECONDS, Watch
from tests.conftest import START, virtual_clock
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

APART = [name for name in providers.names() if {"fetch_status", "fetch_events"} <= providers.abilities(name)]
"""Those whose status can be had without the events."""
LONG = Script(beats=(Queued(5), *(Step(f"Read page {page}", 20) for page in range(30)), Finish("Read.")))


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, script: Script = LONG, provider: str = "dari") -> JobRef:
    return JobRef(provider, world.add(provider, script).id)


async def until_ended(watch: Watch) -> None:
    while not watch.ended:
        await watch.changed.wait()


async def test_nobody_looks_unless_somebody_waits(world: World) -> None:
    ref = start(world)
    async with tracker_in(world) as tracker:
        await anyio.sleep(100)
        assert world.requests == []
        async with tracker.watching(ref, followed=False):
            assert tracker.watched == 1
            await anyio.sleep(20)
        asked = len(world.requests)
        assert asked > 3
        assert tracker.watched == 0
        await anyio.sleep(100)
        assert len(world.requests) == asked


async def test_the_loop_ends_with_the_last_of_several(world: World) -> None:
    ref = start(world)
    async with tracker_in(world) as tracker, AsyncExitStack() as first:
        await first.enter_async_context(tracker.watching(ref, followed=False))
        async with tracker.watching(ref, followed=True):
            await anyio.sleep(10)
        assert tracker.watched == 1
        asked = len(world.requests)
        await anyio.sleep(10)
        assert len(world.requests) > asked
        await first.aclose()
        assert tracker.watched == 0


@pytest.mark.parametrize("provider", ["dari", "gobii"])
async def test_the_loop_ends_when_the_job_does(world: World, provider: str) -> None:
    ref = start(world, Script(), provider)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=True) as watch:
        await until_ended(watch)
        asked = len(world.requests)
        await anyio.sleep(100)
        assert len(world.requests) == asked
        assert watch.record is not None
        assert watch.record.job.status is JobStatus.COMPLETED


async def test_it_ends_at_once_when_the_key_is_refused(world: World) -> None:
    ref = start(world)
    async with tracker_in(world, DARI_API_KEY="wrong") as tracker, tracker.watching(ref, followed=False) as watch:
        await watch.changed.wait()
        assert watch.ended
        assert isinstance(watch.trouble, AuthenticationError)
        asked = len(world.requests)
        await anyio.sleep(100)
        assert len(world.requests) == asked == 1


async def test_somebody_new_starts_an_ended_loop_again(world: World) -> None:
    job = world.add("dari", LONG)
    ref = JobRef("dari", job.id)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=False) as watch:
        await anyio.sleep(10)
        world.remove("dari", job)
        await until_ended(watch)
        assert isinstance(watch.trouble, JobNotFoundError)
        world.add("dari", Script(), job.id)
        async with tracker.watching(ref, followed=False) as again:
            assert again is watch
            await until_ended(again)
            assert (again.trouble, again.record and again.record.job.status) == (None, JobStatus.COMPLETED)


async def test_a_follower_sees_steps_sooner_than_one_who_waits_for_the_end(world: World) -> None:
    async def longest_silence(*, followed: bool) -> float:
        ref = start(world, Script(beats=(Queued(), *(Step(f"Read page {page}", 10) for page in range(150)), Finish())))
        heard = []
        await anyio.sleep(1000)
        async with tracker_in(world) as tracker:
            tracker.on_change(lambda _: heard.append(anyio.current_time()))
            async with tracker.watching(ref, followed=followed):
                await anyio.sleep(200)
        return max(after - before for before, after in pairwise(heard))

    assert await longest_silence(followed=True) < 15
    assert await longest_silence(followed=False) > 25


async def test_a_shorter_interval_can_be_set_and_is_kept(world: World) -> None:
    ref = start(world, Script(beats=(Queued(), Step("Loaded", 6), Finish())))
    async with tracker_in(world, DARI_POLL_SECONDS="0.25") as tracker:
        await tracker.wait([str(ref)], seconds=60)
        assert 28 <= len(world.requests) <= 36


async def test_the_hosted_gobii_is_asked_once_in_30_seconds(world: World) -> None:
    async with tracker_in(world) as tracker:
        assert tracker._floor("gobii") == 0
    async with tracker_in(world, GOBII_BASE_URL="") as tracker:
        assert tracker._floor("gobii") == 30
    async with tracker_in(world, GOBII_BASE_URL="", GOBII_POLL_SECONDS="10") as tracker:
        assert tracker._floor("gobii") == 10


async def test_a_job_that_waits_for_a_person_is_asked_less_often(world: World) -> None:
    ref = start(world, Script(beats=(Queued(), Ask("Which?"))))
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=True):
        await anyio.sleep(600)
        world.requests.clear()
        await anyio.sleep(300)
        assert 8 <= len(world.requests) <= 12


@pytest.mark.parametrize("provider", ["gobii", "h_company", "browser_use"])
async def test_many_looks_that_are_refused_at_once_make_one_short_rest(world: World, provider: str) -> None:
    class Busy(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await anyio.sleep(0.5)
            if 19 <= anyio.current_time() < 22:
                return httpx2.Response(429)
            return await super().handle_async_request(request)

    refs = [start(world, provider=provider) for _ in range(30)]
    async with tracker_in(world, transport=Busy) as tracker, AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(tracker.watching(ref, followed=False)) for ref in refs]
        await anyio.sleep(40)
        for watch in watches:
            assert watch.record
            assert watch.record.checked_at > START + timedelta(seconds=22)


async def test_trouble_slows_it_and_is_told_and_forgotten(world: World) -> None:
    ref = start(world, Script(beats=(Queued(), Stall(1000), Finish()), troubles=(Outage(10, 100),)))
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=False) as watch:
        await anyio.sleep(11)
        world.requests.clear()
        await anyio.sleep(60)
        assert watch.trouble is not None
        assert 4 <= len(world.requests) <= 5
        await anyio.sleep(120)
        assert watch.trouble is None


async def test_who_asks_to_be_left_alone_for_a_while_is(world: World) -> None:
    asked: list[float] = []

    class Busy(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if anyio.current_time() < 100:
                return await super().handle_async_request(request)
            asked.append(anyio.current_time())
            return httpx2.Response(503, headers={"Retry-After": "45"})

    async with tracker_in(world, transport=Busy) as tracker, tracker.watching(start(world), followed=False):
        await anyio.sleep(300)
    assert {round(after - before) for before, after in pairwise(asked)} == {45}


@asynccontextmanager
async def listening(watch: Watch) -> AsyncIterator[list[tuple[float, str]]]:
    """When those who wait for a watch are woken, and what its trouble is then."""
    told: list[tuple[float, str]] = []

    async def listen() -> None:
        while True:
            await watch.changed.wait()
            told.append((anyio.current_time(), type(watch.trouble).__name__))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        yield told
        tasks.cancel_scope.cancel()


async def test_trouble_is_told_when_it_begins_and_when_it_is_over(world: World) -> None:
    ref = start(world, Script(beats=(Queued(0), Stall(1000)), troubles=(Outage(10, 100),)))
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=False) as watch, listening(watch) as told:
        await anyio.sleep(200)
    (began_at,) = [at for at, trouble in told if trouble == "ProviderUnavailableError"]
    over_at = next(at for at, _ in told if at > began_at)
    assert any(0 < at < 10 for at, _ in told)
    assert 10 <= began_at <= 12
    assert 110 <= over_at <= 180


async def test_those_who_wait_are_woken_by_news_alone(world: World) -> None:
    ref = start(world, Script(beats=(Queued(0), Stall(200), Finish()), cost_per_minute=0))
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=False) as watch:
        await anyio.sleep(5)
        async with listening(watch) as told:
            await anyio.sleep(190)
            assert told == []
            await until_ended(watch)
            await tracker.look(str(ref))
            told.clear()
            await anyio.sleep(10)
            await tracker.look(str(ref))
            await anyio.sleep(10)
            assert told == []


@pytest.mark.parametrize("provider", APART)
async def test_one_who_follows_is_enough_for_the_events_to_be_read(world: World, provider: str) -> None:
    ref = start(world, provider=provider)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=True):
        for seconds in (50, 100, 150):
            await anyio.sleep_until(seconds)
            seen = await tracker.store.events(ref, after=0, limit=200)
            assert sum(event.kind is EventKind.STEP for event in seen) >= (seconds - 10) // 20


@pytest.mark.parametrize("provider", ["browser_use", "browser_use_v2", "gobii"])
@pytest.mark.parametrize("followed", [True, False])
async def test_the_end_is_seen_by_the_next_look(world: World, provider: str, *, followed: bool) -> None:
    ref = start(world, Script(beats=(Queued(0), Step("Loading", 200), Finish())), provider)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=followed) as watch:
        await until_ended(watch)
        assert 200 <= anyio.current_time() <= 200 * 1.03 + 1.5


async def test_who_takes_over_looks_at_once_where_a_feed_may_have_told_something(world: World, store_file: str) -> None:
    ref = start(world, provider="h_company")
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(tracker_in(world, BROWSERJOBS_STORE=store_file))
        other = await stack.enter_async_context(tracker_in(world, BROWSERJOBS_STORE=store_file))
        async with one.watching(ref, followed=False):
            await anyio.sleep(300)
            watch = await stack.enter_async_context(other.watching(ref, followed=False))
            await anyio.sleep(27)
        await anyio.sleep(2)
        assert watch.record
        assert (other.clock() - watch.record.checked_at).total_seconds() <= 2


async def test_sibling_processes_share_the_looks(world: World, store_file: str) -> None:
    ref = start(world)
    async with tracker_in(world) as alone, alone.watching(ref, followed=False):
        await anyio.sleep(300)
    cost = len(world.requests)
    world.requests.clear()
    ref = start(world)
    async with AsyncExitStack() as stack:
        trackers = [await stack.enter_async_context(tracker_in(world, BROWSERJOBS_STORE=store_file)) for _ in range(5)]
        watches = [await stack.enter_async_context(one.watching(ref, followed=False)) for one in trackers]
        await anyio.sleep(300)
        assert len(world.requests) <= cost + 5
        assert len({watch.record.revision for watch in watches if watch.record}) == 1
        logs = [await one.store.events(ref, after=0, limit=200) for one in trackers]
        assert all(log == logs[0] for log in logs)
        assert [event.seq for event in logs[0]] == list(range(1, len(logs[0]) + 1))


async def test_a_sibling_hears_of_changes_within_a_second(world: World, store_file: str) -> None:
    ref = start(world, Script(beats=(Queued(3), Step("Loaded", 20), Finish())))
    heard: list[tuple[float, JobStatus]] = []

    def listen(record: Record) -> None:
        heard.append((anyio.current_time(), record.job.status))

    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as leader,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as sibling,
    ):
        seen: list[tuple[float, JobStatus]] = []
        leader.on_change(lambda record: seen.append((anyio.current_time(), record.job.status)))
        sibling.on_change(listen)
        async with leader.watching(ref, followed=False):
            await anyio.sleep(1)
            async with sibling.watching(ref, followed=False):
                await anyio.sleep(40)
    assert [status for _, status in heard[-2:]] == [JobStatus.RUNNING, JobStatus.COMPLETED]
    assert heard[-1][0] - seen[-1][0] < 1


async def test_a_sibling_takes_over_within_seconds_when_the_leader_dies(
    world: World, store_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = start(world)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as survivor,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as leader,
        leader.watching(ref, followed=False),
    ):
        await anyio.sleep(1)
        async with survivor.watching(ref, followed=False):
            watcher = leader._watcher
            await anyio.sleep(10)
            assert await survivor.store.lease(ref, watcher.process, now=survivor.clock())
            monkeypatch.setattr(watcher._store, "leave", _nothing)
            monkeypatch.setattr(watcher._store, "release", _nothing)
            assert watcher._tasks is not None
            watcher._tasks.cancel_scope.cancel()
            await anyio.sleep(LEASE_SECONDS + 3)
            world.requests.clear()
            await anyio.sleep(20)
            assert len(world.requests) >= 5


async def _nothing(*args: object) -> None:
    """A process that was killed says nothing."""


async def test_a_restart_finds_the_same_numbers(world: World, store_file: str) -> None:
    ref = start(world)
    async with tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker:
        await tracker.wait([str(ref)], seconds=100)
        before = await tracker.events(str(ref), limit=200)
    async with tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker:
        await tracker.wait([str(ref)], seconds=1000)
        after = await tracker.events(str(ref), limit=200)
    assert after.events[: len(before.events)] == before.events
    assert [event.kind for event in after.events].count(EventKind.STATUS) == 3


async def test_jobs_that_nobody_asks_for_any_more_are_not_kept_in_mind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_module, "MOST_READ", 3)
    refs = [start(world) for _ in range(6)]
    async with tracker_in(world) as tracker:
        for ref in refs:
            await tracker.look(str(ref))
        assert list(tracker._looker._read_at) == refs[-3:]
        await anyio.sleep(150)
        await tracker.look(str(last := start(world)))
        assert list(tracker._looker._read_at) == [last]


async def test_a_process_says_that_it_lives_as_long_as_it_has_something_to_do(world: World, store_file: str) -> None:
    async with tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker:
        watcher, first, last = tracker._watcher, anyio.Event(), anyio.Event()

        async def lives() -> bool:
            await anyio.sleep(3 * LEASE_SECONDS)
            return await tracker.store.is_alive(watcher.process, now=tracker.clock())

        async def until(over: anyio.Event) -> None:
            await over.wait()

        assert not await lives()
        watcher.in_background(until, first)
        watcher.in_background(until, last)
        assert await lives()
        first.set()
        assert await lives()
        last.set()
        assert not await lives()
        async with tracker.watching(start(world), followed=False):
            assert await lives()
        assert not await lives()


async def test_a_process_that_lives_says_so_no_more_often_than_needed(
    world: World, store_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker:
        beats, beat = [], tracker.store.beat

        async def noted(process: str, *, now: datetime) -> None:
            beats.append(anyio.current_time())
            await beat(process, now=now)

        monkeypatch.setattr(tracker.store, "beat", noted)
        async with tracker.watching(start(world), followed=False):
            await anyio.sleep(20)
        assert {after - before for before, after in pairwise(beats)} == {BEAT_SECONDS}


async def test_what_siblings_wrote_is_read_only_when_they_did(
    world: World, store_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [start(world, Script(beats=(Queued(0), Ask("Which?")))) for _ in range(3)]
    async with AsyncExitStack() as stack:
        tracker = await stack.enter_async_context(tracker_in(world, BROWSERJOBS_STORE=store_file))
        other = await stack.enter_async_context(tracker_in(world, BROWSERJOBS_STORE=store_file))
        for ref in refs:
            await stack.enter_async_context(tracker.watching(ref, followed=False))
        await anyio.sleep(600)
        loads, load = 0, tracker.store.load

        async def counted(ref: JobRef) -> Record | None:
            nonlocal loads
            loads += 1
            return await load(ref)

        monkeypatch.setattr(tracker.store, "load", counted)
        await anyio.sleep(20)
        assert loads <= 2 * len(refs)
        before = loads
        await other.list_jobs()
        await other.look(str(start(world)))
        await anyio.sleep(1)
        assert before + len(refs) <= loads


async def test_a_clock_that_is_set_changes_no_age_that_is_told_or_was_known_before(
    world: World, store_file: str
) -> None:
    told, known = start(world), start(world, provider="hyperbrowser")
    await anyio.sleep(10)
    async with tracker_in(world, BROWSERJOBS_STORE=store_file) as tracker:
        await tracker.look(str(known))
    jump = timedelta()
    async with tracker_in(world, clock=lambda: virtual_clock() + jump, BROWSERJOBS_STORE=store_file) as tracker:
        await tracker.look(str(told))
        await anyio.sleep(20)
        before = [await tracker.store.load(ref) for ref in (told, known)]
        jump = timedelta(hours=1)
        await anyio.sleep(20)
        after = [await tracker.store.load(ref) for ref in (told, known)]
        assert after == before


@pytest.mark.parametrize("wrong", [timedelta(hours=-1), timedelta(days=-3650), timedelta(hours=1)], ids=str)
@pytest.mark.parametrize("looked_at", [False, True])
async def test_a_job_first_seen_by_a_wrong_clock_gets_its_true_age(
    world: World, wrong: timedelta, *, looked_at: bool
) -> None:
    """At Hyperbrowser nobody tells when a job began: it is as old as it is known."""
    ref = start(world, provider="hyperbrowser")
    await anyio.sleep(10)
    jump = wrong
    async with tracker_in(world, clock=lambda: virtual_clock() + jump) as tracker:
        if looked_at:
            await tracker.look(str(ref))
        async with tracker.watching(ref, followed=False) as watch:
            await anyio.sleep(20)
            jump = timedelta()
            await anyio.sleep(40)
            assert watch.record
            assert watch.record.age(tracker.clock()) == pytest.approx(60, abs=2)
            assert (tracker.clock() - watch.record.checked_at).total_seconds() < 5


async def test_of_very_many_jobs_the_first_seen_are_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "MOST_FIRST_SEEN", 2)
    refs = [start(world, provider="hyperbrowser") for _ in range(4)]
    async with tracker_in(world) as tracker:
        await tracker.look(str(start(world)))
        for ref in refs:
            await tracker.look(str(ref))
        assert list(tracker._watcher._seen_from) == refs[-2:]


async def test_a_lease_is_given_back_though_the_file_is_locked_for_a_moment(world: World, store_file: str) -> None:
    ref = start(world)
    async with (
        tracker_in(world, BROWSERJOBS_STORE=store_file) as leader,
        tracker_in(world, BROWSERJOBS_STORE=store_file) as sibling,
    ):
        with closing(sqlite3.connect(store_file, isolation_level=None)) as other:
            async with leader.watching(ref, followed=False):
                await anyio.sleep(10)
                other.execute("BEGIN IMMEDIATE")
            await anyio.sleep(1)
            other.execute("ROLLBACK")
        await anyio.sleep(1)
        assert await sibling.store.lease(ref, sibling._watcher.process, now=sibling.clock())


async def test_outside_of_running_nothing_can_be_watched(world: World) -> None:
    ref = start(world)
    async with tracker_in(world) as tracker:
        pass
    with pytest.raises(Exception):  # noqa: B017, PT011 - the store is closed as well
        async with tracker.watching(ref, followed=False):
            pass


def test_a_tracker_is_made_without_a_loop() -> None:
    Tracker(Settings()).store.close()
