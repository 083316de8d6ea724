"""Failures as sentences: what went wrong and what to do next, without a word of the provider's."""

import json
import math
from collections.abc import Sequence

from .. import errors, providers
from ..errors import BrowserJobsError
from ..jobs import JobStatus
from ..reported import clean
from ..tracker import Tracker
from ..views import AccountView

ASKED_CHARACTERS = 80
"""So much is repeated of what somebody asked for."""


def explain(error: BrowserJobsError, tracker: Tracker) -> str:
    """The failure in one sentence that says what to do next, without a word of the provider's."""
    match error:
        case errors.ConfigError(setting=setting, problem=problem):
            return f"{setting} {problem}."
        case errors.InvalidArgumentError(argument=argument, problem=problem):
            return f"{argument} {problem}."
        case errors.UnknownAccountError(account=account):
            return _unknown_account(account, tracker)
        case errors.MissingKeyError(account=account, variable=variable):
            return f"The account {account} has no key: set {variable}."
        case errors.MalformedIdError(provider=provider, form=form):
            return f"That is no job id of {_title(provider)}; its ids have the form {form}."
        case errors.ForeignLinkError():
            return "That link leads to no configured provider, so nothing was requested; give account:id instead."
        case errors.UnknownLinkError(account=account):
            return f"No job can be told from that link; give the reference {account}:id, or find it with list_jobs."
        case errors.UnknownReferenceError():
            return _unknown_reference(tracker)
        case errors.AmbiguousReferenceError(references=references):
            return f"Several accounts know that id; name one of {', '.join(references)}."
        case errors.NoneFoundError(problems=problems):
            return _none_found(problems, tracker)
        case errors.StoreError(path=path, problem=problem):
            return (
                f"The store {path} cannot be used ({problem}), so nothing is remembered between restarts; "
                "set BROWSERJOBS_STORE to another file."
            )
        case errors.NotAvailableError(thing=thing, reason=reason):
            return _not_available(thing, reason)
        case errors.ActingDisabledError(setting=setting):
            return f"This server may not do that; if it should, change {setting} and restart it."
        case errors.ProviderError():
            return _provider_sentence(error, tracker)
        case _:
            return "Something went wrong in mcp-browserjobs itself; please report it."


def _provider_sentence(error: errors.ProviderError, tracker: Tracker) -> str:
    at = _title(error.provider)
    match error:
        case errors.AuthenticationError(variable=variable):
            return f"{at} refused the key of account {error.account}: check the value of {variable}."
        case errors.PermissionDeniedError(reason=reason):
            why = reason and f" ({reason})"
            return f"{at} accepts the key of account {error.account} but does not let it see this{why}."
        case errors.OutOfCreditsError():
            return (
                f"The credits or spending limit of {error.account} at {at} are used up; top up there or raise the "
                "limit, then try again."
            )
        case errors.JobNotFoundError():
            return (
                f"{at} knows no such job with the key of account {error.account}: check the id "
                f"(form {_form(error.provider)}), or find the job with list_jobs."
            )
        case errors.RetiredError(successor=successor):
            account = next(iter(_accounts_at(successor, tracker)), successor)
            return f"{at} is no longer served; use an id of {_title(successor)}, with the reference {account}:id."
        case errors.RateLimitedError(retry_after=seconds):
            when = f"in {math.ceil(seconds)} s" if seconds else "in a minute"
            return f"{at} asks for fewer requests; ask again {when}."
        case errors.ProviderUnavailableError(status=status, retry_after=seconds):
            why = f"answers with HTTP status {status}" if status else "cannot be reached"
            when = f"in {math.ceil(seconds)} s" if seconds else "in a minute"
            return (
                f"{at} {why} now; the run itself goes on, so try again {when}{_base_url_hint(error, tracker, status)}."
            )
        case errors.NotSentError():
            hint = _base_url_hint(error, tracker, None)
            return f"{at} cannot be reached now, so nothing was asked for; call again in a minute{hint}."
        case errors.UnexpectedResponseError(where=where):
            return (
                f"{at} answered in a way that is not understood here ({where}); try again in a minute, and if it "
                f"stays so, check {_base_url_variable(error.provider)} and update mcp-browserjobs."
            )
        case errors.ConflictError():
            return f"{at} did not do that: the job has moved on, or it was done already; see get_job_status."
        case errors.RefusedRequestError(where=where):
            return f"{at} does not accept that{where and f' ({where})'}; check the arguments and call again."
        case errors.UnknownOutcomeError():
            return f"It cannot be told whether {at} did that; see list_jobs or get_job_status before asking again."
        case errors.StillStartingError():
            return f"{at} has not told the id of the new job yet; wait for it with wait_for_result."
        case errors.NotSupportedError(ability="take answers"):
            return _no_answers(error, tracker)
        case errors.NotSupportedError(ability=ability):
            return f"{at} has no way to {ability}; list_accounts tells what works there."
        case _:
            return f"Something went wrong with {at}; try again in a minute."


def _no_answers(error: errors.NotSupportedError, tracker: Tracker) -> str:
    """Why no answer can be sent, and what a person can do instead."""
    at = _title(error.provider)
    parameter = providers.load(error.provider).continues_with if error.provider in providers.names() else ""
    if not parameter:
        return f"{at} takes no answers; a person has to act there, or the job be started anew."
    onward = "a new run in the same session goes on from there"
    if tracker.settings.allow("start_job"):
        filled = json.dumps({parameter: error.session or "..."})
        onward = f"start_job with parameters_json={json.dumps(filled)} goes on from there"
    return f"{at} takes no answers: a person acts in the live view, see get_job_links, and {onward}."


def shut(account: AccountView) -> str:
    """What is said of an account whose API is no longer there."""
    return f"{account.provider.title} is no longer open to this key, which says nothing about the key."


def _none_found(problems: Sequence[tuple[str, BrowserJobsError]], tracker: Tracker) -> str:
    """Which jobs cannot be looked up, and why: what goes for several is said once."""
    asked: dict[str, list[str]] = {}
    for text, problem in problems:
        asked.setdefault(explain(problem, tracker), []).append(json.dumps(clean(text, ASKED_CHARACTERS)))
    return " ".join(f"{', '.join(texts)}: {sentence}" for sentence, texts in asked.items())


def _unknown_account(account: str, tracker: Tracker) -> str:
    if account in providers.names() and not tracker.settings.pretend:
        variable = f"{providers.prefix(account)}_API_KEY"
        if others := _accounts_at(account, tracker):
            elsewhere = any(tracker.accounts[name].key_variable == variable for name in others)
            its_own = "" if elsewhere else f", or set {variable}"
            return f"{_title(account)} is configured under another name: use {', '.join(others)}{its_own}."
        return f"{_title(account)} is not configured: set {variable}."
    if not tracker.accounts:
        return f"No account is configured. {where_keys_go()}"
    return f"No account has that name; the accounts are {', '.join(tracker.accounts)}."


def _accounts_at(provider: str, tracker: Tracker) -> list[str]:
    return [name for name, account in tracker.accounts.items() if account.provider == provider]


def _unknown_reference(tracker: Tracker) -> str:
    if not tracker.accounts:
        return f"No account is configured, so no job can be looked up. {where_keys_go()}"
    return "No job of that id is known here or at the configured providers; give account:id, or find it with list_jobs."


def where_keys_go() -> str:
    """What to set when no account is configured."""
    variables = sorted({f"{providers.prefix(name)}_API_KEY" for name in providers.names()})
    return f"Set one of {', '.join(variables)}."


_UNUSABLE = {
    "expired": "has expired at the provider",
    "too_large": "is too large to be shown",
    "broken": "is none that can be read",
}


def _not_available(thing: str, reason: str) -> str:
    if reason in _UNUSABLE:
        return f"The {thing} {_UNUSABLE[reason]}; get_job_status tells what else there is."
    if reason not in {status.value for status in JobStatus}:
        return f"The job has no {thing}; get_job_status tells what it has."
    if JobStatus(reason).final:
        return f"The job is {reason} and left no {thing}; get_job_status tells the rest."
    if thing.endswith("s"):
        return f"The job is {reason} and has no {thing} yet; wait for them with wait_for_result."
    return f"There is no {thing} yet, the job is {reason}; wait for it with wait_for_result."


def _base_url_hint(error: errors.ProviderError, tracker: Tracker, status: int | None) -> str:
    account = tracker.accounts.get(error.account)
    changed = account is not None and account.base_url != providers.load(account.provider).base_url
    return f", or check {_base_url_variable(error.provider)}" if changed and status is None else ""


def _base_url_variable(provider: str) -> str:
    return f"{providers.prefix(provider)}_BASE_URL" if provider in providers.names() else "the base URL"


def _title(provider: str) -> str:
    return providers.load(provider).title if provider in providers.names() else "The provider"


def _form(provider: str) -> str:
    return providers.load(provider).id_form if provider in providers.names() else "account:id"
