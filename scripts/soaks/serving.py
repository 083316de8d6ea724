"""The server over HTTP as it is, beside a task that writes down what the process holds."""

import asyncio
import json
import sys
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import anyio

from mcp_browserjobs.command import open_tracker
from mcp_browserjobs.server.web import serve_http
from scripts.soaks.samples import fill_caches, fill_store, take

SAMPLE_SECONDS = 5.0


async def measure(store: Path, to: Path) -> None:
    """Write a sample a line."""
    since = anyio.current_time()
    with to.open("w", encoding="ascii", buffering=1) as lines:
        while True:
            await anyio.sleep(SAMPLE_SECONDS)
            sample = take(anyio.current_time() - since, len(asyncio.all_tasks()), store)
            lines.write(json.dumps(asdict(sample)) + "\n")


async def serve(port: int, samples: Path) -> None:
    """Serve until told to stop."""
    tracker = open_tracker(allow_start=True)
    await fill_store(tracker.store)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(measure, Path(tracker.settings.store), samples)
        await serve_http(tracker, "http", "127.0.0.1", port)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    tracemalloc.start()
    fill_caches()
    anyio.run(serve, int(sys.argv[1]), Path(sys.argv[2]))
