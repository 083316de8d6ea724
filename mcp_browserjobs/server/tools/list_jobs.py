"""list_jobs: which jobs there are."""

from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from ...errors import InvalidArgumentError
from ...jobs import JobStatus
from ...tracker import Tracker
from ..answers import list_answer
from .base import READS, declare, result

WORDS = ", ".join(JobStatus)


class _Rows(TypedDict):
    jobs: list[dict[str, Any]]


class ListAnswer(_Rows, total=False):
    """The shape of the answer."""

    next_cursor: str
    problems: list[str]


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def list_jobs(
        account: Annotated[str, Field(description="Only jobs of this account. Empty: all.")] = "",
        status: Annotated[str, Field(description="Only jobs with this status. Empty: any.")] = "",
        cursor: Annotated[
            str, Field(description="next_cursor of the last answer; while there is one, there may be more jobs.")
        ] = "",
        limit: Annotated[int, Field(ge=1, le=100, description="The most jobs.")] = 20,
    ) -> Annotated[CallToolResult, ListAnswer]:
        # No Literal: some clients refuse an enumeration with an empty word in it.
        if status and status not in set(JobStatus):
            raise InvalidArgumentError("status", f"must be empty or one of {WORDS}")
        return result(
            list_answer(await tracker.list_jobs(account=account, status=status, cursor=cursor, limit=limit), tracker)
        )

    return declare(
        list_jobs,
        title="List jobs",
        description="Lists jobs seen before and those that the providers list, newest first. "
        "If you have a reference, a link or an id already, use get_job_status.",
        hints=READS,
    )
