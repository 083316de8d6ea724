"""Streams as they come: without a pause, with very much at once, cut short, mute, broken, and with a fault of ours."""

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import anyio
import httpx2
import pytest

from mcp_browserjobs import settings
from mcp_browserjobs.jobs import EventKind, JobRef
from mcp_browserjobs.providers import kernel
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch.feed import BY_NOW_SECONDS, SILENCE_SECONDS
from mcp_browserjobs.watch.pace import BEATING_BRIEFEST, beating
from tests.conftest import START, virtual_clock

pytestmark = pytest.mark.anyio

ID, OTHER = "rr33xuugxj9h0bkf1rdt2bet", "rr33xuugxj9h0bkf1rdt2bea"
REF = JobRef("kernel", ID)
QUIET = 15


def moment(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


class Body(httpx2.AsyncByteStream):
    """Server-sent events."""

    def __init__(self, events: AsyncIterator[Mapping[str, object]]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._events) as events:  # type: ignore[type-var]
            async for event in events:
                yield b"data: " + json.dumps(event).encode() + b"\n\n"


@dataclass
class Vendor(httpx2.AsyncBaseTransport):
    """Answers as Kernel does of an invocation with these lines, each at its second, which ends at the second `end`.

    Args:
        cut: how long a stream lasts at most.
        breaks: whether it is broken off then, and not ended.
        mute: whether streams tell nothing at all.
        beats: whether they give signs of life and tell nothing else.
    """

    lines: Sequence[tuple[float, str]] = ()
    end: float = 600
    cut: float = 1e9
    breaks: bool = False
    mute: bool = False
    beats: bool = False
    looks: list[float] = field(default_factory=list)
    streams: list[float] = field(default_factory=list)

    def invocation(self) -> dict[str, object]:
        over = anyio.current_time() >= self.end
        return {"status": "succeeded" if over else "running", "started_at": moment(0)}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/events"):
            self.looks.append(anyio.current_time())
            return httpx2.Response(200, json=self.invocation())
        self.streams.append(anyio.current_time())
        events = self.events(request.url.params.get("since"))
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Body(events))

    async def events(self, since: str | None) -> AsyncIterator[Mapping[str, object]]:
        if self.mute:
            await anyio.sleep_forever()
        while self.beats:
            await anyio.sleep(QUIET)
            yield {"event": "sse_heartbeat"}
        first = (datetime.fromisoformat(since) - START).total_seconds() if since else 0
        cut = anyio.current_time() + self.cut
        yield {"event": "invocation_state", "invocation": self.invocation()}
        for at, line in [(at, line) for at, line in self.lines if at >= first] + [(self.end, "")]:
            while (pause := at - anyio.current_time()) > 0:
                await anyio.sleep(min(pause, QUIET, cut - anyio.current_time()))
                if anyio.current_time() >= cut:
                    if self.breaks:
                        raise httpx2.ReadError("cut")
                    return
                if pause > QUIET:
                    yield {"event": "sse_heartbeat"}
            if line:
                yield {"event": "log", "message": line, "timestamp": moment(at)}
        yield {"event": "invocation_state", "invocation": self.invocation()}


@asynccontextmanager
async def tracker_of(vendor: Vendor, **more: str) -> AsyncIterator[Tracker]:
    environ = {"KERNEL_API_KEY": "k", "BROWSERJOBS_STORE": ":memory:", **more}
    tracker = Tracker(settings.from_environment(environ), connections=Connections(vendor), clock=virtual_clock)
    async with tracker.running():
        yield tracker


async def lines_of(tracker: Tracker) -> list[object]:
    events = await tracker.store.events(REF, after=0, limit=10_000)
    return [event.reported["text"] for event in events if event.kind is EventKind.LOG]


async def test_a_question_about_a_run_that_never_pauses_is_answered_in_seconds() -> None:
    lines = [(number * 0.3, f"line {number}") for number in range(1000)]
    async with tracker_of(Vendor(lines, end=300)) as tracker:
        await anyio.sleep(100)
        view = await tracker.look(str(REF))
        assert view.problem is None
        assert anyio.current_time() <= 100 + BY_NOW_SECONDS
        await tracker.wait([str(REF)], until="result", seconds=1000)
        assert anyio.current_time() <= 302
        assert await lines_of(tracker) == [line for _, line in lines]


@pytest.mark.parametrize("spread", [0, 0.9])
async def test_very_many_lines_of_one_second_are_all_told_at_first_sight(spread: float) -> None:
    lines = [(1 + spread * number / 5000, f"line {number}") for number in range(5000)]
    async with tracker_of(Vendor(lines, end=3)) as tracker:
        await anyio.sleep(10)
        await tracker.look(str(REF))
        assert await lines_of(tracker) == [line for _, line in lines]


async def test_lines_that_say_the_same_at_one_moment_are_each_told_once() -> None:
    vendor = Vendor([(1, "."), (1, "x" * 2000), (1, "."), (1, "x" * 2001), (1, "."), (2, ".")], end=3)
    async with tracker_of(vendor) as tracker:
        for _ in range(3):
            await anyio.sleep(1.5)
            await tracker.look(str(REF))
        assert await lines_of(tracker) == [".", "x" * 2000, ".", "x" * 2000, ".", "."]


async def test_what_a_stream_tells_before_it_breaks_counts() -> None:
    vendor = Vendor([(1, "one"), (2, "two")], cut=0.1, breaks=True)
    async with tracker_of(vendor) as tracker:
        await anyio.sleep(5)
        await tracker.look(str(REF))
        assert await lines_of(tracker) == ["one", "two"]


async def test_very_many_changes_are_written_down_once_a_second() -> None:
    lines = [(5 + number * 0.01, f"line {number}") for number in range(3000)]
    async with tracker_of(Vendor(lines, end=40)) as tracker:
        written = []
        tracker.on_change(lambda record: written.append(record.revision))
        await tracker.wait([str(REF)], until="result", seconds=100)
        assert anyio.current_time() <= 42
        assert len(written) <= 45
        assert await lines_of(tracker) == [line for _, line in lines]


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_stream_that_is_soon_over_is_opened_less_and_less(*, breaks: bool) -> None:
    vendor = Vendor(cut=0.2, breaks=breaks)
    async with tracker_of(vendor) as tracker:
        await tracker.look(str(REF))
        async with tracker.watching(REF, followed=False):
            await anyio.sleep(500)
        assert vendor.streams[-1] > 400
        assert len(vendor.streams) <= 20


async def test_the_shortest_interval_holds_however_streams_end() -> None:
    vendor = Vendor(cut=0.2)
    async with tracker_of(vendor, KERNEL_POLL_SECONDS="30") as tracker, tracker.watching(REF, followed=False):
        await anyio.sleep(590)
    assert min(after - before for before, after in pairwise(vendor.looks)) > 29.9
    assert len(vendor.streams) <= len(vendor.looks)


async def test_a_stream_that_stays_mute_keeps_nobody_from_looking_for_most_of_the_time() -> None:
    vendor = Vendor(mute=True, end=1e9)
    async with tracker_of(vendor) as tracker, tracker.watching(REF, followed=False):
        await anyio.sleep(2000)
    blind = [gap for before, after in pairwise(vendor.looks) if (gap := after - before) >= SILENCE_SECONDS]
    assert len(blind) >= 3
    assert sum(blind) <= 2000 / 3


@pytest.mark.parametrize("end", [100, 7200])
async def test_a_stream_that_only_gives_signs_of_life_hides_no_end(end: float) -> None:
    vendor = Vendor(beats=True, end=end)
    async with tracker_of(vendor) as tracker:
        await tracker.wait([str(REF)], until="result", seconds=10_000)
        assert anyio.current_time() <= end + beating(end) + QUIET + 2
    assert len(vendor.looks) <= 3 + end / BEATING_BRIEFEST


async def test_a_fault_of_ours_ends_the_watch_of_that_job_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    to_change = kernel.to_change

    def faulty(event: kernel.StreamEvent, *, again: int) -> object:
        if event.message == "fault":
            raise ZeroDivisionError
        return to_change(event, again=again)

    monkeypatch.setattr(kernel, "to_change", faulty)
    vendor = Vendor([(10, "fault")], end=60)
    async with tracker_of(vendor) as tracker, tracker.watching(REF, followed=True) as watch:
        await anyio.sleep(5)
        vendor.lines = []
        async with tracker.watching(JobRef("kernel", OTHER), followed=True) as other:
            await anyio.sleep(10)
            assert watch.ended
            assert watch.trouble is not None
            assert isinstance(watch.trouble.__cause__, ZeroDivisionError)
            while not other.ended:
                await other.changed.wait()
            assert other.trouble is None
            assert other.record is not None
            assert other.record.job.status.final
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
