"""What the tools have in common: how one is declared, the hints, the Job answer."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from ..answers import Answer, compact

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
"""Changes nothing. With an open world, some clients would ask a person to approve each answer."""

REPEATABLE = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
"""Changes something that can be changed back, and once only."""

JobParameter = Annotated[str, Field(description="account:id, a link from the provider, or a bare id.")]


class _Known(TypedDict):
    job: str
    status: str
    final: bool
    summary: str


class JobAnswer(_Known, total=False):
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


class ActedAnswer(JobAnswer, total=False):
    """The shape of a Job answer after something was asked for."""

    asked: str
    took_effect: bool


def declare(
    call: Callable[..., Awaitable[CallToolResult]],
    *,
    title: str,
    description: str,
    hints: ToolAnnotations,
    structured: bool = True,
) -> Tool:
    """A tool of the name of `call`, which says with its signature what goes in and, if `structured`, what comes out."""
    tool = Tool.from_function(
        call, title=title, description=description, annotations=hints, structured_output=structured
    )
    tool.parameters = plain(tool.parameters)
    if tool.fn_metadata.output_schema is not None:
        tool.fn_metadata.output_schema = plain(tool.fn_metadata.output_schema)
    return tool


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what goes without saying, and without the titles that are made of our own names."""
    parts = {name: _plain(part) for name, part in schema.get("properties", {}).items()}
    needed = {"required": schema["required"]} if "required" in schema else {}
    return {"type": "object", "properties": parts, **needed}


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in part.items() if key not in ("title", "additionalProperties")}
    return kept | {"items": _plain(part["items"])} if "items" in part else kept


def result(answer: Answer) -> CallToolResult:
    """The answer as structured content and, for clients that read nothing else, the same as text."""
    return CallToolResult(content=[TextContent(type="text", text=compact(answer))], structured_content=answer)
