"""What a look at a job tells, written down: its state, and its events under numbers that keep their meaning."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue

from ..eventlog import Known, digest, merge
from ..jobs import Event, EventKind, Job, JobRef, JobRow, JobStatus, Link, Sighting
from .jobs import Jobs
from .records import OvertakenError, Record, link_hash, to_json, to_record

LINK_DAYS = 30
"""A link whose end nobody tells is known for so long after it was told last."""


class Looks(Jobs):
    """Writes down what was seen of jobs."""

    async def record(
        self,
        ref: JobRef,
        job: Job,
        events: Sequence[Event],
        *,
        now: datetime,
        locator: str = "",
        cursor: str | None = None,
        whole: bool = True,
        over: int | None = None,
    ) -> Record:
        """Write down one look: the job's state, and those of its events that have no number yet.

        A change of status is itself an event: one that opens comes before the provider's new events, one that
        closes after them. What was seen before and is not said any more (a result, a title) is kept.

        Args:
            events: what the provider lists, or the part of it after the record's cursor.
            locator: the form to ask the provider with, where it is more than the id.
            cursor: where the provider's events go on; None leaves it as it is.
            whole: False when only the status and little more is known.
            over: the revision that stood there when the look was begun, 0 when there was none.

        Raises:
            OvertakenError: another one stands there by now; what is newer cannot be told, so nothing is written.
        """

        def change() -> Record:
            self._check_revision(ref, over)
            return self._record(ref, job, events, now, locator, cursor, whole=whole)

        return await self._write(change)

    async def record_sighting(
        self, ref: JobRef, sighting: Sighting, *, now: datetime, over: int | None = None
    ) -> Record | None:
        """Write down a bare status word. None when the job was never seen whole.

        Raises:
            OvertakenError: as `record`.
        """

        def change() -> Record | None:
            self._check_revision(ref, over)
            before = self._load(ref)
            if before is None:
                return None
            told = sighting.model_dump()
            known = before.job.status
            if sighting.provider_status == before.job.provider_status and (known.final or not sighting.status.final):
                # A look knew more than the word: that the stop was ours, or that nothing is asked.
                told["status"] = known
            if before.job == before.job.model_copy(update=told):
                self._db.execute("UPDATE jobs SET checked_at = ? WHERE account = ? AND id = ?", (now.timestamp(), *ref))
                return self._load(ref)
            job = before.job.model_copy(update=told)
            return self._record(ref, job, (), now, "", None, whole=False)

        return await self._write(change)

    async def record_row(self, account: str, row: JobRow, *, asked_at: datetime, now: datetime) -> Record:
        """Write down a job that the provider's list shows; what was seen since the list was asked for is newer."""
        ref = JobRef(account, row.id)
        stands = await self.load(ref)
        if stands and asked_at < stands.checked_at <= now:
            return stands
        sighting = Sighting(status=row.status, provider_status=row.provider_status)
        known = await self.record_sighting(ref, sighting, now=now)
        return known or await self.record(ref, Job(**row.model_dump()), (), now=now, whole=False)

    async def record_links(self, ref: JobRef, links: Sequence[Link], *, now: datetime) -> None:
        """Remember, by their fingerprints, that these links belong to the job, until they expire."""

        def change() -> None:
            if self._load(ref):
                self._write_links(self._key(ref), links, now)

        await self._write(change)

    async def mark_stopped(self, ref: JobRef, *, at: datetime | None) -> None:
        """Write down when we asked for the job to be stopped, before it is asked; None when that came to nothing."""
        query = "UPDATE jobs SET stopped_at = ? WHERE account = ? AND id = ?"
        await self._write(lambda: self._db.execute(query, (at and at.timestamp(), *ref)))

    async def date_first_sight(self, ref: JobRef, at: datetime) -> None:
        """Write down anew when a job was first seen, whose start the provider does not tell: the clock was wrong."""
        query = "UPDATE jobs SET first_seen_at = ?, sort_at = ? WHERE account = ? AND id = ?"
        await self._write(lambda: self._db.execute(query, (at.timestamp(), at.timestamp(), *ref)))

    def _check_revision(self, ref: JobRef, over: int | None) -> None:
        row = self._db.execute("SELECT revision FROM jobs WHERE account = ? AND id = ?", ref).fetchone()
        if over and row is None:
            raise OvertakenError(None)
        if row and over not in (None, row["revision"]) and (stands := self._load(ref)):
            raise OvertakenError(stands)

    def _record(
        self,
        ref: JobRef,
        job: Job,
        events: Sequence[Event],
        now: datetime,
        locator: str,
        cursor: str | None,
        *,
        whole: bool,
    ) -> Record:
        before = self._load(ref)
        job = _with_what_was_known(job, before.job if before else None)
        key = self._insert(ref, job, now) if before is None else self._key(ref)
        count = before.events if before else 0
        reworded = before is None or before.job.provider_status != job.provider_status
        turned = before is None or before.job.status is not job.status or (reworded and job.status is JobStatus.UNKNOWN)
        status = [_status_event(job, before.job.status if before else None, now)] if turned else []
        opens = job.status in (JobStatus.QUEUED, JobStatus.RUNNING)
        merged = merge(self._known(key, events), events, part=before is not None and before.cursor is not None)
        for seq, event in merged.rewritten:
            self._db.execute(
                "UPDATE events SET reported = ?, digest = ? WHERE job = ? AND seq = ?",
                (to_json(event.reported), digest(event), key, seq),
            )
        new = [*status, *merged.new] if opens else [*merged.new, *status]
        for seq, event in enumerate(new, count + 1):
            self._db.execute(
                "INSERT INTO events (job, seq, at, kind, reported, provider_key, digest) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    seq,
                    (event.at or now).timestamp(),
                    event.kind,
                    to_json(event.reported),
                    to_json(event.key) if event.key else None,
                    digest(event),
                ),
            )
        another = job.result is not None and self._write_result(key, job.result)
        self._write_links(key, job.links, now)
        snapshot = job.model_dump_json(exclude_none=True)
        told = bool(another or new or merged.rewritten)
        changed = told or before is None or before.job != job.model_copy(update=_UNSTORED)
        moved = told or before is None or _without_meters(before.job) != _without_meters(job)
        changed_at = now if before else min(now, job.updated_at or now)
        self._db.execute(
            """
            UPDATE jobs SET
                locator = CASE WHEN :locator = '' THEN locator ELSE :locator END, snapshot = :snapshot,
                status = :status, sort_at = :sort_at, revision = revision + :changed, events = :events,
                cursor = coalesce(:cursor, cursor), checked_at = :now,
                changed_at = CASE WHEN :moved THEN :changed_at ELSE changed_at END,
                detailed_at = CASE WHEN :whole THEN :now WHEN :reworded THEN NULL ELSE detailed_at END
            WHERE key = :key
            """,
            {
                "locator": locator,
                "snapshot": snapshot,
                "status": job.status,
                "sort_at": _sort_at(job, before.first_seen_at if before else now),
                "changed": changed,
                "events": count + len(new),
                "cursor": cursor,
                "changed_at": changed_at.timestamp(),
                "now": now.timestamp(),
                "whole": whole,
                "reworded": turned or reworded,
                "key": key,
                "moved": moved,
            },
        )
        return to_record(self._db.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone())

    def _insert(self, ref: JobRef, job: Job, now: datetime) -> int:
        at = now.timestamp()
        values = (*ref, job.status, _sort_at(job, now), at, at, at)
        cursor = self._db.execute(
            "INSERT INTO jobs (account, id, locator, snapshot, status, sort_at, revision, events,"
            " first_seen_at, changed_at, checked_at) VALUES (?, ?, '', '{}', ?, ?, 0, 0, ?, ?, ?)",
            values,
        )
        return int(cursor.lastrowid or 0)

    def _key(self, ref: JobRef) -> int:
        return int(self._db.execute("SELECT key FROM jobs WHERE account = ? AND id = ?", ref).fetchone()[0])

    def _known(self, key: int, events: Sequence[Event]) -> list[Known]:
        keys = to_json(list({to_json(event.key) for event in events}))
        rows = self._db.execute(
            "SELECT seq, provider_key, digest FROM events"
            " WHERE job = ? AND provider_key IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (key, keys),
        )
        return [Known(seq, json.loads(provider_key), digest) for seq, provider_key, digest in rows]

    def _write_result(self, key: int, result: JsonValue) -> bool:
        """Whether it says something else than before."""
        query = (
            "INSERT INTO results VALUES (?, ?)"
            " ON CONFLICT (job) DO UPDATE SET result = excluded.result WHERE result != excluded.result"
        )
        return self._db.execute(query, (key, to_json(result))).rowcount > 0

    def _write_links(self, key: int, links: Sequence[Link], now: datetime) -> None:
        usual = now + timedelta(days=LINK_DAYS)
        # The end that nobody tells is put off once a day.
        query = (
            "INSERT INTO links (hash, job, expires_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE"
            " SET expires_at = excluded.expires_at WHERE abs(excluded.expires_at - expires_at) > 86400"
        )
        rows = [(link_hash(link.url), key, (link.expires_at or usual).timestamp()) for link in links]
        self._db.executemany(query, rows)


_UNSTORED = {"result": None, "events": (), "links": ()}


def _with_what_was_known(job: Job, before: Job | None) -> Job:
    if before is None:
        return job
    kept = {
        name: known
        for name in ("title", "session", "created_at", "started_at", "cost", "locator")
        if not getattr(job, name) and (known := getattr(before, name))
    }
    return job.model_copy(update=kept)


def _without_meters(job: Job) -> Job:
    """The job without what runs on while nothing happens: a stalled job still costs."""
    return job.model_copy(update={**_UNSTORED, "cost": None, "updated_at": None})


def _status_event(job: Job, before: JobStatus | None, now: datetime) -> Event:
    """The event of a change of status, dated as well as what the provider says allows."""
    match job.status:
        case JobStatus.QUEUED | JobStatus.RUNNING if before is None:
            moment = job.started_at or job.created_at or job.updated_at
        case JobStatus.RUNNING if before is JobStatus.QUEUED:
            moment = job.started_at or job.updated_at
        case _:
            moment = job.finished_at if job.status.final else job.updated_at
    return Event(
        key="",
        kind=EventKind.STATUS,
        at=min(now, moment) if moment else now,
        reported={"status": job.status.value, "provider_status": job.provider_status},
    )


def _sort_at(job: Job, first_seen_at: datetime) -> float:
    return (job.created_at or job.started_at or first_seen_at).timestamp()
