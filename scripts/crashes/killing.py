"""Servers that are killed at any moment while twenty runs report and others are started."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from signal import SIGKILL
from tempfile import TemporaryDirectory
from time import monotonic

import anyio

from mcp_browserjobs.jobs import START_PREFIX
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from scripts.benches.rows import Row, told
from scripts.crashes.child import Child, GoneError, RefusedError, started
from scripts.crashes.crew import RUNS, Crew
from scripts.crashes.shown import Shown
from tests.server.outside import provided

LONGEST_LIFE = 3.0
"""Seconds for which a server lives at most once it has answered."""
EARLY_SHARE, EARLY_SECONDS = 0.1, 2.0
"""So many are killed while they start."""
READERS = 4
ERRANDS_AT = ("browser_use", "browser_use_v2", "gobii")
ERRAND = Script(beats=(Queued(0.2), Step("Went there", 1), Finish("Done.")))


@dataclass
class Killing:
    """Workers that each start a server, use it, kill it, and compare; they share one store."""

    rounds: int
    workers: int
    seed: int
    shown: Shown = field(default_factory=Shown)
    world: World = field(default_factory=lambda: World(story=ERRAND, retired=False))
    kills: int = 0
    unanswered: int = 0
    lives: list[float] = field(default_factory=list)
    errands: dict[str, str] = field(default_factory=dict)
    """Where each start was asked for, by its task; `done` has the jobs that came of them."""
    done: dict[str, str] = field(default_factory=dict)

    async def run(self, folder: Path) -> None:
        """Kill so many, and look at everything after each."""
        self._store, self._complaints = folder / "jobs.sqlite3", folder / "stderr.txt"
        self._complaints.touch()
        self._crew = Crew(self.world, Random(self.seed))  # noqa: S311 - no secret
        self._rounds = count(1)
        with provided(self.world, str(self._store)) as environ:
            self._environ = environ
            async with anyio.create_task_group() as tasks:
                for worker in range(self.workers):
                    tasks.start_soon(self._work, worker)
            await self._finish()

    async def _work(self, worker: int) -> None:
        random = Random(f"{self.seed} {worker}")  # noqa: S311 - no secret
        errands = count(1)
        errand = f"Errand {worker}.0"
        while next(self._rounds) <= self.rounds:
            async with started(self._environ, self._complaints) as child, anyio.create_task_group() as tasks:
                if random.random() < EARLY_SHARE:
                    await anyio.sleep(random.uniform(0, EARLY_SECONDS))
                elif await self._serves(child, random):
                    tasks.start_soon(self._wait, child)
                    for _ in range(READERS):
                        tasks.start_soon(self._read, child, random)
                    tasks.start_soon(self._send, child, errand, random.choice(ERRANDS_AT))
                    life = random.uniform(0, LONGEST_LIFE)
                    self.lives.append(life)
                    await anyio.sleep(life)
                child.send(SIGKILL)
                self.kills += 1
                await child.ended()
            await self.shown.hold_against(self._store)
            self._count_errands()
            if errand in self.done:
                errand = f"Errand {worker}.{next(errands)}"

    async def _serves(self, child: Child, random: Random) -> bool:
        """Whether it does; one log has been read by then."""
        try:
            await child.greet()
            await self._read_log(child, random.choice(self._crew.references()))
        except GoneError:
            self.shown.wrong["did not start"] += 1
            self.shown.examples.append(self._complaints.read_text(encoding="utf-8")[-1000:])
            return False
        return True

    async def _wait(self, child: Child) -> None:
        """Have all runs watched."""
        try:
            while True:
                await child.call("wait_for_result", jobs=self._crew.references(), until="result")
        except (GoneError, RefusedError):
            self.unanswered += 1

    async def _read(self, child: Child, random: Random) -> None:
        """Read the logs of the runs on, in any order."""
        try:
            while True:
                for job in random.sample(self._crew.references(), RUNS):
                    await self._read_log(child, job)
        except GoneError:
            pass

    async def _read_log(self, child: Child, job: str) -> None:
        with suppress(RefusedError):
            page = await child.call("get_job_events", job=job, after=self.shown.last(job), limit=200)
            self.shown.take(job, page)

    async def _send(self, child: Child, task: str, account: str) -> None:
        """Start a run, or ask for the same start again, until it is known which run it is."""
        account = self.errands.setdefault(task, account)
        try:
            while task not in self.done:
                try:
                    answer = await child.call("start_job", account=account, task=task, idempotency_key=task)
                except RefusedError:
                    await anyio.sleep(0.3)
                    continue
                if answer["job"].startswith(f"{account}:{START_PREFIX}"):
                    await anyio.sleep(0.3)
                    continue
                self.done[task] = answer["job"]
        except GoneError:
            pass

    def _count_errands(self) -> None:
        made = Counter(job.script.title for account in ERRANDS_AT for job in self.world.jobs(account))
        if twice := [task for task in self.errands if made[task] > 1]:
            self.shown.wrong["started twice"] = len(twice)

    async def _finish(self) -> None:
        """Let one more server live, which has to find everything, and bring every start to its end."""
        async with started(self._environ, self._complaints) as child:
            await child.greet()
            with anyio.move_on_after(20):
                for task, account in self.errands.items():
                    await self._send(child, task, account)
            for job in list(self.shown.events):
                after = 0
                while (page := await child.call("get_job_events", job=job, after=after, limit=200))["events"]:
                    self.shown.take(job, page)
                    after = page["next_after"]
        await self.shown.hold_against(self._store)
        self._count_errands()
        self.shown.wrong["starts without an answer"] = len(self.errands) - len(self.done)
        self.shown.wrong["tracebacks"] = self._complaints.read_text(encoding="utf-8").count("Traceback")

    def rows(self, seconds: float) -> list[Row]:
        """What came of it."""
        wrong = self.shown.wrong
        parts = (
            ("files that do not open or are not sound", "broken files"),
            ("events lost that had been shown", "lost"),
            ("events that changed their number, kind or meaning", "renumbered"),
            ("logs with a number twice or left out", "numbers twice or left out"),
            ("events written down twice", "doubled"),
            ("starts by one idempotency key that were made twice", "started twice"),
            ("starts whose run was never found", "starts without an answer"),
            ("servers that did not start", "did not start"),
            ("tracebacks on stderr", "tracebacks"),
        )
        return [
            told(
                f"killed -9: servers while {RUNS} runs report, {self.workers} side by side",
                f"{self.kills} in {seconds:.0f} s (seed {self.seed})",
            ),
            told("killed -9: events shown to clients", f"{self.shown.count:,} of {len(self.shown.events):,} runs"),
            told("killed -9: runs started by idempotency key", f"{len(self.done):,}"),
            *(Row(f"killed -9: {what}", "0", str(wrong[key]), not wrong[key]) for what, key in parts),
        ]


async def kill(rounds: int, *, workers: int = 3, seed: int) -> Killing:
    """Kill so many servers."""
    killing = Killing(rounds, workers, seed)
    with TemporaryDirectory() as folder:
        await killing.run(Path(folder))
    return killing


async def measure(rounds: int, seed: int) -> list[Row]:
    """The rows of this, and examples of whatever went wrong on the way."""
    since = monotonic()
    killing = await kill(rounds, seed=seed)
    for example in killing.shown.examples[:10]:
        print(example)  # noqa: T201 - for whoever started this
    return killing.rows(monotonic() - since)
