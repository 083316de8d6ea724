"""list_accounts: what is configured, and what each account can do."""

from typing import Annotated, Any, TypedDict

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from ...tracker import Tracker
from ..answers import accounts_answer
from .base import READS, declare, result


class _Rows(TypedDict):
    accounts: list[dict[str, Any]]


class AccountsAnswer(_Rows, total=False):
    """The shape of the answer."""

    hint: str
    store_problem: str


def tool(tracker: Tracker) -> Tool:
    """The tool over this tracker."""

    async def list_accounts() -> Annotated[CallToolResult, AccountsAnswer]:
        return result(accounts_answer(await tracker.account_views(), tracker))

    return declare(
        list_accounts,
        title="List accounts",
        description="Lists the configured accounts, the tools that work with each, and whether its key worked. "
        "For jobs, use list_jobs.",
        hints=READS,
    )
