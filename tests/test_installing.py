"""This server in a host's configuration, and out of it again."""

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_browserjobs import installing
from mcp_browserjobs.errors import ConfigError
from mcp_browserjobs.hosts import HOSTS, Host, Server, System
from mcp_browserjobs.installing import configuration, install, remove
from tests.hosts.places import ALL, KEY, KINDS, SERVER, Kind, example, placed, server_for

EACH = pytest.mark.parametrize("host", ALL, ids=lambda host: host.name)
DESKTOP, CODEX, VSCODE = HOSTS["claude-desktop"], HOSTS["codex"], HOSTS["vscode"]
on_posix = pytest.mark.skipif(os.name == "nt", reason="rights are others on Windows")


def backup_of(path: Path) -> Path:
    return path.with_name(path.name + ".before-browserjobs")


def put_in(host: Host, path: Path) -> installing.Done:
    return install(configuration(host, path), server_for(host), {"DARI_API_KEY": "Dari API key"})


def take_out(host: Host, path: Path) -> installing.Done:
    return remove(configuration(host, path), "browserjobs")


DEEDS = (put_in, take_out)


def as_it_is(content: bytes) -> bytes:
    return content


def with_crlf(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def with_bom(content: bytes) -> bytes:
    return b"\xef\xbb\xbf" + content


def empty(_content: bytes) -> bytes:
    return b""


@EACH
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [as_it_is, with_crlf, with_bom, empty])
def test_installing_and_removing_leaves_every_byte_as_it_was(
    host: Host, kind: Kind, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    before = change(example(host))
    path = placed(host, tmp_path, before, kind)
    document = configuration(host, path).document
    done = put_in(host, path)
    assert (done.changed, done.backup, backup_of(path).read_bytes()) == (True, backup_of(path), before)
    current = configuration(host, path)
    entry = current.servers.pop("browserjobs")
    assert entry[host.command] == SERVER.command
    assert {name for name in document if name not in (host.servers, "inputs")} <= current.document.keys()
    assert current.servers == document.get(host.servers, {})
    assert remove(configuration(host, path), "browserjobs").restored
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@EACH
def test_a_file_that_was_not_there_is_gone_again(host: Host, tmp_path: Path) -> None:
    path = placed(host, tmp_path, None)
    path.parent.rmdir() if path.parent != tmp_path else None
    assert put_in(host, path).backup is None
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert remove(configuration(host, path), "browserjobs").deleted
    assert not path.exists()


@EACH
def test_what_was_changed_meanwhile_stays(host: Host, tmp_path: Path) -> None:
    path = placed(host, tmp_path, example(host))
    put_in(host, path)
    later = Server("other", "/usr/bin/mcp-browserjobs", ())
    text = path.read_text("utf-8")
    path.write_text(host.format.put(text, (host.servers, "other"), host.entry(later)), "utf-8")
    done = remove(configuration(host, path), "browserjobs")
    assert (done.restored, done.deleted) == (False, False)
    without = host.format.cut(path.read_text("utf-8"), (host.servers, "other"))
    if host.servers in host.format.read(example(host).decode()):
        assert without.encode() == example(host)
    else:
        # Nothing tells any more whether the empty object was there before.
        assert host.format.read(without) == {**host.format.read(example(host).decode()), host.servers: {}}


@EACH
def test_installing_twice_changes_nothing(host: Host, tmp_path: Path) -> None:
    path = placed(host, tmp_path, example(host))
    put_in(host, path)
    after = path.read_bytes()
    assert not put_in(host, path).changed
    assert path.read_bytes() == after


@EACH
def test_installing_anew_keeps_the_keys_what_somebody_added_and_the_first_copy(host: Host, tmp_path: Path) -> None:
    path = placed(host, tmp_path, example(host))
    put_in(host, path)
    entry = configuration(host, path).entry("browserjobs") or {}
    text = host.format.put(path.read_text("utf-8"), (host.servers, "browserjobs"), {**entry, "note": "mine"})
    path.write_text(text, "utf-8")
    install(configuration(host, path), Server("browserjobs", "/new/mcp-browserjobs", (), {"GOBII_API_KEY": KEY}), {})
    entry = configuration(host, path).entry("browserjobs") or {}
    assert (entry[host.command], entry["note"]) == ("/new/mcp-browserjobs", "mine")
    assert entry[host.environment].keys() == {"DARI_API_KEY", "GOBII_API_KEY"}
    assert backup_of(path).read_bytes() == example(host)
    assert remove(configuration(host, path), "browserjobs").restored


def test_a_limit_that_somebody_set_stays(tmp_path: Path) -> None:
    path = placed(CODEX, tmp_path, b"")
    put_in(CODEX, path)
    path.write_text(path.read_text("utf-8").replace("tool_timeout_sec = 300", "tool_timeout_sec = 900"), "utf-8")
    assert not put_in(CODEX, path).changed
    assert "tool_timeout_sec = 900" in path.read_text("utf-8")


@EACH
def test_another_server_of_the_same_name_is_left_alone(host: Host, tmp_path: Path) -> None:
    other = host.format.put("", (host.servers, "browserjobs"), host.entry(Server("browserjobs", "/usr/bin/else")))
    path = placed(host, tmp_path, other.encode())
    for deed in DEEDS:
        with pytest.raises(ConfigError, match="browserjobs"):
            deed(host, path)
    assert path.read_bytes() == other.encode()
    install(configuration(host, path), Server("mine", SERVER.command), {})
    assert configuration(host, path).servers.keys() == {"browserjobs", "mine"}


@EACH
@pytest.mark.parametrize("content", [b'{"mcpServers": {', b"\xff\xfe{\x00}\x00", b"[[[", b"- 1\n- 2\n"])
def test_a_broken_configuration_is_left_untouched(host: Host, content: bytes, tmp_path: Path) -> None:
    path = placed(host, tmp_path, content)
    for deed in DEEDS:
        with pytest.raises(ConfigError) as caught:
            deed(host, path)
        assert caught.value.setting == str(path)
        assert caught.value.problem.endswith("it was left as it is")
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ['{"mcpServers": []}', '{"mcpServers": null}', '{"mcpServers": "x"}'])
def test_servers_that_are_none_are_left_untouched(content: str, tmp_path: Path) -> None:
    path = placed(DESKTOP, tmp_path, content.encode())
    with pytest.raises(ConfigError, match="something other than servers at mcpServers"):
        put_in(DESKTOP, path)


def test_inputs_that_are_no_list_are_left_untouched(tmp_path: Path) -> None:
    path = placed(VSCODE, tmp_path, b'{"inputs": {}}')
    with pytest.raises(ConfigError, match="other than a list at inputs"):
        put_in(VSCODE, path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("codex", 'mcp_servers.browserjobs.command = "mcp-browserjobs"\n'),
        ("goose", "others: &others {docs: {cmd: x}}\nextensions: *others\n"),
    ],
)
def test_a_form_that_is_not_edited_is_left_untouched(name: str, content: str, tmp_path: Path) -> None:
    path = placed(HOSTS[name], tmp_path, content.encode())
    with pytest.raises(ConfigError, match="--print"):
        put_in(HOSTS[name], path)
    assert path.read_text("utf-8") == content


def test_dotted_keys_are_no_hindrance(tmp_path: Path) -> None:
    path = placed(CODEX, tmp_path, b'mcp_servers.docs.command = "x"\n')
    put_in(CODEX, path)
    assert configuration(CODEX, path).servers.keys() == {"docs", "browserjobs"}


def test_an_entry_of_dotted_keys_is_left_to_whoever_wrote_it(tmp_path: Path) -> None:
    content = b'mcp_servers.browserjobs.command = "/x/mcp-browserjobs"\n'
    path = placed(CODEX, tmp_path, content)
    for deed in DEEDS:
        with pytest.raises(ConfigError, match="not edited here"):
            deed(CODEX, path)
    assert path.read_bytes() == content


def test_vs_code_is_told_what_to_ask_for_once(tmp_path: Path) -> None:
    path = placed(VSCODE, tmp_path, example(VSCODE))
    put_in(VSCODE, path)
    assert KEY not in path.read_text("utf-8")
    question = {"type": "promptString", "id": "dari-api-key", "description": "Dari API key", "password": True}
    assert configuration(VSCODE, path).document["inputs"][1:] == [question]
    second = Server("second", SERVER.command, (), {"DARI_API_KEY": ""})
    install(configuration(VSCODE, path), second, {})
    assert configuration(VSCODE, path).document["inputs"][1:] == [question]
    remove(configuration(VSCODE, path), "browserjobs")
    assert configuration(VSCODE, path).document["inputs"][1:] == [question]
    remove(configuration(VSCODE, path), "second")
    assert path.read_bytes() == example(VSCODE)


@on_posix
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "claude.json"
    kept.parent.mkdir()
    kept.write_bytes(example(DESKTOP))
    kept.chmod(0o640)
    path = placed(DESKTOP, tmp_path, None)
    path.symlink_to(kept)
    done = put_in(DESKTOP, path)
    assert path.is_symlink()
    assert (done.readable, stat.S_IMODE(kept.stat().st_mode)) == (True, 0o640)
    assert stat.S_IMODE(backup_of(path).stat().st_mode) == 0o600
    remove(configuration(DESKTOP, path), "browserjobs")
    assert path.is_symlink()
    assert kept.read_bytes() == example(DESKTOP)
    assert [file.name for file in kept.parent.iterdir()] == [kept.name]


@on_posix
def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    path = placed(DESKTOP, tmp_path, None)
    path.symlink_to(path)
    with pytest.raises(ConfigError, match="it was left as it is"):
        put_in(DESKTOP, path)


def test_a_file_that_may_only_be_read_is_left_untouched(tmp_path: Path) -> None:
    path = placed(DESKTOP, tmp_path, example(DESKTOP))
    path.chmod(stat.S_IREAD)
    with pytest.raises(ConfigError, match="may only be read"):
        put_in(DESKTOP, path)
    assert path.read_bytes() == example(DESKTOP)
    path.chmod(stat.S_IREAD | stat.S_IWRITE)


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    path = placed(DESKTOP, tmp_path, None)
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        put_in(DESKTOP, path)


def test_a_file_in_the_place_of_its_folder_is_told(tmp_path: Path) -> None:
    path = DESKTOP.path(System("linux", tmp_path))
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("", "utf-8")
    with pytest.raises(ConfigError, match="cannot be"):
        put_in(DESKTOP, path)


def test_what_somebody_else_writes_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = placed(DESKTOP, tmp_path, example(DESKTOP))
    current = configuration(DESKTOP, path)
    path.write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match="changed by somebody else"):
        install(current, SERVER, {})
    assert path.read_text("utf-8") == "{}"


def test_a_big_configuration_is_edited_as_well(tmp_path: Path) -> None:
    host = HOSTS["claude-code"]
    history = [{"display": 'a "quoted" { line\n' * 5, "pastedContents": {}}] * 20
    projects = {f"/p{number}": {"history": history} for number in range(500)}
    before = json.dumps({"projects": projects, "mcpServers": {}}, indent=2).encode()
    path = placed(host, tmp_path, before)
    put_in(host, path)
    assert configuration(host, path).variables("browserjobs") == SERVER.variables
    remove(configuration(host, path), "browserjobs")
    assert path.read_bytes() == before


@EACH
def test_a_server_that_is_not_there_need_not_be_removed(host: Host, tmp_path: Path) -> None:
    path = placed(host, tmp_path, example(host))
    assert not remove(configuration(host, path), "browserjobs").changed
    assert path.read_bytes() == example(host)


@EACH
def test_what_is_shown_has_no_key_and_is_valid(host: Host) -> None:
    shown = installing.snippet(host, server_for(host))
    assert KEY not in shown
    assert host.format.read(shown)[host.servers]["browserjobs"][host.command] == SERVER.command


# The command


def test_the_command_is_absolute_and_starts_this_program() -> None:
    command, args = installing.command_here()
    assert Path(command).is_absolute()
    assert Path(command).exists()
    assert installing.is_ours(DESKTOP, {"command": command, "args": list(args)})


def test_without_a_script_python_starts_it_whatever_folder_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python3.exe"))
    assert installing.command_here() == (sys.executable, ("-P", "-m", "mcp_browserjobs"))
    script = tmp_path / "bin" / "mcp-browserjobs.exe"
    script.parent.mkdir()
    script.write_text("", "utf-8")
    assert installing.command_here() == (str(script), ())


@pytest.mark.parametrize("prefix", [".cache/uv/archive-v0/abc", ".local/pipx/.cache/abc"])
def test_what_was_installed_for_one_run_is_not_written_down(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / prefix))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="for this run only"):
        installing.command_here()


@on_posix
def test_what_uvx_runs_is_run_by_uvx_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uvx = tmp_path / "uvx"
    uvx.write_text("", "utf-8")
    uvx.chmod(0o700)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "archive-v0" / "abc"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installing.command_here() == (str(uvx), ("mcp-browserjobs",))
