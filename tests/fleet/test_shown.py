"""A device that a snapshot shows as before is not decoded again; all else about a watch stays as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec
import pytest

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.codec import encode
from ev_energy_async.fleet.events import IntegrationChanged, PollFailed, StatusLogged
from ev_energy_async.fleet.watch.shown import Shown, Silence
from ev_energy_async.fleet.watch.state import DeviceState
from ev_energy_async.instants import ALWAYS, SECOND
from tests.fleet.watch_kit import Car, ModelFleet, cycle, end, fleet, keys, vehicle_id

if TYPE_CHECKING:
    from ev_energy_async.fleet.events import WatchEvent
    from tests.conftest import FakeClock, Network

_HOUR: Final = 3_600 * SECOND


def documents(cars: list[Car], api: ModelFleet) -> list[dict[str, Any]]:
    """The cars as a list shows them, each with its newest log."""
    return [json.loads(encode(api.vehicle(car, ["latest_status_log"]))) for car in cars]


async def snapshots(network: Network, clock: FakeClock, pages: list[Any], drift: list[Any]) -> list[list[WatchEvent]]:
    """Watch one page of vehicles as each snapshot shows it, and return the events of each cycle."""
    found: list[list[WatchEvent]] = []
    async with EvEnergy(StaticToken("t"), clock=clock, on_drift=drift.append) as ev:
        watch = ev.fleet.watch(every=300, complete_within=None, logs={"status"})
        for page in pages:
            body = page if isinstance(page, bytes) else json.dumps(page).encode()
            network.answer("GET", "/vehicles?expand=latest_status_log&page_size=100", body=body)
            found.append(await cycle(watch))
    return found


async def test_a_vehicle_among_others_that_did_not_change_is_seen_with_all_its_changes(
    network: Network, clock: FakeClock
) -> None:
    api, cars, _ = fleet(4)
    first = documents(cars, api)
    cars[1].log(-0.5)
    second = documents(cars, api)
    second[2]["integrated"] = "INACTIVE"

    _, none, after, again = await snapshots(network, clock, [first, first, second, second], [])

    assert [type(event).__name__ for event in none] == ["CycleFinished"]
    assert [type(event) for event in after[:-1]] == [StatusLogged, IntegrationChanged]
    assert [type(event).__name__ for event in again] == ["CycleFinished"]


async def test_drift_and_what_cannot_be_decoded_are_reported_as_ever_among_vehicles_that_did_not_change(
    network: Network, clock: FakeClock
) -> None:
    api, cars, _ = fleet(4)
    first = documents(cars, api)
    second = [dict(each) for each in first]
    second[0]["description"] = None  # the schema forbids it, and the newest log is the same
    second[2]["battery_size_watt_hours"] = "much"
    body = json.dumps(second).encode()
    damaged = body[:-2] + b', "name": "\xff"}]'
    drift: list[Any] = []

    _, after, again, broken = await snapshots(network, clock, [first, second, second, damaged], drift)

    for events in (after, again, broken):
        assert [event.vehicle_id for event in events if isinstance(event, PollFailed)] == [cars[2].id]
    assert [(str(each.path), each.kind) for each in drift] == [("description", "null"), ("$", "text")]


async def test_a_vehicle_that_is_shown_as_it_was_the_snapshot_before_last_is_looked_at_again() -> None:
    api, (car, *_), _ = fleet(2)
    watch = api.watch(every=300, complete_within=None, logs={"status"})
    await cycle(watch)
    log = car.log(3)
    assert keys(await cycle(watch)) == [f"{car.id}/status/{log.text}"]
    car.status[-1] = attrs.evolve(log, gone=api.clock.true)  # deleted: an older one is the newest again
    assert keys(await cycle(watch)) == []
    later = car.log(11)
    assert keys(await cycle(watch)) == [f"{car.id}/status/{later.text}"]


def test_only_the_snapshot_before_counts() -> None:
    shown = Shown()
    item = msgspec.Raw(b'{"id":"a"}')
    glance = shown.glance()
    assert glance.pick([item]) == [item]
    shown.note({glance.marks[0]: "a"})
    shown.begin()
    glance = shown.glance()
    assert glance.pick([item]) == []
    assert list(glance.same.values()) == ["a"]
    shown.begin()
    assert shown.glance().pick([item]) == [item]


@pytest.mark.parametrize(("newest", "before", "is_told"), [(0, ALWAYS, True), (0, _HOUR, True), (0, 3 * _HOUR, False)])
def test_a_device_falls_silent_once(newest: int, before: int, is_told: bool) -> None:
    silence = Silence(2 * _HOUR)
    state = DeviceState.new("ACTIVE", "1970-01-01T00:00:00Z", newest)
    devices = {vehicle_id(1): state}
    silence.watch(vehicle_id(1), state, before)
    assert list(silence.fallen(devices, 2 * _HOUR)) == []
    assert list(silence.fallen(devices, 2 * _HOUR + 1)) == ([vehicle_id(1)] if is_told else [])
    assert list(silence.fallen(devices, 9 * _HOUR)) == []


def test_a_device_that_reports_meanwhile_falls_silent_later() -> None:
    silence = Silence(2 * _HOUR)
    state = DeviceState.new("ACTIVE", "1970-01-01T00:00:00Z", 0)
    silence.watch("a", state, ALWAYS)
    devices = {"a": state.but(hint="1970-01-01T01:00:00Z")}
    assert list(silence.fallen(devices, 3 * _HOUR)) == []
    assert list(silence.fallen(devices, 3 * _HOUR + 1)) == ["a"]
    assert list(silence.fallen({}, 9 * _HOUR)) == []


def test_a_device_that_was_forgotten_and_is_seen_again_falls_silent_too() -> None:
    silence = Silence(2 * _HOUR)
    state = DeviceState.new("ACTIVE", "1970-01-01T00:00:00Z", 0)
    silence.watch("a", state, ALWAYS)
    silence.forget()
    assert list(silence.fallen({"a": state}, 3 * _HOUR)) == []
    silence.watch("a", state, ALWAYS)
    assert list(silence.fallen({"a": state}, 3 * _HOUR)) == ["a"]


async def test_a_selection_that_changes_its_mind_is_asked_although_nothing_else_has_changed() -> None:
    api, cars, _ = fleet(3)
    chosen = {car.id for car in cars}

    def is_chosen(vehicle: Any) -> bool:
        return vehicle.id in chosen

    watch = api.watch(every=300, complete_within=None, logs={"status"}, vehicles=is_chosen)
    await cycle(watch)
    assert end(await cycle(watch)).vehicles == 3
    chosen.discard(cars[1].id)
    assert end(await cycle(watch)).vehicles == 2
