"""The plan: the cost of watching a fleet, computed before anything is sent."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.plan import Plan, interval_for, plan

HOUR: Final = 3_600
DAY: Final = 86_400


def test_a_fleet_that_fits_says_what_takes_how_much() -> None:
    made = plan(2_000, 600)

    assert made.requests.snapshot == 20 * 6, "20 pages of 100 vehicles, six times an hour"
    assert made.requests.status == pytest.approx(0.05 * 2_000 * 6)
    assert made.requests.errors == 100, "a tenth of the budget"
    assert made.requests.reread == 50, "a twentieth of it"
    assert made.requests.backfill == 0
    assert made.requests.total == pytest.approx(120 + 600 + 100 + 50)
    assert made.fits
    assert made.every == made.asked == 600
    assert made.effective == made.requests
    assert made.spare == pytest.approx(130)


def test_a_fleet_that_is_too_much_is_looked_at_less_often() -> None:
    made = plan(1_000, 60, report_every=300)

    # Each of them changes every five minutes, and is read then.
    assert made.requests.status == 1_000 * HOUR / 300
    assert not made.fits
    # At longer intervals each is read once a cycle, on top of 10 pages of the snapshot; 850 requests are for that.
    assert made.every == made.shortest_every == pytest.approx(1_010 * HOUR / 850)
    assert made.effective.total == pytest.approx(1_000)
    assert made.spare == pytest.approx(0, abs=1e-3)
    assert made.cycle_share == pytest.approx(0.85)
    assert interval_for(60, 1_010, 1_000, made.cycle_share) == pytest.approx(made.every)


def test_snapshots_alone_carry_a_hundred_vehicles_a_request() -> None:
    assert plan(100_000, HOUR, logs=set()).requests.total == 1_000
    assert plan(100_000, HOUR, logs=set()).fits
    assert not plan(100_001, HOUR, logs=set()).fits
    assert plan(101, HOUR).requests.snapshot == 2
    assert plan(0, HOUR).requests.snapshot == 1, "an empty page is a request too"


def test_the_rotations_take_their_share_and_no_more_than_they_need() -> None:
    many, few = plan(50_000, HOUR), plan(20, HOUR)

    assert (many.requests.errors, many.requests.reread) == (100, 50)
    assert few.requests.errors == 20, "each vehicle once a cycle"
    assert few.requests.reread == pytest.approx(20 / 24), "each vehicle once a day"
    assert few.delays.errors == HOUR
    assert few.delays.late == pytest.approx(DAY)


def test_the_delays_are_those_of_the_cycle_and_of_the_rotations() -> None:
    made = plan(2_000, 600, read_every=1_800)

    assert made.delays.status == 1_800 + 600
    assert made.delays.errors == pytest.approx(2_000 / 100 * HOUR)
    assert made.delays.late == pytest.approx(2_000 / 50 * HOUR)


def test_what_is_not_read_costs_nothing_and_has_no_delay() -> None:
    status, errors = plan(500, 600, logs={"status"}), plan(500, 600, logs={"error"})

    assert (status.requests.errors, status.delays.errors) == (0, None)
    assert (errors.requests.status, errors.requests.reread, errors.delays.late) == (0, 0, None)


def test_reading_seldom_costs_less_and_takes_longer() -> None:
    often, seldom = plan(100, 60, report_every=60), plan(100, 60, report_every=60, read_every=1_200)

    assert seldom.requests.status == pytest.approx(often.requests.status / 20)
    assert seldom.delays.status > often.delays.status


def test_a_past_of_many_logs_takes_many_pages() -> None:
    made = plan(1, 300, report_every=60, past=dt.timedelta(days=3), reread_every=dt.timedelta(hours=1))

    assert made.requests.reread == pytest.approx(3 * 1_440 / 100 + 0.5)


def test_backfills_are_a_part_of_it() -> None:
    without, with_them = plan(2_000, 600), plan(2_000, 600, backfills=300)

    assert with_them.requests.total == pytest.approx(without.requests.total + 300)
    assert with_them.every > without.every
    assert with_them.cycle_share == pytest.approx(without.cycle_share - 0.3)


def test_what_no_interval_makes_fit_says_so() -> None:
    made = plan(10, 300, backfills=1_001)

    assert made.shortest_every == made.every == math.inf
    assert not made.fits
    assert "never" in str(made)
    assert made.effective.total == pytest.approx(10 * 0.05 / 300 * HOUR / 100 + 10 / 24 + 1_001), "full pages only"


def test_a_rotation_without_requests_never_comes_round() -> None:
    made = plan(10, 300, error_share=0, reread_share=0)

    assert made.delays.errors == made.delays.late == math.inf


def test_the_table_reads_well() -> None:
    assert (
        str(plan(2_000, 600))
        == """\
2,000 vehicles every 10 min: fits, 870 of 1,000 requests an hour

requests an hour              10 min   of the budget
snapshot                       120.0           12.0%
status                         600.0           60.0%
errors                         100.0           10.0%
reread                          50.0            5.0%
backfill                         0.0            0.0%
total                          870.0           87.0%

shortest interval         4 min 48 s
longest delays
  status                      20 min
  errors                        20 h
  late                      1 d 16 h"""
    )
    stretched = str(plan(2_000, 60))
    assert "does not fit" in stretched
    assert all(len(line) <= 100 for line in stretched.splitlines())


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("vehicles", -1),
        ("vehicles", 1.5),
        ("vehicles", True),
        ("vehicles", "10"),
        ("every", 0),
        ("every", "60"),
        ("every", math.nan),
        ("logs", "statuses"),
        ("logs", {"err"}),
        ("logs", None),
        ("logs", [["status"]]),
        ("changed", 1.01),
        ("changed", -0.1),
        ("changed", math.nan),
        ("report_every", 0),
        ("read_every", dt.timedelta(0)),
        ("error_share", 2),
        ("reread_share", "0.1"),
        ("reread_every", -1),
        ("past", 0),
        ("backfills", -1),
        ("backfills", math.inf),
        ("budget", 0),
        ("budget", 10.0),
    ],
)
def test_an_invalid_argument_is_refused_by_name(argument: str, value: object) -> None:
    given: dict[str, Any] = {"vehicles": 10, "every": 60, argument: value}

    with pytest.raises(InvalidArgument) as raised:
        plan(**given)

    assert raised.value.argument == argument
    assert raised.value.given is value


def test_two_ways_to_say_how_often_vehicles_report_are_one_too_many() -> None:
    with pytest.raises(InvalidArgument, match="report_every"):
        plan(10, 60, changed=0.1, report_every=60)


# --- Properties

fleets = st.fixed_dictionaries(
    {"vehicles": st.integers(0, 200_000), "every": st.floats(0.5, 5 * DAY)},
    optional={
        "logs": st.sampled_from([set[str](), {"status"}, {"error"}, {"status", "error"}]),
        "report_every": st.floats(1, 10 * DAY),
        "read_every": st.floats(1, DAY),
        "error_share": st.floats(0, 1),
        "reread_share": st.floats(0, 1),
        "backfills": st.integers(0, 2_000),
        "budget": st.integers(1, 50_000),
    },
)
QUICK: Final = settings(max_examples=150, deadline=None)


def steady(given: dict[str, Any], every: float) -> Plan:
    """The plan for the same vehicles, as often as they report, at another interval."""
    reporting = {"report_every": given.get("report_every", given["every"] / 0.05)}
    changed: dict[str, Any] = {**given, **reporting, "every": every}
    return plan(**changed)


@QUICK
@given(fleet=fleets)
def test_a_plan_fits_if_and_only_if_its_requests_are_within_the_budget(fleet: dict[str, Any]) -> None:
    made = plan(**fleet)

    assert made.fits == (made.requests.total <= made.budget)
    assert made.every == (made.asked if made.fits else made.shortest_every)
    assert made.every >= made.asked
    assert made.effective.total <= made.budget or made.every == math.inf
    assert not math.isnan(made.effective.total)


@QUICK
@given(fleet=fleets)
def test_the_shortest_interval_fits_and_none_that_is_shorter(fleet: dict[str, Any]) -> None:
    made = plan(**fleet)

    if made.shortest_every == math.inf:
        assert not steady(fleet, 366 * DAY).fits
        return
    assert steady(fleet, made.shortest_every * (1 + 1e-6)).fits
    assert not steady(fleet, made.shortest_every * (1 - 1e-6)).fits


@QUICK
@given(fleet=fleets, more=st.integers(1, 10_000), longer=st.floats(1.001, 10))
def test_more_vehicles_cost_more_and_longer_intervals_less(fleet: dict[str, Any], more: int, longer: float) -> None:
    made = steady(fleet, fleet["every"])
    larger = steady({**fleet, "vehicles": fleet["vehicles"] + more}, fleet["every"])
    slower = steady(fleet, fleet["every"] * longer)

    slack = 1e-9 * made.requests.total
    assert larger.requests.total >= made.requests.total - slack
    assert larger.shortest_every >= made.shortest_every * (1 - 1e-6)
    assert slower.requests.total <= made.requests.total + slack
    assert slower.shortest_every == pytest.approx(made.shortest_every, rel=1e-6), "it hangs on the fleet alone"


@QUICK
@given(fleet=fleets)
def test_the_rotations_stay_within_their_shares(fleet: dict[str, Any]) -> None:
    made = plan(**fleet)

    assert made.requests.errors <= fleet.get("error_share", 0.1) * made.budget
    assert made.requests.errors <= made.vehicles * HOUR / made.asked * (1 + 1e-9)
    assert made.requests.reread <= fleet.get("reread_share", 0.05) * made.budget


@QUICK
@given(every=st.floats(1, DAY), cost=st.integers(0, 10_000), budget=st.integers(1, 50_000), share=st.floats(0.001, 1))
def test_a_stretched_interval_keeps_its_share_of_the_budget(every: float, cost: int, budget: int, share: float) -> None:
    found = interval_for(every, cost, budget, share)

    assert found >= every
    assert cost * HOUR / found <= budget * share * (1 + 1e-9) or found == math.inf
    if found > every and found != math.inf:
        assert cost * HOUR / (found * (1 - 1e-6)) > budget * share
