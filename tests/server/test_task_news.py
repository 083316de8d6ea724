"""What clients that listen are told of their tasks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from mcp import Client
from mcp.types import INVALID_PARAMS, ResourceUpdatedNotification, SubscriptionsAcknowledgedNotification

from mcp_browserjobs.server.app import Server
from mcp_browserjobs.simulator.script import FOREVER, Ask, Finish, Outage, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import Task
from tests.conftest import START, virtual_clock
from tests.server.connected import serving
from tests.server.tasking import Knowing, Told, accept, ask, left, listening, nobody, refused, say, state
from tests.stage import new_world

pytestmark = pytest.mark.anyio

STEPS = Script(beats=(Queued(0), Step("STEP", 20), Step("STEP", 20), Finish({"pages": 4})))
ENDLESS = Script(beats=(Queued(0), Stall(FOREVER)))
ASKS = Script(beats=(Queued(0), Step("STEP", 20), Ask("WHICH?"), Step("STEP", 20), Finish("Done.")))


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, script: Script = STEPS) -> str:
    return f"dari:{world.add('dari', script).id}"


@asynccontextmanager
async def hearing(world: World, **environ: str) -> AsyncIterator[tuple[Client, Knowing, Server]]:
    """A client that knows of tasks, what it hears, and its server."""
    knows = Knowing()
    async with (
        serving(world, **environ) as server,
        Client(server, extensions=[knows], elicitation_callback=nobody) as client,
    ):
        yield client, knows, server


def course(knows: Knowing) -> list[str]:
    """The statuses that were told, each once in a row."""
    told = [note["status"] for _, note in knows.heard]
    return [status for number, status in enumerate(told) if told[:number][-1:] != [status]]


async def test_who_listens_is_told_how_a_task_stands_until_it_is_over(world: World) -> None:
    async with hearing(world) as (client, knows, server):
        task = await left(client, start(world))
        async with listening(client, taskIds=[task["taskId"]]):
            assert server.tracker.watched == 1
            await anyio.sleep(60)
            assert server.tracker.watched == 0
        over = await state(client, task)
    assert course(knows) == ["working", "completed"]
    assert knows.heard[0][0] == pytest.approx(3)
    at, last = knows.heard[-1]
    assert at < 42
    assert {**last, "_meta": {}} == {key: value for key, value in over.items() if key != "resultType"} | {"_meta": {}}
    assert all("io.modelcontextprotocol/subscriptionId" in note["_meta"] for _, note in knows.heard)
    messages = [note.get("statusMessage") for _, note in knows.heard]
    assert messages == ["running, 2 events", "running, 3 events", None]


async def test_the_confirmation_names_the_tasks_that_there_are(world: World) -> None:
    confirmed: list[Told] = []

    async def note(message: object) -> None:
        if isinstance(message, SubscriptionsAcknowledgedNotification):
            confirmed.append(message.params.notifications.model_dump(by_alias=True, exclude_none=True))

    async with serving(world) as server, Client(server, extensions=[Knowing()], message_handler=note) as client:
        one, two = await left(client, start(world)), await left(client, start(world))
        ids = [one["taskId"], "nobody's", "\ud800", two["taskId"], one["taskId"]]
        async with listening(client, taskIds=ids, resourcesListChanged=True):
            pass
        async with listening(client, taskIds=["nobody's"]):
            pass
    assert confirmed == [{"resourcesListChanged": True, "taskIds": [one["taskId"], two["taskId"]]}, {"taskIds": []}]


async def test_resources_and_tasks_share_a_stream(world: World) -> None:
    job, updated = start(world, ENDLESS), anyio.Event()

    async def note(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            updated.set()

    knows = Knowing()
    async with serving(world) as server, Client(server, extensions=[knows], message_handler=note) as client:
        task = await left(client, job)
        uri = f"browserjobs://dari/{quote(job.removeprefix('dari:'), safe='')}/events"
        async with listening(client, taskIds=[task["taskId"]], resourceSubscriptions=[uri]):
            assert server.tracker.watched == 1
            world.jobs("dari")[0].cancel()
            await anyio.sleep(30)
            assert updated.is_set()
    assert course(knows) == ["working", "completed"]


async def test_who_listens_is_told_of_a_question_and_of_its_answer(world: World) -> None:
    async with hearing(world) as (client, knows, _):
        task = await left(client, start(world, ASKS))
        async with listening(client, taskIds=[task["taskId"]]):
            await anyio.sleep(30)
            asked = knows.heard[-1][1]
            assert asked["status"] == "input_required"
            before = anyio.current_time()
            await say(client, task, dict.fromkeys(asked["inputRequests"], accept("yes")))
            await anyio.sleep(60)
    assert course(knows) == ["working", "input_required", "working", "completed"]
    assert next(at for at, note in knows.heard if at > before - 0.1 and note["status"] == "working") < before + 1


async def test_everybody_who_listens_is_told_when_a_task_is_given_up(world: World, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    async with (
        hearing(world, BROWSERJOBS_STORE=store) as (client, knows, server),
        hearing(world, BROWSERJOBS_STORE=store) as (other, knows_too, _),
    ):
        task = await left(client, start(world, ENDLESS))
        async with listening(client, taskIds=[task["taskId"]]), listening(other, taskIds=[task["taskId"]]):
            async with listening(client, taskIds=[task["taskId"]]):
                await ask(client, "tasks/cancel", taskId=task["taskId"])
                await anyio.sleep(0.1)
                assert [note["status"] for _, note in knows.heard] == ["working", "working", "cancelled", "cancelled"]
            await anyio.sleep(12)
            assert course(knows_too) == ["working", "cancelled"]
            assert server.tracker.watched == 0


async def test_a_task_that_is_over_is_told_of_once(world: World) -> None:
    async with hearing(world) as (client, knows, server):
        task = await left(client, start(world, ENDLESS))
        await ask(client, "tasks/cancel", taskId=task["taskId"])
        await server.tracker.store.make_task(Task("t", "", None, START, START, START + timedelta(days=1)))
        async with listening(client, taskIds=[task["taskId"], "t"]):
            await anyio.sleep(60)
            assert server.tracker.watched == 0
    assert sorted(note["status"] for _, note in knows.heard) == ["cancelled", "failed"]


async def test_the_time_that_is_up_is_told_of(world: World) -> None:
    async with hearing(world) as (client, knows, _):
        task = await left(client, start(world, ENDLESS), until="result", wait_seconds=600)
        async with listening(client, taskIds=[task["taskId"]]):
            await anyio.sleep(620)
    assert course(knows) == ["working", "completed"]
    assert knows.heard[-1][0] == pytest.approx(600, abs=1)
    assert knows.heard[-1][1]["result"]["structuredContent"]["done"] is False


async def test_a_clock_that_is_set_back_costs_a_task_nothing_of_what_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hearing(world) as (client, knows, server):
        task = await left(client, start(world, ENDLESS), until="result", wait_seconds=60)
        async with listening(client, taskIds=[task["taskId"]]):
            monkeypatch.setattr(server.tracker, "clock", lambda: virtual_clock() - timedelta(seconds=5))
            await anyio.sleep(80)
    assert course(knows) == ["working", "completed"]
    [job] = knows.heard[-1][1]["result"]["structuredContent"]["jobs"]
    assert job["status"] == "running"
    assert "stale" not in job


async def test_several_jobs_of_a_task_are_watched(world: World) -> None:
    async with hearing(world) as (client, knows, server):
        task = await left(client, start(world), start(world, ASKS))
        async with listening(client, taskIds=[task["taskId"]]):
            assert server.tracker.watched == 2
            await anyio.sleep(60)
    messages = [note["statusMessage"] for _, note in knows.heard]
    assert messages == ["0 of 2 done", "waiting for a person's answer"]


async def test_a_change_that_is_waited_for_is_told_of(world: World) -> None:
    async with hearing(world) as (client, knows, _):
        task = await left(client, start(world), until="change")
        async with listening(client, taskIds=[task["taskId"]]):
            await anyio.sleep(60)
    assert course(knows) == ["working", "completed"]
    assert 20 <= knows.heard[-1][0] < 24


async def test_trouble_with_the_provider_is_told_of_and_passes(world: World) -> None:
    async with hearing(world) as (client, knows, _):
        task = await left(client, start(world))
        async with listening(client, taskIds=[task["taskId"]]):
            world.trouble = Outage(0, 0)
            await anyio.sleep(15)
            world.trouble = None
            await anyio.sleep(60)
    messages = [note.get("statusMessage") for _, note in knows.heard]
    assert "running, 2 events, and the provider cannot be asked now" in messages
    assert course(knows) == ["working", "completed"]


async def test_jobs_that_cannot_be_looked_up_any_more_are_told_of(world: World, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    async with hearing(world, BROWSERJOBS_STORE=store) as (client, _, _):
        task = await left(client, start(world))
    async with (
        hearing(world, BROWSERJOBS_STORE=store, DARI_API_KEY="") as (client, knows, _),
        listening(client, taskIds=[task["taskId"]]),
    ):
        await anyio.sleep(1)
    assert [note["result"]["isError"] for _, note in knows.heard] == [True]


async def test_streams_end_in_good_order_when_the_server_stops(world: World) -> None:
    async with hearing(world) as (client, _, server):
        task = await left(client, start(world, ENDLESS))
        async with listening(client, taskIds=[task["taskId"]]) as over:
            server.stop()
            with anyio.fail_after(5):
                await over()
        assert server.tracker.watched == 0


@pytest.mark.parametrize("asked", ["all", [1], {"a": "b"}])
async def test_task_ids_that_are_none_are_refused(world: World, asked: object) -> None:
    async with hearing(world) as (client, _, _):
        await refused(INVALID_PARAMS, client, "subscriptions/listen", notifications={"taskIds": asked})


@pytest.mark.parametrize("asked", [None, []])
async def test_who_asks_for_no_tasks_is_told_of_none(world: World, asked: object) -> None:
    async with (
        serving(world) as server,
        Client(server) as client,
        listening(client, taskIds=asked, resourcesListChanged=True) as over,
    ):
        server.stop()
        with anyio.fail_after(5):
            await over()
