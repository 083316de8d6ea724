"""wait_for_result: wait for jobs, within the client's patience."""

import logging
import math
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import BeforeValidator, Field

from ...jobs import JobStatus
from ...tracker import MOST_JOBS, Tracker
from ...views import JobView, Need, Progress, Until
from ..answers import wait_answer
from ..patience import Patience
from ..presence import while_there
from .base import READS, declare, result

GONE = CallToolResult(content=[TextContent(type="text", text="Nobody waits for the answer any more.")], is_error=True)

log = logging.getLogger(__name__)


class _Waited(TypedDict):
    done: bool
    waited_seconds: float
    wait_cap_seconds: float
    jobs: list[dict[str, Any]]


class WaitAnswer(_Waited, total=False):
    """The shape of the answer."""

    next_step: str


def _listed(jobs: Any) -> Any:
    return [jobs] if isinstance(jobs, str) else jobs


Jobs = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(description=f"Up to {MOST_JOBS} jobs, each as account:id, a link from the provider, or a bare id."),
]


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""
    patience = Patience(tracker.settings.wait_seconds)

    async def wait_for_result(
        ctx: Context[Any, Any],
        jobs: Jobs,
        until: Annotated[
            Until,
            Field(
                description="result: they ended. attention: or one waits for a person, is paused or stands still. "
                "change: or anything new happened."
            ),
        ] = "attention",
        need: Annotated[Need, Field(description="Whether all of the jobs must get there, or any one.")] = "all",
        wait_seconds: Annotated[
            int, Field(ge=0, description="The longest to wait. 0: as long as this client allows.")
        ] = 0,
    ) -> Annotated[CallToolResult, WaitAnswer]:
        with while_there(ctx), patience.waiting(ctx, (*jobs, until, need)) as longest:
            seconds = min(wait_seconds or longest, longest)
            tell = told(ctx, seconds, of=len(set(jobs)))
            waited = await tracker.wait(jobs, until=until, need=need, seconds=seconds, on_progress=tell)
            return result(wait_answer(waited, cap=longest, until=until, need=need, tracker=tracker))
        return GONE

    return declare(
        wait_for_result,
        title="Wait for jobs",
        description="Waits until jobs have ended or need a person, then says how each is doing. "
        "done=false only means that the time was up: call it again with the same jobs. "
        "For a single look without waiting, use get_job_status.",
        hints=READS,
    )


def told(ctx: Context[Any, Any], seconds: float, *, of: int = 1) -> Progress:
    """Tells the client how a wait of at most `seconds` for so many jobs is getting on.

    What goes wrong in telling is not the wait's.
    """
    told_of = -1.0

    async def tell(elapsed: float, views: Sequence[JobView]) -> None:
        nonlocal told_of
        if elapsed <= told_of:
            return
        told_of = elapsed
        try:
            await ctx.report_progress(elapsed, seconds, progress_message(views, of))
        except Exception:
            told_of = math.inf
            log.exception("a client cannot be told of the progress")

    return tell


def progress_message(views: Sequence[JobView], of: int) -> str:
    """How so many jobs are getting on, in a few words of ours; `views` are those of which anything was heard yet."""
    if of != 1:
        return f"{sum(view.status.final for view in views)} of {of} done"
    view = views[0] if views else None
    if view is None or view.record is None:
        return JobStatus.UNKNOWN.value
    status = view.status.value.replace("_", " ")
    return f"{status}, {view.record.events} event{'s' * (view.record.events != 1)}"
