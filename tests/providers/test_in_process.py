"""The way to an application in this process: answers that stream, hang up, fail, and are left early."""

from typing import Any

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mcp_browserjobs.providers.base import InProcess

pytestmark = pytest.mark.anyio


class Ticking:
    """An application that says a word each second, for ever; it knows whether anybody listens."""

    def __init__(self) -> None:
        self.ticks = 0
        self.running = 0

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.running += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"tick", "more_body": True})
                self.ticks += 1
                await anyio.sleep(1)
        finally:
            self.running -= 1


async def test_an_answer_comes_bit_by_bit_and_ends_when_it_is_left() -> None:
    app = Ticking()
    async with httpx2.AsyncClient(transport=InProcess(app)) as client:
        async with client.stream("GET", "http://any.example/") as response:
            chunks = response.aiter_bytes()
            for _ in range(3):
                assert await anext(chunks) == b"tick"
            assert (app.ticks, app.running, anyio.current_time()) == (3, 1, 2)
            await chunks.aclose()
        assert app.running == 0


async def test_giving_up_ends_the_application() -> None:
    app = Ticking()
    async with httpx2.AsyncClient(transport=InProcess(app)) as client:
        with anyio.move_on_after(10) as scope:
            await client.get("http://any.example/")
        assert scope.cancelled_caught
        assert app.running == 0


async def test_a_request_arrives_whole() -> None:
    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        return JSONResponse([request.method, request.url.path, request.url.query, request.headers["x-a"], body])

    app = Starlette(routes=[Route("/b/{name}", echo, methods=["POST"])])
    async with httpx2.AsyncClient(transport=InProcess(app)) as client:
        response = await client.post("http://any.example/b/c%20d?e=f", content=b"body", headers={"X-A": "1"})
        assert response.json() == ["POST", "/b/c d", "e=f", "1", "body"]


async def test_an_application_that_hangs_up_breaks_the_connection() -> None:
    async def half() -> Any:
        yield b"half"
        raise ConnectionResetError

    async def hang_up(*_: Any) -> None:
        raise ConnectionResetError

    async def break_off(_: Request) -> Response:
        return StreamingResponse(half())

    for app in (hang_up, Starlette(routes=[Route("/", break_off)])):
        async with httpx2.AsyncClient(transport=InProcess(app)) as client:
            with pytest.raises(httpx2.ReadError):
                await client.get("http://any.example/")


async def test_a_fault_of_the_application_comes_out_as_it_is() -> None:
    async def faulty(*_: Any) -> None:
        raise ZeroDivisionError

    async with httpx2.AsyncClient(transport=InProcess(faulty)) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("http://any.example/")
