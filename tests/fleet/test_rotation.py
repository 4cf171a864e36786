"""Whose turn it is to be read again: a heap says the same as a look at all devices."""

from __future__ import annotations

from heapq import nsmallest
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.fleet.watch.ledger import Seen
from ev_energy_async.fleet.watch.rotation import ErrorRotation, Turns
from ev_energy_async.fleet.watch.state import DeviceState
from ev_energy_async.instants import ALWAYS, SECOND

_DEVICES: Final = [f"d{number}" for number in range(8)]
_STEPS: Final = st.lists(
    st.tuples(st.sampled_from(["read", "come", "go", "next"]), st.sampled_from(_DEVICES), st.integers(0, 30)),
    max_size=40,
)


def read(state: DeviceState, at: int) -> DeviceState:
    """The state of a device after a read of its error log."""
    return state.with_ledger("error", state.ledger("error").with_reading([], reach=ALWAYS, read_at=at))


@given(_STEPS, st.integers(1, 9))
def test_the_longest_unread_are_first_however_they_come_and_go(steps: list[tuple[str, str, int]], count: int) -> None:
    devices: dict[str, DeviceState] = {}
    turns = Turns(lambda state: state.ledger("error").read_at)
    for what, device_id, at in steps:
        state = devices.get(device_id)
        if what == "come":
            state = DeviceState.new("ACTIVE", None, 0) if state is None else state.but(is_here=True)
            devices[device_id] = state
            turns.see(device_id, state)
        elif what == "next":
            unread = (
                (each.ledger("error").read_at, name)
                for name, each in devices.items()
                if each.is_here and name != device_id and each.ledger("error").read_at <= at
            )
            expected = [name for _, name in nsmallest(count, unread)]
            assert turns.next(devices, {device_id}, count, before=at) == expected
        elif state is not None:
            devices[device_id] = read(state, at) if what == "read" else state.but(is_here=False)


def test_devices_that_look_unwell_get_half_of_the_turns_until_they_are_well() -> None:
    rotation = ErrorRotation()
    devices = {each: read(DeviceState.new("ACTIVE", None, 0), number) for number, each in enumerate(_DEVICES, 1)}
    devices["d7"] = devices["d7"].but(integrated="INACTIVE")
    devices["d6"] = devices["d6"].with_trouble("error", "downtime")
    for each, state in devices.items():
        rotation.see(each, state, 10)

    assert rotation.next(devices, (), 0, 10) == []
    assert rotation.next(devices, (), 4, 10) == ["d6", "d7", "d0", "d1"]
    assert rotation.next(devices, {"d6"}, 2, 10) == ["d7", "d0"]
    devices["d7"] = devices["d7"].but(integrated="ACTIVE")
    devices["d6"] = devices["d6"].without_trouble("error")
    assert rotation.next(devices, (), 4, 10) == ["d0", "d1", "d2", "d3"]


def test_a_device_with_a_recent_error_looks_unwell_for_an_hour() -> None:
    rotation = ErrorRotation()
    hour = 3_600 * SECOND
    devices = {each: DeviceState.new("ACTIVE", None, 0) for each in ("a", "b")}
    devices["b"] = devices["b"].with_delivered("error", [Seen(hour, hour)])
    for each, state in devices.items():
        rotation.see(each, state, hour)
    assert rotation.next(devices, (), 2, 2 * hour - 1)[0] == "b"
    assert rotation.next(devices, (), 2, 2 * hour)[0] == "a"
