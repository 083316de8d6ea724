"""The command line: arguments to actions.

What only some commands need (the MCP server, the terminal's colours, the pretend providers) is imported by those
commands, so that a server over stdio starts without the rest.
"""

import math
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import click

from . import __version__, completing
from .command import AS_JSON, EXIT_CODES, JOB, complain, guarded, open_tracker, refused, run, told, wait_for
from .errors import (
    BrowserJobsError,
    ConfigError,
    InvalidArgumentError,
    UnknownReferenceError,
)
from .exits import Exit, of_error, worst
from .jobs import JobStatus
from .logs import LEVELS, Level
from .program import Program
from .providers.base import Connections
from .server import answers, sentences
from .tracker import Tracker
from .views import Need, Screenshot, Until
from .waiting import ridden_out

# ruff: noqa: PLC0415 - imports inside commands: see above

PAGE = 200
"""How many events are printed, and read at a time, when nobody says."""
PICTURE_NAME_CHARACTERS = 80
PRIVATE = "Whoever has one of these links can look or even take over: keep them to yourself."


SECTIONS = {
    "To try it": ("demo", "simulate"),
    "To set it up": ("install", "doctor", "accounts", "serve", "completion"),
    "To look": ("jobs", "status", "events", "result", "diagnose", "screenshot", "links", "log"),
    "To wait": ("wait",),
    "To act": ("answer", "pause", "resume", "cancel", "start"),
}
ELSEWHERE = {
    **dict.fromkeys(("install", "doctor"), f"{__package__}.onboarding"),
    **dict.fromkeys(("answer", "pause", "resume", "cancel", "start"), f"{__package__}.deeds"),
}
EXAMPLES = """\
\b
Examples:
  mcp-browserjobs demo
  mcp-browserjobs install cursor
  mcp-browserjobs jobs
  mcp-browserjobs wait JOB && deploy
  mcp-browserjobs events JOB --follow
"""
SERVE_EXAMPLES = """\
\b
Examples:
  mcp-browserjobs serve --demo
  mcp-browserjobs serve --read-only
  mcp-browserjobs serve --transport http
"""
WAIT_EXAMPLES = """\
\b
Examples:
  mcp-browserjobs wait JOB && deploy
  mcp-browserjobs wait JOB --timeout 600
  mcp-browserjobs wait A B --need any
"""
EVENTS_EXAMPLES = """\
\b
Examples:
  mcp-browserjobs events JOB --follow
  mcp-browserjobs events JOB --after 20
  mcp-browserjobs events JOB --json | jq .
"""
JOBS_EXAMPLES = """\
\b
Examples:
  mcp-browserjobs jobs --status failed
  mcp-browserjobs jobs | cut -f 1
"""
COMPLETION_EXAMPLES = """\
\b
Into ~/.bashrc:
  eval "$(mcp-browserjobs completion bash)"

\b
Into ~/.zshrc, after compinit:
  eval "$(mcp-browserjobs completion zsh)"

\b
Into ~/.config/fish/config.fish:
  mcp-browserjobs completion fish | source
"""


@click.group(
    cls=Program,
    sections=SECTIONS,
    elsewhere=ELSEWHERE,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{EXAMPLES}\n{EXIT_CODES}",
)
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Check on browser-agent jobs, wherever they run. Without a command: serve MCP over stdio.

    A JOB is a reference such as gobii:ID, a link copied from a provider, or the bare id of a job.
    """
    if context.invoked_subcommand is None:
        if sys.stdin.isatty():
            click.echo("Serving MCP on stdin and stdout; --help lists the other commands.", err=True)
        context.invoke(serve)


@main.command(epilog=SERVE_EXAMPLES)
@click.option("--transport", type=click.Choice(["stdio", "http", "sse"]), default="stdio", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where http and sse listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8931, show_default=True)
@click.option("--read-only", is_flag=True, help="Leave out every tool that acts on a job.")
@click.option("--allow-start", is_flag=True, help="Offer start_job, which spends money.")
@click.option("--demo", is_flag=True, help="Serve pretend jobs at pretend providers: no key is needed or used.")
@click.option("--log-level", type=click.Choice(LEVELS), help="By default warning over stdio, and info over HTTP.")
@click.pass_obj
def serve(
    connections: Connections | None,
    transport: Literal["stdio", "http", "sse"],
    host: str,
    port: int,
    *,
    read_only: bool,
    allow_start: bool,
    demo: bool,
    log_level: Level | None,
) -> None:
    """Serve MCP: over stdio, or over HTTP at /mcp or /sse."""
    from .server.stdio import serve_stdio

    async def until_told() -> Exit:
        try:
            if demo:
                from .playground import Playground

                complain("All jobs served here are pretend.")
                tracker: Tracker = Playground(read_only=read_only, log_level=log_level)
            else:
                switches = {"read_only": read_only, "allow_start": allow_start}
                tracker = open_tracker(connections, **switches, log_level=log_level)
            if tracker.store_problem:
                complain(sentences.explain(tracker.store_problem, tracker))
            if transport == "stdio":
                await serve_stdio(tracker)
            else:
                from .server.web import serve_http

                await serve_http(tracker, transport, host, port)
        except ConfigError as error:
            return refused(error)
        return Exit.COMPLETED

    guarded(lambda: anyio.run(until_told))


@main.command()
@JOB
@AS_JSON
@click.pass_obj
def status(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Tell how a job is doing now.

    The exit code is 0 whatever the job's status, and 5 when only the last known state can be told.
    """
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        view = await tracker.look(job)
        Screen(as_json=as_json).job(answers.job_answer(view))
        return told(view.problem, tracker)

    run(connections, tell)


def _number(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse what compares with no number."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("must be a number of seconds")
    return value


@main.command(epilog=f"{WAIT_EXAMPLES}\n{EXIT_CODES}")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=completing.jobs)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    callback=_number,
    metavar="SECONDS",
    help="Give up after that; by default as BROWSERJOBS_WAIT_SECONDS says, else never.",
)
@click.option(
    "--until",
    type=click.Choice(["result", "attention", "change"]),
    default="attention",
    show_default=True,
    help="A final status; also a job that needs a person or stands still; also any new event.",
)
@click.option(
    "--need",
    type=click.Choice(["all", "any"]),
    default="all",
    show_default=True,
    help="How many of several jobs must have got there.",
)
@AS_JSON
@click.pass_obj
def wait(
    connections: Connections | None,
    jobs: tuple[str, ...],
    timeout: float | None,
    until: Until,
    need: Need,
    *,
    as_json: bool,
) -> None:
    """Wait for jobs; the runs never notice. Trouble that may pass is ridden out.

    The exit code tells how it ended. For several jobs the gravest of theirs counts: 2 before 1, then 5, 3, 4, 0.
    With --until result nothing needs a person; with --until change a new event is enough for 0.
    """
    run(
        connections,
        lambda tracker: wait_for(tracker, jobs, limit=timeout, until=until, need=need, as_json=as_json),
    )


@main.command(epilog=EVENTS_EXAMPLES)
@JOB
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Only events with a number above this.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help=f"At most so many; {PAGE} unless following.")
@click.option("--follow", is_flag=True, help="Print events as they come, until the job is over.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an event a line.")
@click.pass_obj
def events(
    connections: Connections | None, job: str, after: int, limit: int | None, *, follow: bool, as_json: bool
) -> None:
    """Print a job's event log."""
    from .screen import Screen

    screen = Screen(as_json=as_json)

    async def tell(tracker: Tracker) -> Exit:
        if follow:
            return await _follow(tracker, job, after, limit or sys.maxsize, screen.events)
        page = await tracker.events(job, after=after, limit=min(limit or PAGE, sys.maxsize - 1))
        screen.events([answers.event_line(event) for event in page.events])
        if page.more:
            complain(f"There is more: add --after {page.next_after}.")
        return told(page.view.problem, tracker)

    run(connections, tell)


@main.command()
@JOB
@click.option("--pointer", default="", metavar="POINTER", help="Only the part at this JSON Pointer, such as /price.")
@AS_JSON
@click.pass_obj
def result(connections: Connections | None, job: str, pointer: str, *, as_json: bool) -> None:
    """Print a job's result and nothing else.

    A text is printed as it is, anything else as JSON.
    """
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        found = await tracker.result(job, pointer=pointer, most=sys.maxsize, exact=True)
        Screen(as_json=as_json).value(answers.result_answer(found) if as_json else found.value)
        return Exit.COMPLETED

    run(connections, tell)


@main.command()
@JOB
@AS_JSON
@click.pass_obj
def diagnose(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Tell what is the matter with a job.

    Why it failed, or whether it stands still or waits for a person; what speaks for that; and what could help.

    The exit code is 0 whatever the verdict, and 5 when only the last known state can be judged.
    """
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        view, found = await tracker.diagnose(job)
        Screen(as_json=as_json).diagnosis(answers.diagnosis_answer(view, found))
        return told(view.problem, tracker)

    run(connections, tell)


@main.command()
@JOB
@click.option("--index", default=-1, show_default=True, metavar="N", help="Which one: 0 is the first, -1 the latest.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to write it, - for standard output; by default a file in this folder, named after the job.",
)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@AS_JSON
@click.pass_obj
def screenshot(
    connections: Connections | None, job: str, index: int, output: str | None, *, force: bool, as_json: bool
) -> None:
    """Save a screenshot of a job.

    It is scaled to at most 1568 pixels, and the name of its file is printed.

    The exit code is 1 when the job has no such screenshot, and 2 where the provider shows none.
    """
    from .screen import Screen

    if output == "-" and (as_json or sys.stdout.isatty()):
        raise click.UsageError("With -o -, the image goes to standard output; lead that into a file or a pipe.")

    async def save(tracker: Tracker) -> Exit:
        shown = await tracker.screenshot(job, index=index)
        if output == "-":
            click.echo(shown.image.data, nl=False)
            return Exit.COMPLETED
        file = Path(output or _picture_name(shown))
        _write(file, shown.image.data, over=force)
        about = {"job": str(shown.ref), "index": shown.index, "count": shown.count, "file": str(file)}
        Screen(as_json=as_json).value(about if as_json else str(file))
        return Exit.COMPLETED

    run(connections, save)


@main.command()
@JOB
@AS_JSON
@click.pass_obj
def links(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Print a job's secret links.

    They lead to its live view, its recordings and downloads. Whoever has one can look, and perhaps steer the
    browser: keep them to yourself.
    """
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        ref, found = await tracker.links(job)
        answer = answers.links_answer(ref, found)
        Screen(as_json=as_json).links(answer)
        if not as_json:
            complain(PRIVATE if found else answer["summary"])
        return Exit.COMPLETED

    run(connections, tell)


@main.command()
@JOB
@AS_JSON
@click.pass_obj
def log(connections: Connections | None, job: str, *, as_json: bool) -> None:
    """Print the provider's own log of a job.

    It is raw, and of a long one it is only the end.

    The exit code is 1 when the job has none, and 2 where the provider
    shows none; the command events works anywhere.
    """
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        ref, text = await tracker.log(job)
        Screen(as_json=as_json).value(
            {"job": str(ref), "reported": {"text": text}} if as_json else text.removesuffix("\n")
        )
        return Exit.COMPLETED

    run(connections, tell)


@main.command(epilog=JOBS_EXAMPLES)
@click.option("--account", default="", help="Only the jobs of this account.", shell_complete=completing.accounts)
@click.option("--status", type=click.Choice([word.value for word in JobStatus]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--cursor", default="", help="Go on at the next_cursor of an earlier list.")
@AS_JSON
@click.pass_obj
def jobs(
    connections: Connections | None, account: str, status: str | None, limit: int, cursor: str, *, as_json: bool
) -> None:
    """List jobs, newest first.

    They are those seen before and those that the providers list.
    """
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        listed = await tracker.list_jobs(account=account, status=status or "", limit=limit, cursor=cursor)
        answer = answers.list_answer(listed, tracker)
        Screen(as_json=as_json).jobs(answer)
        if not (listed.records or listed.cursor):
            complain(_none_known(tracker, account))
        elif listed.cursor and not as_json:
            complain("There are more; --limit shows them.")
        for problem in answer.get("problems", ()):
            complain(problem)
        return worst({of_error(problem) for problem in listed.problems})

    run(connections, tell)


@main.command()
@click.option("--check", is_flag=True, help="Try each key.")
@AS_JSON
@click.pass_obj
def accounts(connections: Connections | None, *, check: bool, as_json: bool) -> None:
    """List the accounts and the state of their keys."""
    from .screen import Screen

    async def tell(tracker: Tracker) -> Exit:
        views = await tracker.account_views(check=check)
        answer = answers.accounts_answer(views, tracker)
        Screen(as_json=as_json).accounts(answer)
        if "hint" in answer:
            complain(answer["hint"])
        return worst({of_error(view.problem) for view in views if view.problem and not view.closed(views)})

    run(connections, tell)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8932, show_default=True, help="0 takes a free one.")
def simulate(port: int) -> None:
    """Serve pretend providers on this machine.

    A few jobs run there to try the other commands on. What it prints can be pasted into a shell: the variables
    that point at them, and in comments what to try.
    """
    from . import pretend

    try:
        listening = pretend.listen(port)
    except OSError as error:
        # What the error says of itself repeats the address.
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        sys.exit(refused(ConfigError("--port", f"cannot be used ({reason}); choose another")))
    guarded(lambda: pretend.serve(listening, click.echo))


@main.command()
@click.option("--fast", is_flag=True, help="Run it ten times as fast.")
@click.option("--ask", is_flag=True, help="Answer the question of the story yourself.")
def demo(*, fast: bool, ask: bool) -> None:
    """Play a story with pretend providers, without key or network."""
    from . import demo as story

    if ask and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("With --ask the story needs a terminal.")
    speed = 10.0 if fast else 1.0
    guarded(lambda: anyio.run(story.play, speed, story.typed if ask else story.nobody))


@main.command(epilog=COMPLETION_EXAMPLES)
@click.argument("shell", type=click.Choice(completing.SHELLS), metavar="SHELL")
def completion(shell: str) -> None:
    """Print what makes the Tab key complete commands and jobs.

    SHELL is bash, zsh or fish. The jobs are those seen before; no provider is asked.
    """
    click.echo(completing.script(main, shell))


def _none_known(tracker: Tracker, account: str) -> str:
    if not tracker.accounts:
        return sentences.explain(UnknownReferenceError(), tracker)
    asked = [account] if account else list(tracker.accounts)
    if silent := [name for name in asked if "list_jobs" not in tracker.able(name)]:
        verb = "lists" if len(silent) == 1 else "list"
        return f"No jobs are known. {', '.join(silent)} {verb} none: one is known here once it has been looked at."
    return "No jobs are known."


def _picture_name(shown: Screenshot) -> str:
    """A file's name in this folder, made of nothing but the job, the index, and letters that any system takes."""
    job = re.sub(r"[^A-Za-z0-9]+", "-", shown.ref.id.rpartition("/")[2]).strip("-")[:PICTURE_NAME_CHARACTERS]
    return f"{shown.ref.account}-{job}-{shown.index}.{'png' if shown.image.mime_type == 'image/png' else 'jpg'}"


def _write(file: Path, image: bytes, *, over: bool) -> None:
    try:
        with file.open("wb" if over else "xb") as opened:
            opened.write(image)
    except FileExistsError:
        raise InvalidArgumentError(str(file), "exists; name another file, or write over it with --force") from None
    except OSError as error:
        raise InvalidArgumentError(str(file), f"cannot be written ({error.strerror})") from None


async def _follow(
    tracker: Tracker, job: str, after: int, limit: int, show: Callable[[list[answers.Answer]], None]
) -> Exit:
    """Show events as they come until the job is over, or `limit` of them."""

    def complain_once(trouble: BrowserJobsError, failures: int) -> None:
        if failures == 1:
            complain(sentences.explain(trouble, tracker))

    ref = await ridden_out(partial(tracker.resolve, job), complain_once)
    async with tracker.watching(ref, followed=True) as watch:
        trouble: BrowserJobsError | None = None
        while True:
            changed, ended = watch.changed, watch.ended
            page = await tracker.store.events(ref, after=after, limit=min(limit, PAGE))
            if page:
                show([answers.event_line(event) for event in page])
                after, limit = page[-1].seq, limit - len(page)
                if not limit:
                    return Exit.COMPLETED
                continue
            if watch.trouble and not trouble:
                complain(sentences.explain(watch.trouble, tracker))
            trouble = watch.trouble
            if ended:
                return of_error(trouble) if trouble else Exit.COMPLETED
            await changed.wait()
