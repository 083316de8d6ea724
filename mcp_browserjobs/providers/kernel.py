"""Kernel's invocations: a job is one run of an action of the user's own app, which may use browsers there.

API: https://www.kernel.sh/docs/api-reference/invocations, SDK kernel 0.131.0 (checked November 2026)
Quirk: the code is the user's: there are no steps, no questions and no claim of a goal, only log lines.
Quirk: a cancel is a PATCH to `failed`, which looks like any failure; it would change what is over, so one looks first.
Quirk: why something failed is told in words only, and those are not stable: no time-out can be told from the rest.
Quirk: `output` is a string that is often JSON; on failure it tells the details, in words or JSON.
Quirk: logs come by the stream only; that it begins with the first line when no `since` is given is assumed.
Quirk: whether `since` includes its own moment is unknown, so a stream asks from a little before and repeats lines.
Quirk: lines have no ids: they are told apart by their time and words, and those that say the same at one moment are
counted. One may be 64 KiB, and is cut in an event.
Quirk: the stream ends with the invocation; whether that of one long over still has its lines, and how long, is unknown.
Quirk: the next page of a list is told in headers; here a full page is taken to have one. The list's order is unknown.
Quirk: browsers are listed while they are active, and with them their replays; the end destroys them.
Quirk: a browser's live view and control links are worth a key; the latter are never read.
Quirk: error bodies are a code and a message; limits on requests, retention, webhooks and costs are unknown.
"""

import json
import re
from collections import Counter, deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, JsonValue, RootModel
from pydantic_core import from_json

from ..errors import InvalidArgumentError, NotAvailableError
from ..jobs import (
    Change,
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
from .base import MAX_BODY_BYTES, Optional, Provider, Statuses, Wire, artifacts, in_words, page_number, web_links

STATUSES = Statuses(
    {
        "queued": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "succeeded": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
    }
)

ID = r"[0-9a-z]{20,32}"
INVOCATIONS_A_PAGE = 100
MOST_BROWSERS = 10
LATEST = "latest"
OVERLAP = timedelta(seconds=1)
TEXT_CHARACTERS = 2000


class Invocation(Wire):
    """One invocation."""

    status: str
    app_name: Optional[str] = None
    action_name: Optional[str] = None
    started_at: Optional[Moment] = None
    finished_at: Optional[Moment] = None
    output: Optional[str] = None
    status_reason: Optional[str] = None


class InvocationItem(Invocation):
    """One invocation in a list."""

    id: str


class Invocations(RootModel[list[InvocationItem]]):
    """A page of invocations."""


class NewInvocation(Wire):
    """The answer to a start."""

    id: Annotated[str, Field(pattern=f"^{ID}$")]


class Problem(Wire):
    """What went wrong."""

    code: Optional[str] = None
    message: Optional[str] = None


class StreamEvent(Wire):
    """One event of the stream."""

    event: str
    timestamp: Optional[Moment] = None
    message: Optional[str] = None
    invocation: Optional[Invocation] = None
    error: Optional[Problem] = None


class Browser(Wire):
    """A browser of an invocation, without the links that control it."""

    session_id: Optional[Annotated[str, Field(pattern=r"^[\w-]{1,64}$")]] = None
    browser_live_view_url: Optional[str] = None
    deleted_at: Optional[Moment] = None


class Browsers(Wire):
    """The active browsers of an invocation."""

    browsers: list[Optional[Browser]]


class Replay(Wire):
    """A recording of a browser."""

    replay_view_url: Optional[str] = None


class Replays(RootModel[list[Optional[Replay]]]):
    """The recordings of a browser."""


class Kernel(Provider):
    """Invocations of the user's own actions."""

    name = "kernel"
    title = "Kernel"
    base_url = "https://api.onkernel.com"
    keys_at = "https://dashboard.onkernel.com/api-keys"
    key_header = "Authorization"
    key_scheme = "Bearer "
    example_id = "rr33xuugxj9h0bkf1rdt2bet"
    id_form = "24 small letters and digits"
    id_pattern = re.compile(ID)
    link_path = re.compile(rf"/invocations/({ID})(?=/|\Z)")
    """The form of the dashboard's links is unknown."""
    statuses = STATUSES
    capability_hosts = frozenset({"onkernel.com"})
    stop_reads_as_failure = True

    async def fetch_job(self, job_id: str) -> Job:
        """The invocation."""
        job_id = self.canonical_id(job_id)
        return to_job(job_id, await self._invocation(job_id))

    async def stream_changes(self, job_id: str, cursor: str | None) -> AsyncGenerator[Change]:
        """Log lines and status words as they come; `cursor` is the time of the last line, some of which come again."""
        job_id = self.canonical_id(job_id)
        at, told = None, Counter[str | None]()
        async with aclosing(self._stream(job_id, cursor)) as events:
            async for event in events:
                if event.event == "log" and event.timestamp != at:
                    at, told = event.timestamp, Counter()
                words = event.message and event.message[:TEXT_CHARACTERS]
                yield to_change(event, again=told[words])
                told[words] += event.event == "log"

    async def fetch_log(self, job_id: str) -> str:
        """All lines of an invocation that has ended, or the last of very many; that of another has no end.

        Raises:
            NotAvailableError: it has not ended yet.
        """
        job_id = self.canonical_id(job_id)
        status = STATUSES[(await self._invocation(job_id)).status]
        if not status.final:
            raise NotAvailableError("log", status.value)
        lines: deque[str] = deque()
        size = 0
        async with aclosing(self._stream(job_id, None)) as events:
            async for event in events:
                if event.event == "sse_heartbeat":
                    # All that there was has come, and nothing more will.
                    break
                if event.event == "log":
                    lines.append(event.message or "")
                    size += len(lines[-1]) + 1
                while size > MAX_BODY_BYTES:
                    size -= len(lines.popleft()) + 1
        return "\n".join(lines)

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The live views and replays of the browsers that are still there."""
        found = await self.http.get_model(f"/invocations/{self.canonical_id(job_id)}/browsers", Browsers)
        links: tuple[Link, ...] = ()
        for browser in [*filter(None, found.browsers)][:MOST_BROWSERS]:
            links += web_links(("live_view", None if browser.deleted_at else browser.browser_live_view_url))
            if browser.session_id:
                links += await self._replays(browser.session_id)
        return links

    async def cancel_job(self, job_id: str) -> None:
        """Mark the invocation as failed, which stops it, unless it is over."""
        job_id = self.canonical_id(job_id)
        if STATUSES[(await self._invocation(job_id)).status].final:
            raise self.http.conflict()
        await self.http.patch(f"/invocations/{job_id}", body={"status": "failed"})

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Run the action that the task names as `app/action`.

        The parameters are its payload or, when `payload` is among them, fields of the create body.
        """
        reply = await self.http.post("/invocations", body=create_body(task, parameters), accept=(404,))
        if reply.status == 404:
            raise self.http.not_accepted("task")
        return Started(id=self.http.read(reply.json, NewInvocation).id)

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Invocations of all apps; `cursor` is the number of those before."""
        offset, size = page_number(cursor) if cursor else 0, min(limit, INVOCATIONS_A_PAGE)
        with self.http.naming_no_job():
            found = await self.http.get_model("/invocations", Invocations, params={"limit": size, "offset": offset})
        following = offset + len(found.root)
        return to_page(found.root, cursor=str(following) if len(found.root) >= size else None)

    async def check_key(self) -> None:
        """List one invocation."""
        with self.http.naming_no_job():
            await self.http.get_model("/invocations", Invocations, params={"limit": 1})

    async def _invocation(self, job_id: str) -> Invocation:
        return await self.http.get_model(f"/invocations/{job_id}", Invocation)

    async def _stream(self, job_id: str, cursor: str | None) -> AsyncGenerator[StreamEvent]:
        params = {"since": to_since(cursor)} if cursor else None
        async with aclosing(self.http.stream(f"/invocations/{job_id}/events", params=params)) as events:
            async for event in events:
                yield self.http.read(event, StreamEvent)

    async def _replays(self, session_id: str) -> tuple[Link, ...]:
        replays = await self.http.find_model(f"/browsers/{session_id}/replays", Replays) or Replays([])
        return web_links(*(("recording", replay.replay_view_url) for replay in replays.root if replay))


def to_job(job_id: str, invocation: Invocation) -> Job:
    """An invocation in our words."""
    status = STATUSES[invocation.status]
    result = to_result(invocation.output) if status.final else None
    return Job(
        id=job_id,
        status=status,
        provider_status=invocation.status,
        title=to_title(invocation),
        started_at=invocation.started_at,
        finished_at=invocation.finished_at if status.final else None,
        result=result,
        error=(invocation.status_reason or None) if status is JobStatus.FAILED else None,
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=artifacts({"result": result is not None, "log": status.final}),
    )


def to_result(output: str | None) -> JsonValue:
    """What an invocation gave: the value, where its output is JSON, else the words."""
    if not output:
        return None
    try:
        value: JsonValue = from_json(output, allow_inf_nan=False)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return output
    return value


def to_title(invocation: Invocation) -> str:
    """The action's name, as a start takes it."""
    return "/".join(filter(None, [invocation.app_name, invocation.action_name]))


def create_body(task: str, parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What starts an action; it is never waited for.

    Raises:
        InvalidArgumentError: the task names no action.
    """
    app, slash, action = task.strip().partition("/")
    if not (app and slash and action) or "/" in action:
        raise InvalidArgumentError("task", "must name an app and its action, such as my-app/analyze")
    fields = parameters if "payload" in parameters else {"payload": dict(parameters) or None}
    body: dict[str, JsonValue] = {"version": LATEST, **fields, "app_name": app, "action_name": action, "async": True}
    payload = body.pop("payload")
    if payload is not None:
        body["payload"] = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return body


def to_page(invocations: Iterable[InvocationItem], *, cursor: str | None) -> JobPage:
    """A page in our words, without what has an id of another form."""
    rows = tuple(to_row(invocation) for invocation in invocations if re.fullmatch(ID, invocation.id))
    return JobPage(jobs=rows, cursor=cursor)


def to_row(invocation: InvocationItem) -> JobRow:
    """An invocation in a list, in our words."""
    return JobRow(
        id=invocation.id,
        status=STATUSES[invocation.status],
        provider_status=invocation.status,
        title=to_title(invocation),
        started_at=invocation.started_at,
        updated_at=invocation.finished_at,
    )


def to_change(event: StreamEvent, *, again: int = 0) -> Change:
    """An event of the stream in our words; `again` is how often a line said the same before at the same moment."""
    match event.event:
        case "sse_heartbeat":
            return Change()
        case "invocation_state":
            word = event.invocation.status if event.invocation else None
            return Change(sighting=Sighting(status=STATUSES[word], provider_status=word) if word else None)
        case "log":
            return _told(event, EventKind.LOG, again, text=event.message)
        case "error":
            problem = event.error or Problem()
            return _told(event, EventKind.OTHER, text=problem.message or problem.code, code=problem.code)
        case other:
            return _told(event, EventKind.OTHER, text=other)


def _told(event: StreamEvent, kind: EventKind, again: int = 0, /, **said: str | None) -> Change:
    """An event known by its time and type; only a line moves the cursor, since `since` is about lines."""
    # The first moment of the year 1 is how some servers write that there is none.
    at = event.timestamp if event.timestamp and event.timestamp.year > 1 else None
    reported = in_words(**{name: text and text[:TEXT_CHARACTERS] for name, text in said.items()})
    key = f"{at and at.isoformat()} {event.event}" + f" {again}" * bool(again)
    told = Event(key=key, kind=kind, at=at, reported=reported, exact=False)
    cursor = at.isoformat() if at and event.event == "log" else None
    return Change(page=EventPage(events=(told,), cursor=cursor))


def to_since(cursor: str) -> str:
    """The moment from which to ask for lines, a little before the last one."""
    return (datetime.fromisoformat(cursor) - OVERLAP).isoformat().replace("+00:00", "Z")


PROVIDER = Kernel
