"""The hosts that can be set up, each with where its facts are from (checked November 2026, on no machine of theirs)."""

from pathlib import Path

from .host import Entry, Host, Server, Timeout
from .jsonc import JSON, JSONC
from .system import System
from .toml import TOML
from .yaml import YAML_FORMAT

RESTART = "Quit it and start it again"


def _plain(server: Server) -> Entry:
    return {"command": server.command, "args": list(server.args), "env": dict(server.variables)}


def _stdio(server: Server) -> Entry:
    return {"type": "stdio", **_plain(server)}


def _parent(path: Path) -> tuple[Path, ...]:
    return (path.parent,)


# Anthropic's MCP pages; for Windows claude-code#26073: the packaged program, the only one since February 2026, reads
# its configuration in a folder of its own.


def _claude_desktop(system: System) -> Path:
    folder = system.desktop / "Claude"
    if system.kind == "windows":
        packages = system.folder("LOCALAPPDATA", "AppData", "Local") / "Packages"
        for package in sorted(packages.glob("Claude_*")):
            folder = package / "LocalCache" / "Roaming" / "Claude"
    return folder / "claude_desktop_config.json"


CLAUDE_DESKTOP = Host(
    name="claude-desktop",
    title="Claude Desktop",
    client="claude-ai",
    format=JSON,
    path=_claude_desktop,
    servers="mcpServers",
    entry=_plain,
    traces=lambda system: _parent(_claude_desktop(system)),
    restart=RESTART,
)

# https://code.claude.com/docs/en/mcp: servers of the scope "user" stand in ~/.claude.json.


def _claude_code(system: System) -> Path:
    return system.folder("CLAUDE_CONFIG_DIR") / ".claude.json"


CLAUDE_CODE = Host(
    name="claude-code",
    title="Claude Code",
    client="claude-code",
    format=JSON,
    path=_claude_code,
    servers="mcpServers",
    entry=_stdio,
    traces=lambda system: (system.folder("CLAUDE_CONFIG_DIR", ".claude"),),
    restart="Begin a new session",
    timeout=Timeout("timeout", 0.001),
)

# https://cursor.com/docs/mcp. Comments are let pass, as people write them there.


def _cursor(system: System) -> Path:
    return system.home / ".cursor" / "mcp.json"


CURSOR = Host(
    name="cursor",
    title="Cursor",
    client="cursor-vscode",
    format=JSONC,
    path=_cursor,
    servers="mcpServers",
    entry=_stdio,
    traces=lambda system: _parent(_cursor(system)),
    restart="Switch the server on in its settings, under MCP",
)

# https://code.visualstudio.com/docs/copilot/reference/mcp-configuration. Keys are inputs: it asks for them once and
# keeps them with the system's secrets.


def _vscode(system: System) -> Path:
    return system.desktop / "Code" / "User" / "mcp.json"


def _vscode_entry(server: Server) -> Entry:
    return {**_stdio(server), **({"envFile": server.env_file} if server.env_file else {})}


VSCODE = Host(
    name="vscode",
    title="VS Code",
    client="visual studio code",
    format=JSONC,
    path=_vscode,
    servers="servers",
    entry=_vscode_entry,
    traces=lambda system: _parent(_vscode(system)),
    restart="Run the command MCP: List Servers and start it there",
    asks=True,
)

# https://zed.dev/docs/ai/mcp


def _zed(system: System) -> Path:
    if system.kind == "windows":
        return system.roaming / "Zed" / "settings.json"
    folder = system.dot_config if system.kind == "linux" else system.home / ".config"
    return folder / "zed" / "settings.json"


ZED = Host(
    name="zed",
    title="Zed",
    client="zed",
    format=JSONC,
    path=_zed,
    servers="context_servers",
    entry=_plain,
    traces=lambda system: _parent(_zed(system)),
    restart="Nothing is to be done: it reads its settings again",
)

# https://developers.openai.com/codex/mcp. Older versions end a call after 60 s unless told otherwise.

CODEX_SECONDS = 300
CODEX_START_SECONDS = 120


def _codex(system: System) -> Path:
    return system.folder("CODEX_HOME", ".codex") / "config.toml"


def _codex_entry(server: Server) -> Entry:
    limits = {"startup_timeout_sec": CODEX_START_SECONDS, "tool_timeout_sec": CODEX_SECONDS}
    return {"command": server.command, "args": list(server.args), **limits, "env": dict(server.variables)}


CODEX = Host(
    name="codex",
    title="Codex",
    client="codex-mcp-client",
    format=TOML,
    path=_codex,
    servers="mcp_servers",
    entry=_codex_entry,
    traces=lambda system: _parent(_codex(system)),
    restart="Begin a new session",
    timeout=Timeout("tool_timeout_sec"),
)

# https://geminicli.com/docs/tools/mcp-server. It takes out of the environment whatever looks like a secret, but for
# what the entry itself holds.


GEMINI_MILLISECONDS = 600_000


def _gemini_cli(system: System) -> Path:
    return system.home / ".gemini" / "settings.json"


def _gemini_entry(server: Server) -> Entry:
    return {**_plain(server), "timeout": GEMINI_MILLISECONDS}


GEMINI_CLI = Host(
    name="gemini-cli",
    title="Gemini CLI",
    client="gemini-cli-mcp-client",
    format=JSONC,
    path=_gemini_cli,
    servers="mcpServers",
    entry=_gemini_entry,
    traces=lambda system: _parent(_gemini_cli(system)),
    restart="Begin a new session",
    timeout=Timeout("timeout", 0.001),
)

# https://goose-docs.ai/docs/guides/config-files

GOOSE_SECONDS = 300


def _goose(system: System) -> Path:
    if system.kind == "windows":
        return system.roaming / "Block" / "goose" / "config" / "config.yaml"
    return system.dot_config / "goose" / "config.yaml"


def _goose_entry(server: Server) -> Entry:
    return {
        "enabled": True,
        "type": "stdio",
        "name": server.name,
        "description": "Checks on browser-agent jobs, wherever they run.",
        "cmd": server.command,
        "args": list(server.args),
        "timeout": GOOSE_SECONDS,
        "envs": dict(server.variables),
    }


GOOSE = Host(
    name="goose",
    title="Goose",
    client="goose",
    format=YAML_FORMAT,
    path=_goose,
    servers="extensions",
    entry=_goose_entry,
    traces=lambda system: _parent(_goose(system)),
    restart="Begin a new session",
    command="cmd",
    environment="envs",
    timeout=Timeout("timeout"),
)

HOSTS = {host.name: host for host in (CLAUDE_CODE, CLAUDE_DESKTOP, CODEX, CURSOR, GEMINI_CLI, GOOSE, VSCODE, ZED)}
"""All of them by name."""
