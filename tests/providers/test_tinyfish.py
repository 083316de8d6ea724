"""TinyFish: what its documents show, and what else it may say."""

import base64
import json
from datetime import UTC, datetime
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
    OutOfCreditsError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Event, EventKind, FailureKind, Job, JobPage, JobStatus, Link
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.tinyfish import STATUSES, TinyFish
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

ID = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
PATH = f"/v1/runs/{ID}"
START = "/v1/automation/run-async"
TASK = "Find the price of a kettle"
URL: dict[str, JsonValue] = {"url": "https://shop.example/"}
BASE64 = base64.b64encode(bytes(range(256)) * 8).decode()


def body(name: str) -> Any:
    """The body of a documented answer."""
    return documented(f"tinyfish/{name}")


def refusal(code: str) -> dict[str, JsonValue]:
    """The body of a refusal."""
    return {"error": {"code": code, "message": "secret", "details": {"wallet_url": "https://x.example"}}}


def failing(**error: JsonValue) -> dict[str, JsonValue]:
    """A run that failed with this error."""
    return {**body("run_failed"), "error": error}


async def look(answer: JsonValue) -> Job:
    """What a look makes of this answer."""
    async with opened(TinyFish, Routes({PATH: answer})) as tinyfish:
        return await tinyfish.fetch_job(ID)


async def page(answer: Any) -> JobPage:
    """What a list makes of this answer."""
    async with opened(TinyFish, Routes({"/v1/runs": answer})) as tinyfish:
        return await tinyfish.list_jobs(None, 20)


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("tinyfish") == {
        *("cancel_job", "check_key", "fetch_job", "fetch_screenshot", "list_jobs", "start_job"),
    }


# Looks


async def test_a_running_run_says_what_it_does() -> None:
    job = await look(body("run_running"))
    assert job.model_dump(exclude_defaults=True) == {
        "id": ID,
        "status": JobStatus.RUNNING,
        "provider_status": "RUNNING",
        "title": "Find all pricing information",
        "created_at": datetime(2026, 1, 14, 10, 30, tzinfo=UTC),
        "started_at": datetime(2026, 1, 14, 10, 30, 5, tzinfo=UTC),
        "current_step": "Click the login button",
        "has": {"live_view"},
    }
    assert job.links == (Link(kind="live_view", url="https://stream.agent.tinyfish.ai/session/xyz"),)


async def test_a_finished_run_tells_all_of_it() -> None:
    job = await look(body("run_completed"))
    assert job.model_dump(exclude_defaults=True) == {
        "id": ID,
        "status": JobStatus.COMPLETED,
        "provider_status": "COMPLETED",
        "title": "Find all pricing information",
        "created_at": datetime(2026, 1, 14, 10, 30, tzinfo=UTC),
        "started_at": datetime(2026, 1, 14, 10, 30, 5, tzinfo=UTC),
        "finished_at": datetime(2026, 1, 14, 10, 31, 30, tzinfo=UTC),
        "has": {"result", "recording"},
    }
    assert job.result == {"product": "iPhone 15", "price": "$799"}
    (film,) = job.links
    assert (film.kind, film.expires_at) == ("recording", datetime(2026, 1, 14, 10, 47, tzinfo=UTC))


async def test_a_look_asks_for_no_screenshots_and_carries_the_key() -> None:
    routes = Routes({PATH: body("run_completed")})
    async with opened(TinyFish, routes) as tinyfish:
        await tinyfish.fetch_job(ID)
    (request,) = routes.asked
    assert (request.method, dict(request.url.params), request.headers["x-api-key"]) == ("GET", {}, KEY)


async def test_no_cost_is_made_up() -> None:
    job = await look({**body("run_completed"), "num_of_steps": 5})
    assert job.cost is None


@pytest.mark.parametrize(
    ("word", "status", "failure"),
    [
        ("PENDING", JobStatus.QUEUED, None),
        ("RUNNING", JobStatus.RUNNING, None),
        ("COMPLETED", JobStatus.COMPLETED, None),
        ("FAILED", JobStatus.FAILED, FailureKind.UNKNOWN),
        ("CANCELLED", JobStatus.CANCELLED, None),
        ("completed", JobStatus.UNKNOWN, None),
        ("CANCELED", JobStatus.UNKNOWN, None),
        ("", JobStatus.UNKNOWN, None),
    ],
)
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus, failure: FailureKind | None) -> None:
    job = await look({**body("run_completed"), "status": word})
    assert (job.status, job.provider_status, job.failure) == (status, word, failure)
    assert (job.finished_at is not None) == (job.result is not None) == status.final
    assert ("live_view" in job.has) == (not status.final)


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"}
    assert TinyFish.statuses is STATUSES


# Goals and failures


@pytest.mark.parametrize(
    "result", [{"status": "failure", "reason": "No such page"}, {"error": "not found"}, {"success": False}, {}, None]
)
@pytest.mark.parametrize("validation", [None, {"valid": True}, {"valid": "no"}, {}, "x"])
async def test_completed_does_not_say_that_the_goal_was_met(result: JsonValue, validation: JsonValue) -> None:
    job = await look({**body("run_completed"), "result": result, "schema_validation": validation})
    assert (job.status, job.goal_met, job.goal_met_by) == (JobStatus.COMPLETED, None, None)
    assert job.result == result


async def test_a_result_that_does_not_fit_its_schema_is_a_missed_goal() -> None:
    job = await look(body("run_misfit"))
    assert (job.status, job.goal_met, job.goal_met_by, job.failure) == (JobStatus.COMPLETED, False, "judge", None)
    running = await look({**body("run_misfit"), "status": "RUNNING"})
    assert running.goal_met is None


async def test_a_failed_run_tells_why() -> None:
    job = await look(body("run_failed"))
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureKind.PROVIDER_FAULT)
    assert (job.error, job.goal_met) == ("Browser crashed during execution", None)
    assert (job.has, job.links) == (frozenset(), ())


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"category": "SYSTEM_FAILURE"}, FailureKind.PROVIDER_FAULT),
        ({"category": "BILLING_FAILURE"}, FailureKind.OUT_OF_CREDITS),
        ({"category": "AGENT_FAILURE"}, FailureKind.AGENT_GAVE_UP),
        ({"category": "UNKNOWN"}, FailureKind.UNKNOWN),
        ({"category": "NEW"}, FailureKind.UNKNOWN),
        ({"category": None, "code": None}, FailureKind.UNKNOWN),
        ({"message": "site blocked: out of credits"}, FailureKind.UNKNOWN),
        ({"code": "TASK_FAILED", "category": "AGENT_FAILURE"}, FailureKind.AGENT_GAVE_UP),
        ({"code": "SITE_BLOCKED", "category": "AGENT_FAILURE"}, FailureKind.SITE_BLOCKED),
        ({"code": "site_blocked"}, FailureKind.SITE_BLOCKED),
        ({"code": "MAX_STEPS_EXCEEDED", "category": "UNKNOWN"}, FailureKind.AGENT_GAVE_UP),
        ({"code": "TIMEOUT", "category": "SYSTEM_FAILURE"}, FailureKind.TIMED_OUT),
        ({"code": "INSUFFICIENT_CREDITS"}, FailureKind.OUT_OF_CREDITS),
        ({"code": "SERVICE_BUSY"}, FailureKind.PROVIDER_FAULT),
        ({"code": "internal_error", "category": 7}, FailureKind.PROVIDER_FAULT),
    ],
)
async def test_the_vendor_s_codes_tell_why_a_run_failed(error: dict[str, JsonValue], failure: FailureKind) -> None:
    job = await look(failing(**error))
    assert (job.status, job.failure) == (JobStatus.FAILED, failure)


@pytest.mark.parametrize("reason", ["auth_wall", "bot_challenge"])
async def test_a_wall_that_a_profile_would_have_passed_is_the_site_s(reason: str) -> None:
    run = body("run_blocked")
    job = await look({**run, "profile_hint": {**run["profile_hint"], "reason": reason}})
    assert (job.failure, job.error) == (FailureKind.SITE_BLOCKED, "Blocked")


@pytest.mark.parametrize("hint", [{"reason": "new"}, {"message": "auth_wall"}, {}, "auth_wall", None])
async def test_another_hint_tells_nothing(hint: JsonValue) -> None:
    job = await look({**body("run_blocked"), "profile_hint": hint})
    assert job.failure is FailureKind.AGENT_GAVE_UP


async def test_a_failed_run_whose_result_does_not_fit_had_an_invalid_output() -> None:
    run = {**body("run_misfit"), "status": "FAILED", "error": {"message": "x", "category": "AGENT_FAILURE"}}
    job = await look(run)
    assert (job.failure, job.goal_met) == (FailureKind.INVALID_OUTPUT, None)


async def test_an_error_may_be_a_text() -> None:
    job = await look({**body("run_failed"), "error": "Broken"})
    assert (job.error, job.failure) == ("Broken", FailureKind.UNKNOWN)


async def test_an_error_of_what_runs_on_is_not_told() -> None:
    assert (await look({**body("run_failed"), "status": "RUNNING"})).error is None
    assert (await look({**body("run_failed"), "status": "CANCELLED"})).error == "Browser crashed during execution"


# Links


@pytest.mark.parametrize("url", ["javascript:alert(1)", "session/xyz", "wss://x.example/", "", 7, None, "http://a b"])
async def test_what_is_no_link_is_left_out(url: JsonValue) -> None:
    job = await look({**body("run_running"), "streaming_url": url, "video_url": url})
    assert (job.links, job.has) == ((), frozenset())


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?X-Amz-Date=20260114T103200Z",
        "?X-Amz-Expires=900",
        "?X-Amz-Date=soon&X-Amz-Expires=900",
        "?X-Amz-Date=20260114T103200Z&X-Amz-Expires=9" + "9" * 20,
        "?X-Amz-Date=99991231T235959Z&X-Amz-Expires=900",
        "?X-Amz-Date=20260114T103200Z&X-Amz-Expires=x",
    ],
)
async def test_a_recording_whose_end_cannot_be_read_has_none(query: str) -> None:
    job = await look({**body("run_completed"), "video_url": f"https://s3.example/a.webm{query}"})
    assert [(link.kind, link.expires_at) for link in job.links] == [("recording", None)]


async def test_a_link_with_a_broken_host_harms_nothing() -> None:
    job = await look({**body("run_completed"), "video_url": "https://[::1/a.webm"})
    assert [link.expires_at for link in job.links] == [None]


# Events


async def test_steps_are_events() -> None:
    job = await look(body("run_running"))
    assert job.events == (
        Event(
            key="evt_abc123",
            kind=EventKind.STEP,
            at=datetime(2026, 1, 14, 10, 30, 6, tzinfo=UTC),
            reported={"text": "Open the pricing page", "status": "COMPLETED", "duration": "1.2s"},
        ),
        Event(
            key="evt_abc124",
            kind=EventKind.STEP,
            at=datetime(2026, 1, 14, 10, 30, 9, tzinfo=UTC),
            reported={"text": "Click the login button", "status": "RUNNING"},
        ),
    )


async def test_a_step_keeps_its_key_while_it_is_rewritten() -> None:
    before, after = [(await look(body(name))).events for name in ("run_running", "run_completed")]
    assert [event.key for event in before] == [event.key for event in after]
    assert before[1].reported != after[1].reported


async def test_steps_are_put_in_order_and_carry_no_image() -> None:
    job = await look(body("run_with_screenshots"))
    assert [event.key for event in job.events] == ["evt_abc123", "evt_abc124", "evt_abc125"]
    assert "image" not in repr(job.events)


async def test_a_step_without_an_id_is_known_by_its_time() -> None:
    odd: JsonValue = [None, 7, {"timestamp": "2026-01-14T10:30:09Z", "action": "Wait"}, {"id": 3, "screenshot": BASE64}]
    job = await look({**body("run_running"), "steps": odd})
    assert [(event.key, event.reported, event.exact) for event in job.events] == [
        ("2026-01-14 10:30:09+00:00 step", {"text": "Wait"}, False),
        ("None step", {}, False),
    ]
    assert job.current_step is None


@pytest.mark.parametrize("steps", [None, [], {}, "x"])
async def test_a_run_may_have_no_steps(steps: JsonValue) -> None:
    job = await look({**body("run_running"), "steps": steps})
    assert (job.events, job.current_step) == ((), None)


# Screenshots


async def test_screenshots_are_asked_for_and_counted_from_the_oldest() -> None:
    routes = Routes({PATH: body("run_with_screenshots")})
    async with opened(TinyFish, routes) as tinyfish:
        last = await tinyfish.fetch_screenshot(ID, -1)
        first = await tinyfish.fetch_screenshot(ID, 0)
        with pytest.raises(NotAvailableError) as caught:
            await tinyfish.fetch_screenshot(ID, 2)
    assert (first.data, first.index, first.count) == (b"\xff\xd8\xff\xe0\x01", 0, 2)
    assert (last.data, last.index, last.count) == (b"\xff\xd8\xff\xe0\x02", 1, 2)
    assert "only 2" in caught.value.thing
    assert {request.url.query for request in routes.asked} == {b"screenshots=base64"}


async def test_a_run_without_screenshots_says_so() -> None:
    async with opened(TinyFish, Routes({PATH: body("run_completed")})) as tinyfish:
        with pytest.raises(NotAvailableError) as caught:
            await tinyfish.fetch_screenshot(ID, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "completed")


@pytest.mark.parametrize("picture", ["https://shop.example/1.png", "data:image/jpeg;base64,?", BASE64, "né"])
async def test_what_is_no_image_is_none(picture: str) -> None:
    run = {**body("run_completed"), "steps": [{"id": "evt_1", "screenshot": picture}]}
    async with opened(TinyFish, Routes({PATH: run})) as tinyfish:
        with pytest.raises(UnexpectedResponseError) as caught:
            await tinyfish.fetch_screenshot(ID, -1)
    assert caught.value.where == "a screenshot that is no image"


async def test_screenshots_of_many_megabytes_are_read() -> None:
    run = {**body("run_completed"), "steps": [{"screenshot": f"/9j/{'A' * 1024 * 1024}"}] * 17}
    async with opened(TinyFish, Routes({PATH: run})) as tinyfish:
        assert (await tinyfish.fetch_screenshot(ID, -1)).count == 17
        with pytest.raises(UnexpectedResponseError):
            await tinyfish.fetch_job(ID)


# Acting


async def test_a_run_is_cancelled() -> None:
    routes = Routes({f"{PATH}/cancel": body("cancelled")})
    async with opened(TinyFish, routes) as tinyfish:
        await tinyfish.cancel_job(ID)
    (request,) = routes.asked
    assert (request.method, request.content, request.headers["x-api-key"]) == ("POST", b"", KEY)


@pytest.mark.parametrize(
    "answer",
    [
        documented("tinyfish/cancelled_too_late"),
        {**documented("tinyfish/cancelled_too_late"), "status": "FAILED"},
        (400, refusal("INVALID_INPUT")),
        (409, {}),
    ],
)
async def test_a_cancel_that_comes_too_late_is_a_conflict(answer: Any) -> None:
    async with opened(TinyFish, Routes({f"{PATH}/cancel": answer})) as tinyfish:
        with pytest.raises(ConflictError):
            await tinyfish.cancel_job(ID)


@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": "RUNNING"}, b""])
async def test_a_cancel_that_says_little_was_taken(answer: Any) -> None:
    async with opened(TinyFish, Routes({f"{PATH}/cancel": (200, answer)})) as tinyfish:
        await tinyfish.cancel_job(ID)


async def test_a_run_is_started_at_its_address() -> None:
    routes = Routes({START: body("started")})
    async with opened(TinyFish, routes) as tinyfish:
        started = await tinyfish.start_job(TASK, {**URL, "goal": "Another", "browser_profile": "stealth"})
    (request,) = routes.asked
    assert (started.id, started.locator) == (ID, "")
    assert (request.method, json.loads(request.content)) == (
        "POST",
        {"url": "https://shop.example/", "goal": TASK, "browser_profile": "stealth"},
    )


@pytest.mark.parametrize(
    ("task", "parameters", "url"),
    [
        ("Find the price (see https://shop.example/a?b=c).", {}, "https://shop.example/a?b=c"),
        ("http://a.example, then https://b.example", {}, "http://a.example"),
        ("Begin at <https://shop.example/>!", {}, "https://shop.example/"),
        ("Leave https://a.example alone", URL, "https://shop.example/"),
    ],
)
async def test_the_address_may_stand_in_the_task(task: str, parameters: dict[str, JsonValue], url: str) -> None:
    routes = Routes({START: body("started")})
    async with opened(TinyFish, routes) as tinyfish:
        await tinyfish.start_job(task, parameters)
    assert json.loads(routes.asked[0].content) == {"url": url, "goal": task}


@pytest.mark.parametrize("task", [TASK, "See https://", "ftp://shop.example"])
async def test_a_start_without_an_address_asks_nothing(task: str) -> None:
    routes = Routes({})
    async with opened(TinyFish, routes) as tinyfish:
        with pytest.raises(InvalidArgumentError) as caught:
            await tinyfish.start_job(task, {"browser_profile": "lite"})
    assert (caught.value.argument, routes.asked) == ("parameters_json", [])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "INSUFFICIENT_CREDITS"}, OutOfCreditsError),
        ({"category": "BILLING_FAILURE"}, OutOfCreditsError),
        ({"code": "FORBIDDEN"}, PermissionDeniedError),
        ({"code": "INVALID_API_KEY"}, AuthenticationError),
        ({"code": "UNAUTHORIZED"}, AuthenticationError),
        ({"code": "RATE_LIMIT_EXCEEDED", "retry_after": 7}, RateLimitedError),
        ({"code": "invalid_input"}, RefusedRequestError),
        ({"code": "CONTENT_POLICY_VIOLATION"}, RefusedRequestError),
        ({"category": "AGENT_FAILURE"}, RefusedRequestError),
        ({"code": "INTERNAL_ERROR"}, ProviderUnavailableError),
        ({"category": "SYSTEM_FAILURE", "retry_after": 7}, ProviderUnavailableError),
        ({"category": "UNKNOWN", "retry_after": -7}, ProviderUnavailableError),
        ({}, ProviderUnavailableError),
        ("secret", ProviderUnavailableError),
        (None, ProviderUnavailableError),
    ],
)
async def test_a_start_may_fail_within_a_good_answer(error: Any, kind: type[BrowserJobsError]) -> None:
    said = {"message": "secret", **error} if isinstance(error, dict) else error
    async with opened(TinyFish, Routes({START: {"run_id": None, "error": said}})) as tinyfish:
        with pytest.raises(kind) as caught:
            await tinyfish.start_job(TASK, URL)
    wish = error.get("retry_after") if isinstance(error, dict) else None
    assert caught.value.retry_after == (wish if wish == 7 else None)
    assert "secret" not in repr(vars(caught.value))


async def test_the_documented_failure_of_a_start_may_pass() -> None:
    async with opened(TinyFish, Routes({START: body("start_failed")})) as tinyfish:
        with pytest.raises(ProviderUnavailableError):
            await tinyfish.start_job(TASK, URL)


async def test_a_run_that_was_made_is_started_whatever_else_is_said() -> None:
    answer = {"run_id": ID, "error": {"code": "SERVICE_BUSY", "message": "x"}}
    async with opened(TinyFish, Routes({START: answer})) as tinyfish:
        assert (await tinyfish.start_job(TASK, URL)).id == ID


@pytest.mark.parametrize("run_id", [7, "", "../x", "a/b", "a b", [ID]])
async def test_a_start_with_an_odd_id_is_unexpected(run_id: JsonValue) -> None:
    async with opened(TinyFish, Routes({START: {"run_id": run_id, "error": None}})) as tinyfish:
        with pytest.raises(UnexpectedResponseError):
            await tinyfish.start_job(TASK, URL)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, refusal("INVALID_INPUT")), RefusedRequestError),
        ((422, b"odd"), RefusedRequestError),
        ((401, documented("tinyfish/bad_key")), AuthenticationError),
        ((402, refusal("INSUFFICIENT_CREDITS")), OutOfCreditsError),
        ((403, documented("tinyfish/no_credits")), OutOfCreditsError),
        ((403, documented("tinyfish/other_envelope")), PermissionDeniedError),
        ((404, {"detail": "Not Found"}), RefusedRequestError),
        ((409, {}), ConflictError),
        ((429, refusal("RATE_LIMIT_EXCEEDED")), RateLimitedError),
        ((500, refusal("INTERNAL_ERROR")), ProviderUnavailableError),
    ],
)
async def test_a_start_may_be_refused(answer: Any, error: type[BrowserJobsError]) -> None:
    async with opened(TinyFish, Routes({START: answer})) as tinyfish:
        with pytest.raises(error) as caught:
            await tinyfish.start_job(TASK, URL)
    assert "secret" not in repr(vars(caught.value))


# Refusals


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, documented("tinyfish/bad_key")), AuthenticationError),
        ((403, {"detail": "Forbidden"}), AuthenticationError),
        ((403, b"<html>"), AuthenticationError),
        ((403, {"error": "FORBIDDEN"}), AuthenticationError),
        ((403, refusal("FORBIDDEN")), PermissionDeniedError),
        ((403, documented("tinyfish/other_envelope")), PermissionDeniedError),
        ((403, documented("tinyfish/no_credits")), OutOfCreditsError),
        ((402, {}), OutOfCreditsError),
        ((404, documented("tinyfish/not_found")), JobNotFoundError),
        ((429, refusal("RATE_LIMIT_EXCEEDED")), RateLimitedError),
        ((500, refusal("INTERNAL_ERROR")), ProviderUnavailableError),
        ((503, b"<html>"), ProviderUnavailableError),
        ((200, b"<html>secret</html>"), UnexpectedResponseError),
        ((200, b'{"status": '), UnexpectedResponseError),
        ((200, [1]), UnexpectedResponseError),
    ],
)
async def test_trouble_has_its_class_whatever_is_asked(answer: Any, error: type[BrowserJobsError]) -> None:
    async with opened(TinyFish, Routes({PATH: answer, f"{PATH}/cancel": answer})) as tinyfish:
        for way in (tinyfish.fetch_job(ID), tinyfish.fetch_screenshot(ID, -1), tinyfish.cancel_job(ID)):
            with pytest.raises(error) as caught:
                await way
            assert "secret" not in repr(vars(caught.value))


@pytest.mark.parametrize("answer", [(408, refusal("TIMEOUT")), (200, b"")])
async def test_a_look_that_brings_nothing_is_unexpected(answer: Any) -> None:
    async with opened(TinyFish, Routes({PATH: answer})) as tinyfish:
        with pytest.raises(UnexpectedResponseError):
            await tinyfish.fetch_job(ID)


async def test_the_vendor_s_wish_to_be_left_alone_is_heard() -> None:
    busy = httpx2.Response(429, headers={"Retry-After": "9"}, json=refusal("RATE_LIMIT_EXCEEDED"))
    async with opened(TinyFish, lambda _: busy) as tinyfish:
        with pytest.raises(RateLimitedError) as caught:
            await tinyfish.fetch_job(ID)
    assert caught.value.retry_after == 9


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({}, "status"),
        ({"run_id": ID}, "status"),
        ({"status": None}, "status"),
        ({"status": 7}, "status"),
        ([], "the body"),
        ("secret", "the body"),
    ],
)
async def test_an_answer_of_another_shape_is_unexpected(answer: JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(answer)
    assert caught.value.where == where


@pytest.mark.parametrize("odd", [None, 7, [], {}, True])
async def test_nothing_else_is_needed(odd: JsonValue) -> None:
    job = await look({**dict.fromkeys(body("run_completed"), odd), "status": "FAILED"})
    assert (job.id, job.status, job.title, job.error) == (ID, JobStatus.FAILED, "", None)
    assert (job.events, job.links, job.failure) == ((), (), FailureKind.UNKNOWN)


# Lists


async def test_a_list_is_read_page_by_page() -> None:
    first, last = body("runs"), {**body("runs"), "pagination": {"total": 2, "next_cursor": None, "has_more": False}}
    routes = Routes({"/v1/runs": lambda request: last if "cursor" in request.url.params else first})
    async with opened(TinyFish, routes) as tinyfish:
        page = await tinyfish.list_jobs(None, 20)
        assert page.cursor == first["pagination"]["next_cursor"]
        assert (await tinyfish.list_jobs(page.cursor, 500)).cursor is None
    assert [dict(request.url.params) for request in routes.asked] == [
        {"limit": "20"},
        {"limit": "100", "cursor": first["pagination"]["next_cursor"]},
    ]
    assert page.jobs[1].model_dump(exclude_none=True) == {
        "id": "b2c3d4e5-f6a7-8901-bcde-f23456789012",
        "status": JobStatus.COMPLETED,
        "provider_status": "COMPLETED",
        "title": "Find all pricing information",
        "created_at": datetime(2026, 1, 14, 10, 30, tzinfo=UTC),
        "started_at": datetime(2026, 1, 14, 10, 30, 5, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 14, 10, 31, 30, tzinfo=UTC),
    }
    assert (page.jobs[0].id, page.jobs[0].status, page.jobs[0].updated_at) == (ID, JobStatus.RUNNING, None)


@pytest.mark.parametrize(
    ("pagination", "cursor"),
    [
        ({"next_cursor": "x", "has_more": True}, "x"),
        ({"next_cursor": "x"}, "x"),
        ({"next_cursor": "x", "has_more": False}, None),
        ({"next_cursor": "", "has_more": True}, None),
        ({"has_more": True}, None),
        ({"next_cursor": 7}, None),
        (None, None),
        ("x", None),
    ],
)
async def test_a_list_ends_where_nothing_follows(pagination: JsonValue, cursor: str | None) -> None:
    assert (await page({"data": [], "pagination": pagination})).cursor == cursor


async def test_a_run_whose_id_has_another_form_is_left_out() -> None:
    answer = {"data": [{"run_id": "../x", "status": "FAILED"}, {"run_id": "run_1", "status": "NEW", "goal": None}]}
    (row,) = (await page(answer)).jobs
    assert (row.id, row.status, row.provider_status, row.title) == ("run_1", JobStatus.UNKNOWN, "NEW", "")


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ([], "the body"),
        ({}, "data"),
        ({"data": {}}, "data"),
        ({"data": [{"status": "FAILED"}]}, "data.0.run_id"),
        ({"data": [{"run_id": ID}]}, "data.0.status"),
    ],
)
async def test_a_list_of_another_shape_is_unexpected(answer: JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await page(answer)
    assert caught.value.where == where


@pytest.mark.parametrize(
    "answer",
    [
        (403, {"detail": "Forbidden"}),
        (403, {"error": {"message": "Not allowed", "type": "None", "code": 403}}),
        (403, b"<html>"),
        (404, {"detail": "Not Found"}),
        (405, {"detail": "Method Not Allowed"}),
    ],
)
async def test_a_proxy_that_withholds_the_list_is_told_from_a_bad_key(answer: Any) -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        await page(answer)
    assert caught.value.reason == "there is no list of runs at this base URL"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, documented("tinyfish/bad_key")), AuthenticationError),
        ((403, refusal("UNAUTHORIZED")), AuthenticationError),
        ((403, refusal("FORBIDDEN")), PermissionDeniedError),
        ((403, documented("tinyfish/no_credits")), OutOfCreditsError),
        ((404, documented("tinyfish/not_found")), UnexpectedResponseError),
        ((400, refusal("INVALID_INPUT")), UnexpectedResponseError),
        ((429, {}), RateLimitedError),
        ((502, {}), ProviderUnavailableError),
    ],
)
async def test_a_list_may_be_refused(answer: Any, error: type[BrowserJobsError]) -> None:
    with pytest.raises(error):
        await page(answer)


# Keys


async def test_a_key_is_checked_by_a_run_that_nobody_has() -> None:
    path = "/v1/runs/00000000-0000-0000-0000-000000000000"
    for answer in ((404, body("not_found")), (404, {"error_code": "NOT_FOUND"}), body("run_running")):
        routes = Routes({path: answer})
        async with opened(TinyFish, routes) as tinyfish:
            await tinyfish.check_key()
        assert [(request.method, request.headers["x-api-key"]) for request in routes.asked] == [("GET", KEY)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, documented("tinyfish/bad_key")), AuthenticationError),
        ((403, refusal("FORBIDDEN")), PermissionDeniedError),
        ((404, {"detail": "Not Found"}), UnexpectedResponseError),
        ((404, b"<html>"), UnexpectedResponseError),
        ((500, {}), ProviderUnavailableError),
    ],
)
async def test_a_key_or_base_url_that_is_wrong_is_told(answer: Any, error: type[BrowserJobsError]) -> None:
    def respond(_: httpx2.Request) -> httpx2.Response:
        status, said = answer
        return httpx2.Response(status, content=said if isinstance(said, bytes) else json.dumps(said).encode())

    async with opened(TinyFish, respond) as tinyfish:
        with pytest.raises(error):
            await tinyfish.check_key()


# Ids


@pytest.mark.parametrize("text", ["", "a/b", "..", "a?b=c", "a#b", "%2e%2e", f"{ID}\n", "x" * 129, "a b", "é"])
async def test_what_is_no_id_is_asked_nowhere(text: str) -> None:
    routes = Routes({})
    async with opened(TinyFish, routes) as tinyfish:
        for way in (tinyfish.fetch_job(text), tinyfish.cancel_job(text), tinyfish.fetch_screenshot(text, -1)):
            with pytest.raises(MalformedIdError):
                await way
    assert routes.asked == []


async def test_a_uuid_is_known_in_lower_case_and_another_id_as_it_is() -> None:
    async with opened(TinyFish, Routes({})) as tinyfish:
        assert tinyfish.canonical_id(ID.upper()) == ID
        assert tinyfish.canonical_id("Run_1-x") == "Run_1-x"


@pytest.mark.parametrize(
    ("link", "job_id"),
    [
        (f"https://agent.tinyfish.ai{PATH}", ID),
        (f"https://agent.tinyfish.ai{PATH}/?screenshots=base64", ID),
        (f"https://agent.tinyfish.ai{PATH}/cancel", ID),
        (f"https://proxy.example/tinyfish{PATH}", ID),
        ("https://agent.tinyfish.ai/v1/runs/batch-1", "batch-1"),
        ("https://agent.tinyfish.ai/v1/runs/batch", None),
        ("https://agent.tinyfish.ai/v1/runs/batch/cancel", None),
        ("https://agent.tinyfish.ai/v1/runs", None),
        (f"https://agent.tinyfish.ai{PATH}/steps", None),
        (f"https://agent.tinyfish.ai/other/{ID}", None),
        (f"https://stream.agent.tinyfish.ai/session/{ID}", None),
    ],
)
async def test_a_link_of_the_api_names_its_run(link: str, job_id: str | None) -> None:
    async with opened(TinyFish, Routes({})) as tinyfish:
        assert tinyfish.id_from_link(urlsplit(link)) == job_id
