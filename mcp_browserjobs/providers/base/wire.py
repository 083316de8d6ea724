"""How a provider's answers are read: the base of wire models, their fields, and what is made of these."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from ...errors import InvalidArgumentError
from ...jobs import Artifact, Event, JobStatus, Link, LinkKind

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

CanonicalUuid = Annotated[str, Field(pattern=f"^{UUID}$"), AfterValidator(str.lower)]
"""A field that holds a UUID, in the form in which ids are known here."""

Amount = Annotated[FiniteFloat, Field(ge=0)]
"""A field that says what was used up, or for how long: less than nothing, or without end, is no amount."""

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

    # A server starts sooner, and few of the models are used by then.
    model_config = ConfigDict(defer_build=True)


class Statuses(dict[str, JobStatus]):
    """What each status word of a provider means; any other word means that it is unknown."""

    def __missing__(self, word: str) -> JobStatus:
        return JobStatus.UNKNOWN


def artifacts(there: Mapping[Artifact, bool], links: tuple[Link, ...] = ()) -> frozenset[Artifact]:
    """What there is of a job: what `links` lead to, and of the rest what `there` says, whose word is the last."""
    known = {_LINKED[link.kind]: True for link in links} | dict(there)
    return frozenset(thing for thing, is_there in known.items() if is_there)


_LINKED: Mapping[LinkKind, Artifact] = {
    "live_view": "live_view",
    "recording": "recording",
    "download": "downloads",
    "log": "log",
}


def in_words(**words: str | None) -> dict[str, JsonValue]:
    """What an event reports: those of the words that say anything."""
    return {name: text for name, text in words.items() if text}


def line(*parts: str | None) -> str:
    """What a thing is and what is said of it, as far as these are told."""
    return ": ".join(filter(None, parts))


def web_links(
    *candidates: tuple[LinkKind, str | None], expiry: Callable[[str], datetime | None] = lambda _: None
) -> tuple[Link, ...]:
    """Those that lead anywhere: a relative key or a file on the provider's own disk is no link.

    `expiry` tells of a link when it ends.
    """
    return tuple(
        Link(kind=kind, url=url, expires_at=expiry(url)) for kind, url in candidates if url and _WEB.fullmatch(url)
    )


_WEB = re.compile(r"(?i:https?)://(?![/?#])[!-~]{1,8000}")


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
