"""Which process looks at which job, so that the looks are shared among them."""

from datetime import datetime

from ..jobs import JobRef
from .file import File
from .schema import KEY_OF

LEASE_SECONDS = 6.0


class Leases(File):
    """Gives each job to one process that is alive."""

    async def beat(self, process: str, *, now: datetime) -> None:
        """Say that this process is alive; the leases of one that is silent for LEASE_SECONDS are free."""

        def change() -> None:
            at = now.timestamp()
            self._db.execute("INSERT OR REPLACE INTO processes VALUES (?, ?)", (process, at))
            self._db.execute("DELETE FROM processes WHERE abs(? - seen_at) > ?", (at, LEASE_SECONDS))
            self._db.execute("DELETE FROM leases WHERE process NOT IN (SELECT name FROM processes)")

        await self._write(change)

    async def is_alive(self, process: str, *, now: datetime) -> bool:
        """Whether a process has said so lately."""
        query = "SELECT 1 FROM processes WHERE name = ? AND abs(? - seen_at) <= ?"
        values = (process, now.timestamp(), LEASE_SECONDS)
        return await self._try(lambda: self._db.execute(query, values).fetchone()) is not None

    async def lease(self, ref: JobRef, process: str, *, now: datetime) -> bool:
        """Whether this process is the one that looks at the job; takes the lease when it is free."""

        def holder() -> str | None:
            row = self._db.execute(
                f"SELECT process FROM leases JOIN processes ON name = process WHERE job = {KEY_OF}",  # noqa: S608 - ours
                ref,
            ).fetchone()
            return row[0] if row else None

        def take() -> bool:
            if (current := holder()) is None:
                self._db.execute("INSERT OR REPLACE INTO processes VALUES (?, ?)", (process, now.timestamp()))
                query = "INSERT OR REPLACE INTO leases SELECT key, ? FROM jobs WHERE account = ? AND id = ?"
                self._db.execute(query, (process, *ref))
                return True
            return current == process

        current = await self._try(holder)
        return current == process if current is not None else await self._write(take)

    async def release(self, ref: JobRef, process: str) -> None:
        """Give the lease back."""
        query = f"DELETE FROM leases WHERE process = ? AND job = {KEY_OF}"  # noqa: S608 - ours
        await self._write(lambda: self._db.execute(query, (process, *ref)))

    async def leave(self, process: str) -> None:
        """Give all leases back: the process ends."""

        def change() -> None:
            self._db.execute("DELETE FROM leases WHERE process = ?", (process,))
            self._db.execute("DELETE FROM processes WHERE name = ?", (process,))

        await self._write(change)
