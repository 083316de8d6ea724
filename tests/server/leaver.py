"""A client in a process of its own: it subscribes to one job, waits for another, says so, and stays until it is killed.

Run as `python -m tests.server.leaver URL ERA SUBSCRIBED WAITED`.
"""

import sys

import anyio
from mcp.client.sse import sse_client

from tests.server.connected import subscribed


async def stay(url: str, mode: str, uri: str, job: str) -> None:
    """Subscribe and wait, and say `there` as soon as the wait is known to go on."""

    async def note(progress: float, total: float | None, message: str | None) -> None:
        print("there", flush=True)  # noqa: T201 - whoever started this reads it

    target = sse_client(url) if url.endswith("/sse") else url
    async with subscribed(target, mode, uri) as (client, _):
        await client.call_tool("wait_for_result", {"jobs": [job]}, progress_callback=note)


if __name__ == "__main__":
    url, mode, uri, job = sys.argv[1:]
    anyio.run(stay, url, mode, uri, job)
