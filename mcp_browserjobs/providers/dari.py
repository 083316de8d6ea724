"""Dari's portal and job API: a job is one run of a portal, which fills in a site's form with one set of values.

API: https://docs.usedari.com/api-reference/endpoint/get-job-status (checked November 2026, read and never seen live)
Quirk: the job's id is a query parameter, its portal is the path, and both are needed to find it.
Quirk: an older dialect under `/task/` has other field names, no questions, and intermediate values in `result`.
Quirk: there is no word for a stopped job; what the status says after a stop is unknown.
Quirk: events have no id and come whole with every look; beyond `started` and `step_completed` their types are unknown.
Quirk: whether a question's text stands in the event's `message` or in its `data` is unknown, so both are read.
Quirk: the end of a job is not stated, so a finished job's last update stands for it.
Quirk: the body does not say which key is wrong: 401 is a bad key, 403 a good one of another organization.
Quirk: pausing, stopping and screenshots are documented under `/task/` only, starting and answering under `/jobs/`.
Quirk: resuming is only spoken of: its path and method are unknown, and are taken to be like those of pausing.
Quirk: what a command at the wrong time is answered is unknown but for the 409 of an answer; 400 is read like it.
Quirk: screenshots come as a tar.gz once the job has ended, without times or steps; the route of the log is unknown.
Quirk: webhooks come at a job's end, with its UUID alone; how their signature is written is unknown.
Quirk: nothing lists jobs and no key makes a start safe to repeat, so a job whose start got no answer cannot be found.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import ClassVar
from urllib.parse import SplitResult, parse_qs, quote

from pydantic import JsonValue

from ..archives import MOST_PACKED_BYTES, BrokenArchiveError, find_screenshots, read_screenshot
from ..errors import (
    InvalidArgumentError,
    JobNotFoundError,
    NotAvailableError,
    NotSupportedError,
    PermissionDeniedError,
    ProviderError,
)
from ..jobs import (
    Artifact,
    Cost,
    Event,
    EventKind,
    FailureKind,
    Job,
    JobStatus,
    Moment,
    Picture,
    Question,
    Started,
)
from ..screenshots import is_image, place_of
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
    signs,
    web_links,
)

STATUSES = Statuses(
    {
        "pending": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "paused": JobStatus.PAUSED,
        "waiting_for_input": JobStatus.WAITING_FOR_INPUT,
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
    }
)

DIALECTS = ("jobs", "task")
"""The present one, and the old one, which is asked where the present one says 404."""
CREATE_FIELDS = frozenset(
    {
        *("form_data", "document_bundle_id", "orchestrator_model", "vision_model", "max_turns", "timeout_minutes"),
        *("profile_id", "save_profile", "human_in_the_loop"),
    }
)
"""The known fields of a start. Parameters without any of them are the form's values."""

NAME = r"[A-Za-z0-9_][A-Za-z0-9_.~-]*"
NO_JOB = "00000000-0000-0000-0000-000000000000"
COMPACT = {"separators": (",", ":")}
DETAILS = 10
DETAIL_CHARACTERS = 200


class PortalEvent(Wire):
    """An entry of a job's `events`."""

    event_type: Optional[str] = None
    message: Optional[str] = None
    data: Optional[dict[str, JsonValue]] = None
    timestamp: Optional[Moment] = None

    def said(self, name: str) -> str:
        """The text under this name in the event's data, empty when there is none."""
        value = (self.data or {}).get(name)
        return value if isinstance(value, str) else ""

    @property
    def question_id(self) -> str:
        """The id of the question that it asks, empty when it asks none."""
        return "" if "answer" in (self.event_type or "") else self.said("question_id")


class PortalJob(Wire):
    """A job's status, in either dialect."""

    status: str
    portal_id: Optional[str] = None
    browser_url: Optional[str] = None
    current_step: Optional[str] = None
    events: Optional[list[Optional[PortalEvent]]] = None
    result: JsonValue = None
    final_result: JsonValue = None
    error: Optional[str] = None
    downloads_link: Optional[str] = None
    video_recording_url: Optional[str] = None
    has_logs: Optional[bool] = None
    log_url: Optional[str] = None
    has_screenshots: Optional[bool] = None
    session_cost_usd: Optional[Amount] = None
    total_cost_usd: Optional[Amount] = None
    created_at: Optional[Moment] = None
    updated_at: Optional[Moment] = None


class NewJob(Wire):
    """The answer to a start."""

    job_id: CanonicalUuid


class Told(Wire):
    """What a webhook tells: the job without its portal's name."""

    job_id: CanonicalUuid


class Dari(Provider):
    """Dari, which fills in forms."""

    name = "dari"
    title = "Dari"
    base_url = "https://agent.usedari.com"
    key_header = "X-API-Key"
    example_id = "my-org/contact_form/550e8400-e29b-41d4-a716-446655440000"
    id_form = "org/portal/uuid"
    id_pattern = re.compile(f"{NAME}/{NAME}/{UUID}")
    statuses = STATUSES
    stop_reads_as_failure = True
    capability_hosts = frozenset({"hyperbrowser.ai"})
    options: ClassVar[Mapping[str, str]] = {"organization": "DARI_ORG"}

    def canonical_id(self, text: str) -> str:
        """`org/portal/uuid`; the organization may be left out where the settings name it."""
        organization = self.settings.get("organization")
        if organization and text.count("/") == 1:
            text = f"{organization}/{text}"
        return super().canonical_id(text)

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of the API, which has the portal in its path and the job in its query."""
        portal = re.search(f"/(?:jobs|task)/({NAME}/{NAME})/[a-z]+/?$", link.path)
        uuid = parse_qs(link.query).get("job_id", [""])[0]
        job_id = f"{portal[1]}/{uuid}" if portal else ""
        return self.canonical_id(job_id) if self.id_pattern.fullmatch(job_id) else None

    def jobs_of(self, delivery: Delivery, secret: str) -> tuple[str, ...]:
        """The job's UUID. What is signed and how it is written is unknown, so the likely ways will all do."""
        sent = delivery.headers.get("x-webhook-timestamp")
        messages = [
            delivery.body,
            *([sent.encode() + b"." + delivery.body] if sent else []),
            *delivery.rewritten({}, COMPACT, {"sort_keys": True}, {"sort_keys": True} | COMPACT),
        ]
        if not signs(secret, delivery.headers.get("x-webhook-signature", ""), messages):
            return ()
        told = delivery.read(Told)
        return (told.job_id,) if told else ()

    async def fetch_job(self, job_id: str) -> Job:
        """Look in the present dialect, then in the old one."""
        job_id = self.canonical_id(job_id)
        return to_job(job_id, await self._status(*_parts(job_id)))

    async def answer_question(self, job_id: str, question_id: str, answer: str) -> None:
        """Answer the question of this id."""
        portal, uuid = _parts(self.canonical_id(job_id))
        body: JsonValue = {"question_id": question_id, "answer": answer}
        path, params = f"/jobs/{portal}/answer", {"job_id": uuid}
        await self.http.post(path, params=params, body=body)

    async def pause_job(self, job_id: str) -> None:
        """Hold a running job; its browser stays."""
        await self._command(self.canonical_id(job_id), "pause")

    async def resume_job(self, job_id: str) -> None:
        """Let a paused job go on."""
        await self._command(self.canonical_id(job_id), "resume")

    async def cancel_job(self, job_id: str) -> None:
        """End a job and its browser."""
        await self._command(self.canonical_id(job_id), "stop")

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Run the portal that the task names. The parameters are the form's values, or a whole create body."""
        portal = self._portal(task)
        reply = await self.http.post(f"/jobs/{portal}/start", body=to_body(parameters), accept=(404,))
        if reply.status == 404:
            raise self.http.not_accepted("task")
        return to_started(portal, self.http.read(reply.json, NewJob))

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One out of the archive of all."""
        job = await self.fetch_job(job_id)
        packed = await self._screenshots(job.id)
        try:
            places = await find_screenshots(packed) if packed else []
            if not places:
                raise NotAvailableError("screenshots", job.status.value)
            place = place_of(index, len(places))
            image = await read_screenshot(packed, places[place])
        except BrokenArchiveError as error:
            raise self.http.unexpected(error.where) from None
        if not is_image(image):
            raise self.http.unexpected("a screenshot that is no image")
        return Picture(data=image, index=place, count=len(places))

    async def check_key(self) -> None:
        """List the organization's portals or, while it is not known, ask for a job that nobody has."""
        organization = self.settings.get("organization")
        if organization:
            await self.http.get(f"/portals/{quote(organization, safe='')}", accept=(404,))
        else:
            # Either of these shows that the key is good.
            with suppress(JobNotFoundError, PermissionDeniedError):
                await self._status("none/none", NO_JOB)

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """That the key, which is good, is another organization's."""
        del answer
        return self.http.denied("the key belongs to another organization")

    async def _status(self, portal: str, uuid: str) -> PortalJob:
        for dialect in DIALECTS:
            with suppress(JobNotFoundError):
                return await self.http.get_model(f"/{dialect}/{portal}/status", PortalJob, params={"job_id": uuid})
        raise self.http.not_found()

    async def _command(self, job_id: str, verb: str) -> None:
        """Give a command once: only a 404, which says that nothing was done, lets the old dialect be tried."""
        portal, uuid = _parts(job_id)
        for dialect in DIALECTS:
            path = f"/{dialect}/{portal}/{verb}"
            reply = await self.http.post(path, params={"job_id": uuid}, accept=(400, 404))
            if reply.status != 404:
                break
        if reply.status == 404:
            raise await self._why_not(job_id, verb)
        if reply.status == 400:
            raise self.http.conflict()

    async def _why_not(self, job_id: str, verb: str) -> ProviderError:
        """What a command means that is 404 in both dialects: the job is unknown or over, or the command is."""
        over = (await self.fetch_job(job_id)).status.final
        return self.http.conflict() if over else NotSupportedError(self.name, self.http.account, ability=f"{verb} jobs")

    async def _screenshots(self, job_id: str) -> bytes:
        """The archive; nothing when there is none."""
        portal, uuid = _parts(job_id)
        for dialect in DIALECTS:
            path = f"/{dialect}/{portal}/screenshots"
            with suppress(JobNotFoundError):
                return await self.http.get_bytes(path, params={"job_id": uuid}, most=MOST_PACKED_BYTES)
        return b""

    def _portal(self, task: str) -> str:
        """The portal that a task names; the organization may be left out as in an id."""
        organization, portal = self.settings.get("organization"), task.strip()
        if organization and "/" not in portal:
            portal = f"{organization}/{portal}"
        if not re.fullmatch(f"{NAME}/{NAME}", portal):
            raise InvalidArgumentError("task", "must name a portal, such as my-org/contact_form")
        return portal


def to_job(job_id: str, job: PortalJob) -> Job:
    """The job in our words."""
    status = STATUSES[job.status]
    events = [event for event in job.events or [] if event]
    result = job.final_result
    if result is None and status.final:
        result = job.result
    question = to_question(events) if status is JobStatus.WAITING_FOR_INPUT else None
    cost = job.total_cost_usd if job.session_cost_usd is None else job.session_cost_usd
    links = web_links(
        ("live_view", job.browser_url),
        ("recording", job.video_recording_url),
        ("download", job.downloads_link),
        ("log", job.log_url),
    )
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "screenshots": bool(job.has_screenshots),
        "log": bool(job.log_url) if job.has_logs is None else job.has_logs,
        "question": question is not None,
    }
    return Job(
        id=job_id,
        status=status,
        provider_status=job.status,
        title=job.portal_id or "",
        created_at=job.created_at,
        started_at=next((event.timestamp for event in events if event.event_type == "started"), None),
        updated_at=job.updated_at,
        finished_at=job.updated_at if status.final else None,
        current_step=job.current_step or None,
        result=result,
        error=job.error or None,
        question=question,
        cost=None if cost is None else Cost(amount=cost, unit="USD"),
        failure=FailureKind.UNKNOWN if status is JobStatus.FAILED else None,
        has=artifacts(there, links),
        events=tuple(map(to_event, events)),
        links=links,
    )


def to_body(parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The body of a start."""
    return dict(parameters) if parameters.keys() & CREATE_FIELDS else {"form_data": dict(parameters)}


def to_started(portal: str, job: NewJob) -> Started:
    """The new job in our words."""
    return Started(id=f"{portal}/{job.job_id}")


def to_event(event: PortalEvent) -> Event:
    """The event in our words. Its time and type only say where it stands, since it has no id."""
    match event.event_type:
        case "step_completed":
            kind = EventKind.STEP
        case "log":
            kind = EventKind.LOG
        case "question":
            kind = EventKind.QUESTION
        case _ if event.question_id:
            kind = EventKind.QUESTION
        case _:
            kind = EventKind.MESSAGE if event.message else EventKind.OTHER
    text = _question_text(event) if kind is EventKind.QUESTION else event.message
    details = {name: value for name, value in (event.data or {}).items() if _is_small(value) and value != text}
    at = event.timestamp
    return Event(
        key=f"{at.isoformat() if at else ''} {event.event_type or ''}",
        kind=kind,
        at=at,
        reported=dict(islice(details.items(), DETAILS)) | in_words(text=text),
        exact=False,
    )


def to_question(events: list[PortalEvent]) -> Question | None:
    """What a waiting job asks: the last question that has an id to answer to."""
    asked = next((event for event in reversed(events) if event.question_id), None)
    if asked is None:
        return None
    options = (asked.data or {}).get("options")
    return Question(
        id=asked.question_id,
        text=_question_text(asked),
        options=tuple(option for option in options if isinstance(option, str)) if isinstance(options, list) else (),
    )


def _parts(job_id: str) -> tuple[str, str]:
    """The portal and the UUID."""
    portal, _, uuid = job_id.rpartition("/")
    return portal, uuid


def _question_text(event: PortalEvent) -> str:
    return event.said("question") or event.message or ""


def _is_small(value: JsonValue) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and 0 < len(value) <= DETAIL_CHARACTERS)


PROVIDER = Dari
