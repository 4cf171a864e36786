"""Two times of one zone are compared as instants where daylight saving ends and an hour comes twice."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest

from ev_energy_async import InvalidArgument, MemoryCheckpoint, Token
from ev_energy_async.auth.source import decide
from ev_energy_async.clock import utc_bounds
from ev_energy_async.fleet.coverage import Row
from ev_energy_async.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async import EvEnergy

LONDON: Final = ZoneInfo("Europe/London")
# 00:50 UTC and 01:10 UTC on the day the clocks go back; on the wall 01:50 comes before 01:10.
EARLIER: Final = dt.datetime(2026, 10, 25, 1, 50, tzinfo=LONDON)
LATER: Final = dt.datetime(2026, 10, 25, 1, 10, fold=1, tzinfo=LONDON)
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"

ASKED: Final[dict[str, Callable[[EvEnergy, dt.datetime, dt.datetime], object]]] = {
    "audit": lambda ev, since, until: ev.fleet.audit(since, until, checkpoint=MemoryCheckpoint()),
    "backfill": lambda ev, since, until: ev.fleet.logs("status", since=since, until=until),
    "logs": lambda ev, since, until: ev.vehicle(VEHICLE).status_logs(since=since, until=until),
    "follow": lambda ev, since, until: ev.vehicle(VEHICLE).status_logs(until=until).follow(since=since),
    "bounds": lambda _, since, until: utc_bounds(since, until),
}


@pytest.mark.parametrize("what", ASKED)
def test_bounds_are_in_order_as_instants(ev: EvEnergy, what: str) -> None:
    assert LATER.replace(fold=0) < EARLIER, "on the wall they are the other way round"
    assert ASKED[what](ev, EARLIER, LATER) is not None
    with pytest.raises(InvalidArgument, match="since: expected a time not after"):
        ASKED[what](ev, LATER, EARLIER)


def test_what_is_covered_is_told_by_instants() -> None:
    row = Row(VEHICLE, "status", complete_from=EARLIER.astimezone(dt.UTC), complete_upto=LATER.astimezone(dt.UTC))
    assert row.complete(EARLIER, LATER)
    in_zone = Row(VEHICLE, "status", complete_from=EARLIER, complete_upto=LATER)
    assert in_zone.complete(EARLIER, LATER)
    assert not in_zone.complete(EARLIER, LATER.replace(second=1))


def test_a_clock_of_a_test_goes_on_through_the_hour_that_comes_twice() -> None:
    clock = FakeClock(EARLIER)
    clock.advance(1_200)
    assert clock.now() == LATER.astimezone(dt.UTC)


def test_the_life_of_a_token_is_as_long_as_it_is() -> None:
    # Twenty minutes; by the clock on the wall it ends before it begins.
    token = Token("a-token", LATER, obtained_at=EARLIER)
    assert decide(token, None, EARLIER.astimezone(dt.UTC)) == "use"
    assert decide(token, None, LATER.astimezone(dt.UTC) - dt.timedelta(seconds=30)) == "replace"
    assert Token.from_dict(token.to_dict()) == token


def test_a_token_has_no_naive_times() -> None:
    naive = EARLIER.replace(tzinfo=None)
    with pytest.raises(InvalidArgument, match="expires_at: expected a datetime with a time zone"):
        Token("a-token", naive)
    with pytest.raises(InvalidArgument, match="obtained_at: expected a datetime with a time zone"):
        Token("a-token", obtained_at=naive)
