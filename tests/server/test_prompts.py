"""The prompts, and what is completed while somebody types."""

import re
from urllib.parse import quote

import pytest
from mcp import Client, MCPError
from mcp.types import GetPromptResult, PromptReference, ResourceTemplateReference, TextContent

from mcp_browserjobs.server import uris
from mcp_browserjobs.server.completions import MOST
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

NAMES = ["check_on_job", "diagnose_failed_job", "compare_jobs"]


@pytest.fixture
def world() -> World:
    return new_world()


def text(prompt: GetPromptResult) -> str:
    [message] = prompt.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


@pytest.mark.parametrize("mode", ERAS)
async def test_the_prompts_are_listed_with_their_argument(world: World, mode: str) -> None:
    async with connected(world, mode=mode) as client:
        listed = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in listed] == NAMES
        for prompt in listed:
            assert prompt.title
            assert prompt.description
            [argument] = prompt.arguments or []
            assert argument.required
            assert argument.description


@pytest.mark.parametrize("mode", ERAS)
async def test_a_prompt_names_calls_of_tools_that_there_are(world: World, mode: str) -> None:
    async with connected(world, mode=mode, BROWSERJOBS_READ_ONLY="1") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        for name in NAMES:
            argument = "jobs" if name == "compare_jobs" else "job"
            said = text(await client.get_prompt(name, {argument: 'gobii:a"b'}))
            assert 'job="gobii:a\\"b")' in said
            assert "reported" in said
            assert len(said) < 1000
            assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", said)) <= tools


async def test_jobs_to_compare_are_taken_apart(world: World) -> None:
    async with connected(world) as client:
        said = text(await client.get_prompt("compare_jobs", {"jobs": "a, b\nc,,a"}))
    assert re.findall(r'get_job_status\(job="(.)"\)', said) == ["a", "b", "c"]


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("nothing", {}, f"name must be one of {', '.join(NAMES)}."),
        ("check_on_job", {}, "job is missing."),
        ("check_on_job", {"job": " "}, "job is missing."),
        ("check_on_job", {"job": "x" * 2001}, "job is too long."),
        ("compare_jobs", {"jobs": ","}, "jobs must name 1 to 20 jobs, with commas between them."),
        ("compare_jobs", {"jobs": ",".join(map(str, range(21)))}, "jobs must name 1 to 20 jobs, with commas"),
    ],
)
async def test_a_prompt_that_cannot_be_filled_in_says_why(
    world: World, mode: str, name: str, arguments: dict[str, str], sentence: str
) -> None:
    async with connected(world, mode=mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt(name, arguments)
    assert caught.value.code == -32602
    assert caught.value.message.startswith(sentence)


TEMPLATE = ResourceTemplateReference(type="ref/resource", uri=str(uris.JOB))
PROMPT = PromptReference(type="ref/prompt", name="check_on_job")
COMPARE = PromptReference(type="ref/prompt", name="compare_jobs")


async def completed(
    client: Client, ref: ResourceTemplateReference | PromptReference, name: str, typed: str, **known: str
) -> list[str]:
    result = await client.complete(ref, {"name": name, "value": typed}, context_arguments=known or None)
    return result.completion.values


@pytest.mark.parametrize("mode", ERAS)
async def test_accounts_and_jobs_are_completed(world: World, mode: str) -> None:
    gobii, dari = world.add("gobii", Script()), world.add("dari", Script())
    async with connected(world, mode=mode) as client:
        assert await completed(client, PROMPT, "job", "") == []
        for ref in (f"gobii:{gobii.id}", f"dari:{dari.id}"):
            await told(client, "get_job_status", job=ref)
        assert await completed(client, TEMPLATE, "account", "go") == ["gobii"]
        assert "dari" in await completed(client, TEMPLATE, "account", "")
        assert await completed(client, TEMPLATE, "account", "x") == []
        assert set(await completed(client, TEMPLATE, "job_id", "")) == {gobii.id, dari.id}
        assert await completed(client, TEMPLATE, "job_id", "", account="dari") == [dari.id]
        assert await completed(client, TEMPLATE, "job_id", gobii.id[:4], account="gobii") == [gobii.id]
        assert await completed(client, PROMPT, "job", "dari:") == [f"dari:{dari.id}"]
        assert await completed(client, COMPARE, "jobs", "x, gobii") == [f"x, gobii:{gobii.id}"]
        assert await completed(client, PROMPT, "other", "") == []
        await client.read_resource(f"browserjobs://dari/{quote(dari.id, safe='')}")
    assert {asked.method for asked in world.requests} == {"GET"}


async def test_no_more_is_completed_than_the_protocol_allows(world: World) -> None:
    jobs = [world.add("gobii", Script()) for _ in range(MOST + 5)]
    async with connected(world) as client:
        await told(client, "list_jobs", account="gobii", limit=100)
        for job in jobs:
            await told(client, "get_job_status", job=f"gobii:{job.id}")
        result = (await client.complete(PROMPT, {"name": "job", "value": "gobii"})).completion
    assert len(result.values) == MOST
    assert (result.total, result.has_more) == (MOST + 5, True)
