"""The program before a real Skyvern, whose runs wait and ask here, which takes neither a browser nor a model.

Seen with Skyvern 1.0.56. LIVE_SKYVERN names the Python that it is installed for.
"""

import hmac
import json
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client

from tests.live import peers
from tests.live.peers import STARTING, log, settled, statuses
from tests.server.connected import refusal, told

pytestmark = pytest.mark.anyio

SERVER = Path(__file__).with_name("skyvern_server.py")
UNKNOWN = "skyvern:wr_100000000000000000"

Block = dict[str, Any]


@dataclass(frozen=True)
class Skyvern:
    """A running server, and the key it takes."""

    address: str
    key: str

    def agent(self, *blocks: Block) -> str:
        """Make an agent of these blocks."""
        labelled = [{"label": f"block_{number}", **block} for number, block in enumerate(blocks, 1)]
        definition = {"title": "Buy a lamp", "workflow_definition": {"parameters": [], "blocks": labelled}}
        reply = httpx2.post(
            f"{self.address}/v1/agents",
            json={"json_definition": definition},
            headers={"x-api-key": self.key},
            timeout=STARTING,
        )
        return str(reply.raise_for_status().json()["workflow_permanent_id"])


def waits(seconds: int) -> Block:
    """A block that waits."""
    return {"block_type": "wait", "wait_sec": seconds}


def asks(seconds: int) -> Block:
    """A block that asks, and fails when nobody answers for so long."""
    question = {"instructions": "Buy it?", "positive_descriptor": "Buy", "negative_descriptor": "Leave it"}
    mail = {"recipients": ["someone@example.com"]}
    return {"block_type": "human_interaction", "timeout_seconds": seconds, **question, **mail}


def minted(secret: str) -> str:
    """A key of an organisation, which is a signed token."""

    def coded(content: bytes) -> str:
        return urlsafe_b64encode(content).rstrip(b"=").decode()

    claims = {"exp": int(time.time()) + 3600, "sub": "o_live"}
    body = ".".join(coded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{body}.{coded(hmac.digest(secret.encode(), body.encode(), 'sha256'))}"


@pytest.fixture(scope="module")
def skyvern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Skyvern]:
    """A server with an empty database; all that it writes stays in a folder of its own."""
    home, secret = tmp_path_factory.mktemp("skyvern"), "a secret of these tests alone"
    listener, address = peers.listen()
    server = Skyvern(address, minted(secret))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "SECRET_KEY": secret,
        "SKYVERN_API_KEY": server.key,
        "DATABASE_STRING": f"sqlite+aiosqlite:///{home / 'skyvern.sqlite3'}",
        "ARTIFACT_STORAGE_PATH": str(home / "artifacts"),
        "DOWNLOAD_PATH": str(home / "downloads"),
        "SKYVERN_TELEMETRY": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would be downloaded
    }
    first = httpx2.Request("GET", f"{address}/v1/runs", headers={"x-api-key": server.key})
    with peers.serving(listener, [os.environ["LIVE_SKYVERN"], SERVER], home, environ, first):
        yield server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def asking(skyvern: Skyvern, key: str = "") -> AsyncIterator[Client]:
    """A client of the program, which asks that server often."""
    environ = {"SKYVERN_API_KEY": key or skyvern.key, "SKYVERN_BASE_URL": skyvern.address}
    async with peers.asking(**environ, SKYVERN_POLL_SECONDS="0.2") as client:
        yield client


async def started(client: Client, agent: str) -> str:
    """The reference of a new run, once it runs."""
    return await peers.started(client, "skyvern", agent)


async def test_a_run_asks_is_answered_and_ends(skyvern: Skyvern) -> None:
    async with asking(skyvern) as client:
        job = await started(client, skyvern.agent(waits(3), asks(60), waits(1)))
        answer = await settled(client, job)
        assert answer["status"] == "waiting_for_input"
        question = answer["reported"]["question"]
        assert (question["text"], question["options"]) == ("Buy it?", ["Buy", "Leave it"])

        said = await refusal(client, "answer_job_question", job=job, answer="perhaps", question_id=question["id"])
        assert "first option" in said
        answer = await told(client, "answer_job_question", job=job, answer="buy", question_id=question["id"])
        assert (answer["took_effect"], answer["status"]) == (True, "running")

        answer = await settled(client, job)
        assert (answer["status"], answer["final"]) == ("completed", True)
        assert answer["reported"]["result"]["block_2_output"]["success"] is True
        answer = await told(client, "answer_job_question", job=job, answer="buy", question_id=question["id"])
        assert (answer["took_effect"], answer["status"]) == (False, "completed")

        events = await log(client, job)
    assert statuses(events) == ["running", "waiting_for_input", "running", "completed"]
    blocks = [(event["kind"], event["label"], event["text"]) for event in events if event["kind"] != "status"]
    assert blocks == [("step", "block_1", "wait"), ("question", "block_2", "Buy it?"), ("step", "block_3", "wait")]


async def test_a_run_is_cancelled_and_a_second_cancel_changes_nothing(skyvern: Skyvern) -> None:
    async with asking(skyvern) as client:
        job = await started(client, skyvern.agent(waits(60)))
        for _ in range(2):
            answer = await told(client, "cancel_job", job=job)
            assert (answer["took_effect"], answer["status"], answer["final"]) == (True, "cancelled", True)
        assert statuses(await log(client, job)) == ["running", "cancelled"]


async def test_a_question_is_declined_by_cancelling(skyvern: Skyvern) -> None:
    async with asking(skyvern) as client:
        job = await started(client, skyvern.agent(waits(3), asks(60)))
        assert (await settled(client, job))["status"] == "waiting_for_input"
        assert (await told(client, "cancel_job", job=job))["status"] == "cancelled"
        answer = await told(client, "answer_job_question", job=job, answer="Buy")
        assert answer["took_effect"] is False
        assert statuses(await log(client, job)) == ["running", "waiting_for_input", "cancelled"]


async def test_a_run_that_nobody_answers_fails(skyvern: Skyvern) -> None:
    async with asking(skyvern) as client:
        job = await started(client, skyvern.agent(waits(3), asks(1)))
        answer = await settled(client, job, until="result")
        assert (answer["status"], answer["failure"]) == ("failed", "unknown")
        assert "timed out" in answer["reported"]["error"]
        assert (await told(client, "diagnose_job", job=job))["verdict"] == "timed_out"
        assert (await log(client, job))[-1]["status"] == "failed"


async def test_runs_are_listed_newest_first_to_a_process_that_saw_none(skyvern: Skyvern) -> None:
    async with asking(skyvern) as client:
        jobs = [await started(client, skyvern.agent(waits(1))) for _ in range(3)]
    async with asking(skyvern) as client:
        first = await told(client, "list_jobs", limit=2)
        second = await told(client, "list_jobs", limit=2, cursor=first["next_cursor"])
        [account] = (await told(client, "list_accounts"))["accounts"]
    rows = [*first["jobs"], *second["jobs"]]
    assert [row["job"] for row in rows][:3] == jobs[::-1]
    assert {row["reported"]["title"] for row in rows} == {"Buy a lamp"}
    assert account["key"] == "works"


async def test_an_unknown_id_and_an_unknown_agent_are_told_as_such(skyvern: Skyvern) -> None:
    async with asking(skyvern) as client:
        for tool in ("get_job_status", "get_job_events", "cancel_job"):
            assert "knows no such job" in await refusal(client, tool, job=UNKNOWN)
        assert "does not accept" in await refusal(client, "start_job", account="skyvern", task="wpid_1")


async def test_a_wrong_key_is_refused(skyvern: Skyvern) -> None:
    async with asking(skyvern, key=minted("another secret")) as client:
        assert "refused the key" in await refusal(client, "get_job_status", job=UNKNOWN)
        assert "refused the key" in (await told(client, "list_jobs"))["problems"][0]
        [account] = (await told(client, "list_accounts"))["accounts"]
    assert account["key"] == "refused"
