"""A pretend Kernel: invocations of the actions of an app, which print log lines, and a stream of what happens.

What a step of a script does is a line of the log; nothing waits for a person, so that a question is just a silence.
The app's action `analyze` plays the usual story, and an action that is named as a story plays that one.
Not known, and so of our own making: the words of refusals but `bad_request`, the answer 402, the order of a list, how
often a silent stream gives a sign of life, that it tells the status at its opening and the lines *at* `since` too,
that a failure is an `error` event besides, that a change of what is over is answered without being made, what comes
of a call that waits longer than its 100 seconds, and that an action records its browser. Time limits are not kept.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from .kernel_objects import (
    ACTION,
    APP,
    IDLE,
    browser_object,
    event_of,
    invocation_object,
    new_invocation,
    replay_object,
    session_id,
    short_id,
    status_of,
    time_of,
)
from .requests import object_in
from .script import Json, PretendJob
from .stories import STORIES
from .vendor import RefusedError, Vendor

STATUSES = ("queued", "running", "succeeded", "failed")
FILTERS = ("status", "app_name", "action_name", "version")
CODES = {400: "bad_request", 401: "unauthorized", 402: "payment_required", 404: "not_found"}
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
TICK = 0.25
"""Seconds between two looks at a job that is followed."""
QUIET = 15
"""Seconds of silence before a sign of life."""
PATIENCE = timedelta(seconds=100)
"""How long a call waits that is not asynchronous."""


class Kernel(Vendor):
    """Invocations. A job's notes hold the fields it was made with, and then those it was changed to."""

    name = "kernel"
    prefix = "KERNEL"
    base = "/kernel"
    example_task = f"{APP}/{ACTION}"

    @classmethod
    def new_id(cls) -> str:
        return short_id(uuid4())

    def routes(self) -> Sequence[Route]:
        invocation, browser = "/invocations/{id}", "/browsers/{session}"
        return [
            self.route("POST", "/invocations", self.create),
            self.route("GET", "/invocations", self.list_invocations),
            self.route("GET", invocation, self.invocation),
            self.route("PATCH", invocation, self.update),
            self.route("GET", f"{invocation}/events", self.follow),
            self.route("GET", f"{invocation}/browsers", self.browsers),
            self.route("DELETE", f"{invocation}/browsers", self.delete_browsers),
            self.route("GET", f"{browser}/replays", self.replays),
            self.route("GET", f"{browser}/replays/{{replay}}", self.replay),
        ]

    def check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.world.accepts(key):
            raise _refused(401, "Missing or invalid authorization token")

    def limited(self, _retry_after: str | None) -> Json:
        return {"code": "too_many_requests", "message": "Rate limit exceeded"}

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse({"code": CODES[404], "message": "Not found"}, 404)

    async def not_allowed(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse({"code": "method_not_allowed", "message": "Method not allowed"}, 405)

    async def create(self, request: Request) -> Response:
        body = await _body_of(request)
        app, action, _ = (_text_in(body, field) for field in ("app_name", "action_name", "version"))
        if not isinstance(body.get("payload", ""), str):
            raise _refused(400, "Invalid field: payload")
        seconds = body.get("async_timeout_seconds", 900)
        if not isinstance(seconds, int) or not 10 <= seconds <= 3600:
            raise _refused(400, "Invalid field: async_timeout_seconds")
        if app != APP or action not in {ACTION, *STORIES}:
            raise _refused(404, "App or action not found")
        if self.world.out_of_credits:
            raise _refused(402, "Insufficient credits")
        job = self.world.start(self.name, action)
        job.notes |= body
        if body.get("async"):
            return JSONResponse(new_invocation(job), 202)
        while job.state().finished_at is None and self.world.clock() - job.created_at < PATIENCE:  # noqa: ASYNC110 # no event
            await anyio.sleep(TICK)
        return JSONResponse(new_invocation(job))

    async def list_invocations(self, request: Request) -> Response:
        asked = request.query_params
        limit, offset = _number_in(request, "limit", 20, low=1, high=100), _number_in(request, "offset", 0)
        since = self._since(request)
        if asked.get("status", "queued") not in STATUSES:
            raise _refused(400, "Invalid parameter: status")
        rows = [
            row
            for job in self.world.jobs(self.name)
            if (row := invocation_object(job))
            and all(asked.get(field, row[field]) == row[field] for field in FILTERS)
            and "deployment_id" not in asked
            and any(asked.get("query", "") in str(row[field]) for field in ("id", "app_name", "action_name"))
            and job.created_at >= since
        ]
        more = len(rows) > offset + limit
        headers = {"X-Limit": str(limit), "X-Offset": str(offset), "X-Has-More": "true" if more else "false"}
        headers["X-Next-Offset"] = str(offset + limit if more else 0)
        return JSONResponse(rows[offset : offset + limit], headers=headers)

    async def invocation(self, request: Request) -> Response:
        return JSONResponse(invocation_object(self._job(request)))

    async def update(self, request: Request) -> Response:
        job, body = self._job(request), await _body_of(request)
        if body.get("status") not in {"succeeded", "failed"} or not isinstance(body.get("output", ""), str):
            raise _refused(400, "Invalid field: status")
        if job.cancel():
            job.notes |= body
        return JSONResponse(invocation_object(job))

    async def follow(self, request: Request) -> Response:
        job, since = self._job(request), self._since(request)
        return _Stream(
            self._events(job, f"/invocations/{job.id}/events", since),
            media_type="text/event-stream",
            headers={"X-SSE-Content-Type": "application/json", "Cache-Control": "no-cache"},
        )

    async def _events(self, job: PretendJob, path: str, since: datetime) -> AsyncIterator[str]:
        """What happened, and then what happens, until the job is over or a trouble breaks the connection."""
        told, status, heard_at = 0, "", self.world.clock()
        while True:
            if self.world.trouble_of(self.name, path) is not None:
                raise ConnectionResetError
            now, state = self.world.clock(), job.state()
            events = [event for each in state.happenings[told:] if each.at >= since and (event := event_of(each))]
            told = len(state.happenings)
            if status_of(job, state) != status:
                status = status_of(job, state)
                events.append(
                    {"event": "invocation_state", "invocation": invocation_object(job), "timestamp": time_of(now)}
                )
            elif not events and now - heard_at >= timedelta(seconds=QUIET):
                events.append({"event": "sse_heartbeat", "timestamp": time_of(now)})
            if events:
                heard_at = now
            for event in events:
                yield f"data: {json.dumps(event)}\n\n"
            if state.finished_at is not None:
                return
            await anyio.sleep(TICK)

    async def browsers(self, request: Request) -> Response:
        job = self._job(request)
        return JSONResponse({"browsers": [browser_object(job)] if self._has_browser(job) else []})

    async def delete_browsers(self, request: Request) -> Response:
        self._job(request).notes["browsers"] = []
        return Response(status_code=204)

    async def replays(self, request: Request) -> Response:
        return JSONResponse([replay_object(self._browsing(request))])

    async def replay(self, request: Request) -> Response:
        job = self._browsing(request)
        if request.path_params["replay"] != job.named("replay"):
            raise _refused(404, "Replay not found")
        if job.state().finished_at is None:
            return Response(status_code=202, headers={"Retry-After": "5"})
        return Response(b"\0\0\0\x18ftypmp42", media_type="video/mp4")

    def _job(self, request: Request) -> PretendJob:
        return self.job(request.path_params["id"], unknown=_refused(404, "Invocation not found"))

    def _browsing(self, request: Request) -> PretendJob:
        """The job whose browser this is, as long as it has had one."""
        for job in self.world.jobs(self.name):
            if session_id(job) == request.path_params["session"] and job.state().started_at is not None:
                return job
        raise _refused(404, "Browser session not found")

    def _has_browser(self, job: PretendJob) -> bool:
        state = job.state()
        if state.started_at is None or state.phase == "cancelled" or "browsers" in job.notes:
            return False
        return state.finished_at is None or self.world.clock() - state.finished_at < IDLE

    def _since(self, request: Request) -> datetime:
        """The moment that `since` names, or the beginning of time."""
        text = request.query_params.get("since")
        if text is None:
            return datetime.min.replace(tzinfo=UTC)
        if re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h))+", text, re.ASCII):
            parts = re.findall(r"([\d.]+)(ms|s|m|h)", text)
            return self.world.clock() - timedelta(seconds=sum(float(number) * UNITS[unit] for number, unit in parts))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _refused(400, "Invalid parameter: since") from None
        if moment.tzinfo is None:
            raise _refused(400, "Invalid parameter: since")
        return moment


class _Stream(StreamingResponse):
    """Closes its source when whoever follows it leaves."""

    body_iterator: Any

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"code": CODES[status], "message": message})


async def _body_of(request: Request) -> dict[str, Json]:
    return await object_in(request, _refused(400, "Invalid JSON body"), _refused(400, "Invalid JSON body"))


def _text_in(body: dict[str, Json], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise _refused(400, f"Missing required field: {field}")
    return value


def _number_in(request: Request, field: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    text = request.query_params.get(field, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise _refused(400, f"Invalid parameter: {field}")
    return int(text)


SIMULATOR = Kernel
