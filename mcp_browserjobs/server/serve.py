"""How the server is reached: over stdin and stdout, over streamable HTTP, or over SSE.

Each serves until it is told to stop or, over stdin, until the client is gone; and is then gone within two seconds.
"""

import asyncio
import logging
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hmac import compare_digest
from types import FrameType
from typing import Literal, cast

import anyio
import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ConfigError
from ..tracker import Tracker
from .app import Server, build

Transport = Literal["http", "sse"]

LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "localhost", "::1": "[::1]"}
"""The names of this machine for itself, and how each stands in a URL."""
HEALTH = "/healthz"
PATHS: dict[Transport, str] = {"http": "/mcp", "sse": "/sse"}
LONGEST_LINE = 64 * 1024 * 1024
LARGEST_BODY = 1024 * 1024
IDLE_SECONDS = 300.0
"""How long an older client may be silent, with no stream open, before its session is forgotten."""
GRACE_SECONDS = 1
LAST_SECONDS = 1.5
FAREWELL_SECONDS = 0.2
"""For so long the client on stdout is still told how its calls and streams ended."""

log = logging.getLogger(__name__)


async def serve_stdio(tracker: Tracker) -> None:
    """Serve one client over stdin and stdout, until it closes stdin or the process is told to stop."""
    _log_to_stderr()
    server = build(tracker)
    low = server._lowlevel_server  # noqa: SLF001 - the public way takes no stdin that can be let go of
    try:
        async with server.running(), anyio.create_task_group() as tasks:
            if sys.platform != "win32":
                tasks.start_soon(_until_told, server, tasks.cancel_scope)
            async with _stdin() as stdin, stdio_server(stdin=stdin) as (incoming, outgoing):
                await low.run(incoming, outgoing, low.create_initialization_options())
            _be_gone_soon()
            tasks.cancel_scope.cancel()
    except* BrokenPipeError:
        log.info("the client is gone")


async def _until_told(server: Server, serving: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            _be_gone_soon()
            server.stop()
            await anyio.sleep(FAREWELL_SECONDS)
            serving.cancel()


class _Lines:
    """The lines of stdin, read without a thread: such a one could not be interrupted."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def __aiter__(self) -> "_Lines":
        return self

    async def __anext__(self) -> str:
        if line := await self._reader.readline():
            return line.decode(errors="replace")
        raise StopAsyncIteration


@asynccontextmanager
async def _stdin() -> AsyncIterator["anyio.AsyncFile[str] | None"]:
    """Stdin where it can be waited for, else None: on Windows, and where it is a file."""
    if sys.platform == "win32" or not (sys.stdin.isatty() or _is_stream(os.fstat(0).st_mode)):
        yield None
        return
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(0), "rb")
    )
    try:
        yield cast("anyio.AsyncFile[str]", _Lines(reader))
    finally:
        pipe.close()
        # A terminal is the shell's again.
        os.set_blocking(0, True)


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


async def serve_http(tracker: Tracker, transport: Transport, host: str, port: int) -> None:
    """Serve any number of clients over HTTP, until the process is told to stop.

    Raises:
        ConfigError: the host is not this machine's own, or the port is not free.
    """
    _log_to_stderr()
    if host not in LOOPBACK:
        raise ConfigError("--host", f"must be one of {', '.join(LOOPBACK)}: nothing would keep other machines out")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError("--port", f"cannot be used ({error.strerror}); choose another") from None
    server = build(tracker)
    config = uvicorn.Config(
        application(server, transport),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    log.info("serving on http://%s:%s%s", LOOPBACK[host], listener.getsockname()[1], PATHS[transport])
    async with server.running():
        await _Web(server, config).serve([listener])


class _Web(uvicorn.Server):
    """Ends in good order, calls and streams included, and does not raise the signal again that told it to."""

    def __init__(self, server: Server, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._server = server

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        _be_gone_soon()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.stop()
        # What the streams of the SDK leave unfinished now is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def application(server: Server, transport: Transport) -> Starlette:
    """The server as a web application: `/mcp` or `/sse`, and `/healthz`.

    Pages of other hosts are turned away, and, where a token is set, everybody who does not bring it.
    """
    guard = TransportSecuritySettings(
        allowed_hosts=[f"{name}{port}" for name in LOOPBACK.values() for port in ("", ":*")],
        allowed_origins=[f"http://{name}{port}" for name in LOOPBACK.values() for port in ("", ":*")],
    )
    routes: list[BaseRoute]
    match transport:
        case "http":
            routes = server.streamable_http_app(
                transport_security=guard, max_request_body_size=LARGEST_BODY, session_idle_timeout=IDLE_SECONDS
            ).routes
        case "sse":
            routes = server.sse_app(transport_security=guard, max_request_body_size=LARGEST_BODY).routes

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if transport == "sse":
            yield
            return
        async with server.session_manager.run():
            yield

    token = server.tracker.settings.token
    door = [Middleware(_Door, token=token.get_secret_value())] if token else []
    return Starlette(routes=[Route(HEALTH, _healthz), *routes], middleware=door, lifespan=lifespan)


class _Door:
    """Lets in who brings the token, and to everybody tells only whether the server is well."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == HEALTH or self._opens(scope):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse("A bearer token is needed.", 401, {"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)

    def _opens(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and compare_digest(given[0], self._expected)


async def _healthz(_: Request) -> Response:
    return JSONResponse({"ok": True})


def _log_to_stderr() -> None:
    """Set up before the SDK does so in its own way, which would tell the address of every request."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("mcp_browserjobs").setLevel(logging.INFO)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _be_gone_soon() -> None:
    """End the process in any case: a thread that cannot be interrupted, looking up a name say, must not keep it."""
    last = threading.Timer(LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
