"""What a provider may be able to do besides telling how a job is: a protocol each, and no flags."""

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from ...jobs import Change, EventPage, JobPage, Link, Picture, Sighting, Started
from .webhooks import Delivery


@runtime_checkable
class ReportsStatus(Protocol):
    """Has a status route that is cheaper than a whole look."""

    async def fetch_status(self, job_id: str) -> Sighting:
        """The status word only."""
        ...


@runtime_checkable
class ReportsEvents(Protocol):
    """Has an event list of its own, read by cursor."""

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """The events after `cursor` (from the first, when None), oldest first, one page of them."""
        ...


@runtime_checkable
class AwaitsChanges(Protocol):
    """Answers a question about a job only when there is something new (a long poll)."""

    async def await_change(self, job_id: str, cursor: str | None, seconds: float) -> Change:
        """What has happened after `cursor`, which is that of `fetch_events` too, as soon as anything has.

        One request. When nothing happens for about `seconds`, or less, it ends with a change that says nothing.
        """
        ...


@runtime_checkable
class StreamsChanges(Protocol):
    """Tells what happens to a job while it happens, over one request that stays open.

    Where there is no `fetch_events`, the stream is also the only way to the events.
    """

    def stream_changes(self, job_id: str, cursor: str | None) -> AsyncGenerator[Change]:
        """What has happened after `cursor` (from the first, when None), and then what happens.

        Ends when the provider ends it, which it does with the job. A sign of life is a change that says nothing.
        """
        ...


@runtime_checkable
class ReportsLinks(Protocol):
    """Tells links that do not come along with a look at the job."""

    async def fetch_links(self, job_id: str) -> tuple[Link, ...]:
        """The job's live view, recordings and downloads."""
        ...


@runtime_checkable
class TakesAnswers(Protocol):
    """Hands a person's answer to a waiting job."""

    async def answer_question(self, job_id: str, question_id: str, answer: str) -> None:
        """Answer the pending question.

        Raises:
            ConflictError: it was answered already, or the job no longer waits.
        """
        ...


@runtime_checkable
class PausesJobs(Protocol):
    """Holds running jobs."""

    async def pause_job(self, job_id: str) -> None:
        """Ask for it.

        Raises:
            ConflictError: the job does not run.
        """
        ...


@runtime_checkable
class ResumesJobs(Protocol):
    """Lets paused jobs go on."""

    async def resume_job(self, job_id: str) -> None:
        """Ask for it.

        Raises:
            ConflictError: the job is not paused.
        """
        ...


@runtime_checkable
class CancelsJobs(Protocol):
    """Stops jobs for good."""

    async def cancel_job(self, job_id: str) -> None:
        """Ask for it.

        Raises:
            ConflictError: the job is over.
        """
        ...


@runtime_checkable
class StartsJobs(Protocol):
    """Makes new jobs, which costs money."""

    async def start_job(self, task: str, parameters: Mapping[str, JsonValue]) -> Started:
        """Make a job; `parameters` go into the provider's own create body.

        Raises:
            RefusedRequestError: the provider does not accept them.
        """
        ...


@runtime_checkable
class TakesPictures(Protocol):
    """Has screenshots of its jobs."""

    async def fetch_screenshot(self, job_id: str, index: int) -> Picture:
        """One screenshot; a negative index counts from the latest, which is -1.

        Raises:
            NotAvailableError: there is none, or none of this index.
        """
        ...


@runtime_checkable
class KeepsLogs(Protocol):
    """Keeps a raw log of its jobs."""

    async def fetch_log(self, job_id: str) -> str:
        """The log as the provider wrote it.

        Raises:
            NotAvailableError: there is none.
        """
        ...


@runtime_checkable
class ListsJobs(Protocol):
    """Lists the account's jobs."""

    async def list_jobs(self, cursor: str | None, limit: int) -> JobPage:
        """Jobs, newest first."""
        ...


@runtime_checkable
class ChecksKey(Protocol):
    """Has a cheap request that tells whether the key works."""

    async def check_key(self) -> None:
        """Ask it.

        Raises:
            AuthenticationError: the key is refused.
            PermissionDeniedError: the key is known, and of no use here.
        """
        ...


@runtime_checkable
class SendsWebhooks(Protocol):
    """Tells of changes by webhook."""

    def jobs_of(self, delivery: Delivery, secret: str) -> tuple[str, ...]:
        """The ids under which the job that a delivery is about may be known here; pure.

        None when it is not signed with `secret` as it should be, is too old, or is about no job. Where the provider
        signs nothing, whoever calls has checked that the secret was part of the address.
        """
        ...
