"""How the pretend Kernel answers, refuses and streams, and that it has the documented shapes."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator import application
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Json, Outage, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.stories import QUICK
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, Shapes, get

pytestmark = pytest.mark.anyio

BASE = "/kernel"
SHAPES = Shapes("kernel")
BODY = {"app_name": "my-app", "action_name": "analyze", "version": "latest", "async": True}


@pytest.fixture
async def client(world: World) -> AsyncGenerator[httpx2.AsyncClient]:
    transport, headers = InProcess(application(world)), {"Authorization": "Bearer demo-key"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://simulator", headers=headers) as client:
        yield client


async def events(client: httpx2.AsyncClient, job_id: str, **params: str) -> AsyncGenerator[tuple[float, Any]]:
    """What a stream says, and at which second."""
    path = f"{BASE}/invocations/{job_id}/events"
    async with client.stream("GET", path, params=params, headers={"Accept": "text/event-stream"}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-sse-content-type"] == "application/json"
        async for line in response.aiter_lines():
            if line:
                event = json.loads(line.removeprefix("data: "))
                SHAPES.check(event["event"], event)
                yield anyio.current_time(), event


def short(event: dict[str, Any]) -> str:
    """What an event says in one word."""
    said = event.get("message") or event.get("error", {}).get("message") or event.get("invocation", {}).get("status")
    return str(said or event["event"])


async def heard(
    client: httpx2.AsyncClient, job_id: str, into: list[tuple[float, str]] | None = None
) -> list[tuple[float, str]]:
    """All that a stream says, in words; what came before it broke is found in `into`."""
    told = [] if into is None else into
    async with aclosing(events(client, job_id)) as stream:
        async for at, event in stream:
            told.append((at, short(event)))
    return told


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    SHAPES.check("Error", answer.json())
    return answer.status_code, answer.json()["code"]


async def test_its_answers_have_the_documented_shapes(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    job = world.add("kernel", script)
    path = f"{BASE}/invocations/{job.id}"
    for _ in range(MOMENTS):
        invocation = await get(client, path)
        SHAPES.check("Invocation", invocation)
        assert ("status_reason" in invocation) is (invocation["status"] == "failed")
        SHAPES.check("Invocation", *await get(client, f"{BASE}/invocations"))
        browsers = await get(client, f"{path}/browsers")
        SHAPES.check("BrowserList", browsers)
        SHAPES.check("Browser", *browsers["browsers"])
        for browser in browsers["browsers"]:
            SHAPES.check("Replay", *await get(client, f"{BASE}/browsers/{browser['session_id']}/replays"))
        await anyio.sleep(4)
    SHAPES.check("Invocation", (await client.patch(path, json={"status": "failed"})).json())


async def test_a_stream_has_the_documented_shapes(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    job = world.add("kernel", script)
    async with aclosing(events(client, job.id)) as stream:
        async for _, event in stream:
            if event["event"] == "invocation_state":
                SHAPES.check("Invocation", event["invocation"])
            if event["event"] == "error":
                SHAPES.check("Error", event["error"])


async def test_an_invocation_goes_from_queued_to_succeeded(client: httpx2.AsyncClient, world: World) -> None:
    created = await client.post(f"{BASE}/invocations", json={**BODY, "payload": '{"a":1}'})
    assert created.status_code == 202
    SHAPES.check("InvokeResponse", created.json())
    [job] = world.jobs("kernel")
    assert created.json() == {"id": job.id, "action_name": "analyze", "status": "queued"}
    path = f"{BASE}/invocations/{job.id}"
    made = {"id": job.id, "app_name": "my-app", "version": "latest", "action_name": "analyze", "payload": '{"a":1}'}
    made["started_at"] = "2026-11-01T12:00:00.000000000Z"
    assert await get(client, path) == {**made, "status": "queued", "finished_at": None}
    await anyio.sleep(3)
    assert await get(client, path) == {**made, "status": "running", "finished_at": None}
    await anyio.sleep(10)
    over = {"status": "succeeded", "finished_at": "2026-11-01T12:00:08.000000000Z"}
    assert await get(client, path) == {**made, **over, "output": '{"price": 42, "currency": "EUR"}'}


async def test_a_call_that_is_not_asynchronous_waits_for_the_end(client: httpx2.AsyncClient, world: World) -> None:
    answer = await client.post(f"{BASE}/invocations", json={**BODY, "async": False})
    assert (answer.status_code, answer.json()["status"], anyio.current_time()) == (200, "succeeded", 8)
    SHAPES.check("InvokeResponse", answer.json())
    answer = await client.post(f"{BASE}/invocations", json={**BODY, "action_name": "slow", "async": False})
    assert (answer.json()["status"], anyio.current_time()) == ("running", 108)
    assert len(world.jobs("kernel")) == 2


@pytest.mark.parametrize(
    ("end", "output"), [(Finish("Done."), '"Done."'), (Finish(None), "null"), (Fail("boom"), "boom")]
)
async def test_the_output_is_json_and_of_a_failure_a_text(
    client: httpx2.AsyncClient, world: World, end: Finish | Fail, output: Json
) -> None:
    job = world.add("kernel", Script(beats=(end,)))
    assert (await get(client, f"{BASE}/invocations/{job.id}"))["output"] == output


async def test_the_reason_of_a_failure_keeps_the_output_to_itself(client: httpx2.AsyncClient, world: World) -> None:
    jobs = [world.add("kernel", Script(beats=(end,))) for end in (Fail("boom"), Fail("boom", kind="timed_out"))]
    reasons = [(await get(client, f"{BASE}/invocations/{job.id}"))["status_reason"] for job in jobs]
    assert reasons == ["Invocation failed", "Invocation timed out"]


async def test_a_stream_tells_what_happened_and_then_what_happens(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", QUICK)
    await anyio.sleep(5.5)
    opened = (5.5, "Opened the shop")
    end = [(8, "Searched for the kettle"), (8, "succeeded")]
    assert await heard(client, job.id) == [opened, (5.5, "running"), *end]
    assert anyio.current_time() == 8
    again = await heard(client, job.id)
    assert again == [(8, "Opened the shop"), *end]


async def test_a_stream_tells_every_change_of_status(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", Script(beats=(Queued(2), Step("Looked", 2), Fail("boom"))))
    assert await heard(client, job.id) == [
        (0, "queued"),
        (2, "running"),
        (4, "Looked"),
        (4, "boom"),
        (4, "failed"),
    ]


async def test_a_silent_stream_gives_signs_of_life(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", Script(beats=(Ask("Which colour?", patience=40), Stall(2), Step("Looked", 3), Finish())))
    told = await heard(client, job.id)
    assert told == [
        (0, "running"),
        (15, "sse_heartbeat"),
        (30, "sse_heartbeat"),
        (45, "Looked"),
        (45, "succeeded"),
    ]


@pytest.mark.parametrize(
    "since",
    ["2026-11-01T12:00:04Z", "2026-11-01T13:00:04.000000000+01:00", "2s", "1.5s500ms", "2026-11-01T12:00:06Z"],
)
async def test_a_stream_tells_no_older_lines_than_it_is_asked_for(
    client: httpx2.AsyncClient, world: World, since: str
) -> None:
    job = world.add(
        "kernel", Script(beats=(Step("One", 1), Step("Two", 1), Step("Three", 4), Step("Four", 4), Finish()))
    )
    await anyio.sleep(6)
    async with aclosing(events(client, job.id, since=since)) as stream:
        told = [event async for _, event in stream]
    assert [short(each) for each in told] == ["Three", "running", "Four", "succeeded"]
    assert told[0]["timestamp"] == "2026-11-01T12:00:06.000000000Z"


async def test_a_stream_breaks_when_trouble_begins(client: httpx2.AsyncClient, world: World) -> None:
    for trouble in (Outage(3, 5), RateLimit(3, 5)):
        job = world.add("kernel", Script(beats=(Step("Looked", 2), Stall(20), Finish()), troubles=(trouble,)))
        start, told = anyio.current_time(), list[tuple[float, str]]()
        with pytest.raises(httpx2.ReadError):
            await heard(client, job.id, into=told)
        assert anyio.current_time() - start == 3
        assert [(at - start, each) for at, each in told] == [(0, "running"), (2, "Looked")]
        assert (await client.get(f"{BASE}/invocations/{job.id}/events")).status_code in {503, 429}
        await anyio.sleep(30)


async def test_whoever_leaves_a_stream_leaves_nothing_behind(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", Script(beats=(Stall(),)))
    for seconds in (10, 20, 30):
        with anyio.move_on_after(10):
            await heard(client, job.id)
        assert anyio.current_time() == seconds


@pytest.mark.parametrize("status", ["failed", "succeeded"])
async def test_an_invocation_is_ended_by_changing_it(client: httpx2.AsyncClient, world: World, status: str) -> None:
    job = world.add("kernel", QUICK)
    path = f"{BASE}/invocations/{job.id}"
    await anyio.sleep(3)
    async with anyio.create_task_group() as tasks:
        told: list[tuple[float, str]] = []

        async def follow() -> None:
            told.extend(await heard(client, job.id))

        tasks.start_soon(follow)
        await anyio.sleep(1)
        answer = await client.patch(path, json={"status": status, "output": '"enough"'})
    ended = answer.json()
    assert (ended["status"], ended["output"]) == (status, '"enough"')
    assert ("status_reason" in ended) is (status == "failed")
    assert ended["finished_at"] == "2026-11-01T12:00:04.000000000Z"
    assert told == [(3, "running"), (pytest.approx(4, abs=0.25), status)]
    assert await get(client, f"{path}/browsers") == {"browsers": []}
    await client.patch(path, json={"status": "failed", "output": '"other"'})
    assert await get(client, path) == ended


async def test_ending_needs_no_output(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", QUICK)
    answer = await client.patch(f"{BASE}/invocations/{job.id}", json={"status": "failed"})
    assert "output" not in answer.json()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"status": "running"}', '{"status": "failed", "output": 5}'])
async def test_a_change_refuses_what_does_not_validate(client: httpx2.AsyncClient, world: World, content: str) -> None:
    job = world.add("kernel", QUICK)
    assert refusal(await client.patch(f"{BASE}/invocations/{job.id}", content=content)) == (400, "bad_request")


async def test_a_browser_is_there_until_a_minute_after_the_end(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", QUICK)
    path = f"{BASE}/invocations/{job.id}/browsers"
    assert await get(client, path) == {"browsers": []}
    await anyio.sleep(3)
    [browser] = (await get(client, path))["browsers"]
    assert browser["created_at"] == "2026-11-01T12:00:02.000000000Z"
    replays = f"{BASE}/browsers/{browser['session_id']}/replays"
    [replay] = await get(client, replays)
    assert replay["finished_at"] is None
    answer = await client.get(f"{replays}/{replay['replay_id']}")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "5")
    await anyio.sleep(60)
    assert (await get(client, path))["browsers"] == [browser]
    await anyio.sleep(10)
    assert (await get(client, path))["browsers"] == []
    [replay] = await get(client, replays)
    assert replay["finished_at"] == "2026-11-01T12:00:08.000000000Z"
    answer = await client.get(f"{replays}/{replay['replay_id']}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")


async def test_browsers_are_closed_and_the_invocation_goes_on(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", QUICK)
    await anyio.sleep(3)
    for _ in range(2):
        assert (await client.delete(f"{BASE}/invocations/{job.id}/browsers")).status_code == 204
    assert await get(client, f"{BASE}/invocations/{job.id}/browsers") == {"browsers": []}
    assert (await get(client, f"{BASE}/invocations/{job.id}"))["status"] == "running"


async def test_invocations_are_listed_page_by_page(client: httpx2.AsyncClient, world: World) -> None:
    ids = [world.add("kernel", QUICK).id for _ in range(5)][::-1]
    seen, offset, places = [], 0, []
    for _ in range(3):
        answer = await client.get(f"{BASE}/invocations", params={"limit": 2, "offset": offset})
        seen += [each["id"] for each in answer.json()]
        offset = int(answer.headers["x-next-offset"])
        places.append((offset, answer.headers["x-has-more"]))
    assert seen == ids
    assert places == [(2, "true"), (4, "true"), (0, "false")]
    assert (answer.headers["x-limit"], answer.headers["x-offset"]) == ("2", "4")


async def test_invocations_are_found_by_what_they_are(client: httpx2.AsyncClient, world: World) -> None:
    early = world.add("kernel", Script(beats=(Finish(),)))
    await anyio.sleep(10)
    late = world.add("kernel", Script(beats=(Queued(100), Finish())))
    late.notes |= {"action_name": "quick", "version": "2.0.0"}

    async def found(**params: str) -> list[str]:
        return [each["id"] for each in (await client.get(f"{BASE}/invocations", params=params)).json()]

    assert await found(status="succeeded") == [early.id]
    assert await found(status="queued", app_name="my-app") == [late.id]
    assert await found(action_name="quick") == await found(version="2.0.0") == await found(query="uic") == [late.id]
    assert await found(query=early.id) == [early.id]
    assert await found(since="5s") == await found(since="2026-11-01T12:00:05Z") == [late.id]
    assert await found(since="1h30m") == [late.id, early.id]
    assert await found(app_name="another") == await found(deployment_id="x") == []


@pytest.mark.parametrize(
    "query", ["status=done", "limit=0", "limit=101", "offset=-1", "offset=x", "since=x", "since=2026-11-01T12:00"]
)
async def test_a_list_refuses_what_it_does_not_know(client: httpx2.AsyncClient, query: str) -> None:
    assert refusal(await client.get(f"{BASE}/invocations?{query}")) == (400, "bad_request")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"app_name": None}, 400),
        ({"action_name": ""}, 400),
        ({"version": 1}, 400),
        ({"payload": {}}, 400),
        ({"async_timeout_seconds": 9}, 400),
        ({"async_timeout_seconds": "x"}, 400),
        ({"app_name": "another"}, 404),
        ({"action_name": "another"}, 404),
    ],
)
async def test_a_start_refuses_what_it_does_not_know(
    client: httpx2.AsyncClient, world: World, changes: dict[str, Json], code: int
) -> None:
    answer = await client.post(f"{BASE}/invocations", json={**BODY, **changes})
    assert refusal(answer)[0] == code
    assert world.jobs("kernel") == []


async def test_without_credits_nothing_is_started(client: httpx2.AsyncClient, world: World) -> None:
    world.out_of_credits = True
    assert refusal(await client.post(f"{BASE}/invocations", json=BODY)) == (402, "payment_required")


async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("kernel", QUICK)
    for path in ("nobody", job.named("session")):
        for end in ("", "/events", "/browsers"):
            assert refusal(await client.get(f"{BASE}/invocations/{path}{end}")) == (404, "not_found")
        assert refusal(await client.patch(f"{BASE}/invocations/{path}", json={})) == (404, "not_found")
    assert refusal(await client.get(f"{BASE}/browsers/nobody/replays")) == (404, "not_found")
    assert refusal(await client.get(f"{BASE}/nothing")) == (404, "not_found")
    assert refusal(await client.delete(f"{BASE}/invocations"))[0] == 405
    assert refusal(await client.get(f"{BASE}/invocations/{job.id}/events?since=x")) == (400, "bad_request")


async def test_a_browser_that_was_not_opened_yet_and_a_replay_of_another_are_unknown(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("kernel", QUICK)
    await anyio.sleep(3)
    [browser] = (await get(client, f"{BASE}/invocations/{job.id}/browsers"))["browsers"]
    path = f"{BASE}/browsers/{browser['session_id']}/replays"
    assert refusal(await client.get(f"{path}/another")) == (404, "not_found")
    world.remove("kernel", job)
    again = world.add("kernel", QUICK, id=job.id)
    assert again.id == job.id
    assert refusal(await client.get(path)) == (404, "not_found")


@pytest.mark.parametrize("header", ["Bearer wrong", "demo-key", "Basic demo-key", ""])
async def test_the_key_is_checked(client: httpx2.AsyncClient, header: str) -> None:
    client.headers["Authorization"] = header
    assert refusal(await client.get(f"{BASE}/invocations")) == (401, "unauthorized")


async def test_too_many_requests_are_refused(client: httpx2.AsyncClient, world: World) -> None:
    world.trouble = RateLimit(0, 0)
    answer = await client.get(f"{BASE}/invocations")
    assert (refusal(answer)[0], answer.headers["retry-after"]) == (429, "5")


async def test_ids_have_the_shape_of_the_vendor_s(world: World) -> None:
    ids = {world.add("kernel", QUICK).id for _ in range(50)}
    assert len(ids) == 50
    assert all(len(each) == 24 and each[0].isalpha() and each.isalnum() and each.islower() for each in ids)
