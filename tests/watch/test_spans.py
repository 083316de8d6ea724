"""Spans of what a watch does by itself, linked with those of who waits."""

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from mcp_browserjobs.simulator.script import Finish, Outage, Queued, Script, Step
from tests.collected import Spans, spans
from tests.server.connected import connected, told
from tests.stage import new_world, tracker_in

__all__ = ["spans"]

pytestmark = pytest.mark.anyio

SLOW = Script(beats=(Queued(), *(Step(f"Read page {page}", 20) for page in range(5)), Finish()))


def named(spans: Spans, beginning: str) -> list[ReadableSpan]:
    return [span for span in spans() if span.name.startswith(beginning)]


def identity(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context
    return context.span_id


async def test_looks_are_roots_that_are_linked_with_who_waits(spans: Spans) -> None:
    world = new_world()
    job = world.add("gobii", SLOW)
    async with connected(world) as client, anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(lambda: told(client, "wait_for_result", jobs=[f"gobii:{job.id}"], wait_seconds=20))
    waits = {identity(span) for span in named(spans, "tools/call wait_for_result")}
    looks = named(spans, "look")
    assert len(looks) > 1
    assert all(look.parent is None for look in looks)
    assert {link.context.span_id for look in looks for link in look.links} <= waits
    assert any(len(look.links) == 2 for look in looks)
    parents = {request.parent.span_id for request in named(spans, "GET ") if request.parent}
    assert {identity(look) for look in looks} <= parents
    assert all(job.id not in look.to_json() for look in looks)


async def test_a_look_tells_for_how_many_it_is_and_how_many_failed_before(spans: Spans) -> None:
    world = new_world()
    job = world.add("gobii", Script(beats=SLOW.beats, troubles=(Outage(5, 10),)))
    async with tracker_in(world) as tracker:
        await tracker.wait([f"gobii:{job.id}"], seconds=18)
    looks = [dict(look.attributes or {}) for look in named(spans, "look")]
    assert looks[0] == {"browserjobs.account": "gobii", "browserjobs.waits": 1, "browserjobs.failures": 0}
    assert [look["browserjobs.failures"] for look in looks if look["browserjobs.failures"]] == [1, 2]


async def test_a_stream_is_a_span_until_it_is_left(spans: Spans) -> None:
    world = new_world()
    job = world.add("kernel", SLOW)
    async with tracker_in(world) as tracker:
        await tracker.wait([f"kernel:{job.id}"], seconds=60)
    assert named(spans, "listen")
    assert all(span.end_time is not None for span in spans())
