"""A pretend Hyperbrowser: tasks of eight kinds of agents, all of one form but for their steps.

The id of a job is the kind and the vendor's own id, since a task does not say its kind.
Not known, and so of our own making: the texts and most statuses of refusals, which version is used when none is named,
that a task is not known under another kind, that steps and the live view can be read while it runs and the view no
longer afterwards, that stopping what is over does not succeed, and the steps of `jev`.
Nothing holds a task: a question, which it cannot ask, just keeps it running. Sessions are left out.
"""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .hyperbrowser_steps import STEPS, steps
from .requests import object_in
from .script import Json, Phase, PretendJob, as_text
from .vendor import RefusedError, Vendor

STATUS: dict[Phase, str] = {"queued": "pending", "paused": "running", "waiting": "running", "cancelled": "stopped"}
"""The words that differ from the script's own."""

CREDITS = 5000


class Hyperbrowser(Vendor):
    """Tasks. A job's notes hold the fields it was made with."""

    name = "hyperbrowser"
    prefix = "HYPERBROWSER"
    base = "/hyperbrowser"
    api_path = "/api"
    id_prefix = "browser-use/"

    def routes(self) -> Sequence[Route]:
        task = "/task/{kind}/{job_id}"
        return [
            self.route("POST", "/task/{kind}", self.start),
            self.route("GET", task, self.task),
            self.route("GET", task + "/status", self.status),
            self.route("PUT", task + "/stop", self.stop),
            self.route("GET", "/team/credit-info", self.credit_info),
        ]

    def check_key(self, request: Request) -> None:
        if not self.world.accepts(request.headers.get("x-api-key")):
            raise _refused(401, "Invalid API key")

    def limited(self, _retry_after: str | None) -> Json:
        return {"message": "Too many requests", "code": "RATE_LIMITED", "retryable": True}

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse({"message": "Not found"}, 404)

    async def not_allowed(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse({"message": "Method not allowed"}, 405)

    async def start(self, request: Request) -> Response:
        kind, body = request.path_params["kind"], await _body_of(request)
        task = body.get("task")
        if kind not in STEPS:
            raise _refused(404, "Not found")
        if not isinstance(task, str):
            raise _refused(400, "task - Invalid type" if "task" in body else "task - Required")
        if self.world.out_of_credits:
            raise _refused(402, "Insufficient credits")
        job = self.world.start(self.name, task, f"{kind}/{uuid4()}")
        job.notes |= body
        return JSONResponse({"jobId": _name(job), "liveUrl": _live_url(job)})

    async def task(self, request: Request) -> Response:
        return JSONResponse(_task(self._task(request)))

    async def status(self, request: Request) -> Response:
        return JSONResponse({"status": _status(self._task(request))})

    async def stop(self, request: Request) -> Response:
        return JSONResponse({"success": self._task(request).cancel()})

    async def credit_info(self, _request: Request) -> Response:
        usage = CREDITS if self.world.out_of_credits else 120
        return JSONResponse({"usage": usage, "limit": CREDITS, "remaining": CREDITS - usage})

    def _task(self, request: Request) -> PretendJob:
        ids = request.path_params
        return self.job(f"{ids['kind']}/{ids['job_id']}", unknown=_refused(404, "Job not found"))


def _task(job: PretendJob) -> Mapping[str, Json]:
    state = job.state()
    final = None if state.result is None else as_text(state.result)
    answer: dict[str, Json] = {
        "jobId": _name(job),
        "status": _status(job),
        "error": state.error,
        "liveUrl": _live_url(job),
    }
    if state.started_at is None:
        return answer
    done = steps(job, final)
    metadata: dict[str, Json] = {"numTaskStepsCompleted": len(done)}
    if _kind(job) != "hyper-agent":
        metadata |= {"inputTokens": 1000 * len(done), "outputTokens": 100 * len(done)}
    return {**answer, "metadata": metadata, "data": {"steps": [*done], "finalResult": final}}


def _status(job: PretendJob) -> str:
    phase = job.state().phase
    return STATUS.get(phase, phase)


def _kind(job: PretendJob) -> str:
    return job.id.partition("/")[0]


def _name(job: PretendJob) -> str:
    return job.id.partition("/")[2]


def _live_url(job: PretendJob) -> str | None:
    return None if job.state().finished_at else f"https://app.hyperbrowser.ai/live?token={job.named('live')}"


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"message": message})


async def _body_of(request: Request) -> dict[str, Json]:
    return await object_in(request, _refused(400, "Invalid JSON"), _refused(400, "body - Invalid type"))


SIMULATOR = Hyperbrowser
