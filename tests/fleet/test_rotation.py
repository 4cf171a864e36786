"""Whose error logs are read, where no snapshot asks for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec.structs import replace

from ev_energy_async.fleet.watch.cycle import Cycle
from ev_energy_async.fleet.watch.ledger import Ledger
from ev_energy_async.fleet.watch.look import Rules
from ev_energy_async.fleet.watch.rotation import ErrorRotation, LateRotation
from ev_energy_async.fleet.watch.rounds import Rounds
from ev_energy_async.fleet.watch.scheduler import Scheduler
from ev_energy_async.fleet.watch.state import DeviceState, FleetState, Meta
from ev_energy_async.instants import ALWAYS, SECOND
from ev_energy_async.messages import BadItem

from .watch_kit import cycle, fleet, keys

if TYPE_CHECKING:
    from .watch_kit import ModelFleet

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
    assert turns().next(FLEET, set(), 5, NOW) == ["unwell 0", "unwell 1", "well 0", "well 1", "well 2"]
    assert turns().next(FLEET, set(), 0, NOW) == []


def test_a_device_that_is_well_again_has_its_turn_with_the_others() -> None:
    rotation = turns()
    better = {**FLEET, "unwell 0": device(100)}
    assert rotation.next(better, set(), 4, NOW) == ["unwell 1", "unwell 2", "well 0", "well 1"]
    assert "unwell 0" in rotation.next(better, set(), 30, NOW)


def test_a_device_that_is_to_come_first_does_so_once() -> None:
    rotation = LateRotation()
    rotation.soon["well 0"] = NOW
    assert rotation.next(FLEET, set(), 2, now=NOW - 1, before=ALWAYS, number=1) == []
    assert rotation.next(FLEET, set(), 2, now=NOW, before=ALWAYS, number=1) == ["well 0"]
    assert rotation.next(FLEET, set(), 2, now=NOW, before=ALWAYS, number=2) == []


def test_no_more_devices_wait_for_their_turns_than_there_are_turns() -> None:
    rules = Rules(status=True, errors=True, since=None, past=0, stale=SECOND, max_shrink=0.0)
    state, scheduler = FleetState(), Scheduler(0.0)
    state.apply(FLEET)
    rounds = Rounds(rules, state, scheduler, LateRotation())
    for device_id in FLEET:
        rounds.see(device_id, NOW)

    def three(_purpose: str, _devices: int) -> int:
        return 3

    provision: Any = SimpleNamespace(turns=three, late_every=0.0)
    for number in range(3):
        rounds.wait(Cycle(Meta(cycle=number), NOW, 0.0), provision, NOW)
        assert (len(scheduler.errors), len(scheduler.late)) == (3, 3)


def unreadable(monkeypatch: pytest.MonkeyPatch, api: ModelFleet, how: str, *hidden: str) -> None:
    """Let snapshots show some vehicles in a way that cannot be decoded, or not at all."""
    original = api.send

    async def send(request: Any) -> Any:
        answer = await original(request)
        if request.path != "/vehicles":
            return answer
        for index, vehicle in enumerate(answer.data):
            if how == "garbled" and vehicle.id in hidden:
                request.on_bad_item(BadItem(index, b'{"id": "%s"}' % vehicle.id.encode(), "no number", "$.battery"))
        return replace(answer, data=[vehicle for vehicle in answer.data if vehicle.id not in hidden])

    monkeypatch.setattr(api, "send", send)


@pytest.mark.parametrize("how", ["garbled", "left out"])
async def test_a_device_that_no_page_shows_after_a_restart_has_its_turns_nevertheless(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    api, [car, *_], clock = fleet(40)
    await cycle(api.watch(every=3_600, logs={"status", "error"}))
    unreadable(monkeypatch, api, how, car.id)
    late, error = car.log(1, late=8), car.error(7)
    again = api.watch(every=3_600, logs={"status", "error"})
    found: set[str] = set()
    while clock.elapsed < 4 * 86_400:
        found.update(keys(await cycle(again)))
    assert found == {f"{car.id}/status/{late.text}", f"{car.id}/error/{error.text}"}


@pytest.mark.parametrize("how", ["garbled", "left out"])
async def test_a_device_that_a_snapshot_does_not_show_counts_as_unwell(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    api, [car, *others], clock = fleet(40, limit=200)
    await cycle(api.watch(every=3_600, logs={"status", "error"}))
    unreadable(monkeypatch, api, how, car.id)
    watch = api.watch(every=3_600, logs={"status", "error"})
    while clock.elapsed < 86_400:
        await cycle(watch)
    assert api.reads(car, "error_logs") > 2 * max(api.reads(other, "error_logs") for other in others)
