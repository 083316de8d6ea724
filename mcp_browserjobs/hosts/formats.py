"""Configuration files as text: what they say, and how one entry gets in and out while all else stays as it stands."""

from collections.abc import Callable
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""The way to a value: names in objects, places in lists."""
Document = dict[str, Any]


class NotValidError(Exception):
    """The text is none of this format, or written in a way that is not edited here: `problem` says which."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Format(NamedTuple):
    """A format. Whoever edits reads the outcome again: an edit may fail, but never change anything else.

    `read` tells what a text says, nothing where it is empty; `put` sets a value, and makes the objects on the way to
    it; `cut` takes one out. Each raises NotValidError.
    """

    name: str
    read: Callable[[str], Document]
    put: Callable[[str, Path, Any], str]
    cut: Callable[[str, Path], str]


def newline(text: str) -> str:
    """How the lines of this text end."""
    return "\r\n" if "\r\n" in text else "\n"


def line_start(text: str, at: int) -> int:
    """Where the line begins on which `at` lies."""
    return text.rfind("\n", 0, at) + 1


def next_line(text: str, at: int) -> int:
    """Where the line begins after the one on which `at` lies."""
    return text.find("\n", at) + 1 or len(text)
