"""Which tokens are good: the two that can be set, and those of an issuer that publishes its keys on this machine."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from mcp_browserjobs.server.tokens import ACT, READ, Tokens
from mcp_browserjobs.settings import OAuth, Settings

pytestmark = pytest.mark.anyio

AUDIENCE = "https://jobs.example.com/mcp"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: Any, name: str) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": name, "use": "sig"}


class Publisher(ThreadingHTTPServer):
    """An issuer's documents, as long as it can be reached; it counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.keys: dict[str, Any] = {"one": RSA}
        self.documents: dict[str, Any] = {
            "/.well-known/oauth-authorization-server": {"issuer": self.origin, "jwks_uri": f"{self.origin}/keys"}
        }


class _Answer(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        keys = {"keys": [jwk(key, name) for name, key in self.server.keys.items()]}
        document = keys if self.path == "/keys" else self.server.documents.get(self.path)
        self.send_response(200 if document else 404)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher() as publisher:
        thread = threading.Thread(target=publisher.serve_forever, args=(0.01,))
        thread.start()
        yield publisher
        publisher.shutdown()
        thread.join()


def claims(publisher: Publisher, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": publisher.origin, "aud": AUDIENCE, "sub": "ann", "client_id": "desk", "exp": now + 60}
    return {name: value for name, value in {**said, "scope": f"{READ} {ACT}", **more}.items() if value is not None}


def signed(said: Mapping[str, Any], key: Any = RSA, name: str | None = "one", algorithm: str = "RS256") -> str:
    return jwt.encode(dict(said), key, algorithm=algorithm, headers={"kid": name} if name else None)


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
    public = str(RSA.public_key().public_numbers().n)
    forged = [
        signed(said, STRANGER),
        signed(said, STRANGER, "another"),
        signed(said, public.encode(), algorithm="HS256"),
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
