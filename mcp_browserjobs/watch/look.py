"""One look at a job: ask its provider, make what it says fit, write it down."""

import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import anyio

from ..errors import (
    PASSING,
    AuthenticationError,
    BrowserJobsError,
    JobNotFoundError,
    ProviderUnavailableError,
    RateLimitedError,
    UnexpectedResponseError,
)
from ..jobs import (
    TITLE_CHARACTERS,
    Artifact,
    Change,
    Event,
    EventPage,
    FailureKind,
    Job,
    JobRef,
    JobRow,
    JobStatus,
    KeyState,
    LinkKind,
)
from ..providers.base import AwaitsChanges, Provider, ReportsEvents, ReportsStatus, StreamsChanges
from ..reported import OPTION_CHARACTERS, clean, cleaned, status_word, without_capability_links
from ..store import AccountState, OvertakenError, Record, Store
from . import pace
from .feed import MOST_CHANGES, SILENCE_SECONDS, all_by_now, joined, listening

log = logging.getLogger(__name__)

First = TypeVar("First")
Second = TypeVar("Second")

LOOK_SECONDS = 30.0
SPACING_SECONDS = 1.0
MOST_READ = 10_000
"""Of so many running jobs it is known when they were read whole; one that nobody asks for any more goes first."""
EVENT_PAGES, EVENT_SECONDS = 100, 15.0
"""So much of a long log is read in one look; the next one goes on there."""

MOST_OPTIONS = 20
"""More answers to choose from are not shown."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""No job ran before, and none will after."""
SESSION = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
"""What a session may be called that a sentence of ours names."""

ARTIFACT_OF: dict[LinkKind, Artifact] = {
    "live_view": "live_view",
    "recording": "recording",
    "download": "downloads",
    "log": "log",
}


class Looker:
    """Looks at jobs, each at most once a second however many ask.

    Args:
        store: where looks are written down.
        provider: the provider of an account, by the account's name.
        clock: the present.
        on_record: told of each record that a look made, after the one that stood there before.
    """

    def __init__(
        self,
        store: Store,
        provider: Callable[[str], Provider],
        clock: Callable[[], datetime],
        on_record: Callable[[Record | None, Record], None],
    ) -> None:
        self._store = store
        self._provider = provider
        self._clock = clock
        self._on_record = on_record
        self._locks: WeakValueDictionary[JobRef, anyio.Lock] = WeakValueDictionary()
        self._failed: dict[JobRef, tuple[datetime, BrowserJobsError]] = {}
        self._read_at: dict[JobRef, tuple[datetime, float]] = {}

    async def look(
        self,
        ref: JobRef,
        *,
        locator: str = "",
        followed: bool = True,
        thrifty: bool = False,
        spacing: float = SPACING_SECONDS,
    ) -> Record:
        """Look at a job, or share a look that is less than `spacing` seconds old.

        Args:
            ref: a job with its canonical id.
            locator: the form to ask with, when it is more than the id and not known yet.
            followed: whether the events are wanted though the status stays the same.
            thrifty: ask the cheap status route where there is one, and read whole only what changed.

        Raises:
            BrowserJobsError: every failure, by its class. What was seen before is still in the store.
        """
        lock = self._locks.setdefault(ref, anyio.Lock())
        async with lock:
            record = await self._store.load(ref)
            now = self._clock()
            if record and record.detailed_at and 0 <= (now - record.checked_at).total_seconds() < spacing:
                return record
            if (failed := self._failed.get(ref)) and 0 <= (now - failed[0]).total_seconds() < spacing:
                raise failed[1]
            locator = locator or (record.locator if record else "") or ref.id
            try:
                async with self.asking(ref.account) as provider:
                    looked = await self._ask_anew(provider, ref, record, locator, followed=followed, thrifty=thrifty)
            except BrowserJobsError as error:
                self._remember_failure(ref, error)
                raise
            self._failed.pop(ref, None)
        self._on_record(record, looked)
        return looked

    def _remember_failure(self, ref: JobRef, error: BrowserJobsError) -> None:
        """Keep the failure for those who ask again at once; the oldest stand first, and go when they are old.

        What it came from is not kept, as that may hold all that was read.
        """
        error.__traceback__ = error.__context__ = None
        now = self._clock()
        self._failed.pop(ref, None)
        self._failed[ref] = (now, error)
        while (now - self._failed[oldest := next(iter(self._failed))][0]).total_seconds() >= SPACING_SECONDS:
            del self._failed[oldest]

    @asynccontextmanager
    async def asking(self, account: str, *, seconds: float = LOOK_SECONDS) -> AsyncIterator[Provider]:
        """Frame requests to an account's provider.

        They are given up after `seconds`, and what the answers say of the key and the pace is written down.

        Raises:
            RateLimitedError: the account rests; nothing was asked.
            ProviderUnavailableError: no answer in time.
        """
        provider = self._provider(account)
        state = await self._store.account(account)
        if resting := self._resting(state):
            raise RateLimitedError(provider.name, account, retry_after=resting)
        try:
            with anyio.fail_after(seconds):
                yield provider
            await self._key_works(account, state)
        except TimeoutError:
            raise ProviderUnavailableError(provider.name, account) from None
        except JobNotFoundError:
            await self._key_works(account, state)
            raise
        except AuthenticationError:
            state = await self._store.account(account)
            if state.key is not KeyState.REFUSED:
                log.info("%s refuses the key of account %s", provider.name, account)
            await self._store.set_account(account, replace(state, key=KeyState.REFUSED))
            raise
        except RateLimitedError as error:
            before, state = state, await self._store.account(account)
            # Those that were refused at the same time are one strike.
            strikes = max(before.strikes + 1, state.strikes)
            error.retry_after = pace.rest(strikes, error.retry_after)
            log.info("%s wants fewer requests: account %s rests for %d s", provider.name, account, error.retry_after)
            until = self._clock() + timedelta(seconds=error.retry_after)
            await self._store.set_account(account, replace(state, rest_until=until, strikes=strikes))
            raise

    def _resting(self, state: AccountState) -> float:
        """Seconds for which an account rests, 0 when it does not (nor when the clock was set back since)."""
        seconds = (state.rest_until - self._clock()).total_seconds()
        return seconds if 0 < seconds <= pace.REST_LONGEST else 0.0

    async def _key_works(self, account: str, before: AccountState) -> None:
        works = replace(before, key=KeyState.WORKS, strikes=0)
        if works != before and await self._store.account(account) == before:
            await self._store.set_account(account, works)

    def _is_known_well(self, record: Record, *, lasts: Callable[[float], float] = pace.detail_interval) -> bool:
        """Whether the job runs on, waits for nobody (its question may be another by now), and was read not long ago.

        Args:
            lasts: for how many seconds what was read holds, at the age of the job.
        """
        if record.job.status is JobStatus.WAITING_FOR_INPUT or record.detailed_at is None:
            return False
        return record.ref in self._read_at and self._was_read_lately(record.ref, lasts)

    def _was_read_lately(self, ref: JobRef, lasts: Callable[[float], float]) -> bool:
        """Whether a job was read whole, at an age of so many seconds, so short a time ago that this holds."""
        read_at, age = self._read_at[ref]
        passed = (self._clock() - read_at).total_seconds()
        return 0 <= passed < lasts(age + passed)

    def tells(self, account: str) -> bool:
        """Whether an account's provider tells of changes by itself."""
        return isinstance(self._provider(account), AwaitsChanges | StreamsChanges)

    async def follow(
        self, record: Record, *, pause: Callable[[], Awaitable[None]], keep_on: Callable[[], Awaitable[bool]]
    ) -> None:
        """Write down what a provider tells of a job by itself, from where `record` stands.

        Returns when the provider ends that, when the account has to rest, or as soon as `keep_on` says no, which is
        asked before anything is written down and after.

        Args:
            pause: waits between two requests, where it takes one for each change.

        Raises:
            ProviderUnavailableError: it broke, or there was no sign of life for SILENCE_SECONDS. Others as in `look`.
        """
        ref, locator = record.ref, record.locator or record.ref.id
        async with self.asking(ref.account, seconds=math.inf) as provider:
            if not isinstance(provider, AwaitsChanges | StreamsChanges):
                raise TypeError(provider.name)
            silence = SILENCE_SECONDS if isinstance(provider, StreamsChanges) else math.inf

            def patience() -> float:
                return pace.long_poll(record.age(self._clock()))

            async with listening(provider, locator, record.cursor, pause=pause, patience=patience) as feed:
                told = True
                while told:
                    with anyio.fail_after(silence):
                        changes = await feed.batch()
                    if not await keep_on():
                        return
                    if changes:
                        with anyio.fail_after(LOOK_SECONDS):
                            await self._take(provider, ref, locator, changes)
                    resting = self._resting(await self._store.account(ref.account))
                    told = bool(changes) and not resting and await keep_on()
                    if told and len(changes) < MOST_CHANGES:
                        await anyio.sleep(SPACING_SECONDS)

    async def _take(self, provider: Provider, ref: JobRef, locator: str, changes: Sequence[Change]) -> None:
        """Write down what was told; the job itself is read where its status changed, or was not read for long.

        A long poll without news leaves open whether the job has ended without a word, and so does a stream that has
        told nothing for long. What was told comes only once, so when another process is faster it is written over
        what that one saw.
        """
        beats = isinstance(provider, StreamsChanges) and all(change == Change() for change in changes)
        lasts = pace.beating if beats else pace.detail_interval
        told = {status_word(change.sighting.provider_status) for change in changes if change.sighting}
        page = joined([change.page for change in changes])
        async with self._locks.setdefault(ref, anyio.Lock()):
            looked: Record | None = None
            while looked is None:
                record, words = await self._store.load(ref), told
                job = record.job if record and self._is_known_well(record, lasts=lasts) else None
                if job and not words and isinstance(provider, AwaitsChanges) and isinstance(provider, ReportsStatus):
                    words = {status_word((await provider.fetch_status(locator)).provider_status)}
                if job is None or words - {job.provider_status}:
                    job = await provider.fetch_job(locator)
                with suppress(OvertakenError):
                    looked = await self._write(provider, job, ref, record, locator, page if record else None)
        self._on_record(record, looked)

    async def is_our_stop(self, provider: Provider, ref: JobRef, status: JobStatus) -> bool:
        """Whether a failure is our own stop, where the provider has no other word for that.

        We may have asked for it while the look was on its way.
        """
        if not (provider.stop_reads_as_failure and status is JobStatus.FAILED):
            return False
        stands = await self._store.load(ref)
        return stands is not None and stands.stopped_at is not None

    async def _ask_anew(
        self, provider: Provider, ref: JobRef, record: Record | None, locator: str, *, followed: bool, thrifty: bool
    ) -> Record:
        """Read the job and write it down; when another process has read it whole meanwhile, that counts."""
        while True:
            try:
                return await self._ask(provider, ref, record, locator, followed=followed, thrifty=thrifty)
            except OvertakenError as overtaken:
                record = overtaken.record
                if record and record.detailed_at:
                    return record

    async def _ask(
        self, provider: Provider, ref: JobRef, record: Record | None, locator: str, *, followed: bool, thrifty: bool
    ) -> Record:
        """Read the job; when `thrifty`, no more than its status while that stays the same."""
        known = record if thrifty and record and self._is_known_well(record) else None
        if known and isinstance(provider, ReportsStatus) and not (followed and provider.events_with_job):
            sighting = await provider.fetch_status(locator)
            word = status_word(sighting.provider_status)
            if word == known.job.provider_status and followed and isinstance(provider, ReportsEvents):
                return await self._write(provider, known.job, ref, known, locator)
            if word == known.job.provider_status:
                sighting = sighting.model_copy(update={"provider_status": word})
                written = self._store.record_sighting(ref, sighting, now=self._clock(), over=known.revision)
                return await written or known
            known = None
        page = None
        if isinstance(provider, ReportsEvents | StreamsChanges) and (followed or not known):
            cursor = record.cursor if record else None
            job, page = await _together(provider.fetch_job(locator), _events(provider, locator, cursor))
        else:
            job = await provider.fetch_job(locator)
        told = (job.status, status_word(job.provider_status))
        same = known is not None and (known.job.status, known.job.provider_status) == told
        whole = followed or not same or not isinstance(provider, ReportsEvents | StreamsChanges)
        return await self._write(provider, job, ref, record, locator, page, whole=whole)

    async def _write(
        self,
        provider: Provider,
        job: Job,
        ref: JobRef,
        record: Record | None,
        locator: str,
        page: EventPage | None = None,
        *,
        whole: bool = True,
    ) -> Record:
        """Write the job down, when `whole` with its events, of which `page` has been read already.

        A page that was read beside a job that has just ended may lack the last ones, so there is one more.
        """
        read = whole and (record is None or job is not record.job)
        events, links, cursor = job.events, job.links, record.cursor if record else None
        if whole and isinstance(provider, ReportsEvents | StreamsChanges):
            ended = job.status.final and not (record and record.job.status.final)
            told = await _read_on(provider, locator, cursor, page, once_more=ended and page is not None)
            events, links, cursor = events + told.events, links + told.links, told.cursor
            # Who goes by that would take the log for whole: the next look reads on.
            whole = not (job.status.final and told.has_more)
        if await self.is_our_stop(provider, ref, job.status):
            job = job.model_copy(update={"status": JobStatus.CANCELLED, "failure": FailureKind.STOPPED_BY_USER})
        # What was told of once is there without being told again.
        lasting: set[Artifact] = {"downloads"} if job.status.final else {"downloads", "live_view"}
        known = record.job.has & lasting if record else frozenset()
        has = job.has | known | {ARTIFACT_OF[link.kind] for link in links}
        hosts, urls = provider.capability_hosts, [link.url for link in links]
        looked = await self._store.record(
            ref,
            fit(job.model_copy(update={"links": links, "has": has}), hosts),
            [fit_event(event, hosts, urls) for event in events],
            now=self._clock(),
            locator=job.locator,
            cursor=cursor,
            whole=whole,
            over=record.revision if record else 0,
        )
        if job.status.final:
            self._read_at.pop(ref, None)
        elif read:
            self._read_at.pop(ref, None)
            self._read_at[ref] = looked.checked_at, looked.age(looked.checked_at)
            # Of a job that nobody asks for any more the end is not seen: what was read long ago is of no use.
            while self._read_at and (
                len(self._read_at) > MOST_READ
                or not self._was_read_lately(next(iter(self._read_at)), pace.detail_interval)
            ):
                del self._read_at[next(iter(self._read_at))]
        return looked


async def _read_on(
    provider: ReportsEvents | StreamsChanges,
    locator: str,
    since: str | None,
    page: EventPage | None,
    *,
    once_more: bool,
) -> EventPage:
    """The events after `since`, of which `page` has been read already, and with `once_more` at least one page further.

    What has been read counts, though trouble or a very long log keeps the rest back: then there is more, as long as
    that brings the next look further.

    Raises:
        BrowserJobsError: trouble, and nothing has been read.
    """
    pages: list[EventPage] = []
    cursor, left, begun_at = since, False, anyio.current_time()
    while len(pages) < EVENT_PAGES:
        try:
            page = page or await _events(provider, locator, cursor)
        except PASSING:
            if not pages:
                raise
            left = True
            break
        pages.append(page)
        cursor = page.cursor or cursor
        left = page.has_more and cursor != since
        if not (page.has_more or once_more) or anyio.current_time() - begun_at > EVENT_SECONDS:
            break
        page, once_more = None, False
    return joined(pages).model_copy(update={"has_more": left})


async def _events(provider: ReportsEvents | StreamsChanges, locator: str, cursor: str | None) -> EventPage:
    """The events after `cursor`, as far as they can be had by now.

    Where a stream is the only way to them, a broken one must not hide how the job is: they are read once it works.
    """
    if isinstance(provider, ReportsEvents):
        return await provider.fetch_events(locator, cursor)
    try:
        return await all_by_now(provider, locator, cursor)
    except (JobNotFoundError, ProviderUnavailableError, UnexpectedResponseError):
        return EventPage(events=())


async def _together(first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second]) -> tuple[First, Second]:
    """Await both at once; when both fail, the first one's failure counts."""
    results: dict[int, Any] = {}
    failures: dict[int, BrowserJobsError] = {}

    async def run(number: int, request: Coroutine[Any, Any, Any]) -> None:
        try:
            results[number] = await request
        except BrowserJobsError as error:
            failures[number] = error

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, 1, first)
        tasks.start_soon(run, 2, second)
    if failures:
        raise failures[min(failures)]
    return results[1], results[2]


def fit(job: Job, hosts: Iterable[str]) -> Job:
    """The job with its foreign text made fit to be kept and passed on; the result is left as it is."""
    urls = [link.url for link in job.links]

    def tidy(text: str) -> str:
        return clean(without_capability_links(text, hosts=hosts, links=urls))

    def brief(text: str) -> str:
        return clean(without_capability_links(text, hosts=hosts, links=urls), OPTION_CHARACTERS)

    question = job.question and job.question.model_copy(
        update={
            "id": brief(job.question.id),
            "text": tidy(job.question.text),
            "options": tuple(map(brief, job.question.options[:MOST_OPTIONS])),
        }
    )
    return job.model_copy(
        update={
            "provider_status": status_word(job.provider_status),
            "title": clean(without_capability_links(job.title, hosts=hosts), TITLE_CHARACTERS),
            "current_step": job.current_step and tidy(job.current_step),
            "error": job.error and tidy(job.error),
            "question": question,
            "session": job.session if SESSION.fullmatch(job.session) else "",
            **_unset_times(job),
        }
    )


def fit_row(row: JobRow, hosts: Iterable[str]) -> JobRow:
    """The row with its foreign text made fit to be kept and passed on."""
    title = clean(without_capability_links(row.title, hosts=hosts), TITLE_CHARACTERS)
    word = status_word(row.provider_status)
    return row.model_copy(update={"provider_status": word, "title": title, **_unset_times(row)})


def fit_event(event: Event, hosts: Iterable[str], urls: Iterable[str]) -> Event:
    """The event with its foreign text made fit to be kept and passed on."""
    reported = cleaned(event.reported, hosts=hosts, links=urls)
    return event.model_copy(update={"reported": reported, **_unset_times(event)})


def _unset_times(said: Job | JobRow | Event) -> dict[str, None]:
    """The times that are none: some write the first moment that they know, or the last, where nothing is set."""
    return {name: None for name, at in said if isinstance(at, datetime) and not EARLIEST <= at < LATEST}
