"""Who is told of changes, and what each is still to be told."""

from collections.abc import Awaitable, Callable

import anyio
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated

Update = ResourceUpdated | ResourcesListChanged


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


class Reader:
    """Somebody who is told: a stream, or the connection of an older client.

    Each is told by a task of its own, and has each update waiting once at most, so that one who stopped reading
    holds up nobody else, and costs no more for it.

    Args:
        wants: whether an update concerns it.
        send: how it is told.
    """

    def __init__(self, wants: Callable[[Update], bool], send: Callable[[Update], Awaitable[None]]) -> None:
        self._wants = wants
        self._send = send
        self._outbox = Outbox()

    def put(self, update: Update) -> None:
        """Tell it an update, if it concerns it; never blocks."""
        if self._wants(update):
            self._outbox.put(update)

    async def tell(self) -> None:
        """Tell it what is put in, for ever."""
        while True:
            for update in await self._outbox.take():
                await self._send(update)
