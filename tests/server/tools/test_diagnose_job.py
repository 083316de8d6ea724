"""Why a job does not get on, as a client hears it."""

import ast
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

LOOPING = Script(beats=(Queued(0), Step("Opened", 2), *(Step("LOOP", 2) for _ in range(6)), Stall(10), Finish("")))
STALLED = Script(beats=(Queued(0), *(Step(f"Page {page}", 2) for page in range(5)), Stall(5000)))
BLOCKED = Script(beats=(Queued(3), Step("STEP", 2, url="https://URL.example/"), Fail("ERROR: a captcha appeared")))


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


async def names(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


def tool_of(call: str) -> str:
    """The tool of a suggestion, which has to be a plain call with its arguments filled in."""
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    assert isinstance(tree.func, ast.Name)
    for keyword in tree.keywords:
        ast.literal_eval(keyword.value)
    return tree.func.id


@pytest.mark.parametrize("mode", ERAS)
async def test_a_failure_is_explained_with_its_evidence(world: World, mode: str) -> None:
    job = world.add("dari", BLOCKED)
    async with connected(world, mode=mode) as client:
        await anyio.sleep(20)
        answer = await told(client, "diagnose_job", job=f"dari:{job.id}")
        assert {tool_of(call) for call in answer["suggestions"]} <= await names(client)
    assert (answer["verdict"], answer["status"]) == ("site_blocked", "failed")
    assert answer["evidence"]["inferred"] is True
    assert answer["evidence"]["steps"] == 1
    assert answer["evidence"]["queue_seconds"] == pytest.approx(3, abs=1)
    assert "quiet_seconds" not in answer["evidence"]
    reported = answer.pop("reported")
    assert reported["error"] == "ERROR: a captcha appeared"
    assert reported["last_step"] == "STEP"
    assert not any(word in str(answer) for word in ("ERROR", "STEP", "URL"))


async def test_a_loop_is_seen_and_the_way_to_it_named(world: World) -> None:
    job = world.add("dari", LOOPING)
    ref = f"dari:{job.id}"
    async with connected(world) as client:
        await anyio.sleep(16)
        answer = await told(client, "diagnose_job", job=ref)
        repeated = answer["evidence"]["repeated"]
        assert (answer["verdict"], repeated["what"], repeated["times"]) == ("stalled", "step", 6)
        page = await told(client, "get_job_events", job=ref, after=repeated["first_seq"] - 1)
    assert f'get_job_events(job="{ref}", after={repeated["first_seq"] - 1})' in answer["suggestions"]
    assert page["events"][0]["reported"]["text"] == "LOOP"
    assert "cancel_job" in map(tool_of, answer["suggestions"])


@pytest.mark.parametrize(
    ("provider", "environ", "tools"),
    [
        ("dari", {}, {"get_job_events", "get_job_screenshot", "get_job_links", "wait_for_result", "cancel_job"}),
        (
            "dari",
            {"BROWSERJOBS_READ_ONLY": "1"},
            {"get_job_events", "get_job_screenshot", "get_job_links", "wait_for_result"},
        ),
        ("browser_use", {}, {"get_job_events", "get_job_links", "wait_for_result", "cancel_job"}),
    ],
)
async def test_only_what_works_here_is_suggested(
    world: World, provider: str, environ: dict[str, str], tools: set[str]
) -> None:
    job = world.add(provider, STALLED)
    async with connected(world, **environ) as client:
        await anyio.sleep(10)
        await told(client, "get_job_status", job=f"{provider}:{job.id}")
        await anyio.sleep(1000)
        status = await told(client, "get_job_status", job=f"{provider}:{job.id}")
        answer = await told(client, "diagnose_job", job=f"{provider}:{job.id}")
        assert {tool_of(call) for call in answer["suggestions"]} <= await names(client)
    assert status["next_step"] == f'diagnose_job(job="{provider}:{job.id}")'
    assert answer["verdict"] == "stalled"
    assert answer["evidence"]["stalled_seconds"] >= 120
    # A live view or a screenshot may be known of or not.
    assert {tool_of(call) for call in answer["suggestions"]} <= tools


@pytest.mark.parametrize(("environ", "first"), [({}, "answer_job_question"), ({"BROWSERJOBS_READ_ONLY": "1"}, None)])
async def test_a_question_leads_to_its_answer_where_one_can_be_given(
    world: World, environ: dict[str, Any], first: str | None
) -> None:
    job = world.add("dari", Script(beats=(Queued(0), Ask("QUESTION", ("a", "b")), Finish("Done."))))
    async with connected(world, **environ) as client:
        await anyio.sleep(2)
        answer = await told(client, "diagnose_job", job=f"dari:{job.id}")
    assert answer["verdict"] == "waiting_for_person"
    assert answer["reported"]["question"]["text"] == "QUESTION"
    assert (tool_of(answer["suggestions"][0]) == "answer_job_question") is (first is not None)


async def test_a_paused_job_is_resumed_and_a_healthy_one_waited_for(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(0), Step("Loading", 500), Finish("Done."))))
    ref = f"dari:{job.id}"
    async with connected(world) as client:
        await anyio.sleep(5)
        answer = await told(client, "diagnose_job", job=ref)
        assert (answer["verdict"], answer["suggestions"]) == ("healthy", [f'wait_for_result(jobs=["{ref}"])'])
        job.pause()
        await anyio.sleep(5)
        answer = await told(client, "diagnose_job", job=ref)
        assert (answer["verdict"], answer["suggestions"][0]) == ("waiting_for_person", f'resume_job(job="{ref}")')
        job.resume()
        await anyio.sleep(600)
        answer = await told(client, "diagnose_job", job=ref)
        assert (answer["verdict"], answer["suggestions"]) == ("healthy", [f'get_job_result(job="{ref}")'])


@pytest.mark.parametrize("script", [STALLED, Script(beats=(Queued(0), Ask("Go on?")))])
async def test_a_job_that_its_provider_no_longer_knows_is_not_said_to_be_well(world: World, script: Script) -> None:
    job = world.add("dari", script)
    async with connected(world) as client:
        await told(client, "get_job_status", job=f"dari:{job.id}")
        world.remove("dari", job)
        await anyio.sleep(5)
        answer = await told(client, "diagnose_job", job=f"dari:{job.id}")
    assert (answer["verdict"], answer["evidence"]["stale"]) == ("unknown", True)
    assert [tool_of(call) for call in answer["suggestions"]] == ["get_job_events"]
