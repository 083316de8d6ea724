"""What the Tab key offers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcp_browserjobs import cli, completing
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.twins import PROGRAM
from tests.shell import Place

BASH = shutil.which("bash")


@pytest.fixture
def place() -> Place:
    return Place()


def offered(line: str, **environ: str | None) -> list[str]:
    """The words that click offers for the last one of a line."""
    words = line.split(" ")
    asked = {completing.VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = CliRunner().invoke(cli.main, prog_name=PROGRAM, env={**environ, **asked})
    return [reply.partition(",")[2] for reply in result.stdout.splitlines() if reply]


@pytest.mark.parametrize("shell", completing.SHELLS)
def test_every_shell_gets_a_script_that_calls_the_program(shell: str) -> None:
    result = CliRunner().invoke(cli.main, ["completion", shell], catch_exceptions=False)
    assert result.exit_code == 0
    assert f"{completing.VARIABLE}={shell}_complete" in result.stdout


def test_commands_and_options_are_completed() -> None:
    assert offered("mcp-browserjobs scr") == ["screenshot"]
    assert "--follow" in offered("mcp-browserjobs events --f")


def test_jobs_seen_before_are_completed_without_asking_anybody(place: Place, tmp_path: Path) -> None:
    store = str(tmp_path / "jobs.sqlite3")
    first, second = place.add("gobii", Script()), place.add("dari", Script())
    place.see(first, store)
    place.see(second, store)
    asked = len(place.world.requests)
    for command in ("status ", "wait --need any ", "events ", "answer "):
        assert sorted(offered(f"mcp-browserjobs {command}", BROWSERJOBS_STORE=store)) == sorted([first, second])
    assert offered("mcp-browserjobs status gobii:", BROWSERJOBS_STORE=store) == [first]
    assert len(place.world.requests) == asked


def test_what_a_shell_may_take_for_more_than_a_word_is_not_offered() -> None:
    assert completing.HARMLESS.fullmatch("dari:my-org/contact_form/550e8400-e29b-41d4-a716-446655440000")
    assert not any(map(completing.HARMLESS.fullmatch, ("gobii:$(reboot)", "gobii:a b", "gobii:`a`", "gobii:a\nb", "")))


def test_accounts_are_completed(place: Place) -> None:
    environ = {**place.environment(), "BROWSERJOBS_STORE": None}
    assert offered("mcp-browserjobs jobs --account go", **environ) == ["gobii"]


def test_without_a_store_or_with_wrong_settings_nothing_is_offered(tmp_path: Path) -> None:
    missing = tmp_path / "jobs.sqlite3"
    assert offered("mcp-browserjobs status ", BROWSERJOBS_STORE=str(missing)) == []
    assert offered("mcp-browserjobs status ", BROWSERJOBS_STORE=":memory:") == []
    assert offered("mcp-browserjobs status ", BROWSERJOBS_READ_ONLY="maybe") == []
    assert not missing.exists()


@pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="there is no bash")
@pytest.mark.parametrize("breaks", [":", ""])
def test_bash_completes_a_reference_though_it_breaks_words_at_colons(place: Place, tmp_path: Path, breaks: str) -> None:
    assert BASH
    store, bin_folder = str(tmp_path / "jobs.sqlite3"), tmp_path / "bin"
    reference = place.add("gobii", Script())
    place.see(reference, store)
    bin_folder.mkdir()
    program = bin_folder / "mcp-browserjobs"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from mcp_browserjobs.cli import main; '
        'main(prog_name=\'mcp-browserjobs\')" "$@"\n'
    )
    program.chmod(0o700)
    line = f"mcp-browserjobs wait --need any {reference[:12]}"
    typing = (
        'eval "$(mcp-browserjobs completion bash)"\n'
        f'COMP_WORDBREAKS=" {breaks}" COMP_LINE="{line}" COMP_POINT={len(line)}\n'
        '_mcp_browserjobs_completion mcp-browserjobs\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    root = str(Path(cli.__file__).parent.parent)
    environ = os.environ | {"BROWSERJOBS_STORE": store, "PYTHONPATH": root}
    environ["PATH"] = f"{bin_folder}{os.pathsep}{environ['PATH']}"
    replied = subprocess.check_output([BASH, "-c", typing], env=environ, text=True)  # noqa: S603 - ours
    assert replied.splitlines() == [reference.partition(":")[2] if breaks else reference]
