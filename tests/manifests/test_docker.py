"""The image and how it is run agree with the server that is in it."""

import json
import re
from pathlib import PurePosixPath

import click
from ruamel.yaml import YAML

from mcp_browserjobs import variables
from mcp_browserjobs.cli import serve
from mcp_browserjobs.server.app import build
from mcp_browserjobs.server.web import application
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.tracker import Tracker
from scripts.generators.docker import IN_IMAGE, PORT
from scripts.generators.project import PROJECT, ROOT

FOLDER = ROOT / "manifests" / "docker"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
[SERVICE] = YAML(typ="safe").load(FOLDER / "compose.yaml")["services"].values()


def instruction(name: str) -> str:
    """What the last instruction of that name says."""
    found: list[str] = re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)
    return found[-1]


def test_nobody_in_it_is_root() -> None:
    user, _, group = instruction("USER").partition(":")
    assert int(user) > 0 < int(group)
    assert DOCKERFILE.index("\nUSER") > DOCKERFILE.rindex("\nRUN")
    assert f"--owner {user} --group {group} {instruction('VOLUME')}" in DOCKERFILE


def test_it_is_built_on_a_python_that_is_supported() -> None:
    images = re.findall(r"^FROM python:(\S+)-slim", DOCKERFILE, re.MULTILINE)
    assert len(images) == 2
    assert all(f"Programming Language :: Python :: {version}" in PROJECT["classifiers"] for version in images)


def test_what_it_copies_is_there_and_not_ignored() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[0] == "*"
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored


def test_its_command_is_one_of_ours() -> None:
    command, *arguments = json.loads(instruction("CMD"))
    assert command == serve.name
    with serve.make_context(command, arguments) as context:
        assert context.params["transport"] == "http"
        assert context.params["port"] == PORT
    with click.Context(serve) as context:
        assert {each.name: each.get_default(context) for each in serve.params}["port"] == PORT


def test_its_health_is_asked_for_where_the_server_tells_it() -> None:
    address = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", instruction("HEALTHCHECK"))
    assert address
    assert (int(address[1]), int(instruction("EXPOSE"))) == (PORT, PORT)
    assert address[2] in [getattr(route, "path", "") for route in application(build(Tracker(Settings()))).routes]


def test_compose_builds_it_and_demands_a_token() -> None:
    assert (FOLDER / SERVICE["build"]["context"]).resolve() == ROOT
    assert (ROOT / SERVICE["build"]["dockerfile"]).is_file()
    demanded = [name for name in SERVICE["environment"] if ":?" in name]
    assert [name.partition("=")[0] for name in demanded] == ["BROWSERJOBS_TOKEN"]


def test_compose_hands_on_every_variable_that_names_no_file_in_the_container() -> None:
    handed = [name.partition("=")[0] for name in SERVICE["environment"]]
    assert sorted(handed) == sorted(each.name for each in variables.every() if each.name not in IN_IMAGE)
    assert {each.name for each in variables.every() if each.kind == "file"} == IN_IMAGE


def test_compose_gives_it_no_more_than_it_needs() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    [(store, where)] = [volume.split(":") for volume in SERVICE["volumes"]]
    assert store == "store"
    kept = re.search(r"BROWSERJOBS_STORE=(\S+)", instruction("ENV"))
    assert kept
    assert PurePosixPath(kept[1]).is_relative_to(where)
