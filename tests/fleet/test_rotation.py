"""Whose error logs are read, where no snapshot asks for it."""

from __future__ import annotations

from typing import Final

from ev_energy_async.fleet.watch.ledger import Ledger
from ev_energy_async.fleet.watch.rotation import ErrorRotation
from ev_energy_async.fleet.watch.state import DeviceState
from ev_energy_async.instants import ALWAYS, SECOND

NOW: Final = 1_000_000 * SECOND


def device(read_at: int, integrated: str = "ACTIVE") -> DeviceState:
    ledger = Ledger.since(0).with_reading([], reach=ALWAYS, read_at=read_at)
    return DeviceState.new(integrated, None, 0).with_ledger("error", ledger)


FLEET: Final = {
    **{f"well {number}": device(number) for number in range(9)},
    **{f"unwell {number}": device(100 + number, "INACTIVE") for number in range(3)},
    "troubled": device(200).with_trouble("status", "downtime"),
}


def turns() -> ErrorRotation:
    made = ErrorRotation()
    for device_id, state in FLEET.items():
        made.see(device_id, state, NOW)
    return made


def test_devices_that_look_unwell_have_half_of_the_turns_and_the_longest_unread_the_others() -> None:
    assert turns().next(FLEET, set(), 4, NOW) == ["unwell 0", "unwell 1", "well 0", "well 1"]
    found = turns().next(FLEET, {"unwell 0", "unwell 1", "well 0"}, 4, NOW)
    assert found == ["unwell 2", "troubled", "well 1", "well 2"]
    assert turns().next(FLEET, set(), 0, NOW) == []


def test_a_device_that_is_well_again_has_its_turn_with_the_others() -> None:
    rotation = turns()
    better = {**FLEET, "unwell 0": device(100)}
    assert rotation.next(better, set(), 4, NOW) == ["unwell 1", "unwell 2", "well 0", "well 1"]
    assert "unwell 0" in rotation.next(better, set(), 30, NOW)
