"""The schemas of others that manifests are held against."""

import json
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it comes without types

from scripts.generators.project import ROOT


def schema(name: str) -> dict[str, Any]:
    """The schema in that file."""
    read: dict[str, Any] = json.loads((ROOT / "tests" / "schemas" / name).read_text(encoding="utf-8"))
    return read


def problems(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Where a document does not fit, and how."""
    errors = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]
