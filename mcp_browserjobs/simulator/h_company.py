"""A pretend H Company: sessions of agents, whose changes can be waited for and whose questions are answers.

A question is an answer after which the session is idle; a message goes on. Not answered in time, the session ends.
The routes that share, rate and change agents are left out, and so are tool calls, subagents and webhooks.
Not known, and so of our own making: what a pause or a going on is answered where there is nothing to hold, that a
message to a session that is over is refused (the real one may take it up again), how long links to screenshots last,
and the bodies of 401, 402 and 409.
"""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from http import HTTPStatus

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .fastapi import body_of, invalid, number_in, uuid_in
from .h_company_events import BUCKET, events, interject, screenshot
from .h_company_objects import AGENTS, answer_soon, changes, is_over, session, settle, status, status_word, summary
from .pictures import picture
from .script import Json, PretendJob
from .vendor import Answer, RefusedError, Vendor, address, refused

STATUSES = (
    *("queued", "pending", "running", "paused", "idle", "awaiting_tool_results"),
    *("completed", "failed", "timed_out", "interrupted"),
)
UNKNOWN = "Session not found"
LONGEST_WAIT = 60
PATIENCE = 0.25
"""Seconds between looks while a change is waited for."""
LINK_LASTS = timedelta(hours=1)
SLOTS = 3
"""How many sessions may run at once; nothing keeps to it."""


class HCompany(Vendor):
    """Sessions. A job's notes hold the request that made it and the messages that answered nothing."""

    name = "h_company"
    prefix = "HAI"
    base = "/h_company"
    api_path = "/api"

    def routes(self) -> Sequence[Route]:
        one = "/v2/sessions/{id}"
        routes: list[tuple[str, str, Answer]] = [
            ("POST", "/v2/sessions", self.create),
            ("GET", "/v2/sessions", self.list_sessions),
            ("GET", "/v2/sessions/quota", self.quota),
            ("GET", one, self.session),
            ("DELETE", one, partial(self._command, PretendJob.cancel, 204)),
            ("GET", f"{one}/status", self.status),
            ("GET", f"{one}/changes", self.changes),
            ("GET", f"{one}/events", self.events),
            ("POST", f"{one}/messages", self.message),
            ("POST", f"{one}/pause", partial(self._command, PretendJob.pause, 202)),
            ("POST", f"{one}/resume", partial(self._command, PretendJob.resume, 202)),
            ("POST", f"{one}/force_answer", self.force_answer),
            ("GET", one + "/resources/{bucket}/{key:path}", self.resource),
            ("GET", "/v1/trajectories/{id}/resources/{bucket}/{key:path}", self.resource),
        ]
        return [
            *(self.route(method, path, answer) for method, path, answer in routes),
            self.route("GET", "/signed/{id}/{number:int}.png", self.screenshot, key=False),
        ]

    def check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if not scheme and request.method == "GET" and "id" in request.path_params:
            raise refused(404, UNKNOWN)  # nobody's key reads what is shared, which nothing is
        if scheme.lower() != "bearer" or not self.world.accepts(key):
            raise refused(401, "Authentication required")

    def worded(self, refusal: RefusedError) -> Json:
        """One shape for all: what FastAPI says as `detail`, always as a list, and a summary."""
        return _problem(refusal.status, refusal.body["detail"] if isinstance(refusal.body, dict) else None)

    def limited(self, _retry_after: str | None) -> Json:
        return _problem(429, [{"type": "plan_limit", "message": "Too many sessions are running", "scope": "org"}])

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse(_problem(404, "Not Found"), 404)

    async def not_allowed(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse(_problem(405, "Method Not Allowed"), 405)

    async def create(self, request: Request) -> Response:
        body, key = await body_of(request), request.headers.get("idempotency-key")
        if "agent" not in body:
            raise invalid("body", "agent", say="Field required", kind="missing")
        agent = body["agent"]
        if not isinstance(agent, str | dict) or (isinstance(agent, dict) and not agent.get("name")):
            say = "Input should be a registered name or an inline definition"
            raise invalid("body", "agent", say=say, kind="ref_or_inline")
        if isinstance(agent, str) and agent.partition(":")[0] not in AGENTS:
            raise refused(404, "Agent not found")
        task = _task_in(body)
        if key is not None and not key.strip():
            raise refused(422, "Idempotency-Key must not be blank")
        for job in self.world.jobs(self.name):
            if key is not None and job.notes.get("key") == key:
                if job.notes["request"] != body:
                    raise refused(422, "Idempotency-Key was used for another request")
                return JSONResponse(session(job), 201)
        if self.world.out_of_credits:
            raise refused(402, "The token budget of this month is used up")
        job = self.world.start(self.name, task)
        job.notes |= {"request": body, "key": key}
        return JSONResponse(session(job), 201)

    async def list_sessions(self, request: Request) -> Response:
        page, size = number_in(request, "page", 1), number_in(request, "size", 10, high=100)
        statuses, sort = request.query_params.getlist("status"), _sort_in(request, "created_at", "-created_at")
        for index, word in enumerate(statuses):
            if word not in STATUSES:
                raise invalid("query", "status", index, say="Input should be a session's status", kind="enum")
        search = request.query_params.get("search", "").lower()
        jobs = [
            job
            for job in map(settle, self.world.jobs(self.name))
            if (not statuses or status_word(job) in statuses)
            and search in f"{job.script.title} {json.dumps(session(job)['latest_answer'])}".lower()
        ]
        ordered = jobs[::-1] if sort == "created_at" else jobs
        items: list[Json] = [summary(job) for job in ordered[(page - 1) * size : page * size]]
        return JSONResponse({"items": items, "total": len(jobs), "page": page})

    async def quota(self, _request: Request) -> Response:
        jobs = map(settle, self.world.jobs(self.name))
        active = sum(not is_over(job) and status_word(job) != "queued" for job in jobs)
        available = max(0, SLOTS - active)
        return JSONResponse({"scope": "org", "limit": SLOTS, "active": active, "available": available})

    async def session(self, request: Request) -> Response:
        return JSONResponse(session(self._job(request)))

    async def status(self, request: Request) -> Response:
        return JSONResponse(status(self._job(request)))

    async def changes(self, request: Request) -> Response:
        first = max(0, number_in(request, "from_index", 0, low=-(2**53)))
        limit = number_in(request, "limit", 2**53, low=0)
        wait = number_in(request, "wait_for_seconds", 0, low=0, high=LONGEST_WAIT)
        telling = request.query_params.get("include_events", "true").lower() in {"true", "1", "on", "yes", "t", "y"}
        job, deadline = self._job(request), anyio.current_time() + wait
        origin = address(request, "")
        while len(log := events(settle(job), origin)) <= first:
            left = deadline - anyio.current_time()
            if left <= 0 or await request.is_disconnected():
                return Response(status_code=204, headers={"ETag": str(first)})
            await anyio.sleep(min(PATIENCE, left))
        return JSONResponse(changes(job, log[first:][:limit] if telling else [], first))

    async def events(self, request: Request) -> Response:
        page, size = number_in(request, "page", 1), number_in(request, "size", 50, high=200)
        kind, sort = request.query_params.get("type"), _sort_in(request, "timestamp", "-timestamp")
        log = [each for each in events(self._job(request), address(request, "")) if kind in {None, each["type"]}]
        if sort == "-timestamp":
            log.reverse()
        items: list[Json] = [*log[(page - 1) * size : page * size]]
        return JSONResponse({"items": items, "total": len(log), "page": page})

    async def message(self, request: Request) -> Response:
        job, body = self._job(request), await body_of(request)
        kind = body.get("type", "user_message")
        if kind not in {"user_message", "batch"}:
            raise invalid("body", say="Input should be a message or a batch of messages", kind="union_tag_invalid")
        batch = body.get("messages", []) if kind == "batch" else [body]
        texts = [_message_in(each) for each in batch] if isinstance(batch, list) else []
        if not texts:
            raise invalid("body", "batch", "messages", say="Input should have a message", kind="too_short")
        if is_over(job):
            raise refused(409, "Session is over")
        job.resume()
        question, text = job.state().question, "\n".join(texts)
        if question is None:
            interject(job, text)
        else:
            job.answer(question.question_id, text)
        return Response(status_code=202)

    async def force_answer(self, request: Request) -> Response:
        job = self._job(request)
        if is_over(job):
            raise refused(409, "Session is over")
        answer_soon(job)
        return Response(status_code=202)

    async def resource(self, request: Request) -> Response:
        job, place = self._job(request), request.path_params
        number = self._pictured(job).get(place["key"]) if place["bucket"] == BUCKET else None
        if number is None:
            raise refused(404, "Resource not found")
        path, expires = f"/signed/{job.id}/{number}.png", int((job.clock() + LINK_LASTS).timestamp())
        signature = job.named(f"{path} {expires}")
        return RedirectResponse(f"{address(request, path)}?expires={expires}&signature={signature}", 302)

    async def screenshot(self, request: Request) -> Response:
        job = self.job(request.path_params["id"], unknown=UNKNOWN)
        number, expires = request.path_params["number"], request.query_params.get("expires", "")
        late = not expires.isdigit() or int(expires) < self.world.clock().timestamp()
        if late or request.query_params.get("signature") != job.named(f"/signed/{job.id}/{number}.png {expires}"):
            raise refused(403, "Request has expired")
        return Response(picture(number), media_type="image/png")

    async def _command(self, command: Callable[[PretendJob], bool], done: int, request: Request) -> Response:
        job = self._job(request)
        if not command(job):
            raise refused(409, f"Session is {status_word(job)}")
        return Response(status_code=done)

    def _job(self, request: Request) -> PretendJob:
        return settle(self.job(uuid_in(request, "id"), unknown=UNKNOWN))

    def _pictured(self, job: PretendJob) -> dict[str, int]:
        """The keys of the screenshots, and the numbers of their steps."""
        steps = sum(each.what == "step" for each in job.state().happenings)
        return {screenshot(job, number): number for number in range(1, steps + 1)}


def _problem(status_code: int, detail: Json) -> Json:
    """A refusal in the one shape that there is."""
    if not isinstance(detail, list):
        detail = [{"type": HTTPStatus(status_code).name.lower(), "message": detail}]
    return {"message": "; ".join(_summary(each) for each in detail if isinstance(each, dict)), "detail": detail}


def _summary(problem: dict[str, Json]) -> str:
    where = problem.get("loc")
    if not isinstance(where, list):
        return str(problem["message"])
    fields = ".".join(str(each) for each in where if each != "body")
    return f"{fields}: {problem['msg']}" if fields else str(problem["msg"])


def _sort_in(request: Request, *words: str) -> str | None:
    sort = request.query_params.get("sort")
    if sort not in {None, *words}:
        raise invalid("query", "sort", 0, say=f"Input should be one of {', '.join(words)}", kind="literal_error")
    return sort


def _task_in(body: dict[str, Json]) -> str:
    """What a new session is to do: a text, a message or several."""
    messages = body.get("messages")
    match messages:
        case None:
            return ""
        case str():
            return messages
        case dict():
            return _message_in(messages)
        case list() if messages:
            return _message_in(messages[0])
        case _:
            say = "Input should be a string, a message, or a list of messages"
            raise invalid("body", "messages", say=say, kind="messages_shape")


def _message_in(message: Json) -> str:
    text = message.get("message") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise invalid("body", "message", say="Input should be a valid string", kind="string_type")
    return text


SIMULATOR = HCompany
