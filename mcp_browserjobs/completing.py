"""What the Tab key offers in a shell: commands, options, and the jobs that were seen here."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from .errors import ConfigError
from .settings import Settings, from_environment
from .store import MEMORY
from .tracker import Tracker
from .twins import PROGRAM

SHELLS = ("bash", "zsh", "fish")
MOST_JOBS = 50
HARMLESS = re.compile(r"[\w.~/:-]+", re.ASCII)
"""Ids are given by others: what a shell might take for more than a word is not offered."""
VARIABLE = f"_{PROGRAM.upper().replace('-', '_')}_COMPLETE"


class _Bash(ShellComplete):
    """Bash, which takes a colon for the end of a word, and our references are full of them."""

    name = "bash"
    source_template = r"""%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" words type value
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    local last="${words[${#words[@]}-1]}" typed=""
    [[ "$COMP_WORDBREAKS" == *:* ]] && typed="${last%%"${last##*:}"}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        case "$type" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$typed"}") ;;
        esac
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) %(complete_var)s=bash_complete "$1")
}
complete -F %(complete_func)s %(prog_name)s
"""


def script(program: click.Command, shell: str) -> str:
    """What a shell has to run once in order to complete the program's command lines."""
    kind = _Bash if shell == _Bash.name else get_completion_class(shell)
    if kind is None:
        raise LookupError(shell)
    return ShellComplete.source(kind(program, {}, PROGRAM, VARIABLE))


def jobs(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The jobs that were seen here, newest first; nobody is asked."""
    return _of_settings(_seen, typed)


def accounts(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The accounts that are configured."""
    return _of_settings(_configured, typed)


def _of_settings(offered: Callable[[Settings], list[CompletionItem]], typed: str) -> list[CompletionItem]:
    try:
        settings = from_environment()
    except ConfigError:
        return []
    return [item for item in offered(settings) if item.value.startswith(typed) and HARMLESS.fullmatch(item.value)]


def _seen(settings: Settings) -> list[CompletionItem]:
    if settings.store == MEMORY or not Path(settings.store).exists():
        return []
    tracker = Tracker(settings)
    with closing(tracker.store):
        records = anyio.run(tracker.recent, MOST_JOBS)
    return [CompletionItem(str(record.ref), help=record.job.status.value) for record in records]


def _configured(settings: Settings) -> list[CompletionItem]:
    return [CompletionItem(account.name, help=account.provider) for account in settings.accounts]
