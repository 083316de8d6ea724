"""Thousands of subscribers to one job: what they cost, and that none delays another."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp import Client

import mcp_browserjobs
from mcp_browserjobs.server.app import Server
from mcp_browserjobs.simulator.script import Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, count, serving, subscribed
from tests.server.test_notify import deafened
from tests.stage import new_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed as of 2026-07-28"),
]

STEPS = Script(beats=(Queued(0), *(Step(f"Read page {page}", 10) for page in range(30))))
STREAMS, CLIENTS, OLDER = 1800, 6, 200
"""So many streams over so many clients, and so many older clients with a connection each."""
DEAF = 10
"""So many in either era stop reading."""
LARGEST = 6 * 1024
"""So many bytes of our own making one subscriber may take at most."""


def start(world: World) -> str:
    return f"browserjobs://dari/{quote(world.add('dari', STEPS).id, safe='')}/events"


class Crowd:
    """Subscribers to one resource, all at once; `heard` counts the updates that came at each time."""

    def __init__(self, server: Server, uri: str) -> None:
        self._server = server
        self._uri = uri
        self.heard: Counter[float] = Counter()
        self._there = 0

    @asynccontextmanager
    async def gathered(self) -> AsyncIterator[None]:
        """All have subscribed, and stay as long as this lasts."""
        async with anyio.create_task_group() as tasks:
            for _ in range(CLIENTS):
                tasks.start_soon(self._streams, STREAMS // CLIENTS)
            for _ in range(OLDER):
                tasks.start_soon(self._older)
            while self._there < STREAMS + OLDER:  # noqa: ASYNC110 - a number tells nobody that it grows
                await anyio.sleep(0.001)
            yield
            tasks.cancel_scope.cancel()

    async def _streams(self, number: int) -> None:
        async with Client(self._server) as client, anyio.create_task_group() as tasks:
            for _ in range(number):
                tasks.start_soon(self._stream, client)

    async def _stream(self, client: Client) -> None:
        async with client.listen(resource_subscriptions=[self._uri]) as updates:
            self._there += 1
            async for _ in updates:
                self.heard[anyio.current_time()] += 1

    async def _older(self) -> None:
        async def note(message: Any) -> None:
            self.heard[anyio.current_time()] += 1

        async with Client(self._server, mode="legacy", message_handler=note) as client:
            await client.subscribe_resource(self._uri)
            self._there += 1
            await anyio.sleep_forever()


async def alone(seconds: float) -> int:
    """How often the provider is asked for one subscriber."""
    world = new_world()
    uri = start(world)
    async with serving(world) as server, subscribed(server, "auto", uri):
        await anyio.sleep(seconds)
        return len(world.requests)


async def test_two_thousand_subscribers_cost_one_watch_and_are_told_together() -> None:
    world = new_world()
    uri = start(world)
    async with serving(world) as server:
        crowd = Crowd(server, uri)
        async with AsyncExitStack() as deaf_ones:
            deaf = anyio.Event()
            for _ in range(DEAF):
                older = await deaf_ones.enter_async_context(Client(deafened(server, deaf), mode="legacy"))
                await older.subscribe_resource(uri)
                client = await deaf_ones.enter_async_context(Client(deafened(server, deaf)))
                await deaf_ones.enter_async_context(client.listen(resource_subscriptions=[uri]))
            world.requests.clear()
            async with crowd.gathered():
                deaf.set()
                assert server.tracker.watched == 1
                assert len(server.updates._readers) == STREAMS + OLDER + 2 * DEAF
                await anyio.sleep(35)
                assert server.tracker.watched == 1
                waiting = [len(reader._outbox._updates) for reader in server.updates._readers]
                assert sorted(waiting)[-2 * DEAF - 1 :] == [0] + [1] * (2 * DEAF)
            assert len(world.requests) <= await alone(35) + 1
        await anyio.sleep(1)
        assert server.tracker.watched == 0
        assert not server.updates._readers
    assert len(crowd.heard) >= 3
    assert set(crowd.heard.values()) == {STREAMS + OLDER}


@pytest.mark.parametrize("mode", ERAS)
async def test_a_subscriber_takes_little_memory(mode: str) -> None:
    world, number = new_world(), 100
    uri = start(world)
    package = Path(mcp_browserjobs.__file__).parent
    ours = tracemalloc.Filter(inclusive=True, filename_pattern=str(package / "*"))
    async with serving(world) as server, AsyncExitStack() as subscribers:
        await subscribers.enter_async_context(subscribed(server, mode, uri))
        tracemalloc.start()
        try:
            for _ in range(number):
                await subscribers.enter_async_context(subscribed(server, mode, uri))
            gc.collect()
            taken = sum(each.size for each in tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename"))
        finally:
            tracemalloc.stop()
        assert taken / number < LARGEST


@pytest.mark.parametrize("mode", ERAS)
async def test_all_subscribers_of_a_new_job_share_its_first_look(mode: str) -> None:
    world = new_world()
    uri = start(world)
    async with serving(world) as server, anyio.create_task_group() as tasks:

        async def subscribe() -> None:
            async with subscribed(server, mode, uri) as (_, heard):
                await anyio.sleep(12)
                assert count(heard, uri) >= 1

        for _ in range(50):
            tasks.start_soon(subscribe)
        await anyio.sleep(1)
        assert len(world.requests) == 1
