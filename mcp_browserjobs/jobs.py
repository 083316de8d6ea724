"""Our words: what a job, an event and a question are, whichever provider runs them. No I/O."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

TITLE_CHARACTERS = 80
PROVIDER_STATUS_CHARACTERS = 40
START_PREFIX = "start/"
"""`account:start/key` stands for a job that is being started, until its id is known."""


class JobStatus(StrEnum):
    """Where a job stands, in one word that means the same for every provider."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING_FOR_INPUT = "waiting_for_input"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether the job is over, as far as anyone knows now."""
        return self in FINAL

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look: it is over, or it waits for a person."""
        return self.final or self in (JobStatus.PAUSED, JobStatus.WAITING_FOR_INPUT)


FINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class FailureKind(StrEnum):
    """Why a job failed: a closed set."""

    AGENT_GAVE_UP = "agent_gave_up"
    TIMED_OUT = "timed_out"
    SITE_BLOCKED = "site_blocked"
    INVALID_OUTPUT = "invalid_output"
    OUT_OF_CREDITS = "out_of_credits"
    PROVIDER_FAULT = "provider_fault"
    STOPPED_BY_USER = "stopped_by_user"
    UNKNOWN = "unknown"


class EventKind(StrEnum):
    """What sort of thing an event reports."""

    STATUS = "status"
    STEP = "step"
    MESSAGE = "message"
    QUESTION = "question"
    LOG = "log"
    OTHER = "other"


class KeyState(StrEnum):
    """What is known of an account's key."""

    WORKS = "works"
    REFUSED = "refused"
    UNTESTED = "untested"
    MISSING = "missing"


Artifact = Literal["result", "screenshots", "live_view", "recording", "downloads", "log", "question"]
LinkKind = Literal["live_view", "recording", "download", "log"]


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a moment without a zone is taken as UTC already."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no moment that UTC can name") from None


Moment = Annotated[datetime, AfterValidator(in_utc)]


Title = Annotated[str, AfterValidator(lambda title: title[:TITLE_CHARACTERS])]
"""What a job was asked to do, of which the beginning will do."""


class JobRef(NamedTuple):
    """The only handle of a job that leaves or enters this program: `account:id`."""

    account: str
    id: str

    def __str__(self) -> str:
        return f"{self.account}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Split `account:id`; None when there is no account part."""
        account, colon, job_id = text.partition(":")
        return cls(account, job_id) if account and colon and job_id else None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Cost(_Frozen):
    """What the provider says the job has cost so far. Zero is a statement, absence is not."""

    amount: float
    unit: Literal["USD", "credits"]


class Question(_Frozen):
    """What a waiting job wants to know from a person. All of it is the run's own text."""

    id: str
    text: str = ""
    options: tuple[str, ...] = ()


class Link(_Frozen):
    """A capability link: whoever has it can look, so it lives in memory only."""

    kind: LinkKind
    url: str
    expires_at: Moment | None = None


class Event(_Frozen):
    """Something the provider reports of a job, before it has a number.

    `key` is the provider's own id of it. Where a provider gives none, `key` says only where in the log it
    stands (its time and type, say) and `exact` is False: several events may then share a key.
    `reported` holds the run's own words: `text`, and where known `url` and the like.
    """

    key: str
    kind: EventKind
    at: Moment | None = None
    reported: dict[str, JsonValue] = Field(default_factory=dict)
    exact: bool = True


class LoggedEvent(_Frozen):
    """An event with its number, which never changes."""

    seq: int
    at: Moment
    kind: EventKind
    reported: dict[str, JsonValue]


class Picture(_Frozen):
    """A screenshot as the provider gives it: an encoded image of any size.

    `index` counts from 0, the oldest first; `count` is how many there are.
    """

    data: bytes
    index: int
    count: int


class Started(_Frozen):
    """A job that has just been made; `locator` as in a Job."""

    id: str
    locator: str = ""


class EventPage(_Frozen):
    """Some of a provider's events: pass `cursor` to get those after it.

    `links` are the capability links that the provider tells in its events; they never stand in an event.
    """

    events: tuple[Event, ...]
    cursor: str | None = None
    has_more: bool = False
    links: tuple[Link, ...] = ()


class Sighting(_Frozen):
    """What a provider's cheap status route tells: no more than the word."""

    status: JobStatus
    provider_status: str


class Change(_Frozen):
    """What a provider tells of a job without being asked again; one that says nothing tells that all is quiet.

    `sighting` is the status word, where it came along; `page` holds the events since the last change.
    """

    sighting: Sighting | None = None
    page: EventPage = EventPage(events=())


class Job(_Frozen):
    """One look at a job, in our words. What the provider did not say is None or empty.

    `id` is canonical. `locator` is the form to ask the provider with, where that is more than the id.
    `events` are those that came along with the look; providers with a list of their own leave it empty.
    `session` is the provider's id of what several jobs in a row can share. `links` are never stored.
    """

    id: str
    locator: str = ""
    session: str = ""
    status: JobStatus
    provider_status: str
    title: Title = ""
    created_at: Moment | None = None
    started_at: Moment | None = None
    updated_at: Moment | None = None
    finished_at: Moment | None = None
    current_step: str | None = None
    result: JsonValue = Field(default=None, exclude=True)
    error: str | None = None
    question: Question | None = None
    cost: Cost | None = None
    goal_met: bool | None = None
    goal_met_by: Literal["agent", "judge"] | None = None
    failure: FailureKind | None = None
    has: frozenset[Artifact] = frozenset()
    events: tuple[Event, ...] = Field(default=(), exclude=True)
    links: tuple[Link, ...] = Field(default=(), exclude=True)


class JobRow(_Frozen):
    """One job in a list."""

    id: str
    status: JobStatus
    provider_status: str
    title: Title = ""
    created_at: Moment | None = None
    started_at: Moment | None = None
    updated_at: Moment | None = None


class JobPage(_Frozen):
    """Some of a provider's jobs, newest first: pass `cursor` to get the next ones."""

    jobs: tuple[JobRow, ...]
    cursor: str | None = None
