"""Where figures are measured: a tracker before pretend providers, in virtual time or over sockets of this machine."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import anyio
from trio.testing import MockClock

from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HOST = "http://providers.example"
QUEUED, STEP_SECONDS, MOST_STEPS = 2.0, 10.0, 180
STEP = "Read the prices of all kettles, noted those below 50 EUR, and went on to page"

T = TypeVar("T")


def in_virtual_time(act: Callable[[], Awaitable[T]]) -> T:
    """What comes of an act in a world whose time passes at once."""
    return anyio.run(act, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})


def virtual_clock() -> datetime:
    """The virtual time as a moment."""
    return START + timedelta(seconds=anyio.current_time())


def virtual_world() -> World:
    """Pretend providers on the virtual clock."""
    return World(clock=virtual_clock, retired=False)


def tracker_in(world: World, **environ: str) -> Tracker:
    """A tracker on the virtual clock, whose accounts are the world's providers."""
    settings = from_environment({**variables(HOST, world), "BROWSERJOBS_STORE": ":memory:", **environ})
    return Tracker(settings, connections=Connections.to_app(application(world)), clock=virtual_clock)


def run_of(seconds: float) -> Script:
    """A job that ends so many seconds after it was made; it takes a step each ten seconds, a very long one fewer."""
    steps = min(MOST_STEPS, max(1, round((seconds - QUEUED) / STEP_SECONDS)))
    each = (seconds - QUEUED) / steps
    return Script(beats=(Queued(QUEUED), *(Step(f"{STEP} {page}", each) for page in range(1, steps + 1)), Finish()))


@dataclass(frozen=True)
class Outside:
    """Pretend providers in a process of their own: the variables that point at them, and the ids of their jobs."""

    variables: Mapping[str, str]
    jobs: tuple[str, ...]


@contextmanager
def outside(jobs: list[tuple[str, float]], seconds: float) -> Iterator[Outside]:
    """Pretend providers over a socket of this machine.

    Args:
        jobs: the provider of each, and how many seconds ago it started.
        seconds: how long each takes in all.
    """
    command = [sys.executable, "-m", "scripts.benches.vendors"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            if process.stdin and process.stdout:
                print(json.dumps({"jobs": jobs, "seconds": seconds}), file=process.stdin, flush=True)
                found = json.loads(process.stdout.readline())
                yield Outside(variables(found["url"], World()), tuple(found["jobs"]))
        finally:
            process.terminate()
