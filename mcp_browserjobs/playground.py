"""Pretend jobs at pretend providers in this process, so that anybody can try the whole conversation without a key.

Whenever somebody looks, one of them runs, one asks, one has failed: what has ended begins anew after a while. Every
account is called pretend, and so is every reference and every sentence that names one.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import anyio

from . import variables
from .jobs import JobRef
from .logs import Level
from .providers.base import Connections
from .settings import Settings, from_environment, given
from .simulator import application
from .simulator import variables as addresses
from .simulator.script import Ask, Fail, Finish, PretendJob, Queued, Script, Stall, Step
from .simulator.world import World
from .store import MEMORY
from .tracker import Tracker, wall_clock

PREFIX = "pretend-"
"""What the name of every account begins with."""
ADDRESS = "http://pretend.example"
REAL = frozenset({"BROWSERJOBS_CONFIG"})
"""The settings that are about real accounts."""
BREATH_SECONDS = 5.0
"""How often it is seen to that nothing runs dry."""
MOST_JOBS = 200
"""So many are kept at each provider; the oldest are forgotten."""

STARTED = Script(
    beats=(
        Queued(3),
        Step("Opened the first page", 12, "https://pretend.example/"),
        Step("Read what is there", 15, "https://pretend.example/"),
        Step("Followed a link", 15, "https://pretend.example/more"),
        Finish("A pretend result: no browser ran, and no page was opened."),
    )
)
"""What a job does that somebody starts, unless its task is the name of a story."""


@dataclass(frozen=True)
class Role:
    """A job that is played time and again.

    Args:
        ago: how many seconds ago the first one started.
        rest: how many seconds after its end the next one starts.
    """

    provider: str
    script: Script
    ago: float
    rest: float


ROLES = (
    Role(
        "browser_use_v2",
        Script(
            title="Find a cheaper flight to Lisbon",
            beats=(
                Queued(5),
                Step("Opened the first airline", 40, "https://flights.example/"),
                Step("Compared fares of two weeks", 70, "https://flights.example/search?to=LIS"),
                Finish("There is no cheaper flight.", goal_met=False),
            ),
        ),
        ago=1500,
        rest=3600,
    ),
    Role(
        "skyvern",
        Script(
            title="Read every page of the catalogue",
            beats=(
                Queued(5),
                *(Step(f"Read page {page}", 60, f"https://shop.example/catalogue/{page}") for page in range(1, 41)),
                Finish({"pages": 40}),
            ),
        ),
        ago=900,
        rest=0,
    ),
    Role(
        "gobii",
        Script(
            title="Book a table for two",
            beats=(
                Queued(3),
                Step("Opened the restaurant's page", 30, "https://restaurant.example/"),
                Step("Chose Friday at eight", 25, "https://restaurant.example/book"),
                Fail("The page showed a captcha that cannot be solved."),
            ),
        ),
        ago=700,
        rest=1800,
    ),
    Role(
        "browserbase",
        Script(
            title="Bid in the auction until noon",
            beats=(
                Queued(4),
                Step("Opened the auction", 20, "https://auction.example/"),
                Step("Signed in", 15, "https://auction.example/login"),
                Stall(1800),
                Finish("The auction is over."),
            ),
        ),
        ago=600,
        rest=300,
    ),
    Role(
        "dari",
        Script(
            title="Order the kettle",
            beats=(
                Queued(2),
                Step("Opened the shop", 20, "https://shop.example/"),
                Step("Chose the kettle", 25, "https://shop.example/kettle"),
                Ask("Which colour shall I order?", ("white", "blue", "black")),
                Step("Put the kettle into the basket", 10, "https://shop.example/basket"),
                Step("Paid", 8, "https://shop.example/pay"),
                Finish({"ordered": True}),
            ),
            cost_per_minute=0.01,
        ),
        ago=240,
        rest=120,
    ),
    Role(
        "browser_use",
        Script(
            title="Compare prices of a kettle",
            beats=(
                Queued(4),
                Step("Opened the first shop", 40, "https://shop.example/"),
                Step("Searched for the kettle", 45, "https://shop.example/search?q=kettle"),
                Step("Opened the second shop", 45, "https://store.example/"),
                Step("Compared three shops", 60, "https://prices.example/kettle"),
                Finish({"shop": "shop.example", "price": 42, "currency": "EUR"}),
            ),
        ),
        ago=110,
        rest=90,
    ),
)
"""The jobs, the oldest first."""


def settings(world: World, *, read_only: bool = False, log_level: Level | None = None) -> Settings:
    """Settings that know the pretend providers alone. What is set about keys is not read, what is set about us is.

    Raises:
        ConfigError: names the variable that is wrong.
    """
    ours = given(each.name for each in variables.OWN if each.name not in REAL)
    found = from_environment({"BROWSERJOBS_STORE": MEMORY} | ours | addresses(ADDRESS, world))
    return replace(
        found,
        accounts=tuple(replace(account, name=PREFIX + account.name) for account in found.accounts),
        read_only=found.read_only or read_only,
        allow_start=True,
        log_level=log_level or found.log_level,
        pretend=True,
    )


class Playground(Tracker):
    """A tracker of pretend jobs.

    Args:
        read_only: leave the jobs alone.
        log_level: what counts instead of the environment's.
        clock: the present, there and here.

    Raises:
        ConfigError: a setting is wrong.
    """

    def __init__(
        self,
        *,
        read_only: bool = False,
        log_level: Level | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.world = World(clock=clock, story=STARTED)
        connections = Connections.to_app(application(self.world))
        found = settings(self.world, read_only=read_only, log_level=log_level)
        super().__init__(found, connections=connections, clock=clock)
        self._playing = [(role, self._begun(role, role.ago)) for role in ROLES]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Playground"]:
        """As of any tracker; and the jobs go on for as long as this does."""
        async with super().running():
            self.in_background(self._live)
            yield self

    async def _live(self) -> None:
        """Have every role played, and known here where each of its jobs stands: not all providers can list theirs."""
        known: set[tuple[JobRef, str]] = set()
        while True:
            self._playing = [(role, self._next(role, job)) for role, job in self._playing]
            now = {JobRef(PREFIX + role.provider, job.id): job.state().phase for role, job in self._playing}
            for ref in dict(now.items() - known):
                await self._look_at(ref)
            known = set(now.items())
            self._forget()
            await anyio.sleep(BREATH_SECONDS)

    def _next(self, role: Role, job: PretendJob) -> PretendJob:
        """The job that plays a role now."""
        ended = job.state().finished_at
        over = ended is not None and self.clock() - ended >= timedelta(seconds=role.rest)
        return self._begun(role) if over else job

    def _begun(self, role: Role, ago: float = 0) -> PretendJob:
        job = self.world.add(role.provider, role.script)
        job.created_at -= timedelta(seconds=ago)
        return job

    def _forget(self) -> None:
        """Keep what is remembered of the world small."""
        self.world.requests.clear()
        playing = [job for _, job in self._playing]
        for account in self.accounts.values():
            for job in self.world.jobs(account.provider)[MOST_JOBS:]:
                if job not in playing:
                    self.world.remove(account.provider, job)
