"""Which jobs were asked for from here, so that none is started twice."""

from datetime import datetime

from .file import File
from .records import Start, to_start


class Starts(File):
    """Remembers starts."""

    async def claim_start(self, start: Start, *, since: datetime) -> Start:
        """Write down that a job is to be started, before the provider is asked.

        When that was written before, under the same key or, after `since`, with the same content, the earlier
        one comes back and nothing is written.
        """

        def change() -> Start:
            row = self._db.execute(
                "SELECT * FROM starts WHERE account = :account"
                " AND (key = :key OR (content = :content AND asked_at > :since))"
                " ORDER BY key = :key DESC, asked_at DESC",
                {"account": start.account, "key": start.key, "content": start.content, "since": since.timestamp()},
            ).fetchone()
            if row:
                return to_start(row)
            values = (start.account, start.key, start.content, start.asked_at.timestamp(), start.process, start.job)
            self._db.execute("INSERT INTO starts VALUES (?, ?, ?, ?, ?, ?)", values)
            return start

        return await self._write(change)

    async def start(self, account: str, key: str) -> Start | None:
        """What was asked for under this key."""
        query = "SELECT * FROM starts WHERE account = ? AND key = ?"
        row = await self._try(lambda: self._db.execute(query, (account, key)).fetchone())
        return to_start(row) if row else None

    async def started_jobs(self, account: str) -> set[str]:
        """The ids of all jobs that were started from here."""
        query = "SELECT job FROM starts WHERE account = ? AND job IS NOT NULL"
        return {row[0] for row in await self._try(lambda: self._db.execute(query, (account,)).fetchall())}

    async def retake_start(self, start: Start, process: str, *, now: datetime) -> bool:
        """Take over a start that came to nothing, to ask again; False when somebody else just did."""
        query = (
            "UPDATE starts SET process = ?, asked_at = ? WHERE account = ? AND key = ? AND asked_at = ? AND job IS NULL"
        )
        values = (process, now.timestamp(), start.account, start.key, start.asked_at.timestamp())
        return await self._write(lambda: self._db.execute(query, values).rowcount) == 1

    async def finish_start(self, account: str, key: str, job: str | None) -> None:
        """Write down the id of what was started; None: it certainly was not, and may be asked for anew."""

        def change() -> None:
            if job is None:
                self._db.execute("DELETE FROM starts WHERE account = ? AND key = ? AND job IS NULL", (account, key))
            else:
                self._db.execute("UPDATE starts SET job = ? WHERE account = ? AND key = ?", (job, account, key))

        await self._write(change)
