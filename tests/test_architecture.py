"""The rooms of the package, and what may be imported where."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import mcp_browserjobs

PACKAGE = Path(mcp_browserjobs.__file__).parent

ROOMS = {
    "__init__": "",
    "jobs": "",
    "errors": "",
    "hazards": "",
    "reported": "jobs errors hazards",
    "masking": "",
    "logs": "reported masking",
    "tracing": "",
    "tally": "",
    "twins": "reported",
    "eventlog": "jobs errors reported",
    "diagnosis": "jobs eventlog",
    "images": "errors",
    "archives": "",
    "screenshots": "jobs errors",
    "providers": "jobs errors reported masking tracing archives screenshots",
    "store": "jobs errors reported eventlog tally",
    "settings": "jobs errors logs providers",
    "vendors": "providers",
    "variables": "providers vendors",
    "references": "jobs errors providers settings store",
    "views": "jobs errors images providers store",
    "watch": "jobs errors reported eventlog tracing providers store",
    "finding": "jobs errors eventlog providers settings store references views watch",
    "waiting": "errors store views watch finding",
    "listing": "jobs errors providers store views",
    "tracker": "jobs errors reported masking tally diagnosis images providers store settings views watch finding"
    " waiting listing",
    "acting": "jobs errors reported providers store views watch finding tracker",
    "deliveries": "jobs errors providers settings tracker",
    "server": "jobs errors reported logs diagnosis images providers store settings references views watch tracker"
    " acting deliveries",
    "simulator": "",
    "exits": "jobs errors views",
    "terminal": "jobs hazards twins server",
    "screen": "hazards server terminal",
    "completing": "errors twins settings store tracker",
    "program": "exits",
    "command": "errors logs twins providers settings views tracker server exits screen completing",
    "deeds": "jobs errors providers tracker acting server exits screen command",
    "hosts": "",
    "installing": "errors hosts",
    "envfile": "errors",
    "doctor": "errors providers settings store tracker server exits hosts installing envfile vendors",
    "checkup": "terminal screen doctor",
    "onboarding": "errors masking providers settings variables exits command hosts installing envfile vendors doctor"
    " checkup",
    "pretend": "jobs simulator",
    "playground": "jobs logs providers store settings variables simulator tracker",
    "demo": "twins providers settings views tracker acting server simulator exits terminal screen",
    "cli": "jobs errors logs providers views waiting tracker server exits screen completing program command deeds"
    " onboarding pretend playground demo",
    "__main__": "cli",
}
"""Each room, and which others it may import. The version, in `__init__`, is everybody's."""

ONLY_IN = {
    "httpx2": "providers",
    "mcp": "server cli",
    "mcp_types": "server cli",
    "dotenv": "envfile",
    "opentelemetry": "tracing",
    "platformdirs": "settings",
    "ruamel": "hosts",
    "sqlite3": "store",
}
"""Modules that are imported in these rooms only."""


class Import(NamedTuple):
    """One import: where it stands, and what it names; our own rooms start with a dot."""

    room: str
    line: str
    name: str


def sources() -> Iterator[tuple[str, Path, ast.AST]]:
    """Every part of every file of the package, with the file and its room."""
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield path.parts[0].removesuffix(".py"), path, node


def names(node: ast.AST, folders: tuple[str, ...]) -> list[str]:
    """What an import in a file of these folders names; nothing when it is none."""
    match node:
        case ast.Import(aliases):
            return [alias.name for alias in aliases]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
        case ast.ImportFrom(module, aliases, level):
            origin = [*folders[: len(folders) + 1 - level], *(module or "").split(".")]
            return [f".{origin[0]}"] if origin[0] else [f".{alias.name}" for alias in aliases]
    return []


IMPORTS = [
    Import(room, f"{path.as_posix()}:{getattr(node, 'lineno', 0)}", name)
    for room, path, node in sources()
    for name in names(node, path.parent.parts)
]


def test_every_room_is_in_the_table() -> None:
    assert {room for room, _, _ in sources()} <= ROOMS.keys()


def test_the_table_goes_one_way() -> None:
    below: set[str] = set()
    for room, others in ROOMS.items():
        assert set(others.split()) <= below
        below.add(room)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    allowed = {f".{other}" for other in (room, "__init__", "__version__", *ROOMS[room].split())}
    assert not [
        each for each in IMPORTS if each.room == room and each.name.startswith(".") and each.name not in allowed
    ]


def test_the_package_names_itself_by_dots_only() -> None:
    assert not [each for each in IMPORTS if each.name.split(".")[0] == "mcp_browserjobs"]


@pytest.mark.parametrize("module", ONLY_IN)
def test_a_library_stays_in_its_rooms(module: str) -> None:
    rooms = ONLY_IN[module].split()
    assert not [each for each in IMPORTS if each.name.split(".")[0] == module and each.room not in rooms]


def test_settings_alone_reads_the_environment() -> None:
    readers = {
        room
        for room, _, node in sources()
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.alias) and node.name in {"environ", "getenv"})
    }
    assert readers <= {"settings"}
