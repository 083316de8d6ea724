"""What a provider tells by itself: sooner, for fewer requests, and nothing is lost or repeated when that breaks off."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.errors import ProviderUnavailableError, RateLimitedError
from mcp_browserjobs.jobs import JobRef, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.script import Ask, Beat, Finish, Outage, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import LEASE_SECONDS, AccountState, Record
from mcp_browserjobs.tracker import Tracker
from mcp_browserjobs.watch import watcher
from mcp_browserjobs.watch.feed import SILENCE_SECONDS
from mcp_browserjobs.watch.look import LOOK_SECONDS
from tests.conftest import START
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

FEEDS = {"await_change": "/changes", "stream_changes": "/events"}
"""The abilities of telling by itself, and how the path of such a request ends."""
TELLING = [name for name in providers.names() if FEEDS.keys() & set(dir(providers.load(name)))]
STEPS = [f"Read page {page} of 30." for page in range(30)]
LONG: tuple[Beat, ...] = (Queued(5), *(Step(text, 20) for text in STEPS), Finish("Read."))


class Line(InProcess):
    """The way to the providers, on which requests that stay open are counted and may be made to fail."""

    def __init__(self, app: object) -> None:
        super().__init__(app)  # type: ignore[arg-type]
        self.open = self.most = self.asked = 0
        self.places: list[str] = []
        self.asked_at: list[float] = []
        self.broken = False
        self.mute = False
        self.without_news = False
        self.impatient = False
        self.unanswered = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        stays = request.url.path.endswith(tuple(FEEDS.values())) and request.url.params.get("wait_for_seconds") != "0"
        if self.unanswered and not stays:
            await anyio.sleep_forever()
        if not stays:
            return await super().handle_async_request(request)
        self.asked += 1
        self.asked_at.append(anyio.current_time())
        self.places.append(request.url.params.get("from_index") or request.url.params.get("since") or "")
        if self.broken:
            return httpx2.Response(500, json={})
        if self.without_news:
            await anyio.sleep(0 if self.impatient else float(request.url.params["wait_for_seconds"]))
            return httpx2.Response(204)
        if self.impatient:
            request.url = request.url.copy_set_param("wait_for_seconds", 0)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if self.mute:
                await anyio.sleep_forever()
            response = await super().handle_async_request(request)
        except BaseException:
            self.open -= 1
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = Counted(response.stream, self)
        return response


class Counted(httpx2.AsyncByteStream):
    """A body whose end is counted."""

    def __init__(self, body: httpx2.AsyncByteStream, line: Line) -> None:
        self._body = body
        self._line = line

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)

    async def aclose(self) -> None:
        self._line.open -= 1
        await self._body.aclose()


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture(params=TELLING)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def line(tracker: Tracker) -> Line:
    client = tracker._connections._client
    assert client is not None
    assert isinstance(client._transport, Line)
    return client._transport


async def log_of(tracker: Tracker, ref: str) -> list[str]:
    log = await tracker.events(ref, limit=200)
    assert [event.seq for event in log.events] == list(range(1, len(log.events) + 1))
    return [json.dumps(event.reported) for event in log.events]


def assert_all_told_once(log: list[str]) -> None:
    told = [[text for text in STEPS if text in entry] for entry in log]
    assert [texts[0] for texts in told if texts] == STEPS


async def test_a_step_is_seen_as_it_happens_and_the_end_too(provider: str, world: World) -> None:
    ref = f"{provider}:{world.add(provider, Script(beats=LONG)).id}"
    async with tracker_in(world) as tracker:
        heard = []
        tracker.on_change(lambda record: heard.append((anyio.current_time(), record.events)))
        waited = await tracker.wait([ref], until="result", seconds=1000)
        assert waited.done
        assert 605 <= anyio.current_time() <= 605 + 3
        for number in range(1, 30):
            step_at = 5 + 20 * number
            assert any(step_at <= moment <= step_at + 2.5 for moment, _ in heard), step_at
        assert_all_told_once(await log_of(tracker, ref))


async def test_quiet_hours_cost_little(provider: str, world: World) -> None:
    ref = f"{provider}:{world.add(provider, Script(beats=(Queued(5), Stall(7200), Finish('Read.')))).id}"
    async with tracker_in(world) as tracker:
        await tracker.wait([ref], until="result", seconds=10_000)
        assert anyio.current_time() <= 7205 + 3
        assert len(world.requests) <= 7200 / 2 / 9


@pytest.mark.parametrize("how", ["503", "reset", "html", "empty", "truncated", "wrong_shape"])
async def test_nothing_is_lost_or_repeated_when_it_breaks(provider: str, world: World, how: str) -> None:
    outages = tuple(Outage(start, 45, how=how) for start in (50, 333))  # type: ignore[arg-type]
    ref = f"{provider}:{world.add(provider, Script(beats=LONG, troubles=outages)).id}"
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([ref], until="result", seconds=1000)
        assert waited.views[0].status is JobStatus.COMPLETED
        assert_all_told_once(await log_of(tracker, ref))


async def test_where_only_that_is_broken_looking_goes_on(provider: str, world: World) -> None:
    ref = f"{provider}:{world.add(provider, Script(beats=LONG)).id}"
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(ref)
        line(tracker).broken = True
        waited = await tracker.wait([ref], until="result", seconds=1000)
        assert waited.views[0].status is JobStatus.COMPLETED
        assert anyio.current_time() <= 605 * 1.03 + 1.5
        assert len(world.requests) + line(tracker).asked < 605 / 2
        line(tracker).broken = False
        await anyio.sleep(5)
        await tracker.look(ref)
        assert_all_told_once(await log_of(tracker, ref))


@pytest.mark.parametrize("age", [60, 2000])
async def test_an_end_without_a_word_is_seen_too(world: World, age: float) -> None:
    ref = f"h_company:{world.add('h_company', Script(beats=(Queued(5), Stall(age), Finish('Read.')))).id}"
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(ref)
        line(tracker).without_news = True
        waited = await tracker.wait([ref], until="result", seconds=10_000)
        assert waited.done
        assert anyio.current_time() - (5 + age) <= max(17, 0.03 * age)


@pytest.mark.parametrize("without_news", [False, True])
async def test_a_long_poll_that_does_not_wait_is_no_reason_to_ask_all_the_time(
    world: World, *, without_news: bool
) -> None:
    ref = f"h_company:{world.add('h_company', Script(beats=LONG)).id}"
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(ref)
        line(tracker).impatient, line(tracker).without_news = True, without_news
        await tracker.wait([ref], until="result", seconds=1000)
        assert anyio.current_time() <= 605 * 1.03 + 1.5
        assert len(world.requests) + line(tracker).asked <= 605 / 2
        assert line(tracker).asked <= 60
        assert_all_told_once(await log_of(tracker, ref))


async def test_an_interval_of_minutes_is_not_taken_for_silence(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="mcp_browserjobs.watch")
    ref = JobRef("h_company", world.add("h_company", Script(beats=(Queued(5), Stall(5000)))).id)
    async with tracker_in(world, HAI_POLL_SECONDS="120") as tracker, tracker.watching(ref, followed=False):
        await anyio.sleep(4000)
    assert caplog.messages == []


async def test_another_question_is_seen_though_the_status_reads_the_same(world: World) -> None:
    beats = (Queued(1), Ask("Which colour?"), Step("Chose it.", 0), Ask("Which size?"))
    job = world.add("h_company", Script(beats=beats))
    async with (
        tracker_in(world) as tracker,
        tracker.watching(JobRef("h_company", job.id), followed=False) as watch,
    ):
        await anyio.sleep(40)
        question = job.state().question
        assert question is not None
        assert job.answer(question.question_id, "blue")
        await anyio.sleep(5)
        assert watch.record is not None
        assert watch.record.job.question is not None
        assert watch.record.job.question.text == "Which size?"


@pytest.mark.parametrize("provider", ["h_company", "kernel", "browser_use"], indirect=True)
async def test_who_is_followed_is_read_whole_now_and_then(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=True):
        await anyio.sleep(600)
    whole = [asked for asked in world.requests if asked.path.endswith(ref.id)]
    assert 5 <= len(whole) <= 10


async def test_it_goes_on_from_what_is_known(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(str(ref))
        for _ in range(2):
            await anyio.sleep(100)
            await tracker.look(str(ref))
        places = line(tracker).places
        assert provider == "h_company" or [place[:10] for place in places] == ["", "", "2026-11-01"]
        places.clear()
        async with tracker.watching(ref, followed=True):
            await anyio.sleep(100)
    if provider == "h_company":
        numbers = [int(place) for place in places]
        assert numbers == sorted(numbers)
        assert 30 < numbers[0] < numbers[-1]
    else:
        assert all(place.startswith("2026-11-01T12:03:") for place in places)


async def test_what_is_told_again_is_no_news(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=(Queued(5), Stall(5000)))).id)
    async with tracker_in(world) as tracker, tracker.watching(ref, followed=True):
        await anyio.sleep(30)
        heard: list[Record] = []
        tracker.on_change(heard.append)
        await anyio.sleep(400)
        assert heard == []


async def test_who_follows_is_asked_for_at_once_and_who_waits_no_more_often_than_looks(world: World) -> None:
    async def asked(*, followed: bool) -> int:
        steps = [Step(f"Read page {page}", 4) for page in range(110)]
        ref = JobRef("h_company", world.add("h_company", Script(beats=(Queued(), Stall(3000), *steps))).id)
        await anyio.sleep(3000)
        async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=followed):
            await anyio.sleep(10)
            before = line(tracker).asked
            await anyio.sleep(400)
            return line(tracker).asked - before

    assert 90 <= await asked(followed=True) <= 105
    assert 2 <= await asked(followed=False) <= 8


async def test_a_rest_of_the_account_ends_it_though_it_tells_on(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=True):
        await anyio.sleep(30)
        assert line(tracker).open == 1
        until = tracker.clock() + timedelta(seconds=60)
        await tracker.store.set_account(provider, AccountState(rest_until=until, strikes=1))
        await anyio.sleep(25)
        assert line(tracker).open == 0
        asked = len(world.requests)
        await anyio.sleep(20)
        assert len(world.requests) == asked


async def test_a_job_that_cannot_be_read_while_it_is_told_of_is_given_up(provider: str, world: World) -> None:
    """A provider that tells, and answers nothing else, must not keep the watch from saying so."""
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=True) as watch:
        await anyio.sleep(30)
        line(tracker).unanswered = True
        await anyio.sleep(120 + LOOK_SECONDS + 60)
        assert isinstance(watch.trouble, ProviderUnavailableError)
        line(tracker).unanswered = False
        while not watch.ended:
            await watch.changed.wait()
        assert_all_told_once(await log_of(tracker, str(ref)))


async def test_after_each_break_it_is_looked_at_and_told_of_again_at_once(provider: str, world: World) -> None:
    breaks = [5 + 20 * step for step in (5, 10, 15, 20)]
    troubles = tuple(Outage(at - 0.1, 0.2, how="reset") for at in breaks)
    ref = JobRef(provider, world.add(provider, Script(beats=LONG, troubles=troubles)).id)
    async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=True) as watch:
        for at in breaks:
            # The look at once may fail as well; the next one comes as usual.
            await anyio.sleep_until(at + 1 + 0.03 * at)
            assert watch.record
            assert (watch.record.checked_at - START).total_seconds() >= at
            await anyio.sleep(2)
            assert line(tracker).open == 1


async def test_however_often_it_breaks_it_is_looked_at_and_told_of_again_at_once(world: World) -> None:
    ref = JobRef("h_company", world.add("h_company", Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=True) as watch:
        for _ in range(5):
            await anyio.sleep(60)
            asked_at = line(tracker).asked_at
            line(tracker).broken, before = True, len(asked_at)
            while len(asked_at) == before:  # noqa: ASYNC110 - a list tells nobody that it grows
                await anyio.sleep(0.1)
            line(tracker).broken, broke_at = False, tracker.clock()
            await anyio.sleep(2.5)
            assert len(asked_at) > before + 1
            assert watch.record
            assert (watch.record.checked_at - broke_at).total_seconds() >= -0.1


async def test_while_looks_fail_nothing_is_asked_to_tell_by_itself(world: World) -> None:
    ref = JobRef("h_company", world.add("h_company", Script(beats=LONG, troubles=(Outage(50, 300),))).id)
    async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=True) as watch:
        await anyio.sleep(70)
        assert watch.failures
        before = line(tracker).asked
        await anyio.sleep_until(349)
        assert line(tracker).asked == before
        await anyio.sleep(65)
        assert line(tracker).open == 1


async def test_a_file_that_is_told_of_is_known_at_once(world: World) -> None:
    class Handing(Line):
        """From a minute on, an answer to a long poll has a file that the agent handed over."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            if response.status_code == 200 and request.url.path.endswith("/changes") and anyio.current_time() > 60:
                body = json.loads(await response.aread())
                data = {"origin": "agent", "name": "x.csv", "url": "https://files.example/x.csv?signature=abc"}
                body["new_events"] = [*(body.get("new_events") or []), {"type": "AttachmentEvent", "data": data}]
                return httpx2.Response(200, json=body)
            return response

    ref = JobRef("h_company", world.add("h_company", Script(beats=LONG)).id)
    async with tracker_in(world, transport=Handing) as tracker, tracker.watching(ref, followed=True) as watch:
        await anyio.sleep(60)
        assert watch.record
        assert "downloads" not in watch.record.job.has
        await anyio.sleep(25)
        assert "downloads" in watch.record.job.has


async def test_where_it_never_works_it_is_tried_ever_more_seldom(world: World) -> None:
    ref = JobRef("h_company", world.add("h_company", Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(str(ref))
        line(tracker).broken = True
        line(tracker).asked_at.clear()
        async with tracker.watching(ref, followed=True):
            await anyio.sleep(400)
        pauses = [round(after - before) for before, after in pairwise(line(tracker).asked_at)]
        assert pauses[:6] == [2, 4, 8, 16, 32, 60]
        assert set(pauses[6:]) == {60}


async def test_the_next_one_is_told_of_when_another_has_ended(
    provider: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MOST_FEEDS", 1)
    scripts = [Script(beats=(Queued(5), Stall(seconds), Finish("Read."))) for seconds in (100, 1000, 1000)]
    refs = [JobRef(provider, world.add(provider, script).id) for script in scripts]
    async with tracker_in(world, transport=Line) as tracker, AsyncExitStack() as stack:
        for ref in refs:
            await stack.enter_async_context(tracker.watching(ref, followed=True))
            await anyio.sleep(1)
        for _ in range(2):
            await anyio.sleep(90)
            assert line(tracker).open == 1


async def test_it_is_taken_up_again_when_it_works_again(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(str(ref))
        line(tracker).broken, line(tracker).most = True, 0
        async with tracker.watching(ref, followed=True):
            await anyio.sleep(100)
            assert line(tracker).most == 0
            line(tracker).broken = False
            await anyio.sleep(62)
            assert line(tracker).most == 1


async def test_silence_is_taken_for_a_break(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker:
        await tracker.look(str(ref))
        async with tracker.watching(ref, followed=True) as watch:
            line(tracker).mute = True
            await anyio.sleep(SILENCE_SECONDS + 100)
            assert watch.record is not None
            assert (tracker.clock() - watch.record.checked_at).total_seconds() < SILENCE_SECONDS
            line(tracker).mute = False
            while not watch.ended:
                await watch.changed.wait()
        assert_all_told_once(await log_of(tracker, str(ref)))


async def test_whoever_stops_waiting_hangs_up(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    async with tracker_in(world, transport=Line) as tracker:
        async with tracker.watching(ref, followed=False):
            await anyio.sleep(30)
            assert line(tracker).open == 1
        await anyio.sleep(0.1)
        assert line(tracker).open == 0


async def test_so_many_are_told_of_and_the_others_looked_at(
    provider: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MOST_FEEDS", 4)
    script = Script(beats=(Queued(5), Stall(200), Finish("Read.")))
    refs = [JobRef(provider, world.add(provider, script).id) for _ in range(6)]
    async with tracker_in(world, transport=Line) as tracker, AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(tracker.watching(ref, followed=False)) for ref in refs]
        await anyio.sleep(100)
        assert line(tracker).open == 4
        await anyio.sleep(120)
        assert all(watch.ended for watch in watches)
        assert line(tracker).open == 0


async def test_one_of_several_processes_listens(provider: str, world: World, tmp_path: Path) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    store = str(tmp_path / "jobs.sqlite3")
    async with AsyncExitStack() as stack:
        trackers = [
            await stack.enter_async_context(tracker_in(world, transport=Line, BROWSERJOBS_STORE=store))
            for _ in range(3)
        ]
        watches = [await stack.enter_async_context(one.watching(ref, followed=True)) for one in trackers]
        await anyio.sleep(LEASE_SECONDS + 60)
        lines = [line(one) for one in trackers if one._connections._client]
        # The first look of each may be a stream too, since nobody can lease a job that is not known.
        assert sum(one.asked > 1 for one in lines) == 1
        asked = [one.asked for one in lines]
        for watch in watches:
            while not watch.ended:
                await watch.changed.wait()
        # Nobody takes over a job that has ended.
        assert sum(one.asked > before for one, before in zip(lines, asked, strict=True)) <= 1
        logs = [await log_of(one, str(ref)) for one in trackers]
        assert logs[0] == logs[1] == logs[2]
        assert_all_told_once(logs[0])


async def test_who_lost_its_lease_stops_listening_and_nothing_told_is_lost(
    provider: str, world: World, tmp_path: Path
) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG)).id)
    store = str(tmp_path / "jobs.sqlite3")
    async with (
        tracker_in(world, transport=Line, BROWSERJOBS_STORE=store) as frozen,
        tracker_in(world, transport=Line, BROWSERJOBS_STORE=store) as other,
        frozen.watching(ref, followed=True) as left,
    ):
        await anyio.sleep(90)
        async with other.watching(ref, followed=True) as watch:
            await anyio.sleep(15.5)
            await other.store.leave(frozen.process)
            assert await other.store.lease(ref, other.process, now=other.clock())
            await anyio.sleep(50)
            assert (line(frozen).open, line(other).open) == (0, 1)
            for each in (watch, left):
                while not each.ended:
                    await each.changed.wait()
        logs = [await log_of(one, str(ref)) for one in (frozen, other)]
        assert logs[0] == logs[1]
        assert_all_told_once(logs[0])


async def test_a_429_rests_the_account_and_ends_it(provider: str, world: World) -> None:
    ref = JobRef(provider, world.add(provider, Script(beats=LONG, troubles=(RateLimit(100, 30, "90"),))).id)
    async with tracker_in(world, transport=Line) as tracker, tracker.watching(ref, followed=True) as watch:
        await anyio.sleep(110)
        with pytest.raises(RateLimitedError):
            await tracker.look(f"{provider}:{world.add(provider, Script()).id}")
        await anyio.sleep(60)
        assert line(tracker).open == 0
        asked = len(world.requests)
        await anyio.sleep(15)
        assert len(world.requests) == asked
        while not watch.ended:
            await watch.changed.wait()
        assert_all_told_once(await log_of(tracker, str(ref)))
