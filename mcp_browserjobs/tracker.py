"""The verbs: look, wait, events, result, list. The one object that tools, resources and the command line talk to."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import anyio
import jsonpointer
from pydantic import JsonValue, SecretStr

from . import diagnosis, images, masking, providers
from .diagnosis import Diagnosis
from .errors import (
    BrowserJobsError,
    InvalidArgumentError,
    MissingKeyError,
    NotAvailableError,
    NotSupportedError,
    StoreError,
    UnknownAccountError,
)
from .finding import Finder
from .jobs import FailureKind, JobRef, JobRow, JobStatus, KeyState, Link
from .listing import Listing, Place
from .providers.base import (
    Access,
    ChecksKey,
    Connections,
    KeepsLogs,
    Provider,
    ReportsLinks,
    TakesPictures,
)
from .reported import as_text, shown, without_capability_links
from .settings import ACTS, Account, Settings
from .store import COUNTING_SECONDS, Record, Store
from .tally import Tally
from .views import (
    AccountView,
    EventsView,
    JobList,
    JobView,
    Need,
    Progress,
    ResultView,
    Screenshot,
    Until,
    Waited,
    hopeless,
)
from .waiting import Wait
from .watch.look import LOOK_SECONDS, SPACING_SECONDS, Looker, fit_row
from .watch.watcher import Watch, Watcher

LOG_CHARACTERS = 200_000
FAREWELL_SECONDS = 0.5
"""What was counted is written down at the end, unless a locked store would keep the process for longer."""
MOST_JOBS = 20

log = logging.getLogger(__name__)


def wall_clock() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


class Tracker:
    """Everything the program can do with jobs.

    Args:
        settings: the accounts, and where to keep what was seen.
        connections: the way to the providers; the network by default.
        clock: the present.

    Use it within `running()`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        connections: Connections | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.settings = settings
        self.accounts: Mapping[str, Account] = {account.name: account for account in settings.accounts}
        self.clock = clock
        self.may_act: Callable[[], bool] = lambda: True
        self.tally = Tally(clock)
        masking.keep(settings.secrets)
        self._connections = connections or Connections()
        self._providers: dict[str, Provider] = {}
        self._listeners: list[Callable[[Record], None]] = []
        self._told_of_waits = False
        self.store = Store.in_any_case(settings.store)
        self._looker = Looker(self.store, self.provider, clock, self._looked)
        self._finder = Finder(self.store, self._looker, self.accounts, self.provider, self._floor, self.able, clock)
        self._watcher = Watcher(self.store, self._looker, clock, self._floor, self._provisional, self._changed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Tracker"]:
        """Watches run as long as this does; then the store and the connections are closed."""
        try:
            async with self._watcher.running():
                self._watcher.meanwhile(self._count)
                yield self
        finally:
            with anyio.CancelScope(shield=True):
                with anyio.move_on_after(FAREWELL_SECONDS):
                    await self._write_counts()
                await self._connections.aclose()
            self.store.close()

    async def _count(self) -> None:
        """Write down now and then what was counted."""
        while True:
            await anyio.sleep(COUNTING_SECONDS)
            await self._write_counts()

    async def _write_counts(self) -> None:
        waits = self.tally.waits
        if not self.store.shared or not (self.tally.pending or waits or self._told_of_waits):
            return
        try:
            await self.store.add_counts(self.tally.take(), self.process, waits, now=self.clock())
            self._told_of_waits = waits > 0
        except StoreError as error:
            log.warning("what was counted is not written down: %s", error.problem)

    def on_change(self, listener: Callable[[Record], None]) -> None:
        """Tell `listener` of each change of any job, whoever saw it. It must not block."""
        self._listeners.append(listener)

    @property
    def store_problem(self) -> StoreError | None:
        """Why what is seen is kept in memory only, None while it is kept."""
        return self.store.problem

    @property
    def process(self) -> str:
        """The name of this process among those that share the store."""
        return self._watcher.process

    def in_background(self, errand: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run something that nobody need wait for; it ends with this process at the latest."""
        self._watcher.in_background(errand, *args)

    def hint(self, ref: JobRef) -> None:
        """Look at a job that is known, since somebody says that it has changed; nobody waits for it here."""
        self._watcher.hinted(ref)
        self.in_background(self._look_at, ref)

    def may_change(self, record: Record) -> bool:
        """Whether a job is not over, or its provider may change its mind about how it ended."""
        return not self._watcher.is_over(record) or self._watcher.may_turn_out_otherwise(record)

    async def _look_at(self, ref: JobRef) -> None:
        try:
            await self._looker.look(ref)
        except BrowserJobsError as error:
            log.info("a job at %s cannot be looked at: %s", ref.account, type(error).__name__)

    @property
    def watched(self) -> int:
        """How many jobs are being watched."""
        return self._watcher.watched

    def provider(self, account: str) -> Provider:
        """The provider of an account.

        Raises:
            UnknownAccountError: there is none of that name. MissingKeyError: its key is not set.
        """
        if account not in self._providers:
            known = self.accounts.get(account)
            if known is None:
                raise UnknownAccountError(account)
            if known.key is None:
                raise MissingKeyError(account, known.key_variable)
            self._providers[account] = self._open(known, known.key)
        return self._providers[account]

    def able(self, account: str) -> frozenset[str]:
        """The abilities of an account's provider that may be used by who asks now."""
        return self.able_at(self.accounts[account].provider)

    def able_at(self, provider: str) -> frozenset[str]:
        """The abilities of a provider that may be used by who asks now."""
        allowed = filter(self.settings.allow, providers.abilities(provider))
        return frozenset(allowed if self.may_act() else set(allowed) - ACTS)

    def _open(self, account: Account, key: SecretStr) -> Provider:
        tally = partial(self.tally.add, "request", account.name)
        access = Access(account.name, account.provider, key, account.key_variable, account.base_url, tally)
        return self._connections.open(providers.load(account.provider), access, account.options)

    def _floor(self, name: str) -> float:
        account = self.accounts[name]
        provider = providers.load(account.provider)
        hosted = account.base_url == provider.base_url
        return account.poll_seconds or (provider.hosted_poll_seconds if hosted else 0.0)

    def _provisional(self, name: str) -> bool:
        return providers.load(self.accounts[name].provider).cancel_is_provisional

    def _looked(self, before: Record | None, record: Record) -> None:
        self.tally.add("look", record.ref.account)
        if new := record.events - (before.events if before else 0):
            self.tally.add("event", record.ref.account, times=new)
        self._recorded(before, record)

    def _recorded(self, before: Record | None, record: Record) -> None:
        self._watcher.recorded(before, record)

    def _changed(self, record: Record) -> None:
        for listener in self._listeners:
            listener(record)

    # One job

    async def look(self, text: str, *, spacing: float = SPACING_SECONDS) -> JobView:
        """Ask the provider how a job is doing; when it cannot be asked, tell what was last known.

        Args:
            text: a reference, a link or a bare id.
            spacing: a look that is less than so many seconds old will do.

        Raises:
            BrowserJobsError: the job cannot be told from the text, or was never seen and cannot be asked for.
        """
        return await self._finder.look(await self._finder.find(text), spacing=spacing)

    async def resolve(self, text: str) -> JobRef:
        """The canonical reference of a job, looking at it only when it was never seen.

        Raises:
            BrowserJobsError: as `look`.
        """
        return (await self._finder.find(text)).ref

    # Waiting

    async def wait(
        self,
        texts: Iterable[str],
        *,
        until: Until = "attention",
        need: Need = "all",
        seconds: float,
        on_progress: Progress | None = None,
    ) -> Waited:
        """Wait for jobs, at most `seconds`. Passing trouble is ridden out; the runs never notice.

        Args:
            until: `result` a final status; `attention` also a job that waits for a person, is paused or stands
                still; `change` also any new event.
            need: whether `all` jobs or `any` of them must have got there.
            on_progress: told the seconds waited and the views, at each change and at least every 10 s.

        Raises:
            BrowserJobsError: none of the jobs can be looked up.
        """
        asked = list(dict.fromkeys(texts))
        if not 0 < len(asked) <= MOST_JOBS:
            raise InvalidArgumentError("jobs", f"must name 1 to {MOST_JOBS} jobs")
        wait = Wait(self._finder, self._watcher, self.store, self.clock, asked, until, need)
        start = anyio.current_time()
        with self.tally.waiting() as counted:
            with anyio.move_on_after(seconds):
                await wait.run(on_progress)
            counted.how = "done" if wait.done else "time up"
        now = self.clock()
        views = tuple(wait.views.get(text) or JobView(text, now) for text in asked)
        if problem := hopeless(views):
            raise problem
        return Waited(done=wait.done, seconds=anyio.current_time() - start, views=views)

    async def glance(self, texts: Sequence[str]) -> list[JobView]:
        """How jobs are, for somebody who waits and asks time and again: each is looked at only when it is due.

        Whatever stands in the way of that is in the view of the job.
        """
        views: dict[str, JobView] = {}

        async def one(text: str) -> None:
            views[text] = await self._finder.glance(text)

        async with anyio.create_task_group() as tasks:
            for text in texts:
                tasks.start_soon(one, text)
        return [views[text] for text in texts]

    @asynccontextmanager
    async def watching(self, ref: JobRef, *, followed: bool) -> AsyncIterator[Watch]:
        """Have a job looked at until this is left. `followed`: its events are wanted, not only its end."""
        async with self._watcher.watching(ref, followed=followed) as watch:
            yield watch

    def follow(self, ref: JobRef, seconds: float) -> None:
        """Have a job looked at for a while, though nobody waits for it."""

        async def watch_it() -> None:
            async with self._watcher.watching(ref, followed=False):
                await anyio.sleep(seconds)

        self.in_background(watch_it)

    # Parts of one job

    async def events(self, text: str, *, after: int = 0, limit: int = 20) -> EventsView:
        """The job's events with numbers above `after`.

        Raises:
            BrowserJobsError: as `look`.
        """
        view = await self.look(text)
        events = await self.store.events(view.seen.ref, after=after, limit=limit + 1)
        more, events = len(events) > limit, events[:limit]
        return EventsView(view, tuple(events), events[-1].seq if events else after, more)

    async def result(
        self, text: str, *, pointer: str = "", offset: int = 0, most: int = 6000, exact: bool = False
    ) -> ResultView:
        """The job's result, or the part of it at a JSON Pointer (RFC 6901); from the store once it is there.

        Args:
            exact: as it came, to the last character, and not with in sight what could deceive its reader.

        Raises:
            NotAvailableError: there is none (yet). InvalidArgumentError: the pointer leads nowhere.
            BrowserJobsError: as `look`.
        """
        found = await self._finder.find(text)
        record = found.looked or await self.store.load(found.ref)
        view = await self._finder.view(record) if record and record.job.status.final else None
        if view is None or view.result is None:
            view = await self._finder.look(found)
        whole = view.result if view.result is not None else await self.store.result(view.seen.ref)
        if whole is None:
            raise NotAvailableError("result", view.status.value)
        value = _part(whole if exact else shown(whole), pointer)
        said = as_text(value)
        if offset == 0 and len(said) <= most and value is not None:
            return ResultView(view, value, None, len(said), None)
        end = offset + most
        return ResultView(view, None, said[offset:end], len(said), end if end < len(said) else None)

    async def screenshot(self, text: str, *, index: int = -1) -> Screenshot:
        """One of the job's screenshots, scaled to fit an answer; a negative index counts from the latest, -1.

        Raises:
            NotSupportedError: the provider has none. NotAvailableError: the job has none, or none of this index.
            BrowserJobsError: as `look`.
        """
        ref, locator = await self._finder.place(text)
        async with self.asking(ref.account) as provider:
            if not isinstance(provider, TakesPictures):
                raise NotSupportedError(provider.name, ref.account, ability="show screenshots")
            picture = await provider.fetch_screenshot(locator, index)
        image = await anyio.to_thread.run_sync(images.fit, picture.data)
        return Screenshot(ref, image, picture.index, picture.count)

    async def links(self, text: str) -> tuple[JobRef, tuple[Link, ...]]:
        """The job's live view, recordings and downloads: whoever has these links can look, so they go nowhere else.

        Raises:
            BrowserJobsError: as `look`.
        """
        ref, locator = await self._finder.place(text)
        async with self.asking(ref.account) as provider:
            if isinstance(provider, ReportsLinks):
                links = await provider.fetch_links(locator)
            else:
                links = (await provider.fetch_job(locator)).links
        await self.store.record_links(ref, links, now=self.clock())
        return ref, links

    async def log(self, text: str) -> tuple[JobRef, str]:
        """The end of the provider's raw log of the job, cleaned, at most LOG_CHARACTERS.

        Raises:
            NotSupportedError: the provider keeps none. NotAvailableError: the job has none.
            BrowserJobsError: as `look`.
        """
        ref, locator = await self._finder.place(text)
        async with self.asking(ref.account) as provider:
            if not isinstance(provider, KeepsLogs):
                raise NotSupportedError(provider.name, ref.account, ability="show a raw log")
            whole = await provider.fetch_log(locator)
            hosts = provider.capability_hosts
        # What is left of a link that is cut in two could not be told as one.
        end = whole if len(whole) <= LOG_CHARACTERS else re.sub(r"^\S+", "", whole[-LOG_CHARACTERS:])
        return ref, without_capability_links(end, hosts=hosts)[-LOG_CHARACTERS:]

    async def diagnose(self, text: str) -> tuple[JobView, Diagnosis]:
        """What is the matter with the job.

        Raises:
            BrowserJobsError: as `look`.
        """
        view = await self.look(text)
        events = await self.store.latest_events(view.seen.ref, diagnosis.EVENTS_READ)
        found = diagnosis.diagnose(
            view.seen.job,
            events,
            changed_at=view.seen.changed_at,
            stalled_seconds=view.stalled_seconds,
            now=view.now,
        )
        if view.will_not_pass and not view.status.final:
            found = replace(found, verdict=FailureKind.UNKNOWN, inferred=False)
        return view, found

    # Many jobs

    async def list_jobs(self, *, account: str = "", status: str = "", cursor: str = "", limit: int = 20) -> JobList:
        """Jobs seen here and those that the providers list, newest first.

        Raises:
            UnknownAccountError: there is none of that name. InvalidArgumentError: the cursor is not ours, or is
                that of other accounts.
        """
        if account and account not in self.accounts:
            raise UnknownAccountError(account)
        names = [account] if account else list(self.accounts)
        place = Place.read(cursor, names) if cursor else Place.first(names, status=status, limit=limit)
        listing = Listing(self.store, self.asking, self._note, self.clock, place)
        return await listing.page(account=account, status=status, limit=limit)

    async def _note(self, account: str, row: JobRow, asked_at: datetime) -> None:
        """Take note of a job that a provider's list shows."""
        ref, provider = JobRef(account, row.id), self.provider(account)
        before = await self.store.load(ref)
        row = fit_row(row, provider.capability_hosts)
        if await self._looker.is_our_stop(provider, ref, row.status):
            row = row.model_copy(update={"status": JobStatus.CANCELLED})
        self._recorded(before, await self.store.record_row(account, row, asked_at=asked_at, now=self.clock()))

    async def recent(self, limit: int) -> list[Record]:
        """The jobs seen here, newest first; nobody is asked."""
        return [record for _, record in await self.store.recent(limit)]

    async def account_views(self, *, check: bool = False) -> list[AccountView]:
        """The accounts; with `check`, each key is tried."""
        views: dict[str, AccountView] = {}

        async def add(account: Account) -> None:
            problem = await self._check(account) if check and account.key else None
            state = (await self.store.account(account.name)).key if account.key else KeyState.MISSING
            provider = providers.load(account.provider)
            views[account.name] = AccountView(account.name, provider, state, account.key_variable, problem)

        async with anyio.create_task_group() as tasks:
            for account in self.accounts.values():
                tasks.start_soon(add, account)
        return [views[name] for name in self.accounts]

    async def _check(self, account: Account) -> BrowserJobsError | None:
        try:
            async with self._looker.asking(account.name) as provider:
                if isinstance(provider, ChecksKey):
                    with provider.http.naming_no_job():
                        await provider.check_key()
        except BrowserJobsError as error:
            return error
        return None

    @asynccontextmanager
    async def asking(self, account: str, *, seconds: float = LOOK_SECONDS) -> AsyncIterator[Provider]:
        """Frame requests to an account's provider; see `Looker.asking`."""
        async with self._looker.asking(account, seconds=seconds) as provider:
            yield provider


def _part(whole: JsonValue, pointer: str) -> JsonValue:
    try:
        part = jsonpointer.resolve_pointer(whole, pointer)
    except jsonpointer.JsonPointerException:
        part = jsonpointer.EndOfList([])
    # Also what - means in an array: where an item could be put, and none is.
    if isinstance(part, jsonpointer.EndOfList):
        raise InvalidArgumentError("pointer", "leads nowhere in this result; leave it empty for the whole")
    return cast("JsonValue", part)
