"""Kernel: what its documents say, and what else it may say."""

import json
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
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Change, Event, EventKind, FailureKind, Job, JobStatus
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers import kernel as module
from mcp_browserjobs.providers.kernel import STATUSES, Kernel
from mcp_browserjobs.reported import without_capability_links
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

ID = "rr33xuugxj9h0bkf1rdt2bet"
ITEM = f"/invocations/{ID}"
RUNNING: dict[str, Any] = documented("kernel/invocation_running")
SUCCEEDED: dict[str, Any] = documented("kernel/invocation_succeeded")
FAILED: dict[str, Any] = documented("kernel/invocation_failed")
EVENTS: list[dict[str, Any]] = documented("kernel/events")
NOT_FOUND = (404, documented("kernel/not_found"))

Answer = Callable[[httpx2.Request], httpx2.Response]


def streamed(*events: Any) -> bytes:
    """Events as they come over the wire."""
    return b"".join(b"event: message\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


def stream_of(body: bytes, asked: list[httpx2.Request] | None = None) -> Answer:
    """Answers the events' route with a stream, and the invocation's with one that succeeded."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append(request)
        if request.url.path == ITEM:
            return httpx2.Response(200, json=SUCCEEDED)
        return httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})

    return answer


async def look(body: JsonValue, status: int = 200) -> Job:
    """What a look makes of this answer."""
    async with opened(Kernel, Routes({ITEM: (status, body)})) as kernel:
        return await kernel.fetch_job(ID)


async def changes(*events: Any, cursor: str | None = None) -> list[Change]:
    """What the stream tells."""
    async with opened(Kernel, stream_of(streamed(*events))) as kernel:
        return [change async for change in kernel.stream_changes(ID, cursor)]


async def events_of(*events: Any) -> list[Event]:
    return [event for change in await changes(*events) for event in change.page.events]


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("kernel") == {
        *("cancel_job", "check_key", "fetch_job", "fetch_links", "fetch_log", "list_jobs", "start_job"),
    }
    assert hasattr(Kernel, "stream_changes")
    assert Kernel.stop_reads_as_failure


# A look


async def test_a_running_invocation_is_told_with_its_action() -> None:
    job = await look(RUNNING)
    assert job.model_dump(exclude_defaults=True) == {
        "id": ID,
        "status": JobStatus.RUNNING,
        "provider_status": "running",
        "title": "my-app/analyze",
        "started_at": datetime(2024, 5, 19, 15, 30, 0, 123456, UTC),
    }


async def test_an_output_in_json_is_the_value() -> None:
    job = await look(SUCCEEDED)
    assert (job.status, job.result) == (JobStatus.COMPLETED, {"result": "success", "data": "processed input"})
    assert job.finished_at == datetime(2024, 5, 19, 15, 30, 5, tzinfo=UTC)
    assert job.has == {"result", "log"}
    assert (job.goal_met, job.goal_met_by, job.failure, job.error, job.cost) == (None, None, None, None, None)


async def test_a_failed_one_tells_the_summary_and_keeps_the_details() -> None:
    job = await look(FAILED)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureKind.UNKNOWN)
    assert job.error == "The action raised an error."
    assert job.result == "Error: the page did not load"
    assert job.goal_met is None


@pytest.mark.parametrize(
    ("output", "result"),
    [
        (None, None),
        ("", None),
        ("null", None),
        ("plain words", "plain words"),
        ('"words"', "words"),
        ("[1, 2.5, true]", [1, 2.5, True]),
        ("NaN", "NaN"),
        ('{"n": Infinity}', '{"n": Infinity}'),
        ("[1e999]", "[1e999]"),
        ("[" * 5000, "[" * 5000),
        ("0", 0),
        ("false", False),
    ],
    ids=str,
)
async def test_an_output_is_read_as_json_where_it_is(output: str | None, result: JsonValue) -> None:
    job = await look(SUCCEEDED | {"output": output})
    assert job.result == result
    assert ("result" in job.has) is (result is not None)


async def test_an_output_of_one_that_runs_is_not_yet_a_result() -> None:
    job = await look(RUNNING | {"output": '"half"', "status_reason": "so far", "finished_at": "2024-05-19T15:30:05Z"})
    assert (job.result, job.error, job.finished_at) == (None, None, None)
    assert job.has == set()


@pytest.mark.parametrize(("word", "status"), [*STATUSES.items(), ("cancelled", "unknown"), ("", "unknown")])
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus) -> None:
    job = await look(RUNNING | {"status": word})
    assert (job.status, job.provider_status) == (status, word)


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {"queued", "running", "succeeded", "failed"}


@pytest.mark.parametrize("value", [None, 7, [], {}, "x", True], ids=str)
@pytest.mark.parametrize(
    "name", ["app_name", "action_name", "started_at", "finished_at", "output", "status_reason", "payload"]
)
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    assert (await look(FAILED | {name: value})).status is JobStatus.FAILED


async def test_a_status_is_enough() -> None:
    job = await look({"status": "queued"})
    assert (job.status, job.title) == (JobStatus.QUEUED, "")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "status"),
        (RUNNING | {"status": None}, "status"),
        (RUNNING | {"status": 7}, "status"),
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


REFUSALS = [
    (401, AuthenticationError),
    (402, OutOfCreditsError),
    (403, AuthenticationError),
    (404, JobNotFoundError),
    (418, UnexpectedResponseError),
    (429, RateLimitedError),
    (500, ProviderUnavailableError),
    (503, ProviderUnavailableError),
]


@pytest.mark.parametrize(("status", "error"), REFUSALS)
@pytest.mark.parametrize("body", [{"code": "not_found", "message": "no such thing"}, b"<html>", b""], ids=str)
async def test_a_refusal_has_its_error(status: int, error: type[BrowserJobsError], body: Any) -> None:
    with pytest.raises(error) as caught:
        await look(body, status)
    assert "no such thing" not in repr(vars(caught.value))


# The stream


async def test_the_stream_tells_lines_status_words_and_errors_as_they_come() -> None:
    told = await changes(*EVENTS)
    assert [change.sighting and change.sighting.status for change in told] == [
        *(JobStatus.RUNNING, None, None, None, None),
        JobStatus.COMPLETED,
    ]
    assert told[0].sighting
    assert told[0].sighting.provider_status == "running"
    assert told[2] == Change()
    events = [event for change in told for event in change.page.events]
    assert [(event.kind, event.reported) for event in events] == [
        (EventKind.LOG, {"text": "Opened the page"}),
        (EventKind.OTHER, {"text": "Provided version string is not semver compliant", "code": "invalid_input"}),
        (EventKind.LOG, {"text": "Read the price"}),
    ]
    assert not any(event.exact for event in events)
    assert [change.page.cursor for change in told] == [
        *(None, "2024-05-19T15:30:01+00:00", None, None, "2024-05-19T15:30:04.500000+00:00", None),
    ]


async def test_the_first_stream_asks_for_all_and_a_later_one_from_a_little_before_the_last_line() -> None:
    asked: list[httpx2.Request] = []
    async with opened(Kernel, stream_of(streamed(*EVENTS), asked)) as kernel:
        first = [change async for change in kernel.stream_changes(ID, None)]
        cursor = [change.page.cursor for change in first if change.page.cursor][-1]
        again = [change async for change in kernel.stream_changes(ID, cursor)]
    assert [dict(request.url.params) for request in asked] == [{}, {"since": "2024-05-19T15:30:03.500000Z"}]
    assert {request.url.path for request in asked} == {f"{ITEM}/events"}
    assert {request.headers["accept"] for request in asked} == {"text/event-stream"}
    assert {request.headers["authorization"] for request in asked} == {f"Bearer {KEY}"}
    assert again == first


async def test_lines_of_one_moment_share_a_key_and_differ_in_words() -> None:
    at = "2024-05-19T15:30:01Z"
    one, other = await events_of(*({"event": "log", "message": text, "timestamp": at} for text in ("a", "b")))
    assert one.key == other.key
    assert one.reported != other.reported


async def test_lines_that_say_the_same_at_one_moment_differ_in_their_keys() -> None:
    told = ("a", "b", "a", "a", "x" * 2000, "x" * 2001)
    events = await events_of(*(EVENTS[1] | {"message": text} for text in told), EVENTS[1] | {"message": "c"})
    assert len({(event.key, event.reported["text"]) for event in events}) == len(events) == 7
    assert [event.key for event in await events_of(*(EVENTS[1] | {"message": text} for text in told))] == [
        event.key for event in events[:-1]
    ]


async def test_a_line_of_the_year_1_has_no_moment() -> None:
    [change] = await changes(EVENTS[1] | {"timestamp": "0001-01-01T00:00:00Z"})
    assert (change.page.events[0].at, change.page.cursor) == (None, None)


async def test_a_long_line_is_cut_in_its_event() -> None:
    [event] = await events_of(EVENTS[1] | {"message": "x" * 65536})
    assert event.reported == {"text": "x" * 2000}


@pytest.mark.parametrize(
    ("event", "kind", "reported"),
    [
        ({"event": "log"}, EventKind.LOG, {}),
        ({"event": "log", "message": 7, "timestamp": "then"}, EventKind.LOG, {}),
        ({"event": "error"}, EventKind.OTHER, {}),
        ({"event": "error", "error": {"code": "x"}}, EventKind.OTHER, {"text": "x", "code": "x"}),
        ({"event": "error", "error": "x"}, EventKind.OTHER, {}),
        ({"event": "browser_created", "id": 7}, EventKind.OTHER, {"text": "browser_created"}),
    ],
    ids=str,
)
async def test_an_event_that_lacks_something_is_told_all_the_same(
    event: JsonValue, kind: EventKind, reported: dict[str, JsonValue]
) -> None:
    [change] = await changes(event)
    [told] = change.page.events
    assert (told.kind, told.reported, told.at, change.page.cursor) == (kind, reported, None, None)


@pytest.mark.parametrize("invocation", [None, {}, {"status": 7}, "running"], ids=str)
async def test_a_state_without_a_word_tells_nothing(invocation: JsonValue) -> None:
    assert await changes({"event": "invocation_state", "invocation": invocation}) == [Change()]


async def test_an_unknown_status_word_is_no_end() -> None:
    [change] = await changes({"event": "invocation_state", "invocation": {"status": "evicted"}})
    assert change.sighting
    assert (change.sighting.status, change.sighting.provider_status) == (JobStatus.UNKNOWN, "evicted")


@pytest.mark.parametrize("event", [7, [], "log", {}, {"event": None}], ids=str)
async def test_what_is_no_event_breaks_the_stream(event: JsonValue) -> None:
    with pytest.raises(UnexpectedResponseError):
        await changes(event)


@pytest.mark.parametrize(("status", "error"), REFUSALS)
async def test_a_stream_that_is_refused_has_its_error(status: int, error: type[BrowserJobsError]) -> None:
    async with opened(Kernel, Routes({f"{ITEM}/events": (status, {"code": "x", "message": "y"})})) as kernel:
        with pytest.raises(error):
            await anext(kernel.stream_changes(ID, None))


async def test_a_stream_that_is_none_is_unexpected() -> None:
    async with opened(Kernel, Routes({f"{ITEM}/events": b"<html>"})) as kernel:
        with pytest.raises(UnexpectedResponseError):
            await anext(kernel.stream_changes(ID, None))


# The log


async def test_the_log_of_an_ended_invocation_is_its_lines() -> None:
    after = {"event": "log", "message": "Said after a sign of life", "timestamp": "2024-05-19T15:30:09Z"}
    quiet = [event for event in EVENTS if event["event"] != "sse_heartbeat"]
    body = streamed(*quiet, {"event": "log"}, {"event": "sse_heartbeat"}, after)
    async with opened(Kernel, stream_of(body)) as kernel:
        assert await kernel.fetch_log(ID) == "Opened the page\nRead the price\n"


async def test_a_long_line_is_whole_in_the_log() -> None:
    line = "x" * 65536
    async with opened(Kernel, stream_of(streamed(EVENTS[1] | {"message": line}))) as kernel:
        assert await kernel.fetch_log(ID) == line


async def test_of_very_many_lines_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY_BYTES", 10)
    body = streamed(*(EVENTS[1] | {"message": f"line{number}"} for number in range(5)))
    async with opened(Kernel, stream_of(body)) as kernel:
        assert await kernel.fetch_log(ID) == "line4"


@pytest.mark.parametrize("word", ["queued", "running", "evicted"])
async def test_the_log_of_one_that_goes_on_has_no_end_and_is_not_read(word: str) -> None:
    routes = Routes({ITEM: RUNNING | {"status": word}})
    async with opened(Kernel, routes) as kernel:
        with pytest.raises(NotAvailableError) as caught:
            await kernel.fetch_log(ID)
    assert (caught.value.thing, caught.value.reason) == ("log", STATUSES.get(word, JobStatus.UNKNOWN).value)
    assert routes.paths == [ITEM]


# Links


BROWSERS: dict[str, Any] = documented("kernel/browsers")
SESSIONS = [browser["session_id"] for browser in BROWSERS["browsers"]]


async def test_links_are_live_views_and_replays_and_never_control() -> None:
    routes = Routes(
        {f"{ITEM}/browsers": BROWSERS, f"/browsers/{SESSIONS[0]}/replays": documented("kernel/replays")},
    )
    async with opened(Kernel, routes) as kernel:
        links = await kernel.fetch_links(ID)
    assert [(link.kind, urlsplit(link.url).path) for link in links] == [
        ("live_view", "/browser/live"),
        ("recording", "/browser/replays"),
    ]
    assert routes.paths == [f"{ITEM}/browsers", *(f"/browsers/{session}/replays" for session in SESSIONS)]
    text = " ".join(browser[name] for browser in BROWSERS["browsers"] for name in ("cdp_ws_url", "webdriver_ws_url"))
    for url in [*(link.url for link in links), *text.split()]:
        assert without_capability_links(f"see {url}", hosts=Kernel.capability_hosts) == "see [link removed]"


@pytest.mark.parametrize(
    ("browser", "paths"),
    [
        (None, 1),
        ({}, 1),
        ({"session_id": "../x", "browser_live_view_url": None}, 1),
        ({"session_id": "a" * 65}, 1),
        ({"session_id": "abc", "browser_live_view_url": "file:///x"}, 2),
        ({"session_id": 7, "browser_live_view_url": 7}, 1),
        ({"browser_live_view_url": "https://a.example/live", "deleted_at": "2024-05-19T15:30:05Z"}, 1),
    ],
    ids=str,
)
async def test_a_browser_of_another_shape_gives_no_link(browser: JsonValue, paths: int) -> None:
    routes = Routes({f"{ITEM}/browsers": {"browsers": [browser]}})
    async with opened(Kernel, routes) as kernel:
        assert await kernel.fetch_links(ID) == ()
    assert len(routes.asked) == paths


async def test_no_more_than_some_browsers_are_asked_for_replays() -> None:
    many = {"browsers": [{"session_id": f"s{number}"} for number in range(50)]}
    routes = Routes({f"{ITEM}/browsers": many, **{f"/browsers/s{number}/replays": [None, {}] for number in range(50)}})
    async with opened(Kernel, routes) as kernel:
        assert await kernel.fetch_links(ID) == ()
    assert len(routes.asked) == 11


@pytest.mark.parametrize("body", [{}, {"browsers": None}, [], {"browsers": {}}], ids=str)
async def test_browsers_of_another_shape_are_unexpected(body: JsonValue) -> None:
    async with opened(Kernel, Routes({f"{ITEM}/browsers": body})) as kernel:
        with pytest.raises(UnexpectedResponseError):
            await kernel.fetch_links(ID)


async def test_trouble_with_the_replays_is_told() -> None:
    routes = Routes({f"{ITEM}/browsers": BROWSERS, f"/browsers/{SESSIONS[0]}/replays": (503, {})})
    async with opened(Kernel, routes) as kernel:
        with pytest.raises(ProviderUnavailableError):
            await kernel.fetch_links(ID)


# Cancel


async def test_a_cancel_marks_it_as_failed() -> None:
    def answer(request: httpx2.Request) -> Any:
        return RUNNING if request.method == "GET" else FAILED

    routes = Routes({ITEM: answer})
    async with opened(Kernel, routes) as kernel:
        await kernel.cancel_job(ID)
    assert [request.method for request in routes.asked] == ["GET", "PATCH"]
    assert json.loads(routes.asked[1].content) == {"status": "failed"}


@pytest.mark.parametrize("over", [SUCCEEDED, FAILED], ids=["succeeded", "failed"])
async def test_what_is_over_is_not_marked(over: dict[str, Any]) -> None:
    routes = Routes({ITEM: over})
    async with opened(Kernel, routes) as kernel:
        with pytest.raises(ConflictError):
            await kernel.cancel_job(ID)
    assert [request.method for request in routes.asked] == ["GET"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RefusedRequestError), (404, JobNotFoundError), (409, ConflictError), (500, ProviderUnavailableError)],
)
async def test_a_cancel_that_is_refused_has_its_error(status: int, error: type[BrowserJobsError]) -> None:
    def answer(request: httpx2.Request) -> Any:
        return RUNNING if request.method == "GET" else (status, {"code": "x", "message": "y"})

    async with opened(Kernel, Routes({ITEM: answer})) as kernel:
        with pytest.raises(error):
            await kernel.cancel_job(ID)


# Start


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, {"version": "latest"}),
        ({"url": "https://a.example", "n": 1}, {"version": "latest", "payload": {"url": "https://a.example", "n": 1}}),
        (
            {"payload": {"n": 1}, "version": "1.0.0", "async_timeout_seconds": 600},
            {"version": "1.0.0", "async_timeout_seconds": 600, "payload": {"n": 1}},
        ),
        ({"payload": '{"n": 1}'}, {"version": "latest", "payload": {"n": 1}}),
        ({"payload": None, "version": "2"}, {"version": "2"}),
        ({"payload": {}}, {"version": "latest", "payload": {}}),
        ({"payload": [], "async": False, "app_name": "other"}, {"version": "latest", "payload": []}),
    ],
    ids=str,
)
async def test_a_start_runs_the_action_with_its_payload(
    parameters: dict[str, JsonValue], sent: dict[str, JsonValue]
) -> None:
    routes = Routes({"/invocations": (202, documented("kernel/created"))})
    async with opened(Kernel, routes) as kernel:
        started = await kernel.start_job(" my-app/analyze ", parameters)
    assert (started.id, started.locator) == (ID, "")
    body = json.loads(routes.asked[0].content)
    if "payload" in body:
        assert isinstance(body["payload"], str)
        body["payload"] = json.loads(body["payload"])
    assert body == {"app_name": "my-app", "action_name": "analyze", "async": True, **sent}


@pytest.mark.parametrize("task", ["", "analyze", "/analyze", "my-app/", "a/b/c", "/", "//"])
async def test_a_task_that_names_no_action_asks_nothing(task: str) -> None:
    routes = Routes({})
    async with opened(Kernel, routes) as kernel:
        with pytest.raises(InvalidArgumentError) as caught:
            await kernel.start_job(task, {})
    assert (caught.value.argument, routes.asked) == ("task", [])


async def test_an_unknown_action_is_the_task_s_fault() -> None:
    async with opened(Kernel, Routes({"/invocations": NOT_FOUND})) as kernel:
        with pytest.raises(RefusedRequestError) as caught:
            await kernel.start_job("my-app/analyze", {})
    assert caught.value.where == "task"


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": "../../x"}, {"id": 7}, [], b"<html>"], ids=str)
async def test_a_start_without_an_id_is_unexpected(body: Any) -> None:
    async with opened(Kernel, Routes({"/invocations": body})) as kernel:
        with pytest.raises(UnexpectedResponseError):
            await kernel.start_job("my-app/analyze", {})


async def test_a_start_that_is_refused_is_told() -> None:
    async with opened(Kernel, Routes({"/invocations": (400, {"code": "bad_request", "message": "x"})})) as kernel:
        with pytest.raises(RefusedRequestError):
            await kernel.start_job("my-app/analyze", {})


# Lists and the key


async def test_a_list_is_read_page_by_page() -> None:
    page = documented("kernel/invocations")
    routes = Routes({"/invocations": page})
    async with opened(Kernel, routes) as kernel:
        first = await kernel.list_jobs(None, 2)
        second = await kernel.list_jobs(first.cursor, 2)
        last = await kernel.list_jobs(second.cursor, 3)
    assert [(row.id, row.title, row.status) for row in first.jobs] == [
        (ID, "my-app/analyze", JobStatus.RUNNING),
        ("z4xwq2c8k1m5n7p9r3t6v0ya", "my-app/analyze", JobStatus.COMPLETED),
    ]
    assert first.jobs[0].updated_at is None
    assert first.jobs[1].updated_at == datetime(2024, 5, 19, 15, 30, 5, tzinfo=UTC)
    assert [dict(request.url.params) for request in routes.asked] == [
        {"limit": "2", "offset": "0"},
        {"limit": "2", "offset": "2"},
        {"limit": "3", "offset": "4"},
    ]
    assert (first.cursor, second.cursor, last.cursor) == ("2", "4", None)


async def test_a_page_has_a_hundred_at_most_and_leaves_out_what_has_no_id_of_this_form() -> None:
    routes = Routes({"/invocations": [RUNNING | {"id": "../../x"}, RUNNING | {"status": "evicted"}]})
    async with opened(Kernel, routes) as kernel:
        page = await kernel.list_jobs(None, 5000)
    assert [(row.id, row.status) for row in page.jobs] == [(ID, JobStatus.UNKNOWN)]
    assert routes.asked[0].url.params["limit"] == "100"


@pytest.mark.parametrize("cursor", ["0", "-1", "x", "1e3", "9" * 10])
async def test_a_cursor_that_is_none_asks_nothing(cursor: str) -> None:
    routes = Routes({})
    async with opened(Kernel, routes) as kernel:
        with pytest.raises(InvalidArgumentError):
            await kernel.list_jobs(cursor, 2)
    assert routes.asked == []


@pytest.mark.parametrize("body", [{}, None, [{}], [None], [RUNNING | {"id": None}], {"items": []}], ids=str)
async def test_a_list_of_another_shape_is_unexpected(body: JsonValue) -> None:
    async with opened(Kernel, Routes({"/invocations": body})) as kernel:
        with pytest.raises(UnexpectedResponseError):
            await kernel.list_jobs(None, 2)


async def test_a_base_url_without_the_api_is_told_from_a_missing_job() -> None:
    async with opened(Kernel, Routes({})) as kernel:
        for ask in (kernel.check_key(), kernel.list_jobs(None, 2)):
            with pytest.raises(UnexpectedResponseError):
                await ask


async def test_a_key_is_tried_with_a_list_of_one() -> None:
    routes = Routes({"/invocations": []})
    async with opened(Kernel, routes) as kernel:
        await kernel.check_key()
    assert dict(routes.asked[0].url.params) == {"limit": "1"}
    assert routes.asked[0].headers["authorization"] == f"Bearer {KEY}"
    async with opened(Kernel, Routes({"/invocations": (401, {"code": "unauthorized", "message": "x"})})) as kernel:
        with pytest.raises(AuthenticationError) as caught:
            await kernel.check_key()
    assert caught.value.variable == "KERNEL_API_KEY"


# Ids


@pytest.mark.parametrize(
    "text", ["", "a/b", "../../../admin", "a?b=c", f"{ID}#x", f"{ID}%2F", f"{ID}\n", "x" * 300, "short", ID.upper()]
)
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    routes = Routes({})
    async with opened(Kernel, routes) as kernel:
        for ask in (kernel.fetch_job, kernel.fetch_log, kernel.fetch_links, kernel.cancel_job):
            with pytest.raises(MalformedIdError):
                await ask(text)
        with pytest.raises(MalformedIdError):
            await anext(kernel.stream_changes(text, None))
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "job_id"),
    [
        (f"https://api.onkernel.com/invocations/{ID}", ID),
        (f"https://api.onkernel.com/invocations/{ID}/events?since=5m", ID),
        (f"https://api.onkernel.com/browsers/{ID}", None),
        ("https://api.onkernel.com/invocations", None),
        (f"https://api.onkernel.com/invocations/{ID}xxxxxxxxxxxxxxxxxx", None),
    ],
)
async def test_a_link_of_the_api_names_its_invocation(link: str, job_id: str | None) -> None:
    async with opened(Kernel, Routes({})) as kernel:
        assert kernel.id_from_link(urlsplit(link)) == job_id
        assert kernel.canonical_id(kernel.example_id) == kernel.locator(ID) == ID
