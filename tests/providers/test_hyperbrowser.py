"""Hyperbrowser: what its documents and types show, and what else it may say."""

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
from mcp_browserjobs.jobs import Event, EventKind, FailureKind, Job, JobStatus, Link, Sighting
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.hyperbrowser import AGENTS, STATUSES, Hyperbrowser
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

UUID = "7b2c5f80-3f0d-4a63-9c1e-8d4f6a1b2c3d"
ID = f"browser-use/{UUID}"
PATH = f"/api/task/{ID}"
LIVE = "https://app.hyperbrowser.ai/live?token=header.payload.signature"
BASE64 = base64.b64encode(bytes(range(256)) * 8).decode()
DONE: dict[str, JsonValue] = {"is_done": True, "success": True, "extracted_content": "42"}


def body(name: str) -> Any:
    """The body of a documented answer."""
    return documented(f"hyperbrowser/{name}")


def task(**fields: JsonValue) -> dict[str, JsonValue]:
    """A task that runs, with these fields."""
    return {"jobId": UUID, "status": "running", **fields}


def stepping(*steps: JsonValue, status: str = "running") -> dict[str, JsonValue]:
    """A task with these steps."""
    return task(status=status, data={"steps": list(steps), "finalResult": None})


async def look(answer: JsonValue) -> Job:
    """What a look makes of this answer."""
    async with opened(Hyperbrowser, Routes({PATH: answer})) as hyperbrowser:
        return await hyperbrowser.fetch_job(ID)


async def told(name: str) -> list[dict[str, JsonValue]]:
    """What the events of a documented task report."""
    return [event.reported for event in (await look(body(name))).events]


async def event(step: JsonValue) -> Event:
    """What is made of this step."""
    (found,) = (await look(stepping(step))).events
    return found


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("hyperbrowser") == {
        *("cancel_job", "check_key", "fetch_job", "fetch_screenshot", "fetch_status", "start_job"),
    }
    assert Hyperbrowser.events_with_job


# Looks


async def test_a_new_task_waits() -> None:
    job = await look(body("pending"))
    assert job.model_dump(exclude_defaults=True) == {
        "id": ID,
        "status": JobStatus.QUEUED,
        "provider_status": "pending",
        "has": {"live_view"},
    }
    assert (job.events, job.links) == ((), (Link(kind="live_view", url=LIVE),))


async def test_a_finished_task_tells_all_of_it() -> None:
    job = await look(body("browser_use"))
    assert job.model_dump(exclude_defaults=True) == {
        "id": ID,
        "status": JobStatus.COMPLETED,
        "provider_status": "completed",
        "goal_met": True,
        "goal_met_by": "agent",
        "has": {"result", "screenshots", "live_view"},
    }
    assert job.result == "The kettle costs 42 EUR."
    assert (job.cost, job.error, job.failure) == (None, None, None)


async def test_a_running_task_says_what_it_does() -> None:
    job = await look(body("gemini_computer_use"))
    assert (job.status, job.current_step, job.result) == (JobStatus.RUNNING, "click_at", None)
    assert (await look(stepping())).current_step is None
    assert (await look(body("claude_computer_use"))).current_step is None


async def test_a_result_is_told_at_the_end_only() -> None:
    early = task(data={"steps": [], "finalResult": "42"})
    assert (await look(early)).result is None
    assert (await look({**early, "status": "stopped"})).result == "42"
    assert (await look({**early, "status": "completed", "data": {"finalResult": {"a": 1}}})).has == set()


async def test_a_failed_task_tells_its_error() -> None:
    job = await look(body("cua"))
    assert (job.status, job.failure, job.error) == (JobStatus.FAILED, FailureKind.UNKNOWN, "The model broke down")
    assert (job.goal_met, job.goal_met_by) == (None, None)


@pytest.mark.parametrize(
    ("word", "status", "failure"),
    [
        ("pending", JobStatus.QUEUED, None),
        ("running", JobStatus.RUNNING, None),
        ("completed", JobStatus.COMPLETED, None),
        ("failed", JobStatus.FAILED, FailureKind.UNKNOWN),
        ("stopped", JobStatus.CANCELLED, None),
        ("COMPLETED", JobStatus.UNKNOWN, None),
        ("archived", JobStatus.UNKNOWN, None),
        ("", JobStatus.UNKNOWN, None),
    ],
)
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus, failure: FailureKind | None) -> None:
    job = await look(task(status=word))
    assert (job.status, job.provider_status, job.failure) == (status, word, failure)
    async with opened(Hyperbrowser, Routes({f"{PATH}/status": {"status": word}})) as hyperbrowser:
        assert await hyperbrowser.fetch_status(ID) == Sighting(status=status, provider_status=word)


def test_no_other_word_is_known() -> None:
    assert set(STATUSES) == {"pending", "running", "completed", "failed", "stopped"}
    assert Hyperbrowser.statuses is STATUSES


async def test_the_status_route_is_all_that_a_sighting_takes() -> None:
    routes = Routes({f"{PATH}/status": body("status")})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        assert (await hyperbrowser.fetch_status(ID)).status is JobStatus.RUNNING
    assert routes.paths == [f"{PATH}/status"]
    assert routes.asked[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize(
    ("results", "status", "met"),
    [
        ([DONE], "completed", True),
        ([{**DONE, "success": False}], "completed", False),
        ([{**DONE, "success": None}], "completed", None),
        ([{**DONE, "success": "yes"}], "completed", None),
        ([{**DONE, "is_done": False}], "completed", None),
        ([{"success": False}, DONE], "completed", True),
        ([None, 7], "completed", None),
        ([DONE], "running", None),
        ([{**DONE, "success": False}], "failed", False),
    ],
)
async def test_the_goal_is_what_the_agent_says_of_it_at_last(
    results: JsonValue, status: str, *, met: bool | None
) -> None:
    job = await look(stepping({"result": [DONE]}, {"result": results}, status=status))
    assert (job.goal_met, job.goal_met_by) == (met, None if met is None else "agent")


async def test_a_completed_task_whose_last_step_claims_nothing_has_no_goal() -> None:
    job = await look(stepping({"result": [DONE]}, {"idx": 1}, status="completed"))
    assert (job.status, job.goal_met) == (JobStatus.COMPLETED, None)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/live", "wss://connect.hyperbrowser.ai/x", "", 7, None])
async def test_what_is_no_link_is_left_out(url: JsonValue) -> None:
    job = await look(task(liveUrl=url))
    assert (job.links, job.has) == ((), frozenset())


# Events


async def test_steps_of_browser_use_are_told() -> None:
    job = await look(body("browser_use"))
    assert [event.reported for event in job.events] == [
        {
            "text": "Open the shop",
            "action": "go_to_url",
            "evaluation": "Success - nothing was asked yet",
            "outcome": "Navigated to https://shop.example/",
            "url": "about:blank",
        },
        {
            "text": "Click on the kettle",
            "action": "click_element_by_index",
            "evaluation": "Success - the page is open",
            "url": "https://shop.example/",
            "error": "Element with index 7 does not exist",
        },
        {
            "text": "Tell the price",
            "action": "done",
            "evaluation": "Success - the page is open",
            "outcome": "The kettle costs 42 EUR.",
            "url": "https://shop.example/kettle",
        },
    ]
    assert [(event.key, event.kind, event.exact) for event in job.events] == [
        (f"place {place}", EventKind.STEP, False) for place in (1, 2, 3)
    ]
    assert job.events[0].at == datetime.fromtimestamp(1795304418.25, UTC)


async def test_steps_of_a_later_browser_use_are_told_too() -> None:
    assert await told("browser_use_0_7_10") == [
        {
            "text": "Open the shop",
            "action": "go_to_url",
            "evaluation": "Nothing was asked yet. Verdict: unknown",
            "outcome": "Navigated to https://shop.example/",
            "url": "about:blank",
        },
        {"text": "step", "url": "https://shop.example/", "error": "The model did not answer"},
    ]


async def test_steps_of_hyper_agent_are_known_by_their_number() -> None:
    job = await look(body("hyper_agent"))
    assert [(event.key, event.exact, event.at) for event in job.events] == [("0", True, None), ("1", True, None)]
    assert [event.reported for event in job.events] == [
        {"text": "Open the shop", "action": "goToUrl", "outcome": "Navigated to https://shop.example/"},
        {
            "text": "The price is there.",
            "action": "extract, complete",
            "outcome": "Task complete",
            "error": "Nothing to extract",
        },
    ]
    assert (job.result, job.goal_met, job.links) == ("42 EUR", None, ())


async def test_steps_of_a_later_hyper_agent_are_told_too() -> None:
    assert await told("hyper_agent_1_1_0") == [
        {"text": "The shop is not open yet.", "action": "goToUrl", "outcome": "Navigated to https://shop.example/"}
    ]


async def test_responses_of_a_model_are_told() -> None:
    job = await look(body("cua"))
    assert [event.reported for event in job.events] == [
        {"text": "I open the shop.", "action": "click"},
        {"text": "The price must be further down.", "action": "scroll"},
        {"text": "step", "error": "The model broke down"},
    ]
    assert job.events[0].at == datetime.fromtimestamp(1795304410, UTC)
    grok = (await look(body("grok_computer_use"))).events
    assert [event.reported for event in grok] == [{"text": "screenshot"}, {"text": "step"}]
    assert [event.at for event in grok] == [datetime.fromtimestamp(1795304415, UTC), None]
    assert await told("claude_computer_use") == [
        {"text": "I look at the page.", "action": "screenshot"},
        {"text": "step"},
        {"text": "bash"},
    ]
    assert await told("gemini_computer_use") == [
        {"text": "I open the shop.", "action": "navigate"},
        {"text": "click_at"},
    ]


async def test_steps_of_unknown_shape_are_told_as_far_as_is_safe() -> None:
    assert await told("jev") == [{"text": "I open the shop"}, {"text": "step"}]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (None, "step"),
        (7, "step"),
        ([1], "step"),
        ("word", "step"),
        ("Some words of it", "Some words of it"),
        ("many words " * 100, "step"),
        ({}, "step"),
        ({"content": "Said as a text"}, "Said as a text"),
        ({"model_output": {"action": [{}, 7, None, {"wait": {}}]}}, "wait"),
        ({"agentOutput": {"thoughts": " ", "action": "odd"}}, "step"),
        ({"output": {"output": "elsewhere"}, "candidates": 7}, "step"),
        ({"model_output": 7, "result": "x", "state": [], "metadata": 1, "idx": "a", "created_at": {}}, "step"),
        ({"model_output": None, "result": None, "state": None, "agentOutput": None, "error": None}, "step"),
    ],
)
async def test_any_step_is_an_event(step: JsonValue, text: str) -> None:
    found = await event(step)
    assert found.reported == {"text": text}
    assert (found.key, found.exact, found.at) == ("place 1", False, None)


@pytest.mark.parametrize(
    "step",
    [
        {"state": {"screenshot": BASE64}},
        {"output_text": f"data:image/png;base64,{BASE64}"},
        {"result": [{"extracted_content": BASE64, "error": BASE64}]},
        {"content": [{"type": "text", "text": BASE64}, {"type": "image", "source": {"data": BASE64}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": BASE64}}]}}]},
        {"picture": BASE64, "again": f"with words {BASE64}"},
        {"actionOutputs": [{"success": False, "message": BASE64}]},
        {"output_text": "_-8A" * 200},
    ],
)
async def test_an_image_is_in_no_event(step: JsonValue) -> None:
    job = await look(stepping(step))
    assert job.events[0].reported == {"text": "step"}
    assert BASE64 not in repr(job)


async def test_a_list_that_grows_keeps_its_keys() -> None:
    steps = body("browser_use")["data"]["steps"]
    looks = [(await look(stepping(*steps[:count]))).events for count in (1, 2, 3)]
    assert looks[0] == looks[1][:1] == looks[2][:1]
    assert looks[1] == looks[2][:2]


async def test_a_step_that_is_told_twice_is_one() -> None:
    steps = body("browser_use")["data"]["steps"]
    twice = [step for step in steps for _ in range(2)]
    assert await look(stepping(*twice)) == await look(stepping(*steps))


async def test_steps_without_a_time_may_be_the_same_and_yet_two() -> None:
    assert len((await look(stepping({"output_text": "I wait."}, {"output_text": "I wait."}))).events) == 2


# Screenshots


async def test_screenshots_are_those_of_the_steps() -> None:
    steps = body("browser_use")["data"]["steps"]
    routes = Routes({PATH: stepping({"idx": 0}, *steps)})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        last = await hyperbrowser.fetch_screenshot(ID, -1)
        first = await hyperbrowser.fetch_screenshot(ID, 0)
        with pytest.raises(NotAvailableError) as caught:
            await hyperbrowser.fetch_screenshot(ID, 3)
    assert (first.index, last.index, first.count, last.count) == (0, 2, 3, 3)
    assert first.data == base64.b64decode(steps[0]["state"]["screenshot"])
    assert first.data != last.data
    assert "only 3" in caught.value.thing


async def test_a_screenshot_may_be_a_data_uri() -> None:
    picture = body("browser_use")["data"]["steps"][0]["state"]["screenshot"]
    routes = Routes({PATH: stepping({"state": {"screenshot": f"data:image/png;base64,{picture}"}})})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        assert (await hyperbrowser.fetch_screenshot(ID, 0)).data == base64.b64decode(picture)


async def test_a_task_without_screenshots_says_so() -> None:
    async with opened(Hyperbrowser, Routes({PATH: body("hyper_agent")})) as hyperbrowser:
        with pytest.raises(NotAvailableError) as caught:
            await hyperbrowser.fetch_screenshot(ID, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "completed")


@pytest.mark.parametrize("picture", ["https://shop.example/1.png", "?", BASE64, "né"])
async def test_what_is_no_image_is_none(picture: str) -> None:
    async with opened(Hyperbrowser, Routes({PATH: stepping({"state": {"screenshot": picture}})})) as hyperbrowser:
        with pytest.raises(UnexpectedResponseError) as caught:
            await hyperbrowser.fetch_screenshot(ID, -1)
    assert caught.value.where == "a screenshot that is no image"


async def test_a_task_of_many_megabytes_is_read() -> None:
    step: JsonValue = {"state": {"screenshot": "A" * 1024 * 1024}}
    assert len((await look(stepping(*[step] * 17))).events) == 17


# Acting


async def test_a_task_is_stopped() -> None:
    routes = Routes({f"{PATH}/stop": body("stopped")})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        await hyperbrowser.cancel_job(ID)
    (request,) = routes.asked
    assert (request.method, request.content, request.headers["x-api-key"]) == ("PUT", b"", KEY)


@pytest.mark.parametrize("answer", [{"success": False}, (400, {"message": "Task is over"}), (409, {})])
async def test_a_stop_that_comes_too_late_is_a_conflict(answer: Any) -> None:
    async with opened(Hyperbrowser, Routes({f"{PATH}/stop": answer})) as hyperbrowser:
        with pytest.raises(ConflictError):
            await hyperbrowser.cancel_job(ID)


@pytest.mark.parametrize("answer", [{}, {"success": None}, {"success": "odd"}, b""])
async def test_a_stop_that_says_nothing_was_taken(answer: Any) -> None:
    async with opened(Hyperbrowser, Routes({f"{PATH}/stop": (200, answer)})) as hyperbrowser:
        await hyperbrowser.cancel_job(ID)


async def test_a_task_is_given_to_browser_use() -> None:
    routes = Routes({"/api/task/browser-use": body("started")})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        started = await hyperbrowser.start_job("Find the price", {"maxSteps": 5, "task": "Another"})
    (request,) = routes.asked
    assert (started.id, started.locator) == (ID, "")
    assert (request.method, json.loads(request.content)) == ("POST", {"maxSteps": 5, "task": "Find the price"})


@pytest.mark.parametrize("agent", AGENTS)
async def test_a_task_is_given_to_the_agent_that_is_named(agent: str) -> None:
    routes = Routes({f"/api/task/{agent}": {"jobId": UUID}})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        started = await hyperbrowser.start_job("Find the price", {"agent": agent})
        assert hyperbrowser.canonical_id(started.id) == started.id == f"{agent}/{UUID}"
    assert json.loads(routes.asked[0].content) == {"task": "Find the price"}


@pytest.mark.parametrize("agent", ["jev-computer-use", "", None, 7, ["cua"], "../scrape", "cua/x"])
async def test_an_agent_that_nobody_knows_is_asked_nothing(agent: JsonValue) -> None:
    routes = Routes({})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        with pytest.raises(InvalidArgumentError) as caught:
            await hyperbrowser.start_job("Find the price", {"agent": agent})
    assert (caught.value.argument, routes.asked) == ("parameters_json", [])
    assert all(known in caught.value.problem for known in AGENTS)


@pytest.mark.parametrize("answer", [{}, {"jobId": None}, {"jobId": "../x"}, {"jobId": "a/b"}, [], "x", {"jobId": ""}])
async def test_a_start_without_a_usable_id_is_unexpected(answer: JsonValue) -> None:
    async with opened(Hyperbrowser, Routes({"/api/task/browser-use": answer})) as hyperbrowser:
        with pytest.raises(UnexpectedResponseError):
            await hyperbrowser.start_job("Find the price", {})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"message": "Invalid llm"}), RefusedRequestError),
        ((422, b"odd"), RefusedRequestError),
        ((404, {"message": "Not found"}), RefusedRequestError),
        ((402, {"message": "No credits"}), OutOfCreditsError),
        ((401, {"message": "Unauthorized"}), AuthenticationError),
        ((403, {"error": "API_KEY_SCOPE_DENIED", "message": "Denied"}), PermissionDeniedError),
        ((500, {"message": "Broken"}), ProviderUnavailableError),
    ],
)
async def test_a_start_may_be_refused(answer: Any, error: type[BrowserJobsError]) -> None:
    async with opened(Hyperbrowser, Routes({"/api/task/browser-use": answer})) as hyperbrowser:
        with pytest.raises(error):
            await hyperbrowser.start_job("Find the price", {"sessionId": "x"})


# Refusals


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"message": "Unauthorized"}), AuthenticationError),
        ((403, {"message": "Forbidden"}), AuthenticationError),
        ((403, b"<html>"), AuthenticationError),
        ((403, [1]), AuthenticationError),
        ((403, {"code": "API_KEY_SCOPE_DENIED"}), PermissionDeniedError),
        ((403, documented("hyperbrowser/scope_denied")), PermissionDeniedError),
        ((404, documented("hyperbrowser/not_found")), JobNotFoundError),
        ((402, {}), OutOfCreditsError),
        ((429, {"message": "Too many", "retryable": True}), RateLimitedError),
        ((500, {"message": "secret"}), ProviderUnavailableError),
        ((503, b"<html>"), ProviderUnavailableError),
        ((418, {}), UnexpectedResponseError),
        ((200, b"<html>secret</html>"), UnexpectedResponseError),
        ((200, b""), UnexpectedResponseError),
        ((200, b'{"status": '), UnexpectedResponseError),
    ],
)
async def test_trouble_has_its_class_whatever_is_asked(answer: Any, error: type[BrowserJobsError]) -> None:
    async with opened(Hyperbrowser, Routes({PATH: answer, f"{PATH}/status": answer})) as hyperbrowser:
        for way in (
            hyperbrowser.fetch_job(ID),
            hyperbrowser.fetch_status(ID),
            hyperbrowser.fetch_screenshot(ID, -1),
        ):
            with pytest.raises(error) as caught:
                await way
            assert "secret" not in repr(vars(caught.value))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"message": "Unauthorized"}), AuthenticationError),
        ((403, documented("hyperbrowser/scope_denied")), PermissionDeniedError),
        ((404, documented("hyperbrowser/not_found")), JobNotFoundError),
        ((429, {}), RateLimitedError),
        ((502, {}), ProviderUnavailableError),
        ((200, b"<html>"), UnexpectedResponseError),
        ((200, [1]), UnexpectedResponseError),
    ],
)
async def test_a_stop_may_be_refused(answer: Any, error: type[BrowserJobsError]) -> None:
    async with opened(Hyperbrowser, Routes({f"{PATH}/stop": answer})) as hyperbrowser:
        with pytest.raises(error):
            await hyperbrowser.cancel_job(ID)


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({}, "status"),
        ({"jobId": UUID}, "status"),
        ({"status": None}, "status"),
        ({"status": 7}, "status"),
        ([], "the body"),
        ("secret", "the body"),
    ],
)
async def test_an_answer_of_another_shape_is_unexpected(answer: JsonValue, where: str) -> None:
    async with opened(Hyperbrowser, Routes({PATH: answer, f"{PATH}/status": answer})) as hyperbrowser:
        for way in (hyperbrowser.fetch_job(ID), hyperbrowser.fetch_status(ID)):
            with pytest.raises(UnexpectedResponseError) as caught:
                await way
            assert caught.value.where == where


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, True])
async def test_nothing_else_is_needed(odd: JsonValue) -> None:
    names = ("jobId", "metadata", "data", "error", "liveUrl")
    job = await look({"status": "failed", **dict.fromkeys(names, odd)})
    assert (job.id, job.status, job.result, job.events, job.links) == (ID, JobStatus.FAILED, None, (), ())
    job = await look(task(data={"steps": odd, "finalResult": odd}, status="completed"))
    assert (job.events, job.result) == ((), odd if odd == "x" else None)


# Keys


async def test_a_key_is_checked_by_a_task_that_nobody_has() -> None:
    path = "/api/task/browser-use/00000000-0000-0000-0000-000000000000/status"
    for answer in ((404, body("not_found")), body("status")):
        routes = Routes({path: answer})
        async with opened(Hyperbrowser, routes) as hyperbrowser:
            await hyperbrowser.check_key()
        assert [(request.method, request.headers["x-api-key"]) for request in routes.asked] == [("GET", KEY)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"message": "Invalid API key"}), AuthenticationError),
        ((403, documented("hyperbrowser/scope_denied")), PermissionDeniedError),
        ((404, b"<html>Cannot GET</html>"), UnexpectedResponseError),
        ((500, {}), ProviderUnavailableError),
    ],
)
async def test_a_key_or_base_url_that_is_wrong_is_told(answer: Any, error: type[BrowserJobsError]) -> None:
    def respond(_: httpx2.Request) -> httpx2.Response:
        status, said = answer
        return httpx2.Response(status, content=said if isinstance(said, bytes) else json.dumps(said).encode())

    async with opened(Hyperbrowser, respond) as hyperbrowser:
        with pytest.raises(error):
            await hyperbrowser.check_key()


# Ids


@pytest.mark.parametrize("agent", AGENTS)
async def test_an_id_has_its_agent_before_it(agent: str) -> None:
    routes = Routes({f"/api/task/{agent}/{UUID}": task()})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        assert hyperbrowser.canonical_id(f"{agent}/{UUID.upper()}") == f"{agent}/{UUID}"
        assert hyperbrowser.canonical_id(f"{agent}/Job_1-x") == f"{agent}/Job_1-x"
        assert (await hyperbrowser.fetch_job(f"{agent}/{UUID}")).id == f"{agent}/{UUID}"


@pytest.mark.parametrize(
    "text",
    [
        *("", UUID, f"/{UUID}", f"cua/{UUID}/status", f"cua//{UUID}", f"scrape/{UUID}", "cua/", f"CUA/{UUID}"),
        *(
            "cua/..",
            "cua/a?b=c",
            "cua/a#b",
            "cua/%2e%2e",
            f"cua/{UUID}\n",
            f"cua/{'x' * 129}",
            f"jev-computer-use/{UUID}",
        ),
    ],
)
async def test_what_is_no_id_is_asked_nowhere(text: str) -> None:
    routes = Routes({})
    async with opened(Hyperbrowser, routes) as hyperbrowser:
        for way in (
            hyperbrowser.fetch_job(text),
            hyperbrowser.fetch_status(text),
            hyperbrowser.cancel_job(text),
            hyperbrowser.fetch_screenshot(text, -1),
        ):
            with pytest.raises(MalformedIdError) as caught:
                await way
            assert caught.value.form == "agent/id, such as browser-use/uuid or cua/uuid"
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "job_id"),
    [
        (f"https://api.hyperbrowser.ai{PATH}", ID),
        (f"https://api.hyperbrowser.ai{PATH}/", ID),
        (f"https://api.hyperbrowser.ai{PATH}/status", ID),
        (f"https://api.hyperbrowser.ai/api/task/jev/{UUID}/stop", f"jev/{UUID}"),
        (f"https://api.hyperbrowser.ai/api/task/scrape/{UUID}", None),
        (f"https://api.hyperbrowser.ai/api/session/{UUID}", None),
        (f"https://app.hyperbrowser.ai/sessions/{UUID}", None),
        (LIVE, None),
    ],
)
async def test_a_link_of_the_api_names_its_task(link: str, job_id: str | None) -> None:
    async with opened(Hyperbrowser, Routes({})) as hyperbrowser:
        assert hyperbrowser.id_from_link(urlsplit(link)) == job_id
