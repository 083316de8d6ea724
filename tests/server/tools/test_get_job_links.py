"""Capability links: told by one tool, and by nothing else."""

import json
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_browserjobs.simulator.script import Ask, Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

STEPS = Script(beats=(Queued(0), Step("Opened", 1), Step("Read", 1), Ask("Which?"), Finish("Done.")))
LINKED = ["dari", "browser_use", "browser_use_v3", "browser_use_v2", "browser_use_v1"]


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("provider", LINKED)
async def test_links_are_told_with_a_warning(world: World, mode: str, provider: str) -> None:
    job = world.add(provider, STEPS)
    async with connected(world, mode=mode) as client:
        await anyio.sleep(5)
        answer = await told(client, "get_job_links", job=f"{provider}:{job.id}")
    assert answer["job"] == f"{provider}:{job.id}"
    assert "the user only" in answer["summary"]
    for link in answer["links"]:
        assert link.keys() <= {"kind", "url", "expires_at"}
        assert link["kind"] in ("live_view", "recording", "download", "log")
        assert link["url"].startswith(("http://", "https://"))
    assert "live_view" in [link["kind"] for link in answer["links"]]


async def test_no_links_are_an_answer(world: World) -> None:
    job = world.add("gobii", STEPS)
    async with connected(world) as client:
        answer = await told(client, "get_job_links", job=f"gobii:{job.id}")
    assert answer["links"] == []
    assert answer["summary"].startswith("There are no links")


async def everything(client: Client, job: str) -> str:
    """All that is told of a job, but for its links."""
    heard: list[Any] = []
    for tool in (await client.list_tools()).tools:
        if tool.name == "get_job_links":
            continue
        arguments: dict[str, Any] = {"job": job, "jobs": [job], "wait_seconds": 1, "answer": "x"}
        heard.append((await client.call_tool(tool.name, arguments)).model_dump(mode="json"))
    uris = [resource.uri for resource in (await client.list_resources()).resources]
    uris += [f"{uri}/events" for uri in uris if uri != "browserjobs://jobs"]
    read = [(await client.read_resource(uri)).model_dump(mode="json") for uri in uris]
    return json.dumps([heard, read])


@pytest.mark.parametrize("provider", LINKED)
async def test_no_other_answer_has_a_link(world: World, provider: str) -> None:
    job = world.add(provider, STEPS)
    async with connected(world) as client:
        await anyio.sleep(5)
        links = (await told(client, "get_job_links", job=f"{provider}:{job.id}"))["links"]
        rest = await everything(client, f"{provider}:{job.id}")
    assert links
    assert not [link["url"] for link in links if link["url"] in rest]
