"""A pretend Gobii: tasks with and without an agent, whose `cancelled` lasts only until the worker goes on.

The routes that change or delete things are left out. A `wait` is answered as if its time had run out at once.
Not known, and so of our own making: the answer 429.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .django import body_of, link_in, not_found, number_in, page_of, text_in, wrong
from .script import Json, Phase, PretendJob
from .vendor import RefusedError, Vendor, refused

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
AGENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
"""The agent that exists from the beginning."""

STATUS: dict[Phase, str] = {
    "queued": "pending",
    "running": "in_progress",
    "paused": "in_progress",
    "waiting": "in_progress",
}
"""The words that differ from the script's own."""

FALSY = "{'result_value': ['Result value cannot be empty if this step is marked as the result.']}"


class Gobii(Vendor):
    """Tasks at the user's level and under agents. A job's notes hold the fields it was made with."""

    name = "gobii"
    prefix = "GOBII"
    base = "/gobii/api/v1"

    def routes(self) -> Sequence[Route]:
        agents = "/agents/browser-use/"
        return [
            self.route("GET", "/ping/", self.ping),
            self.route("GET", agents, self.list_agents),
            self.route("GET", agents + "{agent}/", self.agent),
            *self._task_routes("/tasks/browser-use/"),
            *self._task_routes(agents + "{agent}/tasks/"),
        ]

    def _task_routes(self, level: str) -> Sequence[Route]:
        return [
            self.route("GET", level, self.list_tasks),
            self.route("POST", level, self.create),
            self.route("GET", level + "{id}/", self.task),
            self.route("GET", level + "{id}/result/", self.result),
            self.route("POST", level + "{id}/cancel/", self.cancel),
        ]

    def check_key(self, request: Request) -> None:
        ids = request.path_params
        malformed = not all(re.fullmatch(UUID, each) for each in ids.values())
        if malformed and request.url.path.endswith(f"/agents/browser-use/{ids.get('agent')}/"):
            raise refused(404, "Not found.")
        if malformed:
            raise HTTPException(404)
        key = request.headers.get("x-api-key")
        if key is None and request.headers.get("authorization", "").startswith("Token "):
            raise RefusedError(500, {"detail": "Internal server error.", "error_id": str(uuid4())})
        if key is None:
            raise refused(403, "Authentication credentials were not provided.")
        if not self.world.accepts(key):
            raise refused(403, "Invalid API key")
        if "agent" in ids and ids["agent"] not in self._agents():
            raise refused(404, "No BrowserUseAgent matches the given query.")

    def limited(self, retry_after: str | None) -> Json:
        when = "" if retry_after is None else f" Expected available in {retry_after} seconds."
        return {"detail": f"Request was throttled.{when}"}

    async def not_found(self, request: Request, _error: Exception) -> Response:
        return not_found(request, self.routes())

    async def not_allowed(self, request: Request, _error: Exception) -> Response:
        return JSONResponse({"detail": f'Method "{request.method}" not allowed.'}, 405)

    async def ping(self, _request: Request) -> Response:
        return JSONResponse({"pong": True, "user": "tester@example.com"})

    async def list_agents(self, request: Request) -> Response:
        return page_of(request, [_agent(each) for each in self._agents()])

    async def agent(self, request: Request) -> Response:
        agent = _agent(request.path_params["agent"])
        return JSONResponse({**agent, "user_email": "tester@example.com", "updated_at": agent["created_at"]})

    async def list_tasks(self, request: Request) -> Response:
        agent = request.path_params.get("agent")
        jobs = [job for job in self.world.jobs(self.name) if agent is None or job.notes.get("agent") == agent]
        return page_of(request, [_item(each) for each in jobs])

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        prompt, link, wait = text_in(body, "prompt"), link_in(body, "webhook"), number_in(body, "wait", 1350)
        agent = request.path_params.get("agent", body.get("agent"))
        if agent is not None and agent not in self._agents():
            raise wrong("agent", f'Invalid pk "{agent}" - object does not exist.')
        if "credits_cost" in body:
            raise RefusedError(500, {"detail": "Internal server error.", "error_id": str(uuid4())})
        if self.world.out_of_credits:
            raise RefusedError(402, {"message": "User does not have enough task credits to create a new task."})
        job = self.world.start(self.name, prompt or "")
        job.notes |= {"agent": agent, "prompt": prompt, "webhook": link, "output_schema": body.get("output_schema")}
        answer = _detail(job)
        if wait is not None:
            answer |= {"status": "in_progress", "wait_error": "The operation timed out.", "agent_id": agent}
        return JSONResponse(answer, 201)

    async def task(self, request: Request) -> Response:
        return JSONResponse(_detail(self._task(request)))

    async def result(self, request: Request) -> Response:
        job = self._task(request)
        status, result, error = _outcome(job)
        further: dict[str, dict[str, Json]] = {
            "completed": {"result": result},
            "failed": {"result": None, "error_message": error} if error else {"result": None},
            "cancelled": {},
        }
        rest = further.get(status, {"message": "Task is not yet completed."})
        return JSONResponse({"id": job.id, "agent_id": job.notes.get("agent"), "status": status, **rest})

    async def cancel(self, request: Request) -> Response:
        job = self._task(request)
        status = _outcome(job)[0]
        if status not in {"pending", "in_progress"}:
            raise refused(409, f"Task is already {status} and cannot be cancelled.")
        job.notes |= {"cancelled_while": status, "cancelled_at": _time(self.world.clock())}
        return JSONResponse({"status": "cancelled", "message": "Task has been cancelled."})

    def _task(self, request: Request) -> PretendJob:
        ids, unknown = request.path_params, "No BrowserUseAgentTask matches the given query."
        job = self.job(ids["id"], unknown=unknown)
        if ids.get("agent") not in {None, job.notes.get("agent")}:
            raise refused(404, unknown)
        return job

    def _agents(self) -> list[str]:
        agents = (job.notes.get("agent") for job in self.world.jobs(self.name))
        return list(dict.fromkeys([AGENT, *map(str, filter(None, agents))]))


def _outcome(job: PretendJob) -> tuple[str, Json, str | None]:
    """The status word, the result and the error."""
    state = job.state()
    status = STATUS.get(state.phase, state.phase)
    if job.notes.get("cancelled_while") == status:
        return "cancelled", None, None
    if status == "completed" and not state.result:
        return "failed", None, FALSY
    result = state.result if isinstance(state.result, str | dict) else json.dumps(state.result)
    return status, result, state.error


def _item(job: PretendJob) -> dict[str, Json]:
    state, status, agent = job.state(), _outcome(job)[0], job.notes.get("agent")
    changed = _time(state.finished_at or state.started_at or state.created_at)
    return {
        "id": job.id,
        **({} if agent is None else {"agent_id": agent}),
        "prompt": job.notes.get("prompt", job.script.title),
        "requires_vision": False,
        "output_schema": job.notes.get("output_schema"),
        "status": status,
        "created_at": _time(state.created_at),
        "updated_at": job.notes.get("cancelled_at", changed) if status == "cancelled" else changed,
        "credits_cost": "0.400",
        "webhook": job.notes.get("webhook"),
    }


def _detail(job: PretendJob) -> dict[str, Json]:
    calls: dict[str, Json] = dict.fromkeys(f"webhook_last_{what}" for what in ("called_at", "status_code", "error"))
    return {**_item(job), "agent": job.notes.get("agent"), "error_message": _outcome(job)[2], **calls}


def _agent(agent: str) -> dict[str, Json]:
    return {
        "id": agent,
        "name": f"Agent {agent[:8]}",
        "created_at": "2026-01-15T10:30:00.123456Z",
        "listing_description": "Agent is initializing…",
        "listing_description_source": "placeholder",
        "mini_description": "Agent",
        "mini_description_source": "placeholder",
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


SIMULATOR = Gobii
