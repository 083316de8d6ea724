"""Browserbase Agents, API version 1: a job is one run of an agent, which has a browser session of its own.

API: https://docs.browserbase.com/reference/api/get-a-run (checked November 2026, read and never seen live)
Quirk: `stop` and `resume` are newer than the vendor's SDK 1.22.0; the 409 that both give at the wrong time is implied.
Quirk: only the agent pauses a run, and only one that was started with `pauseWhen`; the question is the last message.
Quirk: messages come oldest first only, so the question of a paused run is found by reading all before it.
Quirk: `resume` names no question, so it is checked before that the one that is answered is still the last message.
Quirk: `resume` hands on its `task` as the answer; it is not said to be required, and what comes without is unknown.
Quirk: an answer stands in the transcript; secrets belong into `variables`, which no answer of ours can set.
Quirk: `nextSince` is the last message's id, also where there are no more; null only before the first message.
Quirk: messages are those of the AI SDK; the names of tools and the shapes of their inputs and outputs are unknown.
Quirk: whether transcripts hold images is unknown; where they do, those are the screenshots.
Quirk: nothing tells whether the goal was met, how many steps there were or what they cost.
Quirk: of the codes of a `cause` only RUNNER_HEARTBEAT_LOST is known; other failures have a text at most.
Quirk: the session is absent while a run is pending; its live view lasts as long as it does, six hours at most.
Quirk: a recording is for the dashboard, which asks for a login; its HLS playlists need the key, so they are no links.
Quirk: MP4s of a recording are made on demand, which reading does not do; their links are signed, by an unknown host.
Quirk: recordings are gone after 31 days (24 hours in a bucket of one's own); how long runs are kept is unknown.
Quirk: the log of a session is its browser's protocol, typed secrets and all, so it is not shown.
Quirk: the body of an error, rate limits, the order of the list and its largest page are unknown.
"""

import re
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Annotated

from pydantic import Field, JsonValue

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
from ..reported import as_text
from ..screenshots import place_of
from .base import UUID, CanonicalUuid, Optional, Provider, Statuses, Wire, artifacts, in_words, line, web_links

STATUSES = Statuses(
    {
        "PENDING": JobStatus.QUEUED,
        "RUNNING": JobStatus.RUNNING,
        "PAUSED": JobStatus.WAITING_FOR_INPUT,
        "COMPLETED": JobStatus.COMPLETED,
        "FAILED": JobStatus.FAILED,
        "TIMED_OUT": JobStatus.FAILED,
        "STOPPED": JobStatus.CANCELLED,
    }
)

FAILURES = {"RUNNER_HEARTBEAT_LOST": FailureKind.PROVIDER_FAULT}

RUNS_A_PAGE = 100
MESSAGES_A_PAGE = 50
"""Half of what may be asked for, since each of them may hold an image."""
MOST_PAGES = 200
"""As far into a transcript as the search for its last message goes."""
SAID_CHARACTERS = 500
"""As much is told of what a tool was given and of what it gave back."""
NOT_THERE = (400, 404, 409, 410, 422)
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{300,}={0,2}")
"""What no person writes."""


class Cause(Wire):
    """Why a run failed."""

    code: Optional[str] = None
    message: Optional[str] = None


class Run(Wire):
    """One run."""

    status: str
    task: Optional[str] = None
    result: JsonValue = None
    cause: Optional[Cause] = None
    sessionId: Optional[Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]] = None
    createdAt: Optional[Moment] = None
    updatedAt: Optional[Moment] = None
    startedAt: Optional[Moment] = None
    endedAt: Optional[Moment] = None


class RunItem(Run):
    """One run in a list."""

    runId: str


class Runs(Wire):
    """A page of runs."""

    data: list[RunItem]
    nextCursor: Optional[str] = None


class NewRun(Wire):
    """The answer to a start."""

    runId: CanonicalUuid


class Part(Wire):
    """One part of a message. Which fields it has depends on its type."""

    type: Optional[str] = None
    text: Optional[str] = None
    toolCallId: Optional[str] = None
    toolName: Optional[str] = None
    input: JsonValue = None
    output: JsonValue = None
    data: Optional[str] = None
    mediaType: Optional[str] = None

    @property
    def is_plain(self) -> bool:
        """Whether what it says is known, so that another one that says the same is told from one that does not."""
        return bool(self.text or self.toolCallId or self.data)

    @property
    def asks(self) -> bool:
        """Whether it is the agent's call for a person."""
        return self.type == "tool-call" and self.toolName == "pause"


class Message(Wire):
    """What was said: plain text, or parts."""

    content: Optional[str | list[Optional[Part]]] = None

    @property
    def parts(self) -> list[Part]:
        """Its parts, each in its place; one that is told again word for word is still the same."""
        if isinstance(self.content, str):
            return [Part(type="text", text=self.content)]
        parts: list[Part] = []
        for part in self.content or []:
            if part is None or not part.is_plain or part not in parts:
                parts.append(part or Part())
        return parts


class RunMessage(Wire):
    """A message in a transcript. All of it is optional here, so that the rest stays readable whatever one lacks."""

    id: Optional[str] = None
    createdAt: Optional[Moment] = None
    message: Optional[Message] = None

    @property
    def parts(self) -> list[Part]:
        """The parts of what was said."""
        return self.message.parts if self.message else []


class Transcript(Wire):
    """A page of a run's messages, oldest first."""

    data: list[Optional[RunMessage]]
    nextSince: Optional[str] = None


class LiveUrls(Wire):
    """The live view of a session."""

    debuggerFullscreenUrl: Optional[str] = None
    debuggerUrl: Optional[str] = None


class RecordingDownload(Wire):
    """The MP4 of one page (tab) of a session."""

    downloadUrl: Optional[str] = None


class RecordingDownloads(Wire):
    """The MP4s of a session."""

    downloads: Optional[list[Optional[RecordingDownload]]] = None


class Browserbase(Provider):
    """Runs of agents."""

    name = "browserbase"
    title = "Browserbase"
    base_url = "https://api.browserbase.com"
    keys_at = "https://www.browserbase.com/settings"
    key_header = "X-BB-API-Key"
    example_id = "3f1c9a52-7b0e-4d68-9a47-c25e8d10b6f3"
    id_form = "uuid"
    id_pattern = re.compile(UUID)
    link_path = re.compile(rf"/runs/({UUID})(?:/|\Z)")
    statuses = STATUSES
    link_hosts = frozenset({"browserbase.com", "www.browserbase.com"})
    capability_hosts = frozenset({"connect.browserbase.com"})

    async def fetch_job(self, job_id: str) -> Job:
        """The run and, while it is paused, its last message, which asks."""
        job_id = self.canonical_id(job_id)
        run = await self._run(job_id)
        question = to_question(await self._last_message(job_id)) if run.status == "PAUSED" else None
        return to_job(job_id, run, question)

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """What was said after the message whose id is the cursor."""
        return to_events(await self._messages(self.canonical_id(job_id), cursor), cursor)

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The live view of a run that goes on, the recordings of one that is over."""
        run = await self._run(self.canonical_id(job_id))
        session = run.sessionId
        if session is None:
            return ()
        if not to_status(run).final:
            urls = await self.http.find_model(f"/v1/sessions/{session}/debug", LiveUrls, missing=NOT_THERE)
            return to_live_view(urls or LiveUrls())
        path = f"/v1/sessions/{session}/recording/downloads"
        downloads = await self.http.find_model(path, RecordingDownloads, missing=NOT_THERE)
        return to_recordings(session, downloads or RecordingDownloads())

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One of the images in the transcript, of which no more are kept than it takes to count from the end."""
        job_id = self.canonical_id(job_id)
        kept, count = deque[str](), 0
        async for message in self._transcript(job_id):
            for encoded in to_images(message):
                if index < 0 or index == count:
                    kept.append(encoded)
                if len(kept) > max(1, -index):
                    kept.popleft()
                count += 1
        if not count:
            raise NotAvailableError("screenshots", to_status(await self._run(job_id)).value)
        place = place_of(index, count)
        return Picture(data=self.http.decoded_image(kept[0]), index=place, count=count)

    async def answer_question(self, job_id: str, question_id: str, answer: str) -> None:
        """Resume the run with the answer, when this is what it asks."""
        job = await self.fetch_job(job_id)
        if job.question is None or job.question.id != question_id:
            raise self.http.conflict()
        await self.http.post(f"/v1/agents/runs/{job.id}/resume", body={"task": answer})

    async def resume_job(self, job_id: str) -> None:
        """Let a run go on that is paused and asks nothing; one that asks needs an answer, which is not ours to give."""
        job = await self.fetch_job(job_id)
        if job.question is not None:
            raise InvalidArgumentError("job", "waits for an answer; answer its question instead of resuming it")
        if job.status is not JobStatus.PAUSED:
            raise self.http.conflict()
        await self.http.post(f"/v1/agents/runs/{job.id}/resume", body={})

    async def cancel_job(self, job_id: str) -> None:
        """Ask the run to stop, which takes it a while."""
        await self.http.post(f"/v1/agents/runs/{self.canonical_id(job_id)}/stop")

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Start a run; `agentId` among the parameters names its agent, and with `pauseWhen` it may ask."""
        reply = await self.http.post("/v1/agents/runs", body={**parameters, "task": task}, accept=(404,))
        if reply.status == 404:
            raise self.http.missing(parameters)
        return Started(id=self.http.read(reply.json, NewRun).runId)

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Runs of the key's project."""
        params = {"limit": min(limit, RUNS_A_PAGE), "cursor": cursor}
        return to_page(await self.http.get_model("/v1/agents/runs", Runs, params=params))

    async def check_key(self) -> None:
        """List one run."""
        await self.http.get_model("/v1/agents/runs", Runs, params={"limit": 1})

    async def _run(self, job_id: str) -> Run:
        return await self.http.get_model(f"/v1/agents/runs/{job_id}", Run)

    async def _messages(self, job_id: str, since: str | None) -> Transcript:
        params = {"limit": MESSAGES_A_PAGE, "since": since}
        return await self.http.get_model(f"/v1/agents/runs/{job_id}/messages", Transcript, params=params)

    async def _transcript(self, job_id: str) -> AsyncGenerator[RunMessage]:
        """All messages, oldest first."""
        since: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._messages(job_id, since)
            for message in filter(None, page.data):
                yield message
            before, since = since, to_cursor(page, since)
            if not has_more(page, before):
                break

    async def _last_message(self, job_id: str) -> RunMessage:
        last = RunMessage()
        async for message in self._transcript(job_id):
            last = message
        return last


def to_status(run: Run) -> JobStatus:
    """What the status word means."""
    return STATUSES[run.status]


def to_job(job_id: str, run: Run, question: Question | None) -> Job:
    """A run in our words. `question` is what a paused one asks, as far as its transcript tells."""
    status = to_status(run)
    if status is JobStatus.WAITING_FOR_INPUT and question is None:
        status = JobStatus.PAUSED
    cause = run.cause or Cause()
    result = run.result if status.final else None
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "live_view": run.sessionId is not None and not status.final,
        "recording": run.sessionId is not None and status.final,
        "question": question is not None,
    }
    return Job(
        id=job_id,
        status=status,
        provider_status=run.status,
        title=run.task or "",
        created_at=run.createdAt,
        started_at=run.startedAt,
        updated_at=run.updatedAt,
        finished_at=run.endedAt if status.final else None,
        result=result,
        error=line(cause.code, cause.message) or None if status.final else None,
        question=question,
        failure=to_failure(run) if status is JobStatus.FAILED else None,
        has=artifacts(there),
    )


def to_failure(run: Run) -> FailureKind:
    """Why a run failed, as far as a word or a code of the vendor's tells."""
    if run.status == "TIMED_OUT":
        return FailureKind.TIMED_OUT
    return FAILURES.get((run.cause and run.cause.code) or "", FailureKind.UNKNOWN)


def to_page(runs: Runs) -> JobPage:
    """A page in our words, without what has an id of another form."""
    rows = tuple(to_row(run) for run in runs.data if re.fullmatch(UUID, run.runId))
    return JobPage(jobs=rows, cursor=runs.nextCursor or None)


def to_row(run: RunItem) -> JobRow:
    """A run in a list, in our words."""
    return JobRow(
        id=run.runId.lower(),
        status=to_status(run),
        provider_status=run.status,
        title=run.task or "",
        created_at=run.createdAt,
        started_at=run.startedAt,
        updated_at=run.updatedAt,
    )


def to_cursor(page: Transcript, since: str | None) -> str | None:
    """The id of the last message read; None before the first one. A page without any has not read up to anywhere."""
    if not page.data:
        return since
    ids = [message.id for message in page.data if message and message.id]
    return page.nextSince or (ids[-1] if ids else since)


def has_more(page: Transcript, since: str | None) -> bool:
    """Whether another page may follow: this one is full and leads on."""
    return len(page.data) >= MESSAGES_A_PAGE and to_cursor(page, since) != since


def to_events(page: Transcript, since: str | None) -> EventPage:
    """A page of a transcript in our words."""
    return EventPage(
        events=tuple(event for message in page.data if message for event in message_events(message)),
        cursor=to_cursor(page, since),
        has_more=has_more(page, since),
    )


def message_events(message: RunMessage) -> Iterator[Event]:
    """What a message says, part by part: a part is known by its message's id and its place in it."""
    for place, part in enumerate(message.parts):
        kind, said = to_saying(part)
        if reported := in_words(**said):
            yield Event(
                key=f"{message.id or message.createdAt} {place}",
                kind=kind,
                at=message.createdAt,
                reported=reported,
                exact=bool(message.id),
            )


def to_saying(part: Part) -> tuple[EventKind, dict[str, str | None]]:
    """What sort of thing a part is, and what it says."""
    match part.type:
        case "text" | "reasoning":
            return EventKind.MESSAGE, {"text": without_base64(part.text or "")}
        case "tool-call" if part.asks:
            return EventKind.QUESTION, {"text": to_request(part)}
        case "tool-call":
            url = part.input.get("url") if isinstance(part.input, dict) else None
            said = {"text": line(part.toolName, short(part.input)), "url": url if isinstance(url, str) else None}
            return EventKind.STEP, said
        case "tool-result":
            output, failed = to_output(part.output)
            return EventKind.LOG, {"text": line(part.toolName, output), "error": output if failed else None}
        case _:
            return EventKind.OTHER, {"text": line(part.type, part.mediaType)}


def to_output(output: JsonValue) -> tuple[str, bool]:
    """What a tool gave back, in short, and whether that was an error; the AI SDK wraps it as a typed value."""
    match output:
        case {"type": str(kind), "value": value}:
            return short(value), kind.startswith("error")
        case _:
            return short(output), False


def to_question(message: RunMessage) -> Question | None:
    """What a message asks; it can be answered when it has an id."""
    call = next((part for part in reversed(message.parts) if part.asks), None)
    question_id = call and (message.id or call.toolCallId)
    return Question(id=question_id, text=to_request(call)) if call and question_id else None


def to_request(call: Part) -> str:
    """What the agent needs, in its words."""
    match call.input:
        case {"message": str(text)}:
            return without_base64(text)
        case _:
            return short(call.input)


def to_images(message: RunMessage) -> Iterator[str]:
    """The images of a message, encoded: those in its parts and in what its tools gave back."""
    for part in message.parts:
        yield from images_in({"data": part.data, "mediaType": part.mediaType})
        yield from images_in(part.output)


def images_in(value: JsonValue) -> Iterator[str]:
    """All images that stand in a value, as base64 or as a `data:` link."""
    match value:
        case {"data": str(encoded), "mediaType": str(kind)}:
            if kind.startswith("image/") and encoded and not encoded.startswith(("http://", "https://")):
                yield encoded
        case dict():
            for part in value.values():
                yield from images_in(part)
        case list():
            for part in value:
                yield from images_in(part)


def to_live_view(urls: LiveUrls) -> tuple[Link, ...]:
    """The live view in our words: without the developer tools, when there is the choice."""
    return web_links(("live_view", urls.debuggerFullscreenUrl or urls.debuggerUrl))


def to_recordings(session: str, downloads: RecordingDownloads) -> tuple[Link, ...]:
    """The recordings of a session in our words: MP4s that have been made, and the dashboard's page."""
    return web_links(
        *(("recording", download.downloadUrl) for download in downloads.downloads or [] if download),
        ("recording", f"https://www.browserbase.com/sessions/{session}"),
    )


def short(value: JsonValue) -> str:
    """A value as a short text; encoded files are left out."""
    if value is None:
        return ""
    return as_text(_without_files(value))[:SAID_CHARACTERS]


def without_base64(text: str) -> str:
    """The text without what is encoded in it."""
    return BASE64.sub("\N{HORIZONTAL ELLIPSIS}", text)


def _without_files(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return without_base64(value)
        case list():
            return [_without_files(part) for part in value]
        case dict():
            bare = {name: part for name, part in value.items() if name != "data" or "mediaType" not in value}
            return {name: _without_files(part) for name, part in bare.items()}
        case _:
            return value


PROVIDER = Browserbase
