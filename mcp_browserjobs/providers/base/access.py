"""How an account reaches its provider."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr


@dataclass(frozen=True)
class Access:
    """How one account reaches its provider. `tally` counts how each request to it was answered, in a word."""

    account: str
    provider: str
    key: SecretStr
    key_variable: str
    base_url: str
    tally: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
