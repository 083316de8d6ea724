"""Two thousand watched jobs in one process, over sockets of this machine: its share of a core, memory, lateness.

The jobs are those of a steady stream of half-hour runs: their ages are spread evenly over that time. Each part runs in
a process of its own; the pretend providers run in another, so that what they take does not count.
"""

import gc
import json
import logging
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import monotonic, process_time
from typing import Any

import anyio
import httpx2

from mcp_browserjobs.jobs import JobRef, JobStatus
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch import pace
from scripts.benches.rows import Row, at_most, told
from scripts.benches.stage import QUEUED, outside

JOBS, FEW = 2000, 60
SECONDS, BRIEF = 60.0, 3.0
RUN_SECONDS = 1800.0
PROVIDERS = ("gobii", "dari", "browser_use")
FEWER, STRIDE = 5, 10
"""Python counts with so many times fewer. One of so many is watched before, so that what any process takes is apart."""
SETTLING = 3.0
PAIR_SECONDS = 0.4
"""Two requests within so long belong to one look."""


def rows(*, quick: bool) -> Iterator[Row]:
    """What they take. Python counts memory in a run of its own with fewer jobs, since that slows everything down."""
    jobs, seconds = (FEW, BRIEF) if quick else (JOBS, SECONDS)
    found, traced = measured(jobs, seconds, "resident"), measured(jobs // FEWER, BRIEF, "traced")
    yield at_most(f"{jobs:,} watched jobs: of a core, {found['looks']:.0f} looks/s", found["share"] * 100, 50, "%")
    what = f"{jobs:,} watched jobs: memory a job, as Python counts (of {jobs // FEWER:,})"
    yield at_most(what, traced["memory"] / 1024, 30, "KB", ".1f")
    what = f"{jobs:,} watched jobs: memory a job, as the system counts"
    yield at_most(what, found["memory"] / 1024, 30, "KB", ".1f")
    yield at_most(f"{jobs:,} watched jobs: lateness of a look, 95th percentile", found["late"], 1, "s", ".2f")
    yield told(f"{jobs:,} watched jobs: the first look at all of them takes", f"{found['first']:.1f} s")


def measured(jobs: int, seconds: float, how: str) -> dict[str, float]:
    """What a process that watches so many finds out about itself."""
    spread = [(PROVIDERS[number % 3], RUN_SECONDS * number / jobs) for number in range(jobs)]
    with outside(spread, RUN_SECONDS * 2) as there:
        refs = [(provider, job) for (provider, _), job in zip(spread, there.jobs, strict=True)]
        ages = [age for _, age in spread]
        wanted = {"variables": dict(there.variables), "jobs": refs, "ages": ages, "seconds": seconds, "how": how}
        command = [sys.executable, "-m", "scripts.benches.watched"]
        told_of = subprocess.run(command, input=json.dumps(wanted), stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ours
    found: dict[str, float] = json.loads(told_of.stdout)
    return found


class Timed(httpx2.AsyncHTTPTransport):
    """The network, which remembers when each job was looked at; `ages` has the jobs by how requests name them."""

    def __init__(self, ages: Mapping[str, float]) -> None:
        super().__init__()
        self._ages, self._began = ages, monotonic()
        self._looks: dict[str, list[float]] = {name: [] for name in ages}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry one."""
        name = next(word for word in re.split("[/?&=]", str(request.url)) if word in self._looks)
        looks, now = self._looks[name], monotonic() - self._began
        if not looks or now - looks[-1] > PAIR_SECONDS:
            looks.append(now)
        return await super().handle_async_request(request)

    def late(self, since: float) -> list[float]:
        """How many seconds later than its pace asks for each look came that came after so many seconds."""
        found = []
        for name, looks in self._looks.items():
            for before, look in pairwise(looks):
                age = self._ages[name] - QUEUED + before
                due = pace.interval(status=JobStatus.RUNNING, age=age, quiet=0, followed=False, floor=0)
                if look > since:
                    found.append(look - before - due)
        return found

    @property
    def seconds(self) -> float:
        """For how long it has been there."""
        return monotonic() - self._began


async def watch(wanted: dict[str, Any], store: str) -> dict[str, float]:
    """Watch the jobs for a while, and say what that took of this process."""
    refs = [JobRef(*ref) for ref in wanted["jobs"]]
    network = Timed({ref.id.rpartition("/")[2]: age for ref, age in zip(refs, wanted["ages"], strict=True)})
    settings = from_environment({**wanted["variables"], "BROWSERJOBS_STORE": store})
    async with Tracker(settings, connections=Connections(network)).running() as tracker, AsyncExitStack() as watches:

        async def watched(some: Sequence[JobRef]) -> None:
            found = [await watches.enter_async_context(tracker.watching(ref, followed=False)) for ref in some]
            while not all(each.record for each in found):  # noqa: ASYNC110 - the first looks tell only each its own
                await anyio.sleep(0.05)

        await watched(refs[::STRIDE])
        memory = HOW[wanted["how"]]
        before, began = memory(), monotonic()
        await watched([ref for number, ref in enumerate(refs) if number % STRIDE])
        first = monotonic() - began
        await anyio.sleep(SETTLING)
        since, used = network.seconds, process_time()
        await anyio.sleep(wanted["seconds"])
        share, late = (process_time() - used) / (network.seconds - since), network.late(since)
        taken = (memory() - before) / (len(refs) * (1 - 1 / STRIDE))
    looks = len(late) / wanted["seconds"]
    return {"share": share, "memory": taken, "late": quantiles(late, n=20)[-1], "first": first, "looks": looks}


def resident() -> float:
    """The bytes that the system gives to this process, as Linux tells."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def traced() -> float:
    """The bytes that Python holds, from the first time on that this is asked for."""
    gc.collect()
    tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


HOW = {"resident": resident, "traced": traced}


def main() -> None:
    """Watch what standard input says, and tell what that took."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with TemporaryDirectory() as folder:
        found = anyio.run(watch, json.load(sys.stdin), str(Path(folder, "jobs.sqlite3")))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
