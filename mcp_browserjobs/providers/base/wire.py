"""How a provider's answers are read: the base of wire models, fields that we can do without, pages and links."""

import re
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from ...errors import (
    InvalidArgumentError,
)
from ...jobs import Event, Link, LinkKind

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")


def _absent_if_unreadable(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


Optional = Annotated[T | None, WrapValidator(_absent_if_unreadable)]
"""A field that we can do without: absent, null and unreadable are all None. Give it the default None."""


class Wire(BaseModel):
    """The base of wire models: only the fields we read, named as the provider names them."""


def web_links(*candidates: tuple[LinkKind, str | None]) -> tuple[Link, ...]:
    """Those that lead anywhere: a relative key or a file on the provider's own disk is no link."""
    return tuple(Link(kind=kind, url=url) for kind, url in candidates if url and _WEB.fullmatch(url))


_WEB = re.compile(r"(?i:https?)://[^\s/?#][!-~]*")


def unique(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """One event per key, the last one said, in the order of the first: for lists whose ids are real ids."""
    return tuple({event.key: event for event in events}.values())


def page_number(cursor: str | None) -> int:
    """The page that a cursor stands for, where a provider counts pages from 1.

    Raises:
        InvalidArgumentError: it is no cursor of ours.
    """
    if cursor is None:
        return 1
    if not re.fullmatch(r"[1-9][0-9]{0,8}", cursor):
        raise InvalidArgumentError("cursor", "a `next_cursor` from an earlier answer")
    return int(cursor)
