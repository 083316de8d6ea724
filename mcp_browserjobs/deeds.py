"""The commands that change a job. A person typed them, so all of them may be used unless everything is read-only."""

import json
import sys
from collections.abc import Awaitable
from pathlib import Path

import anyio
import click
from pydantic import JsonValue

from .acting import Acted, Actor
from .command import AS_JSON, EXIT_CODES, JOB, act, complain, failed, guarded, run, wait_for
from .errors import NotAvailableError
from .exits import Exit
from .jobs import START_PREFIX, JobRef, JobStatus
from .providers.base import Connections
from .server import answers
from .tracker import Tracker
from .views import JobView

# ruff: noqa: PLC0415 - only some commands print

AGAIN_SECONDS = 1.0
"""A start that somebody else is asking for is looked at anew after this."""


@click.command()
@JOB
@click.argument("answer", required=False)
@click.option("--question-id", default="", metavar="ID", help="Answer this question, or none when another is asked.")
@AS_JSON
@click.pass_obj
def answer(
    connections: Connections | None, job: str, answer: str | None, question_id: str, *, as_json: bool
) -> None:
    """Answer the question with which a job waits.

    Without ANSWER, a terminal shows the question with its options and asks; a script must name the answer.
    An ANSWER that is named is sent as it is.
    """

    def answered() -> Exit:
        said, meant = answer, question_id
        if said is None:
            pending: list[JobView] = []

            async def look(tracker: Tracker) -> Exit:
                pending.append(view := await tracker.look(job))
                return _askable(view, question_id, tracker)

            if code := anyio.run(act, connections, look):
                return code
            # Nothing runs while a person thinks: an interrupt ends it at once.
            said, meant = _typed(pending[0])
            if said is None:
                return Exit.USAGE
        return anyio.run(act, connections, lambda tracker: _tell(Actor(tracker).answer(job, said, question_id=meant), tracker, as_json=as_json))

    guarded(answered)
