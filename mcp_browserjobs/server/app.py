"""The MCP server over a tracker: its tools, its resources, its updates, and how it fails."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import (
    ResourceError,
    ToolError,
    UnexpectedResourceError,
    UnexpectedToolError,
)
from mcp.types import CallToolResult, InputRequiredResult, Resource, ResourceTemplate
from pydantic import AnyUrl, ValidationError

from .. import __version__
from ..tracker import Tracker
from .answers import INSTRUCTIONS, explain
from .failures import INTERRUPTED, STOPPING, bad_argument, cancelled_here, expected
from .notify import Updates
from .resources import TEMPLATES, Resources
from .tools import TOOLS


class Server(MCPServer[Any]):
    """The server. It can be introduced, and its tools listed, at any time; all else works within `running()`."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.updates = Updates(tracker)
        self._resources = Resources(tracker)
        self._calls: set[anyio.CancelScope] = set()
        super().__init__(
            "mcp-browserjobs",
            title="Browser jobs",
            version=__version__,
            instructions=INSTRUCTIONS,
            tools=[tool(tracker) for tool in TOOLS],
            subscriptions=self.updates.bus,
            middleware=[self.updates.middleware],
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What lasts as long as the process, however many connections come and go."""
        async with self.tracker.running(), self.updates.running():
            yield

    def stop(self) -> None:
        """Let every stream of updates end in good order, and every call with a sentence."""
        self.updates.close()
        for call in self._calls:
            call.cancel()

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; what goes wrong in a way that the caller can do something about is a sentence that says it."""
        with anyio.CancelScope() as call:
            self._calls.add(call)
            try:
                return await self._call_tool(name, arguments, context)
            finally:
                self._calls.discard(call)
        raise ToolError(STOPPING)

    async def _call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            failure = expected(error.__cause__)
            if isinstance(error.__cause__, ValidationError) and not isinstance(error, UnexpectedToolError):
                failure = bad_argument(error.__cause__)
            if failure is None:
                raise
            raise ToolError(explain(failure, self.tracker)) from None
        except asyncio.CancelledError:
            if cancelled_here():
                raise
            raise ToolError(INTERRUPTED) from None

    async def list_resources(self) -> list[Resource]:
        """The resources that there are now."""
        return await self._resources.listed()

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """The forms of all resources of a job."""
        return list(TEMPLATES)

    async def read_resource(
        self,
        uri: AnyUrl | str,
        context: Context[Any, Any] | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource; as with tools, an expected failure is a sentence, and no other tells anything."""
        try:
            return [await self._resources.read(str(uri))]
        except ResourceError:
            raise
        except asyncio.CancelledError:
            if cancelled_here():
                raise
            raise ResourceError(INTERRUPTED) from None
        except Exception as error:
            raise UnexpectedResourceError("The resource cannot be read.") from error


def build(tracker: Tracker) -> Server:
    """The server over this tracker."""
    return Server(tracker)
