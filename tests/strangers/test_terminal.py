"""Whatever a stranger writes: all that stands on a terminal or goes into a pipe, by way of every command."""

import json
import re

import pytest

from mcp_browserjobs.simulator.script import Ask, Beat, Fail, Finish, Json, Queued, Script, Step
from tests.shell import Place
from tests.strangers.corpus import SENDABLE, WORST, hazards_in, hidden_in

TEXTS = [deception.text for deception in SENDABLE]
STEPS: tuple[Beat, ...] = (Queued(0), *(Step(text, 0.1, f"https://shop.example/{text}") for text in TEXTS))
RESULT: Json = {f"{WORST.text} {number}": [text] for number, text in enumerate(TEXTS)}
ENDED = Script(WORST.text, (*STEPS, Finish(RESULT, goal_met=False)))
FAILED = Script(WORST.text, (*STEPS, Fail(WORST.text)))
ASKING = Script(WORST.text, (*STEPS, Ask(WORST.text, (WORST.text, "blue"))))
SAID = Script(WORST.text, (Queued(0), Finish(WORST.text)))
OURS = re.compile(r"\r?\x1b\[(?:[012]m|2K|1A|\?25[lh])")
"""What the program itself has a terminal do: bold and dim, and the line of a wait that is drawn anew."""
COMMANDS = ("status", "events", "diagnose", "links", "log")


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.mark.parametrize(
    ("provider", "script"), [("dari", ENDED), ("dari", FAILED), ("dari", ASKING), ("dari", SAID), ("kernel", FAILED)]
)
def test_no_command_prints_a_deception(place: Place, provider: str, script: Script) -> None:
    job = place.add(provider, script)
    commands = [(command, job) for command in COMMANDS]
    for command in [*commands, ("wait", job, "--timeout", "1"), ("answer", job), ("jobs",), ("accounts",)]:
        for result in (place.run(*command), place.run(*command, "--json"), place.on_terminal(*command)):
            for line in OURS.sub("", result.stdout + result.stderr).split("\n"):
                assert not hazards_in(line), (command, hazards_in(line), line[:300])


def test_a_result_in_a_pipe_is_what_came_and_harms_no_terminal(place: Place) -> None:
    job = place.add("dari", ENDED)
    for options in ((), ("--json",)):
        printed = place.run("result", job, *options).stdout
        value = json.loads(printed)
        assert (value["reported"]["result"] if options else value) == RESULT
        assert not hidden_in(printed)
    printed = place.on_terminal("result", job).stdout
    assert json.loads(printed) == RESULT
    assert not hidden_in(printed)


def test_a_text_in_a_pipe_is_what_came_and_on_a_terminal_harmless(place: Place) -> None:
    job = place.add("dari", SAID)
    assert place.run("result", job).stdout == WORST.text + "\n"
    assert json.loads(place.run("result", job, "--json").stdout)["reported"]["result"] == WORST.text
    assert not hazards_in(place.on_terminal("result", job).stdout)
