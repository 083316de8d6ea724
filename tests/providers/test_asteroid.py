"""Asteroid: what the types of its client say, and what else it may say."""

import json
from collections.abc import Awaitable, Callable, Mapping
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
    OutOfCreditsError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Event, EventKind, EventPage, FailureKind, Job, JobStatus, Link, Question
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.asteroid import MOST_FILES, NO_RIGHT, REACHES, STATUSES, Asteroid
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

EXECUTION = "5b2f8c1e-94d7-4a36-8e0b-71c3d5a9f204"
WORKFLOW = "0d4c7a91-2e5f-4b83-9a16-c8e7f3b2d650"
EXECUTIONS = "/agents/v2/executions"
PATH = f"{EXECUTIONS}/{EXECUTION}"
ACTIVITIES, MESSAGES, FILES, RECORDING = (
    f"{PATH}/{what}" for what in ("activities", "user-messages", "files", "recording")
)
PAUSE, RESUME, CANCEL = (f"{PATH}/{verb}" for verb in ("pause", "resume", "cancel"))
START = f"/agents/v2/workflows/{WORKFLOW}/execute"
WHOAMI = "/users/v2/whoami"

RUNNING, ASKING_RUN, CONFIRMING_RUN, COMPLETED, FAILED, CANCELLED, PURGED = (
    documented(f"asteroid/execution_{word}")
    for word in ("running", "paused_by_agent", "awaiting_confirmation", "completed", "failed", "cancelled", "purged")
)
TRAIL, ASKING, CONFIRMING, ANSWERED = (
    documented(f"asteroid/activities_{word}") for word in ("running", "asking", "confirming", "answered")
)
CHANGED, FORBIDDEN, BAD_MOMENT = (
    documented(f"asteroid/{name}") for name in ("status_change", "forbidden", "bad_request")
)
ASKED = Question(
    id=ASKING[0]["id"],
    text="The shop offers several.\nWhich colour shall I order?\n- white: 42 EUR\n- blue",
    options=("white", "blue"),
)
LIVE = Link(kind="live_view", url="https://live.example/view?token=abc")
SIGNED = "https://files.example/signed?X-Amz-Signature=abc"


async def look(execution: JsonValue, activities: JsonValue = None) -> Job:
    """What a look makes of these two answers."""
    async with opened(Asteroid, Routes({PATH: execution, ACTIVITIES: activities or []})) as asteroid:
        return await asteroid.fetch_job(EXECUTION)


async def page(activities: JsonValue, cursor: str | None = None) -> EventPage:
    """What is made of these activities."""
    async with opened(Asteroid, Routes({ACTIVITIES: activities})) as asteroid:
        return await asteroid.fetch_events(EXECUTION, cursor)


async def event(kind: str, **payload: JsonValue) -> Event | None:
    """What is made of an activity of this type."""
    made = (await page([activity(kind, **payload)])).events
    assert len(made) < 2
    return made[0] if made else None


def activity(
    kind: str | None, *, key: JsonValue = "a-1", at: JsonValue = "2026-11-20T09:00:05Z", **payload: JsonValue
) -> dict[str, JsonValue]:
    return {"id": key, "executionId": EXECUTION, "timestamp": at, "payload": {"activityType": kind, **payload}}


def changed(status: str, **why: JsonValue) -> dict[str, JsonValue]:
    return activity("status_changed", status=status, **why)


def asks(*questions: JsonValue, reason: str = "") -> dict[str, JsonValue]:
    """The change of status of an agent that asks this."""
    form: JsonValue = {"reason": reason, "question": {"questions": [*questions]}}
    return changed("paused_by_agent", pausedPayload=form)


REDIRECT = object()


class Redirecting(Routes):
    """Routes of which some redirect."""

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.answers.get(request.url.path) is REDIRECT:
            self.asked.append(request)
            return httpx2.Response(307, headers={"Location": f"{SIGNED}&of={request.url.path.split('/')[-2]}"})
        return super().__call__(request)


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("asteroid") == {
        *("answer_question", "cancel_job", "check_key", "fetch_events", "fetch_job", "fetch_links"),
        *("list_jobs", "pause_job", "resume_job", "start_job"),
    }


# A look


async def test_a_queued_execution_has_not_started() -> None:
    job = await look(documented("asteroid/execution_queued"))
    assert job.model_dump(exclude_defaults=True) == {
        "id": EXECUTION,
        "status": JobStatus.QUEUED,
        "provider_status": "queued",
        "title": "Order a kettle",
        "created_at": datetime(2026, 11, 20, 9, 0, 0, 120000, UTC),
    }


async def test_a_running_execution_can_be_watched() -> None:
    job = await look(RUNNING)
    assert (job.status, job.result, job.finished_at, job.question) == (JobStatus.RUNNING, None, None, None)
    assert job.started_at == datetime(2026, 11, 20, 9, 0, 4, 500000, UTC)
    assert job.has == {"live_view"}
    assert job.links == (LIVE,)


async def test_a_completed_execution_tells_of_its_goal_and_result() -> None:
    job = await look(COMPLETED)
    assert (job.status, job.result, job.error) == (JobStatus.COMPLETED, {"price": 42}, None)
    assert (job.goal_met, job.goal_met_by, job.failure) == (True, "agent", None)
    assert job.finished_at == datetime(2026, 11, 20, 9, 2, 10, 480000, UTC)
    assert job.has == {"result", "recording"}
    assert job.links == ()


async def test_a_missed_goal_is_apart_from_the_status() -> None:
    job = await look(documented("asteroid/execution_missed"))
    assert (job.status, job.goal_met, job.goal_met_by) == (JobStatus.COMPLETED, False, "agent")
    assert (job.error, job.result, job.failure) == ("The kettle is sold out.", None, None)


@pytest.mark.parametrize(
    ("outcome", "goal_met"),
    [("success", True), ("SUCCESS", True), ("failure", False), ("sold_out", None), ("", None), (None, None), (7, None)],
)
async def test_only_two_outcomes_claim_anything(outcome: JsonValue, goal_met: JsonValue) -> None:
    job = await look({**COMPLETED, "executionResult": {"outcome": outcome, "reasoning": "So it is."}})
    assert (job.goal_met, job.goal_met_by) == (goal_met, None if goal_met is None else "agent")


@pytest.mark.parametrize("result", ["text", 0, False, [], {}, {"a": None}])
async def test_a_result_may_be_anything(result: JsonValue) -> None:
    job = await look({**COMPLETED, "executionResult": {"outcome": "success", "reasoning": "x", "result": result}})
    assert job.result == result
    assert "result" in job.has


@pytest.mark.parametrize(
    ("end", "result"),
    [
        ({"outcome": "success", "reasoning": "It costs 42.", "result": None}, "It costs 42."),
        ({"outcome": "success", "reasoning": "", "result": None}, None),
        (None, None),
        ("secret", None),
    ],
)
async def test_without_a_result_the_reasoning_is_one(end: JsonValue, result: JsonValue) -> None:
    job = await look({**COMPLETED, "executionResult": end})
    assert (job.status, job.result, "result" in job.has) == (JobStatus.COMPLETED, result, result is not None)


async def test_nothing_is_a_result_before_the_end() -> None:
    job = await look({**RUNNING, "executionResult": COMPLETED["executionResult"]})
    assert (job.result, job.goal_met) == (None, None)


async def test_a_failed_execution_tells_its_reason() -> None:
    job = await look(FAILED, documented("asteroid/activities_failed"))
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureKind.UNKNOWN)
    assert job.error == "The page asked for a login."
    assert job.has == {"recording"}


@pytest.mark.parametrize(
    ("activities", "end", "error"),
    [
        ([], None, None),
        ([changed("failed")], {"outcome": "failure", "reasoning": "No way."}, "No way."),
        ([changed("running", failedPayload={"reason": "old"})], None, None),
        ([changed("failed", failedPayload="secret")], None, None),
        ([None, {}, "secret", activity(None)], None, None),
    ],
)
async def test_a_reason_may_be_missing(activities: JsonValue, end: JsonValue, error: str | None) -> None:
    job = await look({**FAILED, "executionResult": end}, activities)
    assert (job.status, job.failure, job.error) == (JobStatus.FAILED, FailureKind.UNKNOWN, error)


@pytest.mark.parametrize(
    ("reason", "failure", "error"),
    [
        ("timeout", FailureKind.TIMED_OUT, "timeout"),
        ("no_activity", FailureKind.TIMED_OUT, "no_activity"),
        ("max_steps", FailureKind.AGENT_GAVE_UP, "max_steps"),
        ("budget_exceeded", FailureKind.OUT_OF_CREDITS, "budget_exceeded"),
        ("no_warm_environment", FailureKind.PROVIDER_FAULT, "no_warm_environment"),
        ("worker_lost", FailureKind.PROVIDER_FAULT, "worker_lost"),
        ("script_failed", FailureKind.UNKNOWN, "script_failed: No such button"),
        ("user_requested", FailureKind.STOPPED_BY_USER, None),
        ("new_reason", FailureKind.UNKNOWN, "new_reason"),
        (None, FailureKind.UNKNOWN, None),
    ],
)
async def test_a_cancel_has_its_reason(reason: JsonValue, failure: FailureKind, error: str | None) -> None:
    job = await look(CANCELLED, [changed("cancelled", cancelledPayload={"reason": reason}), *TRAIL])
    assert (job.status, job.failure, job.error) == (JobStatus.CANCELLED, failure, error)


@pytest.mark.parametrize("failures", [None, [], [None], [{"error": None}], "secret"])
async def test_a_script_may_fail_without_a_word(failures: JsonValue) -> None:
    activities: JsonValue = [changed("cancelled", cancelledPayload={"reason": "script_failed"})]
    assert (await look({**CANCELLED, "scriptFailures": failures}, activities)).error == "script_failed"


async def test_a_documented_cancel_is_read() -> None:
    assert (await look(CANCELLED, documented("asteroid/activities_cancelled"))).failure is FailureKind.TIMED_OUT


async def test_what_was_purged_is_a_tombstone() -> None:
    routes = Routes({PATH: {**PURGED, "status": "failed", "recordingUrl": "https://x.example/"}})
    async with opened(Asteroid, routes) as asteroid:
        job = await asteroid.fetch_job(EXECUTION)
        assert await asteroid.fetch_links(EXECUTION) == ()
        assert await asteroid.fetch_events(EXECUTION, "2026-11-20T09:00:05+00:00") == EventPage(
            events=(), cursor="2026-11-20T09:00:05+00:00"
        )
    assert (job.status, job.error) == (JobStatus.FAILED, None)
    assert not job.has
    assert routes.paths == [PATH, PATH, ACTIVITIES]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", JobStatus.QUEUED),
        ("starting", JobStatus.QUEUED),
        ("running", JobStatus.RUNNING),
        ("paused", JobStatus.PAUSED),
        ("paused_by_agent", JobStatus.WAITING_FOR_INPUT),
        ("awaiting_confirmation", JobStatus.WAITING_FOR_INPUT),
        ("completed", JobStatus.COMPLETED),
        ("failed", JobStatus.FAILED),
        ("cancelled", JobStatus.CANCELLED),
        ("canceled", JobStatus.UNKNOWN),
        ("RUNNING", JobStatus.UNKNOWN),
        ("", JobStatus.UNKNOWN),
    ],
)
async def test_a_look_and_a_list_understand_a_word_alike(word: str, status: JobStatus) -> None:
    execution = {**RUNNING, "status": word}
    answers = {PATH: execution, EXECUTIONS: {"items": [execution], "total": 1}, ACTIVITIES: [changed(word)]}
    async with opened(Asteroid, Routes(answers)) as asteroid:
        job = await asteroid.fetch_job(EXECUTION)
        [row] = (await asteroid.list_jobs(None, 5)).jobs
    assert job.status is row.status is status
    assert job.provider_status == row.provider_status == word


def test_no_other_word_is_known() -> None:
    assert len(STATUSES) == 9
    assert Asteroid.statuses is STATUSES


@pytest.mark.parametrize("name", sorted(set(FAILED) - {"status"}))
@pytest.mark.parametrize("value", ["absent", None, "<string>", {"x": {}}, [[]], -1, True])
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    execution = {**FAILED, name: value}
    if value == "absent":
        del execution[name]
    job = await look(execution)
    assert (job.id, job.status, job.result) == (EXECUTION, JobStatus.FAILED, None)


async def test_a_long_name_is_cut_to_a_title() -> None:
    assert (await look({**RUNNING, "workflowName": "x" * 1000})).title == "x" * 80


@pytest.mark.parametrize("link", ["javascript:alert(1)", "/relative", "", None, 7])
async def test_a_live_view_that_is_no_link_is_none(link: JsonValue) -> None:
    job = await look({**RUNNING, "liveViewUrl": link})
    assert not job.has
    assert job.links == ()


@pytest.mark.parametrize(
    ("execution", "where"),
    [({"id": EXECUTION}, "status"), ({**RUNNING, "status": None}, "status"), ([], "the body"), ("secret", "the body")],
)
async def test_an_answer_of_another_shape_is_unexpected(execution: JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(execution)
    assert caught.value.where == where
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"<!doctype html>secret", "a page of HTML"),
        (b"", "an empty body"),
        (b'{"id": "5', "a body that is no JSON"),
        (b'{"surprise": true}', "the body"),
    ],
)
async def test_no_list_of_activities_is_unexpected(body: bytes, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await page((200, body))  # type: ignore[arg-type] # what Routes takes for an answer
    assert caught.value.where == where


# Questions


async def test_a_question_has_options_and_what_they_mean() -> None:
    job = await look(ASKING_RUN, ASKING)
    assert (job.status, job.provider_status) == (JobStatus.WAITING_FOR_INPUT, "paused_by_agent")
    assert job.question == ASKED
    assert job.has == {"live_view", "question"}


async def test_a_form_is_one_question_without_options() -> None:
    question = (await look(ASKING_RUN, documented("asteroid/activities_form"))).question
    assert question is not None
    assert question.options == ()
    assert question.text.splitlines() == [
        "Some things are open.",
        "1. Which colour?",
        "- white: 42 EUR",
        "- blue: 45 EUR",
        "2. Which extras?",
        "[ ] filter: for hard water",
        "[ ] base",
    ]


async def test_a_confirmation_is_asked_for_in_its_reason() -> None:
    job = await look(CONFIRMING_RUN, CONFIRMING)
    assert job.status is JobStatus.WAITING_FOR_INPUT
    assert job.question == Question(id=CONFIRMING[0]["id"], text="Place the order for 42 EUR?")


@pytest.mark.parametrize(
    ("asked", "text", "options"),
    [
        (asks({"question": "Which?"}), "Which?", ()),
        (asks({"question": "Which?"}, reason="Which?"), "Which?", ()),
        (asks({"question": "Which?", "options": [{"label": "a"}, None, {}, "x"]}), "Which?", ("a",)),
        (asks({"question": "Which?", "options": [{"label": "a"}], "multiSelect": True}), "Which?\n[ ] a", ()),
        (asks({"header": "Colour"}), "Colour", ()),
        (asks({}, None, "x"), "", ()),
        (asks(reason="I need a code."), "I need a code.", ()),
        (changed("paused_by_agent", pausedPayload={"reason": "A code?", "question": None}), "A code?", ()),
        (changed("paused_by_agent", pausedPayload={"question": {"questions": None}}), "", ()),
        (changed("paused_by_agent"), "", ()),
        (changed("paused_by_agent", pausedPayload="secret"), "", ()),
    ],
)
async def test_a_question_may_lack_much(asked: dict[str, JsonValue], text: str, options: tuple[str, ...]) -> None:
    assert (await look(ASKING_RUN, [asked])).question == Question(id="a-1", text=text, options=options)


async def test_a_question_without_an_id_is_known_by_where_it_stands() -> None:
    question = (await look(ASKING_RUN, [{**asks({"question": "Which?"}), "id": None}])).question
    assert question == Question(id="2026-11-20 09:00:05+00:00 status_changed", text="Which?")


@pytest.mark.parametrize(
    "activities", [ANSWERED, TRAIL, [changed("running"), *ASKING], [changed("awaiting_confirmation"), *ASKING], []]
)
async def test_what_asks_nothing_any_more_is_only_paused(activities: JsonValue) -> None:
    job = await look(ASKING_RUN, activities)
    assert (job.status, job.provider_status, job.question) == (JobStatus.PAUSED, "paused_by_agent", None)
    assert job.has == {"live_view"}


async def test_a_confirmation_is_open_until_the_status_changes() -> None:
    """What a message does to it is unknown, and a resume might confirm what the message refused."""
    message = activity("user_message_received", key="a-9", message="No.", userUUID="u")
    job = await look(CONFIRMING_RUN, [message, *CONFIRMING])
    assert (job.status, job.question and job.question.id) == (JobStatus.WAITING_FOR_INPUT, CONFIRMING[0]["id"])


@pytest.mark.parametrize("execution", [RUNNING, COMPLETED, {**RUNNING, "status": "paused"}])
async def test_activities_are_only_read_for_a_reason(execution: JsonValue) -> None:
    routes = Routes({PATH: execution, ACTIVITIES: ASKING})
    async with opened(Asteroid, routes) as asteroid:
        assert (await asteroid.fetch_job(EXECUTION)).question is None
    assert routes.paths == [PATH]


def answering(execution: JsonValue, activities: JsonValue, then: JsonValue, **more: Any) -> Routes:
    """An execution that is in another state once it was sent a message."""
    routes = Routes({})

    def now(_request: httpx2.Request) -> JsonValue:
        return then if MESSAGES in routes.paths else execution

    acknowledged: Any = (201, b"Message added")
    answers: dict[str, Any] = {PATH: now, ACTIVITIES: activities, MESSAGES: acknowledged, RESUME: CHANGED}
    routes.answers = answers | {f"{PATH}/{name.replace('_', '-')}": answer for name, answer in more.items()}
    return routes


def sent(routes: Routes) -> list[tuple[str, JsonValue]]:
    """What was asked for beyond reading."""
    posts = [request for request in routes.asked if request.method == "POST"]
    return [(request.url.path, json.loads(request.content or b"null")) for request in posts]


@pytest.mark.parametrize("acknowledged", [(201, b"Message added"), (201, "added"), (201, b"")])
async def test_an_answer_is_a_message(acknowledged: Any) -> None:
    routes = answering(ASKING_RUN, ASKING, RUNNING, user_messages=acknowledged)
    async with opened(Asteroid, routes) as asteroid:
        await asteroid.answer_question(EXECUTION.upper(), ASKED.id, "blue — «bleu»")
    assert sent(routes) == [(MESSAGES, {"message": "blue — «bleu»"})]
    assert routes.asked[0].headers["X-Api-Key"] == KEY


@pytest.mark.parametrize("resumed", [CHANGED, (400, BAD_MOMENT), (409, BAD_MOMENT)])
async def test_what_stays_paused_after_its_answer_is_resumed(resumed: Any) -> None:
    routes = answering(ASKING_RUN, ASKING, ASKING_RUN, resume=resumed)
    async with opened(Asteroid, routes) as asteroid:
        await asteroid.answer_question(EXECUTION, ASKED.id, "blue")
    assert sent(routes) == [(MESSAGES, {"message": "blue"}), (RESUME, None)]


def then(routes: Routes, path: str, answer: Any) -> None:
    """Let this path answer otherwise once a message was sent."""
    before = routes.answers[path]
    later = {path: lambda _: answer if MESSAGES in routes.paths else before}
    routes.answers = {**routes.answers, **later}


@pytest.mark.parametrize("acknowledged", [(200, b"<html>secret"), (503, b"")])
@pytest.mark.parametrize(("seen", "resumed"), [(ANSWERED, True), (ASKING, False), ((503, b""), False)])
async def test_an_answer_that_came_though_nothing_acknowledged_it_lets_the_run_go_on(
    acknowledged: Any, seen: Any, *, resumed: bool
) -> None:
    routes = answering(ASKING_RUN, ASKING, ASKING_RUN, user_messages=acknowledged)
    then(routes, ACTIVITIES, seen)
    async with opened(Asteroid, routes) as asteroid:
        with pytest.raises((UnexpectedResponseError, ProviderUnavailableError)):
            await asteroid.answer_question(EXECUTION, ASKED.id, "blue")
    assert [path for path, _ in sent(routes)] == [MESSAGES, RESUME][: 1 + resumed]


@pytest.mark.parametrize("answer", [(401, b""), (403, FORBIDDEN), (429, b""), (503, b"")])
@pytest.mark.parametrize("path", [PATH, RESUME])
async def test_what_goes_wrong_after_an_answer_does_not_hide_that_it_came(path: str, answer: Any) -> None:
    routes = answering(ASKING_RUN, ASKING, ASKING_RUN)
    routes.answers = {**routes.answers, PATH: ASKING_RUN}
    then(routes, path, answer)
    async with opened(Asteroid, routes) as asteroid:
        await asteroid.answer_question(EXECUTION, ASKED.id, "blue")
    assert sent(routes)[0] == (MESSAGES, {"message": "blue"})


async def test_a_resume_confirms_nothing() -> None:
    """After a no, it might do what was refused."""
    routes = answering(CONFIRMING_RUN, CONFIRMING, CONFIRMING_RUN)
    async with opened(Asteroid, routes) as asteroid:
        await asteroid.answer_question(EXECUTION, CONFIRMING[0]["id"], "No.")
    assert sent(routes) == [(MESSAGES, {"message": "No."})]


@pytest.mark.parametrize(
    ("acknowledged", "error"),
    [
        ((200, b"<html>secret"), UnexpectedResponseError),
        ((302, b""), UnexpectedResponseError),
        ((400, BAD_MOMENT), RefusedRequestError),
        ((401, b""), AuthenticationError),
        ((403, FORBIDDEN), PermissionDeniedError),
        ((404, b""), JobNotFoundError),
        ((503, b""), ProviderUnavailableError),
    ],
)
async def test_what_was_not_answered_is_not_resumed(acknowledged: Any, error: type[BrowserJobsError]) -> None:
    routes = answering(ASKING_RUN, ASKING, ASKING_RUN, user_messages=acknowledged)
    async with opened(Asteroid, routes) as asteroid:
        with pytest.raises(error):
            await asteroid.answer_question(EXECUTION, ASKED.id, "blue")
    assert [path for path, _ in sent(routes)] == [MESSAGES]


@pytest.mark.parametrize(
    ("execution", "activities", "question"),
    [
        (ASKING_RUN, ASKING, "another"),
        (ASKING_RUN, ANSWERED, ASKED.id),
        (RUNNING, ASKING, ASKED.id),
        (COMPLETED, ASKING, ASKED.id),
        ({**RUNNING, "status": "paused"}, ASKING, ASKED.id),
    ],
)
async def test_another_question_or_none_is_a_conflict(
    execution: JsonValue, activities: JsonValue, question: str
) -> None:
    routes = Routes({PATH: execution, ACTIVITIES: activities})
    async with opened(Asteroid, routes) as asteroid:
        with pytest.raises(ConflictError):
            await asteroid.answer_question(EXECUTION, question, "yes")
    assert sent(routes) == []


# Commands

Act = Callable[[Asteroid], Awaitable[Any]]
PAUSED = {**RUNNING, "status": "paused"}


async def test_commands_go_to_routes_of_their_own() -> None:
    for execution, act, path in (
        (RUNNING, Asteroid.pause_job, PAUSE),
        (PAUSED, Asteroid.resume_job, RESUME),
        (ASKING_RUN, Asteroid.resume_job, RESUME),
        (RUNNING, Asteroid.cancel_job, CANCEL),
    ):
        routes = Routes({PATH: execution, ACTIVITIES: ANSWERED, path: CHANGED})
        async with opened(Asteroid, routes) as asteroid:
            await act(asteroid, EXECUTION)
        assert sent(routes) == [(path, None)]


@pytest.mark.parametrize("execution", [PAUSED, ASKING_RUN, CONFIRMING_RUN, COMPLETED])
async def test_what_does_not_run_is_not_paused(execution: JsonValue) -> None:
    routes = Routes({PATH: execution})
    async with opened(Asteroid, routes) as asteroid:
        with pytest.raises(ConflictError):
            await asteroid.pause_job(EXECUTION)
    assert sent(routes) == []


@pytest.mark.parametrize(
    ("execution", "activities", "error"),
    [
        (ASKING_RUN, ASKING, InvalidArgumentError),
        (CONFIRMING_RUN, CONFIRMING, InvalidArgumentError),
        (CONFIRMING_RUN, [activity("user_message_received", message="No."), *CONFIRMING], InvalidArgumentError),
        (RUNNING, TRAIL, ConflictError),
        (COMPLETED, TRAIL, ConflictError),
    ],
)
async def test_what_asks_or_runs_is_not_resumed(
    execution: JsonValue, activities: JsonValue, error: type[BrowserJobsError]
) -> None:
    """An answer that nobody gave could approve what nobody wanted."""
    routes = Routes({PATH: execution, ACTIVITIES: activities})
    async with opened(Asteroid, routes) as asteroid:
        with pytest.raises(error):
            await asteroid.resume_job(EXECUTION)
    assert sent(routes) == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, BAD_MOMENT), ConflictError),
        ((409, b""), ConflictError),
        ((403, {"secret": 1}), PermissionDeniedError),
        ((404, b""), JobNotFoundError),
        ((429, documented("asteroid/limit_reached")), RateLimitedError),
    ],
)
async def test_a_command_that_is_refused_has_its_error(answer: Any, error: type[BrowserJobsError]) -> None:
    for execution, act, path in (
        (RUNNING, Asteroid.pause_job, PAUSE),
        (PAUSED, Asteroid.resume_job, RESUME),
        (COMPLETED, Asteroid.cancel_job, CANCEL),
    ):
        async with opened(Asteroid, Routes({PATH: execution, path: answer})) as asteroid:
            with pytest.raises(error) as caught:
                await act(asteroid, EXECUTION)
        assert "secret" not in repr(caught.value)


# Events


async def test_activities_are_told_oldest_first_under_their_own_ids() -> None:
    made = await page(documented("asteroid/activities_completed"))
    assert [(event.kind, event.reported) for event in made.events] == [
        (EventKind.OTHER, {"text": "transitioned_node: Shop"}),
        (EventKind.MESSAGE, {"text": "The shop has a search field."}),
        (EventKind.STEP, {"text": "Open the shop", "action": "nav_to", "url": "https://shop.example/"}),
        (EventKind.LOG, {"text": "Opened the shop", "action": "nav_to"}),
        (EventKind.LOG, {"text": "No such button", "action": "element_click", "error": "No such button"}),
        (EventKind.LOG, {"text": "completed: Search\npending: Order"}),
        (EventKind.OTHER, {"text": "file_added: offer.pdf"}),
        (EventKind.OTHER, {"text": "script_variables_substituted: Shop"}),
        (EventKind.LOG, {"text": "Halfway there."}),
        (EventKind.MESSAGE, {"text": "The order page shows the number.", "outcome": "success"}),
    ]
    assert all(event.exact for event in made.events)
    assert (made.events[0].key, made.events[0].at) == (TRAIL[-2]["id"], datetime(2026, 11, 20, 9, 0, 5, 0, UTC))
    assert (made.cursor, made.has_more) == ("2026-11-20T09:02:10.480000+00:00", False)


async def test_a_signed_link_to_a_file_is_in_no_event() -> None:
    made = await page(TRAIL)
    assert made.links == (Link(kind="download", url="https://files.example/offer.pdf?X-Amz-Signature=abc"),)
    assert "X-Amz-Signature" not in repr(made.events)
    assert "secret" not in repr(made.events)


@pytest.mark.parametrize(
    ("activities", "kind", "reported"),
    [
        (documented("asteroid/activities_asking"), EventKind.QUESTION, {"text": ASKED.text}),
        (CONFIRMING, EventKind.QUESTION, {"text": "Place the order for 42 EUR?"}),
        (ANSWERED, EventKind.MESSAGE, {"text": "blue", "from": "user"}),
        (
            documented("asteroid/activities_failed"),
            EventKind.LOG,
            {"text": "The page asked for a login.", "error": "The page asked for a login."},
        ),
        (documented("asteroid/activities_cancelled"), EventKind.LOG, {"text": "timeout", "error": "timeout"}),
        ([changed("paused", pausedPayload={"reason": "Lunch."})], EventKind.OTHER, {"text": "Lunch."}),
        ([activity("brand_new")], EventKind.OTHER, {"text": "brand_new"}),
        ([activity("brand_new", message="Hm.")], EventKind.OTHER, {"text": "brand_new: Hm."}),
        ([activity(None)], EventKind.OTHER, {"text": "activity"}),
        ([activity("action_started", message="Click", info="x")], EventKind.STEP, {"text": "Click"}),
        ([activity("todos_updated", todos=[None, {}, {"content": "a"}])], EventKind.LOG, {"text": "\na"}),
        (
            [activity("transitioned_node", newNodeName="Pay", fromNodeSummary="Found it.")],
            EventKind.OTHER,
            {"text": "transitioned_node: Pay", "summary": "Found it."},
        ),
    ],
)
async def test_the_latest_activity_is_told_in_our_words(
    activities: JsonValue, kind: EventKind, reported: Mapping[str, JsonValue]
) -> None:
    last = (await page(activities)).events[-1]
    assert (last.kind, last.reported) == (kind, reported)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("status_changed", {"status": "running"}),
        ("status_changed", {}),
        ("step_started", {"stepNumber": 1}),
        ("step_completed", {"stepNumber": 1}),
        ("compaction_started", {}),
        ("terminal", {"reason": "complete"}),
        ("action_started", {"actionName": "llm_call", "message": "Thinking"}),
        ("reasoning", {}),
        ("todos_updated", {"todos": "secret"}),
    ],
)
async def test_what_tells_a_person_nothing_is_no_event(kind: str, payload: dict[str, JsonValue]) -> None:
    assert await event(kind, **payload) is None


@pytest.mark.parametrize("name", ["id", "timestamp", "payload", "executionId"])
@pytest.mark.parametrize("value", ["absent", None, {"x": 1}, [[]], -1])
async def test_an_activity_may_lack_anything(name: str, value: JsonValue) -> None:
    broken = {**activity("generic", message="x"), name: value}
    if value == "absent":
        del broken[name]
    made = (await page([None, broken, activity("generic", key="a-0", message="y")])).events
    assert {event.key for event in made} >= {"a-0"}
    assert [event.exact for event in made].count(False) == 1 + (name == "id")


async def test_what_stands_twice_in_a_list_is_one_event() -> None:
    assert len((await page([*TRAIL, *TRAIL])).events) == len((await page(TRAIL)).events)


async def test_only_what_is_new_is_told_with_its_own_moment_again() -> None:
    """Of activities of one moment, some may come later."""
    activities: JsonValue = [
        activity("generic", key=key, at=f"2026-11-20T09:00:0{key[0]}Z", message=key) for key in ("3", "2", "2b", "1")
    ]
    made = await page(activities, "2026-11-20T09:00:02+00:00")
    assert [event.key for event in made.events] == ["2b", "2", "3"]
    assert made.cursor == "2026-11-20T09:00:03+00:00"


async def test_no_activity_is_no_cursor() -> None:
    assert await page([]) == EventPage(events=())


def stream(count: int) -> Callable[[httpx2.Request], JsonValue]:
    """An execution with so many activities, of which the latest are given."""
    made: list[JsonValue] = [
        activity("generic", key=str(n), at=f"2026-11-20T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z", message=str(n))
        for n in reversed(range(count))
    ]
    return lambda request: made[: int(request.url.params["limit"])]


@pytest.mark.parametrize(
    ("count", "cursor", "limits", "events"),
    [
        (99, None, [100], 99),
        (100, None, [100, 500], 100),
        (3000, None, [100, 500, 2500], 2500),
        (3000, "2026-11-20T00:49:50+00:00", [100], 10),
        (3000, "2026-11-20T00:46:40+00:00", [100, 500], 200),
    ],
)
async def test_more_is_read_while_something_new_may_be_left_out(
    count: int, cursor: str | None, limits: list[int], events: int
) -> None:
    routes = Routes({ACTIVITIES: stream(count)})
    async with opened(Asteroid, routes) as asteroid:
        made = (await asteroid.fetch_events(EXECUTION, cursor)).events
    assert [int(request.url.params["limit"]) for request in routes.asked] == limits
    assert {request.url.params["order"] for request in routes.asked} == {"desc"}
    assert (len(made), made[-1].key) == (events, str(count - 1))
    assert limits[-1] in REACHES


async def test_a_larger_limit_that_is_refused_leaves_what_was_read() -> None:
    def capped(request: httpx2.Request) -> Any:
        return (400, BAD_MOMENT) if int(request.url.params["limit"]) > REACHES[0] else stream(300)(request)

    async with opened(Asteroid, Routes({ACTIVITIES: capped})) as asteroid:
        assert len((await asteroid.fetch_events(EXECUTION, None)).events) == REACHES[0]
    async with opened(Asteroid, Routes({ACTIVITIES: (400, BAD_MOMENT)})) as asteroid:
        with pytest.raises(UnexpectedResponseError):
            await asteroid.fetch_events(EXECUTION, None)


# Links


async def test_an_execution_that_goes_on_has_a_live_view() -> None:
    routes = Routes({PATH: RUNNING})
    async with opened(Asteroid, routes) as asteroid:
        assert await asteroid.fetch_links(EXECUTION) == (LIVE,)
    assert routes.paths == [PATH]


async def test_one_that_is_over_has_a_recording_and_files() -> None:
    files = {f"{FILES}/f-{n}/download": REDIRECT for n in (0, 1, 2)}
    routes = Redirecting({PATH: COMPLETED, RECORDING: REDIRECT, FILES: documented("asteroid/files"), **files})
    async with opened(Asteroid, routes) as asteroid:
        links = await asteroid.fetch_links(EXECUTION)
    assert links == (
        Link(kind="recording", url=f"{SIGNED}&of={EXECUTION}"),
        Link(kind="download", url=f"{SIGNED}&of=f-1"),
        Link(kind="download", url=f"{SIGNED}&of=f-2"),
    )


@pytest.mark.parametrize(
    "files",
    [
        (404, b""),
        {},
        {"directories": None},
        {"directories": {"downloads": "secret"}},
        {"directories": {"downloads": [{"id": "gone"}, {"id": "../../x"}, {"id": 7}, None]}},
    ],
)
async def test_there_may_be_nothing_behind_a_link(files: Any) -> None:
    routes = Routes({PATH: COMPLETED, RECORDING: (200, b""), FILES: files})
    async with opened(Asteroid, routes) as asteroid:
        assert await asteroid.fetch_links(EXECUTION) == ()
    assert not any(".." in path for path in routes.paths)


async def test_a_recording_that_the_owner_may_not_see_says_nothing_against_the_key() -> None:
    download = {f"{FILES}/f-{n}/download": REDIRECT for n in (1, 2)}
    routes = Redirecting(
        {PATH: COMPLETED, RECORDING: (403, FORBIDDEN), FILES: documented("asteroid/files"), **download}
    )
    async with opened(Asteroid, routes) as asteroid:
        assert [link.kind for link in await asteroid.fetch_links(EXECUTION)] == ["download", "download"]


async def test_without_a_recording_none_is_asked_for() -> None:
    routes = Routes({PATH: {**COMPLETED, "recordingUrl": None}, FILES: {}})
    async with opened(Asteroid, routes) as asteroid:
        assert await asteroid.fetch_links(EXECUTION) == ()
    assert routes.paths == [PATH, FILES]


async def test_not_every_file_of_many_is_asked_for() -> None:
    files: JsonValue = {"directories": {"workspace": [{"id": f"f-{n}"} for n in range(99)]}}
    routes = Routes({PATH: {**COMPLETED, "recordingUrl": None}, FILES: files})
    async with opened(Asteroid, routes) as asteroid:
        await asteroid.fetch_links(EXECUTION)
    assert len(routes.asked) == 2 + MOST_FILES


# Starts


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ({}, {}),
        ({"product": "kettle", "version": 2}, {"inputs": {"product": "kettle", "version": 2}}),
        ({"inputs": {"product": "kettle"}, "new": 1}, {"inputs": {"product": "kettle"}, "new": 1}),
        ({"version": 3, "onCapacityLimit": "queue"}, {"version": 3, "onCapacityLimit": "queue"}),
    ],
)
async def test_a_start_executes_a_workflow(parameters: dict[str, JsonValue], body: JsonValue) -> None:
    started = {**documented("asteroid/started"), "executionId": EXECUTION.upper()}
    routes = Routes({START: (202, started)})
    async with opened(Asteroid, routes) as asteroid:
        made = await asteroid.start_job(f" {WORKFLOW}\n", parameters)
    assert (made.id, made.locator) == (EXECUTION, "")
    assert sent(routes) == [(START, body)]


@pytest.mark.parametrize("task", ["Find a kettle", f"{WORKFLOW}/x", "../executions", f"{WORKFLOW}?x=1", ""])
async def test_a_task_that_is_no_workflow_is_not_sent(task: str) -> None:
    routes = Routes({})
    async with opened(Asteroid, routes) as asteroid:
        with pytest.raises(InvalidArgumentError) as caught:
            await asteroid.start_job(task, {})
    assert (caught.value.argument, routes.asked) == ("task", [])


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((400, {**BAD_MOMENT, "inputs": "secret"}), RefusedRequestError, "inputs"),
        ((401, documented("asteroid/unauthorized")), AuthenticationError, None),
        ((402, {"message": "secret"}), OutOfCreditsError, None),
        ((403, FORBIDDEN), PermissionDeniedError, None),
        ((404, {"message": "secret"}), RefusedRequestError, "task"),
        ((429, documented("asteroid/limit_reached")), RateLimitedError, None),
        ((500, {"message": "secret"}), ProviderUnavailableError, None),
        ((202, {"executionId": "secret"}), UnexpectedResponseError, "executionId"),
        ((202, {}), UnexpectedResponseError, "executionId"),
    ],
)
async def test_a_start_that_fails_has_its_error(answer: Any, error: type[BrowserJobsError], where: str | None) -> None:
    async with opened(Asteroid, Routes({START: answer})) as asteroid:
        with pytest.raises(error) as caught:
            await asteroid.start_job(WORKFLOW, {"product": "kettle"})
    assert getattr(caught.value, "where", None) == where
    assert "secret" not in repr(caught.value)


def test_a_start_is_not_found_by_its_task() -> None:
    assert not Asteroid.lists_tasks


# The list and the key


async def test_the_list_is_read_page_by_page() -> None:
    routes = Routes({EXECUTIONS: documented("asteroid/executions")})
    async with opened(Asteroid, routes) as asteroid:
        first, last = await asteroid.list_jobs(None, 2), await asteroid.list_jobs("3", 2)
        await asteroid.list_jobs(None, 1000)
    running, done = first.jobs
    assert (running.id, running.status, running.updated_at) == (
        "ffb1a6c0-3d2e-4f57-9c84-0e6d2a71b935",
        JobStatus.RUNNING,
        None,
    )
    assert (done.title, done.updated_at) == ("Order a kettle", datetime(2026, 11, 20, 9, 2, 10, 480000, UTC))
    assert (first.cursor, last.cursor) == ("2", None)
    assert [dict(request.url.params) for request in routes.asked] == [
        {"page": "1", "pageSize": "2", "sort": "created_at:desc"},
        {"page": "3", "pageSize": "2", "sort": "created_at:desc"},
        {"page": "1", "pageSize": "100", "sort": "created_at:desc"},
    ]


async def test_what_has_no_id_of_ours_is_not_listed() -> None:
    items: JsonValue = [{"id": "../x", "status": "running"}, {"id": EXECUTION.upper(), "status": "running"}]
    async with opened(Asteroid, Routes({EXECUTIONS: {"items": items, "total": 2}})) as asteroid:
        assert [row.id for row in (await asteroid.list_jobs(None, 5)).jobs] == [EXECUTION]


@pytest.mark.parametrize("cursor", ["0", "-1", "x", ""])
async def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    async with opened(Asteroid, Routes({})) as asteroid:
        with pytest.raises(InvalidArgumentError):
            await asteroid.list_jobs(cursor, 5)


@pytest.mark.parametrize(
    ("listed", "where"),
    [
        ({"items": []}, "total"),
        ({"total": 1}, "items"),
        ({"items": [{"id": EXECUTION}], "total": 1}, "items.0.status"),
        ({"items": [{"status": "running"}], "total": 1}, "items.0.id"),
        ((404, b""), "no such API at this base URL"),
    ],
)
async def test_a_list_of_another_shape_is_unexpected(listed: Any, where: str) -> None:
    async with opened(Asteroid, Routes({EXECUTIONS: listed})) as asteroid:
        with pytest.raises(UnexpectedResponseError) as caught:
            await asteroid.list_jobs(None, 5)
    assert caught.value.where == where


async def test_a_key_is_asked_whose_it_is() -> None:
    routes = Routes({WHOAMI: documented("asteroid/whoami")})
    async with opened(Asteroid, routes) as asteroid:
        await asteroid.check_key()
    assert routes.paths == [WHOAMI]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, documented("asteroid/unauthorized")), AuthenticationError),
        ((403, {"message": "secret"}), PermissionDeniedError),
        ((404, {"message": "secret"}), UnexpectedResponseError),
    ],
)
async def test_a_key_that_does_not_work_is_told(answer: Any, error: type[BrowserJobsError]) -> None:
    async with opened(Asteroid, Routes({WHOAMI: answer})) as asteroid:
        with pytest.raises(error) as caught:
            await asteroid.check_key()
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (FORBIDDEN, "the organization's plan does not include it"),
        ({"message": "secret"}, NO_RIGHT),
        ([], NO_RIGHT),
        (b"<html>", NO_RIGHT),
    ],
)
async def test_a_good_key_without_the_right_is_told_from_a_bad_one(body: Any, reason: str) -> None:
    async with opened(Asteroid, Routes({PATH: (403, body)})) as asteroid:
        with pytest.raises(PermissionDeniedError) as caught:
            await asteroid.fetch_job(EXECUTION)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, b""), AuthenticationError),
        ((404, b""), JobNotFoundError),
        ((429, b""), RateLimitedError),
        ((500, b"<html>secret"), ProviderUnavailableError),
        ((302, b""), UnexpectedResponseError),
        ((200, b"<html>secret"), UnexpectedResponseError),
        ((200, b""), UnexpectedResponseError),
    ],
)
async def test_what_goes_wrong_has_its_error_everywhere(answer: Any, error: type[BrowserJobsError]) -> None:
    acts: tuple[Act, ...] = (
        lambda asteroid: asteroid.fetch_job(EXECUTION),
        lambda asteroid: asteroid.fetch_links(EXECUTION),
        lambda asteroid: asteroid.answer_question(EXECUTION, ASKED.id, "x"),
        lambda asteroid: asteroid.pause_job(EXECUTION),
        lambda asteroid: asteroid.resume_job(EXECUTION),
    )
    for act in acts:
        routes = Routes({PATH: answer})
        async with opened(Asteroid, routes) as asteroid:
            with pytest.raises(error) as caught:
                await act(asteroid)
        assert routes.paths == [PATH]
        assert "secret" not in repr(caught.value)


# Ids and links to them


@pytest.mark.parametrize("text", ["", "x", f"{EXECUTION}\n", f"{EXECUTION}/", f"../{EXECUTION}", f"{EXECUTION}?x=1"])
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    routes = Routes({})
    acts: tuple[Act, ...] = (
        lambda asteroid: asteroid.fetch_job(text),
        lambda asteroid: asteroid.fetch_events(text, None),
        lambda asteroid: asteroid.fetch_links(text),
        lambda asteroid: asteroid.answer_question(text, "1", "x"),
        lambda asteroid: asteroid.pause_job(text),
        lambda asteroid: asteroid.resume_job(text),
        lambda asteroid: asteroid.cancel_job(text),
    )
    async with opened(Asteroid, routes) as asteroid:
        for act in acts:
            with pytest.raises(MalformedIdError):
                await act(asteroid)
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "job"),
    [
        (f"https://odyssey.asteroid.ai{PATH}", EXECUTION),
        (f"https://odyssey.asteroid.ai{RECORDING}?token=x", EXECUTION),
        (f"https://platform.asteroid.ai/executions/{EXECUTION}", EXECUTION),
        (f"https://platform.asteroid.ai/workflows/{WORKFLOW}/executions/{EXECUTION.upper()}/", EXECUTION.upper()),
        (f"https://platform.asteroid.ai/workflows/{WORKFLOW}", None),
        (f"https://platform.asteroid.ai/executions/{EXECUTION}0", None),
        ("https://platform.asteroid.ai/", None),
    ],
)
async def test_a_link_of_the_api_or_dashboard_names_its_execution(link: str, job: str | None) -> None:
    async with opened(Asteroid, Routes({})) as asteroid:
        assert asteroid.id_from_link(urlsplit(link)) == job
        assert asteroid.canonical_id(EXECUTION.upper()) == EXECUTION


def test_the_example_is_an_id() -> None:
    assert Asteroid.id_pattern.fullmatch(Asteroid.example_id)
