"""Browserbase: what its documents say, and what else it may say."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import anyio
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
from mcp_browserjobs.jobs import Event, EventKind, FailureKind, Job, JobStatus, Link, Question
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.base import (
    InProcess,
)
from mcp_browserjobs.providers.browserbase import MESSAGES_A_PAGE, MOST_PAGES, STATUSES, Browserbase
from mcp_browserjobs.simulator.stories import asking as asking_story
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

RUN = "3f1c9a52-7b0e-4d68-9a47-c25e8d10b6f3"
SESSION = "b7a1d3e4-52c6-4f0b-8e19-6d2f90c4a875"
RUNS = "/v1/agents/runs"
PATH = f"{RUNS}/{RUN}"
MESSAGES = f"{PATH}/messages"
DEBUG, DOWNLOADS = (f"/v1/sessions/{SESSION}/{what}" for what in ("debug", "recording/downloads"))
DASHBOARD = Link(kind="recording", url=f"https://www.browserbase.com/sessions/{SESSION}")
PNG, JPEG = b"\x89PNG\r\n\x1a\none", b"\xff\xd8\xfftwo"

RUNNING, PAUSED, COMPLETED = (documented(f"browserbase/run_{word}") for word in ("running", "paused", "completed"))
ASKING = documented("browserbase/messages_paused")
ASKED = Question(id="0199f5a0-0000-7000-8000-000000000007", text="Which code did the shop send you? Six digits.")


async def look(run: JsonValue, messages: JsonValue = None) -> Job:
    """What a look makes of these two answers."""
    routes = Routes({PATH: run, MESSAGES: messages or documented("browserbase/messages_none")})
    async with opened(Browserbase, routes) as browserbase:
        return await browserbase.fetch_job(RUN)


async def events(*messages: JsonValue) -> tuple[Event, ...]:
    """What is made of these messages."""
    async with opened(Browserbase, Routes({MESSAGES: {"data": [*messages], "nextSince": None}})) as browserbase:
        return (await browserbase.fetch_events(RUN, None)).events


async def event(part: JsonValue) -> Event:
    """What is made of this part of a message."""
    [made] = await events(said(part))
    return made


def said(*parts: JsonValue, message_id: str = "m") -> dict[str, JsonValue]:
    """A message of these parts."""
    content: JsonValue = [*parts]
    return {"id": message_id, "createdAt": "2026-11-20T09:00:05Z", "message": {"role": "assistant", "content": content}}


def asking(message: str = "Which one?") -> JsonValue:
    """The agent's call for a person."""
    return {"type": "tool-call", "toolCallId": "call_9", "toolName": "pause", "input": {"message": message}}


def media(image: bytes, kind: str = "image/png") -> JsonValue:
    """An image that a tool gave back."""
    value: JsonValue = [{"type": "media", "data": b64encode(image).decode(), "mediaType": kind}]
    return {"type": "tool-result", "toolName": "screenshot", "output": {"type": "content", "value": value}}


def transcript(*messages: dict[str, JsonValue]) -> Callable[[httpx2.Request], JsonValue]:
    """A transcript that is read page by page."""

    def answer(request: httpx2.Request) -> JsonValue:
        ids = [message["id"] for message in messages]
        since = request.url.params.get("since")
        start = ids.index(since) + 1 if since else 0
        page = messages[start : start + int(request.url.params["limit"])]
        return {"data": [*page], "nextSince": page[-1]["id"] if page else since}

    return answer


def long_transcript(last: JsonValue) -> Callable[[httpx2.Request], JsonValue]:
    """A transcript of more than two pages."""
    steps = [said({"type": "text", "text": f"Step {n}"}, message_id=f"m{n}") for n in range(2 * MESSAGES_A_PAGE)]
    return transcript(*steps, said(last, message_id="last"))


# A look


async def test_a_pending_run_has_no_session_yet() -> None:
    job = await look(documented("browserbase/run_pending"))
    assert job.model_dump(exclude_defaults=True) == {
        "id": RUN,
        "status": JobStatus.QUEUED,
        "provider_status": "PENDING",
        "title": "Find the price of a kettle and say whether it is in stock",
        "created_at": datetime(2026, 11, 20, 9, 0, 0, 120000, UTC),
        "updated_at": datetime(2026, 11, 20, 9, 0, 0, 120000, UTC),
    }


async def test_a_running_run_can_be_watched() -> None:
    job = await look(RUNNING)
    assert (job.status, job.result, job.finished_at) == (JobStatus.RUNNING, None, None)
    assert job.has == {"live_view"}
    assert job.started_at == datetime(2026, 11, 20, 9, 0, 2, 310000, UTC)
    assert (job.events, job.links, job.session) == ((), (), "")


async def test_a_completed_run_has_a_result_and_tells_nothing_of_its_goal() -> None:
    job = await look(COMPLETED)
    assert (job.status, job.result) == (JobStatus.COMPLETED, {"price": 42.5, "inStock": True})
    assert job.finished_at == datetime(2026, 11, 20, 9, 2, 10, 480000, UTC)
    assert (job.goal_met, job.goal_met_by, job.error, job.failure) == (None, None, None, None)
    assert job.has == {"result", "recording"}


async def test_a_failed_run_tells_its_cause() -> None:
    job = await look(documented("browserbase/run_failed"))
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureKind.PROVIDER_FAULT)
    assert job.error == "RUNNER_HEARTBEAT_LOST: The runner was not heard of."
    assert job.has == {"recording"}


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        ({"code": "NEW_CODE"}, "NEW_CODE"),
        ({"code": None, "message": "It broke."}, "It broke."),
        ({"code": 7, "message": ["x"]}, None),
        ({}, None),
        (None, None),
        ("secret", None),
    ],
)
async def test_a_cause_may_be_anything(cause: JsonValue, error: str | None) -> None:
    job = await look({**RUNNING, "status": "FAILED", "cause": cause})
    assert (job.error, job.failure) == (error, FailureKind.UNKNOWN)


@pytest.mark.parametrize(
    ("word", "status", "failure"),
    [
        ("PENDING", JobStatus.QUEUED, None),
        ("RUNNING", JobStatus.RUNNING, None),
        ("PAUSED", JobStatus.WAITING_FOR_INPUT, None),
        ("COMPLETED", JobStatus.COMPLETED, None),
        ("FAILED", JobStatus.FAILED, FailureKind.UNKNOWN),
        ("TIMED_OUT", JobStatus.FAILED, FailureKind.TIMED_OUT),
        ("STOPPED", JobStatus.CANCELLED, None),
        ("completed", JobStatus.UNKNOWN, None),
        ("STOPPING", JobStatus.UNKNOWN, None),
        ("", JobStatus.UNKNOWN, None),
    ],
)
async def test_a_look_and_a_list_understand_a_word_alike(
    word: str, status: JobStatus, failure: FailureKind | None
) -> None:
    run = {**COMPLETED, "status": word}
    routes = Routes({PATH: run, RUNS: {"data": [run]}, MESSAGES: ASKING})
    async with opened(Browserbase, routes) as browserbase:
        job = await browserbase.fetch_job(RUN)
        [row] = (await browserbase.list_jobs(None, 5)).jobs
    assert job.status is row.status is status
    assert job.provider_status == row.provider_status == word
    assert job.failure == failure
    assert (job.finished_at is not None) == (job.result is not None) == status.final


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {"PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "TIMED_OUT", "STOPPED"}
    assert Browserbase.statuses is STATUSES


@pytest.mark.parametrize("name", sorted(set(documented("browserbase/run_failed")) - {"status"}))
@pytest.mark.parametrize("value", ["absent", None, "<string>", {"x": {}}, [[]], -1, True])
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    run = {**documented("browserbase/run_failed"), name: value}
    if value == "absent":
        del run[name]
    job = await look(run)
    assert (job.id, job.status, job.result) == (RUN, JobStatus.FAILED, None)


@pytest.mark.parametrize("result", [None, "text", 0, [], {}, {"a": None}])
async def test_a_result_may_be_anything(result: JsonValue) -> None:
    job = await look({**COMPLETED, "result": result})
    assert job.result == result
    assert ("result" in job.has) == (result is not None)


@pytest.mark.parametrize("session", ["../../agents", "a/b", "a?b", "a%2fb", "", "x" * 65, None])
async def test_a_session_that_could_leave_its_path_is_none(session: JsonValue) -> None:
    run = {**RUNNING, "sessionId": session}
    assert (await look(run)).has == set()
    routes = Routes({PATH: run})
    async with opened(Browserbase, routes) as browserbase:
        assert await browserbase.fetch_links(RUN) == ()
    assert routes.paths == [PATH]


async def test_a_long_task_is_cut_to_a_title() -> None:
    assert (await look({**RUNNING, "task": "x" * 1000})).title == "x" * 80


@pytest.mark.parametrize(
    ("run", "where"),
    [({"runId": RUN}, "status"), ({**RUNNING, "status": None}, "status"), ([], "the body"), ("secret", "the body")],
)
async def test_an_answer_of_another_shape_is_unexpected(run: JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(run)
    assert caught.value.where == where
    assert "secret" not in repr(caught.value)


# Questions


async def test_a_paused_run_asks_with_its_last_message() -> None:
    job = await look(PAUSED, ASKING)
    assert (job.status, job.provider_status, job.question) == (JobStatus.WAITING_FOR_INPUT, "PAUSED", ASKED)
    assert job.has == {"live_view", "question"}


@pytest.mark.parametrize("run", [RUNNING, COMPLETED])
async def test_the_transcript_is_only_read_for_a_question(run: JsonValue) -> None:
    routes = Routes({PATH: run, MESSAGES: ASKING})
    async with opened(Browserbase, routes) as browserbase:
        assert (await browserbase.fetch_job(RUN)).question is None
    assert routes.paths == [PATH]


async def test_the_last_message_is_found_behind_all_the_others() -> None:
    routes = Routes({PATH: PAUSED, MESSAGES: long_transcript(asking())})
    async with opened(Browserbase, routes) as browserbase:
        assert (await browserbase.fetch_job(RUN)).question == Question(id="last", text="Which one?")
    asked = [dict(request.url.params) for request in routes.asked[1:]]
    limit = str(MESSAGES_A_PAGE)
    assert asked == [
        {"limit": limit},
        {"limit": limit, "since": f"m{MESSAGES_A_PAGE - 1}"},
        {"limit": limit, "since": f"m{2 * MESSAGES_A_PAGE - 1}"},
    ]


async def test_a_question_that_was_answered_is_none() -> None:
    job = await look(PAUSED, {"data": [said(asking()), said({"type": "text", "text": "On we go."})]})
    assert (job.status, job.question) == (JobStatus.PAUSED, None)


@pytest.mark.parametrize(
    "message",
    [
        said({"type": "tool-call", "toolName": "goto", "input": {"message": "x"}}),
        said({"type": "tool-result", "toolName": "pause", "output": "x"}),
        said({"type": "text", "text": "pause"}),
        {**said(), "message": {"role": "assistant", "content": "pause"}},
        {**said(), "message": None},
        {"message": {"content": [{"type": "tool-call", "toolName": "pause"}]}},
        {},
    ],
)
async def test_a_paused_run_that_asks_nothing_is_only_paused(message: JsonValue) -> None:
    job = await look(PAUSED, {"data": [message], "nextSince": "m"})
    assert (job.status, job.provider_status, job.question) == (JobStatus.PAUSED, "PAUSED", None)
    assert job.has == {"live_view"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"message": "Which?", "form": "a word"}, "Which?"),
        ({"reason": "No code."}, '{"reason":"No code."}'),
        ({"message": {"a": 1}}, '{"message":{"a":1}}'),
        ("Which?", "Which?"),
        (None, ""),
    ],
)
async def test_a_question_in_another_form_is_told_as_it_is(words: JsonValue, text: str) -> None:
    call = {"type": "tool-call", "toolName": "pause", "input": words}
    job = await look(PAUSED, {"data": [said({"type": "text", "text": "Hm."}, call)]})
    assert job.question == Question(id="m", text=text)


async def test_a_message_without_an_id_is_answered_by_its_call_s() -> None:
    job = await look(PAUSED, {"data": [{**said(asking()), "id": None}]})
    assert job.question == Question(id="call_9", text="Which one?")


class Mute(InProcess):
    """A vendor whose transcripts say nothing."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/messages"):
            return httpx2.Response(200, json=documented("browserbase/messages_none"))
        return await super().handle_async_request(request)


async def test_what_is_only_paused_is_not_told_to_wait_now_and_then() -> None:
    world = new_world()
    ref = f"browserbase:{world.add('browserbase', asking_story()).id}"
    async with tracker_in(world, transport=Mute) as tracker:
        await anyio.sleep(10)
        await tracker.look(ref)
        assert (await tracker.wait([ref], until="result", seconds=600)).views[0].status is JobStatus.PAUSED
        assert [event.reported["status"] for event in (await tracker.events(ref)).events] == ["paused"]


async def test_the_search_for_the_last_message_ends_somewhere() -> None:
    def endless(request: httpx2.Request) -> JsonValue:
        number = int(request.url.params.get("since", 0)) + 1
        return {"data": [said(asking())] * MESSAGES_A_PAGE, "nextSince": str(number)}

    routes = Routes({PATH: PAUSED, MESSAGES: endless})
    async with opened(Browserbase, routes) as browserbase:
        await browserbase.fetch_job(RUN)
    assert len(routes.asked) == 1 + MOST_PAGES


async def test_an_answer_resumes_the_run() -> None:
    resumed = documented("browserbase/resumed")
    routes = Routes({PATH: PAUSED, MESSAGES: ASKING, f"{PATH}/resume": (202, resumed)})
    async with opened(Browserbase, routes) as browserbase:
        await browserbase.answer_question(RUN, ASKED.id, "123 456 — «bleu»")
    assert routes.asked[-1].method == "POST"
    assert routes.asked[-1].headers["X-BB-API-Key"] == KEY
    assert json.loads(routes.asked[-1].content) == {"task": "123 456 — «bleu»"}


@pytest.mark.parametrize(
    ("run", "question"), [(PAUSED, "another"), (PAUSED, "call_3"), (RUNNING, ASKED.id), (COMPLETED, ASKED.id)]
)
async def test_another_question_or_none_is_a_conflict(run: JsonValue, question: str) -> None:
    routes = Routes({PATH: run, MESSAGES: ASKING})
    async with opened(Browserbase, routes) as browserbase:
        with pytest.raises(ConflictError):
            await browserbase.answer_question(RUN, question, "yes")
    assert all(request.method == "GET" for request in routes.asked)


async def test_an_answer_that_comes_too_late_is_a_conflict() -> None:
    routes = Routes({PATH: PAUSED, MESSAGES: ASKING, f"{PATH}/resume": (409, {"message": "secret"})})
    async with opened(Browserbase, routes) as browserbase:
        with pytest.raises(ConflictError) as caught:
            await browserbase.answer_question(RUN, ASKED.id, "yes")
    assert "secret" not in repr(caught.value)


async def test_a_run_that_asks_nothing_is_resumed_without_words() -> None:
    routes = Routes({PATH: PAUSED, MESSAGES: {"data": []}, f"{PATH}/resume": (202, b"")})
    async with opened(Browserbase, routes) as browserbase:
        await browserbase.resume_job(RUN)
    assert (routes.asked[-1].method, json.loads(routes.asked[-1].content)) == ("POST", {})


@pytest.mark.parametrize(
    ("run", "error"), [(PAUSED, InvalidArgumentError), (RUNNING, ConflictError), (COMPLETED, ConflictError)]
)
async def test_a_run_that_asks_or_runs_is_not_resumed(run: JsonValue, error: type[BrowserJobsError]) -> None:
    """An answer that nobody gave could approve what nobody wanted."""
    routes = Routes({PATH: run, MESSAGES: ASKING})
    async with opened(Browserbase, routes) as browserbase:
        with pytest.raises(error):
            await browserbase.resume_job(RUN)
    assert all(request.method == "GET" for request in routes.asked)


# Events


async def test_a_transcript_is_told_part_by_part() -> None:
    first, *_, last = made = await events(*documented("browserbase/messages_paused")["data"])
    assert [(event.kind, event.reported) for event in made] == [
        (EventKind.MESSAGE, {"text": "The shop has a search field."}),
        (EventKind.MESSAGE, {"text": "I open the shop."}),
        (EventKind.STEP, {"text": 'goto: {"url":"https://shop.example/"}', "url": "https://shop.example/"}),
        (EventKind.LOG, {"text": 'goto: {"success":true,"title":"Shop"}'}),
        (EventKind.STEP, {"text": "screenshot: {}"}),
        (
            EventKind.LOG,
            {"text": 'screenshot: [{"type":"text","text":"The page now"},{"type":"media","mediaType":"image/png"}]'},
        ),
        (EventKind.OTHER, {"text": "file: image/jpeg"}),
        (EventKind.MESSAGE, {"text": "The kettle costs 42.50."}),
        (EventKind.MESSAGE, {"text": "I need a code."}),
        (EventKind.QUESTION, {"text": "Which code did the shop send you? Six digits."}),
    ]
    assert len({event.key for event in made}) == len(made)
    assert all(event.exact for event in made)
    assert (first.key, first.at) == ("0199f5a0-0000-7000-8000-000000000001 0", datetime(2026, 11, 20, 9, 0, 5, 0, UTC))
    assert (last.key, last.at) == (f"{ASKED.id} 1", datetime(2026, 11, 20, 9, 1, 15, 650000, UTC))


async def test_events_are_read_from_the_cursor_page_by_page() -> None:
    routes = Routes({MESSAGES: long_transcript({"type": "text", "text": "Done."})})
    cursor, pages = None, []
    async with opened(Browserbase, routes) as browserbase:
        for _ in range(4):
            pages.append(await browserbase.fetch_events(RUN, cursor))
            cursor = pages[-1].cursor
    assert [(len(page.events), page.cursor, page.has_more) for page in pages] == [
        (MESSAGES_A_PAGE, f"m{MESSAGES_A_PAGE - 1}", True),
        (MESSAGES_A_PAGE, f"m{2 * MESSAGES_A_PAGE - 1}", True),
        (1, "last", False),
        (0, "last", False),
    ]
    assert "since" not in routes.asked[0].url.params
    assert routes.asked[-1].url.params["since"] == "last"
    assert all(page.links == () for page in pages)


async def test_before_the_first_message_there_is_no_cursor() -> None:
    async with opened(Browserbase, Routes({MESSAGES: documented("browserbase/messages_none")})) as browserbase:
        page = await browserbase.fetch_events(RUN, None)
    assert (page.events, page.cursor, page.has_more) == ((), None, False)


@pytest.mark.parametrize("following", ["absent", None, 7, ""])
async def test_without_a_next_cursor_the_last_message_is_one(following: JsonValue) -> None:
    page: dict[str, JsonValue] = {"data": [said({"type": "text", "text": "x"}), None, {"id": 3}]}
    if following != "absent":
        page["nextSince"] = following
    async with opened(Browserbase, Routes({MESSAGES: page})) as browserbase:
        assert (await browserbase.fetch_events(RUN, "before")).cursor == "m"
    async with opened(Browserbase, Routes({MESSAGES: {**page, "data": []}})) as browserbase:
        assert (await browserbase.fetch_events(RUN, "before")).cursor == "before"


async def test_a_cursor_that_stands_still_leads_no_further() -> None:
    page = {"data": [said({"type": "text", "text": "x"})] * MESSAGES_A_PAGE, "nextSince": "m"}
    async with opened(Browserbase, Routes({MESSAGES: page})) as browserbase:
        assert (await browserbase.fetch_events(RUN, None)).has_more
        assert not (await browserbase.fetch_events(RUN, "m")).has_more


async def test_a_page_without_messages_leads_nowhere() -> None:
    async with opened(Browserbase, Routes({MESSAGES: {"data": [], "nextSince": "last"}})) as browserbase:
        assert (await browserbase.fetch_events(RUN, "before")).cursor == "before"


@pytest.mark.parametrize(
    ("part", "kind", "reported"),
    [
        ({"type": "tool-call", "toolName": "act"}, EventKind.STEP, {"text": "act"}),
        ({"type": "tool-call", "toolName": "act", "input": "press Buy"}, EventKind.STEP, {"text": "act: press Buy"}),
        ({"type": "tool-call", "input": {"url": 7}}, EventKind.STEP, {"text": '{"url":7}'}),
        ({"type": "tool-result", "toolName": "act", "output": "done"}, EventKind.LOG, {"text": "act: done"}),
        ({"type": "tool-result", "output": {"type": "x"}}, EventKind.LOG, {"text": '{"type":"x"}'}),
        ({"type": "tool-result", "toolName": "act", "output": None}, EventKind.LOG, {"text": "act"}),
        (
            {"type": "tool-result", "toolName": "act", "output": {"type": "error-text", "value": "No such button."}},
            EventKind.LOG,
            {"text": "act: No such button.", "error": "No such button."},
        ),
        (
            {"type": "tool-result", "toolName": "act", "output": {"type": "error-json", "value": {"code": 1}}},
            EventKind.LOG,
            {"text": 'act: {"code":1}', "error": '{"code":1}'},
        ),
        ({"type": "source", "url": "x"}, EventKind.OTHER, {"text": "source"}),
        ({"type": "text", "text": "x", "data": {"a": 1}, "toolName": []}, EventKind.MESSAGE, {"text": "x"}),
        ({"type": "file", "data": "QUJD", "mediaType": "text/csv"}, EventKind.OTHER, {"text": "file: text/csv"}),
    ],
)
async def test_every_part_has_its_words(part: JsonValue, kind: EventKind, reported: dict[str, str]) -> None:
    made = await event(part)
    assert (made.kind, made.reported) == (kind, reported)


@pytest.mark.parametrize(
    "message",
    [
        None,
        "secret",
        {},
        {"id": "m"},
        {**said(), "message": {"role": "tool"}},
        {**said(), "message": {"content": 7}},
        {**said(), "message": {"content": ""}},
        said(None, {}, "secret", {"type": None}, {"type": "text"}, {"type": "reasoning", "text": ""}),
    ],
)
async def test_what_says_nothing_is_no_event(message: JsonValue) -> None:
    [made] = await events(message, said({"type": "text", "text": "x"}))
    assert made.reported == {"text": "x"}


async def test_a_part_keeps_its_key_when_another_cannot_be_read() -> None:
    [made] = await events(said({"type": "text", "text": ""}, 7, {"type": "text", "text": "x"}))
    assert (made.key, made.exact) == ("m 2", True)


async def test_a_part_that_is_told_twice_is_one() -> None:
    file: JsonValue = {"type": "file", "data": "QUJD", "mediaType": "text/csv"}
    once: list[JsonValue] = [asking(), {"type": "text", "text": "x"}, file]
    assert await events(said(*(part for part in once for _ in range(2)))) == await events(said(*once))


async def test_parts_of_which_little_is_known_may_be_others() -> None:
    assert len(await events(said({"type": "source", "url": "x"}, {"type": "source", "url": "y"}))) == 2


async def test_a_message_without_an_id_is_known_by_its_time() -> None:
    part: JsonValue = {"type": "text", "text": "x"}
    timed, timeless = await events({**said(part), "id": None}, {"message": {"content": "y"}})
    assert (timed.key, timed.exact) == ("2026-11-20 09:00:05+00:00 0", False)
    assert (timeless.key, timeless.exact, timeless.at) == ("None 0", False, None)


async def test_what_a_tool_was_given_and_gave_back_is_told_in_short() -> None:
    page = "<p>Kettle</p> " * 10_000
    parts: tuple[JsonValue, ...] = (
        {"type": "tool-call", "toolName": "write", "input": {"text": page}},
        {"type": "tool-result", "toolName": "read", "output": {"type": "text", "value": page}},
        {"type": "tool-result", "toolName": "read", "output": [page]},
    )
    for part in parts:
        text = (await event(part)).reported["text"]
        assert isinstance(text, str)
        assert 500 < len(text) < 510


@pytest.mark.parametrize("place", ["input", "output", "text"])
async def test_no_encoded_file_stands_in_an_event(place: str) -> None:
    encoded = b64encode(PNG * 100).decode()
    embedded = f"![page](data:image/png;base64,{encoded}) and on"
    value: JsonValue = embedded
    if place != "text":
        value = {"a": [{"data": "QUJD", "mediaType": "image/png"}], "b": {"image": encoded}, "c": embedded, "d": 1}
    kind = {"input": "tool-call", "output": "tool-result", "text": "text"}[place]
    text = str((await event({"type": kind, place: value, "data": encoded})).reported["text"])
    assert encoded[:50] not in text
    assert "QUJD" not in text
    assert "![page](data:image/png;base64,\N{HORIZONTAL ELLIPSIS}) and on" in text


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": "secret"}, [], "secret"])
async def test_a_transcript_of_another_shape_is_unexpected(body: JsonValue) -> None:
    async with opened(Browserbase, Routes({MESSAGES: body})) as browserbase:
        with pytest.raises(UnexpectedResponseError) as caught:
            await browserbase.fetch_events(RUN, None)
    assert caught.value.where in ("data", "the body")


# Screenshots


@pytest.mark.parametrize(("index", "place", "image"), [(-1, 1, JPEG), (1, 1, JPEG), (0, 0, PNG), (-2, 0, PNG)], ids=str)
async def test_the_images_of_a_transcript_are_its_screenshots(index: int, place: int, image: bytes) -> None:
    async with opened(Browserbase, Routes({MESSAGES: documented("browserbase/messages")})) as browserbase:
        picture = await browserbase.fetch_screenshot(RUN, index)
    assert (picture.data, picture.index, picture.count) == (image, place, 2)


@pytest.mark.parametrize("index", [2, -3, 10**30, -(10**30)])
async def test_there_is_no_screenshot_beyond_the_last(index: int) -> None:
    async with opened(Browserbase, Routes({MESSAGES: documented("browserbase/messages")})) as browserbase:
        with pytest.raises(NotAvailableError) as caught:
            await browserbase.fetch_screenshot(RUN, index)
    assert "only 2" in caught.value.thing


async def test_screenshots_are_found_on_every_page() -> None:
    routes = Routes({MESSAGES: long_transcript(media(JPEG))})
    async with opened(Browserbase, routes) as browserbase:
        picture = await browserbase.fetch_screenshot(RUN, -1)
    assert (picture.data, picture.count, len(routes.asked)) == (JPEG, 1, 3)


async def test_an_image_may_stand_in_a_link_or_within_what_a_tool_gave_back() -> None:
    link = "data:image/png;base64," + b64encode(PNG).decode()
    parts: list[JsonValue] = [
        {"type": "file", "data": link, "mediaType": "image/png"},
        {"type": "file", "data": "https://cdn.example/x.png", "mediaType": "image/png"},
        {"type": "file", "data": "QUJD", "mediaType": "text/csv"},
        {"type": "file", "data": "", "mediaType": "image/png"},
        {"type": "tool-result", "output": {"a": [{"b": {"data": b64encode(JPEG).decode(), "mediaType": "image/x"}}]}},
    ]
    async with opened(Browserbase, Routes({MESSAGES: {"data": [said(*parts)]}})) as browserbase:
        images = [(await browserbase.fetch_screenshot(RUN, index)).data for index in (0, 1)]
        assert (await browserbase.fetch_screenshot(RUN, -1)).count == 2
    assert images == [PNG, JPEG]


@pytest.mark.parametrize("encoded", ["QUJD", "Q", "data:image/png;base64,", "\N{SNOWMAN}"])
async def test_a_screenshot_that_is_no_image_is_unexpected(encoded: str) -> None:
    part: JsonValue = {"type": "file", "data": encoded, "mediaType": "image/png"}
    async with opened(Browserbase, Routes({MESSAGES: {"data": [said(part)]}})) as browserbase:
        with pytest.raises(UnexpectedResponseError):
            await browserbase.fetch_screenshot(RUN, -1)


async def test_a_run_without_images_tells_where_it_stands() -> None:
    routes = Routes({PATH: PAUSED, MESSAGES: documented("browserbase/messages_none")})
    async with opened(Browserbase, routes) as browserbase:
        with pytest.raises(NotAvailableError) as caught:
            await browserbase.fetch_screenshot(RUN, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "waiting_for_input")


# Links


@pytest.mark.parametrize("run", [RUNNING, PAUSED])
async def test_a_run_that_goes_on_has_a_live_view(run: JsonValue) -> None:
    live = documented("browserbase/live_urls")
    routes = Routes({PATH: run, DEBUG: live})
    async with opened(Browserbase, routes) as browserbase:
        links = await browserbase.fetch_links(RUN)
    assert links == (Link(kind="live_view", url=live["debuggerFullscreenUrl"]),)
    assert routes.paths == [PATH, DEBUG]


async def test_without_a_full_screen_there_is_the_other_live_view() -> None:
    live = documented("browserbase/live_urls")
    routes = Routes({PATH: RUNNING, DEBUG: {**live, "debuggerFullscreenUrl": None}})
    async with opened(Browserbase, routes) as browserbase:
        assert await browserbase.fetch_links(RUN) == (Link(kind="live_view", url=live["debuggerUrl"]),)


async def test_a_run_that_is_over_has_its_recordings() -> None:
    downloads = documented("browserbase/recording_downloads")
    routes = Routes({PATH: COMPLETED, DOWNLOADS: downloads})
    async with opened(Browserbase, routes) as browserbase:
        links = await browserbase.fetch_links(RUN)
    assert links == (Link(kind="recording", url=downloads["downloads"][0]["downloadUrl"]), DASHBOARD)
    assert [(request.method, request.url.path) for request in routes.asked] == [("GET", PATH), ("GET", DOWNLOADS)]


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
async def test_a_session_that_has_nothing_leaves_the_dashboard(status: int) -> None:
    missing = (status, {"message": "secret"})
    gone: dict[str, Any] = {DEBUG: missing, DOWNLOADS: missing}
    async with opened(Browserbase, Routes({PATH: COMPLETED, **gone})) as browserbase:
        assert await browserbase.fetch_links(RUN) == (DASHBOARD,)
    async with opened(Browserbase, Routes({PATH: RUNNING, **gone})) as browserbase:
        assert await browserbase.fetch_links(RUN) == ()


@pytest.mark.parametrize("downloads", [None, [None, {}, 7, {"downloadUrl": 1}], [{"downloadUrl": "relative"}], "x"])
async def test_recordings_of_another_shape_are_none(downloads: JsonValue) -> None:
    routes = Routes({PATH: COMPLETED, DOWNLOADS: {"downloads": downloads}})
    async with opened(Browserbase, routes) as browserbase:
        assert await browserbase.fetch_links(RUN) == (DASHBOARD,)


async def test_a_run_that_was_stopped_before_it_began_has_no_links() -> None:
    routes = Routes({PATH: {**documented("browserbase/run_pending"), "status": "STOPPED"}})
    async with opened(Browserbase, routes) as browserbase:
        assert await browserbase.fetch_links(RUN) == ()


# Lists


async def test_runs_are_listed_with_the_vendor_s_cursor() -> None:
    body = documented("browserbase/runs")
    routes = Routes({RUNS: body})
    async with opened(Browserbase, routes) as browserbase:
        page = await browserbase.list_jobs(None, 20)
        await browserbase.list_jobs(page.cursor, 500)
    assert page.cursor == body["nextCursor"]
    running, timed_out = page.jobs
    assert running.model_dump(exclude_defaults=True) == {
        "id": RUN,
        "status": JobStatus.RUNNING,
        "provider_status": "RUNNING",
        "title": "Find the price of a kettle and say whether it is in stock",
        "created_at": datetime(2026, 11, 20, 9, 0, 0, 120000, UTC),
        "started_at": datetime(2026, 11, 20, 9, 0, 2, 310000, UTC),
        "updated_at": datetime(2026, 11, 20, 9, 0, 31, 4000, UTC),
    }
    assert (timed_out.id, timed_out.status) == ("90d1b8a7-63f2-4c5e-a0b4-1e7c95f82d36", JobStatus.FAILED)
    assert [dict(request.url.params) for request in routes.asked] == [
        {"limit": "20"},
        {"limit": "100", "cursor": body["nextCursor"]},
    ]


@pytest.mark.parametrize("cursor", [None, "", 7, "absent"])
async def test_the_last_page_of_runs_has_no_cursor(cursor: JsonValue) -> None:
    body = {**documented("browserbase/runs"), "nextCursor": cursor}
    if cursor == "absent":
        del body["nextCursor"]
    async with opened(Browserbase, Routes({RUNS: body})) as browserbase:
        assert (await browserbase.list_jobs(None, 20)).cursor is None


async def test_a_run_with_an_id_of_another_form_is_not_listed() -> None:
    body = {"data": [{**RUNNING, "runId": "../x"}, RUNNING]}
    async with opened(Browserbase, Routes({RUNS: body})) as browserbase:
        assert [row.id for row in (await browserbase.list_jobs(None, 20)).jobs] == [RUN]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "data"),
        ({"data": None}, "data"),
        ({"data": [{"status": "RUNNING"}]}, "data.0.runId"),
        ({"data": [{"runId": RUN}]}, "data.0.status"),
        ([], "the body"),
    ],
)
async def test_a_list_of_another_shape_is_unexpected(body: JsonValue, where: str) -> None:
    async with opened(Browserbase, Routes({RUNS: body})) as browserbase:
        with pytest.raises(UnexpectedResponseError) as caught:
            await browserbase.list_jobs(None, 20)
    assert caught.value.where == where


async def test_a_key_that_works_lists_one_run() -> None:
    routes = Routes({RUNS: documented("browserbase/runs")})
    async with opened(Browserbase, routes) as browserbase:
        await browserbase.check_key()
    [request] = routes.asked
    assert dict(request.url.params) == {"limit": "1"}
    assert request.headers["X-BB-API-Key"] == KEY


# Acting


async def test_a_run_is_stopped_without_a_body() -> None:
    routes = Routes({f"{PATH}/stop": (202, documented("browserbase/stopping"))})
    async with opened(Browserbase, routes) as browserbase:
        await browserbase.cancel_job(RUN)
    [request] = routes.asked
    assert (request.method, request.content, request.headers["X-BB-API-Key"]) == ("POST", b"", KEY)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (404, JobNotFoundError),
        (409, ConflictError),
        (429, RateLimitedError),
        (500, ProviderUnavailableError),
    ],
)
async def test_a_command_that_is_refused_has_its_class(status: int, error: type[BrowserJobsError]) -> None:
    refusal = (status, {"message": "secret"})
    waits = {PATH: PAUSED, MESSAGES: ASKING}
    async with opened(
        Browserbase, Routes({**waits, f"{PATH}/stop": refusal, f"{PATH}/resume": refusal})
    ) as browserbase:
        for way in (browserbase.cancel_job(RUN), browserbase.answer_question(RUN, ASKED.id, "yes")):
            with pytest.raises(error) as caught:
                await way
            assert "secret" not in repr(caught.value)


async def test_a_start_sends_the_task_and_the_parameters() -> None:
    routes = Routes({RUNS: (201, {**documented("browserbase/run_pending"), "runId": RUN.upper()})})
    async with opened(Browserbase, routes) as browserbase:
        started = await browserbase.start_job("Find a kettle", {"pauseWhen": "a code is asked for", "task": "another"})
    assert (started.id, started.locator) == (RUN, "")
    [request] = routes.asked
    assert request.method == "POST"
    assert json.loads(request.content) == {"task": "Find a kettle", "pauseWhen": "a code is asked for"}


@pytest.mark.parametrize(
    ("answer", "parameters", "error", "where"),
    [
        ((402, {"message": "secret"}), {}, OutOfCreditsError, None),
        ((401, {"message": "secret"}), {}, AuthenticationError, None),
        ((404, {"message": "secret"}), {}, RefusedRequestError, "no such API at this base URL"),
        ((404, {"message": "secret"}), {"agentId": "x"}, RefusedRequestError, ""),
        ((400, {"message": "secret"}), {"agentId": "x"}, RefusedRequestError, ""),
        ((429, {"message": "secret"}), {}, RateLimitedError, None),
        ((500, {"message": "secret"}), {}, ProviderUnavailableError, None),
        ((201, {"runId": "../secret"}), {}, UnexpectedResponseError, "runId"),
        ((201, {"status": "PENDING"}), {}, UnexpectedResponseError, "runId"),
        ((201, b""), {}, UnexpectedResponseError, "the body"),
    ],
)
async def test_a_start_that_fails_has_its_error(
    answer: tuple[int, Any], parameters: dict[str, JsonValue], error: type[BrowserJobsError], where: str | None
) -> None:
    async with opened(Browserbase, Routes({RUNS: answer})) as browserbase:
        with pytest.raises(error) as caught:
            await browserbase.start_job("Find a kettle", parameters)
    assert getattr(caught.value, "where", None) == where
    assert "secret" not in repr(caught.value)


# Refusals, abilities, ids


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, UnexpectedResponseError),
        (302, UnexpectedResponseError),
        (400, UnexpectedResponseError),
        (401, AuthenticationError),
        (402, OutOfCreditsError),
        (403, AuthenticationError),
        (404, JobNotFoundError),
        (422, UnexpectedResponseError),
        (429, RateLimitedError),
        (500, ProviderUnavailableError),
        (503, ProviderUnavailableError),
    ],
)
@pytest.mark.parametrize("body", ['{"message": "secret"}', '["secret"]', "<html>secret", ""])
async def test_a_refusal_has_its_error(status: int, error: type[BrowserJobsError], body: str) -> None:
    async with opened(Browserbase, lambda _: httpx2.Response(status, text=body)) as browserbase:
        for way in (
            browserbase.fetch_job(RUN),
            browserbase.fetch_events(RUN, None),
            browserbase.fetch_links(RUN),
            browserbase.fetch_screenshot(RUN, -1),
        ):
            with pytest.raises(error) as caught:
                await way
            assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_the_session_refuses_is_told(status: int) -> None:
    routes = Routes({PATH: RUNNING, DEBUG: (status, {"message": "secret"})})
    async with opened(Browserbase, routes) as browserbase:
        with pytest.raises(AuthenticationError) as caught:
            await browserbase.fetch_links(RUN)
    assert caught.value.variable == "BROWSERBASE_API_KEY"


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("browserbase") == {
        *("answer_question", "cancel_job", "check_key", "fetch_events", "fetch_job", "fetch_links"),
        *("fetch_screenshot", "list_jobs", "resume_job", "start_job"),
    }
    assert not hasattr(Browserbase, "stream_changes")


@pytest.mark.parametrize("text", [Browserbase.example_id, RUN.upper()])
async def test_an_id_has_one_form(text: str) -> None:
    async with opened(Browserbase, Routes({})) as browserbase:
        assert browserbase.canonical_id(text) == browserbase.locator(text) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        RUN[:-1],
        f"{RUN}0",
        f"{RUN}/",
        f"{RUN}/stop",
        f"{RUN}?x=1",
        f"{RUN}#x",
        f"{RUN}\n",
        f"../{RUN}",
        f"{RUN}%2F..",
        f"https://api.browserbase.com{PATH}",
    ],
)
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    routes = Routes({})
    async with opened(Browserbase, routes) as browserbase:
        for way in (
            browserbase.fetch_job(text),
            browserbase.fetch_events(text, None),
            browserbase.fetch_links(text),
            browserbase.fetch_screenshot(text, -1),
            browserbase.cancel_job(text),
            browserbase.resume_job(text),
            browserbase.answer_question(text, "m", "x"),
        ):
            with pytest.raises(MalformedIdError):
                await way
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "run"),
    [
        (f"https://api.browserbase.com{PATH}", RUN),
        (f"https://api.browserbase.com{MESSAGES}?since={SESSION}", RUN),
        (f"https://www.browserbase.com/agents/{SESSION}/runs/{RUN}/", RUN),
        (f"https://api.browserbase.com/v1/agents/{RUN}", None),
        (f"https://www.browserbase.com/sessions/{SESSION}", None),
        (f"https://www.browserbase.com/runs/{RUN}0", None),
        ("https://www.browserbase.com/", None),
    ],
)
async def test_a_link_of_the_api_or_dashboard_names_its_run(link: str, run: str | None) -> None:
    async with opened(Browserbase, Routes({})) as browserbase:
        assert browserbase.id_from_link(urlsplit(link)) == run
