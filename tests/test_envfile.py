"""Files of variables."""

from pathlib import Path

import pytest

from mcp_browserjobs.envfile import read_env_file
from mcp_browserjobs.errors import ConfigError


def test_a_file_is_read_as_shells_and_others_write_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.env"
    lines = ["\ufeff# mine", "A=1", "export B='two $A'", 'C = "thr\\"ee"  # note', "", "D=", "E", "A=2"]
    file.write_bytes("\r\n".join(lines).encode())
    assert read_env_file(file) == {"A": "2", "B": "two $A", "C": 'thr"ee'}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"A=1\n'open\n", "has something else than NAME=value at line 2"),
        (b"A=\xff", "is not encoded as UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_such_file_is_told(content: bytes | None, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.env"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        read_env_file(file)
    assert caught.value.setting == str(file)
