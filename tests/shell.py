"""A command line that is configured for pretend providers in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import anyio
import uvicorn
from click import unstyle
from click.testing import CliRunner, Result

from mcp_browserjobs import cli, pretend
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.stage import HOST


@dataclass
class Clock:
    """The time of the pretend providers, which can be put back."""

    behind: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


@dataclass
class Place:
    """Pretend providers, and a command line that is configured for them."""

    clock: Clock = field(default_factory=Clock)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(clock=self.clock)

    def add(self, provider: str, script: Script, *, ago: float = 100) -> str:
        """The reference of a job that started `ago` seconds ago."""
        self.clock.behind = timedelta(seconds=ago)
        job = self.world.add(provider, script)
        self.clock.behind = timedelta()
        return f"{provider}:{job.id}"

    def environment(self) -> dict[str, str]:
        """The variables that lead here."""
        polls = {f"{name}_POLL_SECONDS": "0.05" for name in ("DARI", "GOBII", "BROWSER_USE")}
        return {**variables(HOST, self.world), **polls, "BROWSERJOBS_STORE": ":memory:"}

    def see(self, reference: str, store: str) -> None:
        """Have a job looked at an hour ago."""

        async def look() -> None:
            settings = from_environment({**self.environment(), "BROWSERJOBS_STORE": store})
            connections = Connections.to_app(application(self.world))
            tracker = Tracker(settings, connections=connections, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
            async with tracker.running():
                await tracker.look(reference)

        anyio.run(look)

    def run(self, *arguments: str, app: Any = None, **environ: str | None) -> Result:
        """Run a command."""
        environment = {**self.environment(), **environ}
        connections = Connections.to_app(app or application(self.world))
        runner = CliRunner(catch_exceptions=False)
        return runner.invoke(cli.main, arguments, obj=connections, env=environment)

    def on_terminal(self, *arguments: str, columns: int = 80, **environ: str | None) -> Result:
        """Run a command whose output is a terminal without colours."""
        width = str(columns)
        return self.run(*arguments, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm", COLUMNS=width, **environ)


def lines(result: Result) -> list[str]:
    """What stands on standard output, whatever its style."""
    return [line.rstrip() for line in unstyle(result.stdout).splitlines()]


@contextmanager
def served(world: World) -> Iterator[str]:
    """The pretend providers over HTTP on this machine, for as long as this lasts; gives their address."""
    listening = pretend.listen(0)
    server = uvicorn.Server(uvicorn.Config(application(world), log_level="warning", lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://{pretend.HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
