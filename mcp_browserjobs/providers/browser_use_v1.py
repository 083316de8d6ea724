"""Browser Use Cloud, API v1, no longer served: a job is a task. For servers that still speak it.

API: https://github.com/browser-use/browser-use, docs/api-reference, gone (checked November 2026, never seen live)
Quirk: the status route answers with a bare JSON string and is all that is relied on; the whole task may be missing.
Quirk: 404 `Not Found` says that the route is gone, 404 `Task not found` that the task is.
Quirk: another API may come to stand behind the same prefix.
Quirk: `finished` makes no claim about success, a task has no cost of its own, and its steps have no time.
Quirk: ids are UUIDs in what was seen and `task_...` in the pages.
"""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult

from pydantic import JsonValue

from ..errors import JobNotFoundError, RetiredError, UnexpectedResponseError
from ..jobs import (
    TITLE_CHARACTERS,
    Artifact,
    Event,
    EventKind,
    FailureKind,
    Job,
    JobPage,
    JobRow,
    JobStatus,
    Moment,
    Sighting,
)
from .base import UUID, Optional, Provider, Wire, page_number, unique, web_links

STATUSES = {
    "created": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "paused": JobStatus.PAUSED,
    "finished": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "stopped": JobStatus.CANCELLED,
}

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


class BrowserUse(Provider):
    """Tasks of API v1."""

    name = "browser_use_v1"
    title = "Browser Use (API v1)"
    prefix = "BROWSER_USE"
    base_url = "https://api.browser-use.com"
    api_path = "/api/v1"
    key_header = "Authorization"
    key_scheme = "Bearer "
    example_id = "task_1234567890abcdef"
    id_form = "uuid or task_..."
    id_pattern = re.compile(r"[A-Za-z0-9_-]{1,100}")
    statuses = STATUSES
    link_hosts = frozenset({"cloud.browser-use.com", "live.browser-use.com"})
    capability_hosts = frozenset({"live.browser-use.com"})
    events_with_job = True

    def canonical_id(self, text: str) -> str:
        """As in the base, and a UUID in lower case."""
        text = super().canonical_id(text)
        return text.lower() if re.fullmatch(UUID, text) else text

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of API v1; those of the dashboard are left to v4."""
        found = re.search(rf"/api/v1/task/({self.id_pattern.pattern})(?:/|\Z)", link.path)
        return found[1] if found and link.hostname not in self.link_hosts else None

    async def fetch_job(self, job_id: str) -> Job:
        """The status, and what else the task tells where it can be had."""
        job_id = self.canonical_id(job_id)
        word = await self._status(job_id)
        try:
            task = await self.http.get_model(f"/task/{job_id}", Task)
        except (JobNotFoundError, UnexpectedResponseError):
            task = Task(status=word)
        return to_job(job_id, task)

    async def fetch_status(self, job_id: str) -> Sighting:
        """The status word."""
        word = await self._status(self.canonical_id(job_id))
        return Sighting(status=STATUSES.get(word, JobStatus.UNKNOWN), provider_status=word)

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
            raise self._retired() if reply.json == {"detail": "Not Found"} else self.http.not_found()
        if not isinstance(reply.json, str):
            raise self.http.unexpected("the body")
        return reply.json

    async def _ask(self, path: str, params: Mapping[str, str | int]) -> JsonValue:
        """A route that names no task: it can only be missing as a whole."""
        reply = await self.http.get(path, params=params, accept=(404,))
        if reply.status == 404:
            raise self._retired()
        return reply.json

    def _retired(self) -> RetiredError:
        return RetiredError(self.name, self.http.account, successor=SUCCESSOR)


def to_job(job_id: str, task: Task) -> Job:
    """A task in our words."""
    status = STATUSES.get(task.status, JobStatus.UNKNOWN)
    steps = [step or Step() for step in task.steps or []]
    links = web_links(("live_view", task.live_url))
    there: dict[Artifact, bool] = {"result": task.output is not None, "live_view": bool(links)}
    return Job(
        id=job_id,
        status=status,
        provider_status=task.status,
        title=(task.task or "")[:TITLE_CHARACTERS],
        created_at=task.created_at,
        finished_at=task.finished_at,
        current_step=steps[-1].next_goal if steps and not status.final else None,
        result=task.output,
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=frozenset(thing for thing, is_there in there.items() if is_there),
        events=unique(tuple(to_event(step, place) for place, step in enumerate(steps, 1))),
        links=links,
    )


def to_row(task: TaskItem) -> JobRow:
    """A task in a list, in our words."""
    return JobRow(
        id=task.id,
        status=STATUSES.get(task.status, JobStatus.UNKNOWN),
        provider_status=task.status,
        title=(task.task or "")[:TITLE_CHARACTERS],
        created_at=task.created_at,
        updated_at=task.finished_at,
    )


def to_event(step: Step, place: int) -> Event:
    """A step in our words, known by its number, or by its place where it has none."""
    said = {"text": step.next_goal, "evaluation": step.evaluation_previous_goal, "url": step.url}
    return Event(
        key=f"place {place}" if step.step is None else str(step.step),
        kind=EventKind.STEP,
        reported={name: text for name, text in said.items() if text},
        exact=step.step is not None,
    )


PROVIDER = BrowserUse
