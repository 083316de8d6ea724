"""What a stream tells at once: from where it goes on, when it is taken to have paused, and whether there is more."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from mcp_browserjobs.errors import ProviderUnavailableError
from mcp_browserjobs.jobs import Change, Event, EventKind, EventPage
from mcp_browserjobs.watch.feed import BY_NOW_SECONDS, FIRST_WORD_SECONDS, LULL_SECONDS, MOST_CHANGES, all_by_now

pytestmark = pytest.mark.anyio


class Stream:
    """Tells of an event at each of these pauses, and then nothing for long; the cursor is the place of the last one."""

    def __init__(self, *pauses: float, breaks: bool = False) -> None:
        self._pauses = pauses
        self._breaks = breaks
        self.begun_at: list[str | None] = []

    async def stream_changes(self, job_id: str, cursor: str | None) -> AsyncGenerator[Change]:
        """The events, whatever the cursor."""
        self.begun_at.append(cursor)
        for place, pause in enumerate(self._pauses):
            await anyio.sleep(pause)
            event = Event(key=f"{job_id} {place}", kind=EventKind.LOG)
            yield Change(page=EventPage(events=(event,), cursor=str(place)))
        if self._breaks:
            raise ProviderUnavailableError("kernel", "kernel")
        await anyio.sleep(1000)


async def keys(stream: Stream, cursor: str | None = None) -> list[str]:
    return [event.key for event in (await all_by_now(stream, "job", cursor)).events]


async def test_it_goes_on_where_the_last_one_ended() -> None:
    stream = Stream(0)
    await keys(stream, "7")
    assert stream.begun_at == ["7"]


async def test_it_waits_longer_for_the_first_word_than_for_the_next() -> None:
    assert await keys(Stream(FIRST_WORD_SECONDS - 0.1, LULL_SECONDS - 0.1)) == ["job 0", "job 1"]
    assert anyio.current_time() == pytest.approx(FIRST_WORD_SECONDS + 2 * LULL_SECONDS - 0.2)
    assert await keys(Stream(FIRST_WORD_SECONDS + 0.1)) == []
    assert await keys(Stream(0, LULL_SECONDS + 0.1)) == ["job 0"]


async def test_one_that_never_pauses_is_left() -> None:
    assert len(await keys(Stream(*[LULL_SECONDS - 0.2] * 100))) == int(BY_NOW_SECONDS / (LULL_SECONDS - 0.2))
    assert anyio.current_time() == BY_NOW_SECONDS


@pytest.mark.parametrize(("count", "more"), [(MOST_CHANGES, False), (MOST_CHANGES + 1, True)])
async def test_there_is_more_of_a_flood_only(*, count: int, more: bool) -> None:
    pause = LULL_SECONDS - 0.2
    slow = round(BY_NOW_SECONDS / pause)
    page = await all_by_now(Stream(*[0.0] * (count - slow), *[pause] * 100), "job", None)
    assert (len(page.events), page.has_more) == (count, more)


async def test_a_flood_that_comes_to_nothing_new_ends() -> None:
    flood = Stream(*[0.0] * (MOST_CHANGES + 1), *[LULL_SECONDS - 0.2] * 20)
    page = await all_by_now(flood, "job", None)
    assert page.has_more
    assert not (await all_by_now(flood, "job", page.cursor)).has_more


async def test_what_came_before_a_break_counts_and_a_break_alone_is_told() -> None:
    assert await keys(Stream(0, breaks=True)) == ["job 0"]
    with pytest.raises(ProviderUnavailableError):
        await keys(Stream(breaks=True))
