"""What a pretend job does as time goes by and as commands come."""

from datetime import UTC, datetime, timedelta

import pytest

from mcp_browserjobs.simulator.script import (
    Ask,
    Fail,
    Finish,
    Outage,
    PretendJob,
    Queued,
    RateLimit,
    Script,
    Stall,
    Step,
    wall_clock,
)
from mcp_browserjobs.simulator.stories import STORIES


class Watch:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
        self.start = self.now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def age(self) -> float:
        return (self.now - self.start).total_seconds()


@pytest.fixture
def watch() -> Watch:
    return Watch()


def play(watch: Watch, *beats: Queued | Step | Ask | Stall | Finish | Fail) -> PretendJob:
    return PretendJob(Script(beats=beats), watch)


def told(job: PretendJob) -> list[tuple[str, str]]:
    return [(each.what, each.text) for each in job.state().happenings]


def test_a_job_goes_from_the_queue_through_its_steps_to_its_result(watch: Watch) -> None:
    job = play(watch, Queued(2), Step("Looked", 3), Finish({"price": 42}, goal_met=False))
    assert job.state().phase == "queued"
    assert job.state().started_at is None
    watch.pass_by(2)
    assert (job.state().phase, job.state().doing) == ("running", "Looked")
    watch.pass_by(2)
    assert told(job) == [("started", "")]
    watch.pass_by(1)
    state = job.state()
    assert (state.phase, state.result, state.goal_met, state.doing) == ("completed", {"price": 42}, False, "")
    assert told(job) == [("started", ""), ("step", "Looked"), ("finished", "")]
    assert state.finished_at == state.updated_at == watch.now


def test_time_is_counted_from_the_first_work_to_the_end(watch: Watch) -> None:
    job = play(watch, Queued(30), Step("Looked", 90), Finish())
    watch.pass_by(30)
    assert job.state().minutes == 0
    watch.pass_by(1000)
    assert job.state().minutes == 1.5


def test_a_failure_has_its_reason_and_its_kind(watch: Watch) -> None:
    state = play(watch, Fail("The time was up.", kind="timed_out")).state()
    assert (state.phase, state.error, state.failure, state.result) == (
        "failed",
        "The time was up.",
        "timed_out",
        None,
    )


def test_happenings_keep_their_numbers(watch: Watch) -> None:
    job = play(watch, Step("One", 1), Step("Two", 1), Finish())
    seen = job.state().happenings
    for _ in range(3):
        watch.pass_by(1)
        later = job.state().happenings
        assert later[: len(seen)] == seen
        seen = later
    assert [each.number for each in seen] == [1, 2, 3, 4]


def test_a_pause_holds_the_work_and_no_time_is_lost(watch: Watch) -> None:
    job = play(watch, Step("Looked", 10), Step("Bought", 10), Finish())
    watch.pass_by(4)
    assert job.pause()
    assert not job.pause()
    watch.pass_by(1000)
    assert job.state().phase == "paused"
    assert job.resume()
    assert not job.resume()
    watch.pass_by(5)
    assert job.state().phase == "running"
    watch.pass_by(1)
    assert told(job) == [("started", ""), ("paused", ""), ("resumed", ""), ("step", "Looked")]
    watch.pass_by(10)
    assert job.state().phase == "completed"


def test_a_job_can_be_held_more_than_once(watch: Watch) -> None:
    job = play(watch, Step("Looked", 10), Finish())
    for _ in range(3):
        watch.pass_by(3)
        assert job.pause()
        watch.pass_by(7)
        assert job.resume()
    assert watch.age == 30
    assert job.state().phase == "running"
    watch.pass_by(1)
    assert job.state().phase == "completed"
    assert [what for what, _ in told(job)].count("paused") == 3


def test_only_what_runs_can_be_held(watch: Watch) -> None:
    job = play(watch, Queued(1), Ask("Which?"), Finish())
    assert not job.pause()
    watch.pass_by(1)
    assert not job.pause()
    assert not job.resume()


def test_a_cancel_ends_everything_once(watch: Watch) -> None:
    job = play(watch, Step("Looked", 10), Finish())
    watch.pass_by(4)
    assert job.cancel()
    assert not job.cancel()
    ended = job.state()
    watch.pass_by(100)
    assert job.state() == ended
    assert (ended.phase, ended.result, ended.doing) == ("cancelled", None, "")
    assert told(job)[-1] == ("cancelled", "")
    assert not job.pause()


def test_what_is_over_cannot_be_cancelled(watch: Watch) -> None:
    job = play(watch, Step("Looked", 1), Finish())
    watch.pass_by(1)
    assert not job.cancel()
    assert job.state().phase == "completed"


@pytest.mark.parametrize("seconds", [0, 2, 5])
def test_a_job_can_be_cancelled_in_the_queue_paused_and_waiting(watch: Watch, seconds: float) -> None:
    job = play(watch, Queued(1), Step("Looked", 2), Ask("Which?"), Finish())
    watch.pass_by(seconds)
    job.pause()
    assert job.cancel()
    assert job.state().phase == "cancelled"
    assert job.state().question is None


def test_a_question_waits_for_its_answer(watch: Watch) -> None:
    job = play(watch, Ask("Which colour?", ("white", "blue")), Step("Ordered", 5), Finish())
    watch.pass_by(10_000)
    question = job.state().question
    assert job.state().phase == "waiting"
    assert question is not None
    assert (question.text, question.options) == ("Which colour?", ("white", "blue"))
    assert not job.answer("another", "blue")
    assert job.answer(question.question_id, "blue")
    assert not job.answer(question.question_id, "white")
    assert job.state().phase == "running"
    watch.pass_by(5)
    assert told(job)[1:3] == [("question", "Which colour?"), ("answered", "blue")]
    assert job.state().phase == "completed"


def test_a_second_question_has_an_id_of_its_own(watch: Watch) -> None:
    job = play(watch, Ask("Which?"), Ask("Sure?"), Finish())
    first = job.state().question
    assert first is not None
    assert job.answer(first.question_id, "this")
    second = job.state().question
    assert second is not None
    assert second.question_id != first.question_id
    assert job.answer(second.question_id, "yes")
    assert job.state().phase == "completed"


def test_patience_ends_and_the_job_goes_on_by_itself(watch: Watch) -> None:
    job = play(watch, Ask("Which?", patience=60), Step("Guessed", 5), Finish())
    watch.pass_by(59)
    question = job.state().question
    assert question is not None
    watch.pass_by(1)
    assert job.state().phase == "running"
    assert not job.answer(question.question_id, "too late")
    watch.pass_by(5)
    assert job.state().phase == "completed"


def test_a_stall_shows_nothing_and_passes(watch: Watch) -> None:
    job = play(watch, Step("Looked", 5), Stall(600), Finish())
    watch.pass_by(5)
    stalled = job.state()
    watch.pass_by(599)
    assert job.state().happenings == stalled.happenings
    assert job.state().updated_at == stalled.updated_at
    assert (job.state().phase, job.state().doing) == ("running", "Looked")
    assert job.pause()
    watch.pass_by(5)
    assert job.state().phase == "paused"
    assert job.resume()
    watch.pass_by(1)
    assert job.state().phase == "completed"


def test_a_script_without_an_end_runs_on(watch: Watch) -> None:
    job = play(watch, Step("Looked", 1))
    watch.pass_by(10_000)
    assert job.state().phase == "running"
    assert job.pause()
    assert job.state().phase == "paused"
    assert job.resume()
    assert job.state().phase == "running"


def test_troubles_come_and_go(watch: Watch) -> None:
    limit, outage = RateLimit(5, 10), Outage(15, 10)
    job = PretendJob(Script(troubles=(limit, outage)), watch)
    seen = []
    for _ in range(6):
        seen.append(job.trouble())
        watch.pass_by(5)
    assert seen == [None, limit, limit, outage, outage, None]


def test_the_names_of_a_job_are_uuids_and_stay_the_same(watch: Watch) -> None:
    job, other = PretendJob(Script(), watch), PretendJob(Script(), watch, "an id of any form")
    assert job.named("session") == job.named("session") != job.named("browser")
    assert len(other.named("session")) == 36


def test_without_a_clock_the_machine_tells_the_time() -> None:
    before = wall_clock()
    assert before <= PretendJob(Script()).created_at <= wall_clock()


@pytest.mark.parametrize("name", STORIES)
def test_every_story_comes_to_an_end_or_waits_for_a_person(watch: Watch, name: str) -> None:
    job = PretendJob(STORIES[name], watch)
    watch.pass_by(24 * 3600)
    assert job.state().phase == {"failing": "failed", "timing_out": "failed", "asking": "waiting"}.get(
        name, "completed"
    )
