"""The steps of the pretend Hyperbrowser's tasks, in the shape of each kind of agent and of the version asked for."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .pictures import picture
from .script import Happening, Json, PretendJob

Shown = dict[str, Json]


@dataclass(frozen=True)
class Deed:
    """One thing that an agent did.

    Args:
        call: the id of the call of a tool that did it.
        final: the result of the job, when it has one.
        model: who did it, where the maker of the job named one.
        version: of the agent, where the maker of the job named one.
    """

    index: int
    began: datetime
    happening: Happening
    call: str
    final: str | None
    goal_met: bool | None
    model: str | None
    version: str | None

    @property
    def ends(self) -> bool:
        """Whether it is the last."""
        return self.happening.what == "finished"

    @property
    def text(self) -> str:
        """What was done, or what came of it all."""
        return self.final or "Done." if self.ends else self.happening.text


def steps(job: PretendJob, final: str | None) -> list[Shown]:
    """The steps so far of a job, whose result is `final`."""
    kind, state = job.id.partition("/")[0], job.state()
    told = {"step", "finished", "failed"} if kind == "browser-use" else {"step", "finished"}
    llm, version = job.notes.get("llm"), job.notes.get("version")
    earlier = (state.created_at, *(each.at for each in state.happenings))
    found = [(began, each) for began, each in zip(earlier, state.happenings, strict=False) if each.what in told]
    return [
        STEPS[kind](
            Deed(
                index=index,
                began=began,
                happening=each,
                call=job.named(f"call {each.number}"),
                final=final,
                goal_met=state.goal_met,
                model=llm if isinstance(llm, str) else None,
                version=version if isinstance(version, str) else None,
            )
        )
        for index, (began, each) in enumerate(found)
    ]


def _browser_use(deed: Deed) -> Shown:
    """A step of the first version has a picture unless it ends the task; a failed one has no output of the model."""
    each, first = deed.happening, deed.version in {None, "0.1.40"}
    shown: dict[str, Json] = {"url": each.url or "about:blank", "title": "Shop" if each.url else ""}
    tab: dict[str, Json] = {"page_id" if first else "tab_id": 0 if first else "4F2A", **shown}
    state: dict[str, Json] = {**shown, "tabs": [tab], "interacted_element": [None]}
    times: dict[str, Json] = {
        "step_start_time": deed.began.timestamp(),
        "step_end_time": each.at.timestamp(),
        "step_number": deed.index + 1,
    }
    if first:
        state["screenshot"] = b64encode(picture(each.number)).decode() if each.what == "step" else None
        times["input_tokens"] = 1000
    return {
        "model_output": None if each.what == "failed" else _thought(deed, first=first),
        "result": [_outcome(deed)],
        "state": state,
        "metadata": times,
    }


def _thought(deed: Deed, *, first: bool) -> Shown:
    brain: dict[str, Json] = {
        "evaluation_previous_goal": "Success" if deed.index else "Unknown",
        "memory": f"Steps done: {deed.index}.",
        "next_goal": deed.text,
    }
    done: Json = {"done": {"text": deed.text, "success": deed.goal_met is not False}}
    action: Json = [done if deed.ends else {"go_to_url": {"url": deed.happening.url}}]
    if first:
        return {"current_state": brain, "action": action}
    return {"thinking": f"What to do next: {deed.text}", **brain, "action": action}


def _outcome(deed: Deed) -> dict[str, Json]:
    if deed.happening.what == "failed":
        return {"error": deed.happening.text, "include_in_memory": True}
    told: dict[str, Json] = {"is_done": deed.ends, "extracted_content": deed.text, "include_in_memory": not deed.ends}
    return told | ({"success": deed.goal_met} if deed.ends and deed.goal_met is not None else {})


def _hyper_agent(deed: Deed) -> Shown:
    action: dict[str, Json] = {
        "type": "complete" if deed.ends else "goToUrl",
        "params": {"text": deed.text} if deed.ends else {"url": deed.happening.url},
        "actionDescription": deed.text,
    }
    thoughts: dict[str, Json] = {"thoughts": f"What to do next: {deed.text}", "memory": f"Steps done: {deed.index}."}
    outcome: dict[str, Json] = {"success": True, "message": deed.text}
    if deed.version == "1.1.0":
        return {"idx": deed.index, "agentOutput": {**thoughts, "action": action}, "actionOutput": outcome}
    said: dict[str, Json] = {**thoughts, "nextGoal": deed.text, "actions": [action]}
    return {"idx": deed.index, "agentOutput": said, "actionOutputs": [outcome]}


def _claude(deed: Deed) -> Shown:
    call: Json = {
        "type": "tool_use",
        "id": deed.call,
        "name": "computer",
        "input": {"action": "left_click", "coordinate": [80, 50]},
    }
    said: Json = {"type": "text", "text": deed.text}
    return {
        "role": "assistant",
        "type": "message",
        "model": deed.model or "claude-sonnet-5-5",
        "content": [said] if deed.ends else [said, call],
        "stop_reason": "end_turn" if deed.ends else "tool_use",
        "stop_sequence": None,
    }


def _cua(deed: Deed) -> Shown:
    return {**_response(deed, "computer-use-preview"), "reasoning": {"effort": "low", "generate_summary": None}}


def _grok(deed: Deed) -> Shown:
    return {
        **_response(deed, "grok-4.7"),
        "completed_at": int(deed.happening.at.timestamp()),
        "reasoning": {"effort": "low", "generate_summary": None},
    }


def _meta(deed: Deed) -> Shown:
    return {
        **_response(deed, "muse-spark-1.3"),
        "completed_at": int(deed.happening.at.timestamp()),
        "reasoning": {"effort": "low", "summary": f"What to do next: {deed.text}"},
    }


def _response(deed: Deed, model: str) -> dict[str, Json]:
    said: Json = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": deed.text}]}
    call: Json = {"type": "computer_call", "call_id": deed.call, "action": {"type": "click", "x": 80, "y": 50}}
    return {
        "created_at": int(deed.began.timestamp()),
        "output_text": deed.text,
        "error": None,
        "incomplete_details": None,
        "model": deed.model or model,
        "output": [said] if deed.ends else [said, call],
        "status": "completed",
    }


def _gemini(deed: Deed) -> Shown:
    said: Json = {"text": deed.text}
    call: Json = {"functionCall": {"name": "click_at", "args": {"x": 500, "y": 500}}}
    parts: Json = [said] if deed.ends else [said, call]
    candidate: Json = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "modelVersion": deed.model or "gemini-2.5-computer-use-preview-10-2025"}


def _jev(deed: Deed) -> Shown:
    action: Json = {"type": "done"} if deed.ends else {"type": "navigate", "url": deed.happening.url}
    return {"step": deed.index + 1, "thought": deed.text, "action": action}


STEPS: Mapping[str, Callable[[Deed], Shown]] = {
    "browser-use": _browser_use,
    "hyper-agent": _hyper_agent,
    "cua": _cua,
    "claude-computer-use": _claude,
    "gemini-computer-use": _gemini,
    "grok-computer-use": _grok,
    "meta-computer-use": _meta,
    "jev": _jev,
}
"""How each kind of agent shows a step."""
