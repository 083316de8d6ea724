"""Reads the lock: which packages it has, and what it says of each."""

import re

from scripts.generators.project import ROOT


def entries(name: str) -> list[tuple[str, str]]:
    """The packages of a lock file in its order, each with its whole text; one may be there for several Pythons."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [(part.split("==")[0], part) for part in re.split(r"(?m)^(?=[a-z0-9])", text)[1:]]


def pins(name: str) -> list[str]:
    """The requirements of a lock file without their hashes: `anyio==4.16.0`, say, or with where it is needed."""
    return [text.splitlines()[0].removesuffix("\\").strip() for _, text in entries(name)]
