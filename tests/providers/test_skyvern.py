"""Skyvern: what a real server said, and what else it may say."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import JsonValue

from mcp_browserjobs.errors import (
    AuthenticationError,
    BrowserJobsError,
    ConflictError,
    InvalidArgumentError,
    JobNotFoundError,
    MalformedIdError,
    NotAvailableError,
    OutOfCreditsError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
)
from mcp_browserjobs.jobs import Event, EventKind, FailureKind, Job, JobStatus, Link, Question
from mcp_browserjobs.providers import abilities
from mcp_browserjobs.providers.skyvern import STATUSES, Skyvern, approves
from tests.providers.replay import KEY, Recording, opened
from tests.providers.routes import Routes

pytestmark = pytest.mark.anyio

WR, TSK, TSK_V2 = "wr_599668486403217730", "tsk_599668486131372502", "tsk_v2_599668679404901346"
ASKED = Question(id="wrb_599668499288119646", text="Buy it?", options=("Buy", "Leave it"))
HOST = "https://api.skyvern.com"
PNG = b"\x89PNG\r\n\x1a\nrest"

RUN: dict[str, Any] = {
    "run_id": WR,
    "status": "completed",
    "output": {"read_output": {"title": "Local shop"}},
    "downloaded_files": [],
    "recording_url": None,
    "recording_archived": False,
    "screenshot_urls": None,
    "failure_reason": None,
    "created_at": "2026-11-21T23:40:36.874376",
    "modified_at": "2026-11-21T23:40:41.565681",
    "queued_at": "2026-11-21T23:40:36.883518",
    "started_at": "2026-11-21T23:40:36.905221",
    "finished_at": "2026-11-21T23:40:41.399593",
    "app_url": "http://localhost:8080/runs/wr_599668645317008084",
    "browser_session_id": "pbs_599668486403217742",
    "step_count": 2,
    "run_type": "workflow_run",
    "attempt": 1,
    "retry_pending": False,
    "run_request": {"workflow_id": "wpid_599668645317008076", "title": "shop price"},
}
ASKING: dict[str, Any] = {
    "workflow_run_block_id": "wrb_1",
    "block_type": "human_interaction",
    "label": "ask",
    "status": "running",
    "instructions": "Buy it?",
    "positive_descriptor": "Buy",
    "negative_descriptor": "Leave it",
    "actions": [],
    "created_at": "2026-11-21T23:40:02.495426",
}


def recorded(*names: str) -> Recording:
    """Recordings of one run, which share its clock."""
    recording = Recording(f"skyvern/{names[0]}")
    for name in names[1:]:
        recording.exchanges += Recording(f"skyvern/{name}").exchanges
    recording.exchanges.sort(key=lambda exchange: exchange["at_s"])
    return recording


def run_of(recording: Recording) -> str:
    """The run that a recording asked for first."""
    asked = (each["request"] for each in recording.exchanges)
    paths = (str(request["path"]).split("/") for request in asked if request["method"] == "GET")
    return next(path[3] for path in paths if path[1:3] == ["v1", "runs"])


async def seen_each_time(*names: str) -> list[Job]:
    """The job whenever its run was recorded, as often as its status changes."""
    recording, jobs = recorded(*names), list[Job]()
    run = run_of(recording)
    async with opened(Skyvern, recording) as skyvern:
        for exchange in recording.exchanges:
            if (exchange["request"]["method"], exchange["request"]["path"]) == ("GET", f"/v1/runs/{run}"):
                recording.moment = exchange["at_s"] + 0.02
                jobs.append(await skyvern.fetch_job(run))
    return [job for job, before in zip(jobs, [None, *jobs], strict=False) if not before or job.status != before.status]


async def events_of(recording: Recording, run: str) -> list[dict[str, JsonValue]]:
    """What the events of a run report."""
    async with opened(Skyvern, recording) as skyvern:
        page = await skyvern.fetch_events(run, None)
    assert (page.cursor, page.has_more, page.links) == (None, False, ())
    assert all(event.exact for event in page.events)
    return [event.reported for event in page.events]


async def look(run: JsonValue, timeline: JsonValue = None, *, run_id: str = WR) -> Job:
    """What a look makes of these two answers."""
    routes = Routes({f"/v1/runs/{run_id}": run, f"/v1/runs/{run_id}/timeline": timeline or []})
    async with opened(Skyvern, routes) as skyvern:
        return await skyvern.fetch_job(run_id)


async def events(timeline: JsonValue) -> tuple[Event, ...]:
    """What is made of this timeline."""
    async with opened(Skyvern, Routes({f"/v1/runs/{WR}/timeline": timeline})) as skyvern:
        return (await skyvern.fetch_events(WR, None)).events


def item(block: JsonValue) -> dict[str, JsonValue]:
    """A block as it stands in a timeline."""
    return {"type": "block", "attempt": 1, "block": block, "thought": None, "children": []}


# What a real server said


async def test_an_agents_run_is_followed_to_its_result() -> None:
    queued, running, completed = await seen_each_time("browser_lifecycle")
    assert [job.status for job in (queued, running)] == [JobStatus.QUEUED, JobStatus.RUNNING]
    assert (queued.finished_at, running.finished_at, running.result) == (None, None, None)
    assert queued.has == {"live_view"}
    assert completed.model_dump(exclude_defaults=True) == {
        "id": "wr_599668645317008084",
        "status": JobStatus.COMPLETED,
        "provider_status": "completed",
        "title": "shop price",
        "created_at": datetime(2026, 11, 21, 23, 40, 36, 874376, UTC),
        "started_at": datetime(2026, 11, 21, 23, 40, 36, 905221, UTC),
        "updated_at": datetime(2026, 11, 21, 23, 40, 41, 565681, UTC),
        "finished_at": datetime(2026, 11, 21, 23, 40, 41, 399593, UTC),
        "has": {"result", "recording"},
    }
    assert isinstance(completed.result, dict)
    assert completed.result["read_output"] == {"title": "Local shop"}
    assert (completed.events, completed.links) == ((), ())


async def test_a_task_is_followed_to_its_end() -> None:
    running, completed = await seen_each_time("task_completed_lifecycle")
    assert (running.status, running.title) == (
        JobStatus.RUNNING,
        "job-1795304399 press the Buy button and read the title",
    )
    assert running.created_at == datetime(2026, 11, 21, 23, 39, 59, 358587, UTC)
    assert (completed.status, completed.result) == (JobStatus.COMPLETED, None)
    assert completed.has == {"recording", "screenshots"}
    assert completed.goal_met is None


async def test_a_task_of_the_second_kind_is_followed_to_its_end() -> None:
    jobs = await seen_each_time("task_v2_lifecycle")
    assert [job.provider_status for job in jobs] == ["queued", "running", "canceled"]
    assert jobs[-1].status is JobStatus.CANCELLED
    assert {job.id for job in jobs} == {TSK_V2}


async def test_a_run_that_asks_waits_until_it_is_told_to_go_on() -> None:
    jobs = await seen_each_time("hitl_lifecycle", "hitl_timeline")
    assert [job.status for job in jobs] == [
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        JobStatus.WAITING_FOR_INPUT,
        JobStatus.RUNNING,
        JobStatus.COMPLETED,
    ]
    waiting = jobs[2]
    assert (waiting.provider_status, waiting.question, waiting.session) == (
        "paused",
        ASKED,
        "pbs_599668486403217742",
    )
    assert (waiting.result, waiting.finished_at) == (None, None)
    assert waiting.has == {"live_view", "question"}
    assert all(job.question is None for job in jobs if job is not waiting)


async def test_the_timeline_is_only_read_for_a_question() -> None:
    recording = recorded("hitl_lifecycle", "hitl_timeline")
    async with opened(Skyvern, recording) as skyvern:
        recording.moment = 1.6
        await skyvern.fetch_job(WR)
        assert recording.asked == [f"GET /v1/runs/{WR}"]
        recording.moment = 4
        await skyvern.fetch_job(WR)
    assert recording.asked[1:] == [f"GET /v1/runs/{WR}", f"GET /v1/runs/{WR}/timeline"]


async def test_a_question_is_answered_by_going_on() -> None:
    recording = recorded("hitl_lifecycle", "hitl_timeline")
    recording.moment = 4.65
    async with opened(Skyvern, recording) as skyvern:
        await skyvern.answer_question(WR, ASKED.id, " buy ")
    assert recording.asked[-1] == f"POST /v1/workflows/runs/{WR}/continue"


@pytest.mark.parametrize("answer", ["Leave it", "no, never", "yes", "Approve", ""])
async def test_nothing_but_the_approving_option_lets_a_run_go_on(answer: str) -> None:
    recording = recorded("hitl_lifecycle", "hitl_timeline")
    recording.moment = 4
    async with opened(Skyvern, recording) as skyvern:
        with pytest.raises(InvalidArgumentError) as caught:
            await skyvern.answer_question(WR, ASKED.id, answer)
    assert caught.value.argument == "answer"
    assert not any(asked.startswith("POST") for asked in recording.asked)


@pytest.mark.parametrize(("moment", "question"), [(4, "wrb_1"), (0.57, ASKED.id), (12, ASKED.id)])
async def test_another_question_or_none_is_a_conflict(moment: float, question: str) -> None:
    recording = recorded("hitl_lifecycle", "hitl_timeline")
    recording.moment = moment
    async with opened(Skyvern, recording) as skyvern:
        with pytest.raises(ConflictError):
            await skyvern.answer_question(WR, question, "Buy")
    assert recording.asked == [f"GET /v1/runs/{WR}/timeline"]


async def test_an_answer_that_comes_too_late_is_a_conflict() -> None:
    late = Recording("skyvern/continue_not_paused_404").exchanges[0]["response"]
    routes = Routes(
        {
            f"/v1/runs/{WR}/timeline": [item(ASKING)],
            f"/v1/workflows/runs/{WR}/continue": (late["status"], late["json"]),
        }
    )
    async with opened(Skyvern, routes) as skyvern:
        with pytest.raises(ConflictError):
            await skyvern.answer_question(WR, "wrb_1", "Buy")


async def test_a_failed_run_tells_its_error() -> None:
    *_, failed = await seen_each_time("browser_failed")
    assert (failed.status, failed.failure, failed.goal_met) == (JobStatus.FAILED, FailureKind.UNKNOWN, None)
    assert (failed.error or "").startswith("goto_url block failed. failure reason: ")
    assert failed.provider_status == "failed"


@pytest.mark.parametrize("name", ["task_failed_no_llm", "task_v2_default_engine"])
async def test_a_failed_task_tells_its_error(name: str) -> None:
    *_, failed = await seen_each_time(name)
    assert (failed.status, failed.failure) == (JobStatus.FAILED, FailureKind.UNKNOWN)
    assert failed.error
    assert failed.finished_at


async def test_a_task_that_the_agent_gave_up_is_told_from_one_that_broke() -> None:
    *_, ended = await seen_each_time("task_terminated")
    assert (ended.status, ended.provider_status) == (JobStatus.FAILED, "terminated")
    assert ended.failure is FailureKind.AGENT_GAVE_UP
    assert (ended.goal_met, ended.goal_met_by) == (False, "agent")
    assert ended.error == "The page has no such item."


async def test_a_cancelled_run_s_output_may_change_later() -> None:
    recording = recorded("cancel_running")
    run = run_of(recording)
    async with opened(Skyvern, recording) as skyvern:
        recording.moment = 3.05
        assert (await skyvern.fetch_job(run)).status is JobStatus.RUNNING
        recording.moment = 5
        await skyvern.cancel_job(run)
        before = await skyvern.fetch_job(run)
        recording.moment = 18
        after = await skyvern.fetch_job(run)
    assert (before.status, after.status) == (JobStatus.CANCELLED, JobStatus.CANCELLED)
    assert before.updated_at == after.updated_at
    assert (before.result, after.result) == (None, {"w_output": {"success": True}, "extracted_information": []})
    assert (before.failure, before.error) == (None, None)


async def test_a_paused_run_can_be_cancelled() -> None:
    recording = recorded("cancel_paused")
    run = run_of(recording)
    async with opened(Skyvern, recording) as skyvern:
        recording.moment = 1.09
        await skyvern.cancel_job(run)
        recording.moment = 10
        assert (await skyvern.fetch_job(run)).status is JobStatus.CANCELLED
        with pytest.raises(ConflictError):
            await skyvern.answer_question(run, "wrb_599668576597531048", "Buy")
        (event,) = (await skyvern.fetch_events(run, None)).events
    assert event.kind is EventKind.QUESTION
    assert event.reported["status"] == "canceled"


async def test_a_second_cancel_of_a_task_is_a_conflict() -> None:
    recording = recorded("cancel_running_task")
    run = run_of(recording)
    async with opened(Skyvern, recording) as skyvern:
        recording.moment = 3
        await skyvern.cancel_job(run)
        job = await skyvern.fetch_job(run)
        assert job.status is JobStatus.CANCELLED
        assert job.has == {"recording"}
        recording.moment = 20
        with pytest.raises(ConflictError):
            await skyvern.cancel_job(run)
        assert (await skyvern.fetch_job(run)).has == set()


async def test_a_cancel_of_what_is_over_is_a_conflict_for_a_task_only() -> None:
    async with opened(Skyvern, Recording("skyvern/cancel_finished_task_400")) as skyvern:
        with pytest.raises(ConflictError):
            await skyvern.cancel_job("tsk_599668593777400246")
    async with opened(Skyvern, Recording("skyvern/cancel_finished_workflow_200")) as skyvern:
        await skyvern.cancel_job(WR)
        assert (await skyvern.fetch_job(WR)).status is JobStatus.COMPLETED


async def test_an_unknown_run_is_not_found() -> None:
    async with opened(Skyvern, Recording("skyvern/unknown_run_404")) as skyvern:
        for run in ("wr_1", "tsk_1", "tsk_v2_1"):
            with pytest.raises(JobNotFoundError):
                await skyvern.fetch_job(run)
            with pytest.raises(JobNotFoundError):
                await skyvern.fetch_links(run)
        for run in ("wr_1", "tsk_1"):
            with pytest.raises(JobNotFoundError):
                await skyvern.cancel_job(run)
        with pytest.raises(JobNotFoundError):
            await skyvern.fetch_events("wr_1", None)
        with pytest.raises(JobNotFoundError):
            await skyvern.answer_question("wr_1", "wrb_1", "Approve")


@pytest.mark.parametrize("name", ["auth_bad_key_403", "auth_no_key_403", "auth_bearer"])
async def test_a_bad_key_is_refused_with_403(name: str) -> None:
    refusal = Recording(f"skyvern/{name}").exchanges[0]["response"]
    async with opened(Skyvern, lambda _: httpx2.Response(refusal["status"], json=refusal["json"])) as skyvern:
        for way in (
            skyvern.check_key(),
            skyvern.list_jobs(None, 10),
            skyvern.fetch_job(WR),
            skyvern.fetch_events(TSK, None),
            skyvern.start_job("Read the title", {}),
            skyvern.cancel_job(WR),
            skyvern.answer_question(WR, "wrb_1", "Approve"),
        ):
            with pytest.raises(AuthenticationError) as caught:
                await way
            assert caught.value.variable == "SKYVERN_API_KEY"


async def test_the_key_travels_in_a_header_of_its_own() -> None:
    routes = Routes({"/v1/runs": []})
    async with opened(Skyvern, routes) as skyvern:
        await skyvern.check_key()
    (request,) = routes.asked
    assert request.headers["x-api-key"] == KEY
    assert "authorization" not in request.headers
    assert "x-user-agent" not in request.headers


# Events


async def test_a_timeline_is_told_oldest_first() -> None:
    assert await events_of(Recording("skyvern/browser_timeline"), "wr_599668645317008084") == [
        {"text": "goto_url", "label": "open", "status": "completed", "url": "http://127.0.0.1:8232/"},
        {"text": "wait", "label": "w", "status": "completed"},
        {"text": "code", "label": "read", "status": "completed", "url": "http://127.0.0.1:8232/"},
    ]


async def test_a_block_is_told_with_its_actions() -> None:
    async with opened(Skyvern, Recording("skyvern/workflow_navigation_timeline")) as skyvern:
        told = (await skyvern.fetch_events("wr_599668619275359004", None)).events
    assert [event.key for event in told] == [
        "wrb_599668619275359020",
        "act_599668636455228236",
        "act_599668649340130142",
        "wrb_599668649340130164",
        "act_599668666519999404",
    ]
    assert [event.reported["text"] for event in told] == [
        "navigation: job-1795304430 press the Buy button",
        "click: The stub model chose this action.",
        "complete: x",
        "extraction: read the title",
        "extract: Extracting information from the page",
    ]
    assert {event.kind for event in told} == {EventKind.STEP}
    assert [event.at for event in told] == sorted(event.at for event in told if event.at)


async def test_a_failed_block_tells_why() -> None:
    recording = Recording("skyvern/browser_failed")
    (block,) = await events_of(recording, run_of(recording))
    assert (block["text"], block["status"], block["url"]) == ("goto_url", "failed", "http://127.0.0.1:8299/")
    assert str(block["error"]).startswith("Failed to navigate to url")


async def test_an_item_keeps_its_key_while_it_is_rewritten() -> None:
    recording, told = recorded("hitl_timeline"), list[tuple[Event, ...]]()
    async with opened(Skyvern, recording) as skyvern:
        for recording.moment in (1, 4, 12):
            told.append((await skyvern.fetch_events(WR, None)).events)
    assert [[event.reported["status"] for event in page] for page in told] == [
        ["running"],
        ["completed", "running"],
        ["completed", "completed", "completed"],
    ]
    assert [event.key for event in told[2][:2]] == [event.key for event in told[1]]
    assert told[1][1] == Event(
        key=ASKED.id,
        kind=EventKind.QUESTION,
        at=datetime(2026, 11, 21, 23, 40, 2, 495426, UTC),
        reported={"text": "Buy it?", "label": "ask", "status": "running"},
    )


async def test_a_planner_s_thoughts_are_messages() -> None:
    async with opened(Skyvern, Recording("skyvern/task_v2_timeline")) as skyvern:
        told = (await skyvern.fetch_events(TSK_V2, None)).events
    assert told[0].reported["text"] == "goto_url"
    assert {event.kind for event in told[1:]} == {EventKind.MESSAGE}
    assert told[1].key == "ot_599668705174705166"
    assert {event.reported["text"] for event in told[1:]} == {"x"}


async def test_a_task_of_the_second_kind_may_have_an_empty_timeline() -> None:
    recording = Recording("skyvern/task_v2_default_engine")
    assert await events_of(recording, run_of(recording)) == []


async def test_a_task_is_told_by_its_steps_and_actions() -> None:
    recording = Recording("skyvern/task_completed_steps")
    assert await events_of(recording, TSK) == [
        {"text": "step 1", "status": "completed"},
        {"text": "click: The stub model chose this action.", "status": "completed"},
        {"text": "step 2", "status": recording.exchanges[1]["response"]["json"][1]["status"]},
        {"text": "complete: x", "status": "completed"},
    ]
    assert recording.asked == [f"GET /api/v1/tasks/{TSK}/steps", f"GET /api/v1/tasks/{TSK}/actions"]


async def test_a_step_that_is_tried_again_is_another_one() -> None:
    step = {"step_id": "stp_1", "order": 0, "retry_index": 0, "status": "failed", "created_at": "2026-11-21T23:40:24"}
    again = {**step, "step_id": "stp_2", "retry_index": 1, "created_at": "2026-11-21T23:40:25"}
    routes = Routes({f"/api/v1/tasks/{TSK}/steps": [again, step, {"status": 3}, None]})
    async with opened(Skyvern, routes) as skyvern:
        told = (await skyvern.fetch_events(TSK, None)).events
    assert [(event.key, event.reported.get("text"), event.exact) for event in told] == [
        ("stp_1", "step 1", True),
        ("stp_2", "step 1, retry 1", True),
        ("None step", "step", False),
    ]


async def test_a_task_whose_steps_cannot_be_listed_has_no_events() -> None:
    async with opened(Skyvern, Routes({})) as skyvern:
        assert (await skyvern.fetch_events(TSK, None)).events == ()


async def test_a_run_of_a_kind_without_a_timeline_has_no_events() -> None:
    refusal = Recording("skyvern/timeline_v1_task_400").exchanges[0]["response"]
    async with opened(Skyvern, Routes({f"/v1/runs/{TSK_V2}/timeline": (400, refusal["json"])})) as skyvern:
        assert (await skyvern.fetch_events(TSK_V2, None)).events == ()


async def test_blocks_within_blocks_are_told_too() -> None:
    inner: JsonValue = {"workflow_run_block_id": "wrb_2", "block_type": "wait", "created_at": "2026-11-21T23:40:03"}
    outer: JsonValue = {"workflow_run_block_id": "wrb_1", "block_type": "for_loop", "created_at": "2026-11-21T23:40:02"}
    told = await events([{**item(outer), "children": [item(inner), None, {"children": 7}]}])
    assert [(event.key, event.reported) for event in told] == [
        ("wrb_1", {"text": "for_loop"}),
        ("wrb_2", {"text": "wait"}),
    ]


async def test_what_has_no_id_is_known_by_its_time_and_type() -> None:
    thought: JsonValue = {"observer_thought_id": "ot_1", "thought_type": "plan"}
    odd: JsonValue = [
        item({"block_type": "wait", "created_at": "2026-11-21T23:40:03", "actions": [None, {"action_type": 7}]}),
        {"type": "thought", "thought": thought},
        {"type": "new", "block": 3, "thought": []},
        "x",
        None,
    ]
    told = await events(odd)
    assert [(event.key, event.reported, event.exact) for event in told] == [
        ("2026-11-21 23:40:03+00:00 wait", {"text": "wait"}, False),
        ("ot_1", {"text": "plan"}, True),
        ("None None", {}, False),
    ]


# Lists


async def test_a_list_is_read_page_by_page() -> None:
    recording = Recording("skyvern/list_runs")
    async with opened(Skyvern, recording) as skyvern:
        first = await skyvern.list_jobs(None, 3)
        second = await skyvern.list_jobs(first.cursor, 3)
    assert (first.cursor, second.cursor) == ("2", "3")
    assert [row.id for row in first.jobs + second.jobs] == [
        run["run_id"] for each in recording.exchanges[:2] for run in each["response"]["json"]
    ]
    assert first.jobs[0].model_dump(exclude_none=True) == {
        "id": "wr_599668679676746532",
        "status": JobStatus.FAILED,
        "provider_status": "failed",
        "title": "broken page",
        "created_at": datetime(2026, 11, 21, 23, 40, 44, 215694, UTC),
        "started_at": datetime(2026, 11, 21, 23, 40, 44, 238033, UTC),
        "updated_at": datetime(2026, 11, 21, 23, 40, 53, 914363, UTC),
    }
    assert second.jobs[0].status is JobStatus.CANCELLED


async def test_the_page_after_the_last_is_empty() -> None:
    recording = Recording("skyvern/list_runs")
    async with opened(Skyvern, recording) as skyvern:
        page = await skyvern.list_jobs("90", 10)
    assert (page.jobs, page.cursor) == ((), None)


async def test_the_recorded_default_page_has_ten() -> None:
    async with opened(Skyvern, Recording("skyvern/list_default")) as skyvern:
        page = await skyvern.list_jobs(None, 10)
    assert len(page.jobs) == 10
    assert page.cursor == "2"


async def test_a_page_is_asked_for_by_number_and_has_a_hundred_at_most() -> None:
    routes = Routes({"/v1/runs": [{"run_id": f"wr_{number}", "status": "odd"} for number in range(100)]})
    async with opened(Skyvern, routes) as skyvern:
        assert (await skyvern.list_jobs("7", 500)).cursor == "8"
        last = await skyvern.list_jobs("100", 100)
        assert (len(last.jobs), last.cursor) == (100, None)
        assert (await skyvern.list_jobs("101", 100)).jobs == ()
    assert [dict(request.url.params) for request in routes.asked] == [
        {"page": "7", "page_size": "100"},
        {"page": "100", "page_size": "100"},
    ]


async def test_a_run_whose_id_has_another_form_is_left_out() -> None:
    body = [{"run_id": "../x", "status": "failed"}, {"run_id": TSK, "status": "new", "title": None}]
    async with opened(Skyvern, Routes({"/v1/runs": body})) as skyvern:
        (row,) = (await skyvern.list_jobs(None, 2)).jobs
    assert (row.id, row.status, row.provider_status, row.title) == (TSK, JobStatus.UNKNOWN, "new", "")


@pytest.mark.parametrize("cursor", ["0", "-1", "last", "2&page_size=1", "1e3", "9" * 30])
async def test_a_cursor_that_is_no_page_asks_nothing(cursor: str) -> None:
    routes = Routes({})
    async with opened(Skyvern, routes) as skyvern:
        with pytest.raises(InvalidArgumentError):
            await skyvern.list_jobs(cursor, 10)
    assert routes.asked == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "the body"),
        ([{"status": "failed"}], "0.run_id"),
        ([{"run_id": WR}], "0.status"),
        (["secret"], "0"),
        ("secret", "the body"),
    ],
)
async def test_a_list_of_another_shape_is_unexpected(body: JsonValue, where: str) -> None:
    async with opened(Skyvern, Routes({"/v1/runs": body})) as skyvern:
        with pytest.raises(UnexpectedResponseError) as caught:
            await skyvern.list_jobs(None, 10)
    assert caught.value.where == where
    assert "secret" not in repr(caught.value)


async def test_a_base_url_without_the_api_is_told_from_a_missing_job() -> None:
    nowhere = Recording("skyvern/method_not_allowed_405").exchanges[2]["response"]
    async with opened(Skyvern, lambda _: httpx2.Response(404, json=nowhere["json"])) as skyvern:
        with pytest.raises(UnexpectedResponseError) as caught, skyvern.http.naming_no_job():
            await skyvern.check_key()
    assert "base URL" in caught.value.where


# Links and screenshots


async def test_links_tell_when_they_end() -> None:
    recording = recorded("task_completed_lifecycle")
    recording.moment = 3
    async with opened(Skyvern, recording) as skyvern:
        live, film = await skyvern.fetch_links(TSK)
    assert live == Link(kind="live_view", url=f"http://localhost:8080/tasks/{TSK}")
    assert (film.kind, film.expires_at) == ("recording", datetime.fromtimestamp(1795308001, UTC))


async def test_links_that_are_signed_anew_change_nothing_of_a_look() -> None:
    recording = recorded("task_completed_lifecycle")
    looks = []
    async with opened(Skyvern, recording) as skyvern:
        for recording.moment in (3, 4, 5):
            looks.append((await skyvern.fetch_job(TSK), await skyvern.fetch_links(TSK)))
    assert looks[0][0] == looks[1][0] == looks[2][0]
    assert len({links for _, links in looks}) == 3
    assert len({urlsplit(link.url)._replace(query="") for _, links in looks for link in links}) == 2


async def test_links_within_the_output_lose_their_signature() -> None:
    recording = recorded("workflow_navigation_lifecycle")
    run, results = run_of(recording), list[JsonValue]()
    async with opened(Skyvern, recording) as skyvern:
        for recording.moment in (13, 15):
            results.append((await skyvern.fetch_job(run)).result)
    assert results[0] == results[1]
    assert "expiry=" not in json.dumps(results)
    assert "/v1/artifacts/a_599668649340130144/content" in json.dumps(results)


async def test_paths_on_the_server_s_own_disk_are_no_links() -> None:
    recording = Recording("skyvern/no_keyring_task_file_urls")
    run = run_of(recording)
    async with opened(Skyvern, recording) as skyvern:
        assert (await skyvern.fetch_job(run)).has == set()
        assert await skyvern.fetch_links(run) == ()
        with pytest.raises(NotAvailableError) as caught:
            await skyvern.fetch_screenshot(run, -1)
    assert (caught.value.thing, caught.value.reason) == ("screenshots", "completed")


async def test_downloads_are_linked() -> None:
    files = [{"url": f"{HOST}/v1/artifacts/a_1/content?sig=x"}, {"url": "file:///srv/x"}, {"filename": "x"}, None, 7]
    run = {**RUN, "downloaded_files": files}
    async with opened(Skyvern, Routes({f"/v1/runs/{WR}": run})) as skyvern:
        assert [(link.kind, link.url, link.expires_at) for link in await skyvern.fetch_links(WR)] == [
            ("download", files[0]["url"], None)  # type: ignore[index] # the first is whole
        ]
        assert "downloads" in (await skyvern.fetch_job(WR)).has


@pytest.mark.parametrize(
    "url", ["file:///srv/x", "javascript:alert(1)", "a_1/content", "ws://x/y", "", 7, "http://a b"]
)
async def test_a_url_of_another_kind_is_dropped(url: JsonValue) -> None:
    run = {**RUN, "status": "running", "app_url": url, "recording_url": url, "screenshot_urls": [url]}
    if url != "http://a b":
        assert (await look(run)).has == set()
    async with opened(Skyvern, Routes({f"/v1/runs/{WR}": run})) as skyvern:
        assert await skyvern.fetch_links(WR) == ()


def pictures(asked: list[httpx2.Request], expired: int = 0) -> Callable[[httpx2.Request], httpx2.Response]:
    """A run with two screenshots; the first `expired` links that are followed have ended."""
    gone = Recording("skyvern/auth_no_key_403").exchanges[0]["response"]

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        if request.url.path == f"/v1/runs/{TSK}":
            urls = [f"{HOST}/v1/artifacts/a_{number}/content?expiry=1&kid=k1&sig=x" for number in (2, 1)]
            return httpx2.Response(200, json={**RUN, "screenshot_urls": urls})
        if sum("artifacts" in one.url.path for one in asked) <= expired:
            return httpx2.Response(403, json=gone["json"])
        return httpx2.Response(200, content=PNG + request.url.path.encode())

    return answer


@pytest.mark.parametrize(("index", "place", "name"), [(-1, 1, b"a_2"), (0, 0, b"a_1"), (1, 1, b"a_2"), (-2, 0, b"a_1")])
async def test_screenshots_are_counted_from_the_oldest(index: int, place: int, name: bytes) -> None:
    asked: list[httpx2.Request] = []
    async with opened(Skyvern, pictures(asked)) as skyvern:
        picture = await skyvern.fetch_screenshot(TSK, index)
    assert (picture.index, picture.count) == (place, 2)
    assert name in picture.data
    assert "x-api-key" not in asked[-1].headers


async def test_an_expired_link_to_a_screenshot_is_asked_for_anew_once() -> None:
    asked: list[httpx2.Request] = []
    async with opened(Skyvern, pictures(asked, expired=1)) as skyvern:
        assert (await skyvern.fetch_screenshot(TSK, -1)).data.startswith(PNG)
    assert len(asked) == 4
    async with opened(Skyvern, pictures([], expired=2)) as skyvern:
        with pytest.raises(NotAvailableError):
            await skyvern.fetch_screenshot(TSK, -1)
        with pytest.raises(NotAvailableError):
            await skyvern.fetch_screenshot(TSK, 2)


# What else it may say


@pytest.mark.parametrize(
    ("word", "status", "failure"),
    [
        ("created", JobStatus.QUEUED, None),
        ("queued", JobStatus.QUEUED, None),
        ("running", JobStatus.RUNNING, None),
        ("paused", JobStatus.PAUSED, None),
        ("completed", JobStatus.COMPLETED, None),
        ("failed", JobStatus.FAILED, FailureKind.UNKNOWN),
        ("terminated", JobStatus.FAILED, FailureKind.AGENT_GAVE_UP),
        ("timed_out", JobStatus.FAILED, FailureKind.TIMED_OUT),
        ("canceled", JobStatus.CANCELLED, None),
        ("cancelled", JobStatus.UNKNOWN, None),
        ("", JobStatus.UNKNOWN, None),
    ],
)
async def test_every_status_word_has_its_meaning(word: str, status: JobStatus, failure: FailureKind | None) -> None:
    job = await look({**RUN, "status": word})
    assert (job.status, job.provider_status, job.failure) == (status, word, failure)
    assert (job.finished_at is not None) == (job.result is not None) == status.final


def test_no_other_word_is_known() -> None:
    words = {"created", "queued", "running", "paused", "completed", "failed", "terminated", "timed_out", "canceled"}
    assert set(STATUSES) == words
    assert Skyvern.statuses is STATUSES


@pytest.mark.parametrize(
    "block",
    [
        {**ASKING, "status": "completed"},
        {**ASKING, "status": None},
        {**ASKING, "block_type": "wait"},
        {**ASKING, "workflow_run_block_id": None},
        None,
    ],
)
async def test_a_paused_run_whose_timeline_asks_nothing_is_only_paused(block: JsonValue) -> None:
    job = await look({**RUN, "status": "paused"}, [item(block)])
    assert (job.status, job.question) == (JobStatus.PAUSED, None)
    assert "question" not in job.has


async def test_the_newest_block_that_asks_is_the_question() -> None:
    newer = {**ASKING, "workflow_run_block_id": "wrb_2", "created_at": "2026-11-21T23:41:02", "instructions": None}
    bare = {**newer, "positive_descriptor": None, "negative_descriptor": ""}
    job = await look({**RUN, "status": "paused"}, [item(ASKING), {"children": [item(bare)]}])
    assert job.question == Question(id="wrb_2", options=("Approve", "Reject"))


async def test_a_question_whose_answers_read_alike_cannot_be_answered() -> None:
    alike = {**ASKING, "negative_descriptor": "BUY "}
    routes = Routes({f"/v1/runs/{WR}/timeline": [item(alike)]})
    async with opened(Skyvern, routes) as skyvern:
        with pytest.raises(InvalidArgumentError):
            await skyvern.answer_question(WR, "wrb_1", "Buy")
    assert len(routes.asked) == 1


@pytest.mark.parametrize("word", ["failed", "terminated", "timed_out"])
async def test_a_run_that_will_be_tried_again_is_not_over(word: str) -> None:
    pending = {**RUN, "status": word, "retry_pending": True, "failure_reason": "No such page."}
    job = await look(pending)
    assert (job.status, job.provider_status) == (JobStatus.QUEUED, word)
    assert (job.error, job.failure, job.finished_at, job.goal_met) == (None, None, None, None)
    async with opened(Skyvern, Routes({"/v1/runs": [pending]})) as skyvern:
        assert (await skyvern.list_jobs(None, 5)).jobs[0].status is JobStatus.QUEUED
    assert (await look({**pending, "retry_pending": None})).error == "No such page."


async def test_a_completed_run_is_over_whatever_else_is_said() -> None:
    assert (await look({**RUN, "retry_pending": True})).status is JobStatus.COMPLETED


@pytest.mark.parametrize("name", sorted(set(RUN) - {"status", "output"}))
@pytest.mark.parametrize("value", ["absent", None, "<string>", {"x": {}}, [[]], -1, True])
async def test_a_field_that_we_can_do_without_may_be_anything(name: str, value: JsonValue) -> None:
    run = {**RUN, name: value}
    if value == "absent":
        del run[name]
    job = await look(run)
    assert (job.id, job.status, job.result) == (WR, JobStatus.COMPLETED, RUN["output"])


@pytest.mark.parametrize(
    "output", [None, "text", 0, [], {}, ["http://x/v1/artifacts/a_1/content?sig=y", {"a": None, "b": 1.5}]]
)
async def test_an_output_may_be_anything(output: JsonValue) -> None:
    job = await look({**RUN, "output": output})
    assert ("result" in job.has) == (output is not None)
    if output and output != "text":
        assert job.result == ["http://x/v1/artifacts/a_1/content", {"a": None, "b": 1.5}]
    else:
        assert job.result == output


async def test_the_title_is_the_agent_s_or_else_the_prompt() -> None:
    assert (await look({**RUN, "run_request": {"prompt": "x" * 1000}})).title == "x" * 80
    assert (await look({**RUN, "run_request": {"prompt": "a", "title": "b"}})).title == "b"
    assert (await look({**RUN, "run_request": None})).title == ""


async def test_a_run_keeps_the_id_it_was_asked_for_by() -> None:
    assert (await look({**RUN, "run_id": TSK_V2})).id == WR


@pytest.mark.parametrize(
    ("run", "where"),
    [({"run_id": WR}, "status"), ({**RUN, "status": None}, "status"), ([], "the body"), ("secret", "the body")],
)
async def test_an_answer_of_another_shape_is_unexpected(run: JsonValue, where: str) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        await look(run)
    assert caught.value.where == where
    assert "secret" not in repr(caught.value)


async def test_a_timeline_of_another_shape_is_unexpected() -> None:
    shapes: list[JsonValue] = [{"detail": "secret"}, "secret", 7]
    for timeline in shapes:
        with pytest.raises(UnexpectedResponseError) as caught:
            await events(timeline)
        assert caught.value.where == "the body"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, UnexpectedResponseError),
        (402, OutOfCreditsError),
        (403, AuthenticationError),
        (404, JobNotFoundError),
        (410, JobNotFoundError),
        (422, UnexpectedResponseError),
        (429, RateLimitedError),
        (500, ProviderUnavailableError),
        (503, ProviderUnavailableError),
    ],
)
@pytest.mark.parametrize("body", ['{"detail": "secret"}', '{"error": "secret"}', '["secret"]', "<html>secret", ""])
async def test_a_refusal_has_its_error(status: int, error: type[BrowserJobsError], body: str) -> None:
    async with opened(Skyvern, lambda _: httpx2.Response(status, text=body)) as skyvern:
        for way in (skyvern.fetch_job(WR), skyvern.fetch_links(TSK)):
            with pytest.raises(error) as caught:
                await way
            assert "secret" not in repr(caught.value)


# Ids and links to them


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "wr_",
        "wr_x",
        "WR_1",
        "wr_1\n",
        "wr_1/",
        "wr_1?x=1",
        "wr_1#x",
        "wr_1/cancel",
        "../wr_1",
        "wr_1%2F..",
        "tsk_v2",
        "tsk_v22_1",
        "wpid_1",
        "tr_1",
        "wr_" + "1" * 60,
        "wr_\N{ARABIC-INDIC DIGIT ONE}",
        "https://evil.example/wr_1",
    ],
)
async def test_a_text_that_could_leave_its_path_is_no_id(text: str) -> None:
    routes = Routes({})
    async with opened(Skyvern, routes) as skyvern:
        with pytest.raises(MalformedIdError):
            skyvern.canonical_id(text)
        for way in (
            skyvern.fetch_job(text),
            skyvern.fetch_events(text, None),
            skyvern.fetch_links(text),
            skyvern.fetch_screenshot(text, -1),
            skyvern.cancel_job(text),
            skyvern.answer_question(text, "wrb_1", "Approve"),
        ):
            with pytest.raises(MalformedIdError):
                await way
    assert routes.asked == []


@pytest.mark.parametrize("text", [Skyvern.example_id, TSK, TSK_V2, "wr_1"])
async def test_every_form_of_an_id_is_known(text: str) -> None:
    async with opened(Skyvern, Routes({})) as skyvern:
        assert skyvern.canonical_id(text) == skyvern.locator(text) == text


@pytest.mark.parametrize(
    ("path", "run"),
    [
        (f"/v1/runs/{WR}", WR),
        (f"/v1/runs/{TSK_V2}/timeline", TSK_V2),
        (f"/api/v1/tasks/{TSK}/steps", TSK),
        (f"/v1/workflows/runs/{WR}/continue", WR),
        (f"/runs/{WR}/overview", WR),
        (f"/workflows/wpid_1/{WR}", WR),
        (f"/tasks/{TSK}/", TSK),
        ("/browser-session/pbs_1", None),
        (f"/runs/{WR}x", None),
        (f"/x{WR}", None),
        ("/", None),
    ],
)
async def test_a_link_of_the_api_or_dashboard_names_its_run(path: str, run: str | None) -> None:
    async with opened(Skyvern, Routes({})) as skyvern:
        assert skyvern.id_from_link(urlsplit(f"https://app.skyvern.com{path}")) == run


# Starts


def test_it_can_do_what_its_methods_say() -> None:
    assert abilities("skyvern") == {
        *("answer_question", "cancel_job", "check_key", "fetch_events", "fetch_job", "fetch_links"),
        *("fetch_screenshot", "list_jobs", "start_job"),
    }


@pytest.mark.parametrize("name", ["task_completed_lifecycle", "task_v2_lifecycle"])
async def test_a_start_makes_a_task_with_the_prompt(name: str) -> None:
    recording = Recording(f"skyvern/{name}")
    async with opened(Skyvern, recording) as skyvern:
        started = await skyvern.start_job("Read the title", {"url": "http://127.0.0.1:8232/"})
    assert (started.id, started.locator) == (run_of(recording), "")
    assert recording.asked == ["POST /v1/run/tasks"]


async def test_an_agent_is_started_by_its_id() -> None:
    recording = Recording("skyvern/hitl_lifecycle")
    async with opened(Skyvern, recording) as skyvern:
        assert (await skyvern.start_job(" wpid_599668486403217722\n", {})).id == WR
    assert recording.asked == ["POST /v1/run/agents"]


async def test_parameters_go_along_and_the_task_stands() -> None:
    made = {"run_id": TSK, "status": "created"}
    routes = Routes({"/v1/run/tasks": made, "/v1/run/agents": made})
    async with opened(Skyvern, routes) as skyvern:
        await skyvern.start_job("Find a kettle", {"engine": "skyvern-2.0", "prompt": "another"})
        await skyvern.start_job("wpid_1", {"parameters": {"a": 1}, "workflow_id": "wpid_2"})
    assert [json.loads(request.content) for request in routes.asked] == [
        {"engine": "skyvern-2.0", "prompt": "Find a kettle"},
        {"parameters": {"a": 1}, "workflow_id": "wpid_1"},
    ]


@pytest.mark.parametrize(
    ("number", "task", "parameters", "where"),
    [
        (0, "x", {}, "prompt"),
        (1, "x", {"engine": "nope"}, "engine"),
        (2, "x", {"url": "notaurl"}, ""),
        (4, "wpid_1", {}, "task"),
    ],
)
async def test_a_recorded_refusal_names_the_field(
    number: int, task: str, parameters: dict[str, JsonValue], where: str
) -> None:
    answer = Recording("skyvern/validation_422").exchanges[number]["response"]
    async with opened(Skyvern, lambda _: httpx2.Response(answer["status"], json=answer["json"])) as skyvern:
        with pytest.raises(RefusedRequestError) as caught:
            await skyvern.start_job(task, parameters)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("answer", "error", "where"),
    [
        ((402, {"detail": "secret"}), OutOfCreditsError, None),
        ((403, {"detail": "secret"}), AuthenticationError, None),
        ((404, {"detail": "secret"}), RefusedRequestError, "no such API at this base URL"),
        ((422, {"detail": "secret"}), RefusedRequestError, ""),
        ((429, {"detail": "secret"}), RateLimitedError, None),
        ((500, {"error": "secret"}), ProviderUnavailableError, None),
        ((200, {"run_id": "secret"}), UnexpectedResponseError, "run_id"),
        ((200, None), UnexpectedResponseError, "the body"),
    ],
)
async def test_a_start_that_fails_has_its_error(
    answer: tuple[int, Any], error: type[BrowserJobsError], where: str | None
) -> None:
    async with opened(Skyvern, Routes({"/v1/run/tasks": answer})) as skyvern:
        with pytest.raises(error) as caught:
            await skyvern.start_job("Find a kettle", {})
    assert getattr(caught.value, "where", None) == where
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("answer", ["Yes\u200b, go on", "yes, go on "])
def test_an_option_is_chosen_as_it_came_or_as_it_is_shown(answer: str) -> None:
    question = Question(id="b", options=("Yes\u200b, go on", "No"))
    assert approves(question, answer)
    assert not approves(question, "No")
    assert not approves(Question(id="b", options=("Go", "go")), "go")
