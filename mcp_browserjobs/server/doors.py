"""Who is let in over HTTP, and how much of the server one of them may take up."""

import math
from collections import Counter
from ipaddress import ip_address
from urllib.parse import urlsplit

import anyio
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import principal_components
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ConfigError
from ..settings import Settings
from .tokens import READ, SCOPES, Tokens

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""The names of this machine for itself."""

LARGEST_BODY = 1024 * 1024
BODY_SECONDS = 10.0
"""A request has to have arrived after so long."""
SHORTEST_TOKEN = 16
REQUESTS_A_MINUTE = 1200
REFUSALS_A_MINUTE = 60
"""So often may somebody without a good token try; the address counts."""
MOST_OPEN = 256
"""So many requests of one caller may be open at once, streams and waits included."""


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
        hosts += [public.netloc]
        origins += [f"{public.scheme}://{public.netloc}"]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def in_url(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def middleware(settings: Settings) -> list[Middleware]:
    """What every request passes, outermost first."""
    if not settings.guarded:
        return [Middleware(Bodies)]
    return [
        Middleware(AuthenticationMiddleware, backend=BearerAuthBackend(Tokens(settings))),
        Middleware(AuthContextMiddleware),
        Middleware(Turnstile),
        Middleware(Bodies),
    ]


def guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application for those alone who may read, where tokens are demanded."""
    if not settings.guarded:
        return app
    metadata = build_resource_metadata_url(_resource(settings)) if settings.oauth else None
    return RequireAuthMiddleware(app, [READ], metadata)


def metadata_routes(settings: Settings) -> list[Route]:
    """What tells a client which issuer to turn to (RFC 9728), where there is one."""
    if settings.oauth is None:
        return []
    return create_protected_resource_routes(_resource(settings), [AnyHttpUrl(settings.oauth.issuer)], SCOPES)


def _resource(settings: Settings) -> AnyHttpUrl:
    return AnyHttpUrl(f"{settings.public_url}/mcp")


class Turnstile:
    """Lets everybody in at a bearable pace, and strangers who try tokens at a slow one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._usual = RateLimitItemPerMinute(REQUESTS_A_MINUTE)
        self._refusals = RateLimitItemPerMinute(REFUSALS_A_MINUTE)
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        who = _caller(scope)
        in_time = self._limiter.test(self._refusals, who) and self._limiter.hit(self._usual, who)
        if not in_time or self._open[who] >= MOST_OPEN:
            await PlainTextResponse("Too many requests.", 429, {"Retry-After": "60"})(scope, receive, send)
            return

        async def listening(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                self._limiter.hit(self._refusals, who)
            await send(message)

        self._open[who] += 1
        try:
            await self._app(scope, receive, listening)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


def _caller(scope: Scope) -> str:
    """Whose request it is: that of a token's owner, or of an address."""
    user = scope.get("user")
    if isinstance(user, AuthenticatedUser):
        return f"token {principal_components(user.access_token)}"
    return f"address {(scope.get('client') or ('',))[0]}"


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
