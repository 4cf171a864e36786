"""Plans: what watching takes of the hourly budget and what it gives, by the rule that a running watch follows."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.allotment import FILL, HOUR, Demand, allot
from ev_energy_async.fleet.plan import plan

DAY: Final = 86_400.0
MINUTE: Final = 60.0


# --- The table of the documentation


@pytest.mark.parametrize(
    ("vehicles", "every", "within"),
    [(100, 5, 0.1), (1_000, 5, 2.5), (5_000, 5, 20), (10_000, 14, 24.5), (20_000, 51, 34)],
)
def test_half_hourly_reports_on_the_usual_budget(vehicles: int, every: float, within: float) -> None:
    made = plan(vehicles, report_every=1_800, budget=980)

    assert made.fits
    assert made.every <= every * MINUTE
    assert made.complete_within is not None
    assert made.complete_within <= within * HOUR
    assert made.requests.total <= 0.95 * 980 + 1e-6


def test_a_small_fleet_gets_every_log_at_once_and_leaves_most_of_the_budget() -> None:
    made = plan(100, report_every=1_800)

    assert made.every == made.complete_within == 300
    assert made.requests.total < 300
    assert made.spare > 700


def test_a_fleet_that_is_too_large_gets_half_of_the_room_for_each_and_is_told_so() -> None:
    made = plan(50_000, report_every=1_800)

    assert not made.fits
    assert made.complete_within == math.inf
    assert made.requests.snapshot == pytest.approx(made.requests.history)
    assert plan(50_000, report_every=1_800, budget=made.fitting_budget).fits
    assert not plan(50_000, report_every=1_800, budget=made.fitting_budget - 1).fits


def test_without_history_snapshots_have_the_whole_room() -> None:
    made = plan(50_000, report_every=1_800, complete_within=None)

    assert made.fits
    assert made.complete_within is None
    assert (made.requests.history, made.requests.late) == (0, 0)
    assert made.every < 36 * MINUTE


def test_where_history_cannot_keep_up_snapshots_give_way_down_to_one_in_two_hours() -> None:
    rates = [Demand(devices=10_000, rate=rate, budget=980) for rate in (2, 3, 4, 5, 6)]
    found = [allot(demand) for demand in rates]

    fitting = [each.every for each in found if each.fits]
    assert fitting == sorted(fitting)
    assert len(fitting) >= 3
    for demand, each in zip(rates, found, strict=True):
        if each.fits:
            assert each.history >= demand.devices * demand.rate / FILL - 1e-6
            assert each.every <= 7_200 + 1e-6
    assert not found[-1].fits


def test_what_is_asked_for_is_kept_and_complete_within_is_stretched_first() -> None:
    free = plan(10_000, report_every=1_800)
    often = plan(10_000, 700, report_every=1_800, complete_within=dt.timedelta(hours=24))

    assert often.every == 700
    assert not often.fits
    assert free.complete_within is not None
    assert often.complete_within is not None
    assert DAY < often.complete_within < math.inf
    seldom = plan(10_000, 1_800, report_every=1_800, complete_within=dt.timedelta(hours=24))
    assert seldom.fits
    assert seldom.every == 1_800


def test_logs_that_come_later_than_a_page_reaches_are_paid_for_by_snapshots() -> None:
    usual = allot(Demand(devices=10_000, budget=980))
    late = allot(Demand(devices=10_000, budget=980, lateness=2 * DAY))

    assert late.late > 5 * usual.late
    assert late.every > usual.every
    assert late.total <= 0.95 * 980 + 1e-6


def test_what_is_set_aside_for_backfills_is_missing() -> None:
    assert plan(10_000, backfills=300).every > plan(10_000).every
    assert plan(10_000, backfills=300).requests.backfill == 300


def test_what_is_not_read_takes_nothing() -> None:
    status, errors, neither = plan(5_000, logs={"status"}), plan(5_000, logs={"error"}), plan(5_000, logs=())

    assert status.requests.errors == 0
    assert (errors.requests.history, errors.requests.late, errors.complete_within) == (0, 0, None)
    assert neither.requests.total == neither.requests.snapshot


def test_an_empty_fleet_costs_a_page() -> None:
    assert plan(0).requests.total == plan(0).requests.snapshot == 12


# --- What it prints


def test_the_first_line_is_a_sentence() -> None:
    assert str(plan(10_000, report_every=1_800)).splitlines()[0] == (
        "10,000 vehicles fit: the newest status within 13 min 14 s, every log within 24 h 13 min, for 950 of 1,000"
        " requests an hour"
    )
    assert str(plan(1)).startswith("1 vehicle fits: ")
    assert ": the newest status within 1 h 8 min; every log needs 2,0" in str(plan(50_000)).splitlines()[0]


@pytest.mark.parametrize("vehicles", [1, 1_000, 10_000, 50_000, 1_000_000])
def test_the_table_has_no_never_and_nothing_above_the_budget(vehicles: int) -> None:
    text = str(plan(vehicles, report_every=1_800))

    assert "never" not in text
    assert "inf" not in text
    shares = [float(word.rstrip("%")) for word in text.split() if word.endswith("%")]
    assert shares
    assert max(shares) <= 100


# --- Arguments


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("vehicles", -1),
        ("vehicles", True),
        ("vehicles", 1.5),
        ("every", 0),
        ("every", "300"),
        ("complete_within", -1),
        ("changed", 1.1),
        ("report_every", 0),
        ("error_share", 2),
        ("past", 0),
        ("backfills", -1),
        ("backfills", math.inf),
        ("budget", 0),
        ("budget", 99.5),
        ("logs", "statuses"),
        ("logs", {"err"}),
        ("logs", None),
        ("logs", [["status"]]),
    ],
)
def test_an_argument_that_is_none_is_refused_by_name(argument: str, value: Any) -> None:
    given: dict[str, Any] = {"vehicles": 100, argument: value}

    with pytest.raises(InvalidArgument) as raised:
        plan(**given)

    assert raised.value.argument == argument
    assert raised.value.given is value


def test_one_of_the_rates_is_enough() -> None:
    with pytest.raises(InvalidArgument, match="report_every"):
        plan(100, 300, changed=0.1, report_every=60)
    assert plan(1_000, 300, changed=1 / 6) == plan(1_000, 300, report_every=1_800)


# --- Laws

demands = st.builds(
    Demand,
    devices=st.integers(0, 200_000),
    rate=st.floats(0, 60),
    budget=st.floats(20, 100_000),
    every=st.one_of(st.none(), st.floats(30, DAY)),
    complete_within=st.one_of(st.none(), st.just(0.0), st.floats(600, 10 * DAY)),
    error_share=st.floats(0, 0.3),
    lateness=st.one_of(st.just(0.0), st.floats(3_600, 4 * DAY)),
    is_status=st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(demands)
def test_an_allotment_is_within_the_budget_and_says_what_it_gives(demand: Demand) -> None:
    found = allot(demand)

    assert found.total <= 0.95 * demand.budget + 1
    assert min(found.snapshot, found.history, found.errors, found.late, found.slack) >= 0
    pages = max(1, math.ceil(demand.devices / 100))
    assert found.snapshot * found.every <= pages * HOUR * (1 + 1e-6)
    assert found.every >= (demand.every or 300) * (1 - 1e-9)
    if demand.every is not None and found.fits and demand.is_status:
        assert found.every == pytest.approx(demand.every)
    if found.complete_within is not None and math.isfinite(found.complete_within):
        assert found.history * FILL >= min(demand.devices * demand.rate, found.history * FILL) - 1e-6
        if demand.complete_within and found.fits:
            assert found.complete_within <= demand.complete_within + found.every + 1
    if not demand.is_status or demand.complete_within == 0:
        assert found.history == found.late == 0


@settings(max_examples=200, deadline=None)
@given(demands, st.floats(1, 5))
def test_a_larger_budget_is_never_worse(demand: Demand, times: float) -> None:
    demand = attrs.evolve(demand, lateness=0.0)
    small, large = allot(demand), allot(attrs.evolve(demand, budget=times * demand.budget))

    assert large.fits or not small.fits
    if demand.complete_within is None and demand.every is None:
        assert large.snapshot >= small.snapshot * (1 - 1e-6) or not small.fits
