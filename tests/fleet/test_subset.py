"""The choices of a watch: only some vehicles, raw logs, and hints of what is worth reading."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.events import StatusLogged, VehicleAdded, VehicleRemoved

from .test_newest_first import cycles, scarce
from .watch_kit import at, end, fleet, keys, text, vehicle_id


def webhook(vehicle: str | None) -> Any:
    """A verified event, as far as it is looked at."""
    return SimpleNamespace(payload=SimpleNamespace(data=SimpleNamespace(vehicle=vehicle, evse=None)))


@pytest.mark.parametrize("way", ["ids", "predicate"])
async def test_a_watch_of_some_vehicles_delivers_theirs_alone(way: str) -> None:
    api, cars, clock = fleet(250)
    mine = cars[100:103]
    ids = {car.id for car in mine}
    for car in cars:
        car.log(2)
    chosen: Any = [f"https://api.ev.energy/v2/vehicles/{car.id}" for car in mine]

    def is_mine(vehicle: Any) -> bool:
        return vehicle.id in ids

    watch = api.watch(vehicles=chosen if way == "ids" else is_mine, logs={"status"})
    events = await cycles(watch, 2)
    assert {event.vehicle_id for event in events if isinstance(event, VehicleAdded)} == ids
    assert sorted(keys(events)) == [f"{car.id}/status/{text(2)}" for car in mine]
    assert end(events).vehicles == 3
    assert set(watch.state) == ids
    mine[0].until = at(clock.elapsed / 60 + 1)
    [gone] = [event for event in await cycles(watch, 2) if isinstance(event, VehicleRemoved)]
    assert gone.vehicle_id == mine[0].id


async def test_the_pace_of_a_watch_of_some_vehicles_is_that_of_all_pages() -> None:
    api, cars, _ = fleet(1_000, limit=100)
    watch = api.watch(vehicles=[cars[0]], logs={"status"})
    events = await cycles(watch, 2)
    # Ten pages in five minutes are 120 an hour.
    assert end(events).every > 300
    assert end(events).vehicles == 1


async def test_a_hint_lets_a_vehicle_be_read_before_the_others() -> None:
    api, cars = scarce()
    for car in cars:
        car.log(2)
        car.log(3)
    watch = api.watch(logs={"status"})
    assert watch.notify(cars[0].id) is False, "nobody is known yet"
    await cycles(watch, 2)
    waiting = [car for car in cars if not api.reads(car)]
    last = waiting[-1]
    before = api.clock.elapsed
    assert watch.notify(webhook(f"https://x/v2/vehicles/{last.id}"))
    assert not watch.notify(vehicle_id(999))
    async for event in watch:
        if isinstance(event, StatusLogged) and event.vehicle_id == last.id and event.via == "read":
            break
    assert api.clock.elapsed - before < 180, "three minutes at the most"
    with pytest.raises(InvalidArgument, match="hint"):
        watch.notify(webhook(None))


async def test_each_hint_is_read_within_three_minutes_although_others_wait_for_the_budget() -> None:
    api, cars = scarce(count=150, limit=100)
    for car in cars:
        for minutes in range(2, 400, 10):
            car.log(minutes)
    sent: list[tuple[float, str]] = []
    api.fail = lambda _number, request: sent.append((api.clock.elapsed, request.path))
    watch = api.watch(logs={"status"})
    assert end(await cycles(watch, 6)).waiting > 50
    for _ in range(12):
        # By itself it would be the last one to be read again.
        hinted = next(path for _, path in reversed(sent) if "/status_logs" in path)
        before, count = api.clock.elapsed, len(sent)
        assert watch.notify(hinted.split("/")[2])
        while hinted not in (paths := [path for _, path in sent[count:]]):
            await anext(watch)
        read_at, _ = sent[count + paths.index(hinted)]
        assert read_at - before <= 180
    times = [time for time, _ in sent]
    assert max(sum(begin <= time < begin + 3_600 for time in times) for begin in times) <= 100


async def test_a_hint_is_noticed_although_the_next_page_is_minutes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    api, [car, *_], clock = fleet(3)
    car.log(0.5)
    watch = api.watch(logs={"status"})
    await cycles(watch, 1)
    naps: list[float] = []

    async def sleep(delay: float) -> None:
        naps.append(delay)
        await asyncio.Event().wait()

    monkeypatch.setattr(clock, "sleep", sleep)
    waiting = asyncio.create_task(anext(watch))
    while not naps:  # noqa: ASYNC110  # it is seen by what it did
        await asyncio.sleep(0)
    clock.elapsed = 60
    assert watch.notify(car.id)
    event = await waiting
    assert isinstance(event, StatusLogged)
    assert event.via == "read"
    assert naps[0] > 240


async def test_the_state_of_a_vehicle_that_a_snapshot_leaves_out_grows_stale() -> None:
    api, [car, other, *_], _ = fleet(60)
    for each in (car, other):
        each.log(2)
    watch = api.watch(logs={"status"})
    await cycles(watch, 2)
    known = watch.state[car.id].as_of
    assert known == watch.state[other.id].as_of
    api.hidden = {car.id}
    await cycles(watch, 3)
    seen, missed = watch.state[other.id].as_of, watch.state[car.id].as_of
    assert seen is not None
    assert missed is not None
    assert known is not None
    assert known <= missed < seen
