"""Answers to a job's question: given, asked for, declined, too late; in both eras."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams, ElicitResult

from mcp_browserjobs.simulator.script import Ask, Finish, PretendJob, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import ERAS, connected, refusal, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

COLOUR = Script(
    title="TITLE",
    beats=(Queued(0), Step("STEP", 1), Ask("WHICH?", ("white", "blue")), Ask("SURE?"), Finish("RESULT")),
)
ONE_OPTION = Script(beats=(Queued(0), Ask("WHICH?", ("blue",)), Finish("Done.")))
FREE = Script(beats=(Queued(0), Ask("WHICH?"), Finish("Done.")))

Person = Callable[[Any, Any], Awaitable[ElicitResult]]


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


class Asked:
    """A person who is shown a form, and what they do with it."""

    def __init__(self, action: str, answer: str | None = None, *, first: Callable[[], object] | None = None) -> None:
        self.forms: list[ElicitRequestFormParams] = []
        self._result = ElicitResult.model_validate(
            {"action": action} | ({"content": {"answer": answer}} if answer is not None else {})
        )
        self._first = first

    async def __call__(self, _: Any, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        self.forms.append(params)
        if self._first and len(self.forms) == 1:
            self._first()
        await anyio.sleep(5)
        return self._result


async def waiting(client: Client, job: PretendJob) -> str:
    """The job's reference, once it waits."""
    ref = f"dari:{job.id}"
    while (await told(client, "get_job_status", job=ref))["status"] != "waiting_for_input":  # noqa: ASYNC110 - virtual
        await anyio.sleep(1)
    return ref


def elsewhere(job: PretendJob) -> None:
    """Somebody else answers."""
    question = job.state().question
    assert question
    assert job.answer(question.question_id, "white")


def posts(world: World) -> int:
    return sum(asked.method != "GET" for asked in world.requests)


def ours(answer: dict[str, Any]) -> str:
    """What of an answer is not the run's."""
    return str({name: value for name, value in answer.items() if name != "reported"})


@pytest.mark.parametrize("mode", ERAS)
async def test_an_answer_that_is_given_reaches_the_job(world: World, mode: str) -> None:
    job = world.add("dari", COLOUR)
    async with connected(world, mode=mode) as client:
        ref = await waiting(client, job)
        status = await told(client, "get_job_status", job=ref)
        assert status["next_step"] == f'answer_job_question(job="{ref}", answer="...")'
        answer = await told(client, "answer_job_question", job=ref, answer="blue")
    assert (answer["asked"], answer["took_effect"]) == ("answer", True)
    assert answer["summary"].startswith("The answer reached the job.")
    assert [text for _, text in job.answers.values()] == ["blue"]
    assert answer["reported"]["question"]["text"] == "SURE?"
    assert not any(word in ours(answer) for word in ("WHICH", "SURE", "STEP", "TITLE", "blue"))


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("script", "schema", "said"),
    [
        (COLOUR, {"type": "string", "enum": ["white", "blue"]}, "blue"),
        (ONE_OPTION, {"type": "string", "enum": ["blue"]}, "blue"),
        (FREE, {"type": "string"}, "anything at all"),
    ],
)
async def test_the_user_is_asked_when_no_answer_is_given(
    world: World, mode: str, script: Script, schema: dict[str, Any], said: str
) -> None:
    job, person = world.add("dari", script), Asked("accept", said)
    async with connected(world, mode=mode, elicitation_callback=person) as client:
        ref = await waiting(client, job)
        answer = await told(client, "answer_job_question", job=ref)
    [form] = person.forms
    assert form.message == (
        f"The browser job {ref} waits for your answer. The following words are the run's own:\n\nWHICH?"
    )
    assert form.requested_schema["required"] == ["answer"]
    shown = form.requested_schema["properties"]["answer"]
    assert {name: shown[name] for name in ("type", "enum") if name in shown} == schema
    assert answer["took_effect"] is True
    assert [text for _, text in job.answers.values()] == [said]


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_who_does_not_answer_is_an_ordinary_answer(world: World, mode: str, action: str) -> None:
    job = world.add("dari", COLOUR)
    async with connected(world, mode=mode, elicitation_callback=Asked(action)) as client:
        answer = await told(client, "answer_job_question", job=await waiting(client, job))
    assert (answer["status"], answer["took_effect"]) == ("waiting_for_input", False)
    assert answer["summary"].startswith("Nothing was sent: the user was asked and ")
    assert posts(world) == 0


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("blank", ["", " ", "...", "\N{HORIZONTAL ELLIPSIS}"])
async def test_without_a_way_to_ask_the_question_comes_back(world: World, mode: str, blank: str) -> None:
    job = world.add("dari", COLOUR)
    async with connected(world, mode=mode) as client:
        ref = await waiting(client, job)
        answer = await told(client, "answer_job_question", job=ref, answer=blank)
    assert (answer["asked"], answer["took_effect"]) == ("answer", False)
    assert answer["reported"]["question"]["options"] == ["white", "blue"]
    assert answer["summary"].startswith("Nothing was sent yet: ask the user")
    assert answer["next_step"] == f'answer_job_question(job="{ref}", answer="...")'
    assert not any(word in ours(answer) for word in ("WHICH", "white", "blue"))
    assert posts(world) == 0


@pytest.mark.parametrize("mode", ERAS)
async def test_a_choice_beyond_the_options_is_refused(world: World, mode: str) -> None:
    job = world.add("dari", COLOUR)
    async with connected(world, mode=mode, elicitation_callback=Asked("accept", "green")) as client:
        sentence = await refusal(client, "answer_job_question", job=await waiting(client, job))
    assert sentence.startswith("What the client sent back does not fit the form")
    assert posts(world) == 0


@pytest.mark.parametrize("mode", ERAS)
async def test_a_form_that_comes_back_without_an_answer_is_refused(world: World, mode: str) -> None:
    job = world.add("dari", FREE)
    async with connected(world, mode=mode, elicitation_callback=Asked("accept")) as client:
        sentence = await refusal(client, "answer_job_question", job=await waiting(client, job))
    assert sentence.startswith("What the client sent back does not fit the form")
    assert posts(world) == 0


async def test_a_question_that_changes_while_the_user_thinks_is_put_again(world: World) -> None:
    job = world.add("dari", COLOUR)

    person = Asked("accept", "blue", first=lambda: elsewhere(job))
    async with connected(world, elicitation_callback=person) as client:
        answer = await told(client, "answer_job_question", job=await waiting(client, job))
    assert [form.message.splitlines()[-1] for form in person.forms] == ["WHICH?", "SURE?"]
    assert answer["took_effect"] is True
    assert [text for _, text in job.answers.values()] == ["white", "blue"]


async def test_a_user_may_think_for_hours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.add("dari", COLOUR)
    now = 1_800_000_000.0

    def hours_pass() -> None:
        nonlocal now
        now += 6 * 3600

    monkeypatch.setattr("mcp.server.request_state.time", SimpleNamespace(time=lambda: now))
    person = Asked("accept", "blue", first=hours_pass)
    async with connected(world, elicitation_callback=person) as client:
        answer = await told(client, "answer_job_question", job=await waiting(client, job))
    assert answer["took_effect"] is True
    assert len(person.forms) == 1


async def test_an_old_client_that_answers_too_late_is_told_so(world: World) -> None:
    job = world.add("dari", COLOUR)

    person = Asked("accept", "blue", first=lambda: elsewhere(job))
    async with connected(world, mode="legacy", elicitation_callback=person) as client:
        answer = await told(client, "answer_job_question", job=await waiting(client, job))
    assert answer["took_effect"] is False
    assert [text for _, text in job.answers.values()] == ["white"]


@pytest.mark.parametrize("mode", ERAS)
async def test_nobody_is_asked_for_what_no_job_waits_for(world: World, mode: str) -> None:
    job, person = world.add("dari", Script(beats=(Queued(0), Step("STEP", 50), Finish()))), Asked("accept", "x")
    async with connected(world, mode=mode, elicitation_callback=person) as client:
        answer = await told(client, "answer_job_question", job=f"dari:{job.id}")
        assert answer["summary"].startswith("Nothing was sent, since the job does not wait for an answer now.")
        late = await told(client, "answer_job_question", job=f"dari:{job.id}", answer="blue")
        assert late["summary"].startswith("The answer had no effect: the question was handled already")
    assert (answer["took_effect"], late["took_effect"]) == (False, False)
    assert person.forms == []
    assert posts(world) == 0


async def test_an_answer_to_another_question_is_held_back(world: World) -> None:
    job = world.add("dari", COLOUR)
    async with connected(world, elicitation_callback=Asked("accept", "blue")) as client:
        ref = await waiting(client, job)
        answer = await told(client, "answer_job_question", job=ref, answer="blue", question_id="another")
        assert answer["summary"].startswith("The answer had no effect: the job still waits")
        assert "WHICH?" in str(answer["reported"])
        assert (await told(client, "answer_job_question", job=ref, question_id="another"))["took_effect"] is False
    assert posts(world) == 0


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("answer", ["", "blue"])
@pytest.mark.parametrize(
    ("provider", "environ", "words"),
    [
        ("browser_use", {}, "see get_job_links, and a new run in the same session goes on from there."),
        (
            "browser_use_v3",
            {"BROWSERJOBS_ALLOW_START": "1"},
            r'start_job with parameters_json="{\"sessionId\": \"{job}\"}" goes on from there.',
        ),
        ("gobii", {}, "Gobii takes no answers; a person has to act there"),
    ],
)
async def test_where_no_answer_can_be_given_the_way_forward_is_named(
    world: World, mode: str, answer: str, provider: str, environ: dict[str, str], words: str
) -> None:
    job = world.add(provider, FREE)
    async with connected(world, mode=mode, elicitation_callback=Asked("accept", "x"), **environ) as client:
        sentence = await refusal(client, "answer_job_question", job=f"{provider}:{job.id}", answer=answer)
    assert words.replace("{job}", job.id) in sentence
    assert "takes no answers" in sentence
