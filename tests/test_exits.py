"""What came of a command, as an exit code."""

from datetime import UTC, datetime, timedelta

import pytest

from mcp_browserjobs import errors
from mcp_browserjobs.errors import BrowserJobsError
from mcp_browserjobs.exits import SEVERITY, Exit, of_error, of_wait, worst
from mcp_browserjobs.jobs import Job, JobRef, JobStatus
from mcp_browserjobs.store import Record
from mcp_browserjobs.views import JobView, Until, Waited

BEGAN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BUSY = errors.RateLimitedError("dari", "dari", retry_after=5)
GONE = errors.JobNotFoundError("dari", "dari")
REFUSED = errors.AuthenticationError("dari", "dari", variable="DARI_API_KEY")


def view(
    status: str,
    *,
    goal_met: bool | None = None,
    stalled: float | None = None,
    problem: BrowserJobsError | None = None,
    checked: float = 1,
) -> JobView:
    """A job that was last seen `checked` seconds after the wait began."""
    job = Job(id="1", status=JobStatus(status), provider_status=status, goal_met=goal_met)
    seen = BEGAN + timedelta(seconds=checked)
    record = Record(JobRef("dari", "1"), "", job, 1, 1, None, seen, seen, seen, seen)
    return JobView("dari:1", seen, record, stalled_seconds=stalled, stale=problem is not None, problem=problem)


def unseen(problem: BrowserJobsError | None = None) -> JobView:
    """A job that was never seen."""
    return JobView("dari:1", BEGAN, problem=problem, stale=problem is not None)


def code(*views: JobView, done: bool = True, until: Until = "attention") -> Exit:
    """The code of a wait for all of these."""
    return of_wait(Waited(done=done, seconds=2, views=views), until=until, need="all", since=BEGAN)


def code_of_any(*views: JobView, done: bool = True, until: Until = "attention") -> Exit:
    """The code of a wait for any of these."""
    return of_wait(Waited(done=done, seconds=2, views=views), until=until, need="any", since=BEGAN)


def test_a_completed_job_is_0_unless_it_missed_its_goal() -> None:
    assert code(view("completed")) == 0
    assert code(view("completed", goal_met=True)) == 0
    assert code(view("completed", goal_met=False)) == 1


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_ended_otherwise_is_1(status: str) -> None:
    assert code(view(status)) == 1


@pytest.mark.parametrize(
    "needy",
    [view("waiting_for_input"), view("paused"), view("running", stalled=200)],
    ids=["waits", "paused", "stalls"],
)
def test_a_job_that_needs_a_person_is_3_unless_only_the_result_counts(needy: JobView) -> None:
    assert code(needy) == 3
    assert code(needy, until="change") == 3
    assert code(needy, until="result", done=False) == 4


def test_a_job_that_goes_on_is_4_when_the_time_is_up() -> None:
    assert code(view("running"), done=False) == 4
    assert code(view("unknown"), done=False) == 4
    assert code(unseen(), done=False) == 4


def test_a_change_is_enough_when_it_is_waited_for() -> None:
    assert code(view("running"), until="change") == 0


def test_a_provider_that_gave_no_answer_at_all_is_5() -> None:
    assert code(unseen(BUSY), done=False) == 5
    assert code(view("running", problem=BUSY, checked=-60), done=False) == 5


def test_a_provider_that_answered_once_is_4() -> None:
    assert code(view("running", problem=BUSY), done=False) == 4


def test_what_was_final_before_the_provider_went_away_stays_so() -> None:
    assert code(view("completed", problem=BUSY, checked=-60), done=False) == 0


def test_a_job_that_cannot_be_asked_for_any_more_has_its_problem_s_code() -> None:
    assert code(view("running", problem=REFUSED)) == 5
    assert code(unseen(GONE), view("completed")) == 1
    assert code(unseen(errors.UnknownAccountError("nobody")), view("failed")) == 2


def test_for_all_jobs_the_gravest_code_counts() -> None:
    assert code(view("completed"), view("failed")) == 1
    assert code(view("failed"), view("waiting_for_input")) == 1
    assert code(view("running"), view("waiting_for_input"), done=False) == 3
    assert code(view("running"), view("completed"), done=False) == 4
    assert code(unseen(BUSY), view("running"), done=False) == 5


def test_for_any_job_only_those_count_that_got_there() -> None:
    assert code_of_any(view("completed"), view("running")) == 0
    assert code_of_any(view("completed"), unseen(GONE)) == 0
    assert code_of_any(view("completed"), unseen(BUSY)) == 0
    assert code_of_any(view("failed"), view("running")) == 1
    assert code_of_any(view("running"), view("running"), until="change") == 0
    assert code_of_any(view("running"), unseen(GONE), done=False) == 4


def test_for_any_job_problems_count_when_there_is_nothing_else() -> None:
    assert code_of_any(unseen(GONE), view("running", problem=REFUSED)) == 1


def test_every_code_but_the_interruption_has_its_place_in_the_order() -> None:
    assert set(SEVERITY) == set(Exit) - {Exit.INTERRUPTED}
    assert worst(set()) == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ConfigError("DARI_BASE_URL", "is wrong"), 2),
        (errors.MissingKeyError("dari", "DARI_API_KEY"), 2),
        (errors.ActingDisabledError("BROWSERJOBS_READ_ONLY"), 2),
        (errors.NotSupportedError("gobii", "gobii", ability="pause jobs"), 2),
        (errors.UnknownOutcomeError("gobii", "gobii"), 5),
        (errors.MalformedIdError("dari", "org/portal/uuid"), 2),
        (errors.ForeignLinkError(), 2),
        (REFUSED, 5),
        (BUSY, 5),
        (errors.ProviderUnavailableError("dari", "dari"), 5),
        (GONE, 1),
        (errors.NotAvailableError("result"), 1),
        (errors.OutOfCreditsError("dari", "dari"), 1),
    ],
)
def test_an_error_is_2_when_the_call_was_wrong_5_without_an_answer_and_1_otherwise(
    error: BrowserJobsError, expected: int
) -> None:
    assert of_error(error) == expected
