"""What the pretend Browserbase shows of a job: the run, its messages, and the session of its browser."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta

from starlette.requests import Request

from .pictures import picture
from .script import Happening, Json, Phase, PretendJob, State, as_text
from .vendor import address

STATUS: dict[Phase, str] = {
    "queued": "PENDING",
    "running": "RUNNING",
    "paused": "RUNNING",
    "waiting": "PAUSED",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "STOPPED",
}
PAGE = "0"
"""The one page of a session."""
ASSEMBLED_AFTER = timedelta(seconds=5)
PROJECT: dict[str, Json] = {
    "id": "5c3a8f0e-2b7d-4d15-9a64-7e1f30c8b926",
    "name": "Pretend project",
    "ownerId": "0f4b6d2a-91c7-4e38-8d5e-6a2b9c7f1e03",
    "concurrency": 3,
    "defaultTimeout": 300,
    "createdAt": "2026-01-15T10:30:00.123Z",
    "updatedAt": "2026-01-15T10:30:00.123Z",
}


def run_object(job: PretendJob) -> dict[str, Json]:
    """A run, without the fields that it has not got yet."""
    state = job.state()
    began = state.started_at is not None
    later: dict[str, Json] = {
        "agentId": job.notes.get("agentId"),
        "sessionId": job.named("session") if began else None,
        "sandboxId": job.named("sandbox") if began else None,
        "startedAt": _time(state.started_at),
        "endedAt": _time(state.finished_at),
        "resultSchema": job.notes.get("resultSchema"),
        "result": _result(state),
        "cause": {"code": "AGENT_FAILED", "message": state.error} if state.failure == "failed" else None,
    }
    return {
        "runId": job.id,
        "status": "TIMED_OUT" if state.failure == "timed_out" else STATUS[state.phase],
        "task": job.script.title,
        "createdAt": _time(state.created_at),
        "updatedAt": _time(state.updated_at),
        **{field: value for field, value in later.items() if value is not None},
    }


def messages(job: PretendJob) -> list[dict[str, Json]]:
    """The transcript, oldest first."""
    state = job.state()
    found = [(each.at, *message) for each in state.happenings for message in _messages_of(job, each, state.result)]
    return [
        {"id": job.named(f"message {number}"), "createdAt": _time(at), "message": {"role": role, "content": content}}
        for number, (at, role, content) in enumerate(found)
    ]


def live_view(job: PretendJob) -> Mapping[str, Json]:
    """The links to the browser while it runs."""
    seen = [each.url for each in job.state().happenings if each.url]
    socket = f"connect.browserbase.com/debug/{job.named('session')}/devtools/page/{job.named('page')}"
    links: dict[str, Json] = {
        "debuggerUrl": f"https://www.browserbase.com/devtools/inspector.html?wss={socket}",
        "debuggerFullscreenUrl": f"https://www.browserbase.com/devtools-fullscreen/inspector.html?wss={socket}",
    }
    page: dict[str, Json] = {
        "id": job.named("page"),
        "url": seen[-1] if seen else "about:blank",
        "title": "Shop" if seen else "",
        "faviconUrl": "https://shop.example/favicon.ico" if seen else "",
    }
    return {**links, "wsUrl": f"wss://connect.browserbase.com/debug/{job.named('session')}", "pages": [page | links]}


def logs(job: PretendJob) -> list[Mapping[str, Json]]:
    """What the browser was told to do."""
    return [
        {
            "method": "Page.navigate",
            "pageId": int(PAGE),
            "sessionId": job.named("session"),
            "timestamp": _milliseconds(each.at),
            "request": {
                "params": {"url": each.url},
                "rawBody": json.dumps({"url": each.url}),
                "timestamp": _milliseconds(each.at),
            },
        }
        for each in job.state().happenings
        if each.url
    ]


def replays(request: Request, job: PretendJob) -> Mapping[str, Json]:
    """The pages that were recorded, once the session is over."""
    state = job.state()
    if state.started_at is None or state.finished_at is None:
        return {"pageCount": 0, "pages": []}
    page: dict[str, Json] = {
        "pageId": PAGE,
        "url": address(request, f"/v1/sessions/{job.named('session')}/replays/{PAGE}"),
        "startTimeMs": _milliseconds(state.started_at),
        "endTimeMs": _milliseconds(state.finished_at),
    }
    return {"pageCount": 1, "pages": [page]}


def downloads(job: PretendJob) -> Mapping[str, Json]:
    """The recording as a file, which is assembled some seconds after it was asked for."""
    if job.state().finished_at is None:
        return {"downloads": []}
    asked = job.notes.get("recordingAskedAt")
    if asked is None:
        return {"downloads": [{"pageId": PAGE, "status": "NOT_REQUESTED"}]}
    ready = datetime.fromisoformat(str(asked)) + ASSEMBLED_AFTER
    if job.clock() < ready:
        return {"downloads": [{"pageId": PAGE, "status": "PENDING"}]}
    link = f"https://storage.example/recordings/{job.named('session')}/{PAGE}.mp4?signature={job.named('recording')}"
    return {"downloads": [{"pageId": PAGE, "status": "COMPLETED", "completedAt": _time(ready), "downloadUrl": link}]}


def _result(state: State) -> Json:
    if state.result is None or state.started_at is None or state.finished_at is None:
        return None
    lasted = _milliseconds(state.finished_at) - _milliseconds(state.started_at)
    steps = sum(each.what == "step" for each in state.happenings)
    return {"output": state.result, "summary": as_text(state.result), "stepsTaken": steps, "taskDuration": lasted}


def _messages_of(job: PretendJob, each: Happening, result: Json) -> list[tuple[str, Json]]:
    """What one happening adds to the transcript: who says it, and the content."""
    call: dict[str, Json] = {"toolCallId": each.question_id or job.named(f"call {each.number}")}
    match each.what:
        case "step":
            image = b64encode(picture(each.number)).decode()
            done: Json = {"type": "json", "value": {"success": True, "url": each.url}}
            return [
                (
                    "assistant",
                    [
                        {"type": "reasoning", "text": f"What to do next: {each.text}"},
                        {"type": "text", "text": each.text},
                        {"type": "file", "mediaType": "image/png", "data": image},
                        {"type": "tool-call", **call, "toolName": "act", "input": {"instruction": each.text}},
                    ],
                ),
                ("tool", [{"type": "tool-result", **call, "toolName": "act", "output": done}]),
            ]
        case "question":
            wish = f"{each.text} ({', '.join(each.options)})" if each.options else each.text
            return [("assistant", [{"type": "tool-call", **call, "toolName": "pause", "input": {"message": wish}}])]
        case "answered":
            reply: Json = {"type": "text", "value": each.text}
            return [("tool", [{"type": "tool-result", **call, "toolName": "pause", "output": reply}])]
        case "finished":
            return [("assistant", as_text(result))]
    return []


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
