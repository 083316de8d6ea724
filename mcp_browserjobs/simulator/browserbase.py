"""A pretend Browserbase: runs of an agent, their messages, and the sessions of their browsers.

Told by those who use it, and not by its reference: the body of a refusal, and that a result is wrapped.
Not known, and so of our own making: the texts and most statuses of refusals, the order and the limits of a list, the
codes of causes, what tools are called, that messages hold pictures, that a stop is over by the next look, what there
is of a session when it is over, and what becomes of a question that is not answered in time.
Nothing holds a run but a question, and a run that is made without `pauseWhen` has none. The routes of agents are left
out, and so are those that make sessions.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .browserbase_objects import PAGE, PROJECT, STATUS, downloads, live_view, logs, messages, replays, run_object
from .requests import moment_in, object_in
from .script import Ask, Json, PretendJob
from .vendor import Answer, RefusedError, Vendor

STATUSES = {*STATUS.values(), "TIMED_OUT"}
KEPT = ("agentId", "pauseWhen", "resultSchema")
"""The fields of a new run that are kept; the values of variables are not."""


class Browserbase(Vendor):
    """Runs. A job's notes hold the fields it was made with, and when its recording was asked for."""

    name = "browserbase"
    prefix = "BROWSERBASE"
    base = "/browserbase"

    def routes(self) -> Sequence[Route]:
        runs, session = "/v1/agents/runs", "/v1/sessions/{session_id}"
        routes: list[tuple[str, str, Answer]] = [
            ("POST", runs, self.create),
            ("GET", runs, self.list_runs),
            ("GET", runs + "/{run_id}", self.run),
            ("GET", runs + "/{run_id}/messages", self.messages),
            ("POST", runs + "/{run_id}/stop", self.stop),
            ("POST", runs + "/{run_id}/resume", self.resume),
            ("GET", session + "/debug", self.debug),
            ("GET", session + "/logs", self.logs),
            ("GET", session + "/replays", self.replays),
            ("GET", session + "/replays/{page_id}", self.playlist),
            ("GET", session + "/recording/downloads", self.downloads),
            ("POST", session + "/recording/downloads", self.ask_for_downloads),
            ("GET", "/v1/projects", self.projects),
        ]
        return [self.route(*each) for each in routes]

    def check_key(self, request: Request) -> None:
        key = request.headers.get("x-bb-api-key")
        if key is None:
            raise _refused(401, "Missing x-bb-api-key header")
        if not self.world.accepts(key):
            raise _refused(401, "Invalid API key")

    def limited(self, _retry_after: str | None) -> Json:
        return _refused(429, "You've exceeded your max concurrent sessions limit (limit 1, currently 1).").body

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse(_refused(404, "Route not found").body, 404)

    async def not_allowed(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse(_refused(405, "Method not allowed").body, 405)

    async def create(self, request: Request) -> Response:
        body = await _body_of(request)
        task = _task_in(body)
        if self.world.out_of_credits:
            raise _refused(402, "Agent run limit reached")
        job = self.world.start(self.name, task)
        job.notes |= {field: body[field] for field in KEPT if body.get(field) is not None}
        if "pauseWhen" not in job.notes:
            job.script = replace(
                job.script, beats=tuple(each for each in job.script.beats if not isinstance(each, Ask))
            )
        return JSONResponse(run_object(job), 201)

    async def list_runs(self, request: Request) -> Response:
        asked, limit = request.query_params, _number_in(request, "limit")
        status, agent = asked.get("status"), asked.get("agentId")
        start, end = _moment_in(request, "startAt"), _moment_in(request, "endAt")
        if status is not None and status not in STATUSES:
            raise _refused(400, "status must be one of the statuses of a run")
        runs = [
            run_object(job)
            for job in self.world.jobs(self.name)
            if agent in {None, job.notes.get("agentId")}
            and (start is None or job.created_at >= start)
            and (end is None or job.created_at <= end)
        ]
        runs = [run for run in runs if status in {None, run["status"]}]
        ids = [run["runId"] for run in runs]
        first = _after(asked.get("cursor"), ids, "cursor")
        page, more = runs[first : first + limit], len(runs) > first + limit
        return JSONResponse({"data": page, "limit": limit, "nextCursor": page[-1]["runId"] if more else None})

    async def run(self, request: Request) -> Response:
        return JSONResponse(run_object(self._run(request)))

    async def messages(self, request: Request) -> Response:
        found = messages(self._run(request))
        since, limit = request.query_params.get("since"), _number_in(request, "limit")
        rest = found[_after(since, [each["id"] for each in found], "since") :]
        page = rest if request.query_params.get("all") == "true" else rest[:limit]
        return JSONResponse({"data": page, "nextSince": page[-1]["id"] if page else since})

    async def stop(self, request: Request) -> Response:
        job = self._run(request)
        told = run_object(job)
        if not job.cancel():
            raise _refused(409, "Run has already finished")
        return JSONResponse(told, 202)

    async def resume(self, request: Request) -> Response:
        job = self._run(request)
        reply, question = _task_in(await _body_of(request)), job.state().question
        if question is None:
            raise _refused(409, "Run is not paused")
        job.answer(question.question_id, reply)
        return JSONResponse(run_object(job), 202)

    async def debug(self, request: Request) -> Response:
        job = self._session(request)
        if job.state().finished_at is not None:
            raise _refused(404, "Session is not running")
        return JSONResponse(live_view(job))

    async def logs(self, request: Request) -> Response:
        return JSONResponse(logs(self._session(request)))

    async def replays(self, request: Request) -> Response:
        return JSONResponse(replays(request, self._session(request)))

    async def playlist(self, request: Request) -> Response:
        job = self._session(request)
        if request.path_params["page_id"] != PAGE or job.state().finished_at is None:
            raise _refused(404, "Replay not found")
        return Response("#EXTM3U\n#EXT-X-ENDLIST\n", media_type="application/vnd.apple.mpegurl")

    async def downloads(self, request: Request) -> Response:
        return JSONResponse(downloads(self._session(request)))

    async def ask_for_downloads(self, request: Request) -> Response:
        job = self._session(request)
        job.notes["recordingAskedAt"] = self.world.clock().isoformat()
        return JSONResponse(downloads(job))

    async def projects(self, _request: Request) -> Response:
        return JSONResponse([PROJECT])

    def _run(self, request: Request) -> PretendJob:
        name = request.path_params["run_id"]
        try:
            UUID(name)
        except ValueError:
            raise _refused(400, "runId must be a UUID") from None
        return self.job(name, unknown=_refused(404, "Run not found"))

    def _session(self, request: Request) -> PretendJob:
        unknown = _refused(404, "Session not found")
        job = self.job(request.path_params["session_id"], "session", unknown=unknown)
        if job.state().started_at is None:
            raise unknown
        return job


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"error": HTTPStatus(status).phrase, "message": message})


async def _body_of(request: Request) -> dict[str, Json]:
    return await object_in(request, _refused(400, "Body is not valid JSON"), _refused(400, "Body must be an object"))


def _task_in(body: dict[str, Json]) -> str:
    task = body.get("task")
    if not isinstance(task, str) or not task:
        raise _refused(400, "task must be a string of at least 1 character")
    return task


def _number_in(request: Request, field: str) -> int:
    text = request.query_params.get(field, "20")
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise _refused(400, f"{field} must be a whole number from 1 to 100")
    return int(text)


def _moment_in(request: Request, field: str) -> datetime | None:
    no_time = _refused(400, f"{field} must be a date and a time")
    return moment_in(request, field, no_time, _refused(400, f"{field} must have an offset"))


def _after(name: str | None, names: Sequence[Json], field: str) -> int:
    """Where the list goes on behind this name."""
    if name is not None and name not in names:
        raise _refused(400, f"{field} is not known")
    return 0 if name is None else names.index(name) + 1


SIMULATOR = Browserbase
