"""A pretend Browser Use Cloud, API v3: sessions, which are sandbox and task in one, and their messages.

Not known, and so of our own making: the refusals 404 and 409, and what becomes of a cursor that names no message.
A follow-up task begins its session anew.
"""

from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .browser_use_cloud import Cloud, cost, headline, live_url, picture_url, recording_url, text, time
from .fastapi import body_of, invalid, number_in, uuid_in
from .script import FOREVER, Json, PretendJob, Queued, Script, What
from .vendor import refused

SANDBOX_READY_AFTER = timedelta(seconds=1)
MESSAGES: dict[What, str] = {
    "started": "planning",
    "step": "browser_action",
    "question": "assistant_message",
    "finished": "completion",
    "failed": "browser_action_error",
}
"""What becomes a message, and of which type."""


class BrowserUseV3(Cloud):
    """Sessions. A new one is `created`, then `idle` without output, and only then `running`."""

    name = "browser_use_v3"
    api_path = "/api/v3"

    def routes(self) -> Sequence[Route]:
        return [
            self.route("POST", "/sessions", self.create),
            self.route("GET", "/sessions", self.list_sessions),
            self.route("GET", "/sessions/{session_id}", self.session),
            self.route("POST", "/sessions/{session_id}/stop", self.stop),
            self.route("GET", "/sessions/{session_id}/messages", self.messages),
            *self.common_routes(),
        ]

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        task, session = body.get("task"), body.get("sessionId")
        if session is not None and task is None:
            raise invalid("body", "task", say="Field required", kind="missing")
        self.check_credits()
        if session is not None and self._status(self.job(str(session), unknown="Session not found")) != "idle":
            raise refused(409, "Session is not idle")
        if task is None:
            job = self.world.add(self.name, Script(title="", beats=(Queued(FOREVER),)))
        else:
            job = self.world.start(self.name, str(task), None if session is None else str(session))
        job.notes |= body
        return JSONResponse(self._view(request, job))

    async def list_sessions(self, request: Request) -> Response:
        page, size = number_in(request, "page", 1), number_in(request, "page_size", 20, high=100)
        jobs = self.world.jobs(self.name)
        only_alone: dict[str, Json] = {"recordingUrls": [], "screenshotUrl": None}
        shown = [self._view(request, job) | only_alone for job in jobs[(page - 1) * size : page * size]]
        return JSONResponse({"sessions": shown, "total": len(jobs), "page": page, "pageSize": size})

    async def session(self, request: Request) -> Response:
        return JSONResponse(self._view(request, self._session(request)))

    async def stop(self, request: Request) -> Response:
        job = self._session(request)
        strategy = (await body_of(request)).get("strategy", "session") if await request.body() else "session"
        if strategy not in {"session", "task"}:
            raise invalid("body", "strategy", say="Input should be 'task' or 'session'", kind="enum")
        if job.cancel() or strategy == "session":
            job.notes["keepAlive"] = strategy == "task"
        return JSONResponse(self._view(request, job))

    async def messages(self, request: Request) -> Response:
        job, limit = self._session(request), number_in(request, "limit", 10, high=100)
        messages = _messages(request, job)
        ids = [each["id"] for each in messages]
        after, before = request.query_params.get("after"), request.query_params.get("before")
        start = ids.index(after) + 1 if after in ids else 0
        end = ids.index(before) if before in ids else len(ids)
        page = messages[start:end][:limit]
        return JSONResponse({"messages": page, "hasMore": end - start > limit})

    def _session(self, request: Request) -> PretendJob:
        return self.job(uuid_in(request, "session_id"), unknown="Session not found")

    def _status(self, job: PretendJob) -> str:
        state = job.state()
        match state.phase:
            case "queued":
                ready = self.world.clock() - job.created_at >= SANDBOX_READY_AFTER
                return "idle" if ready else "created"
            case "completed" | "cancelled":
                return "idle" if job.notes.get("keepAlive") else "stopped"
            case "failed":
                return "timed_out" if state.failure == "timed_out" else "error"
        return "running"

    def _view(self, request: Request, job: PretendJob) -> dict[str, Json]:
        state = job.state()
        steps = [each for each in state.happenings if each.what == "step"]
        money = cost(job, state)
        return {
            "id": job.id,
            "status": self._status(job),
            "model": job.notes.get("model", "claude-opus-4.7"),
            "title": headline(job.script.title) if state.started_at else None,
            "output": state.result,
            "outputSchema": job.notes.get("outputSchema"),
            "stepCount": len(steps),
            "lastStepSummary": steps[-1].text if steps else None,
            "isTaskSuccessful": state.goal_met,
            "liveUrl": live_url(job),
            "recordingUrls": [recording_url(job)] if state.finished_at else [],
            "profileId": None,
            "workspaceId": None,
            "proxyCountryCode": "us",
            "maxCostUsd": None,
            "totalInputTokens": 1000 * len(steps),
            "totalOutputTokens": 100 * len(steps),
            "proxyUsedMb": "0",
            "llmCostUsd": money,
            "proxyCostUsd": "0",
            "browserCostUsd": "0",
            "totalCostUsd": money,
            "screenshotUrl": picture_url(request, job, steps[-1].number) if steps else None,
            "agentmailEmail": None,
            "integrationsUsed": [],
            "createdAt": time(state.created_at),
            "updatedAt": time(state.updated_at),
        }


def _messages(request: Request, job: PretendJob) -> list[dict[str, Json]]:
    state = job.state()
    said = [
        (each.at, each.number, "ai", MESSAGES[each.what], text(state.result) if each.what == "finished" else each.text)
        for each in state.happenings
        if each.what in MESSAGES
    ]
    return [
        {
            "id": job.named(f"message {place}"),
            "sessionId": job.id,
            "role": role,
            "data": words or "",
            "type": kind,
            "summary": (words or "")[:80],
            "screenshotUrl": picture_url(request, job, number) if kind == "browser_action" else None,
            "hidden": False,
            "createdAt": time(at),
        }
        for place, (at, number, role, kind, words) in enumerate(
            [(state.created_at, 0, "human", "user_message", job.script.title), *said]
        )
    ]


SIMULATOR = BrowserUseV3
