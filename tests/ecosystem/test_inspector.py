"""The command line of the MCP Inspector, strict about schemas, against the server over both transports in both eras."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from mcp_browserjobs.simulator.script import Finish, Queued, Script
from mcp_browserjobs.simulator.world import World
from tests.ecosystem.installed import NODE, modules, run
from tests.server.outside import ALONE, COMMAND, STEPS, address, provided, started

INSPECTOR = modules("inspector") / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
IS_ERROR = 5

Inspect = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def job(world: World) -> str:
    return f"dari:{world.add('dari', Script(beats=(Queued(0), *STEPS, Finish('all read')))).id}"


@pytest.fixture(scope="module", params=["stdio", "http"])
def server(
    request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """The server as a host's configuration names it; over stdio each call has one of its own."""
    with provided(world, store=str(tmp_path_factory.mktemp("store") / "jobs.sqlite3")) as environ:
        environ |= {"BROWSERJOBS_ALLOW_START": "true"}
        if request.param == "stdio":
            yield {"command": COMMAND[0], "args": COMMAND[1:], "env": environ}
        else:
            with started(environ, "serve", "--transport", "http", "--port", "0") as process:
                yield {"type": "streamable-http", "url": address(process)}


@pytest.fixture(params=["legacy", "modern"])
def inspect(request: pytest.FixtureRequest, server: dict[str, Any], tmp_path: Path) -> Inspect:
    """Call a method of the server."""
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"jobs": server}}))
    environ = {**ALONE, "HOME": str(tmp_path), "MCP_INSPECTOR_SECRET_STORE": "memory"}

    def call(method: str, *arguments: str) -> CompletedProcess[str]:
        where = ("--config", config, "--server", "jobs", "--protocol-era", request.param)
        return run(
            NODE, INSPECTOR, "--cli", *where, "--format", "json", "--method", method, *arguments, environ=environ
        )

    return call


def result(done: CompletedProcess[str]) -> dict[str, Any]:
    """What a call that went well gave."""
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)["result"]
    return told


def test_its_strict_lint_finds_nothing_in_the_schemas(inspect: Inspect) -> None:
    done = inspect("tools/list", "--strict")
    assert len(result(done)["tools"]) == 14
    assert json.loads(done.stdout).keys() == {"result"}


def test_it_waits_for_a_job_and_reads_it(inspect: Inspect, job: str) -> None:
    waited = result(
        inspect("tools/call", "--tool-name", "wait_for_result", "--tool-args-json", f'{{"jobs":["{job}"]}}')
    )
    assert waited["structuredContent"]["done"] is True
    assert json.loads(waited["content"][0]["text"]) == waited["structuredContent"]
    [row] = json.loads(result(inspect("resources/read", "--uri", "browserjobs://jobs"))["contents"][0]["text"])["jobs"]
    assert (row["job"], row["status"]) == (job, "completed")


def test_it_tells_a_failure_from_an_answer(inspect: Inspect) -> None:
    done = inspect("tools/call", "--tool-name", "get_job_status", "--tool-arg", "job=dari:nonsense")
    assert done.returncode == IS_ERROR
    assert "That is no job id of Dari" in done.stdout
