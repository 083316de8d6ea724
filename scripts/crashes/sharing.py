"""Several servers on one store: who looks, and who goes on when that one is killed, stopped or frozen."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from tempfile import TemporaryDirectory
from time import monotonic

import anyio

from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.simulator.script import FOREVER, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from scripts.benches.rows import Row, told
from scripts.crashes.child import Child, GoneError, RefusedError, started
from scripts.crashes.shown import Shown
from tests.server.outside import provided

PROVIDERS = ("dari", "gobii", "browser_use_v2")
"""None of them tells of changes by itself, so that looks can be counted."""
STEP_SECONDS, WINDOW_SECONDS, AFTER_SECONDS = 2.0, 12.0, 16.0
TAKEN_OVER = 12.0
"""Seconds after which somebody else has to look: a silent leader is waited for for six."""


def endless() -> Script:
    """A run that takes a step now and then, for as long as this lasts."""
    return Script(beats=(Queued(0), *(Step(f"Read page {page}", STEP_SECONDS) for page in range(200)), Finish()))


@dataclass
class Crowd:
    """Servers that all wait for the same runs; the first of them is the one that looks."""

    size: int
    world: World = field(default_factory=World)
    shown: Shown = field(default_factory=Shown)
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = [str(JobRef(provider, self.world.add(provider, endless()).id)) for provider in PROVIDERS]

    @asynccontextmanager
    async def gathered(self, folder: Path) -> AsyncIterator[None]:
        """All are there, and wait."""
        self.store = folder / "jobs.sqlite3"
        with provided(self.world, str(self.store)) as impatient:
            # A whole wait lasts longer than this, and looks come at their usual pace.
            usual = {name: value for name, value in impatient.items() if not name.endswith("_POLL_SECONDS")}
            environ = {**usual, "BROWSERJOBS_WAIT_SECONDS": "600"}
            async with anyio.create_task_group() as tasks, AsyncExitStack() as stack:
                for _ in range(self.size):
                    child = await stack.enter_async_context(started(environ, folder / "stderr.txt"))
                    await child.greet()
                    self.children.append(child)
                    tasks.start_soon(self._wait, child)
                    await anyio.sleep(1)
                yield

    async def _wait(self, child: Child) -> None:
        with suppress(GoneError, RefusedError):
            await child.call("wait_for_result", jobs=self.jobs, until="result", wait_seconds=FOREVER)

    async def asked_within(self, seconds: float) -> int:
        """How often the vendors are asked."""
        before = len(self.world.requests)
        await anyio.sleep(seconds)
        return len(self.world.requests) - before

    async def until_asked(self) -> float:
        """Seconds until somebody has asked after each run again."""
        since, before = monotonic(), len(self.world.requests)
        with anyio.move_on_after(60):
            while len({each.provider for each in self.world.requests[before:]}) < len(PROVIDERS):  # noqa: ASYNC110 - a list tells nobody
                await anyio.sleep(0.05)
        return monotonic() - since

    async def compare(self) -> None:
        """Have all who live tell the logs, and hold them against each other and the store."""
        for child in self.children:
            for job in self.jobs:
                try:
                    self.shown.take(job, await child.call("get_job_events", job=job, limit=200))
                except GoneError:
                    continue
        await self.shown.hold_against(self.store)
        self.shown.wrong["back and forth"] += self._turned_back()

    def _turned_back(self) -> int:
        """How many changes of status are told more than the one that there was."""
        with closing(sqlite3.connect(self.store, timeout=10)) as file:
            return int(file.execute("SELECT count(*) FROM events WHERE kind = 'status'").fetchone()[0]) - len(self.jobs)


async def lose(size: int, sign: Signals) -> tuple[Crowd, int, float]:
    """How often so many ask in a while, and how soon others ask when the first is killed, stopped or frozen."""
    crowd = Crowd(size)
    with TemporaryDirectory() as folder:
        async with crowd.gathered(Path(folder)):
            await anyio.sleep(2)
            asked = await crowd.asked_within(WINDOW_SECONDS)
            if size == 1:
                return crowd, asked, 0.0
            crowd.children[0].send(sign)
            # What it had asked for may still be answered.
            await anyio.sleep(0.5)
            seconds = 0.5 + await crowd.until_asked()
            await anyio.sleep(1)
            if sign is SIGSTOP:
                crowd.children[0].send(SIGCONT)
                await anyio.sleep(3)
            await crowd.compare()
    return crowd, asked, seconds


async def measure(sizes: tuple[int, ...] = (2, 10)) -> list[Row]:
    """The rows of this."""
    _, alone, _ = await lose(1, SIGKILL)
    most = round(alone * 1.25)
    rows = [told(f"shared: requests of one process for {len(PROVIDERS)} runs in {WINDOW_SECONDS:.0f} s", str(alone))]
    ends = {SIGKILL: "killed -9", SIGTERM: "told to stop", SIGSTOP: "frozen, and woken later"}
    for size in sizes:
        what, requests = f"shared: {size} processes", 0
        for sign, how in ends.items():
            crowd, asked, seconds = await lose(size, sign)
            wrong, requests = sum(crowd.shown.wrong.values()), max(requests, asked)
            when, soon = f"when the leader is {how}", f"within {TAKEN_OVER:.0f} s"
            rows += [
                Row(f"{what}: taken over {when}", soon, f"{seconds:.1f} s", seconds <= TAKEN_OVER),
                Row(f"{what}: events wrong {when}", "0", f"{wrong} of {crowd.shown.count}", not wrong),
            ]
            for example in crowd.shown.examples[:3]:
                print(example)  # noqa: T201 - for whoever started this
        rows.append(Row(f"{what}: requests in the same time", f"at most {most}", str(requests), requests <= most))
    return rows
