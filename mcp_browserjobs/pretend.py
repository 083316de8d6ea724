"""The pretend providers over HTTP on this machine, with a few jobs to try the commands on."""

import shlex
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from .jobs import JobRef
from .simulator import application, simulators, variables
from .simulator.stories import STORIES
from .simulator.world import World

HOST = "127.0.0.1"
JOBS = {
    "quick": "browser_use",
    "slow": "browser_use",
    "giving_up": "browser_use_v2",
    "asking": "dari",
    "failing": "gobii",
    "timing_out": "skyvern",
    "stalling": "h_company",
}
"""The stories that play when it starts, and at which providers."""
ELSEWHERE = "slow"
"""The story that plays at every other vendor."""


def listen(port: int) -> socket.socket:
    """Take the port.

    Raises:
        OSError: somebody else has it.
    """
    listening = socket.create_server((HOST, port))
    # Whoever is accepted has it too. Without it, an answer waits 40 ms for an acknowledgement of its beginning.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(listening: socket.socket, say: Callable[[str], None]) -> None:
    """Serve them until interrupted, and say how to reach them."""
    world = World()
    config = uvicorn.Config(application(world), log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    with TemporaryDirectory(prefix="mcp-browserjobs-", ignore_cleanup_errors=True) as folder:
        for line in guide(world, f"http://{HOST}:{listening.getsockname()[1]}", Path(folder, "jobs.sqlite3")):
            say(line)
        uvicorn.Server(config).run(sockets=[listening])


def guide(world: World, url: str, store: Path) -> Iterator[str]:
    """Start the jobs, and give the lines of a shell that lead to them; what is seen of them is kept in `store`."""
    yield f"# Pretend providers listen at {url}; Ctrl-C ends them. Paste this into another terminal:"
    for name, value in variables(url, world).items():
        yield f"export {name}={shlex.quote(value)}"
    yield f"export BROWSERJOBS_STORE={shlex.quote(str(store))}"
    started = {story: _start(world, story, provider) for story, provider in JOBS.items()}
    yield "# These jobs run there:"
    for story, ref in started.items():
        yield f"#   {ref}  ({STORIES[story].title})"
    for provider in _elsewhere():
        yield f"#   {_start(world, ELSEWHERE, provider)}  ({STORIES[ELSEWHERE].title})"
    yield "# Try:"
    yield "#   mcp-browserjobs jobs"
    yield f"#   mcp-browserjobs status {started['asking']}"
    yield f"#   mcp-browserjobs wait {started['failing']}"
    yield f"#   mcp-browserjobs events --follow {started['slow']}"
    yield f"#   mcp-browserjobs result {started['quick']}"
    yield f"# Or start one; a task with one of these names plays that story: {', '.join(STORIES)}."
    yield f"#   mcp-browserjobs start {JOBS['failing']} slow"


def _start(world: World, story: str, provider: str) -> JobRef:
    return JobRef(provider, world.add(provider, STORIES[story]).id)


def _elsewhere() -> list[str]:
    """One provider of each vendor that has no story of its own."""
    vendors = simulators()
    served = {vendors[provider].prefix for provider in JOBS.values()}
    return list({vendor.prefix: name for name, vendor in vendors.items() if vendor.prefix not in served}.values())
