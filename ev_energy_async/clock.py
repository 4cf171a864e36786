"""Time and randomness as things that are handed in, so that tests need neither to wait nor to hope."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from typing import Protocol, TypeAlias

from ev_energy_async._base import InvalidArgument

__all__ = ["Clock", "Duration", "RandomSource", "SystemClock", "seconds", "utc_text"]

Duration: TypeAlias = "float | dt.timedelta"
"""Seconds, or a `timedelta`."""

RandomSource: TypeAlias = random.Random


class Clock(Protocol):
    """What the package knows of time."""

    def now(self) -> dt.datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        ...

    async def sleep(self, delay: float) -> None:
        """Wait for `delay` seconds."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> dt.datetime:
        """Return the wall-clock time, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return time.monotonic()

    async def sleep(self, delay: float) -> None:
        """Wait for `delay` seconds."""
        await asyncio.sleep(delay)


def seconds(argument: str, duration: Duration) -> float:
    """Return a duration in seconds.

    Raises:
        InvalidArgument: It is no number or `timedelta`, or not above zero.
    """
    value = duration.total_seconds() if isinstance(duration, dt.timedelta) else duration
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InvalidArgument(argument, duration, "seconds above zero, or a timedelta")
    return float(value)


def utc_text(argument: str, value: object) -> str:
    """Return an aware time as RFC 3339 text in UTC, as in `2026-03-14T07:05:00.250000Z`.

    Raises:
        InvalidArgument: It is no `datetime`, or a naive one: which instant it means would be a guess.
    """
    if not isinstance(value, dt.datetime) or value.utcoffset() is None:
        raise InvalidArgument(argument, value, "a datetime with a time zone")
    try:
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise InvalidArgument(argument, value, "a datetime from year 1 to 9999 in UTC") from error
