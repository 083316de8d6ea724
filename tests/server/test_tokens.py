"""Which tokens are good: the two that can be set, and those of an issuer that publishes its keys on this machine."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import anyio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from mcp_browserjobs.server import tokens as tokens_module
from mcp_browserjobs.server.scopes import ACT, READ
from mcp_browserjobs.server.tokens import Tokens, is_trusted
from mcp_browserjobs.settings import OAuth, Settings
from tests.server.issuer import AUDIENCE, RSA, STRANGER, Publisher, claims, published, signed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with published() as publisher:
        yield publisher


def tokens(publisher: Publisher) -> Tokens:
    return Tokens(Settings(oauth=OAuth(publisher.origin, AUDIENCE)))


async def test_a_token_that_is_set_allows_all_and_the_other_only_to_read() -> None:
    known = Tokens(Settings(token=SecretStr("s3cret"), read_token=SecretStr("r3ad")))
    full, reading = await known.verify_token("s3cret"), await known.verify_token("r3ad")
    assert full is not None
    assert reading is not None
    assert (full.scopes, reading.scopes) == ([READ, ACT], [READ])
    assert full.client_id != reading.client_id
    for wrong in ("", "s3cre", "s3crets", "S3CRET", "\udcff", "é"):
        assert await known.verify_token(wrong) is None


async def test_an_issuer_s_token_says_who_and_what(publisher: Publisher) -> None:
    found = await tokens(publisher).verify_token(signed(claims(publisher)))
    assert found is not None
    assert (found.client_id, found.subject, found.scopes) == ("desk", "ann", [READ, ACT])
    assert found.claims == {"iss": publisher.origin}
    assert found.token == ""


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [({"scope": READ}, [READ]), ({"scope": None, "scp": [READ, 7]}, [READ]), ({"scope": None}, []), ({"scope": 7}, [])],
)
async def test_scopes_are_words_or_a_list(publisher: Publisher, claim: dict[str, Any], scopes: list[str]) -> None:
    found = await tokens(publisher).verify_token(signed(claims(publisher, **claim)))
    assert found is not None
    assert found.scopes == scopes


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "https://elsewhere.example/mcp"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"nbf": 10**11},
    ],
)
async def test_a_token_for_somebody_else_or_of_another_time_is_not_good(
    publisher: Publisher, wrong: dict[str, Any]
) -> None:
    assert await tokens(publisher).verify_token(signed(claims(publisher, **wrong))) is None


async def test_a_token_that_the_issuer_did_not_sign_is_not_good(publisher: Publisher) -> None:
    known, said = tokens(publisher), claims(publisher)
    secret = b"a secret that everybody can read"
    encoded = urlsafe_b64encode(secret).decode().rstrip("=")
    publisher.keys["shared"] = {"kty": "oct", "k": encoded, "kid": "shared", "alg": "HS256"}
    public = str(RSA.public_key().public_numbers().n)
    forged = [
        signed(said, STRANGER),
        signed(said, STRANGER, "another"),
        signed(said, public.encode(), algorithm="HS256"),
        signed(said, secret, "shared", "HS256"),
        jwt.encode(said, "", algorithm="none", headers={"kid": "one"}),
        signed(said).rpartition(".")[0] + ".",
        signed(said)[:-8] + "AAAAAAAA",
        signed(said, name=None),
        "a.b.c",
        "x" * 100_000,
    ]
    for token in forged:
        assert await known.verify_token(token) is None, token[:40]


async def test_a_new_key_is_sought_but_not_for_every_stranger(publisher: Publisher) -> None:
    known = tokens(publisher)
    assert await known.verify_token(signed(claims(publisher)))
    for number in range(20):
        assert await known.verify_token(signed(claims(publisher), STRANGER, f"key {number}")) is None
    assert len(publisher.asked) <= 3


async def test_other_algorithms_and_places_of_metadata(publisher: Publisher) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    publisher.keys["two"] = key
    publisher.documents = {
        "/tenant/.well-known/openid-configuration": {
            "issuer": f"{publisher.origin}/tenant",
            "jwks_uri": f"{publisher.origin}/keys",
        }
    }
    issuer = f"{publisher.origin}/tenant"
    known = Tokens(Settings(oauth=OAuth(issuer, AUDIENCE)))
    said = claims(publisher, iss=issuer)
    assert await known.verify_token(signed(said, key, "two", "ES256"))
    assert publisher.asked[:2] == [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
    ]


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"issuer": "https://elsewhere.example", "jwks_uri": "https://elsewhere.example/keys"},
        {"jwks_uri": 7},
        {"issuer": "{origin}", "jwks_uri": "http://elsewhere.example/keys"},
        ["no object"],
    ],
)
async def test_an_issuer_that_cannot_be_trusted_lets_nobody_in(
    publisher: Publisher, document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(document, dict) and "issuer" in document:
        document["issuer"] = document["issuer"].format(origin=publisher.origin)
    publisher.documents["/.well-known/oauth-authorization-server"] = document
    known = tokens(publisher)
    for _ in range(2):
        assert await known.verify_token(signed(claims(publisher))) is None
    assert "keys" in caplog.text
    assert "elsewhere" not in caplog.text
    assert len(publisher.asked) <= 3


@pytest.mark.parametrize("part", ["head", "claims"])
async def test_a_token_that_is_nested_deeply_is_not_good(publisher: Publisher, part: str) -> None:
    nested = b"[" * 4000
    head = json.dumps({"alg": "RS256", "kid": "one"}).encode()
    parts = [nested, b"{}", b"x"] if part == "head" else [head, nested, b"x"]
    token = ".".join(urlsafe_b64encode(one).decode().rstrip("=") for one in parts)
    assert await tokens(publisher).verify_token(token) is None


async def test_while_the_issuer_cannot_be_asked_its_known_keys_are_good(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, good = tokens(publisher), signed(claims(publisher))
    assert await known.verify_token(good)
    publisher.keys = {}
    publisher.documents = {}
    monkeypatch.setattr(tokens_module, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(tokens_module, "RETRY_SECONDS", 0.0)
    assert await known.verify_token(good)
    assert len(publisher.asked) > 2


async def test_strangers_do_not_keep_others_waiting_for_a_slow_issuer(publisher: Publisher) -> None:
    known, good = tokens(publisher), signed(claims(publisher))
    assert await known.verify_token(good)
    known = tokens(publisher)
    publisher.seconds = 0.5
    async with anyio.create_task_group() as strangers:
        for number in range(60):
            strangers.start_soon(known.verify_token, signed(claims(publisher), STRANGER, f"key {number}"))
        await anyio.sleep(0.6)
        with anyio.fail_after(0.3):
            await anyio.to_thread.run_sync(len, "")
    assert len(publisher.asked) <= 4
    with anyio.fail_after(0.3):
        assert await known.verify_token(good)


@pytest.mark.parametrize(
    ("place", "issuer", "good"),
    [
        ("https://keys.example/keys", "https://issuer.example", True),
        ("http://issuer.example/keys", "https://issuer.example", False),
        ("http://issuer.example/keys", "http://issuer.example", True),
        ("http://elsewhere.example/keys", "http://issuer.example", False),
        ("file://issuer.example/etc/passwd", "https://issuer.example", False),
    ],
)
def test_keys_come_over_tls_or_as_the_issuer_itself(place: str, issuer: str, good: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_trusted(place, issuer) is good
