"""H Company's own routes over sessions that are kept here; runs in an environment of its own, not in ours.

Its arguments are the key that it takes and the number of the socket that it serves. The first message of a session
says what its agent does, a deed a line: `look`, `rest 5`, `ask ...`, `call ...`, `fail`, `fail ...` or `answer ...`.
"""

import asyncio
import io
import socket
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import uvicorn
from agent_api import (  # type: ignore[import-not-found]
    Services,
    create_router,
    error_response,
    install_exception_handlers,
)
from agent_api.models.quota import QuotaStatus  # type: ignore[import-not-found]
from agent_api.models.session import Session, SessionSummary  # type: ignore[import-not-found]
from agent_interface import SessionStatus  # type: ignore[import-not-found]
from agp_types import SESSION_ERROR_MESSAGES, Page, TrajectoryChanges, TrajectoryEvent  # type: ignore[import-not-found]
from fastapi import FastAPI, HTTPException  # type: ignore[import-not-found]
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

PAUSE = 0.3
"""Seconds that a deed takes."""
TICK = 0.02
OVER = {"completed", "failed", "interrupted"}
USER = str(uuid4()).encode()
BUCKET = "frames"


class Run:
    """One session, whose agent does what the first message says."""

    def __init__(self, request: Any, origin: str) -> None:
        self.id, self.request, self.origin = uuid4(), request, origin
        self.created_at = now()
        self.started_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.status, self.steps, self.cost = "pending", 0, 0.0
        self.answer: str | None = None
        self.outcome: str | None = None
        self.error_code: str | None = None
        self.calls: list[dict[str, Any]] = []
        self.events: list[Any] = []
        self.inbox: asyncio.Queue[str] = asyncio.Queue()
        self.going = asyncio.Event()
        self.going.set()
        self.work = asyncio.create_task(self.live())

    async def live(self) -> None:
        self.log("RequestStartEvent")
        await asyncio.sleep(PAUSE)
        self.status, self.started_at = "running", now()
        self.log("AgentStartedEvent")
        self.log("LiveViewUrlEvent", live_view_url="https://live.example/secret")
        for line in self.request.message_list[0].message.splitlines():
            deed, _, words = line.partition(" ")
            await asyncio.sleep(PAUSE)
            await self.going.wait()
            match deed:
                case "look":
                    self.look()
                case "rest":
                    await asyncio.sleep(float(words))
                case "ask":
                    self.say(words, None)
                    self.become("idle")
                    self.said("message_event", caller_id="user", content=[await self.inbox.get()])
                    self.become("running")
                case "call":
                    call = {"tool_name": "request_otp", "args": {"prompt": words}, "id": f"call_{self.steps}"}
                    self.calls = [call]
                    self.become("awaiting_tool_results", pending_tool_calls=self.calls)
                    result = await self.inbox.get()
                    self.calls = []
                    self.said("tool_result", tool_req=call, result=result)
                    self.become("running")
                case "fail":
                    if words:
                        self.said("error_event", error=words, origin="browser")
                    self.error_code = "environment_error"
                    return self.end("failed")
                case "answer":
                    self.say(words, "success")
        self.log("AgentCompletionEvent", reason="finished")
        return self.end("completed")

    def look(self) -> None:
        self.steps, self.cost = self.steps + 1, self.cost + 0.01
        source = f"{self.origin}/api/v1/trajectories/{self.id}/resources/{BUCKET}/{self.id}/{self.steps}.png"
        image = {"source": source, "type": "url", "media_type": "image/png"}
        self.said("policy_event", content=f"Look {self.steps}", tool_reqs=[{"tool_name": "click_at", "args": {}}])
        self.said("observation_event", type="web", image=image, metadata={"url": "https://shop.example/"})

    def say(self, words: str, outcome: Any) -> None:
        self.answer, self.outcome = words, outcome
        self.said("answer_event", answer=words, outcome=outcome)

    def become(self, status: str, **more: Any) -> None:
        self.status = status
        self.log("ActiveStateChangeEvent", state=status, **more)

    def said(self, kind: str, **more: Any) -> None:
        self.log("AgentEvent", kind=kind, **more)

    def log(self, event_type: str, **content: Any) -> None:
        self.events.append(TrajectoryEvent(type=event_type, data=content, timestamp=now()))

    def end(self, status: str) -> None:
        self.status, self.finished_at = status, now()

    @property
    def times(self) -> dict[str, Any]:
        return {"started_at": self.started_at, "finished_at": self.finished_at}

    @property
    def standing(self) -> dict[str, Any]:
        said = {"status": self.status, "outcome": self.outcome, "pending_tool_calls": self.calls}
        if self.error_code is None:
            return said
        return {**said, "error_code": self.error_code, "error": SESSION_ERROR_MESSAGES[self.error_code]}


class Sessions:
    """What the vendor's routes ask."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.runs: dict[UUID, Run] = {}

    async def create_session(self, _user: Any, body: Any, **_: Any) -> Any:
        run = Run(body, self.origin)
        self.runs[run.id] = run
        return await self.get_session(_user, run.id)

    async def get_session(self, user: Any, name: UUID) -> Any:
        run = self.run(user, name)
        status = await self.get_status(user, name)
        view = f"https://platform.hcompany.ai/agents/sessions/{name}"
        shown = {"id": name, "request": run.request, "created_at": run.created_at, **run.times}
        return Session(**shown, status=status, agent_view_url=view, latest_answer=run.answer)

    async def get_status(self, user: Any, name: UUID) -> Any:
        run = self.run(user, name)
        return SessionStatus(**run.standing, steps=run.steps)

    async def get_page(self, _user: Any, request: Any) -> Any:
        runs = list(self.runs.values())[:: 1 if request.sort == ["created_at"] else -1]
        begin = (request.page - 1) * request.size
        items = [
            SessionSummary(
                id=run.id,
                agent=str(run.request.agent),
                status=run.status,
                first_message=run.request.message_list[0],
                created_at=run.created_at,
                **run.times,
            )
            for run in runs[begin : begin + request.size]
        ]
        return Page(items=items, total=len(runs), page=request.page)

    async def get_quota(self, _user: Any) -> Any:
        active = sum(run.status not in OVER for run in self.runs.values())
        return QuotaStatus(scope="org", limit=100, active=active, available=100 - active)

    async def get_changes(
        self,
        user: Any,
        name: UUID,
        first: int,
        limit: int | None,
        telling: bool,  # noqa: FBT001 - the vendor's routes give it by its place
        *,
        wait_for_seconds: float | None,
    ) -> Any:
        run = self.run(user, name)
        deadline = asyncio.get_running_loop().time() + (wait_for_seconds or 0)
        while len(run.events) <= first:
            if asyncio.get_running_loop().time() >= deadline:
                return None
            await asyncio.sleep(TICK)
        new = run.events[first:][:limit] if telling else []
        metrics = {"steps": run.steps, "total_cost": run.cost}
        shown = {**run.standing, **run.times, "answer": run.answer, "metrics": metrics}
        return TrajectoryChanges(**shown, new_events=new, first_index=first)

    async def send_message(self, user: Any, name: UUID, message: Any) -> None:
        self.open_run(user, name, "running", "paused", "idle").inbox.put_nowait(message.message)

    async def send_tool_results(self, user: Any, name: UUID, message: Any) -> None:
        self.open_run(user, name, "awaiting_tool_results").inbox.put_nowait(message.result)

    async def cancel(self, user: Any, name: UUID) -> None:
        run = self.open_run(user, name)
        run.work.cancel()
        run.log("AgentCompletionEvent", reason="stopped")
        run.end("interrupted")

    async def pause(self, user: Any, name: UUID) -> None:
        run = self.open_run(user, name, "running")
        run.going.clear()
        run.status = "paused"
        run.log("AgentRunStatusChangeEvent", status="paused")

    async def resume(self, user: Any, name: UUID) -> None:
        run = self.open_run(user, name, "paused")
        run.status = "running"
        run.log("AgentRunStatusChangeEvent", status="running")
        run.going.set()

    async def get_resource_url(self, user: Any, name: UUID, bucket: str, key: str) -> str:
        run = self.run(user, name)
        if bucket != BUCKET or key not in {f"{name}/{number}.png" for number in range(1, run.steps + 1)}:
            raise HTTPException(404, "Resource not found")
        return f"{self.origin}/frames/{key}"

    def run(self, user: Any, name: UUID) -> Run:
        if user is None or name not in self.runs:
            raise HTTPException(404, "Session not found")
        return self.runs[name]

    def open_run(self, user: Any, name: UUID, *statuses: str) -> Run:
        """A session that is not over and, where they are named, in one of these statuses."""
        run = self.run(user, name)
        if run.status in OVER or (statuses and run.status not in statuses):
            raise HTTPException(409, f"Session is {run.status}")
        return run


class Gateway:
    """What stands before the routes at the vendor's: it takes the key, and tells them whose it is.

    Args:
        asked: takes down every request.
    """

    def __init__(self, app: ASGIApp, key: str, asked: list[str]) -> None:
        self._app, self._bearer, self._asked = app, f"Bearer {key}".encode(), asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._asked.append(f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}")
        given = dict(scope["headers"]).get(b"authorization")
        answer: ASGIApp = self._app
        if given == self._bearer:
            scope = {**scope, "headers": [*scope["headers"], (b"x-user-sub", USER), (b"x-user-org", USER)]}
        elif given is not None:
            answer = error_response(401, "Invalid API key")
        await answer(scope, receive, send)


async def frame(request: Request) -> Response:
    """A screenshot, in a colour of its own."""
    drawn = io.BytesIO()
    Image.new("RGB", (160, 100), (50 * int(request.path_params["number"]) % 256, 90, 130)).save(drawn, "PNG")
    return Response(drawn.getvalue(), media_type="image/png")


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


if __name__ == "__main__":
    listener = socket.socket(fileno=int(sys.argv[2]))
    sessions = Sessions(f"http://127.0.0.1:{listener.getsockname()[1]}")
    others = dict.fromkeys(("agents", "environments", "skills", "memories", "webhooks"))
    app = FastAPI()
    app.include_router(create_router(Services(sessions=sessions, **others)), prefix="/api")
    app.add_route("/frames/{id}/{number}.png", frame)
    asked: list[str] = []
    app.add_route("/requests", lambda _: JSONResponse(asked))
    app.add_middleware(Gateway, key=sys.argv[1], asked=asked)
    install_exception_handlers(app)
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run([listener])
