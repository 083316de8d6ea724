"""One trouble played for one provider, through an MCP client, and what became of it."""

import json
import logging
import logging.handlers
import re
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup
from mcp import Client
from mcp.types import CallToolResult
from trio.testing import MockClock

from mcp_browserjobs import providers, settings
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.server.app import build
from mcp_browserjobs.simulator import application, simulators, variables
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.conftest import virtual_clock
from tests.server.connected import said
from tests.stage import HOST, new_world
from tests.trouble.catalogue import Trouble
from tests.trouble.wire import MEBIBYTE, STRANGER, Wire

KEY = "key-that-nobody-may-see"
BEGINS, ENDS = 15.0, 45.0
"""When trouble that lasts a while does so, in seconds of the story."""
MOST_MEMORY = 400 * MEBIBYTE
"""Some six requests at once, each of which may read 16 MB and, at two of the providers, 64."""
SOON_SECONDS = 2.5
"""So much later than in a story without trouble an end may be noticed."""
LONGEST_WAIT = 1400.0
QUESTIONS = ("get_job_result", "get_job_links", "get_job_screenshot", "diagnose_job")


def script(steps: int) -> Script:
    """A job of so many steps."""
    beats = (Step(f"Read page {page}", 9, f"https://shop.example/{page}") for page in range(steps))
    return Script(beats=(Queued(3.3), *beats, Finish({"pages": steps})))


SCRIPTS = {"through": script(6), "within": script(3), "late": script(6)}
"""The jobs: one that outlasts the trouble, one that ends meanwhile, and one that is first asked for meanwhile."""

Played = TypeVar("Played")
Log = dict[int, str]
"""The events of a job by their numbers."""


@dataclass
class Outcome:
    """What became of a trouble.

    `told` is what a question was refused with meanwhile, `stale` whether another was answered with the last known
    state, `seconds` how much later than without trouble an end was noticed; `faults` says what did not hold.
    """

    trouble: str
    provider: str
    told: list[str] = field(default_factory=list)
    stale: bool = False
    shown: int = 0
    lost: int = 0
    doubled: int = 0
    renumbered: int = 0
    recovered: bool = False
    seconds: float = 0
    megabytes: float | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def what(self) -> str:
        """Its name, for whoever reads of its faults."""
        return f"{self.trouble}, {self.provider}"


@dataclass
class Told:
    """All that the story was answered."""

    answers: list[CallToolResult] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    logged: list[logging.LogRecord] = field(default_factory=list)


class Story:
    """Three jobs of one provider, a client that asks for them, and trouble on the way.

    Args:
        trouble: None for a story without any.
    """

    def __init__(self, provider: str, trouble: Trouble | None) -> None:
        self.provider = provider
        self.trouble = trouble
        self.outcome = Outcome(trouble.name if trouble else "none", provider)
        self.world = new_world(key=KEY, retired=False)
        self.wire = Wire(application(self.world))
        self.jump = timedelta()
        self.jobs = {
            name: f"{provider}:{self.world.add(provider, SCRIPTS[name], job_id).id}"
            for name, job_id in ids(provider).items()
        }
        self.told = Told()
        self.shown: dict[str, Log] = {name: {} for name in self.jobs}
        self.marks: dict[tuple[str, int], tuple[str, str]] = {}
        self.ended: dict[str, float] = {}
        self.over = anyio.Event()
        self.logs: dict[str, Log] = {}

    def fault(self, what: str) -> None:
        """Write down what did not hold."""
        self.outcome.faults.append(what)

    def clock(self) -> datetime:
        """The clock of the wall, which may be wrong."""
        return virtual_clock() + self.jump

    def trouble_from_now_on(self, *, lasts: bool) -> None:
        """Let the trouble begin, or end."""
        if self.trouble is None:
            return
        if lasts and self.trouble.meets and not self.wire.meeting:
            self.wire.hang_up()
        self.wire.meeting = self.trouble.meets if lasts else None
        self.wire.one_in = self.trouble.one_in
        self.jump = timedelta(seconds=self.trouble.jump if lasts else 0)

    async def play(self) -> Outcome:
        """The whole story."""
        always = self.trouble is not None and self.trouble.lasts == "always"
        self.trouble_from_now_on(lasts=always)
        with_server = connected(self.world, self.wire, self.outcome.faults, clock=self.clock)
        async with with_server as client, anyio.create_task_group() as tasks:
            await anyio.sleep_until(BEGINS - 4)
            for name in ("through", "within"):
                await self.ask(client, "get_job_status", job=self.jobs[name])
                await self.events(client, name)
                tasks.start_soon(self.wait, client, name)
            await anyio.sleep_until(BEGINS)
            self.trouble_from_now_on(lasts=True)
            tasks.start_soon(self.meanwhile, client, tasks)
            await anyio.sleep_until(ENDS)
            self.trouble_from_now_on(lasts=always)
            await anyio.sleep_until(ENDS + 3)
            await self.events(client, "through")
            with anyio.move_on_after(LONGEST_WAIT) as patience:
                await self.over.wait()
            if patience.cancelled_caught:
                self.fault("a wait never ended")
            await anyio.sleep(5)
            if self.trouble and self.trouble.told != "the truth":
                await self.again(client)
            for name in self.jobs:
                await self.afterwards(client, name)
            tasks.cancel_scope.cancel()
        self.judge()
        return self.outcome

    # What the client asks

    async def ask(self, client: Client, tool: str, **arguments: Any) -> dict[str, Any] | str:
        """A tool's answer, or the sentence with which it refuses."""

        async def told(progress: float, total: float | None, message: str | None) -> None:
            self.told.progress.append(message or "")

        result = await client.call_tool(tool, arguments, progress_callback=told)
        self.told.answers.append(result)
        if result.is_error:
            return said(result)
        return result.structured_content or {}

    async def status(self, client: Client, name: str) -> None:
        """How a job is while there is trouble, compared with what should be told."""
        answer = await self.ask(client, "get_job_status", job=self.jobs[name])
        if self.trouble is None:
            return
        told, expected = "a refusal", self.trouble.told
        if isinstance(answer, dict):
            told = "the last known state" if answer.get("stale") else "the truth"
            self.outcome.stale |= told == "the last known state"
        else:
            self.outcome.told.append(answer)
        if expected == "either" or anyio.current_time() > ENDS:
            return
        # Nothing is known yet of the one that is first asked for.
        if name == "late" and expected == "the last known state":
            expected = "a refusal"
        if told != expected:
            self.fault(f"{name}: {told} in the place of {expected}")

    async def events(self, client: Client, name: str) -> None:
        """Read on in the log, and note what is shown."""
        log = self.shown[name]
        answer = await self.ask(client, "get_job_events", job=self.jobs[name], limit=200)
        if isinstance(answer, dict):
            for event in answer["events"]:
                log[event["seq"]] = _event(event)
                # What a provider says of an event may change, and not which one it is.
                mark = event["kind"], event["at"]
                self.outcome.renumbered += self.marks.setdefault((name, event["seq"]), mark) != mark

    async def wait(self, client: Client, name: str) -> None:
        """Wait for the end."""
        answer = await self.ask(client, "wait_for_result", jobs=[self.jobs[name]], until="result")
        refuses = self.trouble is not None and self.trouble.told in ("a refusal", "either")
        self.ended[name] = anyio.current_time()
        if len(self.ended) == len(self.jobs):
            self.over.set()
        if isinstance(answer, dict) and answer["done"] and answer["jobs"][0]["status"] == "completed":
            return
        if not refuses:
            self.fault(f"{name}: the wait ended without the end")

    async def meanwhile(self, client: Client, tasks: TaskGroup) -> None:
        """Everything that somebody may ask while there is trouble; some of it takes until nobody waits any more."""
        await anyio.sleep_until(BEGINS + 6)
        tasks.start_soon(self.wait, client, "late")
        for name in self.jobs:
            tasks.start_soon(self.status, client, name)
        for tool in QUESTIONS:
            tasks.start_soon(partial(self.ask, client, tool, job=self.jobs["through"]))
        tasks.start_soon(partial(self.ask, client, "list_jobs", account=self.provider))
        await anyio.sleep_until(ENDS - 6)
        tasks.start_soon(self.status, client, "within")
        tasks.start_soon(self.events, client, "through")

    async def again(self, client: Client) -> None:
        """Where a wait was given up, the next one brings the end."""
        for name in self.jobs:
            await self.ask(client, "wait_for_result", jobs=[self.jobs[name]], until="result")

    async def afterwards(self, client: Client, name: str) -> None:
        """What is told once there is no trouble any more."""
        await self.events(client, name)
        self.logs[name] = self.shown[name]
        answer = await self.ask(client, "get_job_status", job=self.jobs[name])
        result = await self.ask(client, "get_job_result", job=self.jobs[name])
        well = isinstance(answer, dict) and answer["status"] == "completed" and not answer.get("stale")
        pages = len(SCRIPTS[name].beats) - 2
        if not well or f'"pages":{pages}' not in json.dumps(result).replace(" ", "").replace("\\", ""):
            self.fault(f"{name}: the truth is not told afterwards")

    # What must have held

    def judge(self) -> None:
        """Compare with what is so without trouble."""
        outcome = self.outcome
        for name, log in self.logs.items():
            outcome.shown += len(log)
            if sorted(log) != list(range(1, len(log) + 1)):
                self.fault(f"{name}: the numbers of the events have gaps")
            if self.trouble is None:
                continue
            expected = reference(self.provider)
            ours, theirs = _of_provider(log), _of_provider(expected.logs[name])
            false = self.trouble.falsifies
            outcome.lost += max(0, theirs.total() - ours.total()) if false else (theirs - ours).total()
            # What else the provider told meanwhile, in other words, it did tell.
            outcome.doubled += 0 if false else sum((ours - theirs)[event] for event in theirs)
            statuses = [event for event in log.values() if _is_status(event)]
            outcome.doubled += sum(one == other for one, other in pairwise(statuses))
            self.judge_pace(name, expected)
        for what in ("lost", "doubled", "renumbered"):
            if count := getattr(outcome, what):
                self.fault(f"{count} events {what}")
        outcome.recovered = not any("afterwards" in fault or "never" in fault for fault in outcome.faults)
        outcome.faults += strange(self.told, self.wire)

    def judge_pace(self, name: str, expected: "Story") -> None:
        """Whether the end was noticed in time: as without trouble or, after it, within the time that it lasted."""
        if self.trouble is None or name not in self.ended:
            return
        due = expected.ended[name] + SOON_SECONDS
        if self.trouble.lasts == "a while" and (
            self.trouble.told != "the truth" or self.trouble.feeds or self.trouble.jump
        ):
            due = max(due, ENDS + max(ENDS - BEGINS, self.trouble.rests) + SOON_SECONDS)
        self.outcome.seconds = max(self.outcome.seconds, self.ended[name] - expected.ended[name])
        if self.ended[name] > due:
            self.fault(f"{name}: the end was noticed after {self.ended[name]:.1f} s, due was {due:.1f}")


@asynccontextmanager
async def connected(
    world: World, wire: Wire, faults: list[str], *, clock: Callable[[], datetime] = virtual_clock, **environ: str
) -> AsyncIterator[Client]:
    """A client of a real server before the wire."""
    environment = {
        **variables(HOST, world),
        "BROWSERJOBS_STORE": ":memory:",
        "BROWSERJOBS_WAIT_SECONDS": "1500",
        **environ,
    }
    tracker = Tracker(settings.from_environment(environment), connections=Connections(wire), clock=clock)
    async with tracker.running():
        server = build(tracker)
        async with server.updates.running(), Client(server) as client:
            yield client
            dump = "\n".join(tracker.store._db.iterdump())
            if KEY in dump:
                faults.append("the key stands in the store")


def strange(told: Told, wire: Wire) -> Iterator[str]:
    """Where a stranger's words or the key stand though they must not."""
    for answer in told.answers:
        whole = answer.model_dump_json()
        ours = json.dumps(_without_reported(answer.structured_content)) if answer.structured_content else whole
        if STRANGER in ours:
            yield f"a stranger speaks: {ours[:300]}"
        if KEY in whole:
            yield "the key is told"
        if answer.is_error and not re.fullmatch(r"[A-Z][^\n]{10,400}\.", said(answer)):
            yield f"no sentence of ours: {said(answer)[:200]}"
        if answer.is_error and said(answer).startswith(("Error", "Something went wrong")):
            yield f"a fault of ours: {said(answer)}"
    for message in told.progress:
        if STRANGER in message:
            yield "a stranger speaks in the progress"
    for record in told.logged:
        message = f"{record.getMessage()} {record.exc_info or ''}"
        if KEY in message or (STRANGER in message and record.name.startswith("mcp_browserjobs")):
            yield f"logged: {message}"
        if record.levelno >= logging.ERROR:
            yield f"an error of ours: {message}"
    for request in wire.elsewhere:
        yield f"a request went to {request.url.host}"
        if KEY in str(request.headers.raw) or KEY in str(request.url):
            yield f"the key went to {request.url.host}"


@cache
def ids(provider: str) -> Mapping[str, str]:
    """The ids of the jobs, the same in every story, so that logs can be compared."""
    return {name: simulators()[provider].new_id() for name in SCRIPTS}


@cache
def reference(provider: str) -> Story:
    """The story without trouble."""
    story = _played(provider, None)
    assert story.outcome.faults == [], (provider, story.outcome.faults)
    return story


def play(trouble: Trouble, provider: str, *, measured: bool = False) -> Outcome:
    """Play a trouble for a provider, in virtual time; `measured`, with the memory that large ones take."""
    reference(provider)
    if not (measured and trouble.large):
        return _played(provider, trouble).outcome
    tracemalloc.start()
    try:
        outcome = _played(provider, trouble).outcome
        outcome.megabytes = round(tracemalloc.get_traced_memory()[1] / MEBIBYTE, 1)
    finally:
        tracemalloc.stop()
    if outcome.megabytes * MEBIBYTE > MOST_MEMORY:
        outcome.faults.append(f"{outcome.megabytes} MB of memory")
    return outcome


def _played(provider: str, trouble: Trouble | None) -> Story:
    async def played() -> Story:
        story = Story(provider, trouble)
        with logged(story.told.logged):
            await story.play()
        return story

    return in_virtual_time(played)


def in_virtual_time(play: Callable[[], Awaitable[Played]]) -> Played:
    """Play something where nothing is waited for."""
    return anyio.run(play, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})


@contextmanager
def logged(records: list[logging.LogRecord]) -> Iterator[None]:
    """Collect all that is logged meanwhile."""
    handler = logging.handlers.BufferingHandler(capacity=10**6)
    handler.buffer = records
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _event(event: dict[str, Any]) -> str:
    return json.dumps([event["kind"], event["reported"]], sort_keys=True)


def _is_status(event: str) -> bool:
    return event.startswith('["status"')


def _of_provider(log: Log) -> Counter[str]:
    """The events that the provider told."""
    return Counter(event for event in log.values() if not _is_status(event))


def _without_reported(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_reported(part) for key, part in value.items() if key != "reported"}
        case list():
            return [_without_reported(part) for part in value]
        case _:
            return value


PROVIDERS = providers.names()
