"""Links that somebody else made up lead to public addresses alone."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from mcp_browserjobs import providers
from mcp_browserjobs.errors import UnexpectedResponseError
from mcp_browserjobs.providers.base import Access, Connections, public
from mcp_browserjobs.providers.base.public import PrivateAddressError, PublicOnly, is_public

pytestmark = pytest.mark.anyio

PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each name leads to; what has none is not known."""
    known: dict[str, list[str]] = {}

    async def look_up(host: str, port: Any, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(anyio, "getaddrinfo", look_up)
    return known


class Carrier(httpx2.AsyncBaseTransport):
    """Notes where requests go; nobody is at the addresses in `deaf`."""

    def __init__(self, *deaf: str) -> None:
        self.deaf = deaf
        self.carried: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry it nowhere."""
        self.carried.append(request)
        if request.url.host in self.deaf:
            raise httpx2.ConnectError("nobody there", request=request)
        return httpx2.Response(200, text="there")


def client(carrier: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=PublicOnly(lambda: carrier))


async def test_what_was_looked_up_and_checked_is_connected_to(names: dict[str, list[str]]) -> None:
    names["cdn.example"] = [PUBLIC]
    carrier = Carrier()
    async with client(carrier) as http:
        assert (await http.get("https://cdn.example/picture.png?signed=1")).text == "there"
    [request] = carrier.carried
    assert str(request.url) == f"https://{PUBLIC}/picture.png?signed=1"
    assert (request.headers["host"], request.headers["connection"]) == ("cdn.example", "close")
    assert request.extensions["sni_hostname"] == "cdn.example"


@pytest.mark.parametrize("addresses", [[PRIVATE], [PUBLIC, PRIVATE], ["127.0.0.1"], ["169.254.169.254"], ["::1"]])
async def test_a_name_that_leads_into_a_private_network_is_not_followed(
    names: dict[str, list[str]], addresses: list[str]
) -> None:
    names["rebound.example"] = addresses
    carrier = Carrier()
    async with client(carrier) as http:
        with pytest.raises(PrivateAddressError):
            await http.get("https://rebound.example/")
    assert carrier.carried == []


async def test_one_address_after_another_is_tried(names: dict[str, list[str]]) -> None:
    names["cdn.example"] = ["2606:4700::1", PUBLIC, PUBLIC]
    carrier = Carrier("2606:4700::1")
    async with client(carrier) as http:
        assert (await http.get("https://cdn.example/")).text == "there"
        carrier.deaf = ("2606:4700::1", PUBLIC)
        with pytest.raises(httpx2.ConnectError):
            await http.get("https://cdn.example/")
        with pytest.raises(httpx2.ConnectError):
            await http.get("https://unknown.example/")
    assert [request.url.host for request in carrier.carried] == ["2606:4700::1", PUBLIC] * 2


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        (PUBLIC, True),
        ("2606:4700::1", True),
        ("::ffff:93.184.215.14", True),
        ("::ffff:10.0.0.7", False),
        ("2002:a00:7::1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - none is listened at
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("fd00::1", False),
    ],
)
def test_which_addresses_are_public(address: str, *, is_one: bool) -> None:
    assert is_public(address) is is_one


async def test_a_download_goes_that_way_and_an_account_s_own_host_need_not(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    names["rebound.example"] = [PRIVATE]
    kind = providers.load("gobii")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        home = f"http://127.0.0.1:{listener.getsockname()[1]}"
        answering = threading.Thread(target=answer_once, args=(listener,))
        answering.start()
        connections = Connections()
        http = connections.open(kind, Access("gobii", "gobii", SecretStr("key"), "GOBII_API_KEY", home), {}).http
        with pytest.raises(UnexpectedResponseError):
            await http.download("https://rebound.example/picture.png")
        assert await http.download(f"{home}/picture.png") == b"there"
        answering.join()
        await connections.aclose()


def answer_once(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthere")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for `cdn.example`, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cdn.example")]),
    )
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("cdn.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = tmp_path / "cdn.pem"
    file.write_bytes(written + built.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def served(certificate: Path) -> Iterator[int]:
    """The port of a server on this machine that has this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as plain, context.wrap_socket(plain, server_side=True) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield plain.getsockname()[1] if plain.fileno() != -1 else listener.getsockname()[1]
        thread.join()


def serve(listener: ssl.SSLSocket) -> None:
    for _ in range(2):
        try:
            answer_once(listener)
        except OSError:
            continue


async def test_the_certificate_is_still_that_of_the_name(
    served: int, certificate: Path, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "is_public", lambda address: ipaddress.ip_address(address).is_loopback)
    names |= {"cdn.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
    trusted = ssl.create_default_context(cafile=certificate)
    carrier = httpx2.AsyncHTTPTransport(verify=trusted)
    async with client(carrier) as http:
        assert (await http.get(f"https://cdn.example:{served}/")).text == "there"
        with pytest.raises(httpx2.ConnectError):
            await http.get(f"https://other.example:{served}/")
