"""How long clients wait: what is known of them, and what their cuts teach."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY, Implementation

from mcp_browserjobs.server import patience
from mcp_browserjobs.server.patience import (
    KNOWN,
    LIMITS,
    LIMITS_OF_KNOWN,
    NAMELESS,
    REMEMBERED_SECONDS,
    UNKNOWN,
    Lessons,
)
from mcp_browserjobs.server.web import application
from mcp_browserjobs.simulator.script import FOREVER, Queued, Script, Stall
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, serving, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

ENDLESS = Script(beats=(Queued(0), Stall(FOREVER)))


@pytest.fixture
def world() -> World:
    return new_world()


# What is known


@pytest.mark.parametrize("host", [*KNOWN.values(), *NAMELESS.values()], ids=[*KNOWN, *NAMELESS])
def test_every_limit_has_a_source_and_a_wait_ends_before_it(host: patience.Host) -> None:
    assert host.source
    assert host.wait < host.limit or host in NAMELESS.values()


def test_names_are_in_lower_case_as_they_are_looked_up() -> None:
    assert all(name == name.lower() for name in KNOWN)


# What cuts teach


async def cut(lessons: Lessons, *seconds: float) -> float:
    """The cap after waits were cut so late, one after the other."""
    for each in seconds:
        with anyio.move_on_after(each), lessons.waiting("job", guess=False):
            await anyio.sleep_forever()
    return lessons.cap


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_cut_as_late_as_a_known_client_gives_up_counts_at_once(limit: float) -> None:
    assert await cut(Lessons(LIMITS), limit + 0.1) == pytest.approx(0.8 * limit, abs=0.1)


async def test_any_other_cut_counts_when_the_next_comes_as_late() -> None:
    lessons = Lessons(LIMITS)
    assert await cut(lessons, 12.1, 17.3, 12.1) == float("inf")
    assert await cut(lessons, 12.4) == pytest.approx(9.9, abs=0.1)


async def test_waits_that_are_cut_together_confirm_nothing() -> None:
    lessons = Lessons(LIMITS)
    for _ in range(2):
        assert lessons.cap == float("inf")
        with anyio.move_on_after(12):
            async with anyio.create_task_group() as calls:
                for _ in range(3):
                    calls.start_soon(cut, lessons, 600)
    assert lessons.cap == pytest.approx(9.6)


async def test_waits_that_are_cut_one_after_the_other_confirm_each_other_though_they_overlap() -> None:
    lessons = Lessons(LIMITS)
    async with anyio.create_task_group() as calls:
        calls.start_soon(cut, lessons, 12)
        await anyio.sleep(6)
        calls.start_soon(cut, lessons, 12)
    assert lessons.cap == pytest.approx(9.6)


async def test_stopping_a_client_known_by_name_as_late_as_a_nameless_one_gives_up_counts_when_repeated() -> None:
    lessons = Lessons(LIMITS_OF_KNOWN)
    assert await cut(lessons, 5, 30) == float("inf")
    assert await cut(lessons, 30) == 24


async def test_pressing_stop_after_two_seconds_never_counts() -> None:
    assert await cut(Lessons(LIMITS), 2, 2, 2.1, 3.9, 3.9) == float("inf")


async def test_the_least_that_was_learned_holds() -> None:
    lessons = Lessons(LIMITS)
    assert await cut(lessons, 60, 30, 60) == 24
    assert await cut(lessons, 5) == 4
    assert await cut(lessons, 30) == 4


async def test_no_lesson_leaves_less_than_a_look_takes() -> None:
    assert await cut(Lessons(LIMITS), 4.5, 4.5, 4.5) == pytest.approx(3.6)


async def test_a_wait_that_ends_by_itself_teaches_nothing() -> None:
    lessons = Lessons(LIMITS)
    for _ in range(2):
        with lessons.waiting("job", guess=True):
            await anyio.sleep(30)
    assert lessons.cap == float("inf")


async def test_a_lesson_is_forgotten_an_hour_after_the_last_cut_that_counted() -> None:
    lessons = Lessons(LIMITS)
    await cut(lessons, 30)
    await anyio.sleep(REMEMBERED_SECONDS - 100)
    assert await cut(lessons, 60) == 24
    await anyio.sleep(REMEMBERED_SECONDS - 1)
    assert lessons.cap == 24
    await anyio.sleep(1)
    assert lessons.cap == float("inf")
    assert await cut(lessons, 60) == 48


async def ask_again(lessons: Lessons, what: str, *after: float, guess: bool = True) -> float:
    """The cap after waits were begun, the next so long after the one before, though each lasts 25 s."""

    async def wait() -> None:
        with lessons.waiting(what, guess=guess):
            await anyio.sleep(25)

    async with anyio.create_task_group() as tasks:
        for each in (0, *after):
            await anyio.sleep(each)
            tasks.start_soon(wait)
    return lessons.cap


async def test_asking_for_the_same_again_twice_tells_of_a_limit_before_that() -> None:
    assert await ask_again(Lessons(LIMITS), "job", 8) == float("inf")
    assert await ask_again(Lessons(LIMITS), "job", 8, 11) == 4
    assert await ask_again(Lessons(LIMITS), "job", 4, 4, 4) == float("inf")
    assert await ask_again(Lessons(LIMITS), "job", 26, 26, 26) == float("inf")
    assert await ask_again(Lessons(LIMITS), "job", 8, 11, guess=False) == float("inf")


# Over the wire


def start(world: World) -> str:
    return f"dari:{world.add('dari', ENDLESS).id}"


async def cap(client: Client, job: str) -> float:
    """How long a wait of this client may last."""
    answer = await told(client, "wait_for_result", jobs=[job], wait_seconds=1)
    assert answer["waited_seconds"] == pytest.approx(1, abs=0.1)
    return float(answer["wait_cap_seconds"])


async def give_up(client: Client, job: str, after: float) -> None:
    with anyio.move_on_after(after):
        await client.call_tool("wait_for_result", {"jobs": [job]})
    await anyio.sleep(0.1)


@pytest.mark.parametrize("mode", ERAS)
async def test_the_next_waits_stay_below_a_cut(world: World, mode: str) -> None:
    job = start(world)
    async with serving(world) as server, Client(server, mode=mode) as client:
        assert await cap(client, job) == UNKNOWN
        await give_up(client, job, after=2)
        assert await cap(client, job) == UNKNOWN
        await give_up(client, job, after=5)
        assert await cap(client, job) == 4
        begin = anyio.current_time()
        answer = await told(client, "wait_for_result", jobs=[job], wait_seconds=600)
        assert anyio.current_time() - begin == pytest.approx(4, abs=0.1)
        assert answer["done"] is False


async def test_an_older_client_s_lessons_end_with_its_connection(world: World) -> None:
    job = start(world)
    async with serving(world) as server:
        async with Client(server, mode="legacy") as first, Client(server, mode="legacy") as second:
            await give_up(first, job, after=5)
            assert await cap(first, job) == 4
            assert await cap(second, job) == UNKNOWN
        async with Client(server, mode="legacy") as third:
            assert await cap(third, job) == UNKNOWN


async def test_a_client_known_by_name_can_be_set_to_less(world: World) -> None:
    job = start(world)
    info = Implementation(name="codex-mcp-client", version="1")
    async with serving(world) as server, Client(server, mode="legacy", client_info=info) as client:
        assert await cap(client, job) == 240
        await give_up(client, job, after=60)
        assert await cap(client, job) == 48


async def test_the_setting_counts_more_than_any_lesson(world: World) -> None:
    job = start(world)
    async with serving(world, BROWSERJOBS_WAIT_SECONDS="20") as server, Client(server) as client:
        await give_up(client, job, after=5)
        await give_up(client, job, after=5)
        assert await cap(client, job) == 20


@pytest.mark.parametrize(("name", "expected"), [("mcp", 4), ("claude-code", 100)])
async def test_a_silent_client_is_understood_unless_it_is_known_by_name(
    world: World, name: str, expected: float
) -> None:
    job = start(world)
    info = Implementation(name=name, version="1")
    async with (
        serving(world) as server,
        Client(server, mode="legacy", client_info=info) as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(3):
            tasks.start_soon(client.call_tool, "wait_for_result", {"jobs": [job]})
            await anyio.sleep(8)
        assert await cap(client, job) == expected


async def test_asking_for_another_job_meanwhile_tells_nothing(world: World) -> None:
    async with (
        serving(world) as server,
        Client(server, mode="legacy") as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(3):
            tasks.start_soon(client.call_tool, "wait_for_result", {"jobs": [start(world)]})
            await anyio.sleep(8)
        assert await cap(client, start(world)) == UNKNOWN


# Over HTTP, where the present revision knows no connections


class Web:
    """Waits over HTTP, each by itself."""

    def __init__(self, http: httpx2.AsyncClient, job: str) -> None:
        self._http = http
        self._job = job

    async def wait(self, token: str = "", name: str | None = "robot", version: str = "1", **arguments: Any) -> float:
        """The cap of a wait, which is cut where the caller cuts it."""
        meta: dict[str, Any] = {PROTOCOL_VERSION_META_KEY: "2026-07-28", CLIENT_CAPABILITIES_META_KEY: {}}
        if name:
            meta[CLIENT_INFO_META_KEY] = {"name": name, "version": version}
        params = {"name": "wait_for_result", "arguments": {"jobs": [self._job], **arguments}, "_meta": meta}
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "wait_for_result",
        } | ({"authorization": f"Bearer {token}"} if token else {})
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        reply = await self._http.post("http://127.0.0.1/mcp", json=request, headers=headers)
        assert reply.status_code == 200, reply.text
        return float(reply.json()["result"]["structuredContent"]["wait_cap_seconds"])

    async def cap(self, token: str = "", name: str | None = "robot", version: str = "1") -> float:
        return await self.wait(token, name, version, wait_seconds=1)

    async def give_up(self, after: float, token: str = "", name: str | None = "robot") -> None:
        with anyio.move_on_after(after):
            await self.wait(token, name)


@asynccontextmanager
async def web(world: World, **environ: str) -> AsyncIterator[Web]:
    job = start(world)
    async with serving(world, **environ) as server:
        transport = httpx2.ASGITransport(application(server))
        async with server.session_manager.run(), httpx2.AsyncClient(transport=transport, timeout=None) as http:
            yield Web(http, job)


async def test_without_connections_the_same_name_and_version_is_the_same_client(world: World) -> None:
    async with web(world) as clients:
        await clients.give_up(5)
        assert await clients.cap() == 4
        assert await clients.cap(version="2") == UNKNOWN
        assert await clients.cap(name="rover") == UNKNOWN
        assert await clients.cap(name=None) == UNKNOWN
        await clients.give_up(5, name=None)
        assert await clients.cap(name=None) == 4


async def test_what_one_principal_s_client_teaches_is_not_another_s(world: World) -> None:
    tokens = {"BROWSERJOBS_TOKEN": "one" * 20, "BROWSERJOBS_READ_TOKEN": "two" * 20}
    one, two = tokens.values()
    async with web(world, **tokens) as clients:
        await clients.give_up(5, token=one)
        assert await clients.cap(token=one) == 4
        assert await clients.cap(token=two) == UNKNOWN


async def test_lessons_are_kept_of_so_many_clients_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MOST_CLIENTS", 2)
    async with web(world) as clients:
        await clients.give_up(5, name="a")
        await clients.give_up(5, name="b")
        assert await clients.cap(name="a") == 4
        await clients.give_up(5, name="c")
        assert await clients.cap(name="a") == 4
        assert await clients.cap(name="b") == UNKNOWN
