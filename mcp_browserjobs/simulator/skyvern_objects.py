"""What the pretend Skyvern answers with: runs, items of lists and timelines, artifacts, and links that expire."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from starlette.requests import Request

from .script import Json, PretendJob
from .skyvern_blocks import Block, Run, id_in, run_of
from .vendor import address

AGENT = "wpid_599668486403217704"
"""The agent that exists from the beginning."""

ORGANIZATION = "o_localtest"
LINK_LASTS = timedelta(hours=1)
RECORDING = 0
"""Its number among the artifacts of a run; a screenshot has the number of its block."""

TASK_RUNS = {
    "skyvern-1.0": "task_v1",
    "skyvern-2.0": "task_v2",
    "skyvern-3.0": "task_v3",
    "openai-cua": "openai_cua",
    "anthropic-cua": "anthropic_cua",
    "ui-tars": "ui_tars",
    "yutori-navigator": "yutori_navigator",
}
"""The engines, and what a run by each is called."""

SHARED_REQUEST: dict[str, Json] = {
    **dict.fromkeys(("title", "webhook_url", "totp_url", "totp_identifier", "browser_session_id", "run_with")),
    **dict.fromkeys(("browser_profile_id", "max_screenshot_scrolls", "extra_http_headers", "cdp_connect_headers")),
    **dict.fromkeys(("browser_address", "file_ids")),
    "proxy_location": "RESIDENTIAL",
    "start_fresh_browser": False,
}
AGENT_REQUEST: dict[str, Json] = {
    **SHARED_REQUEST,
    **dict.fromkeys(("reuse_browser_session", "max_elapsed_time_minutes", "ai_fallback", "browser_type")),
    "workflow_id": AGENT,
    **dict.fromkeys(("run_metadata", "parameters")),
}
TASK_REQUEST: dict[str, Json] = {
    **SHARED_REQUEST,
    **dict.fromkeys(("url", "data_extraction_schema", "error_code_mapping", "max_steps", "model")),
    "engine": "skyvern-1.0",
    "publish_workflow": False,
    "include_action_history_in_verification": False,
}
"""What a run tells of the request that made it, where the request was silent."""


def run_type(job: PretendJob) -> str:
    """What kind of run a job is."""
    if job.id.startswith("wr_"):
        return "workflow_run"
    return "task_v2" if job.id.startswith("tsk_v2_") else TASK_RUNS[str(job.notes.get("engine", "skyvern-1.0"))]


def run_object(request: Request, job: PretendJob) -> dict[str, Json]:
    """A run, as its own address shows it."""
    run, kind = run_of(job), run_type(job)
    started = _time(run.state.started_at)
    pictures = [_link(request, job, each.number) for each in run.blocks if each.pictured]
    shown: dict[str, Json] = {
        "run_id": job.id,
        "status": run.status,
        "output": _output(request, run) if kind == "workflow_run" else run.state.result,
        "downloaded_files": [],
        "recording_url": _link(request, job, RECORDING) if run.blocks else None,
        "recording_archived": False,
        "screenshot_urls": [*pictures[::-1][:3]] or None,
        "failure_reason": run.reason,
        "created_at": _time(run.state.created_at),
        "modified_at": _time(run.changed),
        "queued_at": _time(run.state.created_at) if kind in {"workflow_run", "task_v2"} else None,
        "started_at": started,
        "finished_at": _time(run.ended),
        "app_url": f"http://localhost:8080/runs/{id_in(job, 'wr') if kind == 'task_v2' else job.id}",
        "browser_session_id": None,
        "browser_profile_id": None,
        "max_screenshot_scrolls": None,
        "script_run": None,
        "errors": [],
        "step_count": sum(each.kind != "human_interaction" for each in run.blocks),
        "run_type": kind,
    }
    if kind != "workflow_run":
        return {**shown, "run_request": _request(job, max_steps=None if kind == "task_v2" else 10)}
    attempt: dict[str, Json] = {
        "attempt_number": 1,
        "status": run.status,
        "failure_reason": run.reason,
        "error_codes": [],
        "started_at": started,
        "finished_at": _time(run.ended),
        **dict.fromkeys(("retry_decision", "decision_reason", "next_attempt_at", "webhook_sent_at")),
    }
    return {
        **shown,
        "attempt": 1,
        "retry_pending": False,
        "next_attempt_at": None,
        "attempts": [attempt],
        "run_with": "agent",
        "ai_fallback": None,
        "script_id": None,
        "browser_seed_source": "fresh",
        "browser_settings_receipt": None,
        "run_request": _request(job, parameters={}),
    }


def new_run(request: Request, job: PretendJob) -> dict[str, Json]:
    """A run as the answer shows it that made it: before it has a place in the queue."""
    run = run_object(request, job)
    new = ("output", "downloaded_files", "recording_url", "screenshot_urls", "failure_reason", "queued_at")
    run |= dict.fromkeys((*new, "started_at", "finished_at", "errors", "step_count"))
    if "attempts" in run:
        run["attempts"] = []
    status = "queued" if run["run_type"] == "task_v2" else "created"
    return {**run, "status": status, "run_request": _request(job)}


def list_item(job: PretendJob) -> dict[str, Json]:
    """A run, as the list shows it; a task's prompt is not there."""
    run, kind = run_of(job), run_type(job)
    of_agent = kind == "workflow_run"
    return {
        "task_run_id": id_in(job, "tr"),
        "run_id": job.id,
        "task_run_type": kind,
        "status": run.status,
        "title": job.script.title if of_agent else "New Workflow" if kind == "task_v2" else None,
        "started_at": _time(run.state.started_at),
        "finished_at": _time(run.ended),
        "created_at": _time(run.state.created_at),
        "workflow_permanent_id": AGENT if of_agent else None,
        "workflow_deleted": False,
        "script_run": False,
        "trigger_type": "api" if of_agent else None,
        "created_by": None,
        "attempt": 1,
        "retry_pending": False,
        "next_attempt_at": None,
    }


def timeline(job: PretendJob) -> list[dict[str, Json]]:
    """The blocks of a run, newest first."""
    return [_timeline_item(job, each) for each in run_of(job).blocks[::-1]]


def artifacts(request: Request, job: PretendJob) -> Iterator[dict[str, Json]]:
    """All files of a run: the recording, then the screenshots, oldest first."""
    run = run_of(job)
    if run.blocks:
        yield _artifact(request, job, RECORDING, "recording", run.blocks[0].start)
    for each in run.blocks:
        if each.pictured:
            yield _artifact(request, job, each.number, "screenshot_action", each.end or each.start)


def is_good_link(request: Request, job: PretendJob) -> bool:
    """Whether this address is one of ours, and not too old."""
    expiry, signature = request.query_params.get("expiry", ""), request.query_params.get("sig")
    early = expiry.isdigit() and int(expiry) >= job.clock().timestamp()
    return early and signature == _signature(job, request.path_params["id"], expiry)


def choices(options: tuple[str, ...]) -> tuple[str, str]:
    """The words for going on and for leaving it: two is all that there is room for."""
    return (options[0], options[1]) if len(options) == 2 else ("Approve", "Reject")


def _request(job: PretendJob, **settled: Json) -> dict[str, Json]:
    """What a run tells of the request that made it; `settled` stands where that was silent."""
    task: dict[str, Json] = {"title": job.script.title} if job.id.startswith("wr_") else {"prompt": job.script.title}
    silent = AGENT_REQUEST if job.id.startswith("wr_") else TASK_REQUEST
    return {**silent, **settled, **{name: each for name, each in job.notes.items() if name in silent}, **task}


def _link(request: Request, job: PretendJob, number: int) -> str:
    artifact, expiry = id_in(job, "a", number), int((job.clock() + LINK_LASTS).timestamp())
    signature = _signature(job, artifact, str(expiry))
    return f"{address(request, f'/v1/artifacts/{artifact}/content')}?expiry={expiry}&kid=k1&sig={signature}"


def _signature(job: PretendJob, artifact: str, expiry: str) -> str:
    return job.named(f"{artifact} {expiry}")


def _output(request: Request, run: Run) -> Json:
    """What the blocks gave, by their labels, with links instead of the ids that the timeline has."""
    over = [each for each in run.blocks if each.status != "running"]
    if not over:
        return None
    gave: dict[str, Json] = {}
    for each in over:
        output = _block_output(run.job, each)
        if each.pictured and isinstance(output, dict):
            links: list[Json] = [_link(request, run.job, each.number)]
            output |= {"task_screenshots": links, "workflow_screenshots": links}
        gave[f"{each.label}_output"] = output
    return {**gave, "extracted_information": [each.output for each in over if each.kind == "extraction"]}


def _block_output(job: PretendJob, block: Block) -> Json:
    """What a block gave: a task of its own, or what it says itself."""
    if block.kind == "human_interaction" or block.status != "completed":
        return block.output
    pictures: list[Json] = [id_in(job, "a", block.number)] if block.pictured else []
    return {
        "task_id": id_in(job, "tsk", block.number),
        "status": "completed",
        "extracted_information": block.output,
        "failure_reason": None,
        "errors": [],
        "failure_category": None,
        "downloaded_files": [],
        **dict.fromkeys(("downloaded_file_urls", "downloaded_file_artifact_ids")),
        **dict.fromkeys(("task_screenshots", "workflow_screenshots")),
        "task_screenshot_artifact_ids": pictures,
        "workflow_screenshot_artifact_ids": pictures,
    }


def _timeline_item(job: PretendJob, block: Block) -> dict[str, Json]:
    asks, reads, over = block.kind == "human_interaction", block.kind == "extraction", block.status != "running"
    times: dict[str, Json] = {
        "created_at": _time(block.start),
        "modified_at": _time(block.end if over and block.end else block.start),
    }
    begun = block.end if over and block.end and not asks else None
    positive, negative = choices(block.options)
    unused = (
        *("block_workflow_run_id", "description", "parent_workflow_run_block_id", "final_url", "finish_reason"),
        *("terminate_criterion", "complete_criterion", "loop_values", "current_value", "current_index"),
        *("attachments", "prompt", "executed_branch_id", "executed_branch_expression", "executed_branch_result"),
        *("executed_branch_next_block", "script_run"),
    )
    shown: dict[str, Json] = {
        **dict.fromkeys(unused),
        "workflow_run_block_id": id_in(job, "wrb", block.number),
        "workflow_run_id": id_in(job, "wr") if run_type(job) == "task_v2" else job.id,
        "attempt_number": 1,
        "organization_id": ORGANIZATION,
        "block_type": block.kind,
        "label": block.label,
        "status": block.status,
        "output": _block_output(job, block),
        "continue_on_failure": False,
        "failure_reason": block.reason,
        "error_codes": [],
        "engine": "skyvern-1.0",
        "task_id": None if asks else id_in(job, "tsk", block.number),
        "url": block.url,
        "navigation_goal": None if asks or reads else block.text,
        "navigation_payload": None if asks else {},
        "data_extraction_goal": block.text if reads else None,
        "data_schema": None,
        "actions": [_click(job, block)] if block.pictured else [],
        **times,
        "include_action_history_in_verification": False,
        "include_extracted_text": not reads,
        "duration": (begun - block.start).total_seconds() if begun else None,
        "recipients": ["a@example.com"] if asks else None,
        "subject": "Human interaction required for workflow run" if asks else None,
        "body": "Your interaction is required for a workflow run!" if asks else None,
        "instructions": block.text if asks else None,
        "positive_descriptor": positive if asks else None,
        "negative_descriptor": negative if asks else None,
        "downloaded_file_count": 0 if begun else None,
    }
    return {"type": "block", "attempt": 1, "block": shown, "thought": None, "children": [], **times}


def _click(job: PretendJob, block: Block) -> dict[str, Json]:
    """The one action of a step."""
    unused = (
        *("source_action_id", "description", "intention", "response", "tool_call_id", "xpath", "errors", "output"),
        *("data_extraction_goal", "file_name", "file_url", "download_triggered", "downloaded_files", "text"),
        *("is_upload_file_tag", "input_or_select_context", "option", "is_checked", "click_context"),
        *("totp_timing_info", "has_mini_agent", "created_by", "element_id", "skyvern_element_hash"),
        "skyvern_element_data",
    )
    return {
        **dict.fromkeys(unused),
        "action_type": "click",
        "status": "completed",
        "action_id": id_in(job, "act", block.number),
        "organization_id": ORGANIZATION,
        "workflow_run_id": id_in(job, "wr") if run_type(job) == "task_v2" else job.id,
        "task_id": id_in(job, "tsk", block.number),
        "step_id": id_in(job, "stp", block.number),
        "step_order": 0,
        "action_order": 0,
        "confidence_float": 0.9,
        "reasoning": block.text,
        "screenshot_artifact_id": id_in(job, "a", block.number),
        "terminal_user_errors": False,
        "download": False,
        "verified": False,
        "skip_auto_complete_tab": False,
        "started_at": _time(block.start),
        "finished_at": _time(block.end),
        "created_at": _time(block.end),
        "modified_at": _time(block.end),
    }


def _artifact(request: Request, job: PretendJob, number: int, kind: str, at: datetime) -> dict[str, Json]:
    artifact = id_in(job, "a", number)
    return {
        "created_at": _time(at),
        "modified_at": _time(at),
        "artifact_id": artifact,
        "artifact_type": kind,
        "uri": f"file:///artifacts/{artifact}",
        "bundle_key": None if number == RECORDING else "screenshot_action_0.png",
        "checksum": None,
        "file_size": None,
        "task_id": id_in(job, "tsk", number),
        "step_id": id_in(job, "stp", number),
        "workflow_run_id": job.id if job.id.startswith("wr_") else None,
        "workflow_run_block_id": None,
        "run_id": job.id,
        **dict.fromkeys(("browser_session_id", "observer_cruise_id", "observer_thought_id", "ai_suggestion_id")),
        "signed_url": _link(request, job, number),
        "archived": False,
        "organization_id": ORGANIZATION,
    }


def _time(moment: datetime | None) -> str | None:
    """A moment in UTC without saying so."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat()
