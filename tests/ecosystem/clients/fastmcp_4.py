"""The client of FastMCP 4.x follows a plan and tells what it saw; runs in an environment of its own."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastmcp import Client  # type: ignore[import-not-found]
from fastmcp.client.transports import StdioTransport  # type: ignore[import-not-found]
from mcp.client.subscriptions import listen
from pydantic import BaseModel


def wire(message: BaseModel) -> dict[str, Any]:
    """A message as it went over the wire."""
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


@asynccontextmanager
async def subscribed(client: Any, uri: str, era: str) -> AsyncIterator[None]:
    """Updates come as long as this lasts. FastMCP leaves that to the SDK's session below it."""
    if era == "legacy":
        await client.session.subscribe_resource(uri)
        yield
    else:
        async with listen(client.session, resource_subscriptions=[uri]):
            yield


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

    server, era = plan["server"], plan["era"]
    target = server if isinstance(server, str) else StdioTransport(server[0], server[1:], env=dict(os.environ))
    mode = "legacy" if era == "legacy" else "auto"
    async with Client(target, mode=mode, message_handler=hear) as client:
        seen["version"] = client.protocol_version
        seen["tools"] = [wire(tool) for tool in await client.list_tools()]
        async with subscribed(client, plan["subscribe"], era):
            for name, arguments in plan["calls"]:
                seen["results"].append(wire(await client.call_tool_mcp(name, arguments, progress_handler=progress)))
            for uri in plan["read"]:
                seen["contents"] += [wire(content) for content in await client.read_resource(uri)]
            with anyio.move_on_after(plan["patience"]):
                await heard.wait()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    anyio.run(main, json.loads(sys.argv[1]))
