"""Minutes of real time: a server process over HTTP, with tokens and sessions, under clients on sockets."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client

from mcp_browserjobs.simulator.world import World
from scripts.soaks.clients import Crowd
from scripts.soaks.samples import Sample
from tests.server.outside import provided

TOKEN, READER = "a-token-that-only-this-soak-knows", "another-token-that-may-only-read"
PACE, VISITORS = 1.0, 8
PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def server(environ: dict[str, str], port: int, samples: Path, complaints: Path) -> Iterator[None]:
    """The server process, told to stop in the end."""
    command = [sys.executable, "-m", "scripts.soaks.serving", str(port), str(samples)]
    with complaints.open("w") as stderr, subprocess.Popen(command, env=environ, stderr=stderr) as process:  # noqa: S603 - ours
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


async def until_it_serves(url: str) -> None:
    """Return once it does."""
    async with httpx2.AsyncClient() as http:
        while True:
            try:
                await http.get(url)
            except httpx2.TransportError:
                await anyio.sleep(0.1)
            else:
                return


async def soak(minutes: float, seed: int) -> tuple[list[Sample], Crowd]:
    """What the process held, and who was there."""
    random, port, world = Random(seed), free_port(), World(retired=False)  # noqa: S311 - no secret
    url = f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def opened(_mode: str) -> AsyncIterator[Any]:
        headers = {"authorization": f"Bearer {random.choice((TOKEN, TOKEN, READER))}"}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            yield streamable_http_client(f"{url}/mcp", http_client=http)

    async def knock() -> None:
        """Bring tokens that open nothing."""
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            while True:
                await http.post(f"{url}/mcp", headers={"authorization": f"Bearer {random.random()}"})
                await http.get(f"{url}/healthz")
                await anyio.sleep(3 * PACE)

    crowd = Crowd(world, random, opened, PACE)
    with TemporaryDirectory() as name, provided(world, str(Path(name, "jobs.sqlite3"))) as environ:
        samples, complaints = Path(name, "samples"), Path(name, "stderr")
        environ |= {"BROWSERJOBS_TOKEN": TOKEN, "BROWSERJOBS_READ_TOKEN": READER}
        with server(environ, port, samples, complaints):
            await until_it_serves(f"{url}/healthz")
            with anyio.move_on_after(minutes * 60):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(crowd.come_and_go, VISITORS)
                    tasks.start_soon(knock)
        crowd.done["lines on stderr"] = len(_lines(complaints))
        return [Sample(**json.loads(line)) for line in _lines(samples)], crowd


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()
