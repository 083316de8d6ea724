"""How the pretend Browserbase answers and refuses, and that what it answers has the documented shapes."""

from base64 import b64decode
from functools import partial
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.simulator.pictures import picture
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, PretendJob, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.stories import QUICK, asking
from mcp_browserjobs.simulator.world import World
from tests.simulator.shapes import MOMENTS, Shapes, get_from, post_to

pytestmark = pytest.mark.anyio

BASE = "/browserbase/v1"
RUNS = f"{BASE}/agents/runs"
KEY = {"X-BB-API-Key": "demo-key"}
SHAPES = Shapes("browserbase")
NOBODY = "00000000-0000-4000-8000-000000000000"
get = partial(get_from, "", KEY)
post = partial(post_to, "", KEY)


def session_of(job: PretendJob) -> str:
    return f"{BASE}/sessions/{job.named('session')}"


def said(message: dict[str, Any]) -> object:
    """What a message comes to: its text, or the last of its parts."""
    content = message["message"]["content"]
    return content if isinstance(content, str) else (content[-1]["type"], content[-1]["toolName"])


def check_run(run: dict[str, Any]) -> None:
    SHAPES.check("AgentRun", run)
    if "cause" in run:
        SHAPES.check("Cause", run["cause"])


async def test_its_answers_have_the_documented_shapes(client: httpx2.AsyncClient, world: World, script: Script) -> None:
    status, new = await post(client, RUNS, task="x", pauseWhen="when in doubt", resultSchema={"type": "object"})
    assert status == 201
    check_run(new)
    SHAPES.check("Project", *await get(client, f"{BASE}/projects"))
    job = world.add("browserbase", script)
    for moment in range(MOMENTS):
        run = await get(client, f"{RUNS}/{job.id}")
        check_run(run)
        runs = await get(client, RUNS, limit="1")
        SHAPES.check("RunListResponse", runs)
        check_run(runs["data"][0])
        messages = await get(client, f"{RUNS}/{job.id}/messages", all="true")
        SHAPES.check("RunListMessagesResponse", messages)
        SHAPES.check("RunMessage", *messages["data"])
        for message in (each["message"] for each in messages["data"]):
            SHAPES.check("Message", message)
            SHAPES.check("Part", *(part for part in message["content"] if isinstance(part, dict)))
        if "sessionId" in run:
            await check_session(client, f"{BASE}/sessions/{run['sessionId']}", ended="endedAt" in run, moment=moment)
        await anyio.sleep(4)
    for verb, body in (("stop", {}), ("resume", {"task": "blue"})):
        other = world.add("browserbase", Script(beats=(Ask("Which?"),)))
        status, told = await post(client, f"{RUNS}/{other.id}/{verb}", **body)
        assert status == 202
        check_run(told)


async def check_session(client: httpx2.AsyncClient, session: str, *, ended: bool, moment: int) -> None:
    if not ended:
        view = await get(client, f"{session}/debug")
        SHAPES.check("SessionLiveURLs", view)
        SHAPES.check("LivePage", *view["pages"])
    if moment == MOMENTS - 3:
        await post(client, f"{session}/recording/downloads")
    logs = await get(client, f"{session}/logs")
    SHAPES.check("SessionLog", *logs)
    SHAPES.check("LogRequest", *(each["request"] for each in logs))
    replays = await get(client, f"{session}/replays")
    SHAPES.check("ReplayRetrieveResponse", replays)
    SHAPES.check("ReplayPage", *replays["pages"])
    downloads = await get(client, f"{session}/recording/downloads")
    SHAPES.check("DownloadListResponse", downloads)
    SHAPES.check("RecordingDownload", *downloads["downloads"])


async def test_a_run_goes_from_pending_to_its_wrapped_result(client: httpx2.AsyncClient) -> None:
    status, new = await post(client, RUNS, task="Find a kettle", agentId="an-agent", variables={"a": {"value": "b"}})
    assert (status, new["status"], new["task"], new["agentId"]) == (201, "PENDING", "Find a kettle", "an-agent")
    assert new["createdAt"] == new["updatedAt"] == "2026-11-01T12:00:00.000Z"
    assert not {"sessionId", "sandboxId", "startedAt", "endedAt", "result", "cause", "variables"} & new.keys()
    await anyio.sleep(3)
    running = await get(client, f"{RUNS}/{new['runId']}")
    assert (running["status"], running["startedAt"]) == ("RUNNING", "2026-11-01T12:00:02.000Z")
    assert {"sessionId", "sandboxId"} < running.keys()
    assert not {"endedAt", "result"} & running.keys()
    await anyio.sleep(10)
    done = await get(client, f"{RUNS}/{new['runId']}")
    assert (done["status"], done["endedAt"]) == ("COMPLETED", "2026-11-01T12:00:08.000Z")
    assert done["result"]["output"] == {"price": 42, "currency": "EUR"}
    assert (done["result"]["stepsTaken"], done["result"]["taskDuration"]) == (2, 6000)


@pytest.mark.parametrize(
    ("end", "status", "result", "cause"),
    [
        (Fail("boom"), "FAILED", None, {"code": "AGENT_FAILED", "message": "boom"}),
        (Fail("Too late.", "timed_out"), "TIMED_OUT", None, None),
        (Finish("No.", goal_met=False), "COMPLETED", "No.", None),
        (Finish(None), "COMPLETED", None, None),
    ],
)
async def test_each_end_has_its_word(
    client: httpx2.AsyncClient, world: World, end: Fail | Finish, status: str, result: object, cause: object
) -> None:
    job = world.add("browserbase", Script(beats=(Step("Looked", 1), end)))
    await anyio.sleep(2)
    run = await get(client, f"{RUNS}/{job.id}")
    assert (run["status"], run.get("cause"), run.get("result", {}).get("output")) == (status, cause, result)


async def test_the_question_is_the_last_message_of_a_paused_run(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", asking())
    messages = f"{RUNS}/{job.id}/messages"
    await anyio.sleep(4)
    assert await post(client, f"{RUNS}/{job.id}/resume", task="blue") == (
        409,
        {"error": "Conflict", "message": "Run is not paused"},
    )
    await anyio.sleep(6)
    assert (await get(client, f"{RUNS}/{job.id}"))["status"] == "PAUSED"
    last = (await get(client, messages))["data"][-1]
    assert last["message"]["role"] == "assistant"
    part = last["message"]["content"][-1]
    assert (part["type"], part["toolName"]) == ("tool-call", "pause")
    assert part["input"] == {"message": "Which colour shall I order? (white, blue, black)"}
    assert (await client.get(f"{session_of(job)}/debug", headers=KEY)).status_code == 200
    status, run = await post(client, f"{RUNS}/{job.id}/resume", task="%colour%", variables={"colour": {"value": "b"}})
    assert (status, run["status"]) == (202, "RUNNING")
    assert [text for _, text in job.answers.values()] == ["%colour%"]
    reply = (await get(client, messages, since=last["id"]))["data"]
    assert [(each["message"]["role"], said(each)) for each in reply] == [("tool", ("tool-result", "pause"))]
    assert reply[0]["message"]["content"][0]["toolCallId"] == part["toolCallId"]
    assert (await post(client, f"{RUNS}/{job.id}/resume", task="blue"))[0] == 409
    await anyio.sleep(10)
    assert (await get(client, f"{RUNS}/{job.id}"))["result"]["output"] == {"ordered": True}


async def test_a_question_without_options_is_asked_as_it_is(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", Script(beats=(Ask("Which?", patience=5), Stall())))
    last = (await get(client, f"{RUNS}/{job.id}/messages"))["data"][-1]
    assert last["message"]["content"][-1]["input"] == {"message": "Which?"}
    await anyio.sleep(6)
    assert (await get(client, f"{RUNS}/{job.id}"))["status"] == "RUNNING"


@pytest.mark.parametrize(("when", "status"), [({"pauseWhen": "when in doubt"}, "PAUSED"), ({}, "COMPLETED")])
async def test_only_a_run_made_with_a_wish_to_pause_pauses(
    client: httpx2.AsyncClient, when: dict[str, str], status: str
) -> None:
    _, new = await post(client, RUNS, task="asking", **when)
    await anyio.sleep(20)
    assert (await get(client, f"{RUNS}/{new['runId']}"))["status"] == status


async def test_a_hold_does_not_show(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", Script(beats=(Step("Looked", 10),)))
    job.pause()
    await anyio.sleep(20)
    assert (await get(client, f"{RUNS}/{job.id}"))["status"] == "RUNNING"
    assert (await post(client, f"{RUNS}/{job.id}/resume", task="Go on"))[0] == 409
    assert (await get(client, f"{RUNS}/{job.id}/messages")) == {"data": [], "nextSince": None}


@pytest.mark.parametrize("seconds", [0, 3])
async def test_a_stop_is_taken_and_over_by_the_next_look(
    client: httpx2.AsyncClient, world: World, seconds: float
) -> None:
    job = world.add("browserbase", Script(beats=(Queued(2), Step("Looked", 60))))
    await anyio.sleep(seconds)
    status, told = await post(client, f"{RUNS}/{job.id}/stop")
    assert (status, told["status"]) == (202, "RUNNING" if seconds else "PENDING")
    stopped = await get(client, f"{RUNS}/{job.id}")
    assert (stopped["status"], stopped["endedAt"]) == ("STOPPED", f"2026-11-01T12:00:0{seconds}.000Z")
    assert ("sessionId" in stopped) is bool(seconds)
    refusal = (409, {"error": "Conflict", "message": "Run has already finished"})
    assert await post(client, f"{RUNS}/{job.id}/stop") == refusal


async def test_the_transcript_is_read_from_message_to_message(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", QUICK)
    path = f"{RUNS}/{job.id}/messages"
    assert await get(client, path) == {"data": [], "nextSince": None}
    await anyio.sleep(6)
    first = await get(client, path)
    assert [said(each) for each in first["data"]] == [("tool-call", "act"), ("tool-result", "act")]
    assert first["nextSince"] == first["data"][-1]["id"]
    assert await get(client, path, since=first["nextSince"]) == {"data": [], "nextSince": first["nextSince"]}
    await anyio.sleep(6)
    whole = await get(client, path)
    assert whole["data"][:2] == first["data"]
    assert said(whole["data"][-1]) == '{"price": 42, "currency": "EUR"}'
    assert len({each["id"] for each in whole["data"]}) == len(whole["data"]) == 5
    times = [each["createdAt"] for each in whole["data"]]
    assert times == sorted(times)
    page = await get(client, path, limit="2", since=first["nextSince"])
    assert page == {"data": whole["data"][2:4], "nextSince": whole["data"][3]["id"]}
    rest = await get(client, path, limit="1", all="true", since=whole["data"][0]["id"])
    assert rest["data"] == whole["data"][1:]


async def test_a_page_has_twenty_messages_when_no_limit_is_given(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", Script(beats=tuple(Step(f"Read page {page}", 1) for page in range(15))))
    await anyio.sleep(20)
    path = f"{RUNS}/{job.id}/messages"
    assert len((await get(client, path))["data"]) == 20
    assert len((await get(client, path, all="true"))["data"]) == 30


async def test_a_step_is_told_with_a_picture(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", Script(beats=(Step("Looked", 1, "https://shop.example/tea"),)))
    await anyio.sleep(2)
    call, result = (each["message"] for each in (await get(client, f"{RUNS}/{job.id}/messages"))["data"])
    reasoning, text, file, tool = call["content"]
    assert (reasoning["type"], text["type"], text["text"]) == ("reasoning", "text", "Looked")
    assert (file["type"], file["mediaType"], b64decode(file["data"])) == ("file", "image/png", picture(2))
    assert (tool["type"], tool["input"]) == ("tool-call", {"instruction": "Looked"})
    assert (call["role"], result["role"]) == ("assistant", "tool")
    assert result["content"][0]["toolCallId"] == tool["toolCallId"]
    assert result["content"][0]["output"]["value"]["url"] == "https://shop.example/tea"


async def test_runs_are_listed_newest_first_with_a_cursor(client: httpx2.AsyncClient, world: World) -> None:
    ids = [world.add("browserbase", QUICK).id for _ in range(5)][::-1]
    seen: list[str] = []
    cursors: dict[str, str] = {}
    while True:
        page = await get(client, RUNS, limit="2", **cursors)
        seen += [run["runId"] for run in page["data"]]
        assert page["limit"] == 2
        if page["nextCursor"] is None:
            break
        cursors = {"cursor": page["nextCursor"]}
    assert seen == ids
    assert (await get(client, RUNS))["limit"] == 20


async def test_a_list_can_be_narrowed(client: httpx2.AsyncClient, world: World) -> None:
    old = world.add("browserbase", QUICK)
    await anyio.sleep(60)
    new = world.add("browserbase", QUICK)
    new.notes["agentId"] = "an-agent"
    minute = "2026-11-01T12:01:00"
    wishes: list[tuple[dict[str, str], list[PretendJob]]] = [
        ({}, [new, old]),
        ({"status": "COMPLETED"}, [old]),
        ({"status": "PENDING"}, [new]),
        ({"status": "TIMED_OUT"}, []),
        ({"agentId": "an-agent"}, [new]),
        ({"startAt": f"{minute}Z"}, [new]),
        ({"endAt": f"{minute}Z"}, [new, old]),
        ({"endAt": "2026-11-01T12:00:30+00:00"}, [old]),
    ]
    for wish, jobs in wishes:
        assert [run["runId"] for run in (await get(client, RUNS, **wish))["data"]] == [job.id for job in jobs], wish


async def test_the_live_view_lasts_as_long_as_the_session(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", QUICK)
    debug = f"{session_of(job)}/debug"
    assert (await client.get(debug, headers=KEY)).status_code == 404
    await anyio.sleep(3)
    blank = await get(client, debug)
    assert blank["debuggerFullscreenUrl"].startswith("https://www.browserbase.com/devtools-fullscreen/inspector.html?")
    assert blank["pages"][0]["url"] == "about:blank"
    await anyio.sleep(3)
    assert (await get(client, debug))["pages"][0]["url"] == "https://shop.example/"
    await anyio.sleep(6)
    assert (await client.get(debug, headers=KEY)).status_code == 404


async def test_there_is_a_replay_when_the_session_is_over(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", QUICK)
    await anyio.sleep(3)
    assert await get(client, f"{session_of(job)}/replays") == {"pageCount": 0, "pages": []}
    assert (await client.get(f"{session_of(job)}/replays/0", headers=KEY)).status_code == 404
    await anyio.sleep(10)
    [page] = (await get(client, f"{session_of(job)}/replays"))["pages"]
    assert page["endTimeMs"] - page["startTimeMs"] == 6000
    playlist = await client.get(page["url"], headers=KEY)
    assert (playlist.status_code, playlist.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert playlist.text.startswith("#EXTM3U")
    assert (await client.get(f"{session_of(job)}/replays/1", headers=KEY)).status_code == 404


async def test_a_recording_is_assembled_when_it_is_asked_for(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", QUICK)
    path = f"{session_of(job)}/recording/downloads"
    await anyio.sleep(3)
    assert await get(client, path) == {"downloads": []}
    await anyio.sleep(10)
    assert await get(client, path) == {"downloads": [{"pageId": "0", "status": "NOT_REQUESTED"}]}
    pending = {"downloads": [{"pageId": "0", "status": "PENDING"}]}
    assert await post(client, path) == (200, pending)
    await anyio.sleep(4)
    assert await get(client, path) == pending
    await anyio.sleep(2)
    [done] = (await get(client, path))["downloads"]
    assert (done["status"], done["completedAt"]) == ("COMPLETED", "2026-11-01T12:00:18.000Z")
    assert done["downloadUrl"].startswith("https://storage.example/recordings/")


@pytest.mark.parametrize(
    ("headers", "message"), [({}, "Missing x-bb-api-key header"), ({"x-bb-api-key": "wrong"}, "Invalid API key")]
)
async def test_a_missing_or_wrong_key_is_a_401(
    client: httpx2.AsyncClient, world: World, headers: dict[str, str], message: str
) -> None:
    job = world.add("browserbase", QUICK)
    for path in (RUNS, f"{RUNS}/{job.id}", f"{BASE}/projects", f"{session_of(job)}/debug"):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized", "message": message})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/agents/runs/7", 400),
        (f"/agents/runs/{NOBODY}", 404),
        (f"/agents/runs/{NOBODY}/messages", 404),
        (f"/sessions/{NOBODY}/replays", 404),
        ("/agents/runs?limit=0", 400),
        ("/agents/runs?limit=101", 400),
        ("/agents/runs?limit=x", 400),
        ("/agents/runs?status=pending", 400),
        ("/agents/runs?cursor=x", 400),
        ("/agents/runs?startAt=yesterday", 400),
        ("/agents/runs?endAt=2026-11-01T12:00:00", 400),
        ("/nowhere", 404),
    ],
)
async def test_what_cannot_be_found_or_read_is_refused(client: httpx2.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(BASE + path, headers=KEY)
    assert (answer.status_code, list(answer.json())) == (status, ["error", "message"])


async def test_messages_after_an_unknown_one_are_refused(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", QUICK)
    answer = await client.get(f"{RUNS}/{job.id}/messages?since=x", headers=KEY)
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")


async def test_a_session_is_no_run_and_a_run_no_session(client: httpx2.AsyncClient, world: World) -> None:
    job = world.add("browserbase", Script(beats=(Step("Looked", 60),)))
    assert (await client.get(f"{RUNS}/{job.named('session')}", headers=KEY)).status_code == 404
    assert (await client.get(f"{BASE}/sessions/{job.id}/debug", headers=KEY)).status_code == 404


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"task": ""}', '{"task": 5}'])
async def test_a_body_without_a_task_is_refused(client: httpx2.AsyncClient, world: World, text: str) -> None:
    job = world.add("browserbase", Script(beats=(Ask("Which?"),)))
    for path in (RUNS, f"{RUNS}/{job.id}/resume"):
        answer = await client.post(path, content=text, headers=KEY)
        assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert (world.jobs("browserbase"), job.answers) == ([job], {})


async def test_without_credits_nothing_starts(client: httpx2.AsyncClient, world: World) -> None:
    world.out_of_credits = True
    status, refusal = await post(client, RUNS, task="x")
    assert (status, refusal["error"]) == (402, "Payment Required")
    assert world.jobs("browserbase") == []


async def test_a_wrong_method_and_too_many_requests_are_refused_in_the_same_form(
    client: httpx2.AsyncClient, world: World
) -> None:
    answer = await client.put(RUNS, headers=KEY)
    assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")
    world.trouble = RateLimit(0, 0, "7")
    answer = await client.get(RUNS, headers=KEY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"] == "Too Many Requests"
