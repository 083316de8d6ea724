"""Mutates the watch and the event merge: `scripts/mutate [--minutes N] [--part NAME]`.

Writes the share of noticed mutants of each part to dist/mutation.json, and prints the names of those that no test
noticed: `mutmut show NAME` in .live/mutate/work says what each changes. It works on a copy, and leaves out what has
been tried since the function last changed. Decorated functions and what is outside of functions are not mutated.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch

from scripts.generators.project import PACKAGE, ROOT

HOME = ROOT / ".live" / "mutate"
WORK = HOME / "work"
FILE = ROOT / "dist" / "mutation.json"
COPIED = ("mcp_browserjobs", "scripts", "tests", "pyproject.toml", "README.md", "CHANGELOG.md")
TARGET = 0.9
SURVIVED, UNCOVERED = 0, 33
"""How mutmut writes down what no test noticed, and what no test ran."""

PARTS = {
    "eventlog.py": ("eventlog.*",),
    "store/looks.py, the merge": tuple(
        f"store.looks.*{name}__mutmut_*"
        for name in (
            *("_record", "record", "record_sighting", "record_row", "_known", "_with_what_was_known"),
            *("_without_meters", "_status_event", "_write_result"),
        )
    ),
    "watch/pace.py": ("watch.pace.*",),
    "watch/feed.py": ("watch.feed.*",),
    "watch/look.py": ("watch.look.*",),
    "watch/watcher.py": ("watch.watcher.*",),
}


def copy() -> None:
    """Bring the copy up to date."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source, goal = ROOT / name, WORK / name
        if source.is_dir():
            shutil.rmtree(goal, ignore_errors=True)
            shutil.copytree(source, goal, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, goal)


def run(patterns: list[str], minutes: float) -> None:
    """Try the mutants of these names, for no longer than this."""
    command = [str(HOME / "bin" / "python"), "-m", "mutmut", "run", "--max-children", "2", *patterns]
    with subprocess.Popen(command, cwd=WORK) as mutmut:  # noqa: S603 - our own command
        try:
            mutmut.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            # It writes down what it has, and is asked to end as by a person.
            mutmut.send_signal(signal.SIGINT)


def outcomes() -> dict[str, int | None]:
    """How each mutant fared, by its name without the package's; None where it was not tried."""
    found = {}
    for file in (WORK / "mutants" / "mcp_browserjobs").rglob("*.meta"):
        for name, outcome in json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            found[name.partition(".")[2]] = outcome
    return found


def of_part(part: str, found: dict[str, int | None]) -> dict[str, int | None]:
    """The mutants of a part."""
    return {name: code for name, code in found.items() if any(fnmatch(name, each) for each in PARTS[part])}


def rows(found: dict[str, int | None]) -> Iterator[dict[str, object]]:
    """What there is to say of each part."""
    for part in PARTS:
        mutants = of_part(part, found)
        tried = [code for code in mutants.values() if code is not None]
        noticed = sum(code not in (SURVIVED, UNCOVERED) for code in tried)
        share = noticed / len(tried) if tried else 0.0
        yield {
            "what": f"mutants of {part} that a test notices",
            "target": f"at least {TARGET:.0%}",
            "figure": f"{share:.0%} ({noticed} of {len(tried)} tried, {len(mutants)} in all)",
            "met": len(tried) == len(mutants) and share >= TARGET,
        }


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("--minutes", type=float, default=600, help="for how long at most")
    parser.add_argument("--part", choices=PARTS, help="only this one")
    chosen = parser.parse_args()
    copy()
    parts = [chosen.part] if chosen.part else [*PARTS]
    run([f"mcp_browserjobs.{pattern}" for part in parts for pattern in PARTS[part]], chosen.minutes)
    found = outcomes()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"rows": [*rows(found)]}, indent=2) + "\n", encoding="utf-8")
    for part in parts:
        for name, code in of_part(part, found).items():
            if code in (SURVIVED, UNCOVERED):
                sys.stdout.write(f"not noticed: {PACKAGE.replace('-', '_')}.{name}\n")
    for row in rows(found):
        sys.stdout.write(f"{row['what']}: {row['figure']}\n")


if __name__ == "__main__":
    main()
