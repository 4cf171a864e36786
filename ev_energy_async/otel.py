"""Traces and metrics for OpenTelemetry, as middleware.

For services that export telemetry; nothing in the package imports this. Needs the extra `[otel]`.

    EvEnergy(credentials, middleware=[tracing(), metrics()])

One span and one measurement a call, whatever attempts it took, by the semantic conventions for HTTP clients
(opentelemetry.io/docs/specs/semconv/http). Values of queries, headers and bodies are never recorded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from ev_energy_async._extras import extra
from ev_energy_async._version import __version__

with extra("otel", __name__, "opentelemetry"):
    from opentelemetry import metrics as otel_metrics
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from ev_energy_async.messages import Handler, Middleware, RawResponse, Request

__all__ = ["metrics", "tracing"]

_NAME: Final = "ev_energy_async"
_FIRST_ERROR: Final = 400
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REDACTED: Final = "REDACTED"  # how the conventions spell it
# The buckets that the conventions ask for, in seconds.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def tracing(tracer_provider: TracerProvider | None = None) -> Middleware:
    """Return a middleware that makes a span of each call.

    Attributes of a span, by the semantic conventions for HTTP client spans: `http.request.method`, `server.address`,
    `server.port`, `url.full` (with the values of its query redacted), `url.template`, `http.response.status_code`,
    `http.request.resend_count`, `error.type`. Our own: `ev_energy.operation`, `ev_energy.label`,
    `ev_energy.retry_wait_seconds`, `ev_energy.budget_wait_seconds`, `ev_energy.budget_remaining`.

    Args:
        tracer_provider: Where spans go; None for the global provider.
    """
    tracer = trace.get_tracer(_NAME, __version__, tracer_provider)

    async def trace_call(request: Request[Any], following: Handler) -> RawResponse:
        operation = request.operation
        attributes = _attributes(request)
        attributes["url.full"] = _full_url(request)
        attributes["ev_energy.operation"] = operation.name
        if request.options.label is not None:
            attributes["ev_energy.label"] = request.options.label
        # An exception's text may quote the server, so neither an event nor the status' description holds it.
        with tracer.start_as_current_span(
            f"{request.method} {operation.path}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                response = await following(request)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
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


def metrics(meter_provider: MeterProvider | None = None) -> Middleware:
    """Return a middleware that measures each call.

    Records the histogram `http.client.request.duration` in seconds, by the semantic conventions for HTTP client
    metrics, with `http.request.method`, `server.address`, `server.port`, `url.template`, `http.response.status_code`
    and `error.type`. A duration covers the whole call: waits, attempts and token.

    Args:
        meter_provider: Where measurements go; None for the global provider.
    """
    meter = otel_metrics.get_meter(_NAME, __version__, meter_provider)
    durations = meter.create_histogram(
        "http.client.request.duration",
        unit="s",
        description="Duration of calls.",
        explicit_bucket_boundaries_advisory=_BUCKETS,
    )

    async def measure_call(request: Request[Any], following: Handler) -> RawResponse:
        attributes = _attributes(request)
        started = time.perf_counter()
        try:
            response = await following(request)
            attributes["http.response.status_code"] = response.status
            if response.status >= _FIRST_ERROR:
                attributes["error.type"] = str(response.status)
        except BaseException as error:
            attributes["error.type"] = type(error).__name__
            raise
        finally:
            durations.record(time.perf_counter() - started, attributes)
        return response

    return measure_call


def _attributes(request: Request[Any]) -> dict[str, str | int]:
    """Return the attributes that spans and measurements share."""
    server = urlsplit(request.options.base_url)
    return {
        "http.request.method": request.method,
        "server.address": server.hostname or "",
        "server.port": server.port or _DEFAULT_PORTS.get(server.scheme, 0),
        "url.template": request.operation.path,
    }


def _full_url(request: Request[Any]) -> str:
    url = request.options.base_url + request.path
    names = [name for name, _ in parse_qsl(request.query, keep_blank_values=True)]
    return f"{url}?{urlencode([(name, _REDACTED) for name in names])}" if names else url
