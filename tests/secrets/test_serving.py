"""What a server that hosts start writes to standard error."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_browserjobs.simulator.script import Script
from mcp_browserjobs.simulator.world import World
from tests.secrets.marker import KEY, given_away
from tests.server.outside import provided, started

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "somebody", "version": "1"}}


@pytest.mark.skipif(sys.platform == "win32", reason="the end of stdin is noticed otherwise there")
@pytest.mark.parametrize(("level", "told"), [(None, set()), ("info", set()), ("debug", {"debug"})])
def test_it_is_quiet_unless_it_is_told_to_tell(tmp_path: Path, level: str | None, told: set[str]) -> None:
    world = World(key=KEY)
    job = world.add("gobii", Script())
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        {
            "id": 2,
            "method": "tools/call",
            "params": {"name": "get_job_status", "arguments": {"job": f"gobii:{job.id}"}},
        },
    ]
    with (
        provided(world, str(tmp_path / "jobs.sqlite3")) as environ,
        started({**environ, **({"BROWSERJOBS_LOG_LEVEL": level} if level else {})}) as process,
    ):
        assert process.stdin
        assert process.stdout
        for message in messages:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        process.stdin.flush()
        answers = [process.stdout.readline(), process.stdout.readline()]
        _, log = process.communicate(timeout=20)
    assert "status" in answers[1]
    assert {json.loads(line)["level"] for line in log.splitlines()} == told
    assert given_away(log) + given_away("".join(answers)) == []
    assert (job.id in log, "/browser-use/*/: 200" in log) == (False, level == "debug")
