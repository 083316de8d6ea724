"""resume_job: let a paused job go on."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from ...acting import Actor
from ..answers import acted_answer
from .base import REPEATABLE, ActedAnswer, JobParameter, declare, result


def tool(actor: Actor) -> Tool:
    """The tool over this actor."""

    async def resume_job(job: JobParameter) -> Annotated[CallToolResult, ActedAnswer]:
        return result(acted_answer(await actor.resume(job)))

    return declare(
        resume_job,
        title="Resume a job",
        description="Lets a paused job go on. For one that waits for an answer, use answer_job_question.",
        hints=REPEATABLE,
    )
