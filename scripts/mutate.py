"""Mutates the watch and the event merge: `scripts/mutate [--minutes N] [--again PART]`.

Writes the share of noticed mutants of each part to dist/mutation.json, and prints the names of those that no test
noticed: `mutmut show NAME` in .live/mutated says what each changes. It works on a copy, and tries what has not been
tried since the function last changed; `--again` tries what was not noticed in one part once more, for tests that are
new. What the type checker refuses is not tried, and counts for nothing. What is logged, decorated functions and what is
outside of functions are not mutated; the case of SQL's words is of no account.
"""

import argparse
import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch

from scripts.generators.project import PACKAGE, ROOT

HOME = ROOT / ".live" / "mutate"
WORK = ROOT / ".live" / "mutated"
FILE = ROOT / "dist" / "mutation.json"
COPIED = ("mcp_browserjobs", "scripts", "tests", "pyproject.toml", "README.md", "CHANGELOG.md")
TARGET = 0.9
SURVIVED, UNCOVERED, REFUSED = 0, 33, 37
"""How mutmut writes down what no test noticed, what no test ran, and what the type checker refused."""
SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|WHERE|VALUES)\b")

PARTS = {
    "eventlog.py": "eventlog.*",
    "store/looks.py": "store.looks.*",
    "watch/pace.py": "watch.pace.*",
    "watch/feed.py": "watch.feed.*",
    "watch/look.py": "watch.look.*",
    "watch/watcher.py": "watch.watcher.*",
}


def copy() -> None:
    """Bring the copy up to date, and have it found out anew which test runs what.

    mutmut asks that of new tests alone: a function that is new would have none of the old ones.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for name in COPIED:
        source, goal = ROOT / name, WORK / name
        if source.is_dir():
            shutil.rmtree(goal, ignore_errors=True)
            shutil.copytree(source, goal, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, goal)


def run(names: Iterable[str], minutes: float) -> None:
    """Try the mutants of these names, or those that were not tried yet, for no longer than this.

    Raises:
        SystemExit: it could not begin, as a test fails without any change.
    """
    command = [str(HOME / "bin" / "python"), "-m", "mutmut", "run", "--max-children", "2", *names]
    path = f"{HOME / 'bin'}{os.pathsep}{os.environ['PATH']}"  # where mypy is
    with subprocess.Popen(command, cwd=WORK, env={**os.environ, "PATH": path}) as mutmut:  # noqa: S603 - our own command
        try:
            if code := mutmut.wait(minutes * 60):
                sys.exit(code)
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


def of_part(part: str) -> dict[str, int | None]:
    """The mutants of a part that the type checker lets pass, and that are another program."""
    module = sources(part)
    return {
        name: code
        for name, code in outcomes().items()
        if code != REFUSED and fnmatch(name, PARTS[part]) and not (code == SURVIVED and is_same_sql(name, module))
    }


def sources(part: str) -> dict[str, str]:
    """What the functions of a part say, the mutants and, as `..._orig`, the originals."""
    file = WORK / "mutants" / "mcp_browserjobs" / part
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    defined = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = text.splitlines()
    return {node.name: "\n".join(lines[node.lineno : node.end_lineno]) for node in defined}


def is_same_sql(name: str, module: Mapping[str, str]) -> bool:
    """Whether a mutant differs only in the case of SQL's words, which SQLite does not mind."""
    function = name.rpartition(".")[2]
    mutant, original = module[function], module[f"{function.rpartition('__mutmut_')[0]}__mutmut_orig"]
    changed = [was for now, was in zip(mutant.splitlines(), original.splitlines(), strict=False) if now != was]
    return mutant.casefold() == original.casefold() and all(SQL.search(line) for line in changed)


def unnoticed(part: str) -> list[str]:
    """The names of those that no test noticed."""
    module = PACKAGE.replace("-", "_")
    return [f"{module}.{name}" for name, code in of_part(part).items() if code in (SURVIVED, UNCOVERED)]


def rows() -> Iterator[dict[str, object]]:
    """What there is to say of each part."""
    for part in PARTS:
        mutants = of_part(part)
        tried = sum(code is not None for code in mutants.values())
        noticed = sum(code not in (None, SURVIVED, UNCOVERED) for code in mutants.values())
        share = noticed / tried if tried else 0.0
        untried = f", {len(mutants) - tried} were not tried" if tried < len(mutants) else ""
        yield {
            "what": f"mutants of {part} that a test notices, of those that the type checker lets pass",
            "target": f"at least {TARGET:.0%}",
            "figure": f"{share:.0%} ({noticed} of {tried}{untried})",
            "met": not untried and share >= TARGET,
        }


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("--minutes", type=float, default=600, help="for how long at most")
    parser.add_argument("--again", metavar="PART", choices=PARTS, help="try once more what was not noticed in it")
    chosen = parser.parse_args()
    copy()
    run(unnoticed(chosen.again) if chosen.again else [], chosen.minutes)
    FILE.parent.mkdir(exist_ok=True)
    table = [*rows()]
    FILE.write_text(json.dumps({"rows": table}, indent=2) + "\n", encoding="utf-8")
    for part in PARTS:
        for name in unnoticed(part):
            sys.stdout.write(f"not noticed: {name}\n")
    for row in table:
        sys.stdout.write(f"{row['what']}: {row['figure']}\n")


if __name__ == "__main__":
    main()
