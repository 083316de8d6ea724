"""What is taken from others has a named reason, and so has every rule of the linter that is not kept."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.generators.project import PACKAGE, ROOT
from scripts.locked import entries

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SETTINGS: dict[str, Any] = tomllib.loads(PYPROJECT)
SOURCES = [file for folder in ("mcp_browserjobs", "scripts", "tests") for file in sorted((ROOT / folder).rglob("*.py"))]
REASON = r"(?:-|#) \S.*"


def requirements(table: str) -> list[str]:
    """The lines of a list of requirements, as they stand in pyproject.toml."""
    [block] = re.findall(rf"^{table} = \[\n(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL)
    return str(block).splitlines()


def needed_by(lock: str) -> dict[str, set[str]]:
    """Who needs each package of a lock, as uv wrote down."""
    return {
        name: {who for who in re.findall(r"# (?:via )?\s*([\w.-]+(?: \(.*\))?)$", text, re.MULTILINE) if who != "via"}
        for name, text in entries(lock)
    }


@pytest.mark.parametrize("table", ["dependencies", "dev"])
def test_every_dependency_has_a_reason(table: str) -> None:
    lines = requirements(table)
    assert len(lines) > 5
    assert [line for line in lines if not re.fullmatch(r' {4}"\S+", # \w.*', line)] == []


def test_what_builds_the_package_is_locked_too() -> None:
    assert set(SETTINGS["build-system"]["requires"]) <= set(SETTINGS["dependency-groups"]["dev"])


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt", "requirements-lowest.txt"])
def test_every_locked_package_is_there_because_of_a_named_one(lock: str) -> None:
    needed = needed_by(lock)
    reached = {name for name, by in needed.items() if any(who.startswith(f"{PACKAGE} (") for who in by)}
    assert reached
    while more := {name for name, by in needed.items() if by & reached} - reached:
        reached |= more
    assert reached == needed.keys()


def left_out(file: Path) -> Iterator[str]:
    """The places of a file at which the linter is told to look away."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if re.search(r"#\s*(?:ruff: )?noqa", line, re.IGNORECASE):
            yield f"{file.relative_to(ROOT).as_posix()}:{number}: {line.strip()}"


def test_the_linter_looks_away_for_a_named_rule_and_reason_only() -> None:
    spared = rf"# (?:ruff: )?noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)* {REASON}$"
    places = [place for file in SOURCES for place in left_out(file)]
    assert places
    assert [place for place in places if not re.search(spared, place)] == []


def test_the_rules_on_security_hold_everywhere_but_for_asserts_and_keys_in_tests() -> None:
    lint = SETTINGS["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    spared = {
        place: [rule for rule in rules if re.fullmatch(r"S\d*", rule)]
        for place, rules in lint["per-file-ignores"].items()
    }
    assert [rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)] == []
    assert {place: rules for place, rules in spared.items() if rules} == {"tests/**": ["S101", "S105", "S106"]}
