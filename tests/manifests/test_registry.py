"""server.json is what the registry of MCP servers takes."""

import json
from typing import Any

import pytest

from mcp_browserjobs import __version__, variables
from scripts.generators.project import ROOT
from scripts.generators.registry import NAME, SCHEMA
from tests.manifests import schemas

SERVER: dict[str, Any] = json.loads((ROOT / "manifests" / "server.json").read_text(encoding="utf-8"))
STDIO, HTTP = SERVER["packages"]


def test_it_fits_the_schema_of_the_registry() -> None:
    schema = schemas.schema("server.schema.2025-12-11.json")
    assert schema["$id"] == SCHEMA == SERVER["$schema"]
    assert schemas.problems(schema, SERVER) == []
    assert schemas.problems(schema, SERVER | {"version": "", "description": "a" * 101, "name": "nobody's"})


def test_both_packages_are_this_version_on_pypi() -> None:
    assert SERVER["version"] == __version__
    for package in (STDIO, HTTP):
        assert (package["registryType"], package["identifier"]) == ("pypi", "mcp-browserjobs")
        assert package["version"] == __version__
        assert "registryBaseUrl" not in package


def test_it_describes_every_variable_and_marks_what_is_secret() -> None:
    described = {each["name"]: each for each in HTTP["environmentVariables"]}
    assert list(described) == [each.name for each in variables.every()]
    assert all(each["description"] for each in described.values())
    secret = {name for name, each in described.items() if each.get("isSecret")}
    assert secret == {name for name in described if name.endswith(("_API_KEY", "_SECRET", "_TOKEN"))}


def test_over_stdio_only_what_matters_there_is_asked_for() -> None:
    names = {each["name"] for each in STDIO["environmentVariables"]}
    assert {each.name for each in variables.every()} - names == {
        each.name for each in variables.every() if each.over_http_only
    }
    assert not {"BROWSERJOBS_TOKEN", "DARI_WEBHOOK_SECRET"} & names


@pytest.mark.parametrize("part", NAME.split("/"))
def test_the_name_says_whose_it_is(part: str) -> None:
    assert NAME.startswith("io.github.")
    assert part.removeprefix("io.github.") == "mcp-browserjobs"


def test_the_readme_says_whose_it_is() -> None:
    assert f"mcp-name: {NAME}" in (ROOT / "README.md").read_text(encoding="utf-8")
