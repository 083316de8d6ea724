"""Homes on every system in a scratch folder, and an example configuration of each host."""

from pathlib import Path
from typing import Literal

from mcp_browserjobs.hosts import HOSTS, Host, Server, System

Kind = Literal["linux", "macos", "windows"]
KINDS: tuple[Kind, ...] = ("linux", "macos", "windows")
EXAMPLES = {file.stem: file for file in (Path(__file__).parent / "examples").iterdir()}
KEY = "sk-the-key"
SERVER = Server("browserjobs", "/opt/tools/bin/mcp-browserjobs", ("serve",), {"DARI_API_KEY": KEY})
ASKING = Server("browserjobs", "/opt/tools/bin/mcp-browserjobs", ("serve",), {"DARI_API_KEY": ""})


def server_for(host: Host) -> Server:
    """A server with a key, or one whose key the host asks for."""
    return ASKING if host.asks else SERVER


def example(host: Host) -> bytes:
    """What such a configuration looks like."""
    return EXAMPLES[host.name].read_bytes()


def placed(host: Host, home: Path, content: bytes | None, kind: Kind = "linux") -> Path:
    """The host's configuration in this home, with this content."""
    path = host.path(System(kind, home))
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    return path


ALL = tuple(HOSTS.values())
