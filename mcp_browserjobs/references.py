"""What a person or an assistant may write for a job, and which jobs it can mean. Nobody is asked here."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from . import providers
from .errors import (
    ForeignLinkError,
    InvalidArgumentError,
    MalformedIdError,
    MissingKeyError,
    UnknownAccountError,
    UnknownLinkError,
)
from .jobs import START_PREFIX, JobRef
from .providers.base import Provider
from .settings import Account

LONGEST = 2000
_LINK = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Candidate:
    """A job that a reference may mean: its canonical reference, and the form to ask the provider with."""

    ref: JobRef
    locator: str


@dataclass(frozen=True)
class Meaning:
    """The jobs a reference can mean, in the order to ask.

    `bare` says that no account was named, so that several may be meant; otherwise the first that is known is.
    `accounts` are those that a link without an id belongs to. `start` is the account and the key of a job
    that is being started, and has no id yet.
    """

    candidates: tuple[Candidate, ...]
    bare: bool = False
    accounts: tuple[str, ...] = ()
    start: tuple[str, str] | None = None


class References:
    """Reads references against the configured accounts.

    Args:
        accounts: by name.
        provider: the provider of an account, by the account's name.
    """

    def __init__(self, accounts: Mapping[str, Account], provider: Callable[[str], Provider]) -> None:
        self._accounts = accounts
        self._provider = provider

    def read(self, text: str) -> Meaning:
        """Tell what `account:id`, a link or a bare id can mean.

        Raises:
            InvalidArgumentError: it is empty, much too long or holds what cannot be printed.
            UnknownAccountError, MissingKeyError, MalformedIdError, ForeignLinkError, UnknownLinkError: as they say.
        """
        text = text.strip()
        if not text or len(text) > LONGEST or not text.isprintable():
            raise InvalidArgumentError("job", "must be a job reference such as account:id")
        if _LINK.match(text):
            return self._link(text)
        ref = JobRef.parse(text)
        if ref and ref.account in self._accounts and ref.id.startswith(START_PREFIX):
            return Meaning((), start=(ref.account, ref.id.removeprefix(START_PREFIX)))
        if ref:
            return Meaning(tuple(self._named(ref)))
        return Meaning(tuple(self._accepting(text, self._accounts)), bare=True)

    def _named(self, ref: JobRef) -> Iterator[Candidate]:
        if ref.account not in self._accounts:
            raise UnknownAccountError(ref.account)
        provider = self._provider(ref.account)
        yield _candidate(ref.account, provider, ref.id)
        siblings = {ref.account + name.removeprefix(provider.name): name for name in provider.siblings}
        known = [account for account in siblings if account in self._accounts]
        yield from self._accepting(
            ref.id, (account for account in known if self._accounts[account].provider == siblings[account])
        )

    def _accepting(self, text: str, accounts: Iterable[str]) -> Iterator[Candidate]:
        """The accounts among these whose ids can look like this."""
        for account in accounts:
            try:
                yield _candidate(account, self._provider(account), text)
            except (MalformedIdError, MissingKeyError):
                continue

    def _link(self, text: str) -> Meaning:
        try:
            link = urlsplit(text)
            owners = [account for account in self._accounts.values() if _owns(account, link)]
        except ValueError:
            raise ForeignLinkError from None
        if not owners or "@" in link.netloc or "\\" in text:
            raise ForeignLinkError
        nearest = [account for account in owners if _is_below(account, link)] or owners
        candidates = tuple(self._in_link(link, nearest))
        if not candidates and all(account.key is None for account in nearest):
            raise MissingKeyError(nearest[0].name, nearest[0].key_variable)
        return Meaning(candidates, accounts=tuple(account.name for account in nearest))

    def _in_link(self, link: SplitResult, owners: list[Account]) -> Iterator[Candidate]:
        for account in owners:
            try:
                provider = self._provider(account.name)
                job_id = provider.id_from_link(link)
                if job_id and link.hostname in provider.link_hosts:
                    yield from self._named(JobRef(account.name, job_id))
                elif job_id:
                    yield _candidate(account.name, provider, job_id)
            except (MalformedIdError, MissingKeyError):
                continue


def no_job_in(meaning: Meaning) -> UnknownLinkError:
    """The error for a link of ours that names no job."""
    return UnknownLinkError(meaning.accounts[0])


def _candidate(account: str, provider: Provider, text: str) -> Candidate:
    return Candidate(JobRef(account, provider.canonical_id(text)), provider.locator(text))


def _owns(account: Account, link: SplitResult) -> bool:
    """Whether the link's host is the account's own, or one that its provider declares."""
    base = urlsplit(account.base_url)
    if (link.scheme, link.hostname, _port(link)) == (base.scheme, base.hostname, _port(base)):
        return True
    return (
        link.scheme == "https" and _port(link) == 443 and link.hostname in providers.load(account.provider).link_hosts
    )


def _is_below(account: Account, link: SplitResult) -> bool:
    """Whether the link leads to the account's own API, and not only to its host."""
    return f"{link.path}/".startswith(f"{urlsplit(account.base_url).path}/")


def _port(link: SplitResult) -> int | None:
    return _DEFAULT_PORTS.get(link.scheme) if link.port is None else link.port
