"""What a request holds, read in the same way for every vendor; each says in its own words what is wrong with it."""

from datetime import datetime

from starlette.requests import Request

from .script import Json
from .vendor import RefusedError


async def object_in(request: Request, no_json: RefusedError, no_object: RefusedError) -> dict[str, Json]:
    """The JSON object that was sent."""
    try:
        body = await request.json()
    except ValueError:
        raise no_json from None
    if not isinstance(body, dict):
        raise no_object
    return body


def moment_in(request: Request, field: str, no_time: RefusedError, no_offset: RefusedError) -> datetime | None:
    """The date and time of the query, if it has one."""
    text = request.query_params.get(field)
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise no_time from None
    if moment is not None and moment.tzinfo is None:
        raise no_offset
    return moment
