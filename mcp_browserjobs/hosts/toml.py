"""TOML, edited in place: an entry is a table with a header of its own, which stands at the end of the file."""

import json
import re
import tomllib
from itertools import pairwise
from typing import Any

from .formats import Document, Format, NotValidError, Path, newline

HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
BARE = re.compile(r"[A-Za-z0-9_-]+")


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
    """The text with this table at that place: where it was, or at the end."""
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
    starts = [found.start() for found in HEADER.finditer(text)]
    ranges: list[tuple[int, int]] = []
    previous = -1
    for start, stop in pairwise([*starts, len(text)]):
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
    """A text, a number, a switch or a list of them; JSON writes all of these as TOML does."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
