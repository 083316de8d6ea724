"""The server as a web application: streamable HTTP and the older SSE side by side, for any number of clients.

It serves until it is told to stop, and is then gone within two seconds.
"""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Literal

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ConfigError
from ..tracker import Tracker
from .app import Server, build
from .doors import HEALTH, Door
from .process import be_gone_soon, log_to_stderr

Transport = Literal["http", "sse"]

LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "localhost", "::1": "[::1]"}
"""The names of this machine for itself, and how each stands in a URL."""
PATHS: dict[Transport, str] = {"http": "/mcp", "sse": "/sse"}
LARGEST_BODY = 1024 * 1024
IDLE_SECONDS = 300.0
"""How long an older client may be silent, with no stream open, before its session is forgotten."""
GRACE_SECONDS = 1

log = logging.getLogger(__name__)


async def serve_http(tracker: Tracker, transport: Transport, host: str, port: int) -> None:
    """Serve any number of clients over HTTP, until the process is told to stop; `transport` is the one to speak of.

    Raises:
        ConfigError: the host is not this machine's own, or the port is not free.
    """
    log_to_stderr()
    if host not in LOOPBACK:
        raise ConfigError("--host", f"must be one of {', '.join(LOOPBACK)}: nothing would keep other machines out")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError("--port", f"cannot be used ({error.strerror}); choose another") from None
    server = build(tracker)
    config = uvicorn.Config(
        application(server),
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
        be_gone_soon()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.stop()
        # What the streams of the SDK leave unfinished now is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def application(server: Server) -> Starlette:
    """The server as a web application: `/mcp`, `/sse` with `/messages/`, and `/healthz`.

    Pages of other hosts are turned away, and, where a token is set, everybody who does not bring it.
    """
    guard = TransportSecuritySettings(
        allowed_hosts=[f"{name}{port}" for name in LOOPBACK.values() for port in ("", ":*")],
        allowed_origins=[f"http://{name}{port}" for name in LOOPBACK.values() for port in ("", ":*")],
    )
    streamable = server.streamable_http_app(
        transport_security=guard, max_request_body_size=LARGEST_BODY, session_idle_timeout=IDLE_SECONDS
    )
    sse = server.sse_app(transport_security=guard, max_request_body_size=LARGEST_BODY)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with server.session_manager.run():
            yield

    token = server.tracker.settings.token
    door = [Middleware(Door, token=token.get_secret_value())] if token else []
    return Starlette(
        routes=[Route(HEALTH, _healthz), *streamable.routes, *sse.routes], middleware=door, lifespan=lifespan
    )


async def _healthz(_: Request) -> Response:
    return JSONResponse({"ok": True})
