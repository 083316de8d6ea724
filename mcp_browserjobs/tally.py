"""What happens, counted until it is written down where `doctor` reads it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

What = Literal["look", "event", "request", "wait"]


@dataclass(frozen=True)
class Counted:
    """How often something happened. `how` says how a request was answered or a wait ended; `last_at` when last."""

    what: str
    account: str
    how: str
    times: int
    last_at: datetime


@dataclass
class Wait:
    """A wait that is going on, and how it ends: cut off, unless it says otherwise."""

    how: Literal["done", "time up", "cut off"] = "cut off"


@dataclass
class Tally:
    """What one process counts. It is added to for nothing, and taken now and then."""

    clock: Callable[[], datetime]
    waits: int = 0
    _times: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _last_at: dict[tuple[str, str, str], datetime] = field(default_factory=dict)

    def add(self, what: What, account: str = "", how: str = "", times: int = 1) -> None:
        """Count something."""
        self._times[what, account, how] += times
        self._last_at[what, account, how] = self.clock()

    @contextmanager
    def waiting(self) -> Iterator[Wait]:
        """Count a wait: as open for as long as this lasts, then by how it ended."""
        wait = Wait()
        self.waits += 1
        try:
            yield wait
        finally:
            self.waits -= 1
            self.add("wait", how=wait.how)

    @property
    def pending(self) -> bool:
        """Whether anything was counted since it was taken last."""
        return bool(self._times)

    def take(self) -> list[Counted]:
        """What was counted since this was asked last."""
        counted = [Counted(*each, times, self._last_at[each]) for each, times in self._times.items()]
        self._times.clear()
        self._last_at.clear()
        return counted
