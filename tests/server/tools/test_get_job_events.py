"""A job's numbered log, as a client reads it."""

import json
from typing import Any

import anyio
import pytest

from mcp_browserjobs.server.answers import EVENTS_BYTES
from mcp_browserjobs.simulator.script import Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

WORDY = Script(beats=(Queued(0), *(Step(f"{page} " + "\N{CAT FACE}" * 3000, 1) for page in range(99)), Finish()))
STEPS = Script(beats=(Queued(0), *(Step(f"Read page {page}", 1) for page in range(1, 11)), Finish()))


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.mark.parametrize("mode", ERAS)
async def test_the_log_is_read_page_by_page_and_nothing_twice(world: World, mode: str) -> None:
    job = f"dari:{world.add('dari', STEPS).id}"
    async with connected(world, mode=mode) as client:
        await anyio.sleep(30)
        seen: list[dict[str, Any]] = []
        after, more = 0, True
        while more:
            page = await told(client, "get_job_events", job=job, after=after, limit=5)
            assert len(page["events"]) <= 5
            assert page["job"] == job
            assert page["status"] == "completed"
            seen += page["events"]
            after, more = page["next_after"], page["more"]
        assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
        assert sum(event["kind"] == "step" for event in seen) == 10
        assert (await told(client, "get_job_events", job=job, after=after))["events"] == []


@pytest.mark.parametrize("mode", ERAS)
async def test_a_page_of_long_texts_ends_early_and_says_so(world: World, mode: str) -> None:
    job = f"dari:{world.add('dari', WORDY).id}"
    async with connected(world, mode=mode) as client:
        await anyio.sleep(200)
        seen: list[int] = []
        after, more = 0, True
        while more:
            page = await told(client, "get_job_events", job=job, after=after, limit=200)
            assert 0 < len(json.dumps(page["events"], ensure_ascii=False).encode()) < EVENTS_BYTES * 1.1
            seen += [event["seq"] for event in page["events"]]
            after, more = page["next_after"], page["more"]
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) > 99


async def test_what_came_since_is_read_from_where_one_stopped(world: World) -> None:
    job = f"dari:{world.add('dari', STEPS).id}"
    async with connected(world) as client:
        first = await told(client, "get_job_events", job=job)
        assert first["more"] is False
        await anyio.sleep(3)
        second = await told(client, "get_job_events", job=job, after=first["next_after"])
    assert second["events"][0]["seq"] == first["next_after"] + 1
    assert second["next_after"] > first["next_after"]


async def test_the_known_part_is_told_when_the_provider_is_out_of_reach(world: World) -> None:
    job = f"dari:{world.add('dari', STEPS).id}"
    async with connected(world) as client:
        await told(client, "get_job_events", job=job)
        await anyio.sleep(2)
        world.trouble = Outage(0, 0)
        page = await told(client, "get_job_events", job=job)
    assert page["stale"] is True
    assert page["events"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"limit": 0}, "limit must be greater than or equal to 1."),
        ({"limit": 201}, "limit must be less than or equal to 200."),
        ({"limit": "many"}, "limit must be a valid integer, unable to parse string as an integer."),
        ({"after": -1}, "after must be greater than or equal to 0."),
    ],
)
async def test_a_wrong_argument_is_named_without_its_value(
    world: World, arguments: dict[str, Any], sentence: str
) -> None:
    async with connected(world) as client:
        assert await refusal(client, "get_job_events", job="dari:1", **arguments) == sentence
