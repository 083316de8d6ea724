"""hosts/: what a person puts into the configuration of a host, as `install` writes it there.

All keys are named, for the reader to keep those that they have. Where a host can take a key from somewhere else, it
stands in no file; an empty key, and one that the host has not found, counts as not set.
"""

import base64
import json
from urllib.parse import quote

from mcp_browserjobs import variables
from mcp_browserjobs.hosts import HOSTS, Entry, Host, Server
from mcp_browserjobs.installing import INPUTS, NAME
from scripts.generators.project import PACKAGE

SUFFIXES = {"JSON": "json", "TOML": "toml", "YAML": "yaml"}
FROM_ENVIRONMENT = {"claude-code", "gemini-cli"}
"""The hosts that fill in `${...}` from their own environment."""


def files() -> dict[str, str]:
    """The content of each file by its name."""
    written = {f"{name}.{SUFFIXES[host.format.name]}": configuration(host) for name, host in HOSTS.items()}
    return written | {"cursor-link.txt": cursor_link() + "\n"}


def configuration(host: Host) -> str:
    """The configuration of a host that has nothing else in it."""
    text = host.format.put("", (INPUTS,), _inputs()) if host.asks else ""
    text = host.format.put(text, (host.servers, NAME), _entry(host))
    return text.rstrip("\n") + "\n"


def cursor_link() -> str:
    """A link that has Cursor ask whether to add the server."""
    entry = json.dumps(_entry(HOSTS["cursor"]), separators=(",", ":"))
    config = base64.b64encode(entry.encode()).decode()
    return f"cursor://anysphere.cursor-deeplink/mcp/install?name={NAME}&config={quote(config, safe='')}"


def _entry(host: Host) -> Entry:
    names = [key.name for key in variables.api_keys()]
    entry = host.entry(Server(NAME, "uvx", (PACKAGE,), {name: _value(host, name) for name in names}))
    if host.name == "codex":
        del entry[host.environment]
        # It hands on what its own environment has under these names, and nothing else.
        entry["env_vars"] = names
    return entry


def _value(host: Host, name: str) -> str:
    if host.asks:
        return f"${{input:{_input(name)}}}"
    return f"${{{name}:-}}" if host.name in FROM_ENVIRONMENT else ""


def _inputs() -> list[Entry]:
    """What a host asks for once and keeps with the system's secrets."""
    return [
        {"type": "promptString", "id": _input(key.name), "description": key.title, "password": True}
        for key in variables.api_keys()
    ]


def _input(name: str) -> str:
    return name.lower().replace("_", "-")
