"""Skyvern, hosted or one's own: a job is one run, of an agent (once called workflow) or of a task.

API: https://github.com/Skyvern-AI/skyvern, docs/api-reference (checked November 2026, seen live on Skyvern 1.0.56)
Quirk: a bad key and no key are 403; only `x-api-key` carries it.
Quirk: times have no zone and are UTC.
Quirk: `terminated` is said where the agent judged the goal unreachable, `failed` where something broke.
Quirk: a failed run with `retry_pending` is not over, as another attempt follows under its id (read, never seen live).
Quirk: `paused` is only said while a block asks for a person, which stands in the timeline; its block says `running`.
Quirk: a question can only be answered by going on, with no text; its other answer is to cancel the run.
Quirk: `continue` is 404 both for an unknown run and for one that does not wait; the block ends some seconds later.
Quirk: `modified_at` stays when the output changes and moves when a webhook is sent: it marks no change.
Quirk: a task may pass from `canceled` to `completed` (read, never seen live).
Quirk: the output and the open block of a cancelled run may still change.
Quirk: cancelling a task that is over is 400; an agent's run stays as it is, though its webhook is sent again.
Quirk: links are signed anew at every look, also those in the output, which work with the key when unsigned.
Quirk: a server without a key for its links gives `file://` paths, which lead nowhere.
Quirk: a recording is there before the run has ended, and may be gone again once it is cancelled.
Quirk: screenshots are the last three, there once a block or task has ended; there is no log.
Quirk: the live view is a page of the dashboard, which asks for a login.
Quirk: the timeline comes whole, newest first; tasks (`tsk_`) have none, yet unpublished lists of steps and actions.
Quirk: the order of a block's `children` is unknown, so events are put in order by their time.
Quirk: a `tsk_v2_` run is known by the `wr_` id of its agent's run too, and nothing tells that they are one.
Quirk: lists do not show a task's prompt, and end after a hundred pages; costs are only told to webhooks.
Quirk: a 400 to a start is an address that cannot be resolved; what too many requests are answered is unknown.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from pydantic import Field, JsonValue, RootModel

from ..errors import InvalidArgumentError, NotAvailableError
from ..jobs import (
    Artifact,
    Event,
    EventKind,
    EventPage,
    FailureKind,
    Job,
    JobPage,
    JobRow,
    JobStatus,
    Link,
    Moment,
    Picture,
    Question,
    Started,
)
from ..reported import OPTION_CHARACTERS, clean
from ..screenshots import fetch_linked
from .base import Delivery, Optional, Provider, Statuses, Wire, artifacts, in_words, line, page_number, signs, web_links

STATUSES = Statuses(
    {
        "created": JobStatus.QUEUED,
        "queued": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "paused": JobStatus.WAITING_FOR_INPUT,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "terminated": JobStatus.FAILED,
        "timed_out": JobStatus.FAILED,
        "canceled": JobStatus.CANCELLED,
    }
)

FAILURES = {
    "failed": FailureKind.UNKNOWN,
    "terminated": FailureKind.AGENT_GAVE_UP,
    "timed_out": FailureKind.TIMED_OUT,
}

RUN = r"(?:wr|tsk|tsk_v[0-9])_[0-9]{1,24}"
TASK = re.compile(r"tsk_[0-9]+")
"""A run that has no timeline."""
AGENT = re.compile(r"wpid_[0-9A-Za-z]{1,40}")

RUNS_A_PAGE = 100
MOST_PAGES = 100
LAST = datetime.max.replace(tzinfo=UTC)


class RunRequest(Wire):
    """What a run was started with."""

    title: Optional[str] = None
    prompt: Optional[str] = None


class DownloadedFile(Wire):
    """A file that a run downloaded."""

    url: Optional[str] = None


class Run(Wire):
    """One run."""

    status: str
    output: JsonValue = None
    failure_reason: Optional[str] = None
    run_request: Optional[RunRequest] = None
    retry_pending: Optional[bool] = None
    browser_session_id: Optional[str] = None
    app_url: Optional[str] = None
    recording_url: Optional[str] = None
    screenshot_urls: Optional[list[Optional[str]]] = None
    downloaded_files: Optional[list[Optional[DownloadedFile]]] = None
    created_at: Optional[Moment] = None
    modified_at: Optional[Moment] = None
    started_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None


class RunItem(Wire):
    """One run in a list."""

    run_id: str
    status: str
    title: Optional[str] = None
    retry_pending: Optional[bool] = None
    created_at: Optional[Moment] = None
    started_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None


class Runs(RootModel[list[RunItem]]):
    """A page of runs, newest first."""


class NewRun(Wire):
    """The answer to a start."""

    run_id: Annotated[str, Field(pattern=f"^{RUN}$")]


class Told(Wire):
    """What a webhook tells: an agent's run, or a task's."""

    run_id: Optional[str] = None
    workflow_run_id: Optional[str] = None
    task_id: Optional[str] = None


class Action(Wire):
    """One thing that was done to the page."""

    action_id: Optional[str] = None
    action_type: Optional[str] = None
    status: Optional[str] = None
    intention: Optional[str] = None
    reasoning: Optional[str] = None
    created_at: Optional[Moment] = None


class Block(Wire):
    """One block of an agent."""

    workflow_run_block_id: Optional[str] = None
    block_type: Optional[str] = None
    label: Optional[str] = None
    status: Optional[str] = None
    failure_reason: Optional[str] = None
    url: Optional[str] = None
    final_url: Optional[str] = None
    navigation_goal: Optional[str] = None
    data_extraction_goal: Optional[str] = None
    instructions: Optional[str] = None
    positive_descriptor: Optional[str] = None
    negative_descriptor: Optional[str] = None
    actions: Optional[list[Optional[Action]]] = None
    created_at: Optional[Moment] = None

    @property
    def asks(self) -> bool:
        """Whether it asks for a person now."""
        return self.block_type == "human_interaction" and self.status in ("running", "paused")


class Thought(Wire):
    """What the planner of a task thinks."""

    thought_id: Optional[str] = None
    observer_thought_id: Optional[str] = None
    thought_type: Optional[str] = None
    thought: Optional[str] = None
    observation: Optional[str] = None
    answer: Optional[str] = None
    created_at: Optional[Moment] = None


class Item(Wire):
    """One entry of a timeline. All of it is optional here, so that the rest stays readable whatever one lacks."""

    block: Optional[Block] = None
    thought: Optional[Thought] = None
    children: "Optional[list[Optional[Item]]]" = None


class Timeline(RootModel[list[Optional[Item]]]):
    """All that happened in a run of an agent, newest first."""


class Step(Wire):
    """One round of a task's model, or another try of it."""

    step_id: Optional[str] = None
    order: Optional[int] = None
    retry_index: Optional[int] = None
    status: Optional[str] = None
    created_at: Optional[Moment] = None


class Steps(RootModel[list[Optional[Step]]]):
    """The steps of a task."""


class Actions(RootModel[list[Optional[Action]]]):
    """The actions of a task."""


class Skyvern(Provider):
    """Runs of agents and tasks."""

    name = "skyvern"
    title = "Skyvern"
    base_url = "https://api.skyvern.com"
    keys_at = "https://app.skyvern.com/settings"
    key_header = "x-api-key"
    example_id = "wr_599668486403217730"
    id_form = "wr_, tsk_ or tsk_v2_ and a number"
    id_pattern = re.compile(RUN)
    link_path = re.compile(rf"/({RUN})(?=/|\Z)")
    statuses = STATUSES
    link_hosts = frozenset({"app.skyvern.com"})
    cancel_is_provisional = True
    lists_tasks = False
    webhook_proof = "key"

    async def fetch_job(self, job_id: str) -> Job:
        """The run and, while it waits for a person, the block that asks."""
        job_id = self.canonical_id(job_id)
        run = await self._run(job_id)
        question = to_question(await self._timeline(job_id)) if run.status == "paused" else None
        return to_job(job_id, run, question)

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """The whole timeline or, for a task without one, its steps and actions; there is no `cursor`."""
        del cursor
        job_id = self.canonical_id(job_id)
        if not TASK.fullmatch(job_id):
            return to_events(timeline_events(reversed(await self._timeline(job_id))))
        # These routes are unpublished, so there may be none.
        steps = await self.http.find_model(f"/api/v1/tasks/{job_id}/steps", Steps) or Steps([])
        actions = await self.http.find_model(f"/api/v1/tasks/{job_id}/actions", Actions) or Actions([])
        return to_events([*map(step_event, filter(None, steps.root)), *map(action_event, filter(None, actions.root))])

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """Live view, recording and downloads. They are signed anew each time, so they are no part of a look."""
        return to_links(await self._run(self.canonical_id(job_id)))

    async def answer_question(self, job_id: str, question_id: str, answer: str) -> None:
        """Let the run go on, when the answer is the question's first option: no other can be given."""
        job_id = self.canonical_id(job_id)
        question = to_question(await self._timeline(job_id))
        if question is None or question.id != question_id:
            raise self.http.conflict()
        if not approves(question, answer):
            raise InvalidArgumentError("answer", "must be the question's first option; to decline, cancel the job")
        reply = await self.http.post(f"/v1/workflows/runs/{job_id}/continue", accept=(404,))
        if reply.status == 404:
            raise self.http.conflict()

    async def cancel_job(self, job_id: str) -> None:
        """Cancel the run; its open block may take some seconds to end."""
        reply = await self.http.post(f"/v1/runs/{self.canonical_id(job_id)}/cancel", accept=(400,))
        if reply.status == 400:
            raise self.http.conflict()

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Run a task with this prompt or, where the task is an agent's id (`wpid_...`), that agent."""
        agent = task.strip()
        if AGENT.fullmatch(agent):
            reply = await self.http.post("/v1/run/agents", body={**parameters, "workflow_id": agent}, accept=(404,))
            if reply.status == 404:
                raise self.http.not_accepted("task")
        else:
            reply = await self.http.post("/v1/run/tasks", body={**parameters, "prompt": task}, accept=(404,))
            if reply.status == 404:
                raise self.http.missing(parameters)
        return Started(id=self.http.read(reply.json, NewRun).run_id)

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of the last few."""
        return await fetch_linked(partial(self._screenshots, job_id), self.http.download_image, index)

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Runs of every kind; `cursor` is the number of a page. One limit has to be kept from page to page."""
        number, size = page_number(cursor), min(limit, RUNS_A_PAGE)
        if number > MOST_PAGES:
            return JobPage(jobs=())
        runs = await self.http.get_model("/v1/runs", Runs, params={"page": number, "page_size": size})
        return to_page(runs.root, cursor=str(number + 1) if len(runs.root) >= size and number < MOST_PAGES else None)

    async def check_key(self) -> None:
        """List one run."""
        await self.http.get_model("/v1/runs", Runs, params={"page_size": 1})

    def jobs_of(self, delivery: Delivery, secret: str) -> tuple[str, ...]:
        """The run, which the raw body's signature by the API key vouches for; the time of sending is not signed."""
        if not signs(secret, delivery.headers.get("x-skyvern-signature", ""), [delivery.body]):
            return ()
        told = delivery.read(Told)
        ids = (told.run_id, told.workflow_run_id, told.task_id) if told else ()
        return tuple(dict.fromkeys(one for one in ids if one and re.fullmatch(RUN, one)))

    async def _run(self, job_id: str) -> Run:
        return await self.http.get_model(f"/v1/runs/{job_id}", Run)

    async def _timeline(self, job_id: str) -> list[Item]:
        """The timeline, newest first; empty for a kind of run that has none."""
        timeline = await self.http.find_model(f"/v1/runs/{job_id}/timeline", Timeline, missing=(400,))
        return [*filter(None, timeline.root)] if timeline else []

    async def _screenshots(self, job_id: str) -> list[str]:
        """Links to those that there are, oldest first."""
        run = await self._run(self.canonical_id(job_id))
        if not (links := to_screenshots(run)):
            raise NotAvailableError("screenshots", to_status(run).value)
        return links


def to_status(run: Run | RunItem) -> JobStatus:
    """What the status word means beside what else is told."""
    status = STATUSES[run.status]
    return JobStatus.QUEUED if status is JobStatus.FAILED and run.retry_pending else status


def to_job(job_id: str, run: Run, question: Question | None) -> Job:
    """A run in our words. `question` is what a paused one asks, as far as its timeline tells."""
    status = to_status(run)
    if status is JobStatus.WAITING_FOR_INPUT and question is None:
        status = JobStatus.PAUSED
    request = run.run_request or RunRequest()
    result = unsigned(run.output) if status.final else None
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "screenshots": bool(to_screenshots(run)),
        "question": question is not None,
    }
    gave_up = status is JobStatus.FAILED and run.status == "terminated"
    return Job(
        id=job_id,
        session=run.browser_session_id or "",
        status=status,
        provider_status=run.status,
        title=request.title or request.prompt or "",
        created_at=run.created_at,
        started_at=run.started_at,
        updated_at=run.modified_at,
        finished_at=run.finished_at if status.final else None,
        result=result,
        error=(run.failure_reason or None) if status.final else None,
        question=question,
        goal_met=False if gave_up else None,
        goal_met_by="agent" if gave_up else None,
        failure=FAILURES.get(run.status) if status is JobStatus.FAILED else None,
        has=artifacts(there, to_links(run)),
    )


def to_page(runs: Iterable[RunItem], *, cursor: str | None) -> JobPage:
    """A page in our words, without what has an id of another form."""
    rows = tuple(to_row(run) for run in runs if re.fullmatch(RUN, run.run_id))
    return JobPage(jobs=rows, cursor=cursor)


def to_row(run: RunItem) -> JobRow:
    """A run in a list, in our words."""
    return JobRow(
        id=run.run_id,
        status=to_status(run),
        provider_status=run.status,
        title=run.title or "",
        created_at=run.created_at,
        started_at=run.started_at,
        updated_at=run.finished_at,
    )


def to_question(timeline: Iterable[Item]) -> Question | None:
    """What a run asks: the newest block that waits for a person."""
    asking = [block for block in blocks(timeline) if block.asks and block.workflow_run_block_id]
    latest = max(asking, key=lambda block: block.created_at or LAST, default=None)
    if latest is None:
        return None
    options = (latest.positive_descriptor or "Approve", latest.negative_descriptor or "Reject")
    return Question(id=latest.workflow_run_block_id or "", text=latest.instructions or "", options=options)


def approves(question: Question, answer: str) -> bool:
    """Whether an answer is the one that lets the run go on, in its own words or as they are shown."""
    yes, no = ({_plainly(option), _plainly(clean(option, OPTION_CHARACTERS))} for option in question.options)
    return _plainly(answer) in yes - no


def _plainly(said: str) -> str:
    return said.strip().casefold()


def to_links(run: Run) -> tuple[Link, ...]:
    """What a run links to, each with its end where the link tells it."""
    return web_links(
        ("live_view", None if to_status(run).final else run.app_url),
        ("recording", run.recording_url),
        *(("download", file.url) for file in run.downloaded_files or [] if file),
        expiry=to_expiry,
    )


def to_expiry(url: str) -> datetime | None:
    """When a signed link ends."""
    expiry = re.search(r"[?&]expiry=([0-9]{1,10})(?:&|\Z)", url)
    return datetime.fromtimestamp(int(expiry[1]), UTC) if expiry else None


def to_screenshots(run: Run) -> list[str]:
    """Links to the screenshots, oldest first, without paths on the server's own disk."""
    return [url for url in reversed(run.screenshot_urls or []) if url and url.startswith(("http://", "https://"))]


def unsigned(value: JsonValue) -> JsonValue:
    """A value whose links to artifacts are the same at every look."""
    match value:
        case str():
            return re.sub(r"(/v1/artifacts/\w+/content)\?[^\s\"'<>]*", r"\1", value)
        case list():
            return [unsigned(part) for part in value]
        case dict():
            return {name: unsigned(part) for name, part in value.items()}
        case _:
            return value


def blocks(timeline: Iterable[Item]) -> Iterator[Block]:
    """All blocks, those within others too."""
    for item in timeline:
        if item.block:
            yield item.block
        yield from blocks(filter(None, item.children or []))


def to_events(events: Iterable[Event]) -> EventPage:
    """Events as a page, oldest first."""
    return EventPage(events=tuple(sorted(events, key=lambda event: event.at or LAST)))


def timeline_events(timeline: Iterable[Item]) -> Iterator[Event]:
    """Blocks, the actions within them, and thoughts."""
    for item in timeline:
        if item.block:
            yield block_event(item.block)
            yield from map(action_event, filter(None, reversed(item.block.actions or [])))
        if item.thought:
            yield thought_event(item.thought)
        yield from timeline_events(filter(None, reversed(item.children or [])))


def block_event(block: Block) -> Event:
    """A block in our words."""
    asks = block.block_type == "human_interaction"
    purpose = block.navigation_goal or block.data_extraction_goal or block.instructions
    return _event(
        block.workflow_run_block_id,
        block.block_type,
        EventKind.QUESTION if asks else EventKind.STEP,
        block.created_at,
        text=block.instructions if asks and block.instructions else line(block.block_type, purpose),
        label=block.label,
        status=block.status,
        url=block.final_url or block.url,
        error=block.failure_reason,
    )


def action_event(action: Action) -> Event:
    """An action in our words."""
    text = line(action.action_type, action.intention or action.reasoning)
    at, status = action.created_at, action.status
    return _event(action.action_id, action.action_type, EventKind.STEP, at, text=text, status=status)


def thought_event(thought: Thought) -> Event:
    """A thought in our words; while it is being thought, no more than its type is known."""
    key, text = thought.thought_id or thought.observer_thought_id, thought.thought or thought.observation
    text = text or thought.answer or thought.thought_type
    return _event(key, thought.thought_type, EventKind.MESSAGE, thought.created_at, text=text)


def step_event(step: Step) -> Event:
    """A step of a task in our words."""
    number = "" if step.order is None else f" {step.order + 1}"
    text = f"step{number}, retry {step.retry_index}" if step.retry_index else f"step{number}"
    return _event(step.step_id, "step", EventKind.STEP, step.created_at, text=text, status=step.status)


def _event(key: str | None, what: str | None, kind: EventKind, at: datetime | None, **said: str | None) -> Event:
    """An event, known by its id or, without one, by its time and type."""
    return Event(
        key=key or f"{at} {what}",
        kind=kind,
        at=at,
        reported=in_words(**said),
        exact=bool(key),
    )


PROVIDER = Skyvern
