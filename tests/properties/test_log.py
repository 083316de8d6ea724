"""The log of a job: whatever its provider lists and whichever process looks, numbers keep their meaning."""

import asyncio
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from unittest import TestCase

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mcp_browserjobs.jobs import Event, EventKind, Job, JobRef, JobStatus, LoggedEvent
from mcp_browserjobs.store import Store
from tests.conftest import START
from tests.histories import EXACT, INEXACT

REF = JobRef("dari", "job")
PLACES = st.lists(st.integers(0, 200), max_size=8)
PROCESSES = st.integers(0, 1)


class Logs(RuleBasedStateMachine):
    """What really happened at the provider, and the stores of two processes on one file that look at it.

    An event's text begins with what it said before, so that it is known again however it was rewritten.
    """

    exact: ClassVar[bool]
    habits: ClassVar[Collection[str]]
    alike: ClassVar[int]
    """So many events after each other have one key, where they have no ids."""

    @initialize(by_cursor=st.booleans())
    def begin(self, *, by_cursor: bool) -> None:
        """Nothing has happened yet."""
        self.folder = TemporaryDirectory(ignore_cleanup_errors=True)
        self.loop = asyncio.Runner()
        self.stores = [self.opened(), self.opened()]
        # In parts of a list without ids, what was rewritten is something new.
        self.by_cursor = by_cursor and (self.exact or "rewrite" not in self.habits)
        self.texts: list[str] = []
        self.first = 0
        self.status = JobStatus.QUEUED
        self.looks = 0
        self.seen: list[int] = []
        self.log: list[LoggedEvent] = []
        self.take(0, [])

    def opened(self) -> Store:
        """The store as a process opens it."""
        return Store(str(Path(self.folder.name) / "store.db"))

    def teardown(self) -> None:
        """Let go of everything."""
        if hasattr(self, "stores"):
            for store in self.stores:
                store.close()
            self.loop.close()
            self.folder.cleanup()

    @rule(count=st.integers(1, 5))
    def go_on(self, count: int) -> None:
        """More happens."""
        self.texts += [f"event {len(self.texts) + place}." for place in range(count)]

    @rule(status=st.sampled_from(JobStatus))
    def turn(self, status: JobStatus) -> None:
        """The job's status changes."""
        self.status = status

    @rule(process=PROCESSES)
    def restart(self, process: int) -> None:
        """A process ends, and starts again."""
        self.stores[process].close()
        self.stores[process] = self.opened()

    def listed(self, places: Iterable[int]) -> list[Event]:
        """These events as the provider words them now."""
        return [self.event(place) for place in places]

    def event(self, place: int) -> Event:
        """The event at this place, as it reads now."""
        key = str(place) if self.exact else f"12:{place // self.alike:03} step"
        return Event(key=key, kind=EventKind.STEP, reported={"text": self.texts[place]}, exact=self.exact)

    def place_of(self, text: object) -> int:
        """Which event said this, now or earlier."""
        [place] = [place for place, now in enumerate(self.texts) if now.startswith(str(text))]
        return place

    @rule(process=PROCESSES, again=PLACES, shuffled=st.randoms(use_true_random=False))
    def look(self, process: int, again: list[int], shuffled: Random) -> None:
        """A process looks, and some of the list comes more than once."""
        places = [*range(self.first, len(self.texts))]
        places += [self.first + place % len(places) for place in again] if places else []
        if "shuffle" in self.habits:
            shuffled.shuffle(places)
        self.take(process, places)

    @rule(process=PROCESSES, places=PLACES)
    @precondition(lambda self: self.exact and self.texts)
    def look_at_some(self, process: int, places: list[int]) -> None:
        """A process gets a page of any part."""
        self.take(process, [place % len(self.texts) for place in places])

    @rule(place=st.integers(0, 200))
    @precondition(lambda self: "rewrite" in self.habits and self.texts)
    def rewrite(self, place: int) -> None:
        """An event says more than before."""
        self.texts[place % len(self.texts)] += " More."

    @rule(places=st.integers(1, 20))
    @precondition(lambda self: "truncate" in self.habits)
    def forget(self, places: int) -> None:
        """The list loses its beginning; without ids, no more than was seen of it."""
        self.first = min(self.first + places, len(self.texts) if self.exact else max(self.seen, default=0))

    def take(self, process: int, places: list[int]) -> None:
        """Write down a look that brought these events."""
        self.looks += 1
        now = START + timedelta(seconds=self.looks)
        job = Job(id=REF.id, status=self.status, provider_status=self.status.value)
        cursor = str(self.looks) if self.by_cursor else None
        writing = self.stores[process].record(REF, job, self.listed(places), now=now, cursor=cursor)
        record = self.loop.run(writing)
        self.seen += [place for place in dict.fromkeys(places) if place not in self.seen]
        before, self.log = self.log, self.loop.run(self.read(self.stores[1 - process]))
        assert record.events == len(self.log)
        assert {self.texts[place] for place in places} <= {event.reported.get("text") for event in self.log}
        for old, new in zip(before, self.log, strict=False):
            assert (old.seq, old.at, old.kind) == (new.seq, new.at, new.kind)
            if new.kind is EventKind.STATUS:
                assert new == old
            else:
                assert self.place_of(old.reported["text"]) == self.place_of(new.reported["text"])
        assert len(before) <= len(self.log)

    async def read(self, store: Store) -> list[LoggedEvent]:
        """The log, page by page."""
        log: list[LoggedEvent] = []
        while page := await store.events(REF, after=log[-1].seq if log else 0, limit=7):
            log += page
        return log

    @invariant()
    def all_that_was_seen_is_there_once_in_the_order_first_seen(self) -> None:
        """Nothing is lost or doubled."""
        if hasattr(self, "log"):
            assert [event.seq for event in self.log] == [*range(1, len(self.log) + 1)]
            happened = [event for event in self.log if event.kind is not EventKind.STATUS]
            assert [self.place_of(event.reported["text"]) for event in happened] == self.seen


def machine(*, exact: bool, habits: Collection[str], alike: int) -> type[TestCase]:
    """The tests of a provider whose list does these things."""
    kind: Any = type("Listing", (Logs,), {"exact": exact, "habits": habits, "alike": alike})
    tests: type[TestCase] = kind.TestCase
    tests.settings = settings(stateful_step_count=25)  # type: ignore[attr-defined] # Hypothesis reads it there
    return tests


TestWithIds = machine(exact=True, habits=EXACT, alike=1)
TestWithoutIdsThatLosesItsBeginning, TestWithoutIdsThatIsShuffled, TestWithoutIdsThatIsRewritten = (
    machine(exact=False, habits=habits, alike=3) for habits in INEXACT
)
