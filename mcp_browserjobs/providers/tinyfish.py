"""TinyFish's web agent (once Mino): a job is one run.

API: https://docs.tinyfish.ai/agent-api (checked November 2026, read and never seen live)
Quirk: `COMPLETED` says that the run went through, not that it reached its goal, which nothing tells.
Quirk: a result that does not fit the schema asked for is a missed goal; one that fits it may still say "not found".
Quirk: a start needs an address to begin at; without `url` among the parameters it is the first one in the task.
Quirk: a start that failed may be a 200 with an `error` in it, and no key makes a start safe to repeat.
Quirk: an error's code is upper or lower case, and stands under `error.code`, as the SDK reads it, or `error_code`.
Quirk: a good key may be 403 for want of credits (`INSUFFICIENT_CREDITS`) or rights (`FORBIDDEN`).
Quirk: only a run's own page has its steps and recording; their screenshots only come when asked for.
Quirk: so a look cannot tell whether there are screenshots.
Quirk: the order of steps is not stated, so they are put in order by their time.
Quirk: a recording's link is signed anew at every look, and ends after 15 minutes.
Quirk: the live view was once said to last for a day after the end; today it is said to be there while the run runs.
Quirk: no cost is told; there are no pauses, questions or logs, and a run's stream cannot be opened again.
Quirk: a cancel that comes too late is a 200 with the status that the run has.
Quirk: a run that was started by a waiting request cannot be cancelled; what that is answered is unknown.
Quirk: proxies that share one key withhold the list of runs, so the key is checked by a run that nobody has.
Quirk: links of the dashboard, how long runs are kept and how many requests are allowed are unknown.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, JsonValue, StrictBool

from ..errors import (
    InvalidArgumentError,
    NotAvailableError,
    OutOfCreditsError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
)
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
    Started,
)
from ..screenshots import place_of
from .base import Amount, Optional, Provider, Statuses, Wire, artifacts, in_words, web_links

STATUSES = Statuses(
    {
        "PENDING": JobStatus.QUEUED,
        "RUNNING": JobStatus.RUNNING,
        "COMPLETED": JobStatus.COMPLETED,
        "FAILED": JobStatus.FAILED,
        "CANCELLED": JobStatus.CANCELLED,
    }
)

FAILURES = {
    "SITE_BLOCKED": FailureKind.SITE_BLOCKED,
    "MAX_STEPS_EXCEEDED": FailureKind.AGENT_GAVE_UP,
    "TIMEOUT": FailureKind.TIMED_OUT,
    "INSUFFICIENT_CREDITS": FailureKind.OUT_OF_CREDITS,
    "SERVICE_BUSY": FailureKind.PROVIDER_FAULT,
    "INTERNAL_ERROR": FailureKind.PROVIDER_FAULT,
}
"""By an error's code, which says more than its category."""

CATEGORIES = {
    "SYSTEM_FAILURE": FailureKind.PROVIDER_FAULT,
    "AGENT_FAILURE": FailureKind.AGENT_GAVE_UP,
    "BILLING_FAILURE": FailureKind.OUT_OF_CREDITS,
}

RUN = r"[A-Za-z0-9_-]{1,128}"
NO_RUN = "00000000-0000-0000-0000-000000000000"
RUNS_A_PAGE = 100
MOST_RUN_BYTES = 64 * 1024 * 1024
"""A run with its screenshots takes more than other answers do."""
LAST = datetime.max.replace(tzinfo=UTC)
ADDRESS = re.compile(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]")


class RunError(Wire):
    """Why a run failed, or was not made."""

    code: Optional[str] = None
    message: Optional[str] = None
    category: Optional[str] = None
    retry_after: Optional[Amount] = None

    @property
    def kind(self) -> str:
        """Its code in one case."""
        return (self.code or "").upper()


class SchemaValidation(Wire):
    """Whether a result fits the schema that was asked for."""

    valid: Optional[StrictBool] = None


class ProfileHint(Wire):
    """What a saved profile would have helped with."""

    reason: Optional[str] = None


class Step(Wire):
    """One step. All of it is optional here, so that a run stays readable whatever one step lacks."""

    id: Optional[str] = None
    timestamp: Optional[Moment] = None
    status: Optional[str] = None
    action: Optional[str] = None
    screenshot: Optional[str] = None
    duration: Optional[str] = None


class Run(Wire):
    """One run, alone or (without steps and recording) in a list."""

    status: str
    goal: Optional[str] = None
    created_at: Optional[Moment] = None
    started_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None
    result: JsonValue = None
    error: Optional[RunError | str] = None
    schema_validation: Optional[SchemaValidation] = None
    profile_hint: Optional[ProfileHint] = None
    streaming_url: Optional[str] = None
    video_url: Optional[str] = None
    steps: Optional[list[Optional[Step]]] = None

    @property
    def trouble(self) -> RunError:
        """Its error, which older answers give as a text."""
        return RunError(message=self.error) if isinstance(self.error, str) else self.error or RunError()

    @property
    def misfit(self) -> bool:
        """Whether its result does not fit the schema that was asked for."""
        return self.schema_validation is not None and self.schema_validation.valid is False

    @property
    def ordered_steps(self) -> list[Step]:
        """Its steps, oldest first."""
        return sorted(filter(None, self.steps or []), key=lambda step: step.timestamp or LAST)


class RunItem(Run):
    """One run in a list."""

    run_id: str


class Pagination(Wire):
    """What follows a page."""

    next_cursor: Optional[str] = None
    has_more: Optional[StrictBool] = None


class RunPage(Wire):
    """Some runs, newest first."""

    data: list[RunItem]
    pagination: Optional[Pagination] = None


class NewRun(Wire):
    """The answer to a start."""

    run_id: Annotated[str, Field(pattern=f"^{RUN}$")] | None = None
    error: Optional[RunError] = None


class Cancelled(Wire):
    """The answer to a cancel: the status that the run has now."""

    status: Optional[str] = None


class TinyFish(Provider):
    """Runs of the web agent."""

    name = "tinyfish"
    title = "TinyFish"
    base_url = "https://agent.tinyfish.ai"
    keys_at = "https://agent.tinyfish.ai/api-keys"
    key_header = "X-API-Key"
    example_id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    id_form = "uuid"
    id_pattern = re.compile(RUN)
    link_path = re.compile(rf"/v1/runs/(?!batch(?:/|\Z))({RUN})(?:/cancel)?/?\Z")
    statuses = STATUSES
    link_hosts = frozenset({"stream.agent.tinyfish.ai"})
    capability_hosts = frozenset({"stream.agent.tinyfish.ai", "stream.mino.ai", "unikraft.app"})

    async def fetch_job(self, job_id: str) -> Job:
        """The run with all its steps."""
        job_id = self.canonical_id(job_id)
        return to_job(job_id, await self.http.get_model(f"/v1/runs/{job_id}", Run))

    async def cancel_job(self, job_id: str) -> None:
        """Cancel the run."""
        reply = await self.http.post(f"/v1/runs/{self.canonical_id(job_id)}/cancel", accept=(400,))
        if reply.status == 400 or self.http.read(reply.json or {}, Cancelled).status in ("COMPLETED", "FAILED"):
            raise self.http.conflict()

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a run with this goal, at `url` among the parameters or at the first address in the task."""
        address = ADDRESS.search(task)
        if "url" not in parameters and address is None:
            raise InvalidArgumentError(
                "parameters_json", 'must have the page to begin at, as in {"url": "https://..."}'
            )
        begin: dict[str, JsonValue] = {"url": address[0]} if address else {}
        body = {**begin, **parameters, "goal": task}
        reply = await self.http.post("/v1/automation/run-async", body=body, accept=(404,))
        if reply.status == 404:
            raise self.http.missing({})
        run = self.http.read(reply.json, NewRun)
        if run.run_id is None:
            raise self._refusal(run.error)
        return Started(id=run.run_id)

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of those that the steps have."""
        path, params = f"/v1/runs/{self.canonical_id(job_id)}", {"screenshots": "base64"}
        run = await self.http.get_model(path, Run, params=params, most=MOST_RUN_BYTES)
        found = [step.screenshot for step in run.ordered_steps if step.screenshot]
        if not found:
            raise NotAvailableError("screenshots", STATUSES[run.status].value)
        place = place_of(index, len(found))
        return Picture(data=self.http.decoded_image(found[place]), index=place, count=len(found))

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Runs of the key's account."""
        params = {"limit": min(limit, RUNS_A_PAGE), "cursor": cursor}
        reply = await self.http.get("/v1/runs", params=params, accept=(403, 404, 405))
        if reply.status != 200 and not code_of(reply.json):
            raise self.http.denied("there is no list of runs at this base URL")
        if reply.status == 403:
            raise self.forbidden(reply.json)
        return to_page(self.http.read(reply.json, RunPage))

    async def check_key(self) -> None:
        """Ask for a run that nobody has."""
        reply = await self.http.get(f"/v1/runs/{NO_RUN}", accept=(404,))
        if reply.status == 404 and not code_of(reply.json):
            raise self.http.unexpected("no such API at this base URL")

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That the account may not, or that the key is refused."""
        return self._denial(code_of(answer))

    def _denial(self, code: str) -> ProviderError:
        """What a refusal to an account means."""
        match code:
            case "INSUFFICIENT_CREDITS":
                return OutOfCreditsError(self.name, self.http.account)
            case "FORBIDDEN":
                return self.http.denied("its account has no right to it")
            case _:
                return self.http.refused()

    def _refusal(self, error: RunError | None) -> ProviderError:
        """What an error within a good answer to a start means; one that may pass may also have made the run."""
        error = error or RunError()
        match error.kind:
            case "INSUFFICIENT_CREDITS" | "FORBIDDEN" | "UNAUTHORIZED" | "MISSING_API_KEY" | "INVALID_API_KEY" as code:
                return self._denial(code)
            case "RATE_LIMIT_EXCEEDED":
                return RateLimitedError(self.name, self.http.account, retry_after=error.retry_after)
            case "INVALID_INPUT" | "CONTENT_POLICY_VIOLATION":
                return self.http.not_accepted()
            case _ if error.category == "BILLING_FAILURE":
                return OutOfCreditsError(self.name, self.http.account)
            case _ if error.category == "AGENT_FAILURE":
                return self.http.not_accepted()
            case _:
                return ProviderUnavailableError(self.name, self.http.account, retry_after=error.retry_after)


def code_of(answer: JsonValue) -> str:
    """The code in the body of a refusal, empty when there is none."""
    match answer:
        case {"error": {"code": str(code)}} | {"error_code": str(code)}:
            return code.upper()
        case _:
            return ""


def to_job(job_id: str, run: Run) -> Job:
    """A run in our words."""
    status = STATUSES[run.status]
    steps = run.ordered_steps
    result = run.result if status.final else None
    links = to_links(run, status)
    missed = status is JobStatus.COMPLETED and run.misfit
    return Job(
        id=job_id,
        status=status,
        provider_status=run.status,
        title=run.goal or "",
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at if status.final else None,
        current_step=steps[-1].action if steps and not status.final else None,
        result=result,
        error=(run.trouble.message or None) if status.final else None,
        goal_met=False if missed else None,
        goal_met_by="judge" if missed else None,
        failure=to_failure(run) if status is JobStatus.FAILED else None,
        has=artifacts({"result": result is not None}, links),
        events=tuple(map(to_event, steps)),
        links=links,
    )


def to_failure(run: Run) -> FailureKind:
    """Why a failed run did, as far as codes tell: what stood in its way, what went wrong, whose fault it is."""
    error = run.trouble
    if run.profile_hint and run.profile_hint.reason in ("auth_wall", "bot_challenge"):
        return FailureKind.SITE_BLOCKED
    if error.kind in FAILURES:
        return FAILURES[error.kind]
    if run.misfit:
        return FailureKind.INVALID_OUTPUT
    return CATEGORIES.get(error.category or "", FailureKind.UNKNOWN)


def to_links(run: Run, status: JobStatus) -> tuple[Link, ...]:
    """The live view while there is something to see, and the recording."""
    live_view = None if status.final else run.streaming_url
    return web_links(("live_view", live_view), ("recording", run.video_url), expiry=to_expiry)


def to_expiry(url: str) -> datetime | None:
    """When a link that was signed in Amazon's manner ends."""
    try:
        signed = parse_qs(urlsplit(url).query)
        since = datetime.strptime(signed["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return since + timedelta(seconds=int(signed["X-Amz-Expires"][0]))
    except (KeyError, ValueError, OverflowError):
        return None


def to_page(page: RunPage) -> JobPage:
    """A page in our words, without what has an id of another form."""
    following = page.pagination or Pagination()
    rows: Iterable[RunItem] = (run for run in page.data if re.fullmatch(RUN, run.run_id))
    return JobPage(
        jobs=tuple(map(to_row, rows)), cursor=None if following.has_more is False else following.next_cursor or None
    )


def to_row(run: RunItem) -> JobRow:
    """A run in a list, in our words."""
    return JobRow(
        id=run.run_id,
        status=STATUSES[run.status],
        provider_status=run.status,
        title=run.goal or "",
        created_at=run.created_at,
        started_at=run.started_at,
        updated_at=run.finished_at,
    )


def to_event(step: Step) -> Event:
    """A step in our words, known by its id or, without one, by its time."""
    return Event(
        key=step.id or f"{step.timestamp} step",
        kind=EventKind.STEP,
        at=step.timestamp,
        reported=in_words(text=step.action, status=step.status, duration=step.duration),
        exact=bool(step.id),
    )


PROVIDER = TinyFish
