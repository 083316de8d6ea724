"""Clients of other SDKs, and of older ones, over both transports: they list, call, wait, read and hear of changes.

Each runs in an environment of its own and follows a plan. The scripts in `clients` know nothing of the server.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mcp_browserjobs.simulator.world import World
from tests.ecosystem.installed import LIVE, NODE, python, run
from tests.server.outside import COMMAND, QUICK, address, provided, started

SCRIPTS = Path(__file__).with_name("clients")
PROGRAMS = {
    "python_sdk_1.py": python("python"),
    "fastmcp_4.py": python("fastmcp"),
    "langchain_adapters.py": python("python"),
    "typescript_sdk_1.mjs": NODE,
    "typescript_sdk_2.mjs": NODE,
}
REVISIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
CLIENTS = [
    ("python_sdk_1.py", "legacy"),
    ("fastmcp_4.py", "legacy"),
    ("fastmcp_4.py", "modern"),
    ("typescript_sdk_1.mjs", "legacy"),
    ("typescript_sdk_2.mjs", "legacy"),
    ("typescript_sdk_2.mjs", "modern"),
]


@contextmanager
def reachable(transport: str, environ: Mapping[str, str]) -> Iterator[str | list[str]]:
    """How a client finds the server: the command that starts it, or its address."""
    if transport == "stdio":
        yield COMMAND
    else:
        with started({**environ}, "serve", "--transport", "http", "--port", "0") as process:
            yield address(process)


def seen(script: str, environ: Mapping[str, str], **plan: Any) -> Any:
    """What a client tells that followed this plan."""
    modules = {"MODULES": str(LIVE / "typescript")}
    done = run(PROGRAMS[script], SCRIPTS / script, json.dumps(plan), environ={**environ, **modules})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def answer(result: Mapping[str, Any]) -> Any:
    """A tool's answer, which is the same as structured content and as text."""
    assert not result.get("isError"), result
    [content] = result["content"]
    assert json.loads(content["text"]) == result["structuredContent"]
    return result["structuredContent"]


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize(("script", "era"), CLIENTS)
def test_a_client_follows_a_job_to_its_end(script: str, era: str, transport: str) -> None:
    world = World()
    job = world.add("dari", QUICK)
    reference, uri = f"dari:{job.id}", f"browserjobs://dari/{quote(job.id, safe='')}"
    with provided(world) as environ, reachable(transport, environ) as server:
        told = seen(
            script,
            environ,
            server=server,
            era=era,
            subscribe=f"{uri}/events",
            calls=[
                ("get_job_status", {"job": reference}),
                ("answer_job_question", {"job": reference, "answer": "yes"}),
                ("wait_for_result", {"jobs": [reference], "until": "result"}),
                ("get_job_events", {"job": reference}),
                ("get_job_result", {"job": reference}),
                ("list_jobs", {}),
                ("list_accounts", {}),
                ("diagnose_job", {"job": reference}),
                ("get_job_links", {"job": reference}),
                ("get_job_screenshot", {"job": reference}),
                ("get_job_status", {"job": "dari:nonsense"}),
            ],
            read=[uri, f"{uri}/result"],
            patience=10,
        )
    assert told.get("version", REVISIONS[era]) == REVISIONS[era]
    assert [tool["name"] for tool in told["tools"]][:2] == ["get_job_status", "wait_for_result"]
    *answers, screenshot, refusal = told["results"]
    status, answered, waited, events, result, *_ = map(answer, answers)
    assert status["status"] == "waiting_for_input"
    assert answered["took_effect"] is True
    assert waited["done"] is True
    assert told["progress"]
    assert [event["seq"] for event in events["events"]] == list(range(1, events["next_after"] + 1))
    assert result["reported"]["result"] == {"pages": 4}
    assert [content["type"] for content in screenshot["content"]] == ["text", "image"]
    assert refusal["isError"] is True
    assert "That is no job id of Dari" in refusal["content"][0]["text"]
    assert json.loads(told["contents"][0]["text"])["status"] == "completed"
    assert told["contents"][1]["text"] == '{"pages":4}'
    assert set(told["updates"]) == {f"{uri}/events"}


def test_a_framework_that_starts_a_process_for_every_call_finds_all_state_on_disk(tmp_path: Path) -> None:
    world = World()
    job = world.add("dari", QUICK)
    same = {"account": "gobii", "task": "Buy a lamp", "idempotency_key": "lamp"}
    with provided(world, store=str(tmp_path / "jobs.sqlite3")) as environ:
        status, answered, waited, events, begun, again, named = seen(
            "langchain_adapters.py",
            {**environ, "BROWSERJOBS_ALLOW_START": "true"},
            server=COMMAND,
            calls=[
                ("get_job_status", {"job": f"dari:{job.id}"}),
                ("answer_job_question", {"job": job.id, "answer": "yes"}),
                ("wait_for_result", {"jobs": [job.id], "until": "result"}),
                ("get_job_events", {"job": job.id, "after": 3}),
                ("start_job", same),
                ("start_job", same),
                ("get_job_status", {"job": "gobii:start/lamp"}),
            ],
        )
    assert status["events_seen"] == 3
    assert answered["took_effect"] is True
    assert waited["jobs"][0]["status"] == "completed"
    assert [event["seq"] for event in events["events"]] == list(range(4, events["next_after"] + 1))
    [started_job] = world.jobs("gobii")
    assert {begun["job"], again["job"], named["job"]} == {f"gobii:{started_job.id}"}
