"""A client of the SDK: connected to the real server before pretend providers, and what it hears and reads there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp import Client
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.types import (
    CallToolResult,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    TextContent,
    TextResourceContents,
)

from mcp_browserjobs.server.app import Server, build
from mcp_browserjobs.simulator.world import World
from tests.stage import tracker_in

ERAS = ("auto", "legacy")
"""Clients of the present revision of the protocol, and older ones."""


Heard = list[tuple[float, str]]
"""When an update came, and of what: a URI, or `list`."""


@asynccontextmanager
async def serving(world: World, **environ: Any) -> AsyncIterator[Server]:
    """The server, running."""
    async with tracker_in(world, **environ) as tracker:
        server = build(tracker)
        async with server.updates.running():
            yield server


@asynccontextmanager
async def connected(world: World, **options: Any) -> AsyncIterator[Client]:
    """A client of a server of its own. Options in capitals and `transport` are the server's, others the client's."""
    environ = {name: options.pop(name) for name in list(options) if name.isupper() or name == "transport"}
    async with serving(world, **environ) as server, Client(server, **options) as client:
        yield client


@asynccontextmanager
async def subscribed(target: Any, mode: str, *uris: str) -> AsyncIterator[tuple[Client, Heard]]:
    """A client of either era, of a server in memory or outside, that subscribes; and what it hears."""
    heard: Heard = []

    async def note(message: Any) -> None:
        match message:
            case ResourceUpdatedNotification():
                heard.append((anyio.current_time(), message.params.uri))
            case ResourceListChangedNotification():
                heard.append((anyio.current_time(), "list"))

    async with Client(target, mode=mode, message_handler=note if mode == "legacy" else None) as client:
        if mode == "legacy":
            for uri in uris:
                await client.subscribe_resource(uri)
            yield client, heard
            return
        async with client.listen(resource_subscriptions=uris, resources_list_changed=True) as updates:

            async def listen() -> None:
                async for update in updates:
                    match update:
                        case ResourceUpdated(uri):
                            heard.append((anyio.current_time(), uri))
                        case ResourcesListChanged():
                            heard.append((anyio.current_time(), "list"))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                yield client, heard
                tasks.cancel_scope.cancel()


def count(heard: Heard, what: str) -> int:
    """How often that was heard."""
    return [each for _, each in heard].count(what)


async def told(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """A tool's answer, which is the same as structured content and as text."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, said(result)
    answer: dict[str, Any] = json.loads(said(result))
    assert answer == result.structured_content
    return answer


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
