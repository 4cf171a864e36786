"""Rows and gaps of the coverage, and how gaps close and split."""

from __future__ import annotations

import datetime as dt
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.coverage import Coverage, Gap, Reason, Row, close_gaps, join_gaps
from tests.conftest import START

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
LAST: Final = 20


def at(minute: int) -> dt.datetime:
    return START + dt.timedelta(minutes=minute)


def gap(begin: int, end: int, reason: Reason = Reason.DOWNTIME) -> Gap:
    return Gap(at(begin), at(end), reason)


def row(begin: int, end: int, *gaps: Gap, vehicle: str = VEHICLE, log_kind: str = "status") -> Row:
    return Row(vehicle, log_kind, at(begin), at(end), at(end), gaps)


# --- Gaps


def test_reading_an_interval_closes_shrinks_and_splits_gaps() -> None:
    gaps = (gap(0, 2), gap(4, 10, Reason.BUDGET), gap(12, 14))

    assert close_gaps(gaps, at(0), at(2)) == gaps[1:]
    assert close_gaps(gaps, at(1), at(5)) == (gap(0, 1), gap(5, 10, Reason.BUDGET), gap(12, 14))
    assert close_gaps(gaps, at(6), at(8))[1:3] == (gap(4, 6, Reason.BUDGET), gap(8, 10, Reason.BUDGET))
    assert close_gaps(gaps, at(2), at(4)) == gaps, "what only touches stays"
    assert close_gaps(gaps, at(-5), at(50)) == ()


def test_gaps_of_one_reason_that_touch_are_one() -> None:
    assert join_gaps([gap(4, 6), gap(0, 2), gap(2, 4)]) == (gap(0, 6),)
    assert join_gaps([gap(0, 2), gap(2, 4, Reason.BUDGET)]) == (gap(0, 2), gap(2, 4, Reason.BUDGET))


def test_a_gap_ends_after_it_begins_and_its_times_are_aware() -> None:
    for begin, end in ((1, 1), (2, 1)):
        with pytest.raises(InvalidArgument, match="end"):
            gap(begin, end)
    with pytest.raises(InvalidArgument, match="begin"):
        Gap(at(0).replace(tzinfo=None), at(1), Reason.BUDGET)


# --- Coverage


def test_a_fleet_is_complete_if_all_its_vehicles_are() -> None:
    whole, torn = row(0, 10), row(0, 10, gap(4, 5), log_kind="error")

    assert Coverage((whole,)).complete(at(0), at(10))
    assert not Coverage((whole,)).complete(at(-1), at(10))
    assert not Coverage((whole,)).complete(at(0), at(11))
    assert not Coverage((whole, torn)).complete(at(0), at(10))
    assert Coverage((whole, torn)).complete(at(5), at(10))
    assert not Coverage((Row(VEHICLE, "status"),)).complete(at(0), at(1))
    assert not Coverage().complete(at(0), at(1)), "where nothing is known, nothing is complete"
    with pytest.raises(InvalidArgument, match="until"):
        Coverage().complete(at(1), at(0))


def test_a_vehicle_has_its_rows() -> None:
    other = row(0, 1, vehicle="vhcl2")
    coverage = Coverage((row(0, 1), other, row(0, 2, log_kind="error")))

    assert coverage.of("https://api.ev.energy/v2/vehicles/vhcl2/") == (other,)
    assert [each.log_kind for each in coverage.of(VEHICLE)] == ["status", "error"]
    assert coverage.of("vhcl3") == ()
    with pytest.raises(InvalidArgument, match="vehicle"):
        coverage.of("evse1")


def test_the_gaps_come_with_whose_they_are_the_worst_first() -> None:
    small, large = row(0, 10, gap(1, 2), vehicle="vhcl1"), row(0, 10, gap(1, 2), gap(5, 9), vehicle="vhcl2")

    assert Coverage((small, large, row(0, 10))).gaps() == ((large, gap(1, 2)), (large, gap(5, 9)), (small, gap(1, 2)))


def test_the_table_says_up_to_when_all_is_complete_then_what_is_missing_when_and_the_worst() -> None:
    rows = [row(0, 60, vehicle=f"vhcl{number:04}") for number in range(1_020)]
    rows[700] = row(0, 60, gap(1, 31, Reason.BUDGET), gap(40, 41, Reason.NOT_FOUND), vehicle="vhcl0700")
    rows[900] = row(0, 50, vehicle="vhcl0900")

    assert str(Coverage(tuple(rows))).splitlines() == [
        "1,020 collections of logs, 1 with gaps, 0 never read",
        "all complete up to 2026-03-14 12:01",
        "",
        "missing           collections  why",
        "2026-03-14 12:00  1            budget",
        "2026-03-14 12:00  1            not found",
        "",
        "vehicle   log     complete from     up to             as of             gaps  missing  why",
        "vhcl0700  status  2026-03-14 12:00  2026-03-14 13:00  2026-03-14 13:00  2     0:31:00  budget, not found",
    ]
    rows[500] = Row("vhcl0500", "status")
    lines = str(Coverage(tuple(rows))).splitlines()
    assert lines[0] == "1,020 collections of logs, 1 with gaps, 1 never read"
    assert lines[7].split() == ["vhcl0500", "status", "-", "-", "-", "0"], "and no time is complete for all"
    assert str(Coverage()) == "0 collections of logs, 0 with gaps, 0 never read"


def test_a_large_fleet_is_a_histogram_and_not_a_list_of_the_like() -> None:
    rows = [row(0, 600, gap(1, 90, Reason.UNREAD), vehicle=f"vhcl{number:05}") for number in range(5_000)]

    lines = str(Coverage(tuple(rows))).splitlines()

    assert lines[4:6] == ["2026-03-14 12:00  5,000        unread", "2026-03-14 13:00  5,000        unread"]
    assert lines[-1] == "... and 4,990 more"
    assert len(lines) == 19


def test_gaps_over_weeks_are_counted_by_day() -> None:
    found = str(Coverage((row(0, 60 * 24 * 40, gap(0, 60 * 24 * 3)),)))

    assert "2026-03-15  1            downtime" in found


# --- Properties: each minute is known, or missing for a reason; a dictionary says the same

intervals = st.tuples(st.integers(0, LAST - 1), st.integers(1, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def minutes(found: Row) -> dict[int, Reason | None]:
    """Return the state of each minute in a row: None if complete, or the reason for a gap."""
    if found.complete_from is None or found.complete_upto is None:
        return {}
    first, last = ((time - START) // dt.timedelta(minutes=1) for time in (found.complete_from, found.complete_upto))
    said: dict[int, Reason | None] = dict.fromkeys(range(first, last))
    for each in found.gaps:
        begin, end = ((time - START) // dt.timedelta(minutes=1) for time in (each.begin, each.end))
        said.update(dict.fromkeys(range(begin, end), each.reason))
    return said


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(st.tuples(intervals, st.sampled_from(Reason)), max_size=10))
def test_joined_gaps_cover_what_the_gaps_covered(steps: list[tuple[tuple[int, int], Reason]]) -> None:
    said: dict[int, Reason | None] = {}
    for (begin, end), reason in steps:
        said.update(dict.fromkeys(range(begin, end), reason))

    joined = join_gaps(gap(begin, end, reason) for (begin, end), reason in steps)

    covered = {minute: reason for minute, reason in minutes(row(0, 40, *joined)).items() if reason is not None}
    assert covered == said
    assert join_gaps(joined) == joined
