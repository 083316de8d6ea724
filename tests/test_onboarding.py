"""The commands of the first minute, in a scratch home."""

import json
import os
import select
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from mcp_browserjobs.hosts import HOSTS
from tests.hosts.places import EXAMPLES
from tests.shell import Place, lines

KEY = "sk-the-key"
NOWHERE = {"APPDATA": "", "LOCALAPPDATA": "", "XDG_CONFIG_HOME": "", "CLAUDE_CONFIG_DIR": "", "CODEX_HOME": ""}


class Home:
    """A scratch home, and commands that are run there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = Place()
        self.variables: dict[str, str | None] = {**NOWHERE, "HOME": str(path), "USERPROFILE": str(path)}

    def run(self, *arguments: str, keys: bool = False, **more: str | None) -> "Ran":
        """Run a command; without `keys` none is set."""
        unset = {} if keys else dict.fromkeys(self.place.environment())
        result = self.place.run(*arguments, **{**unset, **self.variables, **more})
        return Ran(result.exit_code, "\n".join(lines(result)), result.stderr)


class Ran:
    """How a command ended, and what it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def cursor(home: Home) -> Path:
    return home.path / ".cursor" / "mcp.json"


def entry(home: Home) -> dict[str, object]:
    found: dict[str, object] = json.loads(cursor(home).read_text("utf-8"))["mcpServers"]["browserjobs"]
    return found


def test_a_key_of_the_environment_is_written_and_never_shown(home: Home) -> None:
    ran = home.run("install", "cursor", DARI_API_KEY=KEY, DARI_ORG="my-org")
    assert ran.code == 0
    assert entry(home)["env"] == {"DARI_API_KEY": KEY, "DARI_ORG": "my-org"}
    assert KEY not in ran.out + ran.err
    assert ran.out.splitlines()[0] == "Cursor is set up"
    assert "  gets    DARI_API_KEY, from the environment" in ran.out.splitlines()
    assert "  undo    mcp-browserjobs install cursor --remove" in ran.out.splitlines()
    again = home.run("install", "cursor", DARI_API_KEY=KEY)
    assert (again.code, again.out.splitlines()[0]) == (0, "Cursor has it already")
    ran = home.run("install", "cursor", "--remove")
    assert (ran.code, cursor(home).exists()) == (0, False)
    ran = home.run("install", "cursor", "--remove")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "Cursor has no server named browserjobs")


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_is_set_up_and_cleared_by_the_command(host: str, home: Home) -> None:
    file = home.path / "some.file"
    file.write_bytes(EXAMPLES[host].read_bytes())
    ran = home.run("install", host, "--file", str(file), "--provider", "gobii", GOBII_API_KEY=KEY)
    assert ran.code == 0
    assert f"--remove --file '{file}'" in ran.out
    assert "browserjobs" in HOSTS[host].format.read(file.read_text("utf-8"))[HOSTS[host].servers]
    ran = home.run("install", host, "--file", str(file), "--remove")
    assert "to the letter" in ran.out
    assert file.read_bytes() == EXAMPLES[host].read_bytes()


def test_an_unknown_host_lists_the_known_ones(home: Home) -> None:
    ran = home.run("install", "emacs")
    assert ran.code == 2
    assert all(name in ran.err for name in HOSTS)
    assert all(name in home.run("install", "--help").out.replace("\n  ", " ") for name in HOSTS)


def test_without_any_key_it_is_told_where_keys_are_made(home: Home) -> None:
    ran = home.run("install", "cursor")
    assert (ran.code, cursor(home).exists()) == (2, False)
    assert "GOBII_API_KEY, made at https://" in ran.err
    assert "--env-file" in ran.err


def test_a_missing_key_is_named_with_where_to_get_one(home: Home) -> None:
    ran = home.run("install", "cursor", "--provider", "skyvern", "--provider", "dari", DARI_API_KEY=KEY)
    assert (ran.code, cursor(home).exists()) == (2, False)
    assert ran.err == "SKYVERN_API_KEY is not set; a key of Skyvern is made at https://app.skyvern.com/settings.\n"


def test_a_file_of_keys_is_taken_but_for_what_is_not_ours(home: Home) -> None:
    file = home.path / "keys.env"
    file.write_text(f"DARI_API_KEY={KEY}\nBROWSERJOBS_READ_ONLY=1\nPASSWORD=secret\n", "utf-8")
    ran = home.run("install", "cursor", "--env-file", str(file), "--read-only")
    assert ran.code == 0
    assert entry(home)["env"] == {"DARI_API_KEY": KEY, "BROWSERJOBS_READ_ONLY": "1"}
    assert str(entry(home)["args"]).endswith("'serve', '--read-only']")
    assert "Not taken from keys.env, as this program does not read it: PASSWORD." in ran.err
    assert KEY not in ran.out + ran.err
    assert "secret" not in ran.out + ran.err


def test_vs_code_reads_the_file_of_keys_itself(home: Home) -> None:
    file, target = home.path / "keys.env", home.path / "mcp.json"
    file.write_text(f"DARI_API_KEY={KEY}\n", "utf-8")
    assert home.run("install", "vscode", "--env-file", str(file), "--file", str(target)).code == 0
    written = json.loads(target.read_text("utf-8"))
    assert written["servers"]["browserjobs"]["envFile"] == str(file)
    assert KEY not in target.read_text("utf-8")
    assert "inputs" not in written


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        ("PASSWORD=x\n", (), "has no key. These are the variables of keys:"),
        ("DARI_API_KEY=x\n", ("--provider", "gobii"), "does not set GOBII_API_KEY; a key of Gobii is made at https://"),
        ("DARI_API_KEY=x\nBROWSERJOBS_READ_ONLY=perhaps\n", (), "BROWSERJOBS_READ_ONLY must be 1 or 0."),
        ("'open\n", (), "has something else than NAME=value at line 1."),
    ],
)
def test_a_file_of_keys_that_will_not_do_is_told(content: str, more: tuple[str, ...], said: str, home: Home) -> None:
    file = home.path / "keys.env"
    file.write_text(content, "utf-8")
    ran = home.run("install", "cursor", "--env-file", str(file), *more)
    assert (ran.code, cursor(home).exists()) == (2, False)
    assert said in ran.err


def test_printing_changes_nothing_and_shows_no_key(home: Home) -> None:
    ran = home.run("install", "codex", "--print", "--provider", "gobii", "--provider", "dari", DARI_API_KEY=KEY)
    assert ran.code == 0
    shown = tomllib.loads(ran.out)["mcp_servers"]["browserjobs"]
    assert shown["env"] == {"DARI_API_KEY": "********", "GOBII_API_KEY": "********"}
    assert KEY not in ran.out + ran.err
    assert str(home.path / ".codex" / "config.toml") in ran.err
    assert list(home.path.iterdir()) == []


def test_no_keys_need_be_written(home: Home) -> None:
    assert home.run("install", "cursor", "--no-keys", DARI_API_KEY=KEY).code == 0
    assert entry(home)["env"] == {}


def test_a_demo_needs_no_key_and_stands_beside_the_real_one(home: Home) -> None:
    assert home.run("install", "cursor", DARI_API_KEY=KEY).code == 0
    real = cursor(home).read_bytes()
    assert home.run("install", "cursor", "--demo", DARI_API_KEY=KEY).code == 0
    servers = json.loads(cursor(home).read_text("utf-8"))["mcpServers"]
    assert servers["browserjobs-demo"]["args"][-2:] == ["serve", "--demo"]
    assert servers["browserjobs-demo"]["env"] == {}
    assert servers.keys() == {"browserjobs", "browserjobs-demo"}
    assert home.run("install", "cursor", "--demo", "--remove").code == 0
    assert cursor(home).read_bytes() == real


def test_a_broken_configuration_is_told_and_left_untouched(home: Home) -> None:
    cursor(home).parent.mkdir()
    cursor(home).write_text('{"mcpServers": {', "utf-8")
    ran = home.run("install", "cursor", DARI_API_KEY=KEY)
    assert ran.code == 2
    assert ran.err == f"{cursor(home)} is no valid JSON (line 1, column 17); it was left as it is.\n"
    assert cursor(home).read_text("utf-8") == '{"mcpServers": {'


def test_another_server_of_that_name_needs_another_name(home: Home) -> None:
    cursor(home).parent.mkdir()
    cursor(home).write_text('{"mcpServers": {"browserjobs": {"command": "else"}}}', "utf-8")
    ran = home.run("install", "cursor", DARI_API_KEY=KEY)
    assert (ran.code, "--name" in ran.err) == (2, True)
    ran = home.run("install", "cursor", "--name", "mine", DARI_API_KEY=KEY)
    assert (ran.code, "--remove --name mine" in ran.out) == (0, True)
    assert home.run("install", "cursor", "--name", "no/name", DARI_API_KEY=KEY).code == 2


@pytest.mark.skipif(os.name == "nt", reason="rights are others on Windows")
def test_who_else_may_read_the_keys_is_told(home: Home) -> None:
    cursor(home).parent.mkdir()
    cursor(home).write_text("{}", "utf-8")
    cursor(home).chmod(0o644)
    assert "chmod 600" in home.run("install", "cursor", DARI_API_KEY=KEY).err


def test_a_host_that_is_not_there_is_told(home: Home) -> None:
    file = home.path / "mcp.json"
    ran = home.run("install", "cursor", "--file", str(file), DARI_API_KEY=KEY)
    assert "Cursor itself was not found on this machine" in ran.err


def test_what_is_written_starts_the_server_in_the_bare_environment_of_a_host(home: Home) -> None:
    assert home.run("install", "cursor", "--provider", "dari", DARI_API_KEY=KEY).code == 0
    written = json.loads(cursor(home).read_text("utf-8"))["mcpServers"]["browserjobs"]
    client = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "cursor-vscode", "version": "1"},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}
    system = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ}
    started = subprocess.run(  # noqa: S603 - our own command
        [written["command"], *written["args"]],
        input=json.dumps(asked) + "\n",
        env={**system, "HOME": str(home.path), "PYTHONPATH": str(Path(__file__).parent.parent), **written["env"]},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert json.loads(started.stdout.splitlines()[0])["result"]["serverInfo"]["name"] == "mcp-browserjobs"


# On a terminal


def on_terminal(home: Home, *arguments: str, typed: list[str], **more: str) -> tuple[int, str]:
    """Run a command on a terminal of 60 columns where somebody types a line whenever they are asked."""
    import pty  # noqa: PLC0415 - not on Windows

    ours, theirs = pty.openpty()
    variables = {name: value for name, value in home.variables.items() if value}
    environment = {**variables, "PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "60", **more}
    command = [sys.executable, "-P", "-m", "mcp_browserjobs", *arguments]
    # A run that is measured measures this one too.
    environment |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    said, waiting, until = b"", list(typed), time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                part = os.read(ours, 4096)
            except OSError:
                break
            said += part
            if not part:
                break
        elif waiting and said.rstrip(b" ").endswith((b":",)):
            os.write(ours, (waiting.pop(0) + "\n").encode())
            said += b"\n"
    os.close(ours)
    return process.wait(10), said.decode()


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_keys_are_asked_for_and_not_shown_while_they_are_typed(home: Home) -> None:
    typed = ["99", "dari Skyvern", "two words", KEY, "sk-other"]
    code, said = on_terminal(home, "install", "cursor", typed=typed)
    assert code == 0
    assert entry(home)["env"] == {"DARI_API_KEY": KEY, "SKYVERN_API_KEY": "sk-other"}
    assert not any(secret in said for secret in (KEY, "sk-other", "two words"))
    assert "Please type one or more of the numbers" in said
    assert "That is no key" in said
    assert "keys are made at https://app.skyvern.com/settings" in said
    code, said = on_terminal(home, "install", "cursor", typed=[""])
    assert (code, "has a key already" in said, "Cursor has it already" in said) == (0, True, True)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_whoever_would_rather_not_changes_nothing(home: Home) -> None:
    code, _ = on_terminal(home, "install", "cursor", typed=["\x04"])
    assert (code, cursor(home).exists()) == (130, False)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_keys_that_are_set_are_proposed(home: Home) -> None:
    code, said = on_terminal(home, "install", "cursor", typed=[""], GOBII_API_KEY=KEY, NO_COLOR="1")
    assert (code, entry(home)["env"]) == (0, {"GOBII_API_KEY": KEY})
    assert "key is set in this terminal" in said
    assert KEY not in said
    assert "\x1b[3" not in said


# doctor


def test_nothing_set_up_names_every_key(home: Home) -> None:
    ran = home.run("doctor")
    assert ran.code == 2
    assert "No key was found anywhere" in ran.out
    assert "GOBII_API_KEY: made at https://gobii.ai/console/" in ran.out
    assert "Claude Code, Claude Desktop, Codex, Cursor, Gemini CLI, Goose, VS Code, Zed." in ran.out


def test_all_is_well_with_keys_that_work(home: Home) -> None:
    store = str(home.path / "jobs.sqlite3")
    ran = home.run("install", "cursor", "--provider", "dari", keys=True)
    assert ran.code == 0
    ran = home.run("doctor", keys=True, BROWSERJOBS_STORE=store)
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "All is well."
    assert f"The store opens: {store}" in ran.out.replace("~", str(home.path))
    assert ran.out.count("The key in DARI_API_KEY works.") == 2
    assert "a wait answers within 25 s" in ran.out
    told = json.loads(home.run("doctor", "--json", keys=True).out)
    assert told["healthy"] is True
    assert {finding["mark"] for part in told["parts"] for finding in part["findings"]} == {"ok", "note"}


def test_a_refused_key_is_told_with_its_host_and_where_to_get_another(home: Home) -> None:
    home.run("install", "codex", "--provider", "gobii", keys=True, GOBII_API_KEY=KEY)
    ran = home.run("doctor", keys=True)
    assert ran.code == 5
    assert "Gobii refused the key of account gobii: check the value of GOBII_API_KEY. New keys are made at" in ran.out
    assert ran.out.splitlines()[-1] == "One thing is wrong."
    assert KEY not in ran.out


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"command": "/no/such/mcp-browserjobs"}, 2, "which is not there: mcp-browserjobs install claude-code"),
        ({"command": "uvx-none", "args": ["mcp-browserjobs"]}, 2, "which not every program finds"),
        ({"env": {}}, 2, "The server browserjobs has no key"),
        ({"env": {"DARI_API_KEY": "${DARI_API_KEY:-}"}}, 0, "The key in DARI_API_KEY works."),
        ({"env": {"TINYFISH_API_KEY": "${env:NOBODY_S_KEY}"}}, 0, "in this terminal none of them is set"),
        ({"env": {"BROWSERJOBS_READ_ONLY": "perhaps"}}, 2, "BROWSERJOBS_READ_ONLY must be 1 or 0."),
        ({"disabled": True}, 0, "is switched off there"),
        (
            {"timeout": 60_000},
            0,
            "ends after 60 s (timeout in this file), before a wait of 100 s does: it should be more",
        ),
    ],
)
def test_what_would_not_work_is_told(change: dict[str, object], code: int, said: str, home: Home) -> None:
    home.run("install", "claude-code", "--provider", "dari", keys=True)
    file = home.path / ".claude.json"
    document = json.loads(file.read_text("utf-8"))
    document["mcpServers"]["browserjobs"] |= change
    file.write_text(json.dumps(document), "utf-8")
    ran = home.run("doctor", keys=True)
    assert said in ran.out
    assert ran.code == code


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("500", "BROWSERJOBS_WAIT_SECONDS should be below that"),
        ("20", "a wait answers within 20 s"),
        ("soon", "BROWSERJOBS_WAIT_SECONDS must be a number"),
    ],
)
def test_a_wait_that_was_set_is_measured_against_the_limit(seconds: str, said: str, home: Home) -> None:
    file = home.path / "keys.env"
    variables = {**home.place.environment(), "BROWSERJOBS_WAIT_SECONDS": "30"}
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), "utf-8")
    assert home.run("install", "goose", "--env-file", str(file)).code == 0
    configuration = home.path / ".config" / "goose" / "config.yaml"
    text = configuration.read_text("utf-8").replace('WAIT_SECONDS: "30"', f'WAIT_SECONDS: "{seconds}"')
    configuration.write_text(text, "utf-8")
    assert said in home.run("doctor").out


def test_a_host_that_asks_for_keys_is_believed(home: Home) -> None:
    (home.path / ".config" / "Code" / "User").mkdir(parents=True)
    assert home.run("install", "vscode", "--provider", "gobii").code == 0
    ran = home.run("doctor")
    assert ran.code == 0
    assert "VS Code asks for GOBII_API_KEY by itself" in ran.out


def test_a_file_of_keys_that_is_gone_is_told(home: Home) -> None:
    file = home.path / "keys.env"
    file.write_text(f"DARI_API_KEY={KEY}\n", "utf-8")
    assert home.run("install", "vscode", "--env-file", str(file)).code == 0
    file.unlink()
    ran = home.run("doctor")
    assert ran.code == 2
    assert "keys.env cannot be read" in ran.out


def test_a_broken_configuration_and_a_broken_store_are_told(home: Home) -> None:
    cursor(home).parent.mkdir()
    cursor(home).write_text("{", "utf-8")
    ran = home.run("doctor", keys=True, BROWSERJOBS_STORE=str(home.path))
    assert ran.code == 2
    assert "The file is no valid JSON" in ran.out
    assert "cannot be used" in ran.out
    ran = home.run("doctor", keys=True, BROWSERJOBS_WAIT_SECONDS="soon")
    assert "BROWSERJOBS_WAIT_SECONDS must be a number" in ran.out


def test_an_account_of_the_configuration_file_without_its_key_is_told(home: Home) -> None:
    file = home.path / "accounts.toml"
    file.write_text('[accounts.mine]\nprovider = "dari"\nkey_variable = "MY_KEY"\n', "utf-8")
    ran = home.run("doctor", BROWSERJOBS_CONFIG=str(file))
    assert ran.code == 2
    assert "MY_KEY is not set, though the configuration file names it." in ran.out


def test_keys_that_codex_passes_on_are_tried(home: Home) -> None:
    (home.path / ".codex").mkdir()
    text = '[mcp_servers.browserjobs]\ncommand = "uvx"\nargs = ["mcp-browserjobs"]\nenv_vars = ["GOBII_API_KEY"'
    text += ', "GOBII_BASE_URL"]\n'
    (home.path / ".codex" / "config.toml").write_text(text, "utf-8")
    ran = home.run("doctor", keys=True)
    assert "uvx, which not every program finds" in ran.out
    assert ran.out.count("The key in GOBII_API_KEY works.") == 2


def test_a_narrow_terminal_cuts_no_path(home: Home) -> None:
    home.run("install", "cursor", "--provider", "dari", keys=True)
    result = home.place.on_terminal("doctor", columns=40, **home.variables)
    assert result.exit_code == 0
    shown = lines(result)
    assert "  ~/.cursor/mcp.json" in shown
    assert all(len(line) <= 40 for line in shown)
