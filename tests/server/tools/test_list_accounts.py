"""What is configured, as a client hears it."""

import pytest
from mcp import Client

from mcp_browserjobs import providers
from mcp_browserjobs.server.app import build
from mcp_browserjobs.settings import Settings
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.server.connected import ERAS, connected, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    return new_world(key="key-that-nobody-may-see")


@pytest.mark.parametrize("mode", ERAS)
async def test_every_account_is_told_with_its_tools_and_never_a_key(world: World, mode: str) -> None:
    async with connected(world, mode=mode) as client:
        answer = await told(client, "list_accounts")
        tools = [tool.name for tool in (await client.list_tools()).tools]
    assert {row["provider"] for row in answer["accounts"]} == set(providers.names())
    for row in answer["accounts"]:
        assert "get_job_status" in row["abilities"]
        assert set(row["abilities"]) <= set(tools)
        assert row["key"] == "untested"
    assert "key-that" not in str(answer)
    assert world.requests == []


async def test_a_key_is_known_to_work_once_it_did(world: World) -> None:
    job = world.add("gobii", Script())
    async with connected(world) as client:
        await told(client, "get_job_status", job=f"gobii:{job.id}")
        rows = (await told(client, "list_accounts"))["accounts"]
    assert {row["account"]: row["key"] for row in rows}["gobii"] == "works"


async def test_without_any_account_it_is_told_where_keys_go() -> None:
    async with Client(build(Tracker(Settings()))) as client:
        answer = await told(client, "list_accounts")
    assert answer["accounts"] == []
    assert "GOBII_API_KEY" in answer["hint"]
