"""API v2 of Browser Use: what is special to its tasks."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

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
from mcp_browserjobs.providers.browser_use_v2 import FILE_LINKS, MOST_LOG_BYTES, BrowserUse
from mcp_browserjobs.simulator.pictures import picture
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

TASK = "c93e6f14-70ab-4d25-8e19-4b5f02d7c6a8"
LOOK = f"/api/v2/tasks/{TASK}"
LIST = "/api/v2/tasks"
SESSION = "/api/v2/sessions/8d47b1e9-62f0-4c3a-95d8-1e0b7a4c6f23"
FILES = f"/api/v2/files/tasks/{TASK}/output-files"
FILE = f"{FILES}/4a9c7e02-b6d1-4538-8f2e-0c71d59a3b64"
OTHER_FILE = f"{FILES}/95e3d8f0-1b27-4c6a-a480-7d2f6c0b19e5"
LOGS = f"{LOOK}/logs"


def task(**changes: Any) -> dict[str, Any]:
    """A started task, changed so."""
    return {**documented("browser_use_v2/task_started"), **changes}


async def test_a_started_task_says_what_is_known_of_it() -> None:
    routes = Routes({LOOK: task()})
    async with opened(BrowserUse, routes) as provider:
        job = await provider.fetch_job(TASK)
    assert job.id == TASK
    assert (job.status, job.provider_status) == (JobStatus.RUNNING, "started")
    assert (job.title, job.current_step) == ("Find the price of a kettle", "Search for the kettle")
    assert (job.result, job.cost, job.goal_met, job.goal_met_by, job.failure, job.finished_at) == (None,) * 6
    assert job.has == {"screenshots"}
    assert job.links == ()
    assert routes.paths == [LOOK]
    assert routes.asked[0].headers["X-Browser-Use-API-Key"] == KEY


async def test_times_without_a_zone_are_utc() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use_v2/task_finished")})) as provider:
        job = await provider.fetch_job(TASK)
    assert job.created_at == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert job.started_at == datetime(2026, 11, 1, 12, 0, 2, 500000, tzinfo=UTC)
    assert job.finished_at == datetime(2026, 11, 1, 12, 1, 30, tzinfo=UTC)


async def test_times_with_a_zone_are_the_same_moment() -> None:
    body = task(createdAt="2026-11-01T13:00:00+01:00", startedAt="2026-11-01T12:00:02Z", finishedAt="never")
    async with opened(BrowserUse, Routes({LOOK: body})) as provider:
        job = await provider.fetch_job(TASK)
    assert job.created_at == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert job.started_at == datetime(2026, 11, 1, 12, 0, 2, tzinfo=UTC)
    assert job.finished_at is None


async def test_a_finished_task_has_its_output_as_the_vendor_sends_it() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use_v2/task_finished")})) as provider:
        job = await provider.fetch_job(TASK)
    assert job.status is JobStatus.COMPLETED
    assert job.result == '{"price": 42}'
    assert job.cost == Cost(amount=0.0312, unit="USD")
    assert (job.goal_met, job.goal_met_by) == (True, "agent")
    assert job.has == {"result", "screenshots", "downloads"}
    assert job.current_step is None


async def test_steps_come_along_as_events_without_their_screenshots() -> None:
    async with opened(BrowserUse, Routes({LOOK: task()})) as provider:
        events = (await provider.fetch_job(TASK)).events
    assert [(event.key, event.exact, event.kind, event.at) for event in events] == [
        ("1", True, EventKind.STEP, None),
        ("2", True, EventKind.STEP, None),
    ]
    assert [event.reported for event in events] == [
        {"text": "Open the shop", "url": "about:blank"},
        {"text": "Search for the kettle", "evaluation": "The shop is open", "url": "https://shop.example/"},
    ]


async def test_a_step_that_lacks_something_is_kept_and_known_by_its_place() -> None:
    steps = [{"number": 1, "nextGoal": "first draft"}, {"nextGoal": 5}, "odd", {"number": 1, "nextGoal": "Open"}]
    async with opened(BrowserUse, Routes({LOOK: task(steps=steps)})) as provider:
        job = await provider.fetch_job(TASK)
    assert [(event.key, event.exact, event.reported) for event in job.events] == [
        ("1", True, {"text": "Open"}),
        ("place 2", False, {}),
        ("place 3", False, {}),
    ]
    assert job.current_step == "Open"


STATUSES = {
    "created": JobStatus.QUEUED,
    "started": JobStatus.RUNNING,
    "paused": JobStatus.PAUSED,
    "finished": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "stopped": JobStatus.CANCELLED,
}


def test_every_status_word_is_in_the_table() -> None:
    assert BrowserUse.statuses == STATUSES


@pytest.mark.parametrize(("word", "status"), [*STATUSES.items(), ("hibernating", JobStatus.UNKNOWN), ("", "unknown")])
async def test_a_look_a_status_and_a_list_understand_a_word_alike(word: str, status: JobStatus) -> None:
    answers = {
        LOOK: task(status=word),
        f"{LOOK}/status": {**documented("browser_use_v2/task_status"), "status": word},
        LIST: {"items": [task(status=word)], "totalItems": 1, "pageNumber": 1, "pageSize": 20},
    }
    async with opened(BrowserUse, Routes(answers)) as provider:
        job, sighting = await provider.fetch_job(TASK), await provider.fetch_status(TASK)
        page = await provider.list_jobs(None, 20)
    assert (job.status, job.provider_status) == (status, word)
    assert (sighting.status, sighting.provider_status) == (status, word)
    assert [(row.status, row.provider_status) for row in page.jobs] == [(status, word)]
    assert job.failure is (FailureKind.UNKNOWN if word == "failed" else None)


@pytest.mark.parametrize(
    ("claim", "verdict", "goal_met", "by"),
    [
        (True, None, True, "agent"),
        (False, None, False, "agent"),
        (True, False, False, "judge"),
        (False, True, True, "judge"),
        (None, True, True, "judge"),
        (None, None, None, None),
        ("true", "false", None, None),
    ],
)
async def test_the_judge_is_believed_before_the_agent(
    claim: Any, verdict: Any, goal_met: object, by: str | None
) -> None:
    async with opened(BrowserUse, Routes({LOOK: task(isSuccess=claim, judgeVerdict=verdict)})) as provider:
        job = await provider.fetch_job(TASK)
    assert job.goal_met is goal_met
    assert job.goal_met_by == by


@pytest.mark.parametrize(
    ("said", "amount"), [("0", 0), ("0.25", 0.25), (2, 2), ("a lot", None), ("inf", None), ([], None), (None, None)]
)
async def test_a_cost_is_a_decimal_or_unknown(said: Any, amount: float | None) -> None:
    async with opened(BrowserUse, Routes({LOOK: task(cost=said)})) as provider:
        cost = (await provider.fetch_job(TASK)).cost
    assert (None if cost is None else cost.amount) == amount


async def test_a_task_needs_no_more_than_id_and_status() -> None:
    async with opened(BrowserUse, Routes({LOOK: {"id": TASK, "status": "started"}})) as provider:
        job = await provider.fetch_job(TASK)
    assert (job.id, job.status, job.title, job.events) == (TASK, JobStatus.RUNNING, "", ())
    assert (job.cost, job.created_at, job.current_step) == (None,) * 3


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"id": TASK}, "status"),
        ({"status": "started"}, "id"),
        ({"id": "x", "status": "started"}, "id"),
        ("x", "the body"),
    ],
)
async def test_a_task_without_them_is_a_shape_we_do_not_know(body: Any, where: str) -> None:
    async with opened(BrowserUse, Routes({LOOK: body})) as provider:
        with pytest.raises(UnexpectedResponseError) as caught:
            await provider.fetch_job(TASK)
    assert caught.value.where == where


async def test_a_status_without_a_word_is_a_shape_we_do_not_know() -> None:
    async with opened(BrowserUse, Routes({f"{LOOK}/status": {"id": TASK}})) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_status(TASK)


async def test_links_are_gathered_from_session_files_and_log() -> None:
    routes = Routes(
        {
            LOOK: documented("browser_use_v2/task_finished"),
            SESSION: documented("browser_use_v2/session"),
            FILE: documented("browser_use_v2/output_file"),
            OTHER_FILE: (500, {"detail": "Failed to generate download URL"}),
            LOGS: documented("browser_use_v2/logs"),
        }
    )
    async with opened(BrowserUse, routes) as provider:
        links = await provider.fetch_links(TASK)
    assert [(link.kind, link.url.partition("?")[0]) for link in links] == [
        ("live_view", "https://live.browser-use.com/"),
        ("recording", "https://files.example/recording.mp4"),
        ("download", "https://files.example/kettle.csv"),
        ("log", "https://files.example/task.log"),
    ]
    assert routes.paths == [LOOK, SESSION, FILE, OTHER_FILE, LOGS]


async def test_links_that_are_not_there_are_no_error() -> None:
    async with opened(BrowserUse, Routes({LOOK: documented("browser_use_v2/task_finished")})) as provider:
        assert await provider.fetch_links(TASK) == ()


async def test_a_task_without_a_session_still_has_its_log() -> None:
    routes = Routes({LOOK: task(sessionId="../billing", outputFiles=None), LOGS: documented("browser_use_v2/logs")})
    async with opened(BrowserUse, routes) as provider:
        assert [link.kind for link in await provider.fetch_links(TASK)] == ["log"]
    assert routes.paths == [LOOK, LOGS]


async def test_not_more_than_some_files_are_asked_for() -> None:
    files = [{"id": f"4a9c7e02-b6d1-4538-8f2e-{number:012d}"} for number in range(FILE_LINKS + 5)]
    routes = Routes({LOOK: task(outputFiles=files)})
    async with opened(BrowserUse, routes) as provider:
        await provider.fetch_links(TASK)
    assert sum(path.startswith(FILES) for path in routes.paths) == FILE_LINKS


async def test_trouble_on_the_way_to_the_links_is_trouble() -> None:
    routes = Routes({LOOK: task(), SESSION: (429, {"error": "rate_limited"})})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(RateLimitedError):
            await provider.fetch_links(TASK)


async def test_tasks_are_listed_page_by_page() -> None:
    routes = Routes({LIST: documented("browser_use_v2/tasks")})
    async with opened(BrowserUse, routes) as provider:
        first = await provider.list_jobs(None, 2)
        second = await provider.list_jobs(first.cursor, 2)
    assert [page.cursor for page in (first, second)] == ["2", None]
    assert [dict(request.url.params) for request in routes.asked] == [
        {"pageNumber": "1", "pageSize": "2"},
        {"pageNumber": "2", "pageSize": "2"},
    ]
    assert [(row.id, row.status) for row in first.jobs] == [
        (TASK, JobStatus.RUNNING),
        ("e1b5703c-48f9-4d26-b0a7-6f93c2d8145e", JobStatus.CANCELLED),
    ]
    assert first.jobs[0].started_at == datetime(2026, 11, 1, 12, 0, 2, 500000, tzinfo=UTC)
    assert first.jobs[1].updated_at == datetime(2026, 11, 1, 12, 1, 30, tzinfo=UTC)


async def test_a_page_asks_for_no_more_than_the_vendor_gives() -> None:
    routes = Routes({LIST: {"items": []}})
    async with opened(BrowserUse, routes) as provider:
        assert (await provider.list_jobs(None, 200)).cursor is None
    assert routes.asked[0].url.params["pageSize"] == "100"


async def test_a_cursor_that_is_not_ours_is_the_callers_fault() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        with pytest.raises(InvalidArgumentError):
            await provider.list_jobs("two", 20)


async def test_a_key_that_works_sees_the_account() -> None:
    routes = Routes({"/api/v2/billing/account": documented("browser_use_v2/account")})
    async with opened(BrowserUse, routes) as provider:
        await provider.check_key()
    assert routes.paths == ["/api/v2/billing/account"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "X-Browser-Use-API-Key header is required"}, AuthenticationError),
        (402, {"detail": "Insufficient credits"}, OutOfCreditsError),
        (402, {"detail": {"code": "api_key_monthly_spend_limit_reached", "cap": 1}}, OutOfCreditsError),
        (404, {"detail": "Task not found"}, JobNotFoundError),
        (422, {"detail": [{"loc": ["path", "task_id"], "msg": "no", "type": "uuid_parsing"}]}, UnexpectedResponseError),
        (429, {"detail": "Too many concurrent active sessions."}, RateLimitedError),
        (503, b"", ProviderUnavailableError),
    ],
)
async def test_every_refusal_has_a_class(status: int, body: Any, error: type[Exception]) -> None:
    paths = (LOOK, f"{LOOK}/status", LIST, "/api/v2/billing/account")
    async with opened(BrowserUse, Routes(dict.fromkeys(paths, (status, body)))) as provider:
        for ask in (
            lambda: provider.fetch_job(TASK),
            lambda: provider.fetch_status(TASK),
            lambda: provider.fetch_links(TASK),
            lambda: provider.list_jobs(None, 1),
            provider.check_key,
        ):
            with pytest.raises(error):
                await ask()


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("browser_use_v2") == {
        *("cancel_job", "check_key", "fetch_job", "fetch_links", "fetch_log", "fetch_screenshot"),
        *("fetch_status", "list_jobs", "start_job"),
    }


async def test_an_id_has_one_form() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.canonical_id(TASK.upper()) == TASK
        assert provider.canonical_id(provider.example_id) == provider.example_id


@pytest.mark.parametrize(
    "text", ["", "../billing/account", f"{TASK}\n", f"{TASK}/logs", f"{TASK}#", "task_1234567890abcdef"]
)
async def test_what_is_no_id_is_never_asked_for(text: str) -> None:
    routes = Routes({})
    async with opened(BrowserUse, routes) as provider:
        for ask in (provider.fetch_job, provider.fetch_status, provider.fetch_links):
            with pytest.raises(MalformedIdError):
                await ask(text)
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"https://api.browser-use.com/api/v2/tasks/{TASK}", TASK),
        (f"http://127.0.0.1:8123/pretend/api/v2/tasks/{TASK}/status", TASK),
        (f"https://cloud.browser-use.com/api/v2/tasks/{TASK}", None),
        (f"https://cloud.browser-use.com/tasks/{TASK}", None),
        (f"https://api.browser-use.com/api/v2/sessions/{TASK}", None),
        (f"https://api.browser-use.com/api/v3/tasks/{TASK}", None),
        ("https://api.browser-use.com/api/v2/tasks", None),
    ],
)
async def test_a_link_is_understood_when_it_is_of_this_generation(link: str, found: str | None) -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.id_from_link(urlsplit(link)) == found


async def test_a_cancel_is_an_action_on_the_task() -> None:
    routes = Routes({LOOK: task(status="stopped")})
    async with opened(BrowserUse, routes) as provider:
        await provider.cancel_job(TASK.upper())
    assert [(request.method, request.url.path) for request in routes.asked] == [("PATCH", LOOK)]
    assert json.loads(routes.asked[0].content) == {"action": "stop"}


async def test_a_start_sends_the_task_and_the_parameters() -> None:
    routes = Routes({LIST: (202, {"id": TASK.upper(), "sessionId": SESSION[-36:]})})
    async with opened(BrowserUse, routes) as provider:
        started = await provider.start_job("Find a kettle", {"llm": "browser-use-2.0", "sessionSettings": {}})
    assert (started.id, started.locator) == (TASK, "")
    body = {"llm": "browser-use-2.0", "sessionSettings": {}, "task": "Find a kettle"}
    assert json.loads(routes.asked[0].content) == body


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((400, {"detail": "Agent session already has a running task"}), ConflictError, None),
        ((400, b""), ConflictError, None),
        ((402, {"detail": "secret"}), OutOfCreditsError, None),
        ((404, {"detail": "Session not found"}), RefusedRequestError, ""),
        ((422, {"detail": [{"loc": ["body", "maxSteps"]}]}), RefusedRequestError, "maxSteps"),
        ((429, {"detail": "Too many concurrent active sessions."}), RateLimitedError, None),
        ((502, b""), ProviderUnavailableError, None),
        ((202, {"sessionId": "secret"}), UnexpectedResponseError, "id"),
    ],
)
async def test_a_start_that_fails_has_its_class(
    answer: tuple[int, Any], error: type[BrowserJobsError], where: str | None
) -> None:
    async with opened(BrowserUse, Routes({LIST: answer})) as provider:
        with pytest.raises(error) as caught:
            await provider.start_job("Find a kettle", {"maxSteps": 0})
    assert getattr(caught.value, "where", None) == where


async def test_without_parameters_a_404_is_a_wrong_base_url() -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        with pytest.raises(RefusedRequestError) as caught:
            await provider.start_job("Find a kettle", {})
    assert caught.value.where == "no such API at this base URL"


async def test_screenshots_are_those_of_the_steps_that_have_one() -> None:
    steps: list[Any] = [{"screenshotUrl": "https://files.example/1.png"}, None, {"screenshotUrl": None}]
    steps.append({"screenshotUrl": "https://files.example/2.png"})
    routes = Routes({LOOK: task(steps=steps), "/1.png": (200, picture(1)), "/2.png": (200, picture(2))})
    async with opened(BrowserUse, routes) as provider:
        first, latest = await provider.fetch_screenshot(TASK, 0), await provider.fetch_screenshot(TASK, -1)
    assert (first.data, first.index, first.count) == (picture(1), 0, 2)
    assert (latest.data, latest.index, latest.count) == (picture(2), 1, 2)


@pytest.mark.parametrize("steps", [[], None, "secret", [None]])
async def test_a_task_without_screenshots_tells_its_status(steps: Any) -> None:
    async with opened(BrowserUse, Routes({LOOK: task(steps=steps)})) as provider:
        with pytest.raises(NotAvailableError) as caught:
            await provider.fetch_screenshot(TASK, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "running")


async def test_a_log_is_read_as_text_whatever_it_holds() -> None:
    routes = Routes({LOGS: documented("browser_use_v2/logs"), "/task.log": (200, b"step 1\n\xff\xfe")})
    async with opened(BrowserUse, routes) as provider:
        assert await provider.fetch_log(TASK) == "step 1\n\ufffd\ufffd"
    assert KEY not in repr(routes.asked[-1].headers.raw)


@pytest.mark.parametrize("answer", [(404, {"detail": "Log not found"}), (500, b""), (200, {"downloadUrl": None})])
async def test_a_task_without_a_log_tells_its_status(answer: tuple[int, Any]) -> None:
    status = documented("browser_use_v2/task_status")
    async with opened(BrowserUse, Routes({LOGS: answer, f"{LOOK}/status": status})) as provider:
        with pytest.raises(NotAvailableError) as caught:
            await provider.fetch_log(TASK)
    assert (caught.value.thing, caught.value.reason) == ("log", "running")


async def test_a_link_to_a_log_may_have_expired() -> None:
    async with opened(BrowserUse, Routes({LOGS: documented("browser_use_v2/logs")})) as provider:
        with pytest.raises(NotAvailableError) as caught:
            await provider.fetch_log(TASK)
    assert (caught.value.thing, caught.value.reason) == ("log", "expired")


async def test_a_log_is_not_read_without_end() -> None:
    routes = Routes({LOGS: documented("browser_use_v2/logs"), "/task.log": (200, b"x" * (MOST_LOG_BYTES + 1))})
    async with opened(BrowserUse, routes) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_log(TASK)
