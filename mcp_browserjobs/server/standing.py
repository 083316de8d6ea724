"""How a wait that a client left running stands, worked out of how its jobs are."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict

from ..jobs import JobStatus, Question
from ..store import NEVER, Task, TaskAnswer
from ..tracker import Tracker
from ..views import JobView, Need, Until, Waited, enough, hopeless
from ..watch import pace
from .answers import wait_answer
from .sentences import explain
from .tools.answer_job_question import answer_schema, wording
from .tools.base import result
from .tools.wait_for_result import progress_message

POLL_BRIEFEST, POLL_LONGEST = 2.0, 30.0
"""A client is advised to ask neither sooner nor later than this."""
ONCE_MORE = "The answer before this one did not get through. "


class Wanted(BaseModel):
    """What a task waits for.

    `seconds` is how long at most, `before` how many events each job had when it began, and `asks` whether the
    client shows a job's question to a person.
    """

    model_config = ConfigDict(frozen=True)

    jobs: tuple[str, ...]
    until: Until
    need: Need
    seconds: float
    before: dict[str, int]
    asks: bool


@dataclass(frozen=True)
class Asked:
    """A question for the client's person. `name` tells it from all others, `last` is how it was answered before."""

    name: str
    view: JobView
    question: Question
    last: TaskAnswer

    @property
    def times(self) -> int:
        """The number of this asking, from 1."""
        return self.last.times + 1

    @property
    def pending(self) -> bool:
        """Whether the job still asks, though whatever was answered has had its time to show."""
        return self.view.seen.checked_at > self.last.quiet_until

    @property
    def request(self) -> dict[str, Any]:
        """The request for a form, as the client gets it."""
        form = {"type": "object", "properties": {"answer": answer_schema(self.question)}, "required": ["answer"]}
        message = (ONCE_MORE if self.times > 1 else "") + wording(self.view, self.question)
        return {"method": "elicitation/create", "params": {"mode": "form", "message": message, "requestedSchema": form}}


@dataclass(frozen=True)
class Standing:
    """How a task stands: `questions` are by the keys under which they are asked, `waited` is the wait up to now."""

    status: Literal["working", "input_required", "completed"]
    views: Sequence[JobView]
    questions: Mapping[str, Asked]
    waited: Waited

    @property
    def message(self) -> str:
        """How it is getting on, in a few words of ours."""
        if self.status == "input_required":
            several = f"{len(self.questions)} jobs wait" if len(self.questions) > 1 else "waiting"
            return f"{several} for a person's answer"
        blind = ", and the provider cannot be asked now" if any(view.stale for view in self.views) else ""
        return progress_message(self.views, len(self.views)) + blind

    @property
    def changed_at(self) -> datetime:
        """When anything of a job last changed."""
        return max((view.record.changed_at for view in self.views if view.record), default=NEVER)

    @property
    def poll_seconds(self) -> float:
        """After how long it is worth asking again."""
        due = [
            pace.interval(
                status=view.status,
                age=view.record.age(view.now),
                quiet=(view.now - view.record.changed_at).total_seconds(),
                followed=False,
                floor=POLL_BRIEFEST,
            )
            for view in self.views
            if view.record and not view.status.final
        ]
        return min([*due, POLL_LONGEST])


def stand(task: Task, wanted: Wanted, views: Sequence[JobView], now: datetime) -> Standing:
    """How a task stands, its jobs being so.

    A job whose question can be put to a person has not got there: the person is asked, and the wait goes on. Once
    they declined, which keeps the question quiet for good, the wait ends as it would have without asking.
    """
    questions: dict[str, Asked] = {}
    settled: list[JobView] = []
    for view in views:
        asked = _asked(task, view) if wanted.asks else None
        if asked is None or asked.last.quiet_until >= task.expires_at:
            if view.settles(wanted.until, wanted.before.get(view.reference, 0)):
                settled.append(view)
        elif asked.pending:
            questions[f"{asked.name}-{asked.times}"] = asked
    done = enough(settled, len(views), wanted.need)
    elapsed = max(0.0, (now - task.made_at).total_seconds())
    over = done or elapsed >= wanted.seconds
    going: Literal["input_required", "working"] = "input_required" if questions else "working"
    return Standing("completed" if over else going, views, questions, Waited(done, elapsed, tuple(views)))


def _asked(task: Task, view: JobView) -> Asked | None:
    """The question of a job that waits, if somebody could hand it an answer."""
    if view.status is not JobStatus.WAITING_FOR_INPUT or view.will_not_pass or "answer_question" not in view.able:
        return None
    question = view.seen.job.question
    if question is None or not question.id:
        return None
    said = json.dumps([view.reference, question.id, question.text, question.options])
    name = hashlib.sha256(said.encode()).hexdigest()[:16]
    return Asked(name, view, question, task.answers.get(name, TaskAnswer(0, NEVER)))


def answered(standing: Standing, wanted: Wanted, tracker: Tracker) -> CallToolResult:
    """What the tool itself would have answered."""
    if problem := hopeless(standing.views):
        return CallToolResult(content=[TextContent(type="text", text=explain(problem, tracker))], is_error=True)
    return result(
        wait_answer(standing.waited, cap=wanted.seconds, until=wanted.until, need=wanted.need, tracker=tracker)
    )
