"""The pretend providers over HTTP on this machine."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from mcp_browserjobs import cli, pretend
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator.world import World

PASTED = "export "


def exported(lines: list[str]) -> dict[str, str]:
    """The variables that lines of a shell set."""
    pairs = [shlex.split(line.removeprefix(PASTED))[0].partition("=") for line in lines if line.startswith(PASTED)]
    return {name: value for name, _, value in pairs}


def test_its_guide_is_a_piece_of_shell_that_configures_every_provider() -> None:
    lines = list(pretend.guide(World(), "http://127.0.0.1:1"))
    assert all(line.startswith((PASTED, "# ")) for line in lines)
    settings = from_environment(exported(lines))
    assert settings.store == ":memory:"
    assert {account.provider for account in settings.accounts} >= set(pretend.JOBS.values())
    assert all(account.base_url.startswith("http://127.0.0.1:1/") for account in settings.accounts)


def test_its_guide_names_a_job_for_each_command_that_it_proposes() -> None:
    world = World()
    lines = list(pretend.guide(world, "http://127.0.0.1:1"))
    references = [line.split()[1] for line in lines if line.endswith(")")]
    assert len(references) == len(pretend.JOBS)
    for command in ("status", "wait", "events --follow", "result"):
        [line] = [line for line in lines if f"mcp-browserjobs {command} " in line]
        assert line.split()[-1] in references


@contextmanager
def simulating() -> Iterator["subprocess.Popen[str]"]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "mcp_browserjobs", "simulate", "--port", "0"]
    program = subprocess.Popen(  # noqa: S603 - ours
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be interrupted alone there")
def test_it_serves_jobs_that_the_other_commands_find_and_ends_cleanly_when_interrupted() -> None:
    with simulating() as program:
        assert program.stdout is not None
        lines = [program.stdout.readline().rstrip("\n")]
        while "mcp-browserjobs result" not in lines[-1] and lines[-1]:
            lines.append(program.stdout.readline().rstrip("\n"))
        found = CliRunner().invoke(cli.main, ["jobs"], env=exported(lines), catch_exceptions=False)
        assert (found.exit_code, found.stderr) == (0, "")
        assert len(found.stdout.splitlines()) == len(pretend.JOBS) - 1  # one provider cannot list its jobs
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=20) == ("", "")
        assert program.returncode == 130
