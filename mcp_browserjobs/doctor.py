"""What is well and what is not: the store, the keys, and the hosts that start this server."""

import os
import platform
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from . import __version__, installing
from .envfile import read_env_file
from .errors import AuthenticationError, BrowserJobsError, ConfigError, RetiredError
from .exits import Exit, of_error, worst
from .hosts import HOSTS, Host, System
from .installing import OPEN_TO_OTHERS, Configuration, is_open_to_others
from .providers.base import Connections
from .server import patience, sentences
from .settings import Account, Settings, from_environment, given
from .store import MEMORY
from .tracker import Tracker
from .vendors import vendors

REFERENCE = re.compile(r"\$\{?(?:env:)?([A-Za-z_]\w*)(?::-[^}]*)?\}?")
"""How hosts write that a value comes from the environment."""
Mark = Literal["ok", "note", "bad"]
Checked = dict[tuple[str, str, SecretStr | None], BrowserJobsError | None]
"""What came of each key, by provider, address and the key itself."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    mark: Mark
    text: str


@dataclass
class Part:
    """What belongs together, such as everything about one host."""

    title: str
    where: str = ""
    findings: list[Finding] = field(default_factory=list)

    def add(self, mark: Mark, text: str) -> None:
        """Note something."""
        self.findings.append(Finding(mark, text))


@dataclass
class Examination:
    """Everything that was found, and the exit code that goes with it."""

    parts: list[Part] = field(default_factory=list)
    codes: set[Exit] = field(default_factory=set)

    @property
    def code(self) -> Exit:
        """The gravest of what was found."""
        return worst(self.codes)

    def part(self, title: str, where: str = "") -> Part:
        """Begin the next part."""
        self.parts.append(Part(title, where))
        return self.parts[-1]


async def examine(system: System, connections: Connections | None) -> Examination:
    """Look at everything: here, and at each host that is found on the system."""
    found, checked = Examination(), Checked()
    has_key = await _here(found, connections, checked)
    for host in HOSTS.values():
        has_key |= await _host(found, system, host, connections, checked)
    missing = [host.title for host in HOSTS.values() if not host.found(system)]
    if missing:
        found.part("Not found on this machine").add("note", f"{', '.join(missing)}.")
    if not has_key:
        found.codes.add(Exit.USAGE)
        part = found.part("No key was found anywhere")
        part.add("bad", f"Without one no job can be looked at. {installing.PROGRAM} install HOST asks for keys:")
        for vendor in vendors().values():
            part.add("note", f"{vendor.variable}: {vendor.where}")
    return found


async def _here(found: Examination, connections: Connections | None, checked: Checked) -> bool:
    """This program, its store, and the keys that are set here; whether there are any."""
    part = found.part(f"{installing.PROGRAM} {__version__}")
    part.add("ok", f"Runs on Python {platform.python_version()}, {platform.system()}.")
    try:
        settings = from_environment()
    except ConfigError as error:
        part.add("bad", f"{error.setting} {error.problem}.")
        found.codes.add(of_error(error))
        return False
    tracker = Tracker(settings, connections=connections)
    async with tracker.running():
        await tracker.store.check()
        if problem := tracker.store_problem:
            part.add("bad", sentences.explain(problem, tracker))
            found.codes.add(Exit.FAILED)
        elif settings.store == MEMORY:
            part.add("note", "What is seen is forgotten at the end: BROWSERJOBS_STORE says :memory:.")
        else:
            part.add("ok", f"The store opens: {settings.store} ({_size(settings.store)})")
        await _counts(found, tracker)
    part = found.part("Keys that are set in this terminal")
    await _keys(found, part, settings, connections, checked)
    if not settings.accounts:
        part.add("note", "None. Hosts bring their own; only commands that are typed here need them.")
    return any(account.key for account in settings.accounts)


def _size(store: str) -> str:
    """How large the store's file is, with what is still to be written into it."""
    parts = [Path(store), Path(f"{store}-wal")]
    return f"{sum(part.stat().st_size for part in parts if part.exists()) / 1_000_000:.1f} MB"


async def _counts(found: Examination, tracker: Tracker) -> None:
    """What all processes on this store have done so far; nothing where that is nothing yet."""
    now, counted = tracker.clock(), await tracker.store.counts()
    if not counted:
        return
    part = found.part("What was done so far")
    times = Counter[str]()
    for each in counted:
        times[each.what] += each.times
    part.add("ok", f"Looks at jobs: {times['look']}; events stored: {times['event']}.")
    waits = "".join(f", {each.times} {each.how}" for each in counted if each.what == "wait")
    part.add("ok", f"Waits: {await tracker.store.open_waits(now=now)} open{waits}.")
    for account in dict.fromkeys(each.account for each in counted if each.what == "request"):
        answers = [each for each in counted if (each.what, each.account) == ("request", account)]
        good = max((each.last_at for each in answers if each.how.startswith("2")), default=None)
        last = f"the last good answer {_ago(now, good)}" if good else "no good answer yet"
        rest = ((await tracker.store.account(account)).rest_until - now).total_seconds()
        hows = ", ".join(f"{each.how}: {each.times}" for each in answers)
        text = f"Requests of {account}: {sum(each.times for each in answers)} ({hows}); {last}"
        part.add("ok" if good else "note", f"{text}; it rests for {rest:.0f} s." if rest > 0 else f"{text}.")


def _ago(now: datetime, moment: datetime) -> str:
    seconds = max(0.0, (now - moment).total_seconds())
    for unit, length in (("days", 86400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


async def _host(
    found: Examination, system: System, host: Host, connections: Connections | None, checked: Checked
) -> bool:
    """One host: whether this server is set up there and would work; whether it has a key."""
    if not host.found(system):
        return False
    current = installing.configuration(host, host.path(system))
    part = found.part(host.title, str(current.path))
    if current.problem:
        part.add("bad", f"The file {current.problem}, so {host.title} cannot be set up and may not work either.")
        found.codes.add(Exit.USAGE)
        return False
    names = [name for name in current.servers if current.ours(name)]
    if not names:
        part.add("note", f"Not set up: {installing.PROGRAM} install {host.name}")
        return False
    has_key = False
    for name in names:
        _command(found, part, current, name)
        has_key |= await _entry_keys(found, part, current, name, connections, checked)
        part.add(*_limit(current, name))
    return has_key


def _command(found: Examination, part: Part, current: Configuration, name: str) -> None:
    """Whether the host can start the server."""
    entry, host = current.entry(name) or {}, current.host
    again = f"{installing.PROGRAM} install {host.name} writes it anew"
    command = str(entry.get(host.command, ""))
    if entry.get("disabled") is True or entry.get("enabled") is False:
        part.add("note", f"The server {name} is switched off there.")
    if not Path(command).is_absolute():
        part.add("note", f"The server {name} starts {command}, which not every program finds: {again} in full.")
    elif Path(command).is_file() and os.access(command, os.X_OK):
        part.add("ok", f"The server {name} starts {command}")
        return
    if shutil.which(command) is None:
        part.add("bad", f"The server {name} starts {command}, which is not there: {again}.")
        found.codes.add(Exit.USAGE)


async def _entry_keys(
    found: Examination,
    part: Part,
    current: Configuration,
    name: str,
    connections: Connections | None,
    checked: Checked,
) -> bool:
    """Whether the keys work that the host brings; whether it brings any."""
    entry, host = current.entry(name) or {}, current.host
    stands = current.variables(name)
    environ: Mapping[str, str] = stands
    asked = sorted(variable for variable, value in stands.items() if value.startswith("${input:"))
    if asked:
        part.add("note", f"{host.title} asks for {', '.join(asked)} by itself, so that is not tried here.")
    try:
        if file := entry.get("envFile"):
            environ = {**read_env_file(Path(str(file))), **stands}
            if is_open_to_others(Path(str(file))):
                part.add("note", OPEN_TO_OTHERS.format(file))
        # What a host fills in comes from where it is started, which may be here.
        filled_in = _filled_in(entry, environ)
        there = given(filled_in.values())
        environ = {**environ, **{name: there[source] for name, source in filled_in.items() if source in there}}
        settings = from_environment(environ)
    except ConfigError as error:
        part.add("bad", f"{error.setting} {error.problem}.")
        found.codes.add(of_error(error))
        return bool(asked)
    await _keys(found, part, settings, connections, checked)
    has_key = bool(asked) or any(account.key for account in settings.accounts)
    if not has_key and filled_in:
        part.add("note", f"{host.title} takes its keys from where it is started; in this terminal none of them is set.")
    elif not has_key:
        part.add("bad", f"The server {name} has no key: {installing.PROGRAM} install {host.name} asks for one.")
        found.codes.add(Exit.USAGE)
    return has_key


def _filled_in(entry: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a host takes from where it is started, each with the name that it has there."""
    passed = entry.get("env_vars")
    named = {name: name for name in passed if isinstance(name, str)} if isinstance(passed, list) else {}
    return named | {name: found[1] for name, value in variables.items() if (found := REFERENCE.fullmatch(value))}


async def _keys(
    found: Examination, part: Part, settings: Settings, connections: Connections | None, checked: Checked
) -> None:
    """Try each key once, wherever it stands."""
    new = tuple(account for account in settings.accounts if account.key and _same(account) not in checked)
    tracker = Tracker(replace(settings, accounts=new, store=MEMORY), connections=connections)
    async with tracker.running():
        for view in await tracker.account_views(check=True):
            checked[_same(tracker.accounts[view.name])] = view.problem
        for variable in dict.fromkeys(account.key_variable for account in settings.accounts):
            accounts = [account for account in settings.accounts if account.key_variable == variable]
            if not accounts[0].key:
                part.add("bad", f"{variable} is not set, though the configuration file names it.")
                found.codes.add(Exit.USAGE)
                continue
            problems = [checked[_same(account)] for account in accounts]
            # An API that is shut says nothing about a key that works at another.
            shut = (RetiredError, AuthenticationError) if None in problems else RetiredError
            problem = next((each for each in problems if each and not isinstance(each, shut)), None)
            if problem is None:
                part.add("ok", f"The key in {variable} works.")
            else:
                part.add("bad", sentences.explain(problem, tracker) + _where(problem, variable))
                found.codes.add(of_error(problem))


def _same(account: Account) -> tuple[str, str, SecretStr | None]:
    return account.provider, account.base_url, account.key


def _where(problem: BrowserJobsError, variable: str) -> str:
    """Where to get another key, when this one is refused."""
    vendor = next((each for each in vendors().values() if each.variable == variable and each.keys_at), None)
    return f" New keys are {vendor.where}" if vendor and isinstance(problem, AuthenticationError) else ""


def _limit(current: Configuration, name: str) -> tuple[Mark, str]:
    """How long a wait lasts there, and whether something cuts it."""
    host, entry = current.host, current.entry(name) or {}
    known = patience.KNOWN.get(host.client)
    wait = known.wait if known else patience.UNKNOWN
    own = current.variables(name).get("BROWSERJOBS_WAIT_SECONDS", "")
    if own:
        try:
            wait = float(own)
        except ValueError:
            return "note", f"A wait cannot last {own} s."
    limits = [(known.limit, "its own limit")] if known else []
    setting = host.timeout and entry.get(host.timeout.setting)
    if host.timeout and isinstance(setting, (int, float)):
        limits.append((setting * host.timeout.unit, f"{host.timeout.setting} in this file"))
    limit, what = min(limits, default=(None, ""))
    if limit is None:
        return (
            "ok",
            f"How long a call may last there is not known; a wait answers within {wait:g} s, and is asked again.",
        )
    if wait >= limit:
        longer = "BROWSERJOBS_WAIT_SECONDS should be below that" if own else "it should be more than that"
        return "note", f"A call ends after {limit:g} s ({what}), before a wait of {wait:g} s does: {longer}."
    return "ok", f"A call may last about {limit:g} s ({what}); a wait answers within {wait:g} s, and is asked again."
