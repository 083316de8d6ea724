"""How the pretend Hyperbrowser answers and refuses, and that what it answers has the documented shapes."""

from base64 import b64decode
from functools import partial
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.hyperbrowser_steps import STEPS
from mcp_browserjobs.simulator.pictures import picture
from mcp_browserjobs.simulator.script import Fail, Finish, PretendJob, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.stories import QUICK, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, Shapes, get_from

pytestmark = pytest.mark.anyio

BASE = "/hyperbrowser/api"
KEY = {"x-api-key": "demo-key"}
SHAPES = Shapes("hyperbrowser")
AGENTS = [*((kind, None) for kind in STEPS), ("browser-use", "0.7.10"), ("hyper-agent", "1.1.0")]
"""The kinds, and the versions of which steps are typed."""
get = partial(get_from, BASE, KEY)


async def start(client: httpx2.AsyncClient, kind: str = "browser-use", **body: object) -> Any:
    response = await client.post(f"{BASE}/task/{kind}", json={"task": "Find a kettle", **body}, headers=KEY)
    assert response.status_code == 200, response.text
    return response.json()


def add(world: World, script: Script, kind: str = "browser-use", version: str | None = None) -> PretendJob:
    job = world.add("hyperbrowser", script, f"{kind}/{uuid4()}")
    if version is not None:
        job.notes["version"] = version
    return job


async def steps(client: httpx2.AsyncClient, job: PretendJob) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(client, f"/task/{job.id}"))["data"]["steps"]
    return found


@pytest.mark.parametrize(("kind", "version"), AGENTS)
async def test_its_answers_have_the_documented_shapes(
    client: httpx2.AsyncClient, world: World, script: Script, kind: str, version: str | None
) -> None:
    SHAPES.check("StartTaskResponse", await start(client, kind))
    SHAPES.check("TeamCreditInfo", await get(client, "/team/credit-info"))
    job, shown = add(world, script, kind, version), False
    for _ in range(MOMENTS):
        SHAPES.check("TaskStatusResponse", await get(client, f"/task/{job.id}/status"))
        task = await get(client, f"/task/{job.id}")
        SHAPES.check("TaskResponse", task)
        if "data" in task:
            shown = True
            SHAPES.check("TaskData", task["data"])
            SHAPES.check("HyperAgentTaskMetadata" if kind == "hyper-agent" else "TaskMetadata", task["metadata"])
            for step in task["data"]["steps"]:
                check_step(step, kind, f"{kind} {version}" if version else kind)
        await anyio.sleep(4)
    assert shown
    response = await client.put(f"{BASE}/task/{job.id}/stop", headers=KEY)
    SHAPES.check("BasicResponse", response.json())


def check_step(step: dict[str, Any], kind: str, typed: str) -> None:
    match kind:
        case "browser-use":
            SHAPES.check("browser-use", step)
            thought = step["model_output"]
            if thought is not None:
                SHAPES.check(f"{typed}/model_output", thought)
                SHAPES.check("browser-use/current_state", *([thought["current_state"]] if typed == kind else []))
            SHAPES.check(f"{typed}/result", *step["result"])
            SHAPES.check(f"{typed}/state", step["state"])
            SHAPES.check("browser-use/tab", *(step["state"]["tabs"] if typed == kind else []))
            SHAPES.check(f"{typed}/metadata", step["metadata"])
        case "hyper-agent":
            SHAPES.check(typed, step)
            SHAPES.check(f"{typed}/agentOutput", step["agentOutput"])
            outcomes = step["actionOutputs"] if typed == kind else [step["actionOutput"]]
            SHAPES.check("hyper-agent/actionOutput", *outcomes)
        case "cua" | "grok-computer-use" | "meta-computer-use":
            SHAPES.check(kind, step)
            SHAPES.check(f"{kind}/reasoning", step["reasoning"])
        case "claude-computer-use" | "gemini-computer-use":
            SHAPES.check(kind, step)
        case _:
            assert kind == "jev"  # any object


@pytest.mark.parametrize("kind", STEPS)
async def test_a_task_goes_from_pending_to_its_result(client: httpx2.AsyncClient, world: World, kind: str) -> None:
    new = await start(client, kind)
    assert new["liveUrl"].startswith("https://app.hyperbrowser.ai/live?token=")
    [job] = world.jobs("hyperbrowser")
    assert job.id == f"{kind}/{new['jobId']}"
    path = f"/task/{job.id}"
    assert await get(client, path) == {**new, "status": "pending", "error": None}
    await anyio.sleep(6)
    running = await get(client, path)
    assert (running["status"], running["liveUrl"], running["data"]["finalResult"]) == ("running", new["liveUrl"], None)
    assert (len(running["data"]["steps"]), running["metadata"]["numTaskStepsCompleted"]) == (1, 1)
    assert ("inputTokens" in running["metadata"]) is (kind != "hyper-agent")
    await anyio.sleep(6)
    done = await get(client, path)
    assert (done["jobId"], done["status"], done["liveUrl"]) == (new["jobId"], "completed", None)
    assert done["data"]["finalResult"] == '{"price": 42, "currency": "EUR"}'
    assert done["data"]["steps"][:1] == running["data"]["steps"]
    assert len(done["data"]["steps"]) == 3
    assert await get(client, f"{path}/status") == {"status": "completed"}


@pytest.mark.parametrize(
    ("end", "status", "error", "result"),
    [
        (Fail("boom"), "failed", "boom", None),
        (Fail("Too late.", "timed_out"), "failed", "Too late.", None),
        (Finish("No.", goal_met=False), "completed", None, "No."),
        (Finish(None), "completed", None, None),
    ],
)
async def test_each_end_has_its_word(
    client: httpx2.AsyncClient, world: World, end: Fail | Finish, status: str, error: str | None, result: str | None
) -> None:
    task = await get(client, f"/task/{add(world, Script(beats=(end,))).id}")
    assert (task["status"], task["error"], task["data"]["finalResult"]) == (status, error, result)


async def test_a_step_of_browser_use_has_a_picture_and_its_times(client: httpx2.AsyncClient, world: World) -> None:
    job = add(
        world, Script(beats=(Queued(2), Step("Looked", 3), Step("Paid", 4, "https://shop.example/pay"), Finish()))
    )
    await anyio.sleep(10)
    first, second, last = await steps(client, job)
    assert [b64decode(each["state"]["screenshot"]) for each in (first, second)] == [picture(2), picture(3)]
    assert last["state"]["screenshot"] is None
    assert second["model_output"]["current_state"]["next_goal"] == "Paid"
    assert second["state"]["url"] == second["state"]["tabs"][0]["url"] == "https://shop.example/pay"
    times = [each["metadata"] for each in (first, second, last)]
    assert [each["step_number"] for each in times] == [1, 2, 3]
    assert [each["step_end_time"] - each["step_start_time"] for each in times] == [3, 4, 0]
    assert second["result"] == [{"is_done": False, "extracted_content": "Paid", "include_in_memory": True}]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (Finish("Done so."), {"success": True}),
        (Finish("Done so.", goal_met=False), {"success": False}),
        (Finish("Done so.", goal_met=None), {}),
    ],
)
@pytest.mark.parametrize("version", [None, "0.7.10"])
async def test_the_last_step_of_browser_use_tells_of_success(
    client: httpx2.AsyncClient, world: World, version: str | None, end: Finish, told: dict[str, bool]
) -> None:
    job = add(world, Script(beats=(end,)), version=version)
    [last] = await steps(client, job)
    assert last["result"] == [
        {"is_done": True, "extracted_content": "Done so.", "include_in_memory": False, **told},
    ]


async def test_a_failed_step_of_browser_use_has_no_output_of_the_model(
    client: httpx2.AsyncClient, world: World
) -> None:
    [step] = await steps(client, add(world, Script(beats=(Fail("boom"),))))
    assert (step["model_output"], step["result"][0]["error"], step["state"]["screenshot"]) == (None, "boom", None)


async def test_later_versions_have_flatter_steps(client: httpx2.AsyncClient) -> None:
    flat = await start(client, version="0.7.10")
    single = await start(client, "hyper-agent", version="1.1.0")
    usual = await start(client, "hyper-agent", version=7)
    await anyio.sleep(20)
    first = (await get(client, f"/task/browser-use/{flat['jobId']}"))["data"]["steps"][0]
    assert first["model_output"]["next_goal"] == "Opened the shop"
    assert "screenshot" not in first["state"]
    first = (await get(client, f"/task/hyper-agent/{single['jobId']}"))["data"]["steps"][0]
    assert (first["idx"], first["actionOutput"]["message"]) == (0, "Opened the shop")
    first = (await get(client, f"/task/hyper-agent/{usual['jobId']}"))["data"]["steps"][0]
    assert (first["agentOutput"]["nextGoal"], len(first["actionOutputs"])) == ("Opened the shop", 1)


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("cua", "model"),
        ("claude-computer-use", "model"),
        ("gemini-computer-use", "modelVersion"),
        ("grok-computer-use", "model"),
        ("meta-computer-use", "model"),
    ],
)
async def test_steps_name_the_model_that_was_wished_for(client: httpx2.AsyncClient, kind: str, where: str) -> None:
    tasks = [await start(client, kind), await start(client, kind, llm="some-model")]
    await anyio.sleep(20)
    models = [(await get(client, f"/task/{kind}/{task['jobId']}"))["data"]["steps"][0][where] for task in tasks]
    assert models[0] != models[1] == "some-model"


async def test_a_question_and_a_hold_just_keep_it_running(client: httpx2.AsyncClient, world: World) -> None:
    asks, held = add(world, asking()), add(world, Script(beats=(Step("Looked", 60),)))
    held.pause()
    await anyio.sleep(100)
    for job in (asks, held):
        assert await get(client, f"/task/{job.id}/status") == {"status": "running"}
    assert len(await steps(client, asks)) == 1


@pytest.mark.parametrize("seconds", [0, 10])
async def test_a_stop_ends_a_task_and_succeeds_once(client: httpx2.AsyncClient, world: World, seconds: float) -> None:
    job = add(world, Script(beats=(Queued(5), Step("Looked", 60))))
    await anyio.sleep(seconds)
    for success in (True, False):
        response = await client.put(f"{BASE}/task/{job.id}/stop", headers=KEY)
        assert (response.status_code, response.json()) == (200, {"success": success})
    task = await get(client, f"/task/{job.id}")
    assert (task["status"], task["error"], task["liveUrl"], "data" in task) == ("stopped", None, None, bool(seconds))


async def test_a_task_that_is_over_is_not_stopped(client: httpx2.AsyncClient, world: World) -> None:
    job = add(world, Script(beats=(Finish(),)))
    response = await client.put(f"{BASE}/task/{job.id}/stop", headers=KEY)
    assert response.json() == {"success": False}
    assert (await get(client, f"/task/{job.id}/status")) == {"status": "completed"}


async def test_a_task_is_known_under_its_kind_alone(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("hyperbrowser", QUICK)
    kind, _, name = job.id.partition("/")
    assert kind == "browser-use"
    assert world.find("hyperbrowser", name) is job
    for path in (f"/task/cua/{name}", f"/task/cua/{name}/status", f"/task/{kind}/{uuid4()}", f"/task/{name}/{name}"):
        answer = await client.get(BASE + path, headers=KEY)
        assert (answer.status_code, answer.json()) == (404, {"message": "Job not found"})


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
async def test_a_missing_or_wrong_key_is_a_401(
    client: httpx2.AsyncClient, world: World, headers: dict[str, str]
) -> None:
    for path in (f"/task/{world.add('hyperbrowser', QUICK).id}", "/team/credit-info"):
        answer = await client.get(BASE + path, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"message": "Invalid API key"})


@pytest.mark.parametrize(
    ("kind", "text", "status", "message"),
    [
        ("cua", "{", 400, "Invalid JSON"),
        ("cua", "[]", 400, "body - Invalid type"),
        ("cua", "{}", 400, "task - Required"),
        ("cua", '{"task": 5}', 400, "task - Invalid type"),
        ("jev-computer-use", '{"task": "x"}', 404, "Not found"),
    ],
)
async def test_what_cannot_be_started_is_refused(
    client: httpx2.AsyncClient, world: World, kind: str, text: str, status: int, message: str
) -> None:
    answer = await client.post(f"{BASE}/task/{kind}", content=text, headers=KEY)
    assert (answer.status_code, answer.json()) == (status, {"message": message})
    assert world.jobs("hyperbrowser") == []


async def test_without_credits_nothing_starts(client: httpx2.AsyncClient, world: World) -> None:
    assert (await get(client, "/team/credit-info"))["remaining"] > 0
    world.out_of_credits = True
    answer = await client.post(f"{BASE}/task/cua", json={"task": "x"}, headers=KEY)
    assert (answer.status_code, world.jobs("hyperbrowser")) == (402, [])
    assert (await get(client, "/team/credit-info"))["remaining"] == 0


async def test_there_is_no_list_and_no_other_method(client: httpx2.AsyncClient, world: World) -> None:
    answer = await client.get(f"{BASE}/nowhere", headers=KEY)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found"})
    for method, path in (("GET", "/task/cua"), ("POST", f"/task/{world.add('hyperbrowser', QUICK).id}/stop")):
        answer = await client.request(method, BASE + path, headers=KEY)
        assert (answer.status_code, answer.json()) == (405, {"message": "Method not allowed"})


async def test_too_many_requests_may_be_tried_again(client: httpx2.AsyncClient, world: World) -> None:
    world.trouble = RateLimit(0, 0, "7")
    answer = await client.get(f"{BASE}/task/cua/{uuid4()}", headers=KEY)
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["retryable"]) == (429, "7", True)
