"""The tools of those who made the formats, and what they make of our manifests: the bundle they start serves."""

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from ruamel.yaml import YAML

from scripts.generators import bundle
from scripts.generators.project import ROOT
from tests.ecosystem.installed import LIVE, NODE, modules, run
from tests.manifests.schemas import problems

MCPB = modules("mcpb") / "@anthropic-ai" / "mcpb" / "dist"
HADOLINT = LIVE / "hadolint" / "bin" / "hadolint"
COMPOSE_SCHEMA = modules("dclint") / "dclint" / "schemas" / "compose.schema.json"
UV = ROOT / ".venv" / "bin"
START_SECONDS = 300
"""The first start downloads the packages."""
FILL_IN = """
import { readFileSync } from "node:fs";
const [module, folder] = process.argv.slice(1);
const { getMcpConfigForManifest } = await import(module);
const manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8"));
const userConfig = { gobii_api_key: "a-key", browserjobs_read_only: true };
const asked = { manifest, extensionPath: folder, systemDirs: {}, userConfig, pathSeparator: "/" };
console.log(JSON.stringify(await getMcpConfigForManifest(asked)));
"""
"""What a host does with what its user has entered."""


def mcpb(*arguments: str | Path, home: Path) -> str:
    """What the tool of the bundles says, which finds nothing wrong."""
    done = run(NODE, MCPB / "cli" / "cli.js", *arguments, environ={"PATH": os.environ["PATH"], "HOME": str(home)})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The bundle as a host has it after it was installed."""
    mcpb("unpack", bundle.write(tmp_path), tmp_path / "unpacked", home=tmp_path)
    return tmp_path / "unpacked"


def test_the_manifest_is_valid(tmp_path: Path) -> None:
    said = mcpb("validate", ROOT / "manifests" / "desktop" / "manifest.json", home=tmp_path)
    assert "Manifest schema validation passes!" in said
    assert "Icon validation passed" in said
    assert "mcp-browserjobs" in mcpb("info", bundle.write(tmp_path), home=tmp_path)


def test_a_host_starts_the_bundle_with_what_was_entered(unpacked: Path, tmp_path: Path) -> None:
    library = (MCPB / "node.js").as_uri()
    filled = run(NODE, "--input-type=module", "--eval", FILL_IN, library, unpacked, environ={"HOME": str(tmp_path)})
    config: dict[str, Any] = json.loads(filled.stdout)
    assert "${" not in filled.stdout
    environ = {
        **{name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))},
        **config["env"],
        "PATH": f"{UV}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "BROWSERJOBS_STORE": ":memory:",
    }
    started = StdioServerParameters(command=config["command"], args=config["args"], env=environ, cwd=tmp_path)

    async def serve() -> tuple[list[str], Any]:
        with anyio.fail_after(START_SECONDS):
            async with Client(stdio_client(started), read_timeout_seconds=START_SECONDS) as client:
                names = [tool.name for tool in (await client.list_tools()).tools]
                return names, (await client.call_tool("list_accounts", {})).structured_content

    names, accounts = anyio.run(serve)
    assert "get_job_status" in names
    assert "cancel_job" not in names
    assert [row["account"] for row in accounts["accounts"]] == ["gobii"]


def test_the_dockerfile_has_nothing_to_complain_of(tmp_path: Path) -> None:
    done = run(HADOLINT, ROOT / "manifests" / "docker" / "Dockerfile", environ={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stdout


def test_the_compose_file_is_as_its_specification_wants() -> None:
    compose = YAML(typ="safe").load(ROOT / "manifests" / "docker" / "compose.yaml")
    schema = json.loads(COMPOSE_SCHEMA.read_text(encoding="utf-8"))
    assert problems(schema, compose) == []
    assert problems(schema, {**compose, "services": {"a": {"image": 1}}})
