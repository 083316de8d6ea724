"""A thousand calls that wait for one job: the provider sees the requests of one."""

from collections.abc import Iterator

import anyio
from mcp import Client

from mcp_browserjobs.server.app import build
from scripts.benches.rows import Row
from scripts.benches.stage import in_virtual_time, run_of, tracker_in, virtual_world

MANY, FEW, CLIENTS = 1000, 50, 10
RUN_SECONDS, CAP = 60.0, "600"
PROVIDERS = ("gobii", "browser_use", "h_company", "kernel")
"""One that is looked at with one request and one with two, one that answers long polls and one that streams."""


def rows(*, quick: bool) -> Iterator[Row]:
    """The requests of many beside those of one."""
    many = FEW if quick else MANY
    counted = {name: (requests(name, 1), requests(name, many)) for name in PROVIDERS}
    worst = max(counted, key=lambda name: counted[name][1] - counted[name][0])
    one, all_of_them = counted[worst]
    what = f"{many:,} calls of `wait_for_result` for one job: requests, worst of four providers ({worst})"
    yield Row(what, f"those of one, {one}", f"{all_of_them}", all_of_them <= one)


def requests(provider: str, waiters: int) -> int:
    """How often a provider is asked when so many wait from a job's start to its end."""

    async def wait() -> int:
        world = virtual_world()
        job = f"{provider}:{world.add(provider, run_of(RUN_SECONDS)).id}"
        arguments = {"jobs": [job], "until": "result", "wait_seconds": int(CAP)}
        tracker = tracker_in(world, BROWSERJOBS_WAIT_SECONDS=CAP)
        server = build(tracker)
        async with server.running(), anyio.create_task_group() as tasks:
            for _ in range(min(CLIENTS, waiters)):
                tasks.start_soon(several, server, arguments, max(1, waiters // CLIENTS))
        return len(world.requests)

    async def several(server: object, arguments: dict[str, object], calls: int) -> None:
        async with Client(server) as client, anyio.create_task_group() as tasks:  # type: ignore[arg-type]
            for _ in range(calls):
                tasks.start_soon(client.call_tool, "wait_for_result", arguments)

    return in_virtual_time(wait)
