"""Watching a fleet: its events, each once, and its cost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.errors import (
    AuthError,
    BudgetExhausted,
    ConnectionFailed,
    DecodeError,
    Forbidden,
    ServiceUnavailable,
)
from ev_energy_async.fleet.events import (
    ErrorLogged,
    FleetShrank,
    IntegrationChanged,
    PollFailed,
    StatusLogged,
    VehicleAdded,
    VehicleRemoved,
)
from ev_energy_async.messages.request import Response

from .watch_kit import Car, Log, at, cycle, end, fleet, keys, names, text, vehicle_id

if TYPE_CHECKING:
    from ev_energy_async.fleet import Progress
    from ev_energy_async.messages.request import Request


def unavailable(request: Request[Any]) -> ServiceUnavailable:
    return ServiceUnavailable(Response(request, "", 503, {}, b"", b""))


async def test_at_first_each_vehicle_is_added_and_no_old_log_is_delivered() -> None:
    api, cars, _ = fleet(250)
    events = await cycle(api.watch(logs={"status"}))
    assert names(events) == ["VehicleAdded"] * 250 + ["CycleFinished"]
    assert {event.vehicle_id for event in events if isinstance(event, VehicleAdded)} == {car.id for car in cars}
    assert end(events).spent.snapshot == 3
    assert end(events).vehicles == 250


async def test_only_vehicles_whose_newest_log_changed_are_read_and_each_log_comes_once_in_order() -> None:
    api, [first, second, third], _ = fleet()
    first.log(1)
    first.log(3)
    second.log(2)
    watch = api.watch(every=300, logs={"status"}, order="time")
    await cycle(watch)
    events = await cycle(watch)
    assert keys(events) == [
        f"{first.id}/status/{text(1)}",
        f"{first.id}/status/{text(3)}",
        f"{second.id}/status/{text(2)}",
    ]
    assert end(events).changed == 2
    assert [api.reads(car) for car in (first, second, third)] == [1, 1, 0]
    assert keys(await cycle(watch)) == []
    assert [api.reads(car) for car in (first, second, third)] == [1, 1, 0]


async def test_a_log_that_arrives_late_is_delivered_with_the_next_and_marked() -> None:
    api, [car, *_], _ = fleet()
    watch = api.watch(every=300, logs={"status"}, order="time")
    car.log(1)
    car.log(2, late=5)
    car.log(8)
    await cycle(watch)
    assert keys(await cycle(watch)) == [f"{car.id}/status/{text(1)}"]
    found = [event for event in await cycle(watch) if isinstance(event, StatusLogged)]
    assert [(event.log.sampled_at, event.late) for event in found] == [(at(2), False), (at(8), False)]
    late = car.log(3, late=8)
    car.log(12)
    found = [event for event in await cycle(watch) if isinstance(event, StatusLogged)]
    assert [(event.key.rpartition("/")[2], event.late) for event in found] == [(late.text, True), (text(12), False)]


async def test_the_rotation_finds_what_no_snapshot_shows() -> None:
    api, [car, *others], _ = fleet()
    for each in (car, *others):
        each.log(1)
    # A car that was offline for two days uploads what it missed; its newest log stays the same.
    for hours in range(1, 48):
        car.log(-60 * hours, late=60 * hours + 7)
    watch = api.watch(every=300, logs={"status"}, complete_within=600)
    events = await cycle(watch)
    seen = keys(events)
    for _ in range(5):
        events = await cycle(watch)
        seen += keys(events)
    assert len(seen) == len(set(seen)) == 3 + 47
    late = [event for event in events if isinstance(event, StatusLogged)]
    assert all(event.late for event in late)


async def test_without_logs_there_are_snapshots_only() -> None:
    api, [car, *_], _ = fleet()
    car.log(1)
    watch = api.watch(logs=set())
    await cycle(watch)
    events = await cycle(watch)
    assert names(events) == ["CycleFinished"]
    assert end(events).spent.total == 1


async def test_error_logs_of_a_vehicle_whose_connection_breaks_are_read_at_once() -> None:
    api, cars, _ = fleet(50, limit=1_000)
    broken = cars[40]
    broken.inactive_from = at(4)
    broken.error(3)
    watch = api.watch(every=300, logs={"error"}, error_share=0)
    await cycle(watch)
    events = await cycle(watch)
    [changed] = [event for event in events if isinstance(event, IntegrationChanged)]
    assert (changed.vehicle_id, changed.before, changed.after) == (broken.id, "ACTIVE", "INACTIVE")
    assert keys(events) == [f"{broken.id}/error/{text(3)}"]
    assert end(events).spent.errors == 1


async def test_error_logs_of_a_vehicle_that_falls_silent_are_read_at_once() -> None:
    api, cars, _ = fleet(3)
    silent, *others = cars
    for minutes in range(0, 200, 5):
        for car in others:
            car.log(minutes)
    silent.error(50)
    watch = api.watch(every=300, logs={"error"}, error_share=0, stale=3_600)
    told: list[str] = []
    for _ in range(20):
        told += keys(await cycle(watch))
    assert told == [f"{silent.id}/error/{text(50)}"]
    assert sum(api.reads(car, "error_logs") for car in others) == 0


async def test_error_logs_of_all_the_others_come_in_a_rotation_over_the_budget() -> None:
    api, cars, _ = fleet(60, limit=1_200)
    for car in cars:
        car.error(1)
    watch = api.watch(every=300, logs={"error"}, error_share=0.1)
    events = await cycle(watch)
    told = keys(events)
    for _ in range(12):
        events = await cycle(watch)
        assert end(events).spent.errors <= 20
        told += keys(events)
    assert sorted(told) == sorted(f"{car.id}/error/{text(1)}" for car in cars)


async def test_a_vehicle_that_joins_brings_the_logs_it_has_since() -> None:
    api, _, _ = fleet()
    new = Car(vehicle_id(77), since=at(7))
    new.log(7)
    new.log(8)
    api.cars[new.id] = new
    watch = api.watch(every=300, logs={"status"}, order="time")
    await cycle(watch)
    assert names(await cycle(watch)) == ["CycleFinished"]
    events = await cycle(watch)
    assert names(events) == ["VehicleAdded", "StatusLogged", "StatusLogged", "CycleFinished"]
    assert keys(events) == [f"{new.id}/status/{text(7)}", f"{new.id}/status/{text(8)}"]


async def test_a_vehicle_is_removed_only_after_a_complete_snapshot_and_a_404_of_its_own() -> None:
    api, cars, _ = fleet(40)
    gone, hidden = cars[3], cars[20]
    gone.until = at(4)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    api.hidden.add(hidden.id)
    events = await cycle(watch)
    assert [event.vehicle_id for event in events if isinstance(event, VehicleRemoved)] == [gone.id]
    assert end(events).spent.checks == 2
    assert "VehicleRemoved" not in names(await cycle(watch))
    gone.until = at(10_000)
    events = await cycle(watch)
    assert [event.vehicle_id for event in events if isinstance(event, VehicleAdded)] == [gone.id]


async def test_a_fleet_that_shrinks_at_once_is_reported_and_no_vehicle_is_removed() -> None:
    api, cars, _ = fleet(40)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    for car in cars[:10]:
        car.until = at(1)
    events = await cycle(watch)
    [shrank] = [event for event in events if isinstance(event, FleetShrank)]
    assert (shrank.before, shrank.after) == (40, 30)
    assert names(await cycle(watch)) == ["CycleFinished"]
    assert all(api.asked[f"/vehicles/{car.id}"] == 0 for car in cars)
    # Whoever knows better says so.
    removed = names(await cycle(api.watch(every=300, logs={"status"}, max_shrink=1)))
    assert removed.count("VehicleRemoved") == 10


async def test_one_vehicle_that_fails_does_not_stop_the_others_and_is_read_again() -> None:
    api, cars, _ = fleet()
    for car in cars:
        car.log(1)
    sick = cars[1]
    api.fail = lambda _, request: unavailable(request) if f"{sick.id}/status" in request.path else None
    watch = api.watch(every=300, logs={"status"}, order="time")
    await cycle(watch)
    events = await cycle(watch)
    [failed] = [event for event in events if isinstance(event, PollFailed)]
    assert (failed.vehicle_id, failed.log_kind) == (sick.id, "status")
    assert isinstance(failed.error, ServiceUnavailable)
    assert keys(events) == [f"{cars[0].id}/status/{text(1)}", f"{cars[2].id}/status/{text(1)}"]
    assert end(events).failed == 1
    api.fail = lambda _number, _request: None
    assert keys(await cycle(watch)) == [f"{sick.id}/status/{text(1)}"]


async def test_an_undecodable_log_is_reported_once_and_delays_nothing() -> None:
    api, [car, *_], _ = fleet()
    car.log(1)
    car.status.append(Log(text(2), at(2), bad=True))
    car.log(3)
    watch = api.watch(every=300, logs={"status"}, order="time")
    await cycle(watch)
    events = await cycle(watch)
    [failed] = [event for event in events if isinstance(event, PollFailed)]
    assert isinstance(failed.error, DecodeError)
    assert keys(events) == [f"{car.id}/status/{text(1)}", f"{car.id}/status/{text(3)}"]
    car.log(8)
    events = await cycle(watch)
    assert names(events) == ["StatusLogged", "CycleFinished"]


async def test_an_outage_is_waited_out_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    api, cars, clock = fleet()
    for minutes in range(1, 120):
        for car in cars:
            car.log(minutes)
    api.fail = lambda _, request: ConnectionFailed(request, "refused") if 600 < clock.elapsed < 3_600 else None
    watch = api.watch(every=300, logs={"status"})
    told: list[str] = []
    while clock.elapsed < 7_200:
        events = await cycle(watch)
        assert "PollFailed" not in names(events)
        told += keys(events)
    assert len(told) == len(set(told)) == 3 * 119
    assert [(record.name, record.levelname) for record in caplog.records].count(("ev_energy_async", "WARNING")) == 1


async def test_what_the_budget_does_not_allow_is_waited_for() -> None:
    api, cars, clock = fleet()
    for car in cars:
        car.log(1)
    free_at = at(45)
    api.fail = lambda _, request: BudgetExhausted(request, free_at) if 200 < clock.elapsed < 2_700 else None
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    assert len(keys(await cycle(watch))) == 3
    assert clock.true >= free_at


async def test_the_interval_is_stretched_where_the_budget_is_too_small() -> None:
    api, cars, _ = fleet(1_000, limit=100)
    watch = api.watch(every=60, logs=set())
    first = end(await cycle(watch))
    assert first.spent.snapshot == 10
    # Ten requests a cycle, of 95 % of what an hour allows.
    every = 3_600 * 10 / (0.95 * api.budget.allowance)
    assert first.every == pytest.approx(every, rel=0.01)
    assert not first.fits
    second, third = end(await cycle(watch)), end(await cycle(watch))
    assert (third.began_at - second.began_at).total_seconds() == pytest.approx(every, abs=2)
    assert len(cars) == 1_000


async def test_refused_credentials_are_raised() -> None:
    api, _, _ = fleet()
    api.fail = lambda _number, _request: AuthError("invalid_client", "unknown")
    with pytest.raises(AuthError):
        await anext(api.watch())


async def test_a_refused_snapshot_is_raised_and_the_watch_can_go_on() -> None:
    api, _, _ = fleet()
    api.fail = lambda number, request: Forbidden(Response(request, "", 403, {}, b"", b"")) if number == 1 else None
    watch = api.watch()
    with pytest.raises(Forbidden):
        await anext(watch)
    assert names(await cycle(watch))[0] == "VehicleAdded"


async def test_since_begins_in_the_past() -> None:
    api, [car, *_], _ = fleet()
    for minutes in range(-600, 0, 2):
        car.log(minutes)
    events = await cycle(api.watch(logs={"status"}, since=at(-300), concurrency=1, order="time"))
    told = [event for event in events if isinstance(event, StatusLogged) and event.vehicle_id == car.id]
    assert [event.log.sampled_at for event in told] == [at(minutes) for minutes in sorted({*range(-300, 0, 2), -1})]


async def test_a_slow_consumer_slows_the_polling() -> None:
    api, _, clock = fleet()
    watch = api.watch(every=60, logs=set())
    await cycle(watch)
    asked = api.count
    clock.elapsed += 10_000
    assert api.count == asked
    await cycle(watch)
    assert api.count == asked + 1


async def test_a_watch_that_is_left_leaves_no_task_behind() -> None:
    api, cars, _ = fleet(30)
    for car in cars:
        car.log(1)
    async for _ in api.watch(every=1, logs={"status"}):
        break
    watch = api.watch()
    await anext(watch)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_two_tasks_cannot_wait_for_one_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    api, _, _ = fleet()
    watch = api.watch(every=60, logs=set())
    gate = asyncio.Event()

    async def slow(_: float) -> None:
        await gate.wait()

    await cycle(watch)
    monkeypatch.setattr(api.clock, "sleep", slow)
    waiting = asyncio.create_task(cycle(watch))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await anext(watch)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_batches_are_full_or_old() -> None:
    api, _, clock = fleet(25)
    batches = api.watch(every=300, logs=set()).batches(max_items=10, max_age=60)
    sizes = [len(await anext(batches)) for _ in range(3)]
    assert sizes == [10, 10, 6]
    assert clock.elapsed == 60
    assert len(await anext(batches)) == 1
    await batches.aclose()


async def test_progress_is_reported_after_each_step() -> None:
    api, _, _ = fleet(250)
    seen: list[tuple[str, int]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.phase, progress.vehicles))

    await cycle(api.watch(logs=set(), on_progress=note))
    assert seen[:3] == [("snapshot", 100), ("snapshot", 200), ("logs", 250)]


async def test_an_event_shows_what_it_is() -> None:
    api, [car, *_], _ = fleet()
    car.error(1)
    watch = api.watch(every=300, logs={"error"})
    await cycle(watch)
    [event] = [each for each in await cycle(watch) if isinstance(each, ErrorLogged)]
    assert "ack" not in repr(event)
    assert event.key in repr(event)


async def test_what_it_is_going_to_cost_is_logged_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    api, _, _ = fleet(1_000, limit=100)
    caplog.set_level("INFO", "ev_energy_async")
    watch = api.watch(every=60, logs=set())
    await cycle(watch)
    await cycle(watch)
    [record] = [record for record in caplog.records if "watching the fleet:" in record.message]
    assert record.levelname == "WARNING"
    assert "1,000 vehicles" in record.message


async def test_a_car_with_a_long_past_does_not_take_the_turns_of_the_others() -> None:
    api, cars, _ = fleet(3)
    for minutes in range(-1_000, -1):
        cars[0].log(minutes)
    late = [car.log(-30, late=600).text for car in cars[1:]]
    watch = api.watch(every=600, logs={"status"}, complete_within=3_600)
    told: list[str] = []
    for _ in range(90):
        told += keys(await cycle(watch))
    assert [key.rpartition("/")[2] for key in told] == late
