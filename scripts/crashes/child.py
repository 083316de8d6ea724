"""A server process as hosts start it, and a client that survives its end."""

import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

COMMAND = (sys.executable, "-m", "mcp_browserjobs", "serve", "--allow-start")
LONGEST_LINE = 16 * 1024 * 1024
GREETING = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "crash", "version": "1"}}

Answer = dict[str, Any]


class GoneError(Exception):
    """The process ended before it answered."""


class RefusedError(Exception):
    """The tool failed, with a sentence."""


@dataclass
class _Asked:
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer | None = None


class Child:
    """A server over stdio. Any number of calls may be under way; all fail when it ends."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._numbers = count(1)
        self._asked: dict[int, _Asked] = {}
        self._gone = False

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal, unless it is gone already."""
        if self._process.returncode is None:
            self._process.send_signal(sign)

    async def ended(self) -> int:
        """Its exit code, once it has one."""
        return await self._process.wait()

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """A tool's answer.

        Raises:
            GoneError: there will be none. RefusedError: it is an error.
        """
        result = (await self._ask("tools/call", {"name": tool, "arguments": arguments}))["result"]
        if result.get("isError"):
            raise RefusedError(result["content"][0]["text"])
        answer: Answer = result["structuredContent"]
        return answer

    async def greet(self) -> None:
        """Wait until it serves."""
        await self._ask("initialize", GREETING)
        await self._say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def _ask(self, method: str, params: Mapping[str, Any]) -> Answer:
        number, asked = next(self._numbers), _Asked()
        self._asked[number] = asked
        await self._say({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            await asked.answered.wait()
        finally:
            del self._asked[number]
        if asked.answer is None:
            raise GoneError
        return asked.answer

    async def _say(self, message: Answer) -> None:
        if self._gone or self._process.stdin is None:
            raise GoneError
        try:
            await self._process.stdin.send(json.dumps(message).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise GoneError from None

    async def listen(self) -> None:
        """Take its answers in until it ends."""
        try:
            if self._process.stdout:
                lines = BufferedByteReceiveStream(self._process.stdout)
                while True:
                    self._take(json.loads(await lines.receive_until(b"\n", LONGEST_LINE)))
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            self._gone = True
            for asked in self._asked.values():
                asked.answered.set()

    def _take(self, message: Answer) -> None:
        if asked := self._asked.get(message.get("id", 0)):
            asked.answer = message
            asked.answered.set()


@asynccontextmanager
async def started(environ: Mapping[str, str], complaints: Path) -> AsyncIterator[Child]:
    """A server process, which is killed in the end if it still lives; what it says on stderr is added to a file."""
    with complaints.open("ab") as stderr:
        process = await anyio.open_process(COMMAND, env=environ, stderr=stderr)
    child = Child(process)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child.listen)
            try:
                yield child
            finally:
                child.send(signal.SIGKILL)
                tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await process.aclose()
