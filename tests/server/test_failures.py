"""What is told of a call that goes wrong, and what is not."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError

from mcp_browserjobs.errors import InvalidArgumentError, UnknownAccountError
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.server.app import Server, build
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.tracker import Tracker
from tests.server.connected import ERAS, refusal, serving
from tests.stage import new_world

pytestmark = pytest.mark.anyio

JOB = "0a1b2c3d-0000-4000-8000-000000000000"


def with_tool(server: Server, error: BaseException) -> Server:
    """The server with one more tool, which fails."""

    async def fail() -> str:
        raise error

    server.add_tool(fail, description="Fails.")
    return server


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InvalidArgumentError("a", "must be b"), "a must be b."),
        (ExceptionGroup("", [ExceptionGroup("", [InvalidArgumentError("a", "must be b")])]), "a must be b."),
        (ExceptionGroup("", [ValueError("secret"), InvalidArgumentError("a", "must be b")]), "a must be b."),
        (UnknownAccountError("dari2"), "No account has that name; the accounts are"),
        (ExceptionGroup("", [ValueError("secret")]), "Error executing tool fail"),
        (ValueError("secret"), "Error executing tool fail"),
    ],
)
async def test_failures_of_ours_are_told_and_faults_are_not(mode: str, error: Exception, sentence: str) -> None:
    async with serving(new_world()) as server, Client(with_tool(server, error), mode=mode) as client:
        told = await refusal(client, "fail")
    assert told.startswith(sentence)
    assert "secret" not in told


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        (
            "wait_for_result",
            {"jobs": [], "wait_second": 5},
            "wait_second is no argument of this tool; wait_seconds is.",
        ),
        ("get_job_result", {"job": "x", "maxChars": 5}, "maxChars is no argument of this tool; max_chars is."),
        ("get_job_status", {"jobs": ["x"]}, "jobs is no argument of this tool; job is."),
        ("get_job_status", {"job_id": "x"}, "job is missing."),
    ],
)
async def test_a_misspelt_argument_is_told(mode: str, tool: str, arguments: dict[str, Any], sentence: str) -> None:
    async with serving(new_world()) as server, Client(server, mode=mode) as client:
        assert await refusal(client, tool, **arguments) == sentence


async def test_what_a_framework_adds_to_the_arguments_does_no_harm() -> None:
    world = new_world()
    job = world.add("gobii", Script())
    added = {"sessionId": "1", "toolCallId": "2", "action": "send", "jobs": [], "\x1bjob": 1}
    async with serving(world) as server, Client(server) as client:
        answer = await client.call_tool("get_job_status", {"job": f"gobii:{job.id}", **added})
    assert not answer.is_error


@pytest.mark.parametrize("mode", ERAS)
async def test_a_damaged_store_is_told_in_one_sentence_without_a_word_of_it(mode: str) -> None:
    world = new_world()
    job = world.add("gobii", Script())
    async with serving(world) as server, Client(server, mode=mode) as client:
        await server.tracker.look(f"gobii:{job.id}")
        server.tracker.store._db.execute("UPDATE jobs SET snapshot = '{\"secret\": 1}'")
        told = await refusal(client, "get_job_status", job=job.id)
        assert told.startswith("The store :memory: cannot be used (it is damaged, or no store of ours)")
        assert "secret" not in told
        with pytest.raises(MCPError) as caught:
            await client.read_resource(f"browserjobs://gobii/{job.id}")
    assert caught.value.message == told


@pytest.mark.parametrize("mode", ERAS)
async def test_a_fault_of_our_own_tells_nothing(
    mode: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    job = world.add("gobii", Script())
    async with serving(world) as server, Client(server, mode=mode) as client:
        monkeypatch.setattr(server.tracker.store, "load", lambda: "secret")
        assert await refusal(client, "get_job_status", job=job.id) == "Error executing tool get_job_status"
        with pytest.raises(MCPError) as caught:
            await client.read_resource(f"browserjobs://gobii/{job.id}")
    assert caught.value.message == "The resource cannot be read."
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def abandoned(request: httpx2.Request) -> httpx2.Response:
    """Waits for something that somebody else cancels."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task
    return httpx2.Response(500)


async def slow(request: httpx2.Request) -> httpx2.Response:
    """Takes its time."""
    await anyio.sleep(60)
    return httpx2.Response(500)


def over(answer: Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]) -> Server:
    """The server before a provider that answers so."""
    environ = {"GOBII_API_KEY": "key", "BROWSERJOBS_STORE": ":memory:"}
    return build(Tracker(from_environment(environ), connections=Connections(httpx2.MockTransport(answer))))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("mode", ERAS)
async def test_what_somebody_else_cancels_does_not_end_the_connection(anyio_backend: str, mode: str) -> None:
    server = over(abandoned)
    async with server.running(), Client(server, mode=mode) as client:
        for _ in range(2):
            assert "call again" in await refusal(client, "get_job_status", job=f"gobii:{JOB}")
            with pytest.raises(MCPError, match="call again"):
                await client.read_resource(f"browserjobs://gobii/{JOB}")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("mode", ERAS)
async def test_what_the_client_cancels_is_cancelled(anyio_backend: str, mode: str) -> None:
    server = over(slow)

    async def call(client: Client, tool: str, **arguments: Any) -> None:
        with anyio.move_on_after(0.05) as patience:
            await client.call_tool(tool, arguments)
        assert patience.cancelled_caught

    async with server.running(), Client(server, mode=mode) as client:
        await call(client, "get_job_status", job=f"gobii:{JOB}")
        await call(client, "wait_for_result", jobs=[f"gobii:{JOB}"])
        with anyio.move_on_after(0.05):
            await client.read_resource(f"browserjobs://gobii/{JOB}")
        assert len((await client.list_tools()).tools) == 13
