"""Virtual time for every test that does not ask for another backend."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A trio whose clock jumps ahead whenever everybody waits."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def virtual_clock() -> datetime:
    """The virtual time as a moment; it starts at START."""
    return START + timedelta(seconds=anyio.current_time())
