"""What a look brings is made fit to be kept: no capability links, nothing that deceives, nothing too long."""

from typing import Any

import pytest

from mcp_browserjobs.jobs import (
    PROVIDER_STATUS_CHARACTERS,
    TITLE_CHARACTERS,
    Event,
    EventKind,
    Job,
    JobRow,
    JobStatus,
    Link,
    Question,
)
from mcp_browserjobs.reported import REMOVED_LINK, TEXT_CHARACTERS
from mcp_browserjobs.watch.look import fit, fit_event, fit_row

HOSTS = ("live.example",)
GUARDED = "https://a.live.example/x"
KNOWN = "https://elsewhere.example/recording"
SPOILED = f"a\x1b[31mb\u202e {GUARDED} {KNOWN}"
MADE_FIT = f"ab {REMOVED_LINK} {KNOWN}"
WITHOUT_BOTH = f"ab {REMOVED_LINK} {REMOVED_LINK}"


def a_job(**told: Any) -> Job:
    links = (Link(kind="recording", url=KNOWN),)
    return Job(id="1", status=JobStatus.RUNNING, links=links, **{"provider_status": "running", **told})


def test_a_row_is_made_fit() -> None:
    spoiled = f"run\u200bning {'x' * 99}"
    row = fit_row(JobRow(id="1", status=JobStatus.RUNNING, provider_status=spoiled, title=SPOILED), HOSTS)
    assert row.title == MADE_FIT
    assert row.provider_status == f"running {'x' * 99}"[:PROVIDER_STATUS_CHARACTERS]
    long = JobRow.model_construct(id="1", status=JobStatus.RUNNING, provider_status="x", title="t" * 99)
    assert len(fit_row(long, HOSTS).title) == TITLE_CHARACTERS


@pytest.mark.parametrize("name", ["current_step", "error"])
def test_the_words_of_a_job_are_made_fit(name: str) -> None:
    assert getattr(fit(a_job(**{name: SPOILED}), HOSTS), name) == WITHOUT_BOTH
    assert len(getattr(fit(a_job(**{name: "x" * 9999}), HOSTS), name)) == TEXT_CHARACTERS
    assert getattr(fit(a_job(), HOSTS), name) is None


def test_the_title_and_the_status_word_of_a_job_are_made_fit() -> None:
    job = fit(a_job(title=SPOILED, provider_status="run\u200bning"), HOSTS)
    assert (job.title, job.provider_status) == (MADE_FIT, "running")


def test_a_question_and_its_options_are_made_fit() -> None:
    question = fit(a_job(question=Question(id="q", text=SPOILED, options=(SPOILED, "b"))), HOSTS).question
    assert question == Question(id="q", text=WITHOUT_BOTH, options=(WITHOUT_BOTH, "b"))


def test_an_event_is_made_fit() -> None:
    spoiled = Event(key="1", kind=EventKind.STEP, reported={"text": SPOILED})
    assert fit_event(spoiled, HOSTS, [KNOWN]).reported == {"text": WITHOUT_BOTH}
    assert fit_event(spoiled, (), [KNOWN]).reported == {"text": f"ab {GUARDED} {REMOVED_LINK}"}


def test_a_result_is_left_as_it_is() -> None:
    assert fit(a_job(result=SPOILED), HOSTS).result == SPOILED
