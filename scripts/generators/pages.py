"""What a reader of docs/providers.md is told of each provider: what its module says of itself."""

import inspect
import re
from collections.abc import Iterator

from mcp_browserjobs import providers
from mcp_browserjobs.providers.base import Provider
from mcp_browserjobs.vendors import vendor_of


def chapters() -> str:
    """One chapter for each provider."""
    return "\n\n".join("\n".join(_chapter(providers.load(name))) for name in providers.names())


def _chapter(provider: type[Provider]) -> Iterator[str]:
    summary, address, quirks = _said(provider)
    yield f"## {provider.title}"
    yield ""
    yield f"{summary} Read at <{address}>."
    yield ""
    vendor = vendor_of(provider.name)
    yield f"- Account `{provider.name}`, key in `{vendor.variable}`, {vendor.where}."
    yield f"- A job's id: {provider.id_form}, such as `{provider.name}:{provider.example_id}`."
    address = f"{provider.base_url}{provider.api_path}"
    yield f"- Asked at `{address}`, or where `{providers.prefix(provider.name)}_BASE_URL` says."
    yield ""
    yield "<details><summary>What is odd about it, and what is not known</summary>"
    yield ""
    yield from (f"- {quirk}" for quirk in quirks)
    yield ""
    yield "</details>"


def _said(provider: type[Provider]) -> tuple[str, str, list[str]]:
    """What the docstring of a provider's module says: what a job is, where it was read, and the quirks."""
    lines = (inspect.getmodule(provider).__doc__ or "").splitlines()
    address = next(re.split(r"[\s,]", line.removeprefix("API: "))[0] for line in lines if line.startswith("API: "))
    quirks = [line.removeprefix("Quirk: ") for line in lines if line.startswith("Quirk: ")]
    return lines[0], address, [quirk[0].upper() + quirk[1:] if quirk[0] != "`" else quirk for quirk in quirks]
