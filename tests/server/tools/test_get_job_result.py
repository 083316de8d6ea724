"""What a job brought, as a client reads it."""

import json
from typing import Any

import anyio
import pytest

from mcp_browserjobs.simulator.script import Finish, Json, Queued, Script
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

RESULT: Json = {"items": [{"name": "kettle", "text": "x" * 900} for _ in range(20)], "none": None}


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, result: Json = RESULT, seconds: float = 0) -> str:
    return f"dari:{world.add('dari', Script(beats=(Queued(seconds), Finish(result)))).id}"


@pytest.mark.parametrize("mode", ERAS)
async def test_a_result_that_fits_is_given_whole(world: World, mode: str) -> None:
    async with connected(world, mode=mode) as client:
        answer = await told(client, "get_job_result", job=start(world), max_chars=30000)
    assert answer["reported"] == {"result": RESULT}
    assert answer["more"] is False
    assert answer["chars"] == len(json.dumps(RESULT, separators=(",", ":")))
    assert answer["status"] == "completed"


async def test_a_long_result_is_given_in_slices(world: World) -> None:
    job = start(world)
    async with connected(world) as client:
        text, offset, more = "", 0, True
        while more:
            answer = await told(client, "get_job_result", job=job, offset=offset, max_chars=7000)
            text += answer["reported"]["text"]
            more, offset = answer["more"], answer.get("next_offset", 0)
    assert json.loads(text) == RESULT
    assert answer["chars"] == len(text)


async def test_a_part_is_given_by_its_pointer(world: World) -> None:
    job = start(world)
    async with connected(world) as client:
        answer = await told(client, "get_job_result", job=job, pointer="/items/3/name")
        assert answer["reported"] == {"result": "kettle"}
        for nowhere in ("/items/20", "/items/-", "/items/-/name", "/items/01", "/items/0/name/0", "items", "/~2"):
            assert "pointer leads nowhere" in await refusal(client, "get_job_result", job=job, pointer=nowhere)


async def test_text_is_sliced_as_it_is(world: World) -> None:
    job = start(world, "héllo wörld")
    async with connected(world) as client:
        answer = await told(client, "get_job_result", job=job, offset=1, max_chars=4)
    assert answer["reported"] == {"text": "éllo"}
    assert answer["next_offset"] == 5


async def test_a_result_that_is_not_there_yet_is_to_be_waited_for(world: World) -> None:
    job = start(world, seconds=5)
    async with connected(world) as client:
        assert "wait_for_result" in await refusal(client, "get_job_result", job=job)
        await anyio.sleep(10)
        assert (await told(client, "get_job_result", job=job, max_chars=30000))["reported"] == {"result": RESULT}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_chars": 30001}, "max_chars must be less than or equal to 30000."),
        ({"max_chars": 0}, "max_chars must be greater than or equal to 1."),
        ({"offset": -1}, "offset must be greater than or equal to 0."),
    ],
)
async def test_a_wrong_argument_is_named(world: World, arguments: dict[str, Any], sentence: str) -> None:
    async with connected(world) as client:
        assert await refusal(client, "get_job_result", job="dari:1", **arguments) == sentence
