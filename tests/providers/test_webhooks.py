"""What providers send by webhook: whom it is about, and what is not from them."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import JsonValue

from mcp_browserjobs import providers
from mcp_browserjobs.providers.base import Delivery, SendsWebhooks, signs
from tests.providers.replay import PAYLOADS, opened

pytestmark = pytest.mark.anyio

SECRET = "whsec_test"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
ID = "5b73fb3f-a3cb-4912-be40-17ce9e9e1a45"
SESSION = "cd9cc7bf-e3af-4181-80a2-73f083bc94b4"
SENDERS = ["browser_use", "dari", "gobii", "h_company", "skyvern"]

BROWSER_USE = {
    "type": "agent.task.status_update",
    "timestamp": "2025-05-25T09:22:22.269116+00:00",
    "payload": {
        "session_id": SESSION,
        "task_id": ID,
        "status": "finished",
        "metadata": {"campaign": "q4-automation", "team": "marketing"},
    },
}


def digest(message: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def raw(value: Any) -> bytes:
    return json.dumps(value).encode()


def canonical(value: Any, *, ascii_only: bool = True) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only).encode()


def genuine(provider: str, body: Any = None, sent: str = STAMP) -> tuple[dict[str, str], bytes]:
    """Headers and body as the provider sends them."""
    match provider:
        case "browser_use":
            body = body or BROWSER_USE
            signature = digest(f"{sent}.".encode() + canonical(body)).hex()
            return {"x-browser-use-timestamp": sent, "x-browser-use-signature": signature}, raw(body)
        case "dari":
            body = body or {"job_id": ID, "status": "completed", "event_type": "completed"}
            return {"x-webhook-signature": digest(raw(body)).hex()}, raw(body)
        case "gobii":
            return {}, raw(body or {"id": ID, "status": "completed", "agent_id": None, "result": "x"})
        case "h_company":
            content = raw(body or {"type": "session.completed", "data": {"session_id": ID, "status": "completed"}})
            signature = digest(f"{sent}.".encode() + content).hex()
            return {"x-h-webhook-timestamp": sent, "x-h-webhook-signature": f"sha256={signature}"}, content
        case _:
            content = raw(body or {"workflow_run_id": "wr_1", "run_id": "wr_1", "status": "completed"})
            return {"x-skyvern-signature": digest(content).hex()}, content


async def jobs_of(
    provider: str, headers: dict[str, str], body: bytes, *, secret: str = SECRET, now: datetime = NOW
) -> tuple[str, ...]:
    kind: Any = providers.load(provider)
    async with opened(kind, lambda _: httpx2.Response(500)) as opened_provider:
        assert isinstance(opened_provider, SendsWebhooks)
        return opened_provider.jobs_of(Delivery(headers, body, now), secret)


def test_these_and_no_others_send_webhooks() -> None:
    assert [name for name in providers.names() if hasattr(providers.load(name), "jobs_of")] == SENDERS


@pytest.mark.parametrize("provider", SENDERS)
async def test_a_genuine_delivery_tells_its_job(provider: str) -> None:
    expected = {"browser_use": (ID, SESSION), "skyvern": ("wr_1",)}
    assert await jobs_of(provider, *genuine(provider)) == expected.get(provider, (ID,))


@pytest.mark.parametrize("provider", [name for name in SENDERS if name != "gobii"])
async def test_what_is_not_signed_so_is_nobody_s(provider: str) -> None:
    headers, body = genuine(provider)
    [signed] = [name for name in headers if name.endswith("signature")]
    forged = [
        ({}, body),
        (headers, body.replace(b'"status": "', b'"status": "un')),
        (headers, b""),
        *(
            ({**headers, signed: value}, body)
            for value in ("", "sha256=", "0" * 64, headers[signed][:-1], headers[signed][::-1], "é", "none", "=")
        ),
    ]
    for wrong, content in forged:
        assert await jobs_of(provider, wrong, content) == ()
    assert await jobs_of(provider, headers, body, secret="another") == ()


@pytest.mark.parametrize("provider", ["browser_use", "h_company"])
async def test_what_was_sent_long_ago_or_later_is_a_replay(provider: str) -> None:
    for seconds, good in ((-301, False), (-299, True), (299, True), (301, False)):
        found = await jobs_of(provider, *genuine(provider), now=NOW + timedelta(seconds=seconds))
        assert bool(found) is good
    for sent in ("", "soon", "1e9", "-5", "9" * 30, "\u00b2"):
        assert await jobs_of(provider, *genuine(provider, sent=sent)) == ()


@pytest.mark.parametrize("provider", SENDERS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        7,
        {"payload": {"test": "ok"}, "type": "test"},
        {"data": None, "payload": [], "id": 7},
        {
            "id": "../x",
            "job_id": "?",
            "data": {"session_id": "%2e"},
            "payload": {"task_id": "a/b"},
            "run_id": "wr_1/..",
        },
    ],
)
async def test_what_is_about_no_job_tells_none(provider: str, body: JsonValue) -> None:
    headers, _ = genuine(provider, {})
    content = raw(body)
    signed = {
        "browser_use": {"x-browser-use-signature": digest(f"{STAMP}.".encode() + canonical(body)).hex()},
        "h_company": {"x-h-webhook-signature": digest(f"{STAMP}.".encode() + content).hex()},
        "dari": {"x-webhook-signature": digest(content).hex()},
        "skyvern": {"x-skyvern-signature": digest(content).hex()},
    }
    assert await jobs_of(provider, headers | signed.get(provider, {}), content) == ()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"id": NaN}', b"<html>"])
@pytest.mark.parametrize("provider", SENDERS)
async def test_what_cannot_be_read_tells_nothing(provider: str, body: bytes) -> None:
    headers, _ = genuine(provider)
    assert await jobs_of(provider, headers, body) == ()


async def test_the_documented_signature_of_browser_use_is_good() -> None:
    """Computed by hand for the example of the vendor's page."""
    signature = "0cade8d540aefa5f266a9ab49f2cd17d2cbdfa277d8b6794df4351cd95590caf"
    headers = {"x-browser-use-timestamp": "1748164942", "x-browser-use-signature": signature}
    then = datetime.fromtimestamp(1748164942, UTC)
    assert await jobs_of("browser_use", headers, raw(BROWSER_USE), now=then) == (ID, SESSION)


@pytest.mark.parametrize("ascii_only", [True, False])
async def test_browser_use_may_escape_other_letters_or_not(ascii_only: bool) -> None:  # noqa: FBT001 - a parameter of the test
    body = {"payload": {"task_id": ID, "metadata": {"name": "Zoë"}}}
    signature = digest(f"{STAMP}.".encode() + canonical(body, ascii_only=ascii_only)).hex()
    headers = {"x-browser-use-timestamp": STAMP, "x-browser-use-signature": signature}
    assert await jobs_of("browser_use", headers, raw(body)) == (ID,)


@pytest.mark.parametrize("prefix", ["", "sha256="])
@pytest.mark.parametrize("encode", [bytes.hex, lambda signature: b64encode(signature).decode()])
@pytest.mark.parametrize("written", [raw, canonical, lambda body: raw(body).replace(b" ", b"")])
async def test_dari_may_sign_and_write_in_several_ways(prefix: str, encode: Any, written: Any) -> None:
    body = {"job_id": ID.upper(), "status": "failed", "event_type": "error"}
    headers = {"x-webhook-signature": prefix + encode(digest(written(body)))}
    assert await jobs_of("dari", headers, raw(body)) == (ID,)


async def test_dari_may_sign_as_its_older_product() -> None:
    content = raw({"job_id": ID})
    signature = digest(b"1." + content).hex()
    headers = {"x-webhook-timestamp": "1", "x-webhook-signature": f"sha256={signature}"}
    assert await jobs_of("dari", headers, content) == (ID,)


async def test_a_recorded_delivery_of_skyvern_is_good() -> None:
    recording = json.loads((PAYLOADS / "skyvern" / "webhook_completed.json").read_text("utf-8"))
    [delivery] = recording["webhooks_received"]
    key = ".".join(recording["signing"]["key_parts"])
    found = await jobs_of("skyvern", delivery["headers"], delivery["body_text"].encode(), secret=key)
    assert found == ("wr_599668486403217730",)


@pytest.mark.parametrize("case", ["webhook_completed", "webhook_failed", "webhook_cancelled_then_completed"])
async def test_recorded_deliveries_of_gobii_tell_their_task(case: str) -> None:
    recording = json.loads((PAYLOADS / "gobii" / f"{case}.json").read_text("utf-8"))
    for delivery in recording["webhooks_received"]:
        body = delivery["body_text"].encode()
        assert await jobs_of("gobii", delivery["headers"], body) == (json.loads(body)["id"],)


@pytest.mark.parametrize("provider", [name for name in SENDERS if name != "gobii"])
async def test_a_large_body_costs_no_work_before_its_signature_is_good(provider: str) -> None:
    headers, _ = genuine(provider)
    body = b'{"job_id": "%s", "payload": {"task_id": "%s"}, "x": [%s]}' % (
        ID.encode(),
        ID.encode(),
        b",".join([b"[" * 90 + b"]" * 90] * 5000),
    )
    begin = time.process_time()
    assert await jobs_of(provider, headers, body) == ()
    assert time.process_time() - begin < 0.1


@pytest.mark.parametrize("provider", ["dari", "h_company", "skyvern"])
async def test_a_large_body_that_is_signed_as_it_is_counts(provider: str) -> None:
    large = {"job_id": ID, "run_id": "wr_1", "data": {"session_id": ID}, "result": "x" * 100_000}
    assert await jobs_of(provider, *genuine(provider, large))


def test_a_signature_fits_one_spelling_only() -> None:
    good = digest(b"x")
    assert signs(SECRET, good.hex(), [b"y", b"x"])
    assert signs(SECRET, good.hex().upper(), [b"x"])
    assert signs(SECRET, b64encode(good).decode(), [b"x"])
    assert not signs(SECRET, b64encode(good).decode().rstrip("="), [b"x"])
    assert not signs(SECRET, good.hex() + "00", [b"x"])
    assert not signs(SECRET, good.hex(), [])
