"""Every provider: whichever texts of its answers are a stranger's, no word of theirs leaves `reported`."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

import anyio
import httpx2
import pytest

from mcp_browserjobs import providers
from mcp_browserjobs.errors import BrowserJobsError
from mcp_browserjobs.providers.base import InProcess
from mcp_browserjobs.server import answers
from mcp_browserjobs.server.sentences import explain
from mcp_browserjobs.simulator.script import Ask, Fail, Finish, Queued, Script, Step
from mcp_browserjobs.tracker import Tracker
from tests.stage import new_world, tracker_in
from tests.strangers.corpus import WORST, assert_harmless, assert_ours

pytestmark = pytest.mark.anyio

STEPS = (Queued(0), Step("Opened the shop", 1), Step("Filled in the form", 1))
STORIES = (
    Script("Order", (*STEPS, Ask("Which?", ("white", "blue")), Step("On", 1e6))),
    Script("Compare", (*STEPS, Finish({"price": [42, "EUR"]}))),
    Script("Book", (*STEPS, Fail("The page did not load."))),
)


class Spoiled(httpx2.AsyncByteStream):
    """The body of an answer, which is JSON or a stream of it, with other texts in it."""

    def __init__(self, body: httpx2.AsyncByteStream, wire: type["Wire"], route: str) -> None:
        self._body, self._wire, self._route = body, wire, route

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for part in self._body:
            rest += part
            *lines, rest = rest.split(b"\n")
            for line in lines:
                yield self._spoil(line) + b"\n"
        yield self._spoil(rest)

    def _spoil(self, line: bytes) -> bytes:
        head, data = (b"data: ", line[6:]) if line.startswith(b"data: ") else (b"", line)
        try:
            value = json.loads(data)
        except ValueError:
            return line
        return head + json.dumps(self._wire.spoil(value, self._route)).encode()

    async def aclose(self) -> None:
        await self._body.aclose()


class Wire(InProcess):
    """Writes a stranger's text into those fields of the answers that are `spoiled`; `seen` are all there are."""

    seen: ClassVar[set[str]]
    spoiled: ClassVar[set[str]]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        kind = response.headers.get("content-type", "")
        if "json" not in kind and "event-stream" not in kind:
            return response
        headers = {"content-type": kind}
        last = request.url.path.rpartition("/")[2]
        body = Spoiled(response.stream, type(self), last if last.isalpha() else "-")  # type: ignore[arg-type]
        return httpx2.Response(response.status_code, headers=headers, stream=body)

    @classmethod
    def spoil(cls, value: Any, path: str) -> Any:
        match value:
            case str():
                cls.seen.add(path)
                return f"{WORST.text} {len(value)}" if path in cls.spoiled else value
            case dict():
                return {name: cls.spoil(part, f"{path}/{name}") for name, part in value.items()}
            case list():
                return [cls.spoil(part, f"{path}/*") for part in value]
            case _:
                return value


VERBS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "look": answers.job_answer,
    "events": answers.events_answer,
    "result": answers.result_answer,
    "diagnose": lambda told: answers.diagnosis_answer(*told),
    "links": lambda told: answers.links_answer(told[0], ()) | {"shown": [link.url for link in told[1]]},
}
"""The questions that are asked of a job: what the tracker calls each, and what an assistant is told."""
FACTS = ("job", "status", "stale")


async def told(tracker: Tracker, job: str, verb: str, answer: Any) -> dict[str, Any]:
    """What an assistant is told."""
    try:
        said: dict[str, Any] = answer(await getattr(tracker, verb)(job))
    except BrowserJobsError as error:
        said = {"problem": explain(error, tracker)}
    shown = said.pop("shown", [])
    assert_harmless(shown)
    assert_ours(said)
    assert said.get("job", job) == job
    return said


@pytest.mark.parametrize("name", providers.names())
async def test_no_field_of_a_provider_s_leaves_reported(name: str) -> None:
    world = new_world(retired=False)
    jobs = [f"{name}:{world.add(name, story).id}" for story in STORIES]

    class wire(Wire):  # noqa: N801 - the one of this test
        seen: ClassVar[set[str]] = set()
        spoiled: ClassVar[set[str]] = set()

    async with tracker_in(world, transport=wire) as tracker:

        async def look(job: str) -> dict[str, Any]:
            await anyio.sleep(2)
            return await told(tracker, job, "look", answers.job_answer)

        async def listed() -> set[str]:
            await anyio.sleep(2)
            rows = answers.list_answer(await tracker.list_jobs(), tracker)
            assert_ours(rows)
            return {row["job"] for row in rows["jobs"]}

        await anyio.sleep(20)
        tried: set[str] = set()
        bearable: set[str] = set()
        for job in jobs:
            wire.seen = set()
            as_it_is = await look(job)
            for field in sorted(wire.seen - tried):
                wire.spoiled = {field}
                said = await look(job)
                if [said.get(fact) for fact in FACTS] == [as_it_is.get(fact) for fact in FACTS]:
                    bearable.add(field)
            tried |= wire.seen
            wire.spoiled = set()
        assert bearable
        wire.seen = set()
        known = await listed()
        for field in sorted(wire.seen):
            wire.spoiled = {field}
            assert await listed() == known
        wire.spoiled = bearable
        for job in jobs:
            for verb, answer in VERBS.items():
                await anyio.sleep(2)
                await told(tracker, job, verb, answer)
