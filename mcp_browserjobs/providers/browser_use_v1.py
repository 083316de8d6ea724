"""Browser Use Cloud, API v1, no longer served: a job is a task. For servers that still speak it.

API: https://github.com/browser-use/browser-use, docs/api-reference, gone (checked November 2026, never seen live)
Quirk: the status route answers with a bare JSON string and is all that is relied on; the whole task may be missing.
Quirk: 404 `Not Found` says that the route is gone, 404 `Task not found` that the task is.
Quirk: another API may come to stand behind the same prefix.
Quirk: `finished` makes no claim about success, a task has no cost of its own, and its steps have no time.
Quirk: ids are UUIDs in what was seen and `task_...` in the pages.
Quirk: pausing, resuming and stopping name the task in the query; at the wrong time a 400 is taken to say so.
Quirk: `paused` is also how a task waits for a person at work in its live view; no question is ever told.
Quirk: how long links to screenshots and recordings last is unknown.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated
from urllib.parse import SplitResult

from pydantic import Field, JsonValue

from ..errors import JobNotFoundError, NotAvailableError, ProviderError, RetiredError, UnexpectedResponseError
from ..jobs import (
    Event,
    EventKind,
    FailureKind,
    Job,
    JobPage,
    JobRow,
    JobStatus,
    Link,
    Moment,
    Picture,
    Sighting,
    Started,
)
from ..screenshots import fetch_linked
from .base import (
    Optional,
    Provider,
    Reply,
    Statuses,
    Wire,
    artifacts,
    in_words,
    page_number,
    unique,
    web_links,
)

STATUSES = Statuses(
    {
        "created": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "paused": JobStatus.PAUSED,
        "finished": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "stopped": JobStatus.CANCELLED,
    }
)

TASK_ID = r"[A-Za-z0-9_-]{1,100}"
TASKS_A_PAGE = 100
SUCCESSOR = "browser_use"


class Step(Wire):
    """One step. All of it is optional here, so that a task stays readable whatever one step lacks."""

    step: Optional[int] = None
    evaluation_previous_goal: Optional[str] = None
    next_goal: Optional[str] = None
    url: Optional[str] = None


class Task(Wire):
    """What the whole task tells besides its status."""

    status: str
    task: Optional[str] = None
    output: Optional[str] = None
    created_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None
    live_url: Optional[str] = None
    steps: Optional[list[Optional[Step]]] = None


class TaskItem(Wire):
    """One task in a list."""

    id: str
    status: str
    task: Optional[str] = None
    created_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None


class TaskPage(Wire):
    """Some tasks, newest first."""

    tasks: list[TaskItem]
    total_pages: Optional[int] = None


class NewTask(Wire):
    """The answer to a start."""

    id: Annotated[str, Field(pattern=f"^{TASK_ID}$")]


class Media(Wire):
    """What was recorded of a task."""

    recordings: Optional[list[Optional[str]]] = None


class Screenshots(Wire):
    """Links to the screenshots of a task, oldest first."""

    screenshots: Optional[list[Optional[str]]] = None


class BrowserUse(Provider):
    """Tasks of API v1."""

    name = "browser_use_v1"
    title = "Browser Use (API v1)"
    base_url = "https://api.browser-use.com"
    keys_at = "https://cloud.browser-use.com/settings?tab=api-keys"
    api_path = "/api/v1"
    key_header = "Authorization"
    key_scheme = "Bearer "
    example_id = "task_1234567890abcdef"
    id_form = "uuid or task_..."
    id_pattern = re.compile(TASK_ID)
    statuses = STATUSES
    link_hosts = frozenset({"cloud.browser-use.com", "live.browser-use.com"})
    capability_hosts = frozenset({"live.browser-use.com"})
    events_with_job = True

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of API v1; those of the dashboard are left to v4."""
        found = re.search(rf"/api/v1/task/({TASK_ID})(?:/|\Z)", link.path)
        return found[1] if found and link.hostname not in self.link_hosts else None

    async def fetch_job(self, job_id: str) -> Job:
        """The status, and what else the task tells where it can be had."""
        job_id = self.canonical_id(job_id)
        return to_job(job_id, await self._task(job_id))

    async def fetch_status(self, job_id: str) -> Sighting:
        """The status word."""
        word = await self._status(self.canonical_id(job_id))
        return Sighting(status=STATUSES[word], provider_status=word)

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The live view and the recordings."""
        job_id = self.canonical_id(job_id)
        task = await self._task(job_id)
        media = await self.http.find_model(f"/task/{job_id}/media", Media) or Media()
        return web_links(("live_view", task.live_url), *(("recording", link) for link in media.recordings or []))

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of those that the task's list has."""
        return await fetch_linked(partial(self._screenshots, job_id), self.http.download_image, index)

    async def pause_job(self, job_id: str) -> None:
        """Hold a running task."""
        await self._command("/pause-task", job_id)

    async def resume_job(self, job_id: str) -> None:
        """Let a paused task go on."""
        await self._command("/resume-task", job_id)

    async def cancel_job(self, job_id: str) -> None:
        """Stop the task for good."""
        await self._command("/stop-task", job_id)

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a task."""
        reply = await self.http.post("/run-task", body={**parameters, "task": task}, accept=(404,))
        if reply.status == 404:
            raise self._retired()
        return Started(id=self.canonical_id(self.http.read(reply.json, NewTask).id))

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Tasks of the account. One limit has to be kept from page to page."""
        number = page_number(cursor)
        body = await self._ask("/tasks", {"page": number, "limit": min(limit, TASKS_A_PAGE)})
        page = self.http.read(body, TaskPage)
        more = bool(page.tasks) and page.total_pages is not None and number < page.total_pages
        return JobPage(jobs=tuple(to_row(task) for task in page.tasks), cursor=str(number + 1) if more else None)

    async def check_key(self) -> None:
        """Ask who we are."""
        await self._ask("/me", {})

    async def _status(self, job_id: str) -> str:
        reply = await self.http.get(f"/task/{job_id}/status", accept=(404,))
        if reply.status == 404:
            raise self._gone(reply)
        if not isinstance(reply.json, str):
            raise self.http.unexpected("the body")
        return reply.json

    async def _task(self, job_id: str) -> Task:
        """The whole task or, where it cannot be had, its status alone."""
        word = await self._status(job_id)
        try:
            return await self.http.get_model(f"/task/{job_id}", Task)
        except (JobNotFoundError, UnexpectedResponseError):
            return Task(status=word)

    async def _screenshots(self, job_id: str) -> list[str]:
        """Links to all of them, oldest first."""
        job_id = self.canonical_id(job_id)
        shown = await self.http.find_model(f"/task/{job_id}/screenshots", Screenshots) or Screenshots()
        links = [link for link in shown.screenshots or [] if link]
        if not links:
            raise NotAvailableError("screenshots", (await self.fetch_status(job_id)).status.value)
        return links

    async def _command(self, path: str, job_id: str) -> None:
        reply = await self.http.put(path, params={"task_id": self.canonical_id(job_id)}, accept=(400, 404))
        if reply.status == 404:
            raise self._gone(reply)
        if reply.status == 400:
            raise self.http.conflict()

    async def _ask(self, path: str, params: Mapping[str, str | int]) -> JsonValue:
        """A route that names no task: it can only be missing as a whole."""
        reply = await self.http.get(path, params=params, accept=(404,))
        if reply.status == 404:
            raise self._retired()
        return reply.json

    def _gone(self, reply: Reply) -> ProviderError:
        """What a 404 of a route means that names a task."""
        return self._retired() if reply.json == {"detail": "Not Found"} else self.http.not_found()

    def _retired(self) -> RetiredError:
        return RetiredError(self.name, self.http.account, successor=SUCCESSOR)


def to_job(job_id: str, task: Task) -> Job:
    """A task in our words."""
    status = STATUSES[task.status]
    steps = [step or Step() for step in task.steps or []]
    links = web_links(("live_view", task.live_url))
    return Job(
        id=job_id,
        status=status,
        provider_status=task.status,
        title=task.task or "",
        created_at=task.created_at,
        finished_at=task.finished_at if status.final else None,
        current_step=steps[-1].next_goal if steps and not status.final else None,
        result=task.output,
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=artifacts({"result": task.output is not None}, links),
        events=unique(tuple(to_event(step, place) for place, step in enumerate(steps, 1))),
        links=links,
    )


def to_row(task: TaskItem) -> JobRow:
    """A task in a list, in our words."""
    return JobRow(
        id=task.id,
        status=STATUSES[task.status],
        provider_status=task.status,
        title=task.task or "",
        created_at=task.created_at,
        updated_at=task.finished_at,
    )


def to_event(step: Step, place: int) -> Event:
    """A step in our words, known by its number, or by its place where it has none."""
    return Event(
        key=f"place {place}" if step.step is None else str(step.step),
        kind=EventKind.STEP,
        reported=in_words(text=step.next_goal, evaluation=step.evaluation_previous_goal, url=step.url),
        exact=step.step is not None,
    )


PROVIDER = BrowserUse
