"""What is the matter with a job, told from its state and its log. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from .eventlog import usual_gap
from .jobs import EventKind, FailureKind, Job, JobStatus, LoggedEvent

EVENTS_READ = 200
"""A diagnosis reads so many of the latest events."""
REPEATED = 3
LOOPING = 5
"""A running job that has done the same thing so many times in a row stands still."""
RECENT_STEPS = 12

Verdict = FailureKind | Literal["stalled", "waiting_for_person", "healthy"]

_SIGNS: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (
        FailureKind.SITE_BLOCKED,
        re.compile(r"captcha|access denied|forbidden|\b403\b|cloudflare|bot detection|blocked", re.IGNORECASE),
    ),
    (FailureKind.TIMED_OUT, re.compile(r"time[d ]*-?out|time limit|deadline", re.IGNORECASE)),
    (
        FailureKind.OUT_OF_CREDITS,
        re.compile(r"insufficient (credits|funds|balance)|out of credits|spend(ing)? limit", re.IGNORECASE),
    ),
    (FailureKind.INVALID_OUTPUT, re.compile(r"output schema|invalid (json|output)|schema validation", re.IGNORECASE)),
    (
        FailureKind.AGENT_GAVE_UP,
        re.compile(r"max(imum)? (number of )?(steps|turns)|gave up|unable to complete", re.IGNORECASE),
    ),
)
"""What a run's own error may say. It only chooses among words of ours, and the answer says that it was inferred."""


_MENTIONED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "login",
        re.compile(
            r"\blog(ged|ging)?[- ]?(in|on)\b|\bsign(ed|ing)?[- ]?in\b|\bpasswords?\b|\bcredentials?\b", re.IGNORECASE
        ),
    ),
    (
        "verification_code",
        re.compile(r"\b(verification|one-time|security) (pass)?code\b|\b2fa\b|\botp\b", re.IGNORECASE),
    ),
    ("payment", re.compile(r"\bpayment\b|\bcredit card\b|\bcheckout\b", re.IGNORECASE)),
)
"""What an error may speak of that is no reason by itself: it is said as evidence, and decides nothing."""


@dataclass(frozen=True)
class Repetition:
    """The same step or address again and again: `what` it is, how often, and between which events."""

    what: Literal["step", "url"]
    times: int
    first_seq: int
    last_seq: int


@dataclass(frozen=True)
class Diagnosis:
    """A verdict with what speaks for it.

    `steps` counts those among the events read; `last_step` and `last_url` are the run's own words, `mentions` are
    words of ours for what its error speaks of.
    """

    verdict: Verdict
    inferred: bool = False
    steps: int = 0
    last_step_seq: int | None = None
    usual_gap: float | None = None
    quiet: float | None = None
    queued: float | None = None
    repetition: Repetition | None = None
    last_step: str | None = None
    last_url: str | None = None
    mentions: tuple[str, ...] = ()


def diagnose(
    job: Job, events: Sequence[LoggedEvent], *, changed_at: datetime, stalled_seconds: float | None, now: datetime
) -> Diagnosis:
    """Tell what is the matter.

    Args:
        job: as last seen.
        events: its latest events, in order.
        changed_at: when anything of it last changed.
        stalled_seconds: for how long it has stood still against its own rhythm, None when it has not.
        now: the present.
    """
    steps = [event for event in events if event.kind is EventKind.STEP]
    repetition = _repetition(steps)
    verdict, inferred = _verdict(job, repetition, stalled=stalled_seconds is not None)
    last = steps[-1] if steps else None
    urls = [url for event in events if isinstance(url := event.reported.get("url"), str)]
    return Diagnosis(
        verdict=verdict,
        inferred=inferred,
        steps=len(steps),
        last_step_seq=last.seq if last else None,
        usual_gap=usual_gap(event.at for event in events),
        quiet=None if job.status.final else max(0.0, (now - changed_at).total_seconds()),
        queued=_queued(job, events, now),
        repetition=repetition,
        last_step=_text(last),
        last_url=urls[-1] if urls else None,
        mentions=tuple(word for word, sign in _MENTIONED if sign.search(job.error or "")),
    )


def _verdict(job: Job, repetition: Repetition | None, *, stalled: bool) -> tuple[Verdict, bool]:
    # Several steps on one page are how forms are filled in: only the same step says something.
    looping = repetition is not None and repetition.what == "step" and repetition.times >= LOOPING
    match job.status:
        case JobStatus.WAITING_FOR_INPUT | JobStatus.PAUSED:
            return "waiting_for_person", False
        case JobStatus.RUNNING if stalled or looping:
            return "stalled", False
        case JobStatus.CANCELLED:
            return job.failure or FailureKind.STOPPED_BY_USER, False
        case JobStatus.COMPLETED if job.goal_met is False:
            return FailureKind.AGENT_GAVE_UP, False
        case JobStatus.FAILED if job.failure not in (None, FailureKind.UNKNOWN):
            return job.failure or FailureKind.UNKNOWN, False
        case JobStatus.FAILED:
            kind = next((kind for kind, sign in _SIGNS if sign.search(job.error or "")), FailureKind.UNKNOWN)
            return kind, kind is not FailureKind.UNKNOWN
        case JobStatus.UNKNOWN:
            return FailureKind.UNKNOWN, False
        case _:
            return "healthy", False


def _repetition(steps: Sequence[LoggedEvent]) -> Repetition | None:
    """The longest recent run of steps with one text, or else with one address."""
    recent = steps[-RECENT_STEPS:]
    found: list[Repetition] = []
    for what, key in (("step", "text"), ("url", "url")):
        for said, group in groupby(recent, lambda event: event.reported.get(key)):  # noqa: B023 - used at once
            run = list(group)
            if isinstance(said, str) and said and len(run) >= REPEATED:
                found.append(Repetition("step" if what == "step" else "url", len(run), run[0].seq, run[-1].seq))
    same_step = [one for one in found if one.what == "step"]
    return max(same_step or found, key=lambda one: one.times, default=None)


def _queued(job: Job, events: Sequence[LoggedEvent], now: datetime) -> float | None:
    """Seconds from its creation to its start, or to now when it has not started."""
    begun = job.started_at
    if begun is None:
        words = (
            event for event in events if event.kind is EventKind.STATUS and event.reported.get("status") == "running"
        )
        begun = next((event.at for event in words), None)
    if job.created_at is None or (begun is None and job.status is not JobStatus.QUEUED):
        return None
    return max(0.0, ((begun or now) - job.created_at).total_seconds())


def _text(event: LoggedEvent | None) -> str | None:
    text = event.reported.get("text") if event else None
    return text if isinstance(text, str) else None
