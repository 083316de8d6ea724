"""Where providers may send their webhooks: `POST /hooks/{account}`, with a secret after it where they sign nothing."""

import logging
from collections.abc import Awaitable, Callable

from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..deliveries import Deliveries
from ..errors import BrowserJobsError
from ..providers.base import Delivery
from ..tracker import Tracker
from .doors import Bodies, Pace, caller, too_many

DELIVERIES_A_MINUTE = 600
"""From one address; more are neither read nor remembered."""

log = logging.getLogger(__name__)


def routes(tracker: Tracker) -> list[Route]:
    """The addresses of all accounts. Every delivery gets the same answer at once, of which nothing can be learned."""
    take = _taking(Deliveries(tracker), tracker)
    return [
        Route(f"/hooks/{{account}}{secret}", take, methods=["POST"], middleware=[Middleware(Bodies)])
        for secret in ("", "/{secret}")
    ]


def _taking(deliveries: Deliveries, tracker: Tracker) -> Callable[[Request], Awaitable[Response]]:
    pace = Pace(DELIVERIES_A_MINUTE)

    async def take(request: Request) -> Response:
        if seconds := pace.seconds_to_wait(caller(request.scope)):
            return too_many(seconds)
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(headers, await request.body(), tracker.clock())
        account, secret = request.path_params["account"], request.path_params.get("secret", "")
        return Response(status_code=202, background=BackgroundTask(take_in, account, secret, delivery))

    async def take_in(account: str, secret: str, delivery: Delivery) -> None:
        try:
            await deliveries.take(account, secret, delivery)
        except BrowserJobsError as error:
            log.warning("a webhook cannot be taken in: %s", type(error).__name__)

    return take
