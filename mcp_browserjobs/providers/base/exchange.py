"""One request to a provider as those who run this see it: a count, a line of the log, a span.

Neither a key nor a body, a query or an id stands in any of them.
"""

import logging
import re
import time
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from ...tracing import Attributes, end_request, request_span
from .access import Access

FIXED_PART = re.compile(r"[a-z]+(?:[_-][a-z]+)*|v\d+")
"""How the parts of a path look that are the same for all jobs."""
NO_ANSWER = "no answer"

log = logging.getLogger(__name__)


class Exchange:
    """Frames one request; `status` is that of the answer, once there is one.

    Of a link that leads elsewhere than to the account's own API, nothing is told: it may give access.
    """

    def __init__(self, access: Access, method: str, url: str) -> None:
        self._access = access
        self._method = method
        self._url = url if url.startswith(access.base_url) else ""
        self.status: int | None = None

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._span = request_span(self._method, self._name, self._attributes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outcome = NO_ANSWER if self.status is None else str(self.status)
        if self._access.tally:
            self._access.tally(outcome)
        if self._span:
            refused = self.status is not None and self.status >= HTTPStatus.BAD_REQUEST
            end_request(self._span, self.status, outcome if refused else kind.__name__ if kind else None)
        if log.isEnabledFor(logging.DEBUG):
            seconds = round(time.perf_counter() - self._began, 3)
            extra = {"account": self._access.account, "provider": self._access.provider, "seconds": seconds}
            log.debug("%s: %s", self._name(), outcome, extra=extra)

    def _name(self) -> str:
        return f"{self._method} {template(self._url)}" if self._url else f"{self._method} of a link"

    def _attributes(self) -> Attributes:
        """As the semantic conventions for HTTP clients call them, but for the whole address."""
        common = {
            "http.request.method": self._method,
            "browserjobs.provider": self._access.provider,
            "browserjobs.account": self._access.account,
        }
        if not self._url:
            return common
        parts = urlsplit(self._url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        place = {"server.address": parts.hostname or "", "url.template": template(self._url)}
        return {**common, **place, "server.port": port}


def template(url: str) -> str:
    """The path of an address with a star for each part that may tell one job from another."""
    parts = urlsplit(url).path.split("/")
    return "/".join(part if not part or FIXED_PART.fullmatch(part) else "*" for part in parts)
