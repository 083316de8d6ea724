"""Writes dist/sbom.cdx.json: every package of the lock with its hashes and what needs it, in CycloneDX.

With `--audit` it asks the OSV database instead whether one of them is known to be vulnerable; then the exit code is 1.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mcp_browserjobs import __version__
from scripts.generators.project import PACKAGE, PROJECT, ROOT
from scripts.locked import pins

FILE = ROOT / "dist" / "sbom.cdx.json"


def uv(folder: Path, *arguments: str) -> int:
    """Run uv in a folder; its exit code."""
    return subprocess.run([sys.executable, "-m", "uv", *arguments], cwd=folder, check=False).returncode  # noqa: S603 - ours


def relock(folder: Path) -> None:
    """The lock as uv itself would have it, which is the form that it exports and audits."""
    (folder / "pyproject.toml").write_text(
        f"""
[project]
name = "{PACKAGE}"
version = "{__version__}"
requires-python = "{PROJECT["requires-python"]}"
dependencies = {json.dumps(PROJECT["dependencies"])}
[tool.uv]
package = false
constraint-dependencies = {json.dumps(pins("requirements.txt"))}
""",
        encoding="utf-8",
    )
    if uv(folder, "lock", "--quiet", "--python", sys.executable):
        raise SystemExit("The lock does not suit pyproject.toml: run scripts/lock.")


def main(arguments: list[str]) -> int:
    """Do what is asked for."""
    if arguments not in ([], ["--audit"]):
        raise SystemExit("usage: scripts/sbom [--audit]")
    with TemporaryDirectory() as place:
        folder = Path(place)
        relock(folder)
        if arguments:
            return uv(folder, "audit", "--frozen", "--preview-features", "audit")
        FILE.parent.mkdir(exist_ok=True)
        options = ("--frozen", "--format", "cyclonedx1.5", "--preview-features", "sbom-export", "--output-file")
        if uv(folder, "export", "--quiet", *options, str(FILE)):
            return 1
    listed = {f"{part['name']}=={part['version']}" for part in json.loads(FILE.read_bytes())["components"]}
    if listed != {pin.split(" ;")[0] for pin in pins("requirements.txt")}:
        raise SystemExit("The lock does not suit pyproject.toml: run scripts/lock.")
    sys.stdout.write(f"{FILE.relative_to(ROOT)}: {len(listed)} packages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
