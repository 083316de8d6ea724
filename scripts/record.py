"""Draws docs/*.svg from what the program really says, in virtual time.

With `--check` nothing is written; the exit code is 1 when a picture is stale.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
from trio._core import _run
from trio.testing import MockClock

from mcp_browserjobs import logs
from scripts.pictures import conversation, session

DOCS = Path(__file__).parent.parent / "docs"
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    """The virtual time as a moment."""
    return START + timedelta(seconds=anyio.current_time())


def in_virtual_time(draw: Callable[[Callable[[], datetime]], Awaitable[str]]) -> str:
    """What is drawn in a world whose time passes at once, and in which chance plays no part."""
    # As Hypothesis does it: trio has no public way.
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc] # noqa: SLF001 - trio has no other way to the same order each time
    _run._r.seed(0)  # noqa: SLF001 - as above
    return anyio.run(draw, clock, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})


def pictures() -> dict[Path, str]:
    """Every picture as it should be."""
    return {
        DOCS / "demo.svg": in_virtual_time(session.drawn),
        DOCS / "conversation.svg": in_virtual_time(conversation.drawn),
    }


def main(arguments: list[str]) -> None:
    """Write what is stale, or with `--check` only say so."""
    parser = argparse.ArgumentParser(prog="scripts/record", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only say what is stale")
    check = parser.parse_args(arguments).check
    logs.set_up()
    every = pictures()
    stale = [path for path, text in every.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        sys.exit(f"Stale: {', '.join(path.name for path in stale)}. Run scripts/record.")
    for path in stale:
        path.write_text(every[path], encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
