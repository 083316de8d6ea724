"""What all processes have counted, and how many waits are open in them."""

from collections.abc import Sequence
from datetime import datetime

from ..tally import Counted
from .file import File
from .records import to_counted

COUNTING_SECONDS = 10.0
"""How often a process writes down what it counted, and that its waits are still open."""
_SILENT = 3 * COUNTING_SECONDS


class Counts(File):
    """Adds up what processes count."""

    async def add_counts(self, counted: Sequence[Counted], process: str, waits: int, *, now: datetime) -> None:
        """Add what a process counted, say how many waits are open there, and forget the links that have expired."""
        query = (
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT (what, account, how)"
            " DO UPDATE SET times = times + excluded.times, last_at = max(last_at, excluded.last_at)"
        )
        rows = [(each.what, each.account, each.how, each.times, each.last_at.timestamp()) for each in counted]

        def change() -> None:
            at = now.timestamp()
            self._db.executemany(query, rows)
            self._db.execute("DELETE FROM open_waits WHERE process = ? OR abs(? - at) > ?", (process, at, _SILENT))
            if waits:
                self._db.execute("INSERT INTO open_waits VALUES (?, ?, ?)", (process, waits, at))
            self._db.execute("DELETE FROM links WHERE expires_at <= ?", (at,))

        await self._write(change)

    async def counts(self) -> list[Counted]:
        """What all processes have counted so far."""
        query = "SELECT what, account, how, times, last_at FROM counts ORDER BY what, account, how"
        return await self._try(lambda: self._read(query, (), to_counted))

    async def open_waits(self, *, now: datetime) -> int:
        """How many waits are open in all processes that have said so lately."""
        query = "SELECT coalesce(sum(waits), 0) FROM open_waits WHERE abs(? - at) <= ?"
        return int(await self._try(lambda: self._db.execute(query, (now.timestamp(), _SILENT)).fetchone()[0]))
