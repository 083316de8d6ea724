"""YAML, edited in place: ruamel.yaml finds the places, so that everything else keeps its form to the letter."""

import json
from typing import Any

from .braces import Braces, Member, cut_out, put_in
from .formats import Document, Format, NotValidError, Path, line_start, newline, next_line

# ruff: noqa: PLC0415 - one host has YAML, so nobody else need wait for the library

STEP = 2


def read(text: str) -> Document:
    """What a text says."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        value = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise NotValidError(f"is no valid YAML{where}") from None
    except (YAMLError, ValueError):
        raise NotValidError("is no valid YAML") from None
    except RecursionError:
        raise NotValidError("is nested too deeply") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotValidError("is no YAML mapping")
    return value


def put(text: str, path: Path, value: Any) -> str:
    """The text with this entry in that mapping: where it was, or as the first."""
    top, name = map(str, path)
    end = newline(text)
    root = _root(text)
    outer = _child(root, top)
    if root is not None:
        _check(root)
        if root.flow_style:
            return _put_in(text, outer[1], name, value) if outer else _put_in(text, root, top, {name: value})
    if outer is None:
        gap = "" if not text or text.endswith("\n") else end
        return text + gap + end.join([f"{top}:", *_lines(name, value, STEP)]) + end
    key, node = outer
    if not node.value:
        blank = text[: node.start_mark.index] + text[node.end_mark.index :]
        at = next_line(blank, key.end_mark.index)
        gap = "" if blank[:at].endswith("\n") else end
        return blank[:at] + gap + end.join(_lines(name, value, key.start_mark.column + STEP)) + end + blank[at:]
    if node.flow_style:
        return _put_in(text, node, name, value)
    _check(node)
    first = node.value[0][0].start_mark
    block = end.join(_lines(name, value, first.column)) + end
    if found := _child(node, name):
        start, stop = _span(text, *found)
        return text[:start] + block + text[stop:]
    at = next_line(text, key.end_mark.index)
    return text[:at] + block + text[at:]


def cut(text: str, path: Path) -> str:
    """The text without that entry of that mapping."""
    top, name = map(str, path)
    outer = _child(_root(text), top)
    if outer is None or not (found := _child(outer[1], name)):
        return text
    key, node = outer
    if node.flow_style:
        return cut_out(text, _braces(node), _member(*found))
    start, stop = _span(text, *found)
    text = text[:start] + text[stop:]
    if len(node.value) > 1:
        return text
    colon = text.index(":", key.end_mark.index) + 1
    return f"{text[:colon]} {{}}{text[colon:]}"


YAML_FORMAT = Format("YAML", read, put, cut)


def _root(text: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).compose(text)


def _child(node: Any, name: str) -> tuple[Any, Any] | None:
    """The key and the value of this name in a mapping."""
    pairs = node.value if node is not None and isinstance(node.value, list) else []
    return next(((key, value) for key, value in pairs if key.value == name), None)


def _check(node: Any) -> None:
    if not isinstance(node.value, list):
        raise NotValidError("has something else where a mapping is expected")


def _put_in(text: str, node: Any, name: str, value: Any) -> str:
    """The text with this member between the braces of a mapping; JSON is YAML there."""
    _check(node)
    braces, said = _braces(node), json.dumps(value, ensure_ascii=False)
    if found := braces.member(name):
        return text[: found.value] + said + text[found.end :]
    return put_in(text, braces, f"{_name(name)}: {said}")


def _braces(node: Any) -> Braces:
    return Braces(node.start_mark.index, [_member(key, value) for key, value in node.value])


def _member(key: Any, value: Any) -> Member:
    return Member(str(key.value), key.start_mark.index, value.start_mark.index, value.end_mark.index)


def _span(text: str, key: Any, node: Any) -> tuple[int, int]:
    """The lines of an entry, without the comments and blank lines that follow."""
    last = _last(node)
    stop = last if text[:last].endswith("\n") else next_line(text, last)
    return line_start(text, key.start_mark.index), stop


def _last(node: Any) -> int:
    """Where the content of a node ends."""
    if isinstance(node.value, str) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    child = node.value[-1]
    return _last(child[1] if isinstance(child, tuple) else child)


def _lines(name: str, value: Any, indent: int) -> list[str]:
    """An entry in block form; names and texts are quoted as JSON does it, which YAML understands."""
    said = _name(name)
    if not isinstance(value, dict) or not value:
        return [f"{' ' * indent}{said}: {json.dumps(value, ensure_ascii=False)}"]
    rows = [_lines(key, child, indent + STEP) for key, child in value.items()]
    return [f"{' ' * indent}{said}:", *(line for row in rows for line in row)]


def _name(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name[0].isalpha() else json.dumps(name)
