"""Where answers are printed."""

import os
import subprocess
import sys

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
