"""Server-sent events and redirects through the one way to a provider."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from mcp_browserjobs.errors import (
    AuthenticationError,
    BrowserJobsError,
    JobNotFoundError,
    ProviderUnavailableError,
    UnexpectedResponseError,
)
from mcp_browserjobs.providers.base import Access, Http

pytestmark = pytest.mark.anyio

ACCESS = Access("work", "kernel", SecretStr("k"), "KERNEL_API_KEY", "https://api.example")
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}


class Pieces(httpx2.AsyncByteStream):
    """A body that comes in these pieces, and then breaks off if it has to."""

    def __init__(self, *pieces: bytes, breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._breaks:
            raise httpx2.ReadError("gone")

    async def aclose(self) -> None:
        self.closed = True


def http(answer: Callable[[httpx2.Request], httpx2.Response]) -> Http:
    return Http(httpx2.AsyncClient(transport=httpx2.MockTransport(answer)), ACCESS, headers={"X-API-Key": "k"})


def streaming(*pieces: bytes, breaks: bool = False) -> Http:
    return http(lambda _: httpx2.Response(200, headers=EVENTS, stream=Pieces(*pieces, breaks=breaks)))


async def heard(way: Http) -> tuple[list[Any], BrowserJobsError | None]:
    """What a stream told, and what it broke off with."""
    told = []
    try:
        async with aclosing(way.stream("/events")) as events:
            async for event in events:
                told.append(event)  # noqa: PERF401 # what came before a failure counts
    except BrowserJobsError as error:
        return told, error
    return told, None


async def test_events_come_as_they_are_cut_from_the_bytes() -> None:
    way = streaming(b'data: {"n"', b": 1}\n\n: quiet\n\nevent: x\nda", b'ta: {"n":\ndata: 2}\r\n\r\nid: 7\n\n')
    assert await heard(way) == ([{"n": 1}, {"n": 2}], None)


async def test_the_request_asks_for_a_stream_with_the_key_and_the_parameters() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, headers=EVENTS, content=b"")

    async with aclosing(http(answer).stream("/events", params={"since": "5m"})) as events:
        assert [event async for event in events] == []
    assert (str(seen[0].url), seen[0].headers["accept"]) == ("https://api.example/events?since=5m", "text/event-stream")
    assert seen[0].headers["x-api-key"] == "k"


async def test_a_stream_that_breaks_off_has_told_what_came_before() -> None:
    told, error = await heard(streaming(b'data: {"n": 1}\n\n', breaks=True))
    assert told == [{"n": 1}]
    assert isinstance(error, ProviderUnavailableError)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"Content-Type": "application/json"}, b'{"n": 1}'),
        ({"Content-Type": "text/html"}, b"<!doctype html>"),
        ({}, b"data: 1\n\n"),
        (EVENTS, b"data: {no json\n\n"),
        (EVENTS, b"data: " + b"x" * 1024 * 1024 + b"\n\n"),
        (EVENTS, b"x" * (1024 * 1024 + 1)),
    ],
)
async def test_what_is_no_stream_of_json_is_an_unexpected_answer(headers: dict[str, str], content: bytes) -> None:
    told, error = await heard(http(lambda _: httpx2.Response(200, headers=headers, content=content)))
    assert told == []
    assert isinstance(error, UnexpectedResponseError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (404, JobNotFoundError),
        (500, ProviderUnavailableError),
        (301, UnexpectedResponseError),
    ],
)
async def test_a_refused_stream_fails_as_any_request(status: int, kind: type[BrowserJobsError]) -> None:
    _, error = await heard(http(lambda _: httpx2.Response(status, headers=EVENTS, content=b"data: 1\n\n")))
    assert isinstance(error, kind)


async def test_leaving_early_closes_the_connection() -> None:
    body = Pieces(b'data: {"n": 1}\n\n', b'data: {"n": 2}\n\n')
    way = http(lambda _: httpx2.Response(200, headers=EVENTS, stream=body))
    async with aclosing(way.stream("/events")) as events:
        assert await anext(events) == {"n": 1}
        assert not body.closed
    assert body.closed


async def test_a_redirect_is_told_and_not_followed() -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        match request.url.path:
            case "/there":
                return httpx2.Response(302, headers={"Location": "https://elsewhere.example/x?sig=1"})
            case "/here":
                return httpx2.Response(200, content=b"image")
        return httpx2.Response(404)

    way = http(answer)
    assert await way.location("/there") == "https://elsewhere.example/x?sig=1"
    assert await way.location("/here") is None
    with pytest.raises(JobNotFoundError):
        await way.location("/nowhere")
    assert asked == ["/there", "/here", "/nowhere"]


async def test_a_delete_may_be_answered_without_a_body() -> None:
    reply = await http(lambda request: httpx2.Response(204 if request.method == "DELETE" else 405)).delete("/job")
    assert (reply.status, reply.json) == (204, None)
