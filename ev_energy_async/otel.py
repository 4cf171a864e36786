"""Tracing with OpenTelemetry, as a middleware. Needs the extra `[otel]`.

    EvEnergy(credentials, middleware=[tracing()])

One span a call, named and filled by the semantic conventions for HTTP clients; no query, header or body goes into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from ev_energy_async._version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from ev_energy_async.messages import Handler, Middleware, RawResponse, Request

__all__ = ["tracing"]

_FIRST_ERROR: Final = 400


def tracing(tracer_provider: TracerProvider | None = None) -> Middleware:
    """Return a middleware that makes a span of each call.

    Attributes of a span, by the semantic conventions for HTTP client spans: `http.request.method`, `url.template`,
    `http.response.status_code`, `http.request.resend_count`, `error.type`; and our own `ev_energy.operation`,
    `ev_energy.label`, `ev_energy.retry_wait_seconds`, `ev_energy.budget_wait_seconds`, `ev_energy.budget_remaining`.

    Args:
        tracer_provider: Where spans go; None for the global provider.
    """
    tracer = trace.get_tracer("ev_energy_async", __version__, tracer_provider)

    async def trace_call(request: Request[Any], following: Handler) -> RawResponse:
        operation = request.operation
        attributes = {
            "http.request.method": request.method,
            "url.template": operation.path,
            "ev_energy.operation": operation.name,
        }
        if request.options.label is not None:
            attributes["ev_energy.label"] = request.options.label
        with tracer.start_as_current_span(
            f"{request.method} {operation.path}", kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
        ) as span:
            try:
                response = await following(request)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                raise
            finally:
                record = request.options.record
                span.set_attribute("ev_energy.retry_wait_seconds", record.retry_wait)
                span.set_attribute("ev_energy.budget_wait_seconds", record.budget_wait)
                if record.attempts > 1:
                    span.set_attribute("http.request.resend_count", record.attempts - 1)
            span.set_attribute("http.response.status_code", response.status)
            if response.rate_limit is not None:
                span.set_attribute("ev_energy.budget_remaining", response.rate_limit.remaining)
            if response.status >= _FIRST_ERROR:
                span.set_attribute("error.type", str(response.status))
                span.set_status(Status(StatusCode.ERROR))
            return response

    return trace_call
