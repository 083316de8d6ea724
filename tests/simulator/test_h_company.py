"""How the pretend H Company answers and refuses: in the shapes of the vendor's own models."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest

from mcp_browserjobs.screenshots import is_image
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Json, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.stories import asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, SCRIPTS, Shapes

pytestmark = pytest.mark.anyio

SESSIONS = "/h_company/api/v2/sessions"
STEPS = Script(beats=(Queued(4), Step("Looked", 3), Step("Pressed", 10, "https://shop.example/buy"), Finish({"a": 1})))
ASKED = "Which colour shall I order? (white, blue, black)"
NOBODY = "00000000-0000-4000-8000-000000000000"
SHAPES = Shapes("h_company")


@pytest.fixture
async def client(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    client.headers["Authorization"] = "Bearer demo-key"
    return client


async def get(client: httpx2.AsyncClient, path: str, **params: Any) -> Any:
    response = await client.get(SESSIONS + path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def post(client: httpx2.AsyncClient, path: str, **body: Any) -> int:
    response = await client.post(SESSIONS + path, json=body)
    assert response.text == "" or response.status_code >= 400
    return response.status_code


async def say(client: httpx2.AsyncClient, job_id: str, text: str) -> int:
    return await post(client, f"/{job_id}/messages", type="user_message", message=text)


async def status(client: httpx2.AsyncClient, job_id: str) -> str:
    return str((await get(client, f"/{job_id}/status"))["status"])


async def log(client: httpx2.AsyncClient, job_id: str) -> list[str]:
    """The types of all events or, of those by the agent, their kinds."""
    return kinds((await get(client, f"/{job_id}/events", size=200))["items"])


def kinds(events: Iterable[dict[str, Any]]) -> list[str]:
    return [str(each["data"].get("kind", each["type"])) for each in events]


def check_session(body: dict[str, Any]) -> None:
    SHAPES.check("Session", body)
    SHAPES.check("SessionRequest", body["request"])
    SHAPES.check("Agent", body["request"]["agent"])
    SHAPES.check("Browser", *body["request"]["agent"]["environments"])
    check_status(body["status"])


def check_status(body: dict[str, Any]) -> None:
    SHAPES.check("SessionStatus", body)
    SHAPES.check("ModelUsage", *body["usage_per_model"])


def check_metrics(body: dict[str, Any]) -> None:
    SHAPES.check("Metrics", body)
    SHAPES.check("ModelCost", *body["cost_per_model"])


def check_events(events: list[dict[str, Any]]) -> None:
    SHAPES.check("SessionEvent", *events)
    assert [each["timestamp"] for each in events] == sorted(each["timestamp"] for each in events)
    for kind, each in zip(kinds(events), events, strict=True):
        SHAPES.check(kind, each["data"])
        SHAPES.check("ToolRequest", *each["data"].get("tool_reqs", ()))
        if kind == "observation_event":
            SHAPES.check("ImageContent", each["data"]["image"])
        if kind == "MetricsUpdateEvent":
            check_metrics(each["data"]["metrics"])


async def test_all_that_is_told_has_the_documented_shapes(
    client: httpx2.AsyncClient, world: World, script: Script
) -> None:
    world.story = script
    created = await client.post(SESSIONS, json={"agent": "h/web-surfer-flash", "messages": "x"})
    check_session(created.json())
    path = f"/{created.json()['id']}"
    for moment in range(MOMENTS):
        check_session(await get(client, path))
        check_status(await get(client, f"{path}/status"))
        events = await get(client, f"{path}/events")
        SHAPES.check("Page", events)
        check_events(events["items"])
        if events["items"]:
            changes = await get(client, f"{path}/changes")
            SHAPES.check("SessionChanges", changes)
            assert changes["new_events"] == events["items"]
            check_metrics(changes["metrics"])
        page = await get(client, "")
        SHAPES.check("Page", page)
        SHAPES.check("SessionSummary", *page["items"])
        SHAPES.check("UserMessageEvent", *(each["first_message"] for each in page["items"]))
        SHAPES.check("QuotaStatus", await get(client, "/quota"))
        if moment == 2 and script is SCRIPTS["held"]:
            assert await post(client, f"{path}/pause") == 202
        await anyio.sleep(4)


async def test_a_session_goes_from_the_queue_to_its_answer(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", STEPS)
    queued = await get(client, f"/{job.id}")
    assert (queued["status"]["status"], queued["agent_view_url"], queued["started_at"]) == ("queued", None, None)
    assert await log(client, job.id) == []
    await anyio.sleep(3)
    pending = await get(client, f"/{job.id}")
    assert (pending["status"]["status"], pending["agent_view_url"][-36:]) == ("pending", job.id)
    assert await log(client, job.id) == ["RequestStartEvent", "RequestStartDispatchedEvent"]
    await anyio.sleep(5)
    running = await get(client, f"/{job.id}")
    assert (running["status"]["status"], running["status"]["steps"]) == ("running", 1)
    assert (running["latest_answer"], running["started_at"]) == (None, "2026-11-01T12:00:04Z")
    await anyio.sleep(20)
    done = await get(client, f"/{job.id}")
    assert (done["status"]["status"], done["status"]["outcome"], done["latest_answer"]) == (
        "completed",
        "success",
        {"a": 1},
    )
    assert done["finished_at"] == "2026-11-01T12:00:17Z"
    step = ["policy_event", "tool_result", "observation_event", "MetricsUpdateEvent"]
    start = ["AgentStartedEvent", "AgentRunStatusChangeEvent", "LiveViewUrlEvent", "message_event"]
    ending = ["answer_event", "AgentCompletionEvent"]
    assert (await log(client, job.id))[2:] == [*start, *step, *step, *ending]


async def test_changes_begin_at_a_place_in_the_log(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", STEPS)
    await anyio.sleep(60)
    path = f"/{job.id}/changes"
    everything = await get(client, path, from_index=-5)
    assert (everything["first_index"], everything["answer"], everything["metrics"]["steps"]) == (0, {"a": 1}, 2)
    assert everything["metrics"]["total_cost"] == pytest.approx(0.1 * 13 / 60, abs=1e-4)
    some = await get(client, path, from_index=3, limit=2)
    assert (some["first_index"], some["new_events"]) == (3, everything["new_events"][3:5])
    silent = await get(client, path, from_index=3, include_events="false")
    assert (silent["new_events"], silent["status"]) == ([], "completed")
    nothing = await client.get(f"{SESSIONS}{path}", params={"from_index": 99, "wait_for_seconds": 5})
    assert (nothing.status_code, nothing.content, nothing.headers["etag"]) == (204, b"", "99")


async def test_a_change_is_waited_for(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", Script(beats=(Step("Looked", 20.1), Finish())))
    path, seen = f"{SESSIONS}/{job.id}/changes", len(await log(client, job.id))
    start = anyio.current_time()
    first = await client.get(path, params={"from_index": seen, "wait_for_seconds": 8})
    assert first.status_code == 204
    assert anyio.current_time() - start == pytest.approx(8)
    second = await client.get(path, params={"from_index": seen, "wait_for_seconds": 60})
    assert 20.1 <= anyio.current_time() - start <= 20.4
    assert kinds(second.json()["new_events"])[0] == "policy_event"
    at_once = await client.get(path, params={"from_index": 99})
    assert at_once.status_code == 204


async def test_events_are_paged_sorted_and_sifted(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", STEPS)
    await anyio.sleep(60)
    path = f"/{job.id}/events"
    whole = (await get(client, path))["items"]
    page = await get(client, path, page=2, size=5)
    assert (page["items"], page["total"], page["page"]) == (whole[5:10], len(whole), 2)
    assert (await get(client, path, sort="-timestamp"))["items"] == whole[::-1]
    assert kinds((await get(client, path, type="MetricsUpdateEvent"))["items"]) == ["MetricsUpdateEvent"] * 2


async def test_a_question_is_an_answer_that_a_message_follows(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", asking())
    await anyio.sleep(10)
    idle = await get(client, f"/{job.id}")
    assert (idle["status"]["status"], idle["status"]["outcome"], idle["latest_answer"]) == ("idle", None, ASKED)
    assert (await log(client, job.id))[-2:] == ["answer_event", "ActiveStateChangeEvent"]
    assert await post(client, f"/{job.id}/pause") == 409
    assert await say(client, job.id, "blue") == 202
    assert [text for _, text in job.answers.values()] == ["blue"]
    running = await get(client, f"/{job.id}")
    assert (running["status"]["status"], running["latest_answer"]) == ("running", ASKED)
    assert (await log(client, job.id))[-2:] == ["message_event", "ActiveStateChangeEvent"]
    await anyio.sleep(10)
    assert (await get(client, f"/{job.id}"))["latest_answer"] == {"ordered": True}


async def test_a_session_that_nobody_answers_ends_with_its_question(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", asking(patience=5))
    await anyio.sleep(9)
    assert await status(client, job.id) == "idle"
    await anyio.sleep(10)
    ended = await get(client, f"/{job.id}")
    assert (ended["status"]["status"], ended["latest_answer"]) == ("completed", ASKED)
    assert ended["finished_at"] == "2026-11-01T12:00:10Z"
    assert (await log(client, job.id))[-1] == "AgentCompletionEvent"
    assert await say(client, job.id, "blue") == 409


async def test_a_question_answered_in_time_is_not_held_against_the_session(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("h_company", asking(patience=5))
    await anyio.sleep(9)
    await post(client, f"/{job.id}/messages", type="batch", messages=[{"message": "blue"}, {"message": "or black"}])
    await anyio.sleep(30)
    assert (await get(client, f"/{job.id}"))["latest_answer"] == {"ordered": True}
    assert [text for _, text in job.answers.values()] == ["blue\nor black"]


async def test_a_message_that_answers_nothing_keeps_its_place_in_the_log(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("h_company", STEPS)
    assert await say(client, job.id, "Early") == 202
    await anyio.sleep(8)
    assert await say(client, job.id, "Hurry") == 202
    assert await post(client, f"/{job.id}/pause") == 202
    before = (await get(client, f"/{job.id}/events"))["items"]
    assert kinds(before)[-3:] == ["message_event", "flow_event", "AgentRunStatusChangeEvent"]
    assert [each["data"]["content"] for each in before if each["data"].get("kind") == "message_event"] == [
        ["Early"],
        ["Compare prices of a kettle"],
        ["Hurry"],
    ]
    assert await say(client, job.id, "Go on") == 202
    await anyio.sleep(60)
    after = (await get(client, f"/{job.id}/events"))["items"]
    assert after[: len(before)] == before
    assert await status(client, job.id) == "completed"


async def test_a_session_is_paused_and_goes_on(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", Script(beats=(Queued(2), Step("Looked", 20), Finish())))
    assert await post(client, f"/{job.id}/pause") == 409
    await anyio.sleep(5)
    assert await post(client, f"/{job.id}/resume") == 409
    assert await post(client, f"/{job.id}/pause") == 202
    assert await status(client, job.id) == "paused"
    assert await post(client, f"/{job.id}/pause") == 409
    await anyio.sleep(100)
    assert await post(client, f"/{job.id}/resume") == 202
    assert await status(client, job.id) == "running"
    assert (await log(client, job.id))[-4:] == ["flow_event", "AgentRunStatusChangeEvent"] * 2


@pytest.mark.parametrize(("after", "last"), [(1, []), (5, ["AgentCompletionEvent"])])
async def test_a_cancelled_session_is_interrupted_once(
    client: httpx2.AsyncClient, world: World, after: float, last: list[str]
) -> None:
    job = world.add("h_company", STEPS)
    await anyio.sleep(after)
    answer = await client.delete(f"{SESSIONS}/{job.id}")
    assert (answer.status_code, answer.content) == (204, b"")
    ended = await get(client, f"/{job.id}")
    assert (ended["status"]["status"], ended["latest_answer"]) == ("interrupted", None)
    assert (await log(client, job.id))[-1:] == last
    assert (await client.delete(f"{SESSIONS}/{job.id}")).status_code == 409
    assert await post(client, f"/{job.id}/force_answer") == 409


@pytest.mark.parametrize(
    ("fail", "code", "last"),
    [(Fail("boom"), "no_answer", "error_event"), (Fail("Too long.", "timed_out"), "timeout", "AgentCompletionEvent")],
)
async def test_a_failure_has_a_code_and_a_text_that_is_always_the_same(
    client: httpx2.AsyncClient, world: World, fail: Fail, code: str, last: str
) -> None:
    job = world.add("h_company", Script(beats=(Step("Looked", 1), fail)))
    await anyio.sleep(2)
    failed = await get(client, f"/{job.id}/status")
    assert (failed["status"], failed["error_code"]) == (fail.kind, code)
    assert fail.error not in failed["error"]
    assert (await log(client, job.id))[-1] == last


@pytest.mark.parametrize(
    ("finish", "outcome", "answer"),
    [
        (Finish("No.", goal_met=False), "infeasible", "No."),
        (Finish([1, 2], goal_met=None), None, "[1, 2]"),
        (Finish(None), "success", None),
    ],
)
async def test_an_outcome_is_what_the_agent_thinks_of_it(
    client: httpx2.AsyncClient, world: World, finish: Finish, outcome: str | None, answer: Json
) -> None:
    job = world.add("h_company", Script(beats=(finish,)))
    done = await get(client, f"/{job.id}")
    assert (done["status"]["status"], done["status"]["outcome"], done["latest_answer"]) == (
        "completed",
        outcome,
        answer,
    )
    assert ("answer_event" in await log(client, job.id)) is (answer is not None)


@pytest.mark.parametrize(
    ("beats", "seconds", "steps", "answer"),
    [
        ((Step("One", 10), Step("Two", 10), Finish("All.")), 10, 1, "All."),
        ((Step("One", 2), Stall(5), Ask("Which?"), Finish("All.")), 7, 1, "All."),
        ((Step("One", 10), Step("Two", 10)), 10, 1, "This is all I have."),
        ((Step("One", 10), Finish("All.")), 10, 1, "All."),
    ],
)
async def test_a_forced_answer_comes_after_what_is_being_done(
    client: httpx2.AsyncClient, world: World, beats: tuple[Any, ...], seconds: float, steps: int, answer: str
) -> None:
    job = world.add("h_company", Script(beats=beats))
    await anyio.sleep(5)
    assert await post(client, f"/{job.id}/force_answer") == 202
    assert await status(client, job.id) == "running"
    await anyio.sleep(seconds - 5)
    done = await get(client, f"/{job.id}")
    assert (done["status"]["status"], done["status"]["steps"], done["latest_answer"]) == ("completed", steps, answer)


async def test_a_screenshot_is_behind_a_redirect_to_where_no_key_is_needed(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("h_company", STEPS)
    await anyio.sleep(8)
    [image] = [
        each["data"]["image"]
        for each in (await get(client, f"/{job.id}/events"))["items"]
        if each["data"].get("kind") == "observation_event"
    ]
    path = urlsplit(image["source"]).path
    assert path.startswith(f"/h_company/api/v1/trajectories/{job.id}/resources/")
    places = (path, path.replace("/v1/trajectories/", "/v2/sessions/"))
    for place in places:
        away = await client.get(place)
        assert (away.status_code, away.content) == (302, b"")
        del client.headers["Authorization"]
        assert is_image((await client.get(away.headers["location"])).content)
        assert (await client.get(place)).status_code == 404
        client.headers["Authorization"] = "Bearer demo-key"
    assert (await client.get(away.headers["location"] + "0")).status_code == 403
    assert (await client.get(places[1].replace("0001", "0002"))).status_code == 404
    assert (await client.get(places[1].replace("agent-resources", "other"))).status_code == 404
    await anyio.sleep(3601)
    assert (await client.get(away.headers["location"])).status_code == 403


async def test_a_new_session_tells_of_its_request(client: httpx2.AsyncClient, world: World) -> None:
    agent = {"name": "mine", "description": "Buys.", "environments": [{"id": "b", "kind": "web"}]}
    messages = [{"type": "user_message", "message": "Buy it"}, {"message": "Now"}]
    body = {"agent": agent, "messages": messages, "idle_timeout_s": 60, "unheeded": 1}
    created = await client.post(SESSIONS, json=body)
    assert created.status_code == 201
    request = created.json()["request"]
    assert (request["messages"], request["idle_timeout_s"], request["queue"]) == (messages, 60, True)
    assert request["agent"]["name"] == "mine"
    assert "unheeded" not in request
    [job] = world.jobs("h_company")
    assert job.script.title == "Buy it"
    [row] = (await get(client, ""))["items"]
    assert (row["agent"], row["agent_revision"], row["first_message"]["message"]) == ("mine", None, "Buy it")
    assert (await client.post(SESSIONS, json={"agent": "h/web-surfer-pro:3", "messages": {"message": "x"}})).is_success
    assert (await client.post(SESSIONS, json={"agent": "h/web-surfer-pro"})).is_success


async def test_a_key_for_repeats_makes_one_session(client: httpx2.AsyncClient, world: World) -> None:
    async def create(key: str, task: str) -> httpx2.Response:
        body = {"agent": "h/web-surfer-flash", "messages": task}
        return await client.post(SESSIONS, json=body, headers={"Idempotency-Key": key})

    first, again, other = await create("k", "x"), await create("k", "x"), await create("l", "x")
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert (await create("k", "y")).status_code == 422
    assert (await create(" ", "y")).status_code == 422
    assert len(world.jobs("h_company")) == 2


async def test_without_credits_nothing_is_started(client: httpx2.AsyncClient, world: World) -> None:
    world.out_of_credits = True
    refusal = await client.post(SESSIONS, json={"agent": "h/web-surfer-flash", "messages": "x"})
    assert (refusal.status_code, refusal.json()["detail"][0]["type"]) == (402, "payment_required")
    assert world.jobs("h_company") == []


async def test_sessions_are_listed_newest_first(client: httpx2.AsyncClient, world: World) -> None:
    ids = [world.add("h_company", Script(title=f"Task {number}")).id for number in range(4)]
    ids.append(world.add("h_company", Script(beats=(Finish({"kettle": "blue"}),))).id)
    page = await get(client, "", size=2, page=2)
    assert ([each["id"] for each in page["items"]], page["total"], page["page"]) == (ids[2:0:-1], 5, 2)
    assert [each["id"] for each in (await get(client, "", sort="created_at"))["items"]] == ids
    assert (await get(client, "", status="completed"))["total"] == 1
    assert (await get(client, "", status=["completed", "queued"]))["total"] == 5
    assert [each["id"] for each in (await get(client, "", search="TASK 1"))["items"]] == ids[1:2]
    assert [each["id"] for each in (await get(client, "", search="blue"))["items"]] == ids[4:]
    quota = await get(client, "/quota")
    assert (quota["active"], quota["available"]) == (0, quota["limit"])
    await anyio.sleep(1)
    assert (await get(client, "/quota"))["available"] == 0


async def test_who_has_no_good_key_is_refused(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("h_company", STEPS)
    for key in ("Bearer wrong", "demo-key", "Basic demo-key", "Bearer"):
        client.headers["Authorization"] = key
        for path in ("", f"/{job.id}", f"/{job.id}/status"):
            refusal = await client.get(SESSIONS + path)
            assert (refusal.status_code, refusal.json()["detail"][0]["type"]) == (401, "unauthorized")
    del client.headers["Authorization"]
    for method, path, expected in (
        ("GET", "", 401),
        ("GET", f"/{job.id}", 404),
        ("GET", f"/{job.id}/changes", 404),
        ("DELETE", f"/{job.id}", 401),
        ("POST", f"/{job.id}/pause", 401),
    ):
        refusal = await client.request(method, SESSIONS + path)
        assert refusal.status_code == expected
        SHAPES.check("ErrorResponse", refusal.json())


@pytest.mark.parametrize(
    ("method", "path", "body", "expected", "kind"),
    [
        ("GET", "/no-uuid", None, 422, "uuid_parsing"),
        ("GET", f"/{NOBODY}", None, 404, "not_found"),
        ("DELETE", f"/{NOBODY}", None, 404, "not_found"),
        ("GET", "/quota/more", None, 404, "not_found"),
        ("PUT", "", None, 405, "method_not_allowed"),
        ("GET", "/{id}/changes?wait_for_seconds=61", None, 422, "less_than_equal"),
        ("GET", "/{id}/changes?limit=-1", None, 422, "greater_than_equal"),
        ("GET", "/{id}/changes?from_index=x", None, 422, "int_parsing"),
        ("GET", "/{id}/events?size=201", None, 422, "less_than_equal"),
        ("GET", "/{id}/events?sort=type", None, 422, "literal_error"),
        ("GET", "?size=101", None, 422, "less_than_equal"),
        ("GET", "?status=done", None, 422, "enum"),
        ("POST", "", [], 422, "dict_type"),
        ("POST", "", {"messages": "x"}, 422, "missing"),
        ("POST", "", {"agent": 7}, 422, "ref_or_inline"),
        ("POST", "", {"agent": {}}, 422, "ref_or_inline"),
        ("POST", "", {"agent": "another"}, 404, "not_found"),
        ("POST", "", {"agent": "h/web-surfer-flash", "messages": 7}, 422, "messages_shape"),
        ("POST", "", {"agent": "h/web-surfer-flash", "messages": [7]}, 422, "string_type"),
        ("POST", "/{id}/messages", {"type": "simple_task"}, 422, "union_tag_invalid"),
        ("POST", "/{id}/messages", {"type": "user_message"}, 422, "string_type"),
        ("POST", "/{id}/messages", {"type": "batch", "messages": []}, 422, "too_short"),
        ("POST", "/{id}/messages", {"type": "batch", "messages": 7}, 422, "too_short"),
    ],
)
async def test_what_is_wrong_is_refused_in_one_shape(
    client: httpx2.AsyncClient, world: World, method: str, path: str, body: Any, expected: int, kind: str
) -> None:
    job = world.add("h_company", STEPS)
    refusal = await client.request(method, SESSIONS + path.replace("{id}", job.id), json=body)
    SHAPES.check("ErrorResponse", refusal.json())
    assert (refusal.status_code, refusal.json()["detail"][0]["type"]) == (expected, kind)
    assert refusal.json()["message"]


async def test_too_many_requests_are_told_by_kind_and_scope(client: httpx2.AsyncClient, world: World) -> None:
    world.trouble = RateLimit(0, 0)
    refusal = await client.get(SESSIONS)
    assert (refusal.status_code, refusal.headers["retry-after"]) == (429, "5")
    [detail] = refusal.json()["detail"]
    assert (detail["type"], detail["scope"]) == ("plan_limit", "org")
