"""Browser Use Cloud, API v4: a job is a run, in a session that may hold several.

API: https://docs.browser-use.com/cloud/api-v4/runs/get-run (checked November 2026, read and never seen live)
Quirk: a new run may be 404 to its own API for some seconds.
Quirk: 403 is a good key of a project with Zero Data Retention; a bad key is 401.
Quirk: the live view stands in events only; the recording is the browser's, and there once that has stopped.
Quirk: `judgement` lands after the end; its shape is unknown but for a verdict, of which only true and false are read.
Quirk: `totalCostUsd` is a decimal in a string and leaves out browser and proxy.
Quirk: neither start nor end is stated; a finished run's last update stands for its end.
Quirk: the list of event types is unpublished, and why a run failed stands in no field.
Quirk: there are no pauses, questions, screenshots or logs; a cancelled run may take one more step.
Quirk: webhooks are documented for tasks of the older generations; their status words are not those of looks.
Quirk: unknown fields of a start are refused, and so is a second run in a session that is busy.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import SplitResult

from pydantic import Field, JsonValue, StrictBool

from ..errors import ProviderError
from ..jobs import (
    Cost,
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
    Sighting,
    Started,
)
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
    in_words,
    line,
    signs,
    web_links,
)

STATUSES = Statuses(
    {
        "queued": JobStatus.QUEUED,
        "dispatching": JobStatus.RUNNING,
        "running": JobStatus.RUNNING,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "cancelled": JobStatus.CANCELLED,
    }
)

CANONICAL = {"sort_keys": True, "separators": (",", ":")}
EVENTS_A_PAGE = 200
LINK_PAGES = 50
"""As far into a run's events as the search for its browser goes."""


class Judgement(Wire):
    """What the judge said of a finished run."""

    verdict: Optional[StrictBool] = None


class Run(Wire):
    """One run, alone or in a list."""

    id: uuid.UUID
    status: str
    sessionId: Optional[uuid.UUID] = None
    title: Optional[str] = None
    task: Optional[str] = None
    output: JsonValue = None
    result: JsonValue = None
    error: Optional[str] = None
    judgement: Optional[Judgement] = None
    totalCostUsd: Optional[Amount] = None
    createdAt: Optional[Moment] = None
    updatedAt: Optional[Moment] = None


class NewRun(Wire):
    """The answer to a start."""

    id: uuid.UUID


class RunStatus(Wire):
    """The answer of the status route."""

    status: str


class RunPage(Wire):
    """Some runs, newest first."""

    runs: list[Run]
    nextCursor: Optional[str] = None
    hasMore: Optional[bool] = None


class ToolInput(Wire):
    """What a tool was called with, as far as it is meant to be read."""

    description: Optional[str] = None


class ToolState(Wire):
    """How far a tool call is."""

    status: Optional[str] = None
    title: Optional[str] = None
    input: Optional[ToolInput] = None


class Part(Wire):
    """One tool call."""

    tool: Optional[str] = None
    state: Optional[ToolState] = None


class Details(Wire):
    """The open object of an event: what is read of a tool call or of a browser."""

    type: Optional[str] = None
    part: Optional[Part] = None
    live_view_url: Optional[str] = None
    browser_session_id: Optional[uuid.UUID] = None


EventId = Annotated[int, Field(le=2**63 - 1)]
"""What is higher is no id, and nothing would come after it."""


class RunEvent(Wire):
    """One event. All of it is optional here, so that a page stays readable whatever one event lacks."""

    id: Optional[EventId] = None
    ts: Optional[Moment] = None
    type: Optional[str] = None
    data: Optional[Details] = None


class RunEvents(Wire):
    """One page of events, oldest first."""

    events: list[RunEvent]
    nextAfter: Optional[EventId] = None
    hasMore: Optional[bool] = None


class Browser(Wire):
    """The browser that a run used."""

    recordingUrl: Optional[str] = None


class ToldTask(Wire):
    """What a webhook is about. The ids are those of the older generations."""

    task_id: Optional[CanonicalUuid] = None
    session_id: Optional[CanonicalUuid] = None


class Told(Wire):
    """A webhook; that of a test is about no task."""

    payload: ToldTask


class BrowserUse(Provider):
    """Runs of API v4."""

    name = "browser_use"
    title = "Browser Use"
    base_url = "https://api.browser-use.com"
    keys_at = "https://cloud.browser-use.com/settings?tab=api-keys"
    api_path = "/api/v4"
    key_header = "X-Browser-Use-API-Key"
    example_id = "5b0f3c52-8e4d-4f2a-9c1b-7d6e0a94b831"
    id_form = "uuid"
    id_pattern = re.compile(UUID)
    statuses = STATUSES
    link_hosts = frozenset({"cloud.browser-use.com", "live.browser-use.com"})
    capability_hosts = frozenset({"live.browser-use.com"})
    continues_with = "sessionId"
    siblings = ("browser_use_v3", "browser_use_v2")
    creation_grace = 5.0

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of API v4, or in any of the dashboard: those do not tell the generations apart."""
        if link.hostname in self.link_hosts:
            return super().id_from_link(link)
        found = re.search(rf"/api/v4/runs/({UUID})(?:/|\Z)", link.path)
        return found[1] if found else None

    async def fetch_job(self, job_id: str) -> Job:
        """The run, without its events."""
        return to_job(await self.http.get_model(f"/runs/{self.canonical_id(job_id)}", Run))

    async def fetch_status(self, job_id: str) -> Sighting:
        """Its status word, from a route with a budget of its own."""
        word = (await self.http.get_model(f"/runs/{self.canonical_id(job_id)}/status", RunStatus)).status
        return Sighting(status=STATUSES[word], provider_status=word)

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """Events after the one whose id is the cursor."""
        after = int(cursor or 0)
        page = await self._events(job_id, after)
        onward = to_after(page, after)
        return EventPage(
            events=tuple(to_event(event) for event in page.events),
            cursor=str(onward),
            has_more=bool(page.hasMore) and onward > after,
            links=tuple(link for event in page.events for link in to_links(event)),
        )

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The live view and the recording of the latest browser that the events tell of."""
        latest, after = RunEvent(), 0
        for _ in range(LINK_PAGES):
            page = await self._events(job_id, after)
            latest = next((event for event in reversed(page.events) if to_links(event)), latest)
            onward = to_after(page, after)
            if not page.hasMore or onward == after:
                break
            after = onward
        return to_links(latest) + await self._recording(latest)

    async def cancel_job(self, job_id: str) -> None:
        """Cancel the run; one that is over stays as it is."""
        await self.http.post(f"/runs/{self.canonical_id(job_id)}/cancel")

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a run; `sessionId` among the parameters goes on in that session."""
        reply = await self.http.post("/runs", body={**parameters, "task": task}, accept=(404,))
        if reply.status == 404:
            raise self.http.missing(parameters)
        return Started(id=str(self.http.read(reply.json, NewRun).id))

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Runs of the key's project."""
        page = await self.http.get_model("/runs", RunPage, params={"limit": limit, "cursor": cursor})
        return JobPage(jobs=tuple(to_row(run) for run in page.runs), cursor=page.nextCursor if page.hasMore else None)

    async def check_key(self) -> None:
        """List one run."""
        await self.http.get_model("/runs", RunPage, params={"limit": 1})

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That the key, which is good, is that of such a project."""
        del answer
        return self.http.denied("API v4 does not serve projects with zero data retention")

    async def _events(self, job_id: str, after: int) -> RunEvents:
        params = {"after": after, "limit": EVENTS_A_PAGE}
        return await self.http.get_model(f"/runs/{self.canonical_id(job_id)}/events", RunEvents, params=params)

    async def _recording(self, event: RunEvent) -> tuple[Link, ...]:
        session = event.data.browser_session_id if event.data else None
        browser = session and await self.http.find_model(f"/browsers/{session}", Browser)
        return web_links(("recording", browser.recordingUrl)) if browser else ()

    def jobs_of(self, delivery: Delivery, secret: str) -> tuple[str, ...]:
        """The task and its session: one of them is the job, as the generation has it.

        The signature is over the time of sending and the body written anew, with sorted keys and no blanks; whether
        other letters than ASCII are escaped in it is unknown, so both will do.
        """
        if not delivery.timely("x-browser-use-timestamp"):
            return ()
        sent = delivery.headers["x-browser-use-timestamp"].encode()
        written = delivery.rewritten(*(CANONICAL | {"ensure_ascii": plain} for plain in (True, False)))
        messages = [sent + b"." + text for text in written]
        if not signs(secret, delivery.headers.get("x-browser-use-signature", ""), messages):
            return ()
        told = delivery.read(Told)
        return tuple(filter(None, (told.payload.task_id, told.payload.session_id))) if told else ()


def to_job(run: Run) -> Job:
    """A run in our words."""
    result = run.result if run.output is None else run.output
    verdict = run.judgement.verdict if run.judgement else None
    status = STATUSES[run.status]
    return Job(
        id=str(run.id),
        session=str(run.sessionId or ""),
        status=status,
        provider_status=run.status,
        title=run.title or run.task or "",
        created_at=run.createdAt,
        updated_at=run.updatedAt,
        finished_at=run.updatedAt if status.final else None,
        result=result,
        error=run.error or None,
        cost=None if run.totalCostUsd is None else Cost(amount=run.totalCostUsd, unit="USD"),
        goal_met=verdict,
        goal_met_by=None if verdict is None else "judge",
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=artifacts({"result": result is not None}),
    )


def to_row(run: Run) -> JobRow:
    """A run in a list, in our words. Its title is its task, by which a start can be found again."""
    return JobRow(
        id=str(run.id),
        status=STATUSES[run.status],
        provider_status=run.status,
        title=run.task or run.title or "",
        created_at=run.createdAt,
        updated_at=run.updatedAt,
    )


def to_event(event: RunEvent) -> Event:
    """An event in our words: a tool call is a step, everything else is told by its type alone."""
    details = event.data or Details()
    kind, text = EventKind.OTHER, event.type
    if event.type == "core.event" and details.type == "tool_use":
        kind, text = EventKind.STEP, to_text(details.part or Part())
    elif event.type == "core.event" and details.type:
        text = f"{event.type} {details.type}"
    return Event(
        key=f"{event.ts} {event.type}" if event.id is None else str(event.id),
        kind=kind,
        at=event.ts,
        reported=in_words(text=text),
        exact=event.id is not None,
    )


def to_text(part: Part) -> str:
    """A tool call in one line: the tool, what it is for and how far it is, as far as these are told."""
    state = part.state or ToolState()
    purpose = state.title or (state.input or ToolInput()).description
    words = line(part.tool, purpose) or "tool_use"
    return f"{words} ({state.status})" if state.status else words


def to_links(event: RunEvent) -> tuple[Link, ...]:
    """The live view, when the event tells that a browser is there."""
    if event.type not in ("browser.ready", "browser.reattached") or event.data is None:
        return ()
    return web_links(("live_view", event.data.live_view_url))


def to_after(page: RunEvents, after: int) -> int:
    """The id of the last event read: what the page says, else the highest on it, and never one further back.

    What the last page says without any event is not believed: nothing has been read up to there.
    """
    if not page.events and not page.hasMore:
        return after
    highest = max((event.id for event in page.events if event.id is not None), default=after)
    return max(after, highest if page.nextAfter is None else page.nextAfter)


PROVIDER = BrowserUse
