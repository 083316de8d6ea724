"""The same stories on every provider that lets a job be acted on or seen: cancels, answers, starts, screenshots."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.acting import Actor
from mcp_browserjobs.errors import (
    AuthenticationError,
    BrowserJobsError,
    ConflictError,
    JobNotFoundError,
    MalformedIdError,
    NotAvailableError,
    OutOfCreditsError,
    ProviderUnavailableError,
    RateLimitedError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import TITLE_CHARACTERS, EventKind, JobStatus
from mcp_browserjobs.screenshots import is_image
from mcp_browserjobs.simulator import simulators
from mcp_browserjobs.simulator.archives import Hostile
from mcp_browserjobs.simulator.script import Finish, Outage, Queued, RateLimit, Script, Step
from mcp_browserjobs.simulator.stories import asking
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

LONG = Script(beats=(Queued(5), *(Step(f"Read page {page}", 60) for page in range(30)), Finish("Read.")))
TASK = "Compare the prices of seven kettles and of one very red teapot, and say which of them to take"
"""Longer than a title."""
ORG = "demo-org"

Act = Callable[[Any, str], Awaitable[object]]


def having(*methods: str) -> pytest.MarkDecorator:
    """The providers that can do this."""
    able = [name for name in providers.names() if all(hasattr(providers.load(name), method) for method in methods)]
    return pytest.mark.parametrize("provider", able)


def task_of(provider: str) -> str:
    """What a job of this provider can be started with."""
    return simulators()[provider].example_task or TASK


@pytest.fixture
def world() -> World:
    return new_world(retired=False)


def able(tracker: Tracker, provider: str) -> Any:
    """The adapter, whose methods are what it can do."""
    return tracker.provider(provider)


async def status(tracker: Tracker, provider: str, job_id: str) -> JobStatus:
    return (await tracker.provider(provider).fetch_job(job_id)).status


@having("cancel_job")
async def test_a_cancelled_job_has_ended_and_cancelling_again_does_no_harm(provider: str, world: World) -> None:
    job = world.add(provider, LONG)
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        await anyio.sleep(70)
        await adapter.cancel_job(job.id)
        ended = await status(tracker, provider, job.id)
        assert ended in {JobStatus.CANCELLED, JobStatus.FAILED}
        with suppress(ConflictError):
            await adapter.cancel_job(job.id)
        assert await status(tracker, provider, job.id) is ended


@having("cancel_job")
async def test_cancelling_what_is_over_changes_nothing(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    async with tracker_in(world) as tracker:
        await anyio.sleep(60)
        with suppress(ConflictError):
            await able(tracker, provider).cancel_job(job.id)
        assert await status(tracker, provider, job.id) is JobStatus.COMPLETED


@having("pause_job", "resume_job")
async def test_a_running_job_is_held_and_let_go(provider: str, world: World) -> None:
    job = world.add(provider, LONG)
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        await anyio.sleep(70)
        with pytest.raises(ConflictError):
            await adapter.resume_job(job.id)
        await adapter.pause_job(job.id)
        assert await status(tracker, provider, job.id) is JobStatus.PAUSED
        with pytest.raises(ConflictError):
            await adapter.pause_job(job.id)
        await anyio.sleep(500)
        await adapter.resume_job(job.id)
        assert await status(tracker, provider, job.id) is JobStatus.RUNNING
        assert job.state().minutes == pytest.approx((70 - 5 + 500) / 60)


@having("answer_question")
async def test_a_question_is_answered_once(provider: str, world: World) -> None:
    job = world.add(provider, asking())
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        await anyio.sleep(10)
        question = (await tracker.provider(provider).fetch_job(job.id)).question
        assert question is not None
        with pytest.raises(ConflictError):
            await adapter.answer_question(job.id, "another", "blue")
        takes_words = simulators()[provider].takes_words
        answer = "blue — «bleu»" if takes_words else question.options[0]
        await adapter.answer_question(job.id, question.id, answer)
        [(_, words)] = job.answers.values()
        assert words == answer or not takes_words
        await anyio.sleep(2)
        assert await status(tracker, provider, job.id) is JobStatus.RUNNING
        with pytest.raises(ConflictError):
            await adapter.answer_question(job.id, question.id, answer)


@having("start_job")
async def test_a_started_job_runs_under_the_id_that_was_told(provider: str, world: World) -> None:
    async with tracker_in(world, DARI_ORG=ORG) as tracker:
        adapter = able(tracker, provider)
        started = await adapter.start_job(task_of(provider), {})
        [job] = world.jobs(provider)
        assert started.id == job.id == tracker.provider(provider).canonical_id(started.id)
        assert await status(tracker, provider, started.id) is JobStatus.QUEUED
        await anyio.sleep(3)
        assert await status(tracker, provider, started.locator or started.id) is JobStatus.RUNNING


@having("start_job", "list_jobs")
async def test_a_started_job_is_found_in_the_list_by_its_task(provider: str, world: World) -> None:
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        started = await adapter.start_job(task_of(provider), {})
        for _ in range(3):
            [row] = (await adapter.list_jobs(None, 20)).jobs
            assert row.id == started.id
            assert (row.title == task_of(provider)[:TITLE_CHARACTERS]) is providers.load(provider).lists_tasks
            await anyio.sleep(5)


@pytest.mark.parametrize("provider", [name for name, each in simulators().items() if each.refuses_without_credits])
async def test_without_credits_nothing_is_started(provider: str, world: World) -> None:
    world.out_of_credits = True
    async with tracker_in(world, DARI_ORG=ORG) as tracker:
        with pytest.raises(OutOfCreditsError):
            await able(tracker, provider).start_job(task_of(provider), {})
    assert world.jobs(provider) == []


@having("fetch_screenshot")
async def test_a_screenshot_is_an_image_and_is_told_from_the_others(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        await anyio.sleep(20)
        latest = await adapter.fetch_screenshot(job.id, -1)
        assert is_image(latest.data)
        assert latest.count >= 2
        assert latest.index == latest.count - 1
        assert latest == await adapter.fetch_screenshot(job.id, latest.index)
        first = await adapter.fetch_screenshot(job.id, 0)
        assert (first.index, first.count) == (0, latest.count)
        assert first == await adapter.fetch_screenshot(job.id, -latest.count)
        assert first.data != latest.data
        for index in (latest.count, -latest.count - 1):
            with pytest.raises(NotAvailableError) as caught:
                await adapter.fetch_screenshot(job.id, index)
            assert str(latest.count) in caught.value.thing


@having("fetch_screenshot")
async def test_a_job_without_screenshots_tells_where_it_stands(provider: str, world: World) -> None:
    new, seeing_nothing = world.add(provider, Script()), world.add(provider, Script(beats=(Finish(),)))
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        for job, reason in ((new, "queued"), (seeing_nothing, "completed")):
            with pytest.raises(NotAvailableError) as caught:
                await adapter.fetch_screenshot(job.id, -1)
            assert (caught.value.thing, caught.value.reason) == ("screenshots", reason)


def found_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("how", get_args(Hostile))
async def test_a_hostile_archive_is_refused_and_leaves_nothing_behind(
    world: World, how: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inside := tmp_path / "some" / "where").mkdir(parents=True)
    monkeypatch.chdir(inside)
    world.archive = how
    job = world.add("dari", Script())
    async with tracker_in(world) as tracker:
        await anyio.sleep(20)
        with pytest.raises((UnexpectedResponseError, NotAvailableError)) as caught:
            await able(tracker, "dari").fetch_screenshot(job.id, -1)
        assert "screenshot_" not in repr(vars(caught.value))
    assert found_in(tmp_path) == [inside.parent, inside]


@pytest.mark.parametrize("provider", ["browser_use_v3", "browser_use_v2", "browser_use_v1"])
async def test_a_link_to_a_screenshot_expires_and_a_new_one_is_asked_for(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        await anyio.sleep(20)
        links = await adapter._screenshots(job.id)
        assert await adapter.http.download_image(links[0])
        await anyio.sleep(301)
        assert await adapter.http.download_image(links[0]) is None
        assert is_image((await adapter.fetch_screenshot(job.id, 0)).data)


@having("fetch_log")
async def test_a_log_is_text(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    async with tracker_in(world) as tracker:
        await anyio.sleep(20)
        assert "Opened the shop" in await able(tracker, provider).fetch_log(job.id)


@having("fetch_links")
async def test_links_tell_of_the_live_view_and_of_the_recording(provider: str, world: World) -> None:
    job = world.add(provider, Script())
    async with tracker_in(world) as tracker:
        adapter = able(tracker, provider)
        await anyio.sleep(3)
        assert "live_view" in [link.kind for link in await adapter.fetch_links(job.id)]
        await anyio.sleep(20)
        assert "recording" in [link.kind for link in await adapter.fetch_links(job.id)]


ACTS: dict[str, Act] = {
    "cancel_job": lambda adapter, job_id: adapter.cancel_job(job_id),
    "pause_job": lambda adapter, job_id: adapter.pause_job(job_id),
    "resume_job": lambda adapter, job_id: adapter.resume_job(job_id),
    "answer_question": lambda adapter, job_id: adapter.answer_question(job_id, "1", "x"),
    "fetch_screenshot": lambda adapter, job_id: adapter.fetch_screenshot(job_id, -1),
    "fetch_log": lambda adapter, job_id: adapter.fetch_log(job_id),
    "fetch_links": lambda adapter, job_id: adapter.fetch_links(job_id),
    "start_job": lambda adapter, _: adapter.start_job(task_of(adapter.name), {}),
}
EVERYTHING = [(name, act) for name in providers.names() for act in ACTS if hasattr(providers.load(name), act)]
ON_A_JOB = [(name, act) for name, act in EVERYTHING if act != "start_job"]


@pytest.mark.parametrize(("provider", "act"), ON_A_JOB)
async def test_a_job_that_nobody_knows_cannot_be_acted_on(provider: str, act: str, world: World) -> None:
    job = world.add(provider, Script())
    world.remove(provider, job)
    async with tracker_in(world) as tracker:
        with pytest.raises(JobNotFoundError):
            await ACTS[act](tracker.provider(provider), job.id)


@pytest.mark.parametrize(("provider", "act"), ON_A_JOB)
@pytest.mark.parametrize("text", ["", "../../admin", "a/b/c/d", "x" * 300, "a?b=c"])
async def test_a_malformed_id_is_acted_on_nowhere(provider: str, act: str, world: World, text: str) -> None:
    async with tracker_in(world) as tracker:
        with pytest.raises(MalformedIdError):
            await ACTS[act](tracker.provider(provider), text)
    assert world.requests == []


@pytest.mark.parametrize(("provider", "act"), EVERYTHING)
@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Outage(0, 0, "503"), ProviderUnavailableError),
        (Outage(0, 0, "html_error"), ProviderUnavailableError),
        (Outage(0, 0, "reset"), ProviderUnavailableError),
        (Outage(0, 0, "html"), UnexpectedResponseError),
        (Outage(0, 0, "truncated"), UnexpectedResponseError),
        (RateLimit(0, 0), RateLimitedError),
    ],
    ids=["503", "502", "reset", "html", "truncated", "429"],
)
async def test_trouble_is_told_as_it_is_after_one_request(
    provider: str, act: str, world: World, trouble: Outage | RateLimit, error: type[BrowserJobsError]
) -> None:
    job = world.add(provider, Script())
    world.trouble = trouble
    async with tracker_in(world, DARI_ORG=ORG) as tracker:
        with pytest.raises(error):
            await ACTS[act](tracker.provider(provider), job.id)
    assert len(world.requests) == 1


@pytest.mark.parametrize(("provider", "act"), EVERYTHING)
async def test_a_refused_key_is_told(provider: str, act: str, world: World) -> None:
    job = world.add(provider, Script())
    variable = f"{providers.prefix(provider)}_API_KEY"
    async with tracker_in(world, environ={variable: "wrong"}) as tracker:
        with pytest.raises(AuthenticationError) as caught:
            await ACTS[act](tracker.provider(provider), job.id)
    assert caught.value.variable == variable


async def test_gobii_s_cancel_is_overwritten_by_the_worker(world: World) -> None:
    job = world.add("gobii", Script())
    async with tracker_in(world) as tracker:
        await able(tracker, "gobii").cancel_job(job.id)
        seen = []
        for _ in range(4):
            seen.append(await status(tracker, "gobii", job.id))
            await anyio.sleep(3)
    assert seen == [JobStatus.CANCELLED, JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.COMPLETED]


async def test_gobii_s_agent_is_named_among_the_parameters(world: World) -> None:
    agent = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
    async with tracker_in(world) as tracker:
        started = await able(tracker, "gobii").start_job(TASK, {"agent": agent, "wait": 0})
        assert started.locator == f"{agent}/{started.id}"
        assert await status(tracker, "gobii", started.locator) is JobStatus.QUEUED
        await able(tracker, "gobii").cancel_job(started.locator)
    assert world.requests[-1].path == f"/agents/browser-use/{agent}/tasks/{started.id}/cancel/"


@pytest.mark.parametrize("provider", ["browser_use", "browser_use_v3", "browser_use_v2"])
async def test_a_session_that_is_busy_takes_no_second_task(provider: str, world: World) -> None:
    job = world.add(provider, LONG)
    session = job.id if provider == "browser_use_v3" else job.named("session")
    async with tracker_in(world) as tracker:
        await anyio.sleep(70)
        with pytest.raises(ConflictError):
            await able(tracker, provider).start_job(TASK, {"sessionId": session})
    assert world.jobs(provider) == [job]


async def test_a_session_takes_one_run_after_another(world: World) -> None:
    job = world.add("browser_use", Script())
    async with tracker_in(world) as tracker:
        await anyio.sleep(20)
        started = await able(tracker, "browser_use").start_job(TASK, {"sessionId": job.named("session")})
        assert started.id not in {job.id, job.named("session")}
        assert await status(tracker, "browser_use", started.id) is JobStatus.QUEUED


@pytest.mark.parametrize("dialect", ["jobs", "task", "mixed"])
async def test_dari_is_commanded_in_either_dialect_and_once(world: World, dialect: str) -> None:
    world.dialect = dialect  # type: ignore[assignment]
    job = world.add("dari", LONG)
    async with tracker_in(world) as tracker:
        await anyio.sleep(70)
        await able(tracker, "dari").pause_job(job.id)
        await able(tracker, "dari").resume_job(job.id)
        await able(tracker, "dari").cancel_job(job.id)
        assert len(job.holds) == 1
        assert await status(tracker, "dari", job.id) is JobStatus.FAILED
        assert is_image((await able(tracker, "dari").fetch_screenshot(job.id, -1)).data)


async def test_the_values_of_a_form_reach_dari(world: World) -> None:
    async with tracker_in(world, DARI_ORG=ORG) as tracker:
        adapter = able(tracker, "dari")
        await adapter.start_job("contact_form", {"email": "a@b.example"})
        await adapter.start_job(f"{ORG}/contact_form", {"form_data": {"email": "c@d.example"}, "max_turns": 5})
    assert [job.notes for job in world.jobs("dari")] == [
        {"form_data": {"email": "c@d.example"}, "max_turns": 5},
        {"form_data": {"email": "a@b.example"}},
    ]


@having("cancel_job", "list_jobs")
async def test_a_list_takes_nothing_back_that_a_look_knew(provider: str, world: World) -> None:
    job = world.add(provider, LONG)
    ref = f"{provider}:{job.id}"
    async with tracker_in(world) as tracker:
        await anyio.sleep(70)
        await tracker.look(ref)
        await Actor(tracker).cancel(ref)
        await tracker.list_jobs(account=provider)
        view = await tracker.look(ref)
        assert view.status is JobStatus.CANCELLED
        assert (await tracker.list_jobs(account=provider)).records[0].job.status is JobStatus.CANCELLED
        log = (await tracker.events(ref, limit=200)).events
        assert [event.reported["status"] for event in log if event.kind is EventKind.STATUS][-1] == "cancelled"
