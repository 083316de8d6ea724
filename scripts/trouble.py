"""Plays every trouble of tests/trouble for every provider, in virtual time, and says what was told and what was lost.

The table is printed and written as JSON. The exit code is 1 when anything did not hold.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

from mcp_browserjobs import providers
from scripts.generators import markdown
from scripts.generators.project import MEASURED, ROOT
from tests.trouble import story
from tests.trouble.catalogue import CATALOGUE
from tests.trouble.story import Outcome

PAGE = MEASURED["trouble"]
HEAD = ("Trouble", "What is done", "Providers", "What is told meanwhile", "Lost", "Doubled", "Later by", "Recovered")
TROUBLES = {trouble.name: trouble for trouble in CATALOGUE}


def chosen(words: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """The troubles whose name holds one of these words, each with the providers that it concerns."""
    return [
        (trouble.name, provider)
        for trouble in CATALOGUE
        if not words or any(word in trouble.name for word in words)
        for provider in names or providers.names()
        if trouble.concerns(provider)
    ]


def played(pair: tuple[str, str]) -> Outcome:
    """What became of a trouble, by its name and that of a provider."""
    trouble, provider = pair
    return story.play(TROUBLES[trouble], provider, measured=True)


def outcomes(pairs: Sequence[tuple[str, str]], processes: int) -> Iterator[Outcome]:
    """All outcomes, in order, each as soon as it is there."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(played, pairs, chunksize=len(providers.names()))


def rows(found: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    """A row for each trouble."""
    for name, group in groupby(found, key=lambda outcome: outcome.trouble):
        every = list(group)
        trouble = TROUBLES[name]
        recovered = sum(outcome.recovered for outcome in every)
        yield (
            name,
            trouble.done,
            str(len(every)),
            told(every),
            str(sum(outcome.lost for outcome in every)),
            str(sum(outcome.doubled + outcome.renumbered for outcome in every)),
            f"{max(0.0, *(outcome.seconds for outcome in every)):.0f} s",
            f"{recovered} of {len(every)}",
        )


def told(every: Sequence[Outcome]) -> str:
    """What questions were answered with, whichever the provider."""
    refusals = dict.fromkeys(general(said, outcome.provider) for outcome in every for said in outcome.told)
    states = ["the last known state, `stale`"] if any(outcome.stale for outcome in every) else []
    return "; ".join([*states, *refusals]) or "the truth"


def general(said: str, provider: str) -> str:
    """A sentence without the names of this provider and the numbers of this moment."""
    kind = providers.load(provider)
    known = (
        (kind.title, "PROVIDER"),
        (providers.prefix(kind.name), "PROVIDER"),
        (kind.id_form, "FORM"),
        (provider, "ACCOUNT"),
    )
    for name, word in known:
        said = said.replace(name, word)
    return re.sub(r"\(.*?\)", "(...)", re.sub(r"\bin \d+ s\b", "in N s", said))


def as_text(table: Iterable[tuple[str, ...]]) -> str:
    """The table for a terminal, without the longest columns."""
    return "\n".join(f"{row[0]:32} {row[2]:>9} {row[4]:>5} {row[5]:>8} {row[6]:>9} {row[7]:>10}" for row in table)


def main(arguments: list[str]) -> None:
    """Play, print and write."""
    parser = argparse.ArgumentParser(prog="scripts/trouble", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only troubles whose name holds one of these")
    parser.add_argument("--provider", action="append", default=[], choices=providers.names(), help="only this one")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many play at the same time")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "trouble.json", help="where the JSON goes")
    parser.add_argument("--write", action="store_true", help="fill the table of docs/trouble.md")
    asked = parser.parse_args(arguments)
    if asked.write and (asked.words or asked.provider):
        parser.error("--write takes a whole run")
    found = []
    for outcome in outcomes(chosen(asked.words, asked.provider), asked.processes):
        found.append(outcome)
        for fault in outcome.faults:
            sys.stderr.write(f"{outcome.trouble}, {outcome.provider}: {fault}\n")
    table = list(rows(found))
    asked.out.parent.mkdir(exist_ok=True)
    asked.out.write_text(json.dumps([asdict(outcome) for outcome in found], indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(as_text([HEAD, *table]) + "\n")
    if asked.write:
        page = markdown.filled(PAGE.read_text(encoding="utf-8"), {"trouble": markdown.table(HEAD, table)})
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    sys.exit(any(outcome.faults for outcome in found))


if __name__ == "__main__":
    main(sys.argv[1:])
