"""Every environment variable that is read, in the words of whoever sets it.

`settings` alone reads them; manifests, configurations and tables are made from here.
"""

from dataclasses import dataclass, replace
from typing import Literal

from . import providers
from .providers.base import Provider
from .vendors import vendors


@dataclass(frozen=True)
class Variable:
    """One variable. `default` is what holds where it is not set, and empty where that cannot be said in a word.

    `over_http_only` marks those that mean nothing to a server over stdio.
    """

    name: str
    title: str
    description: str
    kind: Literal["text", "number", "switch", "file", "address"] = "text"
    default: str = ""
    secret: bool = False
    over_http_only: bool = False


OWN = (
    Variable(
        "BROWSERJOBS_READ_ONLY",
        "Read only",
        "Leaves out every tool that acts on a job.",
        kind="switch",
        default="false",
    ),
    Variable(
        "BROWSERJOBS_ALLOW_START",
        "Allow starting jobs",
        "Adds the tool start_job, which spends money.",
        kind="switch",
        default="false",
    ),
    Variable(
        "BROWSERJOBS_WAIT_SECONDS",
        "Longest wait",
        "The longest that one wait may last, in seconds; otherwise it follows the client, and stays below where the"
        " client cut earlier waits.",
        kind="number",
    ),
    Variable(
        "BROWSERJOBS_STORE",
        "Store",
        "The file that remembers what was seen, or :memory:; otherwise in the user's state directory.",
        kind="file",
    ),
    Variable(
        "BROWSERJOBS_CONFIG",
        "Configuration file",
        "A TOML file, for several accounts of one provider.",
        kind="file",
    ),
    Variable(
        "BROWSERJOBS_LOG_LEVEL",
        "Log level",
        "From which level on a server logs to standard error: debug, info, warning or error; otherwise warning over"
        " stdio, and info over HTTP.",
    ),
    Variable(
        "BROWSERJOBS_TOKEN",
        "Token",
        "Over HTTP, only who brings it as a bearer token is let in.",
        secret=True,
        over_http_only=True,
    ),
    Variable(
        "BROWSERJOBS_READ_TOKEN",
        "Token to read",
        "Over HTTP, lets in who brings it as a bearer token, to the reading tools alone.",
        secret=True,
        over_http_only=True,
    ),
    Variable(
        "BROWSERJOBS_PUBLIC_URL",
        "Public address",
        "The address under which other machines reach the HTTP server.",
        kind="address",
        over_http_only=True,
    ),
    Variable(
        "BROWSERJOBS_OAUTH_ISSUER",
        "OAuth issuer",
        "Whose OAuth tokens are taken over HTTP.",
        kind="address",
        over_http_only=True,
    ),
    Variable(
        "BROWSERJOBS_OAUTH_AUDIENCE",
        "OAuth audience",
        "For whom these tokens must be; otherwise BROWSERJOBS_PUBLIC_URL with /mcp.",
        over_http_only=True,
    ),
)
"""The variables that have to do with no provider."""

OF_EACH = (
    Variable("BASE_URL", "{} address", "Points to another server of {}.", kind="address"),
    Variable(
        "POLL_SECONDS",
        "{} interval",
        "The shortest time between two looks at a job of {}, in seconds; otherwise as the provider wishes.",
        kind="number",
    ),
)
"""What every vendor's variables have in common with those of the others: the ends of their names."""

WEBHOOK_SECRETS = {
    "secret": "What {} signs its webhooks with.",
    "address": "The end of the address that {} sends its webhooks to: 16 letters or more that nobody else knows.",
}
"""By what tells a vendor's webhooks from others; its key alone needs no variable."""


def api_keys() -> tuple[Variable, ...]:
    """The variable of each vendor's key; one key may open several generations of an API."""
    return tuple(
        Variable(
            vendor.variable,
            f"{vendor.title} API key",
            f"The API key of {vendor.title}, {vendor.where}.",
            secret=True,
        )
        for vendor in vendors().values()
    )


def of_providers() -> tuple[Variable, ...]:
    """The other variables of each vendor."""
    found: dict[str, Variable] = {}
    titles = {vendor.prefix: vendor.title for vendor in vendors().values()}
    for provider in map(providers.load, providers.names()):
        for variable in _of(provider, titles[providers.prefix(provider.name)]):
            found.setdefault(variable.name, variable)
    return tuple(found.values())


def every() -> tuple[Variable, ...]:
    """All of them: keys first."""
    return *api_keys(), *OWN, *of_providers()


def _of(provider: type[Provider], vendor: str) -> list[Variable]:
    """The variables of one vendor but its key."""
    prefix, defaults = providers.prefix(provider.name), {"BASE_URL": provider.base_url}
    variables = [
        replace(
            each,
            name=f"{prefix}_{each.name}",
            title=each.title.format(vendor),
            description=each.description.format(vendor),
            default=defaults.get(each.name, ""),
        )
        for each in OF_EACH
    ]
    variables += [
        Variable(name, f"{vendor} {option}", f"The {option} at {vendor}, for ids that leave it out.")
        for option, name in provider.options.items()
    ]
    if hasattr(provider, "jobs_of") and provider.webhook_proof in WEBHOOK_SECRETS:
        title, description = f"{vendor} webhook secret", WEBHOOK_SECRETS[provider.webhook_proof].format(vendor)
        name = f"{prefix}_WEBHOOK_SECRET"
        variables.append(Variable(name, title, description, secret=True, over_http_only=True))
    return variables
