"""H Company: what its documents say, and what else it may say."""

import json
from base64 import b64encode
from collections.abc import Callable
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
from mcp_browserjobs.jobs import Change, Cost, Event, EventKind, EventPage, FailureKind, Job, JobStatus
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers import h_company as module
from mcp_browserjobs.providers.h_company import STATUSES, HCompany
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

ID = "8f0c2d4e-6a1b-4c3d-9e5f-7a8b9c0d1e2f"
LIST = "/api/v2/sessions"
ITEM = f"{LIST}/{ID}"
PNG = b"\x89PNG\r\n\x1a\nnot much of a picture"
PENDING: dict[str, Any] = documented("h_company/session_pending")
RUNNING: dict[str, Any] = documented("h_company/session_running")
IDLE: dict[str, Any] = documented("h_company/session_idle")
COMPLETED: dict[str, Any] = documented("h_company/session_completed")
FAILED: dict[str, Any] = documented("h_company/session_failed")
AWAITING: dict[str, Any] = documented("h_company/status_awaiting_tool_results")
CHANGES: dict[str, Any] = documented("h_company/changes")
NOT_FOUND = (404, {"message": "Session not found", "detail": [{"type": "not_found", "message": "Session not found"}]})
NOTHING = (204, b"")
ACCEPTED = (202, b"")


def with_status(session: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A session that stands elsewhere."""
    return session | {"status": session["status"] | fields}


async def look(session: Any, changes: Any = NOTHING) -> Job:
    """What a look makes of these answers."""
    async with opened(HCompany, Routes({ITEM: session, f"{ITEM}/changes": changes})) as company:
        return await company.fetch_job(ID)


async def page_of(changes: Any, cursor: str | None = None) -> EventPage:
    """The events of an answer."""
    async with opened(HCompany, Routes({f"{ITEM}/changes": changes})) as company:
        return await company.fetch_events(ID, cursor)


async def event_of(kind: str, data: Any) -> Event:
    """One event in our words."""
    [event] = (await page_of(CHANGES | {"new_events": [{"type": kind, "data": data}]})).events
    return event


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("h_company") == {
        *("answer_question", "await_change", "cancel_job", "check_key", "fetch_events", "fetch_job"),
        *("fetch_links", "fetch_screenshot", "fetch_status", "list_jobs", "pause_job", "resume_job", "start_job"),
    }
    assert not hasattr(HCompany, "stream_changes")


# A look


async def test_a_running_session_costs_one_request() -> None:
    routes = Routes({ITEM: RUNNING})
    async with opened(HCompany, routes) as company:
        job = await company.fetch_job(ID)
    assert job.model_dump(exclude_defaults=True) == {
        "id": ID,
        "status": JobStatus.RUNNING,
        "provider_status": "running",
        "title": "Find the current price of a Framework 13 laptop",
        "created_at": datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        "started_at": datetime(2026, 11, 20, 12, 0, 4, tzinfo=UTC),
        "has": {"screenshots", "live_view"},
    }
    assert [(link.kind, link.url) for link in job.links] == [("live_view", RUNNING["agent_view_url"])]
    assert routes.paths == [ITEM]
    assert routes.asked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_completed_session_costs_two_and_tells_its_answer_and_cost() -> None:
    routes = Routes({ITEM: COMPLETED, f"{ITEM}/changes": CHANGES | {"new_events": []}})
    async with opened(HCompany, routes) as company:
        job = await company.fetch_job(ID)
    assert (job.status, job.result) == (JobStatus.COMPLETED, {"price": 1099, "currency": "EUR"})
    assert (job.goal_met, job.goal_met_by, job.failure, job.question) == (True, "agent", None, None)
    assert job.cost == Cost(amount=0.017, unit="USD")
    assert job.finished_at == datetime(2026, 11, 20, 12, 1, 30, tzinfo=UTC)
    assert job.has == {"result", "screenshots", "recording"}
    assert [link.kind for link in job.links] == ["recording"]
    assert routes.paths == [ITEM, f"{ITEM}/changes"]
    params = {"from_index": "0", "include_events": "false", "wait_for_seconds": "0"}
    assert dict(routes.asked[1].url.params) == params


async def test_a_session_that_waits_to_start_has_nothing_yet() -> None:
    job = await look(PENDING)
    assert (job.status, job.result, job.cost, job.goal_met) == (JobStatus.QUEUED, None, None, None)
    assert job.has == {"live_view"}


async def test_a_failed_session_tells_why() -> None:
    job = await look(FAILED, CHANGES)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureKind.PROVIDER_FAULT)
    assert job.error == "The session environment failed to provision or crashed."
    assert (job.result, job.goal_met) == (None, None)


async def test_a_session_that_has_answered_waits_with_its_answer() -> None:
    job = await look(IDLE, CHANGES)
    assert (job.status, job.provider_status) == (JobStatus.WAITING_FOR_INPUT, "idle")
    assert job.result == IDLE["latest_answer"]
    assert (job.goal_met, job.goal_met_by) == (True, "agent")
    assert job.question
    assert (job.question.id, job.question.text) == ("step-4", IDLE["latest_answer"])
    assert job.cost == Cost(amount=0.017, unit="USD")
    assert job.has == {"result", "question", "screenshots", "live_view"}
    assert job.finished_at is None


async def test_a_session_that_waits_for_a_tool_asks_for_what_it_gives() -> None:
    job = await look(RUNNING | {"status": AWAITING, "latest_answer": "an earlier one"})
    assert (job.status, job.result, job.goal_met) == (JobStatus.WAITING_FOR_INPUT, None, None)
    assert job.question
    assert (job.question.id, job.question.text) == ("step-3-call_1", 'lookup_order {"order":7}')


@pytest.mark.parametrize(
    ("calls", "question"),
    [
        (None, None),
        ([], None),
        ([None, 7], None),
        ([{"tool_name": "ask"}], ("step-3-ask", "ask")),
        ([{}], ("step-3-", "tool")),
        ([{"id": "a/b?c" + "x" * 99, "tool_name": 7}], ("step-3-abc" + "x" * 37, "tool")),
    ],
    ids=str,
)
async def test_a_tool_call_may_lack_anything(calls: Any, question: tuple[str, str] | None) -> None:
    job = await look(RUNNING | {"status": AWAITING | {"pending_tool_calls": calls}})
    assert job.status is JobStatus.WAITING_FOR_INPUT
    assert (job.question and (job.question.id, job.question.text)) == question


@pytest.mark.parametrize(("word", "status"), [*STATUSES.items(), ("evicted", "unknown"), ("", "unknown")])
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus) -> None:
    job = await look(with_status(RUNNING, status=word))
    assert (job.status, job.provider_status) == (status, word)
    async with opened(HCompany, Routes({f"{ITEM}/status": RUNNING["status"] | {"status": word}})) as company:
        sighting = await company.fetch_status(ID)
    assert (sighting.status, sighting.provider_status) == (status, word)


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {
        *("queued", "pending", "running", "paused", "idle", "awaiting_tool_results"),
        *("completed", "failed", "timed_out", "interrupted"),
    }


@pytest.mark.parametrize(
    ("outcome", "goal_met"),
    [("success", True), ("partial", False), ("infeasible", False), ("blocked", False), (None, None), ("new", None)],
)
@pytest.mark.parametrize("word", ["completed", "idle", "running"])
async def test_the_goal_is_the_agent_s_word_once_it_has_answered(
    word: str, outcome: str | None, *, goal_met: bool | None
) -> None:
    job = await look(with_status(COMPLETED, status=word, outcome=outcome))
    expected = None if word == "running" else goal_met
    assert (job.goal_met, job.goal_met_by) == (expected, None if expected is None else "agent")


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({"error_code": "environment_error"}, FailureKind.PROVIDER_FAULT),
        ({"error_code": "no_answer"}, FailureKind.AGENT_GAVE_UP),
        ({"error_code": "answer_validation"}, FailureKind.INVALID_OUTPUT),
        ({"error_code": "timeout"}, FailureKind.TIMED_OUT),
        ({"error_code": "insufficient_credit"}, FailureKind.OUT_OF_CREDITS),
        ({"error_code": "internal"}, FailureKind.PROVIDER_FAULT),
        ({"error_code": "new"}, FailureKind.UNKNOWN),
        ({"error_code": None}, FailureKind.UNKNOWN),
        ({"error_code": None, "status": "timed_out"}, FailureKind.TIMED_OUT),
        ({"error_code": None, "outcome": "blocked"}, FailureKind.SITE_BLOCKED),
        ({"error_code": None, "outcome": "infeasible"}, FailureKind.AGENT_GAVE_UP),
        ({"error_code": None, "outcome": "partial"}, FailureKind.UNKNOWN),
        ({"error_code": "timeout", "status": "interrupted"}, None),
        ({"error_code": "timeout", "status": "completed"}, None),
    ],
    ids=str,
)
async def test_a_failure_has_the_kind_that_its_code_tells(fields: Any, failure: FailureKind | None) -> None:
    assert (await look(with_status(FAILED, **fields))).failure is failure


@pytest.mark.parametrize(
    ("messages", "title"),
    [
        ("x" * 100, "x" * 80),
        ({"type": "user_message", "message": "One"}, "One"),
        ([{"message": "First"}, {"message": "Second"}], "First"),
        (["First"], "First"),
        ([], ""),
        (None, ""),
        (7, ""),
        ({"message": 7}, ""),
        ([[[]]], ""),
    ],
    ids=str,
)
async def test_the_first_message_is_the_title(messages: JsonValue, title: str) -> None:
    assert (await look(RUNNING | {"request": {"messages": messages}})).title == title


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        (NOTHING, None),
        (CHANGES, 0.017),
        (CHANGES | {"metrics": {"total_cost": 0}}, 0),
        (CHANGES | {"metrics": {"total_cost": None}}, None),
        (CHANGES | {"metrics": {}}, None),
        (CHANGES | {"metrics": None}, None),
        (CHANGES | {"metrics": {"total_cost": "much"}}, None),
    ],
    ids=["none", "some", "zero", "null", "absent", "no metrics", "words"],
)
async def test_an_unknown_cost_is_not_zero(changes: Any, cost: float | None) -> None:
    assert (await look(COMPLETED, changes)).cost == (None if cost is None else Cost(amount=cost, unit="USD"))


@pytest.mark.parametrize("value", [None, 7, [], {}, "x", True, [None]], ids=str)
@pytest.mark.parametrize(
    "name", ["request", "agent_revision", "agent_view_url", "created_at", "started_at", "finished_at"]
)
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    assert (await look(COMPLETED | {name: value})).status is JobStatus.COMPLETED


@pytest.mark.parametrize("value", [None, 7, [], {}, "x", True, [None]], ids=str)
@pytest.mark.parametrize("name", ["error", "error_code", "outcome", "steps", "usage_per_model", "pending_tool_calls"])
async def test_so_may_a_field_of_the_status(name: str, value: JsonValue) -> None:
    for word in ("failed", "idle", "awaiting_tool_results"):
        assert (await look(with_status(FAILED, status=word, **{name: value}))).provider_status == word


async def test_a_status_is_enough() -> None:
    assert (await look({"status": {"status": "queued"}})).status is JobStatus.QUEUED


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "status"),
        ({"status": "running"}, "status"),
        ({"status": None}, "status"),
        ({"status": {}}, "status.status"),
        ({"status": {"status": 7}}, "status.status"),
        ([], "the body"),
        (b"null", "the body"),
        (b"<html>", "a page of HTML"),
        (b"", "an empty body"),
        (b"{", "a body that is no JSON"),
    ],
    ids=str,
)
async def test_an_answer_of_another_shape_is_unexpected(body: Any, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(body)
    assert caught.value.where == where


@pytest.mark.parametrize("body", [{}, {"status": {"status": "running"}}, {"status": None}, []], ids=str)
async def test_the_status_is_a_word_in_changes_and_on_its_own_route(body: Any) -> None:
    async with opened(HCompany, Routes({f"{ITEM}/changes": body, f"{ITEM}/status": body})) as company:
        for ask in (company.fetch_status(ID), company.fetch_events(ID, None), company.await_change(ID, None, 50)):
            with pytest.raises(UnexpectedResponseError):
                await ask


REFUSALS = [
    (400, UnexpectedResponseError),
    (401, AuthenticationError),
    (402, OutOfCreditsError),
    (403, AuthenticationError),
    (404, JobNotFoundError),
    (422, UnexpectedResponseError),
    (429, RateLimitedError),
    (500, ProviderUnavailableError),
    (503, ProviderUnavailableError),
    (504, ProviderUnavailableError),
]


@pytest.mark.parametrize(("status", "error"), REFUSALS)
@pytest.mark.parametrize("body", [{"message": "no such thing", "detail": []}, b"<html>", b""], ids=str)
async def test_a_refusal_has_its_error(status: int, error: type[BrowserJobsError], body: Any) -> None:
    routes = Routes(dict.fromkeys([ITEM, f"{ITEM}/status", f"{ITEM}/changes"], (status, body)))
    async with opened(HCompany, routes) as company:
        asks = (
            *(company.fetch_job(ID), company.fetch_status(ID), company.fetch_events(ID, None)),
            *(company.await_change(ID, "3", 50), company.fetch_screenshot(ID, -1), company.fetch_links(ID)),
        )
        for ask in asks:
            with pytest.raises(error) as caught:
                await ask
            assert "no such thing" not in repr(vars(caught.value))


# Events


async def test_each_event_is_known_by_its_place_in_the_log() -> None:
    page = await page_of(CHANGES)
    assert [(event.key, event.kind) for event in page.events] == [
        ("2", EventKind.OTHER),
        ("5", EventKind.MESSAGE),
        ("6", EventKind.LOG),
        ("7", EventKind.STEP),
        ("8", EventKind.LOG),
        ("10", EventKind.OTHER),
        ("11", EventKind.OTHER),
        ("12", EventKind.QUESTION),
        ("13", EventKind.OTHER),
        ("14", EventKind.OTHER),
        ("15", EventKind.OTHER),
        ("16", EventKind.OTHER),
        ("17", EventKind.MESSAGE),
        ("18", EventKind.OTHER),
        ("19", EventKind.OTHER),
        ("20", EventKind.OTHER),
    ]
    assert all(event.exact for event in page.events)
    assert [event.reported for event in page.events] == [
        {"text": "AgentStartedEvent"},
        {"text": "Find the current price of a Framework 13 laptop", "from": "user"},
        {"text": "observation_event"},
        {"text": "Opening the menu.", "action": 'click {"x":120,"y":48}'},
        {"text": '{"done":true}', "action": "click"},
        {"text": "error_event", "error": "The element is gone."},
        {"text": "flow_event: force_answer"},
        {"text": 'lookup_order {"order":7}'},
        {"text": "ActiveStateChangeEvent: running"},
        {"text": "AgentRunStatusChangeEvent: paused"},
        {"text": "FileTransferEvent: prices.csv"},
        {"text": "AttachmentEvent: prices.csv"},
        {"text": '{"price":1099}', "outcome": "success"},
        {"text": "AgentErrorEvent", "error": "The agent crashed."},
        {"text": "AgentCompletionEvent: finished"},
        {"text": "ChatMessageEvent"},
    ]
    assert page.events[0].at == datetime(2026, 11, 20, 12, 0, 4, tzinfo=UTC)
    assert (page.cursor, page.has_more) == ("21", False)


async def test_the_links_that_events_tell_stand_in_no_event() -> None:
    page = await page_of(CHANGES)
    assert [(link.kind, link.url.partition("?")[0]) for link in page.links] == [
        ("live_view", "https://live.example/view/8f0c"),
        ("download", "https://files.example/prices.csv"),
    ]
    assert "https://" not in json.dumps([event.reported for event in page.events])


async def test_events_are_asked_for_from_where_the_last_ones_ended() -> None:
    routes = Routes({f"{ITEM}/changes": CHANGES | {"first_index": None}})
    async with opened(HCompany, routes) as company:
        first = await company.fetch_events(ID, None)
        second = await company.fetch_events(ID, first.cursor)
    assert [dict(request.url.params) for request in routes.asked] == [
        {"from_index": start, "limit": "100", "include_events": "true", "wait_for_seconds": "0"}
        for start in ("0", "21")
    ]
    assert (second.events[0].key, second.cursor) == ("23", "42")


async def test_where_older_events_are_gone_the_rest_keep_their_numbers() -> None:
    page = await page_of(CHANGES | {"first_index": 50}, "10")
    assert (page.events[0].key, page.cursor) == ("52", "71")


async def test_a_full_page_has_more_behind_it() -> None:
    event = CHANGES["new_events"][2]
    page = await page_of(CHANGES | {"new_events": [event] * 100})
    assert (len(page.events), page.cursor, page.has_more) == (100, "100", True)


async def test_without_news_the_cursor_stays() -> None:
    assert await page_of(NOTHING, "21") == EventPage(events=(), cursor="21")
    assert await page_of(NOTHING) == EventPage(events=())


@pytest.mark.parametrize("events", [None, [], 7, "x", {}], ids=str)
async def test_a_page_without_events_says_nothing(events: Any) -> None:
    page = await page_of(CHANGES | {"new_events": events, "first_index": -1}, "4")
    assert page == EventPage(events=(), cursor="4")


async def test_an_event_that_cannot_be_read_keeps_its_place() -> None:
    events = [None, 7, {}, {"type": 7, "data": 7, "timestamp": 7}, CHANGES["new_events"][2]]
    page = await page_of(CHANGES | {"new_events": events})
    assert [(event.key, event.reported["text"]) for event in page.events] == [
        ("2", "event"),
        ("3", "event"),
        ("4", "AgentStartedEvent"),
    ]
    assert page.cursor == "5"


@pytest.mark.parametrize(
    ("kind", "data", "reported"),
    [
        ("policy_event", {"reasoning_content": "Hm."}, {"text": "Hm."}),
        ("policy_event", {"tool_reqs": [{"tool_name": "go"}, None]}, {"text": "go", "action": "go"}),
        ("policy_event", {}, {"text": "policy_event"}),
        ("policy_event", {"content": ["a", 1]}, {"text": '["a",1]'}),
        ("tool_result", {"result": "x" * 5000}, {"text": "x" * 2000}),
        ("tool_result", {}, {"text": "tool_result"}),
        ("observation_event", {"text": "A page"}, {"text": "A page"}),
        ("answer_event", {"answer": "42 EUR", "outcome": None}, {"text": "42 EUR"}),
        ("message_event", {"content": "not a list", "caller_id": "agent"}, {"text": "message_event", "from": "agent"}),
        ("error_event", {"error": "Oh"}, {"text": "error_event", "error": "Oh"}),
        ("thought_event", {"text": "new"}, {"text": "thought_event"}),
        (None, {}, {"text": "event"}),
    ],
    ids=str,
)
async def test_a_step_of_the_agent_says_what_it_is(kind: str | None, data: Any, reported: Any) -> None:
    assert (await event_of("AgentEvent", {"kind": kind, **data})).reported == reported


ENCODED = b64encode(PNG * 9).decode()


@pytest.mark.parametrize(
    "result",
    [
        f"data:image/png;base64,{ENCODED}",
        ENCODED,
        {"shot": {"type": "base64", "source": "AAAA", "media_type": "image/png"}},
        [{"image": [ENCODED]}, 7, None],
    ],
    ids=["data link", "bare", "object", "nested"],
)
async def test_an_image_in_base64_stands_in_no_event_and_in_no_result(result: JsonValue) -> None:
    event = await event_of("AgentEvent", {"kind": "tool_result", "result": result})
    job = await look(COMPLETED | {"latest_answer": result})
    for text in (json.dumps(event.reported), json.dumps(job.result)):
        assert "[image]" in text
        assert ENCODED[:20] not in text
        assert "AAAA" not in text


async def test_ordinary_words_are_left_as_they_are() -> None:
    answer = {"type": "base64", "text": "see data:image and /9j/ " + "word" * 200}
    assert (await look(COMPLETED | {"latest_answer": answer})).result == answer


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("LiveViewUrlEvent", {"live_view_url": None}),
        ("LiveViewUrlEvent", None),
        ("LiveViewUrlEvent", {"live_view_url": "relative"}),
        ("AttachmentEvent", {"origin": "user", "url": "https://files.example/x"}),
        ("AttachmentEvent", {"origin": "agent", "url": 7}),
    ],
    ids=str,
)
async def test_what_is_no_link_of_the_agent_s_is_none(kind: str, data: Any) -> None:
    assert (await page_of(CHANGES | {"new_events": [{"type": kind, "data": data}]})).links == ()


async def links_of(session: dict[str, Any], *pages: list[Any], resources: Any = None) -> list[tuple[str, str]]:
    """The links to a session, whose log comes in these pages."""

    def answer(request: httpx2.Request) -> Any:
        if request.url.path == ITEM:
            return httpx2.Response(200, json=session)
        return gallery(*pages, resources=resources)(request)

    async with opened(HCompany, answer) as company:
        return [(link.kind, link.url) for link in await company.fetch_links(ID)]


def shared(url: str) -> dict[str, Any]:
    """An event that tells of a file which the agent handed over."""
    data = {"origin": "agent", "name": "x.csv", "path": "x.csv", "media_type": "text/csv", "size_bytes": 1, "url": url}
    return {"type": "AttachmentEvent", "data": data}


async def test_a_file_that_the_agent_handed_over_can_be_had_for_good() -> None:
    events = CHANGES["new_events"]
    file = ("download", "https://files.example/prices.csv?X-Amz-Signature=abc")
    view = RUNNING["agent_view_url"]
    live = ("live_view", "https://live.example/view/8f0c")
    assert await links_of(RUNNING, events) == [("live_view", view), live, file]
    assert await links_of(COMPLETED, events) == [("recording", view), file]
    assert await links_of(COMPLETED, [{}] * 100, events) == [("recording", view), file]


async def test_of_the_live_views_the_latest_one_counts() -> None:
    opened_anew = [{"type": "LiveViewUrlEvent", "data": {"live_view_url": f"https://live.example/{n}"}} for n in (1, 2)]
    view = ("live_view", RUNNING["agent_view_url"])
    assert await links_of(RUNNING, opened_anew) == [view, ("live_view", "https://live.example/2")]
    assert await links_of(RUNNING, []) == [view]
    assert await links_of(RUNNING | {"agent_view_url": None}, []) == []


async def test_a_file_that_takes_the_key_is_given_by_its_signed_link() -> None:
    kept = f"https://agp.eu.hcompany.ai/api/v1/trajectories/{ID}/resources/files/x.csv"
    signed = f"https://bucket.s3.example{ITEM}/resources/files/x.csv?X-Amz-Signature=a"
    assert ("download", signed) in await links_of(COMPLETED, [shared(kept)])


@pytest.mark.parametrize("status", [200, 401, 403, 404, 410])
async def test_a_file_that_is_gone_spoils_no_other_link(status: int) -> None:
    kept = f"https://agp.eu.hcompany.ai/api/v1/trajectories/{ID}/resources/files/x.csv"
    told = await links_of(COMPLETED, [shared(kept)], resources=lambda _: httpx2.Response(status, json={}))
    assert told == [("recording", COMPLETED["agent_view_url"])]


async def test_a_signed_link_to_a_file_is_left_as_it_is() -> None:
    signed = f"https://bucket.s3.example/trajectories/{ID}/resources/files/x.csv?X-Amz-Signature=a"
    assert ("download", signed) in await links_of(COMPLETED, [shared(signed)])


async def test_the_same_file_is_given_once_and_of_very_many_the_latest() -> None:
    files = [shared(f"https://files.example/{n}.csv") for n in range(30)]
    told = await links_of(COMPLETED, [*files, files[29]])
    assert [url for kind, url in told if kind == "download"] == [
        f"https://files.example/{n}.csv" for n in range(20, 30)
    ]


async def test_a_change_is_waited_for_in_one_request() -> None:
    routes = Routes({f"{ITEM}/changes": CHANGES})
    async with opened(HCompany, routes) as company:
        change = await company.await_change(ID, "7", 49.6)
    assert change.sighting
    assert (change.sighting.status, change.sighting.provider_status) == (JobStatus.COMPLETED, "completed")
    assert change.page == await page_of(CHANGES, "7")
    [request] = routes.asked
    assert dict(request.url.params) == {
        "from_index": "7",
        "limit": "100",
        "include_events": "true",
        "wait_for_seconds": "50",
    }


async def test_a_wait_without_news_says_nothing() -> None:
    async with opened(HCompany, Routes({f"{ITEM}/changes": NOTHING})) as company:
        assert await company.await_change(ID, None, 50) == Change()


# Answers


async def test_an_answer_to_what_has_answered_is_a_message() -> None:
    routes = Routes({f"{ITEM}/status": IDLE["status"], f"{ITEM}/messages": ACCEPTED})
    async with opened(HCompany, routes) as company:
        await company.answer_question(ID, "step-4", "yes — «oui»")
    assert [request.method for request in routes.asked] == ["GET", "POST"]
    assert json.loads(routes.asked[1].content) == {"type": "user_message", "message": "yes — «oui»"}


async def test_an_answer_to_a_tool_s_call_is_its_result() -> None:
    routes = Routes({f"{ITEM}/status": AWAITING, f"{ITEM}/tool_results": ACCEPTED})
    async with opened(HCompany, routes) as company:
        await company.answer_question(ID, "step-3-call_1", "shipped")
    assert json.loads(routes.asked[1].content) == {
        "kind": "tool_result",
        "tool_req": {"tool_name": "lookup_order", "args": {"order": 7}, "id": "call_1"},
        "result": "shipped",
    }


async def test_a_call_is_given_back_without_what_it_lacks() -> None:
    status = AWAITING | {"pending_tool_calls": [{"tool_name": "ask", "args": None, "id": None}]}
    routes = Routes({f"{ITEM}/status": status, f"{ITEM}/tool_results": ACCEPTED})
    async with opened(HCompany, routes) as company:
        await company.answer_question(ID, "step-3-ask", "blue")
    assert json.loads(routes.asked[1].content)["tool_req"] == {"tool_name": "ask"}


@pytest.mark.parametrize(
    ("status", "question"),
    [
        (IDLE["status"], "step-3"),
        (AWAITING, "step-3"),
        (AWAITING, "step-4-call_1"),
        *((IDLE["status"] | {"status": word}, "step-4") for word in STATUSES if word != "idle"),
    ],
    ids=str,
)
async def test_nothing_is_sent_where_that_question_is_not_open(status: Any, question: str) -> None:
    routes = Routes({f"{ITEM}/status": status})
    async with opened(HCompany, routes) as company:
        with pytest.raises(ConflictError):
            await company.answer_question(ID, question, "yes")
    assert [request.method for request in routes.asked] == ["GET"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((409, ConflictError), (422, RefusedRequestError), (404, JobNotFoundError)),
        *((429, RateLimitedError), (503, ProviderUnavailableError)),
    ],
)
async def test_an_answer_that_is_refused_has_its_error(status: int, error: type[BrowserJobsError]) -> None:
    refusal = (status, documented("h_company/quota_429"))
    routes = Routes({f"{ITEM}/status": AWAITING, f"{ITEM}/tool_results": refusal})
    async with opened(HCompany, routes) as company:
        with pytest.raises(error):
            await company.answer_question(ID, "step-3-call_1", "yes")


# Pause, resume, cancel


@pytest.mark.parametrize("word", [*STATUSES, "evicted"])
async def test_a_session_is_held_and_let_go_where_that_means_something(word: str) -> None:
    status = STATUSES.get(word, JobStatus.UNKNOWN)
    answers = {f"{ITEM}/status": RUNNING["status"] | {"status": word}, f"{ITEM}/pause": ACCEPTED}
    routes = Routes(answers | {f"{ITEM}/resume": ACCEPTED})
    async with opened(HCompany, routes) as company:
        if status.final or status is JobStatus.PAUSED:
            with pytest.raises(ConflictError):
                await company.pause_job(ID)
        else:
            await company.pause_job(ID)
            assert (routes.asked[-1].method, routes.asked[-1].url.path) == ("POST", f"{ITEM}/pause")
        if status is JobStatus.PAUSED:
            await company.resume_job(ID)
            assert (routes.asked[-1].method, routes.asked[-1].url.path) == ("POST", f"{ITEM}/resume")
        else:
            with pytest.raises(ConflictError):
                await company.resume_job(ID)
    assert not any(request.content for request in routes.asked)


async def test_a_cancel_is_a_delete() -> None:
    routes = Routes({ITEM: NOTHING})
    async with opened(HCompany, routes) as company:
        await company.cancel_job(ID)
    assert [(request.method, request.url.path) for request in routes.asked] == [("DELETE", ITEM)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (NOT_FOUND, JobNotFoundError),
        ((409, {}), ConflictError),
        ((401, {}), AuthenticationError),
        ((503, {}), ProviderUnavailableError),
        ((200, b"<html>"), UnexpectedResponseError),
    ],
    ids=["404", "409", "401", "503", "html"],
)
async def test_an_act_that_is_refused_has_its_error(answer: Any, error: type[BrowserJobsError]) -> None:
    paused = RUNNING["status"] | {"status": "paused"}
    routes = {ITEM: answer, f"{ITEM}/pause": answer, f"{ITEM}/resume": answer}
    async with opened(HCompany, Routes(routes | {f"{ITEM}/status": paused})) as company:
        for act in (company.cancel_job, company.resume_job):
            with pytest.raises(error):
                await act(ID)
    async with opened(HCompany, Routes(routes | {f"{ITEM}/status": RUNNING["status"]})) as company:
        with pytest.raises(error):
            await company.pause_job(ID)


# Start


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, {"agent": "h/web-surfer-pro"}),
        ({"agent": "my-org/shopper", "max_steps": 9}, {"agent": "my-org/shopper", "max_steps": 9}),
        ({"agent": {"name": "mine"}, "messages": "other"}, {"agent": {"name": "mine"}}),
    ],
    ids=str,
)
async def test_a_start_sends_the_task_as_the_first_message(parameters: Any, sent: Any) -> None:
    routes = Routes({LIST: (201, PENDING | {"id": ID.upper()})})
    async with opened(HCompany, routes) as company:
        started = await company.start_job("Find the price", parameters)
    assert (started.id, started.locator) == (ID, "")
    assert json.loads(routes.asked[0].content) == {"messages": "Find the price", **sent}


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((422, documented("h_company/invalid_422")), RefusedRequestError, "agent"),
        ((400, {"message": "x", "detail": []}), RefusedRequestError, ""),
        ((403, {"message": "x", "detail": [None, {"type": 7}]}), AuthenticationError, None),
        ((403, {"message": "x", "detail": "forbidden"}), AuthenticationError, None),
        ((403, b"<html>"), AuthenticationError, None),
        ((403, documented("h_company/environment_403")), PermissionDeniedError, None),
        ((401, {}), AuthenticationError, None),
        ((429, documented("h_company/quota_429")), RateLimitedError, None),
        ((409, {"message": "in flight", "detail": []}), ConflictError, None),
        (NOT_FOUND, RefusedRequestError, ""),
        ((201, {}), UnexpectedResponseError, "id"),
        ((201, {"id": "../../x"}), UnexpectedResponseError, "id"),
        ((201, b"<html>"), UnexpectedResponseError, "a page of HTML"),
    ],
    ids=str,
)
async def test_a_start_that_is_refused_has_its_error(
    answer: Any, error: type[BrowserJobsError], where: str | None
) -> None:
    async with opened(HCompany, Routes({LIST: answer})) as company:
        with pytest.raises(error) as caught:
            await company.start_job("Find the price", {"agent": "mine"})
    assert getattr(caught.value, "where", None) == where


async def test_a_base_url_without_the_api_is_told_from_an_unknown_agent() -> None:
    async with opened(HCompany, Routes({})) as company:
        with pytest.raises(RefusedRequestError) as caught:
            await company.start_job("Find the price", {})
    assert caught.value.where == "no such API at this base URL"


# Screenshots

SHOT = f"/api/v1/trajectories/{ID}/resources/shots/{ID}"
SIGNED = "https://bucket.s3.example/shot.jpg?X-Amz-Signature=abc"


def seeing(*sources: Any) -> list[Any]:
    """Events of an agent that saw these."""
    return [
        {"type": "AgentEvent", "data": {"kind": "observation_event", "image": {"source": source, "type": "url"}}}
        for source in sources
    ]


def gallery(*pages: list[Any], resources: Callable[[httpx2.Request], httpx2.Response] | None = None) -> Any:
    """Answers with these pages of events, and with redirects to pictures that name their path."""
    asked: list[httpx2.Request] = []
    starts = [sum(map(len, pages[:number])) for number in range(len(pages))]

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        path = request.url.path
        if request.url.host == "bucket.s3.example":
            return httpx2.Response(200, content=PNG + request.url.raw_path)
        if path.endswith("/changes"):
            first = int(request.url.params["from_index"])
            if first not in starts:
                return httpx2.Response(204)
            body = CHANGES | {"first_index": first, "new_events": pages[starts.index(first)]}
            return httpx2.Response(200, json=body)
        if path.endswith("/status"):
            return httpx2.Response(200, json=RUNNING["status"])
        if resources:
            return resources(request)
        return httpx2.Response(302, headers={"location": f"https://bucket.s3.example{path}?X-Amz-Signature=a"})

    answer.asked = asked  # type: ignore[attr-defined]
    return answer


async def test_a_screenshot_is_asked_for_with_the_key_and_fetched_without() -> None:
    answer = gallery(seeing(f"https://agp.hcompany.ai{SHOT}/1.jpg", f"https://agp.hcompany.ai{SHOT}/2.jpg"))
    async with opened(HCompany, answer) as company:
        picture = await company.fetch_screenshot(ID, -1)
    assert (picture.index, picture.count) == (1, 2)
    assert picture.data.startswith(PNG)
    changes, redirect, bucket = answer.asked
    assert changes.url.path == f"{ITEM}/changes"
    assert str(redirect.url) == f"https://agp.eu.hcompany.ai{ITEM}/resources/shots/{ID}/2.jpg"
    assert redirect.headers["authorization"] == f"Bearer {KEY}"
    assert bucket.url.host == "bucket.s3.example"
    assert "authorization" not in bucket.headers


async def test_screenshots_are_counted_over_all_pages() -> None:
    pages = [seeing(*(f"{SHOT}/{page}-{number}.jpg" for number in range(100))) for page in range(2)]
    async with opened(HCompany, gallery(*pages, seeing(f"{SHOT}/last.jpg"))) as company:
        assert (await company.fetch_screenshot(ID, -1)).index == 200
        assert b"0-7.jpg" in (await company.fetch_screenshot(ID, 7)).data
        with pytest.raises(NotAvailableError):
            await company.fetch_screenshot(ID, 201)


async def test_a_log_that_does_not_move_on_is_not_read_for_ever() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        if request.url.path.endswith("/status"):
            return httpx2.Response(200, json=RUNNING["status"])
        return httpx2.Response(200, json=CHANGES | {"first_index": 0, "new_events": [None] * 100})

    asked: list[httpx2.Request] = []
    async with opened(HCompany, answer) as company:
        with pytest.raises(NotAvailableError):
            await company.fetch_screenshot(ID, 0)
    assert len(asked) == 3


async def test_a_very_long_log_is_read_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 2)
    answer = gallery(*([seeing(*[f"{SHOT}/1.jpg"] * 100)] * 5))
    async with opened(HCompany, answer) as company:
        assert (await company.fetch_screenshot(ID, 0)).count == 200


@pytest.mark.parametrize("events", [[], [{}], seeing(None, 7, {}), [{"type": "AgentEvent", "data": None}]], ids=str)
async def test_a_session_without_screenshots_tells_where_it_stands(events: list[Any]) -> None:
    async with opened(HCompany, gallery(events)) as company:
        with pytest.raises(NotAvailableError) as caught:
            await company.fetch_screenshot(ID, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "running")


@pytest.mark.parametrize(
    "source", [b64encode(PNG).decode(), f"data:image/png;base64,{b64encode(PNG).decode()}"], ids=["bare", "link"]
)
async def test_an_image_that_stands_in_its_event_is_shown(source: str) -> None:
    async with opened(HCompany, gallery(seeing(source))) as company:
        assert (await company.fetch_screenshot(ID, 0)).data == PNG


async def test_another_link_is_followed_without_the_key() -> None:
    answer = gallery(seeing(SIGNED))
    async with opened(HCompany, answer) as company:
        await company.fetch_screenshot(ID, 0)
    assert (str(answer.asked[-1].url), "authorization" in answer.asked[-1].headers) == (SIGNED, False)


@pytest.mark.parametrize(
    "source",
    [
        *("", "x", "AAAA", "not base64!", "é", "file:///etc/passwd", "http://127.0.0.1/x", "https://10.0.0.1/x"),
        *(f"{SHOT}/../../x", f"{SHOT}/%2e%2e/x", f"{SHOT}/./x", f"/api/v2/sessions/{ID}/resources/alone"),
    ],
)
async def test_a_source_that_leads_nowhere_is_unexpected_and_the_key_stays(source: str) -> None:
    answer = gallery(seeing(source))
    async with opened(HCompany, answer) as company:
        with pytest.raises(UnexpectedResponseError):
            await company.fetch_screenshot(ID, 0)
    assert [request.url.path for request in answer.asked] == [f"{ITEM}/changes"]


async def test_a_bucket_with_an_address_in_it_stays_one_part_of_the_path() -> None:
    bucket = "azure%3Ahttps%3A%2F%2Fx.example%2Fbox"
    answer = gallery(seeing(f"https://agp.hcompany.ai/api/v2/sessions/{ID}/resources/{bucket}/a/b.jpg?x=1"))
    async with opened(HCompany, answer) as company:
        await company.fetch_screenshot(ID, 0)
    assert answer.asked[1].url.raw_path.decode() == f"{ITEM}/resources/{bucket}/a/b.jpg"


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (404, {}, NotAvailableError),
        (200, {}, UnexpectedResponseError),
        (302, {"location": "http://169.254.169.254/x"}, UnexpectedResponseError),
        (302, {"location": "/relative"}, UnexpectedResponseError),
        (401, {}, AuthenticationError),
        (503, {}, ProviderUnavailableError),
    ],
    ids=str,
)
async def test_a_screenshot_that_cannot_be_had_has_its_error(
    status: int, headers: dict[str, str], error: type[BrowserJobsError]
) -> None:
    answer = gallery(seeing(f"{SHOT}/1.jpg"), resources=lambda _: httpx2.Response(status, headers=headers))
    async with opened(HCompany, answer) as company:
        with pytest.raises(error):
            await company.fetch_screenshot(ID, 0)


# Lists and the key


async def test_a_list_is_read_page_by_page() -> None:
    routes = Routes({LIST: documented("h_company/sessions")})
    async with opened(HCompany, routes) as company:
        first = await company.list_jobs(None, 10)
        last = await company.list_jobs(first.cursor, 10)
    assert [(row.id, row.status, row.title) for row in first.jobs] == [
        (ID, JobStatus.RUNNING, "Find the current price of a Framework 13 laptop"),
        ("0a7e9b10-1111-4222-8333-444455556666", JobStatus.CANCELLED, ""),
    ]
    assert first.jobs[0].updated_at == datetime(2026, 11, 20, 12, 0, 21, tzinfo=UTC)
    assert first.jobs[1].updated_at == datetime(2026, 11, 19, 12, 5, tzinfo=UTC)
    assert [dict(request.url.params) for request in routes.asked] == [
        {"page": page, "size": "10", "sort": "-created_at"} for page in ("1", "2")
    ]
    assert (first.cursor, last.cursor) == ("2", None)


async def test_a_page_has_a_hundred_at_most_and_leaves_out_what_has_no_id_of_this_form() -> None:
    routes = Routes({LIST: {"items": [{"id": "../../x", "status": "running"}, {"id": ID, "status": "x"}], "total": 2}})
    async with opened(HCompany, routes) as company:
        page = await company.list_jobs(None, 5000)
    assert [(row.id, row.status) for row in page.jobs] == [(ID, JobStatus.UNKNOWN)]
    assert routes.asked[0].url.params["size"] == "100"


@pytest.mark.parametrize("cursor", ["0", "-1", "x", "1e3", "9" * 10])
async def test_a_cursor_that_is_no_page_asks_nothing(cursor: str) -> None:
    routes = Routes({})
    async with opened(HCompany, routes) as company:
        with pytest.raises(InvalidArgumentError):
            await company.list_jobs(cursor, 2)
    assert routes.asked == []


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], {"items": []}, {"items": None, "total": 0}, {"items": [{}], "total": 1}),
        *({"items": [{"id": ID, "status": {"status": "running"}}], "total": 1}, b"<html>"),
    ],
    ids=str,
)
async def test_a_list_of_another_shape_is_unexpected(body: Any) -> None:
    async with opened(HCompany, Routes({LIST: body})) as company:
        with pytest.raises(UnexpectedResponseError):
            await company.list_jobs(None, 2)


async def test_a_key_is_tried_where_only_a_key_is_answered() -> None:
    quota = {"scope": "org", "limit": 5, "active": 1, "available": 4}
    routes = Routes({f"{LIST}/quota": quota})
    async with opened(HCompany, routes) as company:
        await company.check_key()
    assert routes.asked[0].headers["authorization"] == f"Bearer {KEY}"
    refusal = (401, {"message": "Authentication required", "detail": []})
    async with opened(HCompany, Routes({f"{LIST}/quota": refusal})) as company:
        with pytest.raises(AuthenticationError) as caught:
            await company.check_key()
    assert caught.value.variable == "HAI_API_KEY"


async def test_a_base_url_without_the_api_is_told_from_a_missing_job() -> None:
    async with opened(HCompany, Routes({})) as company:
        for ask in (company.check_key(), company.list_jobs(None, 2)):
            with pytest.raises(UnexpectedResponseError):
                await ask


# Ids


@pytest.mark.parametrize(
    "text", ["", "a/b", "../../../admin", "a?b=c", f"{ID}#x", f"{ID}%2F", f"{ID}\n", "x" * 300, ID[:-1], "quota"]
)
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    routes = Routes({})
    async with opened(HCompany, routes) as company:
        asks = (
            *(company.fetch_job(text), company.fetch_status(text), company.fetch_events(text, None)),
            *(company.await_change(text, None, 50), company.answer_question(text, "1", "x"), company.pause_job(text)),
            *(company.resume_job(text), company.cancel_job(text), company.fetch_screenshot(text, 0)),
            company.fetch_links(text),
        )
        for ask in asks:
            with pytest.raises(MalformedIdError):
                await ask
    assert routes.asked == []


async def test_upper_case_is_asked_for_in_lower_case() -> None:
    routes = Routes({ITEM: RUNNING})
    async with opened(HCompany, routes) as company:
        assert (await company.fetch_job(ID.upper())).id == ID
        assert company.canonical_id(company.example_id.upper()) == company.locator(ID) == ID


@pytest.mark.parametrize(
    ("link", "job_id"),
    [
        (f"https://platform.hcompany.ai/agent-view/{ID}", ID),
        (f"https://platform.eu.hcompany.ai/agent-view/{ID}?event=7", ID),
        (f"https://agp.eu.hcompany.ai/api/v2/sessions/{ID}", ID),
        (f"https://agp.hcompany.ai/api/v2/sessions/{ID}/changes?from_index=0", ID),
        (f"https://agp.hcompany.ai/api/v2/sessions/{ID}/resources/b/0a7e9b10-1111-4222-8333-444455556666", ID),
        (f"https://agp.hcompany.ai/share/api/v1/trajectories/{ID}", ID),
        ("https://agp.hcompany.ai/api/v2/sessions", None),
        (f"https://agp.hcompany.ai/api/v2/agents/{ID}", None),
    ],
)
async def test_a_link_of_the_api_or_the_agent_view_names_its_session(link: str, job_id: str | None) -> None:
    async with opened(HCompany, Routes({})) as company:
        assert company.id_from_link(urlsplit(link)) == job_id
        assert urlsplit(link).hostname in HCompany.link_hosts
