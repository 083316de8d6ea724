"""Who is let in over HTTP, and how much of the server one of them may take up."""

import logging
import math
from collections import Counter
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import principal_components
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ConfigError
from ..settings import Settings
from .scopes import READ, SCOPES
from .tokens import Tokens

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""The names of this machine for itself."""

LARGEST_HEAD = 16 * 1024
LARGEST_BODY = 1024 * 1024
BODY_SECONDS = 10.0
"""A request has to have arrived after so long."""
SHORTEST_TOKEN = 16
REQUESTS_A_MINUTE = 1200
REFUSALS_A_MINUTE = 60
"""So often may somebody without a good token try what needs one; the address counts."""
MOST_OPEN = 256
"""So many requests of one caller may be open at once, streams and waits included."""

log = logging.getLogger(__name__)


def check_host(settings: Settings, host: str) -> None:
    """Refuse to be open to other machines without anything that keeps their people out.

    Raises:
        ConfigError: names what is missing.
    """
    if host not in LOOPBACK and not settings.guarded:
        raise ConfigError(
            "--host",
            f"must be one of {', '.join(LOOPBACK)} unless BROWSERJOBS_TOKEN or BROWSERJOBS_OAUTH_ISSUER is set:"
            " nothing else would keep other machines out",
        )
    tokens = {"BROWSERJOBS_TOKEN": settings.token, "BROWSERJOBS_READ_TOKEN": settings.read_token}
    for variable, token in tokens.items():
        if host not in LOOPBACK and token and len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ConfigError(variable, f"must have at least {SHORTEST_TOKEN} characters to keep other machines out")


def names(settings: Settings, host: str) -> TransportSecuritySettings:
    """The hosts and origins that may be named in a request: those of this machine, the one bound, the public one."""
    hosts = [f"{name}{port}" for name in map(in_url, LOOPBACK) for port in ("", ":*")]
    origins = [f"http://{name}" for name in hosts]
    if host not in LOOPBACK and not _is_any(host):
        hosts += [f"{in_url(host)}{port}" for port in ("", ":*")]
    if settings.public_url:
        public = urlsplit(settings.public_url)
        usual = {"http": 80, "https": 443}[public.scheme]
        ports = ["", f":{usual}"] if public.port in (None, usual) else [f":{public.port}"]
        here = [in_url(public.hostname or "") + port for port in ports]
        hosts += here
        origins += [f"{public.scheme}://{name}" for name in here]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


def _is_any(host: str) -> bool:
    try:
        return not host or ip_address(host).is_unspecified
    except ValueError:
        return False


def in_url(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def middleware(settings: Settings, names: TransportSecuritySettings) -> list[Middleware]:
    """What every request passes that makes somebody work, outermost first."""
    if not settings.guarded:
        return [Middleware(Names, names)]
    return [
        Middleware(Names, names),
        Middleware(AuthenticationMiddleware, backend=BearerAuthBackend(Tokens(settings))),
        Middleware(AuthContextMiddleware),
        Middleware(Turnstile),
    ]


def guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application for those alone who may read, where tokens are demanded."""
    app = Bodies(app)
    if not settings.guarded:
        return app
    metadata = build_resource_metadata_url(_resource(settings)) if settings.oauth else None
    return Strangers(RequireAuthMiddleware(app, [READ], metadata))


def metadata_routes(settings: Settings) -> list[Route]:
    """What tells a client which issuer to turn to (RFC 9728), where there is one."""
    if settings.oauth is None:
        return []
    return create_protected_resource_routes(_resource(settings), [AnyHttpUrl(settings.oauth.issuer)], SCOPES)


def _resource(settings: Settings) -> AnyHttpUrl:
    return AnyHttpUrl(f"{settings.public_url}/mcp")


class Heads:
    """Turns away requests with too large a head, and those that say twice where they end.

    The other side of a proxy might understand the latter in another way, and hide a request within.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers: list[tuple[bytes, bytes]] = scope["headers"]
            size = len(scope["path"]) + len(scope["query_string"]) + sum(len(name + value) for name, value in headers)
            if size > LARGEST_HEAD:
                await _refusal(431, "The head of the request is too large.")(scope, receive, send)
                return
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
                await _refusal(400, "The request has two lengths.")(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Names:
    """Turns away requests that name another host, or come from another host's page."""

    def __init__(self, app: ASGIApp, names: TransportSecuritySettings) -> None:
        self._app = app
        self._check = TransportSecurityMiddleware(names)
        self._complained = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._check.validate_request(Request(scope)) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        if not self._complained:
            self._complained = True
            log.warning("a request is turned away that names, or comes from, a host other than BROWSERJOBS_PUBLIC_URL")
        await refusal(scope, receive, send)


class Pace:
    """How often each caller has asked within a minute. After it they are forgotten.

    Args:
        most: as often as this is not too often.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._minutes: dict[str, tuple[float, int]] = {}

    def seconds_to_wait(self, who: str) -> int:
        """Count one more; 0 when it is not too many, else after how many seconds there may be another."""
        now = anyio.current_time()
        while self._minutes:
            longest_known = next(iter(self._minutes))
            if self._minutes[longest_known][0] > now - 60:
                break
            del self._minutes[longest_known]
        began, count = self._minutes.get(who, (now, 0))
        self._minutes[who] = (began, count + 1)
        return 0 if count < self._most else math.ceil(began + 60 - now)


class Turnstile:
    """Lets everybody in at a bearable pace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pace = Pace(REQUESTS_A_MINUTE)
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        who = caller(scope)
        seconds = self._pace.seconds_to_wait(who)
        if seconds or self._open[who] >= MOST_OPEN:
            await too_many(seconds or 60)(scope, receive, send)
            return
        self._open[who] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


class Strangers:
    """Lets those who bring no good token be told so at a slow pace; the others pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pace = Pace(REFUSALS_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = isinstance(scope.get("user"), AuthenticatedUser)
        if scope["type"] == "http" and not known and (seconds := self._pace.seconds_to_wait(caller(scope))):
            await too_many(seconds)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def caller(scope: Scope) -> str:
    """Whose request it is: that of a token's owner, or of an address."""
    user = scope.get("user")
    if isinstance(user, AuthenticatedUser):
        return f"token {principal_components(user.access_token)}"
    return f"address {_subscriber((scope.get('client') or ('',))[0])}"


def _subscriber(host: str) -> str:
    """An address, or the network of IPv6 addresses that one subscriber has to themselves."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return f"{int(address) >> 64:x}"
    return host


def too_many(seconds: int) -> Response:
    """Who gets this may ask again after so many seconds."""
    return PlainTextResponse("Too many requests.", 429, {"Retry-After": str(seconds)})


class Bodies:
    """Takes in a request's body, if it is of a bearable size and comes in time, before anybody works on it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body: bytes | None = b""
        try:
            with anyio.fail_after(BODY_SECONDS):
                body = await _whole(scope, receive)
        except _TooLargeError:
            await _refusal(413, "The request is too large.")(scope, receive, send)
            return
        except TimeoutError:
            await _refusal(408, "The request took too long to arrive.")(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _first(body, receive), send)


class _TooLargeError(Exception):
    """More is sent than anybody has to say here."""


async def _whole(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, None when whoever sent it is gone."""
    if _declared(scope) > LARGEST_BODY:
        raise _TooLargeError
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise _TooLargeError
    return bytes(body)


def _declared(scope: Scope) -> float:
    """The length of the body, as the request says; 0 when it does not."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) if value.isdigit() else math.inf for value in lengths), default=0)


def _first(body: bytes, receive: Receive) -> Receive:
    """Gives the body, and after that what else comes in."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


def _refusal(status: int, text: str) -> Response:
    return PlainTextResponse(text, status, {"Connection": "close"})
