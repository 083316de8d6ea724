"""cancel_job: stop a job for good."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations

from ...acting import Actor
from ..answers import acted_answer
from .base import ActedAnswer, JobParameter, declare, result


def tool(actor: Actor) -> Tool:
    """The tool over this actor."""

    async def cancel_job(job: JobParameter) -> Annotated[CallToolResult, ActedAnswer]:
        return result(acted_answer(await actor.cancel(job)))

    return declare(
        cancel_job,
        title="Cancel a job",
        description="Stops a job for good, and looks until the provider says that it stopped; safe to repeat. "
        "To hold it only, use pause_job.",
        hints=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False),
    )
