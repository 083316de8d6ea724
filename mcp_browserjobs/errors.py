"""Every failure, named by what the caller can do about it.

None of them carries a response body, a header or a key: bodies are written by strangers and may hold secrets.
The sentences a person or an assistant reads are made of these in one place, `server/sentences.py`.
"""


class BrowserJobsError(Exception):
    """The base of all of them.

    `retry_after` is in how many seconds it is worth asking again, None where nobody said.
    """

    retry_after: float | None = None


class ConfigError(BrowserJobsError):
    """The settings are wrong: `setting` names the variable or key, `problem` says what to change."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(setting, problem)
        self.setting = setting
        self.problem = problem


class InvalidArgumentError(BrowserJobsError):
    """An argument does not fit: `argument` names it, `problem` says what would."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(argument, problem)
        self.argument = argument
        self.problem = problem


class UnknownAccountError(BrowserJobsError):
    """No account has this name."""

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


class MissingKeyError(BrowserJobsError):
    """The account is known, its key is not set: `variable` is where it belongs."""

    def __init__(self, account: str, variable: str) -> None:
        super().__init__(account, variable)
        self.account = account
        self.variable = variable


class MalformedIdError(BrowserJobsError):
    """The text cannot be an id of this provider; `form` shows one that can."""

    def __init__(self, provider: str, form: str) -> None:
        super().__init__(provider, form)
        self.provider = provider
        self.form = form


class ForeignLinkError(BrowserJobsError):
    """The link leads to a host that belongs to no configured account. Nothing was requested."""


class UnknownLinkError(BrowserJobsError):
    """The link's host is ours, yet no job can be told from it."""

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


class UnknownReferenceError(BrowserJobsError):
    """A bare id that no job seen before and no configured provider knows."""


class AmbiguousReferenceError(BrowserJobsError):
    """A bare id that several accounts know: `references` are the full ones."""

    def __init__(self, references: tuple[str, ...]) -> None:
        super().__init__(references)
        self.references = references


class NoneFoundError(BrowserJobsError):
    """None of several jobs can be looked up: `problems` has for each, as it was asked for, why not."""

    def __init__(self, problems: tuple[tuple[str, BrowserJobsError], ...]) -> None:
        super().__init__(problems)
        self.problems = problems


class StoreError(BrowserJobsError):
    """The store cannot be used; `problem` says why in a few words."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem


class NotAvailableError(BrowserJobsError):
    """The job has no such thing (yet): `thing` is the word for it, such as `result`."""

    def __init__(self, thing: str, reason: str = "") -> None:
        super().__init__(thing, reason)
        self.thing = thing
        self.reason = reason


class ActingDisabledError(BrowserJobsError):
    """This server may not do that: `setting` is what decides it."""

    def __init__(self, setting: str) -> None:
        super().__init__(setting)
        self.setting = setting


class ProviderError(BrowserJobsError):
    """What went wrong between us and a provider. `account` is the key's name, `provider` the wire API."""

    def __init__(self, provider: str, account: str) -> None:
        super().__init__(provider, account)
        self.provider = provider
        self.account = account


class AuthenticationError(ProviderError):
    """The provider refused the key; `variable` is where the key comes from."""

    def __init__(self, provider: str, account: str, *, variable: str) -> None:
        super().__init__(provider, account)
        self.variable = variable


class PermissionDeniedError(ProviderError):
    """The key is good, and still may not see this: `reason` is ours, never the provider's words."""

    def __init__(self, provider: str, account: str, *, reason: str = "") -> None:
        super().__init__(provider, account)
        self.reason = reason


class OutOfCreditsError(ProviderError):
    """The account's credits or spending limit are used up."""


class JobNotFoundError(ProviderError):
    """The provider knows no such job."""


class RetiredError(ProviderError):
    """This generation of the provider's API is no longer served; `successor` is."""

    def __init__(self, provider: str, account: str, *, successor: str) -> None:
        super().__init__(provider, account)
        self.successor = successor


class RateLimitedError(ProviderError):
    """Too many requests. `retry_after` is the provider's wish in seconds, None when it states none."""

    def __init__(self, provider: str, account: str, *, retry_after: float | None) -> None:
        super().__init__(provider, account)
        self.retry_after = retry_after


class ProviderUnavailableError(ProviderError):
    """No usable answer for now: network, time-out or 5xx. `status` is the HTTP status, None without one."""

    def __init__(
        self, provider: str, account: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(provider, account)
        self.status = status
        self.retry_after = retry_after


class UnreachableError(ProviderUnavailableError):
    """No connection came about, so the request was never sent."""


class NotSentError(ProviderError):
    """What somebody asked for was never sent, so it may be asked for again."""


class UnexpectedResponseError(ProviderError):
    """An answer of a shape we do not know. `where` names fields by path or the kind of body, never its text."""

    def __init__(self, provider: str, account: str, *, where: str) -> None:
        super().__init__(provider, account)
        self.where = where


class ConflictError(ProviderError):
    """The job is not in a state for what was asked: it was handled already, or has moved on."""


class RefusedRequestError(ProviderError):
    """The provider does not accept what was sent; `where` names fields, never their values."""

    def __init__(self, provider: str, account: str, *, where: str = "") -> None:
        super().__init__(provider, account)
        self.where = where


class UnknownOutcomeError(ProviderError):
    """Something was asked for, the reply was lost, and it cannot be told whether it happened."""


class StillStartingError(ProviderError):
    """The job was asked for, and the provider has not told its id yet."""


class NotSupportedError(ProviderError):
    """The provider has no such ability. `session` is where a new job could go on instead, empty when nowhere."""

    def __init__(self, provider: str, account: str, *, ability: str, session: str = "") -> None:
        super().__init__(provider, account)
        self.ability = ability
        self.session = session


PASSING = (RateLimitedError, ProviderUnavailableError, UnexpectedResponseError, StillStartingError)
"""Trouble that may pass by itself: a watch rides it out."""
PassingError = RateLimitedError | ProviderUnavailableError | UnexpectedResponseError | StillStartingError
