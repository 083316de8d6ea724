"""How a vendor built on FastAPI reads a request, and what it says of one that does not validate."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request

from .requests import object_in
from .script import Json
from .vendor import RefusedError, refused


def invalid(*where: str | int, say: str, kind: str) -> RefusedError:
    """A refusal of something that does not validate, as FastAPI words it."""
    return refused(422, [{"loc": list(where), "msg": say, "type": kind}])


async def body_of(request: Request) -> dict[str, Json]:
    """The JSON object that was sent."""
    no_json = invalid("body", say="JSON decode error", kind="json_invalid")
    no_object = invalid("body", say="Input should be a valid dictionary", kind="dict_type")
    return await object_in(request, no_json, no_object)


def text_in(body: Mapping[str, Json], field: str) -> str:
    """A text that must be in the body and not be empty."""
    value = body.get(field)
    if field not in body:
        raise invalid("body", field, say="Field required", kind="missing")
    if not isinstance(value, str):
        raise invalid("body", field, say="Input should be a valid string", kind="string_type")
    if not value:
        raise invalid("body", field, say="String should have at least 1 character", kind="string_too_short")
    return value


def uuid_in(request: Request, field: str) -> str:
    """A UUID in the path, or in the query when the path has none, in its usual spelling."""
    place = "path" if field in request.path_params else "query"
    text = request.path_params.get(field, request.query_params.get(field))
    if text is None:
        raise invalid(place, field, say="Field required", kind="missing")
    try:
        return str(UUID(text))
    except ValueError:
        raise invalid(place, field, say="Input should be a valid UUID", kind="uuid_parsing") from None


def number_in(request: Request, field: str, default: int, *, low: int = 1, high: int = 2**53) -> int:
    """A whole number of the query."""
    text = request.query_params.get(field, str(default))
    try:
        number = int(text)
    except ValueError:
        raise invalid("query", field, say="Input should be a valid integer", kind="int_parsing") from None
    if number < low:
        raise invalid("query", field, say=f"Input should be at least {low}", kind="greater_than_equal")
    if number > high:
        raise invalid("query", field, say=f"Input should be at most {high}", kind="less_than_equal")
    return number
