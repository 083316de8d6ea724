"""The pretend jobs that anybody can try the server on."""

import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from mcp_browserjobs import playground
from mcp_browserjobs.jobs import JobStatus
from mcp_browserjobs.playground import ADDRESS, PREFIX, Playground
from mcp_browserjobs.server import answers
from mcp_browserjobs.server.app import build
from mcp_browserjobs.simulator import simulators
from mcp_browserjobs.simulator.world import World
from tests.conftest import virtual_clock

HOUR = 3600.0


def test_no_real_account_is_among_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOBII_API_KEY", "a real key")
    monkeypatch.setenv("GOBII_BASE_URL", "no address")
    monkeypatch.setenv("BROWSERJOBS_CONFIG", str(tmp_path / "missing.toml"))
    found = playground.settings(World(key="invented"))
    assert {account.name for account in found.accounts} == {PREFIX + name for name in simulators()}
    assert {account.key.get_secret_value() for account in found.accounts if account.key} == {"invented"}
    assert all(account.base_url.startswith(ADDRESS) for account in found.accounts)


def test_what_is_set_about_the_server_itself_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = str(tmp_path / "jobs.sqlite3")
    assert playground.settings(World()).store == ":memory:"
    monkeypatch.setenv("BROWSERJOBS_STORE", store)
    monkeypatch.setenv("BROWSERJOBS_READ_ONLY", "1")
    monkeypatch.setenv("BROWSERJOBS_TOKEN", "secret")
    found = playground.settings(World())
    assert (found.store, found.read_only, found.guarded) == (store, True, True)
    assert not found.allow("start_job")


@pytest.mark.anyio
async def test_everything_can_be_met_from_the_first_moment() -> None:
    async with Playground(clock=virtual_clock).running() as tracker:
        await anyio.sleep(1)
        listed = await tracker.list_jobs()
        met = {record.job.status for record in listed.records}
        assert met == {JobStatus.RUNNING, JobStatus.WAITING_FOR_INPUT, JobStatus.FAILED, JobStatus.COMPLETED}
        views = [await tracker.look(str(record.ref)) for record in listed.records]
        assert any(view.stalled_seconds for view in views)
        assert any(view.seen.job.goal_met is False for view in views)
        assert len(views) == len(playground.ROLES)


@pytest.mark.anyio
async def test_something_runs_and_something_asks_for_as_long_as_anybody_stays() -> None:
    async with Playground(clock=virtual_clock).running() as tracker:
        seen = set()
        for _ in range(24):
            await anyio.sleep(HOUR / 4)
            records = (await tracker.list_jobs(limit=200)).records
            seen |= {record.ref for record in records}
            statuses = [record.job.status for record in records]
            assert JobStatus.RUNNING in statuses
            assert JobStatus.WAITING_FOR_INPUT in statuses
    assert len(seen) > 24


@pytest.mark.anyio
async def test_a_question_that_is_answered_is_asked_again_in_another_job() -> None:
    async with Playground(clock=virtual_clock).running() as tracker:
        await anyio.sleep(1)
        asking = "waiting_for_input"
        [first] = (await tracker.list_jobs(status=asking)).records
        job = tracker.world.find("dari", first.ref.id)
        assert job is not None
        question = job.state().question
        assert question is not None
        job.answer(question.question_id, "blue")
        waited = await tracker.wait([str(first.ref)], until="result", seconds=HOUR)
        assert waited.done
        await anyio.sleep(HOUR / 4)
        [second] = (await tracker.list_jobs(status=asking)).records
        assert second.ref != first.ref


@pytest.mark.anyio
async def test_it_forgets_the_oldest_of_very_many_jobs_but_none_that_it_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "MOST_JOBS", 3)
    async with Playground(clock=virtual_clock).running() as tracker:
        [playing] = tracker.world.jobs("dari")
        started = [tracker.world.add("dari", playground.STARTED) for _ in range(6)]
        await anyio.sleep(2 * playground.BREATH_SECONDS)
        assert tracker.world.jobs("dari") == [*reversed(started[-3:]), playing]
        assert len(tracker.world.requests) < 100


@pytest.mark.anyio
async def test_an_assistant_is_told_that_all_is_pretend() -> None:
    tracker = Playground(clock=virtual_clock)
    server = build(tracker)
    assert server.instructions is not None
    assert len(server.instructions) <= 1200
    assert "pretend" in server.instructions.partition("\n\n")[0]
    assert server.title == "Browser jobs (pretend)"
    async with tracker.running():
        await anyio.sleep(1)
        for record in (await tracker.list_jobs()).records:
            answer = answers.job_answer(await tracker.look(str(record.ref)))
            assert answer["job"].startswith(PREFIX)
            assert f"at {PREFIX}" in answer["summary"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_host_can_be_pointed_at_it(tmp_path: Path) -> None:
    command = ["-P", "-m", "mcp_browserjobs", "serve", "--demo"]
    environ = {"PYTHONPATH": str(Path(playground.__file__).parent.parent), "DARI_API_KEY": "a real key"}
    async with Client(StdioServerParameters(command=sys.executable, args=command, env=environ, cwd=tmp_path)) as client:
        started = await client.call_tool("start_job", {"account": "pretend-gobii", "task": "Find a kettle"})
        assert started.structured_content is not None
        unknown = await client.call_tool("start_job", {"account": "gobii", "task": "Find a kettle"})
        assert "GOBII_API_KEY" not in str(unknown.content)
        listed = await client.call_tool("list_jobs", {})
        assert listed.structured_content is not None
        rows = listed.structured_content["jobs"]
    assert rows[0]["job"] == started.structured_content["job"]
    assert all(row["job"].startswith(PREFIX) for row in rows)
