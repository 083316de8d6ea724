"""Gobii: what a real server said, and what else it may say."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import JsonValue

from mcp_browserjobs.diagnosis import diagnose
from mcp_browserjobs.errors import (
    AuthenticationError,
    BrowserJobsError,
    ConflictError,
    InvalidArgumentError,
    JobNotFoundError,
    MalformedIdError,
    OutOfCreditsError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Cost, FailureKind, Job, JobStatus
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.gobii import STATUSES, Gobii
from tests.providers.replay import KEY, Recording, opened

pytestmark = pytest.mark.anyio

TASK = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
AGENT = "bbdcc53d-10d3-44bb-acc9-e50e51a01b8e"
EMPTY = "{'result_value': ['Result value cannot be empty if this step is marked as the result.']}"

DOCUMENTED = rb"""{
  "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "agent": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "agent_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "organization_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "prompt": "<string>",
  "output_schema": "<unknown>",
  "status": "pending",
  "created_at": "2023-11-07T05:31:56Z",
  "updated_at": "2023-11-07T05:31:56Z",
  "error_message": "<string>",
  "credits_cost": "<string>",
  "webhook": "<string>",
  "webhook_last_called_at": "2023-11-07T05:31:56Z",
  "webhook_last_status_code": 123,
  "webhook_last_error": "<string>"
}"""
"""The answer of `/result/` in the documentation, to the byte; a real server says less there."""

DETAIL: dict[str, Any] = {
    "id": TASK,
    "agent": None,
    "prompt": "Find the price",
    "requires_vision": False,
    "output_schema": None,
    "status": "completed",
    "created_at": "2026-11-21T23:30:14.176216Z",
    "updated_at": "2026-11-21T23:30:19.122901Z",
    "error_message": None,
    "credits_cost": "0.400",
    "webhook": None,
    "webhook_last_called_at": None,
    "webhook_last_status_code": None,
    "webhook_last_error": None,
}
RESULT: dict[str, Any] = {"id": TASK, "agent_id": None, "status": "completed", "result": "42 EUR"}
NOT_FOUND = (404, {"detail": "No BrowserUseAgentTask matches the given query."})


def task_of(recording: Recording) -> str:
    """The task that a recording made first."""
    made = (each["response"]["json"] for each in recording.exchanges if each["request"]["method"] == "POST")
    return str(next(answer["id"] for answer in made if "status" in answer))


async def seen_each_time(name: str) -> list[Job]:
    """The job whenever its page and its result were recorded together, as often as it changes."""
    recording, jobs = Recording(f"gobii/{name}"), list[Job]()
    async with opened(Gobii, recording) as gobii:
        for page, result in pairwise(recording.exchanges):
            if result["request"]["path"] == page["request"]["path"] + "result/":
                recording.moment = result["at_s"]
                jobs.append(await gobii.fetch_job(task_of(recording)))
    return [job for job, before in zip(jobs, [None, *jobs], strict=False) if job != before]


def answers(
    detail: tuple[int, Any], result: tuple[int, Any] = (200, {}), asked: list[str] | None = None
) -> Callable[[httpx2.Request], httpx2.Response]:
    """One answer for the task's page, one for its result."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append(request.url.raw_path.decode())
        status, body = result if request.url.path.endswith("/result/") else detail
        return httpx2.Response(status, content=json.dumps(body))

    return answer


async def look(detail: JsonValue, result: JsonValue = None) -> Job:
    """What a look makes of these two answers; none is 404."""
    page, outcome = (NOT_FOUND if body is None else (200, body) for body in (detail, result))
    async with opened(Gobii, answers(page, outcome)) as gobii:
        return await gobii.fetch_job(TASK)


# What a real server said


async def test_a_task_is_followed_to_its_result() -> None:
    queued, running, completed = await seen_each_time("lifecycle_string_result")
    assert [job.status for job in (queued, running)] == [JobStatus.QUEUED, JobStatus.RUNNING]
    assert [job.provider_status for job in (queued, running)] == ["pending", "in_progress"]
    assert running.has == set()
    assert running.finished_at is None
    assert completed.model_dump(exclude_defaults=True) == {
        "id": "22bfd4b8-be20-4fb4-8568-36f927ee607c",
        "status": JobStatus.COMPLETED,
        "provider_status": "completed",
        "title": '{"sleep": 4, "result": "The price is 42 EUR."}',
        "created_at": datetime(2026, 11, 21, 23, 30, 14, 176216, UTC),
        "updated_at": datetime(2026, 11, 21, 23, 30, 19, 122901, UTC),
        "finished_at": datetime(2026, 11, 21, 23, 30, 19, 122901, UTC),
        "cost": {"amount": 0.4, "unit": "credits"},
        "has": {"result"},
    }
    assert completed.result == "The price is 42 EUR."
    assert completed.goal_met is None
    assert (completed.events, completed.links) == ((), ())


async def test_a_running_task_costs_one_request_and_a_finished_one_two() -> None:
    recording = Recording("gobii/lifecycle_string_result")
    path = f"/api/v1/tasks/browser-use/{task_of(recording)}/"
    async with opened(Gobii, recording) as gobii:
        recording.moment = 3.1
        await gobii.fetch_job(task_of(recording))
        assert recording.asked == [f"GET {path}"]
        recording.moment = 5.2
        await gobii.fetch_job(task_of(recording))
    assert recording.asked == [f"GET {path}", f"GET {path}", f"GET {path}result/"]


async def test_a_result_may_be_an_object() -> None:
    *_, completed = await seen_each_time("create_output_schema")
    assert completed.status is JobStatus.COMPLETED
    assert completed.result == Recording("gobii/create_output_schema").exchanges[-1]["response"]["json"]["result"]
    assert isinstance(completed.result, dict)


async def test_a_failed_task_tells_its_error() -> None:
    *_, failed = await seen_each_time("failed_error_message")
    assert (failed.status, failed.failure) == (JobStatus.FAILED, FailureKind.UNKNOWN)
    assert failed.error == "Login page did not load"
    assert failed.result is None
    assert failed.has == set()


async def test_a_task_cancelled_while_it_runs_completes_all_the_same() -> None:
    jobs = await seen_each_time("cancel_running_overwritten")
    assert [job.provider_status for job in jobs] == ["cancelled", "completed"]
    cancelled, completed = jobs
    assert cancelled.status.final
    assert (cancelled.failure, cancelled.error, cancelled.result) == (None, None, None)
    assert completed.result == "resurrected"


async def test_a_task_cancelled_in_the_queue_runs_all_the_same() -> None:
    jobs = await seen_each_time("cancel_pending_then_runs")
    assert [job.status for job in jobs] == [JobStatus.CANCELLED, JobStatus.RUNNING, JobStatus.COMPLETED]
    assert jobs[1].finished_at is None


async def test_an_empty_result_is_an_invalid_one() -> None:
    recording = Recording("gobii/falsy_result_fails")
    task = recording.exchanges[-1]["response"]["json"]["id"]
    async with opened(Gobii, recording) as gobii:
        job = await gobii.fetch_job(task)
    assert (job.status, job.failure, job.error) == (JobStatus.FAILED, FailureKind.INVALID_OUTPUT, EMPTY)


async def test_a_task_is_found_by_its_agent_too() -> None:
    recording = Recording("gobii/agent_scoped")
    task = "b57a1855-2736-46b4-941d-b7ba8174969a"
    async with opened(Gobii, recording) as gobii:
        by_agent = await gobii.fetch_job(f"{AGENT}/{task}")
        agent_path = f"GET /api/v1/agents/browser-use/{AGENT}/tasks/{task}/"
        assert recording.asked == [agent_path, f"{agent_path}result/"]
        alone = await gobii.fetch_job(task)
        assert recording.asked[2:] == [
            f"GET /api/v1/tasks/browser-use/{task}/",
            f"GET /api/v1/tasks/browser-use/{task}/result/",
        ]
        assert (await gobii.fetch_status(by_agent.locator)).status is JobStatus.COMPLETED
        assert recording.asked[4:] == [f"{agent_path}result/"]
    assert (by_agent.id, by_agent.locator, by_agent.result) == (task, f"{AGENT}/{task}", "ok")
    assert alone == by_agent.model_copy(update={"locator": ""})


async def test_the_status_is_asked_for_where_the_answer_is_smallest() -> None:
    recording = Recording("gobii/lifecycle_string_result")
    words = []
    async with opened(Gobii, recording) as gobii:
        for recording.moment in (0.1, 1.1, 5.2):
            sighting = await gobii.fetch_status(task_of(recording))
            words.append((sighting.status, sighting.provider_status))
    assert words == [
        (JobStatus.QUEUED, "pending"),
        (JobStatus.RUNNING, "in_progress"),
        (JobStatus.COMPLETED, "completed"),
    ]
    assert {path.rpartition("/")[0].rpartition("/")[2] for path in recording.asked} == {"result"}


async def test_an_organization_s_task_is_unknown_to_a_person_s_key() -> None:
    recording = Recording("gobii/organization_key")
    task = task_of(recording)
    async with opened(Gobii, recording) as gobii:
        recording.moment = 2.06
        assert (await gobii.fetch_job(task)).result == "org result"
        assert (await gobii.list_jobs(None, 10)).jobs[0].id == task
        recording.moment = 3
        with pytest.raises(JobNotFoundError):
            await gobii.fetch_job(task)


@pytest.mark.parametrize("verb", ["fetch_job", "fetch_status"])
async def test_an_unknown_task_is_not_found(verb: str) -> None:
    async with opened(Gobii, Recording("gobii/unknown_id_json_404")) as gobii:
        with pytest.raises(JobNotFoundError):
            await getattr(gobii, verb)("39946d2f-ed09-4cd1-97fe-5e3e87d1872b")


async def test_a_page_of_html_says_not_found_too() -> None:
    page = Recording("gobii/malformed_id_html_404").exchanges[0]["response"]
    assert page["text"].lstrip().startswith("<!doctype html>")
    async with opened(Gobii, lambda _: httpx2.Response(404, html=page["text"])) as gobii:
        with pytest.raises(JobNotFoundError):
            await gobii.fetch_job(TASK)


async def test_upper_case_is_asked_for_in_lower_case() -> None:
    recording = Recording("gobii/unknown_id_json_404")
    async with opened(Gobii, recording) as gobii:
        with pytest.raises(JobNotFoundError):
            await gobii.fetch_job("39946D2F-ED09-4CD1-97FE-5E3E87D1872B")
    assert recording.asked[0].endswith("/39946d2f-ed09-4cd1-97fe-5e3e87d1872b/")


async def test_a_good_key_is_answered() -> None:
    async with opened(Gobii, Recording("gobii/ping")) as gobii:
        await gobii.check_key()


@pytest.mark.parametrize("name", ["auth_missing_key_403", "auth_wrong_key_403", "auth_bearer_403"])
async def test_a_bad_key_is_refused_with_403(name: str) -> None:
    async with opened(Gobii, Recording(f"gobii/{name}")) as gobii:
        with pytest.raises(AuthenticationError) as caught:
            await gobii.check_key()
        assert caught.value.variable == "GOBII_API_KEY"
        with pytest.raises(AuthenticationError):
            await gobii.list_jobs(None, 10)


async def test_trouble_of_the_server_is_not_the_key_s() -> None:
    async with opened(Gobii, Recording("gobii/auth_token_scheme_500")) as gobii:
        with pytest.raises(ProviderUnavailableError) as caught:
            await gobii.check_key()
    assert caught.value.status == 500


async def test_reading_goes_on_without_credits() -> None:
    async with opened(Gobii, Recording("gobii/out_of_credits_402")) as gobii:
        page = await gobii.list_jobs(None, 10)
    assert (page.jobs, page.cursor) == ((), None)


async def test_a_redirect_is_not_followed() -> None:
    moved = Recording("gobii/no_trailing_slash_301").exchanges[0]["response"]
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        return httpx2.Response(301, headers=moved["headers"])

    async with opened(Gobii, answer) as gobii:
        with pytest.raises(UnexpectedResponseError):
            await gobii.check_key()
    assert asked == ["/api/v1/ping/"]


async def test_no_request_is_without_its_slash_or_its_key() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={**DETAIL, "results": []})

    async with opened(Gobii, answer) as gobii:
        await gobii.fetch_job(TASK)
        await gobii.fetch_job(f"{AGENT}/{TASK}")
        await gobii.fetch_status(TASK)
        await gobii.list_jobs(None, 5)
        await gobii.check_key()
    assert len(seen) == 7
    for request in seen:
        assert request.url.path.endswith("/")
        assert request.headers["X-Api-Key"] == KEY
        assert request.headers["Accept"] == "application/json"


# Lists


async def test_a_list_is_read_page_by_page() -> None:
    recording = Recording("gobii/list_pages")
    async with opened(Gobii, recording) as gobii:
        first = await gobii.list_jobs(None, 2)
        second = await gobii.list_jobs(first.cursor, 2)
    assert (first.cursor, second.cursor) == ("2", "3")
    rows = first.jobs + second.jobs
    assert [row.id for row in rows] == [
        task["id"] for each in recording.exchanges[:2] for task in each["response"]["json"]["results"]
    ]
    assert rows[0].model_dump(exclude_none=True) == {
        "id": "9842e457-2751-4a61-b786-b34b4a2c8638",
        "status": JobStatus.COMPLETED,
        "provider_status": "completed",
        "title": "item 74",
        "created_at": datetime(2026, 11, 21, 23, 42, 53, 470136, UTC),
        "updated_at": datetime.fromisoformat(recording.exchanges[0]["response"]["json"]["results"][0]["updated_at"]),
    }


async def test_the_last_page_has_no_next_one() -> None:
    last = Recording("gobii/list_pages").exchanges[2]["response"]["json"]
    async with opened(Gobii, lambda _: httpx2.Response(200, json=last)) as gobii:
        page = await gobii.list_jobs("58", 2)
    assert len(page.jobs) == 1
    assert page.cursor is None


async def test_the_page_after_the_last_is_empty() -> None:
    async with opened(Gobii, Recording("gobii/list_pages")) as gobii:
        page = await gobii.list_jobs("9999", 10)
    assert (page.jobs, page.cursor) == ((), None)


async def test_the_recorded_default_page_has_ten() -> None:
    async with opened(Gobii, Recording("gobii/list_default")) as gobii:
        page = await gobii.list_jobs(None, 10)
    assert len(page.jobs) == 10
    assert page.cursor == "2"


async def test_a_task_that_stands_twice_in_a_page_is_listed_once() -> None:
    one, other = {"id": TASK, "status": "pending"}, {"id": AGENT, "status": "odd"}
    body = {"next": None, "results": [one, other, {**one, "id": TASK.upper(), "status": "completed"}]}
    async with opened(Gobii, lambda _: httpx2.Response(200, json=body)) as gobii:
        page = await gobii.list_jobs(None, 10)
    assert [(row.id, row.status) for row in page.jobs] == [(TASK, JobStatus.COMPLETED), (AGENT, JobStatus.UNKNOWN)]


async def test_a_page_is_asked_for_by_number_and_has_a_hundred_at_most() -> None:
    asked: list[str] = []
    body = {"next": 1, "results": []}
    async with opened(Gobii, answers((200, body), asked=asked)) as gobii:
        assert (await gobii.list_jobs("7", 500)).cursor == "8"
    assert asked == ["/api/v1/tasks/browser-use/?page=7&page_size=100"]


@pytest.mark.parametrize("cursor", ["0", "-1", "last", "2&page_size=1", "1e3", "\N{ARABIC-INDIC DIGIT TWO}", "9" * 30])
async def test_a_cursor_that_is_no_page_asks_nothing(cursor: str) -> None:
    asked: list[str] = []
    async with opened(Gobii, answers((200, {}), asked=asked)) as gobii:
        with pytest.raises(InvalidArgumentError):
            await gobii.list_jobs(cursor, 10)
    assert asked == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "results"),
        ({"results": None}, "results"),
        ({"results": [{"status": "pending"}]}, "results.0.id"),
        ({"results": [{"id": TASK}]}, "results.0.status"),
        ({"results": [{"id": "../x", "status": "pending"}]}, "results.0.id"),
        ([], "the body"),
    ],
)
async def test_a_list_of_another_shape_is_unexpected(body: JsonValue, where: str) -> None:
    async with opened(Gobii, answers((200, body))) as gobii:
        with pytest.raises(UnexpectedResponseError) as caught:
            await gobii.list_jobs(None, 10)
    assert caught.value.where == where


@pytest.mark.parametrize("verb", ["list", "check"])
async def test_a_base_url_without_the_api_is_told_from_a_missing_job(verb: str) -> None:
    async with opened(Gobii, lambda _: httpx2.Response(404, html="<p>Page not found")) as gobii:
        with pytest.raises(UnexpectedResponseError) as caught:
            await (gobii.list_jobs(None, 10) if verb == "list" else gobii.check_key())
    assert "base URL" in caught.value.where


# What else it may say


async def test_the_documented_answer_is_enough_where_there_is_no_other() -> None:
    async with opened(Gobii, answers(NOT_FOUND, (200, json.loads(DOCUMENTED)))) as gobii:
        job = await gobii.fetch_job(f"{TASK}/{TASK}")
    assert job.model_dump(exclude_defaults=True) == {
        "id": TASK,
        "locator": f"{TASK}/{TASK}",
        "status": JobStatus.QUEUED,
        "provider_status": "pending",
        "title": "<string>",
        "created_at": datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC),
        "updated_at": datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC),
    }
    assert job.result is None


async def test_the_documented_answer_is_read_to_the_byte() -> None:
    paths: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        return httpx2.Response(200, content=DOCUMENTED)

    async with opened(Gobii, answer) as gobii:
        assert (await gobii.fetch_status(f"{AGENT}/{TASK}")).status is JobStatus.QUEUED
        assert (await gobii.fetch_job(f"{AGENT}/{TASK}")).cost is None
    path = f"/api/v1/agents/browser-use/{AGENT}/tasks/{TASK}/"
    assert paths == [f"{path}result/", path]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", JobStatus.QUEUED),
        ("in_progress", JobStatus.RUNNING),
        ("completed", JobStatus.COMPLETED),
        ("failed", JobStatus.FAILED),
        ("cancelled", JobStatus.CANCELLED),
        ("paused", JobStatus.UNKNOWN),
        ("", JobStatus.UNKNOWN),
    ],
)
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus) -> None:
    job = await look({**DETAIL, "status": word}, {**RESULT, "status": word, "result": None})
    assert (job.status, job.provider_status) == (status, word)
    assert (job.finished_at is not None) == status.final
    async with opened(Gobii, answers(NOT_FOUND, (200, {"status": word}))) as gobii:
        sighting = await gobii.fetch_status(TASK)
    assert (sighting.status, sighting.provider_status) == (status, word)


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {"pending", "in_progress", "completed", "failed", "cancelled"}
    assert Gobii.statuses is STATUSES


async def test_the_later_answer_has_the_last_word() -> None:
    job = await look({**DETAIL, "status": "failed"}, {**RESULT, "status": "in_progress"})
    assert (job.status, job.failure, job.finished_at) == (JobStatus.RUNNING, None, None)


@pytest.mark.parametrize(
    "result", [{**RESULT, "result": None, "message": "Result not found for completed task."}, None]
)
async def test_a_completed_task_may_have_no_result(result: JsonValue) -> None:
    job = await look(DETAIL, result)
    assert job.status is JobStatus.COMPLETED
    assert (job.result, job.error) == (None, None)
    assert job.has == set()


async def test_a_result_that_cannot_be_had_now_spoils_the_look() -> None:
    async with opened(Gobii, answers((200, DETAIL), (503, {}))) as gobii:
        with pytest.raises(ProviderUnavailableError):
            await gobii.fetch_job(TASK)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ("Task timed out after 4 hours", FailureKind.TIMED_OUT),
        ("Task timed out after 4 hours.", FailureKind.UNKNOWN),
        ("The page says: Task timed out after 4 hours", FailureKind.UNKNOWN),
        (EMPTY, FailureKind.INVALID_OUTPUT),
        ("Provider returned empty or invalid result", FailureKind.INVALID_OUTPUT),
        ("The login did not work", FailureKind.UNKNOWN),
        ("", FailureKind.UNKNOWN),
        (None, FailureKind.UNKNOWN),
        (17, FailureKind.UNKNOWN),
    ],
)
@pytest.mark.parametrize("where", ["detail", "result"])
async def test_only_the_platform_s_own_words_tell_why(error: JsonValue, failure: FailureKind, where: str) -> None:
    failed = {**RESULT, "status": "failed", "result": None}
    detail = {**DETAIL, "status": "failed"}
    job = await look(
        {**detail, "error_message": error} if where == "detail" else detail,
        {**failed, "error_message": error} if where == "result" else failed,
    )
    assert job.failure is failure
    assert job.error == (error if isinstance(error, str) and error else None)


@pytest.mark.parametrize("word", ["in_progress", "completed"])
async def test_an_old_error_is_not_told_of_a_task_that_goes_on(word: str) -> None:
    detail = {**DETAIL, "status": word, "error_message": "Task timed out after 4 hours"}
    job = await look(detail, RESULT)
    assert (job.error, job.failure) == (None, None)


async def test_a_task_that_the_platform_cancelled_was_not_stopped_by_a_person() -> None:
    """The worker cancels a task whose owner is paused, and says so in the task's page alone."""
    detail = {**DETAIL, "status": "cancelled", "error_message": "The account is paused."}
    job = await look(detail, {"id": TASK, "agent_id": None, "status": "cancelled"})
    assert (job.status, job.error, job.failure) == (JobStatus.CANCELLED, "The account is paused.", FailureKind.UNKNOWN)
    now = datetime(2026, 11, 22, tzinfo=UTC)
    found = diagnose(job, [], changed_at=now, stalled_seconds=None, now=now)
    assert found.verdict is FailureKind.UNKNOWN


@pytest.mark.parametrize("name", sorted(set(DETAIL) - {"status"}))
@pytest.mark.parametrize("value", ["absent", None, "<string>", {"x": {}}, [[]], -1, True])
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    detail = {**DETAIL, name: value}
    if value == "absent":
        del detail[name]
    job = await look(detail, RESULT)
    assert (job.id, job.status, job.result) == (TASK, JobStatus.COMPLETED, "42 EUR")


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("0.400", 0.4),
        ("0.000", 0.0),
        ("12", 12.0),
        (0.4, 0.4),
        ("<string>", None),
        (None, None),
        ("NaN", None),
        ("", None),
    ],
)
async def test_the_price_is_a_decimal_in_a_string(text: JsonValue, cost: float | None) -> None:
    job = await look({**DETAIL, "credits_cost": text}, RESULT)
    assert job.cost == (None if cost is None else Cost(amount=cost, unit="credits"))


async def test_a_long_prompt_makes_a_short_title() -> None:
    assert len((await look({**DETAIL, "prompt": "x" * 100_000}, RESULT)).title) == 80
    assert (await look({**DETAIL, "prompt": None}, RESULT)).title == ""


@pytest.mark.parametrize(
    ("detail", "result", "where"),
    [
        ({"id": TASK}, None, "status"),
        ({**DETAIL, "status": None}, None, "status"),
        ({**DETAIL, "status": 3}, None, "status"),
        ([], None, "the body"),
        (DETAIL, {"result": 1}, "status"),
        (DETAIL, "secret", "the body"),
    ],
)
async def test_an_answer_of_another_shape_is_unexpected(detail: JsonValue, result: JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(detail, result)
    assert caught.value.where == where
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, UnexpectedResponseError),
        (401, AuthenticationError),
        (402, OutOfCreditsError),
        (403, AuthenticationError),
        (404, JobNotFoundError),
        (405, UnexpectedResponseError),
        (429, RateLimitedError),
        (500, ProviderUnavailableError),
        (502, ProviderUnavailableError),
    ],
)
@pytest.mark.parametrize("body", ['{"detail": "secret"}', '{"detail": ["secret"]}', '["secret"]', "<html>secret", ""])
async def test_a_refusal_has_its_error(status: int, error: type[BrowserJobsError], body: str) -> None:
    async with opened(Gobii, lambda _: httpx2.Response(status, text=body)) as gobii:
        for way in (gobii.fetch_job(TASK), gobii.fetch_status(TASK)):
            with pytest.raises(error) as caught:
                await way
            assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("body", "where"),
    [("<html>secret", "a page of HTML"), ("", "an empty body"), ('{"status": "comp', "a body that is no JSON")],
)
async def test_a_good_status_with_no_json_is_unexpected(body: str, where: str) -> None:
    async with opened(Gobii, lambda _: httpx2.Response(200, text=body)) as gobii:
        with pytest.raises(UnexpectedResponseError) as caught:
            await gobii.fetch_job(TASK)
    assert caught.value.where == where


async def test_a_good_key_without_a_plan_is_told_from_a_bad_one() -> None:
    body = {"detail": "Start a free trial to use personal agents or personal API keys."}
    async with opened(Gobii, answers((403, body), (403, body))) as gobii:
        for way in (gobii.check_key(), gobii.fetch_job(TASK), gobii.fetch_status(TASK), gobii.list_jobs(None, 5)):
            with pytest.raises(PermissionDeniedError) as caught:
                await way
            assert caught.value.reason == "the account has no plan that includes its API"


# Ids and links to them


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not-a-uuid",
        TASK.replace("-", ""),
        f"{TASK}/",
        f"/{TASK}",
        f"{TASK}\n",
        f"{TASK}?x=1",
        f"{TASK}#x",
        f"../{TASK}",
        f"{AGENT}/../{TASK}",
        f"{AGENT}%2F{TASK}",
        f"{AGENT}/{AGENT}/{TASK}",
        f"agent/{TASK}",
        f"{TASK}/cancel",
        f"https://evil.example/{TASK}",
    ],
)
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    asked: list[str] = []
    async with opened(Gobii, answers((200, DETAIL), asked=asked)) as gobii:
        for read in (gobii.canonical_id, gobii.locator):
            with pytest.raises(MalformedIdError):
                read(text)
        for way in (gobii.fetch_job(text), gobii.fetch_status(text)):
            with pytest.raises(MalformedIdError):
                await way
    assert asked == []


async def test_the_task_alone_is_the_id_and_the_agent_only_helps_to_ask() -> None:
    async with opened(Gobii, answers(NOT_FOUND)) as gobii:
        assert gobii.canonical_id(Gobii.example_id) == Gobii.example_id
        assert gobii.canonical_id(TASK.upper()) == gobii.locator(TASK.upper()) == TASK
        assert gobii.canonical_id(f"{AGENT}/{TASK}") == TASK
        assert gobii.locator(f"{AGENT}/{TASK}".upper()) == f"{AGENT}/{TASK}"


@pytest.mark.parametrize(
    ("path", "locator"),
    [
        (f"/api/v1/tasks/browser-use/{TASK}/", TASK),
        (f"/api/v1/tasks/browser-use/{TASK}", TASK),
        (f"/api/v1/tasks/browser-use/{TASK.upper()}/result/?format=json", TASK),
        (f"/api/v1/agents/browser-use/{AGENT}/tasks/{TASK}/", f"{AGENT}/{TASK}"),
        (f"/api/v1/agents/browser-use/{AGENT}/tasks/{TASK}/result/", f"{AGENT}/{TASK}"),
        (f"/api/v1/agents/browser-use/{AGENT}/", None),
        (f"/api/v1/agents/browser-use/{AGENT}/tasks/", None),
        (f"/api/v1/agents/{AGENT}/web-tasks/", None),
        (f"/api/v1/tasks/browser-use/{TASK}0/", None),
        (f"/console/{TASK}/", None),
        ("/", None),
    ],
)
async def test_a_link_of_the_api_names_its_task(path: str, locator: str | None) -> None:
    async with opened(Gobii, answers(NOT_FOUND)) as gobii:
        assert gobii.id_from_link(urlsplit(f"https://gobii.ai{path}")) == locator


def test_the_hosted_service_wishes_for_one_look_in_half_a_minute() -> None:
    assert Gobii.hosted_poll_seconds == 30


# Cancels and starts


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("gobii") == {"cancel_job", "check_key", "fetch_job", "fetch_status", "list_jobs", "start_job"}


async def test_a_second_cancel_is_told_as_a_conflict() -> None:
    recording = Recording("gobii/cancel_twice_409")
    task, moment = task_of(recording), recording.exchanges[1]["at_s"]
    async with opened(Gobii, recording) as gobii:
        recording.moment = moment
        await gobii.cancel_job(task)
        recording.moment = recording.exchanges[2]["at_s"]
        with pytest.raises(ConflictError):
            await gobii.cancel_job(task)
    assert recording.asked == [f"POST /api/v1/tasks/browser-use/{task}/cancel/"] * 2


async def test_a_cancel_goes_the_way_of_the_agent_where_it_is_known() -> None:
    asked: list[str] = []
    async with opened(Gobii, answers((200, {"status": "cancelled"}), asked=asked)) as gobii:
        await gobii.cancel_job(f"{AGENT}/{TASK}")
    assert asked == [f"/api/v1/agents/browser-use/{AGENT}/tasks/{TASK}/cancel/"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (NOT_FOUND, JobNotFoundError),
        ((403, {"detail": "Invalid API key"}), AuthenticationError),
        ((403, {"detail": "Start a free trial to use personal agents."}), PermissionDeniedError),
        ((500, {"detail": "secret"}), ProviderUnavailableError),
        ((301, {}), UnexpectedResponseError),
    ],
)
async def test_a_cancel_that_is_refused_has_its_error(answer: tuple[int, Any], error: type[BrowserJobsError]) -> None:
    async with opened(Gobii, answers(answer)) as gobii:
        with pytest.raises(error):
            await gobii.cancel_job(TASK)


async def test_a_start_makes_a_task_with_the_prompt() -> None:
    recording = Recording("gobii/create_minimal")
    async with opened(Gobii, recording) as gobii:
        started = await gobii.start_job("Read the price on the page", {})
    assert (started.id, started.locator) == (task_of(recording), "")


def creation(sent: list[Any], **answer: Any) -> Callable[[httpx2.Request], httpx2.Response]:
    """Makes a task of whatever is sent."""

    def answered(request: httpx2.Request) -> httpx2.Response:
        sent.append((request.url.path, json.loads(request.content)))
        return httpx2.Response(201, json={**DETAIL, "status": "pending", **answer})

    return answered


async def test_parameters_go_along_but_for_those_that_do_harm() -> None:
    sent: list[Any] = []
    schema: JsonValue = {"type": "object"}
    harmful: dict[str, JsonValue] = {"wait": 0, "credits_cost": "1", "prompt": "another"}
    async with opened(Gobii, creation(sent, agent_id=AGENT.upper(), id=TASK.upper())) as gobii:
        started = await gobii.start_job("Find a kettle", {**harmful, "output_schema": schema, "agent": AGENT})
    body = {"output_schema": schema, "agent": AGENT, "prompt": "Find a kettle"}
    assert sent == [("/api/v1/tasks/browser-use/", body)]
    assert (started.id, started.locator) == (TASK, f"{AGENT}/{TASK}")


@pytest.mark.parametrize("agent", [None, 7, "../secret"])
async def test_an_agent_that_cannot_be_read_is_none(agent: JsonValue) -> None:
    async with opened(Gobii, creation([], agent_id=agent)) as gobii:
        assert (await gobii.start_job("Find a kettle", {})).locator == ""


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((400, {"output_schema": ["secret"]}), RefusedRequestError, "output_schema"),
        ((400, {"status": ["secret"], "prompt": ["secret"]}), RefusedRequestError, "prompt"),
        ((400, {"detail": "JSON parse error - secret"}), RefusedRequestError, ""),
        ((400, {"quota": ["secret"]}), OutOfCreditsError, None),
        ((402, {"message": "secret"}), OutOfCreditsError, None),
        ((403, {"detail": "secret"}), AuthenticationError, None),
        ((404, {"detail": "secret"}), RefusedRequestError, "no such API at this base URL"),
        ((415, {"detail": "secret"}), RefusedRequestError, ""),
        ((500, {"detail": "secret"}), ProviderUnavailableError, None),
        ((201, {"id": "secret"}), UnexpectedResponseError, "id"),
        ((201, {}), UnexpectedResponseError, "id"),
    ],
)
async def test_a_start_that_fails_has_its_error(
    answer: tuple[int, Any], error: type[BrowserJobsError], where: str | None
) -> None:
    async with opened(Gobii, answers(answer)) as gobii:
        with pytest.raises(error) as caught:
            await gobii.start_job("Find a kettle", {"output_schema": {}})
    assert getattr(caught.value, "where", None) == where
    assert "secret" not in repr(caught.value)


async def test_a_start_while_the_queue_is_down_may_have_made_the_task() -> None:
    async with opened(Gobii, answers((400, ["Error 111 connecting to secret"]))) as gobii:
        with pytest.raises(ProviderUnavailableError) as caught:
            await gobii.start_job("Find a kettle", {})
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["bad_other_fields_400", "bad_prompt_type_400", "bad_webhook_400"])
async def test_a_recorded_refusal_names_the_field(name: str) -> None:
    for exchange in Recording(f"gobii/{name}").exchanges:
        if exchange["response"]["status"] != 400:
            continue
        sent, answer = exchange["request"]["json"], (400, exchange["response"]["json"])
        async with opened(Gobii, answers(answer)) as gobii:
            with pytest.raises(RefusedRequestError) as caught:
                await gobii.start_job("x", {field: value for field, value in sent.items() if field != "wait"})
        assert caught.value.where == ("" if "wait" in sent else next(iter(exchange["response"]["json"])))
