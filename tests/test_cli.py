"""The command line: the real tracker before pretend providers in this process."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from starlette.responses import JSONResponse

from mcp_browserjobs import __version__, cli, pretend
from mcp_browserjobs.exits import Exit
from mcp_browserjobs.images import FittedImage
from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.server.answers import Answer
from mcp_browserjobs.simulator import application, variables
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Outage, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.views import Screenshot
from tests.shell import Place, lines
from tests.stage import HOST, new_world, tracker_in

DONE = Script("Compare prices", (Queued(1), Step("Opened the shop"), Finish({"price": 42, "shop": "Café"})))
TEXT = Script("Write a poem", (Queued(1), Finish("\x1b[31mRoses\x1b[0m are [red]\n\u202eviolets")))
MISSED = Script("Find a flight", (Queued(1), Finish("There is none.", goal_met=False)))
FAILED = Script("Book a table", (Queued(1), Step("Opened the page"), Fail("It wants a \x1b[1mlogin[/bold].")))
ASKING = Script("Order a kettle", (Queued(1), Step("Opened the shop"), Ask("Which colour?", ("white", "blue"))))
ENDLESS = Script("Read everything", (Queued(1), Step("Began"), Step("Reads on", 1e6)))

AWAY = Outage(0, 1e9)
BUSY = RateLimit(0, 1e9)


COMMANDS = cli.main.list_commands(click.Context(cli.main))


@pytest.fixture
def place() -> Place:
    return Place()


# status


def test_status_tells_in_plain_lines_and_goes_well_whatever_the_job_did(place: Place) -> None:
    reference = place.add("gobii", FAILED)
    result = place.run("status", reference)
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines(result)[:2] == [reference, "failed  Failed at gobii after 4 s."]
    assert "  error     It wants a login[/bold]." in lines(result)
    assert not any(line.endswith(" ") or "\x1b" in line for line in lines(result))


def test_status_as_json_is_the_tool_s_answer_on_one_line(place: Place) -> None:
    reference = place.add("dari", ASKING)
    [line] = lines(place.run("status", reference, "--json"))
    answer = json.loads(line)
    assert (answer["job"], answer["status"], answer["final"]) == (reference, "waiting_for_input", False)
    assert answer["reported"]["question"]["options"] == ["white", "blue"]
    assert answer["next_step"] == f'answer_job_question(job="{reference}", answer="...")'


def test_status_takes_a_bare_id(place: Place) -> None:
    reference = place.add("gobii", DONE)
    assert lines(place.run("status", reference.removeprefix("gobii:")))[0] == reference


def test_status_that_only_knows_an_old_state_tells_it_and_is_5(place: Place, tmp_path: Path) -> None:
    reference = place.add("dari", ENDLESS)
    store = str(tmp_path / "jobs.sqlite3")
    place.see(reference, store)
    place.world.trouble = AWAY
    result = place.run("status", reference, BROWSERJOBS_STORE=store)
    assert result.exit_code == 5
    assert "This is the last known state" in result.stdout
    assert result.stderr.startswith("Dari answers with HTTP status 503 now;")


@pytest.mark.parametrize(
    ("reference", "code", "sentence"),
    [
        ("gobii:nonsense", 2, "That is no job id of Gobii;"),
        ("nobody:1", 2, "No account has that name;"),
        ("https://elsewhere.example/1", 2, "That link leads to no configured provider,"),
        ("gobii:0a1b2c3d-0000-4000-8000-000000000000", 1, "Gobii knows no such job"),
        ("0a1b2c3d-0000-4000-8000-000000000000", 1, "No job of that id is known"),
    ],
)
@pytest.mark.parametrize(
    "command",
    ["status", "wait", "events", "result", "diagnose", "screenshot", "links", "log", "pause", "cancel", "answer"],
)
def test_a_job_that_cannot_be_found_is_one_sentence(
    place: Place, command: str, reference: str, code: int, sentence: str
) -> None:
    result = place.run(command, reference)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("trouble", [AWAY, BUSY, Outage(0, 1e9, "html")])
def test_a_provider_that_does_not_answer_is_5(place: Place, trouble: Outage | RateLimit) -> None:
    reference = place.add("dari", DONE)
    place.world.trouble = trouble
    assert place.run("status", reference).exit_code == 5
    assert place.run("wait", reference, "--timeout", "0.2").exit_code == 5
    assert place.run("jobs", "--account", "gobii").exit_code == 5


def test_a_wrong_key_is_5(place: Place) -> None:
    reference = place.add("dari", DONE)
    result = place.run("status", reference, DARI_API_KEY="wrong")
    assert result.exit_code == 5
    assert "check the value of DARI_API_KEY" in result.stderr
    assert "wrong" not in result.stderr
    assert place.run("wait", reference, DARI_API_KEY="wrong").exit_code == 5


def test_wrong_settings_are_2_before_anything_is_asked(place: Place) -> None:
    for command in (["status", "gobii:1"], ["jobs"], ["serve"]):
        result = place.run(*command, GOBII_BASE_URL="ftp://gobii.example")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "GOBII_BASE_URL must be an http or https address without a query.\n"


def test_a_store_that_cannot_be_used_is_said_and_done_without(place: Place, tmp_path: Path) -> None:
    reference = place.add("gobii", DONE)
    result = place.run("status", reference, BROWSERJOBS_STORE=str(tmp_path))
    assert result.exit_code == 0
    assert result.stderr.startswith(f"The store {tmp_path} cannot be used")


# wait


@pytest.mark.parametrize(
    ("script", "code"), [(DONE, 0), (MISSED, 1), (FAILED, 1), (ASKING, 3)], ids=["done", "missed", "failed", "asking"]
)
def test_wait_tells_by_its_code_how_it_ended(place: Place, script: Script, code: int) -> None:
    provider = "dari" if script is ASKING else "browser_use_v2"
    result = place.run("wait", place.add(provider, script), "--timeout", "5")
    assert (result.exit_code, result.stderr) == (code, "")


def test_wait_is_over_when_the_job_is(place: Place) -> None:
    soon = Script("Hurry", (Queued(0), Step("Ran", 0.3), Finish("There.")))
    result = place.run("wait", place.add("dari", soon, ago=0), "--timeout", "20")
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines(result)[1].startswith("completed  Completed at dari")


def test_wait_that_runs_out_of_time_is_4_and_says_so(place: Place) -> None:
    reference = place.add("dari", ENDLESS)
    result = place.run("wait", reference, "--timeout", "0.2")
    assert (result.exit_code, lines(result)[0]) == (4, reference)
    assert result.stderr == "Not there after 0.2 s; the wait is over, the run goes on.\n"
    assert place.run("wait", reference, BROWSERJOBS_WAIT_SECONDS="0.1").exit_code == 4


def test_wait_until_the_result_does_not_end_at_a_question(place: Place) -> None:
    reference = place.add("dari", ASKING)
    assert place.run("wait", reference, "--until", "result", "--timeout", "0.2").exit_code == 4


def test_wait_until_a_change_ends_with_0_at_one(place: Place) -> None:
    steps = Script("Walk", (Queued(0), *(Step(f"Step {n}", 0.2) for n in range(1000))))
    assert place.run("wait", place.add("dari", steps, ago=1), "--until", "change", "--timeout", "20").exit_code == 0


def test_wait_for_several_tells_of_each_in_short_and_ends_with_the_gravest_code(place: Place) -> None:
    done, asking, failed = place.add("gobii", DONE), place.add("dari", ASKING), place.add("gobii", FAILED)
    result = place.run("wait", done, asking, "--timeout", "5")
    assert result.exit_code == 3
    assert lines(result)[0] == done
    assert "  question  Which colour?" in lines(result)
    assert place.run("wait", done, asking, failed, "--timeout", "5").exit_code == 1
    assert place.run("wait", done, "gobii:nonsense", "--timeout", "5").exit_code == 2


def test_wait_says_of_each_job_why_it_cannot_be_looked_up(place: Place) -> None:
    result = place.run("wait", "gobii:nonsense", "one", "two")
    assert result.exit_code == 2
    assert result.stderr.startswith('"gobii:nonsense": That is no job id of Gobii; ')
    assert '"one", "two": No job of that id is known here' in result.stderr


def test_wait_for_any_is_0_when_one_has_ended_well(place: Place) -> None:
    done, endless = place.add("gobii", DONE), place.add("dari", ENDLESS)
    assert place.run("wait", endless, done, "--need", "any", "--timeout", "5").exit_code == 0


def test_wait_as_json_is_the_tool_s_answer(place: Place) -> None:
    reference = place.add("gobii", DONE)
    answer = json.loads(place.run("wait", reference, "--json").stdout)
    assert answer.keys() == {"done", "waited_seconds", "jobs"}
    assert answer["jobs"][0]["reported"]["result"] == {"price": 42, "shop": "Café"}
    limited = json.loads(place.run("wait", reference, "--json", "--timeout", "7").stdout)
    assert limited["wait_cap_seconds"] == 7


def test_wait_shows_a_live_line_on_a_terminal_and_leaves_none(place: Place) -> None:
    reference = place.add("dari", ENDLESS)
    result = place.on_terminal("wait", reference, "--timeout", "0.4")
    assert result.exit_code == 4
    assert "Waiting, 0 s." in result.stderr
    assert "Reads on" in result.stderr
    assert "Waiting" not in result.stdout
    assert result.stderr.endswith("the run goes on.\n")


def test_wait_shows_no_live_line_on_a_terminal_that_cannot_move_its_cursor(place: Place) -> None:
    reference = place.add("gobii", DONE)
    assert place.run("wait", reference, FORCE_COLOR="1", TERM="dumb").stderr == ""


@pytest.mark.parametrize("arguments", [["wait"], ["wait", "gobii:1", "--timeout", "0"], ["nonsense"]])
def test_wrong_usage_is_2(place: Place, arguments: list[str]) -> None:
    assert place.run(*arguments).exit_code == 2


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_timeout_is_a_number_of_seconds(place: Place, seconds: str) -> None:
    assert place.run("wait", "gobii:1", "--timeout", seconds).exit_code == 2


def test_more_jobs_than_one_wait_takes_is_2(place: Place) -> None:
    assert place.run("wait", *(f"gobii:{n}" for n in range(21))).exit_code == 2


def test_an_interrupted_wait_ends_quietly_with_130(place: Place) -> None:
    async def interrupting(_scope: Any, _receive: Any, _send: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

    result = place.run("wait", place.add("gobii", DONE), app=interrupting)
    assert (result.exit_code, result.output) == (130, "")


# events


def test_events_are_a_line_each_in_a_pipe(place: Place) -> None:
    result = place.run("events", place.add("dari", ASKING))
    cells = [line.split("\t") for line in lines(result)]
    assert (result.exit_code, result.stderr) == (0, "")
    assert [cell[0] for cell in cells] == [str(n) for n in range(1, len(cells) + 1)]
    assert {cell[2] for cell in cells} == {"status", "message", "step", "question"}


def test_events_are_a_table_on_a_terminal(place: Place) -> None:
    result = place.on_terminal("events", place.add("dari", ASKING))
    assert lines(result)[0].endswith(" UTC")
    assert any("question  Which colour?" in line for line in lines(result))


def test_events_as_json_are_an_object_a_line_and_go_on_where_told(place: Place) -> None:
    reference = place.add("dari", ASKING)
    whole = place.run("events", reference, "--json", "--limit", str(10**30))
    assert (whole.exit_code, len(lines(whole))) == (0, 4)
    first = place.run("events", reference, "--json", "--limit", "2")
    assert [json.loads(line)["seq"] for line in lines(first)] == [1, 2]
    assert first.stderr == "There is more: add --after 2.\n"
    rest = place.run("events", reference, "--json", "--after", "2")
    assert json.loads(lines(rest)[0]).keys() == {"seq", "at", "kind", "reported"}
    assert json.loads(lines(rest)[0])["seq"] == 3


def test_events_of_a_job_that_cannot_be_asked_for_are_those_seen_before(place: Place, tmp_path: Path) -> None:
    reference = place.add("dari", ENDLESS)
    store = str(tmp_path / "jobs.sqlite3")
    place.see(reference, store)
    place.world.trouble = AWAY
    result = place.run("events", reference, BROWSERJOBS_STORE=store)
    assert result.exit_code == 5
    assert lines(result)[-1].split("\t")[2:] == ["step", "Began"]


def test_following_prints_events_until_the_job_is_over(place: Place) -> None:
    script = Script("Hurry", (Queued(0), Step("One", 0.2), Step("Two", 0.2), Finish("There.")))
    result = place.run("events", place.add("dari", script, ago=0), "--follow", "--json")
    said = [json.loads(line) for line in lines(result)]
    assert (result.exit_code, result.stderr) == (0, "")
    assert [event["seq"] for event in said] == list(range(1, len(said) + 1))
    assert said[-1]["reported"]["status"] == "completed"


@pytest.mark.anyio
async def test_following_stops_at_its_limit() -> None:
    world, seen = new_world(), list[Answer]()
    async with tracker_in(world) as tracker:
        job = world.add("dari", ENDLESS)
        assert await cli._follow(tracker, f"dari:{job.id}", 1, 2, seen.extend) is Exit.COMPLETED
    assert [event["seq"] for event in seen] == [2, 3]


@pytest.mark.anyio
async def test_following_survives_passing_trouble_and_tells_of_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    world, seen = new_world(), list[Answer]()
    troubles = (Outage(0, 4), RateLimit(20, 30))
    script = Script("Trouble", (Queued(1), *(Step(f"Step {n}", 10) for n in range(1, 8)), Finish()), troubles)
    async with tracker_in(world) as tracker:
        job = world.add("dari", script)
        with anyio.fail_after(600):
            code = await cli._follow(tracker, f"dari:{job.id}", 0, 1000, seen.extend)
    assert code is Exit.COMPLETED
    assert [event["reported"].get("text") for event in seen if event["kind"] == "step"] == [
        f"Step {n}" for n in range(1, 8)
    ]
    assert capsys.readouterr().err.splitlines() == [
        "Dari answers with HTTP status 503 now; the run itself goes on, so try again in a minute.",
        "Dari asks for fewer requests; ask again in 5 s.",
    ]


@pytest.mark.anyio
async def test_following_ends_with_trouble_that_stays() -> None:
    world = new_world()
    async with tracker_in(world) as tracker:
        job = world.add("dari", ENDLESS)

        async def later() -> None:
            await anyio.sleep(30)
            world.key = "another"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later)
            with anyio.fail_after(600):
                code = await cli._follow(tracker, f"dari:{job.id}", 0, 1000, lambda _: None)
    assert code is Exit.UNREACHABLE


# result


def test_a_result_is_printed_alone_for_a_pipe(place: Place) -> None:
    assert place.run("result", place.add("gobii", DONE)).stdout == '{"price":42,"shop":"Café"}\n'
    assert place.run("result", place.add("gobii", TEXT)).stdout == "\x1b[31mRoses\x1b[0m are [red]\n\u202eviolets\n"


def test_a_part_of_a_result_is_found_by_its_pointer(place: Place) -> None:
    reference = place.add("gobii", DONE)
    assert place.run("result", reference, "--pointer", "/shop").stdout == "Café\n"
    assert place.run("result", reference, "--pointer", "/price").stdout == "42\n"
    assert place.run("result", reference, "--pointer", "/nothing").exit_code == 2


def test_a_result_of_nothing_is_null(place: Place) -> None:
    reference = place.add("browser_use_v3", Script("Look", (Queued(1), Finish({"found": None}))))
    assert place.run("result", reference, "--pointer", "/found").stdout == "null\n"


def test_a_result_on_a_terminal_is_laid_out_and_harmless(place: Place) -> None:
    assert lines(place.on_terminal("result", place.add("gobii", DONE))) == [
        "{",
        '  "price": 42,',
        '  "shop": "Café"',
        "}",
    ]
    assert place.on_terminal("result", place.add("gobii", TEXT)).stdout == "Roses are [red]\nviolets\n"


def test_a_result_as_json_is_the_tool_s_answer(place: Place) -> None:
    answer = json.loads(place.run("result", place.add("gobii", TEXT), "--json").stdout)
    assert answer["reported"]["result"].startswith("\x1b[31mRoses")
    assert answer["more"] is False


def test_a_job_without_a_result_is_1(place: Place) -> None:
    result = place.run("result", place.add("dari", ASKING))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("There is no result yet")


# What else there is to a job


def test_a_diagnosis_tells_what_is_the_matter_and_goes_well(place: Place) -> None:
    reference = place.add("gobii", FAILED)
    result = place.run("diagnose", reference)
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines(result)[:2] == [reference, "unknown  Failed at gobii after 4 s."]
    assert "  error     It wants a login[/bold]." in lines(result)
    assert lines(result)[-1] == f"Next: mcp-browserjobs events {reference} --after 0"
    answer = json.loads(place.run("diagnose", reference, "--json").stdout)
    assert answer["verdict"] == "unknown"


def test_a_diagnosis_of_an_old_state_is_5(place: Place, tmp_path: Path) -> None:
    reference = place.add("dari", ENDLESS)
    store = str(tmp_path / "jobs.sqlite3")
    place.see(reference, store)
    place.world.trouble = AWAY
    result = place.run("diagnose", reference, BROWSERJOBS_STORE=store)
    assert result.exit_code == 5
    assert lines(result)[0] == reference


def test_a_screenshot_becomes_a_file_named_after_the_job(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reference = place.add("dari", DONE)
    uuid = reference.rpartition("/")[2]
    result = place.run("screenshot", reference)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"dari-{uuid}-0.png\n", "")
    assert (tmp_path / f"dari-{uuid}-0.png").read_bytes().startswith(b"\x89PNG")
    about = json.loads(place.run("screenshot", reference, "--json", "--index", "0", "-o", "other.png").stdout)
    assert about == {"job": reference, "index": 0, "count": 1, "file": "other.png"}


def test_a_screenshot_overwrites_nothing_unless_told_to(place: Place, tmp_path: Path) -> None:
    reference, kept = place.add("dari", DONE), tmp_path / "kept.png"
    kept.write_text("mine")
    result = place.run("screenshot", reference, "-o", str(kept))
    assert (result.exit_code, result.stdout, kept.read_text()) == (2, "", "mine")
    assert result.stderr == f"{kept} exists; name another file, or write over it with --force.\n"
    assert place.run("screenshot", reference, "-o", str(kept), "--force").exit_code == 0
    assert kept.read_bytes().startswith(b"\x89PNG")
    nowhere = place.run("screenshot", reference, "-o", str(kept / "below.png"), "--force")
    assert nowhere.exit_code == 2
    assert "cannot be written" in nowhere.stderr


def test_a_screenshot_goes_into_a_pipe_as_bytes(place: Place) -> None:
    reference = place.add("dari", DONE)
    result = place.run("screenshot", reference, "-o", "-")
    assert result.exit_code == 0
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert place.run("screenshot", reference, "-o", "-", "--json").exit_code == 2


def test_a_file_s_name_is_made_of_letters_that_no_system_minds() -> None:
    shown = Screenshot(JobRef("dari", "org/portal/../..\\\x1b[2J$(x) é"), FittedImage(b"", "image/jpeg", 1, 1), 3, 4)
    assert cli._picture_name(shown) == "dari-2J-x-3.jpg"


@pytest.mark.parametrize(
    ("command", "provider", "code"),
    [("screenshot", "dari", 1), ("screenshot", "gobii", 2), ("log", "dari", 2)],
)
def test_what_is_not_there_yet_is_1_and_what_never_is_2(place: Place, command: str, provider: str, code: int) -> None:
    result = place.run(command, place.add(provider, ENDLESS))
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.count("\n") == 1


def test_links_are_a_line_each_in_a_pipe_and_come_with_a_warning(place: Place) -> None:
    reference = place.add("dari", DONE)
    result = place.run("links", reference)
    assert result.exit_code == 0
    assert [line.split("\t")[0] for line in lines(result)] == ["live_view", "recording"]
    assert result.stderr.startswith("Whoever has one of these links can look")
    shown = place.on_terminal("links", reference, columns=30)
    assert [line for line in lines(shown) if line.startswith("  https://storage.example/")]
    answer = place.run("links", reference, "--json")
    assert ({link["kind"] for link in json.loads(answer.stdout)["links"]}, answer.stderr) == (
        {"live_view", "recording"},
        "",
    )


def test_a_job_without_links_is_said_to_have_none(place: Place) -> None:
    result = place.run("links", place.add("gobii", DONE))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("There are no links")


def test_a_log_is_printed_as_it_is(place: Place) -> None:
    reference = place.add("browser_use_v2", DONE)
    text = place.run("log", reference).stdout
    assert "Opened the shop" in text
    answer = json.loads(place.run("log", reference, "--json").stdout)
    assert (answer["job"], answer["reported"]["text"]) == (reference, text)


# jobs and accounts


def test_jobs_are_listed_newest_first_one_a_line_in_a_pipe(place: Place) -> None:
    older, newer = place.add("gobii", FAILED, ago=200), place.add("browser_use", DONE, ago=100)
    result = place.run("jobs")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split("\t")[:2] for line in lines(result)] == [[newer, "completed"], [older, "failed"]]


def test_jobs_are_filtered_and_limited(place: Place) -> None:
    older, newer = place.add("gobii", FAILED, ago=200), place.add("gobii", DONE, ago=100)
    place.add("browser_use", DONE)
    assert lines(place.run("jobs", "--account", "gobii", "--status", "failed"))[0].startswith(older)
    limited = place.run("jobs", "--account", "gobii", "--limit", "1")
    assert [line.split("\t")[0] for line in lines(limited)] == [newer]
    assert limited.stderr == "There are more; --limit shows them.\n"


def test_jobs_as_json_are_the_tool_s_answer_with_a_cursor_that_leads_on(place: Place) -> None:
    older, newer = place.add("gobii", FAILED, ago=200), place.add("gobii", DONE, ago=100)
    first = json.loads(place.run("jobs", "--json", "--limit", "1").stdout)
    second = json.loads(place.run("jobs", "--json", "--limit", "1", "--cursor", first["next_cursor"]).stdout)
    assert [page["jobs"][0]["job"] for page in (first, second)] == [newer, older]


def test_jobs_on_a_terminal_keep_their_references_whole(place: Place) -> None:
    reference = place.add("gobii", DONE)
    result = place.on_terminal("jobs", columns=30)
    assert lines(result)[2] == f"  {reference}"
    assert all(len(line) <= 30 for line in lines(result)[:2])


def test_jobs_say_when_there_are_none(place: Place) -> None:
    assert place.run("jobs", "--account", "gobii").stderr == "No jobs are known.\n"
    nothing = dict.fromkeys(variables(HOST, place.world))
    result = place.run("jobs", **nothing)
    assert result.stderr.startswith("No account is configured")


def test_jobs_tell_which_accounts_cannot_list_theirs_when_they_may_be_missed(place: Place) -> None:
    known_here = "one is known here once it has been looked at"
    assert place.run("jobs", "--account", "dari").stderr == f"No jobs are known. dari lists none: {known_here}.\n"
    assert place.run("jobs").stderr == f"No jobs are known. dari, hyperbrowser list none: {known_here}.\n"
    place.add("gobii", DONE)
    assert place.run("jobs").stderr == ""


def test_jobs_of_an_account_that_cannot_be_asked_are_missing_and_said_to_be(place: Place) -> None:
    reference = place.add("gobii", DONE)
    place.world.troubles["browser_use"] = AWAY
    result = place.run("jobs")
    assert result.exit_code == 5
    assert lines(result)[0].startswith(reference)
    assert result.stderr.startswith("Browser Use answers with HTTP status 503")
    assert place.run("jobs", "--account", "nobody").exit_code == 2


def test_accounts_are_a_line_each_in_a_pipe_and_tried_when_asked(place: Place) -> None:
    assert "dari\tdari\tuntested\tDARI_API_KEY" in lines(place.run("accounts"))
    result = place.run("accounts", "--check")
    assert result.exit_code == 0
    assert "dari\tdari\tworks" in lines(result)


def without_first_generation(world: World, status: int) -> Any:
    """The pretend providers, of which the first API of Browser Use answers with this status."""
    rest = application(world)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        gone = "/api/v1/" in scope["path"] and "browser_use" in scope["path"]
        await (JSONResponse({"detail": "Not Found"}, status) if gone else rest)(scope, receive, send)

    return app


@pytest.mark.parametrize("status", [401, 404])
def test_an_api_that_is_shut_is_no_reason_for_alarm_while_its_key_works_elsewhere(place: Place, status: int) -> None:
    app = without_first_generation(place.world, status)
    result = place.run("accounts", "--check", app=app)
    assert result.exit_code == 0
    [row] = [line for line in lines(result) if line.startswith("browser_use_v1\t")]
    assert row.endswith("\t\tBrowser Use (API v1) is no longer open to this key, which says nothing about the key.")
    shown = place.run("accounts", "--check", app=app, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm", COLUMNS="120")
    assert "browser_use_v1  closed" in lines(shown)
    assert "refused" not in shown.stdout
    assert "The key in BROWSER_USE_API_KEY works." in place.run("doctor", app=app, HOME="/nonexistent").stdout


def test_accounts_with_a_refused_key_are_5(place: Place) -> None:
    result = place.on_terminal("accounts", "--check", GOBII_API_KEY="wrong")
    assert result.exit_code == 5
    assert "gobii  key refused  GOBII_API_KEY" in lines(result)
    assert "  Gobii refused the key of account gobii: check the value of GOBII_API_KEY." in lines(result)


def test_accounts_without_any_say_which_variables_make_one(place: Place) -> None:
    nothing = dict.fromkeys(variables(HOST, place.world))
    result = place.run("accounts", "--json", **nothing)
    assert json.loads(result.stdout)["accounts"] == []
    assert "DARI_API_KEY" in result.stderr


# The rest


def test_every_command_explains_itself(place: Place) -> None:
    for name in COMMANDS:
        result = place.run(name, "--help")
        assert (result.exit_code, result.stderr) == (0, "")
    assert "Exit codes:\n    0    completed" in place.run("--help").stdout
    assert place.run("--version").stdout == f"{__version__}\n"


def test_a_port_that_is_taken_is_said_to_be(place: Place) -> None:
    with pretend.listen(0) as taken:
        result = place.run("simulate", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert result.stderr == f"--port cannot be used ({os.strerror(errno.EADDRINUSE)}); choose another.\n"


def process(*arguments: str, **kinds: Any) -> "subprocess.Popen[str]":
    """The program in a process of its own, with no account."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
    environ |= {"BROWSERJOBS_STORE": ":memory:", "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-m", "mcp_browserjobs", *arguments]
    return subprocess.Popen(command, env=environ, text=True, stderr=subprocess.PIPE, **kinds)  # noqa: S603 - ours


def test_without_a_command_it_serves_over_stdio_until_the_client_is_gone() -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    server = process(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(hello) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    server.communicate(timeout=20)
    assert answer["result"]["serverInfo"]["version"] == __version__
    assert server.returncode == 0


HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


def test_a_host_that_others_can_reach_is_refused() -> None:
    server = process("serve", "--transport", "http", "--host", "0.0.0.0")  # noqa: S104 - that is the point
    assert server.communicate(timeout=20)[1].startswith("--host must be one of")
    assert server.returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
@pytest.mark.parametrize("command", [["accounts", "--json"], ["demo", "--fast"]])
def test_nobody_reading_on_ends_it_quietly(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        program = process(*command, stdout=closed)
        assert program.communicate(timeout=20)[1] == ""
    assert program.returncode == 130


def test_the_command_line_imports_only_what_every_command_needs() -> None:
    heavy = ("rich", "mcp", "uvicorn", "starlette", "mcp_browserjobs.simulator", "mcp_browserjobs.screen")
    code = f"import sys, mcp_browserjobs.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"  # noqa: S603 - ours


def test_a_server_over_stdio_does_without_colours_and_pretence() -> None:
    heavy = ("rich", "PIL", "jwt", "ruamel", "dotenv")
    ours = [f"mcp_browserjobs.{name}" for name in ("simulator", "screen", "demo", "server.doors", "server.web")]
    code = "import sys, mcp_browserjobs.cli, mcp_browserjobs.server.stdio;"
    code += f"print([name for name in {[*heavy, *ours]} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"  # noqa: S603 - ours


def test_serving_over_stdio_imports_nothing_of_what_is_served_over_http() -> None:
    program = [sys.executable, "-X", "importtime", "-m", "mcp_browserjobs", "serve"]
    served = subprocess.run(program, input="", capture_output=True, text=True, check=True)  # noqa: S603 - ours
    imported = set(re.findall(r"\| +(\S+)$", served.stderr, re.MULTILINE))
    assert "mcp_browserjobs.server.stdio" in imported
    assert not imported & {"h11", "jwt", "mcp_browserjobs.server.doors", "mcp_browserjobs.server.web"}
