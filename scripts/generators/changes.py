"""tools-changes.json: the line of the changelog that tells of the tools as they are in tools.json.

A change of what clients are told of the tools is never made in passing: whoever makes it writes a line first.
"""

import json
import re
from hashlib import sha256

UNRELEASED = "Unreleased"


class ChangelogError(Exception):
    """The changelog does not tell of the tools as they are."""


def recorded(tools: str, changelog: str, record: str, line: str = "") -> str:
    """The record for these tools: the one that there is, or one with the line of the changelog that begins so.

    Raises:
        ChangelogError: says which line is missing.
    """
    digest = sha256(tools.encode()).hexdigest()
    if line:
        found = [entry for entry in _entries(_section(changelog, UNRELEASED)) if entry.startswith(line)]
        if len(found) != 1:
            raise ChangelogError(f"CHANGELOG.md has {len(found)} lines under [{UNRELEASED}] that begin with {line!r}.")
        return json.dumps({"sha256": digest, "changelog": found[0]}, indent=2, ensure_ascii=False) + "\n"
    known = json.loads(record)
    if known["sha256"] != digest:
        raise ChangelogError(
            f"The tools have changed. Add a line to CHANGELOG.md under [{UNRELEASED}] that says how, then run "
            "scripts/manifests --changelog 'The beginning of that line'."
        )
    if known["changelog"] not in _entries(changelog):
        raise ChangelogError(
            "CHANGELOG.md has lost the line that tells of the tools; if it was worded anew, run "
            "scripts/manifests --changelog 'The beginning of that line'."
        )
    return record


def _section(changelog: str, version: str) -> str:
    found = re.search(rf"^## \[{re.escape(version)}\].*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def _entries(changelog: str) -> list[str]:
    """The lines of a changelog, each as one line however it is broken."""
    return [" ".join(entry.split()) for entry in re.findall(r"^- (.*(?:\n {2,}\S.*)*)", changelog, re.MULTILINE)]
