"""What the commands have in common: how one runs over a tracker, how it waits, and how it leaves."""

import math
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from io import TextIOWrapper
from typing import NoReturn

import anyio
import click

from . import completing, logs, twins
from .errors import BrowserJobsError, ConfigError
from .exits import Exit, of_error, of_wait
from .logs import Level
from .providers.base import Connections
from .server import answers, sentences
from .settings import Settings, from_environment
from .tracker import Tracker
from .views import JobView, Need, Until

EXIT_CODES = """\
\b
Exit codes:
  0    completed
  1    failed, cancelled, goal missed
  2    wrong usage, or not possible
  3    needs a person
  4    time is up
  5    the provider does not answer
  130  interrupted
"""

JOB = click.argument("job", shell_complete=completing.jobs)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the tools answer it.")

PARAMETERS, PARAMETERS_OF_TOOL = "--parameters", "parameters_json"
"""The option of the command start, and what the tool calls it."""

Action = Callable[[Tracker], Awaitable[Exit]]


def open_tracker(
    connections: Connections | None = None,
    *,
    read_only: bool = False,
    allow_start: bool = False,
    log_level: Level | None = None,
) -> Tracker:
    """The tracker of everything that is configured.

    Args:
        connections: the way to the providers; the network by default.
        read_only: a switch that was given, over what the environment says.
        allow_start: another one.
        log_level: what counts instead of the environment's.

    Raises:
        ConfigError: the settings are wrong.
    """
    settings = from_environment()
    settings = replace(
        settings,
        read_only=settings.read_only or read_only,
        allow_start=settings.allow_start or allow_start,
        log_level=log_level or settings.log_level,
    )
    return Tracker(settings, connections=connections)


def run(connections: Connections | None, action: Action) -> NoReturn:
    """Do something with the tracker and leave with the code that it gives."""
    guarded(lambda: anyio.run(act, connections, action))


async def act(connections: Connections | None, action: Action) -> Exit:
    """Do something with the tracker; a failure is said in a sentence."""
    try:
        tracker = open_tracker(connections)
    except ConfigError as error:
        return refused(error)
    async with tracker.running():
        if tracker.store_problem:
            complain(sentences.explain(tracker.store_problem, tracker))
        try:
            return await action(tracker)
        except BrowserJobsError as error:
            return failed(error, tracker)


async def wait_for(
    tracker: Tracker, jobs: Sequence[str], *, limit: float | None, until: Until, need: Need, as_json: bool
) -> Exit:
    """Wait for jobs, with a live line where somebody looks, and tell how it ended."""
    from .screen import Screen, waiting  # noqa: PLC0415 - only some commands print

    limit = limit or tracker.settings.wait_seconds or math.inf
    since = tracker.clock()
    with waiting() as update:

        async def progress(_seconds: float, views: Sequence[JobView]) -> None:
            update([answers.job_answer(view) for view in views])

        waited = await tracker.wait(jobs, until=until, need=need, seconds=limit, on_progress=progress)
    answer = answers.wait_answer(waited, cap=limit, until=until, need=need, tracker=tracker)
    if limit == math.inf:
        del answer["wait_cap_seconds"]
    Screen(as_json=as_json).waited(answer)
    if not waited.done:
        complain(f"Not there after {limit:g} s; the wait is over, the run goes on.")
    return of_wait(waited, until=until, need=need, since=since)


def failed(error: BrowserJobsError, tracker: Tracker) -> Exit:
    """Say what went wrong, and give its code."""
    complain(sentences.explain(error, tracker))
    return of_error(error)


def told(problem: BrowserJobsError | None, tracker: Tracker) -> Exit:
    """The code after telling how a job is; with a problem that was only the last known state, and it is said why."""
    return failed(problem, tracker) if problem else Exit.COMPLETED


def refused(error: ConfigError) -> Exit:
    """Say what is wrong with the settings; there is no tracker yet."""
    nowhere = Tracker(Settings())
    with closing(nowhere.store):
        return failed(error, nowhere)


def guarded(action: Callable[[], Exit | None]) -> NoReturn:
    """Leave with the action's code; quietly when it is interrupted, or nobody reads on."""
    logs.set_up()
    if isinstance(sys.stdout, TextIOWrapper):
        # What the terminal's encoding lacks is replaced; text of strangers must not break us.
        sys.stdout.reconfigure(errors="replace")
    code: Exit | None = Exit.INTERRUPTED
    try:
        try:
            code = action()
        except* BrokenPipeError:
            # What is still buffered must not be tried again at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, click.Abort):
        pass
    sys.exit(code)


def complain(sentence: str) -> None:
    """Say something of ours on standard error."""
    click.echo(twins.of_sentence(sentence).replace(PARAMETERS_OF_TOOL, PARAMETERS), err=True)
