"""How the pretend Browser Use Cloud answers and refuses in its second generation."""

from functools import partial

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.stories import FAILING, GIVING_UP, QUICK, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import any_from

pytestmark = pytest.mark.anyio

API = "/browser_use/api/v2"
KEY = {"X-Browser-Use-API-Key": "demo-key"}
NOBODY = "00000000-0000-0000-0000-000000000007"
get = partial(any_from, API, KEY)


async def test_a_new_task_is_created_started_and_finished(client: httpx2.AsyncClient) -> None:
    response = await client.post(f"{API}/tasks", json={"task": "Find a kettle", "judge": True}, headers=KEY)
    assert (response.status_code, list(response.json())) == (202, ["id", "sessionId"])
    path = f"/tasks/{response.json()['id']}"
    seen = []
    for _ in range(3):
        seen.append(await get(client, f"{path}/status"))
        await anyio.sleep(5)
    assert [(each["status"], each["output"], each["cost"]) for each in seen] == [
        ("created", None, None),
        ("started", None, None),
        ("finished", '{"price": 42, "currency": "EUR"}', "0.0100"),
    ]
    assert seen[-1]["finishedAt"] == "2026-11-01T12:00:08.000000"
    assert not {"sessionId", "liveUrl"} & seen[-1].keys()
    task = await get(client, path)
    assert (task["judgeVerdict"], task["judgement"], task["isSuccess"]) == (True, '{"verdict": true}', True)
    assert [(step["number"], step["nextGoal"], step["duration"]) for step in task["steps"]] == [
        (1, "Opened the shop", 5),
        (2, "Searched for the kettle", 3),
    ]
    assert (await client.get(task["steps"][0]["screenshotUrl"])).content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("script", "status", "success"),
    [(FAILING, "failed", None), (GIVING_UP, "finished", False), (asking(), "started", None)],
    ids=["failing", "giving up", "asking"],
)
async def test_other_endings_have_other_words(
    client: httpx2.AsyncClient, world: World, script: Script, status: str, *, success: bool | None
) -> None:
    job = world.add("browser_use_v2", script)
    await anyio.sleep(60)
    view = await get(client, f"/tasks/{job.id}/status")
    assert (view["status"], view["isSuccess"]) == (status, success)


@pytest.mark.parametrize("action", ["stop", "stop_task_and_session"])
async def test_a_task_is_stopped(client: httpx2.AsyncClient, world: World, action: str) -> None:
    job = world.add("browser_use_v2", QUICK)
    for _ in range(2):
        response = await client.patch(f"{API}/tasks/{job.id}", json={"action": action}, headers=KEY)
        assert response.json()["status"] == "stopped"
    refused = await client.patch(f"{API}/tasks/{job.id}", json={"action": "pause"}, headers=KEY)
    assert refused.status_code == 422


async def test_the_session_has_the_live_view_and_then_the_recording(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v2", QUICK)
    path = f"/sessions/{job.named('session')}"
    session = await get(client, path)
    assert (session["status"], session["recordingUrl"]) == ("active", None)
    assert session["liveUrl"].startswith("https://live.browser-use.com/")
    again = {"task": "x", "sessionId": job.named("session")}
    busy = await client.post(f"{API}/tasks", json=again, headers=KEY)
    assert (busy.status_code, busy.json()) == (400, {"detail": "Agent session already has a running task"})
    await anyio.sleep(20)
    session = await get(client, path)
    assert (session["status"], session["liveUrl"], session["tasks"][0]["id"]) == ("stopped", None, job.id)
    assert session["recordingUrl"].startswith("https://storage.example/")
    closed = await client.post(f"{API}/tasks", json=again, headers=KEY)
    assert (closed.status_code, closed.json()) == (400, {"detail": "Browser session is stopped"})
    unknown = await client.post(f"{API}/tasks", json=again | {"sessionId": NOBODY}, headers=KEY)
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Session not found"})


async def test_a_list_has_pages_and_filters(client: httpx2.AsyncClient, world: World) -> None:
    failed = world.add("browser_use_v2", FAILING)
    await anyio.sleep(60)
    newer = [world.add("browser_use_v2", QUICK) for _ in range(2)][::-1]
    page = await get(client, "/tasks", pageSize=2)
    assert (page["totalItems"], page["pageNumber"], page["pageSize"]) == (3, 1, 2)
    assert [each["id"] for each in page["items"]] == [job.id for job in newer]
    assert "steps" not in page["items"][0]
    for name, value in (("pageNumber", "2"), ("filterBy", "failed"), ("sessionId", failed.named("session"))):
        page = await get(client, "/tasks", pageSize=2, **{name: value})
        assert [each["id"] for each in page["items"]] == [failed.id]


async def test_a_log_has_a_link_that_needs_no_key_and_expires(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v2", QUICK)
    await anyio.sleep(20)
    link = (await get(client, f"/tasks/{job.id}/logs"))["downloadUrl"]
    lines = (await client.get(link)).text.splitlines()
    assert [line.split(" ", 2)[1] for line in lines] == ["started", "step", "step", "finished"]
    await anyio.sleep(301)
    assert (await client.get(link)).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tasks/7", 422),
        (f"/tasks/{NOBODY}", 404),
        (f"/tasks/{NOBODY}/screenshots", 404),
        ("/tasks?pageSize=0", 422),
        ("/tasks?filterBy=paused", 422),
        ("/sessions/7", 422),
    ],
)
async def test_what_cannot_be_read_is_refused(client: httpx2.AsyncClient, path: str, status: int) -> None:
    assert (await client.get(API + path, headers=KEY)).status_code == status


async def test_a_task_is_no_session(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v2", QUICK)
    assert await get(client, f"/tasks/{job.named('session')}") == {"detail": "Task not found"}
    assert await get(client, f"/sessions/{job.id}") == {"detail": "Session not found"}
