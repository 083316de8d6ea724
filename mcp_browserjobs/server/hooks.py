"""Where providers may send their webhooks: `POST /hooks/{account}`, with a secret after it where they sign nothing."""

import logging
from collections.abc import Awaitable, Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..deliveries import Deliveries
from ..errors import BrowserJobsError
from ..providers.base import Delivery
from ..tracker import Tracker

DELIVERIES_A_MINUTE = 600
"""From one address; more are neither read nor remembered."""

log = logging.getLogger(__name__)


def routes(tracker: Tracker, names: TransportSecuritySettings) -> list[Route]:
    """The addresses of all accounts. Every delivery gets the same answer, of which nothing can be learned."""
    take = _taking(Deliveries(tracker), tracker, names)
    return [Route(f"/hooks/{{account}}{secret}", take, methods=["POST"]) for secret in ("", "/{secret}")]


def _taking(
    deliveries: Deliveries, tracker: Tracker, names: TransportSecuritySettings
) -> Callable[[Request], Awaitable[Response]]:
    guard = TransportSecurityMiddleware(names)
    limiter, pace = MovingWindowRateLimiter(MemoryStorage()), RateLimitItemPerMinute(DELIVERIES_A_MINUTE)

    async def take(request: Request) -> Response:
        if refusal := await guard.validate_request(request):
            return refusal
        if not limiter.hit(pace, request.client.host if request.client else ""):
            return Response(status_code=429, headers={"Retry-After": "60"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(headers, await request.body(), tracker.clock())
        try:
            await deliveries.take(request.path_params["account"], request.path_params.get("secret", ""), delivery)
        except BrowserJobsError as error:
            log.warning("a webhook cannot be taken in: %s", type(error).__name__)
        return Response(status_code=202)

    return take
