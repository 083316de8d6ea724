"""One SQLite file: opened privately and patiently, left when it cannot be used any more, and come back to."""

import contextlib
import logging
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

import anyio

from ..errors import StoreError
from . import catching_up
from .problems import DAMAGED, LOCKED, NEWER, NOT_OURS, PROBLEMS, DamagedError, code_of, problem_of
from .schema import MIGRATIONS

MEMORY = ":memory:"
OWN_FOLDER = "mcp-browserjobs"
"""Nothing else stands in a folder of this name, so it is private as well."""
LOCK_PATIENCE = 10.0
OPEN_PATIENCE = 3.0
"""Nobody is answered while a file is opened."""
APPLICATION_ID = 0x4D424A53
"""Stands in the head of the file, so that nobody else's is taken for a store."""

T = TypeVar("T")

log = logging.getLogger(__package__)


class File:
    """A file that several processes of one user share, or the memory of this one.

    A file that cannot be used any more is left for the memory of this process; `problem` says so until
    `come_back` finds it usable again.

    Args:
        path: a file, made with its folder when missing and private to its user, or `:memory:`.
        patience: for how many seconds a locked file is tried.

    Raises:
        StoreError: it cannot be opened, or is of a newer version.
    """

    def __init__(self, path: str, *, patience: float = OPEN_PATIENCE) -> None:
        self.path = path
        self.problem: StoreError | None = None
        with contextlib.ExitStack() as opened:
            try:
                if path != MEMORY:
                    _make_private(Path(path))
                self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
                opened.callback(self._db.close)
                self._open_patiently(patience)
            except (sqlite3.Error, OSError) as error:
                raise StoreError(path, problem_of(error)) from None
            opened.pop_all()
        self._file = _identity(path)

    @classmethod
    def in_any_case(cls, path: str) -> Self:
        """The store or, where its file cannot be used, one in memory that says why and goes there once it can."""
        try:
            return cls(path)
        except StoreError as error:
            store = cls(MEMORY)
            store.path, store.problem, store._file = path, error, _identity(path)
            return store

    @property
    def has_file(self) -> bool:
        """Whether what is seen is to be kept, though perhaps it cannot be now."""
        return self.path != MEMORY

    @property
    def shared(self) -> bool:
        """Whether other processes may use it too."""
        return self.has_file and self.problem is None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __del__(self) -> None:
        """Let go of it where nobody did: a tracker that only explains what is wrong never runs."""
        if "_db" in vars(self):
            with contextlib.suppress(sqlite3.Error):
                self.close()

    async def check(self) -> None:
        """Read all of the file, and leave it if it is damaged."""
        rows = await self._try(lambda: self._db.execute("PRAGMA quick_check(1)").fetchall())
        if self.shared and [tuple(row) for row in rows] != [("ok",)]:
            self._go_on_in_memory(NOT_OURS)

    async def sibling_version(self) -> int:
        """A number that changes whenever another process has written."""
        await self._try(self._leave_what_is_gone)
        return int(await self._try(lambda: self._db.execute("PRAGMA data_version").fetchone()[0]))

    async def come_back(self) -> bool:
        """Go on in a file that had to be left, if it can be used again, with all that was seen meanwhile.

        Gives whether it came to that.
        """
        if self.problem is None:
            return False
        if self.problem.problem in DAMAGED and _identity(self.path) == self._file:
            return False
        try:
            file = File(self.path, patience=0)
        except StoreError as error:
            self.problem = error
            return False
        try:
            self._catch_up()
        except (sqlite3.Error, StoreError) as error:
            file.close()
            self.problem = error if isinstance(error, StoreError) else StoreError(self.path, problem_of(error))
            return False
        self._db, file._db = file._db, self._db
        self._file, self.problem = file._file, None
        file.close()
        log.warning("the store is used again, with what was seen meanwhile")
        return True

    def _catch_up(self) -> None:
        """Write into the file what this process saw without it.

        Raises:
            StoreError: a number that was given here means something else there.
        """
        self._db.execute("ATTACH ? AS kept", (self.path,))
        try:
            with self._transaction():
                if self._db.execute(catching_up.CONFLICT).fetchone():
                    raise StoreError(self.path, "another process has numbered the same events otherwise meanwhile")
                for statement in catching_up.STATEMENTS:
                    self._db.execute(statement)
        finally:
            self._db.execute("DETACH kept")

    def _go_on_in_memory(self, problem: str) -> None:
        """Leave the file, which cannot be used any more, with a copy of it where that makes sense."""
        self.problem = StoreError(self.path, problem)
        log.warning("the store cannot be used now (%s); what is seen meanwhile is not kept", problem)
        left, self._db = self._db, sqlite3.connect(MEMORY, isolation_level=None)
        with contextlib.closing(left), contextlib.suppress(sqlite3.Error):
            if problem not in DAMAGED:
                left.backup(self._db, progress=_unless_locked)
        self._file = _identity(self.path)
        try:
            self._open()
        except (sqlite3.Error, StoreError):
            self._db.close()
            self._db = sqlite3.connect(MEMORY, isolation_level=None)
            self._open()

    def _leave_what_is_gone(self) -> None:
        """Nobody would find again what is written into a file that was moved, deleted or brought to a newer version."""
        if not self.shared:
            return
        if _identity(self.path)[:2] != self._file[:2]:
            self._go_on_in_memory("it was moved or deleted")
        elif self._pragma("user_version") > len(MIGRATIONS):
            self._go_on_in_memory(NEWER)

    def _open_patiently(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                return self._open()
            except sqlite3.OperationalError as error:
                # SQLite's own patience has a gap, where two that make the same file would wait for each other.
                if code_of(error) not in LOCKED or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    def _open(self) -> None:
        self._db.row_factory = sqlite3.Row
        if self._pragma("application_id") != APPLICATION_ID:
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA secure_delete = ON")
        self._migrate()
        self._check_that_it_can_be_written()

    def _check_that_it_can_be_written(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            # What may only be read does not mind before something is written.
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except sqlite3.OperationalError as error:
            if code_of(error) not in LOCKED:
                raise
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _migrate(self) -> None:
        while (version := self._pragma("user_version")) != len(MIGRATIONS):
            if version > len(MIGRATIONS):
                raise StoreError(self.path, NEWER)
            with self._transaction():
                if self._pragma("user_version") == version:
                    for statement in MIGRATIONS[version].split(";"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version = {version + 1}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    async def _write(self, change: Callable[[], T]) -> T:
        def once() -> T:
            with self._transaction():
                return change()

        return await self._try(once)

    async def _try(self, action: Callable[[], T]) -> T:
        pause, deadline = 0.001, anyio.current_time() + LOCK_PATIENCE
        while True:
            try:
                return action()
            except sqlite3.Error as error:
                if code_of(error) not in LOCKED or anyio.current_time() > deadline:
                    if code_of(error) not in PROBLEMS or not self.shared:
                        raise StoreError(self.path, problem_of(error)) from None
                    self._go_on_in_memory(problem_of(error))
                    deadline = -math.inf
                    continue
            await anyio.sleep(pause)
            pause = min(0.1, pause * 2)

    def _read(
        self, query: str, values: Sequence[object] | Mapping[str, object], to: Callable[[sqlite3.Row], T]
    ) -> list[T]:
        """What a query finds; what makes no sense is as damaged as what SQLite itself cannot read."""
        rows = self._db.execute(query, values).fetchall()
        try:
            return [to(row) for row in rows]
        except (ValueError, TypeError, OverflowError) as error:
            raise DamagedError from error


def _make_private(path: Path) -> None:
    """Make the file when there is none, and let nobody else read it. What is not ours is left as it is."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix" and folder.name == OWN_FOLDER and folder.stat().st_mode & 0o077:
        with contextlib.suppress(PermissionError):
            folder.chmod(0o700)
    if not path.exists():
        path.touch(mode=0o600)
    if not path.is_file():
        raise StoreError(str(path), "it is no file")
    with path.open("rb") as file:
        head = file.read(100)
    if head and head[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise StoreError(str(path), NOT_OURS)
    for part in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))):
        # A sibling that ends takes the last two away.
        with contextlib.suppress(FileNotFoundError):
            if os.name == "posix" and part.stat().st_mode & 0o077:
                part.chmod(0o600)


def _identity(path: str) -> tuple[int, ...]:
    """What tells a file from another one in its place and, after the first two numbers, from what it was before."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _unless_locked(status: int, _remaining: int, _total: int) -> None:
    """SQLite would wait for as long as it takes."""
    if status & 0xFF in LOCKED:
        raise sqlite3.InterfaceError
