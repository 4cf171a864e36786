"""Prometheus metrics: what a service sees of its clients, their calls and a watch."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import pytest
from prometheus_client import CollectorRegistry

from ev_energy_async import ClientCredentials, CycleFinished, EvEnergy, NotFound, StaticToken
from ev_energy_async.metrics import EvEnergyCollector
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
    collector, registry = EvEnergyCollector(), CollectorRegistry()
    registry.register(collector)

    async with EvEnergy(StaticToken("t"), label="mine", middleware=[collector.measure], clock=clock) as ev:
        collector.add(ev)
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
        assert value("ev_energy_requests_total", purpose="poll") == 3
        assert value("ev_energy_requests_total", purpose="command") == 1


async def test_a_call_without_a_response_is_measured_by_its_error(network: Network, clock: FakeClock) -> None:
    collector, registry = EvEnergyCollector(), CollectorRegistry()
    registry.register(collector)
    async with EvEnergy(StaticToken("t"), middleware=[collector.measure], clock=clock) as ev:
        with pytest.raises(Exception, match="no complete response"):
            await ev.regions.list()
    assert network.sent
    labels = {"client": "", "operation": "regions.list", "status": "ConnectionFailed"}
    assert registry.get_sample_value("ev_energy_call_seconds_count", labels) == 1
    assert registry.get_sample_value("ev_energy_requests_total", {"client": "", "purpose": "poll"}) == 4


async def test_the_freshness_of_a_watch_is_collected() -> None:
    collector, registry = EvEnergyCollector(), CollectorRegistry()
    registry.register(collector)
    async with Sandbox(vehicles=5, clock=SteppedClock(START)) as sandbox:
        auth = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with (
            EvEnergy(auth, base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as ev,
            ev.fleet.watch(since=START - dt.timedelta(days=1)) as watch,
        ):
            async for event in watch:
                collector.observe(event)
                if isinstance(event, CycleFinished):
                    break

    assert registry.get_sample_value("ev_energy_watch_vehicles") == 5
    assert registry.get_sample_value("ev_energy_watch_failed") == 0
    newest = registry.get_sample_value("ev_energy_watch_newest_log_seconds")
    assert newest is not None
    assert 0 < newest <= START.timestamp()


def test_registering_collects_nothing() -> None:
    registry = CollectorRegistry()
    registry.register(EvEnergyCollector())
    assert registry.get_sample_value("ev_energy_watch_vehicles") == 0
