"""Where answers are printed."""

import json
import os
import subprocess
import sys

import pytest

from mcp_browserjobs import screen


def test_a_console_takes_nothing_as_markup() -> None:
    to = screen.console()
    with to.capture() as captured:
        to.print("[bold]loud[/bold] :smile: 42")
    assert captured.get() == "[bold]loud[/bold] :smile: 42\n"


def test_letters_that_the_output_lacks_are_replaced() -> None:
    code = (
        "from mcp_browserjobs import command, screen;"
        "command.guarded(lambda: screen.Screen(as_json=False).value('Café ☕'))"
    )
    environ = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    shown = subprocess.check_output([sys.executable, "-c", code], env=environ)  # noqa: S603 - ours
    assert shown.strip() == "Café ?".encode("latin-1")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "utf-8", "utf-16"])
def test_json_arrives_whole_whatever_letters_the_output_lacks(encoding: str) -> None:
    code = (
        "from mcp_browserjobs import command, screen;"
        "command.guarded(lambda: screen.Screen(as_json=True).value({'drink': 'Café \\N{HOT BEVERAGE}'}))"
    )
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    shown = subprocess.check_output([sys.executable, "-c", code], env=environ)  # noqa: S603 - ours
    assert json.loads(shown.decode(encoding)) == {"drink": "Café ☕"}
