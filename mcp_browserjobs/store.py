"""What has been seen, in one SQLite file that several processes of one user share.

Its surface is small and awaited, so that another database can stand behind it. Each statement here takes well
under a millisecond, so they run where they are called; a file locked by a sibling is tried again without
blocking anybody.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import anyio
from pydantic import JsonValue

from .errors import StoreError
from .eventlog import Known, digest, merge
from .jobs import Event, EventKind, Job, JobRef, JobRow, JobStatus, KeyState, Link, LoggedEvent, Sighting

MEMORY = ":memory:"
LOCK_PATIENCE = 10.0
LEASE_SECONDS = 6.0
RHYTHM_EVENTS = 50
LARGEST_INTEGER = 2**63 - 1
LATEST_STAMP = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()
"""The last moments of the year 9999 are rounded up to none that there is."""
APPLICATION_ID = 0x4D424A53
"""Stands in the head of the file, so that nobody else's is taken for a store."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE jobs (
        key INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        id TEXT NOT NULL,
        locator TEXT NOT NULL,
        snapshot TEXT NOT NULL,
        status TEXT NOT NULL,
        sort_at REAL NOT NULL,
        revision INTEGER NOT NULL,
        events INTEGER NOT NULL,
        cursor TEXT,
        first_seen_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        checked_at REAL NOT NULL,
        detailed_at REAL,
        stopped_at REAL,
        UNIQUE (account, id)
    );
    CREATE INDEX jobs_by_id ON jobs (id);
    CREATE INDEX jobs_by_time ON jobs (sort_at DESC, key DESC);
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (key),
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        reported TEXT NOT NULL,
        provider_key TEXT,
        digest TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) WITHOUT ROWID;
    CREATE INDEX events_by_provider_key ON events (job, provider_key);
    CREATE TABLE results (job INTEGER PRIMARY KEY REFERENCES jobs (key), result TEXT NOT NULL);
    CREATE TABLE links (hash TEXT PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (key)) WITHOUT ROWID;
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY,
        key_state TEXT NOT NULL,
        rest_until REAL NOT NULL,
        strikes INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE starts (
        account TEXT NOT NULL,
        key TEXT NOT NULL,
        content TEXT NOT NULL,
        asked_at REAL NOT NULL,
        process TEXT NOT NULL,
        job TEXT,
        PRIMARY KEY (account, key)
    ) WITHOUT ROWID;
    CREATE INDEX starts_by_content ON starts (account, content, asked_at);
    CREATE TABLE processes (name TEXT PRIMARY KEY, seen_at REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE leases (job INTEGER PRIMARY KEY REFERENCES jobs (key), process TEXT NOT NULL);
    """,
    """
    CREATE TABLE tasks (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        wanted TEXT NOT NULL,
        made_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        outcome TEXT
    ) WITHOUT ROWID;
    CREATE INDEX tasks_by_end ON tasks (expires_at);
    CREATE TABLE task_answers (
        task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        question TEXT NOT NULL,
        times INTEGER NOT NULL,
        quiet_until REAL NOT NULL,
        PRIMARY KEY (task, question)
    ) WITHOUT ROWID;
    """,
)
"""Each runs once, in order; `PRAGMA user_version` counts those that did."""

log = logging.getLogger(__name__)

_KEY_OF = "(SELECT key FROM jobs WHERE account = ? AND id = ?)"

T = TypeVar("T")
NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Record:
    """A job as last seen.

    `changed_at` is when anything of it last changed, `checked_at` when the provider last answered,
    `detailed_at` when it was last read whole (None: only its status is known).
    `cursor` is where to go on in the provider's events. `revision` grows with each change.
    `stopped_at` is when we asked the provider to stop it.
    """

    ref: JobRef
    locator: str
    job: Job
    revision: int
    events: int
    cursor: str | None
    first_seen_at: datetime
    changed_at: datetime
    checked_at: datetime
    detailed_at: datetime | None
    stopped_at: datetime | None = None

    def age(self, now: datetime) -> float:
        """Seconds since the job started, or since it was made or first seen where that is not known."""
        begun = self.job.started_at or self.job.created_at or self.first_seen_at
        return max(0.0, (now - begun).total_seconds())


@dataclass(frozen=True)
class Start:
    """A job that somebody asked for: `content` is a fingerprint of what, `job` its id once that is known.

    `process` is who asked the provider.
    """

    account: str
    key: str
    content: str
    asked_at: datetime
    process: str
    job: str | None = None


@dataclass(frozen=True)
class TaskAnswer:
    """How often a person answered a question of a task; it is not put to them again before `quiet_until`."""

    times: int
    quiet_until: datetime


@dataclass(frozen=True)
class Task:
    """A wait that a client left running. `wanted` says for what, `outcome` how it ended, None while it goes on.

    `owner` is who may ask after it. `answers` are by question.
    """

    id: str
    owner: str
    wanted: JsonValue
    made_at: datetime
    changed_at: datetime
    expires_at: datetime
    outcome: JsonValue = None
    answers: Mapping[str, TaskAnswer] = field(default_factory=dict)


@dataclass(frozen=True)
class AccountState:
    """What is known of an account: its key, and until when it must rest after how many 429s in a row."""

    key: KeyState = KeyState.UNTESTED
    rest_until: datetime = NEVER
    strikes: int = 0


Position = tuple[float, int]
"""Where a list of jobs goes on: below this."""


class Store:
    """Everything that has been seen.

    A file that cannot be used any more is left for the memory of this process; `problem` says so then.

    Args:
        path: a file, made with its folder when missing and private to its user, or `:memory:`.

    Raises:
        StoreError: it cannot be opened, or is of a newer version.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.problem: StoreError | None = None
        with contextlib.ExitStack() as opened:
            try:
                if path != MEMORY:
                    _make_private(Path(path))
                self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
                opened.callback(self._db.close)
                self._open_patiently()
            except (sqlite3.Error, OSError) as error:
                raise StoreError(path, _problem(error)) from None
            opened.pop_all()

    @property
    def shared(self) -> bool:
        """Whether other processes may use it too."""
        return self.path != MEMORY and self.problem is None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _go_on_in_memory(self, problem: str) -> None:
        """Leave the file, which cannot be used any more, with a copy of it unless it is damaged."""
        self.problem = StoreError(self.path, problem)
        log.warning("the store cannot be used any more (%s); what is seen from now on is not kept", problem)
        left, self._db = self._db, sqlite3.connect(MEMORY, isolation_level=None)
        with contextlib.closing(left), contextlib.suppress(sqlite3.Error):
            if problem != NOT_OURS:
                left.backup(self._db)
        self._open()

    def _open_patiently(self) -> None:
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                return self._open()
            except sqlite3.OperationalError as error:
                # SQLite's own patience has a gap, where two that make the same file would wait for each other.
                if _code(error) not in LOCKED or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    def _open(self) -> None:
        self._db.row_factory = sqlite3.Row
        if self._pragma("application_id") != APPLICATION_ID:
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._migrate()

    def _migrate(self) -> None:
        while (version := self._pragma("user_version")) != len(MIGRATIONS):
            if version > len(MIGRATIONS):
                raise StoreError(self.path, "a newer version of mcp-browserjobs wrote it")
            with self._transaction():
                if self._pragma("user_version") == version:
                    for statement in MIGRATIONS[version].split(";"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version = {version + 1}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    async def _write(self, change: Callable[[], T]) -> T:
        def once() -> T:
            with self._transaction():
                return change()

        return await self._try(once)

    async def _try(self, action: Callable[[], T]) -> T:
        pause, deadline = 0.001, anyio.current_time() + LOCK_PATIENCE
        while True:
            try:
                return action()
            except sqlite3.Error as error:
                if _code(error) not in LOCKED or anyio.current_time() > deadline:
                    if _code(error) not in PROBLEMS or not self.shared:
                        raise StoreError(self.path, _problem(error)) from None
                    self._go_on_in_memory(_problem(error))
                    deadline = -math.inf
                    continue
            await anyio.sleep(pause)
            pause = min(0.1, pause * 2)

    # Jobs

    async def load(self, ref: JobRef) -> Record | None:
        """The job as last seen, None when it never was."""
        return await self._try(lambda: self._load(ref))

    def _load(self, ref: JobRef) -> Record | None:
        row = self._db.execute("SELECT * FROM jobs WHERE account = ? AND id = ?", ref).fetchone()
        return _to_record(row) if row else None

    async def find(self, job_id: str) -> list[JobRef]:
        """The jobs seen before whose id this is, in any account."""
        rows = await self._try(
            lambda: self._db.execute("SELECT account, id FROM jobs WHERE id = ?", (job_id,)).fetchall()
        )
        return [JobRef(*row) for row in rows]

    async def find_part(self, account: str, last: str) -> list[JobRef]:
        """An account's jobs seen before whose id is this, or ends with it after a slash."""
        query = (
            "SELECT account, id FROM jobs WHERE account = ?1 AND (id = ?2 OR substr(id, -length(?2) - 1) = '/' || ?2)"
        )
        rows = await self._try(lambda: self._db.execute(query, (account, last)).fetchall())
        return [JobRef(*row) for row in rows]

    async def find_link(self, url: str) -> JobRef | None:
        """The job that gave this capability link. Only a fingerprint of the link is kept."""
        query = "SELECT account, id FROM links JOIN jobs ON jobs.key = links.job WHERE hash = ?"
        row = await self._try(lambda: self._db.execute(query, (_link_hash(url),)).fetchone())
        return JobRef(*row) if row else None

    async def record(
        self,
        ref: JobRef,
        job: Job,
        events: Sequence[Event],
        *,
        now: datetime,
        locator: str = "",
        cursor: str | None = None,
        whole: bool = True,
    ) -> Record:
        """Write down one look: the job's state, and those of its events that have no number yet.

        A change of status is itself an event: one that opens comes before the provider's new events, one that
        closes after them. What was seen before and is not said any more (a result, a title) is kept.

        Args:
            events: what the provider lists, or the part of it after the record's cursor.
            locator: the form to ask the provider with, where it is more than the id.
            cursor: where the provider's events go on; None leaves it as it is.
            whole: False when only the status and little more is known.
        """
        return await self._write(lambda: self._record(ref, job, events, now, locator, cursor, whole=whole))

    def _record(
        self,
        ref: JobRef,
        job: Job,
        events: Sequence[Event],
        now: datetime,
        locator: str,
        cursor: str | None,
        *,
        whole: bool,
    ) -> Record:
        before = self._load(ref)
        job = _with_what_was_known(job, before.job if before else None)
        key = self._insert(ref, job, now) if before is None else self._key(ref)
        count = before.events if before else 0
        reworded = before is None or before.job.provider_status != job.provider_status
        turned = before is None or before.job.status is not job.status or (reworded and job.status is JobStatus.UNKNOWN)
        status = [_status_event(job, before.job.status if before else None, now)] if turned else []
        opens = job.status in (JobStatus.QUEUED, JobStatus.RUNNING)
        merged = merge(self._known(key, events), events, part=before is not None and before.cursor is not None)
        for seq, event in merged.rewritten:
            self._db.execute(
                "UPDATE events SET reported = ?, digest = ? WHERE job = ? AND seq = ?",
                (_json(event.reported), digest(event), key, seq),
            )
        new = [*status, *merged.new] if opens else [*merged.new, *status]
        for seq, event in enumerate(new, count + 1):
            self._db.execute(
                "INSERT INTO events (job, seq, at, kind, reported, provider_key, digest) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    seq,
                    (event.at or now).timestamp(),
                    event.kind,
                    _json(event.reported),
                    _json(event.key) if event.key else None,
                    digest(event),
                ),
            )
        another = job.result is not None and self._write_result(key, job.result)
        for link in job.links:
            self._db.execute("INSERT OR IGNORE INTO links VALUES (?, ?)", (_link_hash(link.url), key))
        snapshot = job.model_dump_json(exclude_none=True)
        told = bool(another or new or merged.rewritten)
        changed = told or before is None or before.job != job.model_copy(update=_UNSTORED)
        moved = told or before is None or _without_meters(before.job) != _without_meters(job)
        changed_at = now if before else min(now, job.updated_at or now)
        self._db.execute(
            """
            UPDATE jobs SET
                locator = CASE WHEN ?1 = '' THEN locator ELSE ?1 END, snapshot = ?2, status = ?3, sort_at = ?4,
                revision = revision + ?5, events = ?6, cursor = coalesce(?7, cursor),
                changed_at = CASE WHEN ?13 THEN ?8 ELSE changed_at END, checked_at = ?9,
                detailed_at = CASE WHEN ?10 THEN ?9 WHEN ?11 THEN NULL ELSE detailed_at END
            WHERE key = ?12
            """,
            (
                locator,
                snapshot,
                job.status,
                _sort_at(job, before.first_seen_at if before else now),
                changed,
                count + len(new),
                cursor,
                changed_at.timestamp(),
                now.timestamp(),
                whole,
                turned or reworded,
                key,
                moved,
            ),
        )
        return _to_record(self._db.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone())

    def _insert(self, ref: JobRef, job: Job, now: datetime) -> int:
        at = now.timestamp()
        values = (*ref, job.status, _sort_at(job, now), at, at, at)
        cursor = self._db.execute(
            "INSERT INTO jobs (account, id, locator, snapshot, status, sort_at, revision, events,"
            " first_seen_at, changed_at, checked_at) VALUES (?, ?, '', '{}', ?, ?, 0, 0, ?, ?, ?)",
            values,
        )
        return int(cursor.lastrowid or 0)

    def _key(self, ref: JobRef) -> int:
        return int(self._db.execute("SELECT key FROM jobs WHERE account = ? AND id = ?", ref).fetchone()[0])

    def _write_result(self, key: int, result: JsonValue) -> bool:
        """Whether it says something else than before."""
        query = (
            "INSERT INTO results VALUES (?, ?)"
            " ON CONFLICT (job) DO UPDATE SET result = excluded.result WHERE result != excluded.result"
        )
        return self._db.execute(query, (key, _json(result))).rowcount > 0

    def _known(self, key: int, events: Sequence[Event]) -> list[Known]:
        keys = _json(list({_json(event.key) for event in events}))
        rows = self._db.execute(
            "SELECT seq, provider_key, digest FROM events"
            " WHERE job = ? AND provider_key IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (key, keys),
        )
        return [Known(seq, json.loads(provider_key), digest) for seq, provider_key, digest in rows]

    async def record_sighting(self, ref: JobRef, sighting: Sighting, *, now: datetime) -> Record | None:
        """Write down a bare status word. None when the job was never seen whole."""

        def change() -> Record | None:
            before = self._load(ref)
            if before is None:
                return None
            told = sighting.model_dump()
            known = before.job.status
            if sighting.provider_status == before.job.provider_status and (known.final or not sighting.status.final):
                # A look knew more than the word: that the stop was ours, or that nothing is asked.
                told["status"] = known
            if before.job == before.job.model_copy(update=told):
                self._db.execute("UPDATE jobs SET checked_at = ? WHERE account = ? AND id = ?", (now.timestamp(), *ref))
                return self._load(ref)
            job = before.job.model_copy(update=told)
            return self._record(ref, job, (), now, "", None, whole=False)

        return await self._write(change)

    async def record_row(self, account: str, row: JobRow, *, now: datetime) -> Record:
        """Write down a job that the provider's list shows."""
        ref = JobRef(account, row.id)
        sighting = Sighting(status=row.status, provider_status=row.provider_status)
        known = await self.record_sighting(ref, sighting, now=now)
        return known or await self.record(ref, Job(**row.model_dump()), (), now=now, whole=False)

    async def recent(
        self, limit: int, *, account: str = "", status: str = "", below: Position | None = None
    ) -> list[tuple[Position, Record]]:
        """Jobs, newest first, each with its position."""
        query = (
            "SELECT * FROM jobs WHERE (?1 = '' OR account = ?1) AND (?2 = '' OR status = ?2)"
            " AND (?3 IS NULL OR (sort_at, key) < (?3, ?4)) ORDER BY sort_at DESC, key DESC LIMIT ?5"
        )
        values = (account, status, *(below or (None, None)), limit)
        rows = await self._try(lambda: self._db.execute(query, values).fetchall())
        return [((row["sort_at"], row["key"]), _to_record(row)) for row in rows]

    async def record_links(self, ref: JobRef, links: Sequence[Link]) -> None:
        """Remember, by their fingerprints, that these links belong to the job."""
        query = f"INSERT OR IGNORE INTO links SELECT ?, key FROM ({_KEY_OF[1:-1]})"  # noqa: S608 - ours
        hashes = [(_link_hash(link.url), *ref) for link in links]
        await self._write(lambda: self._db.executemany(query, hashes))

    async def mark_stopped(self, ref: JobRef, *, now: datetime) -> None:
        """Write down that we asked for the job to be stopped, before it is asked."""
        query = "UPDATE jobs SET stopped_at = ? WHERE account = ? AND id = ?"
        await self._write(lambda: self._db.execute(query, (now.timestamp(), *ref)))

    # Starts

    async def claim_start(self, start: Start, *, since: datetime) -> Start:
        """Write down that a job is to be started, before the provider is asked.

        When that was written before, under the same key or, after `since`, with the same content, the earlier
        one comes back and nothing is written.
        """

        def change() -> Start:
            row = self._db.execute(
                "SELECT * FROM starts WHERE account = ?1 AND (key = ?2 OR (content = ?3 AND asked_at > ?4))"
                " ORDER BY key = ?2 DESC, asked_at DESC",
                (start.account, start.key, start.content, since.timestamp()),
            ).fetchone()
            if row:
                return _to_start(row)
            values = (start.account, start.key, start.content, start.asked_at.timestamp(), start.process, start.job)
            self._db.execute("INSERT INTO starts VALUES (?, ?, ?, ?, ?, ?)", values)
            return start

        return await self._write(change)

    async def start(self, account: str, key: str) -> Start | None:
        """What was asked for under this key."""
        query = "SELECT * FROM starts WHERE account = ? AND key = ?"
        row = await self._try(lambda: self._db.execute(query, (account, key)).fetchone())
        return _to_start(row) if row else None

    async def started_jobs(self, account: str) -> set[str]:
        """The ids of all jobs that were started from here."""
        query = "SELECT job FROM starts WHERE account = ? AND job IS NOT NULL"
        return {row[0] for row in await self._try(lambda: self._db.execute(query, (account,)).fetchall())}

    async def retake_start(self, start: Start, process: str, *, now: datetime) -> bool:
        """Take over a start that came to nothing, to ask again; False when somebody else just did."""
        query = (
            "UPDATE starts SET process = ?, asked_at = ? WHERE account = ? AND key = ? AND asked_at = ? AND job IS NULL"
        )
        values = (process, now.timestamp(), start.account, start.key, start.asked_at.timestamp())
        return await self._write(lambda: self._db.execute(query, values).rowcount) == 1

    async def finish_start(self, account: str, key: str, job: str | None) -> None:
        """Write down the id of what was started; None: it certainly was not, and may be asked for anew."""

        def change() -> None:
            if job is None:
                self._db.execute("DELETE FROM starts WHERE account = ? AND key = ? AND job IS NULL", (account, key))
            else:
                self._db.execute("UPDATE starts SET job = ? WHERE account = ? AND key = ?", (job, account, key))

        await self._write(change)

    # Tasks

    async def make_task(self, task: Task) -> None:
        """Write down a new task, and forget those that have expired by then."""

        def change() -> None:
            made_at = task.made_at.timestamp()
            self._db.execute("DELETE FROM tasks WHERE expires_at <= ?", (made_at,))
            values = (task.id, task.owner, _json(task.wanted), made_at, made_at, task.expires_at.timestamp())
            self._db.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, NULL)", values)

        await self._write(change)

    async def load_task(self, task_id: str, *, now: datetime) -> Task | None:
        """A task that has not expired."""
        task = await self._try(lambda: self._load_task(task_id))
        return task if task and now < task.expires_at else None

    def _load_task(self, task_id: str) -> Task | None:
        row = self._db.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
        query = "SELECT question, times, quiet_until FROM task_answers WHERE task = ?"
        return _to_task(row, self._db.execute(query, (task_id,)).fetchall()) if row else None

    async def note_answer(self, task_id: str, question: str, answer: TaskAnswer, *, now: datetime) -> bool:
        """Write down that a question of a task was answered; False when as many answers are known already."""

        def change() -> bool:
            query = (
                "INSERT INTO task_answers VALUES (?, ?, ?, ?) ON CONFLICT (task, question)"
                " DO UPDATE SET times = excluded.times, quiet_until = excluded.quiet_until"
                " WHERE times < excluded.times"
            )
            values = (task_id, question, answer.times, answer.quiet_until.timestamp())
            noted = self._db.execute(query, values).rowcount > 0
            if noted:
                self._db.execute("UPDATE tasks SET changed_at = ? WHERE id = ?", (now.timestamp(), task_id))
            return noted

        return await self._write(change)

    async def end_task(self, task: Task, outcome: JsonValue, *, now: datetime) -> Task:
        """Write down how a task ended, unless it has ended before, and give the task as it is then."""

        def change() -> Task:
            query = "UPDATE tasks SET outcome = ?, changed_at = ? WHERE id = ? AND outcome IS NULL"
            self._db.execute(query, (_json(outcome), now.timestamp(), task.id))
            return self._load_task(task.id) or replace(task, outcome=outcome, changed_at=now)

        return await self._write(change)

    # Events and results

    async def events(self, ref: JobRef, *, after: int, limit: int) -> list[LoggedEvent]:
        """The events with numbers above `after`, in order, at most `limit`."""
        return await self._events(ref, "seq > ? ORDER BY seq LIMIT ?", min(after, LARGEST_INTEGER), limit)

    async def latest_events(self, ref: JobRef, limit: int) -> list[LoggedEvent]:
        """The last `limit` events, in order."""
        return (await self._events(ref, "1 ORDER BY seq DESC LIMIT ?", limit))[::-1]

    async def _events(self, ref: JobRef, condition: str, *values: int) -> list[LoggedEvent]:
        query = f"SELECT seq, at, kind, reported FROM events WHERE job = {_KEY_OF} AND {condition}"  # noqa: S608 - ours
        rows = await self._try(lambda: self._db.execute(query, (*ref, *values)).fetchall())
        return [
            LoggedEvent.model_construct(
                seq=row["seq"], at=_moment(row["at"]), kind=EventKind(row["kind"]), reported=json.loads(row["reported"])
            )
            for row in rows
        ]

    async def rhythm(self, ref: JobRef) -> list[datetime]:
        """When the provider's latest events happened, oldest first: what a stall is measured against."""
        query = f"SELECT at FROM events WHERE job = {_KEY_OF} AND provider_key IS NOT NULL ORDER BY seq DESC LIMIT ?"  # noqa: S608 - ours
        rows = await self._try(lambda: self._db.execute(query, (*ref, RHYTHM_EVENTS)).fetchall())
        return [_moment(row["at"]) for row in rows][::-1]

    async def result(self, ref: JobRef) -> JsonValue:
        """The job's result, None when there is none."""
        query = f"SELECT result FROM results WHERE job = {_KEY_OF}"  # noqa: S608 - ours
        row = await self._try(lambda: self._db.execute(query, ref).fetchone())
        result: JsonValue = json.loads(row["result"]) if row else None
        return result

    # Accounts

    async def account(self, name: str) -> AccountState:
        """What is known of an account."""
        row = await self._try(lambda: self._db.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone())
        return (
            AccountState(KeyState(row["key_state"]), _moment(row["rest_until"]), row["strikes"])
            if row
            else AccountState()
        )

    async def set_account(self, name: str, state: AccountState) -> None:
        """Write down what is known of an account."""
        values = (name, state.key, state.rest_until.timestamp(), state.strikes)
        await self._write(lambda: self._db.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", values))

    # Sharing the looks among processes

    async def beat(self, process: str, *, now: datetime) -> None:
        """Say that this process is alive; the leases of one that is silent for LEASE_SECONDS are free."""

        def change() -> None:
            at = now.timestamp()
            self._db.execute("INSERT OR REPLACE INTO processes VALUES (?, ?)", (process, at))
            self._db.execute("DELETE FROM processes WHERE abs(? - seen_at) > ?", (at, LEASE_SECONDS))
            self._db.execute("DELETE FROM leases WHERE process NOT IN (SELECT name FROM processes)")

        await self._write(change)

    async def is_alive(self, process: str, *, now: datetime) -> bool:
        """Whether a process has said so lately."""
        query = "SELECT 1 FROM processes WHERE name = ? AND abs(? - seen_at) <= ?"
        values = (process, now.timestamp(), LEASE_SECONDS)
        return await self._try(lambda: self._db.execute(query, values).fetchone()) is not None

    async def lease(self, ref: JobRef, process: str, *, now: datetime) -> bool:
        """Whether this process is the one that looks at the job; takes the lease when it is free."""

        def holder() -> str | None:
            row = self._db.execute(
                f"SELECT process FROM leases JOIN processes ON name = process WHERE job = {_KEY_OF}",  # noqa: S608 - ours
                ref,
            ).fetchone()
            return row[0] if row else None

        def take() -> bool:
            if (current := holder()) is None:
                self._db.execute("INSERT OR REPLACE INTO processes VALUES (?, ?)", (process, now.timestamp()))
                query = "INSERT OR REPLACE INTO leases SELECT key, ? FROM jobs WHERE account = ? AND id = ?"
                self._db.execute(query, (process, *ref))
                return True
            return current == process

        current = await self._try(holder)
        return current == process if current is not None else await self._write(take)

    async def release(self, ref: JobRef, process: str) -> None:
        """Give the lease back."""
        query = f"DELETE FROM leases WHERE process = ? AND job = {_KEY_OF}"  # noqa: S608 - ours
        await self._write(lambda: self._db.execute(query, (process, *ref)))

    async def leave(self, process: str) -> None:
        """Give all leases back: the process ends."""

        def change() -> None:
            self._db.execute("DELETE FROM leases WHERE process = ?", (process,))
            self._db.execute("DELETE FROM processes WHERE name = ?", (process,))

        await self._write(change)

    async def sibling_version(self) -> int:
        """A number that changes whenever another process has written."""
        return int(await self._try(lambda: self._db.execute("PRAGMA data_version").fetchone()[0]))


_UNSTORED = {"result": None, "events": (), "links": ()}


def _make_private(path: Path) -> None:
    """Make the file when there is none, and let nobody else read it. What is not ours is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        path.touch(mode=0o600)
    if not path.is_file():
        raise StoreError(str(path), "it is no file")
    with path.open("rb") as file:
        head = file.read(100)
    if head and head[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise StoreError(str(path), NOT_OURS)
    for part in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))):
        # A sibling that ends takes the last two away.
        with contextlib.suppress(FileNotFoundError):
            if os.name == "posix" and part.stat().st_mode & 0o077:
                part.chmod(0o600)


def _with_what_was_known(job: Job, before: Job | None) -> Job:
    if before is None:
        return job
    kept = {
        name: known
        for name in ("title", "session", "created_at", "started_at", "cost", "locator")
        if not getattr(job, name) and getattr(job, name) != 0 and (known := getattr(before, name))
    }
    return job.model_copy(update=kept) if kept else job


def _without_meters(job: Job) -> Job:
    """The job without what runs on while nothing happens: a stalled job still costs."""
    return job.model_copy(update={**_UNSTORED, "cost": None, "updated_at": None})


def _status_event(job: Job, before: JobStatus | None, now: datetime) -> Event:
    """The event of a change of status, dated as well as what the provider says allows."""
    match job.status:
        case JobStatus.QUEUED | JobStatus.RUNNING if before is None:
            moment = job.started_at or job.created_at or job.updated_at
        case JobStatus.RUNNING if before is JobStatus.QUEUED:
            moment = job.started_at or job.updated_at
        case _:
            moment = job.finished_at if job.status.final else job.updated_at
    return Event(
        key="",
        kind=EventKind.STATUS,
        at=min(now, moment) if moment else now,
        reported={"status": job.status.value, "provider_status": job.provider_status},
    )


def _sort_at(job: Job, first_seen_at: datetime) -> float:
    return (job.created_at or job.started_at or first_seen_at).timestamp()


def _link_hash(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def _json(value: JsonValue) -> str:
    return json.dumps(value, separators=(",", ":"))


def _moment(stamp: float) -> datetime:
    return NEVER + timedelta(seconds=min(stamp, LATEST_STAMP))


def _to_start(row: sqlite3.Row) -> Start:
    moment = _moment(row["asked_at"])
    return Start(row["account"], row["key"], row["content"], moment, row["process"], row["job"])


def _to_task(row: sqlite3.Row, answers: Sequence[sqlite3.Row]) -> Task:
    return Task(
        id=row["id"],
        owner=row["owner"],
        wanted=json.loads(row["wanted"]),
        made_at=_moment(row["made_at"]),
        changed_at=_moment(row["changed_at"]),
        expires_at=_moment(row["expires_at"]),
        outcome=json.loads(row["outcome"]) if row["outcome"] else None,
        answers={question: TaskAnswer(times, _moment(until)) for question, times, until in answers},
    )


def _to_record(row: sqlite3.Row) -> Record:
    return Record(
        ref=JobRef(row["account"], row["id"]),
        locator=row["locator"],
        job=Job.model_validate_json(row["snapshot"]),
        revision=row["revision"],
        events=row["events"],
        cursor=row["cursor"],
        first_seen_at=_moment(row["first_seen_at"]),
        changed_at=_moment(row["changed_at"]),
        checked_at=_moment(row["checked_at"]),
        detailed_at=None if row["detailed_at"] is None else _moment(row["detailed_at"]),
        stopped_at=None if row["stopped_at"] is None else _moment(row["stopped_at"]),
    )


NOT_OURS = "it is damaged, or no store of ours"
LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
PROBLEMS = {
    sqlite3.SQLITE_CORRUPT: NOT_OURS,
    sqlite3.SQLITE_NOTADB: NOT_OURS,
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    **dict.fromkeys((sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN), "it cannot be read or written"),
    **dict.fromkeys(LOCKED, "another process keeps it locked"),
}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _problem(error: sqlite3.Error | OSError) -> str:
    """Why, in words of ours."""
    match error:
        case sqlite3.Error():
            return PROBLEMS.get(_code(error), "SQLite cannot use it")
        case PermissionError():
            return "no permission"
        case FileExistsError() | NotADirectoryError():
            return "a part of its path is no folder"
        case _:
            return error.strerror or "the file cannot be used"
