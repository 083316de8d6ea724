"""How answers look to a person, in any width and whatever strangers wrote."""

from collections.abc import Iterable
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from rich.console import Console, Group, RenderableType

from mcp_browserjobs import terminal
from mcp_browserjobs.server.answers import Answer

REFERENCE = "dari:demo-org/contact_form/550e8400-e29b-41d4-a716-446655440000"
HOSTILE = "\x1b[31mred\x1b[0m [bold]loud[/bold] :smile: \x07\x9b2J\u202eback [/] [link=file:///etc]x"
HARMLESS = "red [bold]loud[/bold] :smile: 2Jback [/] [link=file:///etc]x"


def drawn(parts: Iterable[RenderableType], *, width: int = 80, colour: bool = False) -> str:
    """The parts as a terminal of this width shows them."""
    to = Console(
        file=StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard" if colour else None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    to.print(Group(*parts), crop=False)
    assert isinstance(to.file, StringIO)
    return "\n".join(line.rstrip() for line in to.file.getvalue().splitlines())


def answer(**fields: Any) -> Answer:
    """A Job answer with these fields besides those that are always there."""
    return {"job": REFERENCE, "status": "running", "final": False, "summary": "Running at dari.", **fields}


def test_a_job_shows_what_we_say_apart_from_what_the_run_says() -> None:
    shown = answer(
        provider_status="busy",
        next_step=f'wait_for_result(jobs=["{REFERENCE}"])',
        started_at="2026-11-01T12:00:00Z",
        finished_at="2026-11-01T12:01:00Z",
        checked_at="2026-11-01T12:01:05Z",
        events_seen=4,
        cost={"amount": 0.0, "unit": "USD"},
        has=["log", "result"],
        reported={
            "current_step": "Opened the shop",
            "question": {"id": "q", "text": "Which colour?", "options": ["white", "blue"]},
            "error": "No.",
            "latest_events": [{"seq": 3, "kind": "step", "text": "Opened the shop"}, {"seq": 4, "kind": "other"}],
        },
    )
    assert drawn(terminal.job(shown)).splitlines() == [
        REFERENCE,
        "running  Running at dari.",
        "  started   2026-11-01 12:00:00 UTC",
        "  finished  2026-11-01 12:01:00 UTC",
        "  events    4",
        "  cost      0 USD",
        "  has       log, result",
        "  checked   2026-11-01 12:01:05 UTC",
        "The run reports:",
        "  status    busy",
        "  step      Opened the shop",
        "  question  Which colour?",
        "            - white",
        "            - blue",
        "  error     No.",
        "  latest    3 step Opened the shop",
        "            4 other",
        f"Next: mcp-browserjobs wait {REFERENCE}",
    ]


def test_a_job_of_which_nothing_is_known_is_two_lines() -> None:
    assert len(drawn(terminal.job(answer())).splitlines()) == 2


@pytest.mark.parametrize(
    ("fields", "goal"),
    [
        ({"goal_met": True, "goal_met_by": "agent"}, "met, says the agent"),
        ({"goal_met": False, "goal_met_by": "judge"}, "missed, says the judge"),
        ({"goal_met": True}, "met"),
    ],
)
def test_a_goal_is_met_or_missed_by_somebody_s_word(fields: Answer, goal: str) -> None:
    assert f"  goal      {goal}" in drawn(terminal.job(answer(**fields))).splitlines()


def test_a_failure_is_named_when_its_kind_is_known() -> None:
    assert "failure   timed_out" in drawn(terminal.job(answer(failure="timed_out")))
    assert "failure" not in drawn(terminal.job(answer(failure="unknown")))


def test_large_figures_are_written_out() -> None:
    spent = {"amount": 1234567.8, "unit": "credits"}
    assert "  cost      1234568 credits" in drawn(terminal.job(answer(cost=spent)))
    assert "  cost      0.0125 USD" in drawn(terminal.job(answer(cost={"amount": 0.0125, "unit": "USD"})))
    held = {"verdict": "waiting_for_person", "evidence": {"quiet_seconds": 1209600.4}}
    assert "1209600 s" in drawn(terminal.diagnosis(answer(**held)))


def test_a_result_is_shown_as_text_or_as_json() -> None:
    assert "  result    Done." in drawn(terminal.job(answer(reported={"result": "Done."})))
    assert '"price": 42' in drawn(terminal.job(answer(reported={"result": {"price": 42}})))
    assert "  result    0" in drawn(terminal.job(answer(reported={"result": 0})))
    assert "  result    The begin" in drawn(terminal.job(answer(reported={"result_preview": "The begin"})))


def test_the_next_step_is_a_command_that_can_be_copied_as_one_line_in_any_width() -> None:
    shown = answer(next_step=f'wait_for_result(jobs=["{REFERENCE}"], until="result")')
    assert drawn(terminal.job(shown), width=30).splitlines()[-1] == (
        f"Next: mcp-browserjobs wait {REFERENCE} --until result"
    )


def test_a_diagnosis_shows_its_reasons_what_the_run_says_and_every_command_that_could_help() -> None:
    shown: Answer = {
        "job": REFERENCE,
        "status": "running",
        "verdict": "stalled",
        "summary": "Running at dari, yet nothing has changed for 5 min.",
        "evidence": {
            "events": 9,
            "last_step_seq": 8,
            "usual_gap_seconds": 3.5,
            "repeated": {"what": "step", "times": 4, "first_seq": 6, "last_seq": 9},
            "inferred": True,
        },
        "suggestions": [f'get_job_events(job="{REFERENCE}", after=5)', f'cancel_job(job="{REFERENCE}")'],
        "reported": {"last_step": "Scrolled down", "last_url": "https://shop.example/"},
    }
    assert drawn(terminal.diagnosis(shown)).splitlines() == [
        REFERENCE,
        "stalled  Running at dari, yet nothing has changed for 5 min.",
        "  events     9",
        "  last step  event 8",
        "  usual gap  3.5 s",
        "  repeated   the same step 4 times, events 6 to 9",
        "  verdict    inferred from what the run says of its error",
        "The run reports:",
        "  last step  Scrolled down",
        "  last url   https://shop.example/",
        f"Next: mcp-browserjobs events {REFERENCE} --after 5",
        f"      mcp-browserjobs cancel {REFERENCE}",
    ]


def test_a_question_without_a_text_says_so() -> None:
    assert drawn(terminal.question(REFERENCE, {"id": "q"})).splitlines() == [
        REFERENCE,
        "The run asks:",
        "  (a question without a text)",
    ]


@pytest.mark.parametrize(
    ("said", "options", "meant"),
    [
        (" anything\n", [], "anything"),
        ("\n", [], None),
        ("2", ["white", "blue"], "blue"),
        ("Blue", ["white", "blue"], "blue"),
        ("2", ["2", "1"], "2"),
        ("0", ["white", "blue"], None),
        ("3", ["white", "blue"], None),
        ("green", ["white", "blue"], None),
        ("", ["white", "blue"], None),
    ],
)
def test_an_answer_is_one_of_the_options_or_its_number(said: str, options: list[str], meant: str | None) -> None:
    assert terminal.chosen(said, options) == meant


LINKS: Answer = {
    "job": REFERENCE,
    "links": [
        {"kind": "live_view", "url": "https://live.example/a?token=b", "expires_at": "2026-11-01T12:00:00Z"},
        {"kind": "recording", "url": "https://storage.example/a.webm"},
    ],
}


def test_links_stay_whole() -> None:
    assert drawn(terminal.links(LINKS), width=50).splitlines() == [
        "live_view  until 2026-11-01 12:00:00 UTC",
        "  https://live.example/a?token=b",
        "recording",
        "  https://storage.example/a.webm",
    ]
    assert list(terminal.link_lines(LINKS)) == [
        "live_view\thttps://live.example/a?token=b\t2026-11-01T12:00:00Z",
        "recording\thttps://storage.example/a.webm\t",
    ]


def test_jobs_in_short_tell_where_they_stand_and_what_they_want() -> None:
    several = [
        answer(status="completed", summary="Completed.", reported={"result": "Done."}),
        answer(status="waiting_for_input", summary="Waits.", reported={"question": {"text": "Which?"}}),
        answer(status="unknown", summary="Nothing.", problem="No account has that name."),
    ]
    assert drawn(terminal.jobs_in_short(several)).splitlines() == [
        REFERENCE,
        "completed  Completed.",
        "",
        REFERENCE,
        "waiting_for_input  Waits.",
        "  question  Which?",
        "",
        REFERENCE,
        "unknown  Nothing.",
        "No account has that name.",
    ]


LIST: Answer = {
    "jobs": [
        {
            "job": REFERENCE,
            "status": "failed",
            "started_at": "2026-11-01T12:00:00Z",
            "reported": {"title": "Book a table\nfor two"},
        },
        {"job": "gobii:1", "status": "unknown"},
    ]
}


def test_a_list_of_jobs_keeps_references_whole_and_cuts_titles() -> None:
    assert drawn(terminal.jobs(LIST), width=60).splitlines() == [
        "failed             2026-11-01 12:00  Book a table for two",
        f"  {REFERENCE}",
        "unknown",
        "  gobii:1",
    ]
    assert drawn(terminal.jobs(LIST), width=20).splitlines() == [
        "failed  2026-11-01",
        "12:00",
        "  Book a table for …",
        f"  {REFERENCE}",
        "unknown",
        "  gobii:1",
    ]


def test_a_list_of_jobs_is_a_line_each_for_a_pipe() -> None:
    assert list(terminal.job_lines(LIST)) == [
        f"{REFERENCE}\tfailed\t2026-11-01T12:00:00Z\tBook a table for two",
        "gobii:1\tunknown\t\t",
    ]


ACCOUNTS: Answer = {
    "accounts": [
        {"account": "dari", "provider": "dari", "abilities": ["get_job_status", "list_jobs"], "key": "works"},
        {"account": "home", "provider": "gobii", "abilities": ["get_job_status"], "key": "works"},
        {
            "account": "work",
            "provider": "gobii",
            "abilities": ["get_job_status"],
            "key": "refused",
            "key_variable": "WORK_KEY",
            "problem": "Gobii refused the key.",
        },
    ]
}


def test_accounts_tell_their_keys_state_and_what_they_can_do() -> None:
    assert drawn(terminal.accounts(ACCOUNTS)).splitlines() == [
        "dari  key works",
        "  jobs",
        "home  gobii  key works",
        "work  gobii  key refused  WORK_KEY",
        "  Gobii refused the key.",
        "With each: status",
    ]


def test_a_single_account_has_all_its_commands_in_one_place() -> None:
    assert drawn(terminal.accounts({"accounts": ACCOUNTS["accounts"][:1]})).splitlines() == [
        "dari  key works",
        "  status, jobs",
    ]


def test_accounts_are_a_line_each_for_a_pipe() -> None:
    assert list(terminal.account_lines(ACCOUNTS)) == [
        "dari\tdari\tworks\t\t",
        "home\tgobii\tworks\t\t",
        "work\tgobii\trefused\tWORK_KEY\tGobii refused the key.",
    ]


def event(seq: int, at: str, kind: str, **reported: Any) -> Answer:
    """An event of a log."""
    return {"seq": seq, "at": at, "kind": kind, "reported": reported}


def test_a_log_says_each_day_once_and_wraps_under_its_texts() -> None:
    log = terminal.EventLog()
    first = [
        event(9, "2026-11-01T12:00:00Z", "status", status="running", provider_status="running"),
        event(10, "2026-11-01T12:00:05Z", "step", text="Opened the page of the restaurant", url="https://x.example"),
    ]
    assert drawn(log.rows(first), width=60).splitlines() == [
        "2026-11-01 UTC",
        "   9  12:00:00  status    running",
        "  10  12:00:05  step      Opened the page of the restaurant",
        "                          url=https://x.example",
    ]
    assert drawn(log.rows(first), width=40).splitlines() == [
        "   9  12:00:00  status  running",
        "  10  12:00:05  step",
        "      Opened the page of the restaurant",
        "      url=https://x.example",
    ]
    second = [event(11, "2026-11-01T23:59:59Z", "log"), event(12, "2026-11-02T00:00:01Z", "other")]
    assert drawn(log.rows(second)).splitlines() == [
        "  11  23:59:59  log",
        "2026-11-02 UTC",
        "  12  00:00:01  other",
    ]


@pytest.mark.parametrize(
    ("reported", "text"),
    [
        ({"status": "running", "provider_status": "in_progress"}, "running  provider_status=in_progress"),
        ({"text": "Which?", "question_id": "q", "options": ["a", "b"], "note": None}, 'Which?  options=["a", "b"]'),
        ({"text": 7}, "7"),
        ({}, ""),
    ],
)
def test_an_event_says_its_text_and_then_the_rest_but_ids(reported: Answer, text: str) -> None:
    assert terminal.said(event(1, "2026-11-01T12:00:00Z", "other", **reported)) == text


def test_an_event_is_one_line_for_a_pipe() -> None:
    lines = terminal.event_lines([event(1, "2026-11-01T12:00:00Z", "message", text="One\n\ttwo")])
    assert list(lines) == ["1\t2026-11-01T12:00:00Z\tmessage\tOne two"]


@pytest.mark.parametrize("colour", [True, False])
def test_what_strangers_write_is_neither_markup_nor_control(colour: bool) -> None:  # noqa: FBT001 - a parameter
    said = {
        "current_step": HOSTILE,
        "error": HOSTILE,
        "result": HOSTILE,
        "question": {"id": "q", "text": HOSTILE, "options": [HOSTILE]},
        "latest_events": [{"seq": 1, "kind": "step", "text": HOSTILE}],
    }
    hostile = answer(provider_status=HOSTILE, reported=said)
    rows: Answer = {"jobs": [{"job": f"dari:{HOSTILE}", "status": HOSTILE, "reported": {"title": HOSTILE}}]}
    diagnosis = {"verdict": "unknown", "evidence": {}, **hostile, "reported": {"last_step": HOSTILE}}
    board = terminal.Board()
    board.update([hostile])
    for parts in (
        terminal.diagnosis(diagnosis),
        terminal.question(HOSTILE, {"text": HOSTILE, "options": [HOSTILE]}),
        terminal.links({"links": [{"kind": "download", "url": HOSTILE}]}),
        terminal.job(hostile),
        terminal.jobs_in_short([hostile]),
        terminal.jobs(rows),
        terminal.EventLog().rows([event(1, "2026-11-01T12:00:00Z", "step", text=HOSTILE, note=HOSTILE)]),
        [board],
    ):
        shown = drawn(parts, width=300, colour=colour)
        assert HARMLESS in shown
        assert not {"\x07", "\x9b", "\u202e"} & set(shown)
        assert colour or "\x1b" not in shown
        assert "\x1b[31mred" not in shown


def test_json_on_a_terminal_cannot_move_its_cursor() -> None:
    assert terminal.plain(HOSTILE) == HARMLESS


def test_the_board_tells_the_time_waited_and_each_job_in_one_line() -> None:
    board = terminal.Board()
    assert drawn([board], width=60).splitlines() == ["⠋ Waiting, 0 s. Ctrl-C ends the wait, not the run."]
    board.update([answer(reported={"current_step": "Opened the shop\nof kettles"}), answer(job="gobii:short")])
    assert drawn([board], width=50).splitlines()[1:] == [
        "  running  dari:…446655440000  Opened the shop of…",
        "  running  gobii:short",
    ]
    assert all(len(line) <= 20 for line in drawn([board], width=20).splitlines())


def test_the_board_is_plain_where_the_terminal_s_letters_are() -> None:
    bytes_written = BytesIO()
    to = Console(file=TextIOWrapper(bytes_written, "ascii"), width=60, force_terminal=True, color_system=None)
    to.print(terminal.Board())
    assert bytes_written.getvalue().split()[1:2] == [b"Waiting,"]


def test_a_short_reference_still_names_account_and_end() -> None:
    assert terminal.short(REFERENCE) == "dari:…446655440000"
    assert terminal.short("gobii:1234567890123") == "gobii:1234567890123"
    assert terminal.short("1234567890123") == "1234567890123"
