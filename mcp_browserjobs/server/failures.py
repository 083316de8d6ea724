"""What is behind an exception that a tool or a resource ended with."""

import asyncio
import re
from collections.abc import Iterator

from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from ..errors import BrowserJobsError, InvalidArgumentError

INTERRUPTED = "Something that this call waited for was interrupted; call again."
STOPPING = "This server was told to stop. The runs go on; call again when it is back."
MISFIT = (
    "What the client sent back does not fit the form that it was given, so nothing was done; "
    "ask the user in the conversation, then call again with what they say as an argument."
)


def expected(error: BaseException | None) -> BrowserJobsError | None:
    """The failure with a name of ours, alone or in a group; None for a fault of our own."""
    match error:
        case BrowserJobsError():
            return error
        case BaseExceptionGroup():
            return next(_in_group(error), None)
        case _:
            return None


def _in_group(group: BaseExceptionGroup[BaseException]) -> Iterator[BrowserJobsError]:
    for each in group.exceptions:
        if (failure := expected(each)) is not None:
            yield failure


def bad_argument(error: ValidationError) -> InvalidArgumentError:
    """The first argument that does not fit its schema, without the rejected value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    problem = "is missing" if first["type"] == "missing" else re.sub(r"^\w+ should ", "must ", first["msg"])
    return InvalidArgumentError(str(first["loc"][0]), problem)


def cancelled_here() -> bool:
    """Whether a `CancelledError` is meant for the running task, and not for something it awaited.

    Let through, the latter would end the connection of whoever called.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def misfit(error: ToolError) -> bool:
    """Whether a tool failed since the client filled in a form wrongly. No tool of ours raises a `ToolError` itself."""
    return isinstance(error.__cause__, ToolError) and not isinstance(error, UnexpectedToolError)
