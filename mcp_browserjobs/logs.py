"""The log on standard error: a line a record, and no secret in any of them, whoever wrote it."""

import json
import logging
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from anyio import BrokenResourceError, ClosedResourceError

from .masking import masked
from .reported import without_capability_links

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")

PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has."""
LIBRARIES = {
    "httpx2": logging.WARNING,
    # What strangers do wrong is told to them; here it would only repeat their words, as often as they like.
    "mcp": logging.ERROR,
    "mcp.server.sse": logging.CRITICAL,
    "uvicorn": logging.ERROR,
}
"""From which level on those of others are heard that would tell too much."""
SESSIONS = "mcp.server.streamable_http"
"""Says, as an error, that a session's streams are closed."""

log = logging.getLogger(__name__)


def discreet(text: str) -> str:
    """The text without secrets and without links that give access."""
    return without_capability_links(masked(text))


class Words(logging.Formatter):
    """For a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record in words."""
        return discreet(super().format(record))


class Lines(logging.Formatter):
    """For whoever collects logs: a JSON object on a line, with the fields that a record was given."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on a line."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": discreet(record.getMessage()),
        }
        for name in sorted(vars(record).keys() - PLAIN):
            value = getattr(record, name)
            said[name] = value if isinstance(value, int | float) else discreet(str(value))
        if record.exc_info:
            said["exception"] = discreet(self.formatException(record.exc_info))
        if record.stack_info:
            said["stack"] = discreet(record.stack_info)
        return json.dumps(said)


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what standard error is at that moment."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a record cannot be written, without a word of it."""
        kind = sys.exc_info()[0] or Exception
        said = {
            "name": record.name,
            "levelname": record.levelname,
            "msg": f"what was logged here raises {kind.__name__}",
        }
        with suppress(OSError, ValueError):
            self.stream.write(self.format(logging.makeLogRecord(said)) + self.terminator)


def set_up(level: Level = "warning", *, lines: bool = False) -> None:
    """Have everything that is logged, warned of or raised and caught by nobody go to standard error.

    Whatever somebody else has set up for logs stays as it is.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(_Stderr())
        logging.captureWarnings(capture=True)
        sys.excepthook = _uncaught
        threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
        sys.unraisablehook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    for handler in root.handlers:
        if isinstance(handler, _Stderr):
            handler.setFormatter(Lines() if lines else Words())
    logging.getLogger(__package__).setLevel(level.upper())
    for name, least in LIBRARIES.items():
        logging.getLogger(name).setLevel(least)
    logging.getLogger(SESSIONS).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether more has happened than that a client left in the middle of something."""
    error = record.exc_info[1] if record.exc_info else None
    return error is None or not _is_parting(error)


def _is_parting(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_parting, error.exceptions))
    return isinstance(error, ClosedResourceError | BrokenResourceError)


def _uncaught(kind: type[BaseException], error: BaseException | None, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("a fault of our own: %s", kind.__name__, exc_info=(kind, error or kind(), traceback))
