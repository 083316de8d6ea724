"""One look at a job: ask its provider, make what it says fit, write it down."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import anyio

from ..errors import (
    AuthenticationError,
    BrowserJobsError,
    JobNotFoundError,
    ProviderUnavailableError,
    RateLimitedError,
)
from ..jobs import Artifact, Event, Job, JobRef, KeyState, LinkKind
from ..providers.base import Provider, ReportsEvents, ReportsStatus
from ..reported import clean, cleaned, status_word, without_capability_links
from ..store import AccountState, Record, Store
from . import pace

LOOK_SECONDS = 30.0
SPACING_SECONDS = 1.0
EVENT_PAGES = 100

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
            if (failed := self._failed.get(ref)) and (now - failed[0]).total_seconds() < spacing:
                raise failed[1]
            locator = locator or (record.locator if record else "") or ref.id
            try:
                looked = await self._within_limits(ref, record, locator, followed=followed, thrifty=thrifty)
            except BrowserJobsError as error:
                self._remember_failure(ref, error)
                raise
            self._failed.pop(ref, None)
        self._on_record(record, looked)
        return looked

    def _remember_failure(self, ref: JobRef, error: BrowserJobsError) -> None:
        now = self._clock()
        recent = {one: fail for one, fail in self._failed.items() if now - fail[0] < timedelta(seconds=SPACING_SECONDS)}
        self._failed = {**recent, ref: (now, error)}

    async def _within_limits(
        self, ref: JobRef, record: Record | None, locator: str, *, followed: bool, thrifty: bool
    ) -> Record:
        async with self.asking(ref.account) as provider:
            whole = followed and provider.events_with_job
            if record and thrifty and not whole and isinstance(provider, ReportsStatus) and self._may_be_cheap(record):
                return await self._glance(provider, provider, record, locator, followed=followed)
            return await self._read(provider, ref, record, locator)

    @asynccontextmanager
    async def asking(self, account: str) -> AsyncIterator[Provider]:
        """Frame requests to an account's provider.

        They are given up after LOOK_SECONDS, and what the answers say of the key and the pace is written down.

        Raises:
            RateLimitedError: the account rests; nothing was asked.
            ProviderUnavailableError: no answer in time.
        """
        provider = self._provider(account)
        state = await self._store.account(account)
        resting = (state.rest_until - self._clock()).total_seconds()
        if 0 < resting <= pace.REST_LONGEST:
            raise RateLimitedError(provider.name, account, retry_after=resting)
        try:
            with anyio.fail_after(LOOK_SECONDS):
                yield provider
            await self._key_works(account, state)
        except TimeoutError:
            raise ProviderUnavailableError(provider.name, account) from None
        except JobNotFoundError:
            await self._key_works(account, state)
            raise
        except AuthenticationError:
            await self._store.set_account(account, replace(state, key=KeyState.REFUSED))
            raise
        except RateLimitedError as error:
            strikes = state.strikes + 1
            until = self._clock() + timedelta(seconds=pace.rest(strikes, error.retry_after))
            await self._store.set_account(account, replace(state, rest_until=until, strikes=strikes))
            raise

    async def _key_works(self, account: str, before: AccountState) -> None:
        works = replace(before, key=KeyState.WORKS, strikes=0)
        if works != before and await self._store.account(account) == before:
            await self._store.set_account(account, works)

    def _may_be_cheap(self, record: Record) -> bool:
        if record.job.status.final or record.detailed_at is None:
            return False
        begun = record.job.started_at or record.job.created_at or record.first_seen_at
        now = self._clock()
        return (now - record.detailed_at).total_seconds() < pace.detail_interval((now - begun).total_seconds())

    async def _glance(
        self, cheap: ReportsStatus, provider: Provider, record: Record, locator: str, *, followed: bool
    ) -> Record:
        """Read the status word; read the events if they are wanted, and everything if the word changed."""
        ref = record.ref
        sighting = await cheap.fetch_status(locator)
        word = status_word(sighting.provider_status)
        if word != record.job.provider_status:
            return await self._read(provider, ref, record, locator)
        if followed and isinstance(provider, ReportsEvents):
            return await self._write(provider, ref, record, record.job, locator)
        seen = await self._store.record_sighting(
            ref, sighting.model_copy(update={"provider_status": word}), now=self._clock()
        )
        return seen or record

    async def _read(self, provider: Provider, ref: JobRef, record: Record | None, locator: str) -> Record:
        job = await provider.fetch_job(locator)
        return await self._write(provider, ref, record, job, locator)

    async def _write(self, provider: Provider, ref: JobRef, record: Record | None, job: Job, locator: str) -> Record:
        """Write the job down with its events, which are read after it: an ended job's log is then whole."""
        events, links, cursor = list(job.events), job.links, record.cursor if record else None
        if isinstance(provider, ReportsEvents):
            for _ in range(EVENT_PAGES):
                page = await provider.fetch_events(locator, cursor)
                events += page.events
                links += page.links
                cursor = page.cursor or cursor
                if not page.has_more:
                    break
        known = record.job.has & {"live_view"} if record and not job.status.final else frozenset()
        has = job.has | known | {ARTIFACT_OF[link.kind] for link in links}
        job = fit(job.model_copy(update={"links": links, "has": has}), provider.capability_hosts)
        urls = [link.url for link in links]
        return await self._store.record(
            ref,
            job,
            [fit_event(event, provider.capability_hosts, urls) for event in events],
            now=self._clock(),
            locator=job.locator,
            cursor=cursor,
        )


def fit(job: Job, hosts: Iterable[str]) -> Job:
    """The job with its foreign text made fit to be kept and passed on; the result is left as it is."""
    urls = [link.url for link in job.links]

    def tidy(text: str) -> str:
        return clean(without_capability_links(text, hosts=hosts, links=urls))

    question = job.question and job.question.model_copy(
        update={"text": tidy(job.question.text), "options": tuple(map(tidy, job.question.options))}
    )
    return job.model_copy(
        update={
            "provider_status": status_word(job.provider_status),
            "title": clean(without_capability_links(job.title, hosts=hosts), 80),
            "current_step": job.current_step and tidy(job.current_step),
            "error": job.error and tidy(job.error),
            "question": question,
        }
    )


def fit_event(event: Event, hosts: Iterable[str], urls: Iterable[str]) -> Event:
    """The event with its foreign text made fit to be kept and passed on."""
    return event.model_copy(update={"reported": cleaned(event.reported, hosts=hosts, links=urls)})
