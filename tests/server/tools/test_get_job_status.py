"""How one job is doing now, as a client hears it."""

import anyio
import pytest

from mcp_browserjobs.simulator.script import Ask, Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import HOST, new_world

pytestmark = pytest.mark.anyio

UNKNOWN = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.mark.parametrize("mode", ERAS)
async def test_a_job_is_looked_at_once(world: World, mode: str) -> None:
    job = world.add("gobii", Script())
    async with connected(world, mode=mode) as client:
        answer = await told(client, "get_job_status", job=f"gobii:{job.id}")
    assert answer["job"] == f"gobii:{job.id}"
    assert answer["status"] == "queued"
    assert answer["final"] is False
    assert "stale" not in answer
    assert [asked.method for asked in world.requests] == ["GET"]


async def test_a_bare_id_and_a_link_are_answered_with_the_reference(world: World) -> None:
    job = world.add("browser_use", Script())
    async with connected(world) as client:
        for text in (job.id, f"{HOST}/browser-use/api/v4/runs/{job.id}"):
            assert (await told(client, "get_job_status", job=text))["job"] == f"browser_use:{job.id}"


async def test_text_of_the_run_stands_under_reported_only(world: World) -> None:
    script = Script(title="TITLE", beats=(Queued(0), Step("STEP", 0), Ask("QUESTION", ("OPTION",)), Finish("RESULT")))
    job = world.add("dari", script)
    async with connected(world) as client:
        answer = await told(client, "get_job_status", job=f"dari:{job.id}")
    reported = answer.pop("reported")
    assert reported["question"]["text"] == "QUESTION"
    assert not any(word in str(answer) for word in ("TITLE", "STEP", "QUESTION", "OPTION", "RESULT"))


async def test_the_last_known_state_is_told_when_the_provider_is_out_of_reach(world: World) -> None:
    job = world.add("gobii", Script())
    async with connected(world) as client:
        await told(client, "get_job_status", job=f"gobii:{job.id}")
        world.trouble = Outage(0, 0)
        answer = await told(client, "get_job_status", job=f"gobii:{job.id}")
        assert "stale" not in answer, "a look may be shared for a second"
        await anyio.sleep(2)
        answer = await told(client, "get_job_status", job=f"gobii:{job.id}")
    assert answer["stale"] is True
    assert answer["status"] == "queued"


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "job is missing."),
        ({"job": 5}, "job must be a valid string."),
        ({"job": ""}, "job must be a job reference"),
        ({"job": "nobody:1"}, "No account has that name"),
        ({"job": "gobii:1"}, "its ids have the form"),
        ({"job": f"gobii:{UNKNOWN}"}, "knows no such job"),
        ({"job": UNKNOWN}, "No job of that id is known"),
        ({"job": "https://elsewhere.example/1"}, "nothing was requested"),
    ],
)
async def test_a_failure_is_one_sentence_of_ours(
    world: World, mode: str, arguments: dict[str, object], words: str
) -> None:
    async with connected(world, mode=mode) as client:
        sentence = await refusal(client, "get_job_status", **arguments)
    assert words in sentence
    assert "Error executing" not in sentence
    assert "pydantic" not in sentence
    assert "\n" not in sentence


async def test_a_refused_key_is_named_by_its_variable(world: World) -> None:
    async with connected(world, GOBII_API_KEY="key-that-nobody-may-see") as client:
        sentence = await refusal(client, "get_job_status", job=f"gobii:{UNKNOWN}")
    assert "GOBII_API_KEY" in sentence
    assert "key-that" not in sentence
