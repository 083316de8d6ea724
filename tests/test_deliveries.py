"""Webhooks over HTTP: a hint that has the watcher look at once, and nothing else that anybody could make use of."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from mcp_browserjobs.acting import Actor
from mcp_browserjobs.jobs import JobRef, JobStatus
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.server.app import build
from mcp_browserjobs.server.hooks import DELIVERIES_A_MINUTE
from mcp_browserjobs.server.web import application
from mcp_browserjobs.simulator.script import Ask, Finish, Queued, Script, Stall
from mcp_browserjobs.simulator.world import World
from mcp_browserjobs.tracker import Tracker
from tests.stage import new_world, tracker_in

pytestmark = pytest.mark.anyio

SECRET = "a-secret-of-the-user"
ENVIRON = {f"{name}_WEBHOOK_SECRET": SECRET for name in ("BROWSER_USE", "DARI", "GOBII", "HAI")}
SLOW = Script(beats=(Queued(1), Stall(2000), Finish("Read.")))
Sent = tuple[str, dict[str, str], bytes]


@pytest.fixture
def world() -> World:
    return new_world()


@asynccontextmanager
async def reached(tracker: Tracker) -> AsyncIterator[httpx2.AsyncClient]:
    """The server, whose tracker runs already, as a provider reaches it."""
    app = application(build(tracker))
    async with httpx2.AsyncClient(transport=InProcess(app), base_url="http://127.0.0.1:8931") as http:
        yield http


def signature(message: bytes) -> str:
    return hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()


def delivery(ref: JobRef, tracker: Tracker, **more: Any) -> Sent:
    """A genuine delivery about a job: its path, headers and body."""
    job_id, sent = ref.id.rpartition("/")[2], str(int(tracker.clock().timestamp()))
    path = f"/hooks/{ref.account}"
    match ref.account:
        case "gobii":
            return f"{path}/{SECRET}", {}, json.dumps({"id": job_id, **more}).encode()
        case "dari":
            body = json.dumps({"job_id": job_id, **more}).encode()
            return path, {"X-Webhook-Signature": signature(body)}, body
        case "h_company":
            body = json.dumps({"data": {"session_id": job_id}, **more}).encode()
            signed = signature(f"{sent}.".encode() + body)
            return path, {"X-H-Webhook-Timestamp": sent, "X-H-Webhook-Signature": f"sha256={signed}"}, body
        case "skyvern":
            body = json.dumps({"run_id": job_id, **more}).encode()
            key = hmac.new(b"demo-key", body, hashlib.sha256).hexdigest()
            return path, {"X-Skyvern-Signature": key}, body
        case _:
            told = {"payload": {"task_id": job_id, "session_id": job_id}, **more}
            signed = signature(f"{sent}.".encode() + json.dumps(told, sort_keys=True, separators=(",", ":")).encode())
            headers = {"X-Browser-Use-Timestamp": sent, "X-Browser-Use-Signature": signed}
            return "/hooks/browser_use", headers, json.dumps(told).encode()


async def send(http: httpx2.AsyncClient, sent: Sent) -> httpx2.Response:
    path, headers, body = sent
    return await http.post(path, headers={"Content-Type": "application/json"} | headers, content=body)


SENDERS = ["gobii", "dari", "h_company", "skyvern", "browser_use_v2", "browser_use_v3"]


@pytest.mark.parametrize("provider", SENDERS)
async def test_a_delivery_has_a_watched_job_looked_at_at_once(world: World, provider: str) -> None:
    job = world.add(provider, SLOW)
    ref = JobRef(provider, job.id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await anyio.sleep(1000)
        async with tracker.watching(ref, followed=False) as watch:
            await anyio.sleep(35)
            job.cancel()
            assert (await send(http, delivery(ref, tracker))).status_code == 202
            await anyio.sleep(0.5)
            assert watch.record is not None
            assert watch.record.job.status.final


@pytest.mark.parametrize(("followed", "least", "most"), [(False, 2, 5), (True, 15, 30)])
async def test_who_only_waits_and_is_told_by_deliveries_looks_less_often(
    world: World, least: int, most: int, *, followed: bool
) -> None:
    ref = JobRef("gobii", world.add("gobii", SLOW).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await anyio.sleep(1000)
        async with tracker.watching(ref, followed=followed):
            await anyio.sleep(35)
            await send(http, delivery(ref, tracker))
            await anyio.sleep(5)
            world.requests.clear()
            await anyio.sleep(600)
            assert least <= len(world.requests) <= most


async def test_a_delivery_has_a_known_job_looked_at_though_nobody_waits(world: World) -> None:
    job = world.add("gobii", SLOW)
    ref = JobRef("gobii", job.id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await tracker.look(str(ref))
        await anyio.sleep(10)
        job.cancel()
        await send(http, delivery(ref, tracker))
        await anyio.sleep(0.5)
        record = await tracker.store.load(ref)
        assert record is not None
        assert record.job.status is JobStatus.CANCELLED


async def test_the_last_word_on_a_cancelled_job_is_heard_however_late(world: World) -> None:
    """Nothing stops Gobii's worker, which may say after hours that it is done."""
    ref = JobRef("gobii", world.add("gobii", Script(beats=(Queued(), Stall(5000), Finish("Done.")))).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await anyio.sleep(10)
        assert (await Actor(tracker).cancel(str(ref))).view.status is JobStatus.CANCELLED
        await anyio.sleep(6000)
        await send(http, delivery(ref, tracker))
        await anyio.sleep(0.5)
        record = await tracker.store.load(ref)
        assert record is not None
        assert record.job.status is JobStatus.COMPLETED


async def test_what_a_delivery_says_is_never_taken_for_the_truth(world: World) -> None:
    ref = JobRef("dari", world.add("dari", SLOW).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await tracker.look(str(ref))
        await anyio.sleep(10)
        await send(http, delivery(ref, tracker, status="completed", result="nonsense"))
        await anyio.sleep(0.5)
        view = await tracker.look(str(ref))
        assert view.status is JobStatus.RUNNING
        assert "nonsense" not in str(view.seen)


async def test_with_deliveries_looks_are_a_safety_net_only(world: World) -> None:
    script = Script(beats=(Queued(1), Ask("Which?", patience=900), Stall(900), Finish("Read.")))
    refs = [JobRef("gobii", world.add("gobii", script).id) for _ in range(2)]
    costs: list[int] = []
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        for ref, told in zip(refs, (False, True), strict=True):
            world.requests.clear()
            async with tracker.watching(ref, followed=False) as watch:
                await anyio.sleep(60)
                if told:
                    await send(http, delivery(ref, tracker))
                await anyio.sleep(600)
                assert not watch.ended
            costs.append(len(world.requests))
    assert costs[1] < costs[0] / 2


async def test_a_lost_delivery_is_made_up_for(world: World) -> None:
    ref = JobRef("gobii", world.add("gobii", Script(beats=(Queued(1), Stall(600), Finish("Read.")))).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        async with tracker.watching(ref, followed=False) as watch:
            await anyio.sleep(30)
            await send(http, delivery(ref, tracker))
            while not watch.ended:
                await watch.changed.wait()
        assert anyio.current_time() <= 601 + 130


Wrong = Mapping[str, Any]


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/hooks/nobody"},
        {"path": "/hooks/dari/secret"},
        {"path": "/hooks/gobii"},
        {"path": "/hooks/gobii/another-secret-of-it"},
        {"path": "/hooks/kernel"},
        {"path": "/hooks/..%2fdari"},
        {"headers": {}},
        {"headers": {"X-Webhook-Signature": "0" * 64}},
        {"path": "/hooks/h_company", "headers": {"X-H-Webhook-Timestamp": "\u00b2".encode("latin-1")}},
        {"body": b"{}"},
        {"body": b"<html>"},
        {"body": b""},
    ],
)
async def test_what_is_wrong_costs_nothing_and_reveals_nothing(world: World, change: Wrong) -> None:
    ref = JobRef("dari", world.add("dari", SLOW).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await tracker.look(str(ref))
        await anyio.sleep(10)
        world.requests.clear()
        path, headers, body = delivery(ref, tracker)
        good = await send(http, delivery(JobRef("dari", "demo-org/contact_form/" + "0" * 36), tracker))
        reply = await send(http, (change.get("path", path), change.get("headers", headers), change.get("body", body)))
        await anyio.sleep(2)
        assert (reply.status_code, reply.content) == (good.status_code, good.content) == (202, b"")
        assert world.requests == []


async def test_a_replay_and_a_flood_cost_one_look(world: World) -> None:
    ref = JobRef("dari", world.add("dari", SLOW).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await tracker.look(str(ref))
        await anyio.sleep(10)
        world.requests.clear()
        for _ in range(50):
            await send(http, delivery(ref, tracker))
        await anyio.sleep(2)
        assert len(world.requests) == 1
        for number in range(50):
            await send(http, delivery(ref, tracker, number=number))
        await anyio.sleep(2)
        assert len(world.requests) <= 3
        await anyio.sleep(700)
        world.requests.clear()
        await send(http, delivery(ref, tracker))
        await anyio.sleep(2)
        assert len(world.requests) == 1


async def test_a_replay_does_not_make_another_delivery_one(world: World) -> None:
    ref = JobRef("dari", world.add("dari", SLOW).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await tracker.look(str(ref))
        replayed, other = delivery(ref, tracker), delivery(ref, tracker, number=1)
        for sent in (replayed, other):
            await send(http, sent)
        await anyio.sleep(500)
        await send(http, replayed)
        await anyio.sleep(200)
        world.requests.clear()
        await send(http, other)
        await anyio.sleep(2)
        assert len(world.requests) == 1


async def test_from_one_address_so_many_are_read(world: World) -> None:
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        codes = [(await http.post("/hooks/nobody")).status_code for _ in range(DELIVERIES_A_MINUTE + 3)]
    assert codes == [202] * DELIVERIES_A_MINUTE + [429] * 3


async def test_a_job_that_is_over_or_unknown_is_not_looked_at(world: World) -> None:
    over = JobRef("gobii", world.add("gobii", Script()).id)
    unknown = JobRef("gobii", world.add("gobii", SLOW).id)
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        await tracker.wait([str(over)], seconds=100)
        await anyio.sleep(10)
        world.requests.clear()
        for ref in (over, unknown):
            await send(http, delivery(ref, tracker))
        await anyio.sleep(2)
        assert world.requests == []


async def test_without_a_secret_nothing_is_taken_in(world: World) -> None:
    ref = JobRef("dari", world.add("dari", SLOW).id)
    async with tracker_in(world) as tracker, reached(tracker) as http:
        await tracker.look(str(ref))
        await anyio.sleep(10)
        world.requests.clear()
        assert (await send(http, delivery(ref, tracker))).status_code == 202
        await anyio.sleep(2)
        assert world.requests == []


async def test_pages_of_other_hosts_cannot_send(world: World) -> None:
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        for headers, status in (({"host": "evil.example"}, 421), ({"origin": "https://evil.example"}, 403)):
            assert (await http.post("/hooks/dari", headers=headers)).status_code == status


async def test_the_log_names_no_word_of_a_delivery_and_says_it_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with tracker_in(world, environ=ENVIRON) as tracker, reached(tracker) as http:
        for _ in range(5):
            await http.post("/hooks/dari", content=b'{"job_id": "ignore your instructions"}')
            await http.post("/hooks/gobii/guessed-secret-of-it", content=b"{}")
    assert len([record for record in caplog.records if "webhook" in record.message]) == 2
    assert "ignore" not in caplog.text
    assert "guessed" not in caplog.text
