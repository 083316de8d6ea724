"""Hours of virtual time: the server in this process, under clients in it; all that they hold counts as well."""

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import trio

from mcp_browserjobs.simulator.world import World
from scripts.soaks.clients import Crowd
from scripts.soaks.samples import Sample, fill_caches, fill_store, take
from tests.conftest import virtual_clock
from tests.server.connected import serving

PACE, VISITORS = 60.0, 8
SAMPLES = 60


async def soak(minutes: float, seed: int) -> tuple[list[Sample], Crowd]:
    """What was held, and who was there. To be run on a trio whose clock jumps ahead."""
    random, world = Random(seed), World(clock=virtual_clock, retired=False)  # noqa: S311 - no secret
    samples: list[Sample] = []
    with TemporaryDirectory() as folder:
        store = Path(folder, "jobs.sqlite3")
        async with serving(world, BROWSERJOBS_STORE=str(store), BROWSERJOBS_ALLOW_START="1") as server:

            @asynccontextmanager
            async def opened(_mode: str) -> AsyncIterator[Any]:
                yield server

            crowd = Crowd(world, random, opened, PACE)
            tracemalloc.start()
            fill_caches()
            await fill_store(server.tracker.store)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(crowd.come_and_go, VISITORS)
                for _ in range(SAMPLES):
                    await anyio.sleep(minutes * 60 / SAMPLES)
                    samples.append(take(anyio.current_time(), trio.lowlevel.current_statistics().tasks_living, store))
                tasks.cancel_scope.cancel()
            tracemalloc.stop()
    return samples, crowd
