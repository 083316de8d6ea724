"""The server as a web application: streamable HTTP and the older SSE side by side, for any number of clients.

It serves until it is told to stop, and is then gone within two seconds.
"""

import errno
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Literal, cast

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from .. import logs
from ..errors import ConfigError
from ..tracker import Tracker
from . import doors, hooks
from .app import Server, build
from .presence import Partings, Streams, ask_for_the_silent
from .process import be_gone_soon, room_for

Transport = Literal["http", "sse"]

PATHS: dict[Transport, str] = {"http": "/mcp", "sse": "/sse"}
MOST_CONNECTIONS = 4096
CROWDED = 3 / 4
"""When this part of them is open, those over which nobody asks make room, the quietest first."""
REQUEST_SECONDS = 20.0
"""A connection over which no whole request has come for so long is closed."""
IDLE_SECONDS = 300.0
"""How long an older client may be silent, with no stream open, before its session is forgotten."""
GRACE_SECONDS = 1

Quiet = tuple[H11Protocol, RequestResponseCycle | None]
"""A connection, and what was answered over it last: with the next answer another silence begins."""

log = logging.getLogger(__name__)


async def serve_http(tracker: Tracker, transport: Transport, host: str, port: int) -> None:
    """Serve any number of clients over HTTP, until the process is told to stop; `transport` is the one to speak of.

    Raises:
        ConfigError: other machines would be let in without a token, or the address cannot be listened at.
    """
    # Before the SDK does so in its own way, which would tell the address of every request.
    logs.set_up(tracker.settings.log_level or "info", lines=True)
    doors.check_host(tracker.settings, host)
    listener = listen(host, port)
    room = room_for(MOST_CONNECTIONS)
    server = build(tracker)
    config = uvicorn.Config(
        application(server, host),
        lifespan="on",
        http="h11",
        h11_max_incomplete_event_size=doors.LARGEST_HEAD,
        limit_concurrency=room,
        server_header=False,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    log.info("serving on http://%s:%s%s", doors.in_url(host), listener.getsockname()[1], PATHS[transport])
    async with server.running():
        await _Web(server, config, room).serve([listener])


def listen(host: str, port: int) -> socket.socket:
    """Take the address.

    Raises:
        ConfigError: it cannot be listened at.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise ConfigError("--host", "is no address of this machine") from None
        raise ConfigError("--port", f"cannot be used ({error.strerror}); choose another") from None
    ask_for_the_silent(listener)
    # Whoever is accepted has it too. Without it, an answer waits 40 ms for an acknowledgement of its beginning.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Web(uvicorn.Server):
    """Ends in good order, calls and streams included, and does not raise the signal again that told it to."""

    def __init__(self, server: Server, config: uvicorn.Config, room: int) -> None:
        super().__init__(config)
        self._server = server
        self._room = int(room * CROWDED)
        self._quiet_since: dict[Quiet, float] = {}

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        be_gone_soon()
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        open_now = [each for each in self.server_state.connections if isinstance(each, H11Protocol)]
        quiet = [(each, each.cycle) for each in open_now if _is_quiet(each)]
        self._quiet_since = {each: self._quiet_since.get(each, now) for each in quiet}
        too_many = len(open_now) - self._room
        for number, each in enumerate(sorted(quiet, key=self._quiet_since.__getitem__)):
            if number < too_many or now - self._quiet_since[each] > REQUEST_SECONDS:
                each[0].transport.close()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.stop()
        # What the streams of the SDK leave unfinished now is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _is_quiet(connection: H11Protocol) -> bool:
    """Whether nobody is being answered over a connection: it has just been opened, or its next request is not whole."""
    cycle = cast("RequestResponseCycle | None", connection.cycle)
    return cycle is None or cycle.response_complete


def application(server: Server, host: str = "127.0.0.1") -> Starlette:
    """The server as a web application: `/mcp`, `/sse` with `/messages/`, `/hooks/` and `/healthz`.

    Pages of other hosts are turned away, and, where tokens are demanded, everybody who brings no good one.
    """
    settings = server.tracker.settings
    names = doors.names(settings, host)
    streamable = server.streamable_http_app(
        transport_security=names, max_request_body_size=doors.LARGEST_BODY, session_idle_timeout=IDLE_SECONDS
    )
    sse = server.sse_app(transport_security=names, max_request_body_size=doors.LARGEST_BODY)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with server.session_manager.run():
            yield

    for route in sse.routes:
        if isinstance(route, Route) and route.methods:
            route.methods.discard("HEAD")  # which would open a stream that nobody can read
    routes = Router([*streamable.routes, *sse.routes], redirect_slashes=False)
    inside = Streams(Partings(routes), server.updates.listening)
    behind_doors = [*hooks.routes(server.tracker), Mount("/", doors.guarded(inside, settings))]
    return Starlette(
        routes=[
            Route("/healthz", _healthz),
            *doors.metadata_routes(settings),
            Mount("/", routes=behind_doors, middleware=doors.middleware(settings, names)),
        ],
        middleware=[Middleware(doors.Heads)],
        lifespan=lifespan,
    )


async def _healthz(_: Request) -> Response:
    return JSONResponse({"ok": True})
