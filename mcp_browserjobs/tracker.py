"""The verbs: look, wait, events, result, list. The one object that tools, resources and the command line talk to."""

import base64
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import anyio
import jsonpointer
from pydantic import BaseModel, JsonValue, SecretStr, ValidationError

from . import diagnosis, eventlog, images, providers
from .diagnosis import Diagnosis
from .errors import (
    PASSING,
    AmbiguousReferenceError,
    BrowserJobsError,
    InvalidArgumentError,
    JobNotFoundError,
    MissingKeyError,
    NotAvailableError,
    NotSupportedError,
    ProviderUnavailableError,
    RateLimitedError,
    RetiredError,
    StoreError,
    UnknownAccountError,
    UnknownOutcomeError,
    UnknownReferenceError,
)
from .images import FittedImage
from .jobs import JobRef, JobRow, JobStatus, KeyState, Link, LoggedEvent
from .providers.base import (
    Access,
    ChecksKey,
    Connections,
    KeepsLogs,
    ListsJobs,
    Provider,
    ReportsLinks,
    TakesPictures,
)
from .references import Candidate, Meaning, References, no_job_in
from .reported import clean, without_capability_links
from .settings import Account, Settings
from .store import MEMORY, Position, Record, Store
from .watch import pace
from .watch.look import LOOK_SECONDS, SPACING_SECONDS, Looker, fit_row
from .watch.watcher import Watch, Watcher

LATEST_EVENTS = 3
LOG_CHARACTERS = 200_000
MOST_JOBS = 20
PROGRESS_SECONDS = 10.0
PROGRESS_SPACING = 1.0
GRACE_RETRY_SECONDS = 1.0
START_POLL_SECONDS = 0.5
LIST_FETCHES = 10

Until = Literal["result", "attention", "change"]
Need = Literal["all", "any"]

log = logging.getLogger(__name__)


def wall_clock() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class JobView:
    """What there is to say of one job now.

    `record` is None when it was never seen. `problem` is what stood in the way of asking the provider; `stale`
    says that what is told is therefore the last known state.
    """

    reference: str
    now: datetime
    record: Record | None = None
    latest_events: tuple[LoggedEvent, ...] = ()
    result: JsonValue = None
    stalled_seconds: float | None = None
    stale: bool = False
    problem: BrowserJobsError | None = None
    retry_after: float | None = None

    @property
    def seen(self) -> Record:
        """The record of a job that was seen.

        Raises:
            LookupError: it never was.
        """
        if self.record is None:
            raise LookupError(self.reference)
        return self.record

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        return self.record.job.status if self.record else JobStatus.UNKNOWN

    @property
    def will_not_pass(self) -> bool:
        """Whether waiting on is of no use, since the problem stays."""
        return self.problem is not None and not isinstance(self.problem, PASSING)


@dataclass(frozen=True)
class Waited:
    """How a wait ended: `done` when what was waited for came, else the time was up. `views` in the order asked."""

    done: bool
    seconds: float
    views: tuple[JobView, ...]


@dataclass(frozen=True)
class EventsView:
    """A part of a job's log: `next_after` is where to go on, `more` whether there is more now."""

    view: JobView
    events: tuple[LoggedEvent, ...]
    next_after: int
    more: bool


@dataclass(frozen=True)
class ResultView:
    """A job's result or a part of it: `value` when it fits whole, else `text`, a slice of it.

    `characters` is the length of the whole; `next_offset` is None at its end.
    """

    view: JobView
    value: JsonValue
    text: str | None
    characters: int
    next_offset: int | None


@dataclass(frozen=True)
class Screenshot:
    """A screenshot that fits an answer: the `index`th, from 0, of `count`."""

    ref: JobRef
    image: FittedImage
    index: int
    count: int


@dataclass(frozen=True)
class JobList:
    """Some jobs, newest first; `cursor` leads to the next. `problems` are accounts that could not be asked."""

    records: tuple[Record, ...]
    cursor: str | None
    problems: tuple[BrowserJobsError, ...] = ()


@dataclass(frozen=True)
class AccountView:
    """An account, what can be done there, and what is known of its key."""

    name: str
    provider: type[Provider]
    key: KeyState
    key_variable: str
    problem: BrowserJobsError | None = None


Progress = Callable[[float, Sequence[JobView]], Awaitable[None]]


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
        self.store_problem: StoreError | None = None
        self._connections = connections or Connections()
        self._providers: dict[str, Provider] = {}
        self._listeners: list[Callable[[Record], None]] = []
        self._references = References(self.accounts, self.provider)
        try:
            self.store = Store(settings.store)
        except StoreError as error:
            self.store_problem = error
            self.store = Store(MEMORY)
        self._looker = Looker(self.store, self.provider, clock, self._recorded)
        self._watcher = Watcher(self.store, self._looker, clock, self._floor, self._provisional, self._changed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Tracker"]:
        """Watches run as long as this does; then the store and the connections are closed."""
        try:
            async with self._watcher.running():
                yield self
        finally:
            with anyio.CancelScope(shield=True):
                await self._connections.aclose()
            self.store.close()

    def on_change(self, listener: Callable[[Record], None]) -> None:
        """Tell `listener` of each change of any job, whoever saw it. It must not block."""
        self._listeners.append(listener)

    @property
    def process(self) -> str:
        """The name of this process among those that share the store."""
        return self._watcher.process

    def in_background(self, errand: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run something that nobody need wait for; it ends with this process at the latest."""
        self._watcher.in_background(errand, *args)

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

    def _open(self, account: Account, key: SecretStr) -> Provider:
        access = Access(account.name, account.provider, key, account.key_variable, account.base_url)
        return self._connections.open(providers.load(account.provider), access, account.options)

    def _floor(self, name: str) -> float:
        account = self.accounts[name]
        provider = providers.load(account.provider)
        hosted = account.base_url == provider.base_url
        return account.poll_seconds or (provider.hosted_poll_seconds if hosted else 0.0)

    def _provisional(self, name: str) -> bool:
        return providers.load(self.accounts[name].provider).cancel_is_provisional

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
        return await self._look(await self._find(text), spacing=spacing)

    async def resolve(self, text: str) -> JobRef:
        """The canonical reference of a job, looking at it only when it was never seen.

        Raises:
            BrowserJobsError: as `look`.
        """
        found = await self._find(text)
        return found.ref if isinstance(found, Candidate) else found.record.ref

    async def _look(self, found: "Candidate | _Looked", *, spacing: float = SPACING_SECONDS) -> JobView:
        if isinstance(found, _Looked):
            return await self.view(found.record)
        try:
            return await self.view(await self._looker.look(found.ref, locator=_locator(found), spacing=spacing))
        except BrowserJobsError as error:
            record = await self.store.load(found.ref)
            if record is None or not isinstance(error, (*PASSING, JobNotFoundError)):
                raise
            return await self.view(record, problem=error)

    async def view(self, record: Record, *, problem: BrowserJobsError | None = None) -> JobView:
        """What there is to say of a job as last seen."""
        now = self.clock()
        rhythm = await self.store.rhythm(record.ref) if record.job.status is JobStatus.RUNNING else []
        latest = await self.store.latest_events(record.ref, LATEST_EVENTS) if not record.job.status.final else []
        retry = problem.retry_after if isinstance(problem, RateLimitedError | ProviderUnavailableError) else None
        return JobView(
            reference=str(record.ref),
            now=now,
            record=record,
            latest_events=tuple(latest),
            result=await self.store.result(record.ref) if record.job.status.final else None,
            stalled_seconds=eventlog.stalled_seconds(record.job.status, rhythm, record.changed_at, now),
            stale=problem is not None,
            problem=problem,
            retry_after=retry,
        )

    async def _find(self, text: str) -> "Candidate | _Looked":
        """The job that a text means: one seen before, or one that a provider knows when asked now."""
        meaning = await self._begun(self._references.read(text))
        if not meaning.candidates and meaning.accounts:
            ref = await self.store.find_link(text.strip())
            if ref is None:
                raise no_job_in(meaning)
            return Candidate(ref, "")
        seen = [one for one in meaning.candidates if await self.store.load(one.ref)]
        if meaning.bare and not seen:
            seen = [Candidate(ref, "") for ref in await self.store.find(text.strip()) if ref.account in self.accounts]
        if seen and (not meaning.bare or len(seen) == 1):
            return seen[0]
        if seen:
            raise AmbiguousReferenceError(tuple(str(one.ref) for one in seen))
        return await (self._ask_all(meaning.candidates) if meaning.bare else self._ask_in_turn(meaning.candidates))

    async def _begun(self, meaning: Meaning) -> Meaning:
        """Put the job in the place of a start, waiting a little until its id is known."""
        if not meaning.start:
            return meaning
        account, key = meaning.start
        deadline = anyio.current_time() + LOOK_SECONDS
        while (start := await self.store.start(account, key)) and start.job is None:
            if anyio.current_time() >= deadline:
                raise UnknownOutcomeError(self.accounts[account].provider, account)
            await anyio.sleep(START_POLL_SECONDS)
        if start is None or start.job is None:
            raise JobNotFoundError(self.accounts[account].provider, account)
        return self._references.read(str(JobRef(account, start.job)))

    async def _ask_in_turn(self, candidates: Sequence[Candidate]) -> "_Looked":
        first = candidates[0]
        patience = self.provider(first.ref.account).creation_grace
        deadline = anyio.current_time() + patience
        while True:
            missing = []
            for candidate in candidates:
                try:
                    return _Looked(await self._looker.look(candidate.ref, locator=_locator(candidate)))
                except JobNotFoundError as error:
                    missing.append(error)
            if anyio.current_time() >= deadline:
                raise missing[0]
            await anyio.sleep(GRACE_RETRY_SECONDS)
            candidates = (first,)

    async def _ask_all(self, candidates: Sequence[Candidate]) -> "_Looked":
        found: list[Record] = []
        troubles: list[BrowserJobsError] = []

        async def ask(candidate: Candidate) -> None:
            try:
                found.append(await self._looker.look(candidate.ref, locator=_locator(candidate)))
            except (JobNotFoundError, RetiredError):
                pass
            except BrowserJobsError as error:
                troubles.append(error)

        async with anyio.create_task_group() as tasks:
            for candidate in candidates:
                tasks.start_soon(ask, candidate)
        if len(found) > 1:
            raise AmbiguousReferenceError(tuple(sorted(str(record.ref) for record in found)))
        if not found:
            raise troubles[0] if troubles else UnknownReferenceError()
        return _Looked(found[0])

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
        wait = _Wait(self, asked, until, need)
        start = anyio.current_time()
        with anyio.move_on_after(seconds):
            await wait.run(on_progress)
        hopeless = [view.problem for view in wait.views.values() if view.record is None and view.will_not_pass]
        if len(hopeless) == len(asked) and hopeless[0]:
            raise hopeless[0]
        now = self.clock()
        views = tuple(wait.views.get(text) or JobView(text, now) for text in asked)
        return Waited(done=wait.done, seconds=anyio.current_time() - start, views=views)

    @asynccontextmanager
    async def watching(self, ref: JobRef, *, followed: bool) -> AsyncIterator[Watch]:
        """Have a job looked at until this is left. `followed`: its events are wanted, not only its end."""
        async with self._watcher.watching(ref, followed=followed) as watch:
            yield watch

    async def latest(self, found: "Candidate | _Looked") -> JobView:
        """A job's state for somebody who waits: it is looked at unless its last look is as young as its pace."""
        record = found.record if isinstance(found, _Looked) else await self.store.load(found.ref)
        if record and not record.job.status.final and record.detailed_at:
            now = self.clock()
            begun = record.job.started_at or record.job.created_at or record.first_seen_at
            due = pace.interval(
                status=record.job.status,
                age=max(0.0, (now - begun).total_seconds()),
                quiet=0.0,
                followed=False,
                floor=self._floor(record.ref.account),
            )
            if 0 <= (now - record.checked_at).total_seconds() < due:
                return await self.view(record)
        return await self._look(found)

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

    async def result(self, text: str, *, pointer: str = "", offset: int = 0, most: int = 6000) -> ResultView:
        """The job's result, or the part of it at a JSON Pointer (RFC 6901); from the store once it is there.

        Raises:
            NotAvailableError: there is none (yet). InvalidArgumentError: the pointer leads nowhere.
            BrowserJobsError: as `look`.
        """
        found = await self._find(text)
        record = found.record if isinstance(found, _Looked) else await self.store.load(found.ref)
        known = record is not None and record.job.status.final and await self.store.result(record.ref) is not None
        view = await self.view(record) if known and record else await self._look(found)
        whole = await self.store.result(view.seen.ref)
        if whole is None:
            raise NotAvailableError("result", view.status.value)
        try:
            value = jsonpointer.resolve_pointer(whole, pointer)
        except jsonpointer.JsonPointerException:
            raise InvalidArgumentError(
                "pointer", "leads nowhere in this result; leave it empty for the whole"
            ) from None
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
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
        ref, locator = await self._place(text)
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
        ref, locator = await self._place(text)
        async with self.asking(ref.account) as provider:
            if isinstance(provider, ReportsLinks):
                links = await provider.fetch_links(locator)
            else:
                links = (await provider.fetch_job(locator)).links
        await self.store.record_links(ref, links)
        return ref, links

    async def log(self, text: str) -> tuple[JobRef, str]:
        """The end of the provider's raw log of the job, cleaned, at most LOG_CHARACTERS.

        Raises:
            NotSupportedError: the provider keeps none. NotAvailableError: the job has none.
            BrowserJobsError: as `look`.
        """
        ref, locator = await self._place(text)
        async with self.asking(ref.account) as provider:
            if not isinstance(provider, KeepsLogs):
                raise NotSupportedError(provider.name, ref.account, ability="show a raw log")
            whole = await provider.fetch_log(locator)
            hosts = provider.capability_hosts
        return ref, clean(without_capability_links(whole[-LOG_CHARACTERS:], hosts=hosts), LOG_CHARACTERS)

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
        return view, found

    async def _place(self, text: str) -> tuple[JobRef, str]:
        """A job's reference, and the form to ask its provider with."""
        found = await self._find(text)
        record = found.record if isinstance(found, _Looked) else await self.store.load(found.ref)
        if record:
            return record.ref, record.locator or record.ref.id
        record = (await self._look(found)).seen
        return record.ref, record.locator or record.ref.id

    # Many jobs

    async def list_jobs(self, *, account: str = "", status: str = "", cursor: str = "", limit: int = 20) -> JobList:
        """Jobs seen here and those that the providers list, newest first.

        Raises:
            UnknownAccountError: there is none of that name. InvalidArgumentError: the cursor is not ours.
        """
        if account and account not in self.accounts:
            raise UnknownAccountError(account)
        names = [account] if account else list(self.accounts)
        place = _Place.read(cursor) if cursor else _Place(lists={name: _Listed() for name in names})
        listing = _Listing(self, place)
        return await listing.page(account=account, status=status, limit=limit)

    async def note_row(self, account: str, row: JobRow) -> None:
        """Take note of a job that a provider's list shows."""
        before = await self.store.load(JobRef(account, row.id))
        row = fit_row(row, providers.load(self.accounts[account].provider).capability_hosts)
        self._recorded(before, await self.store.record_row(account, row, now=self.clock()))

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
                    await provider.check_key()
        except BrowserJobsError as error:
            return error
        return None

    @asynccontextmanager
    async def asking(self, account: str, *, seconds: float = LOOK_SECONDS) -> AsyncIterator[Provider]:
        """Frame requests to an account's provider; see `Looker.asking`."""
        async with self._looker.asking(account, seconds=seconds) as provider:
            yield provider


@dataclass(frozen=True)
class _Looked:
    """A job that had to be asked for to be found."""

    record: Record


def _locator(candidate: Candidate) -> str:
    return candidate.locator if candidate.locator != candidate.ref.id else ""


@dataclass
class _Wait:
    """One wait: a task for each job, and one that tells of the progress."""

    tracker: Tracker
    asked: Sequence[str]
    until: Until
    need: Need
    views: dict[str, JobView] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    news: anyio.Event = field(default_factory=anyio.Event)

    @property
    def done(self) -> bool:
        """Whether what was waited for has come."""
        got_there = [text for text in self.settled if not self.views[text].will_not_pass]
        return len(self.settled) == len(self.asked) or (self.need == "any" and bool(got_there))

    async def run(self, on_progress: Progress | None) -> None:
        """Until it is done."""
        async with anyio.create_task_group() as tasks:
            if on_progress:
                tasks.start_soon(self._report, on_progress)
            for text in self.asked:
                tasks.start_soon(self._one, text)
            while not self.done:
                news = self.news
                await news.wait()
            tasks.cancel_scope.cancel()

    async def _one(self, text: str) -> None:
        try:
            await self._until_settled(text)
        except BrowserJobsError as error:
            known = self.views.get(text)
            record = known.record if known else None
            view = await self.tracker.view(record, problem=error) if record else JobView(text, self.tracker.clock())
            self._tell(text, replace(view, problem=error))
        self.settled.add(text)
        self._wake()

    async def _until_settled(self, text: str) -> None:
        view, before = await self._first(text)
        self._tell(text, view)
        record = view.seen
        if self._is_settled(view, before):
            return
        async with self.tracker.watching(record.ref, followed=self.until == "change") as watch:
            while not self._is_settled(view, before):
                changed = watch.changed
                if watch.record is record and watch.trouble is view.problem:
                    with anyio.move_on_after(PROGRESS_SECONDS):
                        await changed.wait()
                record = watch.record or record
                view = await self.tracker.view(record, problem=watch.trouble)
                self._tell(text, view)

    async def _first(self, text: str) -> tuple[JobView, int]:
        """The first look, for which passing trouble is ridden out; and how many events were known before it."""
        failures = 0
        while True:
            try:
                found = await self.tracker._find(text)  # noqa: SLF001 - a part of the tracker
                known = None if isinstance(found, _Looked) else await self.tracker.store.load(found.ref)
                view = await self.tracker.latest(found)
            except PASSING as trouble:
                failures += 1
                retry = (
                    trouble.retry_after if isinstance(trouble, RateLimitedError | ProviderUnavailableError) else None
                )
                now = self.tracker.clock()
                self._tell(text, JobView(text, now, problem=trouble, stale=True, retry_after=retry))
                await anyio.sleep(pace.backoff(failures, retry, pace.BRIEFEST))
            else:
                return view, known.events if known else view.seen.events

    def _is_settled(self, view: JobView, before: int) -> bool:
        if view.will_not_pass or view.status.final:
            return True
        if self.until == "result":
            return False
        if view.status.needs_attention or view.stalled_seconds is not None:
            return True
        return self.until == "change" and view.record is not None and view.record.events > before

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


class _Listed(BaseModel):
    """How far a provider's list has been read: `horizon` is the time of the oldest job read."""

    cursor: str | None = None
    horizon: float | None = None
    ended: bool = False


class _Place(BaseModel):
    """Where a list of jobs stands; travels as its cursor."""

    below: Position | None = None
    lists: dict[str, _Listed]

    @classmethod
    def read(cls, cursor: str) -> "_Place":
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(cursor.encode()))
        except (ValueError, ValidationError):
            raise InvalidArgumentError("cursor", "must be the next_cursor of an earlier answer") from None

    def write(self) -> str:
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()


@dataclass
class _Listing:
    """Merges what was seen here with the providers' lists: these are read on only as far as the page needs.

    A job of the store is in its right place once every list has been read past its time.
    """

    tracker: Tracker
    place: _Place
    problems: list[BrowserJobsError] = field(default_factory=list)

    async def page(self, *, account: str, status: str, limit: int) -> JobList:
        store, place = self.tracker.store, self.place
        for _ in range(LIST_FETCHES):
            rows = await store.recent(limit + 1, account=account, status=status, below=place.below)
            behind = {
                name: listed
                for name, listed in place.lists.items()
                if not listed.ended
                and (len(rows) < limit or listed.horizon is None or listed.horizon > rows[limit - 1][0][0])
            }
            if not behind:
                break
            async with anyio.create_task_group() as tasks:
                for name, listed in behind.items():
                    tasks.start_soon(self._read_on, name, listed, limit)
        rows = await store.recent(limit + 1, account=account, status=status, below=place.below)
        page = rows[:limit]
        more = len(rows) > limit or any(not listed.ended for listed in place.lists.values())
        cursor = None
        if page and more:
            cursor = _Place(below=page[-1][0], lists=place.lists).write()
        return JobList(tuple(record for _, record in page), cursor, tuple(self.problems))

    async def _read_on(self, name: str, listed: _Listed, limit: int) -> None:
        tracker = self.tracker
        try:
            async with tracker.asking(name) as provider:
                if not isinstance(provider, ListsJobs):
                    listed.ended = True
                    return
                page = await provider.list_jobs(listed.cursor, limit)
        except BrowserJobsError as error:
            listed.ended = True
            if not isinstance(error, RetiredError):
                self.problems.append(error)
            return
        for row in page.jobs:
            await tracker.note_row(name, row)
            if made_at := row.created_at or row.started_at:
                stamp = made_at.timestamp()
                listed.horizon = stamp if listed.horizon is None else min(listed.horizon, stamp)
        listed.cursor = page.cursor
        listed.ended = page.cursor is None or not page.jobs
