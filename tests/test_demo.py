"""The story on the terminal, on virtual time and once for real."""

import shutil
import socket
import sys
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner

from mcp_browserjobs import cli, demo
from mcp_browserjobs.exits import Exit
from tests.conftest import virtual_clock


@pytest.mark.anyio
async def test_the_whole_story_is_told_in_under_half_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    assert await demo.play(clock=virtual_clock) is Exit.COMPLETED
    assert 20 < anyio.current_time() < 30
    told = capsys.readouterr().out
    for part in (
        "    status: running",
        "Opened the shop",
        "    status: failed",
        "    reported.error: The page showed a captcha that cannot be solved.",
        "    verdict: site_blocked",
        '  answer_job_question(job="dari:',
        "    took_effect: true",
        "    status: waiting_for_input",
        '    reported.question.options: ["white", "blue", "black"]',
        "    status: completed",
        "question  Which colour shall I order?",
        '    reported.result: {"shop": "shop.example", "price": 42, "currency": "EUR"}',
        "serve --demo",
    ):
        assert part in told
    assert "\x1b" not in told
    assert all(line == line.rstrip() for line in told.splitlines())


@pytest.mark.anyio
@pytest.mark.parametrize(("said", "answer"), [("1\n", "white"), ("black\n", "black"), ("\n", "blue"), ("", "blue")])
async def test_a_person_may_give_the_answer(capsys: pytest.CaptureFixture[str], said: str, answer: str) -> None:
    async def person() -> str:
        return said

    await demo.play(10, person, clock=virtual_clock)
    told = capsys.readouterr().out
    assert "  1  white\n  2  blue\n  3  black\nAnswer: " in told
    assert f'answer="{answer}"' in told


def test_asking_needs_a_terminal() -> None:
    result = CliRunner().invoke(cli.main, ["demo", "--ask"])
    assert (result.exit_code, result.stdout) == (2, "")


def test_what_is_typed_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = socket.socketpair()
    with reading, writing, reading.makefile(encoding="utf-8") as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        writing.sendall(b"blue\n")
        assert anyio.run(demo.typed) == "blue\n"


@pytest.mark.anyio
async def test_references_stay_whole_in_a_narrow_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/it")
    await demo.play(clock=virtual_clock)
    told = capsys.readouterr().out.splitlines()
    whole = [line for line in told if line.startswith("  dari:demo-org/contact_form/")]
    assert {len(line) for line in whole} == {2 + len("dari:demo-org/contact_form/") + 36}
    assert all(len(line) <= 50 for line in told if line not in whole)


def test_it_runs_fast_without_keys_or_a_store(tmp_path: Path) -> None:
    nothing = {"BROWSERJOBS_STORE": str(tmp_path / "jobs.sqlite3"), "COLUMNS": "80", "DARI_API_KEY": None}
    result = CliRunner().invoke(cli.main, ["demo", "--fast"], env=nothing, catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Then with jobs of your own" in result.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("found", "command"),
    [(None, str(Path(sys.executable).with_name("mcp-browserjobs"))), ("/bin/it", "mcp-browserjobs")],
)
async def test_what_it_proposes_in_the_end_can_be_pasted_wherever_it_is_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, found: str | None, command: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: found)
    monkeypatch.setenv("COLUMNS", "30")
    await demo.play(clock=virtual_clock)
    told = capsys.readouterr().out
    assert f"\n   {command} serve --demo\n" in told
    assert f"\n   {command} install HOST\n   {command} doctor\n   {command} jobs\n   {command} wait JOB\n" in told


@pytest.mark.anyio
async def test_titles_are_whole_in_the_list_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    await demo.play(clock=virtual_clock)
    listed = capsys.readouterr().out.partition("list_jobs()")[2]
    assert "  Compare prices of a kettle\n" in listed


@pytest.mark.anyio
async def test_it_has_colours_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    await demo.play(clock=virtual_clock)
    assert "\x1b[36mget_job_status" in capsys.readouterr().out
