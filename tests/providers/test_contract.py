"""The same stories on every provider: its own simulator, the real adapter, HTTP client, store and tracker."""

from typing import get_args

import anyio
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.errors import (
    PASSING,
    AuthenticationError,
    JobNotFoundError,
    MalformedIdError,
    NotAvailableError,
    RateLimitedError,
)
from mcp_browserjobs.jobs import EventKind, JobStatus
from mcp_browserjobs.simulator.script import Fail, Finish, Outage, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

LONG = Script(beats=(Queued(5), *(Step(f"Read page {page}", 60) for page in range(30)), Finish("Read.")))
OUTAGES = get_args(Outage.__dataclass_fields__["how"].type)


@pytest.fixture(params=providers.names())
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


def test_a_provider_is_found_by_its_name(provider: str) -> None:
    found = providers.load(provider)
    assert (found.name, found.__module__) == (provider, f"{providers.__name__}.{provider}")


def reference(provider: str, world: World, script: Script) -> str:
    return f"{provider}:{world.add(provider, script).id}"


async def statuses(tracker: Tracker, ref: str) -> list[str]:
    log = await tracker.events(ref, limit=200)
    return [str(event.reported["status"]) for event in log.events if event.kind is EventKind.STATUS]


async def test_a_job_runs_from_the_queue_to_its_result(provider: str, world: World) -> None:
    ref = reference(provider, world, Script())
    async with tracker_in(world) as tracker:
        first = await tracker.look(ref)
        assert (first.status, first.reference) == (JobStatus.QUEUED, ref)
        waited = await tracker.wait([ref], seconds=60)
        assert waited.done
        assert waited.views[0].status is JobStatus.COMPLETED
        assert await statuses(tracker, ref) == ["queued", "running", "completed"]
        result = await tracker.result(ref)
        assert "42" in str(result.value)


async def test_a_job_that_has_not_ended_has_no_result_yet(provider: str, world: World) -> None:
    ref = reference(provider, world, LONG)
    async with tracker_in(world) as tracker:
        await anyio.sleep(70)
        with pytest.raises(NotAvailableError) as caught:
            await tracker.result(ref)
        assert caught.value.reason == "running"


async def test_a_failure_is_told_with_its_reason_as_reported(provider: str, world: World) -> None:
    ref = reference(provider, world, Script(beats=(Queued(), Step("Tried"), Fail("The door is shut."))))
    async with tracker_in(world) as tracker:
        view = (await tracker.wait([ref], seconds=60)).views[0]
        assert view.status is JobStatus.FAILED
        assert view.seen.job.failure is None or view.seen.job.failure.value
        assert await statuses(tracker, ref) in (["queued", "running", "failed"], ["queued", "failed"])


async def test_a_stopped_job_is_seen_to_have_ended(provider: str, world: World) -> None:
    job = world.add(provider, LONG)
    ref = f"{provider}:{job.id}"
    async with tracker_in(world) as tracker:
        await anyio.sleep(70)
        await tracker.look(ref)
        job.cancel()
        view = (await tracker.wait([ref], seconds=60)).views[0]
        assert view.status.final


async def test_the_log_is_numbered_without_gaps_and_looking_again_adds_nothing(provider: str, world: World) -> None:
    ref = reference(provider, world, Script())
    async with tracker_in(world) as tracker:
        await tracker.wait([ref], seconds=60)
        log = (await tracker.events(ref, limit=200)).events
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        await anyio.sleep(5)
        await tracker.look(ref)
        assert (await tracker.events(ref, limit=200)).events == log
        page = await tracker.events(ref, after=1, limit=1)
        assert (page.events, page.next_after, page.more) == (log[1:2], 2, len(log) > 2)


async def test_a_key_that_is_refused_names_its_variable(provider: str, world: World) -> None:
    ref = reference(provider, world, Script())
    variable = f"{providers.prefix(provider)}_API_KEY"
    async with tracker_in(world, environ={variable: "wrong"}) as tracker:
        with pytest.raises(AuthenticationError) as caught:
            await tracker.look(ref)
        assert caught.value.variable == variable
        with pytest.raises(AuthenticationError):
            await tracker.wait([ref], seconds=60)
        checked = {account.name: account for account in await tracker.account_views(check=True)}
        assert checked[provider].key == "refused"


async def test_a_good_key_is_told_to_work(provider: str, world: World) -> None:
    async with tracker_in(world) as tracker:
        before = {account.name: account.key for account in await tracker.account_views()}
        after = {account.name: account.key for account in await tracker.account_views(check=True)}
        assert (before[provider], after[provider]) == ("untested", "works")


async def test_an_unknown_job_is_said_to_be_unknown(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    world.remove(provider, job)
    async with tracker_in(world) as tracker:
        with pytest.raises(JobNotFoundError):
            await tracker.look(f"{provider}:{job.id}")


@pytest.mark.parametrize("text", ["no such form!", "../../admin", "a/b/c/d/e/f", "x" * 300, "%2e%2e", "a?b=c"])
async def test_a_malformed_id_is_refused_without_a_request(provider: str, world: World, text: str) -> None:
    async with tracker_in(world) as tracker:
        with pytest.raises(MalformedIdError):
            await tracker.look(f"{provider}:{text}")
        assert world.requests == []


@pytest.mark.parametrize("how", OUTAGES)
async def test_an_outage_before_the_first_look_is_an_error_that_may_pass(provider: str, world: World, how: str) -> None:
    ref = reference(provider, world, Script(troubles=(Outage(0, 1000, how=how),)))  # type: ignore[arg-type]
    async with tracker_in(world) as tracker:
        with pytest.raises(PASSING):
            await tracker.look(ref)


@pytest.mark.parametrize("how", OUTAGES)
async def test_an_outage_after_it_is_answered_from_what_was_seen(provider: str, world: World, how: str) -> None:
    ref = reference(provider, world, Script(troubles=(Outage(3, 20, how=how),)))  # type: ignore[arg-type]
    async with tracker_in(world) as tracker:
        seen = await tracker.look(ref)
        await anyio.sleep(4)
        stale = await tracker.look(ref)
        assert stale.stale
        assert stale.record == seen.record
        log = await tracker.events(ref)
        assert log.view.stale
        assert log.events


@pytest.mark.parametrize("how", OUTAGES)
async def test_a_wait_rides_an_outage_out(provider: str, world: World, how: str) -> None:
    ref = reference(provider, world, Script(troubles=(Outage(0, 9, how=how),)))  # type: ignore[arg-type]
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([ref], seconds=2)
        assert not waited.done
        assert waited.views[0].stale
        waited = await tracker.wait([ref], seconds=120)
        assert waited.done
        assert waited.views[0].status is JobStatus.COMPLETED
        assert not waited.views[0].stale


@pytest.mark.parametrize("retry_after", ["7", None])
async def test_a_429_rests_the_whole_account(provider: str, world: World, retry_after: str | None) -> None:
    ref = reference(provider, world, Script(troubles=(RateLimit(0, 4, retry_after),)))
    other = reference(provider, world, Script())
    async with tracker_in(world) as tracker:
        with pytest.raises(RateLimitedError):
            await tracker.look(ref)
        asked = len(world.requests)
        with pytest.raises(RateLimitedError) as caught:
            await tracker.look(other)
        assert len(world.requests) == asked
        assert caught.value.retry_after == pytest.approx(7 if retry_after else 5)
        waited = await tracker.wait([ref, other], seconds=60)
        assert [view.status for view in waited.views] == [JobStatus.COMPLETED] * 2


async def test_results_and_last_states_outlive_the_provider(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    ref = f"{provider}:{job.id}"
    async with tracker_in(world) as tracker:
        await tracker.wait([ref], seconds=60)
        world.remove(provider, job)
        await anyio.sleep(5)
        view = await tracker.look(ref)
        assert (view.status, view.stale) == (JobStatus.COMPLETED, True)
        assert "42" in str((await tracker.result(ref)).value)
        assert (await tracker.events(ref)).events


async def test_a_provider_that_lists_its_jobs_has_them_in_the_list(provider: str, world: World) -> None:
    if not hasattr(providers.load(provider), "list_jobs"):
        pytest.skip("it lists no jobs")
    refs = []
    for _ in range(7):
        refs.append(reference(provider, world, Script()))
        await anyio.sleep(1)
    async with tracker_in(world) as tracker:
        listed, cursor = [], ""
        while True:
            page = await tracker.list_jobs(account=provider, cursor=cursor, limit=3)
            assert page.problems == ()
            listed += [str(record.ref) for record in page.records]
            if page.cursor is None:
                break
            cursor = page.cursor
        assert listed == refs[::-1]


async def test_a_half_hour_is_watched_with_a_fifth_of_the_usual_requests(provider: str, world: World) -> None:
    """Against a fixed poll of 2 s; the end is noticed within 3 % of the run's age."""
    ref = reference(provider, world, LONG)
    async with tracker_in(world) as tracker:
        start = anyio.current_time()
        waited = await tracker.wait([ref], until="result", seconds=4000)
        lasted = 5 + 30 * 60
        assert waited.done
        assert anyio.current_time() - start - lasted <= 0.03 * lasted + 1
        assert len(world.requests) <= lasted / 2 / 5


async def test_a_thousand_waiters_cost_the_requests_of_one(provider: str, world: World) -> None:
    alone = reference(provider, world, Script())
    async with tracker_in(world) as tracker:
        await tracker.wait([alone], seconds=60)
        cost = len(world.requests)
        world.requests.clear()
        crowded = reference(provider, world, Script())
        async with anyio.create_task_group() as tasks:
            for _ in range(1000):
                tasks.start_soon(lambda: tracker.wait([crowded], seconds=60))
        assert len(world.requests) <= cost
        assert tracker.watched == 0
