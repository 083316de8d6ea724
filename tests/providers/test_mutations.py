"""Every provider: whatever becomes of the fields of its answers, reading them ends well or with an error of ours."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from random import Random
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel, JsonValue

from mcp_browserjobs import providers
from mcp_browserjobs.errors import JobNotFoundError, NotAvailableError, UnexpectedResponseError
from mcp_browserjobs.jobs import Change, EventPage, Job, JobPage
from mcp_browserjobs.providers.base import Provider
from mcp_browserjobs.watch.look import fit, fit_event, fit_row
from tests.providers.replay import PAYLOADS, opened

pytestmark = pytest.mark.anyio

ROUNDS = 60
"""Of which no less than a tenth bring a job, or the answers are too broken to say much."""
RATES = (0.01, 0.05, 0.2)
"""How much of an answer becomes something else: the first leave most of it whole."""
LARGEST_BODY = 20_000
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**30, 1e308, 253402300800, "", "x", "\x00", "../..", "9" * 400, "A" * 700),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "http://[", "https://a b", "data:image/png;base64,AA"),
    *([], {}, [None], [[]], [{}], ["x"], {"a": None}, {"type": {}}, {"data": 1, "mediaType": "image/png"}),
)
READINGS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("fetch_job", ()),
    ("fetch_status", ()),
    ("fetch_events", (None,)),
    ("await_change", (None, 1)),
    ("stream_changes", (None,)),
    ("fetch_links", ()),
    ("fetch_screenshot", (-1,)),
    ("fetch_log", ()),
)


def bodies(provider: str) -> list[JsonValue]:
    """What the provider is known to answer."""
    return [
        body
        for path in sorted((PAYLOADS / provider).glob("*.json"))
        if path.name != "fields.json"
        for body in answers_in(json.loads(path.read_text("utf-8")))
        if len(json.dumps(body)) <= LARGEST_BODY
    ]


def answers_in(payload: dict[str, Any]) -> Iterator[JsonValue]:
    """The JSON of the answers that a file holds, in whichever form."""
    if "body" in payload:
        yield payload["body"]
    with suppress(ValueError):
        yield json.loads(payload.get("body_text", ""))
    for exchange in payload.get("exchanges", []):
        if exchange["response"].get("json") is not None:
            yield exchange["response"]["json"]


def mutated(value: JsonValue, chance: Random, rate: float) -> JsonValue:
    """The value, of which parts are gone, are of another kind, or mean something else."""
    if chance.random() < rate:
        odd: JsonValue = chance.choice(ODD)
        return odd
    match value:
        case dict():
            return {name: mutated(part, chance, rate) for name, part in value.items() if chance.random() > rate}
        case list():
            return [mutated(part, chance, rate) for part in value if chance.random() > rate]
        case _:
            return value


class Mutating:
    """Answers whatever is asked with some answer of the provider's, mutated."""

    def __init__(self, provider: str) -> None:
        self.bodies = bodies(provider)
        self.chance = Random(provider)  # noqa: S311 - the same in every run

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to a request."""
        body = mutated(self.chance.choice(self.bodies), self.chance, self.chance.choice(RATES))
        if request.headers["accept"] != "text/event-stream":
            return httpx2.Response(200, json=body)
        events = "".join(f"data: {json.dumps(event)}\n\n" for event in (body if isinstance(body, list) else [body]))
        return httpx2.Response(200, text=events, headers={"Content-Type": "text/event-stream"})


async def every(changes: AsyncGenerator[Change]) -> list[Change]:
    async with aclosing(changes):
        return [change async for change in changes]


async def read(provider: Provider, reading: str, *more: Any) -> Any:
    """What a reading brings, if the provider has it and it does not fail as it may."""
    if not hasattr(provider, reading):
        return None
    with suppress(UnexpectedResponseError, NotAvailableError, JobNotFoundError):
        way = getattr(provider, reading)(*more)
        return await (every(way) if reading == "stream_changes" else way)


def fitting(brought: Any) -> Iterator[BaseModel]:
    """What is kept of what was read, in the form in which it is."""
    match brought:
        case Job():
            yield fit(brought, ())
            yield from (fit_event(event, (), ()) for event in brought.events)
        case EventPage():
            yield from (fit_event(event, (), ()) for event in brought.events)
        case JobPage():
            yield from (fit_row(row, ()) for row in brought.jobs)
        case Change():
            yield from fitting(brought.page)
        case list():
            for change in brought:
                yield from fitting(change)


@pytest.mark.parametrize("name", providers.names())
async def test_no_answer_is_more_than_unexpected(name: str) -> None:
    kind = providers.load(name)
    ways = [(reading, (kind.example_id, *more)) for reading, more in READINGS]
    ways += [("list_jobs", (None, 5)), ("check_key", ())]
    jobs = 0
    async with opened(kind, Mutating(name)) as provider:
        for _ in range(ROUNDS):
            for reading, arguments in ways:
                brought = await read(provider, reading, *arguments)
                jobs += isinstance(brought, Job)
                for kept in fitting(brought):
                    assert kept.model_dump_json()
    assert jobs > ROUNDS / 10
