"""Browser Use Cloud, API v3: a job is a session, which is both the sandbox and the task in it.

API: https://docs.browser-use.com/cloud/api-reference (checked November 2026, read and never seen live)
Quirk: `idle` comes before a run and after it, `stopped` after a good end and after a stop; the other fields tell which.
Quirk: idle after steps, with neither output nor claim, is read as a stopped task. That reading is ours.
Quirk: `timed_out` also comes minutes after a good end, when a session is kept and not used; what succeeded stays so.
Quirk: neither start nor end nor the reason of a failure is stated; the last update stands for the end.
Quirk: roles and types of messages are open words.
Quirk: screenshot and recordings are named in a look only, never in a list.
Quirk: links to screenshots expire after five minutes; each look and each list of messages has new ones.
Quirk: the list shows a title that is made from the task, never the task itself.
Quirk: what a start or a stop at the wrong time is answered is unknown.
Quirk: the list's query is in snake_case, everything else in camelCase.
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
    EventPage,
    FailureKind,
    Job,
    JobPage,
    JobRow,
    JobStatus,
    Moment,
    Picture,
    Started,
)
from ..screenshots import fetch_linked
from .base import UUID, Amount, Optional, Provider, Statuses, Wire, artifacts, in_words, page_number, web_links

STATUSES = Statuses(
    {
        "created": JobStatus.QUEUED,
        "idle": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "stopped": JobStatus.CANCELLED,
        "timed_out": JobStatus.FAILED,
        "error": JobStatus.FAILED,
    }
)
"""What a word means while there is neither output nor claim nor step; `to_status` knows the rest."""

FAILURE = {"timed_out": FailureKind.TIMED_OUT, "error": FailureKind.PROVIDER_FAULT}
MESSAGE = {"user_message", "assistant_message", "completion"}
STEP = {"browser_action", "file_operation", "code_execution", "integration", "planning"}

MESSAGES_A_PAGE = 100
SESSIONS_A_PAGE = 100
PICTURE_PAGES = 20
"""As far into a session's messages as the search for screenshots goes."""


class Session(Wire):
    """One session, alone or in a list."""

    id: uuid.UUID
    status: str
    title: Optional[str] = None
    output: JsonValue = None
    stepCount: Optional[int] = None
    lastStepSummary: Optional[str] = None
    isTaskSuccessful: Optional[StrictBool] = None
    liveUrl: Optional[str] = None
    recordingUrls: Optional[list[str]] = None
    screenshotUrl: Optional[str] = None
    totalCostUsd: Optional[Amount] = None
    createdAt: Optional[Moment] = None
    updatedAt: Optional[Moment] = None


class NewSession(Wire):
    """The answer to a start, as far as it is read."""

    id: uuid.UUID


class SessionPage(Wire):
    """Some sessions, newest first."""

    sessions: list[Session]
    total: Optional[int] = None


class Message(Wire):
    """One message. All of it is optional here, so that a page stays readable whatever one message lacks."""

    id: Optional[uuid.UUID] = None
    type: Optional[str] = None
    summary: Optional[str] = None
    data: Optional[str] = None
    screenshotUrl: Optional[str] = None
    hidden: Optional[bool] = None
    createdAt: Optional[Moment] = None


class MessagePage(Wire):
    """Some messages, oldest first."""

    messages: list[Message]
    hasMore: Optional[bool] = None


class BrowserUse(Provider):
    """Sessions of API v3."""

    name = "browser_use_v3"
    title = "Browser Use (API v3)"
    base_url = "https://api.browser-use.com"
    keys_at = "https://cloud.browser-use.com/settings?tab=api-keys"
    api_path = "/api/v3"
    key_header = "X-Browser-Use-API-Key"
    example_id = "a7c41d90-2f6b-4e38-b05d-93e1c8f7246a"
    id_form = "uuid"
    id_pattern = re.compile(UUID)
    statuses = STATUSES
    link_hosts = frozenset({"cloud.browser-use.com", "live.browser-use.com"})
    capability_hosts = frozenset({"live.browser-use.com"})
    continues_with = "sessionId"
    lists_tasks = False

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of API v3; those of the dashboard are left to v4."""
        found = re.search(rf"/api/v3/sessions/({UUID})(?:/|\Z)", link.path)
        return found[1] if found and link.hostname not in self.link_hosts else None

    async def fetch_job(self, job_id: str) -> Job:
        """The session, without its messages."""
        return to_job(await self.http.get_model(f"/sessions/{self.canonical_id(job_id)}", Session))

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """Messages after the one whose id is the cursor."""
        page = await self._messages(job_id, cursor)
        last = to_cursor(page, cursor)
        return EventPage(
            events=tuple(to_event(message) for message in page.messages),
            cursor=last,
            has_more=bool(page.hasMore) and last != cursor,
        )

    async def cancel_job(self, job_id: str) -> None:
        """Stop the session, and with it the task."""
        await self.http.post(f"/sessions/{self.canonical_id(job_id)}/stop", body={"strategy": "session"})

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a session with this task; `sessionId` among the parameters gives it to one that is idle."""
        reply = await self.http.post("/sessions", body={**parameters, "task": task}, accept=(404,))
        if reply.status == 404:
            raise self.http.missing(parameters)
        return Started(id=str(self.http.read(reply.json, NewSession).id))

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of those that the messages have; the session's own is the latest."""
        return await fetch_linked(partial(self._screenshots, job_id), self.http.download_image, index)

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Sessions of the key's project. One limit has to be kept from page to page."""
        number, size = page_number(cursor), min(limit, SESSIONS_A_PAGE)
        page = await self.http.get_model("/sessions", SessionPage, params={"page": number, "page_size": size})
        more = len(page.sessions) == size and (page.total is None or number * size < page.total)
        return JobPage(
            jobs=tuple(to_row(session) for session in page.sessions), cursor=str(number + 1) if more else None
        )

    async def check_key(self) -> None:
        """List one session."""
        await self.http.get_model("/sessions", SessionPage, params={"page_size": 1})

    async def _messages(self, job_id: str, cursor: str | None) -> MessagePage:
        params = {"limit": MESSAGES_A_PAGE, "after": cursor}
        return await self.http.get_model(f"/sessions/{self.canonical_id(job_id)}/messages", MessagePage, params=params)

    async def _screenshots(self, job_id: str) -> list[str]:
        """Links to all of them, oldest first."""
        said: list[Message] = []
        cursor = None
        for _ in range(PICTURE_PAGES):
            page = await self._messages(job_id, cursor)
            said += page.messages
            before, cursor = cursor, to_cursor(page, cursor)
            if not page.hasMore or cursor == before:
                break
        session = await self.http.get_model(f"/sessions/{self.canonical_id(job_id)}", Session)
        links = [link for link in (*(message.screenshotUrl for message in said), session.screenshotUrl) if link]
        if not links:
            raise NotAvailableError("screenshots", to_status(session).value)
        return links


def to_status(session: Session) -> JobStatus:
    """What the status word means beside what else the session tells."""
    ended = session.output not in (None, "") or session.isTaskSuccessful is not None
    match session.status:
        case "idle" | "stopped" if ended:
            return JobStatus.COMPLETED
        case "timed_out" if session.isTaskSuccessful:
            return JobStatus.COMPLETED
        case "idle" if session.stepCount:
            return JobStatus.CANCELLED
        case word:
            return STATUSES[word]


def to_job(session: Session) -> Job:
    """A session in our words."""
    status = to_status(session)
    links = web_links(
        ("live_view", session.liveUrl), *(("recording", recording) for recording in session.recordingUrls or [])
    )
    there: dict[Artifact, bool] = {"result": session.output is not None, "screenshots": bool(session.screenshotUrl)}
    return Job(
        id=str(session.id),
        session=str(session.id),
        status=status,
        provider_status=session.status,
        title=session.title or "",
        created_at=session.createdAt,
        updated_at=session.updatedAt,
        finished_at=session.updatedAt if status.final else None,
        current_step=None if status.final else session.lastStepSummary,
        result=session.output,
        cost=None if session.totalCostUsd is None else Cost(amount=session.totalCostUsd, unit="USD"),
        goal_met=session.isTaskSuccessful,
        goal_met_by=None if session.isTaskSuccessful is None else "agent",
        failure=FAILURE.get(session.status) if status is JobStatus.FAILED else None,
        has=artifacts(there, links),
        links=links,
    )


def to_row(session: Session) -> JobRow:
    """A session in a list, in our words."""
    return JobRow(
        id=str(session.id),
        status=to_status(session),
        provider_status=session.status,
        title=session.title or "",
        created_at=session.createdAt,
        updated_at=session.updatedAt,
    )


def to_cursor(page: MessagePage, cursor: str | None) -> str | None:
    """The id of the last message read so far."""
    return next((str(message.id) for message in reversed(page.messages) if message.id), cursor)


def to_event(message: Message) -> Event:
    """A message in our words."""
    text = message.summary or message.data
    return Event(
        key=str(message.id) if message.id else f"{message.createdAt} {message.type}",
        kind=to_kind(message),
        at=message.createdAt,
        reported=in_words(text=text),
        exact=message.id is not None,
    )


def to_kind(message: Message) -> EventKind:
    """What sort of event a message is: its type is an open word, and what is hidden or an outcome is for the log."""
    match message.type or "":
        case word if message.hidden or word.endswith(("_result", "_error")):
            return EventKind.LOG
        case word if word in MESSAGE:
            return EventKind.MESSAGE
        case word if word in STEP:
            return EventKind.STEP
        case _:
            return EventKind.OTHER


PROVIDER = BrowserUse
