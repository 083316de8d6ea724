"""Answers, pauses, cancels and starts, over the wire against the pretend providers."""

from pathlib import Path

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.acting import START_SECONDS, Actor
from mcp_browserjobs.errors import (
    ActingDisabledError,
    InvalidArgumentError,
    NotSentError,
    NotSupportedError,
    OutOfCreditsError,
    RefusedRequestError,
    UnknownOutcomeError,
)
from mcp_browserjobs.jobs import EventKind, FailureKind, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.simulator import simulators
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Outage, Queued, Script, Step
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

ASKING = Script(beats=(Queued(), Ask("Which?", ("a", "b")), Step("Chose"), Ask("Sure?"), Finish("Done.")))
LONG = Script(beats=(Queued(), Step("Loading", 500), Finish("Done.")))


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


def posts(world: World) -> list[str]:
    return [f"{asked.method} {asked.path}" for asked in world.requests if asked.method != "GET"]


async def reach(tracker: Tracker, ref: str, status: JobStatus) -> None:
    while (await tracker.look(ref)).status is not status:  # noqa: ASYNC110 - virtual time
        await anyio.sleep(1)


async def told(tracker: Tracker, ref: str) -> list[str]:
    log = await tracker.events(ref, limit=200)
    return [str(event.reported["status"]) for event in log.events if event.kind is EventKind.STATUS]


# Answers


async def test_an_answer_reaches_the_pending_question_and_the_job_goes_on(world: World) -> None:
    job = world.add("dari", ASKING)
    ref = f"dari:{job.id}"
    async with tracker_in(world) as tracker:
        actor = Actor(tracker)
        await reach(tracker, ref, JobStatus.WAITING_FOR_INPUT)
        acted = await actor.answer(ref, "b")
        assert (acted.asked, acted.took_effect) == ("answer", True)
        assert acted.view.status is JobStatus.RUNNING
        await reach(tracker, ref, JobStatus.WAITING_FOR_INPUT)
        question = (await tracker.look(ref)).seen.job.question
        assert question is not None
        assert (await actor.answer(ref, "yes", question_id=question.id)).took_effect
        assert (await tracker.wait([ref], seconds=30)).views[0].status is JobStatus.COMPLETED


async def test_an_answer_that_comes_too_late_is_told_to_have_done_nothing(world: World) -> None:
    job = world.add("dari", ASKING)
    ref = f"dari:{job.id}"
    async with tracker_in(world) as tracker:
        actor = Actor(tracker)
        assert (await actor.answer(ref, "b")).took_effect is False
        await reach(tracker, ref, JobStatus.WAITING_FOR_INPUT)
        assert (await actor.answer(ref, "b", question_id="another")).took_effect is False
        assert posts(world) == []
        question = (await tracker.look(ref)).seen.job.question
        assert question is not None
        job.answer(question.id, "a")
        acted = await actor.answer(ref, "b")
        assert acted.took_effect is False
        assert len(posts(world)) == 1
        assert acted.view.status is JobStatus.RUNNING
        with pytest.raises(InvalidArgumentError):
            await actor.answer(ref, " ")


@pytest.mark.parametrize("provider", ["asteroid", "browserbase", "dari", "h_company"])
async def test_an_answer_that_is_asked_for_again_while_it_is_on_its_way_is_sent_once(
    world: World, provider: str
) -> None:
    class Late(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method != "GET":
                await anyio.sleep(8)
            return await super().handle_async_request(request)

    job = world.add(provider, ASKING)
    ref = f"{provider}:{job.id}"
    told: list[bool | None] = []
    async with tracker_in(world, transport=Late) as tracker, anyio.create_task_group() as tasks:
        actor = Actor(tracker)
        await reach(tracker, ref, JobStatus.WAITING_FOR_INPUT)
        question = (await tracker.look(ref)).seen.job.question
        assert question is not None

        async def answer() -> None:
            told.append((await actor.answer(ref, "b", question_id=question.id)).took_effect)

        tasks.start_soon(answer)
        await anyio.sleep(5)
        tasks.start_soon(answer)
    assert told == [True, False]
    assert len({*posts(world)}) == len(posts(world))
    assert [words for _, words in job.answers.values()] == ["b"]


async def test_a_provider_that_takes_no_answers_says_so(world: World) -> None:
    job = world.add("gobii", LONG)
    async with tracker_in(world) as tracker:
        actor = Actor(tracker)
        for call in (
            actor.answer(f"gobii:{job.id}", "x"),
            actor.pause(f"gobii:{job.id}"),
            actor.resume(f"gobii:{job.id}"),
        ):
            with pytest.raises(NotSupportedError):
                await call


# Control


async def test_pausing_and_resuming_may_be_repeated(world: World) -> None:
    job = world.add("dari", LONG)
    ref = f"dari:{job.id}"
    async with tracker_in(world) as tracker:
        actor = Actor(tracker)
        await reach(tracker, ref, JobStatus.RUNNING)
        for _ in range(2):
            acted = await actor.pause(ref)
            assert (acted.took_effect, acted.view.status) == (True, JobStatus.PAUSED)
        for _ in range(2):
            acted = await actor.resume(ref)
            assert (acted.took_effect, acted.view.status) == (True, JobStatus.RUNNING)
        assert len(posts(world)) == 2


@pytest.mark.parametrize("provider", ["dari", "gobii", "browser_use", "browser_use_v2", "browser_use_v3"])
async def test_a_cancel_is_verified_and_may_be_repeated(world: World, provider: str) -> None:
    job = world.add(provider, LONG)
    ref = f"{provider}:{job.id}"
    async with tracker_in(world) as tracker:
        actor = Actor(tracker)
        await reach(tracker, ref, JobStatus.RUNNING)
        for _ in range(2):
            acted = await actor.cancel(ref)
            assert (acted.asked, acted.took_effect, acted.view.status) == ("cancel", True, JobStatus.CANCELLED)
        assert len(posts(world)) == 1


@pytest.mark.parametrize("provider", ["dari", "kernel"])
async def test_our_own_stop_is_why_it_failed_where_the_provider_knows_no_other_word(
    world: World, provider: str
) -> None:
    ref = f"{provider}:{world.add(provider, LONG).id}"
    async with tracker_in(world) as tracker:
        await reach(tracker, ref, JobStatus.RUNNING)
        acted = await Actor(tracker).cancel(ref)
        job = acted.view.seen.job
        assert (job.status, job.failure) == (JobStatus.CANCELLED, FailureKind.STOPPED_BY_USER)


class Deaf(InProcess):
    """Carries requests until the first that is no GET, and none after that."""

    deaf = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.deaf:
            raise httpx2.ReadError("deaf", request=request)
        self.deaf = request.method != "GET"
        return await super().handle_async_request(request)


async def test_what_cannot_be_verified_is_neither_said_to_have_happened_nor_not_to_have(world: World) -> None:
    job = world.add("dari", LONG)
    async with tracker_in(world, transport=Deaf) as tracker:
        await reach(tracker, f"dari:{job.id}", JobStatus.RUNNING)
        acted = await Actor(tracker).pause(f"dari:{job.id}")
        assert (acted.took_effect, acted.view.stale) == (None, True)


class Losing(InProcess):
    """Loses a command or, when it `arrives`, the reply; from then on there may be trouble for whoever looks."""

    arrives = True
    then = 0
    lost = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            if self.lost and self.then:
                return httpx2.Response(self.then)
            return await super().handle_async_request(request)
        self.lost = True
        if self.arrives:
            await (await super().handle_async_request(request)).aclose()
        raise httpx2.ReadError("lost", request=request)


@pytest.mark.parametrize("then", [401, 403, 404, 429, 503])
async def test_a_lost_reply_is_said_to_be_unknown_when_nothing_can_be_seen(world: World, then: int) -> None:
    class Blind(Losing):
        pass

    Blind.then = then
    job = world.add("dari", LONG)
    async with tracker_in(world, transport=Blind) as tracker:
        await reach(tracker, f"dari:{job.id}", JobStatus.RUNNING)
        with pytest.raises(UnknownOutcomeError):
            await Actor(tracker).cancel(f"dari:{job.id}")
        assert job.cancelled_at


async def test_a_key_that_is_refused_after_a_command_does_not_hide_that_it_was_sent(world: World) -> None:
    class Refusing(InProcess):
        refuses = False

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if self.refuses:
                return httpx2.Response(401)
            self.refuses = request.method != "GET"
            return await super().handle_async_request(request)

    job = world.add("dari", LONG)
    async with tracker_in(world, transport=Refusing) as tracker:
        await reach(tracker, f"dari:{job.id}", JobStatus.RUNNING)
        acted = await Actor(tracker).cancel(f"dari:{job.id}")
        assert (acted.took_effect, acted.view.stale) == (None, True)


@pytest.mark.parametrize("before", [True, False])
async def test_a_command_to_a_provider_that_falls_silent_ends_within_a_minute(world: World, *, before: bool) -> None:
    class Silent(InProcess):
        silent = False

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            Silent.silent = self.silent or request.method != "GET"
            if self.silent:
                await anyio.sleep_forever()
            return await super().handle_async_request(request)

    job = world.add("dari", LONG)
    async with tracker_in(world, transport=Silent) as tracker:
        await reach(tracker, f"dari:{job.id}", JobStatus.RUNNING)
        await anyio.sleep(5)
        Silent.silent = before
        start = anyio.current_time()
        with pytest.raises(UnknownOutcomeError):
            await Actor(tracker).cancel(f"dari:{job.id}")
        assert anyio.current_time() - start < 60


async def test_the_last_known_state_does_not_keep_a_command_back(world: World) -> None:
    job = world.add("dari", LONG)
    async with tracker_in(world) as tracker:
        await reach(tracker, f"dari:{job.id}", JobStatus.RUNNING)
        job.pause()
        await reach(tracker, f"dari:{job.id}", JobStatus.PAUSED)
        job.resume()
        await anyio.sleep(5)
        world.trouble = Outage(0, 1e9)
        with pytest.raises(UnknownOutcomeError):
            await Actor(tracker).pause(f"dari:{job.id}")


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_lost_answer_is_not_claimed_for_somebody_else_s(world: World, *, arrives: bool) -> None:
    job = world.add("dari", ASKING)
    ref = f"dari:{job.id}"

    class Overtaken(Losing):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method != "GET" and not arrives:
                question = job.state().question
                assert question is not None
                job.answer(question.question_id, "theirs")
            return await super().handle_async_request(request)

    Overtaken.arrives = arrives
    async with tracker_in(world, transport=Overtaken) as tracker:
        await reach(tracker, ref, JobStatus.WAITING_FOR_INPUT)
        acted = await Actor(tracker).answer(ref, "ours")
        assert (acted.took_effect, acted.view.status) == (None, JobStatus.RUNNING)
        assert [words for _, words in job.answers.values()] == ["ours" if arrives else "theirs"]


async def test_a_finished_job_is_left_as_it_is(world: World) -> None:
    job = world.add("dari", Script(beats=(Finish("Done."),)))
    async with tracker_in(world) as tracker:
        acted = await Actor(tracker).cancel(f"dari:{job.id}")
        assert (acted.took_effect, acted.view.status) == (False, JobStatus.COMPLETED)
        assert posts(world) == []


async def test_a_failure_without_our_stop_stays_a_failure(world: World) -> None:
    job = world.add("dari", LONG)
    async with tracker_in(world) as tracker:
        await reach(tracker, f"dari:{job.id}", JobStatus.RUNNING)
        job.cancel()
        await anyio.sleep(2)
        assert (await tracker.look(f"dari:{job.id}")).status is JobStatus.FAILED


@pytest.mark.parametrize("provider", ["dari", "kernel"])
async def test_a_failure_after_a_cancel_that_was_refused_is_the_job_s_own(world: World, provider: str) -> None:
    class Poor(InProcess):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method != "GET":
                return httpx2.Response(402)
            return await super().handle_async_request(request)

    ref = f"{provider}:{world.add(provider, Script(beats=(Queued(), Step('Loading', 60), Fail('Broken.')))).id}"
    async with tracker_in(world, transport=Poor) as tracker:
        await reach(tracker, ref, JobStatus.RUNNING)
        with pytest.raises(OutOfCreditsError):
            await Actor(tracker).cancel(ref)
        await anyio.sleep(120)
        assert (await tracker.look(ref)).status is JobStatus.FAILED


async def test_a_cancel_that_the_provider_overwrites_is_corrected_in_the_log(world: World) -> None:
    job = world.add("gobii", Script(beats=(Queued(), Step("Loading", 60), Finish("Done all the same."))))
    ref = f"gobii:{job.id}"
    async with tracker_in(world) as tracker:
        await reach(tracker, ref, JobStatus.RUNNING)
        assert (await Actor(tracker).cancel(ref)).view.status is JobStatus.CANCELLED
        await anyio.sleep(120)
        record = await tracker.store.load(await tracker.resolve(ref))
        assert record is not None
        assert record.job.status is JobStatus.COMPLETED
        assert await told(tracker, ref) == ["queued", "running", "cancelled", "completed"]


async def test_read_only_means_that_nothing_acts(world: World) -> None:
    job = world.add("dari", LONG)
    async with tracker_in(world, BROWSERJOBS_READ_ONLY="1", BROWSERJOBS_ALLOW_START="1") as tracker:
        actor = Actor(tracker)
        for call in (
            actor.answer(f"dari:{job.id}", "x"),
            actor.cancel(f"dari:{job.id}"),
            actor.pause(f"dari:{job.id}"),
            actor.resume(f"dari:{job.id}"),
            actor.start("gobii", "Buy", parameters={}, allowed=True),
        ):
            with pytest.raises(ActingDisabledError):
                await call
        assert posts(world) == []


# Starts


async def test_starting_must_be_allowed(world: World) -> None:
    async with tracker_in(world) as tracker:
        with pytest.raises(ActingDisabledError) as caught:
            await Actor(tracker).start("gobii", "Buy", parameters={})
        assert caught.value.setting == "BROWSERJOBS_ALLOW_START"
        assert (await Actor(tracker).start("gobii", "Buy", parameters={}, allowed=True)).took_effect


@pytest.mark.parametrize("provider", ["gobii", "browser_use", "browser_use_v2", "browser_use_v3", "browser_use_v1"])
async def test_the_same_start_twice_starts_one_run(world: World, provider: str) -> None:
    async with tracker_in(world, BROWSERJOBS_ALLOW_START="1") as tracker:
        actor = Actor(tracker)
        first = await actor.start(provider, "Buy a kettle", parameters={})
        again = await actor.start(provider, "Buy a kettle", parameters={})
        assert first.took_effect
        assert again.view.reference == first.view.reference
        assert len(world.jobs(provider)) == 1
        await actor.start(provider, "Buy two kettles", parameters={})
        await anyio.sleep(200)
        later = await actor.start(provider, "Buy a kettle", parameters={})
        assert later.view.reference != first.view.reference
        assert len(world.jobs(provider)) == 3


async def test_a_key_is_the_same_start_for_good_and_for_one_task(world: World) -> None:
    async with tracker_in(world, BROWSERJOBS_ALLOW_START="1") as tracker:
        actor = Actor(tracker)
        first = await actor.start("gobii", "Buy", parameters={}, key="monday")
        other = await actor.start("gobii", "Buy", parameters={}, key="tuesday")
        assert other.view.reference != first.view.reference
        await anyio.sleep(1000)
        assert (await actor.start("gobii", "Buy", parameters={}, key="monday")).view.reference == first.view.reference
        with pytest.raises(InvalidArgumentError):
            await actor.start("gobii", "Sell", parameters={}, key="monday")
        assert len(world.jobs("gobii")) == 2


async def test_dari_is_told_the_portal_and_the_form(world: World) -> None:
    async with tracker_in(world, BROWSERJOBS_ALLOW_START="1") as tracker:
        acted = await Actor(tracker).start("dari", "demo-org/contact_form", parameters={"email": "a@b.example"})
        assert acted.view.reference.startswith("dari:demo-org/contact_form/")


class Slow(InProcess):
    """Carries a request that is no GET only after a while, or loses its reply."""

    seconds = 0.0
    loses = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return await super().handle_async_request(request)
        await anyio.sleep(self.seconds)
        response = await super().handle_async_request(request)
        if self.loses:
            await response.aclose()
            raise httpx2.ReadError("lost", request=request)
        return response


async def test_a_slow_start_answers_in_time_with_a_name_that_every_verb_takes(world: World) -> None:
    async with tracker_in(world, transport=Slow, BROWSERJOBS_ALLOW_START="1") as tracker:
        Slow.seconds, Slow.loses = 6.0, False
        start = anyio.current_time()
        acted = await Actor(tracker).start("gobii", "Buy", parameters={}, key="k")
        assert anyio.current_time() - start <= 4
        assert (acted.took_effect, acted.view.reference) == (None, "gobii:start/k")
        assert START_SECONDS < 4
        view = await tracker.look("gobii:start/k")
        assert view.reference == f"gobii:{world.jobs('gobii')[0].id}"
        assert (await tracker.wait(["gobii:start/k"], seconds=60)).views[0].status is JobStatus.COMPLETED


async def test_a_lost_reply_is_found_in_the_list(world: World) -> None:
    async with tracker_in(world, transport=Slow, BROWSERJOBS_ALLOW_START="1") as tracker:
        Slow.seconds, Slow.loses = 0.0, True
        acted = await Actor(tracker).start("gobii", "Buy", parameters={})
        assert acted.took_effect
        assert len(world.jobs("gobii")) == 1


@pytest.mark.parametrize("provider", ["gobii", "browser_use", "browser_use_v2", "browser_use_v3", "browser_use_v1"])
async def test_a_lost_reply_never_starts_a_long_task_twice(world: World, provider: str) -> None:
    task = "Compare the prices of every kettle in every shop of the town, and of the next town as well, twice. " * 2
    async with tracker_in(world, transport=Slow, BROWSERJOBS_ALLOW_START="1") as tracker:
        Slow.seconds, Slow.loses = 0.0, True
        for _ in range(3):
            try:
                acted = await Actor(tracker).start(provider, task, parameters={}, key="k")
                assert acted.view.reference == f"{provider}:{world.jobs(provider)[0].id}"
            except UnknownOutcomeError:
                assert not providers.load(provider).lists_tasks
            await anyio.sleep(60)
        assert len(world.jobs(provider)) == 1


async def test_a_lost_reply_is_not_forgotten_when_the_list_refuses(world: World) -> None:
    class Refusing(Slow):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "GET" and self.loses:
                return httpx2.Response(401)
            return await super().handle_async_request(request)

    async with tracker_in(world, transport=Refusing, BROWSERJOBS_ALLOW_START="1") as tracker:
        Slow.seconds, Slow.loses = 0.0, True
        with pytest.raises(UnknownOutcomeError):
            await Actor(tracker).start("gobii", "Buy", parameters={}, key="k")
        await anyio.sleep(60)
        Slow.loses = False
        acted = await Actor(tracker).start("gobii", "Buy", parameters={}, key="k")
        assert acted.view.reference == f"gobii:{world.jobs('gobii')[0].id}"
        assert len(world.jobs("gobii")) == 1


async def test_a_lost_reply_without_a_list_is_said_to_be_unknown_and_never_repeated(world: World) -> None:
    async with tracker_in(world, transport=Slow, BROWSERJOBS_ALLOW_START="1") as tracker:
        Slow.seconds, Slow.loses = 0.0, True
        actor = Actor(tracker)
        for _ in range(2):
            with pytest.raises(UnknownOutcomeError):
                await actor.start("dari", "demo-org/contact_form", parameters={"a": "b"}, key="k")
            await anyio.sleep(60)
        assert len(world.jobs("dari")) == 1


@pytest.mark.parametrize("failure", [httpx2.ConnectError, httpx2.ConnectTimeout])
@pytest.mark.parametrize("provider", ["dari", "gobii", "browser_use_v3"])
async def test_a_start_that_was_never_sent_may_be_asked_for_again(
    world: World, provider: str, failure: type[httpx2.TransportError]
) -> None:
    class Down(InProcess):
        down = True

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if self.down:
                raise failure("down", request=request)
            return await super().handle_async_request(request)

    task = simulators()[provider].example_task or "Buy a kettle"
    async with tracker_in(world, transport=Down, BROWSERJOBS_ALLOW_START="1") as tracker:
        actor = Actor(tracker)
        with pytest.raises(NotSentError):
            await actor.start(provider, task, parameters={}, key="k")
        Down.down = False
        for _ in range(2):
            acted = await actor.start(provider, task, parameters={}, key="k")
            assert acted.view.reference == f"{provider}:{world.jobs(provider)[0].id}"
        assert len(world.jobs(provider)) == 1


@pytest.mark.parametrize("key", ["a\nb", "k\u200b", "k" * 201, "\u202ek"])
async def test_a_key_that_no_reference_can_hold_is_refused(world: World, key: str) -> None:
    async with tracker_in(world, BROWSERJOBS_ALLOW_START="1") as tracker:
        with pytest.raises(InvalidArgumentError):
            await Actor(tracker).start("gobii", "Buy", parameters={}, key=key)
        assert posts(world) == []


async def test_blanks_around_a_key_do_not_count(world: World) -> None:
    async with tracker_in(world, transport=Slow, BROWSERJOBS_ALLOW_START="1") as tracker:
        Slow.seconds, Slow.loses = 6.0, False
        acted = await Actor(tracker).start("gobii", "Buy", parameters={}, key=" k ")
        assert (await tracker.look(acted.view.reference)).reference == f"gobii:{world.jobs('gobii')[0].id}"
        assert (await Actor(tracker).start("gobii", "Buy", parameters={}, key="k")).took_effect
        assert len(world.jobs("gobii")) == 1


async def test_two_processes_that_start_the_same_at_once_start_one_run(world: World, tmp_path: Path) -> None:
    environ = {"BROWSERJOBS_STORE": str(tmp_path / "jobs.sqlite3"), "BROWSERJOBS_ALLOW_START": "1"}
    Slow.seconds, Slow.loses = 2.0, False
    told: list[str] = []
    async with (
        tracker_in(world, transport=Slow, environ=environ) as one,
        tracker_in(world, transport=Slow, environ=environ) as two,
        anyio.create_task_group() as tasks,
    ):

        async def start(tracker: Tracker) -> None:
            acted = await Actor(tracker).start("gobii", "Buy", parameters={}, key="k")
            told.append((await tracker.look(acted.view.reference)).reference)

        tasks.start_soon(start, one)
        tasks.start_soon(start, two)
    assert told == [f"gobii:{world.jobs('gobii')[0].id}"] * 2
    assert len(world.jobs("gobii")) == 1


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_kill_between_request_and_reply_starts_one_run(world: World, tmp_path: Path, *, arrived: bool) -> None:
    environ = {"BROWSERJOBS_STORE": str(tmp_path / "jobs.sqlite3"), "BROWSERJOBS_ALLOW_START": "1"}
    Slow.seconds, Slow.loses = (0.0, False) if arrived else (1000.0, False)
    async with tracker_in(world, transport=Hanging if arrived else Slow, environ=environ) as tracker:
        with anyio.move_on_after(1):
            await Actor(tracker).start("gobii", "Buy", parameters={})
    Slow.seconds = 0.0
    await anyio.sleep(15)
    async with tracker_in(world, environ=environ) as tracker:
        acted = await Actor(tracker).start("gobii", "Buy", parameters={})
        assert acted.took_effect
        assert acted.view.reference == f"gobii:{world.jobs('gobii')[0].id}"
        assert len(world.jobs("gobii")) == 1


class Hanging(InProcess):
    """Carries a request that is no GET, and never brings its reply."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if request.method != "GET":
            await response.aclose()
            await anyio.sleep_forever()
        return response


async def test_what_the_provider_refuses_may_be_asked_for_again(world: World) -> None:
    async with tracker_in(world, BROWSERJOBS_ALLOW_START="1") as tracker:
        actor = Actor(tracker)
        world.out_of_credits = True
        with pytest.raises(OutOfCreditsError):
            await actor.start("gobii", "Buy", parameters={}, key="k")
        world.out_of_credits = False
        with pytest.raises(RefusedRequestError):
            await actor.start("gobii", "Buy", parameters={"webhook": "nowhere"}, key="bad")
        assert (await actor.start("gobii", "Buy", parameters={}, key="k")).took_effect
        with pytest.raises(InvalidArgumentError):
            await actor.start("gobii", "  ", parameters={})
