"""Whatever is the matter with the store's file, commands work, say so in one sentence, and never break."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.store import MIGRATIONS, Store
from tests.shell import Place
from tests.test_onboarding import Home
from tests.test_onboarding import home as home  # noqa: PLC0414 - a fixture
from tests.test_store_trouble import locked_exclusively

DONE = Script(beats=(Queued(0), Step("Opened the shop", 1), Finish({"price": 42})))
DAMAGED = "it is damaged, or no store of ours"


def modes_count() -> bool:
    """Whether a file that may only be read cannot be written, as is so for all but root and on Windows."""
    with NamedTemporaryFile() as file:
        Path(file.name).chmod(0o400)
        return os.name == "posix" and not os.access(file.name, os.W_OK)


where_modes_count = pytest.mark.skipif(not modes_count(), reason="root, and Windows, write where nobody else may")


def in_a_folder_s_place(path: Path) -> None:
    path.mkdir()


def below_a_file(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.touch()


def with_another_head(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)


def of_a_newer_version(path: Path) -> None:
    Store(str(path)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def that_may_only_be_read(path: Path) -> None:
    Store(str(path)).close()
    path.chmod(0o400)


def in_a_folder_that_may_only_be_read(path: Path) -> None:
    path.parent.chmod(0o500)


TROUBLES: list[object] = [
    pytest.param(in_a_folder_s_place, "it is no file", id="folder"),
    pytest.param(below_a_file, "a part of its path is no folder", id="below a file"),
    pytest.param(with_another_head, DAMAGED, id="head"),
    pytest.param(of_a_newer_version, "a newer version of mcp-browserjobs wrote it", id="newer"),
    pytest.param(that_may_only_be_read, "it is read-only", id="read-only", marks=where_modes_count),
    pytest.param(in_a_folder_that_may_only_be_read, "no permission", id="read-only folder", marks=where_modes_count),
]
COMMANDS = (("status",), ("events",), ("result",), ("diagnose",), ("wait",))


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder / "jobs.sqlite3"
    if folder.is_dir():
        folder.chmod(0o700)


@pytest.mark.parametrize(("trouble", "problem"), TROUBLES)
def test_commands_say_it_once_and_do_without(
    place: Place, path: Path, trouble: Callable[[Path], None], problem: str
) -> None:
    trouble(path)
    job = place.add("gobii", DONE)
    for command in (*((*command, job) for command in COMMANDS), ("jobs",), ("accounts",)):
        ran = place.run(*command, BROWSERJOBS_STORE=str(path))
        assert ran.exit_code == 0
        assert ran.stdout
        assert ran.stderr == (
            f"The store {path} cannot be used ({problem}), so nothing is remembered between restarts; "
            "set BROWSERJOBS_STORE to another file.\n"
        )


@pytest.mark.parametrize(("trouble", "problem"), TROUBLES)
def test_the_doctor_says_what_is_the_matter(
    home: Home, path: Path, trouble: Callable[[Path], None], problem: str
) -> None:
    trouble(path)
    ran = home.run("doctor", keys=True, BROWSERJOBS_STORE=str(path))
    assert ran.code == 1
    assert f"cannot be used ({problem})" in ran.out


def test_a_file_that_is_kept_locked_is_done_without(place: Place, path: Path) -> None:
    Store(str(path)).close()
    with ExitStack() as lock:
        lock.enter_context(locked_exclusively(path))
        ran = place.run("status", place.add("gobii", DONE), BROWSERJOBS_STORE=str(path))
    assert ran.exit_code == 0
    assert "cannot be used (another process keeps it locked)" in ran.stderr


def test_the_doctor_finds_damage_in_the_middle(home: Home, path: Path) -> None:
    Store(str(path)).close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    ran = home.run("doctor", keys=True, BROWSERJOBS_STORE=str(path))
    assert ran.code == 1
    assert f"cannot be used ({DAMAGED})" in ran.out
