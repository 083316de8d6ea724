"""How providers are opened: over the one HTTP client of the process."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Self

import httpx2

from .http import Access, Http
from .in_process import InProcess
from .provider import Provider

TIMEOUT = httpx2.Timeout(None, connect=10)
"""Whoever asks gives up by themselves; only a dead host is noticed here."""
LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20)


class Connections:
    """The one HTTP client of the process, made at first use; providers are opened over it.

    Args:
        transport: what carries the requests; None for the network.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None

    @classmethod
    def to_app(cls, app: Callable[..., Awaitable[None]]) -> Self:
        """Connections that end at an ASGI application in this process, whatever host is asked."""
        return cls(InProcess(app))

    def open(self, provider: type[Provider], access: Access, options: Mapping[str, str]) -> Provider:
        """The provider as this account reaches it."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=self._transport, timeout=TIMEOUT, limits=LIMITS, follow_redirects=False
            )
            # A cookie given to one account must not travel with another's key.
            self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        reached = replace(access, base_url=access.base_url + provider.api_path)
        headers = {provider.key_header: provider.key_scheme + access.key.get_secret_value()}
        return provider(Http(self._client, reached, headers=headers), options)

    async def aclose(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
