"""The providers: every module of this folder (but `base`) is one, and exports its class as `PROVIDER`."""

import re
from functools import cache
from importlib import import_module
from inspect import getmembers, iscoroutinefunction
from pkgutil import iter_modules

from .base import Provider

_PREFIXES = {"h_company": "HAI"}
"""Where it is not the name in capitals, without the generation of the API."""


@cache
def names() -> tuple[str, ...]:
    """The names of all providers, in alphabetical order."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name != "base"))


def prefix(name: str) -> str:
    """What the variables of a provider begin with, as in `<prefix>_API_KEY`; its module need not be loaded for that."""
    return _PREFIXES.get(name) or re.sub(r"_v\d+$", "", name).upper()


@cache
def load(name: str) -> type[Provider]:
    """The provider's class. `name` is one of `names()`."""
    provider: type[Provider] = import_module(f".{name}", __name__).PROVIDER
    return provider


@cache
def abilities(name: str) -> frozenset[str]:
    """What a provider can do: the names of its methods that send requests."""
    return frozenset(method for method, _ in getmembers(load(name), iscoroutinefunction) if not method.startswith("_"))
