"""How the pretend Browser Use Cloud answers and refuses in its first generation, as long as there is one."""

from functools import partial
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.script import Finish, RateLimit, Script, Step
from mcp_browserjobs.simulator.stories import QUICK, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import any_from

pytestmark = pytest.mark.anyio

API = "/browser_use/api/v1"
KEY = {"Authorization": "Bearer demo-key"}
get = partial(any_from, API, KEY)


@pytest.fixture
def world(world: World) -> World:
    world.retired = False
    return world


async def put(client: httpx2.AsyncClient, path: str, **params: str) -> tuple[int, Any]:
    response = await client.put(API + path, params=params, headers=KEY)
    return response.status_code, response.json()


async def test_it_is_gone(client: httpx2.AsyncClient, world: World) -> None:
    world.retired = True
    job = world.add("browser_use_v1", QUICK)
    for path in ("/ping", "/me", f"/task/{job.id}", f"/task/{job.id}/status", f"/pictures/{job.id}/1.png", "/x"):
        response = await client.get(API + path, headers=KEY)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


async def test_the_status_is_a_bare_string(client: httpx2.AsyncClient) -> None:
    created = (await client.post(f"{API}/run-task", json={"task": "Find a kettle"}, headers=KEY)).json()
    assert list(created) == ["id"]
    seen = []
    for _ in range(3):
        seen.append((await client.get(f"{API}/task/{created['id']}/status", headers=KEY)).text)
        await anyio.sleep(5)
    assert seen == ['"created"', '"running"', '"finished"']


async def test_the_whole_task_has_its_steps(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v1", QUICK)
    assert (await get(client, f"/task/{job.id}"))["live_url"] is None
    await anyio.sleep(20)
    task = await get(client, f"/task/{job.id}")
    assert (task["output"], task["finished_at"]) == ('{"price": 42, "currency": "EUR"}', "2026-11-01T12:00:08Z")
    assert [(step["step"], step["next_goal"]) for step in task["steps"]] == [
        (1, "Opened the shop"),
        (2, "Searched for the kettle"),
    ]
    screenshots = (await get(client, f"/task/{job.id}/screenshots"))["screenshots"]
    assert [(await client.get(link)).status_code for link in screenshots] == [200, 200]
    assert len((await get(client, f"/task/{job.id}/media"))["recordings"]) == 1


async def test_a_task_is_paused_resumed_and_stopped(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v1", Script(beats=(Step("Looked", 60), Finish())))
    assert await put(client, "/resume-task", task_id=job.id) == (400, {"detail": "Task is not paused"})
    assert await put(client, "/pause-task", task_id=job.id) == (200, {})
    assert await get(client, f"/task/{job.id}/status") == "paused"
    assert await put(client, "/pause-task", task_id=job.id) == (400, {"detail": "Task is not running"})
    assert await put(client, "/resume-task", task_id=job.id) == (200, {})
    assert await put(client, "/stop-task", task_id=job.id) == (200, {})
    assert await get(client, f"/task/{job.id}/status") == "stopped"
    assert (await get(client, f"/task/{job.id}/media")) != {"recordings": []}


async def test_a_task_that_needs_a_person_is_paused_until_it_is_resumed(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("browser_use_v1", asking())
    await anyio.sleep(100)
    assert await get(client, f"/task/{job.id}/status") == "paused"
    assert (await get(client, f"/task/{job.id}/media")) == {"recordings": []}
    assert await put(client, "/resume-task", task_id=job.id) == (200, {})
    await anyio.sleep(3)
    assert await get(client, f"/task/{job.id}/status") == "finished"


async def test_a_list_has_pages(client: httpx2.AsyncClient, world: World) -> None:
    jobs = [world.add("browser_use_v1", QUICK) for _ in range(3)][::-1]
    page = await get(client, "/tasks", page=2, limit=2)
    assert [task["id"] for task in page.pop("tasks")] == [jobs[2].id]
    assert page == {"total_pages": 2, "page": 2, "limit": 2, "total_count": 3}


async def test_small_answers_are_as_bare_as_they_were(client: httpx2.AsyncClient) -> None:
    assert (await client.get(f"{API}/ping")).json() == {}
    assert await get(client, "/me") is True
    assert await get(client, "/balance") == {"balance": "5000"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "demo-key"}])
async def test_a_missing_or_wrong_key_is_a_401(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.get(f"{API}/me", headers=headers)).status_code == 401


async def test_what_is_unknown_or_missing_is_refused(client: httpx2.AsyncClient) -> None:
    assert await get(client, "/task/task_1234567890abcdef/status") == {"detail": "Task not found"}
    assert await put(client, "/stop-task", task_id="7") == (404, {"detail": "Task not found"})
    status, body = await put(client, "/stop-task")
    assert (status, body["detail"][0]["loc"]) == (422, ["query", "task_id"])


async def test_too_many_requests_have_a_plain_body(client: httpx2.AsyncClient, world: World) -> None:
    world.trouble = RateLimit(0, 0)
    assert await get(client, "/me") == {"detail": "Too many requests"}
