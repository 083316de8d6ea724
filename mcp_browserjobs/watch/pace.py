"""When to look again: pure arithmetic over a job's age, what it does, and what the provider asks for."""

import math

from ..jobs import JobStatus

BRIEFEST = 1.5
"""Seconds between looks at a young job, where nothing else is said."""
SHARE_OF_AGE = 0.0295
"""A look each 3 % of a run's age (a little less, for the time that the look takes)."""
SHARE_OF_QUIET = 0.5
"""Somebody who follows the events sees one at most half as late again as the pause before it."""
LONGEST = 300.0
IDLE_SHARE_OF_QUIET, IDLE_LONGEST = 0.1, 30.0
"""A job that waits for a person moves at a person's pace."""
DETAIL_BRIEFEST, DETAIL_SHARE_OF_AGE = 120.0, 0.15
"""How often a whole look takes the place of a cheap one while the status word stays the same."""
BEATING_BRIEFEST = 90.0
"""So long a stream may say no more than that it lives, before the job is asked for."""
POLL_BRIEFEST, POLL_LONGEST = 15.0, 50.0
"""A long poll that brings nothing lasts so long, as servers cut those of a minute."""
REST_BRIEFEST, REST_LONGEST = 5.0, 600.0
BACKOFF_LONGEST = 60.0


def interval(*, status: JobStatus, age: float, quiet: float, followed: bool, floor: float) -> float:
    """Seconds from one look to the next.

    Args:
        status: where the job stands.
        age: seconds since it started.
        quiet: seconds since anything of it changed.
        followed: whether somebody wants its events, not only its end.
        floor: the shortest interval that the provider or the user allows; 0 for none.
    """
    wanted = SHARE_OF_AGE * age
    if followed:
        wanted = min(wanted, SHARE_OF_QUIET * quiet)
    if status in (JobStatus.PAUSED, JobStatus.WAITING_FOR_INPUT):
        wanted = max(wanted, min(IDLE_LONGEST, IDLE_SHARE_OF_QUIET * quiet))
    return max(floor or BRIEFEST, min(LONGEST, wanted))


def detail_interval(age: float) -> float:
    """Seconds after which a job whose status word stays the same is read whole again."""
    return max(DETAIL_BRIEFEST, DETAIL_SHARE_OF_AGE * age)


def beating(age: float) -> float:
    """Seconds for which a stream that only gives signs of life is believed; to ask no more often than looks would."""
    return max(BEATING_BRIEFEST, min(LONGEST, SHARE_OF_AGE * age))


def long_poll(age: float) -> float:
    """Seconds for which to wait for news before the status word is asked for: an end may come without any."""
    return max(POLL_BRIEFEST, min(POLL_LONGEST, SHARE_OF_AGE * age))


def backoff(failures: int, retry_after: float | None, usual: float) -> float:
    """Seconds to the next look after `failures` (1, 2 ...) in a row, not shorter than the usual interval."""
    return max(usual, retry_after or usual, _doubled(2.0, failures - 1, BACKOFF_LONGEST))


def rest(strikes: int, retry_after: float | None) -> float:
    """Seconds for which an account rests after its `strikes`th (1, 2 ...) 429 in a row."""
    wish = _doubled(REST_BRIEFEST, strikes - 1, REST_LONGEST) if retry_after is None else retry_after
    return min(REST_LONGEST, max(REST_BRIEFEST, wish))


def _doubled(seconds: float, times: int, longest: float) -> float:
    return min(longest, math.ldexp(seconds, min(times, 100)))


class Allowance:
    """Sees to it that long polls of a job that nobody follows cost no more than looks; what was saved may be spent.

    Args:
        age: that of the job, from which on it is polled.
    """

    def __init__(self, age: float) -> None:
        self._spent = age

    def pause(self, age: float) -> float:
        """Seconds to the next poll, after one at this age: none while looks would have been more than polls were."""
        self._spent += max(BRIEFEST, min(LONGEST, SHARE_OF_AGE * self._spent))
        return min(LONGEST, max(0.0, self._spent - age))
