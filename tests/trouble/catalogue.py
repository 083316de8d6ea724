"""Every trouble that is played: its name, what is done on the wire, and what must hold meanwhile.

Whatever it is, the process lives, no event that was shown is lost, doubled or given another number, no word of a
stranger becomes one of ours, no key is seen, and afterwards the truth is told again. What differs is `told`.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import partial
from typing import Literal

import anyio
import httpx2
from pydantic import JsonValue

from mcp_browserjobs import providers
from mcp_browserjobs.providers.base import AwaitsChanges, StreamsChanges
from mcp_browserjobs.watch.feed import SILENCE_SECONDS
from mcp_browserjobs.watch.pace import BEATING_BRIEFEST
from tests.trouble.wire import (
    ELSEWHERE,
    STRANGER,
    Body,
    Meeting,
    Pass,
    altered,
    as_json,
    comes,
    cut,
    each,
    fails,
    flood,
    instead,
    is_by_name,
    is_open,
    lists,
    moments,
    packed,
    slowly,
    to,
)

Told = Literal["the truth", "the last known state", "either", "a refusal"]
"""What a question is answered with while it lasts; a refusal ends waits, and says what to do."""


@dataclass(frozen=True)
class Trouble:
    """One trouble.

    Args:
        done: what is done on the wire.
        meets: what meets the requests.
        lasts: half a minute in the middle of the jobs' lives, or all the time.
        one_in: so many requests is met by it.
        rests: for how many seconds afterwards the provider has asked not to be asked.
        jump: by how many seconds the clock of the wall is wrong meanwhile.
        feeds: whether it is about providers that tell of changes by themselves.
        falsifies: whether events are told in other words or under other ids meanwhile.
        large: whether the memory that it takes is to be measured.
    """

    name: str
    done: str
    meets: Meeting | None
    told: Told = "the last known state"
    lasts: Literal["a while", "always"] = "a while"
    one_in: int = 1
    rests: float = 0
    jump: float = 0
    feeds: bool = False
    falsifies: bool = False
    large: bool = False

    def concerns(self, provider: str) -> bool:
        """Whether it can happen to this provider."""
        tells = issubclass(providers.load(provider), AwaitsChanges | StreamsChanges)
        return tells or not self.feeds


INDIA = timezone(timedelta(hours=5, minutes=30))
NOT_BY_PLACE = ", but not where a log is asked for by places or times of its own"
"""Told otherwise only on the way, it would be another log than the one that is asked for."""
DEEDS, NOT_DEEDS = "action", ", but not what one step of browser-use at Hyperbrowser did"
"""Its `action` lists deeds without an id or a time: what stands there twice may well have been done twice."""
PAGE = f"<!doctype html><title>{STRANGER}</title><p>{STRANGER}"
HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream"}
BEAT_SECONDS = 5.0


def http_date(seconds: float) -> str:
    """The moment in so many seconds, as a header says it."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def limited(wish: Callable[[], str] | None) -> Meeting:
    """A 429 with this `Retry-After`."""

    def make(_request: httpx2.Request) -> httpx2.Response:
        headers = [] if wish is None else [(b"Retry-After", wish().encode())]
        return httpx2.Response(429, headers=headers, json={"detail": STRANGER})

    return comes(make)


def streamed(headers: Mapping[str, str], *pieces: bytes) -> Meeting:
    """These pieces of a body, which nobody has unpacked."""
    return comes(lambda _: httpx2.Response(200, headers=headers, stream=Body(lambda: pieces)))


def redirect(status: int, target: str) -> Meeting:
    """To this address, with the path of what was asked for in the place of {}."""
    return comes(lambda request: httpx2.Response(status, headers={"Location": target.format(request.url.path)}))


def mistyped(name: str, part: JsonValue) -> JsonValue:
    """A text becomes an object, a number a text, and so on."""
    match part:
        case str():
            return {"text": STRANGER}
        case bool():
            return STRANGER
        case int() | float():
            return [part]
        case _:
            return 0


def numbers(number: str) -> Meeting:
    """Every number of an answer is this one."""
    mark = "9191919191"

    def change(_name: str, part: JsonValue) -> JsonValue:
        return int(mark) if isinstance(part, int | float) and not isinstance(part, bool) else part

    marked = as_json(each(change))
    return altered(lambda body: marked(body).replace(mark.encode(), number.encode()))


def costs(number: str) -> Meeting:
    """Everything that is called a cost, a price or credits is this number."""
    mark = "9191919191"

    def change(name: str, part: JsonValue) -> JsonValue:
        return int(mark) if any(word in name.lower() for word in ("cost", "credit", "price", "usd")) else part

    marked = as_json(each(change))
    return altered(lambda body: marked(body).replace(mark.encode(), number.encode()))


def ids(change: Callable[[str], str]) -> Meeting:
    """Every id of something other than the job is changed: of events, messages, steps, questions, sessions."""

    def within(value: JsonValue, *, top: bool = True) -> JsonValue:
        match value:
            case dict():
                return {
                    key: change(part) if key == "id" and isinstance(part, str) and not top else within(part, top=False)
                    for key, part in value.items()
                }
            case list():
                return [within(part, top=top) for part in value]
            case _:
                return value

    return altered(as_json(within))


def twice(parts: list[JsonValue]) -> list[JsonValue]:
    """Each of them twice."""
    return [part for part in parts for _ in range(2)]


def nested(depth: int) -> bytes:
    """An answer of nothing but lists in lists."""
    return b"[" * depth + b"]" * depth


def wrapped(value: JsonValue, *, depth: int = 60) -> JsonValue:
    """An object with something deep beside what it says."""
    deep: JsonValue = STRANGER
    for _ in range(depth):
        deep = {"a": [deep]}
    return {**value, "surprise": deep} if isinstance(value, dict) else value


def doubled_keys(body: bytes) -> bytes:
    """Every object says everything twice: first something else, then the truth."""

    def of(value: JsonValue) -> str:
        match value:
            case dict():
                parts = [f"{json.dumps(key)}: {json.dumps(STRANGER)}" for key in value]
                parts += [f"{json.dumps(key)}: {of(part)}" for key, part in value.items()]
                return "{" + ", ".join(parts) + "}"
            case list():
                return "[" + ", ".join(map(of, value)) + "]"
            case _:
                return json.dumps(value)

    try:
        return of(json.loads(body)).encode()
    except ValueError:
        return body


async def silence(_request: httpx2.Request, _through: Pass) -> httpx2.Response:
    """Nothing is ever answered."""
    await anyio.sleep_forever()
    raise AssertionError


def cookies(name: str) -> dict[str, str]:
    """A header that wants to be sent back."""
    return {"Set-Cookie": f"{name}={STRANGER}; Domain=example; Path=/"}


def _answers() -> Iterator[Trouble]:
    """What comes in the place of an answer."""
    yield Trouble("html 200", "a page of HTML with status 200", instead(200, headers=HTML, text=PAGE))
    yield Trouble("html as json", "a page of HTML that calls itself JSON", instead(200, headers=JSON, text=PAGE))
    for status in (500, 502, 503, 504, 520, 599):
        yield Trouble(
            f"html {status}", f"a page of HTML with status {status}", instead(status, headers=HTML, text=PAGE)
        )
    yield Trouble(
        "503 with a wish",
        "503 with `Retry-After: 40`",
        instead(503, headers={"Retry-After": "40"}, text=PAGE),
        rests=40,
    )
    yield Trouble("empty 200", "status 200 and no body", instead(200, headers=JSON))
    yield Trouble("blank 200", "status 200 and a body of blanks", instead(200, headers=JSON, content=b" \r\n\t"))
    yield Trouble("204", "status 204", instead(204))
    yield Trouble("205", "status 205", instead(205))
    yield Trouble("206", "status 206 with a part of a body", instead(206, headers=JSON, content=b'{"status": "compl'))
    for status in (300, 304, 400, 405, 406, 408, 409, 418, 422, 425, 451):
        yield Trouble(f"status {status}", f"status {status}", instead(status, json={"detail": STRANGER, "id": 1}))
    for body in (
        "null",
        "[]",
        "{}",
        "0",
        f'"{STRANGER}"',
        '{"surprise": true}',
        '[{"status": "completed"}]',
        "[[[1]]]",
    ):
        name = body.replace(STRANGER, "text")
        yield Trouble(f"json {name}", f"the JSON `{name}`", instead(200, headers=JSON, text=body), told="either")
    yield Trouble(
        "an error 200", "an error in JSON with status 200", instead(200, json={"error": {"message": STRANGER}})
    )
    yield Trouble("plain text", "plain text", instead(200, text=STRANGER))
    yield Trouble(
        "image", "a picture", instead(200, headers={"Content-Type": "image/png"}, content=b"\x89PNG\r\n\x1a\n")
    )
    yield Trouble("nested 100,000", "a hundred thousand lists in one another", instead(200, content=nested(100_000)))
    yield Trouble("nested 900", "nine hundred lists in one another", instead(200, content=nested(900)))


def _refusals() -> Iterator[Trouble]:
    """What is said of the key, the money, and the job itself."""
    for status in (401, 403, 402):
        yield Trouble(f"status {status}", f"status {status}", instead(status, json={"detail": STRANGER}), "a refusal")
    for status in (404, 410):
        yield Trouble(
            f"forgotten {status}",
            f"{status} for a job that was seen",
            instead(status, json={"detail": STRANGER}),
            "either",
        )
    yield Trouble(
        "forgotten now and then",
        "404 for a job that was seen, each third time",
        instead(404, json={"detail": STRANGER}),
        "either",
        one_in=3,
    )


def _limits() -> Iterator[Trouble]:
    """Too many requests."""
    wishes: tuple[tuple[str, Callable[[], str] | None, float], ...] = (
        ("without a wish", None, 40),
        ("in seconds", lambda: "7", 7),
        ("in parts of seconds", lambda: "0.5", 5),
        ("at once", lambda: "0", 5),
        ("by a date", lambda: http_date(20), 20),
        ("by a date long past", lambda: http_date(-1e8), 5),
        ("by a date far ahead", lambda: http_date(1e9), 600),
        ("negative", lambda: "-5", 40),
        ("huge", lambda: "999999999", 600),
        ("beyond all", lambda: "9" * 400, 40),
        ("not a number", lambda: "nan", 40),
        ("infinite", lambda: "inf", 40),
        ("garbage", lambda: STRANGER, 40),
        ("by no date", lambda: "Sun, 31 Nov 2026 12:00:00 GMT", 40),
        ("in other digits", lambda: "\N{ARABIC-INDIC DIGIT SEVEN}", 40),
    )
    for name, wish, rests in wishes:
        yield Trouble(f"429 {name}", f"429, its `Retry-After` {name}", limited(wish), rests=rests)


def _lines() -> Iterator[Trouble]:
    """What happens to the connection."""
    for name, failure in (
        ("refused", httpx2.ConnectError),
        ("connect time-out", httpx2.ConnectTimeout),
        ("read time-out", httpx2.ReadTimeout),
        ("reset before the head", httpx2.ReadError),
        ("no HTTP", httpx2.RemoteProtocolError),
        ("no free connection", httpx2.PoolTimeout),
    ):
        yield Trouble(name, f"the connection fails: {name}", fails(failure))
    yield Trouble("reset after the head", "the connection breaks after the head", cut(0, breaks=True))
    yield Trouble("reset within the body", "the connection breaks in the middle of the body", cut(0.5, breaks=True))
    yield Trouble("reset after the body", "the connection breaks after the whole body", cut(1, breaks=True))
    for share in (0.1, 0.5, 0.99):
        yield Trouble(f"truncated {share:.0%}", f"the body ends after {share:.0%} of it", cut(share, breaks=False))
    yield Trouble("silence", "nothing is ever answered", silence)
    yield Trouble("a byte a second", "a byte of the true answer each second", slowly(1), "either")
    yield Trouble("a byte in a while", "a byte of the true answer each ten seconds", slowly(10), "either")
    yield Trouble(
        "endless",
        "a body without an end",
        comes(lambda _: httpx2.Response(200, stream=Body(flood(10**6), pause=0.01))),
        large=True,
    )
    failing = replace(Trouble("", "", fails(httpx2.ReadError)), told="either")
    yield replace(failing, name="reset now and then", done="every second connection breaks", one_in=2)
    yield replace(failing, name="reset each third time", done="every third connection breaks", one_in=3)


def _redirects() -> Iterator[Trouble]:
    for status in (301, 302, 303, 307, 308):
        yield Trouble(
            f"redirect {status}", f"{status} to the same path of another host", redirect(status, ELSEWHERE + "{}")
        )
    yield Trouble("redirect loop", "302 to the very address that was asked", redirect(302, "{}"))
    yield Trouble(
        "redirect inwards", "307 to an address of one's own network", redirect(307, "http://169.254.169.254/")
    )
    yield Trouble("redirect nowhere", "302 to what is no address", redirect(302, "http://[{}"))
    yield Trouble("redirect to a file", "302 to a file", redirect(302, "file:///etc/passwd"))
    yield Trouble("redirect without a target", "302 that does not say where to", instead(302))


def _sizes() -> Iterator[Trouble]:
    """Too much of something."""
    yield Trouble(
        "50 MB",
        "a body of 50 MB",
        comes(lambda _: httpx2.Response(200, headers=JSON, stream=Body(flood(50)))),
        large=True,
    )
    yield Trouble(
        "15 MB of nothing",
        "JSON of 15 MB that is nothing but empty objects",
        comes(lambda _: httpx2.Response(200, headers=JSON, stream=Body(lambda: [b"[", *flood(15, b"{},")(), b"{}]"]))),
        large=True,
    )
    for coding in ("gzip", "deflate"):
        bomb = packed(coding, 50)
        yield Trouble(
            f"{coding} bomb",
            f"50 MB, packed by {coding} into {len(bomb) // 1000} KB",
            streamed({**JSON, "Content-Encoding": coding}, bomb),
            large=True,
        )
    twofold = packed("gzip", 50)
    for _ in range(4):
        twofold = gzip.compress(twofold)
    yield Trouble(
        "gzip in gzip",
        "50 MB, packed five times over",
        streamed({**JSON, "Content-Encoding": ", ".join(["gzip"] * 5)}, twofold),
        large=True,
    )
    many = ", ".join(["gzip"] * 5000)
    yield Trouble(
        "gzip without end", "packed, it says, five thousand times", streamed({**JSON, "Content-Encoding": many}, b"[]")
    )
    for coding in ("gzip", "br", "zstd", "nonsense"):
        yield Trouble(
            f"not {coding}",
            f"a body that is not packed by {coding}, as it says",
            streamed({**JSON, "Content-Encoding": coding}, STRANGER.encode()),
        )
    floods = [(f"X-{number}", STRANGER) for number in range(5000)]
    yield Trouble(
        "header flood",
        "five thousand headers, and cookies",
        altered(lambda body: body, headers={**dict(floods), **cookies("session")}),
        "the truth",
    )


def _bodies() -> Iterator[Trouble]:
    """What is wrong with the true answer."""
    false = Trouble("", "", None, told="either", falsifies=True)
    yield Trouble("mistyped", "every value is of another type", altered(as_json(each(mistyped))), "either")
    yield Trouble("nulls", "every value is null", altered(as_json(each(lambda *_: None))), "either")
    yield Trouble("empty lists", "every list is empty", altered(as_json(lists(lambda _: []))), "either")
    yield Trouble("invalid UTF-8", "bytes that are no UTF-8", altered(lambda body: body.replace(b'"', b'"\xff\xfe', 6)))
    yield Trouble("UTF-16", "the answer in UTF-16", altered(_in_utf_16), "either")
    for number in ("NaN", "-Infinity", "1e999", "1" + "0" * 400, "1" + "0" * 5000, "-1"):
        short = number if len(number) < 20 else f"1 with {len(number) - 1} zeros"
        yield replace(false, name=f"numbers {short}", done=f"every number is {short}", meets=numbers(number))
        yield replace(false, name=f"costs {short}", done=f"every cost is {short}", meets=costs(number))


def _manners() -> Iterator[Trouble]:
    """What is odd about the true answer, and has to be borne for as long as the job lasts."""
    always = Trouble("", "", None, told="the truth", lasts="always")

    def odd(name: str, done: str, meets: Meeting) -> Trouble:
        return replace(always, name=name, done=done, meets=meets)

    yield odd(
        "BOM",
        "a byte order mark before the JSON",
        altered(lambda body: b"\xef\xbb\xbf" + body if body[:1] in b"{[" else body),
    )
    for kind in (
        "text/html",
        "image/png",
        "application/json; charset=utf-16",
        "application/json; charset=nonsense",
        "",
    ):
        yield odd(
            f"type {kind or 'none'}", f"JSON as `{kind}`", altered(lambda body: body, headers={"Content-Type": kind})
        )
    yield odd("keys twice", "every object says everything twice, the truth last", altered(doubled_keys))
    yield odd("nested", "something deep that nobody asked for", altered(as_json(wrapped)))
    yield odd("naive times", "every time without its zone", altered(as_json(moments(lambda found: found[1]))))
    yield odd("other zones", "every time as it is in India", altered(as_json(moments(_in_india))))
    for name, year in (("far past", "0001"), ("long ago", "1970"), ("far future", "9999")):
        change = altered(as_json(moments(partial(_in_the_year, year))))
        yield odd(f"times {name}", f"every time in the year {year}{NOT_BY_PLACE}", to(is_by_name, change))
    yield odd("no times", "no time at all", altered(as_json(moments(lambda _: "soon"))))
    yield odd(
        "ids with control characters",
        "every id with control characters",
        ids(lambda said: f"{said}\x00\x1b[31m\u202e\n"),
    )
    yield odd("ids of a megabyte", "every id very long", ids(lambda said: said + "x" * 100_000))
    yield odd("ids with quotes", "every id with quotes", ids(lambda said: f'{said}\' OR "1"="1/../%00'))
    repeating = to(is_by_name, altered(as_json(lists(twice, but=DEEDS))))
    yield odd("events twice", f"every list says everything twice{NOT_DEEDS}{NOT_BY_PLACE}", repeating)
    at_times = f"every second list says everything twice{NOT_DEEDS}{NOT_BY_PLACE}"
    yield replace(odd("events twice at times", at_times, repeating), one_in=2)
    backwards = to(is_by_name, altered(as_json(lists(lambda parts: parts[::-1]))))
    yield replace(odd("events backwards", "every list the other way around", backwards), told="either")
    yield replace(
        odd("events reordered at times", "every second list the other way around", backwards), one_in=2, told="either"
    )


def _clocks() -> Iterator[Trouble]:
    """What becomes of our own clock."""
    for name, seconds in (("an hour", 3600.0), ("four minutes", 240.0), ("two seconds", 2.0), ("ten years", 3.2e8)):
        for way, sign in (("forward", 1), ("back", -1)):
            yield Trouble(
                f"clock {way} {name}",
                f"the clock is set {way} by {name}, and right again",
                None,
                "the truth",
                jump=sign * seconds,
            )
    yield Trouble("clock back in an outage", "503, and the clock is set back by an hour", instead(503), jump=-3600)
    yield Trouble("clock forward in an outage", "503, and the clock is set forward by an hour", instead(503), jump=3600)
    yield Trouble(
        "clock back in a rest", "429, and the clock is set back by an hour", limited(lambda: "20"), jump=-3600, rests=20
    )


def _feeds() -> Iterator[Trouble]:
    """What happens to streams and long polls alone, while looks work."""
    feed = Trouble("", "", None, told="the truth", feeds=True)

    def meets(name: str, done: str, meeting: Meeting) -> Trouble:
        return replace(feed, name=f"feed: {name}", done=f"streams and long polls: {done}", meets=to(is_open, meeting))

    yield meets("503", "status 503", instead(503))
    yield meets("404", "status 404", instead(404))
    yield meets("html", "a page of HTML", instead(200, headers=HTML, text=PAGE))
    yield meets("empty", "nothing in them", instead(200, headers=EVENTS, content=b""))
    yield replace(meets("silence", "nothing is ever answered", silence), rests=SILENCE_SECONDS)
    yield meets("reset before the head", "the connection breaks before the head", fails(httpx2.ReadError))
    yield meets("reset after the head", "the connection breaks after the head", cut(0, breaks=True))
    yield meets("reset within the body", "the connection breaks within the body", cut(0.5, breaks=True))
    yield meets("no JSON", "what comes is no JSON", instead(200, headers=EVENTS, content=b"data: {no\n\n"))
    yield meets(
        "wrong shape", "what comes is of another shape", instead(200, headers=EVENTS, content=b'data: {"a": 1}\n\n')
    )
    yield meets(
        "50 MB", "a line of 50 MB", comes(lambda _: httpx2.Response(200, headers=EVENTS, stream=Body(flood(50, b"x"))))
    )
    # Believed since the last look, which is a few seconds after the trouble, and until the next sign of life.
    beats = meets("heartbeats", "signs of life and nothing else", comes(_heartbeats))
    yield replace(beats, rests=BEATING_BRIEFEST + 2 * BEAT_SECONDS)
    yield replace(meets("a byte a second", "a byte each second", slowly(1)), rests=SILENCE_SECONDS)


def _heartbeats(_request: httpx2.Request) -> httpx2.Response:
    beat = b'event: sse_heartbeat\ndata: {"event": "sse_heartbeat"}\n\n'
    return httpx2.Response(200, headers=EVENTS, stream=Body(lambda: (beat for _ in range(1000)), pause=BEAT_SECONDS))


def _in_utf_16(body: bytes) -> bytes:
    try:
        return body.decode().encode("utf-16")
    except UnicodeDecodeError:
        return body


def _in_the_year(year: str, found: re.Match[str]) -> str:
    return f"{year}{found[1][4:]}{found[2]}"


def _in_india(found: re.Match[str]) -> str:
    return datetime.fromisoformat(found[0]).astimezone(INDIA).isoformat()


CATALOGUE: tuple[Trouble, ...] = (
    *_answers(),
    *_refusals(),
    *_limits(),
    *_lines(),
    *_redirects(),
    *_sizes(),
    *_bodies(),
    *_manners(),
    *_clocks(),
    *_feeds(),
)
