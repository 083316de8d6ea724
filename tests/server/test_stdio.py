"""The server as hosts start it: a process that speaks over stdin and stdout."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from mcp_browserjobs.simulator.script import Finish, Outage, Queued, Script
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, told
from tests.server.outside import ALONE, COMMAND, ENDLESS, STEPS, a_job_is_followed, provided, started

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed as of 2026-07-28"),
]

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
LONGEST = 2.0
"""How long a process may take to end."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def command(environ: dict[str, str]) -> StdioServerParameters:
    return StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environ)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_job_is_followed_to_its_end(mode: str) -> None:
    world = World()
    with provided(world) as environ:
        await a_job_is_followed(world, command(environ), mode)


async def test_a_new_process_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    world = World()
    job = f"dari:{world.add('dari', Script(beats=(Queued(0), *STEPS, Finish()))).id}"
    with provided(world, store=str(tmp_path / "jobs.sqlite3")) as environ:
        async with Client(command(environ)) as client:
            await told(client, "wait_for_result", jobs=[job])
            before = await told(client, "get_job_events", job=job)
        world.trouble = Outage(0, 0)
        async with Client(command(environ)) as client:
            after = await told(client, "get_job_events", job=job)
            assert [row["job"] for row in (await told(client, "list_jobs"))["jobs"]] == [job]
    after.pop("stale", None)
    assert after == before


def ask(process: subprocess.Popen[str], number: int, method: str, **params: Any) -> None:
    """Send one request."""
    assert process.stdin
    process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n")
    process.stdin.flush()


def greet(process: subprocess.Popen[str]) -> None:
    """Send an older client's first request and read the answer."""
    client = {"name": "test", "version": "1"}
    ask(process, 1, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
    assert process.stdout
    assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "mcp-browserjobs"


def ended(process: subprocess.Popen[str], since: float) -> tuple[int, str]:
    """The exit code of a process that ends in time, and what it said on stderr."""
    assert process.stderr
    code = process.wait(5)
    assert time.monotonic() - since < LONGEST
    return code, process.stderr.read()


def until_asked(world: World) -> None:
    """Return once a provider was asked, and a call is thus under way."""
    patience = time.monotonic() + 10
    while not world.requests:
        assert time.monotonic() < patience
        time.sleep(0.02)


@POSIX
@pytest.mark.parametrize("told_by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_the_middle_of_a_wait(told_by: signal.Signals) -> None:
    world = World()
    job = world.add("gobii", ENDLESS)
    with provided(world) as environ, started(environ) as process:
        greet(process)
        ask(process, 2, "tools/call", name="wait_for_result", arguments={"jobs": [f"gobii:{job.id}"]})
        until_asked(world)
        process.send_signal(told_by)
        assert ended(process, time.monotonic()) == (0, "")
        assert process.stdout
        said = {message.get("id"): message for message in map(json.loads, process.stdout)}
    assert said[2]["result"]["content"][0]["text"].startswith("This server was told to stop. The runs go on")


@POSIX
def test_a_signal_ends_a_stream_of_updates_in_good_order() -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    with started(ALONE) as process:
        wanted = {"resourceSubscriptions": ["browserjobs://jobs"]}
        ask(process, 1, "subscriptions/listen", _meta=meta, notifications=wanted)
        assert process.stdout
        assert json.loads(process.stdout.readline())["method"] == "notifications/subscriptions/acknowledged"
        process.terminate()
        assert ended(process, time.monotonic()) == (0, "")
        [end] = [json.loads(line) for line in process.stdout]
    assert (end["id"], end["result"]["resultType"]) == (1, "complete")


@POSIX
@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("cut \ud83d", "cut \ufffd"),
        ("\ude00 cut", "\ufffd cut"),
        ("\ud83d\ud83d", "\ufffd\ufffd"),
        ("whole \U0001f600", "whole \U0001f600"),
        (r"in words: \ud83d", r"in words: \ud83d"),
        ("\\\ud83d", "\\\ufffd"),
    ],
)
def test_half_a_character_is_answered_too(sent: str, arrives: str) -> None:
    with started(ALONE) as process:
        greet(process)
        ask(process, 2, "prompts/get", name="check_on_job", arguments={"job": sent})
        unanswered = threading.Timer(10, process.kill)
        unanswered.start()
        assert process.stdout
        answer = process.stdout.readline()
        unanswered.cancel()
    assert json.dumps(arrives) in json.loads(answer)["result"]["messages"][0]["content"]["text"]


def test_the_end_of_stdin_ends_it_in_the_middle_of_a_wait() -> None:
    world = World()
    job = world.add("gobii", ENDLESS)
    with provided(world) as environ, started(environ) as process:
        greet(process)
        ask(process, 2, "tools/call", name="wait_for_result", arguments={"jobs": [f"gobii:{job.id}"]})
        time.sleep(0.2)
        assert process.stdin
        process.stdin.close()
        assert ended(process, time.monotonic()) == (0, "")


def test_a_client_that_is_gone_ends_it() -> None:
    with started(ALONE) as process:
        greet(process)
        assert process.stdout
        process.stdout.close()
        ask(process, 2, "tools/list")
        code, said = ended(process, time.monotonic())
    assert code == 0
    assert "Traceback" not in said


@POSIX
def test_it_ends_with_the_process_that_started_it_though_stdin_stays_open() -> None:
    """As where a launcher stands between it and the host, and is killed."""
    launcher = f"import subprocess; subprocess.run({COMMAND!r})"
    with subprocess.Popen(  # noqa: S603 # our own command
        [sys.executable, "-c", launcher], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ALONE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        process.kill()
        begin = time.monotonic()
        assert process.stdout.read() == b""
        assert time.monotonic() - begin < LONGEST


@POSIX
def test_a_client_that_reads_nothing_does_not_keep_it() -> None:
    with started(ALONE) as process:
        greet(process)
        for number in range(2, 50):
            ask(process, number, "tools/list")
        time.sleep(0.2)
        process.terminate()
        assert ended(process, time.monotonic())[0] == 0


def test_a_file_may_stand_for_stdin(tmp_path: Path) -> None:
    requests = tmp_path / "requests"
    client = {"name": "test", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    requests.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}) + "\n")
    with requests.open() as stdin:
        done = subprocess.run(  # noqa: S603 - our own program
            COMMAND,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=5,
            env=ALONE,
            check=True,
        )
    assert json.loads(done.stdout)["id"] == 1
