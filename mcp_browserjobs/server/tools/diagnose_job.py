"""diagnose_job: what is the matter with a job, and what could be done."""

from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from ...tracker import Tracker
from ..answers import diagnosis_answer
from .base import READS, JobParameter, declare, result


class _Found(TypedDict):
    job: str
    status: str
    verdict: str
    summary: str
    evidence: dict[str, Any]


class DiagnosisAnswer(_Found, total=False):
    """The shape of the answer."""

    suggestions: list[str]
    reported: dict[str, Any]


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def diagnose_job(job: JobParameter) -> Annotated[CallToolResult, DiagnosisAnswer]:
        return result(diagnosis_answer(*await tracker.diagnose(job)))

    return declare(
        diagnose_job,
        title="Diagnose a job",
        description="Tells why a job failed, stands still or waits, with the evidence and the calls that could help. "
        "To see how a job is doing, use get_job_status.",
        hints=READS,
    )
