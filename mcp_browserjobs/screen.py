"""Where answers are printed: on a terminal with colour and in its width, in a pipe as plain whole lines, or as JSON."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live

from . import hazards, terminal
from .server.answers import Answer

PIPE_WIDTH = 10_000
"""Nothing is wrapped or cut on its way into a pipe."""


def console(*, stderr: bool = False) -> Console:
    """Standard output or standard error, on which no text is taken as markup."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def show(to: Console, parts: Sequence[RenderableType]) -> None:
    """Print each part on lines of its own. Other than on a terminal, lines end without blanks."""
    with nullcontext() if to.is_terminal else to.capture() as captured:
        to.print(Group(*parts), crop=False)
    if captured is not None:
        for line in captured.get().splitlines():
            click.echo(line.rstrip(), file=to.file)


class Screen:
    """Prints answers to standard output.

    Args:
        as_json: print them as they are, for programs.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._to = console()
        self._as_json = as_json
        self._log = terminal.EventLog()
        if not self._to.is_terminal:
            self._to.width = PIPE_WIDTH

    def job(self, answer: Answer) -> None:
        """Print a Job answer."""
        if self._as_json:
            self.value(answer)
        else:
            show(self._to, terminal.job(answer))

    def waited(self, answer: Answer) -> None:
        """Print how a wait ended: one job in full, several in short."""
        match answer["jobs"]:
            case _ if self._as_json:
                self.value(answer)
            case [job]:
                show(self._to, terminal.job(job))
            case several:
                show(self._to, terminal.jobs_in_short(several))

    def diagnosis(self, answer: Answer) -> None:
        """Print what is the matter with a job."""
        if self._as_json:
            self.value(answer)
        else:
            show(self._to, terminal.diagnosis(answer))

    def links(self, answer: Answer) -> None:
        """Print the links of a job."""
        self._list(answer, terminal.links, terminal.link_lines)

    def events(self, events: Sequence[Answer]) -> None:
        """Print a part of a log; as JSON, an event a line."""
        if self._as_json:
            for event in events:
                self._print(self._json(event))
        elif self._to.is_terminal:
            show(self._to, self._log.rows(events))
        else:
            self._lines(terminal.event_lines(events))

    def jobs(self, answer: Answer) -> None:
        """Print a list of jobs."""
        self._list(answer, terminal.jobs, terminal.job_lines)

    def accounts(self, answer: Answer) -> None:
        """Print the accounts."""
        self._list(answer, terminal.accounts, terminal.account_lines)

    def value(self, value: Any) -> None:
        """Print a text as it is, anything else as JSON: for eyes on a terminal, else on one line.

        What could deceive its reader is left out of a text on a terminal; JSON has it escaped, and says the same.
        """
        if not isinstance(value, str) or self._as_json:
            self._print(self._json(value, indent=2 if self._to.is_terminal else None))
        else:
            self._print(hazards.without(value) if self._to.is_terminal else value)

    def _list(
        self,
        answer: Answer,
        look: Callable[[Answer], Sequence[RenderableType]],
        lines: Callable[[Answer], Iterator[str]],
    ) -> None:
        if self._as_json:
            self.value(answer)
        elif self._to.is_terminal:
            show(self._to, look(answer))
        else:
            self._lines(lines(answer))

    def _json(self, value: Any, *, indent: int | None = None) -> str:
        """The value as JSON; letters that the output lacks are escaped, so that they arrive all the same."""
        separators = None if indent else (",", ":")
        said = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
        try:
            said.encode(self._to.encoding, "surrogatepass")
        except UnicodeEncodeError:
            said = json.dumps(value, indent=indent, separators=separators)
        return hazards.escaped(said)

    def _lines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._print(line)

    def _print(self, line: str) -> None:
        click.echo(line, file=self._to.file, color=True)


def ask(question: Answer) -> str:
    """Have a person answer a question on the terminal.

    Raises:
        click.Abort: they would rather not.
    """
    options = question.get("options", ())
    while True:
        click.echo("Answer: ", nl=False, err=True)
        if not (line := sys.stdin.readline()):
            raise click.Abort
        if answer := terminal.chosen(line, options):
            return answer
        click.echo("One of the options, please, or its number." if options else "Please say something.", err=True)


def show_question(job: str, question: Answer) -> None:
    """Show a question on standard error, so that standard output stays free for what comes of it."""
    to = console(stderr=True)
    if not to.is_terminal:
        to.width = PIPE_WIDTH
    show(to, terminal.question(job, question))


@contextmanager
def waiting() -> Iterator[Callable[[Sequence[Answer]], None]]:
    """Show, where somebody looks, that something is waited for; what is yielded takes the jobs as they are now."""
    to, board = console(stderr=True), terminal.Board()
    if not to.is_interactive:
        yield board.update
        return
    with Live(board, console=to, transient=True, refresh_per_second=8):
        yield board.update
