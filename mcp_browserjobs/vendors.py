"""Whose keys there are: one vendor may serve several generations of an API with one key."""

from typing import NamedTuple

from . import providers


class Vendor(NamedTuple):
    """A vendor: its name here, what a person calls it, the variable of its key, and the page where keys are made."""

    name: str
    title: str
    prefix: str
    keys_at: str

    @property
    def variable(self) -> str:
        """Where its key belongs."""
        return f"{self.prefix}_API_KEY"

    @property
    def where(self) -> str:
        """Where a person gets a key, as the end of a sentence."""
        return f"made at {self.keys_at}" if self.keys_at else f"given by {self.title}"


def vendors() -> dict[str, Vendor]:
    """All of them by name."""
    found: dict[str, Vendor] = {}
    for name in providers.names():
        provider, prefix = providers.load(name), providers.prefix(name)
        found.setdefault(prefix, Vendor(name, provider.title, prefix, provider.keys_at))
    return {vendor.name: vendor for vendor in found.values()}


def vendor_of(provider: str) -> Vendor:
    """The vendor of a provider."""
    return next(vendor for vendor in vendors().values() if vendor.prefix == providers.prefix(provider))
