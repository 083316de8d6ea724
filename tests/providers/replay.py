"""Opens a real adapter over answers written down in a test or recorded from a real server."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from pydantic import SecretStr

from mcp_browserjobs import providers
from mcp_browserjobs.providers.base import Access, Connections, Provider

PAYLOADS = Path(__file__).parent / "payloads"
DEFAULTS = {"page": "1", "page_size": "10"}
"""What a list takes for granted."""

KEY = "key-that-nobody-may-see"

Kind = TypeVar("Kind", bound=Provider)
Answer = Callable[[httpx2.Request], httpx2.Response]


class Recording:
    """Recorded exchanges of one server: each request is answered as the last alike was, up to `moment`."""

    def __init__(self, name: str) -> None:
        self.exchanges: list[dict[str, Any]] = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))["exchanges"]
        self.moment = inf
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to a request."""
        self.asked.append(f"{request.method} {request.url.path}")
        alike = [
            exchange["response"]
            for exchange in self.exchanges
            if exchange["at_s"] <= self.moment
            and exchange["request"]["method"] == request.method
            and exchange["request"]["path"] == request.url.path
            and DEFAULTS | exchange["request"]["query"] == DEFAULTS | dict(request.url.params)
        ]
        assert alike, f"nothing recorded for {request.method} {request.url}"
        response = alike[-1]
        headers = {name: value for name, value in response["headers"].items() if name.lower() != "content-length"}
        body = json.dumps(response["json"]) if "json" in response else response["text"]
        return httpx2.Response(response["status"], headers=headers, text=body)


@asynccontextmanager
async def opened(kind: type[Kind], answer: Answer, **options: str) -> AsyncIterator[Kind]:
    """The provider, as one account reaches it."""
    connections = Connections(httpx2.MockTransport(answer))
    access = Access(kind.name, kind.name, SecretStr(KEY), f"{providers.prefix(kind.name)}_API_KEY", kind.base_url)
    provider = connections.open(kind, access, options)
    assert isinstance(provider, kind)
    yield provider
    await connections.aclose()
