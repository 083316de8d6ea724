"""A pretend Browser Use Cloud, API v1: gone, unless the world says that it is not retired.

A task that asks is `paused`, as one is while a person works in its live view, and resuming it answers.
Not known, and so of our own making: the texts of 401, 429 and of commands that come at the wrong time.
"""

from collections.abc import Sequence
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .browser_use_cloud import PICTURE, Cloud, live_url, picture_url, recording_url, text
from .fastapi import body_of, invalid, number_in, text_in
from .script import Happening, Json, Phase, PretendJob
from .vendor import refused

STATUS: dict[Phase, str] = {
    "queued": "created",
    "running": "running",
    "paused": "paused",
    "waiting": "paused",
    "completed": "finished",
    "failed": "failed",
    "cancelled": "stopped",
}


class BrowserUseV1(Cloud):
    """Tasks, whose status is a bare string."""

    name = "browser_use_v1"
    refuses_without_credits = False
    api_path = "/api/v1"

    def routes(self) -> Sequence[Route]:
        return [
            self.route("GET", "/ping", self.ping),
            self.route("GET", "/me", self.me),
            self.route("GET", "/balance", self.balance),
            self.route("POST", "/run-task", self.create),
            self.route("GET", "/tasks", self.list_tasks),
            self.route("GET", "/task/{task_id}", self.task),
            self.route("GET", "/task/{task_id}/status", self.status),
            self.route("GET", "/task/{task_id}/screenshots", self.screenshots),
            self.route("GET", "/task/{task_id}/media", self.media),
            self.route("PUT", "/stop-task", self.stop),
            self.route("PUT", "/pause-task", self.pause),
            self.route("PUT", "/resume-task", self.resume),
            self.route("GET", PICTURE, self.picture),
        ]

    def check_key(self, request: Request) -> None:
        if self.world.retired:
            raise HTTPException(404)
        if request.url.path.endswith(("/ping", ".png")):
            return
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.world.accepts(key):
            raise refused(401, "Unauthorized")

    def limited(self, _retry_after: str | None) -> Json:
        return {"detail": "Too many requests"}

    async def ping(self, _request: Request) -> Response:
        return JSONResponse({})

    async def me(self, _request: Request) -> Response:
        return JSONResponse(content=True)

    async def balance(self, _request: Request) -> Response:
        return JSONResponse({"balance": "5000"})

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        job = self.world.start(self.name, text_in(body, "task"))
        job.notes |= body
        return JSONResponse({"id": job.id})

    async def list_tasks(self, request: Request) -> Response:
        page, limit = number_in(request, "page", 1), number_in(request, "limit", 10, high=100)
        jobs = self.world.jobs(self.name)
        tasks = [_item(job) for job in jobs[(page - 1) * limit : page * limit]]
        pages = -(-len(jobs) // limit)
        return JSONResponse(
            {"tasks": tasks, "total_pages": pages, "page": page, "limit": limit, "total_count": len(jobs)}
        )

    async def task(self, request: Request) -> Response:
        job = self._task(request)
        steps = [
            {
                "id": job.named(f"step {number}"),
                "step": number,
                "evaluation_previous_goal": "Success" if number > 1 else "",
                "next_goal": step.text,
                "url": step.url,
            }
            for number, step in enumerate(_steps(job), start=1)
        ]
        absent = dict.fromkeys(("browser_data", "user_uploaded_files", "output_files", "public_share_url"))
        return JSONResponse({**_item(job), **absent, "steps": steps, "metadata": job.notes.get("metadata")})

    async def status(self, request: Request) -> Response:
        return JSONResponse(STATUS[self._task(request).state().phase])

    async def screenshots(self, request: Request) -> Response:
        job = self._task(request)
        links = [picture_url(request, job, number) for number, _ in enumerate(_steps(job), start=1)]
        return JSONResponse({"screenshots": links})

    async def media(self, request: Request) -> Response:
        job = self._task(request)
        return JSONResponse({"recordings": [recording_url(job)] if job.state().finished_at else []})

    async def stop(self, request: Request) -> Response:
        self._asked(request).cancel()
        return JSONResponse({})

    async def pause(self, request: Request) -> Response:
        if not self._asked(request).pause():
            raise refused(400, "Task is not running")
        return JSONResponse({})

    async def resume(self, request: Request) -> Response:
        job = self._asked(request)
        question = job.state().question
        if not (job.answer(question.question_id, "") if question else job.resume()):
            raise refused(400, "Task is not paused")
        return JSONResponse({})

    def _task(self, request: Request) -> PretendJob:
        return self.job(request.path_params["task_id"], unknown="Task not found")

    def _asked(self, request: Request) -> PretendJob:
        task_id = request.query_params.get("task_id")
        if task_id is None:
            raise invalid("query", "task_id", say="field required", kind="value_error.missing")
        return self.job(task_id, unknown="Task not found")


def _steps(job: PretendJob) -> list[Happening]:
    return [each for each in job.state().happenings if each.what == "step"]


def _item(job: PretendJob) -> dict[str, Json]:
    state = job.state()
    return {
        "id": job.id,
        "task": job.script.title,
        "output": text(state.result),
        "status": STATUS[state.phase],
        "created_at": _time(state.created_at),
        "finished_at": _time(state.finished_at),
        "live_url": live_url(job) if state.started_at else None,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


SIMULATOR = BrowserUseV1
