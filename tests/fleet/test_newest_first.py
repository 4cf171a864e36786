"""Newest first: logs come straight from snapshots, and a read proves what lies between. Lessons of a prototype."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from ev_energy_async.errors import BudgetExhausted, ServiceUnavailable
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.coverage import Gap, Reason, Row
from ev_energy_async.fleet.events import FleetShrank, StatusLogged, VehicleRemoved
from ev_energy_async.fleet.watch.settings import Provision
from ev_energy_async.fleet.watch.state import DeviceState
from ev_energy_async.instants import instant_of
from ev_energy_async.messages.request import Response

from .watch_kit import OWNER, Car, Log, ModelFleet, at, cycle, end, fleet, keys, text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    import pytest

    from ev_energy_async.fleet import Watch
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.messages.request import Request


def unavailable(request: Request[Any]) -> ServiceUnavailable:
    return ServiceUnavailable(Response(request, "", 503, {}, b"", b""))


def told(events: Iterable[WatchEvent]) -> list[tuple[str, str, bool, bool]]:
    """The times of logs, how they came, whether they were late and out of order."""
    return [
        (event.key.rpartition("/")[2], event.via, event.late, event.out_of_order)
        for event in events
        if isinstance(event, StatusLogged)
    ]


async def state_of(api: ModelFleet, car: Car) -> DeviceState:
    entry = await api.checkpoint.get(f"watch/{car.id}")
    assert entry is not None
    return msgspec.json.decode(entry.value, type=DeviceState)


async def budget_gaps(api: ModelFleet) -> list[tuple[Row, Gap]]:
    found = (await Fleet(api, OWNER).coverage(api.checkpoint)).gaps()
    return [(row, gap) for row, gap in found if gap.reason == Reason.BUDGET]


async def cycles(watch: Watch, count: int) -> list[WatchEvent]:
    found: list[WatchEvent] = []
    for _ in range(count):
        found += await cycle(watch)
        await found[-1].ack()
    return found


def scarce(count: int = 300, limit: int = 200) -> tuple[ModelFleet, list[Car]]:
    """A fleet whose budget does not allow to read each change at once."""
    api, cars, _ = fleet(count, limit=limit)
    return api, cars


async def test_the_newest_log_comes_at_once_and_those_before_it_with_the_read() -> None:
    api, [car, *_], _ = fleet()
    for minutes in (1, 2, 3):
        car.log(minutes)
    watch = api.watch(logs={"status"})
    await cycle(watch)
    events = await cycle(watch)
    assert told(events) == [
        (text(3), "snapshot", False, False),
        (text(1), "read", False, True),
        (text(2), "read", False, True),
    ]
    [first, *_] = [event for event in events if isinstance(event, StatusLogged)]
    assert (first.device_id, first.kind) == (car.id, "vehicles")


async def test_a_log_that_the_api_stored_late_is_late_however_it_comes() -> None:
    api, [car, *_], _ = fleet()
    car.log(4)
    car.log(2, late=5)
    car.log(9)
    watch = api.watch(logs={"status"})
    await cycle(watch)
    assert told(await cycle(watch)) == [(text(4), "snapshot", False, False)]
    assert told(await cycle(watch)) == [(text(9), "snapshot", False, False), (text(2), "read", True, True)]


async def test_a_large_fleet_is_told_at_once_and_read_later() -> None:
    api, cars = scarce()
    for car in cars:
        for minutes in (1, 2):
            car.log(minutes)
    watch = api.watch(logs={"status"})
    await cycles(watch, 1)
    events = await cycles(watch, 1)
    direct = [event for event in events if isinstance(event, StatusLogged) and event.via == "snapshot"]
    assert len(direct) == 300
    assert end(events).waiting > 200
    found = keys(events)
    while end(events).waiting:
        events = await cycles(watch, 1)
        found += keys(events)
    assert len(found) == len(set(found)) == 600


async def test_a_snapshot_proves_nothing_about_what_lies_before_it() -> None:
    api, cars = scarce()
    for car in cars:
        car.log(3)
        car.log(8)
    # It comes while only snapshots have seen this vehicle, and lies between what they showed.
    hidden = [car.log(6, late=5) for car in cars]
    for car in cars:
        car.log(30)
    watch = api.watch(logs={"status"})
    events = await cycles(watch, 8)
    while end(events).waiting:
        events += await cycles(watch, 1)
    assert {f"{car.id}/status/{log.text}" for car, log in zip(cars, hidden, strict=True)} <= set(keys(events))


async def test_coverage_ends_where_a_read_ended_and_never_runs_backwards() -> None:
    api, cars = scarce()
    for car in cars:
        for minutes in range(7, 100, 5):
            car.log(minutes)
    watch = api.watch(logs={"status"})
    before: dict[str, dt.datetime] = {}
    coverage = await Fleet(api, OWNER).coverage(api.checkpoint)
    for _ in range(12):
        await cycles(watch, 1)
        coverage = await Fleet(api, OWNER).coverage(api.checkpoint)
        for row in coverage.rows:
            if row.complete_upto is not None:
                assert row.complete_upto >= before.get(row.vehicle_id, row.complete_upto)
                before[row.vehicle_id] = row.complete_upto
        assert {gap.reason for _, gap in coverage.gaps()} <= {Reason.UNREAD}
    assert coverage.gaps()


async def test_a_log_that_comes_during_a_read_leaves_the_vehicle_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    api, [car, *_], clock = fleet()
    car.log(3)
    watch = api.watch(logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    original = api.send

    async def send(request: Any) -> Any:
        answer = await original(request)
        if request.path.endswith("status_logs"):
            clock.elapsed += 60
            car.log(clock.elapsed / 60)
        return answer

    monkeypatch.setattr(api, "send", send)
    await cycles(watch, 1)
    monkeypatch.setattr(api, "send", original)
    newest = car.status[-1].text
    events = await cycles(watch, 1)
    assert (newest, "snapshot", False, False) in told(events)


async def test_a_newest_log_that_is_deleted_shows_one_that_is_known_or_delivers_one_that_is_not() -> None:
    api, [car, *_], _ = fleet()
    car.log(1)
    car.status.append(Log(text(2), at(2), gone=at(7)))
    watch = api.watch(logs={"status"})
    await cycles(watch, 1)
    assert {each for each, *_ in told(await cycles(watch, 1))} == {text(1), text(2)}
    assert told(await cycles(watch, 1)) == []
    # Another one that is older comes to be the newest.
    car.status.clear()
    car.log(1.5, late=10)
    [event] = told(await cycles(watch, 1))
    assert event == (text(1.5), "snapshot", True, True)


async def test_of_two_logs_of_one_time_the_first_wins() -> None:
    api, [car, *_], _ = fleet()
    car.status += [Log(text(2), at(3)), Log(text(2), at(7), stored=at(7))]
    watch = api.watch(logs={"status"})
    assert len(told(await cycles(watch, 4))) == 1


async def test_a_clock_that_is_ahead_is_told_once_and_raises_no_watermark() -> None:
    api, [car, *_], _ = fleet()
    car.status.append(Log(text(60 * 24 * 40), at(3)))
    for minutes in range(6, 60, 5):
        car.log(minutes)
    watch = api.watch(logs={"status"}, complete_within=1_200, ack="explicit")
    events = await cycles(watch, 24)
    found = keys(events)
    assert len(found) == len(set(found)) == 12
    state = await state_of(api, car)
    assert state.behind > 0, "for it shows a log that no read can have seen"
    assert state.ledger("status").read_at <= instant_of(api.clock.true)
    # Once in twenty minutes, not in each cycle.
    assert 3 <= api.reads(car) <= 9


async def test_a_vehicle_without_a_log_gets_its_first_one_straight() -> None:
    api, [car, *_], _ = fleet()
    car.status.clear()
    watch = api.watch(logs={"status"}, ack="explicit")
    await cycles(watch, 2)
    [row] = (await Fleet(api, OWNER).coverage(api.checkpoint)).of(car.id)
    assert row.complete_upto == at(5), "it has no logs, and that is all"
    car.log(7)
    assert told(await cycles(watch, 1)) == [(text(7), "snapshot", False, False)]


async def test_a_newest_log_that_is_a_url_is_read_and_not_delivered_from_there() -> None:
    api, [car, *_], _ = fleet()
    api.shows_urls = True
    car.log(3)
    watch = api.watch(logs={"status"})
    await cycles(watch, 1)
    assert told(await cycles(watch, 1)) == [(text(3), "read", False, False)]


async def test_a_copy_that_lags_costs_a_read_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    api, [car, *_], _ = fleet()
    car.log(3)
    watch = api.watch(logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    listed = api.listed

    def lagging(logs: list[Log]) -> list[Log]:
        return [log for log in listed(logs) if log.at < instant_of(at(2))]

    original = api.send

    async def send(request: Any) -> Any:
        monkeypatch.setattr(api, "listed", lagging if request.path.endswith("status_logs") else listed)
        return await original(request)

    monkeypatch.setattr(api, "send", send)
    events = await cycles(watch, 1)
    assert (await state_of(api, car)).behind > 0
    monkeypatch.setattr(api, "send", original)
    monkeypatch.setattr(api, "listed", listed)
    car.log(8)
    events += await cycles(watch, 2)
    assert [each for each, *_ in told(events)] == [text(3), text(8)]
    assert (await state_of(api, car)).behind == 0


async def test_a_vehicle_whose_newest_log_has_not_changed_is_not_read() -> None:
    api, cars, _ = fleet(5)
    await cycles(api.watch(logs={"status"}, complete_within=86_400), 20)
    assert [api.reads(car) for car in cars] == [0] * 5


async def test_failing_reads_hold_up_no_snapshot() -> None:
    api, cars, _ = fleet(3)
    for car in cars:
        for minutes in range(1, 60, 5):
            car.log(minutes)
    free = at(600)
    api.fail = lambda _, request: BudgetExhausted(request, free) if "status_logs" in request.path else None
    watch = api.watch(logs={"status"})
    events = await cycles(watch, 12)
    assert end(events).began_at == at(55)
    assert sum(1 for each in told(events) if each[1] == "snapshot") == 3 * 11


async def test_a_page_that_fails_keeps_its_turn_and_no_burst_follows() -> None:
    api, cars, clock = fleet(1_000, limit=1_000)
    assert len(cars) == 1_000
    asked: list[float] = []

    def fail(_: int, request: Request[Any]) -> Exception | None:
        if request.path == "/vehicles":
            asked.append(clock.elapsed)
        return unavailable(request) if 420 < clock.elapsed < 3_000 else None

    api.fail = fail
    watch = api.watch(every=300, logs=set())
    await cycles(watch, 12)
    after = [at for at in asked if at >= 3_000]
    gaps = [later - earlier for earlier, later in pairwise(after)]
    assert min(gaps[2:]) > 25, "a page every half minute"


async def test_a_snapshot_under_way_is_resumed_and_removes_nobody() -> None:
    api, cars, _ = fleet(25, page_size=10)
    await cycles(api.watch(every=300, logs={"status"}, ack="explicit"), 1)
    gone = cars[0]
    gone.until = at(1)
    for car in cars[1:]:
        car.log(2)
    first = api.watch(every=300, logs={"status"}, ack="explicit")
    async for event in first:
        await event.ack()
        if isinstance(event, StatusLogged) and event.vehicle_id == cars[12].id:
            break
    asked = api.asked["/vehicles"]
    second = api.watch(every=300, logs={"status"}, ack="explicit")
    events = await cycles(second, 1)
    assert api.asked["/vehicles"] - asked < 3, "it goes on with the page where it was"
    assert not [event for event in events if isinstance(event, VehicleRemoved | FleetShrank)]
    [removed] = [event for event in await cycles(second, 1) if isinstance(event, VehicleRemoved)]
    assert removed.vehicle_id == gone.id


async def test_after_a_crash_an_event_comes_again_and_marked_if_it_was_superseded() -> None:
    api, [car, *_], clock = fleet()
    car.log(3)
    car.log(8)
    watch = api.watch(logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    [lost] = [event for event in await cycle(watch) if isinstance(event, StatusLogged)]
    clock.elapsed = 600
    events = told(await cycles(api.watch(logs={"status"}, ack="explicit"), 1))
    assert lost.key.endswith(text(3))
    assert events == [(text(8), "snapshot", False, False), (text(3), "read", False, True)]


async def test_an_audit_does_not_make_up_for_a_read() -> None:
    api, cars = scarce()
    for car in cars:
        car.log(3)
        car.log(8)
    await cycles(api.watch(logs={"status"}, ack="explicit"), 3)
    before = [(await state_of(api, car)).behind for car in cars]
    assert sum(map(bool, before)) > 200
    await Fleet(api, OWNER).audit(at(0), at(9), checkpoint=api.checkpoint)
    assert [(await state_of(api, car)).behind for car in cars] == before


async def test_too_many_unread_logs_pause_direct_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    from ev_energy_async.fleet.watch import look  # noqa: PLC0415  # its limit

    monkeypatch.setattr(look, "_MOST_UNREAD", 3)
    api, [car, *_], _ = fleet()
    for minutes in range(2, 60, 5):
        car.log(minutes)
    api.fail = lambda _, request: unavailable(request) if "status_logs" in request.path else None
    watch = api.watch(logs={"status"})
    events = await cycles(watch, 8)
    assert len(told(events)) == 3
    api.fail = lambda _number, _request: None
    events += await cycles(watch, 3)
    found = keys(events)
    assert len(found) == len(set(found)) >= 9


async def test_where_history_cannot_keep_up_a_visit_reads_a_page_and_the_rest_is_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Provision, "reads_one_page", property(lambda _: True))
    api, cars, _ = fleet(3, page_size=5)
    for car in cars:
        for minutes in range(1, 200):
            car.log(minutes)
    watch = api.watch(every=1_800, logs={"status"}, ack="explicit")
    found = keys(await cycles(watch, 6))
    delivered = set(found)
    assert len(found) == len(delivered)
    gaps = [
        pair for pair in (await Fleet(api, OWNER).coverage(api.checkpoint)).gaps() if pair[1].reason == Reason.BUDGET
    ]
    assert len(gaps) >= 3 * 4
    for row, gap in gaps:
        logs = [log for log in api.cars[row.vehicle_id].status if instant_of(gap.begin) < log.at < instant_of(gap.end)]
        assert len(logs) > 20
        assert not {f"{row.vehicle_id}/status/{log.text}" for log in logs} & delivered
    # Whoever reads the gaps delivers the rest, and closes them.
    report = await Fleet(api, OWNER).audit(at(-5), at(150), checkpoint=api.checkpoint)
    rest = {event.key for event in report.missing}
    assert not rest & delivered
    assert len(rest | delivered) >= 3 * 150
    gaps = [
        pair for pair in (await Fleet(api, OWNER).coverage(api.checkpoint)).gaps() if pair[1].reason == Reason.BUDGET
    ]
    assert not gaps


async def test_a_log_from_the_time_of_a_long_snapshot_is_not_taken_for_one_that_is_ahead() -> None:
    api, cars, _ = fleet(4, page_size=1)
    watch = api.watch(every=3_600, logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    for car in cars:
        for minutes in range(10, 600, 10):
            car.log(minutes)
    # The last page of a snapshot is shown long after it was begun.
    events = await cycles(watch, 3)
    assert not any([(await state_of(api, car)).behind for car in cars])
    found = keys(events)
    assert len(found) == len(set(found)) > 40
