"""What changes a job: answers, pauses, cancels, starts. Each is asked once and verified, and may be repeated."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Literal
from uuid import uuid4
from weakref import WeakValueDictionary

import anyio
from pydantic import JsonValue

from .errors import (
    ActingDisabledError,
    BrowserJobsError,
    ConflictError,
    InvalidArgumentError,
    MalformedIdError,
    NotAvailableError,
    NotSentError,
    NotSupportedError,
    ProviderUnavailableError,
    UnexpectedResponseError,
    UnknownOutcomeError,
    UnreachableError,
)
from .finding import START_LIMIT
from .jobs import START_PREFIX, TITLE_CHARACTERS, JobRef, JobStatus, Started
from .providers.base import CancelsJobs, ListsJobs, PausesJobs, Provider, ResumesJobs, StartsJobs, TakesAnswers
from .reported import clean
from .store import Start
from .tracker import Tracker
from .views import JobView
from .watch.watcher import PROVISIONAL_SECONDS

ASK_SECONDS = 20.0
"""A command is given up after this; with the looks before and after it a call stays below a minute."""
VERIFY_SECONDS = 8.0
VERIFY_SPACING = 1.0
START_SECONDS = 3.5
"""A start answers within this: some clients give a call up after five seconds, and repeat it."""
KEY_CHARACTERS = 200
SAME_CONTENT = timedelta(seconds=120)
"""The same task again within this is the same start, unless keys tell them apart."""
LIST_LAG = timedelta(seconds=10)
"""A provider's list may show a new job so much later."""
CLOCK_SKEW = timedelta(seconds=60)
RECENT_JOBS = 50

LOST = (ProviderUnavailableError, UnexpectedResponseError)
"""Failures after which a request may have taken effect all the same."""

Deed = Literal["answer", "pause", "resume", "cancel", "start"]
AskToStart = Callable[[], Awaitable[Started]]


@dataclass(frozen=True)
class Acted:
    """What was asked, and how the job is now. `took_effect` is None when that cannot be told yet."""

    asked: Deed
    took_effect: bool | None
    view: JobView


@dataclass
class _Starting:
    """A start that this process is asking for."""

    done: anyio.Event = field(default_factory=anyio.Event)
    error: BrowserJobsError | None = None


class Actor:
    """Changes jobs. Only one may stand over a tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._starting: dict[tuple[str, str], _Starting] = {}
        self._locks: WeakValueDictionary[JobRef, anyio.Lock] = WeakValueDictionary()

    async def answer(self, text: str, answer: str, *, question_id: str = "") -> Acted:
        """Hand a person's answer to a job that waits for it.

        Args:
            text: the job.
            answer: the answer; one of the options, where the question has some.
            question_id: which question is meant; empty for the pending one.

        Raises:
            InvalidArgumentError: no answer. NotSupportedError: the provider takes none.
            UnknownOutcomeError: it cannot be told whether it was done. BrowserJobsError: as `Tracker.look`.
        """
        if not answer.strip():
            raise InvalidArgumentError("answer", "must not be empty")
        async with self._alone(text) as (view, provider):
            if not isinstance(provider, TakesAnswers):
                raise _unable(provider, "take answers", session=view.seen.job.session)
            question = view.seen.job.question
            asked = question_id or (question.id if question else "")
            if view.status is not JobStatus.WAITING_FOR_INPUT or (question and question.id != asked):
                return Acted("answer", took_effect=False, view=view)
            if not asked:
                raise NotAvailableError("question", view.status.value)

            def answered(now: JobView) -> bool:
                pending = now.seen.job.question
                return now.status is not JobStatus.WAITING_FOR_INPUT or (pending is not None and pending.id != asked)

            return await self._act(
                "answer", view, partial(provider.answer_question, _locator(view), asked, answer), answered
            )

    async def pause(self, text: str) -> Acted:
        """Hold a running job; one that is held already stays so.

        Raises:
            NotSupportedError: the provider cannot. UnknownOutcomeError: it cannot be told whether it was done.
            BrowserJobsError: as `Tracker.look`.
        """
        async with self._alone(text) as (view, provider):
            if not isinstance(provider, PausesJobs):
                raise _unable(provider, "pause jobs")
            ask = partial(provider.pause_job, _locator(view))
            return await self._act("pause", view, ask, lambda now: now.status is JobStatus.PAUSED)

    async def resume(self, text: str) -> Acted:
        """Let a paused job go on; one that runs already does.

        Raises:
            NotSupportedError: the provider cannot. UnknownOutcomeError: it cannot be told whether it was done.
            BrowserJobsError: as `Tracker.look`.
        """
        async with self._alone(text) as (view, provider):
            if not isinstance(provider, ResumesJobs):
                raise _unable(provider, "resume jobs")
            ask = partial(provider.resume_job, _locator(view))
            return await self._act("resume", view, ask, lambda now: now.status is JobStatus.RUNNING)

    async def cancel(self, text: str) -> Acted:
        """Stop a job for good, and look until the provider says that it stopped; one that is over stays as it is.

        Raises:
            NotSupportedError: the provider cannot. UnknownOutcomeError: it cannot be told whether it was done.
            BrowserJobsError: as `Tracker.look`.
        """
        async with self._alone(text) as (view, provider):
            if not isinstance(provider, CancelsJobs):
                raise _unable(provider, "cancel jobs")
            ref = view.seen.ref
            store = self._tracker.store
            if not view.status.final:
                await store.mark_stopped(ref, at=self._tracker.clock())
            ask = partial(provider.cancel_job, _locator(view))
            try:
                acted = await self._act("cancel", view, ask, lambda now: now.status is JobStatus.CANCELLED)
            except (*LOST, UnknownOutcomeError):
                raise
            except BrowserJobsError:
                # It was refused: a failure that comes later is the job's own.
                await store.mark_stopped(ref, at=view.seen.stopped_at)
                raise
            if acted.took_effect and provider.cancel_is_provisional:
                self._tracker.follow(ref, PROVISIONAL_SECONDS)
            return acted

    @asynccontextmanager
    async def _alone(self, text: str) -> AsyncIterator[tuple[JobView, Provider]]:
        """How the job is and who runs it, when acting is allowed; nobody else here acts on it until this is left.

        Who asks for the same while it is on its way finds it done, and does not have it sent twice.
        """
        if self._tracker.settings.read_only:
            raise ActingDisabledError("BROWSERJOBS_READ_ONLY")
        ref = await self._tracker.resolve(text)
        async with self._locks.setdefault(ref, anyio.Lock()):
            yield await self._tracker.look(text), self._tracker.provider(ref.account)

    async def _act(
        self, deed: Deed, view: JobView, ask: Callable[[], Awaitable[None]], there: Callable[[JobView], bool]
    ) -> Acted:
        """Ask, unless it is so already or the job is over; then look until it is so, or some seconds passed."""

        def settled(now: JobView) -> bool:
            return now.status.final or (there(now) and not now.stale)

        if settled(view):
            return Acted(deed, took_effect=there(view), view=view)
        trouble: BrowserJobsError | None = None
        ours: bool | None = True
        try:
            async with self._tracker.asking(view.seen.ref.account, seconds=ASK_SECONDS):
                await ask()
        except ConflictError:
            # Somebody else was faster: all the same for what is so now, but not for whose answer it was.
            ours = deed != "answer"
        except LOST as error:
            # And so somebody else may have been.
            trouble, ours = error, None if deed == "answer" else True
        # What was seen before tells nothing any more.
        view = replace(view, stale=True)
        with anyio.move_on_after(VERIFY_SECONDS):
            while True:
                view = await self._now(view)
                if settled(view):
                    break
                await anyio.sleep(VERIFY_SPACING)
        if settled(view):
            return Acted(deed, took_effect=there(view) and ours, view=view)
        if trouble:
            raise self._unknown(view.seen.ref.account) if view.stale else trouble
        return Acted(deed, took_effect=None if view.stale else False, view=view)

    async def _now(self, view: JobView) -> JobView:
        """How the job is now or, where that is refused too, how it was."""
        try:
            return await self._tracker.look(str(view.seen.ref), spacing=0)
        except BrowserJobsError as error:
            return replace(view, stale=True, problem=error)

    # Starting

    async def start(
        self, account: str, task: str, *, parameters: Mapping[str, JsonValue], key: str = "", allowed: bool = False
    ) -> Acted:
        """Start a job once, however often this is repeated; answers within START_SECONDS, with the id or without.

        It is written down first, then asked for; when the reply is lost, the provider's list is searched before
        anything is asked again: hardly any provider has idempotency keys of its own.

        Args:
            account: where.
            task: what to do, in the provider's sense; at Dari the portal.
            parameters: merged into the provider's create body.
            key: the same key is the same start for good; without one, the same content is for a short while. At most
                KEY_CHARACTERS, since it is a part of the reference of a job whose id is not known yet.
            allowed: that the person asked for it themselves.

        Raises:
            ActingDisabledError: starting is not allowed. InvalidArgumentError: no task, a key that cannot be one, or
            one used for another task. NotSupportedError: the provider cannot. UnknownOutcomeError: it cannot be told
            whether it started. NotSentError: it did not. BrowserJobsError: the provider's refusal.
        """
        tracker = self._tracker
        if tracker.settings.read_only:
            raise ActingDisabledError("BROWSERJOBS_READ_ONLY")
        if not (allowed or tracker.settings.allow_start):
            raise ActingDisabledError("BROWSERJOBS_ALLOW_START")
        if not task.strip():
            raise InvalidArgumentError("task", "must not be empty")
        key = key.strip()
        if len(key) > KEY_CHARACTERS or not key.isprintable():
            raise InvalidArgumentError("idempotency_key", f"must be at most {KEY_CHARACTERS} printable characters")
        provider = tracker.provider(account)
        if not isinstance(provider, StartsJobs):
            raise _unable(provider, "start jobs")
        now = tracker.clock()
        said = json.dumps([account, task, parameters], sort_keys=True, ensure_ascii=False)
        content = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
        asked = Start(account, key or f"{content[:8]}-{uuid4().hex[:8]}", content, now, tracker.process)
        # Whoever repeats this in another process must see that somebody is at it.
        await tracker.store.beat(tracker.process, now=now)
        known = await tracker.store.claim_start(asked, since=now if key else now - SAME_CONTENT)
        if known.content != content:
            raise InvalidArgumentError("idempotency_key", "was used for another task; choose a new one")
        if known is asked:
            return await self._ask(asked, task, partial(provider.start_job, task, parameters))
        return await self._again(known, task, partial(provider.start_job, task, parameters))

    async def _again(self, known: Start, task: str, ask: AskToStart) -> Acted:
        """What to say to a start that was asked for before."""
        if known.job:
            return await self._started(known.account, known.job)
        if starting := self._starting.get((known.account, known.key)):
            return await self._soon(known, starting)
        tracker, now = self._tracker, self._tracker.clock()
        young = now - known.asked_at < timedelta(seconds=START_LIMIT)
        if young and known.process != tracker.process and await tracker.store.is_alive(known.process, now=now):
            return self._pending(known)
        if found := await self._reconcile(known, task):
            return await self._started(known.account, found)
        if not _shows_starts(tracker.provider(known.account)) or now - known.asked_at < LIST_LAG:
            raise self._unknown(known.account)
        if not await tracker.store.retake_start(known, tracker.process, now=now):
            return self._pending(known)
        return await self._ask(known, task, ask)

    async def _ask(self, start: Start, task: str, ask: AskToStart) -> Acted:
        starting = self._starting[start.account, start.key] = _Starting()
        self._tracker.in_background(self._run, start, task, ask, starting)
        return await self._soon(start, starting)

    async def _soon(self, start: Start, starting: _Starting) -> Acted:
        deadline = anyio.current_time() + START_SECONDS
        with anyio.CancelScope(deadline=deadline):
            await starting.done.wait()
        if starting.error:
            raise starting.error
        done = await self._tracker.store.start(start.account, start.key)
        if done is None or done.job is None:
            return self._pending(start)
        with anyio.CancelScope(deadline=deadline):
            return await self._started(done.account, done.job)
        return self._told(JobRef(done.account, done.job))

    async def _run(self, start: Start, task: str, ask: AskToStart, starting: _Starting) -> None:
        """Ask the provider, for as long as that takes, whoever still waits for it."""
        store = self._tracker.store
        try:
            try:
                async with self._tracker.asking(start.account, seconds=START_LIMIT) as provider:
                    job = _canonical(provider, (await ask()).id)
                await store.finish_start(start.account, start.key, job)
            except UnreachableError as error:
                raise NotSentError(error.provider, error.account) from None
            except LOST:
                starting.error = await self._after_a_lost_reply(start, task)
        except BrowserJobsError as error:
            await store.finish_start(start.account, start.key, None)
            starting.error = error
        finally:
            del self._starting[start.account, start.key]
            starting.done.set()

    async def _after_a_lost_reply(self, start: Start, task: str) -> BrowserJobsError | None:
        try:
            found = await self._reconcile(start, task)
        except BrowserJobsError:
            # Whatever stands in the way of the list, the start may have taken effect.
            found = None
        return None if found else self._unknown(start.account)

    async def _reconcile(self, start: Start, task: str) -> str | None:
        """Search the provider's list for a job that was made after we asked, has our title, and is nobody else's."""
        tracker = self._tracker
        title = _title(task)
        async with tracker.asking(start.account) as provider:
            if not (isinstance(provider, ListsJobs) and _shows_starts(provider)):
                return None
            with provider.http.naming_no_job():
                rows = (await provider.list_jobs(None, RECENT_JOBS)).jobs
        taken = await tracker.store.started_jobs(start.account)
        earliest = start.asked_at - CLOCK_SKEW
        for row in reversed(rows):
            made_at = row.created_at or row.started_at
            if made_at and made_at >= earliest and _title(row.title) == title and row.id not in taken:
                await tracker.store.finish_start(start.account, start.key, row.id)
                return row.id
        return None

    async def _started(self, account: str, job: str) -> Acted:
        ref = JobRef(account, job)
        try:
            return Acted("start", took_effect=True, view=await self._tracker.look(str(ref)))
        except BrowserJobsError:
            return self._told(ref)

    def _told(self, ref: JobRef) -> Acted:
        return Acted("start", took_effect=True, view=JobView(str(ref), self._tracker.clock()))

    def _pending(self, start: Start) -> Acted:
        reference = str(JobRef(start.account, START_PREFIX + start.key))
        return Acted("start", took_effect=None, view=JobView(reference, self._tracker.clock()))

    def _unknown(self, account: str) -> UnknownOutcomeError:
        return UnknownOutcomeError(self._tracker.provider(account).name, account)


def _canonical(provider: Provider, job_id: str) -> str:
    """The id of a job that has just been made; what cannot be one is no answer."""
    try:
        return provider.canonical_id(job_id)
    except MalformedIdError:
        raise provider.http.unexpected("the id of the new job") from None


def _unable(provider: Provider, ability: str, *, session: str = "") -> NotSupportedError:
    return NotSupportedError(provider.name, provider.http.account, ability=ability, session=session)


def _title(text: str) -> str:
    return clean(text[:TITLE_CHARACTERS], TITLE_CHARACTERS)


def _shows_starts(provider: Provider) -> bool:
    """Whether a job that was started can be found in the provider's list."""
    return isinstance(provider, ListsJobs) and provider.lists_tasks


def _locator(view: JobView) -> str:
    return view.seen.locator or view.seen.ref.id
