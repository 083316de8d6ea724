"""From what somebody wrote to the job it means, and from the job to what there is to say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import anyio

from . import eventlog
from .errors import (
    PASSING,
    AmbiguousReferenceError,
    AuthenticationError,
    BrowserJobsError,
    JobNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RetiredError,
    StillStartingError,
    UnknownOutcomeError,
    UnknownReferenceError,
)
from .jobs import JobRef, JobStatus
from .providers.base import Provider
from .references import Candidate, Meaning, References, no_job_in
from .settings import Account
from .store import NEVER, Record, Store
from .views import JobView
from .watch import pace
from .watch.look import SPACING_SECONDS, Looker

LATEST_EVENTS = 3
GLANCE_SECONDS = 8.0
"""Who asks time and again is not kept longer than this."""
GRACE_RETRY_SECONDS = 1.0
START_POLL_SECONDS = 0.5
BEGUN_SECONDS = GLANCE_SECONDS - 2 * START_POLL_SECONDS
"""So long the id of a start is waited for, so that a glance can still tell what is the matter with it."""
START_LIMIT = 120.0
"""A start is given up after this; Dari may wait a minute for its documents."""


@dataclass(frozen=True)
class Found:
    """A job that a text means. `locator` is empty where the id will do; `looked` is the look it took to find it."""

    ref: JobRef
    locator: str = ""
    looked: Record | None = None


class Finder:
    """Finds jobs, looks at them, and says how they are.

    Args:
        accounts: by name.
        provider: the provider of an account, by the account's name.
        floor: the shortest interval between looks that an account allows, by its name.
        able: the abilities of an account's provider that may be used, by the account's name.
    """

    def __init__(
        self,
        store: Store,
        looker: Looker,
        accounts: Mapping[str, Account],
        provider: Callable[[str], Provider],
        floor: Callable[[str], float],
        able: Callable[[str], frozenset[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._looker = looker
        self._accounts = accounts
        self._provider = provider
        self._floor = floor
        self._able = able
        self._clock = clock
        self._references = References(accounts, provider)

    async def find(self, text: str) -> Found:
        """The job that a text means: one seen before, or one that a provider knows when it is asked now.

        Raises:
            BrowserJobsError: the job cannot be told from the text, or was never seen and cannot be asked for.
        """
        known = await self._store.find_link(text.strip(), now=self._clock()) if "://" in text else None
        if known and known.account in self._accounts:
            return Found(known)
        meaning = await self._begun(self._references.read(text))
        if not meaning.candidates and meaning.accounts:
            raise no_job_in(meaning)
        seen = [_found(one) for one in meaning.candidates if await self._store.load(one.ref)]
        if meaning.bare and not seen:
            seen = [Found(ref) for ref in await self._store.find(text.strip()) if ref.account in self._accounts]
        if seen and (not meaning.bare or len(seen) == 1):
            return seen[0]
        if seen:
            raise AmbiguousReferenceError(tuple(str(one.ref) for one in seen))
        return await (self._ask_all(meaning.candidates) if meaning.bare else self._ask_in_turn(meaning.candidates))

    async def _begun(self, meaning: Meaning) -> Meaning:
        """Put the job in the place of its start, waiting a little until its id is known."""
        if not meaning.start:
            return meaning
        account, key = meaning.start
        deadline = anyio.current_time() + BEGUN_SECONDS
        while (start := await self._store.start(account, key)) and start.job is None:
            if anyio.current_time() >= deadline:
                under_way = (self._clock() - start.asked_at).total_seconds() < START_LIMIT
                kind = StillStartingError if under_way else UnknownOutcomeError
                raise kind(self._accounts[account].provider, account)
            await anyio.sleep(START_POLL_SECONDS)
        if start is None or start.job is None:
            raise JobNotFoundError(self._accounts[account].provider, account)
        return self._references.read(str(JobRef(account, start.job)))

    async def _ask_in_turn(self, candidates: Sequence[Candidate]) -> Found:
        first = candidates[0]
        deadline = anyio.current_time() + self._provider(first.ref.account).creation_grace
        while True:
            missing: list[BrowserJobsError] = []
            refused: list[BrowserJobsError] = []
            for candidate in candidates:
                try:
                    return await self._ask(candidate)
                except JobNotFoundError as error:
                    missing.append(error)
                except (AuthenticationError, PermissionDeniedError) as error:
                    refused.append(error)
            if refused or anyio.current_time() >= deadline:
                raise [*refused, *missing][0]
            await anyio.sleep(GRACE_RETRY_SECONDS)
            candidates = (first,)

    async def _ask_all(self, candidates: Sequence[Candidate]) -> Found:
        found: list[Found] = []
        troubles: list[BrowserJobsError] = []

        async def ask(candidate: Candidate) -> None:
            try:
                found.append(await self._ask(candidate))
            except (JobNotFoundError, RetiredError):
                pass
            except BrowserJobsError as error:
                troubles.append(error)

        async with anyio.create_task_group() as tasks:
            for candidate in candidates:
                tasks.start_soon(ask, candidate)
        if len(found) > 1:
            raise AmbiguousReferenceError(tuple(sorted(str(one.ref) for one in found)))
        if not found:
            raise troubles[0] if troubles else UnknownReferenceError()
        return found[0]

    async def _ask(self, candidate: Candidate) -> Found:
        found = _found(candidate)
        return Found(found.ref, found.locator, await self._looker.look(found.ref, locator=found.locator))

    async def look(self, found: Found, *, spacing: float = SPACING_SECONDS) -> JobView:
        """Look at a job, if finding it took no look; when it cannot be asked for, tell what was last known.

        Raises:
            BrowserJobsError: it was never seen and cannot be asked for, or the provider refuses to tell.
        """
        if found.looked:
            return await self.view(found.looked)
        try:
            return await self.view(await self._looker.look(found.ref, locator=found.locator, spacing=spacing))
        except BrowserJobsError as error:
            record = await self._store.load(found.ref)
            if record is None or not isinstance(error, (*PASSING, JobNotFoundError)):
                raise
            return await self.view(record, problem=error)

    async def look_when_due(self, found: Found) -> JobView:
        """How a job is, for somebody who waits: it is looked at unless its last look is as young as its pace."""
        record = found.looked or await self._store.load(found.ref)
        if record and not record.job.status.final and record.detailed_at:
            now = self._clock()
            due = pace.interval(
                status=record.job.status,
                age=record.age(now),
                quiet=0.0,
                followed=False,
                floor=self._floor(record.ref.account),
            )
            if 0 <= (now - record.checked_at).total_seconds() < due:
                return await self.view(record)
        return await self.look(found)

    async def glance(self, text: str) -> JobView:
        """How a job is, for somebody who asks time and again; what stands in the way of a look is in the view."""
        found: Found | None = None
        try:
            with anyio.fail_after(GLANCE_SECONDS):
                found = await self.find(text)
                return await self.look_when_due(found)
        except BrowserJobsError as error:
            problem = error
        except TimeoutError:
            account = found.ref.account if found else ""
            problem = ProviderUnavailableError(self._accounts[account].provider if found else "", account)
        if found and (record := await self._store.load(found.ref)):
            return await self.view(record, problem=problem)
        return JobView(text, self._clock(), problem=problem, stale=True, retry_after=problem.retry_after)

    async def place(self, text: str) -> tuple[JobRef, str]:
        """A job's canonical reference, and the form to ask its provider with; it is looked at if it never was.

        Raises:
            BrowserJobsError: as `find`.
        """
        found = await self.find(text)
        record = found.looked or await self._store.load(found.ref) or (await self.look(found)).seen
        return record.ref, record.locator or record.ref.id

    async def view(self, record: Record, *, problem: BrowserJobsError | None = None) -> JobView:
        """What there is to say of a job as last seen; `problem` is what stood in the way of a newer look."""
        now, status = self._clock(), record.job.status
        rhythm = await self._store.rhythm(record.ref) if status is JobStatus.RUNNING else []
        latest = [] if status.final else await self._store.latest_events(record.ref, LATEST_EVENTS)
        return JobView(
            reference=str(record.ref),
            now=now,
            record=record,
            latest_events=tuple(latest),
            result=await self._store.result(record.ref) if status.final else None,
            stalled_seconds=eventlog.stalled_seconds(status, rhythm, record.changed_at, record.detailed_at or NEVER),
            stale=problem is not None,
            problem=problem,
            retry_after=problem.retry_after if problem else None,
            able=self._able(record.ref.account),
        )


def _found(candidate: Candidate) -> Found:
    return Found(candidate.ref, candidate.locator if candidate.locator != candidate.ref.id else "")
