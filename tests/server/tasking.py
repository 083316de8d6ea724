"""A client that knows of tasks, which the SDK leaves to its users."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client.extension import ClaimContext, ClientExtension, NotificationBinding, ResultClaim
from mcp.types import (
    CallToolResult,
    Request,
    Result,
)
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mcp_browserjobs.server.app import Server
from mcp_browserjobs.simulator.world import World
from tests.server.connected import serving

TASKS = "io.modelcontextprotocol/tasks"
OVER = ("completed", "failed", "cancelled")

Told = dict[str, Any]
METHODS: tuple[tuple[str, Told], ...] = (
    ("tasks/get", {}),
    ("tasks/update", {"inputResponses": {}}),
    ("tasks/cancel", {}),
)
"""The methods of tasks, with what else they need."""


class Created(Result):
    """A task in the place of an answer."""

    model_config = ConfigDict(extra="allow")

    result_type: Literal["task"] = Field("task", alias="resultType")
    task_id: str = Field(alias="taskId")


class Note(BaseModel):
    """What a notification holds."""

    model_config = ConfigDict(extra="allow")


class Plain(Request[dict[str, Any], str]):
    """Any request."""


class OfTask(Plain):
    """A request that names a task in its headers too."""

    name_param: ClassVar[str | None] = "taskId"


class Knowing(ClientExtension):
    """Asks after a task until it is over, which its user never sees; and hears the notifications of all."""

    identifier = TASKS

    def __init__(self) -> None:
        self.states: list[Told] = []
        self.heard: list[tuple[float, Told]] = []

    def claims(self) -> list[ResultClaim[Created]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self.finish)]

    def notifications(self) -> list[NotificationBinding[Note]]:
        return [NotificationBinding(method="notifications/tasks", params_type=Note, handler=self.hear)]

    async def hear(self, note: Note) -> None:
        """Keep a notification."""
        self.heard.append((anyio.current_time(), note.model_dump()))

    async def finish(self, created: Created, ctx: ClaimContext) -> CallToolResult:
        """Ask as often as is advised."""
        while True:
            request = OfTask(method="tasks/get", params={"taskId": created.task_id})
            self.states.append(await sent(ctx.session, request))
            if self.states[-1]["status"] in OVER:
                return CallToolResult.model_validate(self.states[-1]["result"])
            await anyio.sleep(self.states[-1]["pollIntervalMs"] / 1000)


async def sent(session: Any, request: Plain) -> Told:
    """The answer to a request, as it came."""
    answer: Told = await session.send_request(request, TypeAdapter(Told))
    return answer


async def _unasked(*_: object) -> Any:
    raise AssertionError


nobody: Any = _unasked
"""Stands for a person: a client that has one declares that it can ask, and is not made to by the SDK here."""


async def ask(client: Client, method: str, **params: Any) -> Told:
    """What a request is answered."""
    kind = OfTask if isinstance(params.get("taskId"), str) else Plain
    return await sent(client.session, kind(method=method, params=params))


async def left(client: Client, *jobs: str, **arguments: Any) -> Told:
    """The answer to a wait, which can be a task."""
    return await ask(client, "tools/call", name="wait_for_result", arguments={"jobs": list(jobs), **arguments})


async def state(client: Client, task: Told) -> Told:
    """How a task stands."""
    return await ask(client, "tasks/get", taskId=task["taskId"])


async def until(client: Client, task: Told, *status: str) -> Told:
    """How a task stands once it has got to one of these."""
    while (now := await state(client, task))["status"] not in status:  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(1)
    return now


async def say(client: Client, task: Told, responses: Told) -> None:
    """Hand in what a person said."""
    told = await ask(client, "tasks/update", taskId=task["taskId"], inputResponses=responses)
    assert told.keys() <= {"resultType", "_meta"}
    assert told["resultType"] == "complete"


@asynccontextmanager
async def knowing(world: World, *, person: bool = True, **environ: Any) -> AsyncIterator[tuple[Client, Server]]:
    """A client that knows of tasks, with a person before it or without, and its server."""
    callback = nobody if person else None
    async with (
        serving(world, **environ) as server,
        Client(server, extensions=[Knowing()], elicitation_callback=callback) as client,
    ):
        yield client, server


async def refused(code: int, client: Client, method: str, **params: Any) -> MCPError:
    """The error that a request ends with."""
    with pytest.raises(MCPError) as caught:
        await ask(client, method, **params)
    assert caught.value.error.code == code
    return caught.value


def answer_of(over: Told) -> Told:
    """The tool's answer in a task that is over."""
    assert over["status"] == "completed"
    assert "pollIntervalMs" not in over
    result = over["result"]
    assert not result["isError"]
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    answer: Told = result["structuredContent"]
    return answer


def accept(answer: Any) -> Told:
    """A form that was filled in."""
    return {"action": "accept", "content": {"answer": answer}}


@asynccontextmanager
async def listening(client: Client, **notifications: Any) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A stream of updates; gives what waits for its end in good order."""
    over = anyio.Event()

    async def listen() -> None:
        await ask(client, "subscriptions/listen", notifications=notifications)
        over.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await anyio.sleep(0.1)
        yield over.wait
        tasks.cancel_scope.cancel()
