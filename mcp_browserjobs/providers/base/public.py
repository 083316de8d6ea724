"""The way to public addresses alone, for links that somebody else made up."""

import socket
from collections.abc import Callable
from functools import cached_property
from ipaddress import IPv6Address, ip_address

import anyio
import httpx2


class PrivateAddressError(httpx2.TransportError):
    """A name leads into somebody's own network."""


class PublicOnly(httpx2.AsyncBaseTransport):
    """Looks a name up once, and connects to what was looked at: no private address hides behind a public name.

    Args:
        carrier: makes, at first use, what carries the requests then.
    """

    def __init__(self, carrier: Callable[[], httpx2.AsyncBaseTransport] = httpx2.AsyncHTTPTransport) -> None:
        self._make = carrier

    @cached_property
    def _carrier(self) -> httpx2.AsyncBaseTransport:
        return self._make()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to one of the addresses of its host, if all of them are public."""
        host = request.url.host
        try:
            found = await anyio.getaddrinfo(host, request.url.port or request.url.scheme, type=socket.SOCK_STREAM)
        except OSError:
            raise httpx2.ConnectError("the name is not known", request=request) from None
        addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
        if not all(map(is_public, addresses)):
            raise PrivateAddressError("the name leads to an address that is not public", request=request)
        headers = request.headers.copy()
        # A connection to an address must not be used for another name there.
        headers["Connection"] = "close"
        failure: httpx2.TransportError = httpx2.ConnectError("the name has no address", request=request)
        for address in addresses:
            checked = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._carrier.handle_async_request(checked)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def aclose(self) -> None:
        """Close the connections, if there were any."""
        if "_carrier" in vars(self):
            await self._carrier.aclose()


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's, and not of somebody's own network.

    Raises:
        ValueError: it is no address.
    """
    parsed = ip_address(address)
    within = parsed.ipv4_mapped or parsed.sixtofour if isinstance(parsed, IPv6Address) else None
    return parsed.is_global and not parsed.is_multicast and (within is None or within.is_global)
