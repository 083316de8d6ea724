"""Flags over environment over file over defaults: the one place where any of them is read."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from . import providers
from .errors import ConfigError
from .logs import LEVELS, Level
from .providers.base import Provider

LONGEST_SECONDS = 86400
ACCOUNT_NAME = r"[a-z][a-z0-9_-]{0,39}"
MAY_BE_KEY = 16
"""A name of so many characters that cannot be one may be a key in the wrong place."""
ACTS = frozenset({"answer_question", "pause_job", "resume_job", "cancel_job", "start_job"})
"""The abilities that change something."""
PLACEHOLDER = re.compile(r"\$[A-Z][A-Z0-9_]*|\$\{[^}]*\}")
"""What a host's configuration says for a key that is to be filled in; hosts leave it standing when they have none."""
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True)
class Account:
    """A named key at a provider. `key` is None when its variable is not set; `poll_seconds` when nobody set it.

    `webhook_secret` is what tells the provider's webhooks from others.
    """

    name: str
    provider: str
    key: SecretStr | None
    key_variable: str
    base_url: str
    poll_seconds: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    webhook_secret: SecretStr | None = None


@dataclass(frozen=True)
class OAuth:
    """Who issues the tokens that are taken over HTTP, and for whom they must be."""

    issuer: str
    audience: str


@dataclass(frozen=True)
class Settings:
    """All that can be set. `store` is a file or `:memory:`; `wait_seconds` None follows the client.

    `token` lets in over HTTP whoever brings it, `read_token` to the reading tools alone; `public_url` is the address
    under which other machines reach the server. `log_level` None follows the transport. `pretend` says that the
    accounts are no real ones.
    """

    accounts: tuple[Account, ...] = ()
    store: str = ":memory:"
    read_only: bool = False
    allow_start: bool = False
    wait_seconds: float | None = None
    token: SecretStr | None = None
    read_token: SecretStr | None = None
    oauth: OAuth | None = None
    public_url: str | None = None
    log_level: Level | None = None
    pretend: bool = False

    @property
    def guarded(self) -> bool:
        """Whether nobody is let in over HTTP without a token."""
        return bool(self.token or self.read_token or self.oauth)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every key, token and secret."""
        of_accounts = [secret for account in self.accounts for secret in (account.key, account.webhook_secret)]
        return tuple(secret for secret in (self.token, self.read_token, *of_accounts) if secret)

    def allow(self, ability: str) -> bool:
        """Whether an ability of a provider may be used."""
        if ability == "start_job" and not self.allow_start:
            return False
        return ability not in ACTS or not self.read_only


VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
"""Whoever puts a key itself in its place is not told so with the key."""


class _AccountEntry(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)

    provider: str
    key_variable: VariableName
    base_url: str | None = None
    webhook_secret_variable: VariableName | None = None
    poll_seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)

    accounts: dict[Annotated[str, Field(pattern=f"^{ACCOUNT_NAME}$")], _AccountEntry] = {}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment and the configuration file that it names.

    Raises:
        ConfigError: names the variable or the key of the file that is wrong.
    """
    environ = os.environ if environ is None else environ
    public_url = _address(environ, "BROWSERJOBS_PUBLIC_URL")
    return Settings(
        accounts=_accounts(environ),
        store=_store(environ),
        read_only=_switch(environ, "BROWSERJOBS_READ_ONLY"),
        allow_start=_switch(environ, "BROWSERJOBS_ALLOW_START"),
        wait_seconds=_seconds(environ, "BROWSERJOBS_WAIT_SECONDS"),
        token=_token(environ, "BROWSERJOBS_TOKEN"),
        read_token=_token(environ, "BROWSERJOBS_READ_TOKEN"),
        oauth=_oauth(environ, public_url),
        public_url=public_url,
        log_level=_level(environ, "BROWSERJOBS_LOG_LEVEL"),
    )


def given(names: Iterable[str], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those of these variables that are set, without the blanks around them."""
    environ = os.environ if environ is None else environ
    found = {name: environ.get(name, "").strip() for name in names}
    return {name: text for name, text in found.items() if text and not PLACEHOLDER.fullmatch(text)}


def _token(environ: Mapping[str, str], variable: str) -> SecretStr | None:
    token = environ.get(variable, "").strip()
    if not token:
        return None
    if PLACEHOLDER.fullmatch(token):
        raise ConfigError(variable, "is not filled in: everybody knows this text")
    if not re.fullmatch(r"[!-~]{1,512}", token):
        raise ConfigError(variable, "must be at most 512 visible ASCII characters without blanks")
    return SecretStr(token)


def _address(environ: Mapping[str, str], variable: str) -> str | None:
    text = environ.get(variable, "").strip()
    return _base_url(text, variable) if text else None


def _oauth(environ: Mapping[str, str], public_url: str | None) -> OAuth | None:
    issuer = environ.get("BROWSERJOBS_OAUTH_ISSUER", "").strip()
    if not issuer:
        return None
    if public_url is None:
        raise ConfigError("BROWSERJOBS_PUBLIC_URL", "must be set beside BROWSERJOBS_OAUTH_ISSUER")
    # Its spelling counts: tokens repeat it letter by letter.
    _base_url(issuer, "BROWSERJOBS_OAUTH_ISSUER")
    return OAuth(issuer, environ.get("BROWSERJOBS_OAUTH_AUDIENCE", "").strip() or f"{public_url}/mcp")


def default_store() -> str:
    """The store's file in the user's state directory."""
    return str(platformdirs.user_state_path("mcp-browserjobs", appauthor=False) / "jobs.sqlite3")


def _store(environ: Mapping[str, str]) -> str:
    path = environ.get("BROWSERJOBS_STORE", "").strip()
    return str(_path("BROWSERJOBS_STORE", path)) if path else default_store()


def _path(variable: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(variable, "names the home of a user who is not known") from None


def _accounts(environ: Mapping[str, str]) -> tuple[Account, ...]:
    named: dict[str, Account] = {}
    path = environ.get("BROWSERJOBS_CONFIG", "").strip()
    entries = _read(path).accounts if path else {}
    for name, entry in entries.items():
        accounts = _configured(name, entry, environ)
        named |= {account.name: account for account in accounts if account.name == name or account.name not in entries}
    opened = {(account.provider, account.key_variable) for account in named.values()}
    for provider in providers.names():
        variable = f"{providers.prefix(provider)}_API_KEY"
        if provider in named or (provider, variable) in opened:
            continue
        if key := _key(environ, variable):
            named[provider] = _account(providers.load(provider), provider, key, variable, None, environ)
    return tuple(named.values())


def _key(environ: Mapping[str, str], variable: str) -> str:
    return given([variable], environ).get(variable, "")


def _configured(name: str, entry: _AccountEntry, environ: Mapping[str, str]) -> list[Account]:
    """The entry's account and, where one key opens several generations of an API, those of its siblings."""
    if entry.provider not in providers.names():
        known = ", ".join(providers.names())
        raise ConfigError(f"accounts.{name}.provider", f"is none of {known}")
    provider = providers.load(entry.provider)
    key = _key(environ, entry.key_variable)
    if unknown := sorted(set(entry.model_extra or ()) - set(provider.options)):
        raise ConfigError(f"accounts.{name}.{unknown[0]}", "is no setting of this provider")
    return [
        _account(one, name + one.name.removeprefix(provider.name), key, entry.key_variable, entry, environ)
        for one in (provider, *map(providers.load, provider.siblings))
    ]


def _account(
    provider: type[Provider],
    name: str,
    key: str,
    key_variable: str,
    entry: _AccountEntry | None,
    environ: Mapping[str, str],
) -> Account:
    """What the account's own entry says counts more than a variable for all accounts of its provider."""
    prefix = providers.prefix(provider.name)
    variable = f"{prefix}_BASE_URL"
    if entry and entry.base_url:
        base_url = _base_url(entry.base_url, f"accounts.{name}.base_url")
    else:
        base_url = _base_url(environ.get(variable, "").strip() or provider.base_url, variable)
    poll_seconds = entry.poll_seconds if entry else None
    options = {option: environ.get(source, "").strip() for option, source in provider.options.items()}
    own = {option: str(value) for option, value in ((entry and entry.model_extra) or {}).items()}
    return Account(
        name=name,
        provider=provider.name,
        key=SecretStr(key) if key else None,
        key_variable=key_variable,
        base_url=base_url,
        poll_seconds=poll_seconds or _seconds(environ, f"{prefix}_POLL_SECONDS"),
        options=options | own,
        webhook_secret=_webhook_secret(provider, key, entry, environ),
    )


def _webhook_secret(
    provider: type[Provider], key: str, entry: _AccountEntry | None, environ: Mapping[str, str]
) -> SecretStr | None:
    if provider.webhook_proof == "key":
        return SecretStr(key) if key else None
    variable = f"{providers.prefix(provider.name)}_WEBHOOK_SECRET"
    if entry is not None:
        variable = entry.webhook_secret_variable or ""
    secret = given([variable], environ).get(variable, "")
    if provider.webhook_proof == "address" and secret and not re.fullmatch(r"[\w-]{16,200}", secret, re.ASCII):
        raise ConfigError(variable, "must be 16 to 200 letters, digits, - and _, as it is a part of the address")
    return SecretStr(secret) if secret else None


def _base_url(text: str, setting: str) -> str:
    text = text.strip()
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        plain = False
    if not plain or not text.isprintable() or any(character in text for character in " \\@?#"):
        raise ConfigError(setting, "must be an http or https address without a query")
    return text.rstrip("/")


def _read(path: str) -> _File:
    try:
        text = _path("BROWSERJOBS_CONFIG", path).read_bytes()
        return _File.model_validate(tomllib.loads(text.decode("utf-8-sig")))
    except OSError as error:
        raise ConfigError("BROWSERJOBS_CONFIG", f"names a file that cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise ConfigError("BROWSERJOBS_CONFIG", "names a file that is no valid TOML") from None
    except ValidationError as error:
        parts = map(str, error.errors()[0]["loc"])
        where = ".".join(part if len(part) < MAY_BE_KEY or re.fullmatch(ACCOUNT_NAME, part) else "*" for part in parts)
        raise ConfigError("BROWSERJOBS_CONFIG", f"names a file with something wrong at {where}") from None


def _switch(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable, "").strip().lower()
    if text not in TRUE | FALSE:
        raise ConfigError(variable, "must be 1 or 0")
    return text in TRUE


def _level(environ: Mapping[str, str], variable: str) -> Level | None:
    text = environ.get(variable, "").strip().lower()
    if not text:
        return None
    for level in LEVELS:
        if text == level:
            return level
    raise ConfigError(variable, f"must be one of {', '.join(LEVELS)}")


def _seconds(environ: Mapping[str, str], variable: str) -> float | None:
    if not (text := environ.get(variable, "").strip()):
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ConfigError(variable, f"must be a number of seconds, more than 0 and at most {LONGEST_SECONDS}")
    return seconds
