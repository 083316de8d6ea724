"""The pages of the documentation as they are written: their blocks, and where their links lead."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from scripts.generators.project import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
EVERY_PAGE = (*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")))
PARSER = MarkdownIt("commonmark").enable("table")


class Block(NamedTuple):
    """A fenced block of a page: the line on which it starts, its language, and what is in it."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    for token in PARSER.parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            line = token.map[0] + 1 if token.map else 0
            yield Block(page, line, token.info.strip(), textwrap.dedent(token.content))


def links(markdown: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    parts = [part for token in PARSER.parse(markdown) for part in token.children or ()]
    return [str(part.attrs[name]) for part in parts for name in ("href", "src") if name in part.attrs]
