"""What a process holds at a moment, and how that grows."""

import ctypes
import gc
import os
import threading
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median

from pydantic_core import from_json

from mcp_browserjobs.jobs import Job, JobRef, JobStatus
from mcp_browserjobs.store import Store
from scripts.benches.pages import LOOK, event
from scripts.benches.rows import Row
from scripts.benches.stage import START

WARM_UP = 0.3
"""So large a part of the time passes before anything is compared."""
TRACED_GROWTH, RESIDENT_GROWTH = 20.0, 200.0
"""KB a minute that memory may grow by: less than fragmentation makes it waver in ten minutes."""
PAST_EVENTS = 20_000
MOST_LOG = 8.0
"""MB of the store's write-ahead log: SQLite puts it into the file whenever it has 4."""


@dataclass(frozen=True)
class Sample:
    """What there is after `seconds`: memory in KB, the store's write-ahead log in MB."""

    seconds: float
    traced: float
    resident: float
    files: int
    threads: int
    tasks: int
    log: float


def fill_caches() -> None:
    """Fill what pydantic keeps of strings, a megabyte at most, so that it does not look like growth."""
    for number in range(60_000):
        from_json(f'"a string of its own, {number}"')


async def fill_store(store: Store) -> None:
    """Write down more of the past than the 2 MB that SQLite keeps of a file, so that these do not look like growth."""
    job = Job(id="of-the-past", status=JobStatus.COMPLETED, provider_status="completed")
    for first in range(0, PAST_EVENTS, LOOK):
        listed = [event(number) for number in range(first, first + LOOK)]
        await store.record(JobRef("gobii", job.id), job, listed, now=START, cursor="x")


def take(seconds: float, tasks: int, store: Path) -> Sample:
    """What this process holds now."""
    gc.collect()
    # What malloc keeps of memory that is free by now is nothing that this process holds on to.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    wal = store.with_name(f"{store.name}-wal")
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Sample(
        seconds=seconds,
        traced=tracemalloc.get_traced_memory()[0] / 1024,
        resident=pages * os.sysconf("SC_PAGE_SIZE") / 1024,
        files=len(list(Path("/proc/self/fd").iterdir())),
        threads=threading.active_count(),
        tasks=tasks,
        log=wal.stat().st_size / 2**20 if wal.exists() else 0.0,
    )


def growth(samples: Sequence[Sample], name: str) -> float:
    """What memory grows by in a minute while as much is done: each call that is open takes some, in a task or more."""
    tasks, seconds = [float(sample.tasks) for sample in samples], [sample.seconds for sample in samples]
    values = [float(getattr(sample, name)) for sample in samples]
    return 60 * linear_regression(_apart_from(tasks, seconds), _apart_from(tasks, values)).slope


def _apart_from(causes: Sequence[float], values: Sequence[float]) -> list[float]:
    """What of these values does not follow from those causes."""
    slope, least = linear_regression(causes, values)
    return [value - slope * cause - least for cause, value in zip(causes, values, strict=True)]


def rows(what: str, samples: Sequence[Sample]) -> list[Row]:
    """How everything grew once it was warm."""
    whole = samples[-1].seconds
    warm = [sample for sample in samples if sample.seconds >= whole * WARM_UP]
    third = len(warm) // 3
    log = max(sample.log for sample in samples)
    return [
        *(
            Row(
                f"{what}: {title}",
                f"grows by at most {bound:g} KB a minute",
                f"{grown:+.1f} KB a minute, {middle:,.0f} KB",
                grown <= bound,
            )
            for title, name, bound in (
                ("memory that Python traces", "traced", TRACED_GROWTH),
                ("resident memory", "resident", RESIDENT_GROWTH),
            )
            for grown, middle in ((growth(warm, name), median(getattr(sample, name) for sample in warm)),)
        ),
        *(
            Row(
                f"{what}: {title}",
                f"at the end at most {spare} more than before",
                f"{median(before):g}, then {median(after):g}",
                median(after) <= median(before) + spare,
            )
            for title, name, spare in (("open files", "files", 2), ("threads", "threads", 1), ("tasks", "tasks", 5))
            for before in ([getattr(sample, name) for sample in warm[:third]],)
            for after in ([getattr(sample, name) for sample in warm[-third:]],)
        ),
        Row(f"{what}: write-ahead log of the store", f"at most {MOST_LOG:g} MB", f"{log:.1f} MB", log <= MOST_LOG),
    ]
