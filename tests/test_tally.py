"""What is counted, and where a person reads it."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_browserjobs.errors import BrowserJobsError
from mcp_browserjobs.simulator.script import Finish, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import COUNTING_SECONDS, Store
from mcp_browserjobs.tally import Tally
from tests.conftest import START, virtual_clock
from tests.shell import Place, lines
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

SLOW = Script(beats=(Queued(), *(Step(f"Read page {page}", 20) for page in range(5)), Finish()))


@pytest.fixture
def world() -> World:
    return new_world()


async def counts(path: Path) -> dict[tuple[str, str, str], int]:
    store = Store(str(path))
    counted = {(each.what, each.account, each.how): each.times for each in await store.counts()}
    store.close()
    return counted


async def test_what_was_done_is_written_down_now_and_then_and_at_the_end(world: World, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    job = f"gobii:{world.add('gobii', SLOW).id}"
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker:
        await tracker.look(job)
        assert await counts(path) == {}
        await anyio.sleep(COUNTING_SECONDS + 1)
        asked = len(world.requests)
        assert await counts(path) == {
            ("request", "gobii", "200"): asked,
            ("look", "gobii", ""): 1,
            ("event", "gobii", ""): 1,
        }
        await tracker.look(job)
    found = await counts(path)
    assert found["look", "gobii", ""] == 2
    assert found["request", "gobii", "200"] == len(world.requests)
    assert found["event", "gobii", ""] == 2


async def test_waits_are_counted_by_how_they_end(world: World, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    job = f"gobii:{world.add('gobii', SLOW).id}"
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker:
        await tracker.wait([job], seconds=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: tracker.wait([job], seconds=500))
            await anyio.sleep(COUNTING_SECONDS + 1)
            assert await tracker.store.open_waits(now=virtual_clock()) == 1
            tasks.cancel_scope.cancel()
        await anyio.sleep(COUNTING_SECONDS + 1)
        assert await tracker.store.open_waits(now=virtual_clock()) == 0
        await tracker.wait([job], seconds=500)
    found = await counts(path)
    assert {how: times for (what, _, how), times in found.items() if what == "wait"} == {
        "done": 1,
        "time up": 1,
        "cut off": 1,
    }


async def test_open_waits_of_a_process_that_died_are_not_counted_for_long(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "jobs.sqlite3"))
    await store.add_counts([], "dead", 3, now=START)
    assert await store.open_waits(now=START) == 3
    await anyio.sleep(4 * COUNTING_SECONDS)
    assert await store.open_waits(now=virtual_clock()) == 0
    store.close()


async def test_refusals_are_counted_and_no_answer_too(world: World, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    script = Script(beats=SLOW.beats, troubles=(RateLimit(start=0, seconds=5),))
    jobs = [f"gobii:{world.add('gobii', script).id}"]
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker:
        for job in jobs:
            with pytest.raises(BrowserJobsError):
                await tracker.look(job)
    assert (await counts(path))["request", "gobii", "429"] == 1


async def test_counting_costs_no_write_of_its_own(world: World, tmp_path: Path) -> None:
    tally = Tally(virtual_clock)
    tally.add("look", "gobii")
    tally.add("look", "gobii", times=2)
    [counted] = tally.take()
    assert (counted.times, counted.last_at, tally.pending, tally.take()) == (3, START, False, [])


def test_doctor_tells_what_was_done(tmp_path: Path) -> None:
    place, path = Place(), str(tmp_path / "jobs.sqlite3")
    environ: dict[str, Any] = {"HOME": str(tmp_path), "BROWSERJOBS_STORE": path}
    assert "What was done so far" not in place.run("doctor", **environ).output
    job = place.add("gobii", SLOW)
    place.run("status", job, **environ)
    place.run("wait", job, "--timeout", "0.1", **environ)
    told = lines(place.run("doctor", **environ))
    begin = told.index("What was done so far")
    assert told[begin + 1] == "  ok    Looks at jobs: 1; events stored: 1."
    assert "Waits: 0 open, 1 " in told[begin + 2]
    assert "Requests of gobii: " in told[begin + 3]
    assert " (200: " in told[begin + 3]
    assert "the last good answer 0 s ago." in told[begin + 3]
    assert any(line.endswith(" MB)") and "The store opens" in line for line in told)
