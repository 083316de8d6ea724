"""What the pretend Kernel answers with: invocations, events of their streams, browsers and replays."""

import json
from datetime import datetime, timedelta
from string import ascii_lowercase, digits
from uuid import UUID

from .script import Happening, Json, Phase, PretendJob, State

APP, ACTION, VERSION = "my-app", "analyze", "1.0.0"
"""The app that there is, and what is invoked by no request."""

STATUS: dict[Phase, str] = {"paused": "running", "waiting": "running", "completed": "succeeded", "cancelled": "failed"}
"""The words that differ from the script's own."""

IDLE = timedelta(seconds=60)
"""How long a browser outlives the end of the action that used it."""


def short_id(uuid: UUID) -> str:
    """A UUID in the shape of the vendor's ids: a letter, then 23 letters and digits."""
    number, letter = divmod(uuid.int, len(ascii_lowercase))
    text = ascii_lowercase[letter]
    for _ in range(23):
        number, place = divmod(number, len(digits + ascii_lowercase))
        text += (digits + ascii_lowercase)[place]
    return text


def session_id(job: PretendJob) -> str:
    """The id of the browser session of a job."""
    return short_id(UUID(job.named("browser")))


def status_of(job: PretendJob, state: State) -> str:
    """What an invocation is said to be doing."""
    if state.phase == "cancelled":
        return str(job.notes.get("status", "failed"))
    return STATUS.get(state.phase, state.phase)


def invocation_object(job: PretendJob) -> dict[str, Json]:
    """An invocation, as its own address shows it."""
    state = job.state()
    return {
        "id": job.id,
        "app_name": job.notes.get("app_name", APP),
        "version": job.notes.get("version", VERSION),
        "action_name": job.notes.get("action_name", ACTION),
        "started_at": time_of(state.created_at),
        "finished_at": None if state.finished_at is None else time_of(state.finished_at),
        "status": status_of(job, state),
        **({"payload": job.notes["payload"]} if "payload" in job.notes else {}),
        **_outcome(job, state),
    }


def new_invocation(job: PretendJob) -> dict[str, Json]:
    """What is answered to the call that made the job."""
    state, action = job.state(), job.notes["action_name"]
    return {"id": job.id, "action_name": action, "status": status_of(job, state), **_outcome(job, state)}


def _outcome(job: PretendJob, state: State) -> dict[str, Json]:
    outcome: dict[str, Json] = {}
    match state.phase:
        case "completed":
            outcome["output"] = json.dumps(state.result)
        case "failed":
            outcome["output"] = state.error
        case "cancelled" if "output" in job.notes:
            outcome["output"] = job.notes["output"]
    if status_of(job, state) == "failed":
        outcome["status_reason"] = "Invocation timed out" if state.failure == "timed_out" else "Invocation failed"
    return outcome


def event_of(happening: Happening) -> dict[str, Json] | None:
    """What a stream says of a happening, if anything."""
    at = time_of(happening.at)
    match happening.what:
        case "step":
            return {"event": "log", "message": happening.text, "timestamp": at}
        case "failed":
            error: Json = {"code": "internal_error", "message": happening.text}
            return {"event": "error", "error": error, "timestamp": at}
    return None


def browser_object(job: PretendJob) -> dict[str, Json]:
    """The browser session of a job."""
    host, token = "proxy.yul-upbeat-herschel.onkernel.com:8443/browser", job.named("token")
    return {
        "session_id": session_id(job),
        "created_at": time_of(job.state().started_at or job.created_at),
        "cdp_ws_url": f"wss://{host}/cdp?jwt={token}",
        "webdriver_ws_url": f"wss://{host}/webdriver/session?jwt={token}",
        "browser_live_view_url": f"https://{host}/live?jwt={token}",
        "base_url": f"https://{host}/kernel",
        "headless": False,
        "stealth": False,
        "memory": "8GiB",
        "region": "us-east",
        "timeout_seconds": int(IDLE.total_seconds()),
    }


def replay_object(job: PretendJob) -> dict[str, Json]:
    """The recording of the browser session of a job."""
    state, replay = job.state(), job.named("replay")
    return {
        "replay_id": replay,
        "started_at": time_of(state.started_at or state.created_at),
        "finished_at": None if state.finished_at is None else time_of(state.finished_at),
        "replay_view_url": f"https://api.onkernel.com/browser/replays?jwt={job.named('token')}&replay_id={replay}",
    }


def time_of(moment: datetime) -> str:
    """A moment to the nanosecond."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"
