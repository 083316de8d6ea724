"""get_job_events: a part of a job's numbered log."""

from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from ...tracker import Tracker
from ..answers import events_answer
from .base import READS, JobParameter, declare, result


class _Page(TypedDict):
    job: str
    events: list[dict[str, Any]]
    next_after: int
    more: bool
    status: str


class EventsAnswer(_Page, total=False):
    """The shape of the answer."""

    stale: bool


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def get_job_events(
        job: JobParameter,
        after: Annotated[
            int, Field(ge=0, description="Only events above this number: next_after of the last answer.")
        ] = 0,
        limit: Annotated[int, Field(ge=1, le=200, description="The most events.")] = 20,
    ) -> Annotated[CallToolResult, EventsAnswer]:
        return result(events_answer(await tracker.events(job, after=after, limit=limit)))

    return declare(
        get_job_events,
        title="Job events",
        description="Reads what happened in a job, in order and numbered for good. "
        "For where it stands now, use get_job_status.",
        hints=READS,
    )
