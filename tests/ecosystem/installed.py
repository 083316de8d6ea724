"""What scripts/test-ecosystem has installed, and how it is run."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

LIVE = Path(os.environ.get("ECOSYSTEM_LIVE", ""))
NODE = os.environ.get("ECOSYSTEM_NODE", "")
LONGEST = 60
"""How many seconds a program may take."""


def modules(name: str) -> Path:
    """Where the packages for node of that name are."""
    return LIVE / name / "node_modules"


def python(name: str) -> str:
    """The Python of the environment of that name."""
    return str(LIVE / name / "bin" / "python")


def run(*command: str | Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(  # noqa: S603 - what was installed for this
        command, env=environ, capture_output=True, encoding="utf-8", timeout=LONGEST, check=False
    )
