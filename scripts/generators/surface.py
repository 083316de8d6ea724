"""What a client is told of the server: its tools and prompts, asked for over the protocol."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp import Client

from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.tracker import Tracker

EVERYTHING = Settings(allow_start=True)
"""Starting included."""


def tools(settings: Settings = EVERYTHING) -> list[dict[str, Any]]:
    """Every tool exactly as a client is told of it."""

    async def ask(client: Client) -> list[dict[str, Any]]:
        return [_plain(tool) for tool in (await client.list_tools()).tools]

    return anyio.run(_asked, settings, ask)


def prompts() -> list[dict[str, Any]]:
    """Every prompt, with the text that it gives over the names of its own arguments."""

    async def ask(client: Client) -> list[dict[str, Any]]:
        found = []
        for prompt in (await client.list_prompts()).prompts:
            names = [argument.name for argument in prompt.arguments or []]
            filled = await client.get_prompt(prompt.name, {name: f"${{arguments.{name}}}" for name in names})
            [message] = filled.messages
            found.append(
                {
                    "name": prompt.name,
                    "description": prompt.description,
                    "arguments": names,
                    "text": message.content.text,  # type: ignore[union-attr]
                }
            )
        return found

    return anyio.run(_asked, Settings(), ask)


async def _asked(settings: Settings, ask: Callable[[Client], Awaitable[list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    async with Client(build(Tracker(settings))) as client:
        return await ask(client)


def _plain(tool: Any) -> dict[str, Any]:
    plain: dict[str, Any] = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain
