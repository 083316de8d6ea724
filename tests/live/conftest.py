"""Tests before real servers, which the ordinary suite leaves out; scripts/test-live runs those of one provider."""

import os
from pathlib import Path

collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if f"LIVE_{path.stem.removeprefix('test_').upper()}" not in os.environ
]
