"""The pretend providers over HTTP on this machine, with a few jobs to try the commands on."""

import shlex
import socket
from collections.abc import Callable, Iterator

import uvicorn

from .jobs import JobRef
from .simulator import application, variables
from .simulator.stories import STORIES
from .simulator.world import World

HOST = "127.0.0.1"
JOBS = {
    "quick": "browser_use",
    "slow": "browser_use",
    "giving_up": "browser_use_v2",
    "asking": "dari",
    "failing": "gobii",
}
"""The stories that play when it starts, and at which providers."""


def listen(port: int) -> socket.socket:
    """Take the port.

    Raises:
        OSError: somebody else has it.
    """
    return socket.create_server((HOST, port))


def serve(listening: socket.socket, say: Callable[[str], None]) -> None:
    """Serve them until interrupted, and say how to reach them."""
    world = World()
    for line in guide(world, f"http://{HOST}:{listening.getsockname()[1]}"):
        say(line)
    config = uvicorn.Config(application(world), log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


def guide(world: World, url: str) -> Iterator[str]:
    """Start the jobs, and give the lines of a shell that lead to them."""
    yield f"# Pretend providers listen at {url}; Ctrl-C ends them. Paste this into another terminal:"
    for name, value in variables(url, world).items():
        yield f"export {name}={shlex.quote(value)}"
    yield "export BROWSERJOBS_STORE=:memory:"
    started = {story: JobRef(provider, world.add(provider, STORIES[story]).id) for story, provider in JOBS.items()}
    yield "# These jobs run there:"
    for story, ref in started.items():
        yield f"#   {ref}  ({STORIES[story].title})"
    yield "# Try:"
    yield "#   mcp-browserjobs jobs"
    yield f"#   mcp-browserjobs status {started['asking']}"
    yield f"#   mcp-browserjobs wait {started['failing']}"
    yield f"#   mcp-browserjobs events --follow {started['slow']}"
    yield f"#   mcp-browserjobs result {started['quick']}"
