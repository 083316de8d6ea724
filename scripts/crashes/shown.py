"""What clients were ever shown, held against what stands in the store."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_browserjobs.jobs import JobRef
from mcp_browserjobs.server.answers import event_line
from mcp_browserjobs.store import Store

EVERYTHING = 100_000
DOUBLED = """
    SELECT count(*) FROM (
        SELECT 1 FROM events WHERE provider_key IS NOT NULL GROUP BY job, provider_key, digest HAVING count(*) > 1
    )
"""


@dataclass
class Shown:
    """Every event that any client was shown, by job and number; `wrong` counts what was found otherwise later."""

    events: dict[str, dict[int, Any]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def take(self, job: str, page: dict[str, Any]) -> None:
        """Note a page of events, each of which may have been shown before."""
        known = self.events.setdefault(job, {})
        for event in page["events"]:
            if meaning(event) != meaning(known.setdefault(event["seq"], event)):
                self._found("renumbered", f"{job}: {known[event['seq']]} is now {event}")

    def last(self, job: str) -> int:
        """The highest number shown of a job."""
        return max(self.events.get(job, ()), default=0)

    @property
    def count(self) -> int:
        """How many events were shown."""
        return sum(map(len, self.events.values()))

    async def hold_against(self, path: Path) -> None:
        """Open the store, and see that it is sound and holds all that was ever shown, under the same numbers."""
        with closing(sqlite3.connect(path, timeout=10)) as file:
            if (said := file.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
                self._found("broken files", str(said[:3]))
        # A server that was killed at once may not have made its tables yet; whoever opens the store does.
        with closing(Store(str(path))) as store:
            for job, known in self.events.items():
                ref = JobRef(*job.split(":", 1))
                log = [event_line(event) for event in await store.events(ref, after=0, limit=EVERYTHING)]
                for problem in _differences(known, log):
                    self._found(problem[0], f"{job}: {problem[1]}")
        with closing(sqlite3.connect(path, timeout=10)) as file:
            if doubled := file.execute(DOUBLED).fetchone()[0]:
                self._found("doubled", f"{doubled} events")

    def _found(self, what: str, example: str) -> None:
        self.wrong[what] += 1
        self.examples.append(f"{what}: {example}")


def meaning(event: Any) -> tuple[Any, ...]:
    """What an event is about: a vendor may say later how a step went, which is told under the same number."""
    reported = event["reported"]
    return event["kind"], event["at"], reported.get("text", reported)


def _differences(known: dict[int, Any], log: list[Any]) -> Iterator[tuple[str, str]]:
    if [event["seq"] for event in log] != list(range(1, len(log) + 1)):
        yield "numbers twice or left out", str([event["seq"] for event in log])
    stands = {event["seq"]: event for event in log}
    for seq, event in known.items():
        if seq not in stands:
            yield "lost", str(event)
        elif meaning(stands[seq]) != meaning(event):
            yield "renumbered", f"{event} is now {stands[seq]}"
