"""Clients that go away, on every transport: what was done for them ends at once, and the runs go on."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx2
import pytest
import uvicorn
from mcp import Client

from mcp_browserjobs.server import patience, web
from mcp_browserjobs.server.app import Server
from mcp_browserjobs.server.presence import VANISHED_SECONDS, ask_for_the_silent
from mcp_browserjobs.simulator.script import PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, serving
from tests.server.outside import COMMAND, provided
from tests.stage import new_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed as of 2026-07-28"),
]

HERE = Path(__file__).parents[2]
BUSY = Script(beats=(Queued(0), *(Step(f"Read page {page}", 0.3) for page in range(1000))))
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
AT_ONCE = 1.0
"""Where the transport tells that a client is gone, all that was done for it ends within so many seconds."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture
async def jobs(world: World) -> tuple[PretendJob, PretendJob]:
    """One to subscribe to, and one to wait for."""
    return world.add("dari", BUSY), world.add("gobii", BUSY)


def log_of(job: PretendJob) -> str:
    return f"browserjobs://dari/{quote(job.id, safe='')}/events"


async def until(happened: Callable[[], bool], seconds: float = AT_ONCE) -> None:
    """Wait for something, not longer than allowed."""
    with anyio.fail_after(seconds):
        while not happened():  # noqa: ASYNC110 - numbers tell nobody that they change
            await anyio.sleep(0.01)


def idle(server: Server) -> Callable[[], bool]:
    """Whether nothing is done for anybody."""
    return lambda: server.tracker.watched == 0 and not server._calls and not server.updates._readers


def go_on(world: World, *runs: PretendJob) -> bool:
    """Whether the runs were only looked at, and are still at it."""
    return {asked.method for asked in world.requests} == {"GET"} and all(job.state().phase == "running" for job in runs)


@asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[Server, str]]:
    """The server over real sockets, and where."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(world, DARI_POLL_SECONDS="0.1", GOBII_POLL_SECONDS="0.1") as server:
        http = uvicorn.Server(uvicorn.Config(web.application(server), lifespan="on", ws="none", log_config=None))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [listener])
            try:
                yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.stop()
                http.should_exit = True


# Within one process


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_in_the_same_process(world: World, jobs: tuple[PretendJob, PretendJob], mode: str) -> None:
    subscribed_to, waited_for = jobs
    async with serving(world) as server:

        async def stay() -> None:
            async with Client(server, mode=mode) as client, anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "wait_for_result", {"jobs": [f"gobii:{waited_for.id}"]})
                if mode == "legacy":
                    await client.subscribe_resource(log_of(subscribed_to))
                    await anyio.sleep_forever()
                async with client.listen(resource_subscriptions=[log_of(subscribed_to)]):
                    await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stay)
            await until(lambda: server.tracker.watched == 2)
            tasks.cancel_scope.cancel()
        await until(idle(server))
    assert go_on(world, *jobs)


# Over HTTP


@contextmanager
def leaver(url: str, mode: str, subscribed_to: PretendJob, waited_for: PretendJob) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.server.leaver", url, mode, log_of(subscribed_to), f"gobii:{waited_for.id}"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield process
        finally:
            process.kill()


async def told_by(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout
    with anyio.fail_after(20):
        return await anyio.to_thread.run_sync(process.stdout.readline, abandon_on_cancel=True)


@pytest.mark.parametrize(("path", "mode"), [("/mcp", "auto"), ("/mcp", "legacy"), ("/sse", "legacy")])
async def test_a_client_that_is_killed(world: World, jobs: tuple[PretendJob, PretendJob], path: str, mode: str) -> None:
    async with served(world) as (server, url):
        with leaver(url + path, mode, *jobs) as client:
            assert await told_by(client) == "there\n"
            assert server.tracker.watched == 2
            assert len(server._calls) == 1
            client.kill()
            begin = time.monotonic()
            await until(lambda: server.tracker.watched == 0 and not server._calls)
            assert time.monotonic() - begin < AT_ONCE
        asked = len(world.requests)
        await anyio.sleep(1)
        assert len(world.requests) == asked
        assert go_on(world, *jobs)


@POSIX
async def test_a_client_that_only_stands_still_is_not_gone(world: World, jobs: tuple[PretendJob, PretendJob]) -> None:
    async with served(world) as (server, url):
        with leaver(f"{url}/mcp", "auto", *jobs) as client:
            assert await told_by(client) == "there\n"
            client.send_signal(signal.SIGSTOP)
            await anyio.sleep(AT_ONCE + 0.5)
            assert server.tracker.watched == 2
            client.kill()
            await until(lambda: server.tracker.watched == 0)


# Older clients of streamable HTTP, by hand


class Older:
    """An older client of streamable HTTP."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._number = 0
        self.headers = {"accept": "application/json, text/event-stream"}

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """A request, to be read as it is answered."""
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        return self._http.stream("POST", "/mcp", json=message, headers=self.headers)

    async def ask(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        async with self.request(method, params) as reply:
            text = (await reply.aread()).decode()
            if "mcp-session-id" in reply.headers:
                self.headers["mcp-session-id"] = reply.headers["mcp-session-id"]
        [data] = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        return json.loads(data)["result"]

    async def greet(self) -> None:
        """Begin a session."""
        info = {"name": "older", "version": "1"}
        await self.ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await self._http.post("/mcp", json=note, headers=self.headers)).status_code == 202

    def wait(self, job: PretendJob, **more: Any) -> dict[str, Any]:
        """What asks for a wait."""
        return {"name": "wait_for_result", "arguments": {"jobs": [f"gobii:{job.id}"], **more}}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """What it is told while it listens."""
        async with self._http.stream("GET", "/mcp", headers=self.headers) as stream:
            assert stream.status_code == 200

            async def heard() -> AsyncIterator[dict[str, Any]]:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))

            yield heard()


@asynccontextmanager
async def older(url: str) -> AsyncIterator[Older]:
    async with httpx2.AsyncClient(base_url=url, timeout=None) as http:
        client = Older(http)
        await client.greet()
        yield client


async def next_update(heard: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    """The next update of a resource."""
    with anyio.fail_after(5):
        async for each in heard:
            if each["method"] == "notifications/resources/updated":
                return each
    raise AssertionError


async def test_a_wait_ends_when_the_stream_of_its_answer_is_closed(
    world: World, jobs: tuple[PretendJob, PretendJob]
) -> None:
    async with served(world) as (server, url), older(url) as client:
        async with client.request("tools/call", client.wait(jobs[1])):
            await until(lambda: server.tracker.watched == 1, 5)
        await until(idle_but_for_its_session(server))
        assert (await client.ask("tools/call", **client.wait(jobs[1], wait_seconds=1)))["isError"] is False
    assert go_on(world, jobs[1])


def idle_but_for_its_session(server: Server) -> Callable[[], bool]:
    return lambda: server.tracker.watched == 0 and not server._calls


async def test_closing_the_stream_of_an_answer_is_a_cut_to_learn_from(
    world: World, jobs: tuple[PretendJob, PretendJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LIMITS", [1.0])
    async with served(world) as (server, url), older(url) as client:
        async with client.request("tools/call", client.wait(jobs[1])):
            await until(lambda: server.tracker.watched == 1, 5)
            await anyio.sleep(1.0)
        await until(lambda: not server._calls)
        answer = await client.ask("tools/call", **client.wait(jobs[1]))
    assert 0.7 <= answer["structuredContent"]["wait_cap_seconds"] <= 1.2


async def test_who_stops_listening_is_not_watched_for_until_it_listens_again(
    world: World, jobs: tuple[PretendJob, PretendJob]
) -> None:
    uri = log_of(jobs[0])
    async with served(world) as (server, url), older(url) as client:
        async with client.listening() as heard:
            await client.ask("resources/subscribe", uri=uri)
            assert server.tracker.watched == 1
            await next_update(heard)
        await until(idle_but_for_its_session(server))
        await client.ask("resources/subscribe", uri="browserjobs://jobs")
        await client.ask("resources/subscribe", uri=log_of(jobs[0]) + "?after=3")
        assert server.tracker.watched == 0
        await client.ask("resources/unsubscribe", uri="browserjobs://jobs")
        async with client.listening() as heard:
            await until(lambda: server.tracker.watched == 1)
            told = {(await next_update(heard))["params"]["uri"] for _ in range(2)}
            assert told == {uri, uri + "?after=3"}
            await next_update(heard)
        await until(idle_but_for_its_session(server))
    assert go_on(world, jobs[0])


async def test_who_listens_again_before_the_old_stream_is_seen_to_be_closed_is_not_away(
    world: World, jobs: tuple[PretendJob, PretendJob]
) -> None:
    async with served(world) as (server, url), older(url) as client, client.listening() as heard:
        await client.ask("resources/subscribe", uri=log_of(jobs[0]))
        async with server.updates.listening(client.headers["mcp-session-id"]):
            pass
        assert server.tracker.watched == 1
        await next_update(heard)


async def test_a_second_listener_of_the_same_session_changes_nothing(
    world: World, jobs: tuple[PretendJob, PretendJob]
) -> None:
    async with served(world) as (server, url), older(url) as client, client.listening() as heard:
        await client.ask("resources/subscribe", uri=log_of(jobs[0]))
        async with httpx2.AsyncClient(base_url=url) as other:
            assert (await other.get("/mcp", headers=client.headers)).status_code == 409
            strange = client.headers | {"mcp-session-id": "0" * 32}
            assert (await other.get("/mcp", headers=strange)).status_code == 404
        assert server.tracker.watched == 1
        await next_update(heard)


async def test_who_leaves_no_trace_is_forgotten_after_a_while(
    world: World, jobs: tuple[PretendJob, PretendJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "IDLE_SECONDS", 1.0)
    async with served(world) as (server, url):
        async with older(url) as client:
            await client.ask("resources/subscribe", uri=log_of(jobs[0]))
        assert server.tracker.watched == 1
        await until(idle(server), 2.0)
    assert go_on(world, jobs[0])


async def test_who_says_goodbye_is_forgotten_at_once(world: World, jobs: tuple[PretendJob, PretendJob]) -> None:
    async with served(world) as (server, url), older(url) as client:
        await client.ask("resources/subscribe", uri=log_of(jobs[0]))
        async with httpx2.AsyncClient(base_url=url) as other:
            assert (await other.delete("/mcp", headers=client.headers)).status_code == 200
        await until(idle(server))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems ask in other ways")
def test_a_machine_that_vanishes_is_noticed_within_a_minute() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ask_for_the_silent(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            options = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
            idle, between, probes, unconfirmed = (
                connection.getsockopt(socket.IPPROTO_TCP, option) for option in options
            )
    assert idle + between * probes == VANISHED_SECONDS <= 60
    assert unconfirmed == VANISHED_SECONDS * 1000


# Over a pipe

HOST = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
server.stdin.write(sys.argv[1])
server.stdin.flush()
while "notifications/progress" not in server.stdout.readline():
    pass
print("there", flush=True)
time.sleep(60)
"""
"""A host that starts the server, asks it some things, and says when the wait among them goes on."""


def lines(*requests: tuple[str, dict[str, Any]]) -> str:
    """Requests as they go down a pipe."""
    messages = (
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(requests)
    )
    return "".join(json.dumps(each) + "\n" for each in messages)


def asked_of(era: str, subscribed_to: PretendJob, waited_for: PretendJob) -> str:
    """What subscribes and waits."""
    wait = {"name": "wait_for_result", "arguments": {"jobs": [f"gobii:{waited_for.id}"]}}
    if era == "legacy":
        info = {"name": "host", "version": "1"}
        return lines(
            ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}),
            ("resources/subscribe", {"uri": log_of(subscribed_to)}),
            ("tools/call", {**wait, "_meta": {"progressToken": 1}}),
        )
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    }
    wanted = {"resourceSubscriptions": [log_of(subscribed_to)]}
    return lines(
        ("subscriptions/listen", {"notifications": wanted, "_meta": meta}),
        ("tools/call", {**wait, "_meta": meta}),
    )


@contextmanager
def hosting(environ: dict[str, str], requests: str) -> Iterator[subprocess.Popen[str]]:
    """A host that asks its server this."""
    command, pipe = [sys.executable, "-c", HOST, requests, *COMMAND], subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True) as host:  # noqa: S603 - our own
        try:
            yield host
        finally:
            host.kill()


@POSIX
@pytest.mark.parametrize("era", ERAS)
async def test_a_host_that_is_killed_takes_its_server_along(era: str) -> None:
    world = World()
    jobs = world.add("dari", BUSY), world.add("gobii", BUSY)
    with provided(world) as environ:
        with hosting(environ, asked_of(era, *jobs)) as host:
            assert await told_by(host) == "there\n"
            assert {asked.provider for asked in world.requests} == {"dari", "gobii"}
            host.kill()
            begin = time.monotonic()
            assert host.stderr
            # The server has it too, so that it ends when both have.
            said = await anyio.to_thread.run_sync(host.stderr.read)
            assert time.monotonic() - begin < AT_ONCE
            assert "Traceback" not in said
        asked = len(world.requests)
        await anyio.sleep(0.5)
        assert len(world.requests) == asked
    assert go_on(world, *jobs)
