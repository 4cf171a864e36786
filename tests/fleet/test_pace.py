"""The pace of a watch: pages on time, and a plan that follows what changes around it."""

from __future__ import annotations

import asyncio
import datetime as dt
from bisect import bisect_left
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final

import pytest

from ev_energy_async import models
from ev_energy_async.fleet.allotment import HOUR, Demand, allot
from ev_energy_async.fleet.plan import plan
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.fleet.watch.look import Rules, look_at
from ev_energy_async.fleet.watch.scheduler import Scheduler
from ev_energy_async.fleet.watch.state import DeviceState, Meta
from ev_energy_async.instants import SECOND, instant_of
from ev_energy_async.messages import RateLimit

from .test_newest_first import cycles, told, unavailable
from .watch_kit import Car, ModelFleet, at, cycle, end, fleet, keys, let_time_pass, text, vehicle_id

SNAPSHOTS: Final = "/vehicles"


def reporting(count: int, *, limit: int, hours: int) -> tuple[ModelFleet, list[Car]]:
    """A fleet that reports half-hourly, spread over the time between."""
    api, cars, _ = fleet(count, limit=limit)
    for number, car in enumerate(cars):
        for half in range(2 * hours):
            car.log(30 * half + 30 * number / count)
    return api, cars


def times_of(api: ModelFleet) -> list[float]:
    """Note when the pages of snapshots are asked for."""
    times: list[float] = []

    def note(_: int, request: Any) -> None:
        if request.path == SNAPSHOTS:
            times.append(api.clock.elapsed)

    api.fail = note
    return times


async def test_the_second_snapshot_of_a_large_fleet_is_not_held_up_by_what_was_chosen_before_the_first() -> None:
    api, _, _ = fleet(2_000, limit=1_000)
    asked = times_of(api)
    events = await cycles(api.watch(logs={"status"}), 3)
    every = end(events).every
    assert len(asked) == 3 * 20
    assert asked[19] < 60, "the first one is taken at once"
    assert asked[39] <= asked[19] + 1.05 * every, "and the newest logs come within the interval from then on"
    assert max(later - earlier for earlier, later in pairwise(asked)) < 2 * every / 20


async def test_a_read_that_hangs_holds_up_no_page_and_no_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    api, cars, clock = fleet(3, page_size=1)
    for car in cars:
        car.log(0.01)
    watch = api.watch(every=0.06, logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    original, hung, free = api.send, list[str](), asyncio.Event()
    cycles_before = api.asked[SNAPSHOTS]

    async def send(request: Any) -> Any:
        if request.path.endswith("status_logs") and "page_after" not in request.query:
            hung.append(request.path)
            await free.wait()
        answer = await original(request)
        if api.asked[SNAPSHOTS] - cycles_before > 12:
            free.set()
        return answer

    monkeypatch.setattr(api, "send", send)
    let_time_pass(monkeypatch, clock)
    clock.elapsed = 1
    events = await cycles(watch, 3)
    assert hung, "a read was waited for"
    assert len(hung) == len(set(hung)), "and asked for once"
    assert api.asked[SNAPSHOTS] - cycles_before > 12, "four snapshots passed meanwhile"
    assert {each for each, *_ in told(events)} == {car.status[-1].text for car in cars}


# --- What changes around a watch


async def test_a_plan_follows_what_others_spend_and_history_gives_way_first() -> None:
    api, _ = reporting(400, limit=200, hours=1)
    watch = api.watch(logs={"status"})
    before = end(await cycles(watch, 2))
    with await api.budget.acquire() as spending:
        spending.settle(RateLimit(limit=200, remaining=80))
    after = end(await cycles(watch, 1))
    assert after.every == before.every == 300, "snapshots are kept up"
    assert before.complete_within is not None
    assert after.complete_within is not None
    assert after.complete_within > 1.5 * before.complete_within
    with await api.budget.acquire() as spending:
        spending.settle(RateLimit(limit=200, remaining=0))
    assert end(await cycles(watch, 1)).every > 300, "and give way where that is not enough"


async def test_a_plan_follows_a_limit_that_a_header_states() -> None:
    api, _ = reporting(400, limit=200, hours=1)
    watch = api.watch(logs={"status"})
    before = end(await cycles(watch, 2))
    with await api.budget.acquire() as spending:
        spending.settle(RateLimit(limit=800, remaining=790))
    after = end(await cycles(watch, 1))
    assert before.complete_within is not None
    assert after.complete_within is not None
    assert after.complete_within < before.complete_within / 2


async def test_a_plan_follows_a_fleet_that_doubles() -> None:
    api, _ = reporting(600, limit=120, hours=2)
    for number in range(600, 1_200):
        api.cars[vehicle_id(number)] = Car(vehicle_id(number), since=at(30))
    watch = api.watch(logs={"status"})
    chosen = [end(await cycle(watch)) for _ in range(9)]
    before, after = (plan(count, logs={"status"}, budget=120) for count in (600, 1_200))
    assert {each.every for each in chosen if each.vehicles == 600} == {before.every}
    first, *later = (each for each in chosen if each.vehicles == 1_200)
    assert first.every == pytest.approx(after.every), "from the first cycle on that sees them"
    assert first.fits
    assert later[0].began_at - first.began_at >= dt.timedelta(seconds=0.9 * after.every)


async def test_after_eight_hours_of_sleep_pages_come_at_even_intervals_and_nothing_is_lost() -> None:
    api, cars = reporting(300, limit=200, hours=10)
    watch = api.watch(logs={"status"})
    events = await cycles(watch, 3)
    asked = times_of(api)
    api.clock.elapsed += 8 * HOUR
    woke, count = api.clock.elapsed, api.count
    events += await cycles(watch, 3)
    assert end(events).every == 300
    assert min(later - earlier for earlier, later in pairwise(asked)) > 0.8 * 300 / 3, "no burst of pages"
    assert api.count - count < 200 / 4 + 20, "as many requests as in any other quarter of an hour"
    while end(events).waiting or api.clock.elapsed < woke + HOUR:
        events += await cycles(watch, 1)
    slept = {f"{car.id}/status/{log.text}" for car in cars for log in car.status if at(20) < log.visible < at(490)}
    assert len(slept) > 4_000
    assert slept <= set(keys(events))


async def test_a_fleet_that_does_not_fit_is_read_in_turn_and_never_said_to_fit() -> None:
    api, cars = reporting(300, limit=6, hours=40)
    watch = api.watch(logs={"status"})
    events = await cycles(watch, 1)
    while api.clock.elapsed < 36 * HOUR:
        events += await cycles(watch, 1)
        assert not end(events).fits
    reads = [api.asked[f"/vehicles/{car.id}/status_logs"] for car in cars]
    assert sum(reads) > 60
    again = sum(reads) - sum(map(bool, reads))
    assert again <= 1, "but for one that the first look was followed by, none is read again before all have been"


async def test_a_past_that_is_read_for_the_first_time_takes_turns_with_the_others() -> None:
    schedule = Scheduler(0.0)
    for number in range(6):
        schedule.initial.want(f"old {number}", 0)
        schedule.history.want(f"new {number}", number)
    taken = [schedule.take("history") for _ in range(12)]
    assert [each.split()[0] for each in taken[:6]].count("new") == 3
    assert sorted(taken) == sorted([f"{what} {number}" for what in ("old", "new") for number in range(6)])


@pytest.mark.parametrize("count", [1_000, 10_000, 50_000])
def test_a_schedule_with_more_to_read_than_it_may_stays_within_the_budget_in_any_hour(count: int) -> None:
    schedule, pages, now = Scheduler(0.0), count // 100, 0.0
    schedule.follow(allot(Demand(devices=count, budget=980)), pages, now)
    schedule.begin_pass(now, is_paced=True)
    for number in range(5_000):
        schedule.history.want(str(number), number)
    schedule.errors.extend(map(str, range(5_000)))
    schedule.late.extend(map(str, range(5_000)))
    asked: list[float] = []
    while now < 4 * HOUR:
        now = max(now, min(schedule.page_at(now), schedule.next_at(now)))
        if schedule.page_at(now) <= now:
            schedule.page_done(now)
            asked.append(now)
        for purpose in ("history", "errors", "late"):
            while schedule.due(purpose, now):
                schedule.take(purpose)
                schedule.spend(purpose, 1, now)
                asked.append(now)
    busiest = max(bisect_left(asked, at + HOUR) - index for index, at in enumerate(asked))
    assert 0.5 * 980 < busiest <= 980
    assert max(bisect_left(asked, at + 60) - index for index, at in enumerate(asked)) < 980 / 20, "and evenly"


@pytest.mark.parametrize(
    ("minutes", "is_in_turn", "hours"),
    [(1, False, 65 / 60), (10, False, 65 / 6), (60, False, 24), (1, True, 24), (60, True, 24)],
)
def test_a_device_is_due_when_its_logs_may_fill_a_page_or_the_time_is_over(
    minutes: int, is_in_turn: bool, hours: float
) -> None:
    step, now = 60 * minutes * SECOND, instant_of(at(0))
    logs = [Seen(now - count * step, now - count * step) for count in range(40, -1, -1)]
    ledger = Ledger.after(logs[0].at - step, logs[0].at).with_reading(logs, reach=logs[0].at, read_at=now)
    state = DeviceState.new("ACTIVE", text(0), now - 41 * step).with_ledger("status", ledger)
    newest = models.VehicleStatusLog(url=f"/{text(minutes)}", sampled_at=at(minutes), logged_at=at(minutes))
    look = look_at(
        SimpleNamespace(latest_status_log=newest, integrated="ACTIVE"),
        state,
        Meta(since=state.since),
        Rules(status=True, errors=False, since=None, past=0, stale=0, max_shrink=0.0),
        began=now + step,
        shown_at=now + step,
        is_first=False,
        within=24 * HOUR,
        is_in_turn=is_in_turn,
    )
    assert look is not None
    assert look.due is not None
    assert (look.due - now) / SECOND / HOUR == pytest.approx(hours)


async def test_a_page_that_fails_is_asked_for_again_and_costs_no_interval() -> None:
    api, _, clock = fleet(300, limit=200)
    watch = api.watch(logs={"status"})
    await cycles(watch, 2)
    asked: list[float] = []

    def fail(_: int, request: Any) -> Exception | None:
        if request.path != SNAPSHOTS:
            return None
        asked.append(clock.elapsed)
        return unavailable(request) if len(asked) == 2 else None

    api.fail = fail
    assert end(await cycles(watch, 1)).every == 300
    assert asked[2] - asked[1] < 20, "where pages are a hundred seconds apart"
    assert asked[3] - asked[0] < 220
