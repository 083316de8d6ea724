"""What is generated is fresh."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "manifests.py"


def test_manifests_and_tables_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, "--check"])
    runpy.run_path(str(SCRIPT))
