"""The server over stdin and stdout: one client, until it is gone or the process is told to stop.

It is then gone within two seconds.
"""

import asyncio
import logging
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import anyio
from mcp.server.stdio import stdio_server

from .. import logs
from ..tracker import Tracker
from .app import Server, build
from .process import be_gone_soon

LONGEST_LINE = 64 * 1024 * 1024
ORPHAN_SECONDS = 0.5
FAREWELL_SECONDS = 0.2
"""For so long the client on stdout is still told how its calls and streams ended."""

_HIGH, _LOW = (rf"\\u[dD][{second}][0-9a-fA-F]{{2}}" for second in ("89abAB", "c-fC-F"))
_ESCAPED = re.compile(rf"\\\\|{_HIGH}{_LOW}|(?P<half>{_HIGH}|{_LOW})")

log = logging.getLogger(__name__)


async def serve_stdio(tracker: Tracker) -> None:
    """Serve one client over stdin and stdout, until it closes stdin or the process is told to stop."""
    # Before the SDK does so in its own way, which would tell the address of every request.
    logs.set_up(tracker.settings.log_level or "warning", lines=True)
    server = build(tracker)
    low = server._lowlevel_server  # noqa: SLF001 - the public way takes no stdin that can be let go of
    try:
        async with server.running(), anyio.create_task_group() as tasks:
            if sys.platform != "win32":
                tasks.start_soon(_until_told, server, tasks.cancel_scope)
                tasks.start_soon(_until_orphaned, os.getppid(), server, tasks.cancel_scope)
            async with _stdin() as stdin, stdio_server(stdin=stdin) as (incoming, outgoing):
                await low.run(incoming, outgoing, low.create_initialization_options())
            be_gone_soon()
            tasks.cancel_scope.cancel()
    except* BrokenPipeError:
        log.info("the client is gone")


async def _until_told(server: Server, serving: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            await _end(server, serving)


async def _until_orphaned(parent: int, server: Server, serving: anyio.CancelScope) -> None:
    """End with the process that started this one, though another may still hold the other end of stdin."""
    while os.getppid() == parent:  # noqa: ASYNC110 # nobody tells of it
        await anyio.sleep(ORPHAN_SECONDS)
    await _end(server, serving)


async def _end(server: Server, serving: anyio.CancelScope) -> None:
    be_gone_soon()
    server.stop()
    await anyio.sleep(FAREWELL_SECONDS)
    serving.cancel()


class _Lines:
    """The lines of stdin, read without a thread: such a one could not be interrupted."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def __aiter__(self) -> "_Lines":
        return self

    async def __anext__(self) -> str:
        if line := await self._reader.readline():
            return _whole(line.decode(errors="replace"))
        raise StopAsyncIteration


def _whole(line: str) -> str:
    r"""The line with U+FFFD for each half of a character, `\ud83d` say, which JavaScript writes when it cuts an emoji.

    The SDK's parser refuses such a line, and over a pipe it says so to nobody: the client would wait for its answer.
    """
    if r"\ud" not in line and r"\uD" not in line:
        return line
    return _ESCAPED.sub(lambda found: r"\ufffd" if found["half"] else found.group(), line)


@asynccontextmanager
async def _stdin() -> AsyncIterator["anyio.AsyncFile[str] | None"]:
    """Stdin where it can be waited for, else None: on Windows, and where it is a file."""
    if sys.platform == "win32" or not (sys.stdin.isatty() or _is_stream(os.fstat(0).st_mode)):
        yield None
        return
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(0), "rb")
    )
    try:
        yield cast("anyio.AsyncFile[str]", _Lines(reader))
    finally:
        pipe.close()
        # A terminal is the shell's again.
        os.set_blocking(0, True)


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
