"""Shared parts of a report's charts: frame, axes and scales, and the text of times and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from ev_energy_async._extras import extra
from ev_energy_async.report.facts import HOUR, Device, Facts

with extra("report", __name__, "altair"):
    import altair as alt

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

__all__ = ["LEFT", "absent", "base_chart", "days", "iso", "names_of", "percent", "told", "week"]

HEIGHT: Final = 240
LEFT: Final = 48
"""The width of what stands left of a chart, so that those below each other share their time."""


def base_chart(values: list[dict[str, Any]], description: str, height: int = HEIGHT) -> alt.Chart:
    """Return a chart of values, as wide as the page, described for those who cannot see it."""
    data = alt.InlineData(values=values)
    return alt.Chart(data, width="container", height=height, description=description)


def percent() -> alt.Axis:
    """Return an axis of shares."""
    return alt.Axis(format="%", tickCount=5, minExtent=LEFT)


def week(facts: Facts) -> alt.Scale:
    """Return the scale of the hours of the week, the same for charts below each other."""
    first, last = (
        alt.DateTime(year=end.year, month=end.month, date=end.day, hours=end.hour, utc=True)
        for end in (facts.covered[0][0], facts.covered[-1][0] + HOUR)
    )
    # As bounds: a `domain` of its own for the second channel of a bar is warned of.
    return alt.Scale(type="utc", domainMin=first, domainMax=last, nice=False)


def days(*, grid: bool, orient: Literal["top", "bottom"] = "bottom") -> alt.Axis:
    """Return an axis of time, with a tick each day."""
    return alt.Axis(format="%a %d", tickCount="day", grid=grid, orient=orient, labelOverlap=True)


def absent(found: Iterable[Any] | None, what: str) -> str:
    """Return the sentence in the place of a chart without values."""
    return f"The source holds no {what}." if found is None else f"No {what} in this time."


def names_of(devices: Sequence[Device], *, personal: bool) -> list[str]:
    """Return what vehicles are called: by number, unless personal data was asked for."""
    return [each.device_id if personal else f"vehicle {number}" for number, each in enumerate(devices, 1)]


def iso(time: dt.datetime) -> str:
    """Return a time as Vega reads it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def told(time: dt.datetime) -> str:
    """Return a time for a tooltip."""
    # As text: a browser would tell its own local time.
    return f"{time:%a %d %b, %H:%M}"
