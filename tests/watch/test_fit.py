"""What a look brings is made fit to be kept: no capability links, nothing that deceives, nothing too long."""

from datetime import datetime, timedelta
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.jobs import (
    PROVIDER_STATUS_CHARACTERS,
    TITLE_CHARACTERS,
    Event,
    EventKind,
    Job,
    JobRef,
    JobRow,
    JobStatus,
    Link,
    Question,
)
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.reported import OPTION_CHARACTERS, REMOVED_LINK, TEXT_CHARACTERS
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch.look import EARLIEST, LATEST, fit, fit_event, fit_row
from tests.conftest import virtual_clock
from tests.providers.routes import Routes, documented

SECOND = timedelta(seconds=1)
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


def test_options_are_short_and_ids_clean() -> None:
    question = fit(a_job(question=Question(id="q\u200b1", text="?", options=("x" * 9999,))), HOSTS).question
    assert question == Question(id="q1", text="?", options=("x" * (OPTION_CHARACTERS - 1) + "…",))


@pytest.mark.parametrize(("session", "kept"), [("1f0a-2", "1f0a-2"), ("a b", ""), ("x" * 101, "")])
def test_a_session_is_kept_when_a_sentence_may_name_it(session: str, kept: str) -> None:
    assert fit(a_job(session=session), HOSTS).session == kept


@pytest.mark.parametrize(
    ("at", "kept"),
    [(EARLIEST, True), (EARLIEST - SECOND, False), (LATEST - SECOND, True), (LATEST, False)],
)
def test_a_time_before_any_job_or_after_all_is_none(at: datetime, *, kept: bool) -> None:
    assert fit(a_job(started_at=at), HOSTS).started_at == (at if kept else None)


def test_an_event_is_made_fit() -> None:
    spoiled = Event(key="1", kind=EventKind.STEP, reported={"text": SPOILED})
    assert fit_event(spoiled, HOSTS, [KNOWN]).reported == {"text": WITHOUT_BOTH}
    assert fit_event(spoiled, (), [KNOWN]).reported == {"text": f"ab {GUARDED} {REMOVED_LINK}"}


def test_a_result_is_left_as_it_is() -> None:
    assert fit(a_job(result=SPOILED), HOSTS).result == SPOILED


@pytest.mark.anyio
@pytest.mark.parametrize(("state", "left"), [("running", {"downloads", "live_view"}), ("completed", {"downloads"})])
async def test_what_was_told_of_once_is_there_without_being_told_again(state: str, left: set[str]) -> None:
    """H tells of files and of the live view in events, each of which is read once."""
    session = documented("h_company/session_running") | {"agent_view_url": None}
    ref = JobRef("h_company", session["id"])
    path = f"/api/v2/sessions/{ref.id}"
    routes = Routes({path: session, f"{path}/changes": documented("h_company/changes")})
    connections = Connections(httpx2.MockTransport(routes))
    environ = {"HAI_API_KEY": "k", "BROWSERJOBS_STORE": ":memory:"}
    tracker = Tracker(from_environment(environ), connections=connections, clock=virtual_clock)
    async with tracker.running():
        first = await tracker.look(str(ref))
        assert {"downloads", "live_view"} <= first.seen.job.has
        assert (await tracker.look("https://live.example/view/8f0c")).reference == str(ref)
        ended = documented(f"h_company/session_{state}") | {"agent_view_url": None}
        routes.answers = {path: ended, f"{path}/changes": (204, b"")}
        await anyio.sleep(5)
        seen = (await tracker.look(str(ref))).seen
        assert seen.job.has & {"downloads", "live_view"} == left
