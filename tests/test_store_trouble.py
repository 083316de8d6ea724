"""A store whose file cannot be used for a while: it is done without, and gone back to with all that was seen."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest

from mcp_browserjobs.jobs import Cost, JobRef, JobStatus, KeyState, Link
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.store import MIGRATIONS, AccountState, OvertakenError, Store, Task, TaskAnswer
from tests.conftest import virtual_clock
from tests.stage import new_world, tracker_in
from tests.test_store import LIVE, REF, job, later, left, log, look, raw, step, texts, wish

pytestmark = pytest.mark.anyio

DAMAGED = "it is damaged, or no store of ours"
LONG = Script(beats=(Queued(0), *(Step(f"Read page {page}", 5) for page in range(100)), Finish()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    with closing(Store(str(path))) as opened:
        yield opened


def fill_the_disk(store: Store) -> None:
    """Let the file grow no further."""
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")


@contextmanager
def locked_exclusively(path: Path) -> Iterator[None]:
    """Keep even readers out, as some backup programs do."""
    with raw(path) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("PRAGMA user_version = 2")
        yield
        other.execute("ROLLBACK")


def delete(path: Path) -> None:
    """Take the file away, and what SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def move(path: Path) -> None:
    """Put the file elsewhere."""
    path.rename(path.with_suffix(".old"))


def empty(path: Path) -> None:
    """Leave nothing in the file."""
    os.truncate(path, 0)
    Path(f"{path}-wal").unlink()


def damage_the_end(path: Path) -> None:
    """Spoil the last page of the file."""
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xa5" * 4096
    path.write_bytes(content)


async def leave(store: Store) -> None:
    """Have the store leave its file for want of room."""
    await look(store, events=[step("1")], cursor="1")
    fill_the_disk(store)
    await look(store, events=[step(str(number), "x" * 500) for number in range(2, 100)], cursor="99")
    assert left(store, "the disk is full")


# Going back


async def test_once_there_is_room_again_everything_is_in_the_file(store: Store, path: Path) -> None:
    await leave(store)
    told = job("completed", result={"total": 1}, cost=Cost(amount=2, unit="USD"), links=(Link(kind="log", url=LIVE),))
    other = JobRef("gobii", "2")
    await look(store, told, [step("100")], cursor="100", at=1)
    await look(store, events=[step("1")], ref=other, at=1)
    await store.mark_stopped(REF, at=later(2))
    await store.set_account("dari", AccountState(KeyState.WORKS, later(30), 1))
    await store.claim_start(wish("k", "c"), since=later(-1))
    await store.finish_start("dari", "k", "1")
    await store.make_task(Task("t", "me", {"jobs": []}, later(0), later(0), later(99)))
    await store.note_answer("t", "q", TaskAnswer(1, later(5)), now=later(3))
    record, events = await store.load(REF), await log(store)
    assert await store.come_back()
    assert store.shared
    assert not await store.come_back()
    await look(store, events=[step("1"), step("2")], ref=other, at=2)
    with closing(Store(str(path))) as again:
        stands = await again.load(REF)
        assert record
        assert stands
        assert (stands.job, stands.cursor, stands.events) == (record.job, "100", record.events)
        assert stands.revision > record.revision
        assert stands.stopped_at == later(2)
        assert await log(again) == events
        assert texts(await log(again, other)) == ["step 1", "step 2"]
        assert await again.result(REF) == {"total": 1}
        assert await again.find_link(LIVE, now=later(4)) == REF
        assert (await again.account("dari")).rest_until == later(30)
        assert await again.started_jobs("dari") == {"1"}
        task = await again.load_task("t", now=later(4))
        assert task
        assert task.answers["q"].times == 1


async def test_what_a_sibling_saw_meanwhile_stays_where_it_saw_more(store: Store, path: Path) -> None:
    await leave(store)
    with closing(Store(str(path))) as sibling:
        numbered = [step(str(number), "x" * 500) for number in range(1, 110)]
        await look(sibling, job("completed", result="theirs"), numbered, cursor="109", at=5)
        await look(store, job("running"), [], at=9)
        assert await store.come_back()
        assert await log(store) == await log(sibling)
        assert await store.result(REF) == "theirs"
        record = await store.load(REF)
        assert record
        assert (record.job.status, record.cursor) == (JobStatus.COMPLETED, "109")


async def test_numbers_that_were_given_twice_keep_a_process_out_of_the_file(store: Store, path: Path) -> None:
    await leave(store)
    with closing(Store(str(path))) as sibling:
        await look(sibling, job("paused"), [step("2")], cursor="2", at=5)
        theirs, ours = await log(sibling), await log(store)
        assert not await store.come_back()
        assert left(store, "another process has numbered the same events otherwise meanwhile")
        assert (await log(sibling), await log(store)) == (theirs, ours)
        await look(sibling, at=6)


async def test_a_file_that_is_still_full_is_left_as_it_is(store: Store, path: Path) -> None:
    await leave(store)
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not await store.come_back()
    assert left(store, "another process keeps it locked")
    assert len(texts(await log(store))) == 99
    assert await store.come_back()


@pytest.mark.parametrize("take_away", [move, Path.unlink, delete])
async def test_a_file_that_was_moved_or_deleted_is_made_anew_with_all_that_was_seen(
    store: Store, path: Path, take_away: Callable[[Path], object]
) -> None:
    record, version = await look(store, events=[step("1")]), await store.sibling_version()
    take_away(path)
    assert await store.sibling_version() != version or not store.shared
    assert left(store, "it was moved or deleted")
    assert await store.come_back()
    with closing(Store(str(path))) as again:
        assert await again.load(REF) == record
        assert texts(await log(again)) == ["step 1"]


async def test_a_file_that_a_newer_version_took_over_is_left_to_it(store: Store, path: Path) -> None:
    await look(store, events=[step("1")])
    with raw(path) as file:
        file.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    await store.sibling_version()
    assert left(store, "a newer version of mcp-browserjobs wrote it")
    await look(store, events=[step("1")])
    assert texts(await log(store)) == ["step 1"]
    assert not await store.come_back()
    assert left(store, "a newer version of mcp-browserjobs wrote it")


async def test_a_damaged_file_is_not_tried_again_until_it_is_another_one(store: Store, path: Path) -> None:
    await look(store, events=[step("1")])
    with raw(path) as file:
        file.execute("UPDATE jobs SET snapshot = 'x'")
    assert await store.load(REF) is None
    assert left(store, DAMAGED)
    await look(store, events=[step("1"), step("2")])
    assert not await store.come_back()
    delete(path)
    assert await store.come_back()
    assert texts(await log(store)) == ["step 1", "step 2"]


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("UPDATE events SET reported = '{'", "log"),
        ("UPDATE events SET kind = 'odd'", "log"),
        ("UPDATE events SET at = 'soon'", "log"),
        ("UPDATE results SET result = ''", "result"),
        ("UPDATE jobs SET snapshot = x'00ff'", "load"),
        ("UPDATE jobs SET checked_at = 'x'", "load"),
        ("DROP TABLE events", "log"),
    ],
)
async def test_whatever_is_damaged_every_question_is_answered(store: Store, path: Path, damage: str, read: str) -> None:
    await look(store, job(result="r"), events=[step("1")])
    with raw(path) as file:
        file.execute(damage)
    assert not (await log(store) if read == "log" else await getattr(store, read)(REF))
    assert not store.shared


async def test_a_file_emptied_by_somebody_is_left(store: Store, path: Path) -> None:
    await look(store, events=[step("1")])
    empty(path)
    await look(store, events=[step("1"), step("2")])
    assert texts(await log(store)) == ["step 1", "step 2"]


async def test_a_file_that_even_readers_are_kept_out_of_holds_nobody_up_for_good(store: Store, path: Path) -> None:
    await look(store, events=[step("1")])
    store._db.close()
    with locked_exclusively(path):
        store._db = sqlite3.connect(path, isolation_level=None, timeout=0)
        store._db.row_factory = sqlite3.Row
        await look(store, events=[step("1")])
        assert left(store, "another process keeps it locked")
    assert await store.come_back()


async def test_a_check_finds_damage_that_nobody_has_met_yet(store: Store, path: Path) -> None:
    await look(store, events=[step(str(number), "x" * 1000) for number in range(50)])
    await store.check()
    assert store.shared
    store.close()
    damage_the_end(path)
    with closing(Store(str(path))) as damaged:
        await damaged.check()
        assert left(damaged, DAMAGED)


# In a server


async def test_a_store_that_could_not_be_opened_is_used_once_it_can(tmp_path: Path) -> None:
    path, world = tmp_path / "state", new_world()
    await anyio.Path(path).mkdir()
    text = f"dari:{world.add('dari', LONG).id}"
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker:
        before = await tracker.events(text)
        assert tracker.store_problem is not None
        await anyio.Path(path).rmdir()
        await anyio.sleep(6)
        assert tracker.store.shared
        await anyio.sleep(20)
        after = await tracker.events(text)
        assert after.events[: len(before.events)] == before.events
    with closing(Store(str(path))) as again:
        assert await log(again, after.view.seen.ref) == list(after.events)


async def test_a_wait_goes_on_while_the_store_cannot_be_used_and_after(path: Path) -> None:
    world = new_world()
    short = Script(beats=(Queued(0), *(Step(f"Read page {page}", 5) for page in range(8)), Finish("Read.")))
    ref = JobRef("dari", world.add("dari", short).id)
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker, tracker.watching(ref, followed=True):
        await anyio.sleep(8)
        before = await log(tracker.store, ref)
        tracker.store._db.execute("PRAGMA query_only = ON")
        await anyio.sleep(4)
        assert tracker.store_problem is not None
        waited = await tracker.wait([str(ref)], seconds=100)
        assert waited.views[0].status is JobStatus.COMPLETED
        assert tracker.store.shared
        await anyio.sleep(5)
        events = await log(tracker.store, ref)
        assert events[: len(before)] == before
    with closing(Store(str(path))) as again:
        assert await log(again, ref) == events


async def test_a_store_that_has_to_be_left_time_and_again_is_gone_back_to_ever_later(path: Path) -> None:
    ref, world = JobRef("dari", "1"), new_world()
    back: list[float] = []
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker:
        for _ in range(4):
            tracker.store._db.execute("PRAGMA query_only = ON")
            since = anyio.current_time()
            await tracker.store.record(ref, job(), (), now=virtual_clock())
            while tracker.store_problem:  # noqa: ASYNC110 - nobody tells of it
                await anyio.sleep(0.5)
            back.append(anyio.current_time() - since)
    assert back[0] < back[1] < back[2] < back[3] <= 45


# Looks that overtake each other


async def test_a_look_is_not_written_over_a_newer_one(store: Store, path: Path) -> None:
    before = await look(store, events=[step("1")])
    with closing(Store(str(path))) as sibling:
        newer = await look(sibling, job("completed"), [step("2")], at=5, over=before.revision)
        with pytest.raises(OvertakenError) as caught:
            await look(store, job("running"), [step("1")], at=6, over=before.revision)
        assert caught.value.record == newer
        assert await store.load(REF) == newer


async def test_a_look_that_saw_the_same_overtakes_nobody(store: Store) -> None:
    before = await look(store, events=[step("1")])
    await look(store, events=[step("1")], at=5, over=before.revision)
    assert (await look(store, job("completed"), at=6, over=before.revision)).job.status is JobStatus.COMPLETED


async def test_a_start_that_was_taken_over_meanwhile_stays_so(store: Store) -> None:
    claimed = await store.claim_start(wish("k", "c"), since=later(-1))
    await leave(store)
    assert await store.retake_start(claimed, "new", now=later(500))
    assert await store.come_back()
    start = await store.start("dari", "k")
    assert start
    assert (start.process, start.asked_at) == ("new", later(500))


async def test_our_own_stop_is_taken_along_though_a_sibling_saw_more(store: Store, path: Path) -> None:
    await leave(store)
    with closing(Store(str(path))) as sibling:
        await store.mark_stopped(REF, at=later(2))
        numbered = [step(str(number), "x" * 500) for number in range(1, 110)]
        await look(sibling, job("running"), numbered, cursor="109", at=5)
        assert await store.come_back()
        record = await store.load(REF)
        assert record
        assert record.stopped_at == later(2)
