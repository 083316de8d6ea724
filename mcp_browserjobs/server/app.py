"""The MCP server over a tracker: its tools, its resources, its updates, and how it fails."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
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
from mcp.server.request_state import RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    Resource,
    ResourceTemplate,
    Tool,
)
from pydantic import AnyUrl, ValidationError

from .. import __version__
from ..acting import Actor
from ..errors import InvalidArgumentError
from ..tracker import Tracker
from . import prompts
from .answers import INSTRUCTIONS, PRETEND_INSTRUCTIONS
from .completions import Completions
from .failures import (
    INTERRUPTED,
    MISFIT,
    READS_ONLY,
    STOPPING,
    bad_argument,
    cancelled_here,
    expected,
    misfit,
    misspelt,
)
from .notify import Updates
from .open_waits import OpenWaits
from .resources import TEMPLATES, Resources
from .scopes import may_act
from .sentences import explain
from .task_news import TaskNews
from .tasks import Tasks
from .tools import listed

PONDERING_SECONDS = 86400.0
"""For so long a person may think about a question that a client of the present revision has put to them."""


class Server(MCPServer[Any]):
    """The server. It can be introduced, and its tools listed, at any time; all else works within `running()`."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        tracker.may_act = may_act
        self.updates = Updates(tracker)
        self._resources = Resources(tracker)
        self._calls: set[anyio.CancelScope] = set()
        self._stopping = False
        completions = Completions(tracker)
        actor = Actor(tracker)
        tools, waits = listed(tracker, actor), OpenWaits(tracker, actor)
        self._parameters = {tool.name: tuple(tool.parameters["properties"]) for tool in tools}
        pretend = tracker.settings.pretend
        super().__init__(
            "mcp-browserjobs",
            title="Browser jobs (pretend)" if pretend else "Browser jobs",
            version=__version__,
            instructions=PRETEND_INSTRUCTIONS if pretend else INSTRUCTIONS,
            tools=tools,
            extensions=[Tasks(waits, tools)],
            middleware=[TaskNews(waits).middleware, self.updates.middleware],
            request_state_security=RequestStateSecurity.ephemeral(ttl=PONDERING_SECONDS),
        )
        self.completion()(completions.complete)  # type: ignore[no-untyped-call]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What lasts as long as the process, however many connections come and go."""
        async with self.tracker.running(), self.updates.running():
            yield

    def stop(self) -> None:
        """Let every stream of updates end in good order, and every call with a sentence."""
        self._stopping = True
        self.updates.close()
        for call in self._calls:
            call.cancel()

    async def list_tools(self) -> list[Tool]:
        """The tools: the same for everybody, without those that act for whoever may only read."""
        tools = await super().list_tools()
        return tools if may_act() else [tool for tool in tools if _reads(tool)]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; what goes wrong in a way that the caller can do something about is a sentence that says it."""
        if self._stopping:
            raise ToolError(STOPPING)
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
        if not may_act() and name not in [tool.name for tool in await self.list_tools()]:
            raise ToolError(READS_ONLY)
        if wrong := misspelt(arguments, self._parameters.get(name, ())):
            raise ToolError(explain(wrong, self.tracker))
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if error.__cause__ is None:
                there_are = ", ".join(tool.name for tool in await self.list_tools())
                raise ToolError(f"This server has no such tool; it has {there_are}.") from None
            if misfit(error):
                raise ToolError(MISFIT) from None
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

    async def list_prompts(self) -> list[Prompt]:
        """The prompts: the same for everybody."""
        return [prompt.listed for prompt in prompts.PROMPTS.values()]

    async def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        context: Context[Any, Any] | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> GetPromptResult:
        """One prompt, filled in."""
        try:
            return prompts.fill(name, arguments or {})
        except InvalidArgumentError as error:
            raise MCPError(INVALID_PARAMS, explain(error, self.tracker)) from None


def _reads(tool: Tool) -> bool:
    return bool(tool.annotations and tool.annotations.read_only_hint)


def build(tracker: Tracker) -> Server:
    """The server over this tracker."""
    return Server(tracker)
