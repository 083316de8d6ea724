"""What the pretend Asteroid shows of a job: the execution, its activities, and the file that it leaves behind."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from starlette.requests import Request

from .script import Ask, Happening, Json, Phase, PretendJob, State
from .vendor import address

WORKFLOW = "7f3b1c52-0d7e-4c36-9a41-5e8f2b60d914"
"""The workflow that exists from the beginning."""
VERSION = "c2a94e07-6b1d-4f80-8d35-19e7a3f0c6b8"
ORGANIZATION = "41d8f6a3-92c5-4e0b-b7a1-6f3c0d2e5b79"
USER = "e95b07c4-3a16-4d82-9f6e-80c1b2d4a537"
KEY_ID = "0a6e3d91-57bf-4c28-a4d0-2b9f7e1c8365"
LINK_LASTS = timedelta(minutes=5)

STATUS: dict[Phase, str] = {
    "queued": "queued",
    "running": "running",
    "paused": "paused",
    "waiting": "paused_by_agent",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
PHASE = {
    "queued": "pending",
    **dict.fromkeys(("starting", "running", "awaiting_confirmation", "paused", "paused_by_agent"), "active"),
    **dict.fromkeys(("completed", "cancelled", "failed"), "terminal"),
}
"""Every status word, and the phase that it belongs to."""
PASSED_ON = ("inputs", "metadata", "profileId", "executionOptions", "parentExecutionId")
"""The notes that an execution shows as they are."""


class Told(NamedTuple):
    """An activity, and where in the order of the log it stands."""

    after: int
    at: datetime
    rank: int
    label: str
    payload: dict[str, Json]


def status_of(job: PretendJob, state: State) -> str:
    """The status word."""
    if state.phase == "queued" and job.notes.get("onCapacityLimit") == "reject":
        return "starting"
    return "cancelled" if state.failure == "timed_out" else STATUS[state.phase]


def execution(request: Request, job: PretendJob) -> dict[str, Json]:
    """An execution, without the fields that it has not got yet."""
    state = job.state()
    ended, workflow = state.finished_at, job.notes.get("workflowId", WORKFLOW)
    began = state.started_at is not None
    live = f"https://live.example/view/{job.named('live')}?token={job.named('token')}" if began and not ended else None
    film = address(request, f"/agents/v2/executions/{job.id}/recording") if began and ended else None
    name = job.notes.get("workflowName", job.script.title)
    later: dict[str, Json] = {
        "startedAt": time_of(state.started_at),
        "terminalAt": time_of(ended),
        "executionResult": execution_result(job, state),
        "duration": (ended - (state.started_at or ended)).total_seconds() if ended else None,
        "recordingUrl": film,
        "liveViewUrl": live,
        "browserRecordingUrl": film,
        "browserLiveViewUrl": live,
        **{field: job.notes.get(field) for field in PASSED_ON},
        "agentProfileId": job.notes.get("profileId"),
    }
    return {
        "id": job.id,
        "agentId": workflow,
        "workflowId": workflow,
        "workflowVersionId": VERSION,
        "workflowVersion": 3,
        "workflowVersionPublished": not job.notes.get("head"),
        "status": status_of(job, state),
        "createdAt": time_of(state.created_at),
        "organizationId": ORGANIZATION,
        "agentName": name,
        "workflowName": name,
        "humanLabels": [],
        "comments": [],
        "platformUrl": f"https://platform.asteroid.ai/executions/{job.id}",
        "triggerContext": {
            "source": "api",
            "runner": {"userId": USER, "email": "tester@example.com"},
            "actor": {"kind": "api_key", "id": KEY_ID},
            "apiKey": {"id": KEY_ID, "name": "Pretend key"},
        },
        "hasBeenRerun": bool(job.notes.get("hasBeenRerun")),
        **{field: value for field, value in later.items() if value is not None},
    }


def execution_result(job: PretendJob, state: State) -> dict[str, Json] | None:
    """What a completed execution came to."""
    if state.phase != "completed":
        return None
    ids: dict[str, Json] = {"id": job.named("result"), "executionId": job.id, "createdAt": time_of(state.finished_at)}
    return {**ids, **_outcome(state)}


def activities(request: Request, job: PretendJob) -> list[dict[str, Json]]:
    """All that happened, oldest first."""
    told = [*_of_happenings(request, job), *_of_messages(job), *_of_patience(job)]
    return [
        {
            "id": job.named(f"activity {each.label}"),
            "executionId": job.id,
            "timestamp": time_of(each.at),
            "payload": each.payload,
        }
        for each in sorted(told, key=lambda each: each[:3])
    ]


def messages(job: PretendJob) -> list[dict[str, Any]]:
    """What people wrote: the `text`, `at` what time, and `after` how many happenings."""
    kept: Any = job.notes.get("messages")
    found: list[dict[str, Any]] = kept or []
    return found


def keep_message(job: PretendJob, text: str) -> None:
    """Put a message to the others."""
    after = len(job.state().happenings)
    job.notes["messages"] = [*messages(job), {"text": text, "at": job.clock().isoformat(), "after": after}]


def files(request: Request, job: PretendJob) -> dict[str, Json]:
    """The files by directory: a completed execution has its result as one, if that is an object."""
    state = job.state()
    body = file_body(state)
    if body is None:
        return {"directories": {}}
    workflow, made, name = job.notes.get("workflowId", WORKFLOW), time_of(state.finished_at), "result.json"
    path = f"/agents/v2/executions/{job.id}/files/{job.named('file')}/download"
    file: dict[str, Json] = {
        "id": job.named("file"),
        "agentId": workflow,
        "workflowId": workflow,
        "executionId": job.id,
        "filePath": f"downloads/{name}",
        "fileName": name,
        "fileSize": len(body),
        "mimeType": "application/json",
        "createdAt": made,
        "updatedAt": made,
        "directory": "downloads",
        "createdBy": "agent",
        "downloadUrl": address(request, path),
    }
    return {"directories": {"downloads": [file]}, "lastUpdated": made}


def file_body(state: State) -> bytes | None:
    """What stands in the file, when there is one."""
    return json.dumps(state.result).encode() if state.phase == "completed" and isinstance(state.result, dict) else None


def signed(request: Request, job: PretendJob, what: str) -> str:
    """A link that needs no key and lasts for some minutes."""
    expires = int((job.clock() + LINK_LASTS).timestamp())
    link = address(request, f"/signed/{job.id}/{what}")
    return f"{link}?expires={expires}&signature={job.named(f'{what} {expires}')}"


def time_of(moment: datetime | None) -> str | None:
    """A moment in the vendor's form."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _outcome(state: State) -> dict[str, Json]:
    # A workflow names its own outcomes, so that not every word of one claims something.
    outcome = {True: "success", False: "failure", None: "answered"}[state.goal_met]
    reasoning = "The goal was not met." if state.goal_met is False else "All that was asked for is done."
    return {"outcome": outcome, "reasoning": reasoning, "result": state.result}


def _of_happenings(request: Request, job: PretendJob) -> Iterator[Told]:
    state, steps = job.state(), 0
    for each in state.happenings:
        steps += each.what == "step"
        for place, payload in enumerate(_payloads(request, job, state, each, steps)):
            yield Told(each.number, each.at, place, f"{each.number} {place}", payload)


def _of_messages(job: PretendJob) -> Iterator[Told]:
    for place, each in enumerate(messages(job)):
        payload = {"activityType": "user_message_received", "message": each["text"], "userUUID": USER}
        yield Told(each["after"], datetime.fromisoformat(each["at"]), 100 + place, f"message {place}", payload)


def _of_patience(job: PretendJob) -> Iterator[Told]:
    """A question that is not answered in time ends without any happening."""
    state = job.state()
    patience = {
        job.named(f"question {place}"): timedelta(seconds=beat.patience)
        for place, beat in enumerate(job.script.beats)
        if isinstance(beat, Ask) and beat.patience is not None
    }
    for each in state.happenings:
        if each.what == "question" and each.question_id in patience and each.question_id not in job.answers:
            end = each.at + patience[each.question_id]
            if end <= (state.finished_at or job.clock()):
                yield Told(each.number, end, 1000, f"{each.number} over", _status("running"))


def _payloads(request: Request, job: PretendJob, state: State, each: Happening, steps: int) -> list[dict[str, Json]]:
    """The activities that tell of one happening."""
    match each.what:
        case "started":
            return [_status("running"), {"activityType": "generic", "message": "The environment is ready."}]
        case "step":
            return _step(job, each, steps)
        case "question":
            return [_status("paused_by_agent", pausedPayload=_paused_to_ask(each))]
        case "paused":
            return [_status("paused", pausedPayload={"reason": "Paused by a person."})]
        case "answered" | "resumed":
            return [_status("running")]
        case "finished":
            done = _status("completed", completedPayload=_outcome(state))
            return [*_file_added(request, job, state), done]
        case "failed":
            if state.failure == "timed_out":
                return [_status("cancelled", cancelledPayload={"reason": "timeout"})]
            return [_status("failed", failedPayload={"reason": each.text})]
        case "cancelled":
            return [_status("cancelled", cancelledPayload={"reason": "user_requested"})]


def _status(word: str, **payload: Json) -> dict[str, Json]:
    return {"activityType": "status_changed", "status": word, **payload}


def _paused_to_ask(question: Happening) -> dict[str, Json]:
    """A question whose options are not given is no structured one, which would need some."""
    if not question.options:
        return {"reason": question.text}
    options: list[Json] = [{"label": each, "description": f"Go on with {each}."} for each in question.options]
    asked: Json = {"question": question.text, "header": "Question", "options": options, "multiSelect": False}
    return {"reason": "The agent has a question.", "question": {"questions": [asked]}}


def _step(job: PretendJob, each: Happening, number: int) -> list[dict[str, Json]]:
    action: Mapping[str, Json] = {
        "actionId": job.named(f"action {each.number}"),
        "actionName": "nav_to",
        "message": each.text,
    }
    return [
        {"activityType": "step_started", "stepNumber": number},
        {"activityType": "reasoning", "reasoning": f"What to do next: {each.text}"},
        {"activityType": "action_started", **action, "info": {"actionName": "nav_to", "url": each.url}},
        {"activityType": "action_completed", **action, "info": {"actionName": "nav_to", "pageTitle": "Shop"}},
        {"activityType": "step_completed", "stepNumber": number},
    ]


def _file_added(request: Request, job: PretendJob, state: State) -> list[dict[str, Json]]:
    body = file_body(state)
    if body is None:
        return []
    return [
        {
            "activityType": "file_added",
            "fileId": job.named("file"),
            "fileName": "result.json",
            "mimeType": "application/json",
            "fileSize": len(body),
            "source": "agent",
            "presignedUrl": signed(request, job, "result.json"),
        }
    ]
