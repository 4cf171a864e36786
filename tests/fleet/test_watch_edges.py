"""Watching at the edges: rare behaviour of a fleet and its API, and the events for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from ev_energy_async.checkpoint import CheckpointError, MemoryCheckpoint
from ev_energy_async.errors import BadRequest, BudgetExhausted, Unauthorized
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import PollFailed, StatusLogged, VehicleAdded, VehicleRemoved
from ev_energy_async.messages import BadItem
from ev_energy_async.messages.request import Response

from .watch_kit import OWNER, Car, Log, ModelFleet, at, cycle, end, fleet, keys, names, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ev_energy_async.checkpoint import Advance
    from ev_energy_async.fleet import Watch
    from ev_energy_async.messages.request import Request


def watching(api: ModelFleet, **options: Any) -> Watch:
    return api.watch(**{"every": 300, "logs": {"status"}, "order": "time", **options})


def snapshots_as(
    monkeypatch: pytest.MonkeyPatch, api: ModelFleet, change: Callable[[Request[Any], list[Any]], list[Any]]
) -> None:
    """Let the pages of a snapshot be others."""
    original = api.send

    async def send(request: Any) -> Any:
        answer = await original(request)
        return replace(answer, data=change(request, answer.data)) if request.path == "/vehicles" else answer

    monkeypatch.setattr(api, "send", send)


def unauthorized(*numbers: int) -> Callable[[int, Request[Any]], Exception | None]:
    return lambda number, request: Unauthorized(Response(request, "", 401, {}, b"", b"")) if number in numbers else None


async def test_a_token_that_ends_is_waited_out_and_a_second_one_in_a_row_is_raised() -> None:
    api, _, clock = fleet()
    api.fail = unauthorized(1, 3, 5, 6)
    watch = watching(api)
    assert names(await cycle(watch)) == ["VehicleAdded"] * 3 + ["CycleFinished"]
    assert clock.elapsed == 5
    # One is forgiven again after an answer.
    assert names(await cycle(watch)) == ["CycleFinished"]
    with pytest.raises(Unauthorized):
        await cycle(watch)


async def test_what_is_stored_between_a_first_look_and_a_crash_is_not_lost() -> None:
    api, [car, *_], clock = fleet()
    car.log(10)
    first = watching(api, ack="explicit")
    assert isinstance(await anext(first), VehicleAdded)
    clock.elapsed += 1_200
    events = await cycle(watching(api))
    assert names(events).count("VehicleAdded") == 3
    assert keys(events) == [f"{car.id}/status/{text(10)}"]


async def test_of_a_log_that_is_stored_twice_the_first_is_delivered() -> None:
    api, [car, *_], _ = fleet()
    car.status += [Log(text(2), at(3), stored=at(2.5)), Log(text(2), at(3), stored=at(3)), Log(text(2), at(7))]
    watch = watching(api)
    told = [event for _ in range(4) for event in await cycle(watch) if isinstance(event, StatusLogged)]
    assert [event.log.logged_at for event in told] == [at(2.5)]


async def test_the_past_of_a_car_that_was_silent_has_its_turn_before_the_others() -> None:
    api, cars, _ = fleet(60, limit=600)
    car = cars[-1]
    car.log(9)
    car.log(139)
    # The rest of its past comes when its newest log is known already: the snapshot does not show it.
    car.log(15, late=148)
    # All sixty have one turn in a day between them, and this one would be the last of them.
    watch = watching(api, complete_within=86_400)
    found: list[str] = []
    while end(events := await cycle(watch)).began_at < at(160):
        found += keys(events)
    logs = [f"{car.id}/status/{text(minutes)}" for minutes in (9, 139, 15)]
    assert found == logs[:2]
    while end(events).began_at < at(8 * 60):
        events = await cycle(watch)
        found += keys(events)
    assert found == logs


async def test_a_vehicle_that_moves_to_the_next_page_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    api, cars, _ = fleet(5, page_size=2)
    seen: list[Any] = []

    def shifted(request: Request[Any], page: list[Any]) -> list[Any]:
        if "page_after" not in request.query:
            seen.clear()
        found = [*seen[-1:], *page]
        seen.extend(page)
        return found

    snapshots_as(monkeypatch, api, shifted)
    watch = watching(api)
    events = await cycle(watch)
    assert [event.vehicle_id for event in events if isinstance(event, VehicleAdded)] == [car.id for car in cars]
    assert end(events).vehicles == 5
    for car in cars:
        car.log(1)
    events = await cycle(watch)
    assert keys(events) == [f"{car.id}/status/{text(1)}" for car in cars]
    assert (end(events).changed, end(events).spent.history) == (5, 5)


async def test_a_vehicle_that_cannot_be_decoded_is_not_claimed_complete_until_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api, cars, clock = fleet()
    broken = cars[1].id

    def garbled(request: Request[Any], page: list[Any]) -> list[Any]:
        if 200 < clock.elapsed < 500:
            assert callable(request.on_bad_item)
            request.on_bad_item(BadItem(1, b'{"id": "%s"}' % broken.encode(), "no number", "$[1].battery"))
            return [vehicle for vehicle in page if vehicle.id != broken]
        return page

    snapshots_as(monkeypatch, api, garbled)
    watch = watching(api, ack="explicit")
    await cycle(watch)
    events = await cycle(watch)
    [failed] = [event for event in events if isinstance(event, PollFailed)]
    assert (failed.vehicle_id, failed.log_kind) == (broken, "vehicle")
    assert end(events).vehicles == 3
    await events[-1].ack()
    coverage = await Fleet(api, OWNER).coverage(api.checkpoint)
    assert [(row.vehicle_id, gap.reason) for row, gap in coverage.gaps()] == [(broken, Reason.UNDECODABLE)]
    clock.elapsed += 300
    events = await cycle(watch)
    await events[-1].ack()
    coverage = await Fleet(api, OWNER).coverage(api.checkpoint)
    assert not coverage.gaps()
    # It is well again, and not read ahead of others for ever.
    assert names(events) == ["CycleFinished"]


@pytest.mark.parametrize("count", [3, 40])
async def test_a_vehicle_that_snapshots_leave_out_is_not_claimed_complete(count: int) -> None:
    """Of three, one is too many to be looked up; of forty it is looked up, and is there."""
    api, cars, _ = fleet(count)
    cars[0].log(7)
    watch = watching(api, ack="explicit")
    await cycle(watch)
    api.hidden.add(cars[0].id)
    await cycle(watch)
    await (await cycle(watch))[-1].ack()
    coverage = await Fleet(api, OWNER).coverage(api.checkpoint)
    assert [(row.vehicle_id, gap.reason, gap.begin) for row, gap in coverage.gaps()] == [
        (cars[0].id, Reason.DOWNTIME, at(0))
    ]
    api.hidden.clear()
    events = await cycle(watch)
    assert keys(events) == [f"{cars[0].id}/status/{text(7)}"]
    await events[-1].ack()
    assert not (await Fleet(api, OWNER).coverage(api.checkpoint)).gaps()


async def test_each_log_that_cannot_be_decoded_has_a_key_of_its_own() -> None:
    api, [car, *_], _ = fleet()
    car.status += [Log(text(minutes), at(minutes), bad=True) for minutes in (1, 2, 3)]
    car.log(4)
    watch = watching(api)
    await cycle(watch)
    failed = [event.key for event in await cycle(watch) if isinstance(event, PollFailed)]
    assert len(failed) == len(set(failed)) == 3


async def test_a_snapshot_whose_cursor_is_refused_starts_over() -> None:
    api, cars, _ = fleet(5, page_size=2)

    def refuse(number: int, request: Request[Any]) -> Exception | None:
        # A cursor that is refused is refused whenever it is used.
        is_refused = number > 1 and api.clock.elapsed < 100 and "page_after" in request.query
        return BadRequest(Response(request, "", 400, {}, b"", b"")) if is_refused else None

    api.fail = refuse
    watch = watching(api)
    told = [await anext(watch), await anext(watch)]
    with pytest.raises(BadRequest):
        await anext(watch)
    api.clock.elapsed += 200
    asked = api.asked["/vehicles"]
    told += await cycle(watch)
    assert [event.vehicle_id for event in told if isinstance(event, VehicleAdded)] == [car.id for car in cars]
    assert api.asked["/vehicles"] - asked == 3


async def test_a_newest_log_that_is_deleted_costs_nothing_and_hides_nothing() -> None:
    api, [car, *_], _ = fleet()
    car.log(1)
    car.status.append(Log(text(2), at(2), gone=at(7)))
    car.log(12)
    watch = watching(api)
    await cycle(watch)
    assert keys(await cycle(watch)) == [f"{car.id}/status/{text(1)}", f"{car.id}/status/{text(2)}"]
    reads = api.reads(car)
    assert names(await cycle(watch)) == ["CycleFinished"]
    assert api.reads(car) == reads
    assert keys(await cycle(watch)) == [f"{car.id}/status/{text(12)}"]


async def test_the_first_log_of_a_vehicle_without_logs_is_delivered() -> None:
    api, [car, *_], _ = fleet()
    car.status.clear()
    car.log(3)
    car.log(4)
    watch = watching(api)
    assert keys(await cycle(watch)) == []
    assert keys(await cycle(watch)) == [f"{car.id}/status/{text(3)}", f"{car.id}/status/{text(4)}"]


async def test_a_budget_that_is_used_up_during_the_first_snapshot_loses_nothing() -> None:
    api, cars, clock = fleet(5, page_size=2)
    free_at = at(50)
    api.fail = lambda number, request: (
        BudgetExhausted(request, free_at) if number > 1 and clock.elapsed < 3_000 else None
    )
    for car in cars:
        car.log(20)
    watch = watching(api)
    told = [key for _ in range(3) for key in keys(await cycle(watch))]
    assert sorted(told) == [f"{car.id}/status/{text(20)}" for car in cars]
    assert len(clock.naps) < 10


async def test_a_checkpoint_that_fails_at_the_start_can_be_tried_again() -> None:
    class Broken(MemoryCheckpoint):
        failures = 1

        async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
            self.failures -= 1
            if self.failures >= 0:
                raise CheckpointError("disk full")
            return await super().advance_all(changes)

    api, [car, *_], clock = fleet()
    car.log(10)
    checkpoint = Broken()
    watch = watching(api, checkpoint=checkpoint, ack="explicit")
    with pytest.raises(CheckpointError):
        await anext(watch)
    assert isinstance(await anext(watch), VehicleAdded)
    # What it could not write at once it has written by now.
    clock.elapsed += 1_200
    events = await cycle(watching(api, checkpoint=checkpoint))
    assert names(events) == ["VehicleAdded"] * 3 + ["StatusLogged", "CycleFinished"]


async def test_what_is_late_is_known_after_a_restart() -> None:
    api, [car, *_], clock = fleet()
    car.log(4)
    car.log(2, late=5)
    car.log(9)
    watch = watching(api)
    await cycle(watch)
    await (await cycle(watch))[-1].ack()
    clock.elapsed += 600
    told = [event for event in await cycle(watching(api)) if isinstance(event, StatusLogged)]
    assert [(event.log.sampled_at, event.late) for event in told] == [(at(2), True), (at(9), False)]


async def test_a_vehicle_that_returns_resumes_its_logs_where_they_ended() -> None:
    api, cars, clock = fleet(40)
    car = cars[0]
    car.log(1)
    car.error(2)
    watch = watching(api, logs={"status", "error"}, ack="explicit", error_share=1)
    told = keys(await cycle(watch)) + keys(await cycle(watch))
    car.until = at(7)
    assert "VehicleRemoved" in names(await cycle(watch))
    car.until = at(10_000)
    car.log(8)
    car.error(9)
    events = await cycle(watch)
    assert "VehicleAdded" in names(events)
    told += keys(events)
    told += keys(await cycle(watch))
    assert sorted(told) == sorted(
        f"{car.id}/{kind}/{text(minutes)}"
        for kind, minutes in (("status", 1), ("status", 8), ("error", 2), ("error", 9))
    )
    assert clock.elapsed > 0


async def test_an_event_can_be_acknowledged_while_the_next_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    api, cars, _ = fleet()
    for car in cars:
        car.log(1)
    watch = watching(api, ack="explicit")
    first = await cycle(watch)
    original, gate = api.send, asyncio.Event()

    async def send(request: Any) -> Any:
        await gate.wait()
        return await original(request)

    monkeypatch.setattr(api, "send", send)
    waiting = asyncio.create_task(anext(watch))
    await asyncio.sleep(0)
    await asyncio.gather(*(event.ack() for event in reversed(first)))
    gate.set()
    following = [await waiting, *await cycle(watch)]
    assert keys(following) == [f"{car.id}/status/{text(1)}" for car in cars]
    # The acknowledgement of what came before has not taken these along.
    assert keys(await cycle(watching(api))) == keys(following)


async def test_a_closed_client_is_named_in_the_error() -> None:
    api, _, _ = fleet()
    watch = watching(api)
    await cycle(watch)
    api.fail = lambda _number, _request: RuntimeError("the client is closed")
    with pytest.raises(RuntimeError, match="closed"):
        await anext(watch)


async def test_the_car_that_joins_late_is_not_missed_by_its_clock() -> None:
    """Its first log is sampled before it was connected, and stored after."""
    api, _, _ = fleet()
    watch = watching(api)
    await cycle(watch)
    new = Car("vhcl01HRFF3SEVSCRAV9B3CH999999", since=at(2))
    new.log(-90, late=93)
    api.cars[new.id] = new
    events = await cycle(watch)
    assert keys(events) == [f"{new.id}/status/{text(-90)}"]
    assert end(events).lateness is not None


async def test_in_a_small_fleet_one_vehicle_can_be_removed() -> None:
    api, cars, _ = fleet(4)
    watch = api.watch(every=300, logs=set())
    await cycle(watch)
    cars[1].until = at(1)
    assert [event.vehicle_id for event in await cycle(watch) if isinstance(event, VehicleRemoved)] == [cars[1].id]
