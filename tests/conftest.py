"""Virtual time for every test that does not ask for another backend."""

import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, settings
from trio.testing import MockClock

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


REAL_TIME = ("doors", "gone", "http", "process_per_call", "stdio", "tasks_outside")
"""The tests of the server, as their files are called, that look at the clock of the wall."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have what lasts as long as it lasts run one after another, where tests run side by side."""
    for item in items:
        if item.path.stem.removeprefix("test_") in REAL_TIME and item.path.parent.name == "server":
            item.add_marker(pytest.mark.xdist_group("real time"))


# A shell that starts the tests in the background has them, and all that they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A trio whose clock jumps ahead whenever everybody waits."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def virtual_clock() -> datetime:
    """The virtual time as a moment; it starts at START."""
    return START + timedelta(seconds=anyio.current_time())


# `pytest --hypothesis-profile long` tries much more, and something else each time.
for profile, examples, same in (("everyday", 40, True), ("long", 5000, False)):
    settings.register_profile(
        profile,
        max_examples=examples,
        derandomize=same,
        database=None,
        deadline=None,
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=list(HealthCheck),
    )
settings.load_profile("everyday")
