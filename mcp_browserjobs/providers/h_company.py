"""H Company's computer-use agents, version 2: a job is one session, which is an agent's work on a task.

API: https://hub.hcompany.ai/computer-use-agents, SDK hai-agents 1.3.0 and hai-agent-api 0.1.175 (checked November 2026)
Quirk: each region has its own sessions; Europe is the vendor's default, https://agp.hcompany.ai is the US's base URL.
Quirk: `status` is an object in a session and a word in lists and changes; the words are an open set.
Quirk: `idle` has answered and waits for another message, so it reads as a question whose text is the answer.
Quirk: `awaiting_tool_results` waits for what a tool of the user's gives, from a program as a rule or from a person.
Quirk: no question has an id; ours is made of the number of steps, since an answer takes at least one more.
Quirk: several pending tool calls are answered one after the other, and a call's id may come again in a later step.
Quirk: a message starts a session that is over anew (read, never seen live), so the status is looked at first.
Quirk: what pause and resume, 202 with nothing said, do in a wrong state is unknown: the status is looked at first.
Quirk: a DELETE cancels and keeps the session; what it says to one that is over is unknown.
Quirk: `changes` is 204 without news, even when all is over; waits are for 60 seconds at most, more is a 422.
Quirk: `from_index` counts events, and `first_index` is higher where older ones are gone.
Quirk: an end by failure may come without an event, and then `changes` tells nothing of it; the status route does.
Quirk: the error's fields may come after the last event; the error's text may be kept from customers.
Quirk: the cost in USD stands only in `changes`, so it is asked for once a session is over or has answered.
Quirk: the outcome is the agent's own; `partial` counts as a goal that was missed.
Quirk: answers and tool results may hold images in base64, which are left out.
Quirk: screenshots are told in events only, as links that need the key and redirect to signed ones.
Quirk: the agent view is the dashboard's page, live view and then replay; the host of `live_view_url` is unknown.
Quirk: a malformed id is a 422; 403 to a start may be about the agent's environment, 429 about a quota.
Quirk: sessions go 30 days after their end by default; other limits on requests are unknown.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from functools import partial
from typing import Annotated
from urllib.parse import unquote

from pydantic import Field, JsonValue

from ..errors import AuthenticationError, JobNotFoundError, NotAvailableError, ProviderError
from ..jobs import (
    Artifact,
    Change,
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
    Picture,
    Question,
    Sighting,
    Started,
)
from ..reported import as_text
from ..screenshots import fetch_linked
from .base import (
    UUID,
    Amount,
    CanonicalUuid,
    Delivery,
    Optional,
    Provider,
    Query,
    Statuses,
    Wire,
    artifacts,
    page_number,
    signs,
    web_links,
)

STATUSES = Statuses(
    {
        "queued": JobStatus.QUEUED,
        "pending": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "paused": JobStatus.PAUSED,
        "idle": JobStatus.WAITING_FOR_INPUT,
        "awaiting_tool_results": JobStatus.WAITING_FOR_INPUT,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "timed_out": JobStatus.FAILED,
        "interrupted": JobStatus.CANCELLED,
    }
)

FAILURES = {
    "environment_error": FailureKind.PROVIDER_FAULT,
    "internal": FailureKind.PROVIDER_FAULT,
    "no_answer": FailureKind.AGENT_GAVE_UP,
    "answer_validation": FailureKind.INVALID_OUTPUT,
    "timeout": FailureKind.TIMED_OUT,
    "insufficient_credit": FailureKind.OUT_OF_CREDITS,
}

GOAL_MET = {"success": True, "partial": False, "infeasible": False, "blocked": False}

SESSIONS = "/api/v2/sessions"
AGENT = "h/web-surfer-pro"
"""The vendor's own agent, for a start whose parameters name none."""

EVENTS_A_PAGE = 100
SESSIONS_A_PAGE = 100
MOST_PAGES = 100
MOST_FILES = 10
"""More files than these are not linked, since each may cost a request."""
MOST_EVENTS = 10**9
"""No index is higher."""
LONGEST_POLL = 60
TEXT_CHARACTERS = 2000
IMAGE = "[image]"

UNTOLD = frozenset(
    {
        "LiveViewUrlEvent",
        "MetricsUpdateEvent",
        "RequestStartDispatchedEvent",
        "RequestStartEvent",
        "RunnerSessionEvent",
    }
)
"""Events that tell a person nothing."""

_IMAGES = re.compile(
    r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/=]*|(?:iVBORw0KGg|/9j/|UklGR|R0lGOD)[A-Za-z0-9+/]{60,}={0,2}"
)
_RESOURCE = re.compile(rf"/(?:sessions|trajectories)/({UUID})/resources/([\w.~%+:@=-]+(?:/[\w.~%+:@=-]+)+)(?=[?#]|\Z)")


class ToolCall(Wire):
    """What the agent asks a tool for."""

    tool_name: Optional[str] = None
    args: JsonValue = None
    id: Optional[str] = None


class SessionStatus(Wire):
    """Where a session stands."""

    status: str
    error: Optional[str] = None
    error_code: Optional[str] = None
    outcome: Optional[str] = None
    steps: Optional[int] = None
    pending_tool_calls: Optional[list[Optional[ToolCall]]] = None


class Request(Wire):
    """What a session was started with."""

    messages: JsonValue = None


class Session(Wire):
    """One session."""

    status: SessionStatus
    request: Optional[Request] = None
    agent_view_url: Optional[str] = None
    latest_answer: JsonValue = None
    created_at: Optional[Moment] = None
    started_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None


class NewSession(Wire):
    """The answer to a start."""

    id: CanonicalUuid


class SessionSummary(Wire):
    """One session in a list."""

    id: str
    status: str
    first_message: JsonValue = None
    created_at: Optional[Moment] = None
    started_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None
    last_activity_at: Optional[Moment] = None


class SessionPage(Wire):
    """A page of sessions."""

    items: list[SessionSummary]
    total: int


class Image(Wire):
    """A screenshot: a link, or the picture itself in base64."""

    source: str


class Said(Wire):
    """What an event tells, whichever its type or kind."""

    kind: Optional[str] = None
    answer: JsonValue = None
    caller_id: Optional[str] = None
    content: JsonValue = None
    error: Optional[str] = None
    flow: Optional[str] = None
    image: Optional[Image] = None
    live_view_url: Optional[str] = None
    name: Optional[str] = None
    origin: Optional[str] = None
    outcome: Optional[str] = None
    path: Optional[str] = None
    pending_tool_calls: Optional[list[Optional[ToolCall]]] = None
    reason: Optional[str] = None
    reasoning_content: Optional[str] = None
    result: JsonValue = None
    state: Optional[str] = None
    status: Optional[str] = None
    text: Optional[str] = None
    tool_req: Optional[ToolCall] = None
    tool_reqs: Optional[list[Optional[ToolCall]]] = None
    url: Optional[str] = None


class SessionEvent(Wire):
    """One event."""

    type: Optional[str] = None
    data: Optional[Said] = None
    timestamp: Optional[Moment] = None


class Metrics(Wire):
    """What a session has used."""

    total_cost: Optional[Amount] = None


class Changes(Wire):
    """What has happened in a session since an index."""

    status: str
    first_index: Optional[Annotated[int, Field(ge=0, lt=MOST_EVENTS)]] = None
    new_events: Optional[list[Optional[SessionEvent]]] = None
    metrics: Optional[Metrics] = None


class ToldSession(Wire):
    """The session that a webhook is about."""

    session_id: CanonicalUuid


class Told(Wire):
    """What a webhook tells; a ping is about no session."""

    data: ToldSession


class HCompany(Provider):
    """Sessions of agents."""

    name = "h_company"
    title = "H Company"
    base_url = "https://agp.eu.hcompany.ai"
    keys_at = "https://platform.hcompany.ai/settings/api-keys"
    key_header = "Authorization"
    key_scheme = "Bearer "
    example_id = "8f0c2d4e-6a1b-4c3d-9e5f-7a8b9c0d1e2f"
    id_form = "a session's UUID"
    id_pattern = re.compile(UUID)
    link_path = re.compile(rf"/(?:agent-view|sessions|trajectories)/({UUID})(?=/|\Z)")
    statuses = STATUSES
    link_hosts = frozenset({"agp.hcompany.ai", "agp.eu.hcompany.ai", "platform.hcompany.ai", "platform.eu.hcompany.ai"})

    async def fetch_job(self, job_id: str) -> Job:
        """The session and, once it is over or has answered, what it has cost."""
        job_id = self.canonical_id(job_id)
        session = await self.http.get_model(_path(job_id), Session)
        settled = session.status.status == "idle" or STATUSES[session.status.status].final
        return to_job(job_id, session, await self._cost(job_id) if settled else None)

    async def fetch_status(self, job_id: str) -> Sighting:
        """The status route, which leaves out the request and the answer."""
        return to_sighting((await self._status(self.canonical_id(job_id))).status)

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """Events from an index on, which is the cursor."""
        first = int(cursor or 0)
        changes = await self._changes(self.canonical_id(job_id), first, wait=0)
        return to_event_page(changes, first) if changes else EventPage(events=(), cursor=cursor)

    async def await_change(self, job_id: str, cursor: str | None, seconds: float) -> Change:
        """The same, as soon as there are any; nothing when there are none."""
        first = int(cursor or 0)
        changes = await self._changes(self.canonical_id(job_id), first, wait=min(round(seconds), LONGEST_POLL))
        if changes is None:
            return Change()
        return Change(sighting=to_sighting(changes.status), page=to_event_page(changes, first))

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The agent view and what events tell: the live view, and the latest files that the agent handed over."""
        job_id = self.canonical_id(job_id)
        session = await self.http.get_model(_path(job_id), Session)
        told: list[Link] = []
        async for changes in self._log(job_id):
            told += [link for event in filter(None, changes.new_events or []) for link in event_links(event)]
        final = STATUSES[session.status.status].final
        live = [link for link in told if link.kind == "live_view" and not final]
        files = dict.fromkeys(link.url for link in told if link.kind == "download")
        downloads = [await self._file(url) for url in [*files][-MOST_FILES:]]
        return (*to_links(session), *live[-1:], *web_links(*(("download", url) for url in downloads)))

    async def answer_question(self, job_id: str, question_id: str, answer: str) -> None:
        """Send a message to a session that has answered, or a result to one that waits for a tool's."""
        job_id = self.canonical_id(job_id)
        status = await self._status(job_id)
        question = to_question(status, None)
        if question is None or question.id != question_id:
            raise self.http.conflict()
        if call := pending_call(status):
            body: JsonValue = {"kind": "tool_result", "tool_req": call.model_dump(exclude_none=True), "result": answer}
            await self.http.post(f"{_path(job_id)}/tool_results", body=body)
        else:
            await self.http.post(f"{_path(job_id)}/messages", body={"type": "user_message", "message": answer})

    async def pause_job(self, job_id: str) -> None:
        """Hold a session that is neither over nor held."""
        job_id = self.canonical_id(job_id)
        status = STATUSES[(await self._status(job_id)).status]
        if status.final or status is JobStatus.PAUSED:
            raise self.http.conflict()
        await self.http.post(f"{_path(job_id)}/pause")

    async def resume_job(self, job_id: str) -> None:
        """Let a held session go on."""
        job_id = self.canonical_id(job_id)
        if STATUSES[(await self._status(job_id)).status] is not JobStatus.PAUSED:
            raise self.http.conflict()
        await self.http.post(f"{_path(job_id)}/resume")

    async def cancel_job(self, job_id: str) -> None:
        """Stop the session, which is kept."""
        await self.http.delete(_path(self.canonical_id(job_id)))

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a session with this first message; `agent` among the parameters names or describes its agent."""
        body = {"agent": AGENT, **parameters, "messages": task}
        reply = await self.http.post(SESSIONS, body=body, accept=(404,))
        if reply.status == 404:
            raise self.http.missing(parameters)
        return Started(id=self.http.read(reply.json, NewSession).id)

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of the screenshots that the agent saw."""
        return await fetch_linked(partial(self._screenshots, self.canonical_id(job_id)), self._picture, index)

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """The key's sessions; `cursor` is the number of a page. One limit has to be kept from page to page."""
        page, size = page_number(cursor), min(limit, SESSIONS_A_PAGE)
        params: Query = {"page": page, "size": size, "sort": "-created_at"}
        with self.http.naming_no_job():
            sessions = await self.http.get_model(SESSIONS, SessionPage, params=params)
        return to_page(sessions, cursor=str(page + 1) if page * size < sessions.total else None)

    async def check_key(self) -> None:
        """Ask how many sessions may run at once, which takes a key."""
        with self.http.naming_no_job():
            await self.http.get(f"{SESSIONS}/quota")

    def jobs_of(self, delivery: Delivery, secret: str) -> tuple[str, ...]:
        """The session, which the signature of the time of sending and the raw body vouches for."""
        sent = delivery.headers.get("x-h-webhook-timestamp", "")
        message = sent.encode() + b"." + delivery.body
        if not delivery.timely("x-h-webhook-timestamp"):
            return ()
        if not signs(secret, delivery.headers.get("x-h-webhook-signature", ""), [message]):
            return ()
        told = delivery.read(Told)
        return (told.data.session_id,) if told else ()

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That an agent's environment is closed, or that the key is refused."""
        if "environment_not_public" in problems(answer):
            return self.http.denied("the agent's environment is not open to this organization")
        return self.http.refused()

    async def _status(self, job_id: str) -> SessionStatus:
        return await self.http.get_model(f"{_path(job_id)}/status", SessionStatus)

    async def _changes(self, job_id: str, first: int, *, wait: int) -> Changes | None:
        """A page of events; None when there are none."""
        query: Query = {"from_index": first, "limit": EVENTS_A_PAGE, "include_events": "true", "wait_for_seconds": wait}
        return await self.http.find_model(f"{_path(job_id)}/changes", Changes, params=query, missing=(204,))

    async def _cost(self, job_id: str) -> float | None:
        query: Query = {"from_index": 0, "include_events": "false", "wait_for_seconds": 0}
        changes = await self.http.find_model(f"{_path(job_id)}/changes", Changes, params=query, missing=(204,))
        return changes.metrics.total_cost if changes and changes.metrics else None

    async def _log(self, job_id: str) -> AsyncGenerator[Changes]:
        """All events, page by page."""
        first, more = 0, True
        while more and first < MOST_PAGES * EVENTS_A_PAGE:
            changes = await self._changes(job_id, first, wait=0)
            if changes is None:
                break
            yield changes
            page = to_event_page(changes, first)
            more = page.has_more and int(page.cursor or 0) > first
            first = int(page.cursor or 0)

    async def _screenshots(self, job_id: str) -> list[str]:
        """The sources of all that there are, oldest first."""
        found = [source async for changes in self._log(job_id) for source in to_screenshots(changes)]
        if not found:
            raise NotAvailableError("screenshots", STATUSES[(await self._status(job_id)).status].value)
        return found

    async def _file(self, url: str) -> str | None:
        """The link to a file that works without the key, None when the file is gone."""
        path = None if "?" in url else to_resource(url)
        if path is None:
            return url
        try:
            return await self.http.location(path)
        except (AuthenticationError, JobNotFoundError):
            # The key has just been good for the session itself.
            return None

    async def _picture(self, source: str) -> bytes | None:
        """The screenshot behind a source, None when it is gone."""
        if path := to_resource(source):
            try:
                link = await self.http.location(path)
            except JobNotFoundError:
                return None
            if link is None:
                raise self.http.unexpected("a screenshot without a redirect")
            return await self.http.download_image(link)
        if re.match(r"(?i)https?:", source):
            return await self.http.download_image(source)
        return self.http.decoded_image(source)


def to_sighting(word: str) -> Sighting:
    """The status word in our words."""
    return Sighting(status=STATUSES[word], provider_status=word)


def to_job(job_id: str, session: Session, cost: float | None) -> Job:
    """A session in our words."""
    said, status = session.status, STATUSES[session.status.status]
    settled = status.final or said.status == "idle"
    result = without_images(session.latest_answer) if settled else None
    goal_met = GOAL_MET.get(said.outcome or "") if settled else None
    question = to_question(said, session.latest_answer)
    links = to_links(session)
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "screenshots": bool(said.steps),
        "question": question is not None,
    }
    return Job(
        id=job_id,
        status=status,
        provider_status=said.status,
        title=to_title(session.request.messages if session.request else None),
        created_at=session.created_at,
        started_at=session.started_at,
        finished_at=session.finished_at if status.final else None,
        result=result,
        error=(said.error or None) if status.final else None,
        question=question,
        cost=None if cost is None else Cost(amount=cost, unit="USD"),
        goal_met=goal_met,
        goal_met_by=None if goal_met is None else "agent",
        failure=to_failure(said) if status is JobStatus.FAILED else None,
        has=artifacts(there, links),
        links=links,
    )


def to_failure(said: SessionStatus) -> FailureKind:
    """Why a session failed."""
    if said.error_code in FAILURES:
        return FAILURES[said.error_code]
    if said.status == "timed_out":
        return FailureKind.TIMED_OUT
    outcomes = {"blocked": FailureKind.SITE_BLOCKED, "infeasible": FailureKind.AGENT_GAVE_UP}
    return outcomes.get(said.outcome or "", FailureKind.UNKNOWN)


def to_question(said: SessionStatus, answer: JsonValue) -> Question | None:
    """What a session waits for: a message after its answer, or the result of the first pending tool call."""
    turn = f"step-{said.steps or 0}"
    if said.status == "idle":
        return Question(id=turn, text=to_text(answer))
    call = pending_call(said)
    if call is None:
        return None
    called = re.sub(r"[^\w-]", "", call.id or call.tool_name or "")[:40]
    return Question(id=f"{turn}-{called}", text=to_line(call))


def pending_call(said: SessionStatus) -> ToolCall | None:
    """The tool call whose result is waited for."""
    if said.status != "awaiting_tool_results":
        return None
    return next((call for call in said.pending_tool_calls or [] if call), None)


def to_links(session: Session) -> tuple[Link, ...]:
    """The agent view, which is live until the end and a replay from then on."""
    final = STATUSES[session.status.status].final
    return web_links(("recording" if final else "live_view", session.agent_view_url))


def to_title(messages: JsonValue) -> str:
    """The first message: a string, a message, or a list of messages."""
    match messages:
        case str():
            return messages
        case {"message": str(message)}:
            return message
        case [first, *_]:
            return to_title(first)
        case _:
            return ""


def to_page(sessions: SessionPage, *, cursor: str | None) -> JobPage:
    """A page in our words; a session that slips to the next while others come may stand in both."""
    rows = tuple(to_row(item) for item in sessions.items if re.fullmatch(UUID, item.id))
    return JobPage(jobs=rows, cursor=cursor)


def to_row(session: SessionSummary) -> JobRow:
    """A session in a list, in our words."""
    return JobRow(
        id=session.id.lower(),
        status=STATUSES[session.status],
        provider_status=session.status,
        title=to_title(session.first_message),
        created_at=session.created_at,
        started_at=session.started_at,
        updated_at=session.last_activity_at or session.finished_at,
    )


def to_event_page(changes: Changes, asked: int) -> EventPage:
    """Events in our words, each known by its index in the log."""
    first = asked if changes.first_index is None else changes.first_index
    new = changes.new_events or []
    numbered = [(first + place, event) for place, event in enumerate(new) if event]
    return EventPage(
        events=tuple(to_event(index, event) for index, event in numbered if event.type not in UNTOLD),
        cursor=str(first + len(new)),
        has_more=len(new) >= EVENTS_A_PAGE,
        links=tuple(link for _, event in numbered for link in event_links(event)),
    )


def to_event(index: int, event: SessionEvent) -> Event:
    """An event in our words."""
    said = event.data or Said()
    what = (said.kind if event.type == "AgentEvent" else event.type) or "event"
    kind, words = to_words(what, said)
    told = {"text": what, **{name: word for name, word in words.items() if word}}
    reported: dict[str, JsonValue] = {name: to_text(word) for name, word in told.items()}
    return Event(key=str(index), kind=kind, at=event.timestamp, reported=reported)


def to_words(what: str, said: Said) -> tuple[EventKind, Mapping[str, JsonValue]]:
    """What an event is and says, by its type or kind."""
    match what:
        case "policy_event":
            action = "; ".join(map(to_line, filter(None, said.tool_reqs or [])))
            thought = said.content or said.reasoning_content
            return EventKind.STEP, {"text": thought or action, "action": action}
        case "tool_result":
            return EventKind.LOG, {"text": said.result, "action": said.tool_req.tool_name if said.tool_req else None}
        case "observation_event":
            return EventKind.LOG, {"text": said.text}
        case "answer_event":
            return EventKind.MESSAGE, {"text": said.answer, "outcome": said.outcome}
        case "message_event":
            parts = said.content if isinstance(said.content, list) else []
            words = "\n".join(part for part in parts if isinstance(part, str))
            return EventKind.MESSAGE, {"text": words, "from": said.caller_id}
        case "ActiveStateChangeEvent" if calls := [*filter(None, said.pending_tool_calls or [])]:
            return EventKind.QUESTION, {"text": "; ".join(map(to_line, calls))}
        case _:
            words = said.flow or said.state or said.status or said.reason or said.name or said.path or ""
            return EventKind.OTHER, {"text": f"{what}: {words}" if words else what, "error": said.error}


def event_links(event: SessionEvent) -> Iterator[Link]:
    """The links that an event tells: the live view, or a file that the agent handed over."""
    said = event.data or Said()
    if event.type == "LiveViewUrlEvent":
        yield from web_links(("live_view", said.live_view_url))
    if event.type == "AttachmentEvent" and said.origin == "agent":
        yield from web_links(("download", said.url))


def to_screenshots(changes: Changes) -> list[str]:
    """The sources of the screenshots among some events."""
    said = [event.data for event in changes.new_events or [] if event and event.data]
    return [one.image.source for one in said if one.kind == "observation_event" and one.image]


def to_resource(source: str) -> str | None:
    """The route of the API that a link to something of a session's leads to, whatever host it names."""
    found = _RESOURCE.search(source)
    if found is None or any(unquote(part) in (".", "..") for part in found[2].split("/")):
        return None
    return f"{_path(found[1])}/resources/{found[2]}"


def to_line(call: ToolCall) -> str:
    """A tool call in one line."""
    return f"{call.tool_name or 'tool'} {to_text(call.args)}" if call.args else call.tool_name or "tool"


def to_text(value: JsonValue) -> str:
    """A value as text of bounded length, without images."""
    if value is None:
        return ""
    return as_text(without_images(value))[:TEXT_CHARACTERS]


def without_images(value: JsonValue) -> JsonValue:
    """A value without the images that it holds in base64."""
    match value:
        case str():
            return _IMAGES.sub(IMAGE, value)
        case list():
            return [without_images(part) for part in value]
        case {"type": "base64", "source": str()}:
            return IMAGE
        case dict():
            return {name: without_images(part) for name, part in value.items()}
        case _:
            return value


def problems(answer: JsonValue) -> set[str]:
    """The types of the problems that a refusal names."""
    details = answer.get("detail") if isinstance(answer, dict) else None
    types = [one.get("type") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    return {word for word in types if isinstance(word, str)}


def _path(job_id: str) -> str:
    return f"{SESSIONS}/{job_id}"


PROVIDER = HCompany
