"""The bundle for Claude Desktop: what it asks for, what it starts, and that it is always the same."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pydantic import SecretStr

from mcp_browserjobs import __version__, variables
from mcp_browserjobs.settings import Settings, default_store, from_environment
from scripts.generators import bundle
from scripts.generators.project import ROOT
from tests.manifests import schemas

MANIFEST: dict[str, Any] = json.loads((ROOT / "manifests/desktop/manifest.json").read_text(encoding="utf-8"))
CONFIG = MANIFEST["server"]["mcp_config"]


def environment(**answers: str) -> dict[str, str]:
    """The environment that a host makes of what was entered, and of the defaults for all that was not."""

    def entered(found: re.Match[str]) -> str:
        value = answers.get(found[1], MANIFEST["user_config"][found[1]]["default"])
        return str(value).lower() if isinstance(value, bool) else value

    return {name: re.sub(r"\$\{user_config\.(\w+)\}", entered, value) for name, value in CONFIG["env"].items()}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return bundle.write(tmp_path / "dist")


def test_it_fits_the_schema_of_the_bundles() -> None:
    schema = schemas.schema("mcpb-manifest-v0.4.schema.json")
    assert schemas.problems(schema, MANIFEST) == []
    assert schemas.problems(schema, MANIFEST | {"server": {"type": "uv"}})
    assert MANIFEST["manifest_version"] == "0.4"
    assert MANIFEST["version"] == __version__


def test_it_asks_for_every_key_as_a_secret_and_demands_none() -> None:
    fields = MANIFEST["user_config"]
    keys = {each.name.lower() for each in variables.api_keys()}
    assert {name for name, field in fields.items() if field.get("sensitive")} == keys
    assert not any(field["required"] for field in fields.values())
    assert {f"${{user_config.{name}}}" for name in fields} == set(CONFIG["env"].values())


def test_what_is_left_empty_is_not_set() -> None:
    assert from_environment(environment()) == Settings(store=default_store())


def test_what_is_entered_arrives() -> None:
    settings = from_environment(
        environment(gobii_api_key="a-key", browserjobs_read_only="true", browserjobs_allow_start="true")
    )
    [account] = settings.accounts
    assert (account.name, account.key) == ("gobii", SecretStr("a-key"))
    assert (settings.read_only, settings.allow_start) == (True, True)


def test_it_lists_the_tools_that_are_there_when_nothing_more_is_allowed() -> None:
    names = [tool["name"] for tool in MANIFEST["tools"]]
    listed = json.loads((ROOT / "manifests/tools.json").read_text(encoding="utf-8"))["tools"]
    assert names == [tool["name"] for tool in listed if tool["name"] != "start_job"]
    assert MANIFEST["tools_generated"] is True


def test_its_prompts_name_their_arguments() -> None:
    assert [prompt["name"] for prompt in MANIFEST["prompts"]] == ["check_on_job", "diagnose_failed_job", "compare_jobs"]
    for prompt in MANIFEST["prompts"]:
        assert all(f"${{arguments.{name}}}" in prompt["text"] for name in prompt["arguments"])


def test_it_is_the_same_bytes_every_time(built: Path, tmp_path: Path) -> None:
    again = bundle.write(tmp_path / "again")
    assert built.name == again.name == f"mcp-browserjobs-{__version__}.mcpb"
    assert sha256(built.read_bytes()).digest() == sha256(again.read_bytes()).digest()


def test_it_holds_the_package_and_nothing_of_the_machine(built: Path) -> None:
    with ZipFile(built) as archive:
        names = archive.namelist()
        project = archive.read("pyproject.toml").decode()
    assert {"manifest.json", MANIFEST["icon"], "LICENSE", MANIFEST["server"]["entry_point"]} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(("/", ".", "tests"))]
    assert "://" not in project
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r'^  "([\w.-]+==\S+)', project, re.MULTILINE)
    assert [pin.rstrip('",') for pin in pins] == re.findall(r"^([\w.-]+==\S+)", locked, re.MULTILINE)


def test_the_package_runs_from_where_it_is_unpacked(built: Path, tmp_path: Path) -> None:
    with ZipFile(built) as archive:
        archive.extractall(tmp_path / "unpacked")
    module = CONFIG["args"][CONFIG["args"].index("--module") + 1]
    code = f"import {module}; print({module}.__file__, {module}.__version__)"
    done = subprocess.run(  # noqa: S603 - our own package
        [sys.executable, "-c", code], cwd=tmp_path / "unpacked", capture_output=True, text=True, check=True, timeout=60
    )
    where, version = done.stdout.split()
    assert Path(where).is_relative_to(tmp_path / "unpacked")
    assert version == __version__
