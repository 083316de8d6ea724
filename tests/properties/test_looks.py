"""Looks at a job whose events come in pages: whatever breaks in between, the log becomes whole, and stays as it was."""

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pydantic import SecretStr

from mcp_browserjobs.errors import ProviderUnavailableError, UnexpectedResponseError
from mcp_browserjobs.jobs import Event, EventKind, EventPage, Job, JobRef, JobStatus, LoggedEvent
from mcp_browserjobs.providers.base import Access, Connections, Provider, Statuses, Wire
from mcp_browserjobs.store import Store
from mcp_browserjobs.watch.look import Looker
from tests.conftest import START

REF = JobRef("diary", "job")


class State(Wire):
    """How the job is."""

    status: str


class Entry(Wire):
    """An event."""

    id: str
    text: str


class Page(Wire):
    """Some of its events."""

    entries: list[Entry]
    next: str
    more: bool


class Diary(Provider):
    """A provider with a list of events, read by cursor."""

    name = title = "diary"
    prefix = "DIARY"
    base_url = "https://diary.example"
    key_header = "key"
    example_id = id_form = "job"
    id_pattern = re.compile("job")
    statuses = Statuses({status.value: status for status in JobStatus})

    async def fetch_job(self, job_id: str) -> Job:
        """How the job is."""
        state = await self.http.get_model("/state", State)
        return Job(id=job_id, status=JobStatus(state.status), provider_status=state.status)

    async def fetch_events(self, job_id: str, cursor: str | None) -> EventPage:
        """One page."""
        del job_id
        page = await self.http.get_model("/entries", Page, params={"after": cursor})
        events = (Event(key=one.id, kind=EventKind.STEP, reported={"text": one.text}) for one in page.entries)
        return EventPage(events=tuple(events), cursor=page.next, has_more=page.more)


class Looks(RuleBasedStateMachine):
    """A provider's server, and two processes that look at a job of it; each event's text begins with what it was."""

    @initialize(size=st.integers(1, 4), overlap=st.integers(0, 3))
    def begin(self, size: int, overlap: int) -> None:
        """Pages hold so many new events, and so many that came before."""
        self.size, self.overlap = size, overlap
        self.folder = TemporaryDirectory(ignore_cleanup_errors=True)
        self.loop = asyncio.Runner()
        self.now = START
        self.texts: list[str] = []
        self.status = JobStatus.RUNNING
        self.broken: set[int] = set()
        self.asked = 0
        self.log: Sequence[LoggedEvent] = []
        access = Access("diary", "diary", SecretStr("k"), "DIARY_API_KEY", Diary.base_url)
        self.connections = Connections(httpx2.MockTransport(self.answer))
        self.diary = self.connections.open(Diary, access, {})
        self.processes = [self.opened(), self.opened()]

    def opened(self) -> tuple[Store, Looker]:
        """A process's store, and who looks."""
        store = Store(str(Path(self.folder.name) / "store.db"))
        return store, Looker(store, lambda _: self.diary, lambda: self.now, lambda *_: None)

    def teardown(self) -> None:
        """Let go of everything."""
        if hasattr(self, "processes"):
            for store, _ in self.processes:
                store.close()
            self.loop.run(self.connections.aclose())
            self.loop.close()
            self.folder.cleanup()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The server's answer, which is none of use where it is broken."""
        self.asked += 1
        if self.asked in self.broken:
            return httpx2.Response(503) if self.asked % 2 else httpx2.Response(200, text='{"entries": [{"id": "0"')
        if request.url.path == "/state":
            return httpx2.Response(200, json={"status": self.status})
        after = int(request.url.params.get("after", 0))
        end = min(len(self.texts), after + self.size)
        places = range(max(0, after - self.overlap), end)
        entries = [{"id": str(place), "text": self.texts[place]} for place in (*places, *places[:1])]
        return httpx2.Response(200, json={"entries": entries, "next": str(end), "more": end < len(self.texts)})

    @rule(count=st.integers(1, 9))
    def go_on(self, count: int) -> None:
        """More happens."""
        self.texts += [f"event {len(self.texts) + place}." for place in range(count)]

    @rule(place=st.integers(0, 30))
    def rewrite(self, place: int) -> None:
        """An event says more than before."""
        if self.texts:
            self.texts[place % len(self.texts)] += " More."

    @rule(status=st.sampled_from(JobStatus))
    def turn(self, status: JobStatus) -> None:
        """The job's status changes."""
        self.status = status

    @rule(later=st.sets(st.integers(1, 12), max_size=6))
    def have_trouble(self, later: set[int]) -> None:
        """Some of the next answers are broken."""
        self.broken = {self.asked + number for number in later}

    @rule(process=st.integers(0, 1))
    def restart(self, process: int) -> None:
        """A process ends, and starts again."""
        self.processes[process][0].close()
        self.processes[process] = self.opened()

    @rule(process=st.integers(0, 1))
    def look(self, process: int) -> None:
        """A process looks; the other reads what it wrote down."""
        self.now += timedelta(seconds=1)
        asked = self.asked
        fine = self.loop.run(self.looked(self.processes[process][1]))
        whole = fine and self.broken.isdisjoint(range(asked, self.asked + 1))
        before, self.log = self.log, self.loop.run(self.processes[1 - process][0].events(REF, after=0, limit=10**6))
        assert [event.seq for event in self.log] == [*range(1, len(self.log) + 1)]
        for old, new in zip(before, self.log, strict=False):
            assert (old.seq, old.at, old.kind) == (new.seq, new.at, new.kind)
            assert str(new.reported.get("text", "")).startswith(str(old.reported.get("text", "")))
        happened = [str(event.reported["text"]) for event in self.log if event.kind is EventKind.STEP]
        assert all(now.startswith(text) for text, now in zip(happened, self.texts, strict=False))
        assert len(before) <= len(self.log)
        assert len(happened) == len(self.texts) if whole else len(happened) <= len(self.texts)

    async def looked(self, looker: Looker) -> bool:
        """Look once; whether nothing stood in the way."""
        try:
            await looker.look(REF, spacing=0)
        except (ProviderUnavailableError, UnexpectedResponseError):
            return False
        return True


TestLooks = Looks.TestCase
TestLooks.settings = settings(stateful_step_count=25)
