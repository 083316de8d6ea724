"""Live updates, for clients of both eras."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from urllib.parse import quote

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client._transport import TransportStreams
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage

from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.server.app import Server, build
from mcp_browserjobs.simulator.script import Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, count, read, serving, subscribed, told
from tests.stage import new_world, tracker_in

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed as of 2026-07-28"),
]

STEPS = Script(beats=(Queued(0), *(Step(f"Read page {page}", 10) for page in range(30)), Finish()))
JOBS = "browserjobs://jobs"
UNKNOWN = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, provider: str = "dari") -> str:
    """A job's URI."""
    return f"browserjobs://{provider}/{quote(world.add(provider, STEPS).id, safe='')}"


# A job


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("part", ["", "/events", "/events?after=3&limit=10", "/result"])
async def test_a_job_is_watched_and_told_of_until_the_subscriber_leaves(world: World, mode: str, part: str) -> None:
    uri = start(world) + part
    async with serving(world) as server:
        async with subscribed(server, mode, uri) as (client, heard):
            assert server.tracker.watched == 1
            await anyio.sleep(100)
            assert count(heard, uri) >= 5
            assert (await read(client, uri.removesuffix("/result"))).text
        await anyio.sleep(1)
        assert server.tracker.watched == 0
        asked = len(world.requests)
        await anyio.sleep(100)
        assert len(world.requests) == asked


@pytest.mark.parametrize("mode", ERAS)
async def test_every_change_of_the_log_is_told_of_until_the_end(world: World, mode: str) -> None:
    uri = start(world)
    async with serving(world) as server, subscribed(server, mode, uri) as (client, heard):
        await anyio.sleep(400)
        assert "completed" in (await read(client, uri)).text
        last = len(heard)
        await anyio.sleep(400)
        assert len(heard) == last
        assert server.tracker.watched == 1


@pytest.mark.parametrize("mode", ERAS)
async def test_who_subscribes_to_the_log_hears_sooner(world: World, mode: str) -> None:
    asked: list[int] = []
    uri = start(world)
    await anyio.sleep(200)
    for part in ("", "/events"):
        async with serving(world) as server, subscribed(server, mode, uri + part):
            world.requests.clear()
            await anyio.sleep(40)
            asked.append(len(world.requests))
    assert 2 * asked[0] <= asked[1]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_change_that_somebody_else_saw_is_told_of(world: World, mode: str) -> None:
    uri = start(world)
    async with serving(world, DARI_POLL_SECONDS="60") as server, subscribed(server, mode, uri) as (client, heard):
        await anyio.sleep(15)
        assert count(heard, uri) == 0
        await told(client, "get_job_status", job=f"dari:{world.jobs('dari')[0].id}")
        await anyio.sleep(1)
        assert count(heard, uri) == 1


@pytest.mark.parametrize("mode", ERAS)
async def test_updates_name_the_uri_as_the_subscriber_spelled_it(world: World, mode: str) -> None:
    job = world.add("browser_use_v2", STEPS)
    spelled = [f"browserjobs://{generation}/{job.id}/events" for generation in ("browser_use", "browser_use_v2")]
    async with serving(world) as server, subscribed(server, mode, *spelled) as (_, heard):
        assert server.tracker.watched == 1
        await anyio.sleep(60)
    assert count(heard, spelled[1]) > 0
    assert count(heard, spelled[0]) == count(heard, spelled[1])


@pytest.mark.parametrize("mode", ERAS)
async def test_several_subscribers_share_one_watch(world: World, mode: str) -> None:
    uri = start(world)
    async with serving(world) as server, subscribed(server, mode, uri) as (_, heard):
        for other in ERAS:
            async with subscribed(server, other, uri, f"{uri}/events") as (_, others):
                assert server.tracker.watched == 1
                await anyio.sleep(20)
                assert count(others, uri) > 0
                assert count(others, f"{uri}/events") > 0
        await anyio.sleep(1)
        assert server.tracker.watched == 1
        before = count(heard, uri)
        await anyio.sleep(20)
        assert count(heard, uri) > before
    assert server.tracker.watched == 0


# The list of jobs


@pytest.mark.parametrize("mode", ERAS)
async def test_new_jobs_are_told_of_at_most_every_five_seconds_and_the_last_is_not_lost(
    world: World, mode: str
) -> None:
    async with serving(world) as server, subscribed(server, mode, JOBS) as (client, heard):
        for _ in range(20):
            await client.read_resource(start(world))
            await anyio.sleep(0.6)
        last = anyio.current_time()
        await anyio.sleep(20)
        for what in ("list", JOBS):
            times = [at for at, each in heard if each == what]
            assert 3 <= len(times) <= 5
            assert all(later - earlier >= 4.9 for earlier, later in pairwise(times))
            assert times[-1] >= last - 0.7
        assert len((await client.list_resources()).resources) == 21
        await client.read_resource(start(world))
        await anyio.sleep(0.1)
        assert count(heard, "list") == len(times) + 1


@pytest.mark.parametrize("mode", ERAS)
async def test_a_job_that_a_provider_lists_is_new_once(world: World, mode: str) -> None:
    start(world, "gobii")
    async with serving(world) as server, subscribed(server, mode) as (client, heard):
        for _ in range(3):
            await told(client, "list_jobs")
            await anyio.sleep(10)
        assert count(heard, "list") == 1
        assert len((await client.list_resources()).resources) == 2


@pytest.mark.parametrize("mode", ERAS)
async def test_a_change_of_a_known_job_is_no_change_of_what_is_listed(world: World, mode: str) -> None:
    uri = start(world)
    async with serving(world) as server:
        await server.tracker.look(f"dari:{world.jobs('dari')[0].id}")
        await anyio.sleep(10)
        async with subscribed(server, mode, JOBS) as (client, heard):
            await anyio.sleep(30)
            await client.read_resource(uri)
            await anyio.sleep(10)
    assert [what for _, what in heard] == [JOBS]


# What is not there


async def test_a_stream_confirms_what_it_will_tell_and_nothing_else(world: World) -> None:
    known = start(world)
    asked = [f"browserjobs://gobii/{UNKNOWN}", known, "file:///etc/passwd", "browserjobs://nobody/1", JOBS]
    async with serving(world) as server, Client(server) as client:
        stream = client.listen(
            resource_subscriptions=asked,
            resources_list_changed=True,
            tools_list_changed=True,
            prompts_list_changed=True,
        )
        async with stream as updates:
            assert Counter(updates.honored.resource_subscriptions) == Counter([known, JOBS])
            assert updates.honored.resources_list_changed
            assert not updates.honored.tools_list_changed
            assert not updates.honored.prompts_list_changed
            assert server.tracker.watched == 1


class Slow(InProcess):
    """Takes longer for each request than a stream is waited for."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        await anyio.sleep(12)
        return await super().handle_async_request(request)


async def test_a_provider_that_takes_its_time_does_not_keep_others_from_being_told_of(world: World) -> None:
    known, new = start(world), start(world)
    async with serving(world, transport=Slow) as server, Client(server) as client:
        await read(client, known)
        begin = anyio.current_time()
        async with client.listen(resource_subscriptions=[new, known, JOBS]) as updates:
            assert anyio.current_time() - begin == pytest.approx(8, abs=0.1)
            assert Counter(updates.honored.resource_subscriptions) == Counter([known, JOBS])


async def test_a_stream_of_nothing_that_there_is_is_refused(world: World) -> None:
    async with serving(world) as server, Client(server) as client:
        for uri, words in (("file:///etc/passwd", "of this server"), (f"browserjobs://gobii/{UNKNOWN}", "no such job")):
            with pytest.raises(MCPError, match=words):
                async with client.listen(resource_subscriptions=[uri]):
                    pass


async def test_a_stream_of_the_list_alone_is_confirmed(world: World) -> None:
    async with serving(world) as server, Client(server) as client:
        uris = ["file:///etc/passwd"]
        async with client.listen(resource_subscriptions=uris, resources_list_changed=True) as updates:
            assert not updates.honored.resource_subscriptions
            assert updates.honored.resources_list_changed


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:///etc/passwd", "uri must be that of a resource of this server."),
        ("browserjobs://nobody/1", "No account has that name"),
        (f"browserjobs://gobii/{UNKNOWN}", "knows no such job"),
    ],
)
async def test_an_older_client_is_refused_what_is_not_there(world: World, uri: str, words: str) -> None:
    async with serving(world) as server, Client(server, mode="legacy") as client:
        with pytest.raises(MCPError) as caught:
            await client.subscribe_resource(uri)
    assert caught.value.code == -32602
    assert words in caught.value.message


async def test_an_older_client_that_was_refused_may_ask_again(world: World) -> None:
    uri = start(world)
    async with serving(world) as server, Client(server, mode="legacy") as client:
        world.trouble = Outage(0, 0)
        with pytest.raises(MCPError):
            await client.subscribe_resource(uri)
        assert server.tracker.watched == 0
        world.trouble = None
        await anyio.sleep(2)
        await client.subscribe_resource(uri)
        assert server.tracker.watched == 1
        await client.unsubscribe_resource(uri)
        await client.subscribe_resource(uri)
        await anyio.sleep(1)
        assert server.tracker.watched == 1


# Leaving


async def test_an_older_client_can_unsubscribe(world: World) -> None:
    uri = start(world)
    async with serving(world) as server, subscribed(server, "legacy", uri) as (client, heard):
        await client.subscribe_resource(uri)
        await anyio.sleep(20)
        assert count(heard, uri) > 0
        await client.unsubscribe_resource(uri)
        await client.unsubscribe_resource(uri)
        await anyio.sleep(1)
        assert server.tracker.watched == 0
        before = len(heard)
        await server.tracker.look(f"dari:{world.jobs('dari')[0].id}")
        await anyio.sleep(30)
        assert count(heard[before:], uri) == 0


async def test_streams_end_in_good_order_when_the_server_stops(world: World) -> None:
    uri = start(world)
    async with serving(world) as server, Client(server) as client:
        async with client.listen(resource_subscriptions=[uri]) as updates:
            server.stop()
            with anyio.fail_after(5):
                async for _ in updates:
                    pass
        assert server.tracker.watched == 0


@asynccontextmanager
async def deafened(server: Server, deaf: anyio.Event) -> AsyncIterator[TransportStreams]:
    """A connection whose client takes nothing out of it any more once it is `deaf`."""
    low = server._lowlevel_server
    send, receive = anyio.create_memory_object_stream[SessionMessage | Exception]()
    async with (
        create_client_server_memory_streams() as ((incoming, outgoing), ends),
        anyio.create_task_group() as tasks,
        send,
        receive,
    ):

        async def relay() -> None:
            async for message in incoming:
                if deaf.is_set():
                    await anyio.sleep_forever()
                await send.send(message)

        tasks.start_soon(low.run, *ends, low.create_initialization_options())
        tasks.start_soon(relay)
        yield receive, outgoing
        tasks.cancel_scope.cancel()


async def test_a_client_that_stops_reading_holds_up_nobody_else(world: World) -> None:
    uri, deaf = start(world), anyio.Event()
    async with serving(world) as server, Client(deafened(server, deaf), mode="legacy") as client:
        await client.subscribe_resource(uri)
        deaf.set()
        async with subscribed(server, "auto", uri) as (_, heard):
            await anyio.sleep(100)
            assert count(heard, uri) >= 5


async def test_a_subscription_made_twice_at_once_is_one(world: World) -> None:
    uri = start(world)
    async with serving(world) as server, Client(server, mode="legacy") as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(client.subscribe_resource, uri)
        assert server.tracker.watched == 1
        await client.unsubscribe_resource(uri)
        await anyio.sleep(1)
        assert server.tracker.watched == 0


async def test_a_connection_that_outlives_the_updates_holds_nothing(world: World) -> None:
    uri, there, over = start(world), anyio.Event(), anyio.Event()

    async def stay(server: Server) -> None:
        async with Client(server, mode="legacy") as client:
            await client.subscribe_resource(uri)
            there.set()
            await over.wait()

    async with tracker_in(world) as tracker, anyio.create_task_group() as clients:
        server = build(tracker)
        async with server.updates.running():
            clients.start_soon(stay, server)
            await there.wait()
            assert tracker.watched == 1
        assert tracker.watched == 0
        over.set()


async def test_nothing_is_promised_before_the_server_runs(world: World) -> None:
    async with serving(world) as server, Client(build(server.tracker), mode="legacy") as client:
        assert client.server_capabilities.resources
        assert not client.server_capabilities.resources.subscribe
        with pytest.raises(MCPError):
            await client.subscribe_resource(JOBS)
