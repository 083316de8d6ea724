"""API v3 of Browser Use: what is special to its sessions."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from mcp_browserjobs.errors import (
    AuthenticationError,
    BrowserJobsError,
    ConflictError,
    InvalidArgumentError,
    JobNotFoundError,
    MalformedIdError,
    NotAvailableError,
    OutOfCreditsError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Cost, EventKind, FailureKind, JobStatus
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.browser_use_v3 import PICTURE_PAGES, BrowserUse
from mcp_browserjobs.simulator.pictures import picture
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

SESSION = "a7c41d90-2f6b-4e38-b05d-93e1c8f7246a"
LOOK = f"/api/v3/sessions/{SESSION}"
MESSAGES = f"{LOOK}/messages"
LIST = "/api/v3/sessions"
LIVE = "https://live.browser-use.com/?wss=wss%3A%2F%2Fexample"


def session(**changes: Any) -> dict[str, Any]:
    """A running session, changed so."""
    return {**documented("browser_use_v3/session_running"), **changes}


def messages_by_cursor(request: httpx2.Request) -> Any:
    """Two pages of messages, then nothing new."""
    pages: dict[str, Any] = {
        "": documented("browser_use_v3/messages_first"),
        "b1e0c4d2-0000-4000-8000-000000000004": documented("browser_use_v3/messages_last"),
    }
    return pages.get(request.url.params.get("after", ""), {"messages": [], "hasMore": False})


async def test_a_running_session_says_what_is_known_of_it() -> None:
    routes = Routes({LOOK: session()})
    async with opened(BrowserUse, routes) as provider:
        job = await provider.fetch_job(SESSION)
    assert job.id == SESSION
    assert (job.status, job.provider_status) == (JobStatus.RUNNING, "running")
    assert (job.title, job.current_step) == ("Kettle price", "Clicking the first result")
    assert job.cost == Cost(amount=0.016, unit="USD")
    assert job.created_at == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert job.updated_at == datetime(2026, 11, 1, 12, 0, 40, tzinfo=UTC)
    assert (job.finished_at, job.result, job.goal_met, job.goal_met_by, job.failure) == (None,) * 5
    assert job.has == {"screenshots", "live_view"}
    assert [(link.kind, link.url) for link in job.links] == [("live_view", LIVE)]
    assert routes.asked[0].headers["X-Browser-Use-API-Key"] == KEY


async def test_a_session_that_did_its_task_has_output_claim_and_recording() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use_v3/session_done")})) as provider:
        job = await provider.fetch_job(SESSION)
    assert (job.status, job.provider_status) == (JobStatus.COMPLETED, "stopped")
    assert job.result == {"price": 42}
    assert (job.goal_met, job.goal_met_by) == (True, "agent")
    assert job.has == {"result", "screenshots", "live_view", "recording"}
    assert [link.kind for link in job.links] == ["live_view", "recording"]
    assert job.finished_at == datetime(2026, 11, 1, 12, 1, 30, tzinfo=UTC)
    assert job.current_step is None


async def test_a_new_session_is_queued() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use_v3/session_created")})) as provider:
        job = await provider.fetch_job(SESSION)
    assert job.status is JobStatus.QUEUED
    assert job.cost == Cost(amount=0, unit="USD")
    assert job.current_step is None


def test_every_status_word_is_in_the_table() -> None:
    assert BrowserUse.statuses == {
        "created": JobStatus.QUEUED,
        "idle": JobStatus.QUEUED,
        "running": JobStatus.RUNNING,
        "stopped": JobStatus.CANCELLED,
        "timed_out": JobStatus.FAILED,
        "error": JobStatus.FAILED,
    }


@pytest.mark.parametrize(
    ("word", "beside", "status"),
    [
        ("created", {}, "queued"),
        ("idle", {}, "queued"),
        ("idle", {"stepCount": None}, "queued"),
        ("idle", {"output": ""}, "queued"),
        ("idle", {"stepCount": 4}, "cancelled"),
        ("idle", {"stepCount": 4, "output": "42"}, "completed"),
        ("idle", {"stepCount": 4, "output": {"price": 42}}, "completed"),
        ("idle", {"output": []}, "completed"),
        ("idle", {"output": 0}, "completed"),
        ("idle", {"isTaskSuccessful": True}, "completed"),
        ("idle", {"isTaskSuccessful": False}, "completed"),
        ("running", {}, "running"),
        ("running", {"output": "of the task before"}, "running"),
        ("stopped", {}, "cancelled"),
        ("stopped", {"stepCount": 4}, "cancelled"),
        ("stopped", {"stepCount": 4, "output": "42"}, "completed"),
        ("stopped", {"isTaskSuccessful": True}, "completed"),
        ("stopped", {"isTaskSuccessful": False}, "completed"),
        ("timed_out", {"stepCount": 4}, "failed"),
        ("timed_out", {"output": "42", "isTaskSuccessful": False}, "failed"),
        ("timed_out", {"output": "42", "isTaskSuccessful": True}, "completed"),
        ("error", {}, "failed"),
        ("hibernating", {"output": "42"}, "unknown"),
        ("", {}, "unknown"),
    ],
)
async def test_a_word_means_what_the_rest_of_the_session_makes_of_it(
    word: str, beside: dict[str, Any], status: str
) -> None:
    body = {**documented("browser_use_v3/session_created"), "status": word, **beside}
    answers = {LOOK: body, LIST: {"sessions": [body], "total": 1, "page": 1, "pageSize": 20}}
    async with opened(BrowserUse, Routes(answers)) as provider:
        job, page = await provider.fetch_job(SESSION), await provider.list_jobs(None, 20)
    assert (job.status, job.provider_status, job.failure is not None) == (status, word, status == "failed")
    assert [(row.status, row.provider_status) for row in page.jobs] == [(status, word)]


@pytest.mark.parametrize(
    ("word", "failure"),
    [("timed_out", FailureKind.TIMED_OUT), ("error", FailureKind.PROVIDER_FAULT), ("stopped", None), ("running", None)],
)
async def test_the_word_is_all_that_tells_why_it_failed(word: str, failure: FailureKind | None) -> None:
    async with opened(BrowserUse, Routes({LOOK: session(status=word)})) as provider:
        assert (await provider.fetch_job(SESSION)).failure is failure


@pytest.mark.parametrize(("claim", "goal_met"), [(True, True), (False, False), (None, None), ("yes", None), (1, None)])
async def test_a_claim_is_the_agents_own(claim: Any, goal_met: object) -> None:
    async with opened(BrowserUse, Routes({LOOK: session(isTaskSuccessful=claim)})) as provider:
        job = await provider.fetch_job(SESSION)
    assert job.goal_met is goal_met
    assert job.goal_met_by == (None if goal_met is None else "agent")


@pytest.mark.parametrize(
    ("said", "amount"), [("0", 0), ("0.25", 0.25), (1, 1), ("a lot", None), ("NaN", None), ({}, None), (None, None)]
)
async def test_a_cost_is_a_decimal_or_unknown(said: Any, amount: float | None) -> None:
    async with opened(BrowserUse, Routes({LOOK: session(totalCostUsd=said)})) as provider:
        cost = (await provider.fetch_job(SESSION)).cost
    assert (None if cost is None else cost.amount) == amount


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2026-11-01T12:00:00.5", datetime(2026, 11, 1, 12, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("soon", None),
    ],
)
async def test_a_time_is_utc_where_it_names_no_zone(said: str, moment: datetime | None) -> None:
    async with opened(BrowserUse, Routes({LOOK: session(createdAt=said)})) as provider:
        assert (await provider.fetch_job(SESSION)).created_at == moment


async def test_a_session_needs_no_more_than_id_and_status() -> None:
    async with opened(BrowserUse, Routes({LOOK: {"id": SESSION, "status": "running"}})) as provider:
        job = await provider.fetch_job(SESSION)
    assert (job.id, job.status, job.title, job.links) == (SESSION, JobStatus.RUNNING, "", ())
    assert (job.cost, job.created_at, job.current_step) == (None,) * 3
    assert job.has == frozenset()


async def test_fields_that_cannot_be_read_are_unknown() -> None:
    odd = session(
        title=7, stepCount="many", lastStepSummary=[], liveUrl="/relative", recordingUrls="no", screenshotUrl=1
    )
    async with opened(BrowserUse, Routes({LOOK: odd})) as provider:
        job = await provider.fetch_job(SESSION)
    assert (job.title, job.current_step, job.links, job.has) == ("", None, (), frozenset())


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"id": SESSION}, "status"),
        ({"status": "idle"}, "id"),
        ({"id": "x", "status": 5}, "id, status"),
        (7, "the body"),
    ],
)
async def test_a_session_without_them_is_a_shape_we_do_not_know(body: Any, where: str) -> None:
    async with opened(BrowserUse, Routes({LOOK: body})) as provider:
        with pytest.raises(UnexpectedResponseError) as caught:
            await provider.fetch_job(SESSION)
    assert caught.value.where == where


async def test_messages_are_read_page_by_page_from_the_last_one() -> None:
    routes = Routes({MESSAGES: messages_by_cursor})
    async with opened(BrowserUse, routes) as provider:
        first = await provider.fetch_events(SESSION, None)
        last = await provider.fetch_events(SESSION, first.cursor)
        none = await provider.fetch_events(SESSION, last.cursor)
    assert [page.has_more for page in (first, last, none)] == [True, False, False]
    assert [request.url.params.get("after") for request in routes.asked] == [None, first.cursor, last.cursor]
    assert {request.url.params["limit"] for request in routes.asked} == {"100"}
    assert none.cursor == last.cursor == "b1e0c4d2-0000-4000-8000-000000000011"
    assert [(event.key[-2:], event.kind, event.reported["text"]) for event in first.events + last.events] == [
        ("01", EventKind.MESSAGE, "Find the price of a kettle"),
        ("02", EventKind.STEP, "Planning the search"),
        ("03", EventKind.STEP, "Navigating to shop.example"),
        ("04", EventKind.LOG, '{"ok": true}'),
        ("05", EventKind.LOG, "The element is gone"),
        ("06", EventKind.STEP, "Running a script"),
        ("07", EventKind.STEP, "Writing kettle.csv"),
        ("08", EventKind.STEP, "Reading mail"),
        ("09", EventKind.MESSAGE, "Here it is."),
        ("10", EventKind.LOG, "for the machine only"),
        ("11", EventKind.MESSAGE, "Done"),
    ]
    assert all(event.exact and event.at for event in first.events)
    assert not any("files.example" in str(event.reported) for event in first.events + last.events)


@pytest.mark.parametrize(
    ("message", "kind", "reported"),
    [
        ({}, EventKind.OTHER, {}),
        ({"type": "", "data": "text"}, EventKind.OTHER, {"text": "text"}),
        ({"type": "daydream", "role": "muse", "data": "x"}, EventKind.OTHER, {"text": "x"}),
        ({"type": "daydream_result", "data": "x"}, EventKind.LOG, {"text": "x"}),
        ({"type": "daydream_error", "summary": "y", "data": "x"}, EventKind.LOG, {"text": "y"}),
        ({"type": 7, "data": ["x"], "summary": None, "hidden": "perhaps"}, EventKind.OTHER, {}),
    ],
)
async def test_every_message_stays_readable(message: dict[str, Any], kind: EventKind, reported: dict[str, str]) -> None:
    async with opened(BrowserUse, Routes({MESSAGES: {"messages": [message], "hasMore": True}})) as provider:
        page = await provider.fetch_events(SESSION, None)
    assert [(event.kind, event.reported, event.exact) for event in page.events] == [(kind, reported, False)]
    assert (page.cursor, page.has_more) == (None, False)


async def test_a_page_that_ends_where_it_began_is_the_last() -> None:
    body = {"messages": [{"id": "b1e0c4d2-0000-4000-8000-000000000004"}], "hasMore": True}
    async with opened(BrowserUse, Routes({MESSAGES: body})) as provider:
        page = await provider.fetch_events(SESSION, "b1e0c4d2-0000-4000-8000-000000000004")
    assert not page.has_more


@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": ["text"]}, []])
async def test_a_page_of_messages_in_another_wrapping_is_unexpected(body: Any) -> None:
    async with opened(BrowserUse, Routes({MESSAGES: body})) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_events(SESSION, None)


async def test_sessions_are_listed_page_by_page_in_snake_case() -> None:
    routes = Routes({LIST: documented("browser_use_v3/sessions")})
    async with opened(BrowserUse, routes) as provider:
        first = await provider.list_jobs(None, 2)
        second = await provider.list_jobs(first.cursor, 2)
        third = await provider.list_jobs(second.cursor, 2)
    assert [page.cursor for page in (first, second, third)] == ["2", "3", None]
    assert [dict(request.url.params) for request in routes.asked] == [
        {"page": str(number), "page_size": "2"} for number in (1, 2, 3)
    ]
    assert [(row.id, row.status) for row in first.jobs] == [
        (SESSION, JobStatus.RUNNING),
        ("3f8d62b7-1c94-4a05-8b7e-e5d0479a2c61", JobStatus.COMPLETED),
    ]
    assert first.jobs[0].title == "Kettle price"


async def test_a_page_asks_for_no_more_than_the_vendor_gives() -> None:
    routes = Routes({LIST: {"sessions": []}})
    async with opened(BrowserUse, routes) as provider:
        assert (await provider.list_jobs(None, 200)).cursor is None
    assert routes.asked[0].url.params["page_size"] == "100"


async def test_a_full_page_without_a_total_may_have_another_behind_it() -> None:
    async with opened(BrowserUse, Routes({LIST: {"sessions": [session()]}})) as provider:
        assert (await provider.list_jobs(None, 1)).cursor == "2"


@pytest.mark.parametrize("cursor", ["", "0", "-1", "1.5", "two", "9" * 5000, "٣"])
async def test_a_cursor_that_is_not_ours_is_the_callers_fault(cursor: str) -> None:
    routes = Routes({})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(InvalidArgumentError):
            await provider.list_jobs(cursor, 20)
    assert routes.asked == []


async def test_a_key_that_works_lists_one_session() -> None:
    routes = Routes({LIST: documented("browser_use_v3/sessions")})
    async with opened(BrowserUse, routes) as provider:
        await provider.check_key()
    assert dict(routes.asked[0].url.params) == {"page_size": "1"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "X-Browser-Use-API-Key header is required"}, AuthenticationError),
        (402, {"detail": "Insufficient credits"}, OutOfCreditsError),
        (402, {"detail": {"code": "api_key_monthly_spend_limit_reached", "cap": 1}}, OutOfCreditsError),
        (404, {"detail": "Session not found"}, JobNotFoundError),
        (429, {"error": "rate_limited"}, RateLimitedError),
        (503, b"", ProviderUnavailableError),
    ],
)
async def test_every_refusal_has_a_class(status: int, body: Any, error: type[Exception]) -> None:
    async with opened(BrowserUse, Routes(dict.fromkeys((LOOK, MESSAGES, LIST), (status, body)))) as provider:
        for ask in (
            lambda: provider.fetch_job(SESSION),
            lambda: provider.fetch_events(SESSION, None),
            lambda: provider.list_jobs(None, 1),
            provider.check_key,
        ):
            with pytest.raises(error):
                await ask()


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("browser_use_v3") == {
        *("cancel_job", "check_key", "fetch_events", "fetch_job", "fetch_screenshot", "list_jobs"),
        "start_job",
    }


async def test_an_id_has_one_form() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.canonical_id(SESSION.upper()) == SESSION
        assert provider.canonical_id(provider.example_id) == provider.example_id


@pytest.mark.parametrize(
    "text", ["", "../billing/account", f"{SESSION}\n", f"{SESSION}/stop", f"{SESSION}%2F", "x" * 36]
)
async def test_what_is_no_id_is_never_asked_for(text: str) -> None:
    routes = Routes({})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(MalformedIdError):
            await provider.fetch_job(text)
        with pytest.raises(MalformedIdError):
            await provider.fetch_events(text, None)
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"https://api.browser-use.com/api/v3/sessions/{SESSION}", SESSION),
        (f"http://127.0.0.1:8123/pretend/api/v3/sessions/{SESSION}/messages", SESSION),
        (f"https://cloud.browser-use.com/api/v3/sessions/{SESSION}", None),
        (f"https://cloud.browser-use.com/sessions/{SESSION}", None),
        (f"https://api.browser-use.com/api/v2/sessions/{SESSION}", None),
        (f"https://api.browser-use.com/api/v4/sessions/{SESSION}", None),
        (f"https://api.browser-use.com/api/v3/profiles/{SESSION}", None),
        ("https://api.browser-use.com/api/v3/sessions", None),
    ],
)
async def test_a_link_is_understood_when_it_is_of_this_generation(link: str, found: str | None) -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.id_from_link(urlsplit(link)) == found


STOP = f"{LOOK}/stop"


async def test_a_cancel_stops_the_whole_session() -> None:
    routes = Routes({STOP: session(status="stopped")})
    async with opened(BrowserUse, routes) as provider:
        await provider.cancel_job(SESSION.upper())
    assert [(request.method, request.url.path) for request in routes.asked] == [("POST", STOP)]
    assert json.loads(routes.asked[0].content) == {"strategy": "session"}


async def test_a_start_sends_the_task_and_the_parameters() -> None:
    routes = Routes({LIST: documented("browser_use_v3/session_created")})
    async with opened(BrowserUse, routes) as provider:
        started = await provider.start_job("Find a kettle", {"keepAlive": True, "outputSchema": {"type": "object"}})
    assert (started.id, started.locator) == (SESSION, "")
    body = {"keepAlive": True, "outputSchema": {"type": "object"}, "task": "Find a kettle"}
    assert json.loads(routes.asked[0].content) == body


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((402, {"detail": "secret"}), OutOfCreditsError, None),
        ((404, {"detail": "secret"}), RefusedRequestError, ""),
        ((409, {"detail": "secret"}), ConflictError, None),
        ((422, {"detail": [{"loc": ["body", "sessionId"]}]}), RefusedRequestError, "sessionId"),
        ((503, b""), ProviderUnavailableError, None),
        ((200, {"id": "secret"}), UnexpectedResponseError, "id"),
    ],
)
async def test_a_start_that_fails_has_its_class(
    answer: tuple[int, Any], error: type[BrowserJobsError], where: str | None
) -> None:
    async with opened(BrowserUse, Routes({LIST: answer})) as provider:
        with pytest.raises(error) as caught:
            await provider.start_job("Find a kettle", {"sessionId": SESSION})
    assert getattr(caught.value, "where", None) == where


async def test_without_parameters_a_404_is_a_wrong_base_url() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        with pytest.raises(RefusedRequestError) as caught:
            await provider.start_job("Find a kettle", {})
    assert caught.value.where == "no such API at this base URL"


SHOT, LATEST = "https://files.example/shot.png", "https://files.example/latest.png"


def seen(**files: Any) -> Routes:
    """A session with a screenshot in its messages and one of its own."""
    looks = {LOOK: session(screenshotUrl=f"{LATEST}?X-Amz-Signature=def"), MESSAGES: messages_by_cursor}
    return Routes({**looks, **{f"/{name}.png": answer for name, answer in files.items()}})


async def test_screenshots_are_those_of_the_messages_and_then_the_session_s_own() -> None:
    routes = seen(shot=(200, picture(1)), latest=(200, picture(2)))
    async with opened(BrowserUse, routes) as provider:
        first, latest = await provider.fetch_screenshot(SESSION, 0), await provider.fetch_screenshot(SESSION, -1)
    assert (first.data, first.index, first.count) == (picture(1), 0, 2)
    assert (latest.data, latest.index, latest.count) == (picture(2), 1, 2)


async def test_a_signed_link_is_followed_without_the_key() -> None:
    routes = seen(shot=(200, picture(1)))
    async with opened(BrowserUse, routes) as provider:
        await provider.fetch_screenshot(SESSION, 0)
    assert str(routes.asked[-1].url) == f"{SHOT}?X-Amz-Signature=abc"
    assert KEY not in repr(routes.asked[-1].headers.raw)


async def test_a_link_that_expired_on_the_way_is_asked_for_anew_once() -> None:
    answers = iter([(403, b"<Error>secret"), (200, picture(2))])
    routes = seen(latest=lambda _: next(answers))
    async with opened(BrowserUse, routes) as provider:
        assert (await provider.fetch_screenshot(SESSION, -1)).data == picture(2)
    assert routes.paths.count(LOOK) == 2
    routes = seen(latest=(403, b"<Error>secret"))
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(NotAvailableError) as caught:
            await provider.fetch_screenshot(SESSION, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshot", "expired")
    assert routes.paths.count("/latest.png") == 2


async def test_what_is_no_image_is_no_screenshot() -> None:
    async with opened(BrowserUse, seen(latest=(200, b"<!doctype html>secret"))) as provider:
        with pytest.raises(UnexpectedResponseError) as caught:
            await provider.fetch_screenshot(SESSION, -1)
    assert caught.value.where == "a screenshot that is no image"


@pytest.mark.parametrize("link", ["http://files.example/1.png", "https://127.0.0.1/1.png", "file:///etc/hostname", "x"])
async def test_a_link_into_somebody_s_own_network_is_not_followed(link: str) -> None:
    routes = Routes({LOOK: session(screenshotUrl=link), MESSAGES: {"messages": [], "hasMore": False}})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_screenshot(SESSION, -1)
    assert routes.paths == [MESSAGES, LOOK]


async def test_a_session_without_screenshots_tells_its_status() -> None:
    routes = Routes({LOOK: session(screenshotUrl=None), MESSAGES: {"messages": [], "hasMore": True}})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(NotAvailableError) as caught:
            await provider.fetch_screenshot(SESSION, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "running")


async def test_the_search_for_screenshots_ends() -> None:
    def endless(_: httpx2.Request) -> Any:
        return {"messages": [{"id": str(uuid.uuid4()), "screenshotUrl": LATEST}], "hasMore": True}

    routes = Routes({LOOK: session(screenshotUrl=None), MESSAGES: endless, "/latest.png": (200, picture(1))})
    async with opened(BrowserUse, routes) as provider:
        assert (await provider.fetch_screenshot(SESSION, -1)).count == PICTURE_PAGES
