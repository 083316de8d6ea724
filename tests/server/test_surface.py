"""What a host sees before it calls anything: small, plain, the same for everybody, and true."""

import json
import re
from collections.abc import Iterator
from pkgutil import iter_modules
from typing import Any

import pytest
from mcp import Client
from mcp.types import Tool

import mcp_browserjobs
from mcp_browserjobs.server import tools
from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.tracker import Tracker
from tests.server.connected import ERAS, connected
from tests.stage import new_world

pytestmark = pytest.mark.anyio

ORDER = [
    "get_job_status",
    "wait_for_result",
    "get_job_events",
    "get_job_result",
    "list_jobs",
    "list_accounts",
]


async def listed(mode: str = "auto") -> list[Tool]:
    """The tools of a server without any account."""
    async with Client(build(Tracker(Settings())), mode=mode) as client:
        return (await client.list_tools()).tools


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all schemas in it."""
    if isinstance(schema, dict):
        yield schema
        for name, part in schema.items():
            yield from (each for one in part.values() for each in parts(one)) if name == "properties" else parts(part)


async def test_the_list_is_the_same_with_and_without_keys_and_in_both_eras() -> None:
    lists = [[tool.model_dump() for tool in await listed(mode)] for mode in ERAS]
    async with connected(new_world()) as client:
        lists.append([tool.model_dump() for tool in (await client.list_tools()).tools])
    assert lists[0] == lists[1] == lists[2]
    assert [tool["name"] for tool in lists[0]] == ORDER


async def test_the_list_is_small() -> None:
    rows = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in await listed()]
    assert size(rows) <= 16000
    assert sum(size([row["name"], row["description"], row["inputSchema"]]) for row in rows) <= 8000


async def test_every_tool_has_a_short_name_a_title_a_description_and_all_hints() -> None:
    for tool in await listed():
        assert re.fullmatch(r"[a-z_]{1,24}", tool.name)
        assert tool.title
        assert tool.description
        assert tool.description.isascii()
        assert len(re.findall(r"\.(?:\s|$)", tool.description)) >= 2
        assert tool.annotations
        hints = tool.annotations
        assert None not in (
            hints.read_only_hint,
            hints.destructive_hint,
            hints.idempotent_hint,
            hints.open_world_hint,
        )


async def test_tools_that_read_say_so_and_stay_in_a_closed_world() -> None:
    for tool in await listed():
        assert tool.annotations
        assert tool.annotations.model_dump(exclude_none=True) == {
            "read_only_hint": True,
            "destructive_hint": False,
            "idempotent_hint": True,
            "open_world_hint": False,
        }


async def test_schemas_are_such_as_every_client_takes() -> None:
    for tool in await listed():
        assert tool.output_schema
        for schema in (tool.input_schema, tool.output_schema):
            assert schema["type"] == "object"
            assert not schema.keys() & {"anyOf", "oneOf", "allOf", "not", "if", "$ref"}
            for part in parts(schema):
                assert not part.keys() & {"$ref", "$defs", "title", "anyOf"}
                assert "null" not in str(part.get("type"))
        for name, parameter in tool.input_schema["properties"].items():
            assert re.fullmatch(r"[a-z_]{1,64}", name)
            assert parameter["description"].isascii()
            assert parameter["type"] in ("string", "integer", "boolean", "array")
            assert "" not in parameter.get("enum", [])
            assert parameter.get("items", {"type": "string"}) == {"type": "string"}


@pytest.mark.parametrize("mode", ERAS)
async def test_the_server_introduces_itself(mode: str) -> None:
    async with connected(new_world(), mode=mode) as client:
        assert client.server_info
        assert client.server_info.name == "mcp-browserjobs"
        assert client.server_info.version == mcp_browserjobs.__version__
        assert client.instructions
        assert len(client.instructions) <= 1200
        assert "wait_for_result" in client.instructions
        assert "reported" in client.instructions
        capabilities = client.server_capabilities
        assert capabilities.resources
        assert capabilities.resources.subscribe
        assert capabilities.resources.list_changed
        assert capabilities.tools
        assert not capabilities.tools.list_changed
        assert capabilities.completions is None
        assert capabilities.logging is None


async def test_every_file_is_one_tool_of_its_name() -> None:
    files = {module.name for module in iter_modules(tools.__path__)} - {"base"}
    assert files == set(ORDER)
