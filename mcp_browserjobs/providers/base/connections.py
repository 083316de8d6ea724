"""How providers are opened: over the one HTTP client of the process."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Self
from urllib.request import getproxies

import httpx2

from .access import Access
from .http import Http
from .in_process import InProcess
from .provider import Provider
from .public import PublicOnly

TIMEOUT = httpx2.Timeout(None, connect=10)
"""Whoever asks gives up by themselves; only a dead host is noticed here."""
LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20)


class Connections:
    """The HTTP client of the process, made at first use, and another for links that lead elsewhere.

    Providers are opened over them.

    Args:
        transport: what carries the requests; None for the network.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None
        self._outside: httpx2.AsyncClient | None = None

    @classmethod
    def to_app(cls, app: Callable[..., Awaitable[None]]) -> Self:
        """Connections that end at an ASGI application in this process, whatever host is asked."""
        return cls(InProcess(app))

    def open(self, provider: type[Provider], access: Access, options: Mapping[str, str]) -> Provider:
        """The provider as this account reaches it."""
        if self._client is None:
            self._client = self._outside = _client(self._transport)
            # Behind a proxy, names are the proxy's to look up.
            if self._transport is None and not {"all", "https"} & getproxies().keys():
                self._outside = _client(PublicOnly())
        reached = replace(access, base_url=access.base_url + provider.api_path)
        headers = {provider.key_header: provider.key_scheme + access.key.get_secret_value()}
        return provider(Http(self._client, reached, headers=headers, outside=self._outside), options)

    async def aclose(self) -> None:
        """Close the clients."""
        for client in {self._client, self._outside}:
            if client is not None:
                await client.aclose()
        self._client = self._outside = None


def _client(transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    client = httpx2.AsyncClient(transport=transport, timeout=TIMEOUT, limits=LIMITS, follow_redirects=False)
    # A cookie given to one account must not travel with another's key.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client
