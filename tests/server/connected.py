"""A client of the SDK, connected in memory to the real server before pretend providers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client
from mcp.types import CallToolResult, TextContent, TextResourceContents

from mcp_browserjobs.server.app import Server, build
from mcp_browserjobs.simulator.world import World
from tests.stage import tracker_in

ERAS = ("auto", "legacy")
"""Clients of the present revision of the protocol, and older ones."""


@asynccontextmanager
async def serving(world: World, **environ: str) -> AsyncIterator[Server]:
    """The server, running."""
    async with tracker_in(world, **environ) as tracker:
        server = build(tracker)
        async with server.updates.running():
            yield server


@asynccontextmanager
async def connected(world: World, **options: Any) -> AsyncIterator[Client]:
    """A client of a server of its own. Options in capitals are the server's environment, others the client's."""
    environ = {name: value for name, value in options.items() if name.isupper()}
    async with serving(world, **environ) as server:
        async with Client(server, **{name: value for name, value in options.items() if not name.isupper()}) as client:
            yield client


async def told(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """A tool's answer, which is the same as structured content and as text."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, said(result)
    assert result.structured_content is not None
    assert json.loads(said(result)) == result.structured_content
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The sentence with which a tool fails."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return said(result)


def said(result: CallToolResult) -> str:
    """The text of a result."""
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


async def read(client: Client, uri: str) -> TextResourceContents:
    """What a resource holds."""
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content
