"""What leaves the store and enters it, and how it is told from rows."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydantic import JsonValue

from ..jobs import EventKind, Job, JobRef, KeyState, LoggedEvent
from ..tally import Counted

NEVER = datetime.fromtimestamp(0, UTC)
LATEST_STAMP = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()
"""The last moments of the year 9999 are rounded up to none that there is."""
SNAPSHOTS = 64
"""So many jobs are kept as they were read."""


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

    @property
    def begun_at(self) -> datetime | None:
        """When the job started, or was made; None where the provider does not tell."""
        return self.job.started_at or self.job.created_at

    def age(self, now: datetime) -> float:
        """Seconds since the job began, or was first seen where that is not known."""
        return max(0.0, (now - (self.begun_at or self.first_seen_at)).total_seconds())


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


class OvertakenError(Exception):
    """A look is not written down, since the job has changed while it was made.

    `record` is what stands there, None when the store has lost the job.
    """

    def __init__(self, record: Record | None) -> None:
        super().__init__(record and record.ref)
        self.record = record


def link_hash(url: str) -> str:
    """The fingerprint of a link, which is kept in its stead."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


to_json: Callable[[JsonValue], str] = json.JSONEncoder(separators=(",", ":")).encode


def to_moment(stamp: float) -> datetime:
    """The moment of a stamp."""
    return NEVER + timedelta(seconds=min(stamp, LATEST_STAMP))


def to_record(row: sqlite3.Row) -> Record:
    """The record of a row of `jobs`."""
    return Record(
        ref=JobRef(row["account"], row["id"]),
        locator=row["locator"],
        job=_to_job(row["snapshot"]),
        revision=row["revision"],
        events=row["events"],
        cursor=row["cursor"],
        first_seen_at=to_moment(row["first_seen_at"]),
        changed_at=to_moment(row["changed_at"]),
        checked_at=to_moment(row["checked_at"]),
        detailed_at=None if row["detailed_at"] is None else to_moment(row["detailed_at"]),
        stopped_at=None if row["stopped_at"] is None else to_moment(row["stopped_at"]),
    )


@lru_cache(maxsize=SNAPSHOTS)
def _to_job(snapshot: str) -> Job:
    """The job of a snapshot. Whoever asks for a job reads it a few times in a row."""
    return Job.model_validate_json(snapshot)


def to_event(row: sqlite3.Row) -> LoggedEvent:
    """The event of a row of `events`."""
    return LoggedEvent.model_construct(
        seq=row["seq"], at=to_moment(row["at"]), kind=EventKind(row["kind"]), reported=json.loads(row["reported"])
    )


def to_result(row: sqlite3.Row) -> JsonValue:
    """The result of a row of `results`."""
    result: JsonValue = json.loads(row["result"])
    return result


def to_start(row: sqlite3.Row) -> Start:
    """The start of a row of `starts`."""
    moment = to_moment(row["asked_at"])
    return Start(row["account"], row["key"], row["content"], moment, row["process"], row["job"])


def to_task(row: sqlite3.Row, answers: Sequence[sqlite3.Row]) -> Task:
    """The task of a row of `tasks`, with its rows of `task_answers`."""
    return Task(
        id=row["id"],
        owner=row["owner"],
        wanted=json.loads(row["wanted"]),
        made_at=to_moment(row["made_at"]),
        changed_at=to_moment(row["changed_at"]),
        expires_at=to_moment(row["expires_at"]),
        outcome=json.loads(row["outcome"]) if row["outcome"] else None,
        answers={question: TaskAnswer(times, to_moment(until)) for question, times, until in answers},
    )


def to_counted(row: sqlite3.Row) -> Counted:
    """The count of a row of `counts`."""
    return Counted(row["what"], row["account"], row["how"], row["times"], to_moment(row["last_at"]))
