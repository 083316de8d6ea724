"""What is declared, locked and announced agrees with the code."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from mcp_browserjobs import __version__
from tests.test_architecture import IMPORTS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> dict[str, str]:
    """The packages of a lock file and their versions."""
    return dict(re.findall(r"^([\w.-]+)==([^ ]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def declared() -> set[str]:
    """The packages that pyproject.toml asks for."""
    return {re.split(r"[<>=!~;\[ ]", requirement)[0].lower() for requirement in PROJECT["dependencies"]}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_names_no_place_to_download_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_has_every_dependency(name: str) -> None:
    assert declared() <= pins(name).keys()


def test_both_locks_agree() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_the_changelog_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d[^\] ]*)", changelog, re.MULTILINE)
    assert versions[0] == __version__


def test_every_import_is_declared() -> None:
    distributions = packages_distributions()
    modules = {each.name.split(".")[0] for each in IMPORTS if not each.name.startswith(".")}
    foreign = modules - sys.stdlib_module_names
    assert foreign
    assert {name.replace("_", "-").lower() for module in foreign for name in distributions[module]} <= declared()


def test_the_lowest_python_is_the_first_classifier() -> None:
    supported = [text.split(" :: ")[-1] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert PROJECT["requires-python"] == f">={supported[0]}"
