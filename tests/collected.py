"""Spans, collected in the process that makes them."""

from collections.abc import Callable

import pytest
from mcp.shared import _otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mcp_browserjobs import tracing

Spans = Callable[[], tuple[ReadableSpan, ...]]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """The spans that have ended so far; OpenTelemetry itself can be set up only once in a process."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(_otel, "_tracer", provider.get_tracer("mcp-python-sdk"))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("mcp-browserjobs"))
    return exporter.get_finished_spans
