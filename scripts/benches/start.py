"""From the start of the process to an answered `tools/list` over stdio, beside a bare server of the SDK."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from time import perf_counter
from typing import Any

from scripts.benches.rows import Row, at_most, told

BARE_SERVER = """
from mcp.server import MCPServer

server = MCPServer("bare", version="1")

@server.tool()
async def echo(text: str) -> str:
    "Say it again."
    return text

server.run()
"""
BARE = ("-c", BARE_SERVER)
OURS = ("-m", "mcp_browserjobs", "serve")
ROUNDS, FEW = 25, 1
LIMIT = 1.25
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
MESSAGES: tuple[dict[str, Any], ...] = (
    {"id": 1, "method": "initialize", "params": HELLO},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list", "params": {}},
)


def rows(*, quick: bool) -> Iterator[Row]:
    """The ratio of the medians, and what is imported for it."""
    with TemporaryDirectory() as folder:
        environ = environment(Path(folder))
        rounds = range(FEW if quick else ROUNDS)
        taken = [(answered(BARE, environ)[0], answered(OURS, environ)[0]) for _ in rounds]
        without, ours = (imported(answered(program, environ, "-X", "importtime")[1]) for program in (BARE, OURS))
    bare, started = (median(side) for side in zip(*taken, strict=True))
    what = f"start to answered `tools/list` over stdio, beside a bare server of the SDK ({bare * 1e3:,.0f} ms)"
    yield at_most(what, started / bare, LIMIT, "x", ".2f")
    more = ours.keys() - without.keys()
    foreign = sum(not name.startswith("mcp_browserjobs") for name in more)
    figure = f"{len(more)}, {foreign} of other libraries; {share(more, ours):.0%} of the seconds of all imports"
    yield told("modules that it imports and the bare server does not", figure)


def share(names: Iterable[str], seconds: Mapping[str, int]) -> float:
    """What these modules take of the time of all."""
    return sum(seconds[name] for name in names) / sum(seconds.values())


def environment(folder: Path) -> dict[str, str]:
    """That of this process, with one account and a store of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return kept | {"GOBII_API_KEY": "none", "BROWSERJOBS_STORE": str(folder / "jobs.sqlite3")}


def answered(program: Sequence[str], environ: Mapping[str, str], *switches: str) -> tuple[float, str]:
    """The seconds from a server's start to its list of tools, and what it said on standard error.

    Raises:
        RuntimeError: it gave no such list.
    """
    with TemporaryFile("w+") as said:
        began = perf_counter()
        with subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, *switches, *program],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process:
            if process.stdin and process.stdout:
                for message in MESSAGES:
                    print(json.dumps({"jsonrpc": "2.0", **message}), file=process.stdin, flush=True)
                    answer = json.loads(process.stdout.readline() or "{}") if "id" in message else {}
            seconds = perf_counter() - began
        said.seek(0)
        if "tools" not in answer.get("result", {}):
            raise RuntimeError(said.read())
        return seconds, said.read()


def imported(said: str) -> dict[str, int]:
    """The modules that `-X importtime` tells of, each with the microseconds that it took itself."""
    return {name: int(own) for own, name in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", said, re.MULTILINE)}
