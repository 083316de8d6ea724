"""What the server makes of input that makes no sense: a proper error each, while other clients notice nothing."""

import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import SocketStream
from mcp import Client

from mcp_browserjobs.server.scopes import READ
from mcp_browserjobs.simulator.world import World
from tests.server import outside
from tests.server.issuer import claims, published, signed
from tests.server.outside import ALONE, ENDLESS, address, provided, started

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed as of 2026-07-28"),
]

SERVE = ("serve", "--transport", "http", "--port", "0")
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
META = "io.modelcontextprotocol/"
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, UNSUPPORTED = -32700, -32600, -32601, -32602, -32022
UNKNOWN = "00000000-0000-0000-0000-000000000000"
QUIET_SECONDS = 0.5


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Served:
    """A server in a process of its own: where it is reached, and what it says on stderr."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.url = httpx2.URL(address(process))
        self.said: list[str] = []
        self.port = self.url.port or 0
        Thread(target=self.said.extend, args=(process.stderr,), daemon=True).start()

    async def send(self, content: bytes) -> bytes:
        """What a connection over which this is sent gets to hear, until it is closed or says nothing more."""
        async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
            await stream.send(content)
            return await heard(stream)

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[httpx2.AsyncClient]:
        async with httpx2.AsyncClient(base_url=self.url.join("/"), headers=ACCEPT, timeout=10) as http:
            yield http


async def heard(stream: SocketStream) -> bytes:
    said = b""
    try:
        while True:
            with anyio.fail_after(QUIET_SECONDS):
                said += await stream.receive()
    except (TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
        return said


@contextmanager
def serving(**environ: str) -> Iterator[Served]:
    with started(ALONE | environ, *SERVE) as process:
        yield Served(process)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One server for all that is sent here; in the end it has said nothing of it."""
    with serving() as served:
        yield served
        served.process.terminate()
        assert served.process.wait(5) == 0
        assert "Traceback" not in "".join(served.said)
        assert len(served.said) <= 1, served.said


def message(method: str, params: Any = None, number: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


def modern(method: str, params: dict[str, Any] | None = None, version: str = "2026-07-28") -> dict[str, Any]:
    """A request as clients of the present revision send it."""
    meta = {f"{META}protocolVersion": version, f"{META}clientCapabilities": {}}
    headers = {"mcp-protocol-version": version, "mcp-method": method}
    if name := (params or {}).get("name") or (params or {}).get("uri"):
        headers["mcp-name"] = name
    return {"content": json.dumps(message(method, {**(params or {}), "_meta": meta})), "headers": headers}


HELLO = message(
    "initialize",
    {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
)


async def greeted(http: httpx2.AsyncClient, url: str = "/mcp", **headers: str) -> dict[str, str]:
    """The headers of a session of an older client."""
    opened = await http.post(url, json=HELLO, headers=headers)
    session = headers | ({"mcp-session-id": opened.headers["mcp-session-id"]} if url == "/mcp" else {})
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await http.post(url, json=ready, headers=session)).status_code == 202
    return session


def answer(reply: httpx2.Response) -> dict[str, Any]:
    """The message of a reply, which may be a stream of one."""
    text = reply.text
    if reply.headers["content-type"].startswith("text/event-stream"):
        [text] = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")]
    said: dict[str, Any] = json.loads(text)
    return said


# HTTP

HOST = b"Host: localhost\r\n"
POST = b"POST /mcp HTTP/1.1\r\n"
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 200_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 6000 + b"\r\n", 431),
        (b"GET /healthz?" + b"x" * 60_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
        (POST + HOST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (POST + HOST + b"Content-Length: 9999999999999999999\r\n\r\n", 413),
        (POST + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (
            POST + HOST + b"Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
            400,
        ),
    ],
)
async def test_what_is_not_http_as_it_should_be_ends_the_connection(served: Served, sent: bytes, status: int) -> None:
    said = await served.send(sent)
    assert said.startswith(f"HTTP/1.1 {status} ".encode()) or (status == 431 and said.startswith(b"HTTP/1.1 400 "))
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in said.lower()


async def test_a_websocket_is_not_opened(served: Served) -> None:
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
    assert (await served.send(b"GET /mcp HTTP/1.1\r\n" + HOST + upgrade)).startswith(b"HTTP/1.1 406 ")


async def test_requests_sent_at_once_are_answered_one_by_one(served: Served) -> None:
    assert (await served.send(HIDDEN * 50)).count(b'{"ok":true}') == 50


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", "/hooks/dari", "/healthz"])
async def test_other_methods_do_nothing(served: Served, method: str, path: str) -> None:
    async with served.reached() as http:
        reply = await http.request(method, path)
        expected = {200} if (method, path) == ("HEAD", "/healthz") else {404, 405}
        assert reply.status_code in expected


@pytest.mark.parametrize(
    "path",
    [
        "//mcp",
        "/mcp/",
        "/mcp%00",
        "/mcp;x",
        "/healthz/../mcp",
        "/%2e%2e/mcp",
        "/hooks",
        "/hooks/",
        "/hooks//x",
        "/hooks/..%2f..%2fmcp",
        "/hooks/dari/a/b",
        "http://evil.example/mcp",
        "*",
    ],
)
async def test_no_path_but_those_that_there_are_leads_anywhere(served: Served, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    assert (await served.send(head.encode())).startswith(b"HTTP/1.1 404 ")


# JSON-RPC

MALFORMED = [
    b"",
    b"{",
    b"nonsense",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[]",
    b"7",
    b"null",
    b"{}",
    b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"ping"}',
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":7}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}',
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
]


@pytest.mark.parametrize("content", MALFORMED, ids=range(len(MALFORMED)))
async def test_what_is_no_message_is_an_error_in_both_eras_and_over_sse(served: Served, content: bytes) -> None:
    async with served.reached() as http, opened_stream(http) as (place, _):
        headers = await greeted(http)
        for more in ({}, headers, {"mcp-protocol-version": "2026-07-28"}):
            reply = await http.post("/mcp", content=content, headers=more)
            error = answer(reply)
            assert reply.status_code == 400
            assert error["id"] is None
            assert error["error"]["code"] in (PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS)
        reply = await http.post(place, content=content)
        assert (reply.status_code, reply.text) == (400, "Could not parse message")
        assert answer(await http.post("/mcp", json=message("ping"), headers=headers))["result"] == {}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no/such", {}, NO_METHOD),
        ("tools/call", {}, INVALID_PARAMS),
        ("tools/call", {"name": "get_job_status", "arguments": 7}, INVALID_PARAMS),
        ("resources/read", {"uri": "file:///etc/passwd"}, INVALID_PARAMS),
        ("resources/read", {"uri": "browserjobs://nobody/1"}, INVALID_PARAMS),
        ("prompts/get", {"name": "no_such"}, INVALID_PARAMS),
        ("prompts/get", {"name": "check_on_job", "arguments": {}}, INVALID_PARAMS),
        ("completion/complete", {"ref": {"type": "no"}, "argument": {}}, INVALID_PARAMS),
    ],
)
async def test_a_request_for_what_there_is_not_is_an_error_in_both_eras(
    served: Served, method: str, params: dict[str, Any], code: int
) -> None:
    async with served.reached() as http:
        headers = await greeted(http)
        replies = [
            await http.post("/mcp", json=message(method, params), headers=headers),
            await http.post("/mcp", **modern(method, params)),
        ]
        for said in map(answer, replies):
            assert (said["id"], said["error"]["code"]) == (1, code)


async def test_what_answers_nothing_that_was_asked_is_passed_over(served: Served) -> None:
    async with served.reached() as http:
        headers = await greeted(http)
        for unasked in (
            {"id": 7, "result": {}},
            {"id": 7, "error": {"code": 1, "message": "x"}},
            {"method": "notifications/cancelled", "params": {"requestId": 99}},
            {"method": "notifications/cancelled", "params": {"requestId": []}},
            {"method": "notifications/none", "params": {"x": [1]}},
        ):
            assert (await http.post("/mcp", json={"jsonrpc": "2.0", **unasked}, headers=headers)).status_code == 202


async def test_a_request_without_a_proper_id_gets_an_error(served: Served) -> None:
    async with served.reached() as http:
        wrong: list[Any] = [None, {}, [], True, 1.5]
        for number in wrong:
            request = message("ping", number=number)
            reply = await http.post("/mcp", json=request, headers={"mcp-protocol-version": "2026-07-28"})
            assert (reply.status_code, answer(reply)["error"]["code"]) == (400, INVALID_REQUEST)


# Revisions and sessions


@pytest.mark.parametrize("version", ["1999-01-01", "2031-01-01", "nonsense", "\u00b2"])
async def test_an_unknown_revision_is_told_which_there_are(served: Served, version: str) -> None:
    async with served.reached() as http:
        request = modern("tools/list", version=version)
        request["headers"] = {name: value.encode("latin-1") for name, value in request["headers"].items()}
        reply = await http.post("/mcp", **request)
        assert reply.status_code == 400
        assert answer(reply)["error"]["code"] == UNSUPPORTED
        assert answer(reply)["error"]["data"]["supported"] == ["2026-07-28"]
        old = HELLO | {"params": HELLO["params"] | {"protocolVersion": version}}
        assert answer(await http.post("/mcp", json=old))["result"]["protocolVersion"] == "2025-11-25"


async def test_an_unknown_session_is_said_to_be_so(served: Served) -> None:
    async with served.reached() as http:
        for session in ("nonsense", "0" * 32, "x" * 4000):
            for method in ("POST", "GET", "DELETE"):
                reply = await http.request(method, "/mcp", json=message("ping"), headers={"mcp-session-id": session})
                assert (reply.status_code, answer(reply)["error"]["message"]) == (404, "Session not found")
        over = await greeted(http)
        assert (await http.delete("/mcp", headers=over)).status_code == 200
        assert (await http.post("/mcp", json=message("ping"), headers=over)).status_code == 404
        for query, status in (("", 400), ("?session_id=x", 400), ("?session_id=" + "0" * 32, 404)):
            assert (await http.post(f"/messages/{query}", json=message("ping"))).status_code == status
        assert (await http.post("/messages/?session_id=%0AERROR%20root:%20forged", json={})).status_code == 400


async def test_other_hosts_are_turned_away_from_every_door(served: Served) -> None:
    async with served.reached() as http:
        for method, path in (("POST", "/mcp"), ("GET", "/sse"), ("POST", "/messages/"), ("POST", "/hooks/dari")):
            for headers, status in (({"host": "evil.example"}, 421), ({"origin": "https://evil.example"}, 403)):
                assert (await http.request(method, path, headers=headers)).status_code == status


@asynccontextmanager
async def opened_stream(http: httpx2.AsyncClient, **headers: str) -> AsyncIterator[tuple[str, AsyncIterator[str]]]:
    """The older SSE: where its messages go, and what comes of them."""
    async with http.stream("GET", "/sse", headers=headers) as stream:
        told = (line.removeprefix("data: ") async for line in stream.aiter_lines() if line.startswith("data: "))
        yield await anext(told), told


async def test_a_session_is_its_principal_s_and_each_request_may_do_what_its_token_allows() -> None:
    with published() as issuer:
        everything, reading, other = (
            {"authorization": f"Bearer {signed(claims(issuer, **more))}"}
            for more in ({}, {"scope": READ}, {"sub": "bob"})
        )
        environ = {"BROWSERJOBS_OAUTH_ISSUER": issuer.origin, "BROWSERJOBS_PUBLIC_URL": "https://jobs.example.com"}
        with serving(**environ) as served:
            async with served.reached() as http:
                session = {"mcp-session-id": (await greeted(http, **everything))["mcp-session-id"]}
                tools = message("tools/list")
                for token, status, acts in ((everything, 200, True), (reading, 200, False), (other, 404, False)):
                    reply = await http.post("/mcp", json=tools, headers=session | token)
                    assert (reply.status_code, "cancel_job" in reply.text) == (status, acts)
                async with opened_stream(http, **everything) as (place, told):
                    await greeted(http, place, **everything)
                    await anext(told)
                    for token, status, acts in ((everything, 202, True), (reading, 202, False)):
                        assert (await http.post(place, json=tools, headers=token)).status_code == status
                        assert ("cancel_job" in await anext(told)) is acts
                    assert (await http.post(place, json=tools, headers=other)).status_code == 404
                acting = {"authorization": f"Bearer {signed(claims(issuer, scope='jobs:act'))}"}
                for path in ("/mcp", "/sse", "/messages/"):
                    assert (await http.post(path, json=tools, headers=acting)).status_code == 403
                secret = everything["authorization"].removeprefix("Bearer ")
                for query in ("access_token", "token", "authorization"):
                    assert (await http.post(f"/mcp?{query}={secret}", json=HELLO)).status_code == 401
            assert secret not in "".join(served.said)
            assert "Traceback" not in "".join(served.said)


# Listening


async def test_to_listen_to_what_there_is_not_is_told(served: Served) -> None:
    wrong = [f"browserjobs://gobii/{UNKNOWN}", "browserjobs://nobody/1", "file:///etc/passwd", "nonsense", "\ud800"]
    async with served.reached() as http:
        session = await greeted(http)
        for uri in wrong[:-1]:
            said = answer(await http.post("/mcp", json=message("resources/subscribe", {"uri": uri}), headers=session))
            assert said["error"]["code"] == INVALID_PARAMS
        for notifications in (7, {"resourceSubscriptions": "x"}, {"resourceSubscriptions": [7]}):
            said = answer(await http.post("/mcp", **modern("subscriptions/listen", {"notifications": notifications})))
            assert said["error"]["code"] == INVALID_PARAMS
        jobs = {"resourceSubscriptions": ["browserjobs://jobs", *wrong]}
        async with http.stream("POST", "/mcp", **modern("subscriptions/listen", {"notifications": jobs})) as stream:
            told = [json.loads(line[6:]) async for line in first(stream.aiter_lines())]
        assert told[0]["params"]["notifications"] == {"resourceSubscriptions": ["browserjobs://jobs"]}


async def first(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The first message of a stream."""
    async for line in lines:
        if line.startswith("data: "):
            yield line
            return


# The others


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
@pytest.mark.parametrize("limit", ["ulimit -S -n 256", "ulimit -n 256"])
async def test_with_few_files_half_open_connections_leave_room_for_others(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(outside, "COMMAND", ["sh", "-c", f'{limit}; exec "$@"', "sh", *outside.COMMAND])
    with serving() as served:
        streams = []
        for _ in range(4):
            streams += [await anyio.connect_tcp("127.0.0.1", served.port) for _ in range(100)]
            await anyio.sleep(0.5)
        with anyio.fail_after(3):
            async with Client(str(served.url)) as client:
                assert (await client.list_tools()).tools
        for stream in streams:
            await stream.aclose()
        assert not served.said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
async def test_it_ends_in_time_whatever_is_open() -> None:
    world = World()
    job = f"gobii:{world.add('gobii', ENDLESS).id}"
    wait = {"name": "wait_for_result", "arguments": {"jobs": [job]}}
    with provided(world) as environ, serving(**environ) as served:
        async with served.reached() as http, opened_stream(http), anyio.create_task_group() as tasks:
            session = await greeted(http)

            async def ask(**request: Any) -> None:
                try:
                    await http.post("/mcp", **request)
                except httpx2.TransportError:
                    return

            async def hold(content: bytes) -> None:
                await served.send(content)

            tasks.start_soon(lambda: ask(json=message("tools/call", wait), headers=session))
            tasks.start_soon(lambda: ask(**modern("tools/call", wait)))
            tasks.start_soon(
                lambda: ask(**modern("subscriptions/listen", {"notifications": {"resourcesListChanged": True}}))
            )
            half = [await anyio.connect_tcp("127.0.0.1", served.port) for _ in range(50)]
            for stream in half:
                await stream.send(POST + HOST + b"Content-Length: 9\r\n\r\n{")
            await anyio.sleep(0.5)
            served.process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            assert await anyio.to_thread.run_sync(served.process.wait, 5) == 0
            assert time.monotonic() - begin < 2
            for stream in half:
                await stream.aclose()
            tasks.cancel_scope.cancel()
        assert "Traceback" not in "".join(served.said)
