"""How the pretend Browser Use Cloud answers and refuses in its third generation."""

from functools import partial

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.script import Fail, Finish, Script, Step
from mcp_browserjobs.simulator.stories import FAILING, QUICK, TIMING_OUT, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import any_from

pytestmark = pytest.mark.anyio

API = "/browser_use/api/v3"
KEY = {"X-Browser-Use-API-Key": "demo-key"}
NOBODY = "00000000-0000-0000-0000-000000000007"
get = partial(any_from, API, KEY)


async def create(client: httpx2.AsyncClient, **body: object) -> httpx2.Response:
    return await client.post(f"{API}/sessions", json=body, headers=KEY)


@pytest.mark.parametrize(("keep_alive", "at_last"), [(False, "stopped"), (True, "idle")])
async def test_a_session_is_idle_before_it_runs(client: httpx2.AsyncClient, *, keep_alive: bool, at_last: str) -> None:
    session = (await create(client, task="Find a kettle", keepAlive=keep_alive)).json()
    assert session["liveUrl"].startswith("https://live.browser-use.com/")
    seen = []
    for _ in range(4):
        session = await get(client, f"/sessions/{session['id']}")
        seen.append((session["status"], session["output"] is None, session["isTaskSuccessful"]))
        await anyio.sleep(1.5 * len(seen))
    assert seen == [("created", True, None), ("idle", True, None), ("running", True, None), (at_last, False, True)]
    assert session["createdAt"] == "2026-11-01T12:00:00.000000+00:00"
    assert (session["stepCount"], session["lastStepSummary"]) == (2, "Searched for the kettle")


@pytest.mark.parametrize(
    ("script", "status"),
    [(FAILING, "error"), (TIMING_OUT, "timed_out"), (asking(), "running")],
    ids=["failing", "timing out", "asking"],
)
async def test_other_endings_have_other_words(
    client: httpx2.AsyncClient, world: World, script: Script, status: str
) -> None:
    job = world.add("browser_use_v3", script)
    await anyio.sleep(60)
    assert (await get(client, f"/sessions/{job.id}"))["status"] == status


async def test_a_session_without_a_task_stays_idle_and_takes_one(client: httpx2.AsyncClient) -> None:
    session = (await create(client)).json()
    await anyio.sleep(10_000)
    assert (await get(client, f"/sessions/{session['id']}"))["status"] == "idle"
    assert (await create(client, sessionId=session["id"])).status_code == 422
    followed = (await create(client, sessionId=session["id"], task="Find a kettle")).json()
    assert followed["id"] == session["id"]
    assert (await create(client, sessionId=session["id"], task="Another")).status_code == 409
    assert (await create(client, sessionId=NOBODY, task="Another")).status_code == 404
    await anyio.sleep(5)
    assert (await get(client, f"/sessions/{session['id']}"))["status"] == "running"


@pytest.mark.parametrize(
    ("body", "after"), [(None, "stopped"), ({"strategy": "session"}, "stopped"), ({"strategy": "task"}, "idle")]
)
async def test_a_stop_ends_the_session_or_only_its_task(
    client: httpx2.AsyncClient, world: World, body: dict[str, str] | None, after: str
) -> None:
    job = world.add("browser_use_v3", Script(beats=(Step("Looked", 60), Finish())))
    stopped = await client.post(f"{API}/sessions/{job.id}/stop", json=body, headers=KEY)
    assert (stopped.json()["status"], stopped.json()["output"]) == (after, None)
    again = await client.post(f"{API}/sessions/{job.id}/stop", json={"strategy": "task"}, headers=KEY)
    assert again.json()["status"] == after


async def test_an_unknown_strategy_is_a_422(client: httpx2.AsyncClient, world: World) -> None:
    path = f"{API}/sessions/{world.add('browser_use_v3', QUICK).id}/stop"
    assert (await client.post(path, json={"strategy": "gently"}, headers=KEY)).status_code == 422


async def test_messages_are_read_by_their_ids(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v3", QUICK)
    path = f"/sessions/{job.id}/messages"
    only = await get(client, path)
    assert [(each["role"], each["type"]) for each in only["messages"]] == [("human", "user_message")]
    await anyio.sleep(20)
    first = await get(client, path, limit=2)
    assert first["hasMore"]
    rest = await get(client, path, after=first["messages"][-1]["id"])
    assert not rest["hasMore"]
    messages = first["messages"] + rest["messages"]
    assert [each["type"] for each in messages] == [
        "user_message",
        "planning",
        "browser_action",
        "browser_action",
        "completion",
    ]
    assert messages[2]["data"] == "Opened the shop"
    assert messages[-1]["data"] == '{"price": 42, "currency": "EUR"}'
    earlier = await get(client, path, before=messages[1]["id"])
    assert earlier["messages"] == messages[:1]
    picture = await client.get(messages[2]["screenshotUrl"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    latest = (await get(client, f"/sessions/{job.id}"))["screenshotUrl"]
    assert (await client.get(latest)).content == (await client.get(messages[3]["screenshotUrl"])).content


async def test_a_list_has_pages_without_links_to_files(client: httpx2.AsyncClient, world: World) -> None:
    jobs = [world.add("browser_use_v3", Script(beats=(Step("Looked", 1), Fail()))) for _ in range(3)][::-1]
    await anyio.sleep(5)
    page = await get(client, "/sessions", page=2, page_size=2)
    assert (page["total"], page["page"], page["pageSize"]) == (3, 2, 2)
    assert [each["id"] for each in page["sessions"]] == [jobs[2].id]
    assert (page["sessions"][0]["recordingUrls"], page["sessions"][0]["screenshotUrl"]) == ([], None)
    assert (await get(client, f"/sessions/{jobs[2].id}"))["recordingUrls"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/sessions/7", 422), (f"/sessions/{NOBODY}", 404), ("/sessions?page_size=101", 422), ("/runs", 404)],
)
async def test_what_cannot_be_read_is_refused(client: httpx2.AsyncClient, path: str, status: int) -> None:
    assert (await client.get(API + path, headers=KEY)).status_code == status


async def test_a_link_to_a_picture_expires_and_cannot_be_made_up(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use_v3", QUICK)
    await anyio.sleep(20)
    link = httpx2.URL((await get(client, f"/sessions/{job.id}"))["screenshotUrl"])
    longer = link.copy_set_param("expires", "9999999999")
    for made_up in (link.copy_with(query=None), longer, link.copy_set_param("expires", "x")):
        response = await client.get(made_up)
        assert (response.status_code, response.json()) == (403, {"detail": "Request has expired"})
    await anyio.sleep(300)
    assert (await client.get(link)).status_code == 200
    await anyio.sleep(1)
    assert (await client.get(link)).status_code == 403


async def test_a_title_is_made_from_the_task(client: httpx2.AsyncClient) -> None:
    session = (await create(client, task="Find the cheapest kettle of all that there are")).json()
    assert session["title"] is None
    await anyio.sleep(5)
    assert (await get(client, f"/sessions/{session['id']}"))["title"] == "Find the cheapest kettle of"


async def test_a_picture_of_no_job_is_a_404(client: httpx2.AsyncClient) -> None:
    assert (await client.get(f"{API}/pictures/{NOBODY}/1.png")).status_code == 404


async def test_the_key_is_checked_and_so_is_the_money(client: httpx2.AsyncClient, world: World) -> None:
    assert (await client.get(f"{API}/billing/account")).status_code == 401
    assert (await get(client, "/billing/account"))["totalCreditsBalanceUsd"] == 12.5
    world.out_of_credits = True
    assert (await create(client, task="x")).status_code == 402
