"""How the pretend Asteroid answers and refuses, and that what it answers has the shapes of the vendor's own types."""

from functools import partial
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.asteroid_objects import KEY_ID, PHASE, WORKFLOW
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, PretendJob, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.stories import QUICK, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, Shapes, get_from, post_to

pytestmark = pytest.mark.anyio

BASE = "/asteroid"
LIST = f"{BASE}/agents/v2/executions"
EXECUTE = f"{BASE}/agents/v2/workflows/{WORKFLOW}/execute"
KEY = {"X-Api-Key": "demo-key"}
SHAPES = Shapes("asteroid")
HELD = Script(beats=(Queued(2), Step("Looked", 60), Finish("Done.")))
ERRORS = {
    400: "CommonBadRequestErrorBody",
    401: "CommonUnauthorizedErrorBody",
    402: "CommonPaymentRequiredErrorBody",
    404: "CommonNotFoundErrorBody",
    429: "CommonTooManyRequestsErrorBody",
}
PAYLOADS = {
    "generic": "AgentsExecutionActivityGenericPayload",
    "reasoning": "AgentsExecutionActivityReasoningPayload",
    "step_started": "AgentsExecutionActivityStepStartedPayload",
    "step_completed": "AgentsExecutionActivityStepCompletedPayload",
    "status_changed": "AgentsExecutionActivityStatusChangedPayload",
    "action_started": "AgentsExecutionActivityActionStartedPayload",
    "action_completed": "AgentsExecutionActivityActionCompletedPayload",
    "user_message_received": "AgentsExecutionActivityUserMessageReceivedPayload",
    "file_added": "AgentsExecutionActivityFileAddedPayload",
}
PARTS = {
    "completedPayload": "AgentsExecutionCompletedPayload",
    "failedPayload": "AgentsExecutionFailedPayload",
    "pausedPayload": "AgentsExecutionPausedPayload",
    "cancelledPayload": "AgentsExecutionCancelledPayload",
}
get = partial(get_from, "", KEY)
post = partial(post_to, "", KEY)


async def write(client: httpx2.AsyncClient, job: PretendJob, text: str) -> None:
    """A message, which is acknowledged in plain text."""
    response = await client.post(f"{LIST}/{job.id}/user-messages", json={"message": text}, headers=KEY)
    assert (response.status_code, response.headers["content-type"]) == (201, "text/plain; charset=utf-8")


async def command(client: httpx2.AsyncClient, job: PretendJob, verb: str) -> tuple[int, str]:
    """A command without a body: the status of the answer, and the execution's word or the message of the refusal."""
    response = await client.post(f"{LIST}/{job.id}/{verb}", headers=KEY)
    told = response.json()
    if response.status_code == 200:
        SHAPES.check("AgentsExecutionExecutionStatusChange", told)
        assert told["executionId"] == job.id
        return 200, told["status"]
    check_refusal(response)
    return response.status_code, told["message"]


async def status(client: httpx2.AsyncClient, job: PretendJob) -> str:
    return str((await get(client, f"{LIST}/{job.id}"))["status"])


async def log(client: httpx2.AsyncClient, job: PretendJob, **params: str) -> list[dict[str, Any]]:
    """The payloads of all activities."""
    return [each["payload"] for each in await get(client, f"{LIST}/{job.id}/activities", **params)]


async def last_change(client: httpx2.AsyncClient, job: PretendJob) -> dict[str, Any]:
    return [each for each in await log(client, job) if each["activityType"] == "status_changed"][-1]


def check_refusal(response: httpx2.Response) -> None:
    body = response.json()
    SHAPES.check(ERRORS[response.status_code], body)
    assert body["code"] == body["status"] == response.status_code
    assert body["message"] == body["detail"]
    SHAPES.check("CommonFieldError", *body.get("errors", []))


def check_execution(execution: dict[str, Any]) -> None:
    SHAPES.check("AgentsExecutionListItem", execution)
    SHAPES.check("AgentsExecutionAPITriggerContext", execution["triggerContext"])
    SHAPES.check("AgentsExecutionTriggerRunner", execution["triggerContext"]["runner"])
    SHAPES.check("AgentsExecutionAPIKeyRef", execution["triggerContext"]["apiKey"])
    SHAPES.check("CommonActor", execution["triggerContext"]["actor"])
    if "executionResult" in execution:
        SHAPES.check("AgentsExecutionExecutionResult", execution["executionResult"])
    assert execution["status"] in PHASE


def check_activities(activities: list[dict[str, Any]]) -> None:
    SHAPES.check("AgentsExecutionActivity", *activities)
    for payload in (each["payload"] for each in activities):
        SHAPES.check(PAYLOADS[payload["activityType"]], payload)
        for part, name in PARTS.items():
            SHAPES.check(name, *([payload[part]] if part in payload else []))
        for question in payload.get("pausedPayload", {}).get("question", {}).get("questions", []):
            SHAPES.check("AgentsExecutionQuestionItem", question)
            SHAPES.check("AgentsExecutionQuestionOption", *question["options"])
        if payload["activityType"] == "action_started":
            SHAPES.check("AgentsExecutionNavToStartedDetails", payload["info"])
        if payload["activityType"] == "action_completed":
            SHAPES.check("AgentsExecutionNavToCompletedDetails", payload["info"])


async def test_its_answers_have_the_shapes_of_its_types(
    client: httpx2.AsyncClient, world: World, script: Script
) -> None:
    job = world.add("asteroid", script)
    for moment in range(MOMENTS):
        if moment == 0:
            await write(client, job, "Hurry")
        check_execution(await get(client, f"{LIST}/{job.id}"))
        page = await get(client, LIST, pageSize="1")
        SHAPES.check("ExecutionsList200Response", page)
        check_execution(page["items"][0])
        check_activities(await get(client, f"{LIST}/{job.id}/activities"))
        files = await get(client, f"{LIST}/{job.id}/files")
        SHAPES.check("AgentsFilesAgentFilesResponse", files)
        SHAPES.check("AgentsFilesAgentFilesDirectoryListing", files["directories"])
        SHAPES.check("AgentsFilesAgentFile", *files["directories"].get("downloads", []))
        answer = await client.get(f"{LIST}/{job.id}/sync?timeoutSeconds=1", headers=KEY)
        SHAPES.check("AgentsAgentExecuteAgentSyncResponse", answer.json())
        await anyio.sleep(3)


async def test_whoever_asks_with_a_key_is_told_of_it(client: httpx2.AsyncClient) -> None:
    who = await get(client, f"{BASE}/users/v2/whoami")
    SHAPES.check("UsersWhoamiWhoamiResponse", who)
    assert (who["kind"], who["id"]) == ("api_key", KEY_ID)


async def test_an_execution_goes_from_its_start_to_its_result(client: httpx2.AsyncClient, world: World) -> None:
    code, new = await post(
        client, EXECUTE, inputs={"what": "kettle"}, metadata={"team": "a"}, profileId="p1", head=True
    )
    SHAPES.check("WorkflowsWorkflowExecuteResponse", new)
    assert (code, new["status"]) == (202, "starting")
    path = f"{LIST}/{new['executionId']}"
    started = await get(client, path)
    check_execution(started)
    assert (started["status"], started["createdAt"]) == ("starting", "2026-11-01T12:00:00.000Z")
    assert (started["workflowId"], started["workflowName"]) == (WORKFLOW, world.story.title)
    assert (started["inputs"], started["metadata"]) == ({"what": "kettle"}, {"team": "a"})
    assert (started["profileId"], started["workflowVersionPublished"]) == ("p1", False)
    assert not {"startedAt", "terminalAt", "duration", "executionResult", "liveViewUrl", "recordingUrl"} & {*started}
    await anyio.sleep(3)
    running = await get(client, path)
    assert (running["status"], running["startedAt"]) == ("running", "2026-11-01T12:00:02.000Z")
    assert running["liveViewUrl"] == running["browserLiveViewUrl"]
    assert not {"terminalAt", "duration", "executionResult", "recordingUrl"} & running.keys()
    await anyio.sleep(10)
    done = await get(client, path)
    assert (done["status"], done["terminalAt"], done["duration"]) == ("completed", "2026-11-01T12:00:08.000Z", 6)
    assert (done["executionResult"]["outcome"], done["executionResult"]["result"]["price"]) == ("success", 42)
    assert done["recordingUrl"] == f"http://simulator{path}/recording"
    assert "liveViewUrl" not in done


@pytest.mark.parametrize(
    ("end", "word", "outcome", "change"),
    [
        (Fail("boom"), "failed", None, {"failedPayload": {"reason": "boom"}}),
        (Fail("Too late.", "timed_out"), "cancelled", None, {"cancelledPayload": {"reason": "timeout"}}),
        (Finish("No.", goal_met=False), "completed", "failure", None),
        (Finish("Blue.", goal_met=None), "completed", "answered", None),
        (Finish(None), "completed", "success", None),
    ],
)
async def test_each_end_has_its_word(
    client: httpx2.AsyncClient, world: World, end: Fail | Finish, word: str, outcome: str | None, change: object
) -> None:
    job = world.add("asteroid", Script(beats=(Step("Looked", 1), end)))
    await anyio.sleep(2)
    execution = await get(client, f"{LIST}/{job.id}")
    result = execution.get("executionResult", {})
    assert (execution["status"], result.get("outcome")) == (word, outcome)
    assert (result.get("result"), execution["duration"]) == (end.result if isinstance(end, Finish) else None, 1)
    last = await last_change(client, job)
    assert last.pop("status") == word
    assert last.pop("activityType") == "status_changed"
    told = {"completedPayload": {key: result[key] for key in ("outcome", "reasoning", "result")}} if result else change
    assert last == told


async def test_a_question_is_in_the_last_change_and_waits_for_a_message_and_a_resume(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("asteroid", asking())
    await anyio.sleep(4)
    await write(client, job, "I am here")
    await anyio.sleep(6)
    assert await status(client, job) == "paused_by_agent"
    last = await last_change(client, job)
    [question] = last["pausedPayload"]["question"]["questions"]
    assert (last["status"], question["question"]) == ("paused_by_agent", "Which colour shall I order?")
    assert [each["label"] for each in question["options"]] == ["white", "blue", "black"]
    await write(client, job, "blue")
    assert (await status(client, job), job.answers) == ("paused_by_agent", {})
    assert await command(client, job, "resume") == (200, "running")
    assert [text for _, text in job.answers.values()] == ["blue"]
    assert await status(client, job) == "running"
    kinds = [each.get("status") or each.get("message") for each in await log(client, job)]
    assert kinds[-3:] == ["paused_by_agent", "blue", "running"]
    assert kinds.index("I am here") < kinds.index("paused_by_agent")
    assert await command(client, job, "resume") == (400, "Execution is running and cannot be resumed")
    await anyio.sleep(10)
    assert (await get(client, f"{LIST}/{job.id}"))["executionResult"]["result"] == {"ordered": True}


async def test_several_messages_are_one_answer_and_none_is_an_empty_one(
    client: httpx2.AsyncClient, world: World
) -> None:
    asked = Script(beats=(Ask("Which?", ("a", "b")), Step("Looked")))
    told, untold = world.add("asteroid", asked), world.add("asteroid", asked)
    for text in ("a", "no, b"):
        await write(client, told, text)
    for job, answer in ((told, "a\nno, b"), (untold, "")):
        assert await command(client, job, "resume") == (200, "running")
        assert [text for _, text in job.answers.values()] == [answer]


async def test_a_question_without_options_is_a_reason_and_may_pass_by_itself(
    client: httpx2.AsyncClient, world: World
) -> None:
    job = world.add("asteroid", Script(beats=(Ask("Which one?", patience=5), Stall())))
    assert (await last_change(client, job))["pausedPayload"] == {"reason": "Which one?"}
    await anyio.sleep(2)
    await write(client, job, "This one")
    await anyio.sleep(4)
    assert await status(client, job) == "running"
    whole = await get(client, f"{LIST}/{job.id}/activities")
    assert [each["payload"].get("status") or each["payload"]["message"] for each in whole[-3:]] == [
        "paused_by_agent",
        "This one",
        "running",
    ]
    assert whole[-1]["timestamp"] == "2026-11-01T12:00:05.000Z"


async def test_a_cancelled_question_does_not_go_on(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("asteroid", Script(beats=(Ask("Which one?", patience=5), Stall())))
    await anyio.sleep(1)
    assert await command(client, job, "cancel") == (200, "cancelled")
    await anyio.sleep(10)
    assert [each["status"] for each in await log(client, job) if "status" in each] == [
        "running",
        "paused_by_agent",
        "cancelled",
    ]


async def test_an_execution_is_held_and_let_go(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("asteroid", HELD)
    assert await command(client, job, "pause") == (400, "Execution is queued and cannot be paused")
    await anyio.sleep(10)
    assert await command(client, job, "resume") == (400, "Execution is running and cannot be resumed")
    assert await command(client, job, "pause") == (200, "paused")
    assert await command(client, job, "pause") == (400, "Execution is paused and cannot be paused")
    assert (await status(client, job), (await last_change(client, job))["status"]) == ("paused", "paused")
    await anyio.sleep(500)
    assert await command(client, job, "resume") == (200, "running")
    assert (await status(client, job), (await last_change(client, job))["status"]) == ("running", "running")


@pytest.mark.parametrize("seconds", [0, 3])
async def test_a_cancel_is_for_good(client: httpx2.AsyncClient, world: World, seconds: float) -> None:
    job = world.add("asteroid", HELD)
    await anyio.sleep(seconds)
    assert await command(client, job, "cancel") == (200, "cancelled")
    execution = await get(client, f"{LIST}/{job.id}")
    assert (execution["status"], execution["terminalAt"]) == ("cancelled", f"2026-11-01T12:00:0{seconds}.000Z")
    assert ("startedAt" in execution, "recordingUrl" in execution) == (bool(seconds), bool(seconds))
    assert (await last_change(client, job))["cancelledPayload"] == {"reason": "user_requested"}
    for verb, say in (("cancel", "already"), ("pause", "paused"), ("resume", "resumed")):
        code, message = await command(client, job, verb)
        assert code == 400
        assert say in message
    answer = await client.post(f"{LIST}/{job.id}/user-messages", json={"message": "Hello"}, headers=KEY)
    assert answer.status_code == 400
    check_refusal(answer)


async def test_activities_are_only_added_and_can_be_had_in_either_order(
    client: httpx2.AsyncClient, world: World
) -> None:
    job, path, seen = world.add("asteroid", QUICK), "", list[Any]()
    path = f"{LIST}/{job.id}/activities"
    assert await get(client, path) == []
    for _ in range(6):
        await anyio.sleep(2)
        log = [{**each, "payload": each["payload"]["activityType"]} for each in await get(client, path)]
        assert log[: len(seen)] == seen
        seen = log
    assert len({each["id"] for each in seen}) == len(seen) == 14
    assert [each["timestamp"] for each in seen] == sorted(each["timestamp"] for each in seen)
    assert [each["payload"] for each in seen[2:7]] == [
        "step_started",
        "reasoning",
        "action_started",
        "action_completed",
        "step_completed",
    ]
    backwards = await get(client, path, order="desc", limit="3")
    assert [each["id"] for each in backwards] == [each["id"] for each in seen[:-4:-1]]
    assert [each["id"] for each in await get(client, path, order="asc", limit="2")] == [each["id"] for each in seen[:2]]


async def test_a_step_tells_its_number_and_its_page(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("asteroid", QUICK)
    await anyio.sleep(20)
    steps = [each for each in await log(client, job) if each["activityType"] in {"step_completed", "action_started"}]
    assert [each.get("stepNumber") or each["info"]["url"] for each in steps] == [
        "https://shop.example/",
        1,
        "https://shop.example/search?q=kettle",
        2,
    ]


async def test_a_wait_ends_with_the_execution_or_with_its_time(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("asteroid", QUICK)
    began = anyio.current_time()
    answer = await client.get(f"{LIST}/{job.id}/sync?timeoutSeconds=3", headers=KEY)
    assert (answer.status_code, answer.json()) == (202, {"executionId": job.id, "status": "running"})
    assert anyio.current_time() - began == pytest.approx(3)
    answer = await client.get(f"{LIST}/{job.id}/sync", headers=KEY)
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert answer.json()["executionResult"]["result"] == {"price": 42, "currency": "EUR"}
    assert anyio.current_time() - began == pytest.approx(8, abs=0.25)


async def test_a_wait_for_what_is_held_ends_at_once(client: httpx2.AsyncClient, world: World) -> None:
    asked, held = world.add("asteroid", Script(beats=(Ask("Which?"),))), world.add("asteroid", HELD)
    failed = world.add("asteroid", Script(beats=(Fail("boom"),)))
    await anyio.sleep(5)
    held.pause()
    began = anyio.current_time()
    for job, expected in ((asked, (202, "paused_by_agent")), (held, (202, "paused")), (failed, (200, "failed"))):
        answer = await client.get(f"{LIST}/{job.id}/sync", headers=KEY)
        assert (answer.status_code, answer.json()["status"]) == expected
        assert "executionResult" not in answer.json()
    assert anyio.current_time() == began


async def test_a_rerun_is_a_new_execution_of_the_same(client: httpx2.AsyncClient, world: World) -> None:
    _, new = await post(client, EXECUTE, inputs={"what": "kettle"}, metadata={"team": "a"})
    path = f"{LIST}/{new['executionId']}"
    answer = await client.post(f"{path}/rerun", headers=KEY)
    SHAPES.check("AgentsWorkflowExecuteWorkflowResponse", answer.json())
    assert answer.status_code == 202
    first = await get(client, f"{LIST}/{answer.json()['executionId']}")
    check_execution(first)
    assert (first["parentExecutionId"], first["inputs"]) == (new["executionId"], {"what": "kettle"})
    assert (first["workflowName"], first["metadata"]) == (world.story.title, {"team": "a"})
    code, other = await post(client, f"{path}/rerun", inputs={"what": "pot"}, profileId="p2")
    second = await get(client, f"{LIST}/{other['executionId']}")
    assert (code, second["inputs"], second["profileId"]) == (202, {"what": "pot"}, "p2")
    assert (await get(client, path))["hasBeenRerun"]
    assert (await post(client, f"{path}/rerun", inputs=5))[0] == 400


async def test_a_workflow_named_as_a_story_plays_it_and_may_be_queued(client: httpx2.AsyncClient, world: World) -> None:
    path = f"{BASE}/agents/v2/workflows/asking/execute"
    _, new = await post(client, path, onCapacityLimit="queue")
    assert new["status"] == "queued"
    execution = await get(client, f"{LIST}/{new['executionId']}")
    assert (execution["status"], execution["workflowName"]) == ("queued", "Order a kettle")
    answer = await client.post(f"{BASE}/agents/v2/workflows/unheard-of/execute", json={}, headers=KEY)
    assert answer.status_code == 404
    check_refusal(answer)


async def test_executions_are_listed_newest_first_page_by_page(client: httpx2.AsyncClient, world: World) -> None:
    ids = [world.add("asteroid", QUICK).id for _ in range(5)][::-1]
    pages = [await get(client, LIST, page=str(page), pageSize="2") for page in range(1, 5)]
    assert [row["id"] for page in pages for row in page["items"]] == ids
    assert [(page["page"], page["pageSize"], page["total"]) for page in pages] == [(n, 2, 5) for n in range(1, 5)]
    whole = await get(client, LIST)
    assert (whole["page"], whole["pageSize"], len(whole["items"])) == (1, 20, 5)


async def test_a_list_can_be_narrowed_and_sorted(client: httpx2.AsyncClient, world: World) -> None:
    old = world.add("asteroid", QUICK)
    old.notes |= {"metadata": {"team": "a", "order": "5"}, "workflowId": "w1"}
    asks = world.add("asteroid", Script(beats=(Ask("Which?"),)))
    await anyio.sleep(3600)
    new = world.add("asteroid", QUICK)
    hour, moment = "2026-11-01T13:00:00Z", "2026-11-01T12:30:00+00:00"
    wishes: list[tuple[dict[str, Any], list[PretendJob]]] = [
        ({"status": "completed"}, [old]),
        ({"status": ["completed", "paused_by_agent"]}, [asks, old]),
        ({"status": "paused"}, []),
        ({"phase": "pending"}, [new]),
        ({"phase": ["active", "terminal"]}, [asks, old]),
        ({"phase": "active", "status": "completed"}, []),
        ({"createdAfter": hour}, [new]),
        ({"createdBefore": moment}, [asks, old]),
        ({"createdWithin": "30m"}, [new]),
        ({"createdWithin": "1d12h"}, [new, asks, old]),
        ({"executionId": old.id[:9].upper()}, [old]),
        ({"workflowId": "w1"}, [old]),
        ({"agentId": WORKFLOW}, [new, asks]),
        ({"outcomeLabel": "Succ"}, [old]),
        ({"metadata": "team=a"}, [old]),
        ({"metadata": ["team=a", "order=6"]}, []),
        ({"sort": "created_at:asc", "createdBefore": moment}, [asks, old]),
        ({"sort": "created_at:desc"}, [new, asks, old]),
        ({"sortField": "status", "sortDirection": "asc"}, [old, asks, new]),
        ({"sort": "started_at"}, [old, asks, new]),
    ]
    for wish, jobs in wishes:
        found = [row["id"] for row in (await get(client, LIST, **wish))["items"]]
        assert found == [job.id for job in jobs], wish


async def test_a_recording_is_a_way_to_a_link_that_expires(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("asteroid", QUICK)
    path = f"{LIST}/{job.id}/recording"
    await anyio.sleep(5)
    early = await client.get(path, headers=KEY)
    assert early.status_code == 404
    check_refusal(early)
    await anyio.sleep(10)
    for answer in (await client.get(path, headers=KEY), await client.get(f"{path}?token=demo-key")):
        assert answer.status_code == 307
        film = await client.get(answer.headers["location"])
        assert (film.status_code, film.headers["content-type"]) == (200, "video/mp4")
    assert (await client.get(f"{path}?token=wrong")).status_code == 401
    link = (await client.get(path, headers=KEY)).headers["location"]
    assert (await client.get(link.replace("signature=", "signature=0"))).status_code == 403
    await anyio.sleep(301)
    assert (await client.get(link)).status_code == 403


async def test_a_result_that_is_an_object_is_a_file_too(client: httpx2.AsyncClient, world: World) -> None:
    job, prose = world.add("asteroid", QUICK), world.add("asteroid", Script(beats=(Finish("Done."),)))
    assert await get(client, f"{LIST}/{job.id}/files") == {"directories": {}}
    download = f"{LIST}/{job.id}/files/{job.named('file')}/download"
    assert (await client.get(download, headers=KEY)).status_code == 404
    await anyio.sleep(20)
    [file] = (await get(client, f"{LIST}/{job.id}/files"))["directories"]["downloads"]
    assert (file["fileName"], file["downloadUrl"]) == ("result.json", f"http://simulator{download}")
    assert await get(client, f"{LIST}/{prose.id}/files") == {"directories": {}}
    way = await client.get(file["downloadUrl"], headers=KEY)
    [added] = [each for each in await log(client, job) if each["activityType"] == "file_added"]
    assert (way.status_code, added["fileId"]) == (303, file["id"])
    for link in (way.headers["location"], added["presignedUrl"]):
        content = await client.get(link)
        assert (content.json(), len(content.content)) == ({"price": 42, "currency": "EUR"}, file["fileSize"])
    answer = await client.get(f"{LIST}/{job.id}/files/another/download", headers=KEY)
    assert (answer.status_code, answer.text) == (404, "File not found")


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer demo-key"}])
async def test_a_missing_or_wrong_key_is_a_401(
    client: httpx2.AsyncClient, world: World, headers: dict[str, str]
) -> None:
    job = world.add("asteroid", QUICK)
    for path in (f"{BASE}/users/v2/whoami", LIST, f"{LIST}/{job.id}", f"{LIST}/{job.id}/recording", EXECUTE):
        method = "POST" if path == EXECUTE else "GET"
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 401
        check_refusal(answer)
        assert answer.json()["instance"] == path.removeprefix(BASE)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page=0", "page"),
        ("pageSize=101", "pageSize"),
        ("pageSize=x", "pageSize"),
        ("status=RUNNING", "status"),
        ("status=running&status=over", "status"),
        ("phase=running", "phase"),
        ("createdAfter=yesterday", "createdAfter"),
        ("createdBefore=2026-11-01T12:00:00", "createdBefore"),
        ("createdWithin=", "createdWithin"),
        ("createdWithin=5", "createdWithin"),
        ("createdWithin=5m1h", "createdWithin"),
        ("createdWithin=999999w", "createdWithin"),
        ("createdWithin=1h&createdAfter=2026-11-01T12:00:00Z", "createdWithin"),
        ("metadata=team", "metadata"),
        ("sort=created_at:desc&sortField=status", "sort"),
        ("sort=cost:desc", "sort"),
        ("sort=status:up", "sort"),
        ("sortDirection=up", "sort"),
    ],
)
async def test_a_parameter_that_does_not_go_is_named(client: httpx2.AsyncClient, query: str, parameter: str) -> None:
    answer = await client.get(f"{LIST}?{query}", headers=KEY)
    assert answer.status_code == 400
    check_refusal(answer)
    assert [each["parameter"] for each in answer.json()["errors"]] == [parameter]


@pytest.mark.parametrize("query", ["sync?timeoutSeconds=0", "sync?timeoutSeconds=26", "activities?limit=0"])
async def test_a_look_that_does_not_go_is_refused(client: httpx2.AsyncClient, world: World, query: str) -> None:
    job = world.add("asteroid", QUICK)
    for path in (query, "activities?order=up"):
        answer = await client.get(f"{LIST}/{job.id}/{path}", headers=KEY)
        assert answer.status_code == 400
        check_refusal(answer)


async def test_what_nobody_knows_is_not_found(client: httpx2.AsyncClient, world: World) -> None:
    known, nobody = world.add("asteroid", QUICK), uuid4()
    for name in (nobody, known.named("session"), "7"):
        answers = [
            *[await client.get(f"{LIST}/{name}{rest}", headers=KEY) for rest in ("", "/activities", "/sync")],
            await client.get(f"{LIST}/{name}/recording", headers=KEY),
            *[await client.post(f"{LIST}/{name}/{verb}", headers=KEY) for verb in ("pause", "resume", "cancel")],
            await client.post(f"{LIST}/{name}/rerun", headers=KEY),
            await client.post(f"{LIST}/{name}/user-messages", json={"message": "x"}, headers=KEY),
            await client.get(f"{BASE}/nowhere", headers=KEY),
        ]
        for answer in answers:
            assert answer.status_code == 404
            check_refusal(answer)
        for rest in ("files", "files/1/download"):
            answer = await client.get(f"{LIST}/{name}/{rest}", headers=KEY)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"inputs": []}',
        '{"inputs": null}',
        '{"metadata": {"a": 1}}',
        '{"version": true}',
        '{"version": 1, "head": true}',
        '{"profileId": "a", "profileGroupId": "b"}',
        '{"onCapacityLimit": "wait"}',
        '{"onCapacityLimit": "queue", "tempFiles": [{"id": "1", "name": "a"}]}',
    ],
)
async def test_a_start_that_does_not_go_is_refused(client: httpx2.AsyncClient, world: World, text: str) -> None:
    answer = await client.post(EXECUTE, content=text, headers=KEY)
    assert answer.status_code == 400
    check_refusal(answer)
    assert world.jobs("asteroid") == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"message": ""}', '{"message": 5}'])
async def test_a_message_that_says_nothing_is_refused(client: httpx2.AsyncClient, world: World, text: str) -> None:
    job = world.add("asteroid", HELD)
    answer = await client.post(f"{LIST}/{job.id}/user-messages", content=text, headers=KEY)
    assert answer.status_code == 400
    check_refusal(answer)
    assert job.notes == {}


async def test_without_credits_nothing_starts(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("asteroid", QUICK)
    world.out_of_credits = True
    for path in (EXECUTE, f"{LIST}/{job.id}/rerun"):
        answer = await client.post(path, json={}, headers=KEY)
        assert answer.status_code == 402
        check_refusal(answer)
    assert world.jobs("asteroid") == [job]


async def test_a_wrong_method_and_too_many_requests_are_refused_in_the_same_form(
    client: httpx2.AsyncClient, world: World
) -> None:
    answer = await client.put(LIST, headers=KEY)
    assert (answer.status_code, answer.json()["code"], answer.json()["title"]) == (405, 405, "Method Not Allowed")
    world.trouble = RateLimit(0, 0, "7")
    answer = await client.get(LIST, headers=KEY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    check_refusal(answer)
    assert answer.json()["type"] == "https://docs.asteroid.ai/errors/limit-reached"
    assert (answer.json()["used"], answer.json()["limit"]) == (3, 3)
