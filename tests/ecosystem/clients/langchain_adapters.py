"""LangChain, which starts a new server for every call, follows a plan; runs in an environment of its own."""

import json
import os
import sys
from typing import Any

import anyio
from langchain_mcp_adapters.client import MultiServerMCPClient  # type: ignore[import-not-found]


async def main(plan: dict[str, Any]) -> None:
    """Make the calls one after the other, and tell their results."""
    command, *arguments = plan["server"]
    jobs = {"transport": "stdio", "command": command, "args": arguments, "env": dict(os.environ)}
    tools = {tool.name: tool for tool in await MultiServerMCPClient({"jobs": jobs}).get_tools()}
    results = []
    for name, given in plan["calls"]:
        message = await tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": given})
        results.append(message.artifact["structured_content"])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    anyio.run(main, json.loads(sys.argv[1]))
