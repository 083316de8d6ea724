"""Plays every trouble of tests/trouble for every provider, in virtual time, and says what was told and what was lost.

The tables are printed, and what became of each is written as JSON. The exit code is 1 when anything did not hold.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mcp_browserjobs import providers
from scripts.generators import markdown
from scripts.generators.project import MEASURED, ROOT
from scripts.troubles import acting, looking

PAGE = MEASURED["trouble"]
PARTS: dict[str, Any] = {"trouble": looking, "deeds": acting}
"""What is played, by the name of its table: trouble for those who look and wait, and for those who act."""
TOGETHER = 13


def outcomes(part: Any, chosen: Sequence[Any], processes: int) -> Iterator[Any]:
    """All outcomes, in order, each as soon as it is there."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(part.played, chosen, chunksize=TOGETHER)


def as_text(table: Iterable[tuple[str, ...]]) -> str:
    """The table for a terminal, without the longest columns."""
    return "\n".join("  ".join((f"{row[0]:32}", f"{row[2]:>9}", *(f"{cell:>10}" for cell in row[4:]))) for row in table)


def main(arguments: list[str]) -> None:
    """Play, print and write."""
    parser = argparse.ArgumentParser(prog="scripts/trouble", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only troubles whose name holds one of these")
    parser.add_argument("--provider", action="append", default=[], choices=providers.names(), help="only this one")
    parser.add_argument("--table", action="append", default=[], choices=PARTS, help="only what this table tells of")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many play at the same time")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "trouble.json", help="where the JSON goes")
    parser.add_argument("--write", action="store_true", help="fill the tables of docs/trouble.md")
    asked = parser.parse_args(arguments)
    if asked.write and (asked.words or asked.provider):
        parser.error("--write takes a whole run")
    found: dict[str, list[Any]] = {}
    for name in asked.table or PARTS:
        part = PARTS[name]
        found[name] = []
        for outcome in outcomes(part, part.chosen(asked.words, asked.provider), asked.processes):
            found[name].append(outcome)
            for fault in outcome.faults:
                sys.stderr.write(f"{outcome.what}: {fault}\n")
    tables = {name: (PARTS[name].HEAD, list(PARTS[name].rows(every))) for name, every in found.items()}
    asked.out.parent.mkdir(exist_ok=True)
    played = {name: [asdict(outcome) for outcome in every] for name, every in found.items()}
    asked.out.write_text(json.dumps(played, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("\n\n".join(as_text([head, *rows]) for head, rows in tables.values()) + "\n")
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        filled = {name: markdown.table(head, rows) for name, (head, rows) in tables.items()}
        PAGE.write_text(markdown.filled(page, {**markdown.held(page), **filled}), encoding="utf-8", newline="\n")
    sys.exit(any(outcome.faults for every in found.values() for outcome in every))


if __name__ == "__main__":
    main(sys.argv[1:])
