"""What every tool is made of: how it is declared, what its parameters and results have in common, how it fails."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field, PrivateAttr, ValidationError

from ...errors import BrowserJobsError, InvalidArgumentError
from ...tracker import Tracker
from ..answers import Answer, compact, explain

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
"""The hints of a tool that changes nothing. Its world is closed, or some clients ask a person to approve each answer."""

JobParameter = Annotated[str, Field(description="Job reference account:id, a link from the provider, or a bare id.")]


class _JobFields(TypedDict):
    job: str
    status: str
    final: bool
    summary: str


class JobAnswer(_JobFields, total=False):
    """The shape of a Job answer."""

    provider_status: str
    next_step: str
    started_at: str
    updated_at: str
    finished_at: str
    elapsed_seconds: float
    events_seen: int
    cost: dict[str, Any]
    goal_met: bool
    goal_met_by: str
    failure: str
    has: list[str]
    checked_at: str
    stale: bool
    stalled_seconds: int
    retry_after_seconds: int
    reported: dict[str, Any]


class JobTool(Tool):
    """A tool whose every failure is a sentence that says what to do next."""

    _tracker: Tracker = PrivateAttr()

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False  # noqa: FBT001, FBT002 - the SDK's signature
    ) -> Any:
        """Run it.

        Raises:
            ToolError: it failed, in a way that the caller can do something about.
        """
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if (failure := _failure(error.__cause__)) is None:
                raise
            raise ToolError(explain(failure, self._tracker)) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not this call was cancelled but something it awaited; let through, that would end the connection.
            raise ToolError("The call was interrupted; call again.") from None


def reading(
    tracker: Tracker, call: Callable[..., Any], *, title: str, description: str
) -> Tool:
    """Declare a tool that reads: its parameters and the shape of its result are those of `call`."""
    return _declared(tracker, call, title=title, description=description, annotations=READS)


def _declared(tracker: Tracker, call: Callable[..., Any], **shown: Any) -> Tool:
    tool = JobTool.from_function(call, **shown)
    assert isinstance(tool, JobTool)
    tool._tracker = tracker  # noqa: SLF001 - the SDK's constructor takes no more
    tool.parameters = plain(tool.parameters)
    tool.fn_metadata.output_schema = plain(tool.fn_metadata.output_schema or {})
    return tool


def result(answer: Answer) -> CallToolResult:
    """The answer as structured content and, for clients that read no other, as text."""
    return CallToolResult(content=[TextContent(type="text", text=compact(answer))], structured_content=answer)


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what is made up from Python's names: titles, and the description of the whole."""
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {**kept, "properties": {name: _untitled(part) for name, part in schema["properties"].items()}}


def _untitled(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "title"}


def _failure(cause: BaseException | None) -> BrowserJobsError | None:
    """What went wrong, in our words; None for a fault of ours."""
    match cause:
        case BrowserJobsError():
            return cause
        case ValidationError():
            return _bad_argument(cause)
        case BaseExceptionGroup():
            return next(_ours(cause), None)
        case _:
            return None


def _ours(group: BaseExceptionGroup[BaseException]) -> Iterator[BrowserJobsError]:
    for each in group.exceptions:
        if failure := _failure(each):
            yield failure


def _bad_argument(error: ValidationError) -> InvalidArgumentError:
    """The first thing wrong, without the rejected value."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    says = re.sub(r"^Input should (?:be|have)", "must be", problem["msg"])
    ...
