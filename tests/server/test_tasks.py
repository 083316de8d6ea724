"""Waits as tasks: for clients that declare the extension, over the wire."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND

from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.server.web import application
from mcp_browserjobs.simulator.script import (
    FOREVER,
    Ask,
    Fail,
    Finish,
    Outage,
    Queued,
    Script,
    Stall,
    Step,
)
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import Task
from tests.conftest import START
from tests.server.connected import serving, told
from tests.server.tasking import (
    METHODS,
    OVER,
    TASKS,
    Knowing,
    Told,
    accept,
    answer_of,
    ask,
    knowing,
    left,
    nobody,
    refused,
    say,
    state,
    until,
)
from tests.stage import new_world

pytestmark = pytest.mark.anyio

MISSING_CAPABILITY = -32021
STEPS = Script(beats=(Queued(0), Step("STEP", 20), Step("STEP", 40), Finish({"pages": 4})))
ENDLESS = Script(beats=(Queued(0), Stall(FOREVER)))
ASKS = Script(beats=(Queued(0), Step("STEP", 20), Ask("WHICH?", ("white", "blue")), Step("STEP", 20), Finish("Done.")))
FREE = Script(beats=(Queued(0), Step("STEP", 20), Ask("WHICH?"), Step("STEP", 20), Finish("Done.")))
QUICK = Script(beats=(Queued(0), Step("STEP", 1), Finish("Done.")))
FAILS = Script(beats=(Queued(0), Step("STEP", 20), Fail()))


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, script: Script = STEPS, provider: str = "dari") -> str:
    return f"{provider}:{world.add(provider, script).id}"


# For whom, and when


async def test_the_extension_is_advertised(world: World) -> None:
    async with knowing(world) as (client, _):
        assert client.server_capabilities.extensions == {TASKS: {}}


async def test_a_client_that_knows_of_tasks_gets_the_answer_through_one(world: World) -> None:
    job, knows = start(world), Knowing()
    async with serving(world) as server, Client(server, extensions=[knows]) as client:
        answer = await told(client, "wait_for_result", jobs=[job])
        assert anyio.current_time() < 64
        plain = await told(client, "wait_for_result", jobs=[job])
    assert answer["done"] is True
    assert 60 <= answer["waited_seconds"] < 64
    assert answer["wait_cap_seconds"] == 86400
    assert [each["reported"]["result"] for each in answer["jobs"]] == [{"pages": 4}]
    assert {**answer["jobs"][0], "checked_at": ""} == {**plain["jobs"][0], "checked_at": ""}
    assert {each["status"] for each in knows.states[:-1]} == {"working"}
    assert knows.states[-1]["status"] == "completed"


async def test_a_task_is_made_once_the_wait_takes_its_time(world: World) -> None:
    job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, job)
        assert anyio.current_time() == pytest.approx(3)
        assert task["resultType"] == "task"
        assert task["status"] == "working"
        assert not task.keys() & {"task", "result", "error", "inputRequests", "content", "structuredContent"}
        assert len(task["taskId"]) >= 32
        assert task["createdAt"] == "2026-11-01T12:00:00.000Z"
        assert task["ttlMs"] == 2 * 86400 * 1000
        assert task["pollIntervalMs"] == 2000
        now = await state(client, task)
    assert now["resultType"] == "complete"
    assert (now["status"], now["statusMessage"]) == ("working", "running, 2 events")
    assert (now["taskId"], now["createdAt"], now["ttlMs"]) == (task["taskId"], task["createdAt"], task["ttlMs"])


async def test_a_wait_that_is_over_soon_is_answered_plainly(world: World) -> None:
    async with knowing(world) as (client, _):
        for job, seconds in ((start(world, QUICK), 0), (start(world), 2)):
            answer = await left(client, job, wait_seconds=seconds)
            assert answer["resultType"] == "complete"
            assert answer["structuredContent"]["jobs"][0]["job"] == job


async def test_a_wait_that_fails_is_answered_plainly(world: World) -> None:
    async with knowing(world) as (client, _):
        wrong: tuple[Told, ...] = ({"jobs": ["nowhere:1"]}, {"jobs": []}, {"jobs": ["dari:x"], "until": "never"}, {})
        for arguments in wrong:
            answer = await ask(client, "tools/call", name="wait_for_result", arguments=arguments)
            assert answer["isError"] is True


async def test_jobs_that_were_never_seen_are_waited_for_plainly(world: World) -> None:
    job = start(world)
    world.trouble = Outage(0, 0)
    async with knowing(world) as (client, _):
        answer = await left(client, job)
        assert anyio.current_time() == pytest.approx(25)
    assert answer["structuredContent"]["done"] is False


async def test_while_the_store_is_locked_a_wait_goes_on_and_is_not_taken_to_be_cut(
    world: World, tmp_path: Path
) -> None:
    job, path = start(world, ENDLESS), str(tmp_path / "store")
    async with knowing(world, BROWSERJOBS_STORE=path) as (client, _):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            await told(client, "get_job_status", job=job)
            with anyio.fail_after(60):
                async with anyio.create_task_group() as calls:

                    async def wait() -> None:
                        answer = await left(client, job, wait_seconds=20)
                        assert answer["resultType"] == "complete"
                        assert answer["structuredContent"]["jobs"][0]["status"] == "running"
                        assert answer["structuredContent"]["wait_cap_seconds"] == 25

                    calls.start_soon(wait)
                    await anyio.sleep(2.9)
                    other.execute("BEGIN IMMEDIATE")
                    await anyio.sleep(2)
                    other.execute("ROLLBACK")
            assert (await left(client, job, wait_seconds=1))["structuredContent"]["wait_cap_seconds"] == 25


async def test_other_tools_make_no_tasks(world: World) -> None:
    async with knowing(world) as (client, _):
        answer = await ask(client, "tools/call", name="get_job_status", arguments={"job": start(world)})
    assert answer["structuredContent"]["status"] == "running"


async def test_a_client_that_does_not_declare_the_extension_gets_the_plain_answer(world: World) -> None:
    job = start(world)
    async with serving(world) as server:
        async with Client(server, extensions=[Knowing()]) as knows:
            task = await left(knows, job)
        async with Client(server) as client:
            answer = await left(client, job)
            assert answer["structuredContent"]["done"] is False
            assert answer["structuredContent"]["wait_cap_seconds"] == 25
            for method, more in METHODS:
                error = await refused(MISSING_CAPABILITY, client, method, taskId=task["taskId"], **more)
                assert error.error.data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
            await refused(
                MISSING_CAPABILITY, client, "subscriptions/listen", notifications={"taskIds": [task["taskId"]]}
            )


async def test_an_older_client_gets_the_plain_answer_even_if_it_declares_the_extension(world: World) -> None:
    job = start(world)
    async with serving(world) as server, Client(server, mode="legacy", extensions=[Knowing()]) as client:
        assert client.server_capabilities.extensions is None
        answer = await told(client, "wait_for_result", jobs=[job])
        assert answer["done"] is False
        for method, more in METHODS:
            await refused(METHOD_NOT_FOUND, client, method, taskId="nobody's", **more)


# Its life


async def test_a_task_works_until_its_job_ends(world: World) -> None:
    job = start(world, FAILS)
    async with knowing(world) as (client, _):
        over = await until(client, await left(client, job), *OVER)
        answer = answer_of(over)
        assert answer["done"] is True
        assert answer["jobs"][0]["status"] == "failed"
        await anyio.sleep(3600)
        assert {**await state(client, over), "_meta": {}} == {**over, "_meta": {}}


async def test_asking_often_costs_the_provider_no_more_than_watching(world: World) -> None:
    job = start(world, ENDLESS)
    async with knowing(world) as (client, _):
        task = await left(client, job, until="result")
        await anyio.sleep(600)
        world.requests.clear()
        for _ in range(100):
            now = await state(client, task)
            await anyio.sleep(1)
    assert len(world.requests) <= 10
    assert 15_000 <= now["pollIntervalMs"] <= 30_000


async def test_nothing_is_asked_while_nobody_asks(world: World) -> None:
    job = start(world, ENDLESS)
    async with knowing(world) as (client, server):
        await left(client, job)
        asked = len(world.requests)
        await anyio.sleep(600)
        assert len(world.requests) == asked
        assert server.tracker.watched == 0


async def test_while_the_provider_cannot_be_asked_a_task_goes_on_as_last_known(world: World) -> None:
    job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, job)
        world.trouble = Outage(0, 0)
        await anyio.sleep(10)
        now = await state(client, task)
        assert now["status"] == "working"
        assert now["statusMessage"] == "running, 2 events, and the provider cannot be asked now"
        world.trouble = None
        assert answer_of(await until(client, task, *OVER))["done"] is True


class Mute(InProcess):
    """Providers that take requests and answer nothing while this is set."""

    silent = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if Mute.silent:
            await anyio.sleep_forever()
        return await super().handle_async_request(request)


async def test_a_provider_that_does_not_answer_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start(world)
    async with knowing(world, transport=Mute) as (client, _):
        task = await left(client, job)
        await anyio.sleep(10)
        monkeypatch.setattr(Mute, "silent", True)
        before = anyio.current_time()
        now = await state(client, task)
        assert anyio.current_time() - before <= 8.1
    assert (now["status"], now["statusMessage"]) == (
        "working",
        "running, 2 events, and the provider cannot be asked now",
    )


async def test_a_task_whose_jobs_cannot_be_looked_up_any_more_ends_as_the_tool_would(
    world: World, tmp_path: Path
) -> None:
    job, store = start(world), str(tmp_path / "store")
    async with knowing(world, BROWSERJOBS_STORE=store) as (client, _):
        task = await left(client, job)
    async with knowing(world, BROWSERJOBS_STORE=store, DARI_API_KEY="") as (client, _):
        over = await state(client, task)
    assert over["status"] == "completed"
    assert over["result"]["isError"] is True
    assert over["result"]["content"][0]["text"] == "Dari is not configured: set DARI_API_KEY."


async def test_a_fault_of_our_own_ends_a_task_as_failed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async with knowing(world) as (client, server):
        expires_at = START + timedelta(days=1)
        await server.tracker.store.make_task(Task("t", "", {"jobs": "SECRET"}, START, START, expires_at))
        for _ in range(2):
            over = await state(client, {"taskId": "t"})
            assert over["status"] == "failed"
            assert over["error"] == {"code": INTERNAL_ERROR, "message": over["statusMessage"]}
            assert "SECRET" not in str(over)
            assert "result" not in over
        await server.tracker.store.make_task(Task("u", "", {"jobs": "SECRET"}, START, START, expires_at))
        await say(client, {"taskId": "u"}, {})
    assert next(record.message for record in caplog.records if record.levelname == "ERROR") == "a task broke"


async def test_giving_up_a_task_leaves_the_run_running(world: World) -> None:
    job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, job)
        for _ in range(2):
            done = await ask(client, "tasks/cancel", taskId=task["taskId"])
            assert done["resultType"] == "complete"
            assert done.keys() <= {"resultType", "_meta"}
            now = await state(client, task)
            assert (now["status"], now["statusMessage"]) == ("cancelled", "Waiting was given up; the runs go on.")
            assert not now.keys() & {"result", "error", "inputRequests", "pollIntervalMs"}
        assert {asked.method for asked in world.requests} == {"GET"}
        await anyio.sleep(100)
        assert (await state(client, task))["status"] == "cancelled"
        assert (await told(client, "get_job_status", job=job))["status"] == "completed"
        over = await until(client, await ask(client, "tasks/get", taskId=task["taskId"]), *OVER)
    assert over["status"] == "cancelled"


async def test_a_task_that_is_over_stays_so_when_it_is_given_up(world: World) -> None:
    job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, job)
        over = await until(client, task, *OVER)
        await ask(client, "tasks/cancel", taskId=task["taskId"])
        assert (await state(client, task))["status"] == over["status"] == "completed"


# What it waits for


async def test_a_task_waits_for_all_of_several_jobs(world: World) -> None:
    jobs = [start(world), start(world, FAILS, "gobii"), start(world, QUICK)]
    async with knowing(world) as (client, _):
        task = await left(client, *jobs, jobs[0])
        now = await state(client, task)
        assert (now["status"], now["statusMessage"]) == ("working", "1 of 3 done")
        await anyio.sleep(25)
        assert (await state(client, task))["statusMessage"] == "2 of 3 done"
        answer = answer_of(await until(client, task, *OVER))
    assert anyio.current_time() >= 60
    assert [each["job"] for each in answer["jobs"]] == jobs
    assert [each["status"] for each in answer["jobs"]] == ["completed", "failed", "completed"]


async def test_a_task_waits_for_any_of_several_jobs(world: World) -> None:
    jobs = [start(world), start(world, FAILS)]
    async with knowing(world) as (client, _):
        answer = answer_of(await until(client, await left(client, *jobs, need="any"), *OVER))
    assert 20 <= anyio.current_time() < 24
    assert answer["done"] is True
    assert [each["status"] for each in answer["jobs"]] == ["running", "failed"]


async def test_a_task_can_wait_for_any_change_since_the_wait_began(world: World) -> None:
    job = start(world)
    async with knowing(world) as (client, server):
        task = await left(client, job, until="change")
        await anyio.sleep(10)
        assert (await state(client, task))["status"] == "working"
        await anyio.sleep(15)
        await server.tracker.look(job)
        answer = answer_of(await state(client, task))
    assert answer["done"] is True
    assert answer["jobs"][0]["status"] == "running"


@pytest.mark.parametrize(("goal", "seconds"), [("attention", 130), ("result", None)])
async def test_a_job_that_stands_still_ends_a_task_unless_the_result_is_wanted(
    world: World, goal: str, seconds: float | None
) -> None:
    job = start(world, Script(beats=(Queued(0), Step("STEP", 1), Step("STEP", 1), Stall(FOREVER))))
    async with knowing(world) as (client, _):
        task = await left(client, job, until=goal)
        with anyio.move_on_after(1000):
            await until(client, task, *OVER)
        now = await state(client, task)
    assert now["status"] == ("completed" if seconds else "working")
    if seconds:
        assert answer_of(now)["jobs"][0]["stalled_seconds"] >= 120


async def test_links_are_not_kept(world: World, tmp_path: Path) -> None:
    store = tmp_path / "store"
    job = world.add("dari", ENDLESS)
    async with knowing(world, BROWSERJOBS_STORE=str(store)) as (client, _):
        links = await told(client, "get_job_links", job=f"dari:{job.id}")
        [live_view] = [link["url"] for link in links["links"] if link["kind"] == "live_view"]
        task = await left(client, live_view)
        assert task["resultType"] == "task"
        assert (await state(client, task))["status"] == "working"
    assert live_view.encode() not in store.read_bytes()


# How long it lasts


async def test_a_task_lasts_as_long_as_the_wait_may(world: World) -> None:
    job = start(world, ENDLESS)
    async with knowing(world) as (client, _):
        task = await left(client, job, until="result", wait_seconds=600)
        assert task["ttlMs"] == (86400 + 600) * 1000
        await anyio.sleep(590)
        assert (await state(client, task))["status"] == "working"
        await anyio.sleep(10)
        answer = answer_of(await state(client, task))
    assert answer["done"] is False
    assert 600 <= answer["waited_seconds"] <= 604
    assert answer["wait_cap_seconds"] == 600
    assert answer["next_step"] == f'wait_for_result(jobs=["{job}"], until="result")'


async def test_a_task_lasts_a_day_at_the_longest(world: World) -> None:
    job = start(world, ENDLESS)
    async with knowing(world) as (client, _):
        for seconds in (0, 10**9):
            task = await left(client, job, until="result", wait_seconds=seconds)
            assert task["ttlMs"] == 2 * 86400 * 1000
            await anyio.sleep(86300)
            assert (await state(client, task))["status"] == "working"
            await anyio.sleep(100)
            assert answer_of(await state(client, task))["done"] is False


async def test_a_task_expires_and_is_forgotten(world: World) -> None:
    job = start(world, ENDLESS)
    async with knowing(world) as (client, server):
        task = await left(client, job, until="result")
        await anyio.sleep(task["ttlMs"] / 1000 - 4)
        assert (await state(client, task))["status"] == "completed"
        await anyio.sleep(4)
        error = await refused(INVALID_PARAMS, client, "tasks/get", taskId=task["taskId"])
        assert error.error.message == "There is no such task, or it has expired."
        await left(client, job, until="result")
        assert await server.tracker.store.load_task(task["taskId"], now=START) is None


# Whose it is


async def test_a_task_that_is_not_there_is_refused(world: World) -> None:
    async with knowing(world) as (client, _):
        for method, more in METHODS:
            await refused(INVALID_PARAMS, client, method, taskId="nobody's", **more)
            await refused(INVALID_PARAMS, client, method)
            await refused(INVALID_PARAMS, client, method, taskId=7, **more)
        await refused(INVALID_PARAMS, client, "tasks/update", taskId="nobody's", inputResponses=[])


async def test_nobody_sees_the_task_of_another_token(world: World) -> None:
    owner, reader = "o" * 16, "r" * 16
    job = start(world, ASKS)
    tokens = {"BROWSERJOBS_TOKEN": owner, "BROWSERJOBS_READ_TOKEN": reader}
    async with serving(world, **tokens) as server:
        app = application(server)
        async with server.session_manager.run(), over_http(app, owner) as mine, over_http(app, reader) as other:
            task = await left(mine, job)
            assert (await state(mine, task))["status"] == "working"
            for method, more in METHODS:
                error = await refused(INVALID_PARAMS, other, method, taskId=task["taskId"], **more)
                assert error.error.message == "There is no such task, or it has expired."
            # Who may only read is not asked what to answer.
            theirs = await left(other, job)
            await refused(INVALID_PARAMS, mine, "tasks/get", taskId=theirs["taskId"])
            assert (await until(mine, task, "input_required"))["inputRequests"]
            assert answer_of(await state(other, theirs))["jobs"][0]["status"] == "waiting_for_input"
            error = await refused(INVALID_PARAMS, other, "tasks/update", taskId=theirs["taskId"], inputResponses={})
            assert error.error.message == "This token allows to read only."


@asynccontextmanager
async def over_http(app: Any, token: str) -> AsyncIterator[Client]:
    """A client that knows of tasks and brings a token."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=InProcess(app), headers=headers, timeout=None) as http:
        target = streamable_http_client("http://127.0.0.1:8931/mcp", http_client=http)
        async with Client(target, extensions=[Knowing()], elicitation_callback=nobody) as client:
            yield client


# In which process


async def test_a_task_outlives_the_process_that_made_it(world: World, tmp_path: Path) -> None:
    job, store = start(world), str(tmp_path / "store")
    async with knowing(world, BROWSERJOBS_STORE=store) as (client, _):
        task = await left(client, job)
    await anyio.sleep(100)
    async with knowing(world, BROWSERJOBS_STORE=store) as (client, _):
        answer = answer_of(await state(client, task))
    assert answer["jobs"][0]["reported"]["result"] == {"pages": 4}


async def test_processes_on_one_store_agree(world: World, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    async with (
        knowing(world, BROWSERJOBS_STORE=store) as (one, _),
        knowing(world, BROWSERJOBS_STORE=store) as (other, _),
    ):
        task = await left(one, start(world))
        await ask(other, "tasks/cancel", taskId=task["taskId"])
        assert (await state(one, task))["status"] == "cancelled"
        task = await left(one, start(world, ASKS))
        now = await until(one, task, "input_required")
        await say(other, task, dict.fromkeys(now["inputRequests"], accept("blue")))
        await say(one, task, dict.fromkeys(now["inputRequests"], accept("white")))
        assert answer_of(await until(one, task, *OVER))["done"] is True
    [(_, answer)] = world.jobs("dari")[0].answers.values()
    assert answer == "blue"
