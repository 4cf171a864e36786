"""The facts that the pictures show, wherever they come from: plain values."""

from __future__ import annotations

import datetime as dt
from typing import Final

import attrs

__all__ = ["DAY", "HOUR", "MOST_DEVICES", "WEEK", "Device", "Facts", "Missing", "hours_before"]

HOUR: Final = dt.timedelta(hours=1)
DAY: Final = dt.timedelta(days=1)
WEEK: Final = dt.timedelta(days=7)
MOST_DEVICES: Final = 100
"""Devices that are shown one by one: those with the most hours missing."""


@attrs.frozen
class Missing:
    """A time of which a device's logs are missing.

    Attributes:
        begin: From when on.
        end: Up to when; not included.
        why: The reason, or `silent` where none is known.
    """

    begin: dt.datetime
    end: dt.datetime
    why: str


@attrs.frozen
class Device:
    """The last week of a device.

    Attributes:
        device_id: Its ID.
        hours: In how many of its hours nothing is missing.
        missing: What is missing, in the order of time.
        newest: When its newest status log was sampled; None if there is none.
    """

    device_id: str
    hours: int
    missing: tuple[Missing, ...]
    newest: dt.datetime | None


@attrs.frozen
class Facts:
    """The data that the charts show.

    Attributes:
        now: The present; aware, in UTC.
        source: Where the facts come from, in a few words.
        is_complete: Whether `covered` means that all logs are known, or else that there is one.
        ages: How long ago each device was heard from, in hours; infinite if it never was.
        covered: For each hour of the last week from the first log on, the share of the devices of which nothing is
            missing.
        worst: The devices with the most hours missing.
        charges: The newest state of charge of each device, in percent; None if the source does not say.
        charging: For each hour of the day, UTC, the share of devices that charge; None if the source does not say.
        errors: Integration, code, number of errors and of devices, over the last week; None if the source does not say.
        spent: Hour, purpose and requests, over the last week; None if the source does not say.
    """

    now: dt.datetime
    source: str
    is_complete: bool
    ages: tuple[float, ...]
    covered: tuple[tuple[dt.datetime, float], ...]
    worst: tuple[Device, ...]
    charges: tuple[float, ...] | None = None
    charging: tuple[tuple[int, float], ...] | None = None
    errors: tuple[tuple[str, str, int, int], ...] | None = None
    spent: tuple[tuple[dt.datetime, str, int], ...] | None = None


def hours_before(now: dt.datetime, first: dt.datetime) -> list[dt.datetime]:
    """Return the starts of the complete hours of the week before a time.

    Args:
        now: The time.
        first: When the first thing is known; no hour that begins before it is returned.
    """
    last = now.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
    hours = [last - number * HOUR for number in range(WEEK // HOUR, 0, -1)]
    return [hour for hour in hours if hour >= first]
