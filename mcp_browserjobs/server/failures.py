"""What is behind an exception that a tool or a resource ended with."""

import asyncio
import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from ..errors import BrowserJobsError, InvalidArgumentError

SIMILAR = 0.75
"""How alike two names are, of which one may be the other misspelt: `job_id` is not `job`."""
INTERRUPTED = "Something that this call waited for was interrupted; call again."
READS_ONLY = "This token allows to read only."
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


def misspelt(arguments: Collection[str], parameters: Collection[str]) -> InvalidArgumentError | None:
    """The first argument that is nearly one of the parameters; other unknown ones are frameworks', and let pass."""
    missing = [parameter for parameter in parameters if parameter not in arguments]
    for argument in arguments:
        if argument not in parameters and argument.isidentifier():
            for meant in get_close_matches(argument.lower(), missing, 1, SIMILAR):
                return InvalidArgumentError(argument, f"is no argument of this tool; {meant} is")
    return None


def cancelled_here() -> bool:
    """Whether a `CancelledError` is meant for the running task, and not for something it awaited.

    Let through, the latter would end the connection of whoever called.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def misfit(error: ToolError) -> bool:
    """Whether a tool failed since the client filled in a form wrongly. No tool of ours raises a `ToolError` itself."""
    return isinstance(error.__cause__, ToolError) and not isinstance(error, UnexpectedToolError)
