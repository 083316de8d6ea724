"""What the project says of itself, for whoever lists or installs it."""

import json
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = str(PROJECT["name"])
TITLE = "Browser jobs"
MEASURED = {name: ROOT / "docs" / f"{name}.md" for name in ("figures", "trouble")}
"""The pages whose tables are measured, by a script each, and not generated."""


def as_json(value: Any) -> str:
    """JSON as it is committed."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
