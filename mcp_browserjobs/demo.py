"""A whole story on the terminal: pretend jobs run, ask, fail and finish, and an assistant follows them.

Everything but the providers is real: the tracker, its looks and waits, and the answers, which are the tools' own.
"""

import json
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import click
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from . import providers, screen, terminal, twins
from .acting import Actor
from .exits import Exit
from .providers.base import Connections
from .server import answers
from .settings import Settings, from_environment
from .simulator import application, variables
from .simulator.script import Ask, Fail, Finish, Queued, Script, Step
from .simulator.world import World
from .tracker import Tracker, wall_clock
from .views import JobView, Need, Until

FLOOR_SECONDS = 0.3
LONGEST = 60.0
READING = 2.0
"""How long a person gets to read a part, in seconds."""
ANSWER = "blue"
KETTLE = "8b1f4e02-6a35-4c0d-9c59-3f1d7a4b2e60"
TABLE = "c2d7a9f4-0e8b-4f63-8a1e-5b90d3c46f17"
ORDER = "demo-org/contact_form/5e9f0c3a-7d24-4b8e-b6a1-90f2c8d4e735"
"""The ids of the jobs, the same each time."""


@dataclass(frozen=True)
class Story:
    """The pretend jobs, `speed` times as fast as they would be."""

    speed: float

    def kettle(self) -> Script:
        """It does what it should."""
        return Script(
            title="Compare prices of a kettle",
            beats=(
                Queued(1 / self.speed),
                Step("Opened the first shop", 3 / self.speed, "https://shop.example/"),
                Step("Searched for the kettle", 5 / self.speed, "https://shop.example/search?q=kettle"),
                Step("Compared three shops", 6 / self.speed, "https://prices.example/kettle"),
                Finish({"shop": "shop.example", "price": 42, "currency": "EUR"}),
            ),
        )

    def table(self) -> Script:
        """It fails."""
        return Script(
            title="Book a table for two",
            beats=(
                Queued(2 / self.speed),
                Step("Opened the restaurant's page", 5 / self.speed, "https://restaurant.example/"),
                Fail("The page showed a captcha that cannot be solved."),
            ),
        )

    def order(self) -> Script:
        """It asks."""
        return Script(
            title="Order the kettle",
            beats=(
                Queued(1 / self.speed),
                Step("Opened the shop", 5 / self.speed, "https://shop.example/"),
                Step("Chose the kettle", 6 / self.speed, "https://shop.example/kettle"),
                Ask("Which colour shall I order?", ("white", "blue", "black")),
                Step("Put the kettle into the basket", 2 / self.speed, "https://shop.example/basket"),
                Finish({"ordered": True}),
            ),
        )


AnswerIt = Callable[[], Awaitable[str]]
"""Where the answer to the story's question comes from; an empty one is as good as none."""


async def nobody() -> str:
    """No answer: there is nobody."""
    return ""


async def typed() -> str:
    """What a person types."""
    if sys.platform != "win32":
        await anyio.wait_readable(sys.stdin)
    return sys.stdin.readline()


async def play(
    speed: float = 1.0,
    answered: AnswerIt = nobody,
    *,
    clock: Callable[[], datetime] = wall_clock,
    to: Console | None = None,
    program: str = "",
) -> Exit:
    """Play the story from its beginning to its end.

    Args:
        speed: how many times as fast as it would be.
        answered: where the answer to its question comes from.
        clock: the present.
        to: where it is shown; standard output by default.
        program: how this program is called from where it is shown; by default as it can be called from here.
    """
    world, story = World(clock=clock), Story(speed)
    kettle = world.add("browser_use", story.kettle(), KETTLE)
    table = world.add("gobii", story.table(), TABLE)
    order = world.add("dari", story.order(), ORDER)
    tracker = Tracker(_settings(world, speed), connections=Connections.to_app(application(world)), clock=clock)
    async with tracker.running():
        stage = Stage(tracker, to or screen.console(), speed, answered)
        await stage.run(f"browser_use:{kettle.id}", f"gobii:{table.id}", f"dari:{order.id}")
    stage.tell(f"The pretend providers were asked {len(world.requests)} times in all.")
    stage.farewell(program or _program())
    return Exit.COMPLETED


def _settings(world: World, speed: float) -> Settings:
    """Settings as a person would make them, with the shortest pause between looks."""
    environment = variables("http://pretend.example", world)
    floors = {f"{providers.prefix(name)}_POLL_SECONDS": str(FLOOR_SECONDS / speed) for name in providers.names()}
    return from_environment(environment | floors | {"BROWSERJOBS_STORE": ":memory:"})


@dataclass
class Stage:
    """Where it is shown: what the person says, which tool the assistant calls, and what the tool answers."""

    tracker: Tracker
    to: Console
    speed: float
    answered: AnswerIt
    told: str = field(default="", init=False)
    jobs: tuple[str, ...] = field(default=(), init=False)

    async def run(self, kettle: str, table: str, order: str) -> None:
        """The story, scene by scene."""
        self.jobs = (kettle, table, order)
        self.tell("A story with pretend providers: no key, no network, nothing here is real.", style="bold")
        self.tell("Three jobs have just started, one at each of three providers:")
        self.show([terminal.whole(f"  {job}", "bold") for job in (kettle, table, order)])
        self.tell("A person asks an assistant about them, and the assistant asks our tools.")
        await self.pause(READING)

        self.person("How is the order at Dari doing?")
        self.call("get_job_status", job=order)
        status = answers.job_answer(await self.tracker.look(order))
        self.answer(status, "status", "summary", "next_step", "reported.current_step")
        await self.pause(READING)

        self.person("Tell me as soon as one of the three is over or needs me.")
        [_, failed, _] = await self.wait([kettle, table, order], need="any")
        self.answer(failed, "job", "status", "summary", "reported.error")
        await self.pause(READING)

        self.person("Pity. Why?")
        self.call("diagnose_job", job=table)
        diagnosis = answers.diagnosis_answer(*await self.tracker.diagnose(table))
        self.answer(diagnosis, "verdict", "evidence", "reported.last_step")
        await self.pause(READING)

        self.person("I see. And the order?")
        [waiting] = await self.wait([order])
        self.answer(waiting, "job", "status", "summary", "reported.question.text", "reported.question.options")
        await self.pause(READING)
        said = await self.chosen(waiting["reported"]["question"])

        self.person(f"{said.capitalize()}, please.")
        self.call("answer_job_question", job=order, answer=said)
        acted = answers.acted_answer(await Actor(self.tracker).answer(order, said))
        self.answer(acted, "took_effect", "status", "summary")
        await self.pause(READING)

        self.person("Good. Tell me when it and the price comparison are over.")
        for ended in await self.wait([kettle, order], until="result"):
            self.answer(ended, "job", "status", "summary", "goal_met", "cost")
        await self.pause(READING)

        self.person("What did the order do, step by step?")
        self.call("get_job_events", job=order)
        page = answers.events_answer(await self.tracker.events(order))
        self.show([Padding(row, terminal.INDENT) for row in terminal.EventLog().rows(page["events"])])
        self.answer(page, "next_after", "more")
        await self.pause(READING)

        self.person("And where is the kettle cheapest?")
        self.call("get_job_result", job=kettle)
        self.answer(answers.result_answer(await self.tracker.result(kettle)), "reported.result", "more")
        await self.pause(READING)

        self.person("Thank you. What was it that I started today?")
        self.call("list_jobs")
        listed = answers.list_answer(await self.tracker.list_jobs(), self.tracker)
        self.show(terminal.jobs(listed))

    async def wait(self, jobs: list[str], *, until: Until = "attention", need: Need = "all") -> list[answers.Answer]:
        """Wait as the tool does, and show the progress that it reports."""
        chosen = {
            name: value for name, value in (("until", until), ("need", need)) if value not in ("attention", "all")
        }
        self.call("wait_for_result", jobs=jobs, **chosen)
        waited = await self.tracker.wait(jobs, until=until, need=need, seconds=LONGEST, on_progress=self.progress)
        answer = answers.wait_answer(waited, cap=LONGEST, until=until, need=need, tracker=self.tracker)
        self.answer(answer, "done", "waited_seconds")
        jobs_answered: list[answers.Answer] = answer["jobs"]
        return jobs_answered

    async def chosen(self, question: answers.Answer) -> str:
        """What the person answers, or the pretend one when there is nobody, or nothing that could be meant."""
        if self.answered is nobody:
            self.tell(f'A person answers now. Nobody has to here: the pretend one says "{ANSWER}".')
        else:
            self.tell(f'Now you are asked; just press Enter to say "{ANSWER}".')
            self.show(terminal.options(question))
            click.echo("Answer: ", nl=False)
        return terminal.chosen(await self.answered(), question["options"]) or ANSWER

    async def progress(self, seconds: float, views: Sequence[JobView]) -> None:
        """Tell how a wait is getting on, when it is."""
        in_order = sorted(views, key=lambda view: self.jobs.index(view.reference))
        told = ", ".join(f"{view.reference.partition(':')[0]} {view.status}" for view in in_order)
        if told != self.told:
            self.told = told
            self.show([Padding(Text(f"... {seconds:.0f} s: {told}", style="dim"), terminal.INDENT)])

    def person(self, text: str) -> None:
        """What the person says."""
        self.show([Text(), Text.assemble(("You: ", "bold"), text)])

    def call(self, tool: str, **arguments: str | list[str]) -> None:
        """Which tool the assistant calls."""
        filled = ", ".join(
            f"{name}={json.dumps(_short(value), ensure_ascii=False)}" for name, value in arguments.items()
        )
        self.told = ""
        self.show([Padding(Text(f"{tool}({filled})", style="cyan"), terminal.INDENT)])

    def answer(self, answer: answers.Answer, *fields: str) -> None:
        """Some fields of what it answers."""
        for name in fields:
            value: Any = answer
            for part in name.split("."):
                value = value.get(part) if value else None
            if value is not None:
                text = terminal.plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
                for job in self.jobs:
                    text = text.replace(job, terminal.short(job))
                line = Text.assemble((f"{name}: ", "dim"), (text, terminal.STYLES.get(text, "")))
                self.show([Padding(line, (0, 0, 0, 4))])

    def tell(self, text: str, style: str = "") -> None:
        """What is going on."""
        self.show([Text(), Text(text, style=style or "italic")])

    def farewell(self, program: str) -> None:
        """What to do next."""
        named = shlex.quote(program)
        own = ("install HOST", "doctor", "jobs", "wait JOB")
        self.show(
            [
                Text(),
                Text("Next, the same talk with your assistant, still without a key. Have it start:", style="bold"),
                terminal.whole(f"   {named} serve --demo"),
                Text("Then with jobs of your own, and the key of a provider at hand:", style="bold"),
                *(terminal.whole(f"   {named} {command}") for command in own),
            ]
        )

    def show(self, parts: Sequence[RenderableType]) -> None:
        """Print the parts."""
        screen.show(self.to, parts)

    async def pause(self, seconds: float) -> None:
        """Let a person read."""
        await anyio.sleep(seconds / self.speed)


def _program() -> str:
    """The command as it can be called from here: by its name only where that is found."""
    return twins.PROGRAM if shutil.which(twins.PROGRAM) else str(Path(sys.executable).with_name(twins.PROGRAM))


def _short(value: str | list[str]) -> str | list[str]:
    """References as short as they can be told apart."""
    return terminal.short(value) if isinstance(value, str) else [terminal.short(each) for each in value]
