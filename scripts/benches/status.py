"""One `get_job_status` beside a tool that does nothing and one direct GET over the same HTTP client.

Both tools are called in memory; the pretend providers answer over a socket of this machine, from their own process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import anyio
import httpx2
from mcp import Client
from mcp.server import MCPServer

from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch.look import SPACING_SECONDS
from scripts.benches.rounds import Act, in_turn
from scripts.benches.rows import Row, at_most, told
from scripts.benches.stage import outside

ROUNDS, FEW, JOBS = 300, 3, 100
AGE, RUN_SECONDS = 120.0, 1800.0
LIMIT = 1.5
ASKED = ("gobii", "dari", "browser_use")
"""Providers of which two are asked once for a look, and the last twice: for the job and its events."""


class Recording(httpx2.AsyncHTTPTransport):
    """The network, which remembers the requests that it carried."""

    requests: list[httpx2.Request]

    def __init__(self) -> None:
        super().__init__()
        self.requests = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry one."""
        self.requests.append(request)
        return await super().handle_async_request(request)


@dataclass(frozen=True)
class Times:
    """The median seconds of: a tool that does nothing, one direct GET, as many at once as a look takes, the tool."""

    nothing: float
    get: float
    gets: float
    status: float
    requests: int


def rows(*, quick: bool) -> Iterator[Row]:
    """The ratio for each of the providers."""
    with outside([(name, AGE) for name in ASKED for _ in range(JOBS)], RUN_SECONDS) as there:
        for number, name in enumerate(ASKED):
            jobs = [f"{name}:{job}" for job in there.jobs[number * JOBS : (number + 1) * JOBS]]
            times = anyio.run(timed, jobs, dict(there.variables), FEW if quick else ROUNDS)
            what = f"`get_job_status` at {name}, beside a tool that does nothing and one GET"
            yield at_most(what, times.status / (times.nothing + times.get), LIMIT, "x", ".2f")
            if times.requests > 1:
                what = f"the same beside such a tool and the {times.requests} GETs at once that a look takes there"
                yield told(what, f"{times.status / (times.nothing + times.gets):.2f} x")


async def timed(jobs: list[str], variables: dict[str, str], rounds: int) -> Times:
    """Measure all four in turn. A look is shared for a second, so it is another job's turn each time."""
    network = Recording()
    settings = from_environment({**variables, "BROWSERJOBS_STORE": ":memory:"})
    tracker, bare = Tracker(settings, connections=Connections(network)), MCPServer("bare")
    bare.add_tool(nothing)
    server = build(tracker)
    async with (
        server.running(),
        Client(server) as ours,
        Client(bare) as other,
        httpx2.AsyncClient(follow_redirects=False) as client,
    ):

        async def status() -> None:
            if (await ours.call_tool("get_job_status", {"job": next(turns)})).is_error:
                raise RuntimeError("no status")

        async def get(request: httpx2.Request) -> None:
            (await client.get(request.url, headers=request.headers)).raise_for_status()

        async def get_all() -> None:
            async with anyio.create_task_group() as tasks:
                for request in look:
                    tasks.start_soon(get, request)

        turns = cycle(jobs)
        for _ in jobs:
            await status()
        await anyio.sleep(SPACING_SECONDS)
        network.requests.clear()
        await status()
        look = list(network.requests)
        sides: list[Act] = [lambda: other.call_tool("nothing", {"job": ""}), lambda: get(look[0]), get_all, status]
        empty, one, each, whole = await in_turn(sides, rounds)
        return Times(empty, one, each, whole, len(look))


async def nothing(job: str) -> dict[str, str]:
    """Say which job was asked for."""
    return {"job": job}
