"""What the tracker hands out: a job, a wait, a page of a log, as they are now. Frozen, and free of foreign types."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from .errors import PASSING, AuthenticationError, BrowserJobsError, NoneFoundError, RetiredError
from .images import FittedImage
from .jobs import JobRef, JobStatus, KeyState, LoggedEvent
from .providers.base import Provider
from .store import Record

Until = Literal["result", "attention", "change"]
Need = Literal["all", "any"]


@dataclass(frozen=True)
class JobView:
    """What there is to say of one job now.

    `record` is None when it was never seen. `problem` is what stood in the way of asking the provider; `stale`
    says that what is told is therefore the last known state. `able` names the abilities that may be used on it.
    """

    reference: str
    now: datetime
    record: Record | None = None
    latest_events: tuple[LoggedEvent, ...] = ()
    result: JsonValue = None
    stalled_seconds: float | None = None
    stale: bool = False
    problem: BrowserJobsError | None = None
    retry_after: float | None = None
    able: frozenset[str] = frozenset()

    @property
    def seen(self) -> Record:
        """The record of a job that was seen.

        Raises:
            LookupError: it never was.
        """
        if self.record is None:
            raise LookupError(self.reference)
        return self.record

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        return self.record.job.status if self.record else JobStatus.UNKNOWN

    @property
    def will_not_pass(self) -> bool:
        """Whether waiting on is of no use, since the problem stays."""
        return self.problem is not None and not isinstance(self.problem, PASSING)

    def settles(self, until: Until, before: int) -> bool:
        """Whether nobody need wait for it any more; `before` is how many events it had when the wait began."""
        if self.record and self.record.detailed_at is None and self.problem is None:
            # A list told the word; what comes with it is still to be read.
            return False
        if self.will_not_pass or self.status.final:
            return True
        if until == "result":
            return False
        if self.status.needs_attention or self.stalled_seconds is not None:
            return True
        return until == "change" and self.record is not None and self.record.events > before


def enough(settled: Sequence[JobView], of: int, need: Need) -> bool:
    """Whether a wait for so many jobs is done, now that these have settled."""
    return len(settled) == of or (
        need == "any" and any(view.status.final or not view.will_not_pass for view in settled)
    )


def hopeless(views: Sequence[JobView]) -> BrowserJobsError | None:
    """Why not one of these jobs can be looked up, None where any can."""
    lost = [view for view in views if view.record is None and view.will_not_pass]
    why = tuple((view.reference, view.problem) for view in lost if view.problem)
    if not why or len(why) < len(views):
        return None
    return why[0][1] if len(why) == 1 else NoneFoundError(why)


@dataclass(frozen=True)
class Waited:
    """How a wait ended: `done` when what was waited for came, else the time was up. `views` in the order asked."""

    done: bool
    seconds: float
    views: tuple[JobView, ...]


@dataclass(frozen=True)
class EventsView:
    """A part of a job's log: `next_after` is where to go on, `more` whether there is more now."""

    view: JobView
    events: tuple[LoggedEvent, ...]
    next_after: int
    more: bool


@dataclass(frozen=True)
class ResultView:
    """A job's result or a part of it: `value` when it fits whole, else `text`, a slice of it.

    `characters` is the length of the whole; `next_offset` is None at its end.
    """

    view: JobView
    value: JsonValue
    text: str | None
    characters: int
    next_offset: int | None


@dataclass(frozen=True)
class Screenshot:
    """A screenshot that fits an answer: the `index`th, from 0, of `count`."""

    ref: JobRef
    image: FittedImage
    index: int
    count: int


@dataclass(frozen=True)
class JobList:
    """Some jobs, newest first; `cursor` leads to the next. `problems` are accounts that could not be asked."""

    records: tuple[Record, ...]
    cursor: str | None
    problems: tuple[BrowserJobsError, ...] = ()


@dataclass(frozen=True)
class AccountView:
    """An account, what can be done there, and what is known of its key."""

    name: str
    provider: type[Provider]
    key: KeyState
    key_variable: str
    problem: BrowserJobsError | None = None

    def closed(self, others: Sequence["AccountView"]) -> bool:
        """Whether nothing is wrong but that this API is shut: the key works at another of the same accounts."""
        if isinstance(self.problem, RetiredError):
            return True
        refused = self.key is KeyState.REFUSED and isinstance(self.problem, AuthenticationError | None)
        return refused and any(
            other.key is KeyState.WORKS and other.key_variable == self.key_variable for other in others
        )


Progress = Callable[[float, Sequence[JobView]], Awaitable[None]]
