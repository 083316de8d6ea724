"""What the pretend H Company answers with: sessions, rows of a list, statuses and changes.

Not known, and so of our own making: the numbers of tokens and how a cost is made of them.
"""

from copy import copy
from dataclasses import replace

from .h_company_events import (
    OUTCOMES,
    Event,
    answer_of,
    asked,
    dispatched_at,
    events,
    metrics,
    time,
    usage,
)
from .script import Ask, Finish, Json, Phase, PretendJob, State

AGENTS = ("h/web-surfer-flash", "h/web-surfer-pro")
"""The agents that everybody has."""

STATUS: dict[Phase, str] = {"waiting": "idle", "cancelled": "interrupted"}
"""The words that differ from the script's own."""

ERRORS = {
    "failed": ("no_answer", "The agent came to no answer."),
    "timed_out": ("timeout", "The session took longer than it may."),
}
"""The code and the text of a failure, which is the same for all of its kind."""

REQUEST: dict[str, Json] = {
    **dict.fromkeys(("messages", "max_steps", "max_time_s", "idle_timeout_s", "timezone")),
    "delete_after_min": 43200,
    "delete_screenshot_after_min": 43200,
    "queue": True,
    **dict.fromkeys(("group_id", "parent_session_id", "agent_artifact")),
    "overrides": {},
}
"""What a session tells of the request that made it, where that was silent."""

BROWSER: dict[str, Json] = {
    "id": "browser",
    "kind": "web",
    "host": "cloud",
    "start_url": "https://www.bing.com",
    "headless": False,
    "session_id": None,
    "mode": {"type": "visual", "width": 1200, "height": 1200, "markdown": False},
    "lazy": False,
    "settle_s": 1.0,
    **dict.fromkeys(("vault_id", "browser_profile_id")),
    "use_default_browser_profile": False,
    "persist_browser_profile": False,
    "network": None,
}
SPEC: dict[str, Json] = {
    "description": "Does tasks in a browser.",
    "environments": [BROWSER],
    **dict.fromkeys(("model", "reasoning_effort", "instructions", "subagents", "skills", "answer_format", "tools")),
}
"""What an agent is but for its name."""


def settle(job: PretendJob) -> PretendJob:
    """End a session whose question nobody answered in time, as an idle session does, whatever its script goes on to."""
    for index, beat in enumerate(job.script.beats):
        if isinstance(beat, Ask) and beat.patience is not None and job.named(f"question {index}") not in job.answers:
            _end_after(job, index + 1, Finish(None, goal_met=None))
            break
    return job


def answer_soon(job: PretendJob) -> None:
    """Let a session answer when it is through with what it does now."""
    for end in range(1, len(job.script.beats)):
        results = (beat.result for beat in job.script.beats if isinstance(beat, Finish))
        if not _end_after(job, end, Finish(next(results, "This is all I have."), goal_met=None), ended=False):
            break


def is_over(job: PretendJob) -> bool:
    """Whether a session has ended."""
    return job.state().finished_at is not None


def status_word(job: PretendJob) -> str:
    """The status of a session."""
    state = job.state()
    if state.phase == "queued":
        return "queued" if job.clock() < dispatched_at(job) else "pending"
    return state.failure or STATUS.get(state.phase, state.phase)


def session(job: PretendJob) -> dict[str, Json]:
    """A session, as its own address shows it."""
    state = job.state()
    return {
        "id": job.id,
        "request": _request(job),
        "status": status(job),
        "agent_revision": 1 if isinstance(_agent(job), str) else None,
        "agent_view_url": _view(job),
        "latest_answer": _answer(state),
        "created_at": time(state.created_at),
        "started_at": time(state.started_at),
        "finished_at": time(state.finished_at),
    }


def summary(job: PretendJob) -> dict[str, Json]:
    """A session, as the list shows it."""
    state, agent = job.state(), _agent(job)
    unused: dict[str, Json] = {"images": [], "files": [], "skills": []}
    log = events(job, "")
    return {
        "id": job.id,
        "agent": agent if isinstance(agent, str) else agent["name"],
        "agent_revision": 1 if isinstance(agent, str) else None,
        "status": status_word(job),
        "agent_view_url": _view(job),
        "first_message": {"type": "user_message", "message": job.script.title, **unused, "caller_id": "user"},
        "created_at": time(state.created_at),
        "started_at": time(state.started_at),
        "finished_at": time(state.finished_at),
        "last_activity_at": log[-1]["timestamp"] if log else None,
        "anonymized_at": None,
    }


def status(job: PretendJob) -> dict[str, Json]:
    """How a session stands."""
    state = job.state()
    return {
        "status": status_word(job),
        **_failure(state),
        "outcome": OUTCOMES[state.goal_met],
        "steps": _steps(state),
        "usage_per_model": usage(_steps(state)),
        "subagent_session_ids": [],
        "pending_tool_calls": [],
    }


def changes(job: PretendJob, new: list[Event], first: int) -> dict[str, Json]:
    """What is new in a session from this place in its log on, and how it stands."""
    state = job.state()
    return {
        "status": status_word(job),
        "started_at": time(state.started_at),
        "finished_at": time(state.finished_at),
        **_failure(state),
        "new_events": [*new],
        "first_index": first,
        "answer": _answer(state),
        "outcome": OUTCOMES[state.goal_met],
        "metrics": metrics(job, _steps(state), state.minutes),
        "pending_tool_calls": [],
    }


def _end_after(job: PretendJob, count: int, finish: Finish, *, ended: bool = True) -> bool:
    """Let a session end after so many beats of its script, where that makes it `ended` by now or, if not, later."""
    trial = copy(job)
    trial.script = replace(job.script, beats=(*job.script.beats[:count], finish))
    over = trial.state().phase == "completed"
    if over is ended:
        job.script = trial.script
    return over


def _answer(state: State) -> Json:
    """What the agent answered last, which a question is too."""
    questions = [each for each in state.happenings if each.what == "question"]
    answer = answer_of(state.result)
    return asked(questions[-1]) if answer is None and questions else answer


def _failure(state: State) -> dict[str, Json]:
    code, text = ERRORS[state.failure] if state.failure else (None, None)
    return {"error": text, "error_code": code}


def _steps(state: State) -> int:
    return sum(each.what == "step" for each in state.happenings)


def _view(job: PretendJob) -> str | None:
    """The page of a session, which there is once it has left the queue."""
    queued = status_word(job) == "queued"
    return None if queued else f"https://platform.hcompany.ai/agents/sessions/{job.id}"


def _given(job: PretendJob) -> dict[str, Json]:
    given = job.notes.get("request")
    return given if isinstance(given, dict) else {}


def _agent(job: PretendJob) -> str | dict[str, Json]:
    """The agent, as the request named it."""
    agent = _given(job).get("agent", AGENTS[0])
    return agent if isinstance(agent, dict) else str(agent)


def _request(job: PretendJob) -> dict[str, Json]:
    agent, given = _agent(job), _given(job)
    spec: dict[str, Json] = {"name": agent, **SPEC} if isinstance(agent, str) else {**SPEC, **agent}
    known = {name: value for name, value in given.items() if name in REQUEST}
    return {**REQUEST, "messages": job.script.title, **known, "agent": spec}
