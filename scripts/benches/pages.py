"""The event log at 10,000 events: how fast a page is read, and what the log takes in memory and on disk."""

import gc
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from mcp_browserjobs.jobs import Event, EventKind, Job, JobRef, JobStatus
from mcp_browserjobs.store import Store
from scripts.benches.rounds import in_turn
from scripts.benches.rows import Row, at_most, told
from scripts.benches.stage import START

EVENTS, FEW, SETTLED, PAGE, LOOK = 10_000, 3_000, 2_000, 200, 20
"""Events in all, in a smaller run, before memory should grow no more, on a page, and new at each look."""
ROUNDS = 9
FLAT_BYTES = 256 * 1024
"""What two measurements of memory may differ by though nothing grows: SQLite's pages and Python's free lists."""
JOB = JobRef("gobii", "0a1b2c3d-0000-4000-8000-000000000000")


def rows(*, quick: bool) -> Iterator[Row]:
    """A page's time, and growth."""
    events = FEW if quick else EVENTS
    with TemporaryDirectory() as folder:
        path = Path(folder, "jobs.sqlite3")
        grown, seconds = anyio.run(written_and_read, Store(str(path)), events)
        size = path.stat().st_size
    what = f"a page of {PAGE} of {events:,} events, the slowest of all pages"
    yield at_most(what, max(seconds) * 1e3, 5, "ms", ".2f")
    what = f"memory from {SETTLED:,} to {events:,} events while they are written"
    yield at_most(what, grown / 1024, FLAT_BYTES / 1024, "KB more")
    yield told("an event on disk, its text of 80 characters included", f"{size / events:,.0f} bytes")


async def written_and_read(store: Store, events: int) -> tuple[int, list[float]]:
    """The bytes by which memory grew once it should not, and the median seconds that each page took."""
    tracemalloc.start()
    settled = 0
    job = Job(id=JOB.id, status=JobStatus.RUNNING, provider_status="running")
    for first in range(0, events, LOOK):
        if first == SETTLED:
            settled = held()
        await store.record(JOB, job, [event(number) for number in range(first, first + LOOK)], now=START, cursor="x")
    grown = held() - settled
    tracemalloc.stop()
    seconds = [
        await in_turn([partial(store.events, JOB, after=after, limit=PAGE)], ROUNDS) for after in range(0, events, PAGE)
    ]
    store.close()
    return grown, [median for [median] in seconds]


def held() -> int:
    """The bytes that Python holds."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def event(number: int) -> Event:
    """An event as most are."""
    return Event(key=f"{number}", kind=EventKind.STEP, at=START, reported={"text": f"Step {number} ".ljust(80, ".")})
