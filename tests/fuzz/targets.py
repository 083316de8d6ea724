"""The parsers that read what strangers wrote, each as a target of bytes that must not raise anything else than ours."""

import asyncio
import gzip
import hashlib
import hmac
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import httpx2
from pydantic import SecretStr

from mcp_browserjobs import providers
from mcp_browserjobs.archives import BrokenArchiveError, find_screenshots, read_screenshot
from mcp_browserjobs.errors import BrowserJobsError, NotAvailableError
from mcp_browserjobs.hosts.formats import Format, NotValidError
from mcp_browserjobs.hosts.jsonc import JSON, JSONC
from mcp_browserjobs.hosts.toml import TOML
from mcp_browserjobs.hosts.yaml import YAML_FORMAT
from mcp_browserjobs.images import LONGEST_SIDE, MOST_BYTES, fit
from mcp_browserjobs.providers.base import Access, Connections, Delivery, Provider, SendsWebhooks
from mcp_browserjobs.references import References
from mcp_browserjobs.settings import from_environment
from mcp_browserjobs.store import MEMORY
from mcp_browserjobs.tracker import Tracker
from tests.properties.bodies import literals_of, module_of
from tests.providers.test_mutations import READINGS, fitting

Target = Callable[[bytes], object]

SEPARATOR = b"\x1e"
"""Stands between the bodies of several answers; the last one is given again and again."""
STATUSES = (200, 200, 200, 204, 400, 402, 403, 404, 409, 410, 418, 422, 429, 500, 503, 307)
MOST_EVENTS = 200
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "whsec_test"
ENTRY: dict[str, Any] = {"command": "x", "args": ['a "b"'], "env": {"K": "v"}}
PATH = ("servers", "browserjobs")

ACTING: tuple[tuple[str, tuple[Any, ...]], ...] = (
    *((name, ()) for name in ("pause_job", "resume_job", "cancel_job")),
    ("answer_question", ("q", "a")),
)
WITHOUT_JOB: tuple[tuple[str, tuple[Any, ...]], ...] = (
    *(("list_jobs", (None, 5)), ("check_key", ())),
    ("start_job", ("my-org/contact_form", {"portal": "x"})),
)


@cache
def runner() -> asyncio.Runner:
    """What all coroutines here run in."""
    return asyncio.Runner()


class Answers:
    """Answers with one body after another; the first byte says with which status, the second which call is made."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = [b""]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to a request."""
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        streamed = request.headers["accept"] == "text/event-stream"
        headers = (
            {"Content-Type": "text/event-stream"}
            if streamed
            else {"Location": "https://x.example/", "Retry-After": "3"}
        )
        return httpx2.Response(self.status, headers=headers, content=body)


@cache
def opened(name: str) -> tuple[Provider, Answers]:
    """A provider, and who answers it."""
    answers, kind = Answers(), providers.load(name)
    access = Access(name, name, SecretStr("k"), "K", kind.base_url)
    return Connections(httpx2.MockTransport(answers)).open(kind, access, {}), answers


def answered(name: str, content: bytes) -> None:
    """Make a call to a provider that is answered so."""
    provider, answers = opened(name)
    job_id = type(provider).example_id
    calls = [(call, (job_id, *more)) for call, more in READINGS + ACTING] + [*WITHOUT_JOB]
    able = [(call, arguments) for call, arguments in calls if hasattr(provider, call)]
    first, second = content[:1] or b"\0", content[1:2] or b"\0"
    answers.status = STATUSES[first[0] % len(STATUSES)]
    answers.bodies = content[2:].split(SEPARATOR)
    call, arguments = able[second[0] % len(able)]
    way = getattr(provider, call)(*arguments)
    with suppress(BrowserJobsError):
        made = runner().run(some(way) if isinstance(way, AsyncGenerator) else way)
        for kept in fitting(made):
            kept.model_dump_json()


async def some(changes: AsyncGenerator[Any]) -> list[Any]:
    """The first of what a stream tells."""
    told = []
    async with aclosing(changes):
        async for change in changes:
            told.append(change)
            if len(told) == MOST_EVENTS:
                break
    return told


def delivered(content: bytes) -> None:
    """Deliver a webhook to each provider, as it is and well signed."""
    for name in providers.names():
        provider, _ = opened(name)
        if isinstance(provider, SendsWebhooks):
            for headers in ({}, *signed(name, content)):
                for job_id in provider.jobs_of(Delivery(headers, content, NOW), SECRET):
                    assert isinstance(job_id, str)


@cache
def header_names(provider: str) -> tuple[str, ...]:
    """The headers of its own that a provider's module reads."""
    return tuple(name for name in literals_of(module_of(provider)) if re.fullmatch(r"x-[a-z-]+", name))


def signed(provider: str, body: bytes) -> Iterator[Mapping[str, str]]:
    """Headers that vouch for a body in the ways that there are."""
    for message in (body, f"{STAMP}.".encode() + body):
        signature = hmac.digest(SECRET.encode(), message, hashlib.sha256).hex()
        stamps = {name: STAMP for name in header_names(provider) if name.endswith("timestamp")}
        yield dict.fromkeys(header_names(provider), signature) | stamps
    yield dict.fromkeys(header_names(provider), body.decode(errors="replace"))


def unpacked(content: bytes) -> None:
    """Look for screenshots in an archive; the first byte says whether it is packed yet."""
    packed = content[1:] if content[:1] == b"p" else gzip.compress(content[1:], 1)
    with suppress(BrokenArchiveError):
        for place in runner().run(find_screenshots(packed)):
            runner().run(read_screenshot(packed, place))


def scaled(content: bytes) -> None:
    """Make an image fit."""
    with suppress(NotAvailableError):
        image = fit(content)
        assert len(image.data) <= MOST_BYTES
        assert max(image.width, image.height) <= LONGEST_SIDE


def edited(kind: Format, content: bytes) -> None:
    """Put an entry into a configuration, and take it out; what cannot be edited says so."""
    text = content.decode(errors="replace")
    with suppress(NotValidError):
        document = kind.read(text)
        servers = document.get(PATH[0], {})
        if isinstance(servers, dict):
            installed = kind.put(text, PATH, ENTRY)
            if kind.read(installed) == {**document, PATH[0]: {**servers, PATH[1]: ENTRY}}:
                kind.read(kind.cut(installed, PATH))


@cache
def references() -> References:
    """Reads references where every provider has a key."""
    keys = {f"{providers.prefix(name)}_API_KEY": "k" for name in providers.names()}
    tracker = Tracker(from_environment({"BROWSERJOBS_STORE": MEMORY, **keys}))
    tracker.store.close()
    return References(tracker.accounts, tracker.provider)


def referred(content: bytes) -> None:
    """Read a reference; what it can mean is one again."""
    text = content.decode(errors="replace")
    with suppress(BrowserJobsError):
        for candidate in references().read(text).candidates:
            assert references().read(str(candidate.ref)).candidates[0].ref == candidate.ref


TARGETS: Mapping[str, Target] = {
    **{name: partial(answered, name) for name in providers.names()},
    "webhooks": delivered,
    "archives": unpacked,
    "images": scaled,
    **{
        name: partial(edited, kind)
        for name, kind in (("json", JSON), ("jsonc", JSONC), ("toml", TOML), ("yaml", YAML_FORMAT))
    },
    "references": referred,
}
