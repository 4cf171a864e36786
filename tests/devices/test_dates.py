"""The API's time is taken from its responses, however wrong this machine's clock is, and from when on."""

from __future__ import annotations

import datetime as dt
import logging
from email.utils import format_datetime
from typing import Any

import pytest

from ev_energy_async.devices import ServerTime
from ev_energy_async.instants import instant_of
from ev_energy_async.messages import Response

from .follow_kit import QuickClock

ANYONE: Any = None
"""The request, which the time has nothing to do with."""


@pytest.mark.parametrize("briefly", [False, True])
@pytest.mark.parametrize("days", [90 / 86_400, 1 / 24, 3_650])
@pytest.mark.parametrize("way", [1, -1])
def test_the_time_is_the_apis_whatever_this_machines_clock_shows(
    caplog: pytest.LogCaptureFixture, way: int, days: float, briefly: bool
) -> None:
    clock = QuickClock(way * dt.timedelta(days=days), *((10, 20) if briefly else ()))
    time = ServerTime(clock)
    for elapsed in (0, 5, 10, 15, 25, 400):
        clock.elapsed = elapsed
        true = instant_of(clock.true)
        assert elapsed == 0 or time.now() == true
        headers = {"Date": format_datetime(clock.true, usegmt=True)}
        assert time.read_at(Response(ANYONE, "", 200, headers, b"", b""), 0) == true
        assert time.now() == true

    [told] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told.endswith(f"s {'ahead' if way > 0 else 'behind'} of the API's; times are taken from the API")


def test_a_difference_of_a_minute_is_not_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    clock = QuickClock(dt.timedelta(minutes=1))
    headers = {"Date": format_datetime(clock.true, usegmt=True)}
    ServerTime(clock).read_at(Response(ANYONE, "", 200, headers, b"", b""), 0)
    assert caplog.records == []
