"""How a run of the pretend Skyvern stands: its status, and the blocks of its timeline.

A step is a navigation block with one click, a question a human interaction, a result an extraction; a failure has a
block of its own. A question that nobody answers in time fails its run, whatever the script goes on to.
Not known, and so of our own making: the blocks and the reasons of runs that are terminated or have timed out.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from .script import Ask, Json, Phase, PretendJob, State, as_text

LAG = timedelta(seconds=4)
"""How long a question takes to notice that its run goes on or was canceled."""

STATUS: dict[Phase, str] = {"paused": "running", "waiting": "paused", "cancelled": "canceled"}
"""The words that differ from the script's own."""

REASONS = {
    "failed": "navigation block failed. failure reason: {}",
    "terminated": "navigation block terminated. Reason: {}",
}
"""What a workflow makes of the reason of its block."""

NOBODY = "Timeout elapsed with no human interaction"

Kind = Literal["navigation", "human_interaction", "extraction"]


@dataclass(frozen=True)
class Block:
    """One block that has begun."""

    number: int
    kind: Kind
    start: datetime
    end: datetime | None = None
    status: str = "running"
    text: str = ""
    url: str | None = None
    options: tuple[str, ...] = ()
    reason: str | None = None
    output: Json = None

    @property
    def label(self) -> str:
        """The name by which the run's output has it."""
        return f"{self.kind}_{self.number}"

    @property
    def pictured(self) -> bool:
        """Whether there is a screenshot of it."""
        return self.kind == "navigation" and self.status == "completed"


@dataclass(frozen=True)
class Run:
    """How a run stands."""

    job: PretendJob
    state: State
    status: str
    changed: datetime
    ended: datetime | None
    reason: str | None
    blocks: tuple[Block, ...]
    """Oldest first."""


def id_in(job: PretendJob, kind: str, number: int = 0) -> str:
    """The id of something that belongs to a job."""
    return f"{kind}_{job.id.rpartition('_')[2]}{number:03}"


def run_of(job: PretendJob) -> Run:
    """How a job's run stands now."""
    state, lapsed = job.state(), _lapsed(job)
    status, reason = STATUS.get(state.phase, state.phase), state.error
    if lapsed is not None:
        status, reason = "failed", f"human_interaction block timed out. Reason: {NOBODY}"
    elif state.failure == "timed_out":
        status = "timed_out"
    elif state.goal_met is False:
        status, reason = "terminated", as_text(state.result)
    if lapsed is None and reason is not None and job.id.startswith("wr_"):
        reason = REASONS.get(status, "{}").format(reason)
    changes = [each.at for each in state.happenings if each.what != "step" and (not lapsed or each.at < lapsed)]
    changed = lapsed or max(changes, default=state.created_at)
    return Run(job, state, status, changed, lapsed or state.finished_at, reason, tuple(_shown(job, lapsed)))


def _patience(job: PretendJob) -> dict[str, timedelta]:
    """How long each question waits that does not wait for ever."""
    return {
        job.named(f"question {index}"): timedelta(seconds=beat.patience)
        for index, beat in enumerate(job.script.beats)
        if isinstance(beat, Ask) and beat.patience is not None
    }


def _lapsed(job: PretendJob) -> datetime | None:
    """When the time of a question was up."""
    patience, limit = _patience(job), min(job.clock(), job.cancelled_at or job.clock())
    for each in job.state().happenings:
        if each.what == "question" and each.question_id in patience.keys() - job.answers.keys():
            moment = each.at + patience[each.question_id]
            return moment if moment <= limit else None
    return None


def _shown(job: PretendJob, lapsed: datetime | None) -> Iterator[Block]:
    """The blocks that have begun, as they are now; one that was open at a cancel goes on to its own end."""
    stop, now, over = lapsed or job.cancelled_at, job.clock(), job.state().phase in {"completed", "failed"}
    for block in _played(job):
        ended = over or (block.end is not None and block.end <= now)
        if (stop is not None and block.start >= stop) or (block.start > now and not over):
            return
        if block.kind == "human_interaction" and block.end is None and stop is not None:
            word = "timed_out" if lapsed else "canceled" if now >= stop + LAG else "running"
            reason = NOBODY if lapsed else "status_changed:canceled" if word == "canceled" else None
            output: Json = {"success": False, "reason": reason} if reason else None
            yield replace(block, end=stop if lapsed else stop + LAG, status=word, reason=reason, output=output)
        elif block.end is None or ended:
            yield block
        else:
            yield replace(block, status="running", reason=None, output=None)


def _played(job: PretendJob) -> Iterator[Block]:
    """The blocks as if nobody had canceled, each with the status it ends in."""
    undisturbed = copy(job)
    undisturbed.cancelled_at = None
    state, patience = undisturbed.state(), _patience(job)
    since, number, last = state.started_at or state.created_at, 1, ""
    asked: Block | None = None
    for each in state.happenings:
        end = max(since, each.at)
        match each.what:
            case "step":
                yield Block(number, "navigation", since, end, "completed", each.text, each.url)
                since, last = end, each.text
            case "question":
                asked = Block(number, "human_interaction", each.at, text=each.text, options=each.options)
                since, last = each.at + patience.get(each.question_id, timedelta()), each.text
                if each.question_id in job.answers:
                    continue
                yield asked
            case "answered" if asked is not None:
                since = each.at + LAG
                output: Json = {"success": True, "reason": "status_changed:running"}
                yield replace(asked, end=since, status="completed", output=output)
            case "finished" if state.goal_met is False:
                yield Block(number, "navigation", end, end, "terminated", reason=as_text(state.result))
            case "finished" if state.result is not None:
                yield Block(number, "extraction", end, end, "completed", "Read the result", output=state.result)
            case "failed":
                yield Block(number, "navigation", end, end, state.failure or "failed", reason=each.text)
            case _:
                continue
        number += 1
    if state.doing not in {"", last} and state.question is None:
        yield Block(number, "navigation", since, text=state.doing)
