"""The program as a shell sees it: its help in sections, and no traceback where its output cannot be written."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from .exits import Exit

WHOLE = 1000
"""No first sentence has so many characters."""


class Program(click.Group):
    """A group of commands.

    Args:
        sections: in which the help shows them, each a title and names.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        for title, names in self.sections.items():
            rows = [(name, self.commands[name].get_short_help_str(limit=WHOLE)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows, col_max=12)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run it; where the output cannot be written, say so."""
        reasons: list[str] = []
        try:
            return super().main(*args, **kwargs)
        except* OSError as problems:
            reasons = [_reason(each) for each in _leaves(problems)]
        _let_go_of_output()
        click.echo(f"Error: {reasons[0]}.", err=True)
        return sys.exit(Exit.USAGE)


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
