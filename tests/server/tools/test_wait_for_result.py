"""Waiting, as a client hears it: how long, for what, and what it is told meanwhile."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.server.mcpserver import Context
from mcp.types import Implementation

from mcp_browserjobs import finding
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.server.tools.wait_for_result import told as telling
from mcp_browserjobs.simulator.script import FOREVER, Ask, Fail, Finish, Outage, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, serving, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

SHORT = Script(beats=(Queued(1), Step("Opened the shop", 5), Finish("Done.")))
ENDLESS = Script(beats=(Queued(1), Stall(FOREVER)))
UNKNOWN = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, script: Script = SHORT, provider: str = "dari") -> str:
    return f"{provider}:{world.add(provider, script).id}"


@pytest.mark.parametrize("mode", ERAS)
async def test_the_end_is_waited_for(world: World, mode: str) -> None:
    job = start(world)
    async with connected(world, mode=mode) as client:
        answer = await told(client, "wait_for_result", jobs=[job])
    assert answer["done"] is True
    assert 6 <= answer["waited_seconds"] < 9
    assert [each["status"] for each in answer["jobs"]] == ["completed"]
    assert answer["jobs"][0]["reported"]["result"] == "Done."


@pytest.mark.parametrize("mode", ERAS)
async def test_one_job_may_be_given_as_a_string_and_a_list_as_json(world: World, mode: str) -> None:
    job = start(world)
    async with connected(world, mode=mode) as client:
        for jobs in (job, json.dumps([job])):
            assert (await told(client, "wait_for_result", jobs=jobs))["jobs"][0]["job"] == job


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("mcp", 25),
        ("somebody-new", 25),
        ("claude-ai", 50),
        ("ChatGPT", 50),
        ("Zed", 50),
        ("Cline", 50),
        ("@librechat/api-client", 50),
        ("inspector-cli", 50),
        ("mcp-inspector", 50),
        ("claude-code", 100),
        ("codex-mcp-client", 240),
        ("Codex", 240),
        ("goose", 240),
        ("fastmcp", 240),
        ("gemini-cli-mcp-client", 540),
    ],
)
async def test_a_wait_lasts_as_long_as_its_client_allows(world: World, name: str, seconds: float) -> None:
    job = start(world, ENDLESS)
    async with connected(world, client_info=Implementation(name=name, version="1")) as client:
        begin = anyio.current_time()
        answer = await told(client, "wait_for_result", jobs=[job], until="result")
        assert anyio.current_time() - begin == pytest.approx(seconds, abs=0.1)
    assert answer["done"] is False
    assert answer["wait_cap_seconds"] == seconds
    assert answer["waited_seconds"] == pytest.approx(seconds, abs=0.1)
    assert answer["next_step"] == f'wait_for_result(jobs=["{job}"], until="result")'


async def test_the_setting_takes_the_place_of_what_is_known_of_the_client(world: World) -> None:
    job = start(world, ENDLESS)
    async with connected(world, BROWSERJOBS_WAIT_SECONDS="7") as client:
        answer = await told(client, "wait_for_result", jobs=[job])
    assert answer["wait_cap_seconds"] == 7
    assert answer["waited_seconds"] == pytest.approx(7, abs=0.1)


@pytest.mark.parametrize(("asked", "waited"), [(3, 3), (0, 25), (1000, 25)])
async def test_a_wish_is_honoured_up_to_the_cap(world: World, asked: int, waited: float) -> None:
    job = start(world, ENDLESS)
    async with connected(world) as client:
        answer = await told(client, "wait_for_result", jobs=[job], wait_seconds=asked)
    assert answer["wait_cap_seconds"] == 25
    assert answer["waited_seconds"] == pytest.approx(waited, abs=0.1)


async def test_attention_is_a_question_too_and_a_result_is_not(world: World) -> None:
    job = start(world, Script(beats=(Queued(1), Ask("Which colour?"), Finish())))
    async with connected(world) as client:
        answer = await told(client, "wait_for_result", jobs=[job])
        assert answer["done"] is True
        assert answer["jobs"][0]["status"] == "waiting_for_input"
        assert (await told(client, "wait_for_result", jobs=[job], until="result"))["done"] is False


async def test_a_change_is_any_new_event(world: World) -> None:
    job = start(world, Script(beats=(Queued(0), *(Step(f"Read page {page}", 8) for page in range(9)))))
    async with connected(world) as client:
        seen = (await told(client, "get_job_status", job=job))["events_seen"]
        answer = await told(client, "wait_for_result", jobs=[job], until="change")
    assert answer["done"] is True
    assert answer["jobs"][0]["status"] == "running"
    assert answer["jobs"][0]["events_seen"] > seen


async def test_any_of_several_may_be_enough(world: World) -> None:
    jobs = [start(world, ENDLESS), start(world, Script(beats=(Queued(1), Fail())))]
    async with connected(world) as client:
        answer = await told(client, "wait_for_result", jobs=jobs, need="any")
    assert answer["done"] is True
    assert [each["status"] for each in answer["jobs"]] == ["running", "failed"]


async def test_one_that_cannot_be_looked_up_does_not_spoil_the_others(world: World) -> None:
    async with connected(world) as client:
        answer = await told(client, "wait_for_result", jobs=[start(world), f"gobii:{UNKNOWN}"])
        assert answer["done"] is True
        assert answer["jobs"][1]["status"] == "unknown"
        assert "knows no such job" in answer["jobs"][1]["problem"]
        assert "knows no such job" in await refusal(client, "wait_for_result", jobs=[f"gobii:{UNKNOWN}"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"jobs": []}, "jobs must name 1 to 20 jobs."),
        ({"jobs": [f"gobii:{number}" for number in range(21)]}, "jobs must name 1 to 20 jobs."),
        ({"jobs": {"a": "b"}}, "jobs must be a valid list."),
        ({"jobs": [1]}, "jobs must be a valid string."),
        ({"jobs": ["gobii:1"], "until": "eternity"}, "until must be 'result', 'attention' or 'change'."),
        ({"jobs": ["gobii:1"], "wait_seconds": -1}, "wait_seconds must be greater than or equal to 0."),
    ],
)
async def test_a_wrong_argument_is_named(world: World, arguments: dict[str, Any], sentence: str) -> None:
    async with connected(world) as client:
        assert await refusal(client, "wait_for_result", **arguments) == sentence


async def test_an_outage_is_ridden_out(world: World) -> None:
    job = start(world, Script(beats=SHORT.beats, troubles=(Outage(0, 5),)))
    async with connected(world) as client:
        answer = await told(client, "wait_for_result", jobs=[job])
    assert answer["done"] is True
    assert answer["jobs"][0]["status"] == "completed"


# Progress


async def reports(client: Client, **arguments: Any) -> list[tuple[float, float, float | None, str | None]]:
    """Each report of a wait's progress, with the time at which it came."""
    seen: list[tuple[float, float, float | None, str | None]] = []
    begin = anyio.current_time()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((anyio.current_time() - begin, progress, total, message))

    await client.call_tool("wait_for_result", arguments, progress_callback=note)
    return seen


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_grows_and_comes_often_enough_but_not_too_often(world: World, mode: str) -> None:
    clicks = (Step(f"Clicked {each}", 0.3) for each in range(20))
    job = start(world, Script(beats=(Queued(0), *clicks, Stall(FOREVER))))
    async with connected(world, mode=mode, client_info=Implementation(name="goose", version="1")) as client:
        seen = await reports(client, jobs=[job], wait_seconds=60)
    assert len(seen) >= 60 / 11
    assert all(later[1] > earlier[1] for earlier, later in pairwise(seen))
    assert all(1 <= later[0] - earlier[0] <= 11.5 for earlier, later in pairwise(seen))
    assert {total for _, _, total, _ in seen} == {60}
    assert all(message and message.isascii() and len(message) < 40 for _, _, _, message in seen)
    assert seen[-1][3] == "running, 22 events"


async def test_progress_counts_the_jobs_that_are_done(world: World) -> None:
    jobs = [start(world), start(world, ENDLESS)]
    async with connected(world) as client:
        messages = [message for _, _, _, message in await reports(client, jobs=jobs)]
    assert messages[0] == "0 of 2 done"
    assert messages[-1] == "1 of 2 done"


class Slow(InProcess):
    """Takes longer for each request than a client is left without a report."""

    seconds = 12

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        await anyio.sleep(self.seconds)
        return await super().handle_async_request(request)


async def test_progress_comes_before_anything_is_known(world: World) -> None:
    async with connected(world, transport=Slow) as client:
        seen = await reports(client, jobs=[start(world, ENDLESS)])
    assert (round(seen[0][0]), seen[0][3]) == (10, "unknown")
    assert seen[-1][3] == "running, 2 events"


@pytest.mark.parametrize(("script", "status", "done"), [(ENDLESS, "running", False), (SHORT, "completed", True)])
async def test_when_the_time_is_up_before_the_first_look_came_back_what_was_known_is_told(
    world: World, script: Script, status: str, *, done: bool
) -> None:
    job = start(world, script)
    async with connected(world, transport=Slow, BROWSERJOBS_WAIT_SECONDS="60") as client:
        await anyio.sleep(10)
        known = await told(client, "get_job_status", job=job)
        await anyio.sleep(60)
        answer = await told(client, "wait_for_result", jobs=[job], wait_seconds=3)
    assert (answer["done"], answer["waited_seconds"]) == (done, 3.0)
    [now] = answer["jobs"]
    assert (now["status"], now["checked_at"], now["stale"]) == (status, known["checked_at"], True)


async def test_short_waits_in_a_row_come_to_know_of_a_job_though_each_look_takes_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "seconds", 6)
    job = start(world)
    async with connected(world, transport=Slow) as client:
        seen = [await told(client, "wait_for_result", jobs=[job], wait_seconds=4) for _ in range(4)]
        await anyio.sleep(10)
    assert [answer["jobs"][0]["status"] for answer in seen] == ["unknown", "unknown", "completed", "completed"]
    assert seen[2]["done"] is True


class Broken(InProcess):
    """Fails as nothing should, after a while."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send no request."""
        await anyio.sleep(6)
        raise ValueError(request)


async def test_a_fault_of_our_own_after_a_wait_is_over_ends_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(world, transport=Broken) as client:
        answer = await told(client, "wait_for_result", jobs=[start(world)], wait_seconds=4)
        await anyio.sleep(10)
        assert (await told(client, "list_accounts"))["accounts"]
    assert answer["jobs"][0]["status"] == "unknown"
    assert "a look broke after its wait was over" in caplog.messages


async def test_a_job_that_was_never_reached_has_no_events(world: World) -> None:
    job = start(world)
    world.trouble = Outage(0, 0)
    async with connected(world) as client:
        assert {message for _, _, _, message in await reports(client, jobs=[job])} == {"unknown"}


async def test_a_client_that_cannot_be_told_does_not_end_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    tell = telling(Context(), 25)
    for second in (1.0, 2.0, 3.0):
        await tell(second, [])
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# Leaving


@pytest.mark.parametrize("mode", ERAS)
async def test_giving_up_ends_the_wait_and_nothing_else(world: World, mode: str) -> None:
    job = world.add("dari", ENDLESS)
    async with serving(world) as server, Client(server, mode=mode) as client:
        with anyio.move_on_after(5):
            await client.call_tool("wait_for_result", {"jobs": [f"dari:{job.id}"]})
        await anyio.sleep(1)
        assert server.tracker.watched == 0
        asked = len(world.requests)
        await anyio.sleep(60)
    assert len(world.requests) == asked
    assert {request.method for request in world.requests} == {"GET"}
    assert job.state().phase == "running"


@pytest.mark.parametrize("mode", ERAS)
async def test_a_server_that_stops_lets_waits_end_with_a_sentence(world: World, mode: str) -> None:
    job = start(world, ENDLESS)
    async with serving(world) as server, Client(server, mode=mode) as client, anyio.create_task_group() as tasks:
        heard: list[str] = []

        async def wait() -> None:
            heard.append(await refusal(client, "wait_for_result", jobs=[job]))

        tasks.start_soon(wait)
        await anyio.sleep(5)
        server.stop()
        await anyio.sleep(1)
        assert heard == ["This server was told to stop. The runs go on; call again when it is back."]


async def test_for_a_job_that_its_provider_no_longer_knows_nobody_is_told_to_wait(world: World) -> None:
    job = world.add("dari", ENDLESS)
    reference = f"dari:{job.id}"
    async with connected(world) as client:
        assert "next_step" in await told(client, "get_job_status", job=reference)
        world.remove("dari", job)
        await anyio.sleep(5)
        answer = await told(client, "wait_for_result", jobs=[reference])
        assert (answer["done"], answer["jobs"][0]["stale"]) == (True, True)
        assert "no longer knows" in answer["jobs"][0]["summary"]
        assert "next_step" not in answer
        assert "next_step" not in answer["jobs"][0]
        assert "next_step" not in await told(client, "get_job_status", job=reference)
        waits = await told(client, "wait_for_result", jobs=[reference, start(world, ENDLESS)])
        assert reference not in waits["next_step"]


class SlowStart(InProcess):
    """Carries a request that is no GET as slowly as Dari may, which waits for its documents."""

    seconds = 110.0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            await anyio.sleep(self.seconds)
        return await super().handle_async_request(request)


class LostStart(SlowStart):
    """Carries it too slowly for anybody to wait."""

    seconds = FOREVER


@asynccontextmanager
async def starting(world: World, name: str, transport: type[InProcess]) -> AsyncIterator[tuple[Client, str]]:
    """A client of this name, and the reference of a job that it has asked for."""
    me = Implementation(name=name, version="1")
    async with connected(world, client_info=me, transport=transport, BROWSERJOBS_ALLOW_START="1") as client:
        yield client, (await told(client, "start_job", account="gobii", task="Buy", idempotency_key="k"))["job"]


@pytest.mark.parametrize("name", ["mcp", "claude-code", "goose"])
async def test_a_start_is_waited_for_as_long_as_it_may_take(world: World, name: str) -> None:
    async with starting(world, name, SlowStart) as (client, job):
        begun = anyio.current_time()
        sentence = await refusal(client, "get_job_status", job=job)
        assert sentence == "Gobii has not told the id of the new job yet; wait for it with wait_for_result."
        assert anyio.current_time() - begun < 10
        answer = await told(client, "wait_for_result", jobs=[job])
        while not answer["done"]:
            assert answer["waited_seconds"] == answer["wait_cap_seconds"]
            assert answer["next_step"] == f'wait_for_result(jobs=["{answer["jobs"][0]["job"]}"])'
            answer = await told(client, "wait_for_result", jobs=[job])
    assert answer["jobs"][0]["status"] == "completed"


async def test_a_start_that_came_to_nothing_is_not_waited_for_for_ever(world: World) -> None:
    async with starting(world, "goose", LostStart) as (client, job):
        assert "cannot be told whether" in await refusal(client, "wait_for_result", jobs=[job])
        assert finding.START_LIMIT <= anyio.current_time() < finding.START_LIMIT + 60
