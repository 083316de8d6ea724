"""Dari's portal and job API: a job is one run of a portal, which fills in a site's form with one set of values.

API: https://docs.usedari.com/api-reference/endpoint/get-job-status (checked November 2026, read and never seen live)
Quirk: the job's id is a query parameter, its portal is the path, and both are needed to find it.
Quirk: an older dialect under `/task/` has other field names, no questions, and intermediate values in `result`.
Quirk: there is no word for a stopped job; what the status says after a stop is unknown.
Quirk: events have no id and come whole with every look; beyond `started` and `step_completed` their types are unknown.
Quirk: whether a question's text stands in the event's `message` or in its `data` is unknown, so both are read.
Quirk: the end of a job is not stated, so a finished job's last update stands for it.
Quirk: the body does not say which key is wrong: 401 is a bad key, 403 a good one of another organization.
"""

import re
from collections.abc import Mapping
from itertools import islice
from typing import ClassVar
from urllib.parse import SplitResult, parse_qs, quote

from pydantic import FiniteFloat, JsonValue

from ..jobs import (
    TITLE_CHARACTERS,
    Artifact,
    Cost,
    Event,
    EventKind,
    FailureKind,
    Job,
    JobStatus,
    Moment,
    Question,
)
from .base import UUID, Optional, Provider, Reply, Wire, web_links

STATUSES = {
    "pending": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "paused": JobStatus.PAUSED,
    "waiting_for_input": JobStatus.WAITING_FOR_INPUT,
    "completed": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
}

NAME = r"[A-Za-z0-9_][A-Za-z0-9_.~-]*"
OTHER_ORGANIZATION = "the key belongs to another organization"
NO_JOB = "00000000-0000-0000-0000-000000000000"
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
    session_cost_usd: Optional[FiniteFloat] = None
    total_cost_usd: Optional[FiniteFloat] = None
    created_at: Optional[Moment] = None
    updated_at: Optional[Moment] = None


class Dari(Provider):
    """Dari, which fills in forms."""

    name = "dari"
    title = "Dari"
    prefix = "DARI"
    base_url = "https://agent.usedari.com"
    key_header = "X-API-Key"
    example_id = "my-org/contact_form/550e8400-e29b-41d4-a716-446655440000"
    id_form = "org/portal/uuid"
    id_pattern = re.compile(f"{NAME}/{NAME}/{UUID}")
    statuses = STATUSES
    capability_hosts = frozenset({"hyperbrowser.ai"})
    options: ClassVar[Mapping[str, str]] = {"organization": "DARI_ORG"}

    def canonical_id(self, text: str) -> str:
        """`org/portal/uuid`; the organization may be left out where the settings name it."""
        organization = self.settings.get("organization")
        if organization and text.count("/") == 1:
            text = f"{organization}/{text}"
        portal, _, uuid = super().canonical_id(text).rpartition("/")
        return f"{portal}/{uuid.lower()}"

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of the API, which has the portal in its path and the job in its query."""
        portal = re.search(f"/(?:jobs|task)/({NAME}/{NAME})/[a-z]+/?$", link.path)
        uuid = parse_qs(link.query).get("job_id", [""])[0]
        job_id = f"{portal[1]}/{uuid}" if portal else ""
        return self.canonical_id(job_id) if self.id_pattern.fullmatch(job_id) else None

    async def fetch_job(self, job_id: str) -> Job:
        """Look in the present dialect, then in the old one."""
        job_id = self.canonical_id(job_id)
        portal, _, uuid = job_id.rpartition("/")
        reply = await self._status(portal, uuid)
        if reply.status == 403:
            raise self.http.denied(OTHER_ORGANIZATION)
        if reply.status == 404:
            raise self.http.not_found()
        return to_job(job_id, self.http.read(reply.json, PortalJob))

    async def check_key(self) -> None:
        """List the organization's portals or, while it is not known, ask for a job that nobody has."""
        organization = self.settings.get("organization")
        if not organization:
            await self._status("none/none", NO_JOB)
        elif (await self.http.get(f"/portals/{quote(organization, safe='')}", accept=(403, 404))).status == 403:
            raise self.http.denied(OTHER_ORGANIZATION)

    async def _status(self, portal: str, uuid: str) -> Reply:
        """The status of a job, or the 403 or 404 that came instead: either shows that the key is good."""
        for dialect in ("jobs", "task"):
            path = f"/{dialect}/{portal}/status"
            reply = await self.http.get(path, params={"job_id": uuid}, accept=(403, 404))
            if reply.status != 404:
                break
        return reply


def to_job(job_id: str, job: PortalJob) -> Job:
    """The job in our words."""
    status = STATUSES.get(job.status, JobStatus.UNKNOWN)
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
    kinds = {link.kind for link in links}
    there: dict[Artifact, bool] = {
        "result": result is not None,
        "screenshots": bool(job.has_screenshots),
        "live_view": "live_view" in kinds,
        "recording": "recording" in kinds,
        "downloads": "download" in kinds,
        "log": bool(job.log_url) if job.has_logs is None else job.has_logs,
        "question": question is not None,
    }
    return Job(
        id=job_id,
        status=status,
        provider_status=job.status,
        title=(job.portal_id or "")[:TITLE_CHARACTERS],
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
        has=frozenset(name for name, exists in there.items() if exists),
        events=tuple(map(to_event, events)),
        links=links,
    )


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
    reported: dict[str, JsonValue] = {"text": text} if text else {}
    at = event.timestamp
    return Event(
        key=f"{at.isoformat() if at else ''} {event.event_type or ''}",
        kind=kind,
        at=at,
        reported=dict(islice(details.items(), DETAILS)) | reported,
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


def _question_text(event: PortalEvent) -> str:
    return event.said("question") or event.message or ""


def _is_small(value: JsonValue) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and 0 < len(value) <= DETAIL_CHARACTERS)


PROVIDER = Dari
