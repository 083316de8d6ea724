"""Spans of requests to providers and of looks, beside those of the SDK."""

import subprocess
import sys

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import SecretStr

from mcp_browserjobs.providers.base import Access, Http
from mcp_browserjobs.providers.base.exchange import template
from mcp_browserjobs.simulator.script import Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.collected import Spans, spans
from tests.server.connected import connected, told
from tests.stage import new_world

__all__ = ["spans"]

pytestmark = pytest.mark.anyio

SLOW = Script(beats=(Queued(), *(Step(f"Read page {page}", 20) for page in range(5)), Finish()))


@pytest.fixture
def world() -> World:
    return new_world()


def named(spans: Spans, *beginnings: str) -> list[ReadableSpan]:
    return [span for span in spans() if span.name.startswith(beginnings)]


def identity(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context
    return context.span_id


async def test_a_request_is_a_child_of_the_call_that_it_is_made_for(world: World, spans: Spans) -> None:
    job = world.add("gobii", SLOW)
    async with connected(world) as client:
        await told(client, "get_job_status", job=f"gobii:{job.id}")
    [call] = [span for span in named(spans, "tools/call get_job_status") if span.kind is SpanKind.SERVER]
    requests = named(spans, "GET ")
    assert requests
    for request in requests:
        assert request.kind is SpanKind.CLIENT
        assert request.parent is not None
        assert request.parent.span_id == identity(call)
        assert dict(request.attributes or {}) == {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "server.address": "providers.example",
            "server.port": 80,
            "url.template": request.name.removeprefix("GET "),
            "browserjobs.provider": "gobii",
            "browserjobs.account": "gobii",
        }
        assert job.id not in request.to_json()


async def test_what_fails_says_how_and_nothing_of_the_answer(world: World, spans: Spans) -> None:
    world.trouble = Outage(0, 1000, how="502")
    job = world.add("gobii", SLOW)
    async with connected(world) as client:
        await client.call_tool("get_job_status", {"job": f"gobii:{job.id}"})
    [request] = named(spans, "GET ")
    assert request.status.status_code is StatusCode.ERROR
    assert request.status.description is None
    assert request.attributes is not None
    assert (request.attributes["http.response.status_code"], request.attributes["error.type"]) == (
        502,
        "502",
    )
    assert request.events == ()


async def test_nothing_is_told_of_a_link(spans: Spans) -> None:
    access = Access("dari", "dari", SecretStr("key"), "DARI_API_KEY", "https://api.example/v1")
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(200)))
    async with client:
        await Http(client, access, headers={}).download("https://live-abc.example/view/secretly?token=t")
    [request] = named(spans, "GET")
    told = {"http.request.method": "GET", "browserjobs.provider": "dari", "browserjobs.account": "dari"}
    assert request.name == "GET of a link"
    assert dict(request.attributes or {}) == {**told, "http.response.status_code": 200}


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("https://a.example/v1/agents/runs/1f0a/messages?since=secret", "/v1/agents/runs/*/messages"),
        ("https://a.example/tasks/550e8400-e29b-41d4-a716-446655440000/cancel/", "/tasks/*/cancel/"),
        ("https://a.example/run-task", "/run-task"),
        ("https://a.example/x/Secret/run_abcDEF/a%2Fb/wr_1", "/x/*/*/*/*"),
        ("https://a.example", ""),
    ],
)
def test_a_route_has_no_part_that_tells_a_job(url: str, route: str) -> None:
    assert template(url) == route


def test_where_nobody_collects_spans_nothing_is_imported_for_them() -> None:
    code = "import sys, mcp_browserjobs.cli; sys.exit('opentelemetry' in sys.modules or 'mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - ours
