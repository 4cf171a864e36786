"""Times and durations as people write them."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.cli.times import read_date, read_duration, read_time

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = dt.datetime(2026, 11, 28, 15, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5h", 5400), ("30m", 1800), ("30 min", 1800), ("1h30m", 5400), ("2 weeks", 1_209_600)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert read_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "x", "d7", "7x", "7d x", "-7d", "1e9d", "999999999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-28T15:00:00+00:00"),
        ("7d", "2026-11-21T15:00:00+00:00"),
        ("90m ago", "2026-11-28T13:30:00+00:00"),
        ("yesterday", "2026-11-27T00:00:00+01:00"),
        ("2026-11-01", "2026-11-01T00:00:00+01:00"),
        ("2026-11-01T12:00", "2026-11-01T12:00:00+01:00"),
        ("2026-11-01 12:00:30Z", "2026-11-01T12:00:30+00:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
    ],
)
def test_a_time_is_written_as_people_do(text: str, expected: str) -> None:
    found = read_time(text, NOW)
    assert found == dt.datetime.fromisoformat(expected)
    assert found.utcoffset() is not None


def test_a_day_as_the_last_bound_is_meant_as_a_whole() -> None:
    # Clocks are set back on this day, which has 25 hours.
    first, last = (read_time("2026-10-25", NOW, last=last) for last in (False, True))
    assert last.astimezone(dt.UTC) - first.astimezone(dt.UTC) == dt.timedelta(hours=25) - dt.timedelta(microseconds=1)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-11-01T25:00", "9999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        read_time(text, NOW)


def test_a_day_may_be_named_or_counted() -> None:
    days = [read_date(text, NOW) for text in ("2026-11-01", "yesterday", "today", "7d")]
    assert [day.isoformat() for day in days] == ["2026-11-01", "2026-11-27", "2026-11-28", "2026-11-21"]


@given(st.text(max_size=20))
@settings(max_examples=50)
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for read in (read_time, read_date):
        with suppress(ValueError):
            assert read(text, NOW).isoformat()
