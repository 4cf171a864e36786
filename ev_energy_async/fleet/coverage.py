"""Coverage: the intervals in which each device's logs are known to be complete, and the gaps with their reasons.

Pure: no I/O, no clock. `coverage_report` makes the rows from what a watch keeps in its checkpoint. All intervals hold
their beginning and not their end, so that neighbours touch and do not overlap.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async.clock import utc
from ev_energy_async.codec import AsDict
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import id_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ev_energy_async.ids import Ref

__all__ = ["Coverage", "Gap", "Gaps", "Reason", "Row", "close_gaps", "join_gaps"]

_SHOWN: Final = 10
_MOST_BARS: Final = 24
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NOTHING: Final = dt.timedelta(0)


class Reason(StrEnum):
    """Why logs are not known to be complete."""

    UNREAD = "unread"
    """Snapshots have shown newer logs, and what lies before them was not read yet."""
    BUDGET = "budget"
    """The hourly budget did not allow to read them."""
    NOT_FOUND = "not found"
    """The API answered 404 for the vehicle."""
    REFUSED = "refused"
    """The API refused to show them."""
    UNDECODABLE = "undecodable"
    """One of them cannot be understood."""
    DOWNTIME = "downtime"
    """Nobody was watching, or the API did not answer."""
    RETENTION = "retention"
    """They are older than what is kept or read again."""


@attrs.frozen
class Gap(AsDict):
    """A time of which logs may be missing.

    Attributes:
        begin: From when on, aware; included.
        end: Up to when, aware; not included.
        reason: Why.

    Raises:
        InvalidArgument: A time is naive, or it does not end after it begins.
    """

    begin: dt.datetime
    end: dt.datetime
    reason: Reason

    def __attrs_post_init__(self) -> None:
        _check_interval("begin", self.begin, "end", self.end)

    @property
    def length(self) -> dt.timedelta:
        """Its length."""
        return self.end - self.begin


Gaps = tuple[Gap, ...]
"""Gaps in the order of time, none of which overlaps another."""


@attrs.frozen
class Row(AsDict):
    """Coverage of one kind of logs of one device.

    Attributes:
        vehicle_id: Whose; `charging_sub_sessions` for those, which have one row together.
        log_kind: `status`, `error`, `current`, or `charging_sub_session`.
        complete_from: From when on its logs are known, apart from the gaps; None if none are.
        complete_upto: Up to when; not included. None if none are.
        as_of: When that was last found out; logs that arrived later than that are not accounted for.
        gaps: Where it is not complete in between.
    """

    vehicle_id: str
    log_kind: str
    complete_from: dt.datetime | None = None
    complete_upto: dt.datetime | None = None
    as_of: dt.datetime | None = None
    gaps: Gaps = ()

    @property
    def missing(self) -> dt.timedelta:
        """The total length of its gaps."""
        return sum((gap.length for gap in self.gaps), _NOTHING)

    def complete(self, since: dt.datetime, until: dt.datetime) -> bool:
        """Whether all logs from `since` on up to `until` are known, the latter not included."""
        since, until = utc("since", since), utc("until", until)
        if self.complete_from is None or self.complete_upto is None:
            return False
        if since < self.complete_from or until > self.complete_upto:
            return False
        return not any(gap.begin < until and since < gap.end for gap in self.gaps)


@attrs.frozen
class Coverage(AsDict):
    """Coverage of a fleet's logs.

    Attributes:
        rows: One for each vehicle and kind of logs.

    Example:
        >>> coverage = ev.fleet.coverage()  # doctest: +SKIP
        >>> print(coverage)  # doctest: +SKIP
        >>> assert coverage.complete(yesterday, today)  # doctest: +SKIP
    """

    rows: tuple[Row, ...] = ()

    def of(self, vehicle: Ref) -> tuple[Row, ...]:
        """Return the rows of a vehicle, none if it is not known.

        Raises:
            InvalidArgument: It is no vehicle.
        """
        vehicle_id = id_text("vehicle", vehicle, "vhcl")
        return tuple(row for row in self.rows if row.vehicle_id == vehicle_id)

    def complete(self, since: dt.datetime, until: dt.datetime) -> bool:
        """Whether all logs of all vehicles from `since` on up to `until` are known; not if no vehicle is.

        Args:
            since: From when on, aware; included.
            until: Up to when, aware; not included.

        Raises:
            InvalidArgument: A time is naive, or they are not in this order.
        """
        _check_interval("since", since, "until", until)
        return bool(self.rows) and all(row.complete(since, until) for row in self.rows)

    def gaps(self) -> tuple[tuple[Row, Gap], ...]:
        """Return all gaps with the row that has them, those of the worst row first."""
        return tuple((row, gap) for row in self._worst_first() for gap in row.gaps)

    @property
    def complete_to(self) -> dt.datetime | None:
        """Up to when the logs of all vehicles are known without a gap; None if that is true of no time."""
        ends = [None if row.complete_upto is None else _first_gap(row) for row in self.rows]
        known = [end for end in ends if end is not None]
        return min(known) if known and len(known) == len(ends) else None

    def __str__(self) -> str:
        """Show up to when all is complete, what is missing when and why, and the worst rows."""
        rows = self._worst_first()
        with_gaps = sum(bool(row.gaps) for row in rows)
        unread = sum(row.complete_upto is None for row in rows)
        lines = [f"{len(rows):,} collections of logs, {with_gaps:,} with gaps, {unread:,} never read"]
        if not rows:
            return lines[0]
        if self.complete_to is not None:
            lines.append(f"all complete up to {_shown(self.complete_to)}")
        missing = _by_time(rows)
        if missing:
            lines += ["", *_table([("missing", "collections", "why"), *missing])]
        worst = [row for row in rows if row.gaps or row.complete_upto is None][:_SHOWN]
        if worst:
            head = ("vehicle", "log", "complete from", "up to", "as of", "gaps", "missing", "why")
            lines += ["", *_table([head, *map(_cells, worst)])]
            rest = sum(bool(row.gaps) or row.complete_upto is None for row in rows) - len(worst)
            lines += [f"... and {rest:,} more"] if rest else []
        return "\n".join(lines)

    def _worst_first(self) -> list[Row]:
        return sorted(self.rows, key=_badness)


def _first_gap(row: Row) -> dt.datetime | None:
    """Return where the first gap of a row begins, or where it ends if it has none."""
    return min((gap.begin for gap in row.gaps), default=row.complete_upto)


def _by_time(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return how many rows have gaps in each hour, or in each day where they are spread over more, and why."""
    gaps = [(row, gap) for row in rows for gap in row.gaps]
    if not gaps:
        return []
    first, last = min(gap.begin for _, gap in gaps), max(gap.end for _, gap in gaps)
    step = _HOUR if last - first <= _MOST_BARS * _HOUR else _DAY
    found: dict[tuple[dt.datetime, str], int] = {}
    for _, gap in gaps:
        at = max(_floor(gap.begin, step), _floor(last, step) - (_MOST_BARS - 1) * step)
        while at < gap.end:
            found[at, gap.reason.value] = found.get((at, gap.reason.value), 0) + 1
            at += step
    form = "%Y-%m-%d %H:00" if step == _HOUR else "%Y-%m-%d"
    return [(f"{at:{form}}", f"{count:,}", why) for (at, why), count in sorted(found.items())]


def _floor(time: dt.datetime, step: dt.timedelta) -> dt.datetime:
    since = time.astimezone(dt.UTC) - _EPOCH
    return _EPOCH + since // step * step


def _shown(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def _table(lines: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _badness(row: Row) -> tuple[bool, dt.timedelta, float, str, str]:
    """Return what puts the worst row first: never read, then most missing, then furthest behind."""
    upto = row.complete_upto
    behind = 0.0 if upto is None else upto.timestamp()
    return upto is not None, -row.missing, behind, row.vehicle_id, row.log_kind


def _cells(row: Row) -> tuple[str, ...]:
    reasons = ", ".join(dict.fromkeys(gap.reason.value for gap in row.gaps))
    times = (row.complete_from, row.complete_upto, row.as_of)
    shown = ("-" if time is None else _shown(time) for time in times)
    missing = str(dt.timedelta(seconds=-(-row.missing // dt.timedelta(seconds=1)))) if row.gaps else ""
    return row.vehicle_id, row.log_kind, *shown, str(len(row.gaps)), missing, reasons


def close_gaps(gaps: Sequence[Gap], begin: dt.datetime, end: dt.datetime) -> Gaps:
    """Return what is left of gaps after an interval was read: a gap may close, shrink, or split in two."""
    left: list[Gap] = []
    for gap in gaps:
        if gap.end <= begin or end <= gap.begin:
            left.append(gap)
            continue
        if gap.begin < begin:
            left.append(attrs.evolve(gap, end=begin))
        if end < gap.end:
            left.append(attrs.evolve(gap, begin=end))
    return tuple(left)


def join_gaps(gaps: Iterable[Gap]) -> Gaps:
    """Return gaps in order; those of the same reason that touch are one.

    Args:
        gaps: Gaps in any order. Where some overlap, the one that comes later counts.
    """
    apart: Gaps = ()
    for gap in gaps:
        apart = (*close_gaps(apart, gap.begin, gap.end), gap)
    return _joined(apart)


def _joined(apart: Sequence[Gap]) -> Gaps:
    """Return gaps that do not overlap in order, those that touch as one."""
    joined: list[Gap] = []
    for gap in sorted(apart, key=_begin):
        if joined and joined[-1].end == gap.begin and joined[-1].reason == gap.reason:
            joined[-1] = attrs.evolve(joined[-1], end=gap.end)
        else:
            joined.append(gap)
    return tuple(joined)


def _begin(gap: Gap) -> dt.datetime:
    return gap.begin


def _check_interval(first: str, begin: dt.datetime, last: str, end: dt.datetime) -> None:
    if utc(first, begin) >= utc(last, end):
        raise InvalidArgument(last, end, f"a time after `{first}`, {begin.isoformat()}")
