"""Spans for whoever collects them, beside those that the MCP SDK makes for each message.

Where nobody does, nothing is imported for them: the SDK has loaded the API of OpenTelemetry already, or nobody has.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

from . import __version__

# ruff: noqa: PLC0415 - imports inside functions: see above

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, Tracer

Attributes = Mapping[str, str | int]


@cache
def _tracer() -> "Tracer":
    from opentelemetry.trace import get_tracer

    return get_tracer("mcp-browserjobs", __version__)


def _is_loaded() -> bool:
    return "opentelemetry.trace" in sys.modules


def request_span(method: str, name: Callable[[], str], attributes: Callable[[], Attributes]) -> "Span | None":
    """A span for a request to a provider, which who began it ends; None where nobody collects it."""
    if not _is_loaded():
        return None
    from opentelemetry.trace import SpanKind

    span = _tracer().start_span(method, kind=SpanKind.CLIENT)
    if not span.is_recording():
        return None
    span.update_name(name())
    span.set_attributes(attributes())
    return span


def end_request(span: "Span", status: int | None, failure: str | None) -> None:
    """End such a span with the status of the answer, and what failed."""
    from opentelemetry.trace import StatusCode

    if status is not None:
        span.set_attribute("http.response.status_code", status)
    if failure is not None:
        span.set_attribute("error.type", failure)
        span.set_status(StatusCode.ERROR)
    span.end()


def asking_span() -> "SpanContext | None":
    """The span of who asks now, to be linked with what is done for several who ask."""
    if not _is_loaded():
        return None
    from opentelemetry.trace import get_current_span

    context = get_current_span().get_span_context()
    return context if context.is_valid else None


def root_span(name: str, attributes: Attributes, askers: Iterable[object]) -> AbstractContextManager[object]:
    """Frame what is done for several who ask: a span of its own, linked with theirs."""
    return _root_span(name, attributes, askers) if _is_loaded() else nullcontext()


@contextmanager
def _root_span(name: str, attributes: Attributes, askers: Iterable[object]) -> Iterator[None]:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanContext, StatusCode

    links = [Link(context) for context in askers if isinstance(context, SpanContext)]
    with _tracer().start_as_current_span(
        name,
        context=Context(),
        links=links,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except Exception as error:
            # Not what it says: that may be anything.
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
