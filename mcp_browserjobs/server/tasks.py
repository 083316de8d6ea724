"""The extension `io.modelcontextprotocol/tasks` of revision 2026-07-28: a wait that takes its time becomes a task.

A client that declares the extension gets a task in place of a wait that is not over within a few seconds, and then asks
after it. Everybody else gets the tool's plain answer.
"""

from collections.abc import Sequence
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.server.mcpserver.tools import Tool
from mcp.server.request_state import authenticated_principal
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolRequestParams, ElicitResult, RequestParams
from pydantic import Field, ValidationError

from ..store import Task
from ..watch.groups import ungrouped
from .failures import MISFIT, READS_ONLY
from .open_waits import OpenWaits, State, new
from .scopes import may_act
from .standing import Asked
from .tools.answer_job_question import can_be_asked

TASKS = "io.modelcontextprotocol/tasks"
REVISIONS = frozenset({"2026-07-28"})

PLAIN_SECONDS = 3.0
"""A wait that is over after so long is answered plainly."""
UNKNOWN = "There is no such task, or it has expired."

Request = ServerRequestContext[Any, Any]


class TaskParams(RequestParams):
    """Names a task."""

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    """Names a task, and brings what a person said, by the keys of the questions."""

    input_responses: dict[str, Any] = Field(alias="inputResponses")


class Tasks(Extension):
    """Makes tasks of waits, and tells those who made them how they stand."""

    identifier = TASKS

    def __init__(self, waits: OpenWaits, tools: Sequence[Tool]) -> None:
        self._waits = waits
        self._tool = next(tool for tool in tools if tool.name == "wait_for_result")

    def methods(self) -> Sequence[MethodBinding]:
        """The methods by which a client asks after its tasks."""
        return [
            MethodBinding("tasks/get", TaskParams, self._get, REVISIONS),
            MethodBinding("tasks/update", UpdateParams, self._update, REVISIONS),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, REVISIONS),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Request, call_next: CallNext
    ) -> HandlerResult:
        """Put a task in the place of a wait that takes its time."""
        if params.name != self._tool.name or not _knows_of_tasks(ctx):
            return await call_next(ctx)
        answer: HandlerResult = None
        began_at = self._waits.tracker.clock()
        with ungrouped():
            async with anyio.create_task_group() as calls:

                async def plainly() -> None:
                    nonlocal answer
                    answer = await call_next(ctx)
                    calls.cancel_scope.cancel()

                calls.start_soon(plainly)
                await anyio.sleep(PLAIN_SECONDS)
                arguments = self._tool.fn_metadata.validate_arguments(params.arguments or {})
                asks = may_act() and can_be_asked(ctx.session.client_capabilities)
                if task := await self._waits.make(arguments, began_at=began_at, owner=owner(ctx), asks=asks):
                    answer = new(task) | {"resultType": "task"}
                    calls.cancel_scope.cancel()
        return answer

    async def _get(self, ctx: Request, params: TaskParams) -> State:
        return await self._waits.state(await self._found(ctx, params))

    async def _cancel(self, ctx: Request, params: TaskParams) -> State:
        await self._waits.give_up(await self._found(ctx, params))
        return {}

    async def _update(self, ctx: Request, params: UpdateParams) -> State:
        """Take what a person said; what answers no question that is asked now is passed over."""
        task = await self._found(ctx, params)
        if not may_act():
            raise MCPError(INVALID_PARAMS, READS_ONLY)
        questions = await self._waits.questions(task)
        responses = {key: response for key, response in params.input_responses.items() if key in questions}
        said = {key: _said(response, questions[key]) for key, response in responses.items()}
        for key, text in said.items():
            if text is None:
                await self._waits.decline(task, questions[key])
            else:
                await self._waits.answer(task, questions[key], text)
        return {}

    async def _found(self, ctx: Request, params: TaskParams) -> Task:
        require_client_extension(ctx, TASKS)
        if task := await self._waits.find(params.task_id, owner=owner(ctx)):
            return task
        raise MCPError(INVALID_PARAMS, UNKNOWN)


def owner(ctx: Request) -> str:
    """Who asks, as far as that is known: the principal of a token, else nobody in particular."""
    return authenticated_principal(ctx) or ""


def _knows_of_tasks(ctx: Request) -> bool:
    able = ctx.session.client_capabilities
    return ctx.protocol_version in REVISIONS and able is not None and TASKS in (able.extensions or {})


def _said(response: Any, asked: Asked) -> str | None:
    """What a person answered, None when they would not."""
    try:
        said = ElicitResult.model_validate(response, by_name=False)
    except ValidationError:
        raise MCPError(INVALID_PARAMS, MISFIT) from None
    if said.action != "accept":
        return None
    text = (said.content or {}).get("answer")
    if not isinstance(text, str) or not text.strip() or text not in (asked.question.options or [text]):
        raise MCPError(INVALID_PARAMS, MISFIT)
    return text
