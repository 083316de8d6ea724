"""Our words: what is final, what needs a person, how a job is named, what a moment is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from mcp_browserjobs.jobs import FINAL, Cost, Event, EventKind, Job, JobRef, JobStatus, Link, Question
from tests.conftest import START


def test_three_statuses_are_final_and_an_unknown_one_is_not() -> None:
    assert {status for status in JobStatus if status.final} == {"completed", "failed", "cancelled"} == FINAL


def test_somebody_should_look_when_it_is_over_or_waits_for_a_person() -> None:
    calm = {status for status in JobStatus if not status.needs_attention}
    assert calm == {"queued", "running", "unknown"}


@pytest.mark.parametrize(
    ("text", "account", "job_id"),
    [
        ("dari:my-org/form/1", "dari", "my-org/form/1"),
        ("work:a:b", "work", "a:b"),
        ("gobii:agent/task", "gobii", "agent/task"),
    ],
)
def test_a_reference_is_an_account_and_an_id(text: str, account: str, job_id: str) -> None:
    ref = JobRef.parse(text)
    assert ref == JobRef(account, job_id)
    assert str(ref) == text


@pytest.mark.parametrize("text", ["", ":", "dari:", ":1", "550e8400"])
def test_without_an_account_or_an_id_it_is_no_reference(text: str) -> None:
    assert JobRef.parse(text) is None


@pytest.mark.parametrize(
    "moment",
    [
        START,
        START.replace(tzinfo=None),
        START.astimezone(timezone(timedelta(hours=-9, minutes=-30))),
        START.isoformat().replace("+00:00", "Z"),
        START.timestamp(),
    ],
)
def test_every_moment_is_kept_in_utc(moment: datetime) -> None:
    at = Event(key="1", kind=EventKind.STEP, at=moment).at
    assert at == START
    assert at.tzinfo is UTC


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValidationError):
        Link(kind="log", url="https://a.example", expires_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))))


def test_what_was_seen_cannot_be_changed() -> None:
    job = Job(id="1", status=JobStatus.RUNNING, provider_status="running")
    with pytest.raises(ValidationError):
        job.title = "another"


def test_results_events_and_links_stay_out_of_a_written_job() -> None:
    job = Job(
        id="1",
        status=JobStatus.COMPLETED,
        provider_status="done",
        result={"total": 1},
        events=(Event(key="1", kind=EventKind.STEP),),
        links=(Link(kind="live_view", url="https://live.example/secret"),),
        question=Question(id="q"),
        cost=Cost(amount=0, unit="credits"),
    )
    written = job.model_dump_json(exclude_none=True)
    assert not {"result", "events", "links"} & job.model_dump().keys()
    assert "secret" not in written
    assert Job.model_validate_json(written).cost == Cost(amount=0, unit="credits")


def test_a_status_that_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(ValidationError):
        Job.model_validate({"id": "1", "status": "done", "provider_status": "done"})
