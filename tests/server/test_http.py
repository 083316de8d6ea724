"""The server over streamable HTTP and over SSE: a process that serves any number of clients."""

import json
import signal
import socket
import sys
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY

from mcp_browserjobs.simulator.world import World
from tests.server.connected import refusal
from tests.server.outside import ALONE, ENDLESS, a_job_is_followed, address, provided, started

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed as of 2026-07-28"),
]

LONGEST = 2.0
"""How long a process may take to end."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def serve(transport: str) -> list[str]:
    return ["serve", "--transport", transport, "--port", "0"]


def target(url: str) -> Any:
    return sse_client(url) if url.endswith("/sse") else url


@pytest.mark.parametrize(
    ("transport", "path", "mode"), [("http", "/mcp", "auto"), ("http", "/mcp", "legacy"), ("sse", "/sse", "legacy")]
)
async def test_a_job_is_followed_to_its_end(transport: str, path: str, mode: str) -> None:
    world = World()
    with provided(world) as environ, started(environ, *serve(transport)) as process:
        url = address(process)
        assert url.endswith(path)
        await a_job_is_followed(world, target(url), mode)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("transport", "told_by"), [("http", signal.SIGTERM), ("sse", signal.SIGINT)])
async def test_a_signal_ends_it_with_a_wait_and_a_stream_open(transport: str, told_by: signal.Signals) -> None:
    world = World()
    job = f"gobii:{world.add('gobii', ENDLESS).id}"
    heard: list[str] = []
    with provided(world) as environ, started(environ, *serve(transport)) as process:
        async with Client(target(address(process))) as client, anyio.create_task_group() as tasks:

            async def wait() -> None:
                heard.append(await refusal(client, "wait_for_result", jobs=[job]))

            async def listen() -> None:
                async with client.listen(resource_subscriptions=["browserjobs://jobs"]) as updates:
                    async for _ in updates:
                        pass
                heard.append("")

            tasks.start_soon(wait)
            tasks.start_soon(listen)
            await anyio.sleep(0.3)
            process.send_signal(told_by)
            begin = time.monotonic()
            assert await anyio.to_thread.run_sync(process.wait, 5) == 0
            assert time.monotonic() - begin < LONGEST
    assert sorted(heard) == ["", "This server was told to stop. The runs go on; call again when it is back."]


PRESENT = {PROTOCOL_VERSION_META_KEY: "2026-07-28", CLIENT_CAPABILITIES_META_KEY: {}}


@pytest.mark.parametrize("meta", [{}, {**PRESENT, "progressToken": 1}], ids=["older", "present"])
async def test_a_wait_is_answered_on_a_stream_that_opens_at_once(meta: dict[str, Any]) -> None:
    world = World()
    params = {
        "name": "wait_for_result",
        "arguments": {"jobs": [f"gobii:{world.add('gobii', ENDLESS).id}"], "wait_seconds": 2},
        "_meta": meta,
    }
    headers = {"accept": "application/json, text/event-stream"}
    if meta:
        headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "wait_for_result"}
    with provided(world) as environ, started(environ, *serve("http")) as process:
        url = address(process)
        async with httpx2.AsyncClient(headers=headers, timeout=10) as http:
            if not meta:
                http.headers["mcp-session-id"] = await session(http, url)
            request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            async with http.stream("POST", url, json=request) as reply:
                opened = time.monotonic()
                assert reply.headers["content-type"].startswith("text/event-stream")
                assert '"done":false' in (await reply.aread()).decode().replace(" ", "")
                assert time.monotonic() - opened > 1


async def test_a_client_that_leaves_in_the_middle_of_a_request_is_no_error() -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_accounts", "arguments": {}}}
    with started(ALONE, *serve("http")) as process:
        url = address(process)
        async with httpx2.AsyncClient(headers={"accept": "application/json, text/event-stream"}, timeout=10) as http:
            for _ in range(20):
                headers = {"mcp-session-id": await session(http, url)}
                async with anyio.create_task_group() as tasks:
                    for request in (note, note, call, note):
                        tasks.start_soon(partial(http.post, url, json=request, headers=headers))
                    tasks.start_soon(partial(http.delete, url, headers=headers))
        where = urlsplit(url)
        with socket.create_connection((str(where.hostname), where.port or 80)) as connection:
            head = f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        await anyio.sleep(0.2)
        process.terminate()
        assert process.stderr
        said = [json.loads(line) for line in process.stderr]
    assert [line for line in said if line["level"] not in ("debug", "info")] == []


async def session(http: httpx2.AsyncClient, url: str) -> str:
    """The session that an older client begins."""
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "older", "version": "1"}}
    reply = await http.post(url, json={"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": client})
    return str(reply.headers["mcp-session-id"])


def test_a_host_that_is_not_this_machine_is_refused() -> None:
    with started(ALONE, *serve("http"), "--host", "0.0.0.0") as process:  # noqa: S104 - with and without a token
        assert process.stderr
        assert process.wait(5) == 2
        assert "--host" in process.stderr.read()
