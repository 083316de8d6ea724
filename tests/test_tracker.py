"""The verbs, over the wire against the pretend providers."""

from itertools import pairwise
from pathlib import Path

import anyio
import httpx2
import pytest

from mcp_browserjobs.errors import (
    AmbiguousReferenceError,
    AuthenticationError,
    ForeignLinkError,
    InvalidArgumentError,
    JobNotFoundError,
    MissingKeyError,
    NoneFoundError,
    NotAvailableError,
    RetiredError,
    UnexpectedResponseError,
    UnknownAccountError,
    UnknownReferenceError,
)
from mcp_browserjobs.jobs import JobStatus, KeyState
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator.script import Ask, Finish, Outage, Queued, RateLimit, Script, Stall, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.store import Record
from tests.stage import HOST, new_world, tracker_in

pytestmark = pytest.mark.anyio

UUID = "0a1b2c3d-0000-4000-8000-00000000000{}"


@pytest.fixture
def world() -> World:
    return new_world()


# References


async def test_an_id_of_an_older_generation_is_found_and_called_by_its_own_name(world: World) -> None:
    for name in ("browser_use_v3", "browser_use_v2"):
        job = world.add(name, Script())
        async with tracker_in(world) as tracker:
            assert (await tracker.look(f"browser_use:{job.id}")).reference == f"{name}:{job.id}"
            world.requests.clear()
            await anyio.sleep(2)
            await tracker.look(f"browser_use:{job.id}")
            assert {asked.provider for asked in world.requests} == {name}


async def test_a_run_that_its_api_does_not_know_yet_is_waited_for(world: World) -> None:
    world.grace = 3
    job = world.add("browser_use", Script())
    async with tracker_in(world) as tracker:
        assert (await tracker.look(f"browser_use:{job.id}")).status in (JobStatus.QUEUED, JobStatus.RUNNING)
        assert anyio.current_time() >= 3


async def test_an_unknown_run_is_unknown_after_the_grace(world: World) -> None:
    async with tracker_in(world) as tracker:
        start = anyio.current_time()
        with pytest.raises(JobNotFoundError):
            await tracker.look(f"browser_use:{UUID.format(1)}")
        assert 5 <= anyio.current_time() - start < 8


async def test_the_retired_generation_says_so(world: World) -> None:
    async with tracker_in(world) as tracker:
        with pytest.raises(RetiredError) as caught:
            await tracker.look(f"browser_use_v1:{UUID.format(1)}")
        assert caught.value.successor == "browser_use"


async def test_a_bare_id_is_asked_for_wherever_it_can_be(world: World) -> None:
    job = world.add("gobii", Script())
    async with tracker_in(world) as tracker:
        assert (await tracker.look(job.id)).reference == f"gobii:{job.id}"
        world.requests.clear()
        await anyio.sleep(2)
        await tracker.look(job.id)
        assert {asked.provider for asked in world.requests} == {"gobii"}
        with pytest.raises(UnknownReferenceError):
            await tracker.look(UUID.format(9))
        with pytest.raises(UnknownReferenceError):
            await tracker.look("nonsense of any kind!")


async def test_a_bare_id_that_two_know_is_ambiguous(world: World) -> None:
    for name in ("gobii", "browser_use"):
        world.add(name, Script(), UUID.format(1))
    async with tracker_in(world) as tracker:
        for _ in range(2):
            with pytest.raises(AmbiguousReferenceError) as caught:
                await tracker.look(UUID.format(1))
            assert caught.value.references == (f"browser_use:{UUID.format(1)}", f"gobii:{UUID.format(1)}")


async def test_links_are_read_and_foreign_ones_refused_without_a_request(world: World) -> None:
    job = world.add("gobii", Script())
    async with tracker_in(world) as tracker:
        link = f"{HOST}/gobii/api/v1/tasks/browser-use/{job.id}/"
        assert (await tracker.look(link)).reference == f"gobii:{job.id}"
        world.requests.clear()
        for foreign in (
            link.replace("providers", "attackers"),
            f"https://gobii.ai.evil.example/{job.id}",
            "file:///etc",
        ):
            with pytest.raises(ForeignLinkError):
                await tracker.look(foreign)
        assert world.requests == []


async def test_a_live_link_seen_before_leads_to_its_job(world: World) -> None:
    job = world.add("browser_use_v3", Script())
    async with tracker_in(world) as tracker:
        record = (await tracker.look(f"browser_use_v3:{job.id}")).seen
        assert "live_view" in record.job.has
        async with tracker.asking("browser_use_v3") as provider:
            (live,) = [link.url for link in (await provider.fetch_job(job.id)).links if link.kind == "live_view"]
        assert (await tracker.look(live)).reference == f"browser_use_v3:{job.id}"


async def test_a_link_is_read_though_another_account_of_the_provider_has_a_refused_key(
    world: World, tmp_path: Path
) -> None:
    job = world.add("gobii", Script())
    file = tmp_path / "accounts.toml"
    account = '[accounts.{}]\nprovider = "gobii"\nkey_variable = "{}"\n'
    file.write_text(account.format("old", "OLD_KEY") + account.format("new", "GOBII_API_KEY"))
    async with tracker_in(world, BROWSERJOBS_CONFIG=str(file), OLD_KEY="revoked") as tracker:
        link = f"{HOST}/gobii/api/v1/tasks/browser-use/{{}}/"
        assert (await tracker.look(link.format(job.id))).reference == f"new:{job.id}"
        with pytest.raises(AuthenticationError) as caught:
            await tracker.look(link.format(UUID.format(1)))
        assert caught.value.account == "old"


async def test_unknown_accounts_and_missing_keys_are_named(world: World) -> None:
    async with tracker_in(world) as tracker:
        with pytest.raises(UnknownAccountError):
            await tracker.look("nobody:1")
        with pytest.raises(InvalidArgumentError):
            await tracker.look("  ")
    async with tracker_in(world, GOBII_API_KEY="") as tracker:
        with pytest.raises(UnknownAccountError):
            await tracker.look(f"gobii:{UUID.format(1)}")


async def test_an_account_of_the_file_without_its_key_says_which(world: World, tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text('[accounts.work]\nprovider = "gobii"\nkey_variable = "GOBII_WORK_KEY"\n')
    async with tracker_in(world, BROWSERJOBS_CONFIG=str(file)) as tracker:
        with pytest.raises(MissingKeyError) as caught:
            await tracker.look(f"work:{UUID.format(1)}")
        assert caught.value.variable == "GOBII_WORK_KEY"
        states = {view.name: view.key for view in await tracker.account_views(check=True)}
        assert states["work"] == "missing"


@pytest.mark.parametrize("name", ["browser_use", "browser_use_v2", "browser_use_v3", "gobii"])
async def test_an_address_without_the_api_says_nothing_of_the_key(world: World, name: str) -> None:
    elsewhere = {"BROWSER_USE_BASE_URL": f"{HOST}/nowhere", "GOBII_BASE_URL": f"{HOST}/nowhere"}
    async with tracker_in(world, environ=elsewhere) as tracker:
        [view] = [view for view in await tracker.account_views(check=True) if view.name == name]
        assert view.key is KeyState.UNTESTED
        assert isinstance(view.problem, UnexpectedResponseError)
        [problem] = (await tracker.list_jobs(account=name)).problems
        assert isinstance(problem, UnexpectedResponseError)


# Looking


async def test_a_direct_question_looks_at_once_and_at_most_once_a_second(world: World) -> None:
    job = world.add("dari", Script())
    async with tracker_in(world) as tracker, anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(tracker.look, f"dari:{job.id}")
        await anyio.sleep(0.5)
        assert len(world.requests) == 1
        await tracker.look(f"dari:{job.id}")
        assert len(world.requests) == 1
        await anyio.sleep(0.6)
        await tracker.look(f"dari:{job.id}")
        assert len(world.requests) == 2


async def test_while_an_account_rests_a_known_job_is_answered_from_the_store(world: World) -> None:
    job = world.add("dari", Script(troubles=(RateLimit(2, 1, "3600"),)))
    ref = f"dari:{job.id}"
    async with tracker_in(world) as tracker:
        await tracker.look(ref)
        await anyio.sleep(2.5)
        view = await tracker.look(ref)
        assert (view.stale, view.retry_after) == (True, 600)
        asked = len(world.requests)
        await anyio.sleep(590)
        view = await tracker.look(ref)
        assert (view.stale, round(view.retry_after or 0), len(world.requests)) == (True, 10, asked)
        await anyio.sleep(11)
        assert not (await tracker.look(ref)).stale


async def test_a_look_is_given_up_after_30_seconds(world: World) -> None:
    job = world.add("dari", Script())

    async def silent(*_: object) -> None:
        await anyio.sleep_forever()

    async with tracker_in(world) as tracker:
        await tracker.look(f"dari:{job.id}")
        tracker._connections._client._transport.app = silent  # type: ignore[union-attr]
        await anyio.sleep(2)
        start = anyio.current_time()
        assert (await tracker.look(f"dari:{job.id}")).stale
        assert anyio.current_time() - start == pytest.approx(30)


# Waiting


async def test_a_wait_returns_at_its_cap_as_an_ordinary_answer(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(), Step("Loading", 100), Finish())))
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([f"dari:{job.id}"], seconds=25)
        assert not waited.done
        assert waited.seconds == pytest.approx(25)
        assert waited.views[0].status is JobStatus.RUNNING
        assert tracker.watched == 0


@pytest.mark.parametrize(("until", "done"), [("attention", True), ("change", True), ("result", False)])
async def test_a_question_ends_a_wait_for_attention(world: World, until: str, *, done: bool) -> None:
    job = world.add("dari", Script(beats=(Queued(), Ask("Which?", ("a", "b")))))
    async with tracker_in(world) as tracker:
        await tracker.look(f"dari:{job.id}")
        waited = await tracker.wait([f"dari:{job.id}"], until=until, seconds=30)  # type: ignore[arg-type]
        assert waited.done is done
        assert waited.views[0].status is JobStatus.WAITING_FOR_INPUT
        question = waited.views[0].seen.job.question
        assert question is not None
        assert question.options == ("a", "b")


@pytest.mark.parametrize("provider", ["dari", "browser_use", "browser_use_v1", "browser_use_v2", "browser_use_v3"])
async def test_a_job_that_goes_on_never_seems_to_stand_still(world: World, provider: str) -> None:
    world.retired = False
    steps = tuple(Step(f"Step {number}", 30) for number in range(60))
    ref = f"{provider}:{world.add(provider, Script(beats=(*steps, Finish('x')))).id}"
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([ref], seconds=4000)
        assert waited.views[0].status is JobStatus.COMPLETED


async def test_a_wait_goes_on_though_the_store_has_lost_its_job(world: World) -> None:
    ref = f"dari:{world.add('dari', Script(beats=(Step('One'), Step('Two'), Finish('x')))).id}"
    async with tracker_in(world) as tracker:
        lost: list[Record] = []

        def lose(record: Record) -> None:
            if not lost:
                tracker.store._db.executescript("DELETE FROM links; DELETE FROM events; DELETE FROM jobs")
            lost.append(record)

        tracker.on_change(lose)
        waited = await tracker.wait([ref], seconds=60)
        assert waited.views[0].status is JobStatus.COMPLETED


async def test_an_outage_is_no_stall(world: World) -> None:
    steps = tuple(Step(f"Step {number}", 20) for number in range(40))
    job = world.add("dari", Script(beats=(*steps, Finish()), troubles=(Outage(100, 300),)))
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([f"dari:{job.id}"], seconds=4000)
        assert waited.views[0].status is JobStatus.COMPLETED


async def test_a_stall_ends_a_wait_for_attention(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(), Step("One"), Step("Two"), Stall(10_000), Finish())))
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([f"dari:{job.id}"], seconds=2000)
        assert waited.done
        assert waited.views[0].status is JobStatus.RUNNING
        assert 120 <= (waited.views[0].stalled_seconds or 0) <= 140


async def test_a_provider_without_events_gives_no_rhythm_and_never_stalls(world: World) -> None:
    job = world.add("gobii", Script(beats=(Queued(), Step("One", 1000), Finish())))
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([f"gobii:{job.id}"], seconds=500)
        assert not waited.done
        assert waited.views[0].stalled_seconds is None


async def test_a_new_event_ends_a_wait_for_change_even_if_it_came_between_two_waits(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(), *(Step(f"Page {n}", 10) for n in range(9)), Finish())))
    ref = f"dari:{job.id}"
    async with tracker_in(world) as tracker:
        await tracker.look(ref)
        await anyio.sleep(5)
        assert (await tracker.wait([ref], until="change", seconds=30)).seconds < 1
        seen = (await tracker.wait([ref], until="change", seconds=30)).views[0].seen.events
        assert (await tracker.wait([ref], until="change", seconds=30)).views[0].seen.events > seen


async def test_any_or_all_of_several(world: World) -> None:
    quick = f"dari:{world.add('dari', Script()).id}"
    slow = f"gobii:{world.add('gobii', Script(beats=(Queued(), Step('Loading', 50), Finish()))).id}"
    async with tracker_in(world) as tracker:
        one = await tracker.wait([slow, quick], need="any", seconds=60)
        assert (one.done, [view.status.final for view in one.views]) == (True, [False, True])
        both = await tracker.wait([slow, quick, slow], seconds=100)
        assert (both.done, [view.status.final for view in both.views]) == (True, [True, True])


async def test_one_that_cannot_be_looked_up_does_not_spoil_the_others(world: World) -> None:
    good = f"dari:{world.add('dari', Script()).id}"
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([f"gobii:{UUID.format(1)}", good, "nobody:1"], seconds=60)
        assert waited.done
        assert [view.status.value for view in waited.views] == ["unknown", "completed", "unknown"]
        assert isinstance(waited.views[0].problem, JobNotFoundError)
        any_of = await tracker.wait(["nobody:1", good], need="any", seconds=60)
        assert any_of.views[1].status is JobStatus.COMPLETED
        with pytest.raises(NoneFoundError) as caught:
            await tracker.wait(["nobody:1", f"gobii:{UUID.format(1)}"], seconds=60)
        assert [asked for asked, _ in caught.value.problems] == ["nobody:1", f"gobii:{UUID.format(1)}"]
        assert [type(why) for _, why in caught.value.problems] == [UnknownAccountError, JobNotFoundError]


async def test_how_many_jobs_one_wait_takes(world: World) -> None:
    async with tracker_in(world) as tracker:
        for jobs in ([], [f"dari:{n}" for n in range(21)]):
            with pytest.raises(InvalidArgumentError):
                await tracker.wait(jobs, seconds=1)


async def test_progress_is_told_at_each_change_and_each_ten_seconds(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(), Step("One"), Step("Two", 45), Finish())))
    told: list[float] = []

    async def tell(seconds: float, views: object) -> None:
        told.append(seconds)

    async with tracker_in(world) as tracker:
        await tracker.wait([f"dari:{job.id}"], seconds=60, on_progress=tell)
    gaps = [after - before for before, after in pairwise(told)]
    assert told == sorted(told)
    assert max(gaps) <= 11
    assert min(gaps) >= 1


async def test_leaving_a_wait_leaves_the_run_alone(world: World) -> None:
    job = world.add("dari", Script())
    async with tracker_in(world) as tracker:
        with anyio.move_on_after(3):
            await tracker.wait([f"dari:{job.id}"], seconds=60)
        assert tracker.watched == 0
        assert all(asked.method == "GET" for asked in world.requests)
        await anyio.sleep(20)
        assert job.state().phase == "completed"


async def test_waits_in_a_row_cost_no_more_than_one_long_one(world: World) -> None:
    script = Script(beats=(Queued(), *(Step(f"Page {n}", 30) for n in range(20)), Finish()))
    long = f"dari:{world.add('dari', script).id}"
    async with tracker_in(world) as tracker:
        await tracker.wait([long], seconds=1000)
        cost = len(world.requests)
        world.requests.clear()
        short = f"dari:{world.add('dari', script).id}"
        while not (await tracker.wait([short], seconds=25)).done:
            pass
        assert len(world.requests) <= cost * 1.1 + 2


async def test_a_dead_host_never_seen_ends_a_wait_without_an_error(world: World) -> None:
    job = world.add("dari", Script(troubles=(Outage(0, 10_000, "reset"),)))
    async with tracker_in(world) as tracker:
        waited = await tracker.wait([f"dari:{job.id}"], seconds=25)
        assert (waited.done, waited.views[0].stale, waited.views[0].status) == (False, True, JobStatus.UNKNOWN)
        assert waited.views[0].reference == f"dari:{job.id}"


# Results and lists


async def test_a_result_is_read_in_parts(world: World) -> None:
    whole = {"rows": [{"name": "kettle"}, {"name": "cup"}], "text": "x" * 100, "none": None}
    job = world.add("dari", Script(beats=(Finish(whole),)))  # type: ignore[arg-type]
    ref = f"dari:{job.id}"
    async with tracker_in(world) as tracker:
        assert (await tracker.result(ref)).value == whole
        assert (await tracker.result(ref, pointer="/rows/1")).value == {"name": "cup"}
        assert (await tracker.result(ref, pointer="/none")).text == "null"
        text, offset = "", 0
        while True:
            part = await tracker.result(ref, pointer="/text", offset=offset, most=30)
            text += part.text or ""
            assert part.characters == 100
            if part.next_offset is None:
                break
            offset = part.next_offset
        assert text == whole["text"]
        assert len((await tracker.result(ref, most=50)).text or "") == 50
        for nowhere in ("/rows/7", "rows", "/rows/x", "/text/1"):
            with pytest.raises(InvalidArgumentError):
                await tracker.result(ref, pointer=nowhere)


async def test_a_job_that_left_no_result(world: World) -> None:
    job = world.add("dari", Script(beats=(Queued(), Step("One"), Finish(None))))
    async with tracker_in(world) as tracker:
        await tracker.wait([f"dari:{job.id}"], seconds=60)
        with pytest.raises(NotAvailableError):
            await tracker.result(f"dari:{job.id}")


class Laborious(InProcess):
    """Takes its time over each page of a log, and after some of them wants no more."""

    seconds = 0.0
    patience = 1000

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/events"):
            await anyio.sleep(self.seconds)
            Laborious.patience -= 1
            if self.patience < 0:
                return httpx2.Response(429)
        return await super().handle_async_request(request)


@pytest.mark.parametrize(("seconds", "patience"), [(8.0, 1000), (0.0, 2)])
async def test_a_log_that_takes_several_looks_is_read_to_its_end(world: World, seconds: float, patience: int) -> None:
    job = world.add("browser_use", Script(beats=tuple(Step(f"Step {number}", 0.01) for number in range(2000))))
    ref = f"browser_use:{job.id}"
    async with tracker_in(world, transport=Laborious) as tracker:
        await anyio.sleep(60)
        seen = []
        Laborious.seconds, Laborious.patience = seconds, patience
        for _ in range(10):
            view = await tracker.look(ref)
            if not view.problem:
                seen.append(view.seen.events)
            Laborious.patience = patience
            await anyio.sleep(10)
        assert 200 < seen[0] < 2000 < seen[-1]
        log = (await tracker.events(ref, limit=3000)).events
        steps = [event.reported["text"] for event in log if event.kind == "step"]
        assert len(steps) == len(set(steps)) == 2000


async def test_lists_of_several_accounts_are_merged_by_time(world: World) -> None:
    refs = []
    for name in ("gobii", "browser_use", "gobii", "browser_use_v3", "browser_use_v2", "browser_use", "gobii", "gobii"):
        refs.append(f"{name}:{world.add(name, Script()).id}")
        await anyio.sleep(1)
    async with tracker_in(world) as tracker:
        listed, cursor = [], ""
        while True:
            page = await tracker.list_jobs(cursor=cursor, limit=2)
            listed += [str(record.ref) for record in page.records]
            if page.cursor is None:
                break
            cursor = page.cursor
        assert listed == refs[::-1]
        with pytest.raises(InvalidArgumentError):
            await tracker.list_jobs(cursor="nonsense")
        with pytest.raises(UnknownAccountError):
            await tracker.list_jobs(account="nobody")


async def test_a_list_goes_on_without_an_account_that_cannot_be_asked(world: World) -> None:
    seen = world.add("dari", Script())
    world.add("gobii", Script(troubles=(Outage(0, 1000),)))
    async with tracker_in(world) as tracker:
        await tracker.look(f"dari:{seen.id}")
        page = await tracker.list_jobs()
        assert [str(record.ref) for record in page.records] == [f"dari:{seen.id}"]
        assert len(page.problems) == 1


async def test_lists_are_filtered_by_status(world: World) -> None:
    done = world.add("gobii", Script(beats=(Finish("x"),)))
    await anyio.sleep(1)
    world.add("gobii", Script())
    async with tracker_in(world) as tracker:
        page = await tracker.list_jobs(status="completed")
        assert [str(record.ref) for record in page.records] == [f"gobii:{done.id}"]


async def test_a_store_that_cannot_be_opened_is_named_and_done_without(world: World, tmp_path: Path) -> None:
    job = world.add("dari", Script())
    async with tracker_in(world, BROWSERJOBS_STORE=str(tmp_path)) as tracker:
        assert tracker.store_problem is not None
        assert (await tracker.look(f"dari:{job.id}")).status is JobStatus.QUEUED
