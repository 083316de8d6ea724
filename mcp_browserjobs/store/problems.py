"""Why the file cannot be used, in words of ours."""

import sqlite3

NOT_OURS = "it is damaged, or no store of ours"
UNUSABLE = "SQLite cannot use it"
DAMAGED = frozenset({NOT_OURS, UNUSABLE})
NEWER = "a newer version of mcp-browserjobs wrote it"
LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
PROBLEMS = {
    sqlite3.SQLITE_CORRUPT: NOT_OURS,
    sqlite3.SQLITE_NOTADB: NOT_OURS,
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_ERROR: UNUSABLE,
    **dict.fromkeys((sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN), "it cannot be read or written"),
    **dict.fromkeys(LOCKED, "another process keeps it locked"),
}


class DamagedError(sqlite3.DatabaseError):
    """What stands there is nothing that was ever written."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def code_of(error: sqlite3.Error) -> int:
    """SQLite's own code of an error, without what it adds to it."""
    # Text that is none is noticed by the module, which has no code for it.
    unknown = sqlite3.SQLITE_CORRUPT if isinstance(error, sqlite3.OperationalError) else 0
    return getattr(error, "sqlite_errorcode", unknown) & 0xFF


def problem_of(error: sqlite3.Error | OSError) -> str:
    """Why, in words of ours."""
    match error:
        case sqlite3.Error():
            return PROBLEMS.get(code_of(error), UNUSABLE)
        case PermissionError():
            return "no permission"
        case FileExistsError() | NotADirectoryError():
            return "a part of its path is no folder"
        case _:
            return error.strerror or "the file cannot be used"
