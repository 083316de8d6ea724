"""The commands of the first minute: `install` puts this server into a host, `doctor` tells whether all is well."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import click
from pydantic import SecretStr

from . import installing, masking, providers
from .command import AS_JSON, complain, guarded, refused
from .errors import ConfigError
from .exits import Exit
from .hosts import HOSTS, VARIABLES, Host, Server, System
from .installing import DEMO_NAME, HIDDEN, NAME, OPEN_TO_OTHERS, PROGRAM, Configuration, Done, is_open_to_others
from .providers.base import Connections
from .settings import given
from .vendors import Vendor, vendor_of, vendors

# ruff: noqa: PLC0415 - imports inside commands: what only one of them needs

ANY_KEY = re.compile(r"[!-~]{1,4096}")
EXAMPLES = """\
\b
Examples:
  mcp-browserjobs install claude-desktop
  mcp-browserjobs install vscode --provider gobii --provider dari
  mcp-browserjobs install codex --env-file keys.env
  mcp-browserjobs install claude-code --file .mcp.json --print
  mcp-browserjobs install cursor --remove

\b
Exit codes: 0 done, or nothing was to be done; 2 it cannot be done, and nothing has
changed; 130 interrupted.
"""


@dataclass
class Keys:
    """The variables that a server gets, and where each comes from; those that the host asks for have no value."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, values: Mapping[str, str], origin: str) -> None:
        """Take these."""
        keys = {vendor.variable for vendor in vendors().values()}
        masking.keep(SecretStr(value) for name, value in values.items() if name in keys)
        self.values |= values
        self.origins |= dict.fromkeys(values, origin)


def _name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """A name that every host takes."""
    if not re.fullmatch(r"[A-Za-z][\w-]{0,39}", name, re.ASCII):
        raise click.BadParameter("must be 1 to 40 letters, digits, - and _, a letter first")
    return name


@click.command(epilog=EXAMPLES)
@click.argument("host", type=click.Choice(sorted(HOSTS)), metavar="HOST")
@click.option(
    "--provider",
    "chosen",
    multiple=True,
    type=click.Choice(providers.names()),
    metavar="NAME",
    help="Whose key it shall get, from the environment or typed; may be repeated. Asked for where it is not given.",
)
@click.option("--env-file", type=click.Path(path_type=Path), metavar="FILE", help="Take the keys from this file.")
@click.option("--no-keys", is_flag=True, help="Write no key; the host's own environment has them.")
@click.option("--demo", is_flag=True, help="Pretend jobs to try it with: no key, and nothing is asked of anybody.")
@click.option("--read-only", is_flag=True, help="Leave out every tool that acts on a job.")
@click.option("--allow-start", is_flag=True, help="Offer start_job, which spends money.")
@click.option("--name", default=NAME, callback=_name, show_default=True, help="What the server is called there.")
@click.option("--file", type=click.Path(path_type=Path), help="Another configuration, such as a project's own.")
@click.option("--print", "only_print", is_flag=True, help="Change nothing: show what would be written, without keys.")
@click.option("--remove", "taken_out", is_flag=True, help="Take the server out again.")
def install(
    host: str,
    chosen: tuple[str, ...],
    env_file: Path | None,
    name: str,
    file: Path | None,
    *,
    no_keys: bool,
    demo: bool,
    read_only: bool,
    allow_start: bool,
    only_print: bool,
    taken_out: bool,
) -> None:
    """Set this server up in a host, with your keys.

    HOST is claude-code, claude-desktop, codex, cursor, gemini-cli, goose, vscode or zed. The server is added to the
    host's own configuration; all else in there stays as it is, and a copy of the file is kept. Keys are not shown.
    """
    switches = {"--demo": demo, "--read-only": read_only, "--allow-start": allow_start}
    flags = [flag for flag, is_given in switches.items() if is_given]
    if demo and name == NAME:
        name = DEMO_NAME

    def act() -> Exit:
        try:
            path = file.absolute() if file else HOSTS[host].path(_system())
            current = installing.configuration(HOSTS[host], path)
            if taken_out:
                _tell_removed(current, name, installing.remove(current, name))
                return Exit.COMPLETED
            command, args = installing.command_here()
            asks_nobody = only_print or not (sys.stdin.isatty() and sys.stderr.isatty())
            without = no_keys or demo
            keys = _keys(current, name, chosen, env_file, no_keys=without, alone=asks_nobody, required=not only_print)
            by_file = HOSTS[host].asks and env_file is not None
            server = Server(
                name,
                command,
                (*args, "serve", *flags),
                {} if by_file else keys.values,
                env_file=str(env_file.absolute()) if by_file and env_file else "",
            )
            if only_print:
                complain(
                    f"This belongs in {path}" + (f", with keys in place of {HIDDEN}:" if server.variables else ":")
                )
                click.echo(installing.snippet(HOSTS[host], server))
                return Exit.COMPLETED
            titles = {vendor.variable: f"{vendor.title} API key" for vendor in vendors().values()}
            _tell_installed(current, server, keys, installing.install(current, server, titles))
        except ConfigError as error:
            return refused(error)
        return Exit.COMPLETED

    guarded(act)


@click.command()
@AS_JSON
@click.pass_obj
def doctor(connections: Connections | None, *, as_json: bool) -> None:
    """Tell whether all is well, and what to do where it is not.

    Tries every key, here and in each host that is found; opens the store; and tells how long a wait lasts there.

    The exit code is 0 when nothing is wrong, 2 when a setting, a key or a command is missing or not valid, and 5 when a
    provider refuses a key or gives no answer.
    """
    from . import checkup, doctor

    def act() -> Exit:
        found = anyio.run(doctor.examine, _system(), connections)
        checkup.show(found, as_json=as_json)
        return found.code

    guarded(act)


def _system() -> System:
    kinds = {"win32": "windows", "darwin": "macos"}
    kind = kinds.get(sys.platform, "linux")
    try:
        return System(kind, Path.home(), given(VARIABLES))  # type: ignore[arg-type] # one of the three
    except RuntimeError:
        raise ConfigError("HOME", "is not set, so no configuration can be found") from None


# Keys


def _keys(
    current: Configuration,
    name: str,
    chosen: tuple[str, ...],
    env_file: Path | None,
    *,
    no_keys: bool,
    alone: bool,
    required: bool,
) -> Keys:
    """The variables for the server: of a file, of the environment, typed, or for the host to ask for.

    Raises:
        ConfigError: a key is missing, and there is nobody to ask; or a file is not as it should be.
    """
    keys, known = Keys(), vendors()
    wanted = list(dict.fromkeys(vendor_of(each) for each in chosen))
    if no_keys:
        return keys
    if env_file is not None:
        return _of_file(keys, env_file, wanted)
    there = [vendor for vendor in known.values() if given([vendor.variable], current.variables(name))]
    if current.host.asks:
        there = [vendor for vendor in known.values() if vendor.variable in current.variables(name)]
    here = [vendor for vendor in known.values() if given([vendor.variable])]
    if not wanted and alone:
        wanted = [] if there else here
    elif not wanted:
        wanted = _choose(current.host, here, there)
    if not wanted and not there and required:
        raise ConfigError("No key was given.", _where_keys_are())
    for vendor in wanted:
        keys.add(_others(vendor), "from the environment")
        if current.host.asks:
            keys.add({vendor.variable: ""}, f"{current.host.title} asks for it")
        elif vendor in here:
            keys.add(given([vendor.variable]), "from the environment")
        elif not alone:
            keys.add({vendor.variable: _typed(vendor)}, "typed")
        elif required:
            raise ConfigError(vendor.variable, f"is not set; a key of {vendor.title} is {vendor.where}")
        else:
            keys.add({vendor.variable: HIDDEN}, "")
    return keys


def _of_file(keys: Keys, file: Path, wanted: Iterable[Vendor]) -> Keys:
    from .envfile import read_env_file
    from .settings import from_environment
    from .variables import every

    found = read_env_file(file)
    names = {variable.name for variable in every() if not variable.over_http_only}
    settings = from_environment(found)
    masking.keep(settings.secrets)
    accounts = settings.accounts
    names |= {account.key_variable for account in accounts}
    if not any(account.key for account in accounts):
        raise ConfigError(str(file), f"has no key. {_where_keys_are()}")
    for vendor in wanted:
        if not given([vendor.variable], found):
            problem = f"does not set {vendor.variable}; a key of {vendor.title} is {vendor.where}"
            raise ConfigError(str(file), problem)
    keys.add({key: value for key, value in found.items() if key in names}, f"from {file.name}")
    if is_open_to_others(file):
        complain(OPEN_TO_OTHERS.format(file))
    if left := sorted(found.keys() - names):
        complain(f"Not taken from {file.name}, as this program does not read it: {', '.join(left)}.")
    return keys


def _others(vendor: Vendor) -> dict[str, str]:
    """What else is set for a vendor, such as the address of one's own server."""
    from .variables import of_providers

    names = [each.name for each in of_providers() if not each.over_http_only and not each.secret]
    return given(each for each in names if each.startswith(f"{vendor.prefix}_"))


def _where_keys_are() -> str:
    lines = [f"  {vendor.variable}, {vendor.where}" for vendor in vendors().values()]
    return "\n".join(["These are the variables of keys:", *lines, "Set one, or name a file with it by --env-file"])


def _choose(host: Host, here: list[Vendor], there: list[Vendor]) -> list[Vendor]:
    """Ask a person whose keys the server shall get."""
    known = list(vendors().values())
    click.echo(f"Whose jobs shall {host.title} check on?", err=True)
    width = max(len(vendor.title) for vendor in known)
    for number, vendor in enumerate(known, 1):
        state = "has a key already" if vendor in there else "key is set in this terminal" if vendor in here else ""
        click.echo(f"  {number:2}  {vendor.title:{width}}  {state}".rstrip(), err=True)
    default = [] if there else [str(known.index(vendor) + 1) for vendor in here]
    keeps = " (Enter keeps those that are there)" if there else f" [{' '.join(default)}]" if default else ""
    while True:
        click.echo(f"Numbers or names, with blanks between them{keeps}: ", nl=False, err=True)
        if not (line := sys.stdin.readline()):
            raise click.Abort
        words = line.replace(",", " ").split() or default
        found = [vendor for word in words for vendor in [_named(word, known)] if vendor]
        if len(found) == len(words) and (found or there):
            return list(dict.fromkeys(found))
        click.echo("Please type one or more of the numbers, such as 1 or 2 5.", err=True)


def _named(word: str, known: list[Vendor]) -> Vendor | None:
    if word.isdecimal():
        return known[int(word) - 1] if 0 < int(word) <= len(known) else None
    plain = word.casefold().replace("-", "_")
    return next((each for each in known if plain in (each.name, each.title.casefold().replace(" ", "_"))), None)


def _typed(vendor: Vendor) -> str:
    """A key that a person types or pastes, unseen."""
    click.echo(f"{vendor.title}: keys are {vendor.where}", err=True)
    while True:
        key = str(click.prompt(f"  {vendor.variable} (not shown)", hide_input=True, err=True)).strip()
        if ANY_KEY.fullmatch(key):
            return key
        click.echo("  That is no key: it has blanks, or letters that no key has.", err=True)


# What is told


def _tell_installed(current: Configuration, server: Server, keys: Keys, done: Done) -> None:
    host = current.host
    if not done.changed:
        _tell(f"{host.title} has it already", {"file": str(done.path)})
        return
    stay = sorted(given(current.variables(server.name)).keys() - keys.values.keys())
    facts = {
        "file": str(done.path),
        "server": server.name,
        "starts": " ".join([server.command, *server.args]),
        "gets": "\n".join(
            [f"{name}, {keys.origins[name]}" for name in sorted(server.variables)]
            + [f"{name}, as before" for name in stay]
            + ([f"read from {server.env_file}"] if server.env_file else [])
        )
        or "no key",
        "copy": str(done.backup) if done.backup else "",
        "next": f"{host.restart}. Then ask: How are my browser jobs doing?",
        "undo": f"{PROGRAM} install {host.name} --remove{_extra(current, server.name)}",
    }
    _tell(f"{host.title} is set up", facts)
    if not host.found(_system()):
        complain(f"{host.title} itself was not found on this machine; the file waits for it.")
    if done.readable and server.variables:
        complain(OPEN_TO_OTHERS.format(done.path))


def _extra(current: Configuration, name: str) -> str:
    named = f" --name {name}" if name != NAME else ""
    return named + (f" --file '{current.path}'" if current.path != current.host.path(_system()) else "")


def _tell_removed(current: Configuration, name: str, done: Done) -> None:
    title = current.host.title
    if not done.changed:
        _tell(f"{title} has no server named {name}", {"file": str(done.path)})
        return
    if done.deleted:
        left = "deleted: there was nothing else in it"
    else:
        left = "as it was before, to the letter" if done.restored else "all else in it stays as it was"
    _tell(
        f"{title}: {name} is taken out",
        {"file": str(done.path), "now": left, "next": f"{title} notices when it starts again."},
    )


def _tell(title: str, facts: Mapping[str, str]) -> None:
    from . import checkup

    checkup.tell(title, facts)
