"""The rows of the table of figures: what was measured, what it should be, what it is."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.generators.markdown import table


@dataclass(frozen=True)
class Row:
    """One figure beside its target. `met` is None where nothing is promised: the figure is there to compare with."""

    what: str
    target: str
    figure: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """Whether the target is met, in a word."""
        return {True: "yes", False: "**no**", None: ""}[self.met]


def at_most(what: str, figure: float, limit: float, unit: str, form: str = ",.0f") -> Row:
    """A figure that should be no larger than `limit`."""
    return Row(what, f"at most {limit:,g} {unit}", f"{figure:{form}} {unit}", figure <= limit)


def told(what: str, figure: str) -> Row:
    """A figure to compare with."""
    return Row(what, "", figure, None)


def as_table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    return table(("What", "Target", "Figure", "Met"), ((row.what, row.target, row.figure, row.verdict) for row in rows))


def as_text(rows: Sequence[Row]) -> str:
    """The rows for a terminal, each verdict first, where it cannot be missed."""
    cells = [({True: "met", False: "MISSED", None: "-"}[row.met], row.what, row.figure, row.target) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows that a script wrote, none when it did not run."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Row(str(row["what"]), str(row["target"]), str(row["figure"]), row["met"]) for row in found]
