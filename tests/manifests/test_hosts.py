"""The configurations of hosts: complete, without a key, and as the hosts' own formats want them."""

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_browserjobs import variables
from mcp_browserjobs.hosts import HOSTS, Host
from mcp_browserjobs.installing import NAME
from mcp_browserjobs.server.patience import KNOWN
from mcp_browserjobs.settings import from_environment
from scripts.generators import hosts
from scripts.generators.project import ROOT

FOLDER = ROOT / "manifests" / "hosts"
KEYS = [each.name for each in variables.api_keys()]


def document(host: Host) -> dict[str, Any]:
    """What the file of a host says."""
    [path] = FOLDER.glob(f"{host.name}.*")
    return host.format.read(path.read_text(encoding="utf-8"))


def entry(host: Host) -> dict[str, Any]:
    """The server in it, which is the only one."""
    [(name, found)] = document(host)[host.servers].items()
    assert name == NAME
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_it_starts_the_published_package(host: Host) -> None:
    assert (entry(host)[host.command], entry(host)["args"]) == ("uvx", ["mcp-browserjobs"])


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_it_names_every_key_and_sets_none(host: Host) -> None:
    found = entry(host)
    environ = found.get(host.environment) or dict.fromkeys(found["env_vars"], "")
    assert list(environ) == KEYS
    assert not from_environment(environ).accounts


def test_vs_code_asks_for_each_key_as_for_a_password() -> None:
    inputs = {each["id"]: each for each in document(HOSTS["vscode"])["inputs"]}
    assert all(each["password"] and each["type"] == "promptString" for each in inputs.values())
    named = [re.fullmatch(r"\$\{input:([\w-]+)\}", value) for value in entry(HOSTS["vscode"])["env"].values()]
    assert [found and found[1] for found in named] == list(inputs)


def test_codex_waits_as_long_as_a_wait_there_may_last() -> None:
    assert entry(HOSTS["codex"])["tool_timeout_sec"] == KNOWN["codex"].limit
    assert entry(HOSTS["codex"])["startup_timeout_sec"] >= 60


def test_the_link_for_cursor_says_what_its_configuration_says() -> None:
    link = urlsplit((FOLDER / "cursor-link.txt").read_text(encoding="utf-8").strip())
    assert (link.scheme, link.netloc, link.path) == ("cursor", "anysphere.cursor-deeplink", "/mcp/install")
    asked = {name: values[0] for name, values in parse_qs(link.query, strict_parsing=True).items()}
    assert asked["name"] == NAME
    assert json.loads(base64.b64decode(asked["config"], validate=True)) == entry(HOSTS["cursor"])


def test_every_host_has_its_file_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == hosts.files().keys()
    assert {path.stem for path in FOLDER.iterdir()} == {*HOSTS, "cursor-link"}
