"""Dari: its two dialects, its questions, and ids that must not leave their path."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import JsonValue

from mcp_browserjobs.errors import (
    AuthenticationError,
    BrowserJobsError,
    ConflictError,
    InvalidArgumentError,
    JobNotFoundError,
    MalformedIdError,
    NotAvailableError,
    NotSupportedError,
    OutOfCreditsError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Cost, EventKind, FailureKind, Job, JobStatus, Link, Question
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers import dari as adapter
from mcp_browserjobs.providers.dari import STATUSES, Dari
from mcp_browserjobs.simulator.pictures import archive, picture
from tests.providers import routes
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes

pytestmark = pytest.mark.anyio

UUID = "550e8400-e29b-41d4-a716-446655440000"
JOB = f"my-org/contact_form/{UUID}"
START = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)

DOCUMENTED = rb"""{
  "job_id": "550e8400-e29b-41d4-a716-446655440000",
  "portal_id": "my-org/contact_form",
  "status": "running",
  "browser_url": "https://hyperbrowser.ai/view/abc123",
  "current_step": "Filling email field",
  "events": [
    {
      "event_type": "started",
      "message": "Job started",
      "data": {},
      "timestamp": "2025-01-15T10:30:00Z"
    },
    {
      "event_type": "step_completed",
      "message": "Filled first name",
      "data": {"step": "firstName"},
      "timestamp": "2025-01-15T10:30:15Z"
    }
  ],
  "result": null,
  "error": null,
  "downloads_link": null,
  "video_recording_url": null,
  "has_logs": true,
  "has_screenshots": true,
  "session_cost_usd": 0.12,
  "created_at": "2025-01-15T10:30:00Z",
  "updated_at": "2025-01-15T10:30:15Z"
}"""
"""The answer in the documentation, to the byte."""

OLD: dict[str, Any] = {
    "job_id": UUID,
    "portal_id": "my-org/contact_form",
    "status": "completed",
    "result": None,
    "final_result": {"confirmation": "A-1"},
    "error": None,
    "downloads_link": None,
    "video_recording_url": "https://storage.example/1.mp4?sig=1",
    "log_url": "logs/550e8400.log",
    "total_cost_usd": 0.3,
    "created_at": "2025-01-15T10:30:00+00:00",
    "updated_at": "2025-01-15T10:35:00.123456+00:00",
}
"""A finished job in the old dialect."""

QUESTION: dict[str, Any] = {
    "event_type": "question",
    "message": "Which colour?",
    "data": {"question_id": "q-1", "options": ["red", "blue"]},
    "timestamp": "2025-01-15T10:30:20Z",
}


async def look(body: bytes | JsonValue, status: int = 200) -> Job:
    """What a look makes of this answer."""
    content = body if isinstance(body, bytes) else json.dumps(body)
    async with opened(Dari, lambda _: httpx2.Response(status, content=content)) as dari:
        return await dari.fetch_job(JOB)


def documented(**changes: Any) -> dict[str, Any]:
    """The documented answer with some fields changed."""
    return {**json.loads(DOCUMENTED), **changes}


def without(*names: str) -> dict[str, Any]:
    """The documented answer with some fields left out."""
    return {name: value for name, value in json.loads(DOCUMENTED).items() if name not in names}


async def test_the_documented_answer_is_read_whole() -> None:
    job = await look(DOCUMENTED)
    assert job.model_dump(exclude_defaults=True) == {
        "id": JOB,
        "status": JobStatus.RUNNING,
        "provider_status": "running",
        "title": "my-org/contact_form",
        "created_at": START,
        "started_at": START,
        "updated_at": START + timedelta(seconds=15),
        "current_step": "Filling email field",
        "cost": {"amount": 0.12, "unit": "USD"},
        "has": {"screenshots", "live_view", "log"},
    }
    assert job.result is None
    assert job.links == (Link(kind="live_view", url="https://hyperbrowser.ai/view/abc123"),)
    started, step = job.events
    assert (started.kind, started.at, started.reported) == (EventKind.MESSAGE, START, {"text": "Job started"})
    assert (step.kind, step.reported) == (EventKind.STEP, {"text": "Filled first name", "step": "firstName"})
    assert (started.exact, step.exact) == (False, False)


async def test_the_job_is_asked_for_by_query_with_the_key() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, content=DOCUMENTED)

    async with opened(Dari, answer) as dari:
        await dari.fetch_job(JOB)
    (request,) = seen
    assert str(request.url) == f"https://agent.usedari.com/jobs/my-org/contact_form/status?job_id={UUID}"
    assert request.headers["X-API-Key"] == KEY


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", JobStatus.QUEUED),
        ("running", JobStatus.RUNNING),
        ("paused", JobStatus.PAUSED),
        ("waiting_for_input", JobStatus.WAITING_FOR_INPUT),
        ("completed", JobStatus.COMPLETED),
        ("failed", JobStatus.FAILED),
        ("archived", JobStatus.UNKNOWN),
        ("", JobStatus.UNKNOWN),
        ("RUNNING", JobStatus.UNKNOWN),
    ],
)
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus) -> None:
    job = await look(documented(status=word))
    assert (job.status, job.provider_status) == (status, word)
    assert job.finished_at == (START + timedelta(seconds=15) if status.final else None)
    assert job.failure == (FailureKind.UNKNOWN if status is JobStatus.FAILED else None)


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {"pending", "running", "paused", "waiting_for_input", "completed", "failed"}
    assert Dari.statuses is STATUSES


@pytest.mark.parametrize("result", [{"a": 1}, [], "", 0, False])
async def test_any_json_but_null_is_a_result(result: JsonValue) -> None:
    job = await look(documented(status="completed", result=result))
    assert job.result == result
    assert "result" in job.has


async def test_a_completed_job_may_have_no_result() -> None:
    job = await look(documented(status="completed"))
    assert job.result is None
    assert "result" not in job.has


async def test_a_failed_job_tells_its_error() -> None:
    job = await look(documented(status="failed", error="The page did not load"))
    assert job.error == "The page did not load"
    assert (await look(documented(status="failed", error=""))).error is None


# The old dialect


async def test_a_job_unknown_to_the_present_routes_is_asked_for_at_the_old_ones() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path.startswith("/jobs/"):
            return httpx2.Response(404, json={"detail": "Not Found"})
        assert request.url.params["job_id"] == UUID
        return httpx2.Response(200, json=OLD)

    async with opened(Dari, answer) as dari:
        job = await dari.fetch_job(JOB)
    assert asked == ["/jobs/my-org/contact_form/status", "/task/my-org/contact_form/status"]
    assert job.status is JobStatus.COMPLETED
    assert job.result == {"confirmation": "A-1"}
    assert job.cost == Cost(amount=0.3, unit="USD")
    assert job.finished_at == datetime(2025, 1, 15, 10, 35, 0, 123456, UTC)
    assert job.has == {"result", "recording", "log"}
    assert job.links == (Link(kind="recording", url="https://storage.example/1.mp4?sig=1"),)
    assert job.events == ()


@pytest.mark.parametrize("word", ["pending", "running", "paused"])
async def test_what_an_unfinished_job_has_so_far_is_no_result(word: str) -> None:
    job = await look({**OLD, "status": word, "result": {"page": 1}, "final_result": None})
    assert job.result is None
    assert "result" not in job.has


async def test_the_final_result_counts_before_the_one_on_the_way() -> None:
    assert (await look({**OLD, "result": {"page": 1}})).result == {"confirmation": "A-1"}


async def test_a_log_that_is_a_link_is_given_as_one() -> None:
    job = await look({**OLD, "log_url": "https://storage.example/1.log"})
    assert Link(kind="log", url="https://storage.example/1.log") in job.links
    assert "log" in job.has
    assert "log" not in (await look({**OLD, "log_url": None})).has


async def test_the_present_names_count_before_the_old_ones() -> None:
    job = await look({**OLD, "session_cost_usd": 0, "has_logs": False, "status": "completed"})
    assert job.cost == Cost(amount=0, unit="USD")
    assert "log" not in job.has


# Questions


async def test_a_waiting_job_asks_its_question() -> None:
    events = [*json.loads(DOCUMENTED)["events"], QUESTION]
    job = await look(documented(status="waiting_for_input", events=events))
    assert job.question == Question(id="q-1", text="Which colour?", options=("red", "blue"))
    assert "question" in job.has
    assert job.events[-1].kind is EventKind.QUESTION
    assert job.events[-1].reported == {"text": "Which colour?", "question_id": "q-1"}


@pytest.mark.parametrize("word", ["running", "paused", "completed", "failed", "archived"])
async def test_a_question_is_pending_only_while_the_job_waits(word: str) -> None:
    job = await look(documented(status=word, events=[QUESTION]))
    assert job.question is None
    assert "question" not in job.has


async def test_of_several_questions_the_last_is_pending() -> None:
    events = [
        QUESTION,
        {"event_type": "answered", "message": "Answer received", "data": {"question_id": "q-1"}},
        {"event_type": "human_input", "message": "Asked", "data": {"question_id": "q-2", "question": "Which size?"}},
        {"event_type": "answer_rejected", "message": "Not that one", "data": {"question_id": "q-1"}},
    ]
    job = await look(documented(status="waiting_for_input", events=events))
    assert job.question == Question(id="q-2", text="Which size?")
    kinds = [event.kind for event in job.events]
    assert kinds == [EventKind.QUESTION, EventKind.MESSAGE, EventKind.QUESTION, EventKind.MESSAGE]
    assert job.events[2].reported == {"text": "Which size?", "question_id": "q-2"}


@pytest.mark.parametrize(
    "events",
    [
        None,
        [],
        [{"event_type": "question", "message": "Which colour?", "data": {}}],
        [{"event_type": "question", "message": "Which colour?", "data": {"question_id": 7}}],
        [{"event_type": "question", "message": "Which colour?", "data": "q-1"}],
    ],
)
async def test_a_question_without_an_id_cannot_be_answered(events: JsonValue) -> None:
    job = await look(documented(status="waiting_for_input", events=events))
    assert job.status is JobStatus.WAITING_FOR_INPUT
    assert job.question is None


@pytest.mark.parametrize(
    ("options", "read"),
    [(["a", 1, None, "b"], ("a", "b")), ("a", ()), ({"a": 1}, ()), (None, ()), ([], ())],
)
async def test_only_texts_are_options(options: JsonValue, read: tuple[str, ...]) -> None:
    asked = {**QUESTION, "data": {"question_id": "q-1", "options": options}}
    job = await look(documented(status="waiting_for_input", events=[asked]))
    assert job.question == Question(id="q-1", text="Which colour?", options=read)


# Events


@pytest.mark.parametrize(
    ("event", "kind", "reported"),
    [
        ({"event_type": "log", "message": "GET /"}, EventKind.LOG, {"text": "GET /"}),
        ({"event_type": "paused", "message": "Job paused"}, EventKind.MESSAGE, {"text": "Job paused"}),
        ({"event_type": "tick"}, EventKind.OTHER, {}),
        ({"event_type": "tick", "message": "", "data": {"n": 3}}, EventKind.OTHER, {"n": 3}),
        ({"message": "No type"}, EventKind.MESSAGE, {"text": "No type"}),
        ({}, EventKind.OTHER, {}),
        ({"event_type": 5, "message": ["x"], "data": [], "timestamp": "later"}, EventKind.OTHER, {}),
        (
            {"event_type": "question", "message": "Asked", "data": {"question": "Which?"}},
            EventKind.QUESTION,
            {"text": "Which?"},
        ),
        (
            {
                "event_type": "step_completed",
                "message": "Typed",
                "data": {"text": "not the message", "ok": True, "n": 1.5, "none": None, "deep": {}, "long": "x" * 201},
            },
            EventKind.STEP,
            {"text": "Typed", "ok": True, "n": 1.5},
        ),
    ],
)
async def test_an_event_says_its_message_and_small_details(
    event: JsonValue, kind: EventKind, reported: dict[str, JsonValue]
) -> None:
    (read,) = (await look(documented(events=[event]))).events
    assert (read.kind, read.reported, read.exact) == (kind, reported, False)


async def test_an_event_has_ten_details_at_most() -> None:
    event = {"event_type": "step_completed", "message": "Typed", "data": {f"field{n}": n for n in range(99)}}
    (read,) = (await look(documented(events=[event]))).events
    assert len(read.reported) == 11


async def test_events_are_placed_by_time_and_type() -> None:
    at = "2025-01-15T10:30:15"
    events = [
        {"event_type": "step_completed", "message": "One", "timestamp": f"{at}Z"},
        {"event_type": "step_completed", "message": "Two", "timestamp": f"{at}+00:00"},
        {"event_type": "log", "message": "Two", "timestamp": f"{at}Z"},
        {"event_type": "log", "message": "Three"},
    ]
    one, two, log, timeless = (await look(documented(events=events))).events
    assert one.key == two.key != log.key
    assert timeless.at is None
    assert len({one.key, log.key, timeless.key}) == 3


async def test_an_event_that_cannot_be_read_does_not_hide_the_others() -> None:
    job = await look(documented(events=["x", None, 5, {"event_type": "log", "message": "Still here"}]))
    assert [event.reported for event in job.events] == [{"text": "Still here"}]


# Links


async def test_finished_jobs_have_recordings_and_downloads() -> None:
    links = {"video_recording_url": "https://s.example/v.mp4?sig=1", "downloads_link": "https://s.example/d.zip?sig=2"}
    job = await look(documented(status="completed", browser_url=None, **links))
    assert {link.kind: link.url for link in job.links} == {
        "recording": "https://s.example/v.mp4?sig=1",
        "download": "https://s.example/d.zip?sig=2",
    }
    assert {"recording", "downloads"} < job.has
    assert "live_view" not in job.has


@pytest.mark.parametrize(
    "url", ["", "view/abc", "file:///tmp/view", "javascript:alert(1)", 7, {"url": "https://x.example"}]
)
async def test_what_is_no_web_address_is_no_live_view(url: JsonValue) -> None:
    job = await look(documented(browser_url=url))
    assert job.links == ()
    assert "live_view" not in job.has


# Odd answers


@pytest.mark.parametrize("name", sorted(set(json.loads(DOCUMENTED)) - {"status"}))
@pytest.mark.parametrize("value", ["absent", None, {"x": {}}, [[]], "\N{PILE OF POO}", 10**400])
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    body = without(name) if value == "absent" else documented(**{name: value})
    job = await look(body)
    assert (job.id, job.status) == (JOB, JobStatus.RUNNING)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (without("status"), "status"),
        (documented(status=None), "status"),
        (documented(status=5), "status"),
        (documented(status={"word": "running"}), "status"),
        ({"detail": "secret words"}, "status"),
        ([], "the body"),
        ("secret words", "the body"),
        (b"<html>secret words</html>", "a page of HTML"),
        (b"", "an empty body"),
        (DOCUMENTED[:300], "a body that is no JSON"),
    ],
)
async def test_an_answer_of_another_shape_is_unexpected(body: bytes | JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(body)
    assert caught.value.where == where
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (402, OutOfCreditsError),
        (403, PermissionDeniedError),
        (404, JobNotFoundError),
        (422, UnexpectedResponseError),
        (429, RateLimitedError),
        (500, ProviderUnavailableError),
        (503, ProviderUnavailableError),
    ],
)
@pytest.mark.parametrize(
    "body",
    [{"detail": "secret words"}, {"detail": [{"loc": ["query", "job_id"], "msg": "secret"}]}, b"<html>secret", b""],
)
async def test_a_refusal_has_its_error(status: int, error: type[BrowserJobsError], body: bytes | JsonValue) -> None:
    with pytest.raises(error) as caught:
        await look(body, status)
    assert "secret" not in repr(caught.value)


async def test_the_reason_of_a_denial_is_ours() -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        await look({"detail": "secret words"}, 403)
    assert caught.value.reason == "the key belongs to another organization"


# Ids and links to them


def nobody(request: httpx2.Request) -> httpx2.Response:
    """For what must not ask."""
    raise AssertionError(str(request.url))


HOSTILE = [
    "",
    UUID,
    f"contact_form/{UUID}",
    "my-org/contact_form",
    "my-org/contact_form/",
    "my-org/contact_form/job-1",
    f"my-org/contact_form/{UUID}/",
    f"my-org/contact_form/{UUID}\n",
    f"my-org/contact_form/{UUID}?x=1",
    f"a/b/c/{UUID}",
    f"../contact_form/{UUID}",
    f"my-org/../{UUID}",
    f"my-org/./{UUID}",
    f"./contact_form/{UUID}",
    f"my-org//{UUID}",
    f"/my-org/contact_form/{UUID}",
    f"my-org/contact%2Fform/{UUID}",
    f"my-org/..%2F..%2Fadmin/{UUID}",
    f"my-org/form?job_id=1/{UUID}",
    f"my-org/form#x/{UUID}",
    f"my-org/form;x/{UUID}",
    f"my-org/form x/{UUID}",
    f"my-org\\form/{UUID}",
    f"user@host/form/{UUID}",
    f"https://evil.example/{UUID}",
    f"my-org/f\N{LATIN SMALL LETTER O WITH DIAERESIS}rm/{UUID}",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    async with opened(Dari, nobody) as dari:
        for read in (dari.canonical_id, dari.locator):
            with pytest.raises(MalformedIdError):
                read(text)
        with pytest.raises(MalformedIdError):
            await dari.fetch_job(text)


async def test_an_id_has_one_form() -> None:
    async with opened(Dari, nobody) as dari:
        assert dari.canonical_id(Dari.example_id) == Dari.example_id
        assert dari.canonical_id(f"My-Org/Contact.Form~2/{UUID.upper()}") == f"My-Org/Contact.Form~2/{UUID}"
        assert dari.locator(JOB) == JOB


async def test_the_organization_may_be_left_out_where_it_is_set() -> None:
    async with opened(Dari, nobody, organization="my-org") as dari:
        assert dari.canonical_id(f"contact_form/{UUID}") == JOB
        assert dari.canonical_id(f"other/contact_form/{UUID}") == f"other/contact_form/{UUID}"
        with pytest.raises(MalformedIdError):
            dari.canonical_id(UUID)
    async with opened(Dari, nobody, organization="../evil") as dari:
        with pytest.raises(MalformedIdError):
            dari.canonical_id(f"contact_form/{UUID}")


@pytest.mark.parametrize(
    "link",
    [
        f"https://agent.usedari.com/jobs/my-org/contact_form/status?job_id={UUID}",
        f"https://agent.usedari.com/jobs/my-org/contact_form/answer?x=1&job_id={UUID.upper()}#top",
        f"https://agent.usedari.com/task/my-org/contact_form/stop/?job_id={UUID}",
        f"http://127.0.0.1:8080/dari/task/my-org/contact_form/screenshots?job_id={UUID}",
    ],
)
async def test_a_link_of_the_api_names_its_job(link: str) -> None:
    async with opened(Dari, nobody) as dari:
        assert dari.id_from_link(urlsplit(link)) == JOB


@pytest.mark.parametrize(
    "link",
    [
        "https://agent.usedari.com/",
        "https://agent.usedari.com/portals/my-org/contact_form",
        "https://agent.usedari.com/jobs/my-org/contact_form/status",
        "https://agent.usedari.com/jobs/my-org/contact_form/status?job_id=",
        "https://agent.usedari.com/jobs/my-org/contact_form/status?job_id=../x",
        f"https://agent.usedari.com/jobs/../contact_form/status?job_id={UUID}",
        f"https://agent.usedari.com/jobs/my-org/contact%2Fform/status?job_id={UUID}",
        f"https://agent.usedari.com/jobs/contact_form/status?job_id={UUID}",
        f"https://agent.usedari.com/documents/{UUID}",
    ],
)
async def test_another_link_names_no_job(link: str) -> None:
    async with opened(Dari, nobody) as dari:
        assert dari.id_from_link(urlsplit(link)) is None


# The key


Paths = Callable[[str], int]


def by_path(status: Paths, asked: list[str]) -> Callable[[httpx2.Request], httpx2.Response]:
    """Answers whose status follows from the path."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.raw_path.decode())
        return httpx2.Response(status(request.url.path), json=[])

    return answer


@pytest.mark.parametrize("status", [200, 404])
async def test_a_key_works_when_its_organization_answers(status: int) -> None:
    asked: list[str] = []
    async with opened(Dari, by_path(lambda _: status, asked), organization="my org/../x") as dari:
        await dari.check_key()
    assert asked == ["/portals/my%20org%2F..%2Fx"]


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (403, PermissionDeniedError), (503, ProviderUnavailableError)]
)
async def test_a_key_does_not_work_when_its_organization_refuses(status: int, error: type[BrowserJobsError]) -> None:
    async with opened(Dari, by_path(lambda _: status, []), organization="my-org") as dari:
        with pytest.raises(error):
            await dari.check_key()


@pytest.mark.parametrize("status", [403, 404])
async def test_without_an_organization_any_answer_past_the_key_will_do(status: int) -> None:
    asked: list[str] = []
    async with opened(Dari, by_path(lambda _: status, asked), organization="") as dari:
        await dari.check_key()
    assert asked[0] == "/jobs/none/none/status?job_id=00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("dialect", ["/jobs/", "/task/"])
async def test_without_an_organization_a_bad_key_is_still_noticed(dialect: str) -> None:
    async with opened(Dari, by_path(lambda path: 401 if path.startswith(dialect) else 404, [])) as dari:
        with pytest.raises(AuthenticationError):
            await dari.check_key()


# Commands


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("dari") == {
        *("answer_question", "cancel_job", "check_key", "fetch_job", "fetch_screenshot", "pause_job"),
        *("resume_job", "start_job"),
    }


VERBS = ["pause", "resume", "stop"]
PLACE = "/jobs/my-org/contact_form"
OLD_PLACE = "/task/my-org/contact_form"


async def command(dari: Dari, verb: str) -> None:
    """Give a command by the word that the API has for it."""
    acts = {"pause": dari.pause_job, "resume": dari.resume_job, "stop": dari.cancel_job}
    await acts[verb](JOB)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("body", [routes.documented("dari/stop"), b"", b"  \n"])
async def test_a_command_is_a_post_whose_parameter_is_in_the_query(verb: str, body: JsonValue | bytes) -> None:
    asked = Routes({f"{PLACE}/{verb}": (200, body)})
    async with opened(Dari, asked) as dari:
        await command(dari, verb)
    [request] = asked.asked
    assert (request.method, request.content) == ("POST", b"")
    assert dict(request.url.params) == {"job_id": UUID}
    assert request.headers["X-API-Key"] == KEY


@pytest.mark.parametrize("verb", VERBS)
async def test_a_command_that_is_404_is_given_in_the_old_dialect(verb: str) -> None:
    asked = Routes({f"{OLD_PLACE}/{verb}": routes.documented("dari/pause")})
    async with opened(Dari, asked) as dari:
        await command(dari, verb)
    assert asked.paths == [f"{PLACE}/{verb}", f"{OLD_PLACE}/{verb}"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (307, UnexpectedResponseError),
        (400, ConflictError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (405, UnexpectedResponseError),
        (409, ConflictError),
        (410, JobNotFoundError),
        (422, RefusedRequestError),
        (429, RateLimitedError),
        (500, ProviderUnavailableError),
        (504, ProviderUnavailableError),
    ],
)
async def test_a_command_is_never_given_twice_but_for_a_404(
    verb: str, status: int, error: type[BrowserJobsError]
) -> None:
    refusal = (status, {"detail": "secret"})
    asked = Routes({f"{PLACE}/{verb}": refusal, f"{OLD_PLACE}/{verb}": routes.documented("dari/stop")})
    async with opened(Dari, asked) as dari:
        with pytest.raises(error) as caught:
            await command(dari, verb)
    assert asked.paths == [f"{PLACE}/{verb}"]
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_command_whose_answer_is_lost_is_not_given_again(verb: str) -> None:
    asked: list[str] = []

    def silent(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        raise httpx2.ReadTimeout("", request=request)

    async with opened(Dari, silent) as dari:
        with pytest.raises(ProviderUnavailableError):
            await command(dari, verb)
    assert asked == [f"{PLACE}/{verb}"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (None, JobNotFoundError),
        ("completed", ConflictError),
        ("failed", ConflictError),
        ("running", NotSupportedError),
        ("dreaming", NotSupportedError),
    ],
)
async def test_a_command_that_is_404_everywhere_is_explained_by_the_job(
    status: str | None, error: type[BrowserJobsError]
) -> None:
    look = {} if status is None else {f"{PLACE}/status": documented(status=status)}
    async with opened(Dari, Routes(look)) as dari:
        for verb in VERBS:
            with pytest.raises(error) as caught:
                await command(dari, verb)
            if isinstance(caught.value, NotSupportedError):
                assert caught.value.ability == f"{verb} jobs"


async def test_an_answer_names_its_question() -> None:
    asked = Routes({f"{PLACE}/answer": routes.documented("dari/answer")})
    async with opened(Dari, asked) as dari:
        await dari.answer_question(JOB, "q-1", "blue")
    [request] = asked.asked
    assert json.loads(request.content) == {"question_id": "q-1", "answer": "blue"}
    assert (request.method, dict(request.url.params)) == ("POST", {"job_id": UUID})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((409, {"detail": "secret"}), ConflictError),
        ((404, {"detail": "secret"}), JobNotFoundError),
        ((403, {"detail": "secret"}), PermissionDeniedError),
        ((422, {"detail": [{"loc": ["body", "answer"], "msg": "secret"}]}), RefusedRequestError),
        ((500, b"secret"), ProviderUnavailableError),
    ],
)
async def test_an_answer_that_is_not_taken_is_given_once(
    answer: tuple[int, Any], error: type[BrowserJobsError]
) -> None:
    asked = Routes({f"{PLACE}/answer": answer})
    async with opened(Dari, asked) as dari:
        with pytest.raises(error) as caught:
            await dari.answer_question(JOB, "q-1", "blue")
    assert asked.paths == [f"{PLACE}/answer"]
    assert "secret" not in repr(caught.value)
    if isinstance(caught.value, RefusedRequestError):
        assert caught.value.where == "answer"


# Starts


@pytest.mark.parametrize("task", ["my-org/contact_form", " my-org/contact_form\n", "contact_form"])
async def test_a_task_names_a_portal(task: str) -> None:
    asked = Routes({f"{PLACE}/start": routes.documented("dari/start")})
    async with opened(Dari, asked, organization="my-org") as dari:
        started = await dari.start_job(task, {})
    assert (started.id, started.locator) == (JOB, "")
    [request] = asked.asked
    assert (request.method, request.url.query) == ("POST", b"")


@pytest.mark.parametrize(
    "task", ["", "contact_form", "/contact_form", "my-org/", "a/b/c", "my-org/../x", "my-org/..", "Fill in the form"]
)
async def test_what_names_no_portal_asks_nothing(task: str) -> None:
    async with opened(Dari, nobody) as dari:
        with pytest.raises(InvalidArgumentError) as caught:
            await dari.start_job(task, {})
    assert caught.value.argument == "task"


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ({}, {"form_data": {}}),
        ({"email": "a@b.example"}, {"form_data": {"email": "a@b.example"}}),
        ({"form_data": {"email": 1}}, {"form_data": {"email": 1}}),
        ({"document_bundle_id": UUID}, {"document_bundle_id": UUID}),
        (
            {"form_data": {}, "human_in_the_loop": True, "unheard_of": 1},
            {"form_data": {}, "human_in_the_loop": True, "unheard_of": 1},
        ),
        ({"max_turns": 5}, {"max_turns": 5}),
    ],
)
async def test_parameters_are_the_form_s_values_unless_they_are_a_whole_body(
    parameters: dict[str, JsonValue], body: JsonValue
) -> None:
    asked = Routes({f"{PLACE}/start": routes.documented("dari/start")})
    async with opened(Dari, asked) as dari:
        await dari.start_job("my-org/contact_form", parameters)
    assert json.loads(asked.asked[0].content) == body


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((404, {"detail": "Portal not found"}), RefusedRequestError, "task"),
        ((403, {"detail": "secret"}), PermissionDeniedError, None),
        ((402, {"detail": "secret"}), OutOfCreditsError, None),
        ((422, {"detail": [{"loc": ["body", "form_data"]}]}), RefusedRequestError, "form_data"),
        ((200, {"job_id": "../secret"}), UnexpectedResponseError, "job_id"),
        ((200, {}), UnexpectedResponseError, "job_id"),
        ((200, b""), UnexpectedResponseError, "the body"),
        ((503, b""), ProviderUnavailableError, None),
    ],
)
async def test_a_start_that_fails_is_not_tried_again(
    answer: tuple[int, Any], error: type[BrowserJobsError], where: str | None
) -> None:
    asked = Routes({f"{PLACE}/start": answer})
    async with opened(Dari, asked) as dari:
        with pytest.raises(error) as caught:
            await dari.start_job("my-org/contact_form", {})
    assert asked.paths == [f"{PLACE}/start"]
    assert getattr(caught.value, "where", None) == where


# Screenshots


def shown(packed: tuple[int, Any], *, place: str = PLACE) -> Routes:
    """A finished job whose archive stands at one of the places."""
    return Routes({f"{PLACE}/status": documented(status="completed"), f"{place}/screenshots": packed})


@pytest.mark.parametrize("place", [PLACE, OLD_PLACE])
async def test_a_screenshot_is_found_in_either_dialect(place: str) -> None:
    async with opened(Dari, shown((200, archive(3)), place=place)) as dari:
        latest, first = await dari.fetch_screenshot(JOB, -1), await dari.fetch_screenshot(JOB, 0)
    assert (latest.data, latest.index, latest.count) == (picture(2), 2, 3)
    assert (first.data, first.index) == (picture(0), 0)


@pytest.mark.parametrize("packed", [(404, {"detail": "No screenshots"}), (200, b""), (200, archive(0))])
async def test_a_job_without_screenshots_tells_its_status(packed: tuple[int, Any]) -> None:
    async with opened(Dari, shown(packed)) as dari:
        with pytest.raises(NotAvailableError) as caught:
            await dari.fetch_screenshot(JOB, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "completed")


async def test_an_index_beyond_the_screenshots_is_not_there() -> None:
    async with opened(Dari, shown((200, archive(3)))) as dari:
        with pytest.raises(NotAvailableError):
            await dari.fetch_screenshot(JOB, 3)


async def test_an_archive_is_not_read_beyond_what_any_job_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "MOST_PACKED_BYTES", 100)
    async with opened(Dari, shown((200, archive(3)))) as dari:
        with pytest.raises(UnexpectedResponseError) as caught:
            await dari.fetch_screenshot(JOB, -1)
    assert caught.value.where == "a body of over 100 bytes"


@pytest.mark.parametrize("status", [500, 429])
async def test_trouble_on_the_way_to_the_archive_is_trouble(status: int) -> None:
    async with opened(Dari, shown((status, b""))) as dari:
        with pytest.raises((ProviderUnavailableError, RateLimitedError)):
            await dari.fetch_screenshot(JOB, -1)
