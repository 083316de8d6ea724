"""One wait for several jobs: a task for each, and one that tells of the progress."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import anyio

from .errors import PASSING, BrowserJobsError, PassingError, StillStartingError
from .finding import Finder
from .store import Store
from .views import JobView, Need, Progress, Until, enough
from .watch import pace
from .watch.watcher import Watcher

PROGRESS_SECONDS = 10.0
PROGRESS_SPACING = 1.0

log = logging.getLogger(__name__)


Found = TypeVar("Found")


async def ridden_out(ask: Callable[[], Awaitable[Found]], tell: Callable[[PassingError, int], None]) -> Found:
    """What is asked for, however long passing trouble lasts; of each, and of how many there were, `tell` is told."""
    failures = 0
    while True:
        try:
            return await ask()
        except PASSING as trouble:
            failures += 1
            tell(trouble, failures)
            # Who finds out that a job is still being started has waited for it already.
            if not isinstance(trouble, StillStartingError):
                await anyio.sleep(pace.backoff(failures, trouble.retry_after, pace.BRIEFEST))


@dataclass
class Wait:
    """Waits until all or any of the jobs have got there. `views` are current, by the texts that were asked with.

    `known` is how they were before the first look. A job that cannot be looked up counts as settled, with its problem
    in its view.
    """

    finder: Finder
    watcher: Watcher
    store: Store
    clock: Callable[[], datetime]
    asked: Sequence[str]
    until: Until
    need: Need
    views: dict[str, JobView] = field(default_factory=dict)
    known: dict[str, JobView] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    news: anyio.Event = field(default_factory=anyio.Event)

    @property
    def done(self) -> bool:
        """Whether what was waited for has come."""
        return enough([self.views[text] for text in self.settled], len(self.asked), self.need)

    async def run(self, on_progress: Progress | None) -> None:
        """Until it is done."""
        try:
            async with anyio.create_task_group() as tasks:
                if on_progress:
                    tasks.start_soon(self._report, on_progress)
                for text in self.asked:
                    tasks.start_soon(self._one, text)
                while not self.done:
                    news = self.news
                    await news.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._make_do()

    def _make_do(self) -> None:
        """Where the first look did not come back in time, what was known before must do; the next wait finds more."""
        for text in self.asked:
            if text not in self.views:
                self.watcher.in_background(self._look, text)
        self.views = {**self.known, **self.views}
        self.settled.update(text for text, view in self.views.items() if view.status.final)

    async def _look(self, text: str) -> None:
        try:
            await self.finder.glance(text)
        except Exception:
            # Nobody waits for this, and a fault of ours must not end the process.
            log.exception("a look broke after its wait was over")

    async def _one(self, text: str) -> None:
        try:
            await self._until_settled(text)
        except BrowserJobsError as error:
            known = self.views.get(text)
            record = known.record if known else None
            view = await self.finder.view(record, problem=error) if record else JobView(text, self.clock())
            self._tell(text, replace(view, problem=error))
        self.settled.add(text)
        self._wake()

    async def _until_settled(self, text: str) -> None:
        view, before = await self._first(text)
        self._tell(text, view)
        record = view.seen
        if view.settles(self.until, before):
            return
        async with self.watcher.watching(record.ref, followed=self.until == "change") as watch:
            while not view.settles(self.until, before):
                changed = watch.changed
                if (watch.record or record) is record and watch.trouble is view.problem:
                    with anyio.move_on_after(PROGRESS_SECONDS):
                        await changed.wait()
                record = watch.record or record
                view = await self.finder.view(record, problem=watch.trouble)
                self._tell(text, view)

    async def _first(self, text: str) -> tuple[JobView, int]:
        """The first look, for which passing trouble is ridden out; and how many events were known before it."""

        async def look() -> tuple[JobView, int]:
            found = await self.finder.find(text)
            known = None if found.looked else await self.store.load(found.ref)
            if known:
                self.known[text] = replace(await self.finder.view(known), stale=True)
            view = await self.finder.look_when_due(found)
            return view, known.events if known else view.seen.events

        def tell(trouble: PassingError, _failures: int) -> None:
            now = self.clock()
            self._tell(text, JobView(text, now, problem=trouble, stale=True, retry_after=trouble.retry_after))

        return await ridden_out(look, tell)

    def _tell(self, text: str, view: JobView) -> None:
        self.views[text] = view
        self._wake()

    def _wake(self) -> None:
        self.news.set()
        self.news = anyio.Event()

    async def _report(self, on_progress: Progress) -> None:
        start = anyio.current_time()
        news = self.news
        while True:
            with anyio.move_on_after(PROGRESS_SECONDS):
                await news.wait()
            news = self.news
            await on_progress(anyio.current_time() - start, list(self.views.values()))
            await anyio.sleep(PROGRESS_SPACING)
