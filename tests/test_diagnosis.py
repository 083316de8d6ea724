"""What is the matter with a job, told from its state and its log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from mcp_browserjobs.diagnosis import LOOPING, REPEATED, Diagnosis, Repetition, diagnose
from mcp_browserjobs.jobs import EventKind, FailureKind, Job, LoggedEvent
from tests.conftest import START


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(seq: int, text: str, *, url: str = "", at: float | None = None) -> LoggedEvent:
    reported: dict[str, Any] = {"text": text} | ({"url": url} if url else {})
    return LoggedEvent(seq=seq, at=later(10 * seq if at is None else at), kind=EventKind.STEP, reported=reported)


def status(seq: int, word: str, at: float) -> LoggedEvent:
    return LoggedEvent(seq=seq, at=later(at), kind=EventKind.STATUS, reported={"status": word})


def found(
    word: str = "running",
    events: Sequence[LoggedEvent] = (),
    *,
    stalled: float | None = None,
    now: float = 100,
    **told: Any,
) -> Diagnosis:
    job = Job.model_validate({"id": "1", "status": word, "provider_status": word, "created_at": START} | told)
    return diagnose(job, events, changed_at=later(60), stalled_seconds=stalled, now=later(now))


@pytest.mark.parametrize(
    ("word", "told", "verdict"),
    [
        ("queued", {}, "healthy"),
        ("running", {}, "healthy"),
        ("completed", {}, "healthy"),
        ("completed", {"goal_met": True}, "healthy"),
        ("completed", {"goal_met": False}, "agent_gave_up"),
        ("paused", {}, "waiting_for_person"),
        ("waiting_for_input", {}, "waiting_for_person"),
        ("unknown", {}, "unknown"),
        ("cancelled", {}, "stopped_by_user"),
        ("cancelled", {"failure": "timed_out"}, "timed_out"),
        ("failed", {}, "unknown"),
        ("failed", {"failure": "provider_fault", "error": "captcha"}, "provider_fault"),
    ],
)
def test_what_the_provider_says_is_the_verdict(word: str, told: dict[str, Any], verdict: str) -> None:
    diagnosis = found(word, **told)
    assert (diagnosis.verdict, diagnosis.inferred) == (verdict, False)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("Access Denied by the firewall", "site_blocked"),
        ("HTTP 403", "site_blocked"),
        ("order 14030 was lost", "unknown"),
        ("The page timed out", "timed_out"),
        ("Timeout of 30 s", "timed_out"),
        ("insufficient credits", "out_of_credits"),
        ("does not match the output schema", "invalid_output"),
        ("maximum number of steps reached", "agent_gave_up"),
        ("Something else", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_runs_own_error_chooses_among_our_words_and_that_is_said(error: str, verdict: str) -> None:
    for failure in (None, "unknown"):
        diagnosis = found("failed", error=error, failure=failure)
        assert (diagnosis.verdict, diagnosis.inferred) == (verdict, verdict != "unknown")


def test_a_job_that_stands_still_is_stalled() -> None:
    assert found(stalled=300).verdict == "stalled"


def test_the_same_step_again_and_again_is_a_loop() -> None:
    steps = [step(1, "a"), *(step(seq, "b") for seq in range(2, 2 + LOOPING))]
    diagnosis = found(events=steps)
    assert diagnosis.verdict == "stalled"
    assert diagnosis.repetition == Repetition("step", LOOPING, 2, 1 + LOOPING)
    assert found(events=steps[:-1]).verdict == "healthy"
    assert found(events=steps[: 1 + REPEATED]).repetition is not None
    assert found(events=steps[:REPEATED]).repetition is None


def test_many_steps_on_one_page_are_no_loop() -> None:
    steps = [step(seq, f"Fill in field {seq}", url="https://form.example/") for seq in range(1, 12)]
    diagnosis = found(events=steps)
    assert diagnosis.verdict == "healthy"
    assert diagnosis.repetition == Repetition("url", 11, 1, 11)


def test_a_repeated_step_counts_more_than_a_repeated_page() -> None:
    steps = [step(seq, "a" if seq < 5 else f"b{seq}", url="https://form.example/") for seq in range(1, 9)]
    assert found(events=steps).repetition == Repetition("step", 4, 1, 4)


def test_steps_without_words_are_no_repetition() -> None:
    assert found(events=[step(seq, "") for seq in range(1, 9)]).repetition is None


def test_the_evidence_is_counted_and_timed() -> None:
    events = [
        status(1, "running", 7),
        step(2, "first", url="https://a.example/", at=10),
        step(3, "last", at=14),
        LoggedEvent(seq=4, at=later(20), kind=EventKind.LOG, reported={"text": "log", "url": 5}),
    ]
    diagnosis = found(events=events)
    assert (diagnosis.steps, diagnosis.last_step_seq, diagnosis.last_step) == (2, 3, "last")
    assert diagnosis.last_url == "https://a.example/"
    assert (diagnosis.usual_gap, diagnosis.quiet, diagnosis.queued) == (4, 40, 7)


@pytest.mark.parametrize(
    ("word", "told", "queued"),
    [
        ("queued", {}, 100),
        ("queued", {"created_at": None}, None),
        ("running", {"started_at": later(3)}, 3),
        ("running", {}, None),
        ("running", {"started_at": later(-3)}, 0),
    ],
)
def test_the_time_in_the_queue_is_what_can_be_known_of_it(
    word: str, told: dict[str, Any], queued: float | None
) -> None:
    assert found(word, **told).queued == queued


def test_of_a_job_without_events_nothing_is_made_up() -> None:
    diagnosis = found("failed")
    assert diagnosis == Diagnosis(verdict=FailureKind.UNKNOWN)


def test_events_at_once_do_not_make_a_run_look_fast() -> None:
    moments = [0, 0.2, 0.9, 60, 60, 60.5, 120, 120, 180]
    events = [step(seq, f"step {seq}", at=at) for seq, at in enumerate(moments, 1)]
    assert found(events=events).usual_gap == 60
    assert found(events=events[:3]).usual_gap is None
    assert found(events=[step(1, "one", at=0), step(2, "two", at=1)]).usual_gap == 1


@pytest.mark.parametrize(
    ("error", "mentions"),
    [
        ("The page asked for a login that we do not have.", ("login",)),
        ("Please sign in with your password and a verification code", ("login", "verification_code")),
        ("No credit card at the checkout", ("payment",)),
        ("The blogin page is gone", ()),
        ("", ()),
    ],
)
def test_what_an_error_speaks_of_is_evidence_and_no_verdict(error: str, mentions: tuple[str, ...]) -> None:
    diagnosis = found("failed", error=error)
    assert (diagnosis.verdict, diagnosis.inferred, diagnosis.mentions) == ("unknown", False, mentions)
