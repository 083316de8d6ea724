"""The way to an ASGI application in this process, whose answers may come bit by bit and never end."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import httpx2
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

GRACE_SECONDS = 0.5
"""An application that is left may take so long to notice."""

Message = dict[str, Any]
App = Callable[..., Awaitable[None]]


class InProcess(httpx2.AsyncBaseTransport):
    """Carries requests to an application, whatever host they name; `httpx2.ASGITransport` waits for the whole answer.

    An application that raises an OSError has hung up.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; the application that goes on after its answer is closed is cancelled."""
        exchange = _Exchange(request, await request.aread())
        tasks = await anyio.create_task_group().__aenter__()
        tasks.start_soon(exchange.run, self.app)
        body = _Body(exchange, tasks)
        try:
            start = await exchange.message()
        except BaseException:
            await body.aclose()
            raise
        return httpx2.Response(start["status"], headers=start.get("headers", []), stream=body)


class _Exchange:
    """One request and what the application says to it."""

    def __init__(self, request: httpx2.Request, body: bytes) -> None:
        self._request = request
        self._asked: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._said: MemoryObjectSendStream[Message | Exception]
        self._heard: MemoryObjectReceiveStream[Message | Exception]
        self._left, self._ended = anyio.Event(), anyio.Event()
        self._said, self._heard = anyio.create_memory_object_stream(math.inf)

    async def run(self, app: App) -> None:
        url = self._request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 123),
            "root_path": "",
        }
        try:
            await app(scope, self._receive, self._said.send)
        except OSError as error:
            self._said.send_nowait(httpx2.ReadError(str(error), request=self._request))
        except Exception as error:  # noqa: BLE001 # it belongs to who asked
            self._said.send_nowait(error)
        finally:
            self._ended.set()

    async def leave(self) -> None:
        """Say that nobody listens any more, and wait a little for the application to end by itself."""
        self._left.set()
        with anyio.move_on_after(GRACE_SECONDS):
            await self._ended.wait()

    async def _receive(self) -> Message:
        asked, self._asked = self._asked, None
        if asked is None:
            await self._left.wait()
        return asked or {"type": "http.disconnect"}

    async def message(self) -> Message:
        """The application's next message."""
        said = await self._heard.receive()
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None:
        self._said.close()
        self._heard.close()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, exchange: _Exchange, tasks: TaskGroup) -> None:
        self._exchange = exchange
        self._tasks = tasks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._exchange.message()
            more = message.get("more_body", False)
            if body := message.get("body"):
                yield body

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._exchange.leave()
            self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            self._exchange.close()
