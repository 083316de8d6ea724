"""Real servers of providers as processes of their own, and a client of the program that is pointed at one."""

import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.server.connected import told
from tests.server.outside import ALONE, COMMAND

STARTING, STOPPING = 120, 10
"""How many seconds a server may take to start, the first time most of all, and to stop."""
LONGEST = 90
"""How many seconds a story may take."""


def listen() -> tuple[socket.socket, str]:
    """A free port, and its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serving(
    listener: socket.socket, command: list[str | Path], home: Path, environ: Mapping[str, str], first: httpx2.Request
) -> Iterator[None]:
    """A program that serves a socket, whose number it is told last; it has answered `first` when this is entered."""
    number = listener.fileno()
    with (home / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, str(number)], cwd=home, env=environ, pass_fds=[number], stdout=log, stderr=log
        )
    listener.close()
    try:
        try:
            with httpx2.Client(timeout=STARTING) as client:
                client.send(first)
        except httpx2.HTTPError as error:
            pytest.fail(f"The server did not start ({error!r}); it said:\n{(home / 'log').read_text()[-2000:]}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def asking(**environ: str) -> AsyncIterator[Client]:
    """A client of the program, which may start jobs."""
    everything = {**ALONE, "BROWSERJOBS_ALLOW_START": "true", **environ}
    with anyio.fail_after(LONGEST):
        async with Client(StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=everything)) as client:
            yield client


async def started(client: Client, account: str, task: str) -> str:
    """The reference of a new job, once it runs."""
    answer = await told(client, "start_job", account=account, task=task)
    while answer["status"] == "queued":
        answer = await settled(client, answer["job"], until="change")
    assert answer["status"] == "running"
    return str(answer["job"])


async def settled(client: Client, job: str, until: str = "attention") -> dict[str, Any]:
    """The Job answer once a job has come that far."""
    waited = await told(client, "wait_for_result", jobs=[job], until=until)
    assert waited["done"] is True
    [answer] = waited["jobs"]
    assert isinstance(answer, dict)
    return answer


async def log(client: Client, job: str) -> list[dict[str, Any]]:
    """What a job's events report, which are numbered without a gap."""
    events = (await told(client, "get_job_events", job=job, limit=200))["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    return [{"kind": event["kind"], **event["reported"]} for event in events]


def statuses(events: list[dict[str, Any]]) -> list[str]:
    """The statuses that a job was seen in since it was queued."""
    return [event["status"] for event in events if event["kind"] == "status" and event["status"] != "queued"]
