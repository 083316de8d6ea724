"""Builds the sdist and from it the wheel into dist/, and shows that the wheel works by itself.

First in an environment that has nothing else, in an empty folder: the command, its version, a whole story. Then with
the tools of the lock before the whole test suite, from a copy of the checkout that lacks the package.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.generators.project import ROOT
from scripts.locked import entries

DIST = ROOT / "dist"
OF_THE_CHECKOUT = ("tests/manifests", "tests/test_manifests.py", "tests/test_packaging.py")
"""Tests of what is around the package."""
FOLLOWS_THE_API = {"opentelemetry-sdk", "opentelemetry-semantic-conventions"}
"""Each version of these asks for one version of what the package itself depends on."""
LEFT_OUT = {"mcp_browserjobs", "dist", ".git", ".venv", ".live"}
NEEDED = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ}
WHERE = (
    "import mcp_browserjobs, sys; print(mcp_browserjobs.__version__, mcp_browserjobs.__file__, *sys.path, sep='\\n')"
)


class Environment:
    """A virtual environment of its own."""

    def __init__(self, folder: Path) -> None:
        uv("venv", "--quiet", "--python", sys.executable, str(folder))
        self._folder = folder
        self._programs = folder / ("Scripts" if os.name == "nt" else "bin")

    def install(self, wheel: Path, constraints: Path, *more: str) -> None:
        """Put the wheel and what it asks for into it, in the versions of the constraints."""
        uv(
            "pip",
            "install",
            "--quiet",
            "--python",
            str(self._folder),
            "--constraint",
            str(constraints),
            str(wheel),
            *more,
        )

    def run(self, folder: Path, program: str, *arguments: str, **environ: str) -> None:
        """Run one of its programs in a folder."""
        run(str(self._programs / program), *arguments, folder=folder, environ={**NEEDED, **environ})

    def holds_the_package(self, folder: Path) -> None:
        """See that the package is the installed one, wherever it is asked from."""
        said = subprocess.check_output(  # noqa: S603 - our own commands
            [self._programs / "python", "-c", WHERE], cwd=folder, env=NEEDED, text=True
        ).splitlines()
        if not Path(said[1]).is_relative_to(self._folder.resolve()) or str(ROOT) in said[2:]:
            raise SystemExit(f"The package is not the installed one: {said[1]}")


def run(*command: str, folder: Path = ROOT, environ: Mapping[str, str] | None = None) -> None:
    """Run a program, or end with its exit code."""
    code = subprocess.run(command, cwd=folder, env=environ, check=False).returncode  # noqa: S603 - our own commands
    if code:
        sys.stderr.write(f"This ended with {code}: {' '.join(command)}\n")
        raise SystemExit(code)


def uv(*arguments: str) -> None:
    """Run uv of the lock."""
    run(sys.executable, "-m", "uv", *arguments)


def build() -> Path:
    """The wheel, fresh from the sdist."""
    for old in DIST.glob("mcp_browserjobs-*"):
        old.unlink()
    uv("build", "--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(DIST))
    return newest()


def newest() -> Path:
    """The wheel in dist/."""
    try:
        [wheel] = DIST.glob("mcp_browserjobs-*.whl")
    except ValueError:
        raise SystemExit("dist/ has to hold one wheel: leave --built out.") from None
    return wheel


def constraints(folder: Path, lock: str) -> Path:
    """The packages of a lock, and the tools in the versions that they are locked in."""
    chosen = entries(lock)
    names = {name for name, _ in chosen} | FOLLOWS_THE_API
    tools = [entry for entry in entries("requirements-dev.txt") if entry[0] not in names]
    file = folder / "constraints.txt"
    file.write_text("".join(text for _, text in (*chosen, *tools)), encoding="utf-8")
    return file


def left_out(folder: str, names: list[str]) -> set[str]:
    """What does not go into the copy."""
    return {
        name for name in names if name.endswith(("cache", "cache__")) or (Path(folder) == ROOT and name in LEFT_OUT)
    }


def main() -> None:
    """Do it all."""
    parser = argparse.ArgumentParser(prog="scripts/test-wheel", description="What else is given goes to pytest.")
    parser.add_argument("--built", action="store_true", help="take the wheel that is in dist/")
    parser.add_argument("--lowest", action="store_true", help="with the lowest versions that pyproject.toml allows")
    chosen, arguments = parser.parse_known_args()
    wheel = newest() if chosen.built else build()
    with TemporaryDirectory() as place:
        folder = Path(place).resolve()
        locked = constraints(folder, "requirements-lowest.txt" if chosen.lowest else "requirements.txt")

        empty = folder / "empty"
        empty.mkdir()
        alone = Environment(folder / "alone")
        alone.install(wheel, locked)
        alone.holds_the_package(empty)
        home = {"HOME": str(empty), "USERPROFILE": str(empty), "LOCALAPPDATA": str(empty), "PYTHONUTF8": "1"}
        for command in (["--version"], ["--help"], ["demo"]):
            alone.run(empty, "mcp-browserjobs", *command, **home)
        if list(empty.iterdir()):
            raise SystemExit("The demo left something behind.")

        copy = Path(shutil.copytree(ROOT, folder / "copy", ignore=left_out))
        tested = Environment(folder / "tested")
        tested.install(wheel, locked, "--group", f"{ROOT / 'pyproject.toml'}:dev")
        tested.holds_the_package(copy)
        ignored = (f"--ignore={each}" for each in OF_THE_CHECKOUT)
        side_by_side = ("--numprocesses", "auto", "--dist", "loadgroup")
        tested.run(copy, "python", "-m", "pytest", *side_by_side, *ignored, *arguments, HOME=str(empty))


if __name__ == "__main__":
    main()
