"""What is logged: a line a record, and no secret in it."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr

from mcp_browserjobs import logs, masking
from mcp_browserjobs.masking import MASK

KEY = "key-that-no-log-may-have"
LINK = "https://live.example/view?token=abcdefgh"


@pytest.fixture(autouse=True)
def kept() -> None:
    masking.keep([SecretStr(KEY)])


def record(message: str, *args: Any, error: Exception | None = None, **more: Any) -> logging.LogRecord:
    raised = (type(error), error, error.__traceback__) if error else None
    told = logging.LogRecord("somebody", logging.WARNING, __file__, 1, message, args, raised)
    vars(told).update(more)
    return told


def line(told: logging.LogRecord) -> dict[str, Any]:
    written = logs.Lines().format(told)
    assert "\n" not in written
    assert written.isascii()
    said: dict[str, Any] = json.loads(written)
    return said


def raised() -> Exception:
    try:
        try:
            int(KEY)
        except ValueError as error:
            raise ExceptionGroup(f"around {KEY}", [RuntimeError(LINK)]) from error
    except ExceptionGroup as group:
        return group
    return Exception()


def test_a_record_is_an_object_on_a_line() -> None:
    said = line(record("asked %s\nfor %d", "somebody", 3, created=0.0, account="dari", seconds=0.5))
    assert said == {
        "at": "1970-01-01T00:00:00.000+00:00",
        "level": "warning",
        "logger": "somebody",
        "message": "asked somebody\nfor 3",
        "account": "dari",
        "seconds": 0.5,
    }


@pytest.mark.parametrize("formatter", [logs.Lines(), logs.Words()])
@pytest.mark.parametrize(
    "told",
    [
        record(f"{KEY} at {LINK}"),
        record("%s at %s", KEY, LINK),
        record("%(key)s", {"key": {"deep": [KEY, LINK]}}),
        record("a fault", error=raised()),
        record("here", stack_info=f"Stack:\n  {KEY} {LINK}"),
        record("more", field=f"{KEY} {LINK}", other={KEY: LINK}),
    ],
)
def test_no_part_of_it_has_a_secret(told: logging.LogRecord, formatter: logging.Formatter) -> None:
    written = formatter.format(told)
    assert KEY not in written
    assert LINK not in written


def test_words_are_for_a_terminal() -> None:
    assert logs.Words().format(record("the key is %s", KEY)) == f"WARNING somebody: the key is {MASK}"


CRASHES = {
    "raised": "raise RuntimeError(KEY)",
    "in a thread": "import threading; thread = threading.Thread(target=lambda: 1 / 0 if not KEY else int(KEY));"
    " thread.start(); thread.join()",
    "in a finalizer": "class Left:\n    def __del__(self): int(KEY)\nleft = Left(); del left",
    "in a task": "import asyncio, gc\nasync def fails(): int(KEY)\nasync def main():\n"
    "    asyncio.create_task(fails()); await asyncio.sleep(0.01); gc.collect()\nasyncio.run(main())",
    "a warning": "import warnings; warnings.warn(KEY)",
    "another's log": "import logging; logging.getLogger('httpx2').error('no way to %s', KEY)",
    "an error while logging": "import logging\nclass Bad:\n    def __str__(self): raise RuntimeError(KEY)\n"
    "logging.getLogger('x').error('%s', Bad())",
}


@pytest.mark.parametrize("crash", CRASHES)
def test_nothing_that_ends_badly_tells_a_secret(crash: str) -> None:
    told = run(f"logs.set_up(lines=True)\n{CRASHES[crash]}")
    assert KEY not in told
    assert all(json.loads(each)["level"] for each in told.splitlines())
    assert told


@pytest.mark.parametrize(
    ("raised", "heard"),
    [
        ("anyio.ClosedResourceError()", False),
        ("ExceptionGroup('several', [anyio.ClosedResourceError(), anyio.BrokenResourceError()])", False),
        ("ExceptionGroup('several', [anyio.ClosedResourceError(), KeyError(1)])", True),
        ("KeyError(1)", True),
    ],
)
def test_that_a_client_left_its_session_is_no_news(raised: str, *, heard: bool) -> None:
    code = (
        "import anyio, logging\nlogs.set_up()\nlogs.set_up()\nsaid = logging.getLogger('mcp.server.streamable_http')\n"
    )
    code += f"try:\n    raise {raised}\nexcept Exception:\n    said.exception('no way on')"
    assert ("no way on" in run(code)) is heard


def test_what_somebody_else_has_set_up_stays() -> None:
    assert (
        run("import logging, sys\nlogging.basicConfig()\nlogs.set_up()\nassert sys.excepthook is sys.__excepthook__")
        == ""
    )


def run(code: str) -> str:
    before = "from pydantic import SecretStr\nfrom mcp_browserjobs import logs, masking\n"
    before += f"KEY = {KEY!r}\nmasking.keep([SecretStr(KEY)])\n"
    ran = subprocess.run([sys.executable, "-c", before + code], text=True, capture_output=True, check=False)  # noqa: S603 - ours
    return ran.stdout + ran.stderr
