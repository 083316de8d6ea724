"""How the pretend Skyvern answers and refuses: as the recorded server did, word by word."""

import json
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.skyvern_objects import AGENT
from mcp_browserjobs.simulator.stories import asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import get_from, post_to

pytestmark = pytest.mark.anyio

PAYLOADS = Path(__file__).parent.parent / "providers" / "payloads" / "skyvern"
KEY = {"x-api-key": "demo-key"}
BASE = "/skyvern"
STEPS = Script(beats=(Queued(2), Step("Looked", 3), Step("Pressed", 10, "https://shop.example/buy"), Finish({"a": 1})))
get = partial(get_from, BASE, KEY)
post = partial(post_to, BASE, KEY)


async def blocks(client: httpx2.AsyncClient, job_id: str) -> list[tuple[str, str]]:
    """The timeline, oldest first: each block's type and status."""
    timeline = await get(client, f"/v1/runs/{job_id}/timeline")
    return [(each["block"]["block_type"], each["block"]["status"]) for each in timeline[::-1]]


@pytest.mark.parametrize(
    "name",
    [
        "auth_bad_key_403",
        "auth_bearer",
        "auth_no_key_403",
        "continue_not_paused_404",
        "method_not_allowed_405",
        "unknown_run_404",
        "validation_422",
    ],
)
async def test_a_recorded_request_is_answered_as_it_was(client: httpx2.AsyncClient, name: str) -> None:
    for exchange in json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))["exchanges"]:
        request, response = exchange["request"], exchange["response"]
        if request["path"] == "/v1/agents":
            continue  # there is no making of agents
        headers = {key: value.replace("<key>", "demo-key") for key, value in request["headers"].items()}
        answer = await client.request(
            request["method"],
            BASE + request["path"],
            params=request["query"],
            headers=headers,
            content=json.dumps(request["json"]) if "json" in request else request.get("text"),
        )
        said = answer.json() if "json" in response else answer.text
        assert (answer.status_code, said) == (response["status"], response.get("json", response.get("text")))


async def test_an_unknown_type_of_file_is_refused_with_all_that_are_known(client: httpx2.AsyncClient) -> None:
    exchanges = json.loads((PAYLOADS / "browser_artifacts.json").read_text("utf-8"))["exchanges"]
    refusal = next(each["response"]["json"] for each in exchanges if each["response"]["status"] == 422)
    params = {"artifact_type": "nope"}
    answer = await client.get(f"{BASE}/v1/runs/wr_1/artifacts", params=params, headers=KEY)
    assert (answer.status_code, answer.json()) == (422, refusal)


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("tasks", '{"prompt": 5}', "string_type"),
        ("agents", "[]", "model_attributes_type"),
        ("workflows", '{"agent_id": null}', "string_type"),
    ],
)
async def test_what_does_not_validate_is_refused(client: httpx2.AsyncClient, path: str, text: str, kind: str) -> None:
    answer = await client.post(f"{BASE}/v1/run/{path}", content=text, headers=KEY)
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, kind)
    answer = await client.get(f"{BASE}/v1/runs?page=x", headers=KEY)
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "int_parsing")


async def test_a_run_goes_from_the_queue_to_its_output(client: httpx2.AsyncClient, world: World) -> None:
    world.story = STEPS
    status, new = await post(client, "/v1/run/agents", workflow_id=AGENT)
    assert (status, new["status"], new["attempts"], new["errors"]) == (200, "created", [], None)
    path = f"/v1/runs/{new['run_id']}"
    queued = await get(client, path)
    assert (queued["status"], queued["created_at"], queued["started_at"]) == ("queued", "2026-11-01T12:00:00", None)
    assert await get(client, f"{path}/timeline") == []
    await anyio.sleep(4)
    running = await get(client, path)
    assert (running["status"], running["output"], running["step_count"]) == ("running", None, 1)
    await anyio.sleep(2)
    running = await get(client, path)
    assert list(running["output"]) == ["navigation_1_output", "extracted_information"]
    assert running["modified_at"] == "2026-11-01T12:00:02"
    assert await blocks(client, new["run_id"]) == [("navigation", "completed"), ("navigation", "running")]
    await anyio.sleep(10)
    done = await get(client, path)
    assert (done["status"], done["finished_at"], done["failure_reason"]) == ("completed", "2026-11-01T12:00:15", None)
    assert done["output"]["extracted_information"] == [{"a": 1}]
    assert done["attempts"][0]["finished_at"] == done["finished_at"]
    last, second, first = (each["block"] for each in await get(client, f"{path}/timeline"))
    assert (last["block_type"], last["output"]["extracted_information"]) == ("extraction", {"a": 1})
    assert (second["url"], second["duration"]) == ("https://shop.example/buy", 10)
    assert (first["navigation_goal"], first["actions"][0]["reasoning"]) == ("Looked", "Looked")


async def test_a_question_pauses_its_run_while_its_block_runs(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("skyvern", asking())
    going_on = f"/v1/workflows/runs/{job.id}/continue"
    missing = (404, {"detail": f"Workflow run not found {job.id}"})
    assert await post(client, going_on) == missing
    await anyio.sleep(10)
    paused = await get(client, f"/v1/runs/{job.id}")
    assert (paused["status"], paused["modified_at"]) == ("paused", "2026-11-01T12:00:05")
    question = (await get(client, f"/v1/runs/{job.id}/timeline"))[0]["block"]
    assert (question["block_type"], question["status"]) == ("human_interaction", "running")
    assert (question["instructions"], question["positive_descriptor"]) == ("Which colour shall I order?", "Approve")
    assert await post(client, going_on) == (200, None)
    assert await post(client, going_on) == missing
    await anyio.sleep(1)
    assert (await get(client, f"/v1/runs/{job.id}"))["status"] == "running"
    assert (await blocks(client, job.id))[1:] == [("human_interaction", "running")]
    await anyio.sleep(10)
    done = await get(client, f"/v1/runs/{job.id}")
    assert done["status"] == "completed"
    assert done["output"]["human_interaction_2_output"] == {"success": True, "reason": "status_changed:running"}
    starts = [each["created_at"] for each in await get(client, f"/v1/runs/{job.id}/timeline")]
    assert starts == sorted(starts, reverse=True)


async def test_two_options_are_the_words_for_yes_and_no(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("skyvern", Script(beats=(Ask("Buy it?", ("Buy", "Leave it")), Finish())))
    block = (await get(client, f"/v1/runs/{job.id}/timeline"))[0]["block"]
    assert (block["positive_descriptor"], block["negative_descriptor"]) == ("Buy", "Leave it")
    await post(client, f"/v1/workflows/runs/{job.id}/continue")
    assert [text for _, text in job.answers.values()] == ["Buy"]


@pytest.mark.parametrize("then", [(Step("Guessed"), Finish()), (Stall(),)])
async def test_a_question_that_nobody_answers_fails_its_run(
    client: httpx2.AsyncClient, world: World, then: tuple[Any, ...]
) -> None:
    job = world.add("skyvern", Script(beats=(Ask("Which?", patience=5), *then)))
    assert (await get(client, f"/v1/runs/{job.id}"))["status"] == "paused"
    await anyio.sleep(9)
    reason = "Timeout elapsed with no human interaction"
    run = await get(client, f"/v1/runs/{job.id}")
    assert (run["status"], run["finished_at"], run["modified_at"]) == ("failed", *["2026-11-01T12:00:05"] * 2)
    assert run["failure_reason"] == f"human_interaction block timed out. Reason: {reason}"
    assert run["output"]["human_interaction_1_output"] == {"success": False, "reason": reason}
    assert await blocks(client, job.id) == [("human_interaction", "timed_out")]
    assert await post(client, f"/v1/workflows/runs/{job.id}/continue") == (
        404,
        {"detail": f"Workflow run not found {job.id}"},
    )
    await post(client, f"/v1/runs/{job.id}/cancel")
    assert (await get(client, f"/v1/runs/{job.id}"))["status"] == "failed"


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (Fail("boom"), "failed", "navigation block failed. failure reason: boom"),
        (Fail("Too long.", "timed_out"), "timed_out", "Too long."),
        (Finish("No.", goal_met=False), "terminated", "navigation block terminated. Reason: No."),
        (Finish({"a": 1}, goal_met=False), "terminated", 'navigation block terminated. Reason: {"a": 1}'),
    ],
)
async def test_bad_ends_are_told_apart(
    client: httpx2.AsyncClient, world: World, end: Fail | Finish, status: str, reason: str
) -> None:
    job = world.add("skyvern", Script(beats=(Step("Looked", 1), end)))
    await anyio.sleep(2)
    run = await get(client, f"/v1/runs/{job.id}")
    assert (run["status"], run["failure_reason"]) == (status, reason)
    assert run["output"]["extracted_information"] == []
    assert await blocks(client, job.id) == [("navigation", "completed"), ("navigation", status)]


@pytest.mark.parametrize("result", ["Done.", None])
async def test_a_good_end_may_have_no_result(client: httpx2.AsyncClient, world: World, result: str | None) -> None:
    job = world.add("skyvern", Script(beats=(Finish(result, goal_met=None),)))
    run = await get(client, f"/v1/runs/{job.id}")
    assert run["status"] == "completed"
    assert (run["output"] or {}).get("extracted_information") == (None if result is None else ["Done."])


async def test_a_cancel_is_told_at_once_and_the_open_block_goes_on(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("skyvern", STEPS)
    await anyio.sleep(6)
    assert await post(client, f"/v1/runs/{job.id}/cancel") == (200, None)
    run = await get(client, f"/v1/runs/{job.id}")
    assert (run["status"], run["finished_at"]) == ("canceled", "2026-11-01T12:00:06")
    assert await blocks(client, job.id) == [("navigation", "completed"), ("navigation", "running")]
    await anyio.sleep(20)
    later = await get(client, f"/v1/runs/{job.id}")
    assert (later["status"], later["modified_at"]) == ("canceled", run["modified_at"])
    assert later["output"].keys() - run["output"].keys() == {"navigation_2_output"}
    assert await blocks(client, job.id) == [("navigation", "completed")] * 2
    assert await post(client, f"/v1/runs/{job.id}/cancel") == (200, None)


@pytest.mark.parametrize("patience", [None, 60])
async def test_a_cancel_rejects_a_question_which_is_noticed_late(
    client: httpx2.AsyncClient, world: World, patience: float | None
) -> None:
    job = world.add("skyvern", asking(patience))
    await anyio.sleep(6)
    await post(client, f"/v1/runs/{job.id}/cancel")
    assert (await blocks(client, job.id))[-1] == ("human_interaction", "running")
    await anyio.sleep(300)
    assert (await blocks(client, job.id))[1:] == [("human_interaction", "canceled")]
    run = await get(client, f"/v1/runs/{job.id}")
    assert run["status"] == "canceled"
    assert run["output"]["human_interaction_2_output"] == {"success": False, "reason": "status_changed:canceled"}


async def test_a_finished_run_stays_what_it_was_after_a_cancel(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("skyvern", Script(beats=(Finish(),)))
    assert await post(client, f"/v1/runs/{job.id}/cancel") == (200, None)
    assert (await get(client, f"/v1/runs/{job.id}"))["status"] == "completed"


async def test_a_task_of_the_first_engine_has_no_timeline_and_one_cancel(client: httpx2.AsyncClient) -> None:
    _, new = await post(client, "/v1/run/tasks", prompt="quick")
    assert (new["run_type"], new["status"], new["run_request"]["engine"]) == ("task_v1", "created", "skyvern-1.0")
    path, name = f"/v1/runs/{new['run_id']}", new["run_id"]
    answer = await client.get(f"{BASE}{path}/timeline", headers=KEY)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Timeline not available for run type task_v1"}
    assert await post(client, f"{path}/cancel") == (200, None)
    transition = "Invalid task status transition"
    again = f"{transition} to canceled for {name} because task is already canceled"
    assert await post(client, f"{path}/cancel") == (400, {"detail": again})
    _, new = await post(client, "/v1/run/tasks", prompt="failing")
    await anyio.sleep(60)
    path, name = f"/v1/runs/{new['run_id']}", new["run_id"]
    over = f"{transition} from failed to canceled for {name}"
    assert await post(client, f"{path}/cancel") == (400, {"detail": over})
    assert (await get(client, path))["failure_reason"] == "The page asked for a login that we do not have."


async def test_a_task_of_the_second_engine_has_a_timeline(client: httpx2.AsyncClient) -> None:
    _, new = await post(client, "/v1/run/tasks", prompt="Find it", engine="skyvern-2.0", title="unheeded")
    assert (new["run_type"], new["status"], new["run_request"]["prompt"]) == ("task_v2", "queued", "Find it")
    assert new["run_id"].startswith("tsk_v2_")
    await anyio.sleep(60)
    assert (await get(client, f"/v1/runs/{new['run_id']}"))["output"] == {"price": 42, "currency": "EUR"}
    assert len(await blocks(client, new["run_id"])) == 3
    assert await post(client, f"/v1/runs/{new['run_id']}/cancel") == (200, None)


async def test_without_credits_nothing_is_started(client: httpx2.AsyncClient, world: World) -> None:
    world.out_of_credits = True
    assert (await post(client, "/v1/run/tasks", prompt="x"))[0] == 402
    assert (await post(client, "/v1/run/agents", workflow_id=AGENT))[0] == 402
    assert world.jobs("skyvern") == []


async def test_a_list_is_bare_and_newest_first(client: httpx2.AsyncClient, world: World) -> None:
    ids = [world.add("skyvern", Script(title=f"Run {number}")).id for number in range(12)][::-1]
    failed = world.add("skyvern", Script(beats=(Fail("boom"),)), id="tsk_599668593777400246")
    page = await get(client, "/v1/runs")
    assert [each["run_id"] for each in page] == [failed.id, *ids[:9]]
    assert (page[0]["task_run_type"], page[0]["title"], page[1]["title"]) == ("task_v1", None, "Run 11")
    found = await get(client, "/v1/runs/", page=3, page_size=5)
    assert [each["run_id"] for each in found] == ids[9:]
    assert await get(client, "/v1/runs", page=4, page_size=5) == []
    assert len(await get(client, "/v1/runs", status=["failed", "completed"])) == 1
    assert len(await get(client, "/v1/runs", status=["queued", "failed"], page_size=100)) == 13
    assert [each["run_id"] for each in await get(client, "/v1/runs", run_type="task_v1")] == [failed.id]
    assert [each["run_id"] for each in await get(client, "/v1/runs", search_key="run 11")] == [ids[0]]


async def test_links_are_new_at_every_look_and_expire(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("skyvern", STEPS)
    assert (await get(client, f"/v1/runs/{job.id}"))["recording_url"] is None
    await anyio.sleep(3)
    early = await get(client, f"/v1/runs/{job.id}")
    assert early["screenshot_urls"] is None
    await anyio.sleep(20)
    late = await get(client, f"/v1/runs/{job.id}")
    before, after = urlsplit(early["recording_url"]), urlsplit(late["recording_url"])
    assert before.path == after.path
    assert before.query != after.query
    links = [*late["screenshot_urls"], late["recording_url"]]
    answers = [await client.get(link) for link in links]
    assert [each.headers["content-type"] for each in answers] == ["image/png", "image/png", "video/mp4"]
    assert len({each.content for each in answers}) == 3
    assert late["output"]["navigation_2_output"]["task_screenshots"] == links[:1]
    refusal = {"detail": "Invalid or expired artifact URL"}
    for link in (links[0] + "0", links[0].replace("expiry=", "expiry=9"), links[0].replace("expiry=", "kid=")):
        answer = await client.get(link)
        assert (answer.status_code, answer.json()) == (403, refusal)
    bare = links[0].partition("?")[0]
    answer = await client.get(bare)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid credentials"})
    assert (await client.get(bare, headers=KEY)).status_code == 200
    await anyio.sleep(3601)
    assert (await client.get(links[0])).status_code == 403


async def test_files_are_listed_by_type(client: httpx2.AsyncClient, world: World) -> None:
    job, other = world.add("skyvern", STEPS), world.add("skyvern", STEPS)
    path = f"/v1/runs/{job.id}/artifacts"
    assert await get(client, path) == []
    await anyio.sleep(60)
    files = await get(client, path)
    assert [each["artifact_type"] for each in files] == ["recording", "screenshot_action", "screenshot_action"]
    assert await get(client, path, artifact_type=["recording", "har"]) == files[:1]
    assert await get(client, f"/v1/artifacts/{files[1]['artifact_id']}") == files[1]
    assert files[1]["run_id"] == job.id != other.id
    missing = files[1]["artifact_id"][:-3] + "999"
    assert (await client.get(f"{BASE}/v1/artifacts/{missing}", headers=KEY)).status_code == 404


async def test_nothing_is_open_during_a_stall_and_a_hold_does_not_show(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("skyvern", Script(beats=(Step("Looked", 1), Stall(10), Step("Waited", 5))))
    await anyio.sleep(5)
    assert await blocks(client, job.id) == [("navigation", "completed")]
    await anyio.sleep(7)
    assert await blocks(client, job.id) == [("navigation", "completed"), ("navigation", "running")]
    job.pause()
    assert (await get(client, f"/v1/runs/{job.id}"))["status"] == "running"
    assert len(await blocks(client, job.id)) == 2


async def test_ids_are_digits_behind_what_they_name(world: World) -> None:
    job = world.add("skyvern", Script())
    assert job.id.removeprefix("wr_").isdigit()
    assert world.find("skyvern", job.id) is job
    assert world.add("skyvern", Script(), id="wr_1").id == "wr_1"


async def test_too_many_requests_are_refused(client: httpx2.AsyncClient, world: World) -> None:
    world.add("skyvern", Script(troubles=(RateLimit(0, 10),)))
    answer = await client.get(f"{BASE}/v1/runs", headers=KEY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
