"""How a vendor built on Django REST framework reads a request, and what it says of one that does not validate."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .script import Json
from .vendor import RefusedError, refused


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that was sent."""
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("application/json"):
        raise refused(415, f'Unsupported media type "{content_type}" in request.')
    try:
        body = await request.json()
    except ValueError as error:
        raise refused(400, f"JSON parse error - {error}") from None
    if not isinstance(body, dict):
        kind = type(body).__name__
        raise RefusedError(400, {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
    return body


def text_in(body: dict[str, Any], field: str) -> str | None:
    """A text of the body, if it has one; a number counts as its digits."""
    value = body.get(field)
    if isinstance(value, dict | list | bool):
        raise wrong(field, "Not a valid string.")
    return None if value is None else str(value)


def link_in(body: dict[str, Any], field: str) -> str | None:
    """A web address of the body, if it has one."""
    value = body.get(field)
    if value is not None and not re.match("https?://", str(value)):
        raise wrong(field, "Enter a valid URL.")
    return value


def number_in(body: dict[str, Any], field: str, high: int) -> int | None:
    """A whole number of the body between 0 and `high`, if it has one."""
    value = body.get(field)
    if value is not None and not isinstance(value, int):
        raise wrong(field, "A valid integer is required.")
    if value is not None and not 0 <= value <= high:
        most = f"less than or equal to {high}" if value > 0 else "greater than or equal to 0"
        raise wrong(field, f"Ensure this value is {most}.")
    return value


def wrong(field: str, say: str) -> RefusedError:
    """A refusal of one field."""
    return RefusedError(400, {field: [say]})


def page_of(request: Request, rows: list[dict[str, Json]]) -> Response:
    """The page of a list that is asked for."""
    asked = dict(request.query_params)
    wish = asked.get("page_size", "")
    size = min(int(wish), 100) if wish.isdigit() and int(wish) else 10
    last = max(1, -(-len(rows) // size))
    page = asked.pop("page", "1").replace("last", str(last))
    if not page.isdigit() or not 1 <= int(page) <= last:
        raise refused(404, "Invalid page.")

    def link(number: int) -> str | None:
        query = asked | ({"page": str(number)} if number > 1 else {})
        return str(request.url.replace(query=urlencode(sorted(query.items())))) if 1 <= number <= last else None

    number = int(page)
    shown = rows[(number - 1) * size : number * size]
    return JSONResponse({"count": len(rows), "next": link(number + 1), "previous": link(number - 1), "results": shown})


def not_found(request: Request, routes: Sequence[Route]) -> Response:
    """The answer where there is no such route: the way to the one with a slash at the end, or a page."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    if not path.endswith("/") and any(route.path_regex.match(f"{path}/") for route in routes):
        query = f"?{request.url.query}" if request.url.query else ""
        return HTMLResponse(status_code=301, headers={"Location": f"{request.url.path}/{query}"})
    return HTMLResponse("<!doctype html>\n<title>Page not found</title>\n", 404)
