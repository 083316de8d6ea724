"""Whether a client is still there.

Most clients that leave are heard to: stdin ends, a connection is closed, and the SDK cancels what was done for them. An
older client of streamable HTTP leaves no more than closed streams behind, of which the SDK makes nothing; and one whose
machine vanished is not heard of at all, unless TCP is made to ask for it.
"""

import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import anyio
from mcp.server.connection import Connection
from mcp.server.mcpserver import Context
from mcp.server.session import ServerSession
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SILENT_SECONDS, PROBES, PROBE_SECONDS = 15, 3, 5
"""After so much silence TCP asks so often, this long apart, whether the other machine is still there."""
VANISHED_SECONDS = SILENT_SECONDS + PROBES * PROBE_SECONDS
"""For so long the other machine may leave unconfirmed what was sent to it; streams send something every 15 s."""

STREAM = "mcp_browserjobs.stream"
"""Where a request of an older client has the scope of what ends with the stream that it is answered on."""


def while_there(ctx: Context[Any, Any]) -> anyio.CancelScope:
    """What is done within is given up when the client has closed the stream on which it waits for the answer."""
    request = ctx.request_context.request
    stream = request.scope.get(STREAM) if request else None
    return stream or anyio.CancelScope()


class Streams:
    """Takes note of when older clients close their streams: those that they are answered on, and those to listen to.

    Args:
        listening: what lasts while the session of this id has a stream on which it can be told something.
    """

    def __init__(self, app: ASGIApp, listening: Callable[[str], AbstractAsyncContextManager[None]]) -> None:
        self._app = app
        self._listening = listening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = Headers(scope=scope).get(MCP_SESSION_ID_HEADER) if scope["type"] == "http" else None
        if session is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "GET":
            await self._listen(session, scope, receive, send)
        else:
            stream = scope[STREAM] = anyio.CancelScope()
            try:
                await self._app(scope, receive, send)
            finally:
                stream.cancel()

    async def _listen(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as lasting:

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] == 200:
                    await lasting.enter_async_context(self._listening(session))
                await send(message)

            await self._app(scope, receive, note)


class Partings:
    """Ends in good order what is answered to an older client that closed its session meanwhile.

    The SDK finds the session's streams closed, leaves an answer unfinished, or wants to give another one and raises.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or MCP_SESSION_ID_HEADER not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        begun = answered = False

        async def once(message: Message) -> None:
            nonlocal begun, answered
            if not answered:
                begun = True
                answered = message["type"] == "http.response.body" and not message.get("more_body")
                await send(message)

        try:
            await self._app(scope, receive, once)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            if not begun:
                raise
        if begun and not answered:
            await send({"type": "http.response.body", "body": b""})


def connection_of(session: ServerSession) -> Connection:
    """The connection by which somebody asks; in the present revision of the protocol each request has its own."""
    return session._connection  # noqa: SLF001 - the SDK has no public name for who asks


def ask_for_the_silent(listener: socket.socket) -> None:
    """Have connections to this listener end once their other side vanished, as far as the system can."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", SILENT_SECONDS),
        ("TCP_KEEPALIVE", SILENT_SECONDS),  # as macOS calls it
        ("TCP_KEEPINTVL", PROBE_SECONDS),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", VANISHED_SECONDS * 1000),
    ):
        if (number := getattr(socket, option, None)) is not None:
            listener.setsockopt(socket.IPPROTO_TCP, number, value)
