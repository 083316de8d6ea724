"""The commands that change a job: what they send, what they print, and how they leave."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs import deeds
from mcp_browserjobs.acting import Actor
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator import variables
from mcp_browserjobs.simulator.script import Ask, Finish, Outage, PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.shell import Place, lines, served
from tests.stage import new_world, tracker_in

DONE = Script("Compare prices", (Queued(1), Step("Opened the shop"), Finish("There.")))
ENDLESS = Script("Read everything", (Queued(1), Step("Began"), Step("Reads on", 1e6)))
ASKING = Script("Order a kettle", (Queued(1), Ask("Which colour?", ("white", "blue")), Step("Goes on", 1e6)))
OPEN = Script("Order a kettle", (Queued(1), Ask("What name shall stand on it?"), Step("Goes on", 1e6)))
HOSTILE = Script("Ask", (Queued(1), Ask("\x1b[2J[bold]Which?\u202e", ("\x1b[31mred", "[/]", ":smile:"))))
QUICK = Script(
    "Order a kettle",
    (Queued(0), Step("Opened the shop", 0.2), Ask("Which colour?", ("white", "blue")), Finish({"ordered": True})),
)

AWAY = Outage(0, 1e9)


@pytest.fixture
def place() -> Place:
    return Place()


def job_of(place: Place, reference: str) -> PretendJob:
    """The pretend job behind a reference."""
    provider, _, job_id = reference.partition(":")
    job = place.world.find(provider, job_id)
    assert job is not None
    return job


def asked_to_change(place: Place) -> list[str]:
    """The requests that were more than looks."""
    return [asked.path for asked in place.world.requests if asked.method != "GET"]


# answer


def test_an_answer_is_sent_as_it_is_named(place: Place) -> None:
    reference = place.add("dari", ASKING)
    result = place.run("answer", reference, "a light blue")
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines(result)[0] == reference
    assert lines(result)[1].startswith("running  The answer reached the job.")
    assert [said for _, said in job_of(place, reference).answers.values()] == ["a light blue"]


def test_an_answer_as_json_is_the_tool_s(place: Place) -> None:
    answer = json.loads(place.run("answer", place.add("dari", ASKING), "blue", "--json").stdout)
    assert (answer["asked"], answer["took_effect"], answer["status"]) == ("answer", True, "running")


def test_an_answer_to_a_job_that_asks_nothing_is_1(place: Place) -> None:
    result = place.run("answer", place.add("dari", ENDLESS), "blue")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "The answer had no effect" in result.stdout
    unasked = place.run("answer", place.add("dari", ENDLESS))
    assert (unasked.exit_code, unasked.stdout) == (1, "")
    assert unasked.stderr.startswith("There is no question yet, the job is running; wait for it with mcp-browserjobs")
    assert asked_to_change(place) == []


def test_an_answer_to_another_question_than_is_asked_now_is_1(place: Place) -> None:
    reference = place.add("dari", ASKING)
    assert place.run("answer", reference, "blue", "--question-id", "another").exit_code == 1
    assert place.run("answer", reference, "--question-id", "another").exit_code == 1
    assert asked_to_change(place) == []


def test_without_a_terminal_the_question_is_shown_and_the_answer_has_to_be_named(place: Place) -> None:
    reference = place.add("dari", ASKING)
    result = place.run("answer", reference)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        reference,
        "The run asks:",
        "  Which colour?",
        "  1  white",
        "  2  blue",
        "There is no terminal to answer on; name the answer in the command.",
    ]
    assert asked_to_change(place) == []


def test_a_question_of_a_stranger_is_neither_markup_nor_control(place: Place) -> None:
    shown = place.run("answer", place.add("dari", HOSTILE)).stderr.splitlines()
    assert shown[2:6] == ["  [bold]Which?", "  1  red", "  2  [/]", "  3  :smile:"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [([], "Dari answers with HTTP status 503"), (["blue"], "It cannot be told whether Dari did that")],
)
def test_an_answer_while_the_provider_is_away_is_5(place: Place, tmp_path: Path, answer: list[str], told: str) -> None:
    reference, store = place.add("dari", ASKING), str(tmp_path / "jobs.sqlite3")
    place.see(reference, store)
    place.world.trouble = AWAY
    result = place.run("answer", reference, *answer, BROWSERJOBS_STORE=store)
    assert result.exit_code == 5
    assert result.stderr.startswith(told)


def test_an_empty_answer_is_2(place: Place) -> None:
    assert place.run("answer", place.add("dari", ASKING), " ").exit_code == 2


# pause, resume, cancel


def test_a_job_is_paused_resumed_and_cancelled_each_as_often_as_one_likes(place: Place, tmp_path: Path) -> None:
    reference, store = place.add("dari", ENDLESS), str(tmp_path / "jobs.sqlite3")
    for command, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        for _ in range(2):
            result = place.run(command, reference, BROWSERJOBS_STORE=store)
            assert (result.exit_code, result.stderr) == (0, "")
            assert lines(result)[1].startswith(status)
    assert len(asked_to_change(place)) == 3


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
def test_a_job_that_is_over_stays_so_and_that_is_1(place: Place, command: str) -> None:
    result = place.run(command, place.add("dari", DONE), "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["took_effect"], answer["status"]) == (1, False, "completed")
    assert asked_to_change(place) == []


@pytest.mark.parametrize(("command", "provider"), [("pause", "gobii"), ("resume", "gobii"), ("pause", "browser_use")])
def test_what_a_provider_cannot_do_is_2(place: Place, command: str, provider: str) -> None:
    result = place.run(command, place.add(provider, ENDLESS))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has no way to" in result.stderr


@pytest.mark.parametrize("arguments", [["answer", "blue"], ["pause"], ["resume"], ["cancel"]])
def test_when_everything_is_read_only_acting_is_2(place: Place, arguments: list[str]) -> None:
    command, *rest = arguments
    result = place.run(command, place.add("dari", ASKING), *rest, BROWSERJOBS_READ_ONLY="1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "BROWSERJOBS_READ_ONLY" in result.stderr
    assert place.world.requests == []


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
def test_acting_while_the_provider_is_away_is_5(place: Place, command: str) -> None:
    reference = place.add("dari", ENDLESS)
    place.world.trouble = AWAY
    assert place.run(command, reference).exit_code == 5


# start


def test_a_start_prints_the_reference_alone(place: Place) -> None:
    result = place.run("start", "gobii", "Find the cheapest kettle")
    [job] = place.world.jobs("gobii")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"gobii:{job.id}\n", "")
    assert job.script.title == "Find the cheapest kettle"


def test_a_start_as_json_is_the_tool_s_answer(place: Place) -> None:
    answer = json.loads(place.run("start", "gobii", "Find it", "--json").stdout)
    assert (answer["asked"], answer["took_effect"], answer["final"]) == ("start", True, False)


def test_a_start_goes_on_as_a_wait_when_told_to(place: Place) -> None:
    place.world.story = Script("", (Queued(0), Finish("Found.", goal_met=False)))
    result = place.run("start", "browser_use_v2", "Find it", "--wait")
    [job] = place.world.jobs("browser_use_v2")
    assert (result.exit_code, result.stderr) == (1, f"Started browser_use_v2:{job.id}.\n")
    assert lines(result)[0] == f"browser_use_v2:{job.id}"
    assert lines(result)[1].startswith("completed")


def test_the_same_start_is_the_same_job_unless_keys_tell_them_apart(place: Place, tmp_path: Path) -> None:
    store = str(tmp_path / "jobs.sqlite3")

    def start(task: str, *more: str) -> str:
        return place.run("start", "gobii", task, *more, BROWSERJOBS_STORE=store).stdout

    assert start("Find it") == start("Find it") != start("Find it", "--key", "one")
    assert start("Find it", "--key", "one") == start("Find it", "--key", "one")
    assert place.run("start", "gobii", "Another", "--key", "one", BROWSERJOBS_STORE=store).exit_code == 2
    assert len(place.world.jobs("gobii")) == 2


def test_parameters_come_from_the_line_or_from_a_file(place: Place, tmp_path: Path) -> None:
    form = tmp_path / "form.json"
    form.write_text('{"form_data": {"colour": "grün"}}', encoding="utf-8")
    for given in ('{"colour": "grün"}', f"@{form}"):
        reference = place.run("start", "dari", "demo-org/contact_form", "--parameters", given, "--key", given[0])
        assert job_of(place, reference.stdout.strip()).notes["form_data"] == {"colour": "grün"}


def test_parameters_that_the_provider_misses_are_named_as_the_option(place: Place) -> None:
    result = place.run("start", "tinyfish", "Find the cheapest kettle")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("--parameters must have the page to begin at")


@pytest.mark.parametrize("given", ["{", "[]", "null", "@nowhere.json", "@"])
def test_parameters_that_are_no_object_are_2(place: Place, given: str) -> None:
    result = place.run("start", "dari", "demo-org/contact_form", "--parameters", given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Invalid value for '--parameters'" in result.stderr
    assert place.world.requests == []


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["nobody", "Find it"], {}),
        (["gobii", " "], {}),
        (["gobii"], {}),
        (["gobii", "Find it"], {"BROWSERJOBS_READ_ONLY": "1"}),
        (["gobii", "Find it"], {"GOBII_API_KEY": None}),
    ],
)
def test_a_start_that_cannot_be_meant_or_is_not_allowed_is_2(
    place: Place, arguments: list[str], environ: dict[str, str | None]
) -> None:
    result = place.run("start", *arguments, **environ)
    assert (result.exit_code, result.stdout) == (2, "")
    assert place.world.requests == []


def test_a_start_without_credits_is_1(place: Place) -> None:
    place.world.out_of_credits = True
    result = place.run("start", "browser_use", "Find it")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "used up" in result.stderr


def test_a_start_of_which_nobody_knows_whether_it_happened_is_5(place: Place) -> None:
    place.world.trouble = AWAY
    result = place.run("start", "gobii", "Find it")
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.startswith("It cannot be told whether Gobii did that; see mcp-browserjobs jobs")


class Slow(InProcess):
    """Takes its time with whatever is more than a look."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if request.method == "POST":
            await anyio.sleep(20)
        return await super().handle_async_request(request)


@pytest.mark.anyio
async def test_a_start_waits_for_a_slow_provider_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    world = new_world()
    async with tracker_in(world, transport=Slow) as tracker:
        with anyio.fail_after(60):
            acted = await deeds._start(Actor(tracker), "gobii", "Find it", {}, "")
    [job] = world.jobs("gobii")
    assert (acted.took_effect, acted.view.reference) == (True, f"gobii:{job.id}")
    assert capsys.readouterr().err.count("The provider takes its time") == 1


# In processes of their own


@pytest.fixture
def world() -> World:
    return World(story=QUICK)


def shell(url: str, world: World, store: Path) -> dict[str, str]:
    """The variables of a shell in which the commands reach the pretend providers."""
    return {
        **os.environ,
        **variables(url, world),
        "DARI_POLL_SECONDS": "0.1",
        "BROWSERJOBS_STORE": str(store / "jobs.sqlite3"),
        "COLUMNS": "80",
    }


def command(*arguments: str, **kinds: Any) -> "subprocess.Popen[str]":
    """A command in a process of its own."""
    line = [sys.executable, "-m", "mcp_browserjobs", *arguments]
    return subprocess.Popen(line, text=True, stdout=subprocess.PIPE, **kinds)  # noqa: S603 - ours


def ran(*arguments: str, env: dict[str, str]) -> tuple[int, str]:
    """What a command leaves with, and what it prints."""
    with command(*arguments, env=env, stderr=subprocess.PIPE) as program:
        said, _ = program.communicate(timeout=20)
    return program.returncode, said


class Terminal:
    """A terminal in front of which a command runs, with standard output led elsewhere."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        import pty  # noqa: PLC0415 - not everywhere

        self._ours, theirs = pty.openpty()
        self.program = command(*arguments, env=env, stdin=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        """Type when the terminal asks."""
        while not self.shown.endswith("Answer: "):
            self.shown += os.read(self._ours, 4096).decode()
        os.write(self._ours, text.encode())

    def leave(self) -> tuple[int, str]:
        """What the command left with, and what it printed."""
        said, _ = self.program.communicate(timeout=20)
        os.close(self._ours)
        return self.program.returncode, said


terminals = pytest.mark.skipif(sys.platform == "win32", reason="terminals are another thing there")


@terminals
def test_a_whole_session_from_the_start_over_a_question_to_the_result(world: World, tmp_path: Path) -> None:
    with served(world) as url:
        env = shell(url, world, tmp_path)
        code, said = ran("start", "dari", "demo-org/contact_form", "--parameters", '{"colour": "any"}', env=env)
        reference = said.removesuffix("\n")
        assert (code, reference.count("\n")) == (0, 0)
        assert ran("wait", reference, env=env)[0] == 3
        terminal = Terminal("answer", reference, "--json", env=env)
        terminal.type("green\n")
        terminal.shown = ""
        terminal.type("2\n")
        code, said = terminal.leave()
        assert (code, json.loads(said)["took_effect"]) == (0, True)
        assert "One of the options, please, or its number." in terminal.shown
        assert ran("wait", reference, env=env)[0] == 0
        assert ran("result", reference, env=env) == (0, '{"ordered":true}\n')
    [job] = world.jobs("dari")
    assert [text for _, text in job.answers.values()] == ["blue"]


@terminals
@pytest.mark.parametrize("way_out", ["end", "interrupt"])
def test_whoever_would_rather_not_answer_sends_nothing(world: World, tmp_path: Path, way_out: str) -> None:
    job = world.add("dari", Script("Ask", (Queued(0), Ask("What name shall stand on it?"))))
    with served(world) as url:
        terminal = Terminal("answer", f"dari:{job.id}", env=shell(url, world, tmp_path))
        terminal.type("\n")
        terminal.shown = ""
        terminal.type("\x04" if way_out == "end" else "")
        if way_out == "interrupt":
            terminal.program.send_signal(signal.SIGINT)
        assert terminal.leave() == (130, "")
    assert job.answers == {}
