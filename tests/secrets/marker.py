"""A key that must be seen nowhere, in every form in which somebody may repeat it, and what to look through for it."""

import io
import json
import logging
import re
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from opentelemetry.sdk.trace import ReadableSpan

from mcp_browserjobs import logs
from mcp_browserjobs.providers.base import InProcess

KEY = "sk_live_Zq7/Rw+mN3xVb9~KtLp2:HdYf5"
PART = 12
"""So much of it in a row may stand nowhere."""
ECHO = " ".join(
    [
        f"Authorization: Bearer {KEY},",
        f"?api_key={quote(KEY, safe='')}&x=1",
        b64encode(f"user:{KEY}".encode()).decode(),
        b64encode(f"{KEY}:".encode()).decode(),
        f"begins {KEY[:20]}... ends ...{KEY[-4:]}",
        f"in JSON {json.dumps(KEY)}".replace("/", "\\/"),
    ]
)
"""What a vendor may say of it."""
TELLING = frozenset(
    {KEY[start : start + PART] for start in range(len(KEY) - PART + 1)}
    | {quote(KEY, safe=""), KEY.replace("/", "\\/")}
    | {b64encode(bytes(before) + KEY.encode()).decode()[4:-4] for before in range(3)}
)


def given_away(text: str | bytes) -> list[str]:
    """What of the key stands in a text."""
    told = text.decode("latin-1") if isinstance(text, bytes) else text
    return sorted(part for part in TELLING if part in told)


def of_error(error: BaseException) -> str:
    """All that an error says of itself, and its traceback as people print it."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))


def of_span(span: ReadableSpan) -> str:
    """All that a span says."""
    return str(span.to_json())


def of_files(folder: Path) -> bytes:
    """All bytes of all files in a folder."""
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that anybody logs, as it is written by us."""
    written, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.Lines())
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = [(each, each.level) for each in (root, *known)]
    root.addHandler(handler)
    for each, _ in levels:
        each.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        for each, level in levels:
            each.setLevel(level)


class Echoing(InProcess):
    """A vendor that repeats the key in every text that it says."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the vendor does, and repeat the key."""
        response = await super().handle_async_request(request)
        kind = response.headers.get("content-type", "")
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        if kind.startswith("text/event-stream"):
            return httpx2.Response(response.status_code, headers=headers, stream=_EchoingStream(response))
        body = await response.aread()
        await response.aclose()
        if kind.startswith("application/json") and body:
            body = json.dumps(_repeated(json.loads(body))).encode()
        elif kind.startswith("text/"):
            body += ECHO.encode()
        headers["x-request-key"] = KEY
        return httpx2.Response(response.status_code, headers=headers, content=body)


class _EchoingStream(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            yield re.sub(rb"(?m)^data: ?(\{.*\})$", _told_again, chunk)

    async def aclose(self) -> None:
        """Let go of the vendor's answer."""
        await self._response.aclose()


def _told_again(line: re.Match[bytes]) -> bytes:
    return b"data: " + json.dumps(_repeated(json.loads(line[1]))).encode()


def _repeated(value: Any) -> Any:
    """The value with the key in every text of several words."""
    match value:
        case str() if " " in value and "://" not in value:
            return f"{value} {ECHO}"
        case list():
            return [_repeated(each) for each in value]
        case dict():
            return {name: _repeated(each) for name, each in value.items()}
        case _:
            return value
