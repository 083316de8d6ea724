"""The pictures in docs/."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent
PICTURES = sorted((ROOT / "docs").glob("*.svg"))


def test_every_picture_shows_what_the_program_says_now() -> None:
    command = [sys.executable, "-m", "scripts.record", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_whole_and_loads_nothing(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    assert len(text) < 100_000
    assert ET.fromstring(text).find("{http://www.w3.org/2000/svg}title") is not None  # noqa: S314 - ours
    assert not re.search(r"(?:href|src)=|url\((?!#)|@import|<script|<foreignObject", text)
