"""Tells clients that listen how their tasks stand: `notifications/tasks` on the streams of `subscriptions/listen`.

The jobs of a task are watched while anybody listens to it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import anyio
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import require_client_extension
from mcp.server.session import ServerSession
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, RequestId, SubscriptionsAcknowledgedNotification
from pydantic import BaseModel, Field, ValidationError

from ..errors import BrowserJobsError
from ..store import Task
from ..views import JobView
from ..watch.groups import ungrouped
from .open_waits import OpenWaits, State
from .standing import Wanted
from .tasks import REVISIONS, TASKS, Request, owner

MOST_TASKS = 20
"""To so many tasks one stream listens."""
AGAIN_SECONDS = 10.0
GOING = ("working", "input_required")

Tell = Callable[[State], Awaitable[None]]


class _Notifications(BaseModel):
    task_ids: list[str] | None = Field(default=None, alias="taskIds")


class _Asked(BaseModel):
    notifications: _Notifications = _Notifications()


class _Notification(BaseModel):
    method: str
    params: dict[str, Any]


class _Confirming:
    """A session whose confirmation of a stream names the tasks that it tells of; `confirmed` is set after it."""

    def __init__(self, session: ServerSession, task_ids: list[str]) -> None:
        self._session = session
        self._task_ids = task_ids
        self.confirmed = anyio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def send_notification(self, notification: BaseModel, related_request_id: RequestId | None = None) -> None:
        """Send it on, with our part if it is the confirmation."""
        if not isinstance(notification, SubscriptionsAcknowledgedNotification):
            await self._session.send_notification(cast("Any", notification), related_request_id)
            return
        confirmation = notification.model_dump(by_alias=True, mode="json", exclude_none=True)
        confirmation["params"]["notifications"]["taskIds"] = self._task_ids
        await self._session.send_notification(cast("Any", _Notification(**confirmation)), related_request_id)
        self.confirmed.set()


class _Follower:
    """Somebody who listens to a task: `views` are how its jobs were when last heard of, None when that is not known."""

    def __init__(self) -> None:
        self.views: Sequence[JobView] | None = None
        self._news = anyio.Event()

    def hear(self, views: Sequence[JobView] | None) -> None:
        """Take in that something may have changed."""
        self.views = views
        self._news.set()

    async def news(self) -> None:
        """Returns as soon as anything was heard since."""
        await self._news.wait()
        self._news = anyio.Event()


class TaskNews:
    """Adds tasks to what a stream of updates can be asked to tell of. The server takes its `middleware`."""

    def __init__(self, waits: OpenWaits) -> None:
        self._waits = waits
        self._tracker = waits.tracker
        self._followers: defaultdict[str, set[_Follower]] = defaultdict(set)
        waits.on_touch(self._touched)

    def _touched(self, task_id: str) -> None:
        for follower in self._followers.get(task_id, ()):
            follower.hear(follower.views)

    async def middleware(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        """Tell of the tasks that a stream asks for, as long as whoever serves its other updates keeps it open."""
        asked = _task_ids(ctx)
        if not asked:
            return await call_next(ctx)
        require_client_extension(ctx, TASKS)
        found = [await self._waits.find(task_id, owner=owner(ctx)) for task_id in asked]
        tasks = [task for task in found if task]
        session = _Confirming(ctx.session, [task.id for task in tasks])
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}

        async def tell(state: State) -> None:
            await session.confirmed.wait()
            notification = _Notification(method="notifications/tasks", params={**state, "_meta": meta})
            await ctx.session.send_notification(cast("Any", notification), ctx.request_id)

        with ungrouped():
            async with anyio.create_task_group() as telling:
                for task in tasks:
                    telling.start_soon(self._follow, task, tell)
                result = await call_next(replace(ctx, session=cast("ServerSession", session)))
                telling.cancel_scope.cancel()
        return result

    async def _follow(self, task: Task, tell: Tell) -> None:
        """Tell how a task stands now, and whenever that is another thing than before, until it is over."""
        follower = _Follower()
        told: tuple[Any, ...] | None = None
        self._followers[task.id].add(follower)
        try:
            async with anyio.create_task_group() as watching:
                while True:
                    state = await self._waits.state(await self._waits.renewed(task), follower.views)
                    first, standing = told is None, _standing(state)
                    if standing != told:
                        told = standing
                        await tell(state)
                    if state["status"] not in GOING:
                        break
                    if first:
                        watching.start_soon(self._watch, task, follower)
                    await follower.news()
                watching.cancel_scope.cancel()
        finally:
            self._followers[task.id].discard(follower)
            if not self._followers[task.id]:
                del self._followers[task.id]

    async def _watch(self, task: Task, follower: _Follower) -> None:
        """Have the jobs of a task watched, and the follower hear of what changes."""
        wanted = Wanted.model_validate(task.wanted)

        async def hear(_: float, views: Sequence[JobView]) -> None:
            known = {view.reference: view for view in views}
            if known.keys() >= set(wanted.jobs):
                follower.hear([known[job] for job in wanted.jobs])

        while True:
            left = task.made_at + timedelta(seconds=wanted.seconds) - self._tracker.clock()
            with suppress(BrowserJobsError):
                await self._tracker.wait(
                    wanted.jobs,
                    # What else ends a task depends on what is asked meanwhile.
                    until="change" if wanted.until == "change" else "result",
                    seconds=max(0.0, left.total_seconds()),
                    on_progress=hear,
                )
            follower.hear(None)
            await anyio.sleep(AGAIN_SECONDS)


def _task_ids(ctx: Request) -> list[str]:
    if ctx.method != "subscriptions/listen" or ctx.protocol_version not in REVISIONS:
        return []
    try:
        asked = _Asked.model_validate(ctx.params or {}).notifications.task_ids
    except ValidationError:
        raise MCPError(INVALID_PARAMS, "taskIds must be a list of strings") from None
    return list(dict.fromkeys(asked or ()))[:MOST_TASKS]


def _standing(state: State) -> tuple[Any, ...]:
    """What of a state is worth telling by itself."""
    return state["status"], state.get("statusMessage"), *state.get("inputRequests", ())
