"""Tests with programs of others, which the ordinary suite leaves out; scripts/test-ecosystem installs and runs them."""

import os
from pathlib import Path

RUN = os.environ.get("ECOSYSTEM", "").split()

collect_ignore = [
    path.name for path in Path(__file__).parent.glob("test_*.py") if path.stem.removeprefix("test_") not in RUN
]
