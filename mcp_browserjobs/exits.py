"""What came of a command as an exit code, so that a script can go on from there. Pure."""

from datetime import datetime
from enum import IntEnum

from .errors import (
    PASSING,
    ActingDisabledError,
    AmbiguousReferenceError,
    AuthenticationError,
    BrowserJobsError,
    ConfigError,
    ForeignLinkError,
    InvalidArgumentError,
    MalformedIdError,
    MissingKeyError,
    NoneFoundError,
    NotSentError,
    NotSupportedError,
    PermissionDeniedError,
    UnknownAccountError,
    UnknownLinkError,
    UnknownOutcomeError,
)
from .jobs import JobStatus
from .views import JobView, Need, Until, Waited

WRONG_USAGE = (
    ActingDisabledError,
    AmbiguousReferenceError,
    ConfigError,
    ForeignLinkError,
    InvalidArgumentError,
    MalformedIdError,
    MissingKeyError,
    NotSupportedError,
    UnknownAccountError,
    UnknownLinkError,
)
NO_ANSWER = (*PASSING, AuthenticationError, NotSentError, PermissionDeniedError, UnknownOutcomeError)


class Exit(IntEnum):
    """The codes, those that say the most about several jobs last in `SEVERITY`."""

    COMPLETED = 0
    FAILED = 1
    USAGE = 2
    NEEDS_PERSON = 3
    TIME_UP = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


SEVERITY = (Exit.COMPLETED, Exit.TIME_UP, Exit.NEEDS_PERSON, Exit.UNREACHABLE, Exit.FAILED, Exit.USAGE)
"""For several jobs the last of these that one of them has: what waiting can change least."""


def of_error(error: BrowserJobsError) -> Exit:
    """The code of a failure: what is to be put right before trying again."""
    if isinstance(error, NoneFoundError):
        return worst({of_error(problem) for _, problem in error.problems})
    if isinstance(error, WRONG_USAGE):
        return Exit.USAGE
    return Exit.UNREACHABLE if isinstance(error, NO_ANSWER) else Exit.FAILED


def worst(codes: set[Exit]) -> Exit:
    """The code that stands for all of them."""
    return max(codes, key=SEVERITY.index, default=Exit.COMPLETED)


def of_wait(waited: Waited, *, until: Until, need: Need, since: datetime) -> Exit:
    """The code of a wait that began at `since`.

    With `need="any"`, jobs that can never get there count only when that goes for all of them.
    """
    views = list(waited.views)
    if need == "any":
        views = [view for view in views if not view.will_not_pass] or views
    codes = {_of_view(view, until) for view in views}
    if waited.done:
        return worst(codes - {Exit.TIME_UP})
    if any(_never_answered(view, since) for view in views):
        codes.add(Exit.UNREACHABLE)
    return worst(codes)


def _of_view(view: JobView, until: Until) -> Exit:
    match view.status:
        case JobStatus.COMPLETED:
            return Exit.FAILED if view.seen.job.goal_met is False else Exit.COMPLETED
        case JobStatus.FAILED | JobStatus.CANCELLED:
            return Exit.FAILED
        case _:
            if view.problem is not None and view.will_not_pass:
                return of_error(view.problem)
            person = view.status.needs_attention or view.stalled_seconds is not None
            return Exit.NEEDS_PERSON if person and until != "result" else Exit.TIME_UP


def _never_answered(view: JobView, since: datetime) -> bool:
    """Whether the provider of a job could not be asked from `since` on."""
    if view.status.final or not isinstance(view.problem, PASSING):
        return False
    return view.record is None or view.record.checked_at < since
