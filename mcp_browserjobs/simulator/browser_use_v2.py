"""A pretend Browser Use Cloud, API v2: tasks, each in a session of its own that closes when the task ends.

Not known, and so of our own making: what a judgement and a log hold, and what comes of stopping a task that is over.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .browser_use_cloud import Cloud, cost, live_url, picture_url, recording_url, signed_url, text
from .fastapi import body_of, invalid, number_in, text_in, uuid_in
from .script import Json, Phase, PretendJob
from .vendor import refused

STATUS: dict[Phase, str] = {
    "queued": "created",
    "running": "started",
    "paused": "started",
    "waiting": "started",
    "completed": "finished",
    "failed": "failed",
    "cancelled": "stopped",
}


class BrowserUseV2(Cloud):
    """Tasks and their sessions. Times have no zone."""

    name = "browser_use_v2"
    api_path = "/api/v2"

    def routes(self) -> Sequence[Route]:
        return [
            self.route("POST", "/tasks", self.create),
            self.route("GET", "/tasks", self.list_tasks),
            self.route("GET", "/tasks/{task_id}", self.task),
            self.route("PATCH", "/tasks/{task_id}", self.update),
            self.route("GET", "/tasks/{task_id}/status", self.status),
            self.route("GET", "/tasks/{task_id}/logs", self.logs),
            self.route("GET", "/logs/{id}/task.log", self.log, key=False),
            self.route("GET", "/sessions/{session_id}", self.session),
            *self.common_routes(),
        ]

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        task, session = text_in(body, "task"), body.get("sessionId")
        self.check_credits()
        if session is not None:
            ended = self.job(str(session), "session", unknown="Session not found").state().finished_at
            raise refused(400, "Browser session is stopped" if ended else "Agent session already has a running task")
        job = self.world.start(self.name, task)
        job.notes |= body
        return JSONResponse({"id": job.id, "sessionId": job.named("session")}, 202)

    async def list_tasks(self, request: Request) -> Response:
        page, size = number_in(request, "pageNumber", 1), number_in(request, "pageSize", 10, high=100)
        session, status = request.query_params.get("sessionId"), request.query_params.get("filterBy")
        if status is not None and status not in STATUS.values():
            raise invalid("query", "filterBy", say="Input should be a task's status", kind="enum")
        items = [
            item
            for item in map(_item, self.world.jobs(self.name))
            if session in {None, item["sessionId"]} and status in {None, item["status"]}
        ]
        shown = items[(page - 1) * size : page * size]
        return JSONResponse({"items": shown, "totalItems": len(items), "pageNumber": page, "pageSize": size})

    async def task(self, request: Request) -> Response:
        return JSONResponse(_view(request, self._task(request)))

    async def update(self, request: Request) -> Response:
        job = self._task(request)
        if text_in(await body_of(request), "action") not in {"stop", "stop_task_and_session"}:
            raise invalid("body", "action", say="Input should be 'stop' or 'stop_task_and_session'", kind="enum")
        job.cancel()
        return JSONResponse(_view(request, job))

    async def status(self, request: Request) -> Response:
        item = _item(self._task(request))
        return JSONResponse(
            {name: item[name] for name in ("id", "status", "output", "finishedAt", "isSuccess", "cost")}
        )

    async def logs(self, request: Request) -> Response:
        job = self._task(request)
        return JSONResponse({"downloadUrl": signed_url(request, job, f"/logs/{job.id}/task.log")})

    async def log(self, request: Request) -> Response:
        happenings = self.linked_job(request).state().happenings
        return PlainTextResponse("".join(f"{_time(each.at)} {each.what} {each.text}\n" for each in happenings))

    async def session(self, request: Request) -> Response:
        job = self.job(uuid_in(request, "session_id"), "session", unknown="Session not found")
        state = job.state()
        ended = state.finished_at
        return JSONResponse(
            {
                "id": job.named("session"),
                "status": "stopped" if ended else "active",
                "liveUrl": None if ended else live_url(job),
                "recordingUrl": recording_url(job) if ended else None,
                "startedAt": _time(state.created_at),
                "finishedAt": _time(ended),
                "tasks": [_item(job)],
                "publicShareUrl": None,
                "persistMemory": True,
                "keepAlive": False,
                "proxyUsedMb": "0",
                "proxyCost": "0",
            }
        )

    def _task(self, request: Request) -> PretendJob:
        return self.job(uuid_in(request, "task_id"), unknown="Task not found")


def _item(job: PretendJob) -> dict[str, Json]:
    state = job.state()
    judged = bool(job.notes.get("judge")) and state.finished_at is not None
    return {
        "id": job.id,
        "sessionId": job.named("session"),
        "llm": job.notes.get("llm", "browser-use-2.0"),
        "task": job.script.title,
        "status": STATUS[state.phase],
        "createdAt": _time(state.created_at),
        "startedAt": _time(state.started_at),
        "finishedAt": _time(state.finished_at),
        "metadata": job.notes.get("metadata", {}),
        "output": text(state.result),
        "browserUseVersion": None,
        "isSuccess": state.goal_met,
        "judgement": json.dumps({"verdict": state.goal_met}) if judged else None,
        "judgeVerdict": state.goal_met if judged else None,
        "cost": cost(job, state) if state.finished_at else None,
        "suggestions": None,
    }


def _view(request: Request, job: PretendJob) -> dict[str, Json]:
    steps = [each for each in job.state().happenings if each.what == "step"]
    times = [job.created_at, *(each.at for each in steps)]
    return {
        **_item(job),
        "outputFiles": [],
        "steps": [
            {
                "number": number,
                "memory": "",
                "evaluationPreviousGoal": "Success" if number > 1 else "",
                "nextGoal": step.text,
                "url": step.url,
                "screenshotUrl": picture_url(request, job, number),
                "actions": [json.dumps({"click": {"index": number}})],
                "duration": (step.at - before).total_seconds(),
            }
            for number, (before, step) in enumerate(zip(times, steps, strict=False), start=1)
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="microseconds")


SIMULATOR = BrowserUseV2
