"""Tasks across real processes: one makes it, another one tells how it stands."""

from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from mcp_browserjobs.simulator.script import Ask, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.outside import COMMAND, address, provided, started
from tests.server.tasking import Knowing, accept, answer_of, left, listening, nobody, say, state

pytestmark = pytest.mark.anyio

ASKS = Script(beats=(Queued(0), Step("STEP", 4), Ask("WHICH?"), Step("STEP", 0.2), Finish({"pages": 4})))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_task_that_one_process_made_is_carried_on_by_another_over_http(tmp_path: Path) -> None:
    world, knows = World(), Knowing()
    with provided(world, str(tmp_path / "jobs.sqlite3")) as environ:
        job = world.add("dari", ASKS)
        stdio = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environ)
        async with Client(stdio, extensions=[Knowing()], elicitation_callback=nobody) as client:
            task = await left(client, f"dari:{job.id}", until="result")
            assert task["resultType"] == "task"
        with started(environ, "serve", "--transport", "http", "--port", "0") as process:
            url = address(process)
            async with Client(url, extensions=[knows], elicitation_callback=nobody) as client:
                assert (await state(client, task))["status"] in ("working", "input_required")
                async with listening(client, taskIds=[task["taskId"]]):
                    with anyio.fail_after(20):
                        while (now := await state(client, task))["status"] != "input_required":  # noqa: ASYNC110 - nobody tells
                            await anyio.sleep(0.1)
                        await say(client, task, dict.fromkeys(now["inputRequests"], accept("blue")))
                        while not knows.heard or knows.heard[-1][1]["status"] != "completed":  # noqa: ASYNC110 - nobody tells
                            await anyio.sleep(0.1)
                over = await state(client, task)
    assert answer_of(over)["jobs"][0]["reported"]["result"] == {"pages": 4}
    assert [text for _, text in job.answers.values()] == ["blue"]
    statuses = [note["status"] for _, note in knows.heard]
    assert statuses[-1] == "completed"
    assert "input_required" in statuses
