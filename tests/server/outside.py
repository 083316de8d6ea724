"""The program as it is started by a host, in a process of its own and in real time, before pretend providers."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import anyio
import uvicorn

from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.script import FOREVER, Ask, Finish, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import count, read, subscribed, told

COMMAND = [sys.executable, "-m", "mcp_browserjobs"]
PASSED_ON = ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
STEPS = tuple(Step(f"Read page {page}", 0.15) for page in range(4))
QUICK = Script(beats=(Queued(0), Ask("Shall I begin?"), *STEPS, Finish({"pages": 4})))
ENDLESS = Script(beats=(Queued(0), Stall(FOREVER)))


ALONE = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"BROWSERJOBS_STORE": ":memory:"}
"""The environment of a server without any account."""


@contextmanager
def provided(world: World, store: str = ":memory:") -> Iterator[dict[str, str]]:
    """The pretend providers over HTTP, and the environment of a server that asks them often."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(world), ws="none", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        environ = variables(f"http://127.0.0.1:{listener.getsockname()[1]}", world)
        often = {name.replace("_API_KEY", "_POLL_SECONDS"): "0.1" for name in environ if name.endswith("_API_KEY")}
        yield {**ALONE, **environ, **often, "BROWSERJOBS_STORE": store}
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def started(environ: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program with its three streams as pipes; it is gone afterwards in any case."""
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, *arguments], env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address(process: subprocess.Popen[str]) -> str:
    """Where it says that it serves."""
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"http://[^\s\"]+", line):
            return found.group()
    raise AssertionError("it ended")


async def a_job_is_followed(world: World, target: Any, mode: str) -> None:
    """A client looks at a job, waits for its end, reads its log and result, and hears of its changes meanwhile."""
    job = world.add("dari", QUICK)
    reference, uri = f"dari:{job.id}", f"browserjobs://dari/{quote(job.id, safe='')}"
    async with subscribed(target, mode, f"{uri}/events") as (client, heard):
        answer = await told(client, "get_job_status", job=reference)
        assert answer["status"] == "waiting_for_input"
        assert job.answer(answer["reported"]["question"]["id"], "yes")
        reports: list[float] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            assert total == 25
            assert message
            reports.append(progress)

        with anyio.fail_after(10):
            result = await client.call_tool(
                "wait_for_result", {"jobs": reference, "until": "result"}, progress_callback=note
            )
        assert result.structured_content
        assert result.structured_content["done"] is True
        assert result.structured_content["jobs"][0]["reported"]["result"] == {"pages": 4}
        assert reports
        first = await told(client, "get_job_events", job=reference, limit=3)
        second = await told(client, "get_job_events", job=reference, after=first["next_after"])
        log = [event["seq"] for page in (first, second) for event in page["events"]]
        assert log == list(range(1, second["next_after"] + 1))
        assert '"completed"' in (await read(client, uri)).text
        assert (await read(client, f"{uri}/result")).text == '{"pages":4}'
        with anyio.fail_after(5):
            while not count(heard, f"{uri}/events"):  # noqa: ASYNC110 - a list tells nobody that it grows
                await anyio.sleep(0.01)
