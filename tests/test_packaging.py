"""What is declared, locked and announced agrees with the code."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest

from mcp_browserjobs import __version__
from scripts.generators.project import PROJECT, ROOT
from scripts.generators.registry import NAME
from scripts.matrix import matrix
from tests.pages import links
from tests.test_architecture import IMPORTS

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-lowest.txt")
PACKAGE = ROOT / "mcp_browserjobs"
SOURCE = PROJECT["urls"]["Source"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def pins(name: str) -> dict[str, str]:
    """The packages of a lock file and their versions."""
    return dict(re.findall(r"^([\w.-]+)==([^ ]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def declared() -> set[str]:
    """The packages that pyproject.toml asks for."""
    return {canonical(re.split(r"[<>=!~;\[ ]", requirement)[0]) for requirement in PROJECT["dependencies"]}


def canonical(name: str) -> str:
    """A package's name as locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_to_download_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_every_dependency(name: str) -> None:
    assert declared() <= pins(name).keys()


def test_both_locks_agree() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_the_lowest_versions_are_those_that_are_declared() -> None:
    lowest = pins("requirements-lowest.txt")
    for requirement in PROJECT["dependencies"]:
        [(name, floor)] = re.findall(r"^([\w.-]+)(?:\[.*\])?>=([\d.]+)", requirement)
        assert re.fullmatch(rf"{re.escape(floor)}(\.0)*", lowest[canonical(name)]), requirement


def test_the_version_stands_in_one_place() -> None:
    files = [ROOT / "pyproject.toml", *PACKAGE.rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    assert [file.name for file in files if f'"{__version__}"' in file.read_text(encoding="utf-8")] == ["__init__.py"]


def test_the_changelog_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d[^\] ]*)", changelog, re.MULTILINE)
    assert versions[0] == __version__


def test_every_import_is_declared() -> None:
    distributions = packages_distributions()
    modules = {each.name.split(".")[0] for each in IMPORTS if not each.name.startswith(".")}
    foreign = modules - sys.stdlib_module_names
    assert foreign
    for module in foreign:
        assert declared() & set(map(canonical, distributions[module])), module


def test_the_lowest_python_is_the_first_classifier() -> None:
    supported = [text.split(" :: ")[-1] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert PROJECT["requires-python"] == f">={supported[0]}"


def test_ci_runs_where_the_classifiers_say() -> None:
    assert matrix(PROJECT["classifiers"]) == {
        "os": ["ubuntu-latest", "windows-latest"],
        "python": ["3.11", "3.12", "3.13", "3.14"],
    }


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_do_little_and_takes_actions_by_their_hash(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    assert "\npermissions: {}\n" in text
    assert "secrets." not in text
    assert "${{" not in "".join(re.findall(r"run: (.*)", text))
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)


def test_an_action_has_one_version() -> None:
    used = {each for workflow in WORKFLOWS for each in re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))}
    names = [each.split("@")[0] for each in used]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist and the wheel."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own build
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def test_what_is_published_is_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        in_sdist = {PurePosixPath(name).relative_to(sdist.name.removesuffix(".tar.gz")) for name in archive.getnames()}
    files = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.suffix not in {".pyc", ""}}
    assert {"mcp_browserjobs/py.typed", "mcp_browserjobs/simulator/world.py"} <= files
    assert in_wheel == files
    around = {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert {path.as_posix() for path in in_sdist} == files | around


def test_on_pypi_every_link_and_picture_of_the_readme_leads_somewhere(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        about = message_from_bytes(archive.read(name))
    assert about["Description-Content-Type"] == "text/markdown"
    shown = about.get_payload(decode=True).decode()  # type: ignore[union-attr] # it is one text
    assert f"<!-- mcp-name: {NAME} -->" in shown
    places = f"{SOURCE}/blob/v{__version__}/", f"{SOURCE.replace('github', 'raw.githubusercontent')}/v{__version__}/"
    ours = [link for link in links(shown) if link.startswith(places)]
    written = [link for link in links((ROOT / "README.md").read_text(encoding="utf-8")) if "://" not in link]
    assert [re.sub(r".*/v[^/]*/", "", link) for link in ours] == written
    assert all("://" in link for link in links(shown))
    assert f"Source, {SOURCE}" in about.get_all("Project-URL", [])
