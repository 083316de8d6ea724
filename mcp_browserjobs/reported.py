"""Text written by runs, providers and pages, made fit to be passed on as data. Pure."""

import json
import re
from collections.abc import Iterable
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from pydantic import JsonValue

from . import hazards
from .jobs import PROVIDER_STATUS_CHARACTERS

TEXT_CHARACTERS = 2000
OPTION_CHARACTERS = 200
"""What a person chooses from is shorter."""
BYTES_A_CHARACTER = 3
"""A text of so many characters is also cut to so many bytes for each: enough for any script in daily use."""
CUT = "\N{HORIZONTAL ELLIPSIS}"
REMOVED_LINK = "[link removed]"

_LINK = re.compile(r"(?:https?|wss?)://[^\s<>\"'`]+?(?=(?:https?|wss?)://|[\s<>\"'`]|\Z)", re.IGNORECASE)
_TRAILING = ".,;:!?)]}"
_CAPABILITY_PARAMETERS = re.compile(
    r"(?i)^(?:x-(?:amz|goog)-.*|.*(?:token|secret|signature|password|api_?key).*"
    r"|sig|key|auth|wss|expires|expiry|policy|jwt|code)$"
)


def clean(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """The text without what could deceive its reader (see `hazards`), cut to `limit` characters and their bytes."""
    return cut(hazards.without(text[: limit * 4]), limit, limit * BYTES_A_CHARACTER)


def cut(text: str, characters: int, most_bytes: int) -> str:
    """The text within both limits, with a sign where it was cut."""
    if len(text) <= characters and len(text.encode(errors="replace")) <= most_bytes:
        return text
    kept = text[: characters - 1].encode(errors="replace")[: most_bytes - len(CUT.encode())]
    return hazards.ended(kept.decode(errors="ignore")) + CUT


def shown(value: JsonValue) -> JsonValue:
    """A JSON value as it is, but for what could deceive its reader: that is in sight, in keys as well."""
    match value:
        case str():
            return hazards.shown(value)
        case list():
            return [shown(part) for part in value]
        case dict():
            return {hazards.shown(key): shown(part) for key, part in value.items()}
        case _:
            return value


def status_word(word: str) -> str:
    """A provider's status word, reduced to what can only be read as a word."""
    return re.sub(r"[^\w .-]", "", clean(without_capability_links(word)))[:PROVIDER_STATUS_CHARACTERS]


def without_capability_links(text: str, *, hosts: Iterable[str] = (), links: Iterable[str] = ()) -> str:
    """The text with every link taken out that gives sight or control to whoever has it.

    Args:
        text: anything a provider said.
        hosts: hosts (with their sub-domains) all of whose links are such.
        links: links known to be such. A link whose query holds a signature or token is one anyway.
    """
    known, guarded = set(links), tuple(hosts)

    def replace(match: re.Match[str]) -> str:
        link = match.group()
        bare = link.rstrip(_TRAILING)
        return REMOVED_LINK + link[len(bare) :] if _gives_access(bare, guarded) else link

    # What is invisible could split a link here and be taken out of it later.
    text = hazards.without(text)
    if "://" not in text:
        return text
    # A known link may be only the beginning of one with a token.
    text = _LINK.sub(replace, text)
    for link in sorted(known, key=len, reverse=True):
        text = text.replace(link, REMOVED_LINK)
    return text


def _gives_access(link: str, hosts: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return True
    if parts.scheme.lower() in ("ws", "wss") or parts.username or parts.password:
        return True
    if any(host == guarded or host.endswith("." + guarded) for guarded in hosts):
        return True
    named = parse_qsl(f"{parts.query}&{parts.fragment}", keep_blank_values=True)
    return any(_CAPABILITY_PARAMETERS.match(name) for name, _ in named)


def cleaned(
    value: JsonValue, *, hosts: Iterable[str] = (), links: Iterable[str] = (), limit: int = TEXT_CHARACTERS
) -> JsonValue:
    """A JSON value whose strings, keys included, are clean and free of capability links."""
    without = partial(without_capability_links, hosts=tuple(hosts), links=tuple(links))

    def tidy(item: JsonValue) -> JsonValue:
        match item:
            case str():
                return clean(without(item), limit)
            case list():
                return [tidy(part) for part in item]
            case dict():
                return {clean(without(key), 100): tidy(part) for key, part in item.items()}
            case _:
                return item

    return tidy(value)


def as_text(value: JsonValue) -> str:
    """A JSON value as a text: a text is one already, anything else becomes compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
