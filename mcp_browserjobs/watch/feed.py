"""What a provider tells by itself, over long polls or a stream: read ahead, so that a listener may stop waiting."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from ..errors import BrowserJobsError
from ..jobs import Change, EventPage, Sighting
from ..providers.base import AwaitsChanges, StreamsChanges
from .groups import ungrouped

SILENCE_SECONDS = 90.0
"""One that gives no sign of life for so long is taken to be broken."""
OVERDUE_SECONDS = 15.0
"""A long poll that is so much over its time will not be answered."""
SPACING_SECONDS = 1.0
"""Whatever comes more often is told together."""
FIRST_WORD_SECONDS, LULL_SECONDS = 2.0, 0.5
"""A stream that tells nothing for so long, at first and between two words, has told all that there is by now."""
BY_NOW_SECONDS = 3.0
"""One that never pauses is left after so long."""
MOST_CHANGES = 1000
"""So many are read ahead."""

Telling = AwaitsChanges | StreamsChanges


class Feed:
    """What comes in, in batches."""

    def __init__(self, incoming: MemoryObjectReceiveStream[Change | BrowserJobsError]) -> None:
        self._incoming = incoming
        self._failure: BrowserJobsError | None = None

    async def batch(self) -> list[Change]:
        """What has come in since the last batch, at least one change; none when the provider has ended the feed.

        Raises:
            BrowserJobsError: it broke, and all that came before has been told.
        """
        changes: list[Change] = []
        try:
            while self._failure is None:
                item = self._incoming.receive_nowait() if changes else await self._incoming.receive()
                if isinstance(item, Change):
                    changes.append(item)
                else:
                    self._failure = item
        except (anyio.WouldBlock, anyio.EndOfStream):
            pass
        if self._failure and not changes:
            raise self._failure
        return changes


@asynccontextmanager
async def listening(
    provider: Telling,
    locator: str,
    cursor: str | None,
    *,
    pause: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
    patience: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[Feed]:
    """Have a provider tell of a job, from `cursor` on, until this is left.

    Args:
        pause: waits between two long polls.
        patience: how many seconds the next one may last.
    """
    outgoing, incoming = anyio.create_memory_object_stream[Change | BrowserJobsError](MOST_CHANGES)
    if isinstance(provider, StreamsChanges):
        source = provider.stream_changes(locator, cursor)
    else:
        source = _long_polls(provider, locator, cursor, pause, patience)
    with ungrouped():
        async with incoming, anyio.create_task_group() as tasks:
            tasks.start_soon(_read, source, outgoing)
            try:
                yield Feed(incoming)
            finally:
                tasks.cancel_scope.cancel()


async def all_by_now(provider: Telling, locator: str, cursor: str | None) -> EventPage:
    """The events that a stream tells at once; what comes before it breaks counts.

    When very many have come and it has not paused yet, there are more.
    """
    changes: list[Change] = []
    try:
        with anyio.move_on_after(BY_NOW_SECONDS) as scope:
            async with listening(provider, locator, cursor) as feed:
                while True:
                    batch: list[Change] = []
                    with anyio.move_on_after(LULL_SECONDS if changes else FIRST_WORD_SECONDS):
                        batch = await feed.batch()
                    changes += batch
                    if not batch or batch[-1] == Change():
                        break
    except BrowserJobsError:
        if not changes:
            raise
    page, flooded = joined([change.page for change in changes]), scope.cancelled_caught and len(changes) > MOST_CHANGES
    return page.model_copy(update={"has_more": flooded and page.cursor not in (None, cursor)})


def joined(pages: Sequence[EventPage]) -> EventPage:
    """All pages as one, which goes on after the last of them that says where."""
    return EventPage(
        events=tuple(event for page in pages for event in page.events),
        cursor=next((page.cursor for page in reversed(pages) if page.cursor is not None), None),
        links=tuple(link for page in pages for link in page.links),
    )


async def _long_polls(
    provider: AwaitsChanges,
    locator: str,
    cursor: str | None,
    pause: Callable[[], Awaitable[None]],
    patience: Callable[[], float],
) -> AsyncGenerator[Change]:
    """Ends when there is no news and an answer at once: then looking costs less."""
    told: tuple[Sighting | None, str | None] = (None, cursor)
    while True:
        asked_at = anyio.current_time()
        lasting = patience()
        with anyio.fail_after(lasting + OVERDUE_SECONDS):
            change = await provider.await_change(locator, cursor, lasting)
        at_once = anyio.current_time() - asked_at < SPACING_SECONDS
        cursor = cursor if change.page.cursor is None else change.page.cursor
        yield change
        if at_once and told == (change.sighting, cursor):
            return
        told = change.sighting, cursor
        await pause()


async def _read(source: AsyncGenerator[Change], outgoing: MemoryObjectSendStream[Change | BrowserJobsError]) -> None:
    async with outgoing, aclosing(source) as changes:
        try:
            async for change in changes:
                await outgoing.send(change)
        except BrowserJobsError as error:
            await outgoing.send(error)
