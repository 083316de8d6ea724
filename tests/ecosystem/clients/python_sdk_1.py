"""The client of the Python SDK 1.x follows a plan and tells what it saw; runs in an environment of its own."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl, BaseModel


@asynccontextmanager
async def connected(server: str | list[str], hear: Any) -> AsyncIterator[Any]:
    """A session with the server at an address, or with one that a command starts."""
    streams: Any
    if isinstance(server, str):
        streams = streamable_http_client(server)
    else:
        streams = stdio_client(StdioServerParameters(command=server[0], args=server[1:], env=dict(os.environ)))
    async with streams as (incoming, outgoing, *_), ClientSession(incoming, outgoing, message_handler=hear) as session:
        yield session


def wire(message: BaseModel) -> dict[str, Any]:
    """A message as it went over the wire."""
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main(plan: dict[str, Any]) -> None:
    """Follow the plan."""
    seen: dict[str, Any] = {"results": [], "contents": [], "progress": [], "updates": []}
    heard = anyio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, BaseModel) and (told := wire(message))["method"] == "notifications/resources/updated":
            seen["updates"].append(told["params"]["uri"])
            heard.set()

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        seen["progress"].append(done)

    async with connected(plan["server"], hear) as session:
        seen["version"] = wire(await session.initialize())["protocolVersion"]
        seen["tools"] = wire(await session.list_tools())["tools"]
        await session.subscribe_resource(AnyUrl(plan["subscribe"]))
        for name, arguments in plan["calls"]:
            seen["results"].append(wire(await session.call_tool(name, arguments, progress_callback=progress)))
        for uri in plan["read"]:
            seen["contents"] += wire(await session.read_resource(AnyUrl(uri)))["contents"]
        with anyio.move_on_after(plan["patience"]):
            await heard.wait()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    anyio.run(main, json.loads(sys.argv[1]))
