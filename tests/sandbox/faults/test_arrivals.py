"""Logs that reach the platform late, all at once, twice or at round times: what everybody then sees of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import CoarseTimes, LateUploads, OfflineDevices, RepeatedLogs
from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, instant
from tests.sandbox.conftest import START, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.sandbox.faults import ArrivalEffect
    from ev_energy_async.sandbox.world.fleet import Logged

TWO_DAYS = 172_800


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=40, seed=7, clock=clock, token_lifetime=timedelta(days=30)) as running:
        yield running


def _made(*effects: ArrivalEffect, seed: int = 7, vehicles: int = 12, **options: float) -> tuple[Sandbox, SteppedClock]:
    clock = SteppedClock(START)
    plan = FaultPlan(tuple(Rule(effect, **options) for effect in effects), seed=seed)  # type: ignore[arg-type]  # numbers all
    return Sandbox(vehicles=vehicles, seed=7, clock=clock, faults=plan), clock


def _lateness(sandbox: Sandbox, kind: str) -> list[int]:
    """The delay of each log of a kind, in microseconds."""
    now = instant(sandbox.now())
    return [
        log.logged_at - log.at
        for vehicle in sandbox.world.vehicles
        for log in vehicle.logs[kind].visible(now, None, None)
    ]


def _car(sandbox: Sandbox) -> str:
    """A car that reports."""
    return next(each.id for each in sandbox.world.vehicles if each.integrated == "ACTIVE")


def test_logs_come_up_to_two_days_late_and_out_of_order() -> None:
    sandbox, _ = _made(LateUploads(share=0.3, seconds=TWO_DAYS))
    sandbox.advance(4 * 86_400)

    lateness = _lateness(sandbox, "status_logs")

    assert max(lateness) > 1.9 * DAY
    assert 0.2 < sum(late > 6 * HOUR for late in lateness) / len(lateness) < 0.4
    arrivals = [log.visible_at for log in sandbox.fleet.logs("status_logs", device=_car(sandbox))]
    assert arrivals != sorted(arrivals)


def test_the_same_seed_gives_the_same_arrivals() -> None:
    runs: list[list[Logged]] = []
    for seed in (7, 7, 8):
        sandbox, _ = _made(LateUploads(share=0.3), OfflineDevices(share=0.5), seed=seed, vehicles=3)
        sandbox.advance(86_400)
        runs.append(sandbox.fleet.logs("status_logs"))

    assert runs[0] == runs[1] != runs[2]


@given(st.lists(st.integers(1, 20 * 3_600), min_size=1, max_size=6), st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_the_newest_log_is_the_newest_of_those_that_have_come(steps: list[int], seed: int) -> None:
    sandbox, _ = _made(
        CoarseTimes(), LateUploads(share=0.5), OfflineDevices(share=0.6), RepeatedLogs(share=0.3), seed=seed, vehicles=4
    )
    for step in steps:
        sandbox.advance(step)
        now = instant(sandbox.now())
        for vehicle in sandbox.world.vehicles:
            come = list(vehicle.logs["status_logs"].visible(now, None, None))
            latest = vehicle.logs["status_logs"].latest(now)
            assert (latest and latest.at) == (come[-1].at if come else None)


def test_a_device_that_was_offline_hands_in_its_past_at_once() -> None:
    sandbox, _ = _made(OfflineDevices(share=1, seconds=86_400), vehicles=6)
    car = _car(sandbox)
    sandbox.advance(timedelta(days=5))

    arrivals = sorted(log.visible_at for log in sandbox.fleet.logs("status_logs", device=car))

    longest, after = max((later - earlier, later) for earlier, later in pairwise(arrivals))
    assert longest > timedelta(hours=5), "nothing is heard of it for hours"
    at_once = [each for each in arrivals if after <= each <= after + timedelta(minutes=2)]
    assert len(at_once) > 12, "then all of it"
    kinds = [sandbox.fleet.logs(kind, device=car) for kind in ("status_logs", "location_logs")]
    assert any(after <= log.visible_at <= after + timedelta(minutes=2) for log in kinds[1]), "of every kind"


@pytest.mark.parametrize("kind", ["status_logs", "location_logs"])
async def test_lists_filters_and_pages_contain_what_has_arrived(client: Client, kind: str) -> None:
    sandbox = client.sandbox
    sandbox.faults = FaultPlan((Rule(LateUploads(share=0.5, seconds=20_000)), Rule(OfflineDevices(share=0.5))))
    car = _car(sandbox)
    for _ in range(4):
        sandbox.advance(5 * 3_600)
        truth = [log.at for log in sandbox.fleet.logs(kind, device=car)]

        listed = [log["sampled_at"] for log in await client.walk(f"/vehicles/{car}/{kind}?page_size=7")]
        assert listed == truth[::-1]

        bounds = f"sampled_at__gte={truth[3]}&sampled_at__lte={truth[-2]}"
        listed = [log["sampled_at"] for log in await client.walk(f"/vehicles/{car}/{kind}?page_size=9&{bounds}")]
        assert listed == truth[3:-1][::-1]
        assert (await client.get(f"/vehicles/{car}/{kind}/{truth[3]}")).status == 200

    shown = (await client.get(f"/vehicles/{car}?expand=latest_status_log")).body["latest_status_log"]
    assert shown["sampled_at"] == sandbox.fleet.logs("status_logs", device=car)[-1].at


async def test_a_late_log_has_its_time_of_arrival(client: Client) -> None:
    sandbox = client.sandbox
    sandbox.faults = FaultPlan((Rule(LateUploads(share=1, seconds=3_600)),))
    sandbox.advance(6 * 3_600)
    car = _car(sandbox)

    told = {log["sampled_at"]: log["logged_at"] for log in await client.walk(f"/vehicles/{car}/status_logs")}

    for log in sandbox.fleet.logs("status_logs", device=car):
        assert told[log.at] == log.visible_at.isoformat(timespec="microseconds").replace("+00:00", "Z")


async def test_what_has_come_stays_whatever_plan_comes(client: Client) -> None:
    sandbox, car = client.sandbox, _car(client.sandbox)
    seen: set[str] = set()
    plans = (FaultPlan((Rule(LateUploads(share=0.9)),)), FaultPlan(), FaultPlan((Rule(OfflineDevices(share=1)),)))
    for plan in (*plans, *plans):
        sandbox.faults = plan
        sandbox.advance(3 * 3_600)
        logs = {log.at for log in sandbox.fleet.logs("status_logs", device=car)}
        assert seen <= logs
        seen = logs


async def test_a_log_that_is_stored_twice_is_one_log(client: Client) -> None:
    sandbox, car = client.sandbox, _car(client.sandbox)
    sandbox.faults = FaultPlan((Rule(RepeatedLogs(share=0.5, seconds=300)),))
    sandbox.advance(12 * 3_600)
    truth = [log.at for log in sandbox.fleet.logs("status_logs", device=car)]

    listed = [log["sampled_at"] for log in (await client.get(f"/vehicles/{car}/status_logs?page_size=100")).body]

    assert len(set(truth)) == len(truth)
    assert set(listed) <= set(truth)
    assert len(listed) > len(set(listed)) + 5
    assert (await client.get(f"/vehicles/{car}/status_logs/{listed[0]}")).status == 200


async def test_logs_of_different_kinds_have_the_same_time(client: Client) -> None:
    sandbox, car = client.sandbox, _car(client.sandbox)
    sandbox.faults = FaultPlan((Rule(CoarseTimes(seconds=600)),))
    sandbox.advance(86_400)
    since = START + timedelta(minutes=10)

    times = [
        [log.at for log in sandbox.fleet.logs(kind, device=car, since=since)]
        for kind in ("status_logs", "location_logs")
    ]

    assert len(set(times[0]) & set(times[1])) > 10
    for each in times:
        assert len(set(each)) == len(each), "one time, one log"
        odd = [at for at in each if not at.endswith("0:00.000000Z")]
        assert len(odd) <= 1, "but for the first log after a departure"
    assert (await client.get(f"/vehicles/{car}/status_logs/{times[0][5]}")).status == 200


def test_error_logs_are_late_only_if_a_rule_names_them() -> None:
    for operation, most in ((None, 5 * HOUR), ("vehicles.list_error_logs", 2 * DAY)):
        sandbox, _ = _made(vehicles=60)
        sandbox.faults = FaultPlan((Rule(LateUploads(share=1), operation=operation),))
        sandbox.advance(3 * 86_400)
        late = _lateness(sandbox, "error_logs")
        assert late
        assert (max(late) > 5 * MINUTE) == (operation is not None)
        assert max(late) <= most


@pytest.mark.parametrize(
    "options", [{"probability": 0.5}, {"count": 3}, {"path": "/x"}, {"method": "GET"}, {"skip": 1}]
)
def test_a_rule_about_logs_says_nothing_of_requests(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="late_uploads is about logs"):
        Rule(LateUploads(), **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # that is the point
