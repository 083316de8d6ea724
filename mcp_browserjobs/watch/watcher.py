"""Who looks: one loop a job, however many wait for it, in this process and in its siblings."""

import logging
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import anyio
from anyio.abc import TaskGroup

from ..errors import PASSING, BrowserJobsError, ProviderUnavailableError
from ..jobs import JobRef, JobStatus
from ..store import Record, Store
from ..tracing import asking_span, root_span
from . import pace
from .feed import SPACING_SECONDS
from .groups import ungrouped
from .look import Looker

SIBLING_SECONDS = 0.5
"""How often a process reads what its siblings wrote."""
BEAT_SECONDS = 2.0
LEASE_RETRY_SECONDS = 1.0
CLOCK_SECONDS, CLOCK_SLACK = 15.0, 1.0
"""How often the clock of the wall is checked, and how much it may drift meanwhile."""
RETURN_SECONDS, RETURN_LONGEST = 5.0, 300.0
"""How often a store's file that had to be left is tried."""
MOST_FEEDS = 40
"""So many jobs are told of by their providers at once, each over a connection of its own; the others are looked at."""
MOST_LOOKS = 80
"""So many looks are under way at once, as there are not many more connections; the others would only take memory."""
MOST_FIRST_SEEN = 1000
"""Of so many jobs that are as old as they are known it is kept in mind when that began, by a clock that nobody sets."""
MOST_LOOKS_AT_ONE = 60
"""So many of them at one account: one that hangs must not hold up the others."""
PROVISIONAL_SECONDS = 900.0
"""For so long a cancelled job is watched on where the provider may change its mind."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Watch:
    """One job that somebody waits for. `record` and `trouble` are current; `changed` tells of the next change.

    `trouble` is what the last look met, None after a good one. `ended` says that nobody looks any more: the job
    is over, or `trouble` will not pass by itself. `due` wants a look as soon as one is allowed; `hinted` says that
    somebody tells when it is time for one. `feeds_ended` counts the feeds in a row that ended without having told
    anything, or soon; `feed_pause` follows the last one, until `feed_from` on the clock of the event loop.
    `askers` are the spans of those who wait.
    """

    ref: JobRef
    record: Record | None
    trouble: BrowserJobsError | None = None
    ended: bool = False
    changed: anyio.Event = field(default_factory=anyio.Event)
    waiting: int = 0
    following: int = 0
    failures: int = 0
    tried_at: datetime | None = None
    due: bool = False
    hinted: bool = False
    feeds_ended: int = 0
    feed_pause: float = 0.0
    feed_from: float = -math.inf
    askers: list[object] = field(default_factory=list)
    poked: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    feed: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def tell(self) -> None:
        """Wake everybody who waits for a change."""
        self.changed.set()
        self.changed = anyio.Event()

    def poke(self) -> None:
        """Make the loop think again about when to look."""
        self.poked.set()
        self.poked = anyio.Event()


class Watcher:
    """Keeps one loop for each job that somebody waits for or follows, and none for the others.

    Args:
        floor: the shortest interval between looks that an account allows, by its name.
        provisional: whether a cancelled job of an account may yet turn out otherwise.
        on_change: told of each job that changed, whoever looked.
    """

    def __init__(
        self,
        store: Store,
        looker: Looker,
        clock: Callable[[], datetime],
        floor: Callable[[str], float],
        provisional: Callable[[str], bool],
        on_change: Callable[[Record], None],
    ) -> None:
        self._store = store
        self._looker = looker
        self._clock = clock
        self._floor = floor
        self._provisional = provisional
        self._on_change = on_change
        self.process = uuid4().hex
        self._errands = 0
        self._feeds = 0
        self._looks = anyio.CapacityLimiter(MOST_LOOKS)
        self._looks_at: dict[str, anyio.CapacityLimiter] = defaultdict(lambda: anyio.CapacityLimiter(MOST_LOOKS_AT_ONE))
        self._watches: dict[JobRef, Watch] = {}
        self._seen_from: dict[JobRef, float] = {}
        self._turns: WeakValueDictionary[JobRef, anyio.Lock] = WeakValueDictionary()
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Loops run as long as this does. What is raised within comes out as it is, in no group."""
        try:
            with ungrouped():
                async with anyio.create_task_group() as tasks:
                    self._tasks = tasks
                    tasks.start_soon(self._keep_time)
                    if self._store.has_file:
                        tasks.start_soon(self._share)
                        tasks.start_soon(self._come_back)
                    try:
                        yield
                    finally:
                        tasks.cancel_scope.cancel()
                        with anyio.CancelScope(shield=True):
                            await self._store.leave(self.process)
        finally:
            self._tasks = None

    @property
    def watched(self) -> int:
        """How many jobs have a loop."""
        return len(self._watches)

    def in_background(self, errand: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run something that nobody need wait for; it ends with this at the latest."""

        async def run() -> None:
            self._errands += 1
            try:
                await errand(*args)
            except Exception:
                # As at the border of a loop: a fault of ours must not end all the others.
                log.exception("something in the background broke")
            finally:
                self._errands -= 1

        self._task_group.start_soon(run)

    def meanwhile(self, errand: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run something for as long as this runs; unlike what is in the background, nothing is kept up for it."""
        self._task_group.start_soon(errand)

    @property
    def _task_group(self) -> TaskGroup:
        if self._tasks is None:
            raise RuntimeError("the watcher is not running")
        return self._tasks

    @asynccontextmanager
    async def watching(self, ref: JobRef, *, followed: bool) -> AsyncIterator[Watch]:
        """Have a job looked at until this is left; with the last one its loop ends.

        Args:
            followed: whether its events are wanted, not only its end.
        """
        if ref not in self._watches:
            record = await self._store.load(ref)
            self._watches.setdefault(ref, Watch(ref, record))
        watch = self._watches[ref]
        asker = asking_span()
        watch.waiting += 1
        watch.following += followed
        watch.askers.append(asker)
        if watch.waiting == 1 or (watch.ended and not self.is_over(watch.record)):
            self._start(watch)
        elif followed:
            watch.poke()
        try:
            yield watch
        finally:
            watch.waiting -= 1
            watch.following -= followed
            watch.askers.remove(asker)
            if not watch.waiting:
                watch.scope.cancel()
                del self._watches[ref]

    def hinted(self, ref: JobRef) -> None:
        """Take note that somebody else tells when a job is worth a look."""
        if watch := self._watches.get(ref):
            watch.hinted = True

    def recorded(self, before: Record | None, record: Record) -> None:
        """Take note of what a look of this process wrote down, and what stood there before."""
        changed = before is None or before.revision != record.revision
        if watch := self._watches.get(record.ref):
            self._take_in_record(watch, record, changed=changed)
        if before is None:
            self._remember_first_sight(record)
        if changed:
            self._on_change(record)

    def _take_in_record(self, watch: Watch, record: Record, *, changed: bool) -> bool:
        """Take in what was seen, whoever looked, and say whether that was news to those who wait.

        A job that is not over after all is looked at on, and at once where somebody told no more than its status.
        """
        relieved, watch.trouble = watch.trouble is not None, None
        watch.record, watch.failures = record, 0
        if changed or relieved:
            watch.tell()
        if record.detailed_at is None:
            watch.due = True
            watch.poke()
            watch.feed.cancel()
        if watch.ended and not self.is_over(record):
            self._start(watch)
        return changed or relieved

    def _remember_first_sight(self, record: Record) -> None:
        if record.begun_at is None:
            self._seen_from[record.ref] = anyio.current_time()
            if len(self._seen_from) > MOST_FIRST_SEEN:
                del self._seen_from[next(iter(self._seen_from))]

    def _start(self, watch: Watch) -> None:
        watch.ended, watch.trouble, watch.scope = False, None, anyio.CancelScope()
        self._task_group.start_soon(self._run, watch)

    async def _run(self, watch: Watch) -> None:
        """Look until the job is over, once the loop before this one has given back its lease."""
        turn = self._turns.setdefault(watch.ref, anyio.Lock())
        with watch.scope:
            async with turn:
                try:
                    await self._look_and_tell(watch)
                finally:
                    if self._store.shared:
                        with anyio.CancelScope(shield=True):
                            await self._store.release(watch.ref, self.process)

    async def _look_and_tell(self, watch: Watch) -> None:
        try:
            await self._look_until_over(watch)
        except BrowserJobsError as error:
            watch.trouble = error
        except Exception as error:
            # The border of the loop: a fault of ours in one job's loop must not end the others.
            log.exception("the watch of a job at %s broke", watch.ref.account)
            watch.trouble = ProviderUnavailableError("", watch.ref.account)
            watch.trouble.__cause__ = error
        watch.ended = True
        watch.tell()

    async def _look_until_over(self, watch: Watch) -> None:
        left_to_sibling = False
        while not self.is_over(watch.record):
            if self._store.shared and not await self._store.lease(watch.ref, self.process, now=self._clock()):
                left_to_sibling = True
                await anyio.sleep(LEASE_RETRY_SECONDS)
                continue
            if left_to_sibling:
                left_to_sibling = False
                await self._catch_up(watch)
                # It may have been told something that it did not write down any more.
                watch.due |= self._looker.tells(watch.ref.account)
                continue
            if (delay := self._delay(watch)) > 0:
                poked, until_feed = watch.poked, self._until_feed(watch)
                if watch.record and until_feed <= 0:
                    await self._follow(watch, watch.record)
                    continue
                with anyio.move_on_after(min(delay, until_feed)):
                    await poked.wait()
                continue
            watch.tried_at, watch.due = self._clock(), False
            try:
                async with self._looks_at[watch.ref.account], self._looks:
                    with root_span("look", self._attributes(watch), watch.askers):
                        await self._looker.look(watch.ref, followed=watch.following > 0, thrifty=True, spacing=0)
            except PASSING as trouble:
                watch.failures += 1
                begins, watch.trouble = watch.trouble is None, trouble
                if begins:
                    log.info("a watched job at %s cannot be looked at: %s", watch.ref.account, type(trouble).__name__)
                    watch.tell()

    def _attributes(self, watch: Watch) -> Mapping[str, str | int]:
        """What a span of a look says: never which job, whose id may give access to it."""
        waits = {"browserjobs.waits": watch.waiting, "browserjobs.failures": watch.failures}
        return {"browserjobs.account": watch.ref.account, **waits}

    def _until_feed(self, watch: Watch) -> float:
        """Seconds until the provider may be asked to tell by itself how a job that was read whole goes on."""
        read = watch.record and watch.record.detailed_at
        if not read or watch.failures or not self._looker.tells(watch.ref.account):
            return math.inf
        wait = watch.feed_from - anyio.current_time()
        return wait if wait > 0 or self._feeds < MOST_FEEDS else math.inf

    async def _follow(self, watch: Watch, record: Record) -> None:
        """Take what the provider tells by itself. Once it stops, looking goes on, and tells what is the matter.

        A feed that lasts no longer than the pause before it costs more than looking, and one that told nothing kept
        others from looking: they are paused for longer and longer.
        """

        async def keep_on() -> bool:
            leased = not self._store.shared or await self._store.lease(watch.ref, self.process, now=self._clock())
            return leased and not self.is_over(watch.record)

        async def pause() -> None:
            poked, seconds = watch.poked, allowance.pause(record.age(self._clock()))
            await anyio.sleep(max(SPACING_SECONDS, floor))
            if not watch.following:
                with anyio.move_on_after(seconds - max(SPACING_SECONDS, floor)):
                    await poked.wait()

        floor, since = self._floor(watch.ref.account), anyio.current_time()
        allowance = pace.Allowance(record.age(self._clock()))
        self._feeds += 1
        try:
            watch.feed = anyio.CancelScope()
            with root_span("listen", self._attributes(watch), watch.askers), watch.feed:
                await self._looker.follow(record, pause=pause, keep_on=keep_on)
        except BrowserJobsError as trouble:
            log.info("what a job at %s tells by itself broke off: %s", watch.ref.account, type(trouble).__name__)
        finally:
            self._feeds -= 1
        lasted = anyio.current_time() - since
        told = watch.record is not None and watch.record.checked_at > record.checked_at
        watch.feeds_ended = 1 if told and lasted > watch.feed_pause else watch.feeds_ended + 1
        blind = 0.0 if told else lasted * watch.feeds_ended
        watch.feed_pause = pace.backoff(watch.feeds_ended, None, max(floor, blind))
        watch.feed_from = anyio.current_time() + watch.feed_pause
        watch.due = True

    def _delay(self, watch: Watch) -> float:
        """Seconds until the job's next look."""
        record, now, floor = watch.record, self._clock(), self._floor(watch.ref.account)
        if record is None:
            usual = pace.BRIEFEST
        else:
            usual = pace.interval(
                status=record.job.status,
                # As it was at the last look: counted on until the next one, the age would make the interval longer.
                age=record.age(record.checked_at),
                quiet=(now - record.changed_at).total_seconds(),
                followed=watch.following > 0,
                floor=floor,
            )
            if watch.hinted and not watch.following:
                usual = max(usual, pace.detail_interval(record.age(now)))
        # What lies ahead was written down before the clock was set back.
        asked_at = [at for at in (record and record.checked_at, watch.tried_at) if at and at <= now]
        if watch.failures and watch.tried_at:
            usual = pace.backoff(watch.failures, watch.trouble.retry_after if watch.trouble else None, usual)
        if watch.due:
            usual = floor
        if not asked_at:
            return 0.0
        return (max(asked_at) - now).total_seconds() + usual

    async def _share(self) -> None:
        """Say that this process lives, and take in what its siblings saw."""
        seen, beaten_at = None, None
        while True:
            try:
                now = anyio.current_time()
                if (self._watches or self._errands) and (beaten_at is None or now - beaten_at >= BEAT_SECONDS):
                    await self._store.beat(self.process, now=self._clock())
                    beaten_at = now
                latest = (self._store.problem, await self._store.sibling_version())
                if latest != seen:
                    seen = latest
                    await self._take_in()
            except BrowserJobsError as error:
                log.warning("the store is not shared for now: %s", type(error).__name__)
            await anyio.sleep(SIBLING_SECONDS)

    async def _keep_time(self) -> None:
        """When the clock of the wall was set, have every job looked at: what was due by it no longer is."""
        ahead = self._ahead()
        while True:
            await anyio.sleep(CLOCK_SECONDS)
            before, ahead = ahead, self._ahead()
            if abs(ahead - before) > CLOCK_SLACK:
                with suppress(BrowserJobsError):
                    await self._date_first_sights()
                for watch in self._watches.values():
                    watch.due = True
                    watch.poke()
                    watch.feed.cancel()

    async def _date_first_sights(self) -> None:
        """Correct the age of jobs that were first seen by a clock that may have been wrong, where it goes by that."""
        for ref, since in list(self._seen_from.items()):
            known_for = timedelta(seconds=anyio.current_time() - since)
            record = await self._store.load(ref)
            if record and record.begun_at is None:
                await self._store.date_first_sight(ref, self._clock() - known_for)

    def _ahead(self) -> float:
        """By how much the clock of the wall is ahead of the one that nobody sets."""
        return self._clock().timestamp() - anyio.current_time()

    async def _come_back(self) -> None:
        """Go on in a store's file that had to be left, once it can be used; each time that it had to be, later."""
        pause = RETURN_SECONDS
        while True:
            if self._store.problem is None:
                await anyio.sleep(SIBLING_SECONDS)
                continue
            await anyio.sleep(pause)
            if await self._store.come_back():
                pause = min(RETURN_LONGEST, pause * 2)

    async def _take_in(self) -> None:
        for watch in list(self._watches.values()):
            await self._catch_up(watch)

    async def _catch_up(self, watch: Watch) -> None:
        """Take in what a sibling wrote down of a job."""
        record = await self._store.load(watch.ref)
        if record is None or (watch.record and record.checked_at == watch.record.checked_at):
            return
        changed = watch.record is None or watch.record.revision != record.revision
        if self._take_in_record(watch, record, changed=changed):
            watch.poke()
        if changed:
            self._on_change(record)

    def is_over(self, record: Record | None) -> bool:
        """Whether a job needs no more looks: it has ended, was read whole since, and will hardly turn out otherwise."""
        if record is None or record.detailed_at is None or not record.job.status.final:
            return False
        young = (self._clock() - record.changed_at).total_seconds() < PROVISIONAL_SECONDS
        return not (young and self.may_turn_out_otherwise(record))

    def may_turn_out_otherwise(self, record: Record) -> bool:
        """Whether the provider may change its mind about how a job ended."""
        return record.job.status is JobStatus.CANCELLED and self._provisional(record.ref.account)
