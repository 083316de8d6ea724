"""What is known of jobs: as last seen, by whatever they are asked for, with their events and results."""

from datetime import datetime

from pydantic import JsonValue

from ..jobs import JobRef, LoggedEvent
from .file import File
from .records import Position, Record, link_hash, to_event, to_moment, to_record, to_result
from .schema import KEY_OF

RHYTHM_EVENTS = 50
LARGEST_INTEGER = 2**63 - 1


class Jobs(File):
    """Reads what was seen of jobs."""

    async def load(self, ref: JobRef) -> Record | None:
        """The job as last seen, None when it never was."""
        return await self._try(lambda: self._load(ref))

    def _load(self, ref: JobRef) -> Record | None:
        records = self._read("SELECT * FROM jobs WHERE account = ? AND id = ?", ref, to_record)
        return records[0] if records else None

    async def find(self, job_id: str) -> list[JobRef]:
        """The jobs seen before whose id this is, in any account."""
        rows = await self._try(
            lambda: self._db.execute("SELECT account, id FROM jobs WHERE id = ?", (job_id,)).fetchall()
        )
        return [JobRef(*row) for row in rows]

    async def find_part(self, account: str, last: str) -> list[JobRef]:
        """An account's jobs seen before whose id is this, or ends with it after a slash."""
        query = (
            "SELECT account, id FROM jobs"
            " WHERE account = :account AND (id = :last OR substr(id, -length(:last) - 1) = '/' || :last)"
        )
        values = {"account": account, "last": last}
        rows = await self._try(lambda: self._db.execute(query, values).fetchall())
        return [JobRef(*row) for row in rows]

    async def find_link(self, url: str, *, now: datetime) -> JobRef | None:
        """The job that gave this capability link. Only a fingerprint of the link is kept, and not for good."""
        query = "SELECT account, id FROM links JOIN jobs ON jobs.key = links.job WHERE hash = ? AND expires_at > ?"
        row = await self._try(lambda: self._db.execute(query, (link_hash(url), now.timestamp())).fetchone())
        return JobRef(*row) if row else None

    async def recent(
        self, limit: int, *, account: str = "", status: str = "", below: Position | None = None
    ) -> list[tuple[Position, Record]]:
        """Jobs, newest first, each with its position.

        Those of one moment are in the order in which they were first seen, so that a list that is read on page by page
        adds none before a position.
        """
        query = (
            "SELECT * FROM jobs WHERE (:account = '' OR account = :account) AND (:status = '' OR status = :status)"
            " AND (:at IS NULL OR (sort_at <= :at AND (sort_at < :at OR key > :key)))"
            " ORDER BY sort_at DESC, key LIMIT :limit"
        )
        at, key = below or (None, None)
        values = {"account": account, "status": status, "at": at, "key": key, "limit": limit}
        return await self._try(
            lambda: self._read(query, values, lambda row: ((row["sort_at"], row["key"]), to_record(row)))
        )

    async def events(self, ref: JobRef, *, after: int, limit: int) -> list[LoggedEvent]:
        """The events with numbers above `after`, in order, at most `limit`."""
        return await self._events(ref, "seq > ? ORDER BY seq LIMIT ?", min(after, LARGEST_INTEGER), limit)

    async def latest_events(self, ref: JobRef, limit: int) -> list[LoggedEvent]:
        """The last `limit` events, in order."""
        return (await self._events(ref, "1 ORDER BY seq DESC LIMIT ?", limit))[::-1]

    async def _events(self, ref: JobRef, condition: str, *values: int) -> list[LoggedEvent]:
        query = f"SELECT seq, at, kind, reported FROM events WHERE job = {KEY_OF} AND {condition}"  # noqa: S608 - ours
        return await self._try(lambda: self._read(query, (*ref, *values), to_event))

    async def rhythm(self, ref: JobRef) -> list[datetime]:
        """When the provider's latest events happened, oldest first: what a stall is measured against."""
        query = f"SELECT at FROM events WHERE job = {KEY_OF} AND provider_key IS NOT NULL ORDER BY seq DESC LIMIT ?"  # noqa: S608 - ours
        moments = await self._try(lambda: self._read(query, (*ref, RHYTHM_EVENTS), lambda row: to_moment(row["at"])))
        return moments[::-1]

    async def result(self, ref: JobRef) -> JsonValue:
        """The job's result, None when there is none."""
        query = f"SELECT result FROM results WHERE job = {KEY_OF}"  # noqa: S608 - ours
        results = await self._try(lambda: self._read(query, ref, to_result))
        return results[0] if results else None
