"""Who is let in over HTTP, how much they may take up, and what the others notice of those who take too much."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import SocketStream, TaskStatus
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import SecretStr
from trio.testing import MockClock

from mcp_browserjobs.errors import ConfigError
from mcp_browserjobs.providers.base import Connections, InProcess
from mcp_browserjobs.server import doors
from mcp_browserjobs.server.app import build
from mcp_browserjobs.server.web import REQUEST_SECONDS, application
from mcp_browserjobs.settings import OAuth, Settings, from_environment
from mcp_browserjobs.simulator import application as simulated
from mcp_browserjobs.simulator import variables
from mcp_browserjobs.simulator.script import Ask, Queued, Script
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.server.outside import ALONE, address, started

pytestmark = pytest.mark.anyio

TOKEN, READER = "a-token-of-many-letters", "a-token-to-read-with"
GUARDED = Settings(token=SecretStr(TOKEN), read_token=SecretStr(READER))
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
OPEN = Settings()
ANY = "0.0.0.0"  # noqa: S104 # only with a token


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def reached(
    settings: Settings, token: str = "", host: str = "127.0.0.1", connections: Connections | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """The server as whoever brings this token reaches it."""
    server = build(Tracker(settings, connections=connections))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    app = application(server, host)
    async with (
        server.running(),
        server.session_manager.run(),
        httpx2.AsyncClient(transport=InProcess(app), base_url="http://127.0.0.1:8931", headers=headers) as http,
    ):
        yield http


def target(http: httpx2.AsyncClient, url: str = "http://127.0.0.1:8931/mcp") -> Any:
    return streamable_http_client(url, http_client=http)


def post(method: str, **more: Any) -> dict[str, Any]:
    return {"headers": ACCEPT, "content": json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, **more})}


# Hosts


@pytest.mark.parametrize("host", [ANY, "::", "192.0.2.1", "jobs.example.com", "", "127.0.0.2"])
def test_other_machines_are_let_in_with_a_token_only(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        doors.check_host(OPEN, host)
    assert caught.value.setting == "--host"
    assert "BROWSERJOBS_TOKEN" in caught.value.problem
    doors.check_host(GUARDED, host)
    doors.check_host(Settings(oauth=OAuth("https://issuer.example", "x"), public_url="https://jobs.example.com"), host)


@pytest.mark.parametrize("field", ["token", "read_token"])
def test_a_short_token_does_for_this_machine_only(field: str) -> None:
    settings = Settings(**{field: SecretStr("s3cret")})  # type: ignore[arg-type] # one of two
    doors.check_host(settings, "localhost")
    with pytest.raises(ConfigError) as caught:
        doors.check_host(settings, "192.0.2.1")
    assert caught.value.setting == f"BROWSERJOBS_{field.upper()}"
    assert "s3cret" not in str(vars(caught.value))


@pytest.mark.parametrize(
    ("bound", "public", "host", "origin", "status"),
    [
        ("127.0.0.1", None, "127.0.0.1:8931", None, 400),
        ("127.0.0.1", None, "localhost", "http://localhost:3000", 400),
        ("127.0.0.1", None, "192.0.2.1:8931", None, 421),
        (ANY, None, "localhost:8931", None, 400),
        (ANY, None, "192.0.2.1:8931", None, 421),
        ("192.0.2.1", None, "192.0.2.1:8931", None, 400),
        ("2001:db8::1", None, "[2001:db8::1]:8931", None, 400),
        ("192.0.2.1", None, "192.0.2.2:8931", None, 421),
        (ANY, "https://jobs.example.com", "jobs.example.com", "https://jobs.example.com", 400),
        (ANY, "https://jobs.example.com", "jobs.example.com", "http://jobs.example.com", 403),
        (ANY, "https://jobs.example.com", "jobs.example.com.evil.example", None, 421),
        (ANY, "https://Jobs.Example.com:443", "jobs.example.com", "https://jobs.example.com", 400),
        (ANY, "https://jobs.example.com", "jobs.example.com:443", None, 400),
        (ANY, "https://jobs.example.com:8443", "jobs.example.com", None, 421),
        (ANY, "http://[2001:db8::1]:8931", "[2001:db8::1]:8931", None, 400),
        ("", None, "192.0.2.1", None, 421),
        (ANY, "https://jobs.example.com", "jobs.example.com", "https://evil.example", 403),
    ],
)
async def test_only_names_of_the_server_may_be_named(
    bound: str, public: str | None, host: str, origin: str | None, status: int
) -> None:
    settings = Settings(token=SecretStr(TOKEN), public_url=public)
    headers = ACCEPT | {"host": host} | ({"origin": origin} if origin else {})
    async with reached(settings, TOKEN, bound) as http:
        assert (await http.post("/mcp", content=b"{", headers=headers)).status_code == status


# Tokens


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", "/elsewhere"])
@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer "])
async def test_who_brings_no_good_token_is_told_nothing_else(path: str, given: str | None) -> None:
    async with reached(GUARDED) as http:
        reply = await http.post(path, headers={"authorization": given} if given else {})
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer ")
        assert TOKEN not in reply.text
        assert (await http.get("/healthz")).json() == {"ok": True}


async def test_where_no_token_is_set_none_is_needed() -> None:
    async with reached(OPEN) as http:
        assert (await http.post("/mcp", **post("server/discover"))).status_code != 401


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_token_to_read_with_sees_and_calls_reading_tools_only(mode: Any) -> None:
    async with reached(GUARDED, READER) as http, Client(target(http), mode=mode) as client:
        seen = (await client.list_tools()).tools
        assert "get_job_status" in {tool.name for tool in seen}
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in seen)
        refused = await client.call_tool("cancel_job", {"job": "dari:a/b/c"})
        assert refused.is_error
        assert "read only" in str(refused.content)
        assert not (await client.call_tool("list_accounts", {})).is_error


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(("token", "acts"), [(READER, False), (TOKEN, True)])
async def test_who_may_only_read_is_told_of_reading_tools_only(mode: Any, token: str, *, acts: bool) -> None:
    world = World()
    job = world.add("dari", Script(beats=(Queued(0), Ask("Which colour?"))))
    environ = {**variables("http://providers.example", world), "BROWSERJOBS_STORE": ":memory:"}
    settings = replace(from_environment(environ), token=GUARDED.token, read_token=GUARDED.read_token)
    connections = Connections.to_app(simulated(world))
    async with reached(settings, token, connections=connections) as http, Client(target(http), mode=mode) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        assert ("answer_job_question" in offered) is acts
        looked = await client.call_tool("get_job_status", {"job": f"dari:{job.id}"})
        diagnosed = await client.call_tool("diagnose_job", {"job": f"dari:{job.id}"})
        listed = await client.call_tool("list_accounts", {})
    assert looked.structured_content
    assert diagnosed.structured_content
    assert listed.structured_content
    calls = [looked.structured_content["next_step"], *diagnosed.structured_content["suggestions"]]
    named = {call.partition("(")[0] for call in calls}
    for account in listed.structured_content["accounts"]:
        named |= set(account["abilities"])
    assert named <= offered
    assert ("answer_job_question" in named) is acts


async def test_the_other_token_sees_all() -> None:
    async with reached(GUARDED, TOKEN) as http, Client(target(http)) as client:
        assert "cancel_job" in {tool.name for tool in (await client.list_tools()).tools}


async def test_a_session_belongs_to_the_token_that_opened_it() -> None:
    async with reached(GUARDED, TOKEN) as http:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        opened = await http.post("/mcp", **post("initialize", params=hello))
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "authorization": f"Bearer {READER}"}
        stolen = post("tools/list")
        stolen["headers"] = stolen["headers"] | session
        assert (await http.post("/mcp", **stolen)).status_code == 404


async def test_an_issuer_is_named_to_who_has_no_token() -> None:
    settings = Settings(
        oauth=OAuth("https://issuer.example", "https://jobs.example.com/mcp"), public_url="https://jobs.example.com"
    )
    async with reached(settings) as http:
        refused = await http.post("/mcp", **post("tools/list"))
        metadata = "/.well-known/oauth-protected-resource/mcp"
        assert f'resource_metadata="https://jobs.example.com{metadata}"' in refused.headers["www-authenticate"]
        said = (await http.get(metadata)).json()
    assert said["resource"] == "https://jobs.example.com/mcp"
    assert said["authorization_servers"] == ["https://issuer.example/"]
    assert said["scopes_supported"] == ["jobs:read", "jobs:act"]


# How much


async def test_who_asks_too_often_has_to_wait_and_nobody_else() -> None:
    server = build(Tracker(GUARDED))
    app = application(server)
    async with httpx2.AsyncClient(transport=InProcess(app), base_url="http://127.0.0.1") as http:
        mine, other = ({"authorization": f"Bearer {token}"} for token in (TOKEN, READER))
        for _ in range(doors.REQUESTS_A_MINUTE):
            assert (await http.get("/elsewhere", headers=mine)).status_code == 404
        refused = await http.get("/elsewhere", headers=mine)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert (await http.get("/elsewhere", headers=other)).status_code == 404
        assert (await http.get("/healthz", headers=mine)).status_code == 200


async def test_trying_tokens_is_slow() -> None:
    async with reached(GUARDED) as http:
        tried = [
            (await http.post("/mcp", headers={"authorization": f"Bearer {number}"})).status_code
            for number in range(doors.REFUSALS_A_MINUTE + 5)
        ]
        assert tried == [401] * doors.REFUSALS_A_MINUTE + [429] * 5
        assert (await http.post("/mcp", headers={"authorization": f"Bearer {TOKEN}"})).status_code not in (401, 429)
        assert (await http.post("/hooks/dari")).status_code == 202
        assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("address", "other", "one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("testclient", "", False),
    ],
)
def test_an_address_counts_and_of_ipv6_its_network(address: str, other: str, one: bool) -> None:  # noqa: FBT001 - a parameter of the test
    first, second = (doors.caller({"client": (each, 1)} if each else {}) for each in (address, other))
    assert (first == second) is one


@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})])
async def test_who_asked_is_forgotten_after_a_minute() -> None:
    pace = doors.Pace(2)
    for number in range(1000):
        assert not pace.seconds_to_wait(str(number))
    assert not pace.seconds_to_wait("0")
    assert 0 < pace.seconds_to_wait("0") <= 60
    await anyio.sleep(61)
    assert not pace.seconds_to_wait("0")
    assert len(vars(pace)["_minutes"]) == 1


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("settings", [OPEN, GUARDED])
async def test_a_body_that_is_too_large_is_not_read(settings: Settings, chunked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(doors.LARGEST_BODY // 1024 + 1):
            yield b" " * 1024

    async with reached(settings, TOKEN) as http:
        content: Any = pieces() if chunked else b" " * (doors.LARGEST_BODY + 1)
        assert (await http.post("/mcp", headers=ACCEPT, content=content)).status_code == 413


# Over real sockets


async def told(stream: SocketStream) -> bytes:
    """What comes until the other side closes."""
    said = b""
    with anyio.fail_after(REQUEST_SECONDS + 20):
        try:
            while True:
                said += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return said


async def test_one_token_has_so_many_streams_and_no_more() -> None:
    environ = ALONE | {"BROWSERJOBS_TOKEN": TOKEN, "BROWSERJOBS_READ_TOKEN": READER}
    mine, other = ({"authorization": f"Bearer {token}"} for token in (TOKEN, READER))
    with started(environ, "serve", "--transport", "sse", "--port", "0") as process:
        url = httpx2.URL(address(process))
        unlimited = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(limits=unlimited, timeout=30) as http, anyio.create_task_group() as tasks:

            async def hold(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
                async with http.stream("GET", url, headers=mine) as response:
                    assert response.status_code == 200
                    task_status.started()
                    await anyio.sleep_forever()

            for _ in range(doors.MOST_OPEN):
                await tasks.start(hold)
            assert (await http.get(url.join("/elsewhere"), headers=mine)).status_code == 429
            assert (await http.get(url.join("/elsewhere"), headers=other)).status_code == 404
            tasks.cancel_scope.cancel()
        async with httpx2.AsyncClient() as http:
            await anyio.sleep(1)
            assert (await http.get(url.join("/elsewhere"), headers=mine)).status_code == 404


async def kept(stream: SocketStream) -> None:
    """Ask over one connection again and again, in vain only when it is closed."""
    while True:
        await stream.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = b""
        while not said.endswith(b'{"ok":true}'):
            said += await stream.receive()
        await anyio.sleep(0.43)


async def test_a_thousand_half_open_connections_and_a_slow_body_are_noticed_by_nobody_and_given_up() -> None:
    with started(ALONE, "serve", "--transport", "http", "--port", "0") as process:
        url = httpx2.URL(address(process))
        slow, *half = [await anyio.connect_tcp("127.0.0.1", url.port or 0) for _ in range(1000)]
        await slow.send(f"POST /mcp HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Length: 100\r\n\r\n{{".encode())
        for stream in half[::2]:
            await stream.send(b"POST /mcp HTTP/1.1\r\nHost: 127.")
        begin = time.monotonic()
        async with Client(str(url)) as client:
            assert (await client.list_tools()).tools
        assert time.monotonic() - begin < 2
        assert (await told(slow)).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begin < doors.BODY_SECONDS + 2
        async with await anyio.connect_tcp("127.0.0.1", url.port or 0) as used, anyio.create_task_group() as using:
            using.start_soon(kept, used)
            async with anyio.create_task_group() as tasks:
                for stream in half:
                    tasks.start_soon(told, stream)
            await anyio.sleep(begin + REQUEST_SECONDS + doors.BODY_SECONDS + 2 - time.monotonic())
            using.cancel_scope.cancel()
        for stream in (slow, *half):
            await stream.aclose()


async def test_a_head_that_is_too_large_is_refused() -> None:
    with started(ALONE, "serve", "--transport", "http", "--port", "0") as process:
        url = httpx2.URL(address(process))
        async with await anyio.connect_tcp("127.0.0.1", url.port or 0) as stream:
            await stream.send(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 200_000}\r\n\r\n".encode())
            assert (await told(stream)).startswith(b"HTTP/1.1 400 ")
        async with httpx2.AsyncClient() as http:
            assert (await http.get(url.join("/healthz"))).status_code == 200


async def test_with_a_token_the_process_serves_who_brings_it_alone() -> None:
    environ = ALONE | {"BROWSERJOBS_TOKEN": TOKEN}
    with started(environ, "serve", "--transport", "http", "--port", "0", "--host", ANY) as process:
        url = f"http://127.0.0.1:{httpx2.URL(address(process)).port}/mcp"
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as http,
            Client(target(http, url)) as client,
        ):
            assert (await client.list_tools()).tools
        with pytest.raises((MCPError, ExceptionGroup)):
            async with Client(url):
                pass
