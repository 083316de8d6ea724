"""A pretend TinyFish Web Agent: runs that tell their steps, and screenshots inside them for whoever asks for those.

The runs that block or stream while they are made, those in batches, and webhooks are left out; nothing waits for a
person. Not known, and so of our own making: the texts of most refusals, that a start without credits is answered 200,
the codes of failures, what stands in a result that is no object, and the status of a step.
Screenshots are PNGs here, and JPEGs there.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .pictures import picture
from .requests import moment_in, object_in
from .script import Json, Phase, PretendJob, State
from .vendor import RefusedError, Vendor

STATUS: dict[Phase, str] = {
    "queued": "PENDING",
    "running": "RUNNING",
    "paused": "RUNNING",
    "waiting": "RUNNING",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
CODES = {400: "INVALID_INPUT", 401: "INVALID_API_KEY", 404: "NOT_FOUND", 405: "NOT_FOUND", 429: "RATE_LIMIT_EXCEEDED"}
PROFILES = ("lite", "stealth")
LINK_LASTS = timedelta(minutes=15)
MOST_GOAL = 500
"""Characters of a goal that is searched for."""


class TinyFish(Vendor):
    """Runs. A job's notes hold the fields it was made with."""

    name = "tinyfish"
    prefix = "TINYFISH"
    base = "/tinyfish"
    example_task = "https://shop.example/ Compare the prices of seven kettles"

    def routes(self) -> Sequence[Route]:
        return [
            self.route("POST", "/v1/automation/run-async", self.run_async),
            self.route("GET", "/v1/runs", self.list_runs),
            self.route("GET", "/v1/runs/{id}", self.run),
            self.route("POST", "/v1/runs/{id}/cancel", self.cancel),
        ]

    def check_key(self, request: Request) -> None:
        key = request.headers.get("x-api-key")
        if key is None:
            raise RefusedError(401, _envelope("MISSING_API_KEY", "X-API-Key header is required"))
        if not self.world.accepts(key):
            raise _refused(401, "The provided API key is invalid")

    def limited(self, _retry_after: str | None) -> Json:
        return _envelope(CODES[429], "Too many requests")

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse(_envelope(CODES[404], "Not found"), 404)

    async def not_allowed(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse(_envelope(CODES[405], "Method not allowed"), 405)

    async def run_async(self, request: Request) -> Response:
        body = await _body_of(request)
        _check(body)
        if self.world.out_of_credits:
            error = _failure("INSUFFICIENT_CREDITS", "Not enough credits to start a run", "BILLING_FAILURE")
            return JSONResponse({"run_id": None, "error": error})
        job = self.world.start(self.name, str(body["goal"]))
        job.notes |= body
        return JSONResponse({"run_id": job.id, "error": None})

    async def list_runs(self, request: Request) -> Response:
        limit, status = _limit_in(request), _word_in(request, "status", tuple(STATUS.values()))
        after, before = _moment_in(request, "created_after"), _moment_in(request, "created_before")
        goal, cursor = request.query_params.get("goal", ""), request.query_params.get("cursor")
        if len(goal) > MOST_GOAL:
            raise _invalid("goal", f"String must contain at most {MOST_GOAL} character(s)")
        jobs = self.world.jobs(self.name)
        if _word_in(request, "sort_direction", ("asc", "desc")) == "asc":
            jobs.reverse()
        start = 0 if cursor is None else _place_after(jobs, cursor)
        found = [
            (place, job)
            for place, job in enumerate(jobs)
            if status in {None, STATUS[job.state().phase]}
            and goal.lower() in _goal(job).lower()
            and (after is None or job.created_at > after)
            and (before is None or job.created_at < before)
        ]
        rest = [job for place, job in found if place >= start]
        more = len(rest) > limit
        page = {"total": len(found), "next_cursor": _cursor(rest[limit - 1]) if more else None, "has_more": more}
        return JSONResponse({"data": [_summary(job) for job in rest[:limit]], "pagination": page})

    async def run(self, request: Request) -> Response:
        pictured = _word_in(request, "screenshots", ("base64", "none")) == "base64"
        job = self._run(request)
        state = job.state()
        video = None if state.finished_at is None or state.started_at is None else _video_url(job)
        return JSONResponse({**_summary(job), "video_url": video, "steps": _steps(job, state, pictured=pictured)})

    async def cancel(self, request: Request) -> Response:
        job = self._run(request)
        message = None if job.cancel() else "Run already finished"
        status = STATUS[job.state().phase]
        if message and status == "CANCELLED":
            message = "Run already cancelled"
        at = _time(job.cancelled_at) if status == "CANCELLED" else None
        return JSONResponse({"run_id": job.id, "status": status, "cancelled_at": at, "message": message})

    def _run(self, request: Request) -> PretendJob:
        return self.job(request.path_params["id"], unknown=_refused(404, "Run not found"))


def _envelope(code: str, message: str, details: Json = None) -> dict[str, Json]:
    told: dict[str, Json] = {"code": code, "message": message}
    return {"error": told if details is None else {**told, "details": details}}


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, _envelope(CODES[status], message))


def _invalid(field: str, say: str) -> RefusedError:
    """The refusal of a field that does not validate."""
    return RefusedError(400, _envelope(CODES[400], "Validation failed", {field: say}))


async def _body_of(request: Request) -> dict[str, Json]:
    no_json = _refused(400, "Invalid JSON in request body")
    return await object_in(request, no_json, _refused(400, "Request body must be an object"))


def _check(body: Mapping[str, Json]) -> None:
    for field in ("url", "goal"):
        if not body.get(field) or not isinstance(body[field], str):
            raise _refused(400, f'Field "{field}" is required and must be a string')
    if not str(body["url"]).startswith(("https://", "http://")):
        raise _invalid("url", "Invalid URL format")
    if body.get("browser_profile", "lite") not in PROFILES:
        raise _invalid("browser_profile", "Invalid option")
    if body.get("profile_id") and not body.get("use_profile"):
        raise _invalid("profile_id", "Requires use_profile to be true")


def _word_in(request: Request, field: str, words: Sequence[str]) -> str | None:
    """The one of the words that a parameter of the query gives, if it is there."""
    word = request.query_params.get(field)
    if word is not None and word not in words:
        raise _invalid(field, "Invalid option")
    return word


def _limit_in(request: Request) -> int:
    text = request.query_params.get("limit", "20")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise _invalid("limit", "Expected a number from 1 to 100")
    return int(text)


def _moment_in(request: Request, field: str) -> datetime | None:
    wrong = _invalid(field, "Invalid ISO datetime")
    return moment_in(request, field, wrong, wrong)


def _cursor(job: PretendJob) -> str:
    return b64encode(json.dumps({"id": job.id, "createdAt": _time(job.created_at)}).encode()).decode()


def _place_after(jobs: Sequence[PretendJob], cursor: str) -> int:
    """Where the page begins that follows the job a cursor names."""
    for place, job in enumerate(jobs, start=1):
        if _cursor(job) == cursor:
            return place
    raise _invalid("cursor", "Invalid cursor")


def _summary(job: PretendJob) -> dict[str, Json]:
    state, schema = job.state(), job.notes.get("output_schema")
    ended = state.finished_at is not None
    steps = sum(each.what == "step" for each in state.happenings)
    validation: Json = {"valid": True, "re_prompt_attempts": 0, "errors": []}
    return {
        "run_id": job.id,
        "status": STATUS[state.phase],
        "goal": _goal(job),
        "created_at": _time(state.created_at),
        "started_at": _time(state.started_at),
        "finished_at": _time(state.finished_at),
        "num_of_steps": steps if ended else None,
        "result": _result(state),
        "output_schema": schema,
        "schema_validation": validation if schema and state.phase == "completed" else None,
        "error": _run_error(state),
        "streaming_url": None if ended or state.started_at is None else _streaming_url(job),
        "browser_config": _browser_config(job),
        "profile_attached": bool(job.notes.get("use_profile")),
        "profile_id": job.notes.get("profile_id"),
        "profile_hint": None,
    }


def _goal(job: PretendJob) -> str:
    return str(job.notes.get("goal", job.script.title))


def _result(state: State) -> Json:
    """The result as an object, which it always is."""
    if state.phase != "completed" or isinstance(state.result, dict):
        return state.result
    if state.goal_met is False:
        return {"status": "failure", "reason": state.result}
    return {"result": state.result}


def _run_error(state: State) -> Json:
    match state.failure:
        case "failed":
            return _failure("TASK_FAILED", state.error or "", "AGENT_FAILURE")
        case "timed_out":
            return _failure("TIMEOUT", state.error or "", "SYSTEM_FAILURE", retry_after=60)
    return None


def _failure(code: str, message: str, category: str, *, retry_after: int | None = None) -> dict[str, Json]:
    return {
        "code": code,
        "message": message,
        "category": category,
        "retry_after": retry_after,
        "help_url": "https://docs.tinyfish.ai/error-codes",
        "help_message": "The documentation explains this code.",
    }


def _browser_config(job: PretendJob) -> Json:
    proxy = job.notes.get("proxy_config")
    if not isinstance(proxy, dict):
        return {"proxy_enabled": False, "proxy_country_code": None}
    return {"proxy_enabled": bool(proxy.get("enabled")), "proxy_country_code": proxy.get("country_code")}


def _steps(job: PretendJob, state: State, *, pictured: bool) -> list[Json]:
    before = dict(zip(state.happenings[1:], state.happenings, strict=False))
    steps = [each for each in state.happenings if each.what == "step"]
    return [
        {
            "id": f"evt_{job.named(f'step {each.number}')[:8]}",
            "timestamp": _time(each.at),
            "status": "COMPLETED",
            "action": each.text,
            "screenshot": _data_url(number) if pictured else None,
            "duration": f"{(each.at - before[each].at).total_seconds():.1f}s",
        }
        for number, each in enumerate(steps, start=1)
    ]


def _data_url(number: int) -> str:
    return f"data:image/png;base64,{b64encode(picture(number)).decode()}"


def _streaming_url(job: PretendJob) -> str:
    return f"https://stream.agent.tinyfish.ai/session/{job.named('stream')}"


def _video_url(job: PretendJob) -> str:
    """A link to the recording that lasts for some minutes, signed as links into Amazon's storage are."""
    signed = f"X-Amz-Date={job.clock():%Y%m%dT%H%M%SZ}&X-Amz-Expires={int(LINK_LASTS.total_seconds())}"
    signature = job.named(f"video {signed}")
    return f"https://storage.example/traces/{job.id}/video/recording.webm?{signed}&X-Amz-Signature={signature}"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


SIMULATOR = TinyFish
