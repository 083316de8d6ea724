"""No command, however it ends, and nothing that it leaves behind tells a key, a token or a secret."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx2
import pytest

from mcp_browserjobs.hosts import HOSTS
from mcp_browserjobs.providers.base import Connections
from mcp_browserjobs.server.app import build
from mcp_browserjobs.server.web import application
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator import application as pretend
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.hosts.places import EXAMPLES
from tests.secrets.marker import ECHO, KEY, PART, given_away, logged, of_files
from tests.shell import Place

TOKEN = "tok-Zq7RwmN3xVb9KtLp2HdYf5"
SECRET = "hook-Zq7RwmN3xVb9KtLp2HdYf5"
COMMANDS = ("status", "wait", "events", "result", "diagnose", "screenshot", "links", "log", "answer", "pause", "cancel")
WRONG_FILES = {
    "no TOML": f"[accounts.{KEY}",
    "no name": f'[accounts."{KEY}"]\nprovider = "dari"\nkey_variable = "X"',
    "no provider": f'[accounts.work]\nprovider = "{KEY}"\nkey_variable = "X"',
    "a key in the file": f'[accounts.work]\nprovider = "dari"\nkey = "{KEY}"\nkey_variable = "X"',
    "the key as the variable": f'[accounts.work]\nprovider = "dari"\nkey_variable = "{KEY}"',
    "no number": f'[accounts.work]\nprovider = "dari"\nkey_variable = "X"\npoll_seconds = "{KEY}"',
    "no address": f'[accounts.work]\nprovider = "dari"\nkey_variable = "X"\nbase_url = "https://{KEY}@x"',
}
CRASH = f"""
import sys
from mcp_browserjobs import cli
from mcp_browserjobs.providers.base import Connections

async def app(scope, receive, send):
    raise RuntimeError({ECHO!r})

cli.main(sys.argv[1:], obj=Connections.to_app(app))
"""


@pytest.fixture
def place() -> Place:
    place = Place()
    place.world = World(key=KEY)
    return place


def told(text: str) -> list[str]:
    """What of the secrets stands in a text."""
    others = {secret[start : start + PART] for secret in (TOKEN, SECRET) for start in range(len(secret) - PART + 1)}
    return given_away(text) + sorted(part for part in others if part in text)


@pytest.mark.parametrize("as_json", [False, True])
def test_no_command_tells_a_key_that_is_refused(place: Place, *, as_json: bool) -> None:
    place.world.key = "another"
    environ = dict.fromkeys((name for name in place.environment() if name.endswith("_KEY")), KEY)
    for command in COMMANDS:
        arguments = [
            command,
            "dari:a/b/550e8400-e29b-41d4-a716-446655440000",
            *(["blue"] if command == "answer" else []),
        ]
        ran = place.run(*arguments, *(["--json"] if as_json else []), **environ)
        assert ran.exit_code != 0
        assert told(ran.output) == []
    for arguments in (["jobs"], ["accounts", "--check"], ["doctor"]):
        ran = place.run(*arguments, *(["--json"] if as_json else []), **environ, HOME="/nowhere")
        assert told(ran.output) == []


@pytest.mark.parametrize("file", WRONG_FILES)
def test_a_wrong_configuration_is_named_without_what_stands_there(place: Place, tmp_path: Path, file: str) -> None:
    config = tmp_path / "browserjobs.toml"
    config.write_text(WRONG_FILES[file], "utf-8")
    for command in ("accounts", "doctor", "jobs"):
        ran = place.run(command, BROWSERJOBS_CONFIG=str(config), HOME="/nowhere")
        assert ran.exit_code == 2
        assert told(ran.output) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"BROWSERJOBS_TOKEN": f"{TOKEN} {TOKEN}"},
        {"GOBII_WEBHOOK_SECRET": f"{SECRET}!"},
        {"DARI_BASE_URL": f"https://user:{TOKEN}@example.com"},
        {"BROWSERJOBS_WAIT_SECONDS": TOKEN},
        {"BROWSERJOBS_LOG_LEVEL": TOKEN},
        {"BROWSERJOBS_STORE": "/dev/null/x", "DARI_API_KEY": f"{KEY}\n{KEY}"},
    ],
)
def test_a_wrong_variable_is_named_without_its_value(place: Place, environ: dict[str, str]) -> None:
    for command in ("accounts", "doctor", "jobs"):
        assert told(place.run(command, HOME="/nowhere", **environ).output) == []


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_s_configuration_and_its_copy_are_the_only_places_of_a_key(
    place: Place, tmp_path: Path, host: str
) -> None:
    file, keys = tmp_path / "some.file", tmp_path / "keys.env"
    file.write_bytes(EXAMPLES[host].read_bytes())
    file.chmod(0o644)
    keys.write_text(f"DARI_API_KEY='{KEY}'\nTHEIRS='{TOKEN}'\n", "utf-8")
    for arguments in (["--print"], ["--env-file", str(keys)], ["--env-file", str(keys), "--read-only"], ["--remove"]):
        ran = place.run("install", host, "--file", str(file), *arguments, HOME=str(tmp_path), DARI_API_KEY=KEY)
        assert ran.exit_code == 0
        assert told(ran.output) == []
        for copy in tmp_path.glob("*.before-*"):
            assert os.name == "nt" or stat.S_IMODE(copy.stat().st_mode) & 0o077 == 0
        if "--read-only" in arguments and os.name != "nt":
            assert "Others on this machine may read the keys" in ran.output
    file.write_text(f"{{ not valid {KEY}", "utf-8")
    for arguments in (["--env-file", str(keys)], ["--remove"]):
        ran = place.run("install", host, "--file", str(file), *arguments, HOME=str(tmp_path))
        assert ran.exit_code == 2
        assert told(ran.output) == []


@pytest.mark.parametrize(
    "line", [f"{KEY}", f"export {KEY}", f"DARI_API_KEY='{KEY}", f"BROWSERJOBS_TOKEN='{TOKEN} x'\nA"]
)
def test_a_wrong_file_of_keys_is_told_by_its_line(place: Place, tmp_path: Path, line: str) -> None:
    keys = tmp_path / "keys.env"
    keys.write_text(f"A=b\n{line}\n", "utf-8")
    ran = place.run("install", "cursor", "--file", str(tmp_path / "mcp.json"), "--env-file", str(keys))
    assert ran.exit_code == 2
    assert told(ran.output) == []


@pytest.mark.parametrize("arguments", [["status", "gobii:550e8400-e29b-41d4-a716-446655440000"], ["jobs", "--json"]])
def test_a_crash_of_a_command_tells_no_key(tmp_path: Path, arguments: list[str]) -> None:
    environ = {**os.environ, "GOBII_API_KEY": KEY, "BROWSERJOBS_STORE": str(tmp_path / "jobs.sqlite3")}
    ran = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", CRASH, *arguments], env=environ, text=True, capture_output=True, check=False
    )
    assert ran.returncode == 1
    assert "a fault of our own" in ran.stderr
    assert "RuntimeError" in ran.stderr
    assert told(ran.stdout + ran.stderr) == []
    assert given_away(of_files(tmp_path)) == []


def requests() -> Iterator[httpx2.Request]:
    """What strangers, and those who are nearly none, may send."""
    body = json.dumps({"key": KEY, "token": TOKEN, "secret": SECRET}).encode()
    for path in ("/mcp", "/sse", "/healthz", "/messages/", f"/nowhere/{TOKEN}"):
        for header in (TOKEN[:-1], f"{TOKEN}x", "", TOKEN):
            yield httpx2.Request(
                "POST", f"http://127.0.0.1{path}", headers={"Authorization": f"Bearer {header}"}, content=body
            )
    for path in ("gobii", f"gobii/{SECRET}", f"gobii/{SECRET[:-1]}", "dari", "skyvern", f"nobody/{SECRET}"):
        headers = {"x-signature": SECRET, "x-skyvern-signature": KEY, "authorization": f"Bearer {KEY}"}
        yield httpx2.Request("POST", f"http://127.0.0.1/hooks/{path}", headers=headers, content=body)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_no_request_over_http_has_a_secret_told(tmp_path: Path, place: Place) -> None:
    environ = {**place.environment(), "BROWSERJOBS_TOKEN": TOKEN, "BROWSERJOBS_READ_TOKEN": f"{TOKEN}-r"}
    environ |= {
        "BROWSERJOBS_STORE": str(tmp_path / "jobs.sqlite3"),
        "GOBII_WEBHOOK_SECRET": SECRET,
        "DARI_WEBHOOK_SECRET": SECRET,
    }
    said = []
    with logged() as log:
        tracker = Tracker(from_environment(environ), connections=Connections.to_app(pretend(place.world)))
        server = build(tracker)
        app = application(server)
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))
        async with server.running(), app.router.lifespan_context(app), client:
            for request in requests():
                with anyio.move_on_after(1):
                    answer = await client.send(request)
                    said.append(f"{answer.headers} {answer.text}")
    assert len(said) > 20
    assert told("".join(said)) == []
    assert told(log.getvalue()) == []
    assert told(of_files(tmp_path).decode("latin-1")) == []
    assert told(repr(tracker.settings) + str(vars(tracker)) + repr(from_environment(environ))) == []
