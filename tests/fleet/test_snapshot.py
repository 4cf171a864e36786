"""Snapshots: all devices of a kind with their newest status logs, in full pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from ev_energy_async import models
from ev_energy_async.client import BASE_URL
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.events import VehicleAdded
from tests.conftest import Answer

from .watch_kit import OWNER, cycle, fleet

if TYPE_CHECKING:
    from ev_energy_async import EvEnergy
    from ev_energy_async.messages.request import Request
    from tests.conftest import Network


async def test_a_snapshot_has_every_vehicle_with_its_newest_log() -> None:
    api, cars, _ = fleet(150)

    vehicles = await Fleet(api, OWNER).snapshot().all()

    assert [vehicle.id for vehicle in vehicles] == [car.id for car in cars]
    assert all(isinstance(vehicle.latest_status_log, models.VehicleStatusLog) for vehicle in vehicles)
    assert api.count == 2, "a hundred a request"


async def test_a_snapshot_of_chargers_asks_for_their_newest_logs_too(ev: EvEnergy, network: Network) -> None:
    network.handle("GET", re.compile(rf"{re.escape(BASE_URL)}/evses\?.*"), lambda _: Answer([]))

    assert await ev.fleet.snapshot("evses").all() == []

    [sent] = network.sent
    assert sorted(parse_qsl(sent.url.partition("?")[2])) == [("expand", "latest_status_log"), ("page_size", "100")]


async def test_there_are_no_snapshots_of_other_devices(ev: EvEnergy) -> None:
    other: Any = "ct_clamps"
    with pytest.raises(InvalidArgument, match="kind"):
        ev.fleet.snapshot(other)


async def test_a_watch_asks_for_newest_logs_in_full_pages_and_hands_them_on() -> None:
    api, cars, _ = fleet(2)
    queries: list[dict[str, str]] = []

    def note(_number: int, request: Request[Any]) -> None:
        if request.path == "/vehicles":
            queries.append(dict(parse_qsl(request.query)))

    api.fail = note
    events = await cycle(api.watch(every=300))

    added = [event for event in events if isinstance(event, VehicleAdded)]
    assert len(added) == len(cars)
    assert all(isinstance(event.vehicle.latest_status_log, models.VehicleStatusLog) for event in added)
    assert queries == [{"expand": "latest_status_log", "page_size": "100"}]
