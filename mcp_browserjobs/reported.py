"""Text written by runs, providers and pages, made fit to be passed on as data. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from pydantic import JsonValue

from .jobs import PROVIDER_STATUS_CHARACTERS

TEXT_CHARACTERS = 2000
REMOVED_LINK = "[link removed]"

_KEPT_CONTROLS = "\n\t"
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LINK = re.compile(r"(?:https?|wss?)://[^\s<>\"'`]+?(?=(?:https?|wss?)://|[\s<>\"'`]|\Z)", re.IGNORECASE)
_TRAILING = ".,;:!?)]}"
_CAPABILITY_PARAMETERS = re.compile(
    r"(?i)^(?:x-(?:amz|goog)-.*|.*(?:token|secret|signature|password|api_?key).*"
    r"|sig|key|auth|wss|expires|expiry|policy|jwt|code)$"
)


def clean(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """The text without terminal sequences and invisible or control characters, cut to `limit` characters."""
    kept = _visible(text[: limit * 4])
    return kept if len(kept) <= limit else kept[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _visible(text: str) -> str:
    if text.replace("\n", " ").replace("\t", " ").isprintable():
        return text
    text = _ANSI.sub("", text)
    return "".join(char for char in text if char in _KEPT_CONTROLS or unicodedata.category(char)[0] != "C")


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
    text = _visible(text)
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
