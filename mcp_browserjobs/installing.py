"""Writes this server into a host's configuration, and takes it out again, while all else stays as it stands.

The file as it was is kept beside it until the server is taken out. Whatever is written is read again before, and is
refused unless it says what the old text says and the change.
"""

import codecs
import copy
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .hosts import Document, Entry, Host, NotValidError, Server

NAME, DEMO_NAME = "browserjobs", "browserjobs-demo"
"""What the server is called in a host's configuration, when nobody says."""
PROGRAM = "mcp-browserjobs"
HIDDEN = "********"
INPUTS = "inputs"
"""Where a host that asks for keys by itself is told what to ask for."""
UV_CACHES = frozenset({"archive-v0", "builds-v0", "environments-v2"})
PIPX_CACHES = frozenset({".cache", "Cache", "Caches"})
"""Folders from which programs run that were installed for one run only."""
OTHERS_MAY_READ = stat.S_IRGRP | stat.S_IROTH
OWNER_ALONE = stat.S_IRWXU
OPEN_TO_OTHERS = "Others on this machine may read the keys: chmod 600 '{}' keeps them to yourself."


@dataclass(frozen=True)
class Configuration:
    """A host's configuration as it is now. `target` is the file itself, where `path` is a link to it."""

    host: Host
    path: Path
    target: Path
    before: bytes | None = field(repr=False)
    text: str = field(repr=False)
    document: Document = field(repr=False)
    problem: str = ""

    def entry(self, name: str) -> Entry | None:
        """The server of this name in it."""
        entry = self.servers.get(name)
        return entry if isinstance(entry, dict) else None

    @property
    def servers(self) -> Document:
        """All servers in it."""
        servers = self.document.get(self.host.servers)
        return servers if isinstance(servers, dict) else {}

    def ours(self, name: str) -> bool:
        """Whether the server of this name is this program."""
        return is_ours(self.host, self.entry(name) or {})

    def variables(self, name: str) -> dict[str, str]:
        """The variables that the server of this name gets."""
        found = (self.entry(name) or {}).get(self.host.environment)
        return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Done:
    """What was done to a host's configuration: nothing where `changed` is false.

    `backup` is where the file as it was is kept, None where there was none or it is put back. `readable` tells
    whether others on this machine may read the keys in it.
    """

    path: Path
    changed: bool = True
    backup: Path | None = None
    restored: bool = False
    deleted: bool = False
    readable: bool = False


def configuration(host: Host, path: Path) -> Configuration:
    """Read a host's configuration; one that does not exist is empty, and one that is not valid has a `problem`."""
    target, before = path, None
    try:
        target = path.resolve()
        circular = target.is_symlink()
        before = target.read_bytes() if target.exists() else None
    except OSError as error:
        return Configuration(host, path, target, None, "", {}, f"cannot be read ({error.strerror})")
    except RuntimeError:
        circular = True  # before Python 3.13
    if circular:
        return Configuration(host, path, target, None, "", {}, "is a link that leads to itself")
    try:
        text = (before or b"").removeprefix(codecs.BOM_UTF8).decode()
        document = host.format.read(text)
        _check(host, document)
    except UnicodeDecodeError:
        return Configuration(host, path, target, before, "", {}, "is not encoded as UTF-8")
    except NotValidError as error:
        return Configuration(host, path, target, before, "", {}, error.problem)
    return Configuration(host, path, target, before, text, document)


def _check(host: Host, document: Document) -> None:
    """See that servers can be added to it.

    Raises:
        NotValidError: they cannot.
    """
    servers = document.get(host.servers)
    # YAML and TOML have no other way to write an empty one.
    if (
        host.servers in document
        and not isinstance(servers, dict)
        and (servers is not None or host.format.name == "JSON")
    ):
        raise NotValidError(f"has something other than servers at {host.servers}")
    if host.asks and not isinstance(document.get(INPUTS, []), list):
        raise NotValidError(f"has something other than a list at {INPUTS}")


def is_ours(host: Host, entry: Entry) -> bool:
    """Whether an entry starts this program."""
    started = json.dumps([entry.get(host.command), entry.get("args")], default=str)
    return PROGRAM in started or PROGRAM.replace("-", "_") in started


def command_here() -> tuple[str, tuple[str, ...]]:
    """How to start this program from anywhere: an absolute command and its arguments.

    Raises:
        ConfigError: it was installed for this one run, and what ran it cannot be found.
    """
    prefix = Path(sys.prefix)
    by_uvx = prefix.parent.name in UV_CACHES
    if by_uvx and (uvx := shutil.which("uvx")):
        return str(Path(uvx).absolute()), (PROGRAM,)
    if by_uvx or ("pipx" in prefix.parts and PIPX_CACHES.intersection(prefix.parts)):
        raise ConfigError(PROGRAM, f"is installed for this run only; keep it first, as by uv tool install {PROGRAM}")
    # A link is not followed: in a virtual environment it leads out of it.
    python = Path(sys.executable).absolute()
    script = python.with_name(PROGRAM + python.suffix)
    return (str(script), ()) if script.exists() else (str(python), ("-P", "-m", PROGRAM.replace("-", "_")))


def merged(current: Configuration, server: Server) -> Entry:
    """The entry of this server; what somebody added to an earlier one stays."""
    earlier = current.entry(server.name) or {}
    written = current.host.entry(_asked(server) if current.host.asks else server)
    environment = {**current.variables(server.name), **written[current.host.environment]}
    kept = {key: value for key, value in earlier.items() if key not in written}
    # A limit that somebody set counts more than ours.
    limits = {key: earlier[key] for key in written if key in earlier and isinstance(written[key], int)}
    return {**written, **limits, current.host.environment: environment, **kept}


def _asked(server: Server) -> Server:
    """The server with an input in place of every key."""
    variables = {name: value or f"${{input:{_input(name)}}}" for name, value in server.variables.items()}
    return replace(server, variables=variables)


def _input(variable: str) -> str:
    return variable.lower().replace("_", "-")


def install(current: Configuration, server: Server, titles: Mapping[str, str]) -> Done:
    """Write a server into a configuration.

    Args:
        current: what is there.
        server: what shall be there; a variable without a value is one that the host asks for.
        titles: what a person calls each of these.

    Raises:
        ConfigError: it cannot be done; then nothing has changed.
    """
    host, name = current.host, server.name
    _usable(current)
    if name in current.servers and not current.ours(name):
        raise ConfigError(host.title, f"has another server named {name}; choose a name for this one with --name")
    entry = merged(current, server)
    wanted = copy.deepcopy(current.document)
    wanted[host.servers] = {**(wanted.get(host.servers) or {}), name: entry}
    edits: list[tuple[tuple[str | int, ...], Any]] = []
    if current.entry(name) != entry:
        edits.append(((host.servers, name), entry))
    asked = [variable for variable, value in server.variables.items() if not value]
    known = [each.get("id") for each in wanted.get(INPUTS, []) if isinstance(each, dict)]
    for variable in asked:
        if _input(variable) in known:
            continue
        question = {
            "type": "promptString",
            "id": _input(variable),
            "description": titles.get(variable, variable),
            "password": True,
        }
        wanted[INPUTS] = [*wanted.get(INPUTS, []), question]
        edits.append(((INPUTS, len(wanted[INPUTS]) - 1), question))
    if not edits:
        return Done(current.path, changed=False)
    text = current.text
    try:
        for path, value in edits:
            text = host.format.put(text, path, value)
        _verify(host, text, wanted)
    except NotValidError:
        raise _not_editable(current) from None
    backup = _backup(current.path, name)
    try:
        if current.before is not None and not (current.ours(name) and backup.exists()):
            _write(backup, current.before, like=current.target, rights=OWNER_ALONE)
        readable = _replace(current, text)
    except OSError as error:
        raise ConfigError(str(current.path), f"cannot be written ({error.strerror})") from None
    return Done(current.path, backup=backup if backup.exists() else None, readable=readable)


def remove(current: Configuration, name: str) -> Done:
    """Take a server out of a configuration; where nothing else has changed since, the file is as it was before.

    Raises:
        ConfigError: it cannot be done; then nothing has changed.
    """
    host = current.host
    _usable(current)
    if name not in current.servers:
        return Done(current.path, changed=False)
    if not current.ours(name):
        raise ConfigError(host.title, f"has a server named {name} that is not this program; it was left as it is")
    wanted = copy.deepcopy(current.document)
    del wanted[host.servers][name]
    try:
        text = host.format.cut(current.text, (host.servers, name))
        if host.asks:
            text, wanted = _without_inputs(current, name, text, wanted)
        _verify(host, text, wanted)
    except NotValidError:
        raise _not_editable(current) from None
    backup = _backup(current.path, name)
    try:
        earlier = backup.read_bytes() if backup.exists() else None
        restored = earlier is not None and _same(host, earlier, wanted)
        if earlier is None and not _essence(wanted):
            _unchanged(current)
            current.target.unlink()
            return Done(current.path, deleted=True)
        _replace(current, earlier if restored and earlier is not None else text)
        backup.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(str(current.path), f"cannot be written ({error.strerror})") from None
    return Done(current.path, restored=restored)


def snippet(host: Host, server: Server) -> str:
    """What is to be added to a configuration by hand; keys are not shown."""
    shown = replace(server, variables=dict.fromkeys(server.variables, HIDDEN))
    entry = host.entry(_asked(server) if host.asks else shown)
    return host.format.put("", (host.servers, server.name), entry).rstrip()


def _usable(current: Configuration) -> None:
    if current.problem:
        raise ConfigError(str(current.path), f"{current.problem}; it was left as it is")
    # That there is none, or no way to it, is found out by writing.
    with suppress(OSError):
        if not current.target.stat().st_mode & stat.S_IWUSR:
            raise ConfigError(str(current.path), "may only be read; it was left as it is")


def _not_editable(current: Configuration) -> ConfigError:
    problem = "is written in a way that is not edited here; it was left as it is, and --print shows what to add by hand"
    return ConfigError(str(current.path), problem)


def _verify(host: Host, text: str, wanted: Document) -> None:
    if host.format.read(text) != wanted and _essence(host.format.read(text)) != _essence(wanted):
        raise NotValidError("would say something else")


def _without_inputs(current: Configuration, name: str, text: str, wanted: Document) -> tuple[str, Document]:
    """The text without the questions that only this server needed."""
    rest = json.dumps(wanted)
    gone = [
        place
        for place, each in enumerate(wanted.get(INPUTS, []))
        if isinstance(each, dict)
        and (asked := f"${{input:{each.get('id')}}}") in current.variables(name).values()
        and asked not in rest
    ]
    for place in reversed(gone):
        text = current.host.format.cut(text, (INPUTS, place))
        del wanted[INPUTS][place]
    return text, wanted


def _essence(document: Document) -> Document:
    """The document without what is empty at its root."""
    return {key: value for key, value in document.items() if value not in ({}, [], None)}


def _same(host: Host, earlier: bytes, wanted: Document) -> bool:
    try:
        document = host.format.read(earlier.removeprefix(codecs.BOM_UTF8).decode())
    except (NotValidError, UnicodeDecodeError):
        return False
    return _essence(document) == _essence(wanted)


def _backup(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.before-{name}")


def _unchanged(current: Configuration) -> None:
    """See that nobody else wrote the file since it was read.

    Raises:
        ConfigError: somebody did.
    """
    now = current.target.read_bytes() if current.target.exists() else None
    if now != current.before:
        raise ConfigError(str(current.path), "was changed by somebody else just now; try again")


def _replace(current: Configuration, content: str | bytes) -> bool:
    """Write the file in one go. Whether others may read it."""
    if isinstance(content, str):
        bom = codecs.BOM_UTF8 if (current.before or b"").startswith(codecs.BOM_UTF8) else b""
        content = bom + content.encode()
    current.target.parent.mkdir(parents=True, exist_ok=True)
    _unchanged(current)
    return _write(current.target, content, like=current.target)


def _write(path: Path, content: bytes, *, like: Path, rights: int = ~0) -> bool:
    """Write a file in one go, with the owner and these of the rights of another if it exists, else for us alone."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - it is open already
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if like.exists():
            old = like.stat()
            Path(name).chmod(stat.S_IMODE(old.st_mode) & rights)
            if hasattr(os, "chown"):
                with suppress(PermissionError):
                    os.chown(name, old.st_uid, old.st_gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return is_open_to_others(path)


def is_open_to_others(path: Path) -> bool:
    """Whether others on this machine may read a file; on Windows its mode does not tell that."""
    return os.name != "nt" and path.exists() and bool(path.stat().st_mode & OTHERS_MAY_READ)
