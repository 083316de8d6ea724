"""Frameworks such as LangChain start a server for every call: whatever one of them saw, the next finds on disk."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_browserjobs.simulator.script import FOREVER, Ask, Finish, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from tests.server.connected import connected, told
from tests.stage import new_world

pytestmark = pytest.mark.anyio

ASKING = Script(beats=(Queued(0), Step("Opened the shop"), Ask("Which?", ("red", "blue")), Finish({"paid": 42})))


@pytest.fixture
def world() -> World:
    return new_world(story=ASKING)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "jobs.sqlite3")


async def once(world: World, store: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a server answers that is started for this one call."""
    async with connected(world, BROWSERJOBS_STORE=store, BROWSERJOBS_ALLOW_START="1") as client:
        return await told(client, tool, **arguments)


async def test_a_job_is_started_followed_answered_and_read_by_a_server_each(world: World, store: str) -> None:
    wanted = {
        "account": "dari",
        "task": "demo-org/contact_form",
        "parameters_json": '{"name": "Ada"}',
        "idempotency_key": "k",
    }
    begun = await once(world, store, "start_job", **wanted)
    assert (await once(world, store, "start_job", **wanted))["job"] == begun["job"]
    assert len(world.jobs("dari")) == 1
    bare = begun["job"].removeprefix("dari:")
    [waiting] = (await once(world, store, "wait_for_result", jobs=[bare]))["jobs"]
    assert waiting["status"] == "waiting_for_input"
    before = await once(world, store, "get_job_events", job=bare)
    answer = await once(world, store, "answer_job_question", job="dari:start/k", answer="blue")
    assert answer["took_effect"] is True
    [ended] = (await once(world, store, "wait_for_result", jobs=[bare], until="result"))["jobs"]
    assert ended["status"] == "completed"
    after = await once(world, store, "get_job_events", job=bare, after=before["next_after"])
    numbers = [event["seq"] for page in (before, after) for event in page["events"]]
    assert numbers == list(range(1, after["next_after"] + 1))
    assert (await once(world, store, "get_job_result", job=bare))["reported"]["result"] == {"paid": 42}
    assert begun["job"] in [row["job"] for row in (await once(world, store, "list_jobs"))["jobs"]]
    keys = {row["account"]: row["key"] for row in (await once(world, store, "list_accounts"))["accounts"]}
    assert keys["dari"] == "works"


async def test_the_next_server_knows_who_stopped_a_job(world: World, store: str) -> None:
    job = f"dari:{world.add('dari', Script(beats=(Queued(0), Stall(FOREVER)))).id}"
    await once(world, store, "cancel_job", job=job)
    assert (await once(world, store, "get_job_status", job=job))["status"] == "cancelled"


async def test_the_next_server_lets_an_account_rest_too(world: World, store: str) -> None:
    job = f"gobii:{world.add('gobii', ASKING).id}"
    await once(world, store, "get_job_status", job=job)
    world.trouble = RateLimit(0, FOREVER, "60")
    await anyio.sleep(5)
    assert (await once(world, store, "get_job_status", job=job))["stale"] is True
    await anyio.sleep(5)
    asked = len(world.requests)
    assert (await once(world, store, "get_job_status", job=job))["stale"] is True
    assert len(world.requests) == asked
