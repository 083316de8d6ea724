"""What a pretend job does, and what happens to whoever asks: one script for every pretend provider.

A `Script` is a list of beats (`Queued`, `Step`, `Ask`, `Stall`, then `Finish` or `Fail`) and of troubles
(`RateLimit`, `Outage`). A `PretendJob` plays it: its state at any moment follows from the script, the clock and
the commands that came (answers, pauses, a cancel). No provider's words stand here; the apps translate.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import NAMESPACE_OID, uuid4, uuid5

Clock = Callable[[], datetime]
Phase = Literal["queued", "running", "paused", "waiting", "completed", "failed", "cancelled"]
What = Literal["started", "step", "question", "answered", "paused", "resumed", "finished", "failed", "cancelled"]
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
FOREVER = 1e9
"""In seconds: what a script does that has no end."""


def wall_clock() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


def as_text(result: Json) -> str:
    """A result as the text that many vendors make of it."""
    return result if isinstance(result, str) else json.dumps(result)


@dataclass(frozen=True)
class Queued:
    """Wait for a free browser."""

    seconds: float = 2


@dataclass(frozen=True)
class Step:
    """Do something that takes `seconds`; it is reported when it is done."""

    text: str
    seconds: float = 3
    url: str = "https://shop.example/"


@dataclass(frozen=True)
class Ask:
    """Ask a person and wait. Without an answer, go on by itself after `patience` seconds (never, when None)."""

    text: str
    options: tuple[str, ...] = ()
    patience: float | None = None


@dataclass(frozen=True)
class Stall:
    """Do nothing that can be seen."""

    seconds: float = 600


@dataclass(frozen=True)
class Finish:
    """End well, as the agent sees it. `goal_met` None: no claim is made."""

    result: Json = "Done."
    goal_met: bool | None = True


@dataclass(frozen=True)
class Fail:
    """End badly."""

    error: str = "The page did not load."
    kind: Literal["failed", "timed_out"] = "failed"


Beat = Queued | Step | Ask | Stall | Finish | Fail


@dataclass(frozen=True)
class RateLimit:
    """Between `start` and `start + seconds` after the job's start every request is answered 429."""

    start: float
    seconds: float
    retry_after: str | None = "5"


@dataclass(frozen=True)
class Outage:
    """Between `start` and `start + seconds` every request meets this instead of an answer."""

    start: float
    seconds: float
    how: Literal["503", "502", "html", "html_error", "empty", "truncated", "wrong_shape", "reset"] = "503"


Trouble = RateLimit | Outage


@dataclass(frozen=True)
class Script:
    """A pretend job from its creation to its end; one without `Finish` or `Fail` runs on for ever.

    Args:
        cost_per_minute: in the provider's own unit.
    """

    title: str = "Compare prices of a kettle"
    beats: tuple[Beat, ...] = (
        Queued(),
        Step("Opened the shop"),
        Step("Searched for the kettle", url="https://shop.example/search?q=kettle"),
        Finish({"price": 42, "currency": "EUR"}),
    )
    troubles: tuple[Trouble, ...] = ()
    cost_per_minute: float = 0.1


@dataclass(frozen=True)
class Happening:
    """One thing that happened, in order: the app writes it in its provider's words."""

    number: int
    at: datetime
    what: What
    text: str = ""
    url: str = ""
    question_id: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """All that can be known of a pretend job at one moment."""

    phase: Phase
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    finished_at: datetime | None
    happenings: tuple[Happening, ...]
    doing: str
    question: Happening | None
    result: Json
    goal_met: bool | None
    error: str | None
    failure: Literal["failed", "timed_out"] | None
    minutes: float


@dataclass
class PretendJob:
    """Plays a script from the moment it is made. Commands return False when the job's phase does not allow them.

    Args:
        notes: what a provider keeps beside the run, such as the fields of the call that made it.
    """

    script: Script
    clock: Clock = wall_clock
    id: str = field(default_factory=lambda: str(uuid4()))
    notes: dict[str, Json] = field(default_factory=dict)
    created_at: datetime = field(init=False)
    answers: dict[str, tuple[datetime, str]] = field(default_factory=dict, init=False)
    holds: list[tuple[datetime, datetime | None]] = field(default_factory=list, init=False)
    cancelled_at: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.created_at = self.clock()

    def named(self, label: str) -> str:
        """Another UUID that belongs to this job, the same at each call: its session, say."""
        return str(uuid5(NAMESPACE_OID, f"{self.id} {label}"))

    def trouble(self) -> Trouble | None:
        """What meets a request now, if anything does."""
        age = (self.clock() - self.created_at).total_seconds()
        return next((each for each in self.script.troubles if each.start <= age < each.start + each.seconds), None)

    def answer(self, question_id: str, text: str) -> bool:
        """Answer the pending question."""
        question = self.state().question
        if question is None or question.question_id != question_id:
            return False
        self.answers[question_id] = (self.clock(), text)
        return True

    def pause(self) -> bool:
        """Hold a running job."""
        if self.state().phase != "running":
            return False
        self.holds.append((self.clock(), None))
        return True

    def resume(self) -> bool:
        """Let a paused job go on."""
        if self.state().phase != "paused":
            return False
        self.holds[-1] = (self.holds[-1][0], self.clock())
        return True

    def cancel(self) -> bool:
        """Stop the job for good."""
        if self.state().phase in ("completed", "failed", "cancelled"):
            return False
        self.cancelled_at = self.clock()
        return True

    def state(self) -> State:
        """What there is to see now."""
        return _Play(self).until(self.clock())


class _Play:
    """Walks the beats up to a moment."""

    def __init__(self, job: PretendJob) -> None:
        self._job = job
        self._seen: list[Happening] = []
        self._started_at: datetime | None = None
        self._doing = ""

    def until(self, now: datetime) -> State:
        job = self._job
        stop = job.cancelled_at if job.cancelled_at is not None and job.cancelled_at <= now else None
        limit = stop or now
        moment = job.created_at
        for index, beat in enumerate(job.script.beats):
            begin = moment
            match beat:
                case Queued(seconds):
                    moment = begin + timedelta(seconds=seconds)
                    if moment > limit:
                        return self._state("queued", limit, stop)
                    continue
                case Step(text, seconds, url):
                    self._start(begin, text)
                    moment, held = self._after(begin, seconds, limit)
                    if moment > limit:
                        return self._state("paused" if held else "running", limit, stop)
                    self._add(moment, "step", text, url=url)
                case Stall(seconds):
                    self._start(begin, self._doing)
                    moment, held = self._after(begin, seconds, limit)
                    if moment > limit:
                        return self._state("paused" if held else "running", limit, stop)
                case Ask(text, options, patience):
                    self._start(begin, text)
                    question_id = job.named(f"question {index}")
                    asked = self._add(begin, "question", text, question_id=question_id, options=options)
                    answered = job.answers.get(question_id)
                    if answered is not None:
                        moment = answered[0]
                        self._add(moment, "answered", answered[1], question_id=question_id)
                    elif patience is not None and begin + timedelta(seconds=patience) <= limit:
                        moment = begin + timedelta(seconds=patience)
                    else:
                        return self._state("waiting", limit, stop, question=asked)
                case Finish(result, goal_met):
                    self._start(begin, "")
                    self._add(begin, "finished")
                    return self._state("completed", limit, None, ended=begin, result=result, goal_met=goal_met)
                case Fail(error, kind):
                    self._start(begin, "")
                    self._add(begin, "failed", error)
                    return self._state("failed", limit, None, ended=begin, error=error, failure=kind)
        _, held = self._after(moment, FOREVER, limit)
        return self._state("paused" if held else "running", limit, stop)

    def _start(self, moment: datetime, doing: str) -> None:
        if self._started_at is None:
            self._started_at = moment
            self._add(moment, "started")
        self._doing = doing

    def _after(self, begin: datetime, seconds: float, limit: datetime) -> tuple[datetime, bool]:
        """When work of `seconds` ends that was held during the pauses, and whether it is held at `limit`."""
        end, held = begin + timedelta(seconds=seconds), False
        for start, stop in self._job.holds:
            if begin <= start < end and start <= limit:
                self._add(start, "paused")
                held = stop is None or stop > limit
                end += (limit + timedelta(days=1) - start) if held or stop is None else stop - start
                if not held and stop is not None:
                    self._add(stop, "resumed")
        return end, held

    def _add(
        self,
        at: datetime,
        what: What,
        text: str = "",
        *,
        url: str = "",
        question_id: str = "",
        options: tuple[str, ...] = (),
    ) -> Happening:
        happening = Happening(len(self._seen) + 1, at, what, text, url, question_id, options)
        self._seen.append(happening)
        return happening

    def _state(
        self,
        phase: Phase,
        now: datetime,
        stopped_at: datetime | None,
        *,
        ended: datetime | None = None,
        question: Happening | None = None,
        result: Json = None,
        goal_met: bool | None = None,
        error: str | None = None,
        failure: Literal["failed", "timed_out"] | None = None,
    ) -> State:
        if stopped_at is not None:
            phase, ended, question = "cancelled", stopped_at, None
            self._add(stopped_at, "cancelled")
        minutes = ((ended or now) - (self._started_at or now)).total_seconds() / 60
        return State(
            phase=phase,
            created_at=self._job.created_at,
            started_at=self._started_at,
            updated_at=self._seen[-1].at if self._seen else self._job.created_at,
            finished_at=ended,
            happenings=tuple(self._seen),
            doing="" if ended else self._doing,
            question=question,
            result=result,
            goal_met=goal_met,
            error=error,
            failure=failure,
            minutes=minutes,
        )
