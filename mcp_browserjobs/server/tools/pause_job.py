"""pause_job: hold a running job."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from ...acting import Actor
from ..answers import acted_answer
from .base import REPEATABLE, ActedAnswer, JobParameter, declare, result


def tool(actor: Actor) -> Tool:
    """The tool over this actor."""

    async def pause_job(job: JobParameter) -> Annotated[CallToolResult, ActedAnswer]:
        return result(acted_answer(await actor.pause(job)))

    return declare(
        pause_job,
        title="Pause a job",
        description="Holds a running job until it is resumed; its browser may go on costing money. "
        "To end it for good, use cancel_job.",
        hints=REPEATABLE,
    )
