"""server.json: how the registry of MCP servers lists this one."""

from collections.abc import Iterable
from typing import Any

from mcp_browserjobs import __version__, variables
from mcp_browserjobs.variables import Variable
from scripts.generators.project import PACKAGE, PROJECT, TITLE

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
NAME = f"io.github.{PACKAGE}/{PACKAGE}"
"""Whose it is, to the registry; the package's README has to say the same."""
FORMATS = {"text": "string", "number": "number", "switch": "boolean", "file": "filepath", "address": "string"}
ADDRESS = "http://127.0.0.1:8931/mcp"


def server() -> dict[str, Any]:
    """The entry: the package as a host starts it over stdio, and as one process that serves many over HTTP."""
    every = variables.every()
    return {
        "$schema": SCHEMA,
        "name": NAME,
        "title": TITLE,
        "description": PROJECT["description"],
        "version": __version__,
        "packages": [
            _package({"type": "stdio"}, [each for each in every if not each.over_http_only]),
            _package({"type": "streamable-http", "url": ADDRESS}, every)
            | {
                "packageArguments": [
                    {"type": "positional", "value": "serve"},
                    {"type": "named", "name": "--transport", "value": "http"},
                ]
            },
        ],
    }


def _package(transport: dict[str, str], described: Iterable[Variable]) -> dict[str, Any]:
    return {
        "registryType": "pypi",
        "identifier": PACKAGE,
        "version": __version__,
        "runtimeHint": "uvx",
        "transport": transport,
        "environmentVariables": [_described(each) for each in described],
    }


def _described(variable: Variable) -> dict[str, Any]:
    described = {"name": variable.name, "description": variable.description, "format": FORMATS[variable.kind]}
    secret = {"isSecret": True} if variable.secret else {}
    default = {"default": variable.default} if variable.default else {}
    return described | secret | default
