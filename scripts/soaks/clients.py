"""Clients that come and go: they look, wait, subscribe, give up in the middle, start and stop runs."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any
from urllib.parse import quote

import anyio
from mcp import Client

from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.simulator import simulators
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import subscribed

RUNS = 20
ENDS = (Finish({"pages": 12}), Fail(), Finish("Nothing.", goal_met=False), Ask("Which?", ("red", "blue"), 20))
FORGOTTEN = 20
"""So many runs of its own each vendor remembers."""

Opened = Callable[[str], AbstractAsyncContextManager[Any]]
"""Gives what a client of either era is to be connected to."""


@dataclass
class Crowd:
    """Everybody who uses the server, and the runs that they ask for."""

    world: World
    random: Random
    opened: Opened
    pace: float
    """Seconds of a step of a run, and of what people do between two calls."""
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._providers = cycle(simulators())
        self._runs: dict[str, PretendJob] = {}

    def runs(self) -> list[str]:
        """Those that run now; where one ends, another one begins."""
        self._runs = {name: job for name, job in self._runs.items() if not job.state().finished_at}
        while len(self._runs) < RUNS:
            provider = next(self._providers)
            steps = [Step(f"Read page {page}", self.pace * self.random.uniform(0.5, 1.5)) for page in range(12)]
            job = self.world.add(provider, Script(beats=(Queued(1), *steps, self.random.choice(ENDS), Finish())))
            self._runs[str(JobRef(provider, job.id))] = job
            self.done["runs"] += 1
        return list(self._runs)

    async def forget(self) -> None:
        """Have the vendors keep no more than they need, until this is cancelled."""
        while True:
            self.world.requests.clear()
            for provider in simulators():
                for job in self.world.jobs(provider)[FORGOTTEN:]:
                    if job.state().finished_at:
                        self.world.remove(provider, job)
            await anyio.sleep(10 * self.pace)

    async def come_and_go(self, visitors: int) -> None:
        """Be there, so many at a time, until this is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.forget)
            for visit in (self._look_around, self._give_up, self._listen, self._act) * (visitors // 4):
                tasks.start_soon(self._again, visit)

    async def _again(self, visit: Callable[[str], Awaitable[None]]) -> None:
        while True:
            mode = self.random.choice(("auto", "legacy"))
            try:
                await visit(mode)
            except Exception:  # noqa: BLE001 - clients give up by themselves on a busy machine; it is told how often
                self.done["visits broken off"] += 1
            self.done["visits"] += 1
            await anyio.sleep(self.pace * self.random.random())

    @asynccontextmanager
    async def _client(self, mode: str) -> AsyncIterator[Client]:
        async with self.opened(mode) as target, Client(target, mode=mode) as client:
            yield client

    async def _look_around(self, mode: str) -> None:
        """Ask for everything that can be asked for."""
        async with self._client(mode) as client:
            job = self.random.choice(self.runs())
            for tool, arguments in (
                ("get_job_status", {"job": job}),
                ("get_job_events", {"job": job, "limit": 50}),
                ("list_jobs", {"limit": 50}),
                ("diagnose_job", {"job": job}),
                ("get_job_result", {"job": job}),
                ("list_accounts", {}),
                ("get_job_status", {"job": "dari:nobody/knows/this"}),
            ):
                await client.call_tool(tool, arguments)
                self.done["calls"] += 1

    async def _give_up(self, mode: str) -> None:
        """Wait, and be gone before there is an answer, or stay for it."""
        async with self._client(mode) as client:
            patience = self.pace * self.random.uniform(0.2, 4)
            with anyio.move_on_after(patience) as scope:
                jobs = self.random.sample(self.runs(), 3)
                await client.call_tool("wait_for_result", {"jobs": jobs, "wait_seconds": 2 * self.pace})
            self.done["waits cut off" if scope.cancelled_caught else "waits"] += 1

    async def _listen(self, mode: str) -> None:
        """Subscribe to some logs for a while."""
        uris = [
            f"browserjobs://{account}/{quote(job, safe='')}/events"
            for account, _, job in (name.partition(":") for name in self.random.sample(self.runs(), 3))
        ]
        async with self.opened(mode) as target, subscribed(target, mode, *uris) as (_, heard):
            await anyio.sleep(self.pace * self.random.uniform(1, 5))
            self.done["subscriptions"] += len(uris)
            self.done["updates"] += len(heard)

    async def _act(self, mode: str) -> None:
        """Start a run, and stop or answer another one."""
        async with self._client(mode) as client:
            account = self.random.choice(("gobii", "browser_use"))
            await client.call_tool("start_job", {"account": account, "task": f"Errand {self.random.random()}"})
            job = self.random.choice(self.runs())
            await client.call_tool("answer_job_question", {"job": job, "answer": "red"})
            if self.random.random() < 0.2:
                await client.call_tool("cancel_job", {"job": job})
            self.done["deeds"] += 1
