"""Writes what is generated: manifests/, and what stands between markers in README.md and docs/.

With `--check` nothing is written; the exit code is 1 when something is stale. With `--changelog`, the line of
CHANGELOG.md that begins so is recorded as the one that tells of the tools as they are now.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.generators import changes, desktop, docker, hosts, icon, markdown, registry, surface, tables
from scripts.generators.project import MEASURED, ROOT, as_json

MANIFESTS = ROOT / "manifests"


def generated(line: str = "") -> dict[Path, bytes]:
    """Every generated file and what it should hold; `line` is the beginning of a line of the changelog.

    Raises:
        ChangelogError: the changelog does not tell of the tools as they are.
    """
    providers, tools, configurations = tables.provider_rows(), surface.tools(), hosts.files()
    as_listed, record = as_json({"tools": tools}), MANIFESTS / "tools-changes.json"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    texts = {
        MANIFESTS / "server.json": as_json(registry.server()),
        MANIFESTS / "providers.json": as_json({"providers": providers}),
        MANIFESTS / "tools.json": as_listed,
        record: changes.recorded(as_listed, changelog, record.read_text(encoding="utf-8"), line),
        MANIFESTS / "desktop" / "manifest.json": as_json(desktop.manifest()),
        **{MANIFESTS / "hosts" / name: text for name, text in configurations.items()},
        **{MANIFESTS / "docker" / name: text for name, text in docker.files().items()},
    }
    known = tables.blocks(providers, tools, configurations)
    for path in documents():
        texts[path] = markdown.filled(path.read_text(encoding="utf-8"), known)
    return {
        MANIFESTS / "desktop" / desktop.ICON: icon.png(),
        **{path: text.encode() for path, text in texts.items()},
    }


def documents() -> Iterator[Path]:
    """The documents that may have something between markers, but for those with what was measured."""
    yield ROOT / "README.md"
    yield from sorted(set((ROOT / "docs").glob("*.md")) - set(MEASURED.values()))


def is_fresh(path: Path, content: bytes) -> bool:
    """Whether a file holds what it should."""
    if not path.exists():
        return False
    held = path.read_bytes()
    return icon.same(held, content) if path.suffix == ".png" else held == content


def superfluous(known: dict[Path, bytes]) -> list[Path]:
    """What lies in manifests/ and is not generated."""
    return [path for path in MANIFESTS.rglob("*") if path.is_file() and path not in known]


def main(arguments: list[str]) -> None:
    """Write what is stale, or with `--check` only say so."""
    parser = argparse.ArgumentParser(prog="scripts/manifests", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only say what is stale")
    parser.add_argument("--changelog", default="", metavar="LINE", help="how the line on the changed tools begins")
    asked = parser.parse_args(arguments)
    try:
        every = generated(asked.changelog)
    except changes.ChangelogError as error:
        sys.exit(str(error))
    stale = {path: content for path, content in every.items() if not is_fresh(path, content)}
    over = superfluous(every)
    if asked.check:
        if stale or over:
            names = ", ".join(sorted(path.relative_to(ROOT).as_posix() for path in (*stale, *over)))
            sys.exit(f"Stale: {names}. Run scripts/manifests.")
        return
    for path, content in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for path in over:
        path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
