"""get_job_links: where a person can watch a job, and fetch what it recorded."""

from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from ...tracker import Tracker
from ..answers import links_answer
from .base import READS, JobParameter, declare, result


class LinksAnswer(TypedDict):
    """The shape of the answer."""

    job: str
    summary: str
    links: list[dict[str, Any]]


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def get_job_links(job: JobParameter) -> Annotated[CallToolResult, LinksAnswer]:
        ref, links = await tracker.links(job)
        return result(links_answer(ref, links))

    return declare(
        get_job_links,
        title="Job links",
        description="Gives the links to a job's live view, recordings, downloads and log. They are secrets: whoever "
        "has one can look or take over. For a picture of the page, use get_job_screenshot.",
        hints=READS,
    )
