"""Coverage: what a watch knows to be complete, and what is missing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.errors import Forbidden, InvalidArgument, NotFound, ServiceUnavailable
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import StatusLogged
from ev_energy_async.messages.request import Response

from .watch_kit import OWNER, Log, ModelFleet, at, cycle, end, fleet, keys, text

if TYPE_CHECKING:
    from ev_energy_async.errors import ApiError
    from ev_energy_async.fleet import Coverage, Watch
    from ev_energy_async.messages.request import Request


def refuse(kind: type[ApiError], path: str) -> Any:
    def fail(_: int, request: Request[Any]) -> ApiError | None:
        return kind(Response(request, "", 400, {}, b"", b"")) if path in request.path else None

    return fail


async def run(watch: Watch, cycles: int) -> list[str]:
    """The logs of some cycles; the last one is acknowledged by asking on."""
    told: list[str] = []
    for _ in range(cycles):
        events = await cycle(watch)
        told += keys(events)
        await events[-1].ack()
    return told


async def coverage(api: ModelFleet) -> Coverage:
    return await Fleet(api, OWNER).coverage(api.checkpoint)


async def test_a_watch_knows_up_to_when_each_vehicle_is_complete() -> None:
    api, [car, quiet, _], _ = fleet()
    for minutes in range(1, 30):
        car.log(minutes)
    watch = api.watch(every=300, logs={"status"})
    await run(watch, 4)
    found = await coverage(api)
    assert found.complete(at(0), at(15))
    assert not found.complete(at(0), at(16))
    assert not found.gaps()
    [row] = found.of(quiet.id)
    # Its newest log was still the same in the last snapshot, so there is none after it.
    assert (row.complete_from, row.complete_upto) == (at(0), at(15))
    assert f"all complete up to {at(15):%Y-%m-%d %H:%M}" in str(found)


async def test_late_logs_are_not_claimed_before_the_past_was_read_again() -> None:
    api, [car, *_], _ = fleet()
    for minutes in range(1, 60):
        car.log(minutes)
    late = car.log(3, late=50, digits="5")
    watch = api.watch(every=300, logs={"status"})
    await run(watch, 13)
    [row] = (await coverage(api)).of(car.id)
    assert row.as_of is not None
    if f"{car.id}/status/{late.text}" not in await run(watch, 1):
        assert row.as_of <= at(60)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(NotFound, Reason.NOT_FOUND), (Forbidden, Reason.REFUSED), (ServiceUnavailable, Reason.DOWNTIME)],
)
async def test_a_vehicle_that_cannot_be_read_has_a_gap_with_its_reason(kind: type[ApiError], reason: Reason) -> None:
    api, cars, _ = fleet()
    for car in cars:
        car.log(7)
    api.fail = refuse(kind, f"{cars[1].id}/status_logs")
    watch = api.watch(every=300, logs={"status"})
    await run(watch, 3)
    found = await coverage(api)
    [(row, gap)] = found.gaps()
    assert (row.vehicle_id, gap.reason, gap.end) == (cars[1].id, reason, at(10))
    assert gap.begin <= at(7)
    api.fail = lambda _number, _request: None
    await run(watch, 1)
    assert not (await coverage(api)).gaps()


async def test_a_log_that_cannot_be_decoded_is_a_gap_as_long_as_itself() -> None:
    api, [car, *_], _ = fleet()
    car.status.append(Log(text(2), at(2), bad=True))
    car.log(3)
    watch = api.watch(every=300, logs={"status"})
    await run(watch, 2)
    [(row, gap)] = (await coverage(api)).gaps()
    assert (row.vehicle_id, gap.reason, gap.begin) == (car.id, Reason.UNDECODABLE, at(2))
    assert gap.length < dt.timedelta(seconds=1)


async def test_a_watch_that_does_not_run_is_a_gap_and_going_on_closes_it() -> None:
    api, cars, clock = fleet()
    for car in cars:
        car.log(100)
    await run(api.watch(every=300, logs={"status"}), 3)
    clock.elapsed += 7_200
    gaps = (await coverage(api)).gaps()
    assert {gap.reason for _, gap in gaps} == {Reason.DOWNTIME}
    assert {gap.begin for _, gap in gaps} == {at(10)}
    await run(api.watch(every=300, logs={"status"}), 1)
    assert not (await coverage(api)).gaps()


async def test_logs_that_the_api_keeps_no_more_are_a_gap() -> None:
    api, [car, *_], clock = fleet()
    car.log(1)
    await run(api.watch(every=300, logs={"status"}), 2)
    for minutes in range(10, 100):
        car.log(minutes)
    car.status = [log for log in car.status if log.at > car.status[40].at]
    clock.elapsed += 7_200
    await run(api.watch(every=300, logs={"status"}), 1)
    [(row, gap)] = (await coverage(api)).gaps()
    assert (row.vehicle_id, gap.reason, gap.begin) == (car.id, Reason.RETENTION, at(1))


async def test_logs_left_to_gather_are_not_claimed() -> None:
    api, cars, _ = fleet(300, limit=200)
    for car in cars:
        for minutes in range(1, 60):
            car.log(minutes)
    watch = api.watch(every=300, logs={"status"})
    await run(watch, 5)
    found = await coverage(api)
    unread = [row for row in found.rows if row.gaps]
    assert len(unread) > 200
    assert {gap.reason for row in unread for gap in row.gaps} == {Reason.UNREAD}
    # What the snapshots have shown of these says nothing of what lies between.
    assert sum(row.complete(at(0), at(20)) for row in unread) < 100


async def test_error_logs_are_claimed_up_to_when_they_were_read() -> None:
    api, cars, _ = fleet()
    watch = api.watch(every=300, logs={"error"})
    await run(watch, 1)
    found = await coverage(api)
    assert all(row.log_kind == "error" and not row.gaps for row in found.rows)
    await run(watch, 3)
    rows = (await coverage(api)).rows
    assert len(rows) == len(cars)
    assert all(row.complete_upto is not None and row.complete_upto >= at(5) for row in rows)


async def test_coverage_needs_a_checkpoint() -> None:
    api, _, _ = fleet()
    with pytest.raises(InvalidArgument, match="checkpoint"):
        await Fleet(api, OWNER).coverage()
    watched = Fleet(api, OWNER)
    await cycle(watched.watch())
    assert not (await watched.coverage()).rows


# --- Plans and backfills


async def test_the_plan_counts_with_the_budget_of_the_client() -> None:
    api, _, _ = fleet(1_000, limit=1_000)
    plan = Fleet(api, OWNER).plan(1_000, every=3_600, logs=set())
    assert plan.fits
    assert plan.requests.snapshot == pytest.approx(10)
    assert plan.budget == api.budget.allowance
    first = end(await cycle(api.watch(every=60, logs=set())))
    assert first.every == pytest.approx(60, abs=5)


async def test_a_backfill_reads_the_past_of_those_that_have_one() -> None:
    api, [car, *_], _ = fleet()
    for minutes in range(-500, -100, 3):
        car.log(minutes)
    found = [item async for item in Fleet(api, OWNER).logs("status", since=at(-300), until=at(-100))]
    assert {item.vehicle_id for item in found} == {car.id}
    assert len(found) == len([minutes for minutes in range(-500, -100, 3) if -300 <= minutes <= -100])
    assert not any(isinstance(item, StatusLogged) for item in found)


async def test_a_snapshot_without_a_vehicle_proves_nothing_about_it() -> None:
    api, cars, _ = fleet(300, limit=200)
    watch = api.watch(logs={"status"}, ack="explicit")
    await run(watch, 1)
    car = cars[-1]
    api.hidden.add(car.id)
    car.log(3)
    await run(watch, 1)
    api.hidden.clear()
    for other in cars:
        other.log(8)
    told = await run(watch, 1)
    assert told.count(f"{car.id}/status/{car.status[-1].text}") == 1, "it was shown"
    assert f"{car.id}/status/{car.status[-2].text}" not in told, "and not read"
    [row] = (await Fleet(api, OWNER).coverage(api.checkpoint)).of(car.id)
    assert row.complete_upto is None or row.complete_upto <= at(3)
