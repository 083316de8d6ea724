"""How a wait stands, worked out of how its jobs are."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mcp_browserjobs.jobs import Job, JobRef, JobStatus, Question
from mcp_browserjobs.server.standing import Wanted, stand
from mcp_browserjobs.store import Record, Task, TaskAnswer
from mcp_browserjobs.views import JobView
from tests.conftest import START

NOW = START + timedelta(seconds=100)
QUESTION = Question(id="q1", text="Which?")
WANTED = Wanted(jobs=("a:1",), until="attention", need="all", seconds=1000, before={"a:1": 0}, asks=True)
TASK = Task("t", "", None, START, START, START + timedelta(days=1))


def view(question: Question | None = QUESTION, *, able: str = "answer_question", checked_at: float = 100) -> JobView:
    """A job that waits for a person."""
    job = Job(id="1", status=JobStatus.WAITING_FOR_INPUT, provider_status="waiting", question=question)
    moment = START + timedelta(seconds=checked_at)
    record = Record(JobRef("a", "1"), "", job, 1, 3, None, START, START, moment, moment)
    return JobView("a:1", NOW, record, able=frozenset({able}))


def test_a_question_that_can_be_answered_is_asked() -> None:
    standing = stand(TASK, WANTED, [view()], NOW)
    assert standing.status == "input_required"
    [asked] = standing.questions.values()
    assert asked.question is QUESTION


@pytest.mark.parametrize(
    "waiting",
    [view(None), view(Question(id="")), view(able="pause_job"), replace(view(), problem=ValueError())],  # type: ignore[arg-type]
    ids=["no question", "no id to answer to", "no way to answer", "a problem that stays"],
)
def test_a_job_that_waits_and_cannot_be_answered_has_got_there(waiting: JobView) -> None:
    standing = stand(TASK, WANTED, [waiting], NOW)
    assert (standing.status, standing.waited.done) == ("completed", True)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (Question(id="q1", text="Which?"), True),
        (Question(id="q2", text="Which?"), False),
        (Question(id="q1", text="Which one?"), False),
        (Question(id="q1", text="Which?", options=("a",)), False),
        (Question(id="q1", text="Which?\ud800"), False),
    ],
)
def test_the_key_tells_a_question_from_all_others(changed: Question, *, same: bool) -> None:
    before, after = (stand(TASK, WANTED, [view(each)], NOW).questions.keys() for each in (QUESTION, changed))
    assert (before == after) is same


@pytest.mark.parametrize(("checked_at", "status"), [(90, "working"), (100, "working"), (101, "input_required")])
def test_an_answer_has_its_time_to_show(checked_at: float, status: str) -> None:
    [asked] = stand(TASK, WANTED, [view()], NOW).questions.values()
    task = replace(TASK, answers={asked.name: TaskAnswer(1, NOW)})
    assert stand(task, WANTED, [view(checked_at=checked_at)], NOW).status == status


@pytest.mark.parametrize(("until", "status"), [("attention", "completed"), ("result", "working")])
def test_a_question_that_was_declined_is_not_asked(until: str, status: str) -> None:
    [asked] = stand(TASK, WANTED, [view()], NOW).questions.values()
    task = replace(TASK, answers={asked.name: TaskAnswer(1, TASK.expires_at)})
    assert stand(task, WANTED.model_copy(update={"until": until}), [view()], NOW).status == status


def test_the_time_is_up_even_while_a_question_is_asked() -> None:
    standing = stand(TASK, WANTED, [view()], START + timedelta(seconds=1000))
    assert (standing.status, standing.waited.done) == ("completed", False)


def test_a_job_of_which_nothing_is_known_is_waited_for() -> None:
    standing = stand(TASK, WANTED, [JobView("a:1", NOW, stale=True)], NOW)
    assert standing.status == "working"
    assert standing.message == "unknown, and the provider cannot be asked now"
    assert standing.poll_seconds == 30
    assert standing.changed_at < START
