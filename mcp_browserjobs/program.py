"""The program as a shell sees it: its help in sections, and no traceback where its output cannot be written."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from .exits import Exit

WHOLE = 1000
"""No first sentence has so many characters."""


class Program(click.Group):
    """A group of commands.

    Args:
        sections: in which the help shows them, each a title and names.
        elsewhere: the modules of commands that are imported when they are needed, by the commands' names.
    """

    def __init__(
        self, *args: Any, sections: Mapping[str, Sequence[str]], elsewhere: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self.elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *self.elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None when there is none."""
        if cmd_name in self.elsewhere and cmd_name not in self.commands:
            self.add_command(getattr(import_module(self.elsewhere[cmd_name]), cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in self.sections.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(limit=WHOLE)) for name, command in commands if command]
            with formatter.section(title):
                formatter.write_dl(rows, col_max=12)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run it; where the output cannot be written, say so."""
        _open_closed_streams()
        reasons: list[str] = []
        try:
            return super().main(*args, **kwargs)
        except* OSError as problems:
            reasons = [_reason(each) for each in _leaves(problems)]
        _let_go_of_output()
        click.echo(f"Error: {reasons[0]}.", err=True)
        return sys.exit(Exit.USAGE)


def _open_closed_streams() -> None:
    """Have the standard streams that our caller has closed lead nowhere, so that no other file takes their place."""
    for name, mode, flags in (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_WRONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))


def _leaves(problems: BaseExceptionGroup[OSError]) -> list[OSError]:
    found: list[OSError] = []
    for each in problems.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


def _reason(problem: OSError) -> str:
    # What the error says of itself may repeat a path or an address.
    return os.strerror(problem.errno) if problem.errno else type(problem).__name__


def _let_go_of_output() -> None:
    """What is still buffered must not be tried again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
