"""Which jobs there are, as a client hears it."""

from itertools import chain, repeat
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_browserjobs.simulator.script import Fail, Finish, Outage, Queued, Script, Stall
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


async def paged(client: Client, *limits: int, **arguments: Any) -> list[str]:
    """All jobs of a list, page by page; the last of the limits holds for all further pages."""
    jobs: list[str] = []
    for limit in chain(limits, repeat(limits[-1], 50)):
        answer = await told(client, "list_jobs", limit=limit, **arguments)
        assert len(answer["jobs"]) <= limit
        jobs += [row["job"] for row in answer["jobs"]]
        if "next_cursor" not in answer:
            return jobs
        arguments["cursor"] = answer["next_cursor"]
    raise AssertionError("there is no end of it")


@pytest.mark.parametrize("provider", ["gobii", "skyvern", "kernel", "browser_use"])
async def test_pages_of_different_lengths_leave_no_job_out(world: World, provider: str) -> None:
    jobs = []
    for _ in range(30):
        await anyio.sleep(1)
        jobs.append(f"{provider}:{world.add(provider, Script()).id}")
    async with connected(world) as client:
        assert await paged(client, 5, 20, account=provider) == jobs[::-1]
    async with connected(world) as client:
        assert await paged(client, 20, 3, account=provider) == jobs[::-1]


@pytest.mark.parametrize("provider", ["gobii", "skyvern", "browser_use"])
@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_jobs_of_one_moment_are_all_told(world: World, provider: str, limit: int) -> None:
    jobs = {f"{provider}:{world.add(provider, Script(beats=(Queued(0), Finish()))).id}" for _ in range(20)}
    async with connected(world) as client:
        read = await paged(client, limit, account=provider)
    assert len(read) == 20
    assert set(read) == jobs


@pytest.mark.parametrize("known", [False, True])
async def test_what_lies_deep_in_a_list_is_found_in_the_end(world: World, *, known: bool) -> None:
    failed = []
    for number in range(1250):
        await anyio.sleep(1)
        beat = Fail() if number in (3, 20) else Finish()
        job = world.add("gobii", Script(beats=(Queued(0), beat)))
        if isinstance(beat, Fail):
            failed.append(f"gobii:{job.id}")
    async with connected(world) as client:
        if known:
            await told(client, "get_job_status", job=failed[0])
        assert await paged(client, 1, account="gobii", status="failed") == failed[::-1]


async def test_a_cursor_is_good_for_the_accounts_that_it_is_of(world: World) -> None:
    for provider in ("gobii", "skyvern") * 3:
        await anyio.sleep(1)
        world.add(provider, Script())
    async with connected(world) as client:
        of_one = (await told(client, "list_jobs", account="gobii", limit=1))["next_cursor"]
        of_all = (await told(client, "list_jobs", limit=1))["next_cursor"]
        for account in ("skyvern", ""):
            sentence = await refusal(client, "list_jobs", account=account, cursor=of_one)
            assert sentence == "cursor is of another account; begin again without it."
        rows = (await told(client, "list_jobs", account="gobii", cursor=of_all))["jobs"]
    assert [row["job"].partition(":")[0] for row in rows] == ["gobii"] * 3


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
