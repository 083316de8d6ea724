"""Measures the figures of docs/figures.md, prints each beside its target, and writes them as JSON.

Names choose some of them. What other scripts measured (their files lie beside ours) stands in the same table.
"""

import argparse
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from scripts.benches import pages, rows, runs, sizes, start, status, waiters, watched
from scripts.benches.rows import Row
from scripts.generators.markdown import filled
from scripts.generators.project import MEASURED, ROOT

FIGURES: dict[str, Callable[..., Iterable[Row]]] = {
    "start": start.rows,
    "status": status.rows,
    "waiters": waiters.rows,
    "runs": runs.rows,
    "watched": watched.rows,
    "sizes": sizes.rows,
    "pages": pages.rows,
}
"""What is measured, in the order of the table."""
OTHERS = ("mutation", "crashes", "soak")
"""What other scripts measure, each into a file of this name."""
PAGE = MEASURED["figures"]


def measured(names: Iterable[str], *, quick: bool) -> Iterator[Row]:
    """The rows of these figures, each as soon as it is there."""
    for name in names:
        yield from FIGURES[name](quick=quick)


def elsewhere(folder: Path) -> list[Row]:
    """The rows that other scripts wrote into this folder."""
    return [row for name in OTHERS for row in rows.read(folder / f"{name}.json")]


def told(found: list[rows.Row]) -> str:
    """What the page says: the table and what it was measured on."""
    version, system = platform.python_version(), platform.system()
    return f"Measured on {os.cpu_count()} cores with Python {version} on {system}.\n\n{rows.as_table(found)}"


def main(arguments: list[str]) -> None:
    """Measure, print and write; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"which: {', '.join(FIGURES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a smaller run, for a first impression")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "bench.json", help="where the JSON goes")
    parser.add_argument("--write", action="store_true", help="fill the table of docs/figures.md")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.figures) - FIGURES.keys():
        parser.error(f"there is no figure {', '.join(sorted(unknown))}")
    if asked.write and (asked.figures or asked.quick):
        parser.error("--write takes a whole run")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    found = []
    for row in measured(asked.figures or FIGURES, quick=asked.quick):
        sys.stderr.write(f"{row.what}: {row.figure}\n")
        found.append(row)
    rows.write(asked.out, found)
    found += elsewhere(asked.out.parent)
    sys.stdout.write(rows.as_text(found) + "\n")
    if asked.write:
        page = filled(PAGE.read_text(encoding="utf-8"), {"figures": told(found)})
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    sys.exit(any(row.met is False for row in found))


if __name__ == "__main__":
    main(sys.argv[1:])
