"""Entries get into configurations and out of them, and all else stays to the letter."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from mcp_browserjobs.hosts.formats import Format, NotValidError
from mcp_browserjobs.hosts.jsonc import JSON, JSONC
from mcp_browserjobs.hosts.toml import TOML
from mcp_browserjobs.hosts.yaml import YAML_FORMAT

ENTRY: dict[str, Any] = {
    "command": "C:\\Program Files\\x.exe",
    "args": ["serve", 'with "quotes"'],
    "timeout": 300,
    "env": {"K": "v\u00e9 #1: \U0001f600"},
}
PATH = ("servers", "browserjobs")

PLAIN = [
    '{\n  "servers": {\n    "a": {"command": "x"}\n  },\n  "z": [1, {"b": null}]\n}\n',
    '{\n\t"servers": {}\n}',
    '{"servers":{"a":{"b":1}}}',
    '{"servers": {}, "z": 1}',
    '{\n    "z": "}, \\"servers\\": { // no comment",\n    "servers": {\n        "a": 1\n    }\n}',
    '{\r\n  "servers": {\r\n    "a": 1\r\n  }\r\n}\r\n',
    '{"servers": {"a": 1}, "servers": {"b": 2}}',
]
COMMENTED = [
    '// top\n{\n  "a": 1, // note\n  /* b */ "servers": {\n    "x": 1, // last\n  },\n}\n// end\n',
    '{\n  "servers": {\n    "x": 1 // last\n    // more\n  }\n}\n',
    '{\n  "servers": {\n    // none yet\n  }\n}\n',
    '{ "servers": { "x": [1, 2,], } }',
    '{\n  "servers": {\n    "x": "http://a//b" /* in\n two lines */\n  }\n}',
]
TABLES = [
    "",
    'model = "x"\n',
    '# mine\nmodel = "x"  # best\n\n[servers.docs]\na = "b"\n\n[servers.docs.env]\nA = "b"\n\n# later\n[tui]\na = 1\n',
    "[servers]\n",
    "servers.a.b = 1\n",
    '[servers]\na = { command = "y" } # hi\n\n[b]\nc = 1\n',
    'z = 1\nservers = { a = { b = "x,}" }, "c" = [1, 2] } # mine\n[d]\ne = 1\n',
    "t = '''\nservers = {}\n'''\nservers = { a.b = 1 }\n",
    "servers = {} # none\n",
    'text = """\nno [servers.other]\n[ header\n"""\n',
]
MAPPINGS = [
    "# top\nA: x\nservers:\n  # first\n  a:\n    on: true\n    b: [a]\n\n  # second\n  b:\n    c: 'x'\n# end\nZ: 1\n",
    "servers:\n    a:\n        text: |\n          x\n\n          y\nZ: 1\n",
    "---\nservers:\n  a: {b: 1}\n",
    "servers:\n- a\n".replace("- a", "  a: [\n    1,\n    2]"),
    "servers: {a: {b: 1}, c: 'x, }'} # end\nZ: 1\n",
    "servers: {\n  a: {b: 1}, # first\n  c: d # last\n}\n",
    "servers: { a: x y , b: 2, }\n",
    '{"servers": {"a": {"b": 1}}}',
    "{servers: {}, z: 1}\n",
]
KEPT = [
    *((JSON, text) for text in PLAIN),
    *((JSONC, text) for text in [*PLAIN, *COMMENTED]),
    *((TOML, text) for text in TABLES),
    *((YAML_FORMAT, text) for text in MAPPINGS),
]


def with_crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def wanted(form: Format, text: str) -> dict[str, Any]:
    document = form.read(text)
    return {**document, "servers": {**document.get("servers", {}), "browserjobs": ENTRY}}


@pytest.mark.parametrize("ends", [str, with_crlf], ids=["as it is", "CRLF"])
@pytest.mark.parametrize(("form", "text"), KEPT, ids=lambda value: repr(value)[:40])
def test_an_entry_gets_in_and_out_again(form: Format, text: str, ends: Callable[[str], str]) -> None:
    text = ends(text)
    added = form.put(text, PATH, ENTRY)
    assert form.read(added) == wanted(form, text)
    assert form.put(added, PATH, ENTRY) == added
    assert form.cut(added, PATH) == text
    assert form.cut(text, PATH) == text
    if "\r\n" in text:
        assert added.count("\n") == added.count("\r\n")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (JSON, ""),
        (JSON, " \n"),
        (JSON, "{}"),
        (JSON, '{"a": 1}'),
        (JSON, '{\n    "a": 1\n}\n'),
        (JSONC, "// nothing\n"),
        (JSONC, '{ "servers": { /* none */ } }'),
        (TOML, "a = 1"),
        (YAML_FORMAT, ""),
        (YAML_FORMAT, "A: 1"),
        (YAML_FORMAT, "servers: {}  # none\nZ: 1\n"),
        (YAML_FORMAT, "servers:"),
        (YAML_FORMAT, "servers:\nZ: 1\n"),
    ],
)
def test_what_is_missing_is_made(form: Format, text: str) -> None:
    added = form.put(text, PATH, ENTRY)
    document = form.read(text)
    assert form.read(added) == {**document, "servers": {"browserjobs": ENTRY}}
    left = form.read(form.cut(added, PATH))
    assert {key: value for key, value in left.items() if value} == {
        key: value for key, value in document.items() if value
    }


@pytest.mark.parametrize(("form", "text"), KEPT, ids=lambda value: repr(value)[:40])
def test_a_changed_entry_stays_where_it_is(form: Format, text: str) -> None:
    added = form.put(form.put(text, PATH, ENTRY), ("servers", "later"), ENTRY)
    changed = form.put(added, PATH, {**ENTRY, "args": []})
    assert form.read(changed)["servers"]["browserjobs"] == {**ENTRY, "args": []}
    assert form.cut(form.cut(changed, ("servers", "later")), PATH) == text
    assert form.cut(form.cut(changed, PATH), ("servers", "later")) == text


@pytest.mark.parametrize(
    ("form", "text", "problem"),
    [
        (JSON, '{"a": 1,}', "is no valid JSON (line 1, column"),
        (JSON, '{\n  "a": 1 // no\n}', "is no valid JSON (line 2, column 10)"),
        (JSON, '{"a": NaN}', "has a number that is none"),
        (JSON, "[1]", "is no JSON object"),
        (JSON, '{"a": ' + "[" * 100_000, "is nested too deeply"),
        (JSONC, '{"a": 1,,}', "is no valid JSON (line 1"),
        (JSONC, "{,}", "is no valid JSON (line 1"),
        (JSONC, '{"a":,}', "is no valid JSON (line 1"),
        (JSONC, '{"a": [,]}', "is no valid JSON (line 1"),
        (JSONC, '{\n  "a": "open\n}', "is no valid JSON (line 2, column 8)"),
        (JSONC, "{ /* open }", "is no valid JSON (line 1, column 3)"),
        (JSONC, '{"a": 1', "is no valid JSON (line 1"),
        (TOML, "a = \n", "is no valid TOML (line 1, column"),
        (TOML, "[a", "is no valid TOML (end of document)"),
        (TOML, "a = " + "[" * 100_000, "is nested too deeply"),
        (YAML_FORMAT, "a: " + "[" * 5_000, "is nested too deeply"),
        (YAML_FORMAT, "a: [1", "is no valid YAML (line 1)"),
        (YAML_FORMAT, "a: 1\na: 2\n", "is no valid YAML (line 2)"),
        (YAML_FORMAT, "a: !!python/name:os.system x", "is no valid YAML"),
        (YAML_FORMAT, "a: \x01", "is no valid YAML"),
        (YAML_FORMAT, "- 1", "is no YAML mapping"),
    ],
)
def test_what_is_not_valid_is_told_with_its_place(form: Format, text: str, problem: str) -> None:
    with pytest.raises(NotValidError) as caught:
        form.read(text)
    assert problem in caught.value.problem


@pytest.mark.parametrize("text", ['{"servers": 1}', '{"servers": {'])
def test_what_is_no_object_takes_no_entry(text: str) -> None:
    with pytest.raises(NotValidError):
        JSON.put(text, PATH, ENTRY)


def test_without_servers_there_is_nothing_to_cut() -> None:
    assert JSON.cut('{"a": 1}', PATH) == '{"a": 1}'


def test_in_braces_without_servers_they_are_added() -> None:
    added = YAML_FORMAT.put("{z: 1}\n", PATH, ENTRY)
    assert YAML_FORMAT.read(added) == {"z": 1, "servers": {"browserjobs": ENTRY}}
    assert YAML_FORMAT.cut(added, PATH) == "{z: 1, servers: {}}\n"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("[servers]\na = 1\nbrowserjobs = { b = 1 } # hi\nc = 2\n", "[servers]\na = 1\nc = 2\n"),
        ('servers."browserjobs" = { b = [\n  1, # one\n  2,\n] }\nc = 2\n', "c = 2\n"),
        ("servers = { browserjobs = { b = 1 }, a = 1 }\n", "servers = { a = 1 }\n"),
    ],
)
def test_an_entry_between_braces_is_changed_there_and_cut(text: str, without: str) -> None:
    changed = TOML.put(text, PATH, ENTRY)
    assert TOML.read(changed) == wanted(TOML, text)
    assert TOML.read(TOML.put(text, PATH, {}))["servers"]["browserjobs"] == {}
    assert [TOML.cut(text, PATH), TOML.cut(changed, PATH)] == [without, without]


@pytest.mark.parametrize(
    ("text", "without"),
    [("servers: {browserjobs: {b: 1}, a: 1}\n", "servers: {a: 1}\n"), ("servers: {browserjobs: 1,}", "servers: {}")],
)
def test_yaml_between_braces_is_changed_there_and_cut(text: str, without: str) -> None:
    assert YAML_FORMAT.read(YAML_FORMAT.put(text, PATH, ENTRY)) == wanted(YAML_FORMAT, text)
    assert YAML_FORMAT.cut(text, PATH) == without


def test_what_is_no_mapping_takes_no_entry() -> None:
    with pytest.raises(NotValidError):
        YAML_FORMAT.put("{servers: 1}\n", PATH, ENTRY)


def test_items_of_a_list_are_edited_too() -> None:
    text = '{\n  "inputs": [\n    {"id": "a"}\n  ]\n}\n'
    added = JSONC.put(text, ("inputs", 1), {"id": "b"})
    assert JSONC.read(added) == {"inputs": [{"id": "a"}, {"id": "b"}]}
    assert JSONC.cut(added, ("inputs", 1)) == text
    assert JSONC.read(JSONC.put("{}", ("inputs", 0), {"id": "b"})) == {"inputs": [{"id": "b"}]}


def test_a_table_between_others_is_cut_with_its_sub_tables() -> None:
    text = '[a]\nx = 1\n\n[servers."browserjobs"]\ncommand = "y"\n\n[b]\nz = 2\n\n'
    text += '[ servers . browserjobs . env ]\nK = "v"\n# end\n'
    assert TOML.cut(text, PATH) == "[a]\nx = 1\n\n[b]\nz = 2\n\n# end\n"
    assert TOML.read(TOML.put(text, PATH, ENTRY))["servers"] == {"browserjobs": ENTRY}


def document(dice: random.Random, depth: int = 0) -> Any:
    match dice.randrange(7 if depth < 3 else 4):
        case 0:
            return dice.choice([True, False, None, 0, -1.5e3])
        case 1 | 2 | 3:
            return "".join(dice.choice('ab"\\/{}[],:*\n\u00e9 ') for _ in range(dice.randrange(8)))
        case 4 | 5:
            return {f"k{n}{dice.choice(',}:')}": document(dice, depth + 1) for n in range(dice.randrange(4))}
        case _:
            return [document(dice, depth + 1) for _ in range(dice.randrange(4))]


@pytest.mark.parametrize("seed", range(60))
def test_any_json_keeps_its_form(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret
    content = {"before": document(dice), "servers": {"a": document(dice)}, "after": document(dice)}
    text = json.dumps(content, indent=dice.choice([None, 1, 4, "\t"]), ensure_ascii=dice.random() < 0.5)
    if seed % 2:
        # Comments and trailing commas wherever a line ends outside of a text.
        text = text.replace("{\n", '{ // a "comment", {\n').replace("\n}", ",\n/* end */ }" if "\n" in text else "\n}")
    form = JSONC if seed % 2 else JSON
    added = form.put(text, PATH, ENTRY)
    assert form.read(added) == {**content, "servers": {**content["servers"], "browserjobs": ENTRY}}
    assert form.cut(added, PATH) == text
