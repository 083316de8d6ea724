"""How the pretend TinyFish answers and refuses, and that it has the documented shapes."""

from base64 import b64decode
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.pictures import picture
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Json, Outage, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.stories import QUICK
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, Shapes, get

pytestmark = pytest.mark.anyio

KEY = {"X-API-Key": "demo-key"}
BASE = "/tinyfish/v1"
BODY = {"url": "https://shop.example/", "goal": "Find the kettle"}


@pytest.fixture
async def client(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    client.headers.update(KEY)
    return client


def check_run(name: str, run: dict[str, Any]) -> None:
    """It has the fields of a run, and what is inside has its own."""
    shapes = Shapes("tinyfish")
    shapes.check(name, run)
    shapes.check("BrowserConfig", run["browser_config"])
    shapes.check("Step", *run.get("steps", ()))
    if run["error"]:
        shapes.check("RunError", run["error"])
    if run["schema_validation"]:
        shapes.check("SchemaValidation", run["schema_validation"])


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    Shapes("tinyfish").check("ErrorResponse", answer.json())
    Shapes("tinyfish").check("Error", answer.json()["error"])
    return answer.status_code, answer.json()["error"]["code"]


async def test_its_answers_have_the_documented_shapes(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    shapes, job = Shapes("tinyfish"), world.add("tinyfish", script)
    job.notes["output_schema"] = {"type": "object"}
    for _ in range(MOMENTS):
        check_run("Run", await get(client, f"{BASE}/runs/{job.id}?screenshots=base64"))
        page = await get(client, f"{BASE}/runs")
        shapes.check("RunListResponse", page)
        shapes.check("PaginationInfo", page["pagination"])
        check_run("RunSummary", page["data"][0])
        await anyio.sleep(4)
    cancelled = await client.post(f"{BASE}/runs/{job.id}/cancel")
    shapes.check("CancelResponse", cancelled.json())


async def test_a_run_goes_from_pending_to_completed(client: httpx2.AsyncClient) -> None:
    created = await client.post(f"{BASE}/automation/run-async", json=BODY)
    assert created.status_code == 200
    Shapes("tinyfish").check("RunAsyncResponse", created.json())
    assert created.json()["error"] is None
    path = f"{BASE}/runs/{created.json()['run_id']}"
    run = await get(client, path)
    assert (run["status"], run["goal"], run["created_at"]) == ("PENDING", BODY["goal"], "2026-11-01T12:00:00.000Z")
    assert [run[field] for field in ("started_at", "streaming_url", "video_url", "num_of_steps")] == [None] * 4
    assert run["steps"] == []
    await anyio.sleep(6)
    run = await get(client, path)
    assert (run["status"], run["started_at"], run["num_of_steps"]) == ("RUNNING", "2026-11-01T12:00:02.000Z", None)
    assert run["streaming_url"].startswith("https://stream.agent.tinyfish.ai/session/")
    [step] = run["steps"]
    assert (step["action"], step["timestamp"], step["duration"]) == (
        "Opened the shop",
        "2026-11-01T12:00:05.000Z",
        "3.0s",
    )
    assert step["screenshot"] is None
    await anyio.sleep(6)
    run = await get(client, path)
    assert (run["status"], run["num_of_steps"], run["finished_at"]) == ("COMPLETED", 2, "2026-11-01T12:00:08.000Z")
    assert (run["result"], run["error"], run["streaming_url"]) == ({"price": 42, "currency": "EUR"}, None, None)
    assert len({each["id"] for each in run["steps"]}) == 2


async def test_screenshots_come_inside_the_steps_when_they_are_asked_for(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("tinyfish", QUICK)
    await anyio.sleep(20)
    steps = (await get(client, f"{BASE}/runs/{job.id}?screenshots=base64"))["steps"]
    kinds, pictures = zip(*(each["screenshot"].split(";base64,") for each in steps), strict=True)
    assert set(kinds) == {"data:image/png"}
    assert [b64decode(each) for each in pictures] == [picture(1), picture(2)]
    assert {each["screenshot"] for each in (await get(client, f"{BASE}/runs/{job.id}?screenshots=none"))["steps"]} == {
        None
    }


async def test_the_link_to_the_recording_is_new_at_every_look(client: httpx2.AsyncClient, world: World) -> None:
    job, unseen = world.add("tinyfish", QUICK), world.add("tinyfish", QUICK)
    unseen.cancel()
    await anyio.sleep(20)
    first = (await get(client, f"{BASE}/runs/{job.id}"))["video_url"]
    await anyio.sleep(20)
    again = (await get(client, f"{BASE}/runs/{job.id}"))["video_url"]
    assert first.partition("?")[0] == again.partition("?")[0]
    assert first != again
    assert (await get(client, f"{BASE}/runs/{unseen.id}"))["video_url"] is None


@pytest.mark.parametrize(
    ("end", "result"),
    [
        (Finish({"a": 1}, goal_met=False), {"a": 1}),
        (Finish("Done."), {"result": "Done."}),
        (Finish([1], goal_met=None), {"result": [1]}),
        (Finish("There is none.", goal_met=False), {"status": "failure", "reason": "There is none."}),
    ],
)
async def test_a_result_is_an_object(client: httpx2.AsyncClient, world: World, end: Finish, result: Json) -> None:
    job = world.add("tinyfish", Script(beats=(end,)))
    run = await get(client, f"{BASE}/runs/{job.id}")
    assert (run["status"], run["result"]) == ("COMPLETED", result)


@pytest.mark.parametrize(
    ("end", "code", "category", "retry_after"),
    [
        (Fail("boom"), "TASK_FAILED", "AGENT_FAILURE", None),
        (Fail("late", kind="timed_out"), "TIMEOUT", "SYSTEM_FAILURE", 60),
    ],
)
async def test_a_failure_is_told_with_its_category(
    client: httpx2.AsyncClient, world: World, end: Fail, code: str, category: str, retry_after: int | None
) -> None:
    job = world.add("tinyfish", Script(beats=(end,)))
    run = await get(client, f"{BASE}/runs/{job.id}")
    error = run["error"]
    assert (run["status"], run["result"], error["message"]) == ("FAILED", None, end.error)
    assert (error["code"], error["category"], error["retry_after"]) == (code, category, retry_after)


async def test_a_question_is_nothing_but_a_silence(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("tinyfish", Script(beats=(Ask("Which colour?"), Finish())))
    await anyio.sleep(20)
    run = await get(client, f"{BASE}/runs/{job.id}")
    assert (run["status"], run["steps"]) == ("RUNNING", [])


async def test_a_run_tells_how_it_was_made(client: httpx2.AsyncClient) -> None:
    schema = {"type": "object"}
    extra = {"output_schema": schema, "use_profile": True, "profile_id": "prof_1", "browser_profile": "stealth"}
    proxy = {"enabled": True, "country_code": "DE"}
    created = await client.post(f"{BASE}/automation/run-async", json={**BODY, **extra, "proxy_config": proxy})
    path = f"{BASE}/runs/{created.json()['run_id']}"
    run = await get(client, path)
    assert (run["output_schema"], run["schema_validation"]) == (schema, None)
    assert (run["profile_attached"], run["profile_id"]) == (True, "prof_1")
    assert run["browser_config"] == {"proxy_enabled": True, "proxy_country_code": "DE"}
    await anyio.sleep(20)
    assert (await get(client, path))["schema_validation"]["valid"] is True


async def test_a_run_is_cancelled_once_and_cancelling_again_does_no_harm(
    client: httpx2.AsyncClient, world: World
) -> None:
    job, over = world.add("tinyfish", QUICK), world.add("tinyfish", QUICK)
    await anyio.sleep(3)
    answers = []
    for name in (job.id, job.id):
        answers.append((await client.post(f"{BASE}/runs/{name}/cancel")).json())
        await anyio.sleep(3)
    cancelled = {"run_id": job.id, "status": "CANCELLED", "cancelled_at": "2026-11-01T12:00:03.000Z"}
    assert answers == [{**cancelled, "message": None}, {**cancelled, "message": "Run already cancelled"}]
    run = await get(client, f"{BASE}/runs/{job.id}")
    assert (run["status"], run["error"], run["result"]) == ("CANCELLED", None, None)
    finished = (await client.post(f"{BASE}/runs/{over.id}/cancel")).json()
    assert finished == {
        "run_id": over.id,
        "status": "COMPLETED",
        "cancelled_at": None,
        "message": "Run already finished",
    }


async def test_runs_are_listed_page_by_page(client: httpx2.AsyncClient, world: World) -> None:
    ids = []
    for _ in range(5):
        ids.append(world.add("tinyfish", QUICK).id)
        await anyio.sleep(1)
    seen, cursor = [], ""
    for more in (True, True, False):
        page = await get(client, f"{BASE}/runs?limit=2{cursor}")
        seen += [each["run_id"] for each in page["data"]]
        assert (page["pagination"]["total"], page["pagination"]["has_more"]) == (5, more)
        assert (page["pagination"]["next_cursor"] is not None) is more
        cursor = f"&cursor={page['pagination']['next_cursor']}"
    assert seen == ids[::-1]
    rising = await get(client, f"{BASE}/runs?sort_direction=asc")
    assert [each["run_id"] for each in rising["data"]] == ids


async def test_runs_are_found_by_status_goal_and_time(client: httpx2.AsyncClient, world: World) -> None:
    early = world.add("tinyfish", Script(title="Order a KETTLE", beats=(Finish(),)))
    await anyio.sleep(10)
    late = world.add("tinyfish", Script(title="Order a teapot", beats=(Queued(100), Finish())))

    async def found(**params: str) -> list[str]:
        answer = await client.get(f"{BASE}/runs", params=params)
        return [each["run_id"] for each in answer.json()["data"]]

    assert await found(status="COMPLETED") == [early.id]
    assert await found(status="PENDING", goal="Order") == [late.id]
    assert await found(goal="kettle") == [early.id]
    assert await found(created_after="2026-11-01T12:00:05Z") == [late.id]
    assert await found(created_before="2026-11-01T12:00:05+00:00") == [early.id]
    assert await found(goal="nobody") == []


@pytest.mark.parametrize(
    "query",
    [
        "status=DONE",
        "sort_direction=up",
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "created_after=x",
        "created_before=2026-11-01T12:00:05",
        f"goal={'x' * 501}",
    ],
)
async def test_a_list_refuses_what_it_does_not_know(client: httpx2.AsyncClient, query: str) -> None:
    assert refusal(await client.get(f"{BASE}/runs?{query}")) == (400, "INVALID_INPUT")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"goal": "x"}', "url"),
        ('{"url": 5, "goal": "x"}', "url"),
        ('{"url": "https://shop.example/", "goal": ""}', "goal"),
        ('{"url": "shop", "goal": "x"}', "url"),
        ('{"url": "https://shop.example/", "goal": "x", "browser_profile": "fast"}', "browser_profile"),
        ('{"url": "https://shop.example/", "goal": "x", "profile_id": "prof_1"}', "profile_id"),
    ],
)
async def test_a_start_refuses_what_does_not_validate(
    client: httpx2.AsyncClient, world: World, content: str, named: str
) -> None:
    answer = await client.post(f"{BASE}/automation/run-async", content=content)
    assert refusal(answer) == (400, "INVALID_INPUT")
    assert named in answer.text
    assert world.jobs("tinyfish") == []


async def test_without_credits_a_start_is_answered_200_with_an_error(client: httpx2.AsyncClient, world: World) -> None:
    world.out_of_credits = True
    answer = await client.post(f"{BASE}/automation/run-async", json=BODY)
    assert (answer.status_code, answer.json()["run_id"]) == (200, None)
    Shapes("tinyfish").check("RunError", answer.json()["error"])
    assert answer.json()["error"]["category"] == "BILLING_FAILURE"
    assert world.jobs("tinyfish") == []


async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("tinyfish", QUICK)
    for path in ("nobody", job.named("session")):
        assert refusal(await client.get(f"{BASE}/runs/{path}")) == (404, "NOT_FOUND")
        assert refusal(await client.post(f"{BASE}/runs/{path}/cancel")) == (404, "NOT_FOUND")
    assert refusal(await client.get(f"{BASE}/nothing")) == (404, "NOT_FOUND")
    assert refusal(await client.delete(f"{BASE}/runs")) == (405, "NOT_FOUND")
    assert refusal(await client.get(f"{BASE}/runs/{job.id}?screenshots=some")) == (400, "INVALID_INPUT")


async def test_the_key_is_checked(client: httpx2.AsyncClient) -> None:
    assert refusal(await client.get(f"{BASE}/runs", headers={"X-API-Key": "wrong"})) == (401, "INVALID_API_KEY")
    del client.headers["X-API-Key"]
    assert refusal(await client.get(f"{BASE}/runs")) == (401, "MISSING_API_KEY")


async def test_troubles_are_told_in_its_own_words(client: httpx2.AsyncClient, world: World) -> None:
    world.trouble = RateLimit(0, 0)
    answer = await client.get(f"{BASE}/runs")
    assert (refusal(answer), answer.headers["retry-after"]) == ((429, "RATE_LIMIT_EXCEEDED"), "5")
    world.trouble = Outage(0, 0)
    assert (await client.get(f"{BASE}/runs")).status_code == 503


async def test_a_step_lasts_since_what_happened_before_it(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("tinyfish", Script(beats=(Step("One", 1.25), Step("Two", 70), Finish())))
    await anyio.sleep(100)
    steps = (await get(client, f"{BASE}/runs/{job.id}"))["steps"]
    assert [each["duration"] for each in steps] == ["1.2s", "70.0s"]
