"""Clocks, durations and sources of randomness, injected everywhere so that tests neither wait nor flake.

The whole package takes time from a `Clock`; users pass one to `EvEnergy` in tests.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from typing import Final, Protocol, TypeAlias

from ev_energy_async._base import InvalidArgument

__all__ = ["Clock", "Duration", "RandomSource", "SystemClock", "seconds", "utc", "utc_bounds", "utc_text"]

Duration: TypeAlias = "float | dt.timedelta"
"""Seconds, or a `timedelta`."""

RandomSource: TypeAlias = random.Random


_LONGEST_NAP: Final = 10.0
# The clock that keeps running while the machine sleeps: on Linux and on macOS it has different names, and on Windows
# `time.monotonic` is one. See clock_gettime(2) of each.
_STEADY: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    """The source of time."""

    def now(self) -> dt.datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; they never go back."""
        ...

    async def sleep(self, delay: float) -> None:
        """Wait for `delay` seconds."""
        ...


class SystemClock:
    """The system's clock. Its monotonic time includes the time in which the machine sleeps, as does a `sleep` on it."""

    def now(self) -> dt.datetime:
        """Return the wall-clock time, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; they never go back."""
        return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)

    async def sleep(self, delay: float) -> None:
        """Wait for `delay` seconds."""
        # In pieces, since the timers of the event loop stand still while the machine sleeps.
        until = self.monotonic() + delay
        await asyncio.sleep(min(delay, _LONGEST_NAP))
        while (left := until - self.monotonic()) > 0:  # noqa: ASYNC110  # nothing sets an event when the machine wakes
            await asyncio.sleep(min(left, _LONGEST_NAP))


def seconds(argument: str, duration: Duration) -> float:
    """Return a duration in seconds.

    Raises:
        InvalidArgument: `duration` is neither a number nor a `timedelta`, or not above zero.
    """
    value = duration.total_seconds() if isinstance(duration, dt.timedelta) else duration
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InvalidArgument(argument, duration, "seconds above zero, or a timedelta")
    return float(value)


def utc(argument: str, value: object) -> dt.datetime:
    """Return an aware time in UTC.

    Times are compared in UTC: Python compares two times of one zone by the clock on the wall, which shows every time of
    one hour twice when daylight saving ends.

    Raises:
        InvalidArgument: `value` is not a `datetime`, or a naive one, whose instant would be a guess.
    """
    # pandas' NaT is a datetime whose offset is no timedelta.
    if not isinstance(value, dt.datetime) or not isinstance(value.utcoffset(), dt.timedelta):
        raise InvalidArgument(argument, value, "a datetime with a time zone")
    try:
        return value.astimezone(dt.UTC)
    except (OverflowError, ValueError) as error:
        raise InvalidArgument(argument, value, "a datetime from year 1 to 9999 in UTC") from error


def utc_text(argument: str, value: object) -> str:
    """Return an aware time as RFC 3339 text in UTC, as in `2026-03-14T07:05:00.250000Z`; see `utc`."""
    return utc(argument, value).isoformat().replace("+00:00", "Z")


def utc_bounds(since: object, until: object) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return two bounds in UTC; None is no bound.

    Raises:
        InvalidArgument: One is not an aware `datetime`, or `since` is after `until`.
    """
    first = None if since is None else utc("since", since)
    last = None if until is None else utc("until", until)
    if first is not None and last is not None and first > last:
        raise InvalidArgument("since", since, f"a time not after `until`, {last.isoformat()}")
    return first, last
