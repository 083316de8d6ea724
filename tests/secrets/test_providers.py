"""No answer of a vendor, good or bad, carries the key any further."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from mcp_browserjobs import providers
from mcp_browserjobs.masking import MASK
from mcp_browserjobs.simulator import application
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.collected import Spans, spans
from tests.secrets.marker import ECHO, KEY, Echoing, given_away, logged, of_files, of_span
from tests.server.connected import connected
from tests.stage import new_world

__all__ = ["spans"]

pytestmark = pytest.mark.anyio

SCRIPTS = (
    Script(
        title="Compare the prices of a kettle",
        beats=(Queued(), Step("Opened the shop"), Ask("Which colour shall it be?", ("the red one", "blue"))),
    ),
    Script(title="Find a flight", beats=(Queued(), Step("Opened a page"), Finish("It was all found."))),
    Script(title="Book a table", beats=(Queued(), Step("Opened a page"), Fail("The page asked for a login."))),
)


def cut_off(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError(f"cannot reach {request.url}?key={KEY} with {request.headers}", request=request)


def timed_out(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout(f"no answer to {ECHO}", request=request)


def broken(_: httpx2.Request) -> httpx2.Response:
    raise RuntimeError(f"a fault of our own at {ECHO}")


def answered(status: int, **said: Any) -> Callable[[httpx2.Request], httpx2.Response]:
    headers = {"x-echo": KEY, "retry-after": KEY, "www-authenticate": f"Bearer {KEY}", **said.pop("headers", {})}
    return lambda _: httpx2.Response(status, headers=headers, **said)


BAD: dict[str, Callable[[httpx2.Request], httpx2.Response]] = {
    **{
        str(status): answered(status, json={"detail": ECHO, "error": {"message": ECHO, "code": KEY}, KEY: KEY})
        for status in (400, 401, 402, 403, 404, 409, 418, 422, 503)
    },
    "fields": answered(422, json={"detail": [{"loc": ["body", KEY], "msg": ECHO, "input": KEY}]}),
    "html": answered(502, html=f"<html>{ECHO}</html>"),
    "a redirect": answered(302, headers={"location": f"https://evil.example/?key={KEY}"}),
    "garbage": answered(200, text=ECHO),
    "a text": answered(200, json=ECHO),
    "another shape": answered(200, json={"id": [ECHO], "status": {KEY: ECHO}, "job": KEY}),
    "escaped": answered(200, content=ECHO.replace("/", "\\/").encode()),
    "no gzip": answered(200, headers={"content-encoding": "gzip"}, content=KEY.encode()),
    "no stream": answered(200, headers={"content-type": "text/event-stream"}, content=f"data: {ECHO}\n\n".encode()),
    "cut off": cut_off,
    "timed out": timed_out,
    "broken": broken,
    "429": answered(429, json={"detail": ECHO}),
}


@pytest.fixture(params=providers.names())
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def everything(client: Client, provider: str, reference: str) -> list[str]:
    """What each tool and resource says."""
    arguments = {
        "job": reference,
        "jobs": [reference],
        "wait_seconds": 1,
        "account": provider,
        "answer": "the red one",
        "task": "my-org/contact_form",
    }
    said = []
    for tool in (await client.list_tools()).tools:
        fitting = {name: arguments[name] for name in tool.input_schema["properties"] if name in arguments}
        said.append(str(await client.call_tool(tool.name, fitting)))
    escaped = reference.partition(":")[2].replace("/", "%2F")
    for ending in ("", "/events", "/result", "/log", "/screenshots/0"):
        try:
            said.append(str(await client.read_resource(f"browserjobs://{provider}/{escaped}{ending}")))
        except MCPError as error:
            said.append(f"{error} {error.error}")
    return said


def environment(folder: Path) -> dict[str, str]:
    return {"BROWSERJOBS_STORE": str(folder / "jobs.sqlite3"), "BROWSERJOBS_ALLOW_START": "1"}


async def test_what_a_vendor_repeats_of_the_key_is_masked(provider: str, tmp_path: Path, spans: Spans) -> None:
    world: World = new_world(retired=False, key=KEY)
    with logged() as log:
        async with connected(world, transport=Echoing, **environment(tmp_path)) as client:
            said = []
            for script in SCRIPTS:
                reference = f"{provider}:{world.add(provider, script).id}"
                await anyio.sleep(30)
                said += await everything(client, provider, reference)
            stored = of_files(tmp_path)
        told = {"answers": "".join(said), "log": log.getvalue(), "spans": "".join(map(of_span, spans()))}
    assert {where: found for where, text in told.items() if (found := given_away(text))} == {}
    assert given_away(stored) + given_away(of_files(tmp_path)) == []
    assert MASK in told["answers"]
    assert b"jobs" in stored


async def test_a_watch_that_breaks_tells_no_key(tmp_path: Path, spans: Spans) -> None:
    world: World = new_world(key=KEY)
    whole = httpx2.ASGITransport(application(world))
    breaks: list[bool] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        return broken(request) if breaks else await whole.handle_async_request(request)

    environ: dict[str, Any] = {**environment(tmp_path), "transport": lambda _: httpx2.MockTransport(answer)}
    reference = f"gobii:{world.add('gobii', SCRIPTS[0]).id}"
    with logged() as log:
        async with connected(world, raise_exceptions=False, **environ) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: client.call_tool("wait_for_result", {"jobs": [reference], "wait_seconds": 20}))
            await anyio.sleep(1)
            breaks.append(True)
    assert "the watch of a job at gobii broke" in log.getvalue()
    assert given_away(log.getvalue()) + given_away("".join(map(of_span, spans()))) == []


async def test_no_failure_tells_the_key(provider: str, tmp_path: Path, spans: Spans) -> None:
    world: World = new_world(retired=False, key=KEY)
    said = dict[str, list[str]]()
    now: list[Callable[[httpx2.Request], httpx2.Response]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        return now[-1](request)

    environ: dict[str, Any] = {**environment(tmp_path), "transport": lambda _: httpx2.MockTransport(answer)}
    with logged() as log:
        async with connected(world, raise_exceptions=False, **environ) as client:
            for name, bad in BAD.items():
                now.append(bad)
                reference = f"{provider}:{world.add(provider, SCRIPTS[0]).id}"
                said[name] = await everything(client, provider, reference)
                await anyio.sleep(2)
        stored = of_files(tmp_path)
    assert {name: found for name, texts in said.items() if (found := given_away("".join(texts)))} == {}
    assert given_away(log.getvalue()) + given_away(stored) == []
    assert given_away("".join(map(of_span, spans()))) == []
    assert "a fault of our own" in log.getvalue()
