"""Tables in Markdown, and what stands between markers in a document."""

import re
from collections.abc import Iterable, Mapping, Sequence

MARKED = re.compile(r"<!-- (?P<name>[\w-]+):start -->\n.*?<!-- (?P=name):end -->", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, whatever its cells hold."""
    lines = [head, ("---",) * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(text: str, known: Mapping[str, str]) -> str:
    """The document with everything between its markers made anew.

    Raises:
        KeyError: it has markers of something that is not known.
    """

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- {name}:start -->\n{known[name]}\n<!-- {name}:end -->"

    return MARKED.sub(block, text)


def held(text: str) -> dict[str, str]:
    """What stands between the markers of a document."""
    return {found["name"]: found[0].partition("\n")[2].rpartition("\n")[0] for found in MARKED.finditer(text)}
