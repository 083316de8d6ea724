"""What the pretend H Company logs of a session, oldest first: its place in the log is all that an event is known by.

Not known, and so of our own making: the order in which things that happen at once are logged, what starts a session,
that a pause is logged twice, and that a session which is cancelled in the queue logs nothing.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from .script import Happening, Json, PretendJob, Queued, State

LAUNCHING = timedelta(seconds=1)
"""How long a session is pending after it has left the queue."""

BUCKET = "agent-resources"
MODEL = "holo3-122b-a10b"
OUTCOMES = {True: "success", False: "infeasible", None: None}
TOKENS = {"input_tokens": 9000, "cached_tokens": 4000, "output_tokens": 200, "reasoning_tokens": 50}
"""What a step takes."""

Event = dict[str, Json]


def events(job: PretendJob, origin: str) -> list[Event]:
    """All events so far; `origin` is where the API stands, which serves the screenshots."""
    state = job.state()
    log: list[Event] = []
    if (dispatched := dispatched_at(job)) <= min(job.clock(), job.cancelled_at or job.clock()):
        log.append(_event(dispatched, "RequestStartEvent"))
        log.append(_event(dispatched, "RequestStartDispatchedEvent", status="dispatched"))
    steps = 0
    for each in state.happenings:
        steps += each.what == "step"
        log.extend(_logged(job, state, each, steps, origin))
    for place, at, text in interjections(job):
        log.insert(place, _said(at, text))
    return log


def interject(job: PretendJob, text: str) -> None:
    """Log a message that answers no question: here it stands, whatever is logged later."""
    kept: list[Json] = [*_kept(job), [len(events(job, "")), job.clock().isoformat(), text]]
    job.notes["interjections"] = kept


def interjections(job: PretendJob) -> Iterator[tuple[int, datetime, str]]:
    """The place in the log, the time and the text of each."""
    for each in _kept(job):
        if isinstance(each, list):
            yield int(str(each[0])), datetime.fromisoformat(str(each[1])), str(each[2])


def dispatched_at(job: PretendJob) -> datetime:
    """When a session leaves the queue."""
    queued = 0.0
    for beat in job.script.beats:
        if not isinstance(beat, Queued):
            break
        queued += beat.seconds
    return max(job.created_at, job.created_at + timedelta(seconds=queued) - LAUNCHING)


def answer_of(result: Json) -> Json:
    """A result as an answer: a text or an object."""
    return result if result is None or isinstance(result, str | dict) else json.dumps(result)


def asked(question: Happening) -> str:
    """A question as the answer that it is here, which has no place for options."""
    return f"{question.text} ({', '.join(question.options)})" if question.options else question.text


def usage(steps: int) -> list[Json]:
    """The tokens of so many steps, for the one model there is."""
    return [{"name": MODEL, **{name: count * steps for name, count in TOKENS.items()}}] if steps else []


def metrics(job: PretendJob, steps: int, minutes: float) -> dict[str, Json]:
    """What a session has taken and cost."""
    total = round(minutes * job.script.cost_per_minute, 4)
    costs: dict[str, Json] = {"input_cost": total, "output_cost": 0.0, "reasoning_cost": 0.0, "total_cost": total}
    per_model: list[Json] = [{**each, **costs} for each in usage(steps) if isinstance(each, dict)]
    return {"steps": steps, "cost_per_model": per_model, **costs}


def time(moment: datetime | None) -> str | None:
    """A moment in UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def screenshot(job: PretendJob, number: int) -> str:
    """The key of a step's screenshot."""
    return f"{job.id}/screenshot-{number:04}.png"


def _kept(job: PretendJob) -> list[Json]:
    kept = job.notes.get("interjections", [])
    return kept if isinstance(kept, list) else []


def _logged(job: PretendJob, state: State, happening: Happening, steps: int, origin: str) -> Iterator[Event]:
    at = happening.at
    match happening.what:
        case "started":
            yield _event(at, "AgentStartedEvent")
            yield _event(at, "AgentRunStatusChangeEvent", status="running")
            yield _event(at, "LiveViewUrlEvent", live_view_url=f"https://live.example/{job.named('live')}")
            yield _said(at, job.script.title)
        case "step":
            yield from _step(job, state, happening, steps, origin)
        case "question":
            yield _agent_event(at, "answer_event", answer=asked(happening), outcome=None)
            yield _event(at, "ActiveStateChangeEvent", state="idle", pending_tool_calls=None)
        case "answered":
            yield _said(at, happening.text)
            yield _event(at, "ActiveStateChangeEvent", state="running", pending_tool_calls=None)
        case "paused":
            yield _agent_event(at, "flow_event", flow="pause", origin="user")
            yield _event(at, "AgentRunStatusChangeEvent", status="paused")
        case "resumed":
            yield _agent_event(at, "flow_event", flow="resume", origin="user")
            yield _event(at, "AgentRunStatusChangeEvent", status="running")
        case "finished":
            if (answer := answer_of(state.result)) is not None:
                yield _agent_event(at, "answer_event", answer=answer, outcome=OUTCOMES[state.goal_met])
            yield _event(at, "AgentCompletionEvent", reason="finished")
        case "failed" if state.failure == "failed":
            yield _agent_event(at, "error_event", error=happening.text, origin="agent", tool_req=None)
        case "failed":
            yield _event(at, "AgentCompletionEvent", reason="timed_out")
        case "cancelled" if state.started_at:
            yield _event(at, "AgentCompletionEvent", reason="stopped")


def _step(job: PretendJob, state: State, step: Happening, number: int, origin: str) -> Iterator[Event]:
    request: dict[str, Json] = {"tool_name": "click_at", "args": {"x": 80, "y": 50}, "id": f"call_{number}"}
    thought: dict[str, Json] = {"reasoning_content": None, "content": step.text}
    yield _agent_event(step.at, "policy_event", **thought, tool_reqs=[request], validation_errors=[])
    done: dict[str, Json] = {"result": "Clicked.", "truncated": False, "output_artifact_path": None}
    yield _agent_event(step.at, "tool_result", tool_req=request, **done)
    # The address is that of the first API, which the second keeps serving.
    source = f"{origin}/v1/trajectories/{job.id}/resources/{BUCKET}/{screenshot(job, number)}"
    image: dict[str, Json] = {"source": source, "type": "url", "media_type": "image/png"}
    seen: dict[str, Json] = {"type": "web", "text": None, "image": image, "metadata": {"url": step.url}}
    yield _agent_event(step.at, "observation_event", **seen)
    minutes = (step.at - (state.started_at or step.at)).total_seconds() / 60
    yield _event(step.at, "MetricsUpdateEvent", metrics=metrics(job, number, minutes))


def _said(at: datetime, text: str) -> Event:
    """A message of the user's, as it is repeated in the log."""
    return _agent_event(at, "message_event", caller_id="user", content=[text])


def _agent_event(at: datetime, kind: str, /, **more: Json) -> Event:
    return _event(at, "AgentEvent", kind=kind, **more)


def _event(at: datetime, event_type: str, /, **content: Json) -> Event:
    return {"timestamp": time(at), "type": event_type, "data": content}
