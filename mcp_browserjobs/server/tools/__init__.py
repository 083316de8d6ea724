"""The tools, one file each, in the order in which they are listed."""

from collections.abc import Callable

from mcp.server.mcpserver.tools import Tool

from ...tracker import Tracker
from . import get_job_events, get_job_result, get_job_status, list_accounts, list_jobs, wait_for_result

TOOLS: tuple[Callable[[Tracker], Tool], ...] = (
    get_job_status.tool,
    wait_for_result.tool,
    get_job_events.tool,
    get_job_result.tool,
    list_jobs.tool,
    list_accounts.tool,
)
