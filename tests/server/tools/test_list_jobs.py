"""Which jobs there are, as a client hears it."""

from typing import Any

import anyio
import pytest

from mcp_browserjobs.simulator.script import Finish, Outage, Queued, Script, Stall
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.mark.parametrize("mode", ERAS)
async def test_jobs_seen_and_jobs_listed_are_told_newest_first(world: World, mode: str) -> None:
    seen = world.add("dari", Script())
    async with connected(world, mode=mode) as client:
        await told(client, "get_job_status", job=f"dari:{seen.id}")
        await anyio.sleep(5)
        listed = world.add("gobii", Script(title="Compare prices " * 20))
        answer = await told(client, "list_jobs")
    assert [row["job"] for row in answer["jobs"]] == [f"gobii:{listed.id}", f"dari:{seen.id}"]
    assert answer["jobs"][0]["status"] == "queued"
    assert len(answer["jobs"][0]["reported"]["title"]) <= 80
    assert "next_cursor" not in answer


async def test_a_long_list_is_told_in_pages(world: World) -> None:
    jobs = []
    for _ in range(23):
        await anyio.sleep(1)
        jobs.append(f"gobii:{world.add('gobii', Script()).id}")
    async with connected(world) as client:
        told_of: list[str] = []
        arguments: dict[str, Any] = {"limit": 10}
        while True:
            answer = await told(client, "list_jobs", **arguments)
            assert len(answer["jobs"]) <= 10
            told_of += [row["job"] for row in answer["jobs"]]
            if "next_cursor" not in answer:
                break
            arguments["cursor"] = answer["next_cursor"]
    assert told_of == jobs[::-1]


async def test_a_list_can_be_of_one_account_and_one_status(world: World) -> None:
    running = f"gobii:{world.add('gobii', Script(beats=(Queued(0), Stall()))).id}"
    done = f"gobii:{world.add('gobii', Script(beats=(Queued(0), Finish()))).id}"
    world.add("browser_use", Script(beats=(Queued(0), Stall())))
    async with connected(world) as client:
        rows = (await told(client, "list_jobs", account="gobii"))["jobs"]
        assert {row["job"] for row in rows} == {running, done}
        rows = (await told(client, "list_jobs", account="gobii", status="running"))["jobs"]
        assert [row["job"] for row in rows] == [running]


async def test_an_account_that_cannot_be_asked_is_told_beside_the_others(world: World) -> None:
    job = world.add("browser_use_v3", Script())
    world.troubles["gobii"] = Outage(0, 0)
    async with connected(world) as client:
        answer = await told(client, "list_jobs")
    assert [row["job"] for row in answer["jobs"]] == [f"browser_use_v3:{job.id}"]
    assert len(answer["problems"]) == 1
    assert "Gobii" in answer["problems"][0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"account": "nobody"}, "No account has that name"),
        ({"status": "done"}, "status must be empty or one of queued, running, paused"),
        ({"cursor": "nonsense"}, "cursor must be the next_cursor"),
        ({"limit": 0}, "limit must be greater than or equal to 1."),
        ({"limit": 101}, "limit must be less than or equal to 100."),
    ],
)
async def test_a_wrong_argument_is_named(world: World, arguments: dict[str, Any], words: str) -> None:
    async with connected(world) as client:
        assert words in await refusal(client, "list_jobs", **arguments)
