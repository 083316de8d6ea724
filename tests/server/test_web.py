"""Serving over HTTP, as far as it can be told within one process."""

import socket

import httpx2
import pytest
from pydantic import SecretStr

from mcp_browserjobs.errors import ConfigError
from mcp_browserjobs.server.app import build
from mcp_browserjobs.server.web import Transport, application, listen, serve_http
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.tracker import Tracker

pytestmark = pytest.mark.anyio


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(Settings())


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_without_a_token_nobody_but_this_machine_is_served(tracker: Tracker, transport: Transport) -> None:
    with pytest.raises(ConfigError) as caught:
        await serve_http(tracker, transport, "192.0.2.1", 0)
    assert caught.value.setting == "--host"
    assert "127.0.0.1" in caught.value.problem


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_of_another_machine_is_named(host: str) -> None:
    tracker = Tracker(Settings(token=SecretStr("a-token-of-many-letters")))
    with pytest.raises(ConfigError) as caught:
        await serve_http(tracker, "http", host, 0)
    assert caught.value.setting == "--host"


async def test_a_port_in_use_is_named(tracker: Tracker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError) as caught:
        await serve_http(tracker, "http", "127.0.0.1", taken.getsockname()[1])
    assert caught.value.setting == "--port"
    assert "choose another" in caught.value.problem


def test_an_answer_waits_for_no_acknowledgement_of_its_beginning() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8931"}, 400),
        ({"host": "localhost:8931", "origin": "http://localhost:3000"}, 400),
        ({"host": "[::1]:8931"}, 400),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:80"}, 421),
        ({"host": "localhost:8931", "origin": "https://evil.example"}, 403),
    ],
)
async def test_pages_of_other_hosts_are_turned_away(tracker: Tracker, headers: dict[str, str], status: int) -> None:
    server = build(tracker)
    app = application(server)
    async with server.session_manager.run(), httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
        accept = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        reply = await http.post("http://localhost/mcp", content=b"{", headers=accept | headers)
    assert reply.status_code == status


async def test_messages_from_other_hosts_are_turned_away_over_sse_too(tracker: Tracker) -> None:
    app = application(build(tracker))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
        reply = await http.post("http://evil.example/messages/", json={})
    assert reply.status_code == 421


async def test_health_can_be_asked_for(tracker: Tracker) -> None:
    app = application(build(tracker))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
        reply = await http.get("http://127.0.0.1/healthz")
    assert reply.status_code == 200
    assert reply.json() == {"ok": True}
