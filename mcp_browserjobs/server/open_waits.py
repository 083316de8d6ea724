"""Waits that outlast their call: made, asked after, given up; and what becomes of the questions that come up in them.

They are tasks in the store, so any process that shares it can tell how they stand, also after a restart. Nothing runs
for them: their jobs are looked at when somebody asks.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Literal

import anyio
from mcp.types import INTERNAL_ERROR
from pydantic import BaseModel, ValidationError

from ..acting import Actor
from ..errors import BrowserJobsError
from ..store import NEVER, Task, TaskAnswer
from ..tracker import Tracker
from ..views import JobView
from .standing import POLL_BRIEFEST, Asked, Standing, Wanted, answered, stand

MAKING_SECONDS = 1.0
"""A task is made within so long or not at all: the wait that it takes the place of must not seem to be cut."""
LONGEST_SECONDS = 86400.0
"""A wait of which nobody said how long it may last is over after a day, as one is whose time is up."""
KEPT_SECONDS = 86400.0
"""For so long a task is kept after the last moment at which its wait can end."""
ANSWER_SECONDS = 30.0
"""For so long an answer may take to show, before the question is put once more."""
BROKEN = "Something went wrong in mcp-browserjobs itself; please report it."
GIVEN_UP = "Waiting was given up; the runs go on."

State = dict[str, Any]
"""How a task stands, in the words of the protocol."""

log = logging.getLogger(__name__)


class Outcome(BaseModel):
    """How a wait ended."""

    status: Literal["completed", "failed", "cancelled"]
    message: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class OpenWaits:
    """The waits that are kept in the store."""

    def __init__(self, tracker: Tracker, actor: Actor) -> None:
        self.tracker = tracker
        self._actor = actor
        self._listeners: list[Callable[[str], None]] = []

    def on_touch(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` the id of each task that somebody does something to here. It must not block."""
        self._listeners.append(listener)

    async def make(self, arguments: Mapping[str, Any], *, began_at: datetime, owner: str, asks: bool) -> Task | None:
        """A task of a wait with the tool's arguments; None where not all jobs were seen, or it takes too long.

        Args:
            began_at: since when it is waited.
            owner: who may ask after it.
            asks: whether a job's question can be put to a person.
        """
        before: dict[str, int] = {}
        seconds = min(arguments["wait_seconds"] or LONGEST_SECONDS, LONGEST_SECONDS)
        try:
            with anyio.fail_after(MAKING_SECONDS):
                for text in arguments["jobs"]:
                    ref = await self.tracker.resolve(text)
                    record = await self.tracker.store.load(ref)
                    before[str(ref)] = record.events if record else 0
                wanted = Wanted(
                    jobs=tuple(before),
                    until=arguments["until"],
                    need=arguments["need"],
                    seconds=seconds,
                    before=before,
                    asks=asks and arguments["until"] != "change",
                )
                expires_at = began_at + timedelta(seconds=seconds + KEPT_SECONDS)
                task = Task(token_urlsafe(24), owner, wanted.model_dump(mode="json"), began_at, began_at, expires_at)
                await self.tracker.store.make_task(task)
        except (BrowserJobsError, TimeoutError):
            return None
        return task

    async def find(self, task_id: str, *, owner: str) -> Task | None:
        """The task of this id; None when there is none, it has expired, or it is somebody else's."""
        if not task_id.isascii():
            return None
        task = await self.tracker.store.load_task(task_id, now=self.tracker.clock())
        return task if task and task.owner == owner else None

    async def renewed(self, task: Task) -> Task:
        """The task as it is written down now."""
        return await self.tracker.store.load_task(task.id, now=self.tracker.clock()) or task

    async def state(self, task: Task, views: Sequence[JobView] | None = None) -> State:
        """How a task stands.

        Args:
            views: how its jobs are, where somebody has just looked.
        """
        if task.outcome is not None:
            return _ended(task)
        try:
            wanted = Wanted.model_validate(task.wanted)
            views = views or await self.tracker.glance(wanted.jobs)
            standing = stand(task, wanted, views, self.tracker.clock())
            if standing.status != "completed":
                return _going(task, standing)
            answer = answered(standing, wanted, self.tracker)
            outcome = Outcome(status="completed", result=answer.model_dump(by_alias=True, exclude_none=True))
        except Exception:
            # The border of the task: a fault of ours ends it, as it would the call, and strangers are not told of it.
            log.exception("a task broke")
            outcome = Outcome(status="failed", message=BROKEN, error={"code": INTERNAL_ERROR, "message": BROKEN})
        return _ended(await self._end(task, outcome))

    async def give_up(self, task: Task) -> None:
        """Wait no longer. The runs never notice."""
        await self._end(task, Outcome(status="cancelled", message=GIVEN_UP))
        self._touched(task)

    async def _end(self, task: Task, outcome: Outcome) -> Task:
        told = outcome.model_dump(mode="json", exclude_none=True)
        return await self.tracker.store.end_task(task, told, now=self.tracker.clock())

    def _touched(self, task: Task) -> None:
        for listener in self._listeners:
            listener(task.id)

    # Questions

    async def questions(self, task: Task) -> Mapping[str, Asked]:
        """What a person is asked now, by the keys of the questions; nothing where the task is over or broken."""
        try:
            wanted = None if task.outcome else Wanted.model_validate(task.wanted)
        except ValidationError:
            wanted = None
        if wanted is None:
            return {}
        views = await self.tracker.glance(wanted.jobs)
        return stand(task, wanted, views, self.tracker.clock()).questions

    async def decline(self, task: Task, asked: Asked) -> None:
        """Take note that the person would not answer."""
        await self._note(task, asked, quiet_until=task.expires_at)

    async def answer(self, task: Task, asked: Asked, text: str) -> None:
        """Have a person's answer handed to the job, once."""
        if await self._note(task, asked, quiet_until=self.tracker.clock() + timedelta(seconds=ANSWER_SECONDS)):
            self.tracker.in_background(self._hand_over, asked, text)

    async def _note(self, task: Task, asked: Asked, *, quiet_until: datetime) -> bool:
        answer = TaskAnswer(asked.times, quiet_until)
        noted = await self.tracker.store.note_answer(task.id, asked.name, answer, now=self.tracker.clock())
        self._touched(task)
        return noted

    async def _hand_over(self, asked: Asked, text: str) -> None:
        """Hand an answer to its job. When it does not get there the job asks on, and so the person is asked again."""
        account = asked.view.seen.ref.account
        try:
            await self._actor.answer(asked.view.reference, text, question_id=asked.question.id)
        except BrowserJobsError as error:
            log.info("an answer to a job at %s may not have got there: %s", account, type(error).__name__)
        except Exception:
            # Nobody waits for this, and a fault of ours must not end the process.
            log.exception("an answer to a job at %s could not be handed over", account)


def new(task: Task) -> State:
    """What is told of a task that was just made."""
    return _envelope(task, "working") | {"pollIntervalMs": round(POLL_BRIEFEST * 1000)}


def _envelope(task: Task, status: str, message: str | None = None, changed_at: datetime = NEVER) -> State:
    told = {
        "taskId": task.id,
        "status": status,
        "statusMessage": message,
        "createdAt": _time(task.made_at),
        "lastUpdatedAt": _time(max(task.changed_at, changed_at)),
        "ttlMs": round((task.expires_at - task.made_at).total_seconds() * 1000),
    }
    return {name: value for name, value in told.items() if value is not None}


def _going(task: Task, standing: Standing) -> State:
    state = _envelope(task, standing.status, standing.message, standing.changed_at)
    state["pollIntervalMs"] = round(standing.poll_seconds * 1000)
    if standing.questions:
        state["inputRequests"] = {key: asked.request for key, asked in standing.questions.items()}
    return state


def _ended(task: Task) -> State:
    outcome = Outcome.model_validate(task.outcome)
    payload = outcome.model_dump(include={"result", "error"}, exclude_none=True)
    return _envelope(task, outcome.status, outcome.message) | payload


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
