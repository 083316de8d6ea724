"""What a person has begun to type, completed: accounts and recent jobs."""

import re

from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from ..tracker import Tracker

MOST = 100
"""As many as the protocol allows in one answer."""
RECENT_JOBS = 500


class Completions:
    """Completes from what is configured and what was seen; nobody is asked."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    async def complete(
        self,
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        """The values that begin with what was typed."""
        known = (context and context.arguments) or {}
        match ref, argument.name:
            case ResourceTemplateReference(), "account":
                return _beginning(argument.value, list(self._tracker.accounts))
            case ResourceTemplateReference(), "job_id":
                return _beginning(argument.value, await self._ids(known.get("account", "")))
            case PromptReference(), "job":
                return _beginning(argument.value, await self._references())
            case PromptReference(), "jobs":
                before = argument.value[: len(argument.value) - len(re.split(r"[\s,]", argument.value)[-1])]
                return _beginning(argument.value, [before + job for job in await self._references()])
            case _:
                return Completion(values=[], total=0, has_more=False)

    async def _ids(self, account: str) -> list[str]:
        records = await self._tracker.recent(RECENT_JOBS)
        return [record.ref.id for record in records if account in ("", record.ref.account)]

    async def _references(self) -> list[str]:
        return [str(record.ref) for record in await self._tracker.recent(RECENT_JOBS)]


def _beginning(typed: str, values: list[str]) -> Completion:
    fitting = [value for value in dict.fromkeys(values) if value.startswith(typed)]
    return Completion(values=fitting[:MOST], total=len(fitting), has_more=len(fitting) > MOST)
