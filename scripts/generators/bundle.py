"""The bundle for Claude Desktop: the manifest, the icon, the package and what uv needs to run it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from mcp_browserjobs import __version__
from scripts.generators.project import PACKAGE, PROJECT, ROOT

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""When every file was made, as far as the bundle tells."""
UNIX, READABLE = 3, 0o100644 << 16


def write(folder: Path) -> Path:
    """Write the bundle into the folder, and give its path.

    It is the same whenever and wherever it is built; so nothing in it is compressed, which no two machines do alike.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PACKAGE}-{__version__}.mcpb"
    with ZipFile(path, "w") as archive:
        for name, content in sorted(_contents()):
            entry = ZipInfo(name, LONG_AGO)
            entry.create_system, entry.external_attr, entry.compress_type = UNIX, READABLE, ZIP_STORED
            archive.writestr(entry, content)
    return path


def _contents() -> Iterator[tuple[str, bytes]]:
    for name in ("manifest.json", "icon.png"):
        yield name, (ROOT / "manifests" / "desktop" / name).read_bytes()
    for name in ("LICENSE", "README.md"):
        yield name, (ROOT / name).read_bytes()
    yield "pyproject.toml", _project().encode()
    for path in (ROOT / "mcp_browserjobs").rglob("*"):
        if path.suffix == ".py" or path.name == "py.typed":
            yield path.relative_to(ROOT).as_posix(), path.read_bytes()


def _project() -> str:
    """What uv installs: exactly what is locked, beside a package that runs from where it lies."""
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+==[^\\\n]+?) \\$", locked, re.MULTILINE)
    dependencies = "".join(f"  {json.dumps(pin)},\n" for pin in pins)
    return f"""\
[project]
name = {json.dumps(PACKAGE)}
version = {json.dumps(__version__)}
requires-python = {json.dumps(PROJECT["requires-python"])}
dependencies = [
{dependencies}]

[tool.uv]
package = false
"""
