"""JSON, and JSON with comments and trailing commas, edited in place.

No library for it both keeps comments and runs on every Python that is supported here without a program of its own
beside it; so the places are found here, and what the text says is left to `json`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from .formats import Document, Format, NotValidError, Path, line_start, newline

TOKEN = re.compile(
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<mark>[{}\[\],:])"""
    r"""|(?P<space>\s+)|(?P<word>[^\s{}\[\],:"/]+)""",
    re.DOTALL,
)
DEFAULT_INDENT = "  "


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    text: str
    start: int
    end: int


class Member(NamedTuple):
    """A member of an object or a list: where it starts (at its name, if it has one), where its value does and ends.

    `comma` is where the comma after it ends, None where there is none.
    """

    key: str | int
    start: int
    value: int
    end: int
    comma: int | None


class Container(NamedTuple):
    """An object or a list: where its brackets stand, and what is in it."""

    start: int
    close: int
    members: list[Member]


def read_strictly(text: str) -> Document:
    """What a text of plain JSON says."""
    return _object(text)


def read(text: str) -> Document:
    """What a text of JSON with comments and trailing commas says."""
    return _object(_plain(text))


def put(text: str, path: Path, value: Any) -> str:
    """The text with this value at that place."""
    if not _plain(text).strip():
        text = text + "{}" + newline(text)
    at = _first(text)
    for depth, key in enumerate(path):
        container = _container(text, at)
        found = _find(container, key)
        if found is None:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value} if isinstance(missing, str) else [value]
            return _added(text, container, key, value)
        if depth == len(path) - 1:
            inline = "\n" not in text[container.start : found.start]
            written = _inline(value) if inline else _written(text, value, _indent_at(text, found.start))
            return text[: found.value] + written + text[found.end :]
        at = found.value
    raise NotValidError("has nothing at its root")


def cut(text: str, path: Path) -> str:
    """The text without what is at that place."""
    at = _first(text)
    for key in path[:-1]:
        found = _find(_container(text, at), key)
        if found is None:
            return text
        at = found.value
    container = _container(text, at)
    member = _find(container, path[-1])
    return text if member is None else _without(text, container, member)


JSON = Format("JSON", read_strictly, put, cut)
JSONC = Format("JSON", read, put, cut)


def _object(text: str) -> Document:
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise NotValidError(f"is no valid JSON (line {error.lineno}, column {error.colno})") from None
    except ValueError:
        raise NotValidError("is no valid JSON (it has a number that is none)") from None
    except RecursionError:
        raise NotValidError("is nested too deeply") from None
    if not isinstance(value, dict):
        raise NotValidError("is no JSON object")
    return value


def _no_number(_word: str) -> NoReturn:
    raise ValueError


def _plain(text: str) -> str:
    """The text with blanks for comments and trailing commas, so that every place stays where it is."""
    parts: list[str] = []
    comma: int | None = None
    for token in _tokens(text):
        if token.kind == "comment":
            parts.append(re.sub(r"[^\r\n]", " ", token.text))
            continue
        if comma is not None and token.text in "}]":
            parts[comma] = " "
        if token.kind != "space":
            comma = len(parts) if token.text == "," and parts and not _opens(parts) else None
        parts.append(token.text)
    return "".join(parts)


def _opens(parts: list[str]) -> bool:
    """Whether nothing but an opening bracket or a comma stands before: a comma here is an error, and stays one."""
    return next((part in ("{", "[", ",", ":") for part in reversed(parts) if part.strip()), True)


def _tokens(text: str, at: int = 0) -> Iterator[Token]:
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            line = text.count("\n", 0, at) + 1
            raise NotValidError(f"is no valid JSON (line {line}, column {at - line_start(text, at) + 1})")
        yield Token(found.lastgroup or "", found[0], at, found.end())
        at = found.end()


def _meaning(text: str, at: int = 0) -> Iterator[Token]:
    return (token for token in _tokens(text, at) if token.kind not in ("space", "comment"))


def _first(text: str) -> int:
    return next((token.start for token in _meaning(text)), len(text))


def _container(text: str, at: int) -> Container:
    """The object or list that begins here."""
    if text[at : at + 1] not in ("{", "["):
        raise NotValidError("has something else where an object is expected")
    named = text[at] == "{"
    members: list[Member] = []
    key: Token | None = None
    start = value = end = -1
    depth = 0
    for token in _meaning(text, at + 1):
        if depth == 0 and token.text in "}]" and token.kind == "mark":
            if value >= 0:
                members.append(Member(_key(key, members), start, value, end, None))
            return Container(at, token.start, members)
        if depth == 0 and token.text == ",":
            members.append(Member(_key(key, members), start, value, end, token.end))
            key, start, value = None, -1, -1
            continue
        if depth == 0 and token.text == ":" and token.kind == "mark":
            continue
        if named and key is None:
            key, start = token, token.start
            continue
        if value < 0:
            value = token.start
            start = start if named else value
        end = token.end
        if token.kind == "mark":
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.text, 0)
    raise NotValidError("is no valid JSON (it ends too early)")


def _key(token: Token | None, members: list[Member]) -> str | int:
    return len(members) if token is None else str(json.loads(token.text, strict=False))


def _find(container: Container, key: str | int) -> Member | None:
    """The member of this name; of several the last, which is the one that counts."""
    return next((member for member in reversed(container.members) if member.key == key), None)


def _added(text: str, container: Container, key: str | int, value: Any) -> str:
    """The text with a new member at the end of a container."""
    name = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(key, str) else ""
    end = newline(text)
    if not container.members:
        outer = _indent_at(text, container.start)
        indent = outer + _unit(text)
        inside = text[container.start + 1 : container.close].rstrip()
        written = name + _written(text, value, indent)
        return text[: container.start + 1] + inside + end + indent + written + end + outer + text[container.close :]
    last = container.members[-1]
    if "\n" not in text[container.start : last.start]:
        written = name + _inline(value)
        comma = last.comma is not None
        at = last.comma or last.end
        return text[:at] + ("" if comma else ",") + " " + written + ("," if comma else "") + text[at:]
    indent = _indent_at(text, last.start)
    written = end + indent + name + _written(text, value, indent)
    if last.comma is not None:
        at = _after_comment(text, last.comma)
        return text[:at] + written + "," + text[at:]
    at = _after_comment(text, last.end)
    return text[: last.end] + "," + text[last.end : at] + written + text[at:]


def _without(text: str, container: Container, member: Member) -> str:
    """The text without a member, its comma, and the line it began."""
    start = len(text[: member.start].rstrip(" \t"))
    if text[:start].endswith("\n"):
        start -= 2 if text[:start].endswith("\r\n") else 1
    end = member.comma or member.end
    text_after = text[end:]
    if len(container.members) == 1:
        before = text[:start]
        kept = text[container.start + 1 : start] + text[end : container.close]
        return before[: container.start + 1] + (kept if kept.strip() else "") + text[container.close :]
    if member.comma is None:
        previous = container.members[container.members.index(member) - 1]
        comma = previous.comma or previous.end
        return text[: comma - 1] + text[comma:start] + text_after
    return text[:start] + text_after


def _after_comment(text: str, at: int) -> int:
    """Where the comment ends that follows on the same line, else `at`."""
    for token in _tokens(text, at):
        if token.kind == "comment" and "\n" not in token.text:
            return token.end
        if token.kind != "space" or "\n" in token.text:
            break
    return at


def _written(text: str, value: Any, indent: str) -> str:
    """The value as it is written into this text, all but its first line indented."""
    said = json.dumps(value, ensure_ascii=False, indent=_unit(text))
    return said.replace("\n", newline(text) + indent)


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _indent_at(text: str, at: int) -> str:
    """The blanks that the line begins with."""
    found = re.match(r"[ \t]*", text[line_start(text, at) : at])
    return found[0] if found else ""


def _unit(text: str) -> str:
    """By how much this text indents."""
    found = re.search(r"^[{\[][ \t]*\r?\n([ \t]+)\S", text, re.MULTILINE)
    return found[1] if found else DEFAULT_INDENT
