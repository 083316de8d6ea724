"""How the pretend Gobii answers and refuses: as the recorded server did, word by word."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.gobii import AGENT
from mcp_browserjobs.simulator.script import Fail, Finish, Outage, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import any_from

pytestmark = pytest.mark.anyio

PAYLOADS = Path(__file__).parent.parent / "providers" / "payloads" / "gobii"
KEY = {"X-Api-Key": "demo-key"}
TASKS = "/gobii/api/v1/tasks/browser-use/"
UNHEEDED = {"secrets", "output_schema"}
"""Fields of a new task that are not looked at."""
get = partial(any_from, "", KEY)


def recorded(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The exchanges of a recording that the simulator has routes for."""
    exchanges = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))["exchanges"]
    pairs = ((each["request"], each["response"]) for each in exchanges)
    return [
        (request, response)
        for request, response in pairs
        if (request["method"] in {"GET", "POST"} or response["status"] == 405)
        and not ({*response.get("json", {})} & UNHEEDED and response["status"] == 400)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "auth_bearer_403",
        "auth_missing_key_403",
        "auth_token_scheme_500",
        "auth_wrong_key_403",
        "bad_other_fields_400",
        "bad_prompt_type_400",
        "bad_webhook_400",
        "malformed_id_html_404",
        "method_and_media_errors",
        "no_trailing_slash_301",
        "out_of_credits_402",
        "ping",
        "unknown_id_json_404",
    ],
)
async def test_a_recorded_request_is_answered_as_it_was(client: httpx2.AsyncClient, world: World, name: str) -> None:
    world.out_of_credits = name.startswith("out_of_credits")
    for request, response in recorded(name):
        headers = {key: value.replace("<key>", "demo-key") for key, value in request["headers"].items()}
        body = json.dumps(request["json"]) if "json" in request else request.get("text")
        answer = await client.request(
            request["method"], "/gobii" + request["path"], params=request["query"], headers=headers, content=body
        )
        assert answer.status_code == response["status"]
        assert answer.headers["content-type"] == response["headers"]["content-type"]
        assert answer.headers.get("location", "").removeprefix("/gobii") == response["headers"].get("location", "")
        if "json" in response:
            expected = response["json"]
            varying = dict.fromkeys({"error_id"} & {*expected}, "")
            assert {**answer.json(), **varying} == {**expected, **varying}


async def create(client: httpx2.AsyncClient, **body: object) -> dict[str, Any]:
    response = await client.post(TASKS, json=body, headers=KEY)
    assert response.status_code == 201
    task: dict[str, Any] = response.json()
    return task


async def test_a_task_runs_and_its_result_is_elsewhere(client: httpx2.AsyncClient) -> None:
    task = await create(client, prompt=5)
    assert (task["prompt"], task["status"], task["created_at"]) == ("5", "pending", "2026-11-01T12:00:00Z")
    assert (await get(client, f"{TASKS}{task['id']}/result/"))["message"] == "Task is not yet completed."
    await anyio.sleep(2.5)
    assert (await get(client, f"{TASKS}{task['id']}/"))["status"] == "in_progress"
    await anyio.sleep(10)
    shown = await get(client, f"{TASKS}{task['id']}/")
    assert (shown["status"], shown["updated_at"]) == ("completed", "2026-11-01T12:00:08Z")
    assert "result" not in shown
    assert await get(client, f"{TASKS}{task['id']}/result/") == {
        "id": task["id"],
        "agent_id": None,
        "status": "completed",
        "result": {"price": 42, "currency": "EUR"},
    }


@pytest.mark.parametrize(("seconds", "then"), [(1, "in_progress"), (3, "completed")])
async def test_cancelled_lasts_until_the_worker_goes_on(
    client: httpx2.AsyncClient, world: World, seconds: float, then: str
) -> None:
    job = world.add("gobii", Script(beats=(Queued(2), Step("Looked", 3), Finish("resurrected"))))
    await anyio.sleep(seconds)
    answer = await client.post(f"{TASKS}{job.id}/cancel/", headers=KEY)
    assert answer.json() == {"status": "cancelled", "message": "Task has been cancelled."}
    shown = await get(client, f"{TASKS}{job.id}/")
    assert (shown["status"], shown["updated_at"]) == ("cancelled", f"2026-11-01T12:00:0{seconds}Z")
    assert list(await get(client, f"{TASKS}{job.id}/result/")) == ["id", "agent_id", "status"]
    again = await client.post(f"{TASKS}{job.id}/cancel/", headers=KEY)
    assert (again.status_code, again.json()) == (
        409,
        {"detail": "Task is already cancelled and cannot be cancelled."},
    )
    await anyio.sleep(2)
    assert (await get(client, f"{TASKS}{job.id}/"))["status"] == then
    await anyio.sleep(5)
    assert (await get(client, f"{TASKS}{job.id}/result/"))["result"] == "resurrected"


@pytest.mark.parametrize("falsy", [{}, [], "", 0, False, None])
async def test_a_falsy_result_is_a_failure(client: httpx2.AsyncClient, world: World, falsy: Any) -> None:
    job = world.add("gobii", Script(beats=(Finish(falsy),)))
    answers = [response["json"] for _, response in recorded("falsy_result_fails")]
    said = next(answer["error_message"] for answer in answers if answer.get("error_message"))
    assert (await get(client, f"{TASKS}{job.id}/"))["status"] == "failed"
    assert (await get(client, f"{TASKS}{job.id}/result/"))["error_message"] == said


async def test_a_list_as_result_stays_a_text(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("gobii", Script(beats=(Finish([1, 2]),)))
    assert (await get(client, f"{TASKS}{job.id}/result/"))["result"] == "[1, 2]"


async def test_a_failure_without_a_text_has_no_message(client: httpx2.AsyncClient, world: World) -> None:
    silent, told = (world.add("gobii", Script(beats=(Fail(text),))) for text in ("", "boom"))
    assert list(await get(client, f"{TASKS}{silent.id}/result/")) == ["id", "agent_id", "status", "result"]
    assert (await get(client, f"{TASKS}{told.id}/result/"))["error_message"] == "boom"
    assert (await get(client, f"{TASKS}{told.id}/"))["error_message"] == "boom"


async def test_a_task_of_an_agent_is_seen_on_both_levels(client: httpx2.AsyncClient, world: World) -> None:
    level = f"/gobii/api/v1/agents/browser-use/{AGENT}/tasks/"
    task = (await client.post(level, json={"prompt": "x"}, headers=KEY)).json()
    assert (task["agent"], task["agent_id"]) == (AGENT, AGENT)
    alone = await create(client, prompt="y")
    assert "agent_id" not in alone
    for path in (level, TASKS):
        assert (await get(client, f"{path}{task['id']}/"))["agent_id"] == AGENT
    assert [each["id"] for each in (await get(client, level))["results"]] == [task["id"]]
    assert [each["id"] for each in (await get(client, TASKS))["results"]] == [alone["id"], task["id"]]
    assert (await client.get(f"{level}{alone['id']}/", headers=KEY)).status_code == 404
    world.jobs("gobii")[0].notes["agent"] = other = "9d1f0c52-6a43-4a0e-9d5b-0a3c6f1e2b48"
    agents = (await get(client, "/gobii/api/v1/agents/browser-use/"))["results"]
    assert [each["id"] for each in agents] == [AGENT, other]
    assert "user_email" in await get(client, f"/gobii/api/v1/agents/browser-use/{other}/")


async def test_a_wait_is_answered_as_if_the_time_were_up(client: httpx2.AsyncClient) -> None:
    task = await create(client, prompt="x", wait=2)
    assert (task["status"], task["wait_error"], task["agent_id"]) == (
        "in_progress",
        "The operation timed out.",
        None,
    )


async def test_a_list_has_pages_with_links_from_page_to_page(client: httpx2.AsyncClient, world: World) -> None:
    ids = [world.add("gobii", Script()).id for _ in range(5)][::-1]
    first = await get(client, TASKS, page_size="2", status="failed")
    assert first["count"] == 5
    assert first["previous"] is None
    assert first["next"] == f"http://simulator{TASKS}?page=2&page_size=2&status=failed"
    second = (await client.get(first["next"], headers=KEY)).json()
    assert second["previous"] == f"http://simulator{TASKS}?page_size=2&status=failed"
    last = (await client.get(second["next"], headers=KEY)).json()
    assert last["next"] is None
    assert [task["id"] for page in (first, second, last) for task in page["results"]] == ids
    assert await get(client, TASKS, page_size="2", status="failed", page="last") == last
    assert len((await get(client, TASKS, page_size="0"))["results"]) == 5
    for page in ("0", "4", "abc"):
        response = await client.get(TASKS, params={"page": page, "page_size": "2"}, headers=KEY)
        assert (response.status_code, response.json()) == (404, {"detail": "Invalid page."})


async def test_the_way_to_the_slash_keeps_the_query(client: httpx2.AsyncClient) -> None:
    response = await client.get(f"{TASKS[:-1]}?page=2", headers=KEY)
    assert (response.status_code, response.headers["location"]) == (301, f"{TASKS}?page=2")


async def test_too_many_requests_are_told_as_the_framework_does(client: httpx2.AsyncClient, world: World) -> None:
    world.trouble = RateLimit(0, 0)
    assert await get(client, TASKS) == {"detail": "Request was throttled. Expected available in 5 seconds."}
    world.trouble = RateLimit(0, 0, None)
    assert await get(client, TASKS) == {"detail": "Request was throttled."}
    world.trouble = Outage(0, 0, "html")
    assert "<!doctype" in (await client.get(TASKS, headers=KEY)).text


async def test_a_price_of_one_s_own_is_an_error_of_the_server(client: httpx2.AsyncClient, world: World) -> None:
    body = {"prompt": "x", "credits_cost": "1.000"}
    response = await client.post("/gobii/api/v1/tasks/browser-use/", json=body, headers={"X-Api-Key": "demo-key"})
    assert (response.status_code, list(response.json())) == (500, ["detail", "error_id"])
    assert world.jobs("gobii") == []
