"""API v1 of Browser Use: what is special to its tasks, and to its being gone."""

import json
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
    RetiredError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import EventKind, FailureKind, JobStatus
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.browser_use_v1 import BrowserUse
from mcp_browserjobs.simulator.pictures import picture
from tests.providers.replay import KEY, opened
from tests.providers.routes import Routes, documented

pytestmark = pytest.mark.anyio

TASK = "task_1234567890abcdef"
LOOK = f"/api/v1/task/{TASK}"
STATUS = f"{LOOK}/status"
LIST = "/api/v1/tasks"
ME = "/api/v1/me"


def task(**changes: Any) -> dict[str, Any]:
    """A finished task, changed so."""
    return {**documented("browser_use_v1/task"), **changes}


@pytest.mark.parametrize("body", [b'"finished"', b'"finished"\n', b' \r\n"finished"\t \n'])
async def test_the_status_route_alone_is_enough(body: bytes) -> None:
    routes = Routes({STATUS: (200, body)})
    async with opened(BrowserUse, routes) as provider:
        job, sighting = await provider.fetch_job(TASK), await provider.fetch_status(TASK)
    assert (job.id, job.status, job.provider_status) == (TASK, JobStatus.COMPLETED, "finished")
    assert (sighting.status, sighting.provider_status) == (JobStatus.COMPLETED, "finished")
    assert (job.result, job.goal_met, job.cost, job.failure, job.created_at) == (None,) * 5
    assert (job.title, job.events, job.links, job.has) == ("", (), (), frozenset())
    assert routes.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "X-Browser-Use-API-Key" not in routes.asked[0].headers


async def test_the_whole_task_tells_more() -> None:
    routes = Routes({STATUS: documented("browser_use_v1/status"), LOOK: task()})
    async with opened(BrowserUse, routes) as provider:
        job = await provider.fetch_job(TASK)
    assert routes.paths == [STATUS, LOOK]
    assert (job.status, job.title) == (JobStatus.COMPLETED, "Find the price of a kettle")
    assert job.result == "The kettle costs 42 EUR."
    assert job.created_at == datetime(2025, 5, 25, 9, 21, tzinfo=UTC)
    assert job.finished_at == datetime(2025, 5, 25, 9, 22, 22, tzinfo=UTC)
    assert (job.goal_met, job.goal_met_by, job.cost, job.current_step) == (None,) * 4
    assert job.has == {"result", "live_view"}
    assert [link.kind for link in job.links] == ["live_view"]
    assert [(event.key, event.exact, event.kind, event.reported) for event in job.events] == [
        ("1", True, EventKind.STEP, {"text": "Open the shop", "url": "about:blank"}),
        (
            "2",
            True,
            EventKind.STEP,
            {"text": "Search for the kettle", "evaluation": "The shop is open", "url": "https://shop.example/"},
        ),
    ]


async def test_the_task_has_the_later_word() -> None:
    routes = Routes({STATUS: "running", LOOK: task()})
    async with opened(BrowserUse, routes) as provider:
        assert (await provider.fetch_job(TASK)).status is JobStatus.COMPLETED


async def test_a_running_task_is_at_its_last_step() -> None:
    body = task(status="running", output=None, finished_at=None, created_at="2025-05-25T09:21:00")
    async with opened(BrowserUse, Routes({STATUS: "running", LOOK: body})) as provider:
        job = await provider.fetch_job(TASK)
    assert job.current_step == "Search for the kettle"
    assert job.created_at == datetime(2025, 5, 25, 9, 21, tzinfo=UTC)
    assert job.has == {"live_view"}


async def test_a_step_that_lacks_something_is_kept_and_known_by_its_place() -> None:
    steps = [{"id": "a", "next_goal": "Open"}, {"step": 2, "url": 7}, 5]
    async with opened(BrowserUse, Routes({STATUS: "running", LOOK: task(status="running", steps=steps)})) as provider:
        job = await provider.fetch_job(TASK)
    assert [(event.key, event.exact, event.reported) for event in job.events] == [
        ("place 1", False, {"text": "Open"}),
        ("2", True, {}),
        ("place 3", False, {}),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"detail": "Not Found"}),
        (404, {"detail": "Task not found"}),
        (404, {"status": "running"}),
        (404, b""),
        (200, b"<html>gone</html>"),
        (200, b""),
        (200, b"{"),
        (200, []),
        (200, {"detail": "odd"}),
        (200, {"status": 3}),
        (301, b""),
    ],
)
async def test_a_task_that_cannot_be_read_leaves_the_status(answer: Any) -> None:
    async with opened(BrowserUse, Routes({STATUS: "finished", LOOK: answer})) as provider:
        job = await provider.fetch_job(TASK)
    assert (job.status, job.result) == (JobStatus.COMPLETED, None)


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (429, RateLimitedError), (503, ProviderUnavailableError)]
)
async def test_trouble_is_never_taken_for_a_missing_task(status: int, error: type[Exception]) -> None:
    async with opened(BrowserUse, Routes({STATUS: "finished", LOOK: (status, {"detail": "x"})})) as provider:
        with pytest.raises(error):
            await provider.fetch_job(TASK)


async def test_a_broken_network_is_never_taken_for_a_missing_task() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == STATUS:
            return httpx2.Response(200, json="finished")
        raise httpx2.ConnectError("no")

    async with opened(BrowserUse, broken) as provider:
        with pytest.raises(ProviderUnavailableError):
            await provider.fetch_job(TASK)


STATUSES = {
    "created": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "paused": JobStatus.PAUSED,
    "finished": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "stopped": JobStatus.CANCELLED,
}


def test_every_status_word_is_in_the_table() -> None:
    assert BrowserUse.statuses == STATUSES


@pytest.mark.parametrize(("word", "status"), [*STATUSES.items(), ("hibernating", JobStatus.UNKNOWN), ("", "unknown")])
async def test_a_look_a_status_and_a_list_understand_a_word_alike(word: str, status: JobStatus) -> None:
    answers = {STATUS: word, LOOK: task(status=word), LIST: {"tasks": [task(status=word)], "total_pages": 1}}
    async with opened(BrowserUse, Routes(answers)) as provider:
        job, sighting = await provider.fetch_job(TASK), await provider.fetch_status(TASK)
        page = await provider.list_jobs(None, 20)
    assert (job.status, job.provider_status) == (status, word)
    assert (sighting.status, sighting.provider_status) == (status, word)
    assert [(row.status, row.provider_status) for row in page.jobs] == [(status, word)]
    assert job.failure is (FailureKind.UNKNOWN if word == "failed" else None)


@pytest.mark.parametrize("body", [{"status": "finished"}, True, None, 7, ["finished"]])
async def test_a_status_that_is_no_bare_string_is_a_shape_we_do_not_know(body: Any) -> None:
    async with opened(BrowserUse, Routes({STATUS: body})) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_status(TASK)


async def test_a_status_without_quotes_is_a_shape_we_do_not_know() -> None:
    async with opened(BrowserUse, Routes({STATUS: (200, b"finished")})) as provider:
        with pytest.raises(UnexpectedResponseError):
            await provider.fetch_job(TASK)


async def test_a_route_that_is_gone_names_its_successor() -> None:
    async with opened(BrowserUse, Routes({STATUS: (404, documented("browser_use_v1/retired"))})) as provider:
        for ask in (provider.fetch_job, provider.fetch_status):
            with pytest.raises(RetiredError) as caught:
                await ask(TASK)
            assert (caught.value.successor, caught.value.account) == ("browser_use", "browser_use_v1")


@pytest.mark.parametrize("body", [documented("browser_use_v1/task_not_found"), {"detail": {}}, [], b"", b"<html>"])
async def test_any_other_404_says_that_the_task_is_gone(body: Any) -> None:
    async with opened(BrowserUse, Routes({STATUS: (404, body)})) as provider:
        for ask in (provider.fetch_job, provider.fetch_status):
            with pytest.raises(JobNotFoundError):
                await ask(TASK)


@pytest.mark.parametrize(
    "body", [documented("browser_use_v1/retired"), documented("browser_use_v1/task_not_found"), b""]
)
async def test_a_route_that_names_no_task_can_only_be_gone(body: Any) -> None:
    async with opened(BrowserUse, Routes({LIST: (404, body), ME: (404, body)})) as provider:
        with pytest.raises(RetiredError):
            await provider.list_jobs(None, 20)
        with pytest.raises(RetiredError):
            await provider.check_key()


async def test_a_key_that_works_is_known() -> None:
    async with opened(BrowserUse, Routes({ME: documented("browser_use_v1/me")})) as provider:
        await provider.check_key()


async def test_a_key_that_is_refused_is_said_to_be() -> None:
    async with opened(BrowserUse, Routes({ME: (401, False), STATUS: (401, False)})) as provider:
        with pytest.raises(AuthenticationError):
            await provider.check_key()
        with pytest.raises(AuthenticationError):
            await provider.fetch_job(TASK)


async def test_tasks_are_listed_page_by_page() -> None:
    routes = Routes({LIST: documented("browser_use_v1/tasks")})
    async with opened(BrowserUse, routes) as provider:
        first = await provider.list_jobs(None, 200)
        second = await provider.list_jobs(first.cursor, 200)
        with pytest.raises(InvalidArgumentError):
            await provider.list_jobs("two", 200)
    assert [page.cursor for page in (first, second)] == ["2", None]
    assert [dict(request.url.params) for request in routes.asked] == [
        {"page": "1", "limit": "100"},
        {"page": "2", "limit": "100"},
    ]
    assert [(row.id, row.status) for row in first.jobs] == [
        (TASK, JobStatus.COMPLETED),
        ("5b73fb3f-a3cb-4912-be40-17ce9e9e1a45", JobStatus.RUNNING),
    ]
    assert first.jobs[0].created_at == datetime(2025, 5, 25, 9, 21, tzinfo=UTC)


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("browser_use_v1") == {
        *("cancel_job", "check_key", "fetch_job", "fetch_links", "fetch_screenshot", "fetch_status"),
        *("list_jobs", "pause_job", "resume_job", "start_job"),
    }


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (TASK, TASK),
        ("Task-ABC_1", "Task-ABC_1"),
        ("5B73FB3F-A3CB-4912-BE40-17CE9E9E1A45", "5b73fb3f-a3cb-4912-be40-17ce9e9e1a45"),
        ("x" * 100, "x" * 100),
    ],
)
async def test_an_id_is_opaque_unless_it_is_a_uuid(text: str, canonical: str) -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.canonical_id(text) == canonical


@pytest.mark.parametrize("text", ["", "x" * 101, "..", "a/b", "a%2Fb", "a?b", "a b", f"{TASK}\n", "täsk"])
async def test_what_is_no_id_is_never_asked_for(text: str) -> None:
    routes = Routes({})
    async with opened(BrowserUse, routes) as provider:
        for ask in (provider.fetch_job, provider.fetch_status):
            with pytest.raises(MalformedIdError):
                await ask(text)
    assert routes.asked == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"https://api.browser-use.com/api/v1/task/{TASK}", TASK),
        (f"http://127.0.0.1:8123/pretend/api/v1/task/{TASK}/status", TASK),
        (f"https://cloud.browser-use.com/api/v1/task/{TASK}", None),
        ("https://api.browser-use.com/api/v1/tasks", None),
        ("https://api.browser-use.com/api/v1/task/", None),
        ("https://api.browser-use.com/api/v1/task/a%2Fb", None),
        ("https://api.browser-use.com/api/v2/tasks/5b73fb3f-a3cb-4912-be40-17ce9e9e1a45", None),
        ("https://api.browser-use.com/api/v4/runs/5b73fb3f-a3cb-4912-be40-17ce9e9e1a45", None),
    ],
)
async def test_a_link_is_understood_when_it_is_of_this_generation(link: str, found: str | None) -> None:
    async with opened(BrowserUse, Routes({})) as provider:
        assert provider.id_from_link(urlsplit(link)) == found


COMMANDS = ["pause", "resume", "stop"]


async def command(provider: BrowserUse, verb: str) -> None:
    """Give a command by the word that the API has for it."""
    acts = {"pause": provider.pause_job, "resume": provider.resume_job, "stop": provider.cancel_job}
    await acts[verb](TASK)


@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.parametrize("body", [b"{}", b""])
async def test_a_command_is_a_put_with_the_task_in_the_query(verb: str, body: bytes) -> None:
    routes = Routes({f"/api/v1/{verb}-task": (200, body)})
    async with opened(BrowserUse, routes) as provider:
        await command(provider, verb)
    [request] = routes.asked
    assert (request.method, request.content, dict(request.url.params)) == ("PUT", b"", {"task_id": TASK})


@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, {"detail": "Not Found"}), RetiredError),
        ((404, {"detail": "Task not found"}), JobNotFoundError),
        ((400, {"detail": "secret"}), ConflictError),
        ((409, {"detail": "secret"}), ConflictError),
        ((401, {"detail": "secret"}), AuthenticationError),
        ((422, {"detail": "secret"}), RefusedRequestError),
        ((500, b""), ProviderUnavailableError),
    ],
)
async def test_a_command_that_is_refused_has_its_class(
    verb: str, answer: tuple[int, Any], error: type[BrowserJobsError]
) -> None:
    async with opened(BrowserUse, Routes({f"/api/v1/{verb}-task": answer})) as provider:
        with pytest.raises(error):
            await command(provider, verb)


RUN_TASK = "/api/v1/run-task"


@pytest.mark.parametrize("told", [TASK, "5B73FB3F-A3CB-4912-BE40-17CE9E9E1A45"])
async def test_a_start_sends_the_task_and_the_parameters(told: str) -> None:
    routes = Routes({RUN_TASK: {"id": told}})
    async with opened(BrowserUse, routes) as provider:
        started = await provider.start_job("Find a kettle", {"llm_model": "gpt-4.1", "metadata": {"a": "b"}})
        assert started.id == provider.canonical_id(told)
    body = {"llm_model": "gpt-4.1", "metadata": {"a": "b"}, "task": "Find a kettle"}
    assert json.loads(routes.asked[0].content) == body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, {"detail": "Not Found"}), RetiredError),
        ((402, {"detail": "secret"}), OutOfCreditsError),
        ((422, {"detail": "secret"}), RefusedRequestError),
        ((200, {"id": "../secret"}), UnexpectedResponseError),
        ((200, {"task_id": TASK}), UnexpectedResponseError),
    ],
)
async def test_a_start_that_fails_has_its_class(answer: tuple[int, Any], error: type[BrowserJobsError]) -> None:
    async with opened(BrowserUse, Routes({RUN_TASK: answer})) as provider:
        with pytest.raises(error):
            await provider.start_job("Find a kettle", {})


SCREENSHOTS, MEDIA = f"{LOOK}/screenshots", f"{LOOK}/media"
FINISHED = documented("browser_use_v1/status")


async def test_screenshots_are_those_of_their_list() -> None:
    links = ["https://files.example/1.png", None, "https://files.example/2.png"]
    routes = Routes({SCREENSHOTS: {"screenshots": links}, "/1.png": (200, picture(1)), "/2.png": (200, picture(2))})
    async with opened(BrowserUse, routes) as provider:
        first, latest = await provider.fetch_screenshot(TASK, 0), await provider.fetch_screenshot(TASK, -1)
    assert (first.data, first.index, first.count) == (picture(1), 0, 2)
    assert (latest.data, latest.index, latest.count) == (picture(2), 1, 2)
    assert KEY not in repr(routes.asked[-1].headers.raw)


@pytest.mark.parametrize("answer", [{"screenshots": []}, {}, (404, {"detail": "Not Found"})])
async def test_a_task_without_screenshots_tells_its_status(answer: Any) -> None:
    async with opened(BrowserUse, Routes({SCREENSHOTS: answer, STATUS: FINISHED})) as provider:
        with pytest.raises(NotAvailableError) as caught:
            await provider.fetch_screenshot(TASK, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "completed")


async def test_links_are_the_live_view_and_the_recordings() -> None:
    recordings = ["https://files.example/1.mp4", None, "/somewhere/2.mp4"]
    routes = Routes({STATUS: FINISHED, LOOK: task(), MEDIA: {"recordings": recordings}})
    async with opened(BrowserUse, routes) as provider:
        links = await provider.fetch_links(TASK)
    assert [(link.kind, link.url) for link in links] == [
        ("live_view", task()["live_url"]),
        ("recording", "https://files.example/1.mp4"),
    ]


async def test_links_that_are_not_there_are_no_error() -> None:
    async with opened(BrowserUse, Routes({STATUS: FINISHED})) as provider:
        assert await provider.fetch_links(TASK) == ()


@pytest.mark.parametrize(("detail", "error"), [("Not Found", RetiredError), ("Task not found", JobNotFoundError)])
async def test_what_is_gone_is_told_from_a_task_that_is(detail: str, error: type[BrowserJobsError]) -> None:
    answers = dict.fromkeys((STATUS, LOOK, SCREENSHOTS, MEDIA), (404, {"detail": detail}))
    async with opened(BrowserUse, Routes(answers)) as provider:
        for ask in (lambda: provider.fetch_links(TASK), lambda: provider.fetch_screenshot(TASK, 0)):
            with pytest.raises(error):
                await ask()
