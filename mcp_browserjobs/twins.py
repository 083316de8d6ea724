"""The commands that do what the tools do, for a person who reads of a tool. Pure."""

import ast
import re
import shlex

from .reported import clean

PROGRAM = "mcp-browserjobs"

COMMANDS = {
    "get_job_status": "status",
    "wait_for_result": "wait",
    "get_job_events": "events",
    "get_job_result": "result",
    "get_job_screenshot": "screenshot",
    "get_job_links": "links",
    "diagnose_job": "diagnose",
    "list_jobs": "jobs",
    "list_accounts": "accounts",
    "answer_job_question": "answer",
    "pause_job": "pause",
    "resume_job": "resume",
    "cancel_job": "cancel",
    "start_job": "start",
}
"""The command of each tool."""

_NAMED = re.compile(rf"\b(?:{'|'.join(COMMANDS)})\b")
_ASKED_FOR = "answer"
"""What a call leaves to be filled in, the command asks for."""


def of_call(call: str) -> str:
    """The command line that does what a tool's call of ours does."""
    match ast.parse(call, mode="eval").body:
        case ast.Call(func=ast.Name(id=tool), keywords=keywords):
            arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in keywords}
        case _:
            raise ValueError(call)
    jobs = [*arguments.pop("jobs", ()), *filter(None, [arguments.pop("job", "")])]
    arguments.pop(_ASKED_FOR, None)
    options = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    return shlex.join([PROGRAM, COMMANDS[tool], *(clean(job, len(job)) for job in jobs), *options])


def of_sentence(sentence: str) -> str:
    """A sentence of ours with commands in place of the tools that it names."""
    return _NAMED.sub(lambda named: f"{PROGRAM} {COMMANDS[named.group()]}", sentence)
