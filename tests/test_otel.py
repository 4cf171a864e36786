"""Tracing with OpenTelemetry: one span per call, its attributes, and what it never contains."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from ev_energy_async import (
    Budget,
    BudgetExhausted,
    ClientCredentials,
    Conflict,
    ConnectionFailed,
    EvEnergy,
    NotFound,
    ServerError,
    StaticToken,
)
from ev_energy_async.otel import metrics, tracing

from .servers import RawServer, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.conftest import FakeClock, Network

    from .servers import Connection

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
TOKEN_URL: Final = "https://api.ev.energy/o/token/"


class Traces:
    """A provider that keeps what is exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def only(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def attributes(self) -> dict[str, Any]:
        return dict(self.only.attributes or {})


@pytest.fixture
def traces() -> Iterator[Traces]:
    found = Traces()
    yield found
    found.provider.shutdown()


def client(traces: Traces, clock: FakeClock, **options: Any) -> EvEnergy:
    return EvEnergy(StaticToken("t0k3n"), middleware=[tracing(traces.provider)], clock=clock, **options)


async def test_a_call_is_one_span_with_the_names_of_the_conventions(
    traces: Traces, network: Network, clock: FakeClock
) -> None:
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "998"}
    network.answer("GET", f"/vehicles/{VEHICLE}", {"id": VEHICLE}, headers=headers)

    async with client(traces, clock) as ev:
        await ev.vehicles.get(VEHICLE)

    assert traces.only.name == "GET /vehicles/{vehicle_id}"
    assert traces.only.kind is SpanKind.CLIENT
    assert traces.only.status.status_code is StatusCode.UNSET
    assert traces.attributes() == {
        "http.request.method": "GET",
        "server.address": "api.ev.energy",
        "server.port": 443,
        "url.full": f"https://api.ev.energy/v2/vehicles/{VEHICLE}",
        "url.template": "/vehicles/{vehicle_id}",
        "http.response.status_code": 200,
        "ev_energy.operation": "vehicles.get",
        "ev_energy.retry_wait_seconds": 0.0,
        "ev_energy.budget_wait_seconds": 0.0,
        "ev_energy.budget_remaining": 998,
    }


async def test_each_page_is_a_span(traces: Traces, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [{}], headers={"Link": "<?page_after=x>; rel=next"})
    network.answer("GET", "/regions?page_after=x", [{}])

    async with client(traces, clock) as ev:
        await ev.regions.list().all()

    assert [span.name for span in traces.spans] == ["GET /regions"] * 2


async def test_attempts_are_counted_in_the_one_span(traces: Traces, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "7"})
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "4"})
    network.answer("GET", "/regions", [])

    async with client(traces, clock) as ev:
        await ev.regions.list()

    attributes = traces.attributes()
    assert attributes["http.request.resend_count"] == 2
    assert attributes["ev_energy.retry_wait_seconds"] == 11
    assert attributes["http.response.status_code"] == 200
    assert traces.only.status.status_code is StatusCode.UNSET


async def test_waiting_for_the_budget_is_in_the_span(traces: Traces, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})

    async with client(traces, clock, budget=Budget(1, clock=clock), deadline=9_999) as ev:
        await ev.regions.list()
        await ev.regions.list()

    second: dict[str, Any] = dict(traces.spans[1].attributes or {})
    assert second["ev_energy.budget_wait_seconds"] >= 3_600


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (409, Conflict), (500, ServerError)])
async def test_a_refusal_is_an_error_with_its_status(
    traces: Traces, network: Network, clock: FakeClock, status: int, error: type[Exception]
) -> None:
    network.answer("GET", "/regions", {"title": "kim@example.com"}, status=status, repeat=True)

    async with client(traces, clock) as ev:
        with pytest.raises(error):
            await ev.regions.list()

    assert traces.only.status.status_code is StatusCode.ERROR
    assert traces.attributes()["error.type"] == str(status)
    assert traces.attributes()["http.response.status_code"] == status


async def test_no_response_is_an_error_with_its_name(traces: Traces, network: Network, clock: FakeClock) -> None:
    async with client(traces, clock) as ev:
        with pytest.raises(ConnectionFailed):
            await ev.regions.list()

    assert network.sent, "nothing is on the network"
    attributes = traces.attributes()
    assert traces.only.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == "ConnectionFailed"
    assert attributes["http.request.resend_count"] == 3
    assert "http.response.status_code" not in attributes
    assert traces.only.events == ()


async def test_a_call_without_budget_is_an_error_with_its_name(
    traces: Traces, network: Network, clock: FakeClock
) -> None:
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})

    async with client(traces, clock, budget=Budget(1, clock=clock)) as ev:
        await ev.regions.list()
        with pytest.raises(BudgetExhausted):
            await ev.regions.list()

    assert dict(traces.spans[1].attributes or {})["error.type"] == "BudgetExhausted"


async def test_a_cancelled_call_ends_its_span(traces: Traces) -> None:
    async def silence(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.until_closed()

    async with (
        RawServer(silence) as server,
        EvEnergy(base_url=server.base_url, middleware=[tracing(traces.provider)]) as ev,
    ):
        call = asyncio.create_task(ev.regions.list.with_response())
        await until(lambda: bool(server.requests))
        call.cancel()
        await asyncio.wait([call])

    assert traces.attributes()["error.type"] == "CancelledError"


async def test_calls_are_children_of_the_span_around_them(traces: Traces, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], repeat=True)
    tracer = traces.provider.get_tracer("mine")

    async with client(traces, clock) as ev:
        with tracer.start_as_current_span("poll"):
            await asyncio.gather(ev.regions.list(), ev.regions.list())

    *calls, poll = traces.spans
    assert poll.name == "poll"
    assert poll.context is not None
    assert [call.parent.span_id for call in calls if call.parent is not None] == [poll.context.span_id] * 2


async def test_the_label_distinguishes_clients(traces: Traces, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [])

    async with client(traces, clock, label="fleet-a") as ev:
        await ev.as_user(USER).regions.list()

    assert traces.attributes()["ev_energy.label"] == "fleet-a"


async def test_no_query_header_body_or_secret_goes_into_a_span(
    traces: Traces, network: Network, clock: FakeClock
) -> None:
    network.answer("POST", TOKEN_URL, {"access_token": "t0k3n", "token_type": "Bearer"})
    network.answer("GET", "/users?email=kim%40example.com", [{"email": "kim@example.com"}])
    network.answer("POST", "/users", {"title": "taken", "detail": "kim@example.com"}, status=409)
    made = tracing(traces.provider)

    async with EvEnergy(ClientCredentials("id", "s3cr3t"), middleware=[made], clock=clock) as ev:
        await ev.with_options(headers={"X-Mine": "h34d3r"}).users.list(email="kim@example.com")
        body: Any = {"email": "kim@example.com"}
        with pytest.raises(Conflict):
            await ev.users.create(body)

    exported = "".join(span.to_json() for span in traces.spans)
    assert len(traces.spans) == 2
    for planted in ("t0k3n", "s3cr3t", "kim", "h34d3r", "X-Mine", "Bearer"):
        assert planted not in exported
    assert json.loads(traces.spans[0].to_json())["name"] == "GET /users"


async def test_the_query_of_a_url_is_shown_by_its_names_alone(
    traces: Traces, network: Network, clock: FakeClock
) -> None:
    network.answer("GET", "/users?email=kim%40example.com&page_size=5", [])

    async with client(traces, clock) as ev:
        await ev.users.list(email="kim@example.com", page_size=5)

    assert traces.attributes()["url.full"] == "https://api.ev.energy/v2/users?email=REDACTED&page_size=REDACTED"


@pytest.mark.parametrize(
    ("base_url", "address", "port"),
    [
        ("http://127.0.0.1:8080/v2", "127.0.0.1", 8080),
        ("http://[::1]/v2", "::1", 80),
        ("https://gateway.example/ev/v2", "gateway.example", 443),
    ],
)
async def test_a_span_names_the_server(
    traces: Traces, network: Network, clock: FakeClock, base_url: str, address: str, port: int
) -> None:
    network.answer("GET", f"{base_url}/regions", [], repeat=True)

    async with client(traces, clock, base_url=base_url) as ev:
        await ev.as_user(USER).regions.list()

    attributes = traces.attributes()
    assert (attributes["server.address"], attributes["server.port"]) == (address, port)


async def test_what_a_server_said_is_not_in_the_status_of_a_span(
    traces: Traces, network: Network, clock: FakeClock
) -> None:
    network.answer("GET", "/regions", body=b"kim@example.com")

    async def quote(request: Any, following: Any) -> Any:
        await following(request)
        raise RuntimeError("kim@example.com")

    async with EvEnergy(StaticToken("t"), middleware=[tracing(traces.provider), quote], clock=clock) as ev:
        with pytest.raises(RuntimeError):
            await ev.regions.list()

    assert traces.only.status.status_code is StatusCode.ERROR
    assert traces.only.status.description is None
    assert traces.attributes()["error.type"] == "RuntimeError"
    assert "kim" not in traces.only.to_json()


def _durations(reader: InMemoryMetricReader) -> list[HistogramDataPoint]:
    data = reader.get_metrics_data()
    assert data is not None
    metric = data.resource_metrics[0].scope_metrics[0].metrics[0]
    assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
    return [point for point in metric.data.data_points if isinstance(point, HistogramDataPoint)]


async def test_the_duration_of_calls_is_measured_by_operation_and_outcome(network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], repeat=True)
    network.answer("GET", f"/vehicles/{VEHICLE}", status=404)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)

    async with EvEnergy(StaticToken("t"), middleware=[metrics(provider)], clock=clock) as ev:
        await ev.regions.list()
        await ev.regions.list()
        with pytest.raises(NotFound):
            await ev.vehicles.get(VEHICLE)

    regions, vehicles = _durations(reader)
    shared = {"http.request.method": "GET", "server.address": "api.ev.energy", "server.port": 443}
    assert regions.count == 2
    assert regions.attributes == {**shared, "url.template": "/regions", "http.response.status_code": 200}
    assert vehicles.attributes == {
        **shared,
        "url.template": "/vehicles/{vehicle_id}",
        "http.response.status_code": 404,
        "error.type": "404",
    }
    provider.shutdown()


async def test_without_a_provider_nothing_is_traced_and_all_works(network: Network) -> None:
    network.answer("GET", "/regions", [])

    async with EvEnergy(middleware=[tracing()]) as ev:
        assert list(await ev.regions.list()) == []
