"""A world of pretend providers and a client that asks them."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from mcp_browserjobs.simulator import application
from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.world import World
from tests.conftest import virtual_clock
from tests.simulator.shapes import SCRIPTS


@pytest.fixture
def world() -> World:
    return World(clock=virtual_clock)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(world))
    async with httpx2.AsyncClient(transport=transport, base_url="http://simulator") as client:
        yield client


@pytest.fixture(params=SCRIPTS)
def script(request: pytest.FixtureRequest) -> Script:
    return SCRIPTS[request.param]
