"""Browser Use Cloud, API v2: a job is a task, in a session that may hold several.

API: https://docs.browser-use.com/cloud/api-v2-overview (checked November 2026, read and never seen live)
Quirk: live view and recording are the session's, files and log have a route each, so links are asked for apart.
Quirk: `finished` only says that the agent is done: `isSuccess` is its own word, `judgeVerdict` the better one.
Quirk: `failed` came in 2026 and `paused` went in 2025; why a task failed stands in no field.
Quirk: what a task is called that ran out of steps is unknown.
Quirk: times may come without a zone and are UTC; `cost` is a decimal in a string; steps have no time.
Quirk: a structured output is a string that holds JSON, and is passed on as that string.
Quirk: there are no pauses today, and no questions; those of 2025 were actions of the same route.
Quirk: a start in a session that is closed or busy is a 400; how long links to screenshots and logs last is unknown.
"""

import re
import uuid
from collections.abc import Mapping
from functools import partial
from urllib.parse import SplitResult

from pydantic import JsonValue, StrictBool

from ..errors import NotAvailableError
from ..jobs import (
    Artifact,
    Cost,
    Event,
    EventKind,
    FailureKind,
    Job,
    JobPage,
    JobRow,
    JobStatus,
    Link,
    LinkKind,
    Moment,
    Picture,
    Sighting,
    Started,
)
from ..screenshots import fetch_linked
from .base import UUID, Amount, Optional, Provider, Statuses, Wire, artifacts, in_words, page_number, unique, web_links

STATUSES = Statuses(
    {
        "created": JobStatus.QUEUED,
        "started": JobStatus.RUNNING,
        "paused": JobStatus.PAUSED,
        "finished": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "stopped": JobStatus.CANCELLED,
    }
)

TASKS_A_PAGE = 100
MOST_LOG_BYTES = 4 * 1024 * 1024
FILE_LINKS = 10
"""More output files than these are not linked, since each costs a request."""


class Step(Wire):
    """One step. All of it is optional here, so that a task stays readable whatever one step lacks."""

    number: Optional[int] = None
    evaluationPreviousGoal: Optional[str] = None
    nextGoal: Optional[str] = None
    url: Optional[str] = None
    screenshotUrl: Optional[str] = None


class OutputFile(Wire):
    """A file that the task made."""

    id: uuid.UUID


class Task(Wire):
    """One task, alone or (without steps and files) in a list."""

    id: uuid.UUID
    status: str
    sessionId: Optional[uuid.UUID] = None
    task: Optional[str] = None
    output: Optional[str] = None
    isSuccess: Optional[StrictBool] = None
    judgeVerdict: Optional[StrictBool] = None
    cost: Optional[Amount] = None
    createdAt: Optional[Moment] = None
    startedAt: Optional[Moment] = None
    finishedAt: Optional[Moment] = None
    steps: Optional[list[Optional[Step]]] = None
    outputFiles: Optional[list[OutputFile]] = None


class NewTask(Wire):
    """The answer to a start."""

    id: uuid.UUID


class TaskStatus(Wire):
    """What is read of the status route."""

    status: str


class TaskPage(Wire):
    """Some tasks, newest first."""

    items: list[Task]
    totalItems: Optional[int] = None


class Session(Wire):
    """The session that a task runs in."""

    liveUrl: Optional[str] = None
    recordingUrl: Optional[str] = None


class Download(Wire):
    """Where a file or log is to be had."""

    downloadUrl: Optional[str] = None


class BrowserUse(Provider):
    """Tasks of API v2."""

    name = "browser_use_v2"
    title = "Browser Use (API v2)"
    base_url = "https://api.browser-use.com"
    keys_at = "https://cloud.browser-use.com/settings?tab=api-keys"
    api_path = "/api/v2"
    key_header = "X-Browser-Use-API-Key"
    example_id = "c93e6f14-70ab-4d25-8e19-4b5f02d7c6a8"
    id_form = "uuid"
    id_pattern = re.compile(UUID)
    statuses = STATUSES
    link_hosts = frozenset({"cloud.browser-use.com", "live.browser-use.com"})
    capability_hosts = frozenset({"live.browser-use.com"})
    continues_with = "sessionId"
    events_with_job = True

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of API v2; those of the dashboard are left to v4."""
        found = re.search(rf"/api/v2/tasks/({UUID})(?:/|\Z)", link.path)
        return found[1] if found and link.hostname not in self.link_hosts else None

    async def fetch_job(self, job_id: str) -> Job:
        """The task with all its steps."""
        return to_job(await self.http.get_model(f"/tasks/{self.canonical_id(job_id)}", Task))

    async def fetch_status(self, job_id: str) -> Sighting:
        """Its status word, without the steps."""
        word = (await self.http.get_model(f"/tasks/{self.canonical_id(job_id)}/status", TaskStatus)).status
        return Sighting(status=STATUSES[word], provider_status=word)

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """Live view and recording of the task's session, its output files and its log."""
        task = await self.http.get_model(f"/tasks/{self.canonical_id(job_id)}", Task)
        session = task.sessionId and await self.http.find_model(f"/sessions/{task.sessionId}", Session)
        return (
            *(web_links(("live_view", session.liveUrl), ("recording", session.recordingUrl)) if session else ()),
            *[
                link
                for file in (task.outputFiles or [])[:FILE_LINKS]
                for link in await self._download("download", f"/files/tasks/{task.id}/output-files/{file.id}")
            ],
            *await self._download("log", f"/tasks/{task.id}/logs"),
        )

    async def cancel_job(self, job_id: str) -> None:
        """Stop the task; its session may go on."""
        await self.http.patch(f"/tasks/{self.canonical_id(job_id)}", body={"action": "stop"})

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a task; `sessionId` among the parameters starts it in that session."""
        reply = await self.http.post("/tasks", body={**parameters, "task": task}, accept=(400, 404))
        if reply.status == 400:
            raise self.http.conflict()
        if reply.status == 404:
            raise self.http.missing(parameters)
        return Started(id=str(self.http.read(reply.json, NewTask).id))

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of those that the steps have."""
        return await fetch_linked(partial(self._screenshots, job_id), self.http.download_image, index)

    async def fetch_log(self, job_id: str) -> str:
        """The log's file."""
        job_id = self.canonical_id(job_id)
        links = await self._download("log", f"/tasks/{job_id}/logs")
        if not links:
            raise NotAvailableError("log", (await self.fetch_status(job_id)).status.value)
        log = await self.http.download(links[0].url, most=MOST_LOG_BYTES)
        if log is None:
            raise NotAvailableError("log", "expired")
        return log.decode(errors="replace")

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Tasks of the key's project. One limit has to be kept from page to page."""
        number, size = page_number(cursor), min(limit, TASKS_A_PAGE)
        page = await self.http.get_model("/tasks", TaskPage, params={"pageNumber": number, "pageSize": size})
        more = len(page.items) == size and (page.totalItems is None or number * size < page.totalItems)
        return JobPage(jobs=tuple(to_row(task) for task in page.items), cursor=str(number + 1) if more else None)

    async def check_key(self) -> None:
        """Ask for the account."""
        await self.http.get("/billing/account")

    async def _screenshots(self, job_id: str) -> list[str]:
        """Links to all of them, oldest first."""
        task = await self.http.get_model(f"/tasks/{self.canonical_id(job_id)}", Task)
        links = [step.screenshotUrl for step in task.steps or [] if step and step.screenshotUrl]
        if not links:
            raise NotAvailableError("screenshots", STATUSES[task.status].value)
        return links

    async def _download(self, kind: LinkKind, path: str) -> tuple[Link, ...]:
        # 500 is what the vendor declares for a file that it cannot sign a link for.
        file = await self.http.find_model(path, Download, missing=(404, 500))
        return web_links((kind, file.downloadUrl)) if file else ()


def to_job(task: Task) -> Job:
    """A task in our words."""
    status = STATUSES[task.status]
    judged = task.judgeVerdict is not None
    goal_met = task.judgeVerdict if judged else task.isSuccess
    steps = [step or Step() for step in task.steps or []]
    there: dict[Artifact, bool] = {
        "result": task.output is not None,
        "screenshots": any(step.screenshotUrl for step in steps),
        "downloads": bool(task.outputFiles),
    }
    return Job(
        id=str(task.id),
        session=str(task.sessionId or ""),
        status=status,
        provider_status=task.status,
        title=task.task or "",
        created_at=task.createdAt,
        started_at=task.startedAt,
        finished_at=task.finishedAt if status.final else None,
        current_step=steps[-1].nextGoal if steps and not status.final else None,
        result=task.output,
        cost=None if task.cost is None else Cost(amount=task.cost, unit="USD"),
        goal_met=goal_met,
        goal_met_by=None if goal_met is None else "judge" if judged else "agent",
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=artifacts(there),
        events=unique(tuple(to_event(step, place) for place, step in enumerate(steps, 1))),
    )


def to_row(task: Task) -> JobRow:
    """A task in a list, in our words."""
    return JobRow(
        id=str(task.id),
        status=STATUSES[task.status],
        provider_status=task.status,
        title=task.task or "",
        created_at=task.createdAt,
        started_at=task.startedAt,
        updated_at=task.finishedAt,
    )


def to_event(step: Step, place: int) -> Event:
    """A step in our words, known by its number, or by its place where it has none."""
    return Event(
        key=f"place {place}" if step.number is None else str(step.number),
        kind=EventKind.STEP,
        reported=in_words(text=step.nextGoal, evaluation=step.evaluationPreviousGoal, url=step.url),
        exact=step.number is not None,
    )


PROVIDER = BrowserUse
