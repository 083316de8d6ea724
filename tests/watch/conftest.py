"""What tests of the watch have in common."""

from pathlib import Path

import pytest


@pytest.fixture
def store_file(tmp_path: Path) -> str:
    """Where processes share a store."""
    return str(tmp_path / "jobs.sqlite3")
