"""Questions of jobs in waits that are tasks: put to the client's person, and what they say handed on."""

import logging
from typing import Any

import anyio
import httpx2
import pytest
from mcp.types import INVALID_PARAMS

from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.script import Ask, Finish, Outage, PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import told
from tests.server.tasking import OVER, Told, accept, answer_of, ask, knowing, left, refused, say, state, until
from tests.stage import new_world

pytestmark = pytest.mark.anyio

CHOICE = Script(
    beats=(Queued(0), Step("STEP", 20), Ask("WHICH?", ("white", "blue")), Step("STEP", 20), Finish("Done."))
)
FREE = Script(beats=(Queued(0), Step("STEP", 20), Ask("WHICH?"), Step("STEP", 20), Finish("Done.")))
TWO = Script(beats=(Queued(0), Step("STEP", 20), Ask("FIRST?"), Ask("SECOND?"), Finish("Done.")))


@pytest.fixture
def world() -> World:
    return new_world()


def start(world: World, script: Script = CHOICE) -> tuple[str, PretendJob]:
    job = world.add("dari", script)
    return f"dari:{job.id}", job


def answers(job: PretendJob) -> list[str]:
    """What the job was told."""
    return [text for _, text in job.answers.values()]


def posts(world: World) -> int:
    return sum(asked.method != "GET" for asked in world.requests)


def form(now: Told) -> Told:
    """The only form in a task."""
    [request] = now["inputRequests"].values()
    assert request["method"] == "elicitation/create"
    shown: Told = request["params"]
    return shown


@pytest.mark.parametrize("goal", ["attention", "result"])
@pytest.mark.parametrize(
    ("script", "field", "said"),
    [
        (CHOICE, {"type": "string", "description": "Your answer to the job", "enum": ["white", "blue"]}, "blue"),
        (FREE, {"type": "string", "description": "Your answer to the job"}, "anything at all"),
    ],
)
async def test_the_person_is_asked_and_the_wait_goes_on(
    world: World, goal: str, script: Script, field: Told, said: str
) -> None:
    ref, job = start(world, script)
    async with knowing(world) as (client, _):
        task = await left(client, ref, until=goal)
        now = await until(client, task, "input_required")
        assert now["statusMessage"] == "waiting for a person's answer"
        assert form(now) == {
            "mode": "form",
            "message": f"The browser job {ref} waits for your answer. The following words are the run's own:\n\nWHICH?",
            "requestedSchema": {"type": "object", "properties": {"answer": field}, "required": ["answer"]},
        }
        assert (await state(client, task))["inputRequests"] == now["inputRequests"]
        await say(client, task, dict.fromkeys(now["inputRequests"], accept(said)))
        assert (await state(client, task))["status"] == "working"
        over = await until(client, task, *OVER, "input_required")
        assert answer_of(over)["jobs"][0]["status"] == "completed"
        await say(client, task, dict.fromkeys(now["inputRequests"], accept(said)))
    assert answers(job) == [said]


async def test_of_two_answers_at_once_one_is_handed_on(world: World) -> None:
    ref, job = start(world, FREE)
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        [key] = (await until(client, task, "input_required"))["inputRequests"]
        async with anyio.create_task_group() as people:
            for text in ("one", "other"):
                people.start_soon(say, client, task, {key: accept(text)})
        answer_of(await until(client, task, *OVER))
    assert len(answers(job)) == 1
    assert posts(world) == 1


async def test_each_question_has_a_key_of_its_own(world: World) -> None:
    ref, job = start(world, TWO)
    keys: list[str] = []
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        for text in ("one", "two"):
            now = await until(client, task, "input_required")
            assert len(now["inputRequests"]) == 1
            keys += now["inputRequests"]
            await say(client, task, {keys[-1]: accept(text)})
        answer_of(await until(client, task, *OVER))
    assert answers(job) == ["one", "two"]
    assert len(set(keys)) == 2
    assert not any(word in key for word in ("FIRST", "SECOND", "dari") for key in keys)


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_declines_is_not_asked_again_and_the_assistant_is_told(world: World, action: str) -> None:
    ref, job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        now = await until(client, task, "input_required")
        await say(client, task, {key: {"action": action} for key in now["inputRequests"]})
        answer = answer_of(await state(client, task))
    assert answer["done"] is True
    assert answer["jobs"][0]["status"] == "waiting_for_input"
    assert answer["jobs"][0]["reported"]["question"]["text"] == "WHICH?"
    assert answers(job) == []


async def test_where_the_result_is_wanted_the_wait_goes_on_though_the_person_declined(world: World) -> None:
    ref, job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, ref, until="result")
        now = await until(client, task, "input_required")
        await say(client, task, {key: {"action": "decline"} for key in now["inputRequests"]})
        await anyio.sleep(600)
        assert (await state(client, task))["status"] == "working"
        await told(client, "answer_job_question", job=ref, answer="white")
        assert answer_of(await until(client, task, *OVER))["jobs"][0]["status"] == "completed"
    assert answers(job) == ["white"]


@pytest.mark.parametrize(
    "response",
    [
        accept("green"),
        accept(" "),
        accept(7),
        {"action": "accept"},
        {"action": "accept", "content": {"reply": "blue"}},
        {"action": "shrug"},
        "blue",
        None,
    ],
)
async def test_what_does_not_fit_the_form_is_refused_and_the_question_stays(world: World, response: Any) -> None:
    ref, job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        now = await until(client, task, "input_required")
        error = await refused(
            INVALID_PARAMS,
            client,
            "tasks/update",
            taskId=task["taskId"],
            inputResponses=dict.fromkeys(now["inputRequests"], response),
        )
        assert "does not fit the form" in error.error.message
        assert (await state(client, task))["inputRequests"] == now["inputRequests"]
    assert answers(job) == []


async def test_answers_to_what_nobody_asked_are_passed_over(world: World) -> None:
    ref, job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        await say(client, task, {"early": accept("blue")})
        now = await until(client, task, "input_required")
        await say(client, task, {"other": accept("blue"), "another": "no response at all"})
        assert (await state(client, task))["inputRequests"] == now["inputRequests"]
        await ask(client, "tasks/cancel", taskId=task["taskId"])
        await say(client, task, dict.fromkeys(now["inputRequests"], accept("blue")))
    assert answers(job) == []


async def test_a_question_that_somebody_else_answered_is_not_asked_any_more(world: World) -> None:
    ref, job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        now = await until(client, task, "input_required")
        await told(client, "answer_job_question", job=ref, answer="white")
        assert (await state(client, task))["status"] == "working"
        await say(client, task, dict.fromkeys(now["inputRequests"], accept("blue")))
        answer_of(await until(client, task, *OVER))
    assert answers(job) == ["white"]


async def test_an_answer_that_does_not_get_through_is_asked_for_once_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mcp_browserjobs")
    ref, job = start(world)
    async with knowing(world) as (client, _):
        task = await left(client, ref)
        first = await until(client, task, "input_required")
        world.trouble = Outage(0, 0)
        await say(client, task, dict.fromkeys(first["inputRequests"], accept("blue")))
        assert (await state(client, task))["status"] == "working"
        await anyio.sleep(15)
        world.trouble = None
        second = await until(client, task, "input_required")
        assert not second["inputRequests"].keys() & first["inputRequests"].keys()
        assert form(second)["message"].startswith("The answer before this one did not get through. The browser job ")
        await say(client, task, dict.fromkeys(first["inputRequests"], accept("white")))
        await say(client, task, dict.fromkeys(second["inputRequests"], accept("blue")))
        answer_of(await until(client, task, *OVER))
    assert answers(job) == ["blue"]
    assert "an answer to a job at dari may not have got there: UnknownOutcomeError" in caplog.messages
    assert not any("blue" in message for message in caplog.messages)


class Broken(InProcess):
    """A way to the providers that fails as nothing should when something is sent."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            raise ValueError("SECRET")
        return await super().handle_async_request(request)


async def test_a_fault_of_our_own_in_handing_over_an_answer_ends_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ref, _ = start(world)
    async with knowing(world, transport=Broken) as (client, _):
        task = await left(client, ref)
        now = await until(client, task, "input_required")
        await say(client, task, dict.fromkeys(now["inputRequests"], accept("blue")))
        await anyio.sleep(60)
        assert (await state(client, task))["status"] == "input_required"
    assert "an answer to a job at dari could not be handed over" in caplog.messages


async def test_several_jobs_can_ask_at_once(world: World) -> None:
    (one, first), (two, second) = start(world), start(world, FREE)
    async with knowing(world) as (client, _):
        task = await left(client, one, two)
        await anyio.sleep(25)
        now = await state(client, task)
        assert (now["status"], now["statusMessage"]) == ("input_required", "2 jobs wait for a person's answer")
        keys = {request["params"]["message"].split()[3]: key for key, request in now["inputRequests"].items()}
        await say(client, task, {keys[one]: accept("blue")})
        after = await state(client, task)
        assert after["status"] == "input_required"
        assert list(after["inputRequests"]) == [keys[two]]
        await say(client, task, {keys[two]: accept("of course")})
        answer = answer_of(await until(client, task, *OVER))
    assert [job["status"] for job in answer["jobs"]] == ["completed", "completed"]
    assert (answers(first), answers(second)) == (["blue"], ["of course"])


async def test_where_any_job_will_do_another_one_ends_the_asking(world: World) -> None:
    (one, _), (two, _) = start(world), start(world, Script(beats=(Queued(0), Step("STEP", 60), Finish("Done."))))
    async with knowing(world) as (client, _):
        task = await left(client, one, two, need="any")
        assert (await until(client, task, "input_required", *OVER))["status"] == "input_required"
        answer = answer_of(await until(client, task, *OVER))
    assert [job["status"] for job in answer["jobs"]] == ["waiting_for_input", "completed"]


@pytest.mark.parametrize(
    ("options", "arguments"),
    [({"person": False}, {}), ({"BROWSERJOBS_READ_ONLY": "1"}, {}), ({}, {"until": "change"})],
    ids=["nobody can be asked", "reading only", "any change is wanted"],
)
async def test_where_nobody_is_asked_the_assistant_is_told_of_the_question(
    world: World, options: Told, arguments: Told
) -> None:
    ref, _ = start(world, Script(beats=(Queued(0), Step("STEP", 4), Ask("WHICH?"), Finish("Done."))))
    async with knowing(world, **options) as (client, _):
        task = await left(client, ref, **arguments)
        await anyio.sleep(5)
        answer = answer_of(await state(client, task))
    assert answer["jobs"][0]["status"] == "waiting_for_input"
    assert answer["jobs"][0]["reported"]["question"]["text"] == "WHICH?"
