"""What has been seen stays seen: in one file, shared by processes, private to its user."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from pydantic import JsonValue

from mcp_browserjobs.errors import StoreError
from mcp_browserjobs.jobs import (
    Cost,
    Event,
    EventKind,
    Job,
    JobRef,
    JobRow,
    JobStatus,
    KeyState,
    Link,
    LoggedEvent,
    Question,
    Sighting,
)
from mcp_browserjobs.store import (
    LEASE_SECONDS,
    LOCK_PATIENCE,
    MEMORY,
    MIGRATIONS,
    AccountState,
    OvertakenError,
    Position,
    Record,
    Start,
    Store,
)
from mcp_browserjobs.store import file as file_module
from tests.conftest import START, virtual_clock
from tests.histories import EXACT, INEXACT, History

pytestmark = pytest.mark.anyio

REF = JobRef("dari", "my-org/form/1")
LIVE = "https://live.vendor.example/session/s3cr3t"
posix = pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")


def job(status: str = "running", **told: Any) -> Job:
    """A look at the job."""
    return Job.model_validate({"id": REF.id, "status": status, "provider_status": status} | told)


def step(key: str, text: JsonValue = "", *, at: datetime | None = None, exact: bool = True) -> Event:
    """An event as a provider tells it."""
    return Event(key=key, kind=EventKind.STEP, at=at, reported={"text": text or f"step {key}"}, exact=exact)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "jobs.sqlite3"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    with closing(Store(str(path))) as opened:
        yield opened


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as anybody else sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def look(
    store: Store, told: Job | None = None, events: Sequence[Event] = (), *, at: float = 0, ref: JobRef = REF, **how: Any
) -> Record:
    """Write a look down."""
    return await store.record(ref, told or job(), events, now=later(at), **how)


async def log(store: Store, ref: JobRef = REF) -> list[LoggedEvent]:
    return await store.events(ref, after=0, limit=100_000)


def texts(events: Sequence[LoggedEvent]) -> list[JsonValue]:
    """What the provider's events say."""
    return [event.reported["text"] for event in events if event.kind is not EventKind.STATUS]


def statuses(events: Sequence[LoggedEvent]) -> list[JsonValue]:
    return [event.reported["status"] for event in events if event.kind is EventKind.STATUS]


# The file


def test_a_file_and_its_folder_are_made_where_there_are_none(path: Path) -> None:
    path = path.parent / "deeper" / path.name
    with closing(Store(str(path))) as opened, raw(path) as file:
        assert opened.shared
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert file.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


@posix
def test_nobody_else_can_read_the_file_or_its_folder(path: Path) -> None:
    with closing(Store(str(path))):
        assert mode(path.parent) == 0o700
        files = list(path.parent.iterdir())
        assert len(files) == 3
        assert {mode(file) for file in files} == {0o600}


@posix
async def test_a_file_that_others_can_read_is_tightened(path: Path) -> None:
    with closing(Store(str(path))) as first:
        await look(first)
        for file in path.parent.iterdir():
            file.chmod(0o644)
        with closing(Store(str(path))):
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}


async def test_a_store_in_memory_is_nobody_elses() -> None:
    with closing(Store(MEMORY)) as one, closing(Store(MEMORY)) as other:
        await look(one)
        assert not one.shared
        assert await other.load(REF) is None


async def test_everything_is_there_again_after_reopening(path: Path) -> None:
    told = job(
        "completed",
        title="A form",
        created_at=START,
        result={"total": [1, None]},
        cost=Cost(amount=0, unit="USD"),
        goal_met=False,
        goal_met_by="judge",
        has={"result"},
        question=Question(id="q", text="Which?", options=("a", "b")),
    )
    with closing(Store(str(path))) as first:
        before = await look(first, told, [step("1")], cursor="c", locator="agent/1", at=1.25)
        events = await log(first)
    with closing(Store(str(path))) as second:
        assert await second.load(REF) == before
        assert before.job == told.model_copy(update={"result": None})
        assert (before.locator, before.cursor, before.events, before.revision) == ("agent/1", "c", 2, 1)
        assert await log(second) == events
        assert await second.result(REF) == {"total": [1, None]}


async def test_an_older_file_is_brought_up_to_date_with_all_that_is_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(str(path))) as older:
        record = await look(older, events=[step("1")])
    monkeypatch.setattr(file_module, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE extra (a); CREATE TABLE more (a)", ""))
    for _ in range(2):
        with closing(Store(str(path))) as newer, raw(path) as file:
            assert file.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 2,)
            assert file.execute("SELECT count(*) FROM more").fetchone() == (0,)
            assert await newer.load(REF) == record
            assert texts(await log(newer)) == ["step 1"]


async def test_a_step_that_fails_leaves_the_older_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Store(str(path))) as older:
        record = await look(older)
    with monkeypatch.context() as patched:
        patched.setattr(file_module, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE extra (a); DROP TABLE nothing"))
        refused(path, "SQLite cannot use it")
    with closing(Store(str(path))) as again, raw(path) as file:
        assert await again.load(REF) == record
        assert not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'extra'").fetchall()


def refused(path: Path | str, problem: str) -> None:
    """Opening it fails with this problem, and leaves what is there as it is."""
    place = Path(path)
    before = (place.read_bytes(), mode(place)) if place.is_file() else None
    with pytest.raises(StoreError) as caught:
        Store(str(path))
    assert (caught.value.path, caught.value.problem) == (str(path), problem)
    if before:
        assert (place.read_bytes(), mode(place)) == before
    for ending in ("-wal", "-shm", "-journal"):
        assert not Path(f"{path}{ending}").exists()


@pytest.mark.parametrize("version", [len(MIGRATIONS) + 1, 2**31 - 1])
def test_a_newer_file_is_refused(path: Path, version: int) -> None:
    Store(str(path)).close()
    with raw(path) as file:
        file.execute(f"PRAGMA user_version = {version}")
    refused(path, "a newer version of mcp-browserjobs wrote it")


@pytest.mark.parametrize("content", [b"x", b"Dear diary\n" * 1000, b"SQLite format 3\0" + b"\xff" * 5000, b"\0" * 4096])
def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "diary"
    path.write_bytes(content)
    path.chmod(0o644)
    refused(path, "it is damaged, or no store of ours")


@pytest.mark.parametrize("version", [0, 1, 99])
def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, version: int) -> None:
    path = tmp_path / "contacts.sqlite3"
    with raw(path) as file:
        file.execute("CREATE TABLE contacts (name)")
        file.execute(f"PRAGMA user_version = {version}")
    path.chmod(0o644)
    refused(path, "it is damaged, or no store of ours")


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "made-by-mktemp"
    path.touch()
    Store(str(path)).close()
    assert path.stat().st_size


def test_a_folder_is_refused_and_stays_open_to_all_it_was_open_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    refused(tmp_path, "it is no file")
    assert mode(tmp_path) == 0o755


@posix
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    refused(tmp_path / "pipe", "it is no file")
    assert mode(tmp_path / "pipe") == 0o644


@pytest.mark.parametrize("below", ["jobs.sqlite3", "folder/jobs.sqlite3"])
def test_a_path_that_leads_through_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / below, "a part of its path is no folder")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (PermissionError(13, "Permission denied"), "no permission"),
        (OSError(30, "Read-only file system"), "Read-only file system"),
        (OSError(), "the file cannot be used"),
    ],
)
def test_a_place_where_nothing_may_be_written_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, problem: str
) -> None:
    def touch(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Path, "touch", touch)
    refused(path, problem)


def damage(path: Path) -> None:
    """Keep the head of the file only."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def left(store: Store, problem: str) -> bool:
    """Whether the store has left its file for this problem."""
    assert store.problem
    assert (store.problem.path, store.problem.problem) == (store.path, problem)
    return not store.shared


async def test_a_file_damaged_in_the_middle_is_named_and_done_without(path: Path) -> None:
    with closing(Store(str(path))) as opened:
        await look(opened, events=[step(str(number)) for number in range(500)])
    damage(path)
    with closing(Store(str(path))) as damaged:
        assert await damaged.load(REF) is None
        assert left(damaged, "it is damaged, or no store of ours")
        await look(damaged, events=[step("1")])
        assert texts(await log(damaged)) == ["step 1"]


async def test_text_that_is_none_is_damage(store: Store, path: Path) -> None:
    await look(store)
    with raw(path) as file:
        file.execute("UPDATE jobs SET locator = CAST(x'ff' AS TEXT)")
    assert await store.load(REF) is None
    assert left(store, "it is damaged, or no store of ours")


async def test_a_file_that_became_read_only_is_left_with_what_it_holds(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await look(store, events=[step("1")])
    store._db.execute("PRAGMA query_only = ON")
    await look(store, events=[step("1"), step("2")])
    await look(store, job("completed"), [step("3")])
    assert left(store, "it is read-only")
    assert texts(await log(store)) == ["step 1", "step 2", "step 3"]
    assert len(caplog.records) == 1
    with closing(Store(str(path))) as again:
        assert texts(await log(again)) == ["step 1"]


async def test_a_full_disk_loses_nothing_that_was_there(store: Store, path: Path) -> None:
    await look(store, events=[step("1")])
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    await look(store, events=[step(str(number), "x" * 1000) for number in range(1000)])
    assert left(store, "the disk is full")
    assert len(texts(await log(store))) == 1000
    with closing(Store(str(path))) as again:
        assert texts(await log(again)) == ["step 1"]


async def test_a_moment_at_the_end_of_time_can_be_read_again(store: Store) -> None:
    latest = datetime.max.replace(tzinfo=UTC)
    record = await look(store, job(updated_at=latest, created_at=latest), [step("1", at=latest)])
    assert await store.load(REF) == record
    assert (await log(store))[-1].at.year == 9999
    assert [moment.year for moment in await store.rhythm(REF)] == [9999]


async def test_a_closed_store_is_a_store_that_cannot_be_used(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError):
        await look(store)


async def test_a_change_that_breaks_off_is_not_written_by_half(store: Store) -> None:
    await look(store, events=[step("1")])
    with pytest.raises(TypeError):
        await look(store, job("completed").model_copy(update={"result": object()}), [step("2")])
    record = await store.load(REF)
    assert record
    assert record.job.status is JobStatus.RUNNING
    assert texts(await log(store)) == ["step 1"]
    assert await store.result(REF) is None


# Sharing it


async def test_a_locked_file_is_waited_for_and_holds_up_nobody_else(store: Store, path: Path) -> None:
    await look(store)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.5)
            ticks += 1

    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")

        async def let_go() -> None:
            await anyio.sleep(3)
            other.execute("COMMIT")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tick)
            tasks.start_soon(let_go)
            assert (await log(store))[-1].seq == 1
            assert anyio.current_time() == 0
            await look(store, events=[step("1")])
            assert 3 <= anyio.current_time() <= 3.2
            assert ticks >= 5
            tasks.cancel_scope.cancel()
    assert texts(await log(store)) == ["step 1"]


async def test_patience_with_a_locked_file_has_an_end(store: Store, path: Path) -> None:
    await look(store)
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await look(store, job("completed"))).job.status is JobStatus.COMPLETED
    assert left(store, "another process keeps it locked")
    assert LOCK_PATIENCE <= anyio.current_time() <= LOCK_PATIENCE + 0.2


async def test_waiting_for_a_locked_file_can_be_broken_off(store: Store, path: Path) -> None:
    await look(store)
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with anyio.move_on_after(1) as scope:
            await look(store, job("completed"))
    assert scope.cancelled_caught
    record = await store.load(REF)
    assert record
    assert record.job.status is JobStatus.RUNNING


async def test_a_store_opens_while_a_sibling_is_writing(path: Path) -> None:
    with closing(Store(str(path))) as first:
        await look(first)
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(Store(str(path))) as second:
            assert await second.load(REF)


def test_a_new_file_that_stays_locked_is_given_up(path: Path) -> None:
    path.parent.mkdir()
    with raw(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError) as caught:
            Store(str(path), patience=0.01)
    assert caught.value.problem == "another process keeps it locked"


async def test_two_stores_on_one_file_see_each_other(store: Store, path: Path) -> None:
    with closing(Store(str(path))) as other:
        version = await store.sibling_version()
        await look(store, events=[step("1")])
        assert await store.sibling_version() == version
        record = await look(other, events=[step("1"), step("2")])
        assert await store.sibling_version() != version
        assert await store.load(REF) == record
        assert texts(await log(store)) == ["step 1", "step 2"]


@pytest.mark.parametrize("exact", [True, False])
async def test_two_stores_writing_in_turn_give_each_number_once(store: Store, path: Path, *, exact: bool) -> None:
    events = [step(str(number), exact=exact) for number in range(60)]
    with closing(Store(str(path))) as other:

        async def write(one: Store, width: int) -> None:
            for end in range(1, len(events) + 1):
                await look(one, events=events[max(0, end - width) : end])
                await checkpoint()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, store, 5)
            tasks.start_soon(write, other, 60)
        assert [event.seq for event in await log(store)] == list(range(1, 62))
        assert texts(await log(other)) == [f"step {number}" for number in range(60)]


WRITER = """
import sys
from datetime import UTC, datetime
import anyio
from mcp_browserjobs.jobs import Event, EventKind, Job, JobRef, JobStatus
from mcp_browserjobs.store import Store

path, own, exact = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()

def event(number):
    return Event(key=str(number), kind=EventKind.STEP, reported={"text": f"step {number}"}, exact=exact)

async def write():
    store = Store(path)
    job = Job(id="1", status=JobStatus.RUNNING, provider_status="running")
    for look in range(40):
        listed = [event(number) for number in range(own * 50 + look * 5 - 20, own * 50 + look * 5 + 5) if number >= 0]
        await store.record(JobRef("dari", "1"), job, listed, now=datetime.now(UTC))
    store.close()

anyio.run(write)
"""


@pytest.mark.parametrize("exact", [True, False])
async def test_three_processes_on_a_new_file_give_each_number_once(path: Path, *, exact: bool) -> None:
    """Each writes 200 events, 150 of which another one writes too."""
    writers = [
        subprocess.Popen(  # noqa: ASYNC220, S603 - no other task waits
            [sys.executable, "-c", WRITER, path, str(own), str(exact)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for own in range(3)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    with closing(Store(str(path))) as opened:
        events = await log(opened, JobRef("dari", "1"))
    assert [event.seq for event in events] == list(range(1, 302))
    assert statuses(events) == ["running"]
    assert {*texts(events)} == {f"step {number}" for number in range(300)}


# The log


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("exact", "habits", "alike"),
    [(True, EXACT, 1), *((False, habits, 3) for habits in INEXACT), (False, INEXACT[2], 1)],
)
async def test_numbers_keep_their_meaning_whatever_a_list_does(
    *, seed: int, exact: bool, habits: frozenset[str], alike: int
) -> None:
    history = History(Random(seed), exact, habits, alike)  # noqa: S311 - no secret
    meaning: dict[int, int] = {}
    with closing(Store(MEMORY)) as store:
        for at in range(30):
            listed = history.go_on()
            record = await look(store, events=listed, at=at)
            events = await log(store)
            assert [event.seq for event in events] == list(range(1, record.events + 1))
            assert {event.reported["text"] for event in listed} <= set(texts(events))
            now = {
                event.seq: history.place_of(event.reported["text"])
                for event in events
                if event.kind is not EventKind.STATUS
            }
            assert meaning.items() <= now.items()
            assert sorted(now.values()) == sorted(history.listed)
            meaning = now


async def test_a_part_of_a_list_replaces_nothing(store: Store) -> None:
    await look(store, events=[step("12:00", "a", exact=False)], cursor="1")
    await look(store, events=[step("12:00", "b", exact=False)], cursor="2")
    assert texts(await log(store)) == ["a", "b"]


@pytest.mark.parametrize(
    "strange", ["\x00", "a\x00b", "\ud83d", "é\n\u2028", "'; DROP TABLE events; --", '"', "\\u0000", "x" * 100_000]
)
async def test_strange_text_survives_and_is_known_again(store: Store, strange: str) -> None:
    events = [step(strange, exact=False), step(f"{strange}!", {strange: [strange, 10**60, -0.5, None]})]
    for at in range(2):
        await look(store, job("completed", result={strange: [strange, 10**60]}), events, at=at)
    assert texts(await log(store)) == [event.reported["text"] for event in events]
    assert await store.result(REF) == {strange: [strange, 10**60]}
    assert (await store.load(REF)) == await look(store, job("completed"), at=1)


@pytest.mark.parametrize("result", [0, False, "", [], {}, "text", 1.5, {"a": None}, [None]])
async def test_any_result_is_a_result(store: Store, result: JsonValue) -> None:
    await look(store, job("completed", result=result))
    assert await store.result(REF) == result


async def test_events_that_say_when_they_happened_keep_it(store: Store) -> None:
    moments = [START - timedelta(days=1), datetime(1, 1, 1, tzinfo=UTC), later(0.123457), None]
    await look(store, events=[step(str(place), at=at) for place, at in enumerate(moments)], at=60)
    assert [event.at for event in (await log(store))[1:]] == [*moments[:3], later(60)]


async def test_a_log_is_read_in_pages(store: Store) -> None:
    await look(store, events=[step(str(number)) for number in range(10)])
    pages = [await store.events(REF, after=after, limit=4) for after in (-5, 0, 4, 8, 11, 10**30)]
    assert [[event.seq for event in page] for page in pages] == [
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11],
        [],
        [],
    ]
    assert [event.seq for event in await store.latest_events(REF, 3)] == [9, 10, 11]
    assert await store.events(JobRef("dari", "other"), after=0, limit=10) == []


async def test_a_page_of_a_very_long_log_is_right(store: Store) -> None:
    for first in range(0, 10_000, 2_500):
        await look(store, events=[step(str(number)) for number in range(first, first + 2_500)], cursor=str(first))
    page = await store.events(REF, after=5_000, limit=200)
    assert [event.seq for event in page] == list(range(5_001, 5_201))
    assert texts(page) == [f"step {seq - 2}" for seq in range(5_001, 5_201)]
    record = await store.load(REF)
    assert record
    assert record.events == 10_001


async def test_jobs_of_the_same_id_have_logs_of_their_own(store: Store) -> None:
    other = JobRef("work", REF.id)
    await look(store, events=[step("1")])
    await look(store, events=[step("1"), step("2")], ref=other)
    assert (texts(await log(store)), texts(await log(store, other))) == (["step 1"], ["step 1", "step 2"])
    assert sorted(await store.find(REF.id)) == [REF, other]
    assert await store.find("another") == []


# Statuses


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_status_that_opens_comes_before_what_happened_in_it(store: Store, status: str) -> None:
    await look(store, job(status), [step("1"), step("2")])
    assert [event.kind for event in await log(store)] == ["status", "step", "step"]


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.QUEUED, JobStatus.RUNNING}))
async def test_a_status_that_closes_comes_after_what_led_to_it(store: Store, status: JobStatus) -> None:
    await look(store, job("running"), [step("1")])
    await look(store, job(status), [step("1"), step("2")])
    assert [event.kind for event in await log(store)] == ["status", "step", "step", "status"]
    assert statuses(await log(store)) == ["running", status]


async def test_every_change_of_status_is_an_event_even_back_from_the_end(store: Store) -> None:
    for at, status in enumerate(["queued", "running", "running", "cancelled", "cancelled", "completed", "running"]):
        await look(store, job(status), at=at)
    assert statuses(await log(store)) == ["queued", "running", "cancelled", "completed", "running"]


async def test_another_word_for_the_same_status_is_no_event_unless_the_status_is_unknown(store: Store) -> None:
    for status, word in [("running", "dispatching"), ("running", "running"), ("unknown", "odd"), ("unknown", "even")]:
        record = await look(store, job(status, provider_status=word))
        assert record.job.provider_status == word
    reported = [event.reported for event in await log(store)]
    assert [(each["status"], each["provider_status"]) for each in reported] == [
        ("running", "dispatching"),
        ("unknown", "odd"),
        ("unknown", "even"),
    ]


async def test_a_status_event_happened_when_the_provider_says_so_and_never_in_the_future(store: Store) -> None:
    await look(store, job("running", updated_at=later(-60)), at=10)
    await look(store, job("completed", updated_at=later(15), finished_at=later(12)), at=20)
    await look(store, job("failed", finished_at=later(99)), at=30)
    await look(store, job("paused"), at=40)
    assert [event.at for event in await log(store)] == [later(-60), later(12), later(30), later(40)]


async def test_a_start_happened_when_the_provider_says_so(store: Store) -> None:
    made = job("queued", created_at=later(-9), updated_at=later(-1))
    for told in (made, job("running", created_at=later(-9), started_at=later(-4), updated_at=later(-1))):
        await look(store, told)
    await look(store, job("running", started_at=later(-4), updated_at=later(-1)), ref=JobRef("dari", "2"))
    assert [event.at for event in await log(store)] == [later(-9), later(-4)]
    assert [event.at for event in await log(store, JobRef("dari", "2"))] == [later(-4)]


async def test_a_start_that_nobody_dates_happened_when_the_job_last_changed(store: Store) -> None:
    await look(store, job("queued", created_at=later(-9)))
    await look(store, job("running", created_at=later(-9), updated_at=later(-1)), at=5)
    assert [event.at for event in await log(store)] == [later(-9), later(-1)]


async def test_a_status_event_is_not_the_providers_and_never_taken_for_it(store: Store) -> None:
    await look(store, events=[step("")])
    assert len(await log(store)) == 2


# Looks


async def test_what_is_not_said_any_more_is_kept(store: Store) -> None:
    first = job(
        title="A form",
        created_at=START,
        started_at=later(1),
        cost=Cost(amount=2, unit="credits"),
        locator="agent/1",
        result="r",
    )
    await look(store, first, locator="agent/1", cursor="7")
    record = await look(store, job("completed"))
    kept = record.job
    assert (kept.title, kept.created_at, kept.started_at, kept.cost) == ("A form", START, later(1), first.cost)
    assert (record.locator, record.job.locator, record.cursor) == ("agent/1", "agent/1", "7")
    assert await store.result(REF) == "r"


async def test_what_is_said_anew_counts(store: Store) -> None:
    await look(store, job(title="A", cost=Cost(amount=2, unit="USD"), result="r"), locator="a/1", cursor="7")
    record = await look(store, job(title="B", cost=Cost(amount=0, unit="USD"), result="s"), locator="b/1", cursor="8")
    assert record.job.cost == Cost(amount=0, unit="USD")
    assert (record.job.title, record.locator, record.cursor) == ("B", "b/1", "8")
    assert await store.result(REF) == "s"


async def test_a_passing_word_of_the_run_is_not_kept(store: Store) -> None:
    await look(store, job(current_step="typing", error="oops", question=Question(id="q"), goal_met=True, has={"log"}))
    kept = (await look(store)).job
    assert (kept.current_step, kept.error, kept.question, kept.goal_met) == (None, None, None, None)
    assert not kept.has


async def test_a_look_that_tells_nothing_new_changes_nothing_but_its_time(store: Store) -> None:
    first = await look(store, job(result="r"), [step("1")], at=0)
    second = await look(store, job(result="r"), [step("1")], at=5)
    assert second.checked_at == second.detailed_at == later(5)
    assert (second.revision, second.events, second.changed_at) == (first.revision, first.events, first.changed_at)


@pytest.mark.parametrize(
    ("told", "events"),
    [
        (job("paused"), [step("1")]),
        (job(current_step="typing"), [step("1")]),
        (job(has={"live_view"}), [step("1")]),
        (job(result="s"), [step("1")]),
        (job(), [step("1", "rewritten")]),
        (job(), [step("1"), step("2")]),
    ],
)
async def test_any_change_counts_as_one(store: Store, told: Job, events: list[Event]) -> None:
    before = await look(store, job(result="r"), [step("1")])
    after = await look(store, told, events, at=9)
    assert after.revision == before.revision + 1
    assert after.changed_at == later(9)


async def test_a_running_meter_is_a_change_and_yet_no_sign_of_life(store: Store) -> None:
    before = await look(store, job(cost=Cost(amount=1, unit="USD"), updated_at=later(0)))
    after = await look(store, job(cost=Cost(amount=2, unit="USD"), updated_at=later(9)), at=9)
    assert after.revision == before.revision + 1
    assert after.changed_at == before.changed_at


async def test_a_job_seen_for_the_first_time_changed_when_the_provider_says_so(store: Store) -> None:
    assert (await look(store, job(updated_at=later(-300)))).changed_at == later(-300)
    assert (await look(store, job(updated_at=later(300)), ref=JobRef("a", "2"))).changed_at == START


@pytest.mark.parametrize("status", ["paused", "waiting_for_input", "unknown"])
async def test_a_job_that_stands_still_does_so_since_the_provider_says(store: Store, status: str) -> None:
    await look(store, job(), at=0)
    await look(store, job(status, updated_at=later(3)), at=5)
    assert (await log(store))[-1].at == later(3)


async def test_a_bare_status_word_is_written_down_as_such(store: Store) -> None:
    await look(store, job(title="A form"), [step("1")], at=0)
    same = await store.record_sighting(REF, Sighting(status=JobStatus.RUNNING, provider_status="running"), now=later(5))
    assert same
    assert (same.checked_at, same.detailed_at, same.revision) == (later(5), later(0), 1)
    ended = await store.record_sighting(REF, Sighting(status=JobStatus.FAILED, provider_status="failed"), now=later(9))
    assert ended
    assert (ended.job.title, ended.job.status, ended.detailed_at) == ("A form", JobStatus.FAILED, None)
    assert statuses(await log(store)) == ["running", "failed"]


@pytest.mark.parametrize(
    ("known", "word", "status"),
    [("cancelled", "failed", JobStatus.FAILED), ("waiting_for_input", "running", JobStatus.RUNNING)],
)
async def test_a_bare_word_that_stays_the_same_takes_nothing_back_that_a_look_knew(
    store: Store, known: str, word: str, status: JobStatus
) -> None:
    await look(store, job(known, provider_status=word))
    record = await store.record_sighting(REF, Sighting(status=status, provider_status=word), now=later(5))
    assert record
    assert (record.job.status, record.checked_at) == (known, later(5))
    assert statuses(await log(store)) == [known]


async def test_a_bare_word_that_stays_the_same_may_still_turn_out_to_be_an_end(store: Store) -> None:
    await look(store, job("running", provider_status="idle"))
    ended = await store.record_sighting(REF, Sighting(status=JobStatus.COMPLETED, provider_status="idle"), now=later(5))
    assert ended
    assert ended.job.status is JobStatus.COMPLETED


async def test_another_word_counts_though_the_job_was_over(store: Store) -> None:
    await look(store, job("cancelled"))
    sighting = Sighting(status=JobStatus.COMPLETED, provider_status="completed")
    turned = await store.record_sighting(REF, sighting, now=later(5))
    assert turned
    assert turned.job.status is JobStatus.COMPLETED


async def test_a_bare_word_is_not_written_over_what_came_since(store: Store) -> None:
    before = await look(store)
    await look(store, job(title="A form"), at=3)
    sighting = Sighting(status=JobStatus.FAILED, provider_status="failed")
    with pytest.raises(OvertakenError) as overtaken:
        await store.record_sighting(REF, sighting, now=later(5), over=before.revision)
    assert overtaken.value.record == await store.load(REF)
    assert statuses(await log(store)) == ["running"]


async def test_a_row_counts_unless_the_job_was_seen_since_the_list_was_asked_for(store: Store) -> None:
    row = JobRow(id=REF.id, status=JobStatus.COMPLETED, provider_status="completed")
    await look(store, at=6)

    async def status_after(asked: float, now: float) -> JobStatus:
        record = await store.record_row("dari", row, asked_at=later(asked), now=later(now))
        return record.job.status

    assert await status_after(5, 6) is JobStatus.RUNNING
    assert await status_after(5, 7) is JobStatus.RUNNING
    # What was written down by a clock that was ahead is no newer than the list.
    assert await status_after(2, 3) is JobStatus.COMPLETED
    await look(store, at=9)
    assert await status_after(9, 9) is JobStatus.COMPLETED


async def test_a_bare_status_word_leaves_the_form_to_ask_with(store: Store) -> None:
    await store.record(REF, job(), (), now=START, locator="agent/1")
    sighting = Sighting(status=JobStatus.FAILED, provider_status="failed")
    known = await store.record_sighting(REF, sighting, now=later(1))
    assert known
    assert known.locator == "agent/1"


async def test_a_bare_status_word_of_a_job_never_seen_is_nothing(store: Store) -> None:
    sighting = Sighting(status=JobStatus.RUNNING, provider_status="running")
    assert await store.record_sighting(REF, sighting, now=START) is None
    assert await store.load(REF) is None


async def test_a_row_of_a_list_is_a_job_of_which_little_is_known(store: Store) -> None:
    row = JobRow(
        id=REF.id,
        status=JobStatus.RUNNING,
        provider_status="running",
        title="A form",
        created_at=later(-60),
        started_at=later(-50),
        updated_at=later(-5),
    )
    record = await store.record_row("dari", row, asked_at=START, now=START)
    assert record.ref == REF
    assert record.detailed_at is None
    assert record.job == Job(**row.model_dump())
    assert statuses(await log(store)) == ["running"]


async def test_a_row_corrects_a_known_job_and_spoils_nothing(store: Store) -> None:
    await look(store, job(title="A form", current_step="typing"), [step("1")])
    row = JobRow(id=REF.id, status=JobStatus.RUNNING, provider_status="running")
    record = await store.record_row("dari", row, asked_at=later(5), now=later(5))
    assert (record.job.title, record.job.current_step, record.detailed_at) == ("A form", "typing", START)
    ended = await store.record_row(
        "dari", row.model_copy(update={"status": JobStatus.COMPLETED}), asked_at=later(6), now=later(6)
    )
    assert (ended.job.status, ended.detailed_at) == (JobStatus.COMPLETED, None)


async def test_the_rhythm_is_the_providers_own(store: Store) -> None:
    await look(store, job(), [step("1", at=later(1)), step("2", at=later(3))], at=10)
    await look(store, job("paused"), [step("3", at=later(7))], at=20)
    assert await store.rhythm(REF) == [later(1), later(3), later(7)]
    await look(store, events=[step(str(number), at=later(number)) for number in range(100, 200)])
    assert await store.rhythm(REF) == [later(number) for number in range(150, 200)]


# Links


def bytes_below(folder: Path) -> bytes:
    """All that its files hold."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_a_link_is_known_again_and_stands_nowhere(path: Path) -> None:
    with closing(Store(str(path))) as opened:
        links = (Link(kind="live_view", url=LIVE), Link(kind="recording", url=f"{LIVE}.mp4"))
        await look(opened, job(links=links), [step("1")])
        await look(opened, job("completed", links=links[:1]), [step("1")])
        assert await opened.find_link(LIVE, now=START) == await opened.find_link(f"{LIVE}.mp4", now=START) == REF
        assert await opened.find_link(f"{LIVE}/", now=START) is None
        written = bytes_below(path.parent)
    written += bytes_below(path.parent)
    assert b"running" in written
    assert b"s3cr3t" not in written
    assert b"vendor.example" not in written


async def test_a_link_belongs_to_the_job_that_first_gave_it(store: Store) -> None:
    links = (Link(kind="live_view", url=LIVE),)
    await look(store, job(links=links))
    await look(store, job(links=links), ref=JobRef("dari", "2"))
    assert await store.find_link(LIVE, now=START) == REF


async def test_links_that_come_later_are_known_again_too(store: Store) -> None:
    links = (Link(kind="live_view", url=LIVE), Link(kind="log", url=f"{LIVE}.txt"))
    await store.record_links(REF, links, now=START)
    assert await store.find_link(LIVE, now=START) is None
    await look(store)
    for _ in range(2):
        await store.record_links(REF, links, now=START)
    await store.record_links(JobRef("dari", "2"), links, now=START)
    assert await store.find_link(LIVE, now=START) == await store.find_link(f"{LIVE}.txt", now=START) == REF


# Lists


async def pages(store: Store, limit: int, **only: str) -> list[list[JobRef]]:
    """All pages of the list, one after the other."""
    below: Position | None = None
    read = []
    while page := await store.recent(limit, below=below, **only):
        read.append([record.ref for _, record in page])
        below = page[-1][0]
    return read


async def test_a_list_has_every_job_once_however_many_are_equally_old(store: Store) -> None:
    refs = [JobRef("dari", str(number)) for number in range(45)]
    for number, ref in enumerate(refs):
        await look(store, job(created_at=later(number // 20)), ref=ref)
    read = await pages(store, 7)
    assert [len(page) for page in read] == [7] * 6 + [3]
    assert [ref for page in read for ref in page] == [*refs[40:], *refs[20:40], *refs[:20]]


async def test_a_list_is_newest_first_by_when_a_job_was_made(store: Store) -> None:
    await look(store, job(created_at=later(-5)), ref=JobRef("a", "made"), at=1)
    await look(store, job(started_at=later(-3)), ref=JobRef("a", "started"), at=2)
    await look(store, ref=JobRef("a", "seen"), at=-4)
    assert await pages(store, 10) == [[JobRef("a", "started"), JobRef("a", "seen"), JobRef("a", "made")]]


async def test_a_list_can_be_of_one_account_or_one_status(store: Store) -> None:
    for number in range(12):
        ref = JobRef(("dari", "gobii")[number % 2], str(number))
        await look(store, job(("running", "failed", "paused")[number % 3]), ref=ref, at=number)
    assert [ref.id for page in await pages(store, 2, account="dari") for ref in page] == ["10", "8", "6", "4", "2", "0"]
    assert [ref.id for page in await pages(store, 3, status="failed") for ref in page] == ["10", "7", "4", "1"]
    assert await pages(store, 3, status="failed", account="gobii") == [[JobRef("gobii", "7"), JobRef("gobii", "1")]]
    assert await pages(store, 3, account="' OR 1") == []


async def test_jobs_that_come_while_a_list_is_read_do_not_disturb_it(store: Store) -> None:
    for number in range(6):
        await look(store, ref=JobRef("dari", str(number)), at=number)
    first = await store.recent(3)
    await look(store, ref=JobRef("dari", "new"), at=100)
    await look(store, job("failed"), ref=JobRef("dari", "1"), at=101)
    rest = await store.recent(10, below=first[-1][0])
    assert [record.ref.id for _, record in first + rest] == ["5", "4", "3", "2", "1", "0"]


# Starts and stops


def wish(key: str = "k", content: str = "c", *, at: float = 0, account: str = "dari", process: str = "one") -> Start:
    """A job that somebody asks for."""
    return Start(account, key, content, later(at), process)


async def test_a_start_is_asked_for_once_by_its_key_and_by_its_content(store: Store, path: Path) -> None:
    first = wish()
    assert await store.claim_start(first, since=later(-60)) == first
    with closing(Store(str(path))) as other:
        for again in (wish(at=5, process="two"), wish("another", at=5), wish(content="another", at=5)):
            assert await other.claim_start(again, since=later(-60)) == first
        for new in (wish("other", "other"), wish(account="gobii"), wish("late", at=99)):
            assert await other.claim_start(new, since=later(90)) == new
        assert await other.start("dari", "k") == first
        assert await other.start("gobii", "late") is None


async def test_a_key_counts_more_than_an_equal_content(store: Store) -> None:
    mine = wish("mine", "a", at=1)
    await store.claim_start(mine, since=later(-60))
    await store.claim_start(wish("theirs", "b", at=2), since=later(-60))
    assert await store.claim_start(wish("mine", "b", at=3), since=later(-60)) == mine


async def test_a_start_that_succeeded_names_its_job(store: Store) -> None:
    await store.claim_start(wish(), since=START)
    assert await store.started_jobs("dari") == set()
    await store.finish_start("dari", "k", "1")
    assert await store.start("dari", "k") == replace(wish(), job="1")
    assert await store.started_jobs("dari") == {"1"}
    assert not await store.retake_start(wish(), "two", now=later(9))


async def test_a_start_that_certainly_failed_may_be_asked_for_anew(store: Store) -> None:
    await store.claim_start(wish(), since=START)
    await store.finish_start("dari", "k", None)
    again = wish(at=9, process="two")
    assert await store.claim_start(again, since=START) == again


async def test_a_start_that_came_to_nothing_is_taken_over_by_one(store: Store) -> None:
    begun = await store.claim_start(wish(at=0.123457), since=START)
    assert await store.retake_start(begun, "two", now=later(9))
    assert not await store.retake_start(begun, "three", now=later(9))
    assert await store.start("dari", "k") == replace(begun, process="two", asked_at=later(9))


async def test_our_own_stop_is_remembered(store: Store) -> None:
    await look(store)
    await store.mark_stopped(REF, at=later(3))
    assert (await look(store, job("failed"), at=9)).stopped_at == later(3)
    await store.mark_stopped(REF, at=None)
    assert (await look(store, job("failed"), at=12)).stopped_at is None


async def test_a_process_is_alive_while_it_beats(store: Store) -> None:
    assert not await store.is_alive("one", now=START)
    await store.beat("one", now=START)
    assert await store.is_alive("one", now=later(LEASE_SECONDS))
    assert not await store.is_alive("one", now=later(LEASE_SECONDS + 1))
    await store.leave("one")
    assert not await store.is_alive("one", now=START)


# Accounts and leases


async def test_what_is_known_of_an_account_is_kept(path: Path) -> None:
    state = AccountState(KeyState.REFUSED, later(30.5), 3)
    with closing(Store(str(path))) as first:
        assert await first.account("dari") == AccountState()
        await first.set_account("dari", AccountState(KeyState.WORKS))
        await first.set_account("dari", state)
    with closing(Store(str(path))) as second:
        assert await second.account("dari") == state
        assert await second.account("gobii") == AccountState()


async def test_one_process_at_a_time_looks_at_a_job(store: Store, path: Path) -> None:
    await look(store)
    with closing(Store(str(path))) as other:
        assert await store.lease(REF, "one", now=START)
        assert await store.lease(REF, "one", now=START)
        assert not await other.lease(REF, "two", now=START)
        await other.release(REF, "two")
        assert not await other.lease(REF, "two", now=START)
        await store.release(REF, "one")
        assert await other.lease(REF, "two", now=START)
        assert not await store.lease(REF, "one", now=START)


async def test_leases_are_a_jobs_own(store: Store) -> None:
    other = JobRef("dari", "2")
    await look(store)
    await look(store, ref=other)
    assert await store.lease(REF, "one", now=START)
    assert await store.lease(other, "two", now=START)
    await store.leave("one")
    assert await store.lease(REF, "two", now=START)
    assert not await store.lease(other, "one", now=START)


async def test_a_process_that_beats_keeps_its_leases_and_a_silent_one_loses_them(store: Store) -> None:
    await look(store)
    assert await store.lease(REF, "one", now=virtual_clock())
    while anyio.current_time() < 3 * LEASE_SECONDS:
        await store.beat("two", now=virtual_clock())
        assert not await store.lease(REF, "two", now=virtual_clock())
        await anyio.sleep(2)
        await store.beat("one", now=virtual_clock())
    silent = anyio.current_time()
    while not await store.lease(REF, "two", now=virtual_clock()):
        await anyio.sleep(1)
        await store.beat("two", now=virtual_clock())
    assert LEASE_SECONDS < anyio.current_time() - silent <= LEASE_SECONDS + 3
    await store.beat("one", now=virtual_clock())
    assert not await store.lease(REF, "one", now=virtual_clock())


async def test_a_clock_put_back_takes_no_lease_for_good(store: Store) -> None:
    await look(store)
    assert await store.lease(REF, "one", now=later(10_000))
    await store.beat("two", now=START)
    assert await store.lease(REF, "two", now=START)


def test_no_statement_numbers_its_values_which_python_3_14_refuses() -> None:
    files = Path(file_module.__file__).parent.glob("*.py")
    assert not re.search(r"\?\d", "\n".join(file.read_text(encoding="utf-8") for file in files))
