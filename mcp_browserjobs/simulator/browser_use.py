"""A pretend Browser Use Cloud, API v4: runs inside sessions, and their events.

Not known, and so of our own making: what a judgement holds, what the data of a `core.event` says besides the tool,
the order of a list, and the texts of most refusals.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .browser_use_cloud import Cloud, cost, headline, live_url, recording_url, text
from .fastapi import body_of, invalid, number_in, text_in, uuid_in
from .script import Happening, Json, Phase, PretendJob, What
from .vendor import address, refused

STATUS: dict[Phase, str] = {"paused": "running", "waiting": "running"}
"""The words that differ from the script's own."""

EVENTS: dict[What, str] = {
    "started": "browser.ready",
    "finished": "run.completed",
    "failed": "run.failed",
    "cancelled": "run.cancelled",
}
"""The types of events; the rest are `core.event`."""

FIRST_EVENT = 41
MODEL = "gpt-6-luna"
DISPATCHED_AFTER = timedelta(seconds=1)
JUDGED_AFTER = timedelta(seconds=3)
FIELDS = {
    *("task", "model", "sessionId", "workspaceId", "browserSettings", "attachedFileIds", "judge", "maxCostUsd"),
    *("modelParams", "outputSchema", "keepAlive", "agentmail", "secretBindings", "opVaultId", "opVaultAllowedDomains"),
}


class BrowserUse(Cloud):
    """Runs. The world's grace makes a new one unknown for a while."""

    name = "browser_use"
    api_path = "/api/v4"

    def routes(self) -> Sequence[Route]:
        return [
            self.route("POST", "/runs", self.create),
            self.route("GET", "/runs", self.list_runs),
            self.route("GET", "/runs/{run_id}", self.run),
            self.route("GET", "/runs/{run_id}/status", self.status),
            self.route("GET", "/runs/{run_id}/events", self.events),
            self.route("POST", "/runs/{run_id}/cancel", self.cancel),
            self.route("GET", "/sessions/{session_id}", self.session),
            self.route("GET", "/browsers/{session_id}", self.browser),
            *self.common_routes(),
        ]

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        task = text_in(body, "task")
        for field in sorted(body.keys() - FIELDS):
            raise invalid("body", field, say="Extra inputs are not permitted", kind="extra_forbidden")
        self.check_credits()
        if body.get("sessionId") and self._runs_of(str(body["sessionId"]))[0].state().finished_at is None:
            raise refused(409, "The session already has an active run.")
        job = self.world.start(self.name, task)
        job.notes |= body
        return JSONResponse(
            {
                "id": job.id,
                "status": self._status(job),
                "model": body.get("model", MODEL),
                "sessionId": _session(job),
                "workspaceId": job.named("workspace"),
                "eventsUrl": address(request, f"/runs/{job.id}/events"),
                "missingFileIds": [],
            }
        )

    async def list_runs(self, request: Request) -> Response:
        limit, cursor = number_in(request, "limit", 50), request.query_params.get("cursor")
        session = request.query_params.get("sessionId")
        jobs = [job for job in self.world.jobs(self.name) if session in {None, _session(job)}]
        ids = [job.id for job in jobs]
        if cursor is not None and cursor not in ids:
            raise refused(400, "Malformed pagination cursor.")
        start = 0 if cursor is None else ids.index(cursor) + 1
        more = len(jobs) > start + limit
        runs = [self._summary(job) for job in jobs[start : start + limit]]
        return JSONResponse({"runs": runs, "nextCursor": ids[start + limit - 1] if more else None, "hasMore": more})

    async def run(self, request: Request) -> Response:
        return JSONResponse(self._summary(self._run(request)))

    async def status(self, request: Request) -> Response:
        return JSONResponse({"status": self._status(self._run(request))})

    async def events(self, request: Request) -> Response:
        job, after = self._run(request), number_in(request, "after", 0, low=0)
        events = _events(job)[max(0, after - FIRST_EVENT + 1) :]
        page = events[: number_in(request, "limit", 200)]
        next_after = page[-1]["id"] if page else None
        return JSONResponse({"events": page, "nextAfter": next_after, "hasMore": len(page) < len(events)})

    async def cancel(self, request: Request) -> Response:
        job = self._run(request)
        job.cancel()
        return JSONResponse(self._summary(job))

    async def session(self, request: Request) -> Response:
        session = uuid_in(request, "session_id")
        runs = self._runs_of(session)
        last = self._summary(runs[0])
        shared = {field: last[field] for field in ("sessionId", "workspaceId", "task", "title", "status", "updatedAt")}
        return JSONResponse({**shared, "latestRunId": runs[0].id, "createdAt": _time(runs[-1].created_at)})

    async def browser(self, request: Request) -> Response:
        job = self.job(uuid_in(request, "session_id"), "browser", unknown="Session not found")
        state = job.state()
        ended = state.finished_at
        return JSONResponse(
            {
                "id": job.named("browser"),
                "status": "stopped" if ended else "active",
                "liveUrl": None if ended else live_url(job),
                "cdpUrl": None,
                "timeoutAt": _time(state.created_at + timedelta(hours=1)),
                "startedAt": _time(state.started_at or state.created_at),
                "finishedAt": _time(ended) if ended else None,
                "proxyUsedMb": "0",
                "proxyCost": "0",
                "browserCost": "0.0100",
                "agentSessionId": _session(job),
                "recordingUrl": recording_url(job) if ended else None,
            }
        )

    def _run(self, request: Request) -> PretendJob:
        job = self.job(uuid_in(request, "run_id"), unknown="Run not found")
        if self.world.clock() - job.created_at < timedelta(seconds=self.world.grace):
            raise refused(404, "Run not found")
        return job

    def _runs_of(self, session: str) -> list[PretendJob]:
        runs = [job for job in self.world.jobs(self.name) if _session(job) == session]
        if not runs:
            raise refused(404, "Session not found")
        return runs

    def _status(self, job: PretendJob) -> str:
        phase = job.state().phase
        if phase == "queued" and self.world.clock() - job.created_at >= DISPATCHED_AFTER:
            return "dispatching"
        return STATUS.get(phase, phase)

    def _summary(self, job: PretendJob) -> dict[str, Json]:
        state = job.state()
        judged = state.finished_at is not None and self.world.clock() - state.finished_at >= JUDGED_AFTER
        judgement: Json = {"verdict": state.goal_met, "reasoning": "The result was compared with the task."}
        return {
            "id": job.id,
            "task": job.script.title,
            "title": headline(job.script.title) if state.started_at else None,
            "model": job.notes.get("model", MODEL),
            "contextLimit": 200_000,
            "status": self._status(job),
            "result": text(state.result),
            "output": None if isinstance(state.result, str) else state.result,
            "error": state.error,
            "sessionId": _session(job),
            "workspaceId": job.named("workspace"),
            "attachedFileIds": None,
            "judgement": judgement if judged and state.goal_met is not None else None,
            "totalInputTokens": 1000 * len(state.happenings),
            "totalOutputTokens": 100 * len(state.happenings),
            "totalCostUsd": cost(job, state),
            "createdAt": _time(state.created_at),
            "updatedAt": _time(state.updated_at),
        }


def _session(job: PretendJob) -> Json:
    return job.notes.get("sessionId") or job.named("session")


def _events(job: PretendJob) -> list[dict[str, Json]]:
    state = job.state()
    events = [(each.at, EVENTS.get(each.what, "core.event"), _details(job, each)) for each in state.happenings]
    if state.finished_at is not None:
        events.append((state.finished_at, "worker.session_released", {}))
    return [
        {"runId": job.id, "id": number, "ts": _time(at), "type": kind, "data": details}
        for number, (at, kind, details) in enumerate(events, start=FIRST_EVENT)
    ]


def _details(job: PretendJob, happening: Happening) -> dict[str, Json]:
    match happening.what:
        case "started":
            return {"live_view_url": live_url(job), "browser_session_id": job.named("browser")}
        case "step":
            call = f"call_{happening.number}"
            work: dict[str, Json] = {"status": "completed", "title": happening.text}
            return {"type": "tool_use", "part": {"tool": "browser_execute", "callID": call, "state": work}}
        case "finished" | "cancelled":
            return {}
        case "failed":
            return {"error": happening.text}
    return {"type": "text", "part": {"text": happening.text}}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


SIMULATOR = BrowserUse
