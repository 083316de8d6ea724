"""Gobii's browser-use tasks, version 1, hosted or one's own: a job is one task, of an agent or of none.

API: https://docs.gobii.ai/developers/developer-tasks (checked November 2026, seen live on gobii-platform c9929bf8)
Quirk: the task's page has no result; only its `/result/` has, and that route's documented body is not what it answers.
Quirk: paths without the trailing slash are redirected, and upper-case ids are unknown.
Quirk: a bad key, no key, no plan and no permission are all 403.
Quirk: `cancelled` can become `completed`, and `failed` by time-out too, since nothing stops the worker.
Quirk: the platform cancels the tasks of a paused owner, with an error; a person's cancel leaves none.
Quirk: `completed` says that the agent stopped with an answer, not that it reached the goal.
Quirk: `credits_cost` is set when the task is made and is no measure of its use.
Quirk: no start or end is stated; a finished task's last update stands for its end, though an edit moves it.
Quirk: there are no steps, events, screenshots or links; what the hosted service says to too many requests is unknown.
Quirk: `wait: 0` waits for the end and any `credits_cost` is a 500, so a start sends neither.
Quirk: a start while the queue is down is a 400 with a bare list, and makes the task all the same.
Quirk: webhooks are not signed, come once at most, and not for every end; a cancelled task may send two.
Quirk: no credits are a 402, or a 400 that speaks of `quota`.
"""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult

from pydantic import JsonValue

from ..errors import OutOfCreditsError, ProviderError, ProviderUnavailableError
from ..jobs import Cost, FailureKind, Job, JobPage, JobRow, JobStatus, Moment, Sighting, Started
from .base import (
    UUID,
    Amount,
    CanonicalUuid,
    Delivery,
    Optional,
    Provider,
    Statuses,
    Wire,
    artifacts,
    fields_of,
    page_number,
)

STATUSES = Statuses(
    {
        "pending": JobStatus.QUEUED,
        "in_progress": JobStatus.RUNNING,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "cancelled": JobStatus.CANCELLED,
    }
)

FAILURES = {
    "Task timed out after 4 hours": FailureKind.TIMED_OUT,
    "{'result_value': ['Result value cannot be empty if this step is marked as the result.']}": (
        FailureKind.INVALID_OUTPUT
    ),
    "Provider returned empty or invalid result": FailureKind.INVALID_OUTPUT,
}
"""The platform's own fixed words for a failure; any others are the run's."""

NO_PLAN = "Start a free trial"
PAGE_SIZE = 100
NEVER_SENT = frozenset({"wait", "credits_cost"})


class Task(Wire):
    """A task, as its own page or its `/result/` shows it."""

    status: str
    prompt: Optional[str] = None
    created_at: Optional[Moment] = None
    updated_at: Optional[Moment] = None
    error_message: Optional[str] = None
    credits_cost: Optional[Amount] = None
    result: JsonValue = None


class TaskItem(Task):
    """A task in a list."""

    id: CanonicalUuid


class TaskPage(Wire):
    """A page of tasks."""

    next: JsonValue = None
    results: list[TaskItem]


class NewTask(Wire):
    """The answer to a start."""

    id: CanonicalUuid
    agent_id: Optional[CanonicalUuid] = None


class Gobii(Provider):
    """Gobii's browser-use tasks."""

    name = "gobii"
    title = "Gobii"
    base_url = "https://gobii.ai/api/v1"
    keys_at = "https://gobii.ai/console/"
    key_header = "X-Api-Key"
    example_id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
    id_form = "task or agent/task, each a UUID"
    id_pattern = re.compile(f"(?:{UUID}/)?{UUID}")
    statuses = STATUSES
    cancel_is_provisional = True
    hosted_poll_seconds = 30
    webhook_proof = "address"

    def canonical_id(self, text: str) -> str:
        """The task's UUID, without its agent's."""
        return self.locator(text).rpartition("/")[2]

    def locator(self, text: str) -> str:
        """`agent/task` where the agent is given, else `task`."""
        return super().canonical_id(text).lower()

    def id_from_link(self, link: SplitResult) -> str | None:
        """The task in a link of the API, with its agent where the link has one; an agent alone is no job."""
        task = re.search(f"/(?:tasks/browser-use|agents/browser-use/({UUID})/tasks)/({UUID})(?:/|$)", link.path)
        return self.locator("/".join(filter(None, task.groups()))) if task else None

    async def fetch_job(self, job_id: str) -> Job:
        """Look at the task, and at its result once there may be one."""
        locator = self.locator(job_id)
        path = _path(locator)
        task = outcome = await self.http.find_model(path, Task)
        if task is None or task.status == "completed" or (task.status == "failed" and not task.error_message):
            outcome = await self.http.find_model(f"{path}result/", Task) or task
        if outcome is None:
            raise self.http.not_found()
        return to_job(locator, task or outcome, outcome)

    async def fetch_status(self, job_id: str) -> Sighting:
        """The result's route, which says little else while the task runs."""
        task = await self.http.get_model(f"{_path(self.locator(job_id))}result/", Task)
        return Sighting(status=STATUSES[task.status], provider_status=task.status)

    async def cancel_job(self, job_id: str) -> None:
        """Mark the task as cancelled; a worker that has it may finish it nevertheless."""
        await self.http.post(f"{_path(self.locator(job_id))}cancel/")

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Make a task with this prompt; `agent` among the parameters names its agent."""
        body = {name: value for name, value in parameters.items() if name not in NEVER_SENT} | {"prompt": task}
        reply = await self.http.post("/tasks/browser-use/", body=body, accept=(400, 404))
        if reply.status == 404:
            raise self.http.missing({})
        if reply.status == 400:
            raise self._refusal(reply.json, body)
        return to_started(self.http.read(reply.json, NewTask))

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """The owner's tasks with and without an agent; `cursor` is the number of a page."""
        page = page_number(cursor)
        params = {"page": page, "page_size": min(limit, PAGE_SIZE)}
        reply = await self.http.get("/tasks/browser-use/", params=params, accept=(404,))
        if reply.status == 404 and page == 1:
            raise self.http.unexpected("no list of tasks at this base URL")
        if reply.status == 404:
            return JobPage(jobs=())
        return to_page(self.http.read(reply.json, TaskPage), page=page)

    async def check_key(self) -> None:
        """Ask for an answer that every key may have."""
        with self.http.naming_no_job():
            await self.http.get("/ping/")

    def jobs_of(self, delivery: Delivery, secret: str) -> tuple[str, ...]:
        """The task. Nothing is signed."""
        del secret
        task = delivery.read(NewTask)
        return (task.id,) if task else ()

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That there is no plan, or that the key is refused."""
        match answer:
            case {"detail": str(detail)} if detail.startswith(NO_PLAN):
                return self.http.denied("the account has no plan that includes its API")
            case _:
                return self.http.refused()

    def _refusal(self, answer: JsonValue, sent: Mapping[str, JsonValue]) -> ProviderError:
        """What a 400 to a start means."""
        if isinstance(answer, list):
            return ProviderUnavailableError(self.name, self.http.account, status=400)
        if isinstance(answer, dict) and "quota" in answer:
            return OutOfCreditsError(self.name, self.http.account)
        return self.http.not_accepted(fields_of(sent, answer))


def to_job(locator: str, task: Task, outcome: Task) -> Job:
    """The task in our words. `outcome`, what `/result/` says where it was asked, is the later word."""
    status = STATUSES[outcome.status]
    error = outcome.error_message or task.error_message or None
    if status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.COMPLETED):
        # A task that was given up and then revived keeps the old words for a while.
        error = None
    return Job(
        id=locator.rpartition("/")[2],
        locator=locator if "/" in locator else "",
        status=status,
        provider_status=outcome.status,
        title=task.prompt or "",
        created_at=task.created_at,
        updated_at=task.updated_at,
        finished_at=task.updated_at if status.final else None,
        result=outcome.result,
        error=error,
        cost=None if task.credits_cost is None else Cost(amount=task.credits_cost, unit="credits"),
        failure=to_failure(status, error),
        has=artifacts({"result": outcome.result is not None}),
    )


def to_failure(status: JobStatus, error: str | None) -> FailureKind | None:
    """Why the task failed, or was cancelled where something is said of that: then it was no person's doing."""
    match status:
        case JobStatus.FAILED:
            return FAILURES.get(error or "", FailureKind.UNKNOWN)
        case JobStatus.CANCELLED if error:
            return FailureKind.UNKNOWN
        case _:
            return None


def to_started(task: NewTask) -> Started:
    """The new task in our words."""
    return Started(id=task.id, locator=f"{task.agent_id}/{task.id}" if task.agent_id else "")


def to_page(page_of_tasks: TaskPage, *, page: int) -> JobPage:
    """The page in our words. A task that slips from page to page while others come may stand in it twice."""
    rows = {task.id: to_row(task) for task in page_of_tasks.results}
    return JobPage(jobs=tuple(rows.values()), cursor=str(page + 1) if page_of_tasks.next else None)


def to_row(task: TaskItem) -> JobRow:
    """The task in one line."""
    return JobRow(
        id=task.id,
        status=STATUSES[task.status],
        provider_status=task.status,
        title=task.prompt or "",
        created_at=task.created_at,
        updated_at=task.updated_at,
    )


def _path(locator: str) -> str:
    agent, _, task = locator.rpartition("/")
    return f"/agents/browser-use/{agent}/tasks/{task}/" if agent else f"/tasks/browser-use/{task}/"


PROVIDER = Gobii
