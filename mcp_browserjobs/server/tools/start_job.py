"""start_job: make a new job, once, however often it is asked for."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field, JsonValue
from pydantic_core import from_json

from ...acting import Actor
from ...errors import InvalidArgumentError
from ..answers import acted_answer
from .base import ActedAnswer, declare, result


def tool(actor: Actor) -> Tool:
    """The tool over this actor."""

    async def start_job(
        account: Annotated[str, Field(description="Where, as list_accounts names it.")],
        task: Annotated[str, Field(description="What to do, in words. At Dari the portal, as org/portal.")],
        parameters_json: Annotated[
            str, Field(description="More for the provider's own create call, a JSON object; at Dari the form's values.")
        ] = "{}",
        idempotency_key: Annotated[
            str, Field(description="With the same key it is the same job for good; else for two minutes.")
        ] = "",
    ) -> Annotated[CallToolResult, ActedAnswer]:
        acted = await actor.start(account, task, parameters=_object(parameters_json), key=idempotency_key)
        return result(acted_answer(acted))

    return declare(
        start_job,
        title="Start a job",
        description="Starts a job, which costs money, and answers within 4 s without waiting for it. "
        "Then follow it with wait_for_result.",
        hints=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True),
    )


def _object(text: str) -> dict[str, JsonValue]:
    try:
        value = from_json(text or "{}", allow_inf_nan=False)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidArgumentError("parameters_json", 'must be a JSON object, such as {"maxSteps": 50}')
    return value
