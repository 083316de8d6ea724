"""Trouble that is a matter of bytes: a real server on loopback that breaks HTTP itself, before every provider."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import anyio
import httpx2
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from mcp_browserjobs import providers, settings
from mcp_browserjobs.errors import PASSING
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.script import FOREVER, Queued, Script, Stall
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.conftest import START
from tests.trouble.story import KEY
from tests.trouble.wire import STRANGER

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
BYTES: dict[str, bytes] = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "no HTTP": STRANGER.encode() + b"\r\n\r\n",
    "an old manner": b"HTTP/0.9 200 OK\r\n\r\n{}",
    "half a head": HEAD,
    "no body": HEAD + b"Content-Length: 50\r\n\r\n",
    "half a body": HEAD + b'Content-Length: 50\r\n\r\n{"id": "5',
    "a longer body": HEAD + b'Content-Length: 9\r\n\r\n{"id": "550e8400"}',
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 7\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "a huge length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "no chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "half a chunk": HEAD + b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"id',
    "a head without end": HEAD + b"X-A: " + b"a" * 1_000_000,
    "headers without end": HEAD + b"X-A: a\r\n" * 100_000,
    "a broken header": HEAD + b"X\x00A : \xff\xfe\r\n\r\n{}",
    "early hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a bomb": HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
}
"""What is sent in the place of an answer, after which the connection is closed."""
EMPTY_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Peer:
    """A server on loopback: the pretend providers or, where it has some, bytes of its own; and what it was asked."""

    def __init__(self, world: World) -> None:
        self.bytes: bytes | None = None
        self.asked: list[bytes] = []
        self.url = ""
        self._through = httpx2.ASGITransport(application(world))

    async def answer(self, stream: SocketStream) -> None:
        """Answer the requests of one connection."""
        async with stream:
            with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                head = await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", 100_000)
                self.asked.append(head)
                await stream.send(await self._true_answer(head) if self.bytes is None else self.bytes)

    async def _true_answer(self, head: bytes) -> bytes:
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        request = httpx2.Request(method, self.url + path, headers=dict(line.split(": ", 1) for line in lines))
        if request.headers["accept"] == "text/event-stream":
            return EMPTY_STREAM
        response = await self._through.handle_async_request(request)
        body = await response.aread()
        status, kind = response.status_code, response.headers.get("content-type", "")
        told = (
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return told.encode() + body


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[Peer]:
    """A peer that listens."""
    peer = Peer(world)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        peer.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"  # noqa: S610 - no query
        tasks.start_soon(listener.serve, peer.answer)
        yield peer
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("provider", providers.names())
async def test_broken_http_is_ridden_out(provider: str) -> None:
    now = START

    def clock() -> datetime:
        return now

    world = World(clock=clock, key=KEY, retired=False)
    job = world.add(provider, Script(beats=(Queued(1), Stall(FOREVER))))
    async with listening(world) as peer:
        environment = {**variables(peer.url, world), "BROWSERJOBS_STORE": ":memory:"}
        tracker = Tracker(settings.from_environment(environment), connections=Connections(), clock=clock)
        async with tracker.running():
            for sent in BYTES.values():
                peer.bytes, now = None, now + timedelta(minutes=1)
                before = await tracker.look(f"{provider}:{job.id}")
                assert not before.stale
                log = await tracker.store.events(before.seen.ref, after=0, limit=100)
                peer.bytes, now = sent, now + timedelta(minutes=1)
                after = await tracker.look(f"{provider}:{job.id}")
                assert isinstance(after.problem, PASSING)
                assert after.record == before.record
                assert await tracker.store.events(before.seen.ref, after=0, limit=100) == log


@pytest.mark.parametrize("provider", providers.names())
async def test_a_redirect_to_another_host_is_not_followed(provider: str) -> None:
    world = World(key=KEY, retired=False)
    job = world.add(provider, Script())
    async with listening(world) as peer, listening(world) as other:
        peer.bytes = f"HTTP/1.1 307 X\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        environment = {**variables(peer.url, world), "BROWSERJOBS_STORE": ":memory:"}
        tracker = Tracker(settings.from_environment(environment))
        async with tracker.running():
            with pytest.raises(PASSING):
                await tracker.look(f"{provider}:{job.id}")
        assert peer.asked
        assert other.asked == []
