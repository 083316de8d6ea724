"""The store's file is its user's alone, and what gives access leaves it again."""

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from mcp_browserjobs.jobs import Job, JobRef, JobStatus, Link
from mcp_browserjobs.settings import default_store
from mcp_browserjobs.simulator.script import Finish, Queued, Script, Step
from mcp_browserjobs.store import COUNTING_SECONDS, LINK_DAYS, MIGRATIONS, Store
from tests.conftest import START, virtual_clock
from tests.secrets.marker import of_files
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

posix = pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
REF = JobRef("dari", "my-org/form/1")
JOB = Job(id=REF.id, status=JobStatus.RUNNING, provider_status="running")
LIVE = "https://live.vendor.example/session/s3cr3t"


def others_may(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) & 0o077


@pytest.fixture
def loose() -> Iterator[None]:
    """A shell that lets everybody read and write what is made in it."""
    before = os.umask(0)
    yield
    os.umask(before)


@posix
@pytest.mark.usefixtures("loose")
@pytest.mark.parametrize("made_before", [False, True])
async def test_nobody_else_may_read_the_store(tmp_path: Path, *, made_before: bool) -> None:
    folder = tmp_path / Path(default_store()).parent.name
    path = folder / "jobs.sqlite3"
    if made_before:
        with closing(Store(str(path))) as store:
            await store.record(REF, JOB, (), now=START)
            for each in (folder, *folder.iterdir()):
                each.chmod(0o777)
    with closing(Store(str(path))) as store:
        await store.record(REF, JOB, (), now=START)
        assert len(list(folder.iterdir())) == 3
        assert [others_may(each) for each in (folder, *folder.iterdir())] == [0] * 4


@posix
def test_a_folder_that_others_use_too_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store(str(tmp_path / "jobs.sqlite3")).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert others_may(tmp_path / "jobs.sqlite3") == 0


async def test_a_link_is_forgotten_when_it_expires(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    soon = Link(kind="recording", url=f"{LIVE}.mp4", expires_at=START + timedelta(hours=1))
    live = Link(kind="live_view", url=LIVE)
    marks = [hashlib.sha256(link.url.encode()).hexdigest().encode() for link in (soon, live)]
    with closing(Store(str(path))) as store:
        await store.record(REF, JOB.model_copy(update={"links": (live,)}), (), now=START)
        await store.record_links(REF, [soon], now=START)
        assert await store.find_link(soon.url, now=START) == REF
        assert await store.find_link(soon.url, now=START + timedelta(hours=1)) is None
        await store.add_counts([], "process", 0, now=START + timedelta(hours=1))
        assert await store.find_link(soon.url, now=START) is None
        last = START + timedelta(days=LINK_DAYS - 1)
        await store.record_links(REF, [live], now=last)
        for moment, found in ((last, REF), (last + timedelta(days=LINK_DAYS), None)):
            await store.add_counts([], "process", 0, now=moment)
            assert await store.find_link(LIVE, now=moment) == found
    left = of_files(tmp_path)
    assert b"my-org/form/1" in left
    assert not [mark for mark in (*marks, b"s3cr3t") if mark in left]


async def test_a_server_that_runs_forgets_by_itself(tmp_path: Path) -> None:
    world, path = new_world(), tmp_path / "jobs.sqlite3"
    job = world.add("gobii", Script(beats=(Queued(), *(Step(f"Read page {page}", 20) for page in range(9)), Finish())))
    async with tracker_in(world, BROWSERJOBS_STORE=str(path)) as tracker:
        ref = (await tracker.look(f"gobii:{job.id}")).seen.ref
        link = Link(kind="live_view", url=LIVE, expires_at=virtual_clock() + timedelta(seconds=30))
        await tracker.store.record_links(ref, [link], now=virtual_clock())
        assert await tracker.resolve(LIVE) == ref
        await tracker.wait([str(ref)], seconds=60)
        await anyio.sleep(COUNTING_SECONDS)
        with closing(sqlite3.connect(path)) as file:
            assert file.execute("SELECT count(*) FROM links").fetchone() == (0,)


async def test_links_that_an_earlier_version_kept_expire_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jobs.sqlite3"
    with monkeypatch.context() as earlier:
        earlier.setattr("mcp_browserjobs.store.file.MIGRATIONS", MIGRATIONS[:2])
        Store(str(path)).close()
    with closing(sqlite3.connect(path)) as file:
        columns = (
            "account, id, locator, snapshot, status, sort_at, revision, events, first_seen_at, changed_at, checked_at"
        )
        file.execute(f"INSERT INTO jobs ({columns}) VALUES ('a', '1', '', '{{}}', 'running', 0, 1, 0, 0, 0, 0)")  # noqa: S608 - ours
        file.execute("INSERT INTO links VALUES ('mark', 1)")
        file.commit()
    Store(str(path)).close()
    with closing(sqlite3.connect(path)) as file:
        query = "SELECT expires_at - strftime('%s', 'now') FROM links"
        assert file.execute(query).fetchone()[0] == pytest.approx(LINK_DAYS * 86400, abs=60)
