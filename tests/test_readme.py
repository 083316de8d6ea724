"""What README.md and docs/ show is so: every command runs, every snippet is read by its host, every link leads on.

A block that is not known here how to run fails, so that nobody writes a command down that was never tried.
"""

import base64
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ruamel.yaml import YAML

from mcp_browserjobs import cli, installing
from mcp_browserjobs.exits import Exit
from mcp_browserjobs.hosts import HOSTS
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.simulator.script import FOREVER, Ask, Fail, Finish, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.twins import PROGRAM
from scripts.generators.project import ROOT
from tests.pages import EVERY_PAGE, PAGES, Block, blocks, links
from tests.server.outside import provided

BLOCKS = [block for page in PAGES for block in blocks(page)]
SHELL = [block for block in BLOCKS if block.language == "sh"]
SNIPPETS = [block for block in BLOCKS if block.language != "sh"]
LONGEST_SECONDS = 60
TOKEN = "a-token-that-nobody-can-guess"

RUNS = Script(beats=(Queued(0), Stall(FOREVER)))
ENDS = Script(beats=(Queued(0), Step("Opened the shop", 0.5), Finish({"price": 42})))
ASKS = Script(beats=(Queued(0), Ask("Which colour?", ("white", "blue")), Stall(FOREVER)))
ENDED = Script(beats=(Queued(0), Finish({"price": 42})))
FAILS = Script(beats=(Queued(0), Fail("The time was up.", kind="timed_out")))
STORY_OF = {
    "status": RUNS,
    "wait": ENDS,
    "events": ENDS,
    "result": ENDED,
    "answer": ASKS,
    "diagnose": FAILS,
    "cancel": RUNS,
}
"""What a JOB does, by the command that is about it."""
PROGRAMS = {
    PROGRAM: f'[ "$*" != demo ] || set -- demo --fast\nexec "{sys.executable}" -m mcp_browserjobs "$@"',
    "uvx": 'exec "$@"',
    "deploy": 'echo "deploy $*" >> said',
    "docker": 'echo "docker $*" >> said',
}
"""What a reader has who did what the pages say; the story is told fast."""
OF_THE_CHECKOUT = {
    PROGRAM: f'exec {PROGRAM} "$@"',
    "python": 'echo "python $*" >> said',
    "coverage": 'echo "coverage $*" >> said',
}
"""What the scripts of the checkout start: of these, only the program itself is run here."""
KNOWN = re.compile(rf"(?:\w+=\S+ )*(?:{PROGRAM}|uvx {PROGRAM}|docker compose|scripts/[\w-]+|eval \"\$\({PROGRAM}) ?")


class Reader:
    """Somebody who types what is written, in a checkout and a home of their own."""

    def __init__(self, folder: Path, world: World, environ: dict[str, str]) -> None:
        self.folder, self.world = folder, world
        self.environ = environ | {
            "HOME": str(folder / "home"),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "BROWSERJOBS_STORE": str(folder / "jobs.sqlite3"),
        }
        for name in ("scripts", "manifests", "requirements-dev.txt"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "home").mkdir()
        (folder / "keys.env").write_text("DARI_API_KEY=demo-key\n", encoding="utf-8")
        for place, programs in (("bin", PROGRAMS), (".venv/bin", OF_THE_CHECKOUT)):
            (folder / place).mkdir(parents=True)
            for name, script in programs.items():
                program = folder / place / name
                program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
                program.chmod(0o700)
        self.type("(pwd; cksum < requirements-dev.txt) > .venv/stamp")

    @property
    def said(self) -> list[str]:
        """What the programs were told that only took note of it."""
        noted = self.folder / "said"
        return noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []

    def filled_in(self, line: str) -> str:
        """The line with what a reader puts in the place of JOB and of three dots."""
        if found := re.search(rf"{PROGRAM} (\w+) .*\bJOB\b", line):
            job = self.world.add("dari", STORY_OF[found[1]])
            line = re.sub(r"\bJOB\b", f"dari:{job.id}", line)
        return re.sub(r"(?<==)\.\.\.(?= )", TOKEN, line)

    def type(self, line: str) -> str:
        """Type a line and wait until it is done; whoever asks hears 1."""
        import pty  # noqa: PLC0415 - not on Windows

        ours, theirs = pty.openpty()
        os.write(ours, b"1\n")
        done = subprocess.run(  # noqa: S603 - what our own pages say
            ["bash", "-c", line],  # noqa: S607 - whichever there is
            cwd=self.folder,
            env=self.environ,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            encoding="utf-8",
            timeout=LONGEST_SECONDS,
            check=False,
        )
        os.write(theirs, b".")
        shown = os.read(ours, 65536).decode(errors="replace")
        os.close(theirs)
        os.close(ours)
        assert done.returncode == 0, f"{line}\n{done.stdout}{shown}"
        return done.stdout

    def serves(self, line: str) -> str:
        """Type a line that starts a server, see that it answers, and interrupt it; what it said before."""
        with subprocess.Popen(  # noqa: S603 - as above
            ["bash", "-c", line],  # noqa: S607 - whichever there is
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        ) as server:
            assert server.stdout
            said = next(text for text in server.stdout if "http://" in text)
            answered = urlsplit(re.findall(r"http://[\w.:]+", said)[0])
            try:
                socket.create_connection(("127.0.0.1", answered.port or 0), LONGEST_SECONDS).close()
            finally:
                os.killpg(server.pid, signal.SIGINT)
            assert server.wait(LONGEST_SECONDS) in (0, Exit.INTERRUPTED)
        return said


@pytest.fixture(scope="module")
def pretended() -> Iterator[tuple[World, dict[str, str]]]:
    """Pretend providers on this machine, and the variables that lead there."""
    world = World()
    with provided(world) as environ:
        yield world, environ


def commands(block: Block) -> list[str]:
    """The lines of a block that are more than a comment."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="there is no bash")
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_command_runs(block: Block, pretended: tuple[World, dict[str, str]], tmp_path: Path) -> None:
    reader = Reader(tmp_path, *pretended)
    for line in commands(block):
        assert KNOWN.match(line), f"It is not known here how to run this: {line}"
        filled = reader.filled_in(line)
        if re.search(r" simulate\b| --transport\b", line):
            reader.serves(re.sub(r"( *#.*)?$", " --port 0", filled, count=1))
        elif line.startswith("eval"):
            assert PROGRAM in reader.type(f"{filled}\ncomplete -p {PROGRAM}")
        else:
            reader.type(filled)
        if kept := re.search(r"> (\S+\.json)", line):
            assert json.loads((tmp_path / kept[1]).read_text(encoding="utf-8")) == {"price": 42}
    for noted in reader.said:
        program, *arguments = noted.split()
        match program, arguments:
            case "deploy", []:
                assert any("&& deploy" in line for line in commands(block))
            case "docker", ["compose", "--file", file, "up"]:
                assert YAML(typ="safe").load(ROOT / file)["services"][PROGRAM]["build"]
            case ("python", ["-m", module, *_]) | ("coverage", ["run", "-m", module, *_]) if "." in module:
                assert importlib.util.find_spec(module)
            case _:
                assert (program, arguments[0]) in {("coverage", each) for each in ("erase", "run", "combine", "report")}


def starts_us(entry: Any) -> bool:
    """Whether this is how a host starts the server."""
    program, *arguments = entry["args"]
    with cli.main.make_context(PROGRAM, list(arguments)):
        return (entry.get("command") or entry["cmd"], program) == ("uvx", PROGRAM)


def entry_in(block: Block) -> Any:
    """The server in the configuration of a host, as that reads it."""
    for host in HOSTS.values():
        if block.language in {host.format.name.lower(), "jsonc"}:
            document = host.format.read(block.text)
            if host.servers in document:
                return document[host.servers][installing.NAME]
    raise AssertionError(f"It is not known here what reads this: {block}")


@pytest.mark.parametrize("block", SNIPPETS, ids=str)
def test_every_snippet_is_read_by_what_it_is_for(block: Block, tmp_path: Path) -> None:
    if block.language == "txt":
        link = urlsplit(block.text.strip())
        assert link.scheme == "cursor"
        assert starts_us(json.loads(base64.b64decode(parse_qs(link.query)["config"][0])))
    elif block.language == "toml" and "accounts" in (accounts := tomllib.loads(block.text)):
        file = tmp_path / "accounts.toml"
        file.write_text(block.text, encoding="utf-8")
        settings = from_environment({"BROWSERJOBS_CONFIG": str(file)})
        assert [account.name for account in settings.accounts] == list(accounts["accounts"])
    else:
        assert starts_us(entry_in(block))


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.name)
def test_every_link_leads_to_something_that_is_there(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        place = urlsplit(link)
        if not place.scheme:
            target = (page.parent / unquote(place.path)).resolve() if place.path else page
            assert target.exists(), link
            assert not place.fragment or place.fragment in headings(target), link


def headings(page: Path) -> set[str]:
    """The names by which links lead to the headings of a page."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in found}


def test_the_readme_is_a_page_that_is_read() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200
