"""Where each host keeps its configuration."""

from pathlib import Path, PurePosixPath

import pytest

from mcp_browserjobs.hosts import HOSTS, Host, Server, System
from tests.hosts.places import ALL, EXAMPLES, KINDS, SERVER, Kind

PATHS = {
    "claude-code": (".claude.json", ".claude.json", ".claude.json"),
    "claude-desktop": (
        ".config/Claude/claude_desktop_config.json",
        "Library/Application Support/Claude/claude_desktop_config.json",
        "AppData/Roaming/Claude/claude_desktop_config.json",
    ),
    "codex": (".codex/config.toml", ".codex/config.toml", ".codex/config.toml"),
    "cursor": (".cursor/mcp.json", ".cursor/mcp.json", ".cursor/mcp.json"),
    "gemini-cli": (".gemini/settings.json", ".gemini/settings.json", ".gemini/settings.json"),
    "goose": (
        ".config/goose/config.yaml",
        ".config/goose/config.yaml",
        "AppData/Roaming/Block/goose/config/config.yaml",
    ),
    "vscode": (
        ".config/Code/User/mcp.json",
        "Library/Application Support/Code/User/mcp.json",
        "AppData/Roaming/Code/User/mcp.json",
    ),
    "zed": (".config/zed/settings.json", ".config/zed/settings.json", "AppData/Roaming/Zed/settings.json"),
}
"""By host: on Linux, macOS and Windows."""


def test_every_host_has_an_example_and_a_path() -> None:
    assert EXAMPLES.keys() == HOSTS.keys() == PATHS.keys()


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("kind", range(3), ids=KINDS)
def test_a_configuration_is_where_its_host_looks(name: str, kind: int, tmp_path: Path) -> None:
    path = HOSTS[name].path(System(KINDS[kind], tmp_path))
    assert path.relative_to(tmp_path).as_posix() == PurePosixPath(PATHS[name][kind]).as_posix()


def test_claude_desktop_from_a_package_has_a_folder_of_its_own(tmp_path: Path) -> None:
    package = tmp_path / "AppData" / "Local" / "Packages" / "Claude_pzs8sxrjxfjjc"
    package.mkdir(parents=True)
    path = HOSTS["claude-desktop"].path(System("windows", tmp_path))
    assert path == package / "LocalCache" / "Roaming" / "Claude" / "claude_desktop_config.json"


@pytest.mark.parametrize(
    ("name", "kind", "variable", "rest"),
    [
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "macos", "CODEX_HOME", "config.toml"),
        ("goose", "linux", "XDG_CONFIG_HOME", "goose/config.yaml"),
        ("zed", "linux", "XDG_CONFIG_HOME", "zed/settings.json"),
        ("vscode", "windows", "APPDATA", "Code/User/mcp.json"),
    ],
)
def test_a_variable_moves_it(name: str, kind: Kind, variable: str, rest: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    system = System(kind, tmp_path, {variable: str(elsewhere)})
    assert HOSTS[name].path(system) == elsewhere / rest
    relative = System(kind, tmp_path, {variable: "not/absolute"})
    assert HOSTS[name].path(relative) == HOSTS[name].path(System(kind, tmp_path))


@pytest.mark.parametrize("host", ALL, ids=lambda host: host.name)
def test_a_host_is_found_by_its_folder(host: Host, tmp_path: Path) -> None:
    system = System("linux", tmp_path)
    assert not host.found(system)
    host.traces(system)[0].mkdir(parents=True)
    assert host.found(system)


@pytest.mark.parametrize("host", ALL, ids=lambda host: host.name)
def test_an_entry_has_the_command_its_arguments_and_the_variables(host: Host) -> None:
    entry = host.entry(SERVER)
    assert (entry[host.command], entry["args"], entry[host.environment]) == (
        SERVER.command,
        ["serve"],
        SERVER.variables,
    )
    assert host.timeout is None or isinstance(entry.get(host.timeout.setting, 0), int)


def test_vs_code_reads_a_file_of_variables_by_itself() -> None:
    entry = HOSTS["vscode"].entry(Server("x", "/x", env_file="/keys.env"))
    assert (entry["envFile"], entry["env"]) == ("/keys.env", {})
