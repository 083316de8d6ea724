"""How installing and an examination look on a terminal, in a pipe and as JSON."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .doctor import Examination, Part
from .screen import Screen, console
from .screen import show as print_parts
from .terminal import INDENT, whole

STYLES = {"ok": "green", "note": "yellow", "bad": "bold red"}
MARK_WIDTH = max(map(len, STYLES))
LABEL_WIDTH = 6
SHORTENED = frozenset({"file", "starts", "copy"})
"""What is only read; whatever is typed after us stays whole."""
SUMMARIES = {0: "All is well.", 1: "One thing is wrong.", 2: "{} things are wrong."}


def show(found: Examination, *, as_json: bool) -> None:
    """Print an examination."""
    if as_json:
        parts = [
            {
                "title": part.title,
                **({"file": part.where} if part.where else {}),
                "findings": [{"mark": finding.mark, "text": finding.text} for finding in part.findings],
            }
            for part in found.parts
        ]
        Screen(as_json=True).value({"healthy": not found.code, "parts": parts})
        return
    wrong = sum(finding.mark == "bad" for part in found.parts for finding in part.findings)
    rows = [row for part in found.parts for row in _part(part)]
    _print([*rows, Text(SUMMARIES[min(wrong, 2)].format(wrong), style="bold red" if wrong else "bold green")])


def tell(title: str, facts: Mapping[str, str]) -> None:
    """Print what was done."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=LABEL_WIDTH)
    table.add_column(overflow="fold")
    for label, text in facts.items():
        if text:
            table.add_row(label, Text(_short(text) if label in SHORTENED else text))
    _print([Text(title, style="bold"), Padding(table, INDENT)])


def _part(part: Part) -> list[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=MARK_WIDTH)
    table.add_column(overflow="fold")
    for finding in part.findings:
        table.add_row(Text(finding.mark, style=STYLES[finding.mark]), Text(_short(finding.text)))
    where = [Padding(whole(_short(part.where), "dim"), INDENT)] if part.where else []
    return [Text(part.title, style="bold"), *where, Padding(table, INDENT), Text()]


def _short(text: str) -> str:
    """The text with ~ for the home, as people write it."""
    home = str(Path.home())
    return text.replace(home + "/", "~/") if len(home) > 1 and home in text else text


def _print(parts: list[RenderableType]) -> None:
    to = console()
    if not to.is_terminal:
        to.width = 10_000
    print_parts(to, parts)
