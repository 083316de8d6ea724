"""How the pretend Browser Use Cloud answers and refuses in its fourth generation."""

from functools import partial

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.script import Fail, Finish, RateLimit, Script, Step
from mcp_browserjobs.simulator.stories import GIVING_UP, QUICK, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import any_from

pytestmark = pytest.mark.anyio

API = "/browser_use/api/v4"
KEY = {"X-Browser-Use-API-Key": "demo-key"}
NOBODY = "00000000-0000-0000-0000-000000000007"
get = partial(any_from, API, KEY)


async def test_a_new_run_is_queued_dispatched_running_and_completed(client: httpx2.AsyncClient) -> None:
    created = (await client.post(f"{API}/runs", json={"task": "Find a kettle"}, headers=KEY)).json()
    assert created["eventsUrl"] == f"http://simulator{API}/runs/{created['id']}/events"
    seen = []
    for _ in range(4):
        seen.append(await get(client, f"/runs/{created['id']}/status"))
        await anyio.sleep(1.5 * len(seen))
    assert [each["status"] for each in seen] == ["queued", "dispatching", "running", "completed"]
    run = await get(client, f"/runs/{created['id']}")
    assert (run["result"], run["output"]) == ('{"price": 42, "currency": "EUR"}', {"price": 42, "currency": "EUR"})
    assert (run["totalCostUsd"], run["createdAt"]) == ("0.0100", "2026-11-01T12:00:00.000000Z")


async def test_a_new_run_is_unknown_for_a_moment(client: httpx2.AsyncClient, world: World) -> None:
    world.grace = 4
    created = (await client.post(f"{API}/runs", json={"task": "x"}, headers=KEY)).json()
    assert await get(client, f"/runs/{created['id']}/status") == {"detail": "Run not found"}
    await anyio.sleep(4)
    assert (await get(client, f"/runs/{created['id']}/status"))["status"] == "running"


@pytest.mark.parametrize("task", ["judged", "unjudged"])
async def test_a_judgement_comes_late_or_never(client: httpx2.AsyncClient, world: World, task: str) -> None:
    met = False if task == "judged" else None
    job = world.add("browser_use", Script(beats=(Finish("No kettle.", goal_met=met),)))
    run = await get(client, f"/runs/{job.id}")
    assert (run["status"], run["judgement"], run["output"]) == ("completed", None, None)
    await anyio.sleep(3)
    judgement = (await get(client, f"/runs/{job.id}"))["judgement"]
    assert (judgement and judgement["verdict"]) is met


async def test_events_are_read_by_their_numbers(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use", QUICK)
    assert await get(client, f"/runs/{job.id}/events") == {"events": [], "nextAfter": None, "hasMore": False}
    await anyio.sleep(20)
    first = await get(client, f"/runs/{job.id}/events", limit=2)
    assert first["hasMore"]
    rest = await get(client, f"/runs/{job.id}/events", after=first["nextAfter"])
    assert not rest["hasMore"]
    events = first["events"] + rest["events"]
    assert [event["type"] for event in events] == [
        "browser.ready",
        "core.event",
        "core.event",
        "run.completed",
        "worker.session_released",
    ]
    assert [event["id"] for event in events] == [41, 42, 43, 44, 45]
    assert events[0]["data"]["live_view_url"].startswith("https://live.browser-use.com/?wss=")
    assert (await get(client, f"/runs/{job.id}/events", after=45))["events"] == []


async def test_every_ending_and_every_word_has_its_event(client: httpx2.AsyncClient, world: World) -> None:
    failed = world.add("browser_use", Script(beats=(Fail("boom"),)))
    asks = world.add("browser_use", asking())
    await anyio.sleep(10)
    events = (await get(client, f"/runs/{failed.id}/events"))["events"]
    assert [(event["type"], event["data"]) for event in events[1:]] == [
        ("run.failed", {"error": "boom"}),
        ("worker.session_released", {}),
    ]
    assert (await get(client, f"/runs/{asks.id}/status"))["status"] == "running"
    await client.post(f"{API}/runs/{asks.id}/cancel", headers=KEY)
    events = (await get(client, f"/runs/{asks.id}/events"))["events"]
    assert [event["type"] for event in events[2:]] == ["core.event", "run.cancelled", "worker.session_released"]
    assert events[2]["data"]["part"]["text"] == "Which colour shall I order?"


async def test_a_cancel_can_be_repeated_and_changes_nothing_that_is_over(
    client: httpx2.AsyncClient, world: World
) -> None:
    job, over = world.add("browser_use", Script(beats=(Step("Looked", 60), Finish()))), world.add("browser_use", QUICK)
    await anyio.sleep(10)
    for _ in range(2):
        assert (await client.post(f"{API}/runs/{job.id}/cancel", headers=KEY)).json()["status"] == "cancelled"
        await anyio.sleep(5)
    assert (await client.post(f"{API}/runs/{over.id}/cancel", headers=KEY)).json()["status"] == "completed"


async def test_a_list_has_cursors(client: httpx2.AsyncClient, world: World) -> None:
    jobs = [world.add("browser_use", GIVING_UP) for _ in range(3)][::-1]
    first = await get(client, "/runs", limit=2)
    assert first["hasMore"]
    second = await get(client, "/runs", limit=2, cursor=first["nextCursor"])
    assert (second["hasMore"], second["nextCursor"]) == (False, None)
    assert [run["id"] for run in first["runs"] + second["runs"]] == [job.id for job in jobs]
    of_one = await get(client, "/runs", sessionId=jobs[1].named("session"))
    assert [run["id"] for run in of_one["runs"]] == [jobs[1].id]
    assert (await client.get(f"{API}/runs?cursor=x", headers=KEY)).status_code == 400


async def test_a_session_takes_one_run_after_another(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use", QUICK)
    session = job.named("session")
    again = {"task": "Once more", "sessionId": session}
    assert (await client.post(f"{API}/runs", json=again, headers=KEY)).status_code == 409
    await anyio.sleep(20)
    created = (await client.post(f"{API}/runs", json=again, headers=KEY)).json()
    assert created["sessionId"] == session
    shown = await get(client, f"/sessions/{session}")
    assert (shown["latestRunId"], shown["status"], shown["task"]) == (created["id"], "queued", "Once more")
    assert shown["createdAt"] < shown["updatedAt"]
    assert (await get(client, f"/sessions/{NOBODY}")) == {"detail": "Session not found"}


async def test_a_browser_has_its_recording_when_it_has_stopped(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browser_use", QUICK)
    browser = await get(client, f"/browsers/{job.named('browser')}")
    assert (browser["status"], browser["recordingUrl"]) == ("active", None)
    await anyio.sleep(20)
    browser = await get(client, f"/browsers/{job.named('browser')}")
    assert (browser["status"], browser["liveUrl"]) == ("stopped", None)
    assert browser["recordingUrl"].startswith("https://storage.example/")


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "X-Browser-Use-API-Key header is required"),
        ({"Authorization": "Bearer demo-key"}, "X-Browser-Use-API-Key header is required"),
        ({"X-Browser-Use-API-Key": "wrong"}, "Invalid API key"),
    ],
)
async def test_a_missing_or_wrong_key_is_a_401(
    client: httpx2.AsyncClient, headers: dict[str, str], detail: str
) -> None:
    response = await client.get(f"{API}/runs", headers=headers)
    assert (response.status_code, response.json()) == (401, {"detail": detail})


@pytest.mark.parametrize(
    ("path", "status"),
    [("/runs/7", 422), (f"/runs/{NOBODY}", 404), ("/runs?limit=x", 422), ("/runs?limit=0", 422), ("/tasks", 404)],
)
async def test_what_cannot_be_read_is_refused(client: httpx2.AsyncClient, path: str, status: int) -> None:
    assert (await client.get(API + path, headers=KEY)).status_code == status


@pytest.mark.parametrize(
    ("body", "where", "kind"),
    [
        ({}, ["body", "task"], "missing"),
        ({"task": ""}, ["body", "task"], "string_too_short"),
        ({"task": "x", "flash": True}, ["body", "flash"], "extra_forbidden"),
    ],
)
async def test_a_new_run_is_read_strictly(
    client: httpx2.AsyncClient, body: dict[str, object], where: list[str], kind: str
) -> None:
    response = await client.post(f"{API}/runs", json=body, headers=KEY)
    assert response.status_code == 422
    assert [(each["loc"], each["type"]) for each in response.json()["detail"]] == [(where, kind)]


async def test_without_credits_nothing_starts(client: httpx2.AsyncClient, world: World) -> None:
    world.out_of_credits = True
    response = await client.post(f"{API}/runs", json={"task": "x"}, headers=KEY)
    assert (response.status_code, response.json()) == (402, {"detail": "Insufficient credits"})


@pytest.mark.parametrize(
    ("retry_after", "body"),
    [
        ("5", {"error": "rate_limited", "limit_rps": 25, "retry_after_seconds": 5}),
        ("300", {"error": "rate_limited"}),
        ("Sun, 01 Nov 2026 12:01:00 GMT", {"error": "rate_limited"}),
        (None, {"detail": "Too many concurrent active sessions."}),
    ],
)
async def test_a_429_has_three_bodies(
    client: httpx2.AsyncClient, world: World, retry_after: str | None, body: dict[str, object]
) -> None:
    world.trouble = RateLimit(0, 0, retry_after)
    assert await get(client, "/runs") == body
