"""Hyperbrowser's agents: a job is one task of one of its eight agents, each of which has routes of its own.

API: https://hyperbrowser.ai/docs/api-reference (checked November 2026, read and never seen live)
Quirk: a task does not tell which agent has it, so the agent is a part of the job's id: `cua/<id>`.
Quirk: a start names the agent by `agent` among its parameters, which is no field of the API; else it is browser-use.
Quirk: neither the task's text nor any time, cost, session or machine-readable failure is told, and nothing lists tasks.
Quirk: steps have another shape for each agent and version, for some an unknown one; few have a number or a time.
Quirk: steps come whole with every look; that their list only grows is taken for granted.
Quirk: browser-use 0.1.40, which is the default, has a screenshot within each step, so a look may take megabytes.
Quirk: browser-use alone tells whether it met its goal, in the result of its last step.
Quirk: a result is text, that of a task with an output schema too.
Quirk: whether the live view's link leads anywhere after the end is unknown, but for a browser that is kept open.
Quirk: a recording is its session's, which is only known to who made the session.
Quirk: what stopping a finished task is answered is unknown; `success: false` and 400 are read like a 409.
Quirk: nothing tells cheaply that a key is good but the 404 for a task that nobody has.
Quirk: `API_KEY_SCOPE_DENIED` is a good key of too narrow a scope; limits and what no credits are called are unknown.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue, StrictBool

from ..errors import InvalidArgumentError, NotAvailableError, ProviderError
from ..jobs import (
    Artifact,
    Event,
    EventKind,
    FailureKind,
    Job,
    JobStatus,
    Moment,
    Picture,
    Sighting,
    Started,
)
from ..screenshots import place_of
from .base import Optional, Provider, Statuses, Wire, artifacts, web_links

STATUSES = Statuses(
    {
        "pending": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "stopped": JobStatus.CANCELLED,
    }
)

AGENTS = (
    *("browser-use", "hyper-agent", "cua", "claude-computer-use"),
    *("gemini-computer-use", "grok-computer-use", "meta-computer-use", "jev"),
)
"""As their routes name them; the first is the one that a start means when it names none."""

TASK = r"[A-Za-z0-9_-]{1,128}"
NO_TASK = "00000000-0000-0000-0000-000000000000"
MOST_TASK_BYTES = 64 * 1024 * 1024
"""A task with screenshots in its steps takes more than other answers do."""
SHORT = 500
"""A text of an unknown name is told when it has no more characters than these."""
DATA = re.compile(r"[A-Za-z0-9+/_-]{512}")
"""What is no text."""


class Brain(Wire):
    """What a browser-use agent thinks."""

    evaluation_previous_goal: Optional[str] = None
    next_goal: Optional[str] = None


class ModelOutput(Brain):
    """What a browser-use agent thinks and does; 0.1.40 puts its thoughts one level deeper than 0.7.10."""

    current_state: Optional[Brain] = None
    action: Optional[list[JsonValue]] = None


class ActionResult(Wire):
    """What became of an action of browser-use."""

    is_done: Optional[StrictBool] = None
    success: Optional[StrictBool] = None
    extracted_content: Optional[str] = None
    error: Optional[str] = None


class BrowserState(Wire):
    """The page that browser-use saw."""

    url: Optional[str] = None
    screenshot: Optional[str] = None


class StepMetadata(Wire):
    """When a step of browser-use ended."""

    step_end_time: Optional[Moment] = None


class AgentOutput(Wire):
    """What HyperAgent thinks and does; 1.1.0 has one action to a step."""

    thoughts: Optional[str] = None
    nextGoal: Optional[str] = None
    action: JsonValue = None
    actions: Optional[list[JsonValue]] = None


class ActionOutput(Wire):
    """What became of an action of HyperAgent."""

    success: Optional[StrictBool] = None
    message: Optional[str] = None


class ModelError(Wire):
    """What went wrong with a model's response."""

    message: Optional[str] = None


class Step(Wire):
    """One step of any agent: each has some of these fields, and all of them may be missing."""

    model_output: Optional[ModelOutput] = None
    result: Optional[list[Optional[ActionResult]]] = None
    state: Optional[BrowserState] = None
    metadata: Optional[StepMetadata] = None

    idx: Optional[int] = None
    agentOutput: Optional[AgentOutput] = None
    actionOutputs: Optional[list[Optional[ActionOutput]]] = None
    actionOutput: Optional[ActionOutput] = None

    created_at: Optional[Moment] = None
    completed_at: Optional[Moment] = None
    output_text: Optional[str] = None
    error: Optional[ModelError] = None
    output: JsonValue = None

    content: JsonValue = None
    candidates: JsonValue = None

    @property
    def brain(self) -> Brain:
        """The thoughts of browser-use, wherever its version puts them."""
        output = self.model_output or ModelOutput()
        return output.current_state or output

    @property
    def results(self) -> list[ActionResult]:
        """What became of the actions of browser-use."""
        return [*filter(None, self.result or [])]

    @property
    def outputs(self) -> list[ActionOutput]:
        """What became of the actions of HyperAgent."""
        return [*filter(None, [*(self.actionOutputs or []), self.actionOutput])]

    @property
    def ended_at(self) -> datetime | None:
        """When it ended or, where only that is told, began."""
        return self.completed_at or self.created_at or (self.metadata or StepMetadata()).step_end_time

    @property
    def screenshot(self) -> str | None:
        """What browser-use saw, in base64."""
        return self.state.screenshot or None if self.state else None


class TaskData(Wire):
    """What a task did and found."""

    steps: Optional[list[JsonValue]] = None
    finalResult: Optional[str] = None


class Task(Wire):
    """One task of any agent."""

    status: str
    data: Optional[TaskData] = None
    error: Optional[str] = None
    liveUrl: Optional[str] = None

    @property
    def steps(self) -> list[JsonValue]:
        """Its steps as they come; one that is told again at once, all alike and with its time, is still the same."""
        steps: list[JsonValue] = []
        for step in (self.data or TaskData()).steps or []:
            if not (steps and step == steps[-1] and to_step(step).ended_at):
                steps.append(step)
        return steps


class TaskStatus(Wire):
    """The answer of the status route."""

    status: str


class Stopped(Wire):
    """The answer to a stop."""

    success: Optional[StrictBool] = None


class NewTask(Wire):
    """The answer to a start."""

    jobId: Annotated[str, Field(pattern=f"^{TASK}$")]


class Hyperbrowser(Provider):
    """Tasks of Hyperbrowser's agents."""

    name = "hyperbrowser"
    title = "Hyperbrowser"
    base_url = "https://api.hyperbrowser.ai"
    keys_at = "https://app.hyperbrowser.ai"
    api_path = "/api"
    key_header = "x-api-key"
    example_id = "browser-use/7b2c5f80-3f0d-4a63-9c1e-8d4f6a1b2c3d"
    id_form = "agent/id, such as browser-use/uuid or cua/uuid"
    id_pattern = re.compile(f"(?:{'|'.join(AGENTS)})/{TASK}")
    link_path = re.compile(rf"/task/({id_pattern.pattern})(?:/(?:status|stop))?/?\Z")
    """Links of the dashboard and the live view have no id."""
    statuses = STATUSES
    link_hosts = frozenset({"app.hyperbrowser.ai"})
    capability_hosts = frozenset({"hyperbrowser.ai"})
    events_with_job = True

    async def fetch_job(self, job_id: str) -> Job:
        """The task with all its steps."""
        job_id = self.canonical_id(job_id)
        return to_job(job_id, await self._task(job_id))

    async def fetch_status(self, job_id: str) -> Sighting:
        """Its status word, without the steps."""
        word = (await self.http.get_model(f"/task/{self.canonical_id(job_id)}/status", TaskStatus)).status
        return Sighting(status=STATUSES[word], provider_status=word)

    async def cancel_job(self, job_id: str) -> None:
        """Stop the task."""
        reply = await self.http.put(f"/task/{self.canonical_id(job_id)}/stop", accept=(400,))
        if reply.status == 400 or self.http.read(reply.json or {}, Stopped).success is False:
            raise self.http.conflict()

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Give a task to the agent that `agent` among the parameters names, to browser-use without it."""
        body = {**parameters, "task": task}
        agent = body.pop("agent", AGENTS[0])
        if agent not in AGENTS:
            raise InvalidArgumentError("parameters_json", f"must have one of these as `agent`: {', '.join(AGENTS)}")
        reply = await self.http.post(f"/task/{agent}", body=body, accept=(404,))
        if reply.status == 404:
            raise self.http.missing(parameters)
        return Started(id=f"{agent}/{self.http.read(reply.json, NewTask).jobId}")

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of those that stand in the steps."""
        task = await self._task(self.canonical_id(job_id))
        found = [step.screenshot for step in map(to_step, task.steps) if step.screenshot]
        if not found:
            raise NotAvailableError("screenshots", STATUSES[task.status].value)
        place = place_of(index, len(found))
        return Picture(data=self.http.decoded_image(found[place]), index=place, count=len(found))

    async def check_key(self) -> None:
        """Ask for a task that nobody has."""
        reply = await self.http.get(f"/task/{AGENTS[0]}/{NO_TASK}/status", accept=(404,))
        if reply.status == 404 and not isinstance(reply.json, dict):
            raise self.http.unexpected("no such API at this base URL")

    async def _task(self, job_id: str) -> Task:
        return await self.http.get_model(f"/task/{job_id}", Task, most=MOST_TASK_BYTES)

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That the key's scope is too narrow, or that it is refused."""
        match answer:
            case {"code": "API_KEY_SCOPE_DENIED"} | {"error": "API_KEY_SCOPE_DENIED"}:
                return self.http.denied("the key's scope does not include the agents")
            case _:
                return self.http.refused()


def to_job(job_id: str, task: Task) -> Job:
    """A task in our words."""
    status = STATUSES[task.status]
    steps = [*map(to_step, task.steps)]
    events = tuple(to_event(step, raw, place) for place, (step, raw) in enumerate(zip(steps, task.steps, strict=True)))
    result = task.data.finalResult if task.data and status.final else None
    goal_met = to_goal(steps) if status.final else None
    links = web_links(("live_view", task.liveUrl))
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "screenshots": any(step.screenshot for step in steps),
    }
    return Job(
        id=job_id,
        status=status,
        provider_status=task.status,
        current_step=str(events[-1].reported["text"]) if events and not status.final else None,
        result=result,
        error=task.error or None,
        goal_met=goal_met,
        goal_met_by=None if goal_met is None else "agent",
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=artifacts(there, links),
        events=events,
        links=links,
    )


def to_step(raw: JsonValue) -> Step:
    """A step as far as its shape is known."""
    return Step.model_validate(raw) if isinstance(raw, dict) else Step()


def to_goal(steps: list[Step]) -> bool | None:
    """Whether the agent says that it met its goal: what it called done at last."""
    done = [result.success for result in (steps[-1].results if steps else []) if result.is_done]
    return done[-1] if done else None


def to_event(step: Step, raw: JsonValue, place: int) -> Event:
    """A step in our words, known by its number, or by its place where it has none."""
    output = step.agentOutput or AgentOutput()
    action = ", ".join(deeds(step))
    text = _first(
        *(step.brain.next_goal, output.nextGoal, output.thoughts, step.output_text),
        *(" ".join(spoken([step.content, step.output, step.candidates])), action, other_text(raw), "step"),
    )
    outcomes = [result.extracted_content for result in step.results] + [one.message for one in step.outputs]
    failures = [result.error for result in step.results]
    failures += [one.message for one in step.outputs if one.success is False]
    said = {
        "text": text,
        "action": None if action == text else action,
        "evaluation": step.brain.evaluation_previous_goal,
        "outcome": _first(*reversed(outcomes)),
        "url": step.state.url if step.state else None,
        "error": _first(*reversed(failures), step.error.message if step.error else None),
    }
    return Event(
        key=f"place {place + 1}" if step.idx is None else str(step.idx),
        kind=EventKind.STEP,
        at=step.ended_at,
        reported={name: words for name, words in said.items() if words and not DATA.search(words)},
        exact=step.idx is not None,
    )


def spoken(value: JsonValue) -> Iterator[str]:
    """What a model says in its response, in whichever vendor's form."""
    match value:
        case str(text) | {"text": str(text)}:
            yield text
        case dict():
            for name in ("content", "parts", "summary"):
                yield from spoken(value.get(name))
        case list():
            for part in value:
                yield from spoken(part)


def deeds(step: Step) -> Iterator[str]:
    """The names of what a step does."""
    output = step.agentOutput or AgentOutput()
    for action in [*((step.model_output or ModelOutput()).action or []), *(output.actions or []), output.action]:
        match action:
            case {"type": str(name)}:
                yield name
            case dict() if action:
                yield next(iter(action))
    yield from calls([step.content, step.output, step.candidates])


def calls(value: JsonValue) -> Iterator[str]:
    """The names of what a model calls for in its response, in whichever vendor's form."""
    match value:
        case {"type": "tool_use", "input": {"action": str(name)}} | {"action": {"type": str(name)}}:
            yield name
        case {"type": "tool_use" | "function_call", "name": str(name)} | {"functionCall": {"name": str(name)}}:
            yield name
        case dict():
            for name in ("content", "parts"):
                yield from calls(value.get(name))
        case list():
            for part in value:
                yield from calls(part)


def other_text(raw: JsonValue) -> str | None:
    """A short text of several words out of a step of unknown shape; one word may be anything."""
    values: Iterable[JsonValue] = raw.values() if isinstance(raw, dict) else [raw]
    return next((text for text in values if isinstance(text, str) and len(text) <= SHORT and " " in text), None)


def _first(*texts: str | None) -> str | None:
    """The first that says anything and is text."""
    return next((text for text in texts if text and text.strip() and not DATA.search(text)), None)


PROVIDER = Hyperbrowser
