"""Commands in place of tools."""

import click
import pytest

from mcp_browserjobs import cli, twins
from mcp_browserjobs.server import answers


@pytest.mark.parametrize(
    ("call", "command"),
    [
        ('get_job_result(job="gobii:1")', "result gobii:1"),
        ('wait_for_result(jobs=["dari:a/b/1", "gobii:2"], until="result")', "wait dari:a/b/1 gobii:2 --until result"),
        ('get_job_events(job="gobii:1", after=40)', "events gobii:1 --after 40"),
        ('answer_job_question(job="gobii:1", answer="...")', "answer gobii:1"),
        ("list_jobs()", "jobs"),
        ('diagnose_job(job="https://x.example/?a=1&b")', "diagnose 'https://x.example/?a=1&b'"),
        ('pause_job(job="x:\\u001b[31m$(reboot)\\u202e`\'\\"")', "pause 'x:$(reboot)`'\"'\"'\"'"),
    ],
)
def test_a_call_of_a_tool_is_the_command_that_does_the_same(call: str, command: str) -> None:
    assert twins.of_call(call) == f"mcp-browserjobs {command}"


def test_what_is_no_call_is_none() -> None:
    with pytest.raises(ValueError, match="nothing"):
        twins.of_call("nothing")


def test_a_sentence_names_commands_in_place_of_tools() -> None:
    sentence = "Find it with list_jobs, or see get_job_status; list_jobs_of_mine is another word."
    assert twins.of_sentence(sentence) == (
        "Find it with mcp-browserjobs jobs, or see mcp-browserjobs status; list_jobs_of_mine is another word."
    )


def test_every_tool_has_its_command() -> None:
    assert {*answers.ABILITY_OF_TOOL, "list_accounts"} == twins.COMMANDS.keys()
    assert set(twins.COMMANDS.values()) <= set(cli.main.list_commands(click.Context(cli.main)))
