"""The commands that change a job. A person typed them, so each may be used unless everything is read-only."""

import json
import sys
from collections.abc import Awaitable
from pathlib import Path

import anyio
import click
from pydantic import JsonValue

from .acting import Acted, Actor
from .command import AS_JSON, EXIT_CODES, JOB, PARAMETERS, act, complain, failed, guarded, run, wait_for
from .errors import NotAvailableError
from .exits import Exit
from .jobs import START_PREFIX
from .providers.base import Connections
from .server import answers
from .tracker import Tracker

# ruff: noqa: PLC0415 - only commands that print need the terminal's colours

EXAMPLES = """\
\b
Examples:
  mcp-browserjobs start gobii "Find the cheapest kettle" --wait
  job=$(mcp-browserjobs start dari my-org/contact_form --parameters @form.json)
  mcp-browserjobs wait "$job" && mcp-browserjobs result "$job"
"""
AGAIN_SECONDS = 1.0
"""How often it is asked whether a start has an id by now that another process is asking for."""


@click.command()
@JOB
@click.argument("answer", required=False)
@click.option("--question-id", default="", metavar="ID", help="Do nothing when another question is asked by now.")
@AS_JSON
@click.pass_obj
def answer(connections: Connections | None, job: str, answer: str | None, question_id: str, *, as_json: bool) -> None:
    """Answer the question with which a job waits.

    Without ANSWER, a terminal shows the question and its options and asks you; a script has to name the answer.

    The exit code is 0 when the job took the answer, and 1 when it asks nothing or something else by now.
    """
    guarded(lambda: _answer(connections, job, answer, question_id, as_json=as_json))


@click.command()
@JOB
@AS_JSON
@click.pass_obj
def pause(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Hold a running job, until it is resumed or cancelled.

    The exit code is 0 when the job is paused in the end, 1 when it is not, and 2 where the provider cannot.
    """
    run(connections, lambda tracker: _done(tracker, Actor(tracker).pause(job), as_json=as_json))


@click.command()
@JOB
@AS_JSON
@click.pass_obj
def resume(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Let a paused job go on.

    The exit code is 0 when the job runs in the end, 1 when it does not, and 2 where the provider cannot.
    """
    run(connections, lambda tracker: _done(tracker, Actor(tracker).resume(job), as_json=as_json))


@click.command()
@JOB
@AS_JSON
@click.pass_obj
def cancel(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Stop a job for good. Safe to repeat.

    The exit code is 0 when the job is cancelled in the end, and 1 when it is not: it was over before, say.
    """
    run(connections, lambda tracker: _done(tracker, Actor(tracker).cancel(job), as_json=as_json))


def _parameters(_context: click.Context, _parameter: click.Parameter, text: str) -> dict[str, JsonValue]:
    """The JSON object that is given, or stands in the file that is named."""
    try:
        value = json.loads(Path(text[1:]).read_bytes() if text.startswith("@") else text)
    except OSError as error:
        raise click.BadParameter(f"names a file that cannot be read ({error.strerror})") from None
    except ValueError:
        raise click.BadParameter("must be JSON, or @ and the name of a file with JSON") from None
    if not isinstance(value, dict):
        raise click.BadParameter('must be a JSON object, such as {"name": "value"}')
    return value


@click.command(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.argument("account")
@click.argument("task")
@click.option(
    PARAMETERS,
    "parameters",
    default="{}",
    callback=_parameters,
    metavar="JSON|@FILE",
    help="What else the provider shall be told, a JSON object, or @ and the name of a file with one.",
)
@click.option("--key", default="", help="What is started again with the same key is the same job, for good.")
@click.option("--wait", "then_wait", is_flag=True, help="Go on as the command wait does, with its exit codes.")
@AS_JSON
@click.pass_obj
def start(
    connections: Connections | None,
    account: str,
    task: str,
    parameters: dict[str, JsonValue],
    key: str,
    *,
    then_wait: bool,
    as_json: bool,
) -> None:
    """Start a job, which may cost money.

    Its reference is printed, and nothing else. ACCOUNT is one that the command accounts lists. TASK says what to
    do; at Dari it names the portal, and the parameters are the values of its form. Other providers want parameters
    too, and say which when they are missing.

    The same start within two minutes is the same job, so repeat it when you are not sure that it worked. To start
    several alike, give each a --key of its own.
    """

    async def started(tracker: Tracker) -> Exit:
        acted = await _start(Actor(tracker), account, task, parameters, key)
        reference = acted.view.reference
        if then_wait:
            complain(f"Started {reference}.")
            return await wait_for(tracker, [reference], limit=None, until="attention", need="all", as_json=as_json)
        from .screen import Screen

        Screen(as_json=as_json).value(answers.acted_answer(acted) if as_json else reference)
        return Exit.COMPLETED

    run(connections, started)


def _answer(connections: Connections | None, job: str, said: str | None, question_id: str, *, as_json: bool) -> Exit:
    if said is None:
        asked: list[answers.Answer] = []

        async def look(tracker: Tracker) -> Exit:
            asked.append(await _asking(tracker, job, question_id))
            return Exit.COMPLETED

        if code := anyio.run(act, connections, look):
            return code
        # Nothing else runs while a person thinks, so that an interrupt ends it at once.
        job, question = asked[0]["job"], asked[0]["reported"]["question"]
        if (said := _typed(job, question)) is None:
            return Exit.USAGE
        question_id = question["id"]
    text = said

    async def send(tracker: Tracker) -> Exit:
        return await _done(tracker, Actor(tracker).answer(job, text, question_id=question_id), as_json=as_json)

    return anyio.run(act, connections, send)


async def _asking(tracker: Tracker, job: str, question_id: str) -> answers.Answer:
    """The Job answer of a job that asks something, or this question if one is named.

    Raises:
        NotAvailableError: it does not. BrowserJobsError: the job cannot be looked at now.
    """
    view = await tracker.look(job)
    if view.problem:
        raise view.problem
    answer = answers.job_answer(view)
    question = answer.get("reported", {}).get("question", {})
    if not question or question_id not in ("", question["id"]):
        raise NotAvailableError("question", view.status.value)
    return answer


def _typed(job: str, question: answers.Answer) -> str | None:
    """What a person answers; None when there is no person."""
    from . import screen

    screen.show_question(job, question)
    if sys.stdin.isatty() and sys.stderr.isatty():
        return screen.ask(question)
    complain("There is no terminal to answer on; name the answer in the command.")
    return None


async def _done(tracker: Tracker, deed: Awaitable[Acted], *, as_json: bool) -> Exit:
    """Do it, and tell how the job is now."""
    from .screen import Screen

    acted = await deed
    Screen(as_json=as_json).job(answers.acted_answer(acted))
    if acted.took_effect:
        return Exit.COMPLETED
    return failed(acted.view.problem, tracker) if acted.view.problem else Exit.FAILED


async def _start(actor: Actor, account: str, task: str, parameters: dict[str, JsonValue], key: str) -> Acted:
    """Start a job and wait, however long it takes the provider, until its id is known."""
    told = False
    while (acted := await actor.start(account, task, parameters=parameters, key=key, allowed=True)).took_effect is None:
        if not told:
            complain("The provider takes its time; the reference comes as soon as the job's id is known.")
            told = True
        key = acted.view.reference.partition(START_PREFIX)[2]
        await anyio.sleep(AGAIN_SECONDS)
    return acted
