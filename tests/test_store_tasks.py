"""Tasks stay written down until they expire."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mcp_browserjobs.store import Store, Task, TaskAnswer
from tests.conftest import START

pytestmark = pytest.mark.anyio

TASK = Task("t", "ann", {"jobs": ["dari:1"]}, START, START, START + timedelta(seconds=100))


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "jobs.sqlite3")


@pytest.fixture
def store(path: str) -> Iterator[Store]:
    with closing(Store(path)) as opened:
        yield opened


async def test_a_task_is_there_for_every_process_until_it_expires(store: Store, path: str) -> None:
    await store.make_task(TASK)
    with closing(Store(path)) as other:
        assert await other.load_task("t", now=later(99)) == TASK
        assert await other.load_task("t", now=later(100)) is None
        assert await other.load_task("another", now=later(0)) is None


async def test_tasks_that_expired_are_forgotten_when_one_is_made(store: Store) -> None:
    await store.make_task(TASK)
    assert await store.note_answer("t", "q", TaskAnswer(1, later(10)), now=later(1))
    await store.make_task(replace(TASK, id="u", made_at=later(100), changed_at=later(100), expires_at=later(200)))
    assert await store.load_task("t", now=later(0)) is None
    assert await store.load_task("u", now=later(0)) is not None
    await store.make_task(TASK)
    again = await store.load_task("t", now=later(0))
    assert again == TASK


async def test_the_first_outcome_stands(store: Store) -> None:
    await store.make_task(TASK)
    ended = await store.end_task(TASK, {"status": "cancelled"}, now=later(1))
    assert ended == replace(TASK, outcome={"status": "cancelled"}, changed_at=later(1))
    assert await store.end_task(TASK, {"status": "completed"}, now=later(2)) == ended
    assert await store.load_task("t", now=later(3)) == ended


async def test_a_task_that_is_gone_ends_all_the_same(store: Store) -> None:
    ended = await store.end_task(TASK, {"status": "cancelled"}, now=later(1))
    assert ended.outcome == {"status": "cancelled"}
    assert await store.load_task("t", now=later(1)) is None


async def test_each_answer_counts_once(store: Store) -> None:
    await store.make_task(TASK)
    assert await store.note_answer("t", "q", TaskAnswer(1, later(10)), now=later(1))
    assert not await store.note_answer("t", "q", TaskAnswer(1, later(20)), now=later(2))
    assert await store.note_answer("t", "r", TaskAnswer(1, later(30)), now=later(3))
    assert await store.note_answer("t", "q", TaskAnswer(2, later(40)), now=later(4))
    task = await store.load_task("t", now=later(5))
    assert task
    assert task.answers == {"q": TaskAnswer(2, later(40)), "r": TaskAnswer(1, later(30))}
    assert task.changed_at == later(4)
