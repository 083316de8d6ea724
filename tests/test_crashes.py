"""Server processes that are killed, or whose disk is full: a few rounds of what `scripts/crash` does for long."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from scripts.crashes.child import Child, started
from scripts.crashes.killing import kill
from scripts.crashes.shown import Shown
from tests.server.outside import provided

if sys.platform != "win32":
    import resource

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("real time")]

LONG = Script(beats=(Queued(0), *(Step(f"Read page {page}", 0.3) for page in range(400)), Finish()))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_nothing_that_was_shown_is_lost_when_servers_are_killed() -> None:
    with anyio.fail_after(240):
        killing = await kill(4, workers=2, seed=4)
    assert killing.kills == 4
    assert killing.shown.count
    assert not +killing.shown.wrong, killing.shown.examples


async def until_usable(child: Child, *, usable: bool) -> None:
    """Return once the server says so of its store."""
    with anyio.fail_after(60):
        while ("store_problem" in await child.call("list_accounts")) is usable:  # noqa: ASYNC110 - nobody tells of it
            await anyio.sleep(0.2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there the limits of another process can be set")
async def test_a_server_whose_disk_is_full_goes_on_and_remembers_once_there_is_room(tmp_path: Path) -> None:
    world, store, shown = World(), tmp_path / "jobs.sqlite3", Shown()
    job = str(JobRef("dari", world.add("dari", LONG).id))

    @asynccontextmanager
    async def running(environ: dict[str, str]) -> AsyncIterator[Child]:
        async with started(environ, tmp_path / "stderr") as child:
            await child.greet()
            yield child
            shown.take(job, await child.call("get_job_events", job=job, limit=200))

    with provided(world, str(store)) as environ:
        async with running(environ) as child, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: child.call("wait_for_result", jobs=[job], wait_seconds=20))
            shown.take(job, await child.call("get_job_events", job=job, limit=200))
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            await until_usable(child, usable=False)
            shown.take(job, await child.call("get_job_events", job=job, limit=200))
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await until_usable(child, usable=True)
            shown.take(job, await child.call("get_job_events", job=job, limit=200))
            tasks.cancel_scope.cancel()
        async with running(environ):
            pass
    await shown.hold_against(store)
    assert not shown.wrong, shown.examples
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert said.count("the store cannot be used now") == said.count("the store is used again") == 1
    assert "Traceback" not in said
