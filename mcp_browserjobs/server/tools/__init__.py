"""The tools, one file each, in the order in which they are listed."""

from mcp.server.mcpserver.tools import Tool

from ...acting import Actor
from ...tracker import Tracker
from . import (
    answer_job_question,
    cancel_job,
    diagnose_job,
    get_job_events,
    get_job_links,
    get_job_result,
    get_job_screenshot,
    get_job_status,
    list_accounts,
    list_jobs,
    pause_job,
    resume_job,
    start_job,
    wait_for_result,
)

READING = (
    get_job_status,
    wait_for_result,
    get_job_events,
    get_job_result,
    get_job_screenshot,
    get_job_links,
    diagnose_job,
    list_jobs,
    list_accounts,
)


def listed(tracker: Tracker, actor: Actor) -> list[Tool]:
    """The tools that the settings allow."""
    tools = [module.tool(tracker) for module in READING]
    if not tracker.settings.read_only:
        tools.append(answer_job_question.tool(tracker, actor))
        tools += [module.tool(actor) for module in (pause_job, resume_job, cancel_job)]
        if tracker.settings.allow_start:
            tools.append(start_job.tool(actor))
    return tools
