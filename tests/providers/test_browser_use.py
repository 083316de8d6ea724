"""API v4 of Browser Use: what is special to its runs."""

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
    JobNotFoundError,
    MalformedIdError,
    OutOfCreditsError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Cost, EventKind, FailureKind, JobStatus
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.browser_use import LINK_PAGES, BrowserUse
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

RUN = "5b0f3c52-8e4d-4f2a-9c1b-7d6e0a94b831"
LOOK = f"/api/v4/runs/{RUN}"
EVENTS = f"{LOOK}/events"
BROWSER = "/api/v4/browsers/f6c1a073-4d2e-4b9f-8e57-a39d0b6c8124"
LIVE = "https://live.browser-use.com/?wss=wss%3A%2F%2Fexample"


def run(**changes: Any) -> dict[str, Any]:
    """A running run, changed so."""
    return {**documented("browser_use/run_running"), **changes}


def events_by_cursor(request: httpx2.Request) -> Any:
    """Two pages of events, then nothing new."""
    after = request.url.params["after"]
    pages = {"0": "events_first", "15": "events_last"}
    empty: Any = {"events": [], "nextAfter": None, "hasMore": False}
    return documented(f"browser_use/{pages[after]}") if after in pages else empty


async def test_a_running_run_says_what_is_known_of_it() -> None:
    routes = Routes({LOOK: run()})
    async with opened(BrowserUse, routes) as provider:
        job = await provider.fetch_job(RUN)
    assert job.id == RUN
    assert (job.status, job.provider_status) == (JobStatus.RUNNING, "running")
    assert job.title == "Find the price of a kettle"
    assert job.cost == Cost(amount=0.0042, unit="USD")
    assert job.created_at == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert job.updated_at == datetime(2026, 11, 1, 12, 0, 20, 123456, tzinfo=UTC)
    assert job.finished_at is None
    assert (job.result, job.error, job.failure, job.goal_met, job.goal_met_by) == (None,) * 5
    assert job.has == frozenset()
    assert routes.asked[0].headers["X-Browser-Use-API-Key"] == KEY
    assert "Authorization" not in routes.asked[0].headers


async def test_a_completed_run_has_its_result_and_its_end() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use/run_completed")})) as provider:
        job = await provider.fetch_job(RUN)
    assert job.status is JobStatus.COMPLETED
    assert job.result == "The kettle costs 42 EUR."
    assert job.has == {"result"}
    assert job.title == "Kettle price"
    assert job.finished_at == datetime(2026, 11, 1, 12, 1, 30, tzinfo=UTC)


async def test_a_structured_output_comes_before_the_text_of_it() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use/run_structured")})) as provider:
        assert (await provider.fetch_job(RUN)).result == {"price": 42}


@pytest.mark.parametrize("output", [0, False, "", [], {}])
async def test_an_output_that_is_empty_is_an_output_all_the_same(output: Any) -> None:
    async with opened(BrowserUse, Routes({LOOK: run(status="completed", output=output, result="text")})) as provider:
        job = await provider.fetch_job(RUN)
    assert job.result == output
    assert job.has == {"result"}


async def test_a_failed_run_has_an_error_and_no_known_reason() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use/run_failed")})) as provider:
        job = await provider.fetch_job(RUN)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureKind.UNKNOWN)
    assert job.error == "The browser could not be reached."


STATUSES = {
    "queued": JobStatus.QUEUED,
    "dispatching": JobStatus.RUNNING,
    "running": JobStatus.RUNNING,
    "completed": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
}


def test_every_status_word_is_in_the_table() -> None:
    assert BrowserUse.statuses == STATUSES


@pytest.mark.parametrize(("word", "status"), [*STATUSES.items(), ("hibernating", JobStatus.UNKNOWN), ("", "unknown")])
async def test_a_look_a_status_and_a_list_understand_a_word_alike(word: str, status: JobStatus) -> None:
    answers = {
        LOOK: run(status=word),
        f"{LOOK}/status": {"status": word},
        "/api/v4/runs": {"runs": [run(status=word)], "nextCursor": None, "hasMore": False},
    }
    async with opened(BrowserUse, Routes(answers)) as provider:
        job, sighting = await provider.fetch_job(RUN), await provider.fetch_status(RUN)
        page = await provider.list_jobs(None, 20)
    assert (job.status, job.provider_status) == (status, word)
    assert (sighting.status, sighting.provider_status) == (status, word)
    assert [(row.status, row.provider_status) for row in page.jobs] == [(status, word)]
    assert (job.failure is not None) == (status is JobStatus.FAILED)


async def test_the_status_route_is_asked_for_the_status_alone() -> None:
    routes = Routes({f"{LOOK}/status": documented("browser_use/run_status")})
    async with opened(BrowserUse, routes) as provider:
        assert (await provider.fetch_status(RUN)).status is JobStatus.RUNNING
    assert routes.paths == [f"{LOOK}/status"]


@pytest.mark.parametrize(
    ("judgement", "goal_met"),
    [
        ({"verdict": True, "reasoning": "fine"}, True),
        ({"verdict": False, "failure_reason": "only half of it"}, False),
        ({"verdict": "pass"}, None),
        ({"verdict": 1}, None),
        ({}, None),
        ("yes", None),
        (None, None),
    ],
)
async def test_a_judge_is_believed_when_the_verdict_is_plain(judgement: Any, goal_met: object) -> None:
    async with opened(BrowserUse, Routes({LOOK: run(status="completed", judgement=judgement)})) as provider:
        job = await provider.fetch_job(RUN)
    assert job.goal_met is goal_met
    assert job.goal_met_by == (None if goal_met is None else "judge")


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("0", 0),
        ("0.25", 0.25),
        (1.5, 1.5),
        ("a lot", None),
        ("NaN", None),
        ("Infinity", None),
        ([], None),
        (None, None),
    ],
)
async def test_a_cost_is_a_decimal_or_unknown(said: Any, amount: float | None) -> None:
    async with opened(BrowserUse, Routes({LOOK: run(totalCostUsd=said)})) as provider:
        cost = (await provider.fetch_job(RUN)).cost
    assert (cost and cost.amount) == amount
    assert (cost is None) == (amount is None)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2026-11-01T12:00:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T13:00:00+01:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+05:00", None),
        (None, None),
    ],
)
async def test_a_time_is_utc_where_it_names_no_zone(said: Any, moment: datetime | None) -> None:
    async with opened(BrowserUse, Routes({LOOK: run(createdAt=said)})) as provider:
        assert (await provider.fetch_job(RUN)).created_at == moment


async def test_a_run_needs_no_more_than_id_and_status() -> None:
    async with opened(BrowserUse, Routes({LOOK: {"id": RUN, "status": "running"}})) as provider:
        job = await provider.fetch_job(RUN)
    assert (job.id, job.status, job.title) == (RUN, JobStatus.RUNNING, "")
    assert (job.cost, job.created_at, job.error) == (None,) * 3


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"id": RUN}, "status"),
        ({"status": "running"}, "id"),
        ({"id": "no uuid", "status": "x"}, "id"),
        ([], "the body"),
    ],
)
async def test_a_run_without_them_is_a_shape_we_do_not_know(body: Any, where: str) -> None:
    async with opened(BrowserUse, Routes({LOOK: body})) as provider:
        with pytest.raises(UnexpectedResponseError) as caught:
            await provider.fetch_job(RUN)
    assert caught.value.where == where


async def test_events_are_read_page_by_page_from_the_cursor() -> None:
    routes = Routes({EVENTS: events_by_cursor})
    async with opened(BrowserUse, routes) as provider:
        first = await provider.fetch_events(RUN, None)
        last = await provider.fetch_events(RUN, first.cursor)
        none = await provider.fetch_events(RUN, last.cursor)
    assert [(page.cursor, page.has_more) for page in (first, last, none)] == [
        ("15", True),
        ("24", False),
        ("24", False),
    ]
    assert [request.url.params["after"] for request in routes.asked] == ["0", "15", "24"]
    assert {request.url.params["limit"] for request in routes.asked} == {"200"}
    events = first.events + last.events
    assert all(event.exact and event.at for event in events)
    assert [(event.key, event.kind, event.reported["text"]) for event in events] == [
        ("11", EventKind.OTHER, "browser.ready"),
        ("14", EventKind.STEP, "browser_execute: Open the shop (running)"),
        ("15", EventKind.STEP, "browser_execute: Opened the shop (completed)"),
        ("16", EventKind.STEP, "browser_execute (error)"),
        ("19", EventKind.OTHER, "browser.reattached"),
        ("23", EventKind.OTHER, "run.completed"),
        ("24", EventKind.OTHER, "worker.session_released"),
    ]
    assert none.events == ()


async def test_a_live_view_stands_beside_the_events_and_never_in_them() -> None:
    async with opened(BrowserUse, Routes({EVENTS: events_by_cursor})) as provider:
        page = await provider.fetch_events(RUN, None)
    assert [(link.kind, link.url) for link in page.links] == [("live_view", LIVE)]
    assert not any("wss" in str(event.reported) for event in page.events)


@pytest.mark.parametrize(
    ("event", "kind", "reported"),
    [
        ({"type": "run.completed"}, EventKind.OTHER, {"text": "run.completed"}),
        ({"type": "run.failed", "data": {"error": "secret"}}, EventKind.OTHER, {"text": "run.failed"}),
        ({"type": "run.cancelled"}, EventKind.OTHER, {"text": "run.cancelled"}),
        ({"type": "run.dispatch_failed"}, EventKind.OTHER, {"text": "run.dispatch_failed"}),
        ({"type": "never.heard_of", "data": {"x": 1}}, EventKind.OTHER, {"text": "never.heard_of"}),
        ({"type": "core.event"}, EventKind.OTHER, {"text": "core.event"}),
        ({"type": "core.event", "data": {"type": "step_start"}}, EventKind.OTHER, {"text": "core.event step_start"}),
        ({"type": "core.event", "data": {"type": "tool_use"}}, EventKind.STEP, {"text": "tool_use"}),
        ({"type": "core.event", "data": {"type": "tool_use", "part": "odd"}}, EventKind.STEP, {"text": "tool_use"}),
        (
            {"type": "core.event", "data": {"type": "tool_use", "part": {"tool": "bash", "state": []}}},
            EventKind.STEP,
            {"text": "bash"},
        ),
        ({"type": "browser.ready", "data": []}, EventKind.OTHER, {"text": "browser.ready"}),
        ({"type": "browser.ready", "data": {"live_view_url": 7}}, EventKind.OTHER, {"text": "browser.ready"}),
        (
            {"type": "browser.ready", "data": {"live_view_url": "javascript:0"}},
            EventKind.OTHER,
            {"text": "browser.ready"},
        ),
    ],
)
async def test_every_event_stays_readable(event: dict[str, Any], kind: EventKind, reported: dict[str, str]) -> None:
    body = {
        "events": [{"runId": RUN, "id": 3, "ts": "2026-11-01T12:00:00Z", **event}],
        "nextAfter": 3,
        "hasMore": False,
    }
    async with opened(BrowserUse, Routes({EVENTS: body})) as provider:
        page = await provider.fetch_events(RUN, None)
    assert [(one.key, one.kind, one.reported) for one in page.events] == [("3", kind, reported)]
    assert page.links == ()


async def test_an_event_without_id_or_type_is_kept_and_known_by_its_time() -> None:
    body = {"events": [{"ts": "2026-11-01T12:00:00Z"}, {"type": "run.completed", "id": "x"}, {"id": 9}]}
    async with opened(BrowserUse, Routes({EVENTS: body})) as provider:
        page = await provider.fetch_events(RUN, "4")
    assert [(event.exact, event.reported) for event in page.events] == [
        (False, {}),
        (False, {"text": "run.completed"}),
        (True, {}),
    ]
    assert len({event.key for event in page.events}) == 3
    assert (page.cursor, page.has_more) == ("9", False)


@pytest.mark.parametrize("next_after", [None, 0, 7])
async def test_a_cursor_never_goes_back_nor_round_in_a_circle(next_after: int | None) -> None:
    body: Any = {"events": [], "nextAfter": next_after, "hasMore": True}
    async with opened(BrowserUse, Routes({EVENTS: body})) as provider:
        page = await provider.fetch_events(RUN, "7")
    assert (page.cursor, page.has_more) == ("7", False)


async def test_a_last_page_without_events_leads_nowhere() -> None:
    body: Any = {"events": [], "nextAfter": 24, "hasMore": False}
    async with opened(BrowserUse, Routes({EVENTS: body})) as provider:
        assert (await provider.fetch_events(RUN, "7")).cursor == "7"
    async with opened(BrowserUse, Routes({EVENTS: {**body, "hasMore": True}})) as provider:
        page = await provider.fetch_events(RUN, "7")
    assert (page.cursor, page.has_more) == ("24", True)


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {}}, {"events": ["text"]}, []])
async def test_a_page_of_events_in_another_wrapping_is_unexpected(body: Any) -> None:
    async with opened(BrowserUse, Routes({EVENTS: body})) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_events(RUN, None)


async def test_links_are_those_of_the_latest_browser() -> None:
    routes = Routes({EVENTS: events_by_cursor, BROWSER: documented("browser_use/browser")})
    async with opened(BrowserUse, routes) as provider:
        links = await provider.fetch_links(RUN)
    assert [link.kind for link in links] == ["live_view", "recording"]
    assert links[0].url == f"{LIVE}-2"
    assert routes.paths == [EVENTS, EVENTS, BROWSER]


async def test_a_browser_that_is_forgotten_leaves_its_live_view() -> None:
    async with opened(BrowserUse, Routes({EVENTS: events_by_cursor})) as provider:
        assert [link.kind for link in await provider.fetch_links(RUN)] == ["live_view"]


async def test_a_run_without_a_browser_has_no_links() -> None:
    routes = Routes({EVENTS: {"events": [], "hasMore": False}})
    async with opened(BrowserUse, routes) as provider:
        assert await provider.fetch_links(RUN) == ()
    assert routes.paths == [EVENTS]


async def test_the_search_for_a_browser_ends_somewhere() -> None:
    def endless(request: httpx2.Request) -> Any:
        number = int(request.url.params["after"]) + 1
        return {"events": [{"id": number, "type": "core.event"}], "nextAfter": number, "hasMore": True}

    routes = Routes({EVENTS: endless})
    async with opened(BrowserUse, routes) as provider:
        assert await provider.fetch_links(RUN) == ()
    assert len(routes.asked) == LINK_PAGES


async def test_runs_are_listed_with_the_vendors_cursor() -> None:
    routes = Routes({"/api/v4/runs": documented("browser_use/runs")})
    async with opened(BrowserUse, routes) as provider:
        page = await provider.list_jobs(None, 2)
        await provider.list_jobs(page.cursor, 2)
    assert [row.id for row in page.jobs] == [RUN, "7c2e91d8-05ab-4e63-9f14-d3a86b20c57e"]
    assert [row.title for row in page.jobs] == ["Find the price of a kettle"] * 2
    assert page.jobs[0].created_at == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert [dict(request.url.params) for request in routes.asked] == [
        {"limit": "2"},
        {"limit": "2", "cursor": "b3BhcXVl"},
    ]


async def test_the_last_page_of_runs_has_no_cursor() -> None:
    body = {"runs": [], "nextCursor": "left over", "hasMore": False}
    async with opened(BrowserUse, Routes({"/api/v4/runs": body})) as provider:
        assert (await provider.list_jobs(None, 2)).cursor is None


async def test_a_long_task_is_cut_to_a_title() -> None:
    async with opened(BrowserUse, Routes({LOOK: run(task="x" * 50_000)})) as provider:
        assert len((await provider.fetch_job(RUN)).title) == 80


async def test_a_key_that_works_lists_one_run() -> None:
    routes = Routes({"/api/v4/runs": documented("browser_use/runs")})
    async with opened(BrowserUse, routes) as provider:
        await provider.check_key()
    assert dict(routes.asked[0].url.params) == {"limit": "1"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "X-Browser-Use-API-Key header is required"}, AuthenticationError),
        (402, {"detail": "Insufficient credits"}, OutOfCreditsError),
        (402, {"detail": {"code": "api_key_monthly_spend_limit_reached", "cap": 1}}, OutOfCreditsError),
        (403, {"detail": "V4 does not support Zero Data Retention"}, PermissionDeniedError),
        (403, b"", PermissionDeniedError),
        (404, {"detail": "Run not found"}, JobNotFoundError),
        (422, {"detail": [{"loc": ["path"], "msg": "no", "type": "uuid"}]}, UnexpectedResponseError),
        (429, {"error": "rate_limited", "limit_rps": 25}, RateLimitedError),
        (502, {"detail": "upstream"}, ProviderUnavailableError),
    ],
)
async def test_every_refusal_has_a_class(status: int, body: Any, error: type[Exception]) -> None:
    answers = dict.fromkeys((LOOK, f"{LOOK}/status", EVENTS, "/api/v4/runs"), (status, body))
    async with opened(BrowserUse, Routes(answers)) as provider:
        for ask in (
            lambda: provider.fetch_job(RUN),
            lambda: provider.fetch_status(RUN),
            lambda: provider.fetch_events(RUN, None),
            lambda: provider.fetch_links(RUN),
            lambda: provider.list_jobs(None, 1),
            provider.check_key,
        ):
            with pytest.raises(error):
                await ask()


def test_a_run_may_hide_for_some_seconds_and_be_known_to_an_older_generation() -> None:
    assert BrowserUse.creation_grace == 5
    assert BrowserUse.siblings == ("browser_use_v3", "browser_use_v2")


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("browser_use") == {
        *("cancel_job", "check_key", "fetch_events", "fetch_job", "fetch_links", "fetch_status", "list_jobs"),
        "start_job",
    }


async def test_an_id_has_one_form() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.canonical_id(RUN.upper()) == RUN
        assert provider.canonical_id(provider.example_id) == provider.example_id


HOSTILE = [
    "",
    " ",
    "../billing",
    RUN + "\n",
    f"{RUN}/../x",
    f"{RUN}?x=1",
    RUN[:-1],
    f"{RUN}0",
    "{" + RUN + "}",
    "٣" * 36,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_no_id_is_never_asked_for(text: str) -> None:
    routes = Routes({})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(MalformedIdError):
            provider.canonical_id(text)
        for ask in (provider.fetch_job, provider.fetch_status, provider.fetch_links):
            with pytest.raises(MalformedIdError):
                await ask(text)
        with pytest.raises(MalformedIdError):
            await provider.fetch_events(text, None)
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"https://api.browser-use.com/api/v4/runs/{RUN}", RUN),
        (f"https://api.browser-use.com/api/v4/runs/{RUN}/events?after=3", RUN),
        (f"http://127.0.0.1:8123/pretend/api/v4/runs/{RUN}/", RUN),
        (f"https://cloud.browser-use.com/agent/{RUN}", RUN),
        (f"https://cloud.browser-use.com/experimental/session/{RUN}?tab=1", RUN),
        ("https://cloud.browser-use.com/settings", None),
        ("https://live.browser-use.com/?wss=wss%3A%2F%2Fexample", None),
        (f"https://api.browser-use.com/api/v4/runs/{RUN}0", None),
        (f"https://api.browser-use.com/api/v4/sessions/{RUN}", None),
        (f"https://api.browser-use.com/api/v3/sessions/{RUN}", None),
        (f"https://api.browser-use.com/api/v2/tasks/{RUN}", None),
        (f"https://api.browser-use.com/api/v1/task/{RUN}", None),
        ("https://api.browser-use.com/api/v4/runs/", None),
    ],
)
async def test_a_link_is_understood_when_it_is_of_this_generation(link: str, found: str | None) -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.id_from_link(urlsplit(link)) == found


CANCEL = f"{LOOK}/cancel"
RUNS = "/api/v4/runs"
SESSION = "8d47b1e9-62f0-4c3a-95d8-1e0b7a4c6f23"


async def test_a_run_is_cancelled_without_a_body() -> None:
    routes = Routes({CANCEL: run(status="cancelled")})
    async with opened(BrowserUse, routes) as provider:
        await provider.cancel_job(RUN.upper())
    assert [(request.method, request.url.path, request.content) for request in routes.asked] == [("POST", CANCEL, b"")]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, JobNotFoundError),
        (502, ProviderUnavailableError),
        (503, ProviderUnavailableError),
    ],
)
async def test_a_cancel_that_is_refused_has_its_class(status: int, error: type[BrowserJobsError]) -> None:
    async with opened(BrowserUse, Routes({CANCEL: (status, {"detail": "secret"})})) as provider:
        with pytest.raises(error):
            await provider.cancel_job(RUN)


async def test_a_start_sends_the_task_and_the_parameters() -> None:
    created = {"id": RUN.upper(), "status": "queued", "model": "m", "sessionId": SESSION, "eventsUrl": "x"}
    routes = Routes({RUNS: created})
    parameters: dict[str, JsonValue] = {"sessionId": SESSION, "judge": {"context": "kettles"}, "task": "another"}
    async with opened(BrowserUse, routes) as provider:
        started = await provider.start_job("Find a kettle", parameters)
    assert (started.id, started.locator) == (RUN, "")
    assert json.loads(routes.asked[0].content) == {**parameters, "task": "Find a kettle"}


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((400, {"detail": "bad pairing"}), RefusedRequestError, ""),
        ((402, {"detail": {"code": "api_key_monthly_spend_limit_reached"}}), OutOfCreditsError, None),
        ((403, {"detail": "secret"}), PermissionDeniedError, None),
        ((404, {"detail": "Session not found"}), RefusedRequestError, ""),
        ((409, {"detail": "secret"}), ConflictError, None),
        ((422, {"detail": [{"loc": ["body", "flash"]}, {"loc": ["body", "secret"]}]}), RefusedRequestError, "flash"),
        ((422, {"detail": [{"loc": ["body", "judge", "context"]}]}), RefusedRequestError, "judge"),
        ((422, {"detail": "unsupported secret"}), RefusedRequestError, ""),
        ((422, {"detail": ["secret", {"loc": "secret"}, {"loc": [7]}]}), RefusedRequestError, ""),
        ((422, ["secret"]), RefusedRequestError, ""),
        ((422, b"<p>secret"), RefusedRequestError, ""),
        ((429, {"detail": "secret"}), RateLimitedError, None),
        ((502, b""), ProviderUnavailableError, None),
        ((200, {"status": "queued"}), UnexpectedResponseError, "id"),
        ((200, {"id": "secret"}), UnexpectedResponseError, "id"),
        ((200, b""), UnexpectedResponseError, "the body"),
    ],
)
async def test_a_start_that_fails_has_its_class_and_names_only_fields_that_were_sent(
    answer: tuple[int, Any], error: type[BrowserJobsError], where: str | None
) -> None:
    routes = Routes({RUNS: answer})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(error) as caught:
            await provider.start_job("Find a kettle", {"flash": True, "judge": {"context": 7}})
    assert getattr(caught.value, "where", None) == where
    assert "secret" not in repr(caught.value)
    assert len(routes.asked) == 1


async def test_without_parameters_a_404_is_a_wrong_base_url() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        with pytest.raises(RefusedRequestError) as caught:
            await provider.start_job("Find a kettle", {})
    assert caught.value.where == "no such API at this base URL"
