"""get_job_status: how one job is doing now."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from ...tracker import Tracker
from ..answers import job_answer
from .base import READS, JobAnswer, JobParameter, declare, result


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def get_job_status(job: JobParameter) -> Annotated[CallToolResult, JobAnswer]:
        return result(job_answer(await tracker.look(job)))

    return declare(
        get_job_status,
        title="Job status",
        description="Looks at one job once and says how it is doing. "
        "To wait until it ends or needs a person, use wait_for_result instead of calling this repeatedly.",
        hints=READS,
    )
