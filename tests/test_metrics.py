"""Metrics for Prometheus and OpenTelemetry: what a service sees of its clients, their calls and their watches."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final
from unittest.mock import create_autospec

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from prometheus_client import CollectorRegistry

from ev_energy_async import ClientCredentials, CycleFinished, EvEnergy, NotFound, StaticToken, StatusLogged
from ev_energy_async.metrics import EvEnergyCollector
from ev_energy_async.otel import observe
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.conftest import START

if TYPE_CHECKING:
    from tests.conftest import FakeClock, Network

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


async def test_figures_of_clients_and_their_calls_are_collected(network: Network, clock: FakeClock) -> None:
    network.answer(
        "GET", "/regions", [], repeat=True, headers={"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "7"}
    )
    network.answer("GET", f"/vehicles/{VEHICLE}", status=404)
    network.answer("POST", f"/vehicles/{VEHICLE}/disconnect", status=204)
    registry = CollectorRegistry()

    async with EvEnergy(StaticToken("t"), label="mine", clock=clock) as ev:
        registry.register(EvEnergyCollector(ev))
        await ev.regions.list()
        await ev.regions.list()
        with pytest.raises(NotFound):
            await ev.vehicles.get(VEHICLE)
        await ev.vehicles.disconnect(VEHICLE)

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(name, {"client": "mine", **labels})

        assert value("ev_energy_calls_total") == 4
        assert value("ev_energy_failures_total") == 1
        assert value("ev_energy_budget_remaining") == ev.budget.remaining
        assert value("ev_energy_call_seconds_count", operation="regions.list", status="200") == 2
        assert value("ev_energy_call_seconds_count", operation="vehicles.get", status="404") == 1
        assert value("ev_energy_requests_total", purpose="read") == 3
        assert value("ev_energy_requests_total", purpose="command") == 1

        network.answer("GET", "/users/me", {"id": "x"})
        await ev.with_auth(StaticToken("u"), label="kim").users.get("me")
        assert value("ev_energy_call_seconds_count", client="kim", operation="users.get", status="200") == 1


async def test_a_call_without_a_response_is_measured_by_its_error(network: Network, clock: FakeClock) -> None:
    registry = CollectorRegistry()
    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        registry.register(EvEnergyCollector(ev))
        with pytest.raises(Exception, match="no complete response"):
            await ev.regions.list()
    assert network.sent
    labels = {"client": "", "operation": "regions.list", "status": "ConnectionFailed"}
    assert registry.get_sample_value("ev_energy_call_seconds_count", labels) == 1
    assert registry.get_sample_value("ev_energy_requests_total", {"client": "", "purpose": "read"}) == 4


async def test_the_freshness_of_a_watch_is_collected() -> None:
    registry, reader = CollectorRegistry(), InMemoryMetricReader()
    async with Sandbox(vehicles=5, evses=3, clock=SteppedClock(START)) as sandbox:
        auth = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with EvEnergy(auth, base_url=sandbox.base_url, clock=SandboxClock(sandbox), label="mine") as ev:
            registry.register(EvEnergyCollector(ev))
            observe(ev, MeterProvider([reader], shutdown_on_exit=False))
            watch = ev.fleet.watch(since=START - dt.timedelta(days=1), cycles=1, kinds=("vehicles", "evses"))
            events = [event async for event in watch]

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"ev_energy_{name}", {"client": "mine", **labels})

    cycles = {event.kind: event for event in events if isinstance(event, CycleFinished)}
    logged = [event for event in events if isinstance(event, StatusLogged)]
    newest = {
        kind: max(event.sampled_at for event in logged if event.kind == kind).timestamp()
        for kind in ("vehicles", "evses")
    }
    for kind, cycle in cycles.items():
        assert value("watch_devices", kind=kind) == cycle.vehicles
        assert value("watch_failed", kind=kind) == 0
        assert value("watch_every_seconds", kind=kind) == cycle.every
        assert value("watch_newest_log_seconds", kind=kind) == newest[kind]
    assert {kind: cycle.vehicles for kind, cycle in cycles.items()} == {"vehicles": 5, "evses": 3}
    assert value("watch_events_total", event="StatusLogged") == len(logged)
    cycle = cycles["vehicles"]
    assert value("requests_total", purpose="snapshot") == sum(each.spent.snapshot for each in cycles.values()) == 2
    assert value("requests_total", purpose="history")

    found = _recorded(reader)
    for kind, cycle in cycles.items():
        assert found["ev_energy.watch.devices", kind] == cycle.vehicles
        assert found["ev_energy.watch.newest_log", kind] == newest[kind]
    assert found["ev_energy.watch.events", "StatusLogged"] == len(logged)
    assert found["ev_energy.requests", "snapshot"] == 2
    assert found["ev_energy.budget.remaining", ""] <= cycles["vehicles"].budget_remaining


def _recorded(reader: InMemoryMetricReader) -> dict[tuple[str, str], float]:
    """Return values by metric and, if it has one, purpose or event; all are of the client `mine`."""
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[tuple[str, str], float] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            assert isinstance(point, NumberDataPoint)
            attributes = dict(point.attributes or {})
            assert attributes.pop("ev_energy.label") == "mine"
            found[metric.name, str(next(iter(attributes.values()), ""))] = point.value
    return found


def test_registering_collects_nothing() -> None:
    client = create_autospec(EvEnergy, instance=True)
    CollectorRegistry().register(EvEnergyCollector(client))
    client.stats.assert_not_called()
    client.add_observer.assert_called_once()
