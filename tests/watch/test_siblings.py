"""What one process saw of several jobs reaches all watches of another."""

from pathlib import Path

import anyio
import pytest

from mcp_browserjobs.jobs import JobRef, JobStatus
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.watch.watcher import SIBLING_SECONDS
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    return new_world()


async def test_every_watch_of_a_sibling_has_the_record_of_who_looked(world: World, tmp_path: Path) -> None:
    scripts = [Script(beats=(Queued(1), Stall(500))), Script(beats=(Queued(3), Step("Loaded", 20), Finish()))]
    refs = [JobRef("dari", world.add("dari", script).id) for script in scripts]
    file = str(tmp_path / "jobs.sqlite3")
    async with (
        tracker_in(world, BROWSERJOBS_STORE=file) as leader,
        tracker_in(world, BROWSERJOBS_STORE=file) as sibling,
        leader.watching(refs[0], followed=False),
        leader.watching(refs[1], followed=False),
    ):
        await anyio.sleep(1)
        async with (
            sibling.watching(refs[0], followed=False) as quiet,
            sibling.watching(refs[1], followed=False) as ended,
        ):
            await anyio.sleep(40)
            assert ended.record
            assert ended.record.job.status is JobStatus.COMPLETED
            assert quiet.record
            assert (quiet.record.ref, quiet.record.job.status) == (refs[0], JobStatus.RUNNING)
            before = quiet.record.checked_at
            await anyio.sleep(60 + SIBLING_SECONDS)
            assert quiet.record.checked_at > before
