"""What the simulators answer has the keys and the types that recorded and documented answers have, and no others."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.gobii import AGENT
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.skyvern_objects import AGENT as SKYVERN_AGENT
from mcp_browserjobs.simulator.stories import QUICK
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, PAYLOADS, SCRIPTS, Shapes, check, documented, get, kind

pytestmark = pytest.mark.anyio

KEYS = {"X-API-Key": "demo-key", "X-Browser-Use-API-Key": "demo-key"}


@pytest.fixture
async def client(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    client.headers.update(KEYS)
    return client


async def test_dari(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    page = json.loads(documented("dari", "status_running")["body_text"])
    fields = {name: kind(value) for name, value in page.items()}
    fields |= dict.fromkeys(("result", "error", "downloads_link", "video_recording_url"), "null|string|object")
    fields |= dict.fromkeys(("browser_url", "current_step"), "null|string")  # whether null is possible is not known
    event = {name: kind(value) for name, value in page["events"][0].items()}
    job = world.add("dari", script)
    for _ in range(MOMENTS):
        body = await get(client, f"/dari/jobs/demo-org/contact_form/status?job_id={job.id[-36:]}")
        check(body, fields)
        for each in body["events"]:
            check(each, event)
        times = {body["created_at"], body["updated_at"], *(each["timestamp"] for each in body["events"])}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in times)
        await anyio.sleep(4)


async def test_dari_in_its_older_dialect(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    world.dialect = "task"
    job = world.add("dari", script)
    for _ in range(MOMENTS):
        path = f"/dari/task/demo-org/contact_form/status?job_id={job.id[-36:]}"
        body = await get(client, path)
        Shapes("dari").check(
            "OlderJob", body | {"final_result": None}
        )  # its type without an output schema is not known
        await anyio.sleep(4)


async def test_dari_s_commands_and_portals(client: httpx2.AsyncClient, world: World) -> None:
    base = "/dari/jobs/demo-org/contact_form"
    Shapes("dari").check("Portal", *await get(client, "/dari/portals/demo-org"))
    started = (await client.post(f"{base}/start", json={})).json()
    assert started.keys() == documented("dari", "start")["body"].keys()
    job = world.add("dari", SCRIPTS["held"])
    for verb in ("pause", "stop"):
        answer = (await client.post(f"{base}/{verb}?job_id={job.id[-36:]}")).json()
        expected = documented("dari", verb)["body"]
        expected["previous_status"] = {"pause": "running", "stop": "paused"}[verb]
        assert answer == {**expected, "job_id": job.id[-36:]}


async def test_browser_use(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    base, shapes = "/browser_use/api/v4", Shapes("browser_use")
    created = await client.post(f"{base}/runs", json={"task": "x"})
    shapes.check("RunCreateResponse", created.json())
    job = world.add("browser_use", script)
    for _ in range(MOMENTS):
        shapes.check("RunSummary", await get(client, f"{base}/runs/{job.id}"))
        shapes.check("RunStatusResponse", await get(client, f"{base}/runs/{job.id}/status"))
        events = await get(client, f"{base}/runs/{job.id}/events?limit=3")
        shapes.check("RunEventsResponse", events)
        shapes.check("RunEvent", *events["events"])
        shapes.check("SessionInfo", await get(client, f"{base}/sessions/{job.named('session')}"))
        shapes.check("BrowserSessionView", await get(client, f"{base}/browsers/{job.named('browser')}"))
        runs = await get(client, f"{base}/runs?limit=1")
        shapes.check("RunListResponse", runs)
        shapes.check("RunSummary", *runs["runs"])
        await anyio.sleep(4)


async def test_browser_use_v3(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    base, shapes = "/browser_use/api/v3", Shapes("browser_use_v3")
    created = await client.post(f"{base}/sessions", json={"task": "x"})
    shapes.check("SessionResponse", created.json())
    shapes.check("AccountView", await get(client, f"{base}/billing/account"))
    job = world.add("browser_use_v3", script)
    for _ in range(MOMENTS):
        shapes.check("SessionResponse", await get(client, f"{base}/sessions/{job.id}"))
        messages = await get(client, f"{base}/sessions/{job.id}/messages")
        shapes.check("MessageListResponse", messages)
        shapes.check("MessageResponse", *messages["messages"])
        sessions = await get(client, f"{base}/sessions")
        shapes.check("SessionListResponse", sessions)
        shapes.check("SessionResponse", *sessions["sessions"])
        await anyio.sleep(4)


async def test_browser_use_v2(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    base, shapes = "/browser_use/api/v2", Shapes("browser_use_v2")
    created = await client.post(f"{base}/tasks", json={"task": "x", "judge": True})
    shapes.check("TaskCreatedResponse", created.json())
    shapes.check("AccountView", await get(client, f"{base}/billing/account"))
    job = world.add("browser_use_v2", script)
    for _ in range(MOMENTS):
        task = await get(client, f"{base}/tasks/{job.id}")
        shapes.check("TaskView", task)
        shapes.check("TaskStepView", *task["steps"])
        shapes.check("TaskStatusView", await get(client, f"{base}/tasks/{job.id}/status"))
        shapes.check("TaskLogFileResponse", await get(client, f"{base}/tasks/{job.id}/logs"))
        session = await get(client, f"{base}/sessions/{job.named('session')}")
        shapes.check("SessionView", session)
        tasks = await get(client, f"{base}/tasks")
        shapes.check("TaskListResponse", tasks)
        shapes.check("TaskItemView", *tasks["items"], *session["tasks"])
        await anyio.sleep(4)


async def test_browser_use_v1(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    world.retired = False
    client.headers["Authorization"] = "Bearer demo-key"
    base, shapes = "/browser_use/api/v1", Shapes("browser_use_v1")
    shapes.check("Created", (await client.post(f"{base}/run-task", json={"task": "x"})).json())
    shapes.check("Balance", await get(client, f"{base}/balance"))
    job = world.add("browser_use_v1", script)
    for _ in range(MOMENTS):
        task = await get(client, f"{base}/task/{job.id}")
        shapes.check("Task", task)
        shapes.check("Step", *task["steps"])
        shapes.check("Media", await get(client, f"{base}/task/{job.id}/media"))
        shapes.check("Screenshots", await get(client, f"{base}/task/{job.id}/screenshots"))
        tasks = await get(client, f"{base}/tasks")
        shapes.check("TaskList", tasks)
        shapes.check("TaskItem", *tasks["tasks"])
        assert kind(await get(client, f"{base}/task/{job.id}/status")) == "string"
        await anyio.sleep(4)


@pytest.mark.parametrize("status", [200, 404])
async def test_browser_use_v1_says_the_status_as_the_page_does(
    client: httpx2.AsyncClient, world: World, status: int
) -> None:
    world.retired = False
    job = world.add("browser_use_v1", QUICK, id="task_1234567890abcdef")
    await anyio.sleep(60)
    path = f"/browser_use/api/v1/task/{job.id if status == 200 else 'another'}/status"
    response = await client.get(path, headers={"Authorization": "Bearer demo-key"})
    page = documented("browser_use_v1", f"page_{status}")
    assert (response.status_code, response.json()) == (page["status"], json.loads(page["body_text"]))


def places(path: str, body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The objects of an answer, each with what it is: a task, a list, an item of one, the result of a running task."""
    place = re.sub(r"/[0-9a-f-]{36}/", "/{id}/", path.removeprefix("/gobii"))
    place = place.replace("/agents/browser-use/{id}/tasks/", "/tasks/browser-use/")
    if place.endswith("/result/"):
        place += body["status"]
    return [(place, body), *((f"an item of {place}", item) for item in body.get("results", ()))]


def recorded() -> dict[str, list[dict[str, Any]]]:
    """All good answers of the recorded server by what they are."""
    objects: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in (PAYLOADS / "gobii").glob("*.json"):
        for exchange in json.loads(file.read_text("utf-8")).get("exchanges", ()):
            body = exchange["response"].get("json")
            if exchange["response"]["status"] < 300 and isinstance(body, dict):
                for place, value in places(exchange["request"]["path"], body):
                    objects[place].append(value)
    return objects


RECORDED = recorded()
SEEN = [field for values in RECORDED.values() for value in values for field in value.items()]
KINDS = {name: {kind(value) for known, value in SEEN if known == name} for name, _ in SEEN}


def check_recorded(path: str, body: dict[str, Any]) -> None:
    """Answers of this kind were recorded with just these keys, and with values of these types."""
    for place, value in places(path, body):
        assert value.keys() in [known.keys() for known in RECORDED[place]], place
        for name in value.keys() - {"result"}:
            assert kind(value[name]) in KINDS[name], (place, name)


@pytest.mark.parametrize("agent", [None, AGENT])
async def test_gobii(client: httpx2.AsyncClient, world: World, script: Script, agent: str | None) -> None:
    api = "/gobii/api/v1"
    level = f"{api}/tasks/browser-use/" if agent is None else f"{api}/agents/browser-use/{agent}/tasks/"
    check_recorded(level, (await client.post(level, json={"prompt": "x"})).json())
    job, cancelled = world.add("gobii", script), world.add("gobii", script)
    for each in (job, cancelled):
        each.notes["agent"] = agent
    path = f"{level}{cancelled.id}/cancel/"
    check_recorded(path, (await client.post(path)).json())
    for _ in range(MOMENTS):
        for each in (job, cancelled):
            for path in (f"{level}{each.id}/", f"{level}{each.id}/result/", level):
                check_recorded(path, await get(client, path))
        await anyio.sleep(4)
    for path in (f"{api}/ping/", f"{api}/agents/browser-use/", f"{api}/agents/browser-use/{AGENT}/"):
        check_recorded(path, await get(client, path))


SKYVERN = {
    r"/v1/run/\w+": "new run",
    r"/v1/runs": "list",
    r"/v1/runs/\w+": "run",
    r"/v1/runs/\w+/timeline": "timeline",
    r"/v1/runs/\w+/artifacts": "artifacts",
    r"/v1/artifacts/\w+": "artifacts",
    r"/v1/(runs/\w+/cancel|workflows/runs/\w+/continue)": "nothing",
}
"""What is answered where."""
FREE = {"parameters", "data_extraction_schema", "data_schema", "extracted_information", "skyvern_element_data"}
"""What is not the vendor's to shape."""

NOT_RECORDED = {
    ("list/started_at", "null"),
    ("list/finished_at", "null"),
    ("run of task_v1/started_at", "null"),
    ("run of task_v2/screenshot_urls", "array"),
    ("run of task_v2/screenshot_urls", "string"),
}
"""What is documented alone: nothing ran when the lists were recorded, no task had to queue, none of those had seen."""


def within(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every value of an answer: where it stands, and what JSON calls it; of an object, which keys it has."""
    if isinstance(value, list):
        yield place, "array"
        for each in value:
            yield from within(each, place)
    elif isinstance(value, dict):
        is_output = place == "run of workflow_run/output"
        yield place, "an object with labels" if is_output else f"an object with {sorted(value)}"
        for name, each in value.items():
            inside = f"{place}/{'*_output' if is_output and name not in FREE else name}"
            if name not in FREE and inside not in {"run of task_v1/output", "run of task_v2/output"}:
                yield from within(each, inside)
    else:
        yield place, kind(value)


def answered(path: str, body: Any) -> Iterator[tuple[str, str]]:
    """The same of an answer to a request for this path."""
    place = next(place for pattern, place in SKYVERN.items() if re.fullmatch(pattern, path))
    for each in body if isinstance(body, list) else [body]:
        run_type = f" of {each['run_type']}" if isinstance(each, dict) and "run_type" in each else ""
        yield from within(each, place + run_type)


def recorded_by_skyvern() -> set[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for file in (PAYLOADS / "skyvern").glob("*.json"):
        for exchange in json.loads(file.read_text("utf-8")).get("exchanges", ()):
            path, response = exchange["request"]["path"].rstrip("/"), exchange["response"]
            if response["status"] == 200 and "json" in response and any(re.fullmatch(each, path) for each in SKYVERN):
                seen.update(answered(path, response["json"]))
    return seen


@pytest.mark.parametrize("engine", [None, "skyvern-2.0", "skyvern-1.0"])
async def test_skyvern(client: httpx2.AsyncClient, world: World, script: Script, engine: str | None) -> None:
    base, seen, hook = "/skyvern", recorded_by_skyvern(), {"webhook_url": "https://hooks.example/"}
    world.story = script
    if engine is None:
        started = await client.post(f"{base}/v1/run/agents", json={"workflow_id": SKYVERN_AGENT, **hook})
    else:
        body = {"prompt": "x", "url": "https://shop.example/", "engine": engine, **hook}
        started = await client.post(f"{base}/v1/run/tasks", json=body)
    found = set(answered("/v1/run/x", started.json()))
    path = f"/v1/runs/{started.json()['run_id']}"
    places = [path, "/v1/runs", f"{path}/artifacts", *([] if engine == "skyvern-1.0" else [f"{path}/timeline"])]
    for moment in range(MOMENTS):
        for place in places:
            found.update(answered(place, await get(client, base + place)))
        if moment == 2 and script is SCRIPTS["held"]:
            found.update(answered(f"{path}/cancel", (await client.post(f"{base}{path}/cancel")).json()))
        await anyio.sleep(4)
    assert found - seen <= NOT_RECORDED
