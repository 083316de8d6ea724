"""Bytes that an assistant reads: the list of tools, and typical Job answers."""

import json
from collections.abc import Iterator
from typing import Any

import anyio
from mcp import Client

from mcp_browserjobs import providers
from mcp_browserjobs.server.answers import job_answer
from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.tracker import Tracker
from scripts.benches.rows import Row, at_most
from scripts.benches.stage import in_virtual_time, run_of, tracker_in, virtual_world

RUN_SECONDS = 300.0


def rows(*, quick: bool) -> Iterator[Row]:  # noqa: ARG001 - it is quick
    """The list of tools with all of them allowed, and the largest answer of any provider."""
    tools = in_virtual_time(listed)
    bare = sum(weight([tool["name"], tool["description"], tool["inputSchema"]]) for tool in tools)
    yield at_most("`tools/list`: names, descriptions, input schemas", bare, 8000, "bytes")
    yield at_most("`tools/list`, all of it", weight(tools), 16000, "bytes")
    running, ended = in_virtual_time(answers)
    yield at_most("a Job answer while it runs, the largest of all providers", max(running), 1200, "bytes")
    yield at_most("a Job answer at its end without the result", max(ended), 900, "bytes")


def weight(value: Any) -> int:
    """The bytes of a value as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def without_result(reported: dict[str, Any]) -> dict[str, Any]:
    """What was reported but for the result and its beginning."""
    return {key: value for key, value in reported.items() if not key.startswith("result")}


async def listed() -> list[dict[str, Any]]:
    """The tools as a client is given them."""
    tracker = Tracker(Settings(allow_start=True))
    try:
        async with Client(build(tracker)) as client:
            found = (await client.list_tools()).tools
    finally:
        tracker.store.close()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in found]


async def answers() -> tuple[list[int], list[int]]:
    """The bytes of an answer of each provider in the middle of a run, and after its end."""
    world = virtual_world()
    jobs = [f"{name}:{world.add(name, run_of(RUN_SECONDS)).id}" for name in providers.names()]
    async with tracker_in(world).running() as tracker:

        async def weights() -> list[int]:
            found = [job_answer(await tracker.look(job)) for job in jobs]
            return [weight(answer | {"reported": without_result(answer["reported"])}) for answer in found]

        await anyio.sleep(RUN_SECONDS / 2)
        running = await weights()
        await anyio.sleep(RUN_SECONDS)
        return running, await weights()
