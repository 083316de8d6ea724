"""The program as a shell sees it."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mcp_browserjobs import __main__, cli, program

FULL = Path("/dev/full")
COMMANDS = cli.main.list_commands(click.Context(cli.main))


def test_the_help_shows_every_command_once_in_some_section() -> None:
    shown = [name for names in cli.SECTIONS.values() for name in names]
    assert sorted(shown) == COMMANDS


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_of_the_help_is_wider_than_the_terminal(columns: int) -> None:
    for command in ([], *([name] for name in COMMANDS if name not in ("install", "doctor", "start"))):
        told = CliRunner().invoke(cli.main, [*command, "--help"], terminal_width=max(50, columns)).stdout
        wide = [line for line in told.splitlines() if len(line) > max(50, columns) and "[queued|" not in line]
        assert not wide


def test_the_help_gives_examples_that_the_program_knows() -> None:
    told = CliRunner().invoke(cli.main, ["--help"]).stdout
    examples = [line.split() for line in told.splitlines() if line.startswith("    mcp-browserjobs ")]
    assert examples
    assert all(example[1] in COMMANDS for example in examples)


@pytest.mark.skipif(not FULL.exists(), reason="no disk here is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--fast"], ["completion", "bash"]])
def test_a_full_disk_is_a_sentence(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "mcp_browserjobs", *arguments]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    assert (ended.returncode, ended.stderr) == (2, "Error: No space left on device.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipe is closed like this there")
def test_nothing_is_said_when_nobody_reads_on() -> None:
    command = [sys.executable, "-m", "mcp_browserjobs", "demo", "--fast"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ended:  # noqa: S603 - our own program
        assert ended.stdout
        assert ended.stderr
        ended.stdout.readline()
        ended.stdout.close()
        assert ended.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no stream is closed like this there")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["", "serve", "completion bash"])
def test_a_stream_that_is_closed_leads_nowhere(command: str, closed: str) -> None:
    line = f'"$0" -m mcp_browserjobs {command} {closed}'
    environ = {**os.environ, "BROWSERJOBS_STORE": ":memory:"}
    ended = subprocess.run(  # noqa: S603 - ours
        ["/bin/sh", "-c", line, sys.executable],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_problem_without_a_number_is_told_by_its_name() -> None:
    assert program._reason(ConnectionResetError("http://secret.example")) == "ConnectionResetError"


def test_whoever_interrupts_it_while_it_loads_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loading:
        def __getattr__(self, name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "mcp_browserjobs.cli", Loading())
    with pytest.raises(SystemExit) as left:
        __main__.main()
    assert left.value.code == 130
