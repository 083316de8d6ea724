"""What was told in trouble, put so that it holds for every provider."""

import re
from collections.abc import Iterable

from mcp_browserjobs import providers


def general(said: str, provider: str) -> str:
    """A sentence without the names of this provider and the numbers of this moment."""
    kind = providers.load(provider)
    known = (
        (kind.title, "PROVIDER"),
        (providers.prefix(kind.name), "PROVIDER"),
        (kind.id_form, "FORM"),
        (provider, "ACCOUNT"),
    )
    for name, word in known:
        said = said.replace(name, word)
    return re.sub(r"\(.*?\)", "(...)", re.sub(r"\bin \d+ s\b", "in N s", said))


def once(parts: Iterable[str]) -> str:
    """Each of these once, in a cell of a table."""
    return "; ".join(dict.fromkeys(parts))
