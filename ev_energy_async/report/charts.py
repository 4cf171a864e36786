"""The six pictures, as Vega-Lite specifications with a title that says what they show and the table behind them.

Colours come from the page (`config.range.category`), which knows whether it is dark.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ev_energy_async._extras import extra
from ev_energy_async.report.facts import HOUR, Facts
from ev_energy_async.report.frames import LEFT, absent, base_chart, days, iso, names_of, percent, told, week

with extra("report", __name__, "altair"):
    import altair as alt

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

__all__ = ["Picture", "pictures_of"]

Cell: TypeAlias = "str | int | float"

_WITHIN: Final = (1, 6, 24)
_PURPOSES: Final = ("snapshot", "history", "errors", "late", "checks")
# In the order of the page's colours: red is the fourth, the last two are grey.
_REASONS: Final = (
    *("unread", "budget", "downtime", "silent", "refused", "undecodable", "not found", "retention", "not watched"),
)
# The colour says which integration it is of.
_CODE: Final = "slice(datum.label, indexof(datum.label, ': ') + 2)"
_MOST_BARS: Final = 12
_ROW: Final = 6
# A single hour would fill the chart.
_FEWEST_HOURS: Final = 24
_TITLE: Final = 20


@attrs.frozen
class Picture:
    """A picture.

    Attributes:
        name: Its name, as in the page's anchors.
        title: Its heading.
        finding: What it shows, in a sentence.
        specs: Its charts, as Vega-Lite; none if there is nothing to show.
        head: The heads of the columns of the table behind it.
        rows: The rows of that table.
    """

    name: str
    title: str
    finding: str
    specs: tuple[dict[str, Any], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()


def pictures_of(facts: Facts, *, personal: bool) -> tuple[Picture, ...]:
    """Return the six pictures of some facts.

    Args:
        facts: The facts.
        personal: Whether devices are called by their IDs; else they are numbered.
    """
    return (
        _freshness(facts),
        _coverage(facts, personal=personal),
        _charge(facts),
        _charging(facts),
        _errors(facts),
        _budget(facts),
    )


def _freshness(facts: Facts) -> Picture:
    title, total = "How fresh", len(facts.ages)
    if not total:
        return Picture("freshness", title, "No vehicle is known.")
    counts = [(hours, sum(age <= hours for age in facts.ages)) for hours in _WITHIN]
    values = [
        {"within": f"within {hours} h", "share": count / total, "vehicles": count, "of": total}
        for hours, count in counts
    ]
    chart = (
        base_chart(values, "Share of the vehicles that were heard from within 1, 6 and 24 hours", height=150)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X(
                "share:Q",
                title="share of the vehicles",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", tickCount=5),
            ),
            y=alt.Y("within:N", title=None, sort=[f"within {hours} h" for hours in _WITHIN]),
            tooltip=[
                alt.Tooltip("within:N", title="heard from"),
                alt.Tooltip("share:Q", title="share", format=".1%"),
                alt.Tooltip("vehicles:Q", title="vehicles", format=","),
                alt.Tooltip("of:Q", title="of", format=","),
            ],
        )
    )
    silent = total - counts[-1][1]
    return Picture(
        "freshness",
        title,
        f"{counts[-1][1] / total:.0%} of {total:,} vehicles were heard from in the last 24 hours; "
        f"{silent:,} {'was' if silent == 1 else 'were'} silent.",
        (chart.to_dict(),),
        ("heard from", "vehicles", "share"),
        (
            *((f"within {hours} h", count, f"{count / total:.1%}") for hours, count in counts),
            ("longer ago", silent, f"{silent / total:.1%}"),
        ),
    )


def _coverage(facts: Facts, *, personal: bool) -> Picture:
    title = "Coverage over the last week"
    if not facts.covered:
        return Picture("coverage", title, "No vehicle is known.")
    what = "all logs known" if facts.is_complete else "a log in the hour"
    values = [{"hour": iso(hour), "at": told(hour), "share": round(share, 4)} for hour, share in facts.covered]
    # The last hour is as wide as the others.
    values.append({**values[-1], "hour": iso(facts.covered[-1][0] + HOUR)})
    fleet = (
        base_chart(values, f"Share of the vehicles with {what}, by hour")
        .mark_area(line=True, opacity=0.35, interpolate="step-after")
        .encode(
            x=alt.X("hour:T", title=None, scale=week(facts), axis=days(grid=False)),
            y=alt.Y("share:Q", title=what, scale=alt.Scale(domain=[0, 1]), axis=percent()),
            tooltip=[
                alt.Tooltip("at:N", title="hour (UTC)"),
                alt.Tooltip("share:Q", title=what, format=".1%"),
            ],
        )
    )
    names = names_of(facts.worst, personal=personal)
    specs = [fleet.to_dict()]
    if facts.worst:
        specs.append(_worst(facts, names).to_dict())
    mean = sum(share for _, share in facts.covered) / len(facts.covered)
    hours = len(facts.covered)
    return Picture(
        "coverage",
        title,
        f"{mean:.1%} of the vehicle hours have {what}; {len(facts.worst):,} vehicles with the most hours missing are "
        "shown one by one."
        if facts.worst
        else f"All vehicle hours have {what}.",
        tuple(specs),
        ("vehicle", "hours covered", "hours missing", "why", "newest log (UTC)"),
        tuple(
            (
                name,
                each.hours,
                hours - each.hours,
                ", ".join(dict.fromkeys(missing.why for missing in each.missing)),
                "never" if each.newest is None else f"{each.newest:%Y-%m-%d %H:%M}",
            )
            for name, each in zip(names, facts.worst, strict=True)
        ),
    )


def _worst(facts: Facts, names: Sequence[str]) -> alt.Chart:
    values = [
        {
            "vehicle": name,
            "begin": iso(missing.begin),
            "end": iso(missing.end),
            "why": missing.why,
            "from": told(missing.begin),
            "to": told(missing.end),
        }
        for name, each in zip(names, facts.worst, strict=True)
        for missing in each.missing
    ]
    reasons = [reason for reason in _REASONS if any(value["why"] == reason for value in values)]
    # Most pages are read where a hundred names cannot be: the tooltip and the table have them.
    axis = alt.Axis(labels=False, ticks=False, domain=False, minExtent=LEFT + _TITLE)
    height = max(_ROW * len(names), 40)
    made: alt.Chart = (
        base_chart(values, "When the logs of the vehicles with the most hours missing are missing", height=height)
        .mark_bar(height=_ROW - 2)
        .encode(
            x=alt.X(
                "begin:T",
                title=None,
                scale=week(facts),
                axis=days(grid=True, orient="top"),
            ),
            x2="end:T",
            y=alt.Y("vehicle:N", title=None, sort=list(names), axis=axis),
            color=alt.Color(
                "why:N",
                title="missing",
                scale=alt.Scale(domain=_REASONS),
                legend=alt.Legend(orient="bottom", columns=3, values=reasons),
            ),
            tooltip=[
                alt.Tooltip("vehicle:N"),
                alt.Tooltip("why:N", title="missing"),
                alt.Tooltip("from:N", title="from (UTC)"),
                alt.Tooltip("to:N", title="to (UTC)"),
            ],
        )
    )
    # Short enough for a phone: what is missing says the text above.
    text = f"{len(names):,} vehicles, the worst first"
    return made.properties(title=alt.Title(text, anchor="start", frame="group"))


def _charge(facts: Facts) -> Picture:
    title = "State of charge"
    if not facts.charges:
        return Picture("charge", title, absent(facts.charges, "state of charge"))
    bins = Counter(min(int(charge // 10), 9) for charge in facts.charges)
    total = len(facts.charges)
    values = [
        {"percent": f"{low * 10} to {low * 10 + 10}", "vehicles": bins[low], "share": round(bins[low] / total, 4)}
        for low in range(10)
    ]
    chart = (
        base_chart(values, "Vehicles by their newest state of charge")
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("percent:O", title="state of charge, %", sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("vehicles:Q", title="vehicles", axis=alt.Axis(tickMinStep=1, minExtent=LEFT)),
            tooltip=[
                alt.Tooltip("percent:N", title="state of charge, %"),
                alt.Tooltip("vehicles:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    low = sum(charge < 20 for charge in facts.charges)  # noqa: PLR2004  # percent
    middle = sorted(facts.charges)[total // 2]
    return Picture(
        "charge",
        title,
        f"Half of {total:,} vehicles are at {middle:.0f} % or more; {low:,} {'is' if low == 1 else 'are'} below 20 %.",
        (chart.to_dict(),),
        ("state of charge", "vehicles", "share"),
        tuple((f"{value['percent']} %", bins[n], f"{bins[n] / total:.1%}") for n, value in enumerate(values)),
    )


def _charging(facts: Facts) -> Picture:
    title = "Charging by hour of day"
    if not facts.charging:
        return Picture("charging", title, absent(facts.charging, "status log"))
    values = [
        {"hour": hour, "label": f"{hour:02}:00 to {(hour + 1) % 24:02}:00", "share": round(share, 4)}
        for hour, share in facts.charging
    ]
    chart = (
        base_chart(values, "Share of the vehicles heard from that were charging, by hour of day in UTC")
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X(
                "hour:O",
                title="hour of day (UTC)",
                axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3)), grid=False),
            ),
            y=alt.Y("share:Q", title="vehicles charging", axis=percent()),
            tooltip=[
                alt.Tooltip("label:N", title="hour (UTC)"),
                alt.Tooltip("share:Q", title="charging", format=".1%"),
            ],
        )
    )
    hour, share = max(facts.charging, key=lambda each: (each[1], -each[0]))
    return Picture(
        "charging",
        title,
        f"Most charge at {hour:02}:00 UTC: {share:.0%} of the vehicles heard from in that hour.",
        (chart.to_dict(),),
        ("hour (UTC)", "vehicles charging"),
        tuple((str(value["label"]), f"{value['share']:.1%}") for value in values),
    )


def _errors(facts: Facts) -> Picture:
    title = "Errors by integration and code"
    if not facts.errors:
        found = "No error was logged in the last week."
        return Picture("errors", title, absent(None, "error log") if facts.errors is None else found)
    shown, rest = facts.errors[:_MOST_BARS], facts.errors[_MOST_BARS:]
    values = [
        {"error": f"{integration}: {code}", "integration": integration, "code": code, "errors": n, "vehicles": vehicles}
        for integration, code, n, vehicles in shown
    ]
    integrations = sorted({integration for integration, *_ in shown})
    chart = (
        base_chart(values, "Errors of the last week by integration and code", height=max(24 * len(values), 60))
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("errors:Q", title="errors", axis=alt.Axis(tickMinStep=1, tickCount=5)),
            y=alt.Y("error:N", title=None, sort=None, axis=alt.Axis(labelLimit=190, labelExpr=_CODE)),
            color=alt.Color(
                "integration:N",
                title=None,
                scale=alt.Scale(domain=integrations),
                legend=alt.Legend(orient="bottom", columns=1),
            ),
            tooltip=[
                alt.Tooltip("integration:N"),
                alt.Tooltip("code:N"),
                alt.Tooltip("errors:Q", format=","),
                alt.Tooltip("vehicles:Q", format=","),
            ],
        )
    )
    total = sum(errors for _, _, errors, _ in facts.errors)
    integration, code, most, _ = facts.errors[0]
    more = f" {len(rest):,} kinds with fewer are in the table alone." if rest else ""
    return Picture(
        "errors",
        title,
        f"{total:,} errors in the last week; {most / total:.0%} of them are {code} of {integration}.{more}",
        (chart.to_dict(),),
        ("integration", "code", "errors", "vehicles"),
        facts.errors,
    )


def _budget(facts: Facts) -> Picture:
    title = "Budget by purpose"
    if not facts.spent:
        return Picture("budget", title, absent(facts.spent, "cycle of a watch"))
    by_purpose = Counter[str]()
    by_hour = Counter["dt.datetime"]()
    for hour, purpose, requests in facts.spent:
        by_purpose[purpose] += requests
        by_hour[hour] += requests
    purposes = [purpose for purpose in _PURPOSES if by_purpose[purpose]]
    found = {(hour, purpose): requests for hour, purpose, requests in facts.spent}
    first, hours = min(by_hour), (facts.now - min(by_hour)) // HOUR + 1
    values = [
        {"hour": iso(hour), "at": told(hour), "purpose": purpose, "requests": found.get((hour, purpose), 0)}
        for hour in (first + number * HOUR for number in range(max(hours, _FEWEST_HOURS)))
        for purpose in purposes
    ]
    chart = (
        base_chart(values, "Requests of the last week by hour and purpose")
        .mark_bar()
        .encode(
            x=alt.X("hour:T", timeUnit="utcyearmonthdatehours", title=None, axis=days(grid=False)),
            y=alt.Y("requests:Q", title="requests an hour", axis=alt.Axis(tickMinStep=1, minExtent=LEFT)),
            color=alt.Color(
                "purpose:N",
                title=None,
                scale=alt.Scale(domain=purposes),
                legend=alt.Legend(orient="bottom", columns=3),
            ),
            tooltip=[
                alt.Tooltip("at:N", title="hour (UTC)"),
                alt.Tooltip("purpose:N"),
                alt.Tooltip("requests:Q", format=","),
            ],
        )
    )
    total, most = sum(by_purpose.values()), max(by_hour.values())
    return Picture(
        "budget",
        title,
        f"{total:,} requests in the last week, at most {most:,} an hour.",
        (chart.to_dict(),),
        ("purpose", "requests", "share"),
        tuple((purpose, by_purpose[purpose], f"{by_purpose[purpose] / total:.1%}") for purpose in purposes),
    )
