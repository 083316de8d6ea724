"""Many jobs: those seen here merged with those that the providers list, newest first, page by page."""

import base64
import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Self

import anyio
from pydantic import BaseModel, Field, ValidationError

from .errors import BrowserJobsError, InvalidArgumentError, MalformedIdError, RetiredError
from .jobs import JobRow
from .providers.base import ListsJobs, Provider
from .store import Store
from .views import JobList

FETCHES = 10
"""How often a page's lists are read on, at most."""
SIFTED = 100
"""So many jobs are asked of a list at once, at least, where those of one status are picked out of them."""


class Listed(BaseModel):
    """How far a provider's list has been read: `horizon` is the time of the oldest job read."""

    cursor: str | None = None
    horizon: float | None = None
    ended: bool = False


class Place(BaseModel):
    """Where a list of jobs stands; travels as its cursor.

    Pages of `size` are asked of the providers, for good: many count their pages.
    """

    below: tuple[float, Annotated[int, Field(ge=0, lt=2**63)]] | None = None
    size: Annotated[int, Field(ge=1, le=1000)]
    lists: dict[str, Listed]

    @classmethod
    def first(cls, accounts: Iterable[str], *, status: str, limit: int) -> Self:
        """Where the list of these accounts' jobs begins."""
        return cls(size=max(limit, SIFTED) if status else limit, lists={account: Listed() for account in accounts})

    @classmethod
    def read(cls, cursor: str, accounts: Iterable[str]) -> Self:
        """Where an earlier page of these accounts' jobs ended.

        Raises:
            InvalidArgumentError: the cursor is not one of ours, or of other accounts.
        """
        try:
            place = cls.model_validate_json(base64.urlsafe_b64decode(cursor.encode()))
        except (ValueError, ValidationError):
            raise InvalidArgumentError("cursor", "must be the next_cursor of an earlier answer") from None
        try:
            place.lists = {account: place.lists[account] for account in accounts}
        except KeyError:
            raise InvalidArgumentError("cursor", "is of another account; begin again without it") from None
        return place

    def write(self) -> str:
        """The cursor of this place."""
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()


@dataclass
class Listing:
    """Merges what was seen here with the providers' lists: these are read on only as far as the page needs.

    A job of the store is in its right place once every list has been read past its time, and waits for a later page
    until then.
    """

    store: Store
    asking: Callable[[str], AbstractAsyncContextManager[Provider]]
    note: Callable[[str, JobRow, datetime], Awaitable[None]]
    clock: Callable[[], datetime]
    place: Place
    problems: list[BrowserJobsError] = field(default_factory=list)

    async def page(self, *, account: str, status: str, limit: int) -> JobList:
        store, place = self.store, self.place
        for _ in range(FETCHES):
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
                    tasks.start_soon(self._read_on, name, listed)
        rows = await store.recent(limit + 1, account=account, status=status, below=place.below)
        unread = [listed.horizon for listed in place.lists.values() if not listed.ended]
        read_to = max((horizon for horizon in unread if horizon is not None), default=-math.inf)
        page = [row for row in rows[:limit] if row[0][0] >= read_to]
        cursor = None
        if unread or len(rows) > len(page):
            cursor = place.model_copy(update={"below": page[-1][0] if page else place.below}).write()
        return JobList(tuple(record for _, record in page), cursor, tuple(self.problems))

    async def _read_on(self, name: str, listed: Listed) -> None:
        asked_at = self.clock()
        try:
            async with self.asking(name) as provider:
                if not isinstance(provider, ListsJobs):
                    listed.ended = True
                    return
                with provider.http.naming_no_job():
                    page = await provider.list_jobs(listed.cursor, self.place.size)
        except BrowserJobsError as error:
            listed.ended = True
            if not isinstance(error, RetiredError):
                self.problems.append(error)
            return
        for row in page.jobs:
            with suppress(MalformedIdError):
                await self.note(name, row.model_copy(update={"id": provider.canonical_id(row.id)}), asked_at)
            if made_at := row.created_at or row.started_at:
                stamp = made_at.timestamp()
                listed.horizon = stamp if listed.horizon is None else min(listed.horizon, stamp)
        listed.cursor = page.cursor
        listed.ended = page.cursor is None or not page.jobs
