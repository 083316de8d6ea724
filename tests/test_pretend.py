"""The pretend providers over HTTP on this machine."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcp_browserjobs import cli, pretend
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator import simulators
from mcp_browserjobs.simulator.stories import STORIES
from mcp_browserjobs.simulator.world import World

PASTED = "export "
UNLISTED = ("dari:", "hyperbrowser:")
"""What cannot list its jobs."""


def exported(lines: list[str]) -> dict[str, str]:
    """The variables that lines of a shell set."""
    pairs = [shlex.split(line.removeprefix(PASTED))[0].partition("=") for line in lines if line.startswith(PASTED)]
    return {name: value for name, _, value in pairs}


def guide(world: World) -> list[str]:
    """The guide to providers that nobody serves."""
    return list(pretend.guide(world, "http://127.0.0.1:1", Path("jobs of mine.sqlite3")))


def references(lines: list[str]) -> list[str]:
    """The jobs that a guide names with their titles."""
    return [line.split()[1] for line in lines if line.endswith(")")]


def test_an_answer_waits_for_no_acknowledgement_of_its_beginning() -> None:
    with (
        pretend.listen(0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_its_guide_is_a_piece_of_shell_that_configures_every_provider() -> None:
    lines = guide(World())
    assert all(line.startswith((PASTED, "# ")) for line in lines)
    settings = from_environment(exported(lines))
    assert settings.store == "jobs of mine.sqlite3"
    assert {account.provider for account in settings.accounts} == set(simulators())
    assert all(account.base_url.startswith("http://127.0.0.1:1/") for account in settings.accounts)


def test_its_guide_names_a_job_for_each_command_that_it_proposes() -> None:
    lines = guide(World())
    for command in ("status", "wait", "events --follow", "result"):
        [line] = [line for line in lines if f"mcp-browserjobs {command} " in line]
        assert line.split()[-1] in references(lines)


def test_a_job_runs_at_every_vendor() -> None:
    accounts = {reference.partition(":")[0] for reference in references(guide(World()))}
    vendors = simulators()
    assert {vendors[account].prefix for account in accounts} == {vendor.prefix for vendor in vendors.values()}


def test_its_guide_tells_every_story_that_can_be_started() -> None:
    [told] = [line for line in guide(World()) if all(story in line for story in STORIES)]
    assert told.startswith("# ")


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
        while "mcp-browserjobs start" not in lines[-1] and lines[-1]:
            lines.append(program.stdout.readline().rstrip("\n"))
        found = CliRunner().invoke(cli.main, ["jobs"], env=exported(lines), catch_exceptions=False)
        assert (found.exit_code, found.stderr) == (0, "")
        listed = {line.partition("\t")[0] for line in found.stdout.splitlines()}
        assert listed == {each for each in references(lines) if not each.startswith(UNLISTED)}
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=20) == ("", "")
        assert program.returncode == 130
        assert not Path(exported(lines)["BROWSERJOBS_STORE"]).parent.exists()
