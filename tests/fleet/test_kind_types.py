"""Devices, logs and events have the type of their kind: `mypy` and `pyright` check this module, and it runs as well."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async import models as m
from ev_energy_async.calls import Paginator
from ev_energy_async.fleet import (
    Backfill,
    BoundaryMeterEvent,
    ChargerEvent,
    CTClampEvent,
    Fleet,
    HomeBatteryEvent,
    InverterEvent,
    LogRead,
    PollFailed,
    StatusLogged,
    VehicleAdded,
    VehicleEvent,
    Watch,
    WatchEvent,
)
from ev_energy_async.fleet.watching import WatchOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.fleet.events import DeviceAdded, ErrorLogged


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with EvEnergy(StaticToken("token")) as ev:
        yield ev.fleet


async def test_the_events_of_a_watch_have_the_logs_of_its_kind(fleet: Fleet) -> None:
    assert_type(fleet.watch(), Watch[VehicleEvent])
    assert_type(fleet.watch(60, None, {"status"}, raw=True), Watch[VehicleEvent])
    assert_type(fleet.watch(kinds="vehicles"), Watch[VehicleEvent])
    assert_type(fleet.watch(kinds={"vehicles"}, cycles=1), Watch[VehicleEvent])
    assert_type(fleet.watch(kinds="evses"), Watch[ChargerEvent])
    assert_type(fleet.watch(kinds={"evses"}, order="time"), Watch[ChargerEvent])
    assert_type(fleet.watch(kinds=["evses"]), Watch[ChargerEvent])
    assert_type(fleet.watch(kinds=("home_batteries",)), Watch[HomeBatteryEvent])
    assert_type(fleet.watch(kinds={"boundary_meters"}), Watch[BoundaryMeterEvent])
    assert_type(fleet.watch(kinds={"inverters"}), Watch[InverterEvent])
    assert_type(fleet.watch(kinds={"ct_clamps"}), Watch[CTClampEvent])
    several: Watch = fleet.watch(kinds={"evses", "vehicles"})
    assert_type(several, Watch[WatchEvent])
    one: Watch = fleet.watch(kinds={"evses"})
    assert "0 evses" in repr(one)

    async def of_chargers() -> None:
        async for event in fleet.watch(kinds={"evses"}):
            match event:
                case StatusLogged(log=log):
                    assert_type(event, StatusLogged[m.EVSEStatusLog])
                    assert_type(log, m.EVSEStatusLog)
                case _:
                    kept: ErrorLogged[m.EVSEAPIErrorLog] | DeviceAdded[m.EVSE] | Any = event
                    assert kept is event
        async for batch in fleet.watch(kinds="evses").batches():
            assert_type(batch[0], ChargerEvent)

    async def of_vehicles() -> None:
        async for event in fleet.watch():
            match event:
                case StatusLogged(log=log):
                    assert_type(log, m.VehicleStatusLog)
                case _:
                    added: VehicleAdded | Any = event
                    assert added is event

    assert inspect.iscoroutinefunction(of_chargers)
    assert inspect.iscoroutinefunction(of_vehicles)


async def test_a_snapshot_yields_devices_of_its_kind(fleet: Fleet) -> None:
    assert_type(fleet.snapshot(), Paginator[m.Vehicle])
    assert_type(fleet.snapshot("evses"), Paginator[m.EVSE])
    assert_type(fleet.snapshot("home_batteries"), Paginator[m.HomeBattery])
    assert_type(fleet.snapshot(kind="boundary_meters"), Paginator[m.BoundaryMeter])
    assert_type(fleet.snapshot("inverters"), Paginator[m.Inverter])


async def test_a_backfill_yields_the_logs_that_it_is_asked_for(fleet: Fleet) -> None:
    assert_type(fleet.logs("status"), Backfill[m.VehicleStatusLog])
    assert_type(fleet.logs("error", kind="vehicles"), Backfill[m.VehicleAPIErrorLog])
    assert_type(fleet.logs("location", None, None, None, 5, share=0.1), Backfill[m.VehicleLocationLog])
    assert_type(fleet.logs("status", kind="evses"), Backfill[m.EVSEStatusLog])
    assert_type(fleet.logs("ocpp", kind="evses"), Backfill[m.EVSEOCPPLog])
    assert_type(fleet.logs("status", kind="home_batteries"), Backfill[m.HomeBatteryStatusLog])
    assert_type(fleet.logs("status", kind="boundary_meters"), Backfill[m.BoundaryMeterStatusLog])
    assert_type(fleet.logs("current", kind="ct_clamps"), Backfill[m.CTClampLog])
    any_log: Backfill = fleet.logs("status", kind="evses")
    assert "evses/status" in repr(any_log)

    async def of_chargers() -> None:
        async for item in fleet.logs("status", kind="evses"):
            assert_type(item, LogRead[m.EVSEStatusLog] | PollFailed)

    assert inspect.iscoroutinefunction(of_chargers)


def test_the_options_that_type_checkers_know_are_those_that_a_watch_takes() -> None:
    taken = inspect.signature(Fleet.watch).parameters
    by_name = {name for name, each in taken.items() if each.kind is inspect.Parameter.KEYWORD_ONLY} - {"kinds"}
    replaced = {"read_every", "reread_every", "reread_share"}
    assert set(WatchOptions.__annotations__) == by_name | replaced
