"""A pretend Dari: portals whose jobs ask questions, pause, resume and stop.

Not documented, and so of our own making: every refusal but 401 and the 409 of an answer; the event types other than
`started`, `step_completed` and `question`; resuming; that a stopped job has failed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar
from uuid import NAMESPACE_OID, uuid4, uuid5

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .archives import hostile_archive
from .fastapi import body_of, invalid, text_in, uuid_in
from .pictures import archive
from .script import Happening, Json, Phase, PretendJob, What
from .stories import STORIES
from .vendor import Vendor, refused

ORG, PORTAL = "demo-org", "contact_form"

STATUS: dict[Phase, str] = {"queued": "pending", "waiting": "waiting_for_input", "cancelled": "failed"}
"""The words that differ from the script's own."""

EVENTS: dict[What, tuple[str, str]] = {
    "started": ("started", "Job started"),
    "step": ("step_completed", ""),
    "question": ("question", ""),
    "answered": ("answered", "Question answered"),
    "paused": ("paused", "Job paused"),
    "resumed": ("resumed", "Job resumed"),
    "finished": ("completed", "Job completed"),
    "failed": ("error", ""),
    "cancelled": ("stopped", "Job stopped"),
}
"""The type of each event, and its message where the script has no words of its own."""

SEEN = {"jobs": ("start", "status", "answer"), "task": ("pause", "resume", "stop", "screenshots")}
"""Under which prefix the documentation shows each route."""


class Dari(Vendor):
    """Jobs under `/jobs/`, or under `/task/` with older field names, as the world's dialect says."""

    name = "dari"
    prefix = "DARI"
    base = "/dari"
    refuses_without_credits = False
    example_task = "contact_form"
    id_prefix = f"{ORG}/{PORTAL}/"
    variables: ClassVar = {"DARI_ORG": ORG}

    def routes(self) -> Sequence[Route]:
        job = "/{generation}/{org_id}/{portal}"
        return [
            self.route("GET", "/portals/{org_id}", self.portals),
            self.route("POST", f"{job}/start", self.start),
            self.route("GET", f"{job}/status", self.status),
            self.route("POST", f"{job}/answer", self.answer),
            self.route("POST", f"{job}/pause", partial(self._command, PretendJob.pause, "paused")),
            self.route("POST", f"{job}/resume", partial(self._command, PretendJob.resume, "resumed")),
            self.route("POST", f"{job}/stop", partial(self._command, PretendJob.cancel, "stopped")),
            self.route("GET", f"{job}/screenshots", self.screenshots),
        ]

    def check_key(self, request: Request) -> None:
        generation, org = request.path_params.get("generation"), request.path_params["org_id"]
        if generation is not None and not self._serves(generation, request.url.path.rpartition("/")[2]):
            raise HTTPException(404)
        if not self.world.accepts(request.headers.get("x-api-key")):
            raise refused(401, "Missing or invalid API key")
        if org != ORG and not self._portals(org):
            raise refused(403, "API key does not belong to this organization")

    async def portals(self, request: Request) -> Response:
        org = request.path_params["org_id"]
        return JSONResponse([self._portal(org, name) for name in self._portals(org)])

    async def start(self, request: Request) -> Response:
        org, portal, body = request.path_params["org_id"], request.path_params["portal"], await body_of(request)
        if portal not in self._portals(org):
            raise refused(404, "Portal not found")
        if not isinstance(body.get("form_data", {}), dict):
            raise invalid("body", "form_data", say="Input should be a valid dictionary", kind="dict_type")
        if {"form_data", "document_bundle_id"} <= body.keys():
            raise invalid("body", "form_data", say="Give form_data or document_bundle_id", kind="value_error")
        uuid = str(uuid4())
        self.world.start(self.name, portal, f"{org}/{portal}/{uuid}").notes |= body
        return JSONResponse({"job_id": uuid})

    async def status(self, request: Request) -> Response:
        job = self._job(request)
        portal, _, uuid = job.id.rpartition("/")
        state = job.state()
        cost = round(state.minutes * job.script.cost_per_minute, 2)
        older: dict[str, Json] = {
            "result": None,
            "final_result": state.result,
            "log_url": f"logs/{uuid[:8]}.log",
            "total_cost_usd": cost,
        }
        newer: dict[str, Json] = {
            "result": state.result,
            "has_logs": True,
            "has_screenshots": any(each.what == "step" for each in state.happenings),
            "session_cost_usd": cost,
        }
        is_older = self.world.dialect == "task"
        return JSONResponse(
            {
                "job_id": uuid,
                "portal_id": portal,
                "status": "running" if is_older and state.phase == "waiting" else _status(state.phase),
                "browser_url": f"https://hyperbrowser.ai/view/{uuid[:8]}" if state.started_at else None,
                "current_step": state.doing or None,
                "events": [_event(each) for each in state.happenings],
                "error": "Job stopped by user" if state.phase == "cancelled" else state.error,
                "downloads_link": None,
                "video_recording_url": f"https://storage.example/{uuid}.webm" if state.finished_at else None,
                "created_at": _time(state.created_at),
                "updated_at": _time(state.updated_at),
                **(older if is_older else newer),
            }
        )

    async def answer(self, request: Request) -> Response:
        job, body = self._job(request), await body_of(request)
        if not job.answer(text_in(body, "question_id"), text_in(body, "answer")):
            raise refused(409, "Job is not waiting for an answer to this question")
        return JSONResponse({"success": True, "message": "Answer submitted", "job_id": request.query_params["job_id"]})

    async def screenshots(self, request: Request) -> Response:
        state = self._job(request).state()
        steps = sum(each.what == "step" for each in state.happenings)
        if state.finished_at is None or not steps:
            raise refused(404, "No screenshots available")
        how = self.world.archive
        return Response(archive(steps) if how is None else hostile_archive(how), media_type="application/gzip")

    def _serves(self, generation: str, verb: str) -> bool:
        match self.world.dialect:
            case "mixed":
                return verb in SEEN.get(generation, ())
            case "task":
                return generation == "task" and verb != "answer"
            case "jobs":
                return generation == "jobs"

    def _portals(self, org: str) -> list[str]:
        own = [PORTAL, *STORIES] if org == ORG else []
        ids = (job.id.split("/") for job in self.world.jobs(self.name))
        return list(dict.fromkeys([*own, *(portal for owner, portal, _ in ids if owner == org)]))

    def _portal(self, org: str, name: str) -> dict[str, Json]:
        return {
            "id": str(uuid5(NAMESPACE_OID, f"{org}/{name}")),
            "org_id": org,
            "endpoint_name": name,
            "start_url": "https://shop.example/",
            "task": STORIES.get(name, self.world.story).title,
            "form_schema": {"type": "object", "properties": {}},
            "output_schema": None,
            "profile_id": None,
            "humanized_urls": None,
            "skills": [],
            "created_at": "2026-01-15T10:30:00Z",
            "updated_at": "2026-01-15T10:30:00Z",
        }

    def _job(self, request: Request) -> PretendJob:
        portal = "{org_id}/{portal}/".format(**request.path_params)
        return self.job(portal + uuid_in(request, "job_id"), unknown="Job not found")

    async def _command(self, command: Callable[[PretendJob], bool], done: str, request: Request) -> Response:
        job = self._job(request)
        before = _status(job.state().phase)
        if not command(job):
            raise refused(409, f"Job is {before} and cannot be {done}")
        answer = {"success": True, "message": f"Job {done} successfully", "job_id": request.query_params["job_id"]}
        return JSONResponse({**answer, "previous_status": before})


def _event(happening: Happening) -> dict[str, Json]:
    event_type, message = EVENTS[happening.what]
    details: dict[str, Json] = {}
    if happening.what == "step":
        details["step"] = happening.text.rpartition(" ")[2]
    if happening.question_id:
        details["question_id"] = happening.question_id
    if happening.options:
        details["options"] = list(happening.options)
    return {
        "event_type": event_type,
        "message": message or happening.text,
        "data": details,
        "timestamp": _time(happening.at),
    }


def _status(phase: Phase) -> str:
    return STATUS.get(phase, phase)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


SIMULATOR = Dari
