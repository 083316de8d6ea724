"""Holding, resuming and stopping jobs, as a client does it."""

import anyio
import pytest
from mcp import Client

from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

LONG = Script(title="TITLE", beats=(Queued(0), Step("STEP", 500), Finish("RESULT")))
ACTS = [("pause_job", "pause", "paused"), ("resume_job", "resume", "running"), ("cancel_job", "cancel", "cancelled")]


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


async def running(client: Client, world: World, script: Script = LONG) -> str:
    """The reference of a job that runs."""
    job = world.add("dari", script)
    await anyio.sleep(2)
    return f"dari:{job.id}"


@pytest.mark.parametrize("mode", ERAS)
async def test_what_was_asked_and_what_became_of_it_is_told_and_may_be_repeated(world: World, mode: str) -> None:
    async with connected(world, mode=mode) as client:
        ref = await running(client, world)
        for tool, asked, status in ACTS:
            for _ in range(2):
                answer = await told(client, tool, job=ref)
                assert (answer["asked"], answer["took_effect"], answer["status"]) == (asked, True, status)
                answer.pop("reported", None)
                assert not any(word in str(answer) for word in ("TITLE", "STEP", "RESULT"))
    assert sum(asked.method != "GET" for asked in world.requests) == 3


async def test_a_job_that_is_over_stays_as_it_is(world: World) -> None:
    async with connected(world) as client:
        ref = await running(client, world, Script(beats=(Queued(0), Finish("Done."))))
        for tool, asked, _ in ACTS:
            answer = await told(client, tool, job=ref)
            assert (answer["took_effect"], answer["status"]) == (False, "completed")
            assert answer["summary"].startswith(f"There is nothing to {asked}: the job is over. Completed at dari")


async def test_what_a_provider_ignores_is_said_to_be_asked_for_only(world: World) -> None:
    async with connected(world) as client:
        ref = await running(client, world, Script(beats=(Queued(60), Step("STEP", 500), Finish())))
        answer = await told(client, "pause_job", job=ref)
    assert answer["took_effect"] is False
    assert answer["summary"].startswith("The provider was asked to pause the job, and it has not happened so far.")


@pytest.mark.parametrize(("tool", "ability"), [("pause_job", "pause jobs"), ("resume_job", "resume jobs")])
async def test_what_a_provider_cannot_is_said(world: World, tool: str, ability: str) -> None:
    job = world.add("gobii", LONG)
    async with connected(world) as client:
        sentence = await refusal(client, tool, job=f"gobii:{job.id}")
    assert sentence == f"Gobii has no way to {ability}; list_accounts tells what works there."
