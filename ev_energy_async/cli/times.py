"""Times and durations as people write them, and the click types that read them. Pure but for the local time zone."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final

import click

__all__ = ["DATE", "DURATION", "FIRST_TIME", "LAST_TIME", "read_date", "read_duration", "read_time"]

_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DAY: Final = dt.timedelta(days=1)
_LEAST: Final = dt.timedelta(microseconds=1)


def read_duration(text: str) -> dt.timedelta:
    """Return a duration such as `90`, `90s`, `30m`, `1h30m`, `7d` or `2 weeks`; a bare number is in seconds.

    Raises:
        ValueError: It is none, or too long.
    """
    given = text.strip().lower()
    try:
        if re.fullmatch(r"\d+(\.\d+)?", given):
            return dt.timedelta(seconds=float(given))
        parts = _PART.findall(given)
        if parts and not _PART.sub("", given):
            return dt.timedelta(seconds=sum(float(count) * _UNITS[unit] for count, unit in parts))
    except (KeyError, OverflowError, ValueError):
        pass
    raise ValueError(f"{text!r} is no duration, such as 90s, 30m, 1h30m or 7d")


def read_date(text: str, now: dt.datetime) -> dt.date:
    """Return a day such as `2026-11-01`, `yesterday` or `7d`.

    Raises:
        ValueError: It is none.
    """
    given = text.strip().lower()
    try:
        if given in _DAYS:
            return now.astimezone().date() + _DAYS[given] * _DAY
        if re.fullmatch(r"\d{4}-\d\d-\d\d", given):
            return dt.date.fromisoformat(given)
        return (now - read_duration(given.removesuffix("ago"))).astimezone().date()
    except (OverflowError, ValueError):
        raise ValueError(f"{text!r} is no day, such as 2026-11-01, yesterday or 7d") from None


def read_time(text: str, now: dt.datetime, *, last: bool = False) -> dt.datetime:
    """Return a time as people write it, aware.

    `7d`, `36h` or `1h30m` is so long ago; `now` is now; `today`, `yesterday` and `2026-11-01` are days; anything else
    is a time as in ISO 8601. Days and times without an offset are in the time zone of this machine.

    Args:
        text: What was written.
        now: The time, aware.
        last: Whether a day means its last moment instead of its first.

    Raises:
        ValueError: It is no time.
    """
    given = text.strip()
    small = given.lower()
    try:
        if small == "now":
            return now
        if small in _DAYS or re.fullmatch(r"\d{4}-\d\d-\d\d", small):
            day = read_date(small, now)
            # Midnight by the clock on the wall: a day on which clocks change has 23 or 25 hours.
            first = dt.datetime.combine(day + _DAY if last else day, dt.time.min).astimezone()
            return first - _LEAST if last else first
        if _PART.match(small) and not re.match(r"\d{4}-", small):
            return now - read_duration(small.removesuffix("ago"))
        found = dt.datetime.fromisoformat(given)
        return found if found.tzinfo is not None else found.astimezone()
    except (OverflowError, ValueError):
        raise ValueError(f"{text!r} is no time, such as 7d, 90m, yesterday, 2026-11-01 or 2026-11-01T12:00Z") from None


if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:  # generic since click 8.5
    _Type = click.ParamType


class _Duration(_Type):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Date(_Type):
    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read_date(value, dt.datetime.now(dt.UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Time(_Type):
    name = "time"

    def __init__(self, *, last: bool) -> None:
        self._last = last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read_time(value, dt.datetime.now(dt.UTC), last=self._last)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION: Final = _Duration()
DATE: Final = _Date()
FIRST_TIME: Final = _Time(last=False)
LAST_TIME: Final = _Time(last=True)
