"""TOML, edited in place: an entry is a table with a header of its own, at the end of the file, or between braces.

The libraries that edit it lose comments beside what they take out, and mix the ends of lines.
"""

import json
import re
import tomllib
from itertools import pairwise
from typing import Any

from .braces import Braces, Member, cut_out, put_in
from .formats import Document, Format, NotValidError, Path, line_start, newline, next_line

HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
BARE = re.compile(r"[A-Za-z0-9_-]+")
TOKEN = re.compile(
    r"""(?P<text>"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<skipped>#[^\n]*|[ \t\r]+)|(?P<mark>[{}\[\],=\n])|(?P<word>[^\s{}\[\],="'#]+)""",
    re.DOTALL,
)


def read(text: str) -> Document:
    """What a text says."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        raise NotValidError(f"is no valid TOML ({where[1] if where else 'somewhere'})") from None
    except RecursionError:
        raise NotValidError("is nested too deeply") from None


def put(text: str, path: Path, value: Any) -> str:
    """The text with this table at that place: where it was, in the braces that hold the others, or at the end."""
    braces = _braces(text, path)
    if member := braces.member(str(path[-1])) if braces else _line(text, path):
        return text[: member.value] + _value(value) + text[member.end :]
    if braces:
        return put_in(text, braces, f"{_key(str(path[-1]))} = {_value(value)}")
    end = newline(text)
    block = end.join(_lines(".".join(_key(str(part)) for part in path), value)) + end
    ranges = _ranges(text, path)
    if not ranges:
        gap = "" if not text or text.endswith("\n") else end
        return text + gap + (end if text.strip() else "") + block
    text = _without(text, ranges[1:])
    start, stop = ranges[0]
    return text[:start] + block + text[stop:]


def cut(text: str, path: Path) -> str:
    """The text without the table at that place, its sub-tables, and the blank line before it."""
    if braces := _braces(text, path):
        member = braces.member(str(path[-1]))
        return cut_out(text, braces, member) if member else text
    if line := _line(text, path):
        return text[: line_start(text, line.start)] + text[next_line(text, line.end) :]
    ranges = _ranges(text, path)
    if ranges:
        start, stop = ranges[0]
        blank = re.search(r"(?<=\n)[ \t]*\r?\n\Z", text[:start])
        after = re.match(r"[ \t]*\r?\n", text[stop:]) if start == 0 else None
        ranges[0] = (blank.start() if blank else start, stop + after.end() if after else stop)
    return _without(text, ranges)


TOML = Format("TOML", read, put, cut)


def _without(text: str, ranges: list[tuple[int, int]]) -> str:
    for start, stop in reversed(ranges):
        text = text[:start] + text[stop:]
    return text


def _ranges(text: str, path: Path) -> list[tuple[int, int]]:
    """Where the table and its sub-tables stand, without the comments and blank lines that follow; neighbours as one."""
    keys = r"\s*\.\s*".join(
        rf"(?:{re.escape(str(part))}|\"{re.escape(str(part))}\"|'{re.escape(str(part))}')" for part in path
    )
    ours = re.compile(rf"[ \t]*\[\s*{keys}\s*(?:\.[^\]\r\n]*)?\]")
    ranges: list[tuple[int, int]] = []
    previous = -1
    for start, stop in pairwise(_headers(text)):
        if not ours.match(text, start):
            continue
        end = start + _content(text[start:stop])
        begun = ranges.pop()[0] if previous == start else start
        ranges.append((begun, end))
        previous = stop
    return ranges


def _content(table: str) -> int:
    """Where the last line of a table ends that is neither blank nor a comment."""
    end = at = 0
    for line in table.splitlines(keepends=True):
        at += len(line)
        if line.strip() and not line.lstrip().startswith("#"):
            end = at
    return end


def _braces(text: str, path: Path) -> Braces | None:
    """The braces that hold what the path's first name has."""
    found = next((each for each in _members(text, 0, _headers(text)[0]) if each.name == path[0]), None)
    if found is None or text[found.value] != "{":
        return None
    return Braces(found.value, _members(text, found.value + 1, found.end - 1))


def _line(text: str, path: Path) -> Member | None:
    """The entry at the path, where it is a line of its own: before all tables, or in that of the path's first name."""
    top, name = map(str, path)
    headers = _headers(text)
    lines = [each for each in _members(text, 0, headers[0]) if each.name == f"{top}.{name}"]
    for start, stop in pairwise(headers):
        if re.match(rf"[ \t]*\[\s*{re.escape(top)}\s*\]", text[start:stop]):
            lines += [each for each in _members(text, next_line(text, start), stop) if each.name == name]
    return lines[0] if lines else None


def _headers(text: str) -> list[int]:
    """Where tables start, and the text ends."""
    return [*(found.start() for found in HEADER.finditer(text)), len(text)]


def _members(text: str, start: int, stop: int) -> list[Member]:
    """The names and values that stand one after another here, told apart by commas or by the ends of lines."""
    members: list[Member] = []
    key, began, value, end, depth = "", -1, -1, -1, 0
    for token in TOKEN.finditer(text, start, stop):
        said = token[0]
        if token.lastgroup == "skipped" or (depth and said == "\n"):
            continue
        if not depth and said in ("\n", ","):
            members += [Member(key, began, value, end)] if value >= 0 else []
            key, began, value = "", -1, -1
        elif not depth and said == "=":
            value = 0
        elif value < 0:
            key, began = key + said.strip("\"'"), began if key else token.start()
        else:
            value, end = value or token.start(), token.end()
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(said, 0)
    return [*members, Member(key, began, value, end)] if value >= 0 else members


def _lines(name: str, table: dict[str, Any]) -> list[str]:
    lines = [f"[{name}]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", *_lines(f"{name}.{_key(key)}", value)]
    return lines


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A value on one line; JSON writes a text, a number, a switch and a list of them as TOML does."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(child)}' for key, child in value.items())} }}" if value else "{}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
