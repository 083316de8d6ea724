"""Live updates: whoever subscribes to a resource is told when it changes, in both eras of the protocol.

Clients of revision 2026-07-28 send one `subscriptions/listen` that lasts as long as its stream; older ones send
`resources/subscribe`, which lasts as long as their connection. A job is watched while anybody subscribes to it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
from anyio.abc import TaskGroup
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import event_to_notification
from mcp.types import (
    INVALID_PARAMS,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
)

from ..errors import BrowserJobsError, InvalidArgumentError
from ..jobs import JobRef
from ..store import Record
from ..tracker import Tracker
from . import uris
from .presence import connection_of
from .readers import Outbox, Reader, Update
from .sentences import explain

LIST_SECONDS = 5.0
"""At most once in so many seconds is anybody told that the list of jobs changed."""
FINDING_AT_ONCE = 20
"""So many jobs that were never seen are looked for at once, whatever a client names."""
FINDING_SECONDS = 8.0
"""A stream does not wait longer than this for jobs that have not been seen yet; those are then not told of."""
MODERN = "2026"
"""Protocol revisions from here on know `subscriptions/listen` and nothing else."""

Request = ServerRequestContext[Any, Any]


@dataclass(frozen=True)
class Subscription:
    """A resource that somebody wants updates of: its URI as they spell it, and the job, None for the list of jobs."""

    uri: str
    job: JobRef | None = None
    followed: bool = False


@dataclass(eq=False)
class Held:
    """A subscription of an older client, with what lasts while that can be told."""

    subscription: Subscription
    lasting: AsyncExitStack = field(default_factory=AsyncExitStack)


class Session:
    """The connection of an older client: what it subscribes to, by URI.

    Over HTTP it is `away` from when it closed the last of its `streams` until it opens another.
    """

    def __init__(self, ctx: Request) -> None:
        self._session = ctx.session
        self.reader = Reader(self._wants, self._send)
        self.subscriptions: dict[str, Held] = {}
        self.streams = 0
        self.away = False
        self.changing = anyio.Lock()
        self._telling = anyio.CancelScope()

    def _wants(self, update: Update) -> bool:
        return isinstance(update, ResourcesListChanged) or update.uri in self.subscriptions

    async def _send(self, update: Update) -> None:
        if isinstance(update, ResourcesListChanged):
            await self._session.send_resource_list_changed()
        else:
            await self._session.send_resource_updated(update.uri)

    async def tell(self) -> None:
        """Tell it what there is to tell, until `leave`."""
        with self._telling:
            await self.reader.tell()

    async def suspend(self) -> None:
        """Let go of what it subscribes to, for as long as it is away."""
        with anyio.CancelScope(shield=True):
            async with self.changing:
                self.away = True
                for held in self.subscriptions.values():
                    await held.lasting.aclose()

    async def leave(self) -> None:
        """End all that is done for it."""
        self._telling.cancel()
        await self.suspend()


class Updates:
    """Tells subscribers of changes. The server takes its `middleware`; it works within `running()`."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._uris: dict[JobRef, Counter[str]] = {}
        self._news, self._list_news = Outbox(), Outbox()
        self._readers: set[Reader] = set()
        self._sessions: dict[Connection | str, Session] = {}
        self._streams: set[anyio.CancelScope] = set()
        self._tasks: TaskGroup | None = None
        tracker.on_change(self._changed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Subscribers are told as long as this lasts."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._publish, self._news, 0.0)
            tasks.start_soon(self._publish, self._list_news, LIST_SECONDS)
            try:
                yield
            finally:
                self._tasks = None
                self.close()
                for session in list(self._sessions.values()):
                    await session.leave()
                tasks.cancel_scope.cancel()

    def close(self) -> None:
        """End every stream of updates in good order."""
        for stream in self._streams:
            stream.cancel()

    def _changed(self, record: Record) -> None:
        for uri in self._uris.get(record.ref, ()):
            self._news.put(ResourceUpdated(uri))
        self._list_news.put(ResourceUpdated(uris.JOBS))
        if record.revision == 1:
            self._list_news.put(ResourcesListChanged())

    async def _publish(self, news: Outbox, pause: float) -> None:
        while True:
            for update in await news.take():
                for reader in self._readers:
                    reader.put(update)
            await anyio.sleep(pause)

    async def middleware(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        """Serve what has to do with updates; everything else goes on to the SDK."""
        if self._tasks is None or ctx.request_id is None:
            return await call_next(ctx)
        match ctx.method:
            case "server/discover":
                return _truthful(await call_next(ctx))
            case "initialize":
                result = _truthful(await call_next(ctx))
                self._welcome(ctx, self._tasks)
                return result
            case "subscriptions/listen" if ctx.protocol_version >= MODERN:
                return await self._listen(ctx)
            case "resources/subscribe" | "resources/unsubscribe" if session := self._sessions.get(_name(ctx)):
                uri = SubscribeRequestParams.model_validate(ctx.params or {}, by_name=False).uri
                await (self._subscribe if ctx.method == "resources/subscribe" else _unsubscribe)(session, uri)
                return {}
            case _:
                return await call_next(ctx)

    # Clients of 2026-07-28

    async def _listen(self, ctx: Request) -> HandlerResult:
        """One stream of updates. It begins with what it will tell: what there is, of all that was asked for."""
        asked = SubscriptionsListenRequestParams.model_validate(ctx.params or {}, by_name=False).notifications
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        with anyio.CancelScope() as stream:
            self._streams.add(stream)
            try:
                known, unknown = await self._known(asked.resource_subscriptions or ())
                if unknown and not (known or asked.resources_list_changed or _other_wishes(ctx)):
                    raise MCPError(INVALID_PARAMS, explain(unknown[0], self._tracker))
                async with AsyncExitStack() as lasting:
                    for subscription in known:
                        await lasting.enter_async_context(self._subscribed(subscription))
                    honored = SubscriptionFilter(
                        resources_list_changed=asked.resources_list_changed or None,
                        resource_subscriptions=[subscription.uri for subscription in known] or None,
                    )
                    await self._stream(ctx, honored, meta)
            finally:
                self._streams.discard(stream)
        return {"resultType": "complete", "_meta": meta}

    async def _stream(self, ctx: Request, honored: SubscriptionFilter, meta: dict[str, Any]) -> None:
        of_the_list, of_uris = honored.resources_list_changed, frozenset(honored.resource_subscriptions or ())

        def wants(update: Update) -> bool:
            return bool(of_the_list) if isinstance(update, ResourcesListChanged) else update.uri in of_uris

        async def send(update: Update) -> None:
            await ctx.session.send_notification(event_to_notification(update, meta), ctx.request_id)

        reader = Reader(wants, send)
        self._readers.add(reader)
        try:
            confirmed = SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=meta)
            await ctx.session.send_notification(SubscriptionsAcknowledgedNotification(params=confirmed), ctx.request_id)
            await reader.tell()
        finally:
            self._readers.discard(reader)

    async def _known(self, asked: Iterable[str]) -> tuple[list[Subscription], list[BrowserJobsError]]:
        """What can be subscribed to, and why the others cannot."""
        found: dict[str, Subscription] = {}
        unknown: list[BrowserJobsError] = []
        few = anyio.CapacityLimiter(FINDING_AT_ONCE)

        async def find(uri: str) -> None:
            try:
                async with few:
                    found[uri] = await self._subscription(uri)
            except BrowserJobsError as error:
                unknown.append(error)

        with anyio.move_on_after(FINDING_SECONDS):
            async with anyio.create_task_group() as tasks:
                for uri in set(asked):
                    tasks.start_soon(find, uri)
        return list(found.values()), unknown

    # Older clients

    def _welcome(self, ctx: Request, tasks: TaskGroup) -> None:
        if (name := _name(ctx)) not in self._sessions:
            session = self._sessions[name] = Session(ctx)
            self._readers.add(session.reader)
            tasks.start_soon(session.tell)
            connection_of(ctx.session).exit_stack.push_async_callback(self._leave, name)

    async def _leave(self, name: Connection | str) -> None:
        session = self._sessions.pop(name)
        self._readers.discard(session.reader)
        await session.leave()

    async def _subscribe(self, session: Session, uri: str) -> None:
        try:
            held = Held(await self._subscription(uri))
            async with session.changing:
                if uri in session.subscriptions:
                    return
                if not session.away:
                    await held.lasting.enter_async_context(self._subscribed(held.subscription))
                session.subscriptions[uri] = held
        except BrowserJobsError as error:
            raise MCPError(INVALID_PARAMS, explain(error, self._tracker), {"uri": uri}) from None

    @asynccontextmanager
    async def listening(self, session_id: str) -> AsyncIterator[None]:
        """An older client over HTTP can be told something as long as this lasts.

        When it comes back, it is told of all that may have changed while it was away.
        """
        if (session := self._sessions.get(session_id)) is None:
            yield
            return
        session.streams += 1
        try:
            if session.away:
                await self._resume(session)
            yield
        finally:
            session.streams -= 1
            if not session.streams:
                await session.suspend()

    async def _resume(self, session: Session) -> None:
        async with session.changing:
            session.away = False
            session.reader.put(ResourcesListChanged())
            for uri, held in session.subscriptions.items():
                await held.lasting.enter_async_context(self._subscribed(held.subscription))
                session.reader.put(ResourceUpdated(uri))

    # Both

    async def _subscription(self, uri: str) -> Subscription:
        address = uris.read(uri)
        if address is None:
            raise InvalidArgumentError("uri", "must be that of a resource of this server")
        if address.part == "jobs":
            return Subscription(uri)
        return Subscription(uri, await self._tracker.resolve(address.job), followed=address.part == "events")

    @asynccontextmanager
    async def _subscribed(self, subscription: Subscription) -> AsyncIterator[None]:
        """Somebody subscribes as long as this lasts, and so the job is watched."""
        uri, job = subscription.uri, subscription.job
        if job is None:
            yield
        else:
            spellings = self._uris.setdefault(job, Counter())
            spellings[uri] += 1
            try:
                async with self._tracker.watching(job, followed=subscription.followed):
                    yield
            finally:
                spellings -= Counter([uri])
                if not spellings:
                    del self._uris[job]


async def _unsubscribe(session: Session, uri: str) -> None:
    async with session.changing:
        if held := session.subscriptions.pop(uri, None):
            await held.lasting.aclose()


def _name(ctx: Request) -> Connection | str:
    """What tells an older client's connection from others: over HTTP its session's id, which every request brings."""
    connection = connection_of(ctx.session)
    return connection.session_id or connection


def _truthful(result: HandlerResult) -> HandlerResult:
    """The SDK's introduction, with the capabilities that are there: the list of tools never changes, say."""
    capabilities = cast("dict[str, Any]", result)["capabilities"]
    for name in ("tools", "prompts"):
        capabilities[name] = {"listChanged": False}
    capabilities["resources"] = {"subscribe": True, "listChanged": True}
    return result


def _other_wishes(ctx: Request) -> bool:
    """Whether a stream is to tell of something else as well, which others add."""
    notifications = (ctx.params or {}).get("notifications")
    return isinstance(notifications, dict) and bool(notifications.keys() - {"resourceSubscriptions"})
