"""One deed in one trouble at one provider, through an MCP client: what it was answered, and what came of it there.

The trouble meets the command on its way, or only the answer to it on the way back. Whatever it is, no command is
carried out more often than it may be, nothing is claimed that the pretend provider knows otherwise, and the same call
does afterwards what was wanted, or says why it cannot.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import httpx2
from mcp import Client

from mcp_browserjobs import providers
from mcp_browserjobs.simulator import application, simulators
from mcp_browserjobs.simulator.script import FOREVER, Ask, PretendJob, Queued, Script, Step
from tests.server.connected import said
from tests.stage import new_world
from tests.trouble.catalogue import CATALOGUE, Trouble
from tests.trouble.story import KEY, Told, connected, in_virtual_time, logged, strange
from tests.trouble.wire import Meeting, Pass, Wire, slowly

TASK = "Compare the prices of seven kettles and of one very red teapot, and say which of them to take"
"""Longer than a title."""
ANSWER = "bleu"
BEGINS = 12.0
"""When the deed is asked for, in seconds of the story."""
REST = 150.0
"""Seconds until it is asked for again: a start that is not answered is given up after two minutes."""
LONGEST_CALL = 60.0
"""Many clients give a call up after so many seconds."""
UNTOLD = "It cannot be told whether"
"""How the sentence begins that leaves open what became of it."""

READING = Script(beats=(Queued(1), Step("Read a page", 4), Step("Read the rest", FOREVER)))
ASKING = Script(beats=(Queued(1), Step("Read a page", 4), Ask("Which?", ("blue", "white")), Step("Took it", FOREVER)))


@dataclass(frozen=True)
class Deed:
    """What somebody may ask for.

    Args:
        name: the tool.
        needs: the abilities that a provider needs for it; `resume_job` takes a job that was paused.
        script: what the job does meanwhile, None where the deed makes it.
        done: whether a job of the pretend provider shows that it was done.
        once: whether doing it twice would be another deed.
    """

    name: str
    needs: tuple[str, ...]
    script: Script | None
    done: Callable[[PretendJob], bool]
    once: bool = False

    def concerns(self, provider: str) -> bool:
        """Whether it can be done at this provider."""
        return set(self.needs) <= providers.abilities(provider)


def answered(job: PretendJob) -> bool:
    """Whether an answer came; some take it as a message, and go on when they are told to."""
    return bool(job.answers or job.notes.get("messages"))


DEEDS = (
    Deed("answer_job_question", ("answer_question",), ASKING, answered, once=True),
    Deed("pause_job", ("pause_job",), READING, lambda job: job.state().phase == "paused"),
    Deed("resume_job", ("pause_job", "resume_job"), READING, lambda job: job.state().phase == "running"),
    Deed(
        "cancel_job",
        ("cancel_job",),
        READING,
        lambda job: job.cancelled_at is not None or "cancelled_at" in job.notes,
    ),
    Deed("start_job", ("start_job",), None, lambda _: True, once=True),
)


Lasts = Literal["the command", "from it on", "all", "after it"]
"""Which requests are met: the command alone, or all from it on, from the call on, or after the command."""


@dataclass(frozen=True)
class Mishap:
    """What happens to a command, or around it.

    Args:
        done: what is done on the wire.
        meets: what meets a request; a command that `arrives` is carried out, and this comes in the place of its answer.
        lasts: which requests are met.
    """

    name: str
    done: str
    meets: Meeting
    arrives: bool
    lasts: Lasts


COMMAND_LOST = (
    *("refused", "connect time-out", "reset before the head", "silence"),
    *("html 200", "empty 200", "204", "html 500", "html 503", "503 with a wish", "429 in seconds"),
    *("status 401", "status 402", "status 403", "forgotten 404", "status 409", "status 422", "redirect 307"),
)
"""What meets the command, by the names of the catalogue."""
ANSWER_LOST = (
    *("reset before the head", "reset within the body", "read time-out", "silence", "truncated 50%"),
    *("html 200", "empty 200", "204", "json null", "html 500", "html 503", "redirect 307", "gzip bomb"),
)
"""What comes in the place of the answer to a command that was carried out."""
LOOKS_LOST = (
    *("refused", "silence", "html 200", "json null", "html 503", "429 in seconds"),
    *("status 401", "status 402", "status 403", "forgotten 404", "redirect 307"),
)
"""What meets those who look what came of a command that was carried out and answered."""
SLOWLY = "a byte in two seconds"


def _mishaps() -> Iterator[Mishap]:
    known = {trouble.name: trouble for trouble in CATALOGUE}
    slow = Trouble(SLOWLY, "a byte of the true answer each two seconds", slowly(2))

    def mishaps(what: str, names: Iterable[str], *lasts: Lasts, arrives: bool = False) -> Iterator[Mishap]:
        for trouble in map({**known, SLOWLY: slow}.__getitem__, names):
            assert trouble.meets is not None
            for last in lasts:
                yield Mishap(f"{what}: {trouble.name}", trouble.done, trouble.meets, arrives, last)

    yield from mishaps("command", COMMAND_LOST, "the command", "from it on", "all")
    yield from mishaps("answer", (*ANSWER_LOST, SLOWLY), "the command", "from it on", "all", arrives=True)
    yield from mishaps("afterwards", LOOKS_LOST, "after it")


MISHAPS = tuple(_mishaps())


@dataclass
class Outcome:
    """What became of a deed.

    `told` is what it was answered, and what each repetition was; `carried_out` is how often the provider was told to
    do it, and did; `done` whether it is done at last; `seconds` how long the longest call took; `faults` says what did
    not hold.
    """

    trouble: str
    provider: str
    deed: str
    lasts: Lasts
    told: list[str] = field(default_factory=list)
    carried_out: int = 0
    done: bool = False
    seconds: float = 0
    faults: list[str] = field(default_factory=list)

    @property
    def what(self) -> str:
        """Its name, for whoever reads of its faults."""
        return f"{self.trouble}, {self.lasts}, {self.deed}, {self.provider}"


class Way(Wire):
    """The way to the pretend providers, which notes what commands they carried out."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.commands: Counter[str] = Counter()

    def let(self, mishap: Mishap) -> None:
        """Let this happen to the next command."""
        begun = False

        async def meet(request: httpx2.Request, through: Pass) -> httpx2.Response:
            nonlocal begun
            command, before = request.method != "GET", begun
            begun = begun or command
            met = {"the command": command, "from it on": begun, "all": True, "after it": before}
            if not met[mishap.lasts]:
                return await through()
            if not (command and mishap.arrives):
                return await mishap.meets(request, through)
            answer = await through()
            await answer.aread()

            async def carried_out() -> httpx2.Response:
                return answer

            return await mishap.meets(request, carried_out)

        self.meeting = meet

    async def _through(self, request: httpx2.Request) -> httpx2.Response:
        response = await super()._through(request)
        if request.method != "GET" and response.is_success:
            self.commands[request.url.path] += 1
        return response


class Story:
    """Somebody asks for a deed, trouble meets it, and when that is over they ask for the same twice more."""

    def __init__(self, deed: Deed, mishap: Mishap, provider: str) -> None:
        self.deed = deed
        self.mishap = mishap
        self.provider = provider
        self.outcome = Outcome(mishap.name, provider, deed.name, mishap.lasts)
        self.world = new_world(key=KEY, retired=False, story=READING)
        self.wire = Way(application(self.world))
        self.told = Told()

    @property
    def jobs(self) -> list[PretendJob]:
        """The provider's jobs, of which there is one at most."""
        return self.world.jobs(self.provider)

    def fault(self, what: str) -> None:
        """Write down what did not hold."""
        self.outcome.faults.append(what)

    def done(self) -> bool:
        """Whether the provider did it."""
        return any(map(self.deed.done, self.jobs))

    async def play(self) -> Outcome:
        """The whole story."""
        with logged(self.told.logged):
            async with connected(self.world, self.wire, self.outcome.faults, BROWSERJOBS_ALLOW_START="1") as client:
                arguments = await self.begin(client)
                self.wire.let(self.mishap)
                await self.ask(client, arguments)
                self.wire.meeting = None
                for _ in range(2):
                    await anyio.sleep(REST)
                    await self.ask(client, arguments, over=True)
                await self.let_go(client, arguments)
        self.judge()
        return self.outcome

    async def begin(self, client: Client) -> dict[str, Any]:
        """Bring the job to where the deed makes sense, and say what is asked for."""
        if self.deed.script is None:
            task = simulators()[self.provider].example_task or TASK
            return {"account": self.provider, "task": task, "idempotency_key": "monday"}
        job = self.world.add(self.provider, self.deed.script)
        await anyio.sleep_until(BEGINS - 2)
        if self.deed.name == "resume_job":
            job.pause()
        arguments = {"job": f"{self.provider}:{job.id}"}
        known = await client.call_tool("get_job_status", arguments)
        if self.deed.name == "answer_job_question":
            assert known.structured_content
            options = known.structured_content["reported"]["question"].get("options", [])
            arguments["answer"] = ANSWER if simulators()[self.provider].takes_words else options[0]
        await anyio.sleep_until(BEGINS)
        return arguments

    async def ask(self, client: Client, arguments: dict[str, Any], *, over: bool = False) -> None:
        """Ask for the deed; `over`, when the trouble is."""
        before, since = self.done(), anyio.current_time()
        result = await client.call_tool(self.deed.name, arguments)
        self.outcome.seconds = max(self.outcome.seconds, anyio.current_time() - since)
        self.told.answers.append(result)
        now = self.done()
        if result.is_error:
            self.outcome.told.append(sentence := said(result))
            self.judge_refusal(sentence, before=before, now=now, over=over)
        else:
            answer = result.structured_content or {}
            effect = answer.get("took_effect")
            self.outcome.told.append({True: "done", False: "not done", None: "not known yet"}[effect])
            self.judge_answer(answer, before=before, now=now, over=over)

    async def let_go(self, client: Client, arguments: dict[str, Any]) -> None:
        """Resume a job that took the answer and is said to wait for that."""
        told = self.told.answers[-1].structured_content or {}
        if self.deed.name == "answer_job_question" and told.get("status") == "paused":
            await client.call_tool("resume_job", {"job": arguments["job"]})

    # What must have held

    def judge_refusal(self, sentence: str, *, before: bool, now: bool, over: bool) -> None:
        """Whether a refusal is true: of what was done it may only be said that it cannot be told."""
        open_ = sentence.startswith(UNTOLD)
        if now and not before and not open_:
            self.fault(f"it was done, and told: {sentence}")
        if over and not (open_ and self.is_never_shown):
            self.fault(f"afterwards: {sentence}")

    def judge_answer(self, answer: dict[str, Any], *, before: bool, now: bool, over: bool) -> None:
        """Whether an answer is true, and when the trouble is over, whether it is what was wanted."""
        effect = answer.get("took_effect")
        if effect and not now:
            self.fault("it is told as done, and was not")
        if effect is False and now and not before:
            self.fault("it is told as not done, and was")
        if effect and self.deed.script is None and answer["job"] != f"{self.provider}:{self.jobs[0].id}":
            self.fault(f"{answer['job']} is not the job that was started")
        handled = self.deed.name == "answer_job_question" and before
        if over and not (now and (effect or (handled and effect is False))):
            self.fault(f"afterwards: {answer['summary']}")

    @property
    def is_never_shown(self) -> bool:
        """Whether what was started there cannot be found in a list."""
        kind = providers.load(self.provider)
        return self.deed.script is None and not (kind.lists_tasks and "list_jobs" in providers.abilities(self.provider))

    def judge(self) -> None:
        """What holds of the whole."""
        outcome = self.outcome
        outcome.carried_out = max(self.wire.commands.values(), default=0)
        outcome.done = self.done()
        if self.deed.once and outcome.carried_out > 1:
            self.fault(f"it was done {outcome.carried_out} times")
        if len(self.jobs) > 1:
            self.fault(f"{len(self.jobs)} jobs")
        for job in self.jobs:
            if len(job.holds) > 1:
                self.fault(f"{len(job.holds)} pauses")
            if simulators()[self.provider].takes_words and set(map(_words, job.answers.values())) - {ANSWER}:
                self.fault(f"answered with {job.answers}")
            if self.deed.name == "answer_job_question" and job.state().phase != "running":
                self.fault(f"the job is {job.state().phase}")
        if outcome.seconds > LONGEST_CALL:
            self.fault(f"a call took {outcome.seconds:.0f} s")
        outcome.faults += strange(self.told, self.wire)


def _words(answer: tuple[object, str]) -> str:
    return answer[1]


def play(deed: Deed, mishap: Mishap, provider: str) -> Outcome:
    """Play it in virtual time."""
    return in_virtual_time(Story(deed, mishap, provider).play)
