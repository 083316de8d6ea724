"""Starting jobs, as a client does it."""

from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

ALLOWED = {"BROWSERJOBS_ALLOW_START": "1"}


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_job_is_started_once_and_followed_by_its_reference(world: World, mode: str) -> None:
    async with connected(world, mode=mode, **ALLOWED) as client:
        arguments = {"account": "gobii", "task": "TASK", "idempotency_key": "monday"}
        first = await told(client, "start_job", **arguments)
        assert (await told(client, "start_job", **arguments))["job"] == first["job"]
        waited = await told(client, "wait_for_result", jobs=[first["job"]])
    [job] = world.jobs("gobii")
    assert (first["job"], first["asked"], first["took_effect"]) == (f"gobii:{job.id}", "start", True)
    assert first["summary"].startswith("The job was started.")
    assert "TASK" not in str({name: value for name, value in first.items() if name != "reported"})
    assert waited["jobs"][0]["status"] == "completed"


class Slow(InProcess):
    """Carries a request that is no GET after some seconds."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            await anyio.sleep(6)
        return await super().handle_async_request(request)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_provider_that_takes_its_time_is_stood_in_for(world: World, mode: str) -> None:
    async with connected(world, mode=mode, transport=Slow, **ALLOWED) as client:
        begun = anyio.current_time()
        answer = await told(client, "start_job", account="gobii", task="Buy", idempotency_key="k")
        assert anyio.current_time() - begun <= 4
        assert (answer["job"], answer["asked"]) == ("gobii:start/k", "start")
        assert "took_effect" not in answer
        assert answer["summary"].startswith("The start was asked for; the id is not known yet")
        assert answer["next_step"] == 'wait_for_result(jobs=["gobii:start/k"])'
        waited = await told(client, "wait_for_result", jobs=["gobii:start/k"])
    assert waited["jobs"][0]["job"] == f"gobii:{world.jobs('gobii')[0].id}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": ""}, "task must not be empty."),
        ({"parameters_json": "["}, "parameters_json must be a JSON object"),
        ({"parameters_json": "[]"}, "parameters_json must be a JSON object"),
        ({"parameters_json": '{"a": NaN}'}, "parameters_json must be a JSON object"),
        ({"parameters_json": '{"a":' * 5000}, "parameters_json must be a JSON object"),
        ({"parameters_json": '{"agent": "AGENT"}'}, "Gobii does not accept that (agent)"),
        ({"account": "nobody"}, "No account has that name"),
    ],
)
async def test_what_cannot_be_started_is_said_in_a_sentence(
    world: World, arguments: dict[str, Any], words: str
) -> None:
    async with connected(world, **ALLOWED) as client:
        sentence = await refusal(client, "start_job", **{"account": "gobii", "task": "Buy"} | arguments)
    assert words in sentence
    assert "AGENT" not in sentence
    assert not world.jobs("gobii")


async def test_parameters_go_into_the_providers_own_call(world: World) -> None:
    async with connected(world, **ALLOWED) as client:
        answer = await told(
            client,
            "start_job",
            account="dari",
            task="demo-org/contact_form",
            parameters_json='{"email": "a@b.example"}',
        )
    assert answer["job"].startswith("dari:demo-org/contact_form/")
    assert len(world.jobs("dari")) == 1
