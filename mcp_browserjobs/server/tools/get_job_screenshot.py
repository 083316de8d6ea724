"""get_job_screenshot: what a job's browser shows, or showed."""

import base64
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ImageContent, TextContent
from pydantic import Field

from ...tracker import Tracker
from ..answers import screenshot_line
from .base import READS, JobParameter, declare


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def get_job_screenshot(
        job: JobParameter,
        index: Annotated[int, Field(description="Which one, from 0, the oldest. -1: the latest.")] = -1,
    ) -> CallToolResult:
        shot = await tracker.screenshot(job, index=index)
        image = base64.b64encode(shot.image.data).decode()
        # The line comes first: some frameworks read nothing else. Beside structured content some would drop the image.
        return CallToolResult(
            content=[
                TextContent(type="text", text=screenshot_line(shot)),
                ImageContent(type="image", data=image, mime_type=shot.image.mime_type),
            ]
        )

    return declare(
        get_job_screenshot,
        title="Job screenshot",
        description="Shows one of the screenshots that a provider keeps of a job, scaled down. "
        "For what happened in words, use get_job_events.",
        hints=READS,
        structured=False,
    )
