"""An OAuth issuer on this machine, and the tokens that it signs."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mcp_browserjobs.server.scopes import ACT, READ

AUDIENCE = "https://jobs.example.com/mcp"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: Any, name: str) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": name, "use": "sig"}


class Publisher(ThreadingHTTPServer):
    """An issuer's documents, told after so many `seconds`; it counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.seconds = 0.0
        self.keys: dict[str, Any] = {"one": RSA}
        self.documents: dict[str, Any] = {
            "/.well-known/oauth-authorization-server": {"issuer": self.origin, "jwks_uri": f"{self.origin}/keys"}
        }


class _Answer(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.seconds)
        known = self.server.keys.items()
        keys = {"keys": [key if isinstance(key, dict) else jwk(key, name) for name, key in known]}
        document = keys if self.path == "/keys" else self.server.documents.get(self.path)
        self.send_response(200 if document else 404)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def published() -> Iterator[Publisher]:
    """An issuer that can be reached."""
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
