"""The program before H Company's own routes, models and refusals, over sessions that act out what they are told.

Seen with hai-agent-api 0.1.175, which needs Python 3.12. LIVE_H_COMPANY names the Python that it is installed for.
"""

import os
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import ImageContent

from mcp_browserjobs.screenshots import is_image
from tests.live import peers
from tests.live.peers import log, settled, statuses
from tests.server.connected import refusal, told

pytestmark = pytest.mark.anyio

SERVER = Path(__file__).with_name("h_company_server.py")
KEY = "hk-live"
UNKNOWN = "h_company:8f0c2d4e-6a1b-4c3d-9e5f-7a8b9c0d1e2f"
ENDLESS = "\n".join(["look"] * 300)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server without sessions stands."""
    home = tmp_path_factory.mktemp("h_company")
    listener, address = peers.listen()
    command: list[str | Path] = [os.environ["LIVE_H_COMPANY"], SERVER, KEY]
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    first = httpx2.Request("GET", f"{address}/api/v2/sessions", headers={"Authorization": f"Bearer {KEY}"})
    with peers.serving(listener, command, home, environ, first):
        yield address


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def asking(address: str, key: str = KEY) -> AsyncIterator[Client]:
    """A client of the program, which asks that server often."""
    async with peers.asking(HAI_API_KEY=key, HAI_BASE_URL=address, HAI_POLL_SECONDS="0.2") as client:
        yield client


async def started(client: Client, *deeds: str) -> str:
    """The reference of a new session that does this, once it runs."""
    return await peers.started(client, "h_company", "\n".join(deeds))


def asked(address: str, job: str) -> list[str]:
    """What the server was asked about a session so far."""
    requests = httpx2.get(f"{address}/requests").json()
    return [each for each in requests if job.partition(":")[2] in each]


def texts(events: list[dict[str, Any]], kind: str) -> list[str]:
    return [event["text"] for event in events if event["kind"] == kind]


async def test_a_session_is_followed_to_its_answer(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, "look", "look", "look", "answer 42 EUR")
        answer = await settled(client, job, until="result")
        assert (answer["status"], answer["final"], answer["goal_met"]) == ("completed", True, True)
        assert (answer["goal_met_by"], answer["reported"]["result"]) == ("agent", "42 EUR")
        assert answer["cost"] == {"amount": pytest.approx(0.03), "unit": "USD"}
        events = await log(client, job)
    assert texts(events, "step") == ["Look 1", "Look 2", "Look 3"]
    assert statuses(events) == ["running", "completed"]
    assert "live.example" not in str(events)


async def test_what_happens_is_waited_for_and_not_asked_for_again_and_again(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, "rest 8", "look", "rest 8", "answer Done")
        before = asked(address, job)
        waiting = anyio.current_time()
        answer = await settled(client, job, until="result")
        assert (answer["status"], 14 < anyio.current_time() - waiting < 20) == ("completed", True)
        requests = asked(address, job)[len(before) :]
        assert any("wait_for_seconds=15" in each for each in requests)
        assert len(requests) < 12


async def test_what_was_seen_comes_from_behind_a_redirect(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, "look", "look", "answer Done")
        await settled(client, job, until="result")
        images = []
        for index in (0, -1):
            result = await client.call_tool("get_job_screenshot", {"job": job, "index": index})
            [image] = [part for part in result.content if isinstance(part, ImageContent)]
            images.append(b64decode(image.data))
        assert images[0] != images[1]
        assert all(map(is_image, images))
        said = await refusal(client, "get_job_screenshot", job=job, index=2)
        assert "2" in said
        kinds = {link["kind"] for link in (await told(client, "get_job_links", job=job))["links"]}
        assert "recording" in kinds


@pytest.mark.parametrize(("deed", "shown"), [("ask", "Which one?"), ("call", "request_otp")])
async def test_a_session_asks_is_answered_and_ends(address: str, deed: str, shown: str) -> None:
    async with asking(address) as client:
        job = await started(client, "look", f"{deed} Which one?", "look", "answer The blue one")
        answer = await settled(client, job)
        assert answer["status"] == "waiting_for_input"
        question = answer["reported"]["question"]
        assert shown in question["text"]
        assert "Which one?" in question["text"]

        answer = await told(client, "answer_job_question", job=job, answer="blue", question_id=question["id"])
        assert (answer["took_effect"], answer["status"]) == (True, "running")
        answer = await settled(client, job)
        assert (answer["status"], answer["reported"]["result"]) == ("completed", "The blue one")
        answer = await told(client, "answer_job_question", job=job, answer="blue", question_id=question["id"])
        assert (answer["took_effect"], answer["status"]) == (False, "completed")

        events = await log(client, job)
    assert statuses(events) == ["running", "waiting_for_input", "running", "completed"]
    assert "blue" in [event.get("text") for event in events]


async def test_a_session_is_paused_and_goes_on(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, *["look"] * 5, "answer Done")
        answer = await told(client, "pause_job", job=job)
        assert (answer["took_effect"], answer["status"]) == (True, "paused")
        looks = len(texts(await log(client, job), "step"))
        await anyio.sleep(2)
        assert len(texts(await log(client, job), "step")) == looks < 5
        answer = await told(client, "resume_job", job=job)
        assert (answer["took_effect"], answer["status"]) == (True, "running")
        assert (await settled(client, job, until="result"))["status"] == "completed"
        assert statuses(await log(client, job)) == ["running", "paused", "running", "completed"]


async def test_a_session_is_cancelled_and_a_second_cancel_changes_nothing(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, ENDLESS)
        answer = await told(client, "cancel_job", job=job)
        assert (answer["took_effect"], answer["status"], answer["final"]) == (True, "cancelled", True)
        answer = await told(client, "cancel_job", job=job)
        assert (answer["status"], answer["final"]) == ("cancelled", True)
        for tool in ("pause_job", "resume_job"):
            assert (await told(client, tool, job=job))["took_effect"] is False
        assert statuses(await log(client, job)) == ["running", "cancelled"]


async def test_a_failure_is_told_by_its_code(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, "look", "fail The browser is gone")
        answer = await settled(client, job, until="result")
        assert (answer["status"], answer["failure"]) == ("failed", "provider_fault")
        assert "environment" in answer["reported"]["error"]
        assert (await told(client, "diagnose_job", job=job))["verdict"] == "provider_fault"
        assert (await log(client, job))[-1]["status"] == "failed"


async def test_a_failure_that_no_event_tells_is_seen_too(address: str) -> None:
    async with asking(address) as client:
        job = await started(client, "look", "rest 3", "fail")
        waited: dict[str, Any] = {"done": False}
        while not waited["done"]:
            waited = await told(client, "wait_for_result", jobs=[job], until="result")
        assert waited["jobs"][0]["status"] == "failed"


async def test_sessions_are_listed_newest_first_to_a_process_that_saw_none(address: str) -> None:
    async with asking(address) as client:
        jobs = [await started(client, f"answer {number}") for number in range(3)]
    async with asking(address) as client:
        first = await told(client, "list_jobs", limit=2)
        second = await told(client, "list_jobs", limit=2, cursor=first["next_cursor"])
        [account] = (await told(client, "list_accounts"))["accounts"]
    rows = [*first["jobs"], *second["jobs"]]
    assert [row["job"] for row in rows][:3] == jobs[::-1]
    assert [row["reported"]["title"] for row in rows][:3] == ["answer 2", "answer 1", "answer 0"]
    assert account["key"] == "works"


async def test_an_unknown_id_is_told_as_such_and_a_bad_parameter_by_its_name(address: str) -> None:
    async with asking(address) as client:
        for tool in ("get_job_status", "get_job_events", "pause_job", "cancel_job"):
            assert "knows no such job" in await refusal(client, tool, job=UNKNOWN)
        body = {"account": "h_company", "task": "look", "parameters_json": '{"max_steps": 0}'}
        assert "max_steps" in await refusal(client, "start_job", **body)


async def test_a_wrong_key_is_refused(address: str) -> None:
    async with asking(address, key="hk-wrong") as client:
        assert "refused the key" in await refusal(client, "get_job_status", job=UNKNOWN)
        assert "refused the key" in (await told(client, "list_jobs"))["problems"][0]
        [account] = (await told(client, "list_accounts"))["accounts"]
    assert account["key"] == "refused"
