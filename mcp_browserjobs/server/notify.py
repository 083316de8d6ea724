"""Live updates: whoever subscribes to a resource is told when it changes, in both eras of the protocol.

Clients of revision 2026-07-28 send one `subscriptions/listen` that lasts as long as its stream; older ones send
`resources/subscribe`, which lasts as long as their connection. A job is watched while anybody subscribes to it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import anyio
from anyio.abc import TaskGroup, TaskStatus
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    InMemorySubscriptionBus,
    ResourcesListChanged,
    ResourceUpdated,
)
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, SubscribeRequestParams, SubscriptionsListenRequestParams

from ..errors import BrowserJobsError, InvalidArgumentError
from ..jobs import JobRef
from ..store import Record
from ..tracker import Tracker
from . import uris
from .sentences import explain

LIST_SECONDS = 5.0
"""At most once in so many seconds is anybody told that the list of jobs changed."""
MODERN = "2026"
"""Protocol revisions from here on know `subscriptions/listen` and nothing else."""

Update = ResourceUpdated | ResourcesListChanged
Request = ServerRequestContext[Any, Any]


class Outbox:
    """What is to be told: each update once, however often it is put in before it is taken out."""

    def __init__(self) -> None:
        self._updates: dict[Update, None] = {}
        self._filled = anyio.Event()

    def put(self, update: Update) -> None:
        """Put an update in; never blocks."""
        self._updates[update] = None
        self._filled.set()

    async def take(self) -> list[Update]:
        """All that is in it, as soon as there is anything."""
        await self._filled.wait()
        self._filled = anyio.Event()
        updates, self._updates = list(self._updates), {}
        return updates


@dataclass(frozen=True)
class Subscription:
    """A resource that somebody wants updates of: its URI as they spell it, and the job, None for the list of jobs."""

    uri: str
    job: JobRef | None = None
    followed: bool = False


@dataclass(eq=False)
class Reader:
    """A connection of an older client: what it subscribes to, and what it is still to be told.

    A task of its own tells it, so that one that stopped reading holds up nobody else.
    """

    session: ServerSession
    subscriptions: dict[str, anyio.CancelScope] = field(default_factory=dict)
    outbox: Outbox = field(default_factory=Outbox)
    telling: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def put(self, update: Update) -> None:
        """Tell it an update, if it concerns it."""
        if isinstance(update, ResourcesListChanged) or update.uri in self.subscriptions:
            self.outbox.put(update)

    async def tell(self) -> None:
        """Tell it what is put in, until it leaves."""
        with self.telling:
            while True:
                for update in await self.outbox.take():
                    if isinstance(update, ResourcesListChanged):
                        await self.session.send_resource_list_changed()
                    else:
                        await self.session.send_resource_updated(update.uri)

    def leave(self) -> None:
        """End all that is done for it."""
        for scope in (self.telling, *self.subscriptions.values()):
            scope.cancel()


class Updates:
    """Tells subscribers of changes. The server takes its `bus` and `middleware`; it works within `running()`."""

    def __init__(self, tracker: Tracker) -> None:
        self.bus = InMemorySubscriptionBus()
        self._tracker = tracker
        self._uris: dict[JobRef, Counter[str]] = {}
        self._news, self._list_news = Outbox(), Outbox()
        self._readers: dict[Connection, Reader] = {}
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
                await self.bus.publish(update)
                for reader in self._readers.values():
                    reader.put(update)
            await anyio.sleep(pause)

    async def middleware(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        """Serve what has to do with updates; everything else goes on to the SDK."""
        if self._tasks is None:
            return await call_next(ctx)
        match ctx.method:
            case "server/discover":
                return _truthful(await call_next(ctx))
            case "initialize":
                result = _truthful(await call_next(ctx))
                self._welcome(ctx, self._tasks)
                return result
            case "subscriptions/listen" if ctx.protocol_version >= MODERN:
                return await self._listen(ctx, call_next)
            case "resources/subscribe" | "resources/unsubscribe" if reader := self._readers.get(_connection(ctx)):
                uri = SubscribeRequestParams.model_validate(ctx.params or {}, by_name=False).uri
                if ctx.method == "resources/subscribe":
                    await self._subscribe(reader, uri, self._tasks)
                elif uri in reader.subscriptions:
                    reader.subscriptions.pop(uri).cancel()
                return {}
            case _:
                return await call_next(ctx)

    # Clients of 2026-07-28

    async def _listen(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        """One stream of updates; what it is not told of is taken out of the request, and so of its confirmation."""
        params = ctx.params or {}
        asked = SubscriptionsListenRequestParams.model_validate(params, by_name=False).notifications
        with anyio.CancelScope() as stream:
            self._streams.add(stream)
            try:
                async with AsyncExitStack() as subscribed:
                    known = await self._known(asked.resource_subscriptions or ())
                    for subscription in known:
                        await subscribed.enter_async_context(self._subscribed(subscription))
                    honored = {
                        "resourcesListChanged": bool(asked.resources_list_changed),
                        "resourceSubscriptions": [subscription.uri for subscription in known],
                    }
                    return await call_next(replace(ctx, params={**params, "notifications": honored}))
            finally:
                self._streams.discard(stream)
        return {"resultType": "complete", "_meta": {SUBSCRIPTION_ID_META_KEY: ctx.request_id}}

    async def _known(self, asked: Iterable[str]) -> list[Subscription]:
        found: dict[str, Subscription] = {}

        async def find(uri: str) -> None:
            try:
                found[uri] = await self._subscription(uri)
            except BrowserJobsError:
                return

        async with anyio.create_task_group() as tasks:
            for uri in set(asked):
                tasks.start_soon(find, uri)
        return list(found.values())

    # Older clients

    def _welcome(self, ctx: Request, tasks: TaskGroup) -> None:
        connection = _connection(ctx)
        if connection not in self._readers:
            reader = self._readers[connection] = Reader(ctx.session)
            tasks.start_soon(reader.tell)
            connection.exit_stack.callback(self._leave, connection)

    def _leave(self, connection: Connection) -> None:
        self._readers.pop(connection).leave()

    async def _subscribe(self, reader: Reader, uri: str, tasks: TaskGroup) -> None:
        if uri in reader.subscriptions:
            return
        try:
            await tasks.start(self._hold, reader, uri)
        except BrowserJobsError as error:
            raise MCPError(INVALID_PARAMS, explain(error, self._tracker), {"uri": uri}) from None

    async def _hold(
        self, reader: Reader, uri: str, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        with anyio.CancelScope() as scope:
            reader.subscriptions[uri] = scope
            try:
                async with self._subscribed(await self._subscription(uri)):
                    task_status.started()
                    await anyio.sleep_forever()
            finally:
                if reader.subscriptions.get(uri) is scope:
                    del reader.subscriptions[uri]

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


def _connection(ctx: Request) -> Connection:
    return ctx.session._connection  # noqa: SLF001 - the SDK has no public name for who asks


def _truthful(result: HandlerResult) -> HandlerResult:
    """The SDK's introduction, with the capabilities that are there: the list of tools never changes, say."""
    capabilities = cast("dict[str, Any]", result)["capabilities"]
    for name in ("tools", "prompts"):
        capabilities[name] = {"listChanged": False}
    capabilities["resources"] = {"subscribe": True, "listChanged": True}
    return result
