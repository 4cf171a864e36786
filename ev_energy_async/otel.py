"""Traces and metrics for OpenTelemetry.

For services that export telemetry; nothing in the package imports this. Needs the extra `[otel]`.

    ev = EvEnergy(credentials, middleware=[tracing(), metrics()])
    observe(ev)

One span and one measurement a call, whatever attempts it took, by the semantic conventions for HTTP clients
(opentelemetry.io/docs/specs/semconv/http); requests by purpose, the budget and the freshness of watches under names of
our own. Values of queries, headers and bodies are never recorded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from ev_energy_async._extras import extra
from ev_energy_async._version import __version__
from ev_energy_async.fleet import CycleFinished, StatusLogged

with extra("otel", __name__, "opentelemetry"):
    from opentelemetry import metrics as otel_metrics
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import TracerProvider

    from ev_energy_async.messages import CallFinished, Handler, Middleware, Observer, RawResponse, Request

__all__ = ["metrics", "observe", "tracing"]

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


class Observable(Protocol):
    """A client that can be observed."""

    def add_observer(self, observer: Observer) -> None:
        """Tell an observer of calls and events."""
        ...


def observe(client: Observable, meter_provider: MeterProvider | None = None) -> None:
    """Record the budget of a client and the freshness of its watches, besides the durations of `metrics`.

    Counters: `ev_energy.requests` by `ev_energy.purpose` (`command`, `read`, `snapshot`, `history`), and
    `ev_energy.watch.events` by `ev_energy.event`. Gauges: `ev_energy.budget.remaining`; after each cycle of a watch
    `ev_energy.watch.devices`, `.waiting` and `.failed`, `.cycle.duration`, `.every` and `.complete_within` in seconds;
    `ev_energy.watch.newest_log`, the time of the newest status log in seconds since 1970. All with `ev_energy.label` if
    the client has a label.

    Args:
        client: The client; its views and watches are observed with it.
        meter_provider: Where measurements go; None for the global provider.

    Example:
        >>> observe(ev)  # doctest: +SKIP
    """
    client.add_observer(_Recorder(otel_metrics.get_meter(_NAME, __version__, meter_provider)))


class _Recorder:
    """Records what a client tells of its calls and watches."""

    def __init__(self, meter: Meter) -> None:
        self._requests = meter.create_counter("ev_energy.requests", "{request}", "Requests sent.")
        self._events = meter.create_counter("ev_energy.watch.events", "{event}", "Events that watches have delivered.")
        self._remaining = meter.create_gauge("ev_energy.budget.remaining", "{request}", "Requests left in the hour.")
        self._of_cycle = {
            name: meter.create_gauge(f"ev_energy.watch.{name}", unit, text)
            for name, unit, text in (
                ("devices", "{device}", "Devices in the last snapshot."),
                ("waiting", "{device}", "Devices whose history is to be read."),
                ("failed", "{device}", "Devices that the last cycle could not read."),
                ("cycle.duration", "s", "Duration of the last cycle."),
                ("every", "s", "From one snapshot to the next."),
                ("complete_within", "s", "How soon every log is delivered."),
            )
        }
        self._newest = meter.create_gauge("ev_energy.watch.newest_log", "s", "Time of the newest status log.")
        self._newest_at: dict[tuple[str | None, str], float] = {}

    def on_call(self, call: CallFinished) -> None:
        labels = _labels(call.request.options.label)
        self._requests.add(call.attempts, {**labels, "ev_energy.purpose": call.purpose})
        self._remaining.set(call.budget_remaining, labels)

    def on_event(self, label: str | None, event: object) -> None:
        labels = _labels(label)
        self._events.add(1, {**labels, "ev_energy.event": type(event).__name__})
        if isinstance(event, CycleFinished):
            labels |= {"ev_energy.kind": event.kind}
            for name, value in (
                ("devices", event.vehicles),
                ("waiting", event.waiting),
                ("failed", event.failed),
                ("cycle.duration", event.duration),
                ("every", event.every),
                ("complete_within", event.complete_within),
            ):
                if value is not None:
                    self._of_cycle[name].set(value, labels)
        elif isinstance(event, StatusLogged):
            of = label, event.kind
            self._newest_at[of] = max(event.sampled_at.timestamp(), self._newest_at.get(of, 0.0))
            self._newest.set(self._newest_at[of], {**labels, "ev_energy.kind": event.kind})


def _labels(label: str | None) -> dict[str, str]:
    return {} if label is None else {"ev_energy.label": label}


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
