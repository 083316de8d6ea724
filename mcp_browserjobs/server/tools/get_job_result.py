"""get_job_result: what a job brought, whole or in part."""

from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from ...tracker import Tracker
from ..answers import result_answer
from .base import READS, JobParameter, declare, result


class _Part(TypedDict):
    job: str
    status: str
    reported: dict[str, Any]
    chars: int
    more: bool


class ResultAnswer(_Part, total=False):
    """The shape of the answer."""

    next_offset: int


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def get_job_result(
        job: JobParameter,
        pointer: Annotated[str, Field(description="JSON Pointer to a part, such as /items/0. Empty: all.")] = "",
        offset: Annotated[int, Field(ge=0, description="next_offset of the last answer.")] = 0,
        max_chars: Annotated[int, Field(ge=1, le=30000, description="The most characters.")] = 6000,
    ) -> Annotated[CallToolResult, ResultAnswer]:
        return result(result_answer(await tracker.result(job, pointer=pointer, offset=offset, most=max_chars)))

    return declare(
        get_job_result,
        title="Job result",
        description="Reads the result of a job, in slices where it is long. "
        "A short result already stands in the answers of get_job_status and wait_for_result.",
        hints=READS,
    )
