"""What watching a fleet costs: requests an hour against the budget, and the shortest interval that it allows.

Pure arithmetic, no I/O and no clock. `fleet.plan` shows it before anything runs, `fleet.watch` says it at the start and
stretches its interval by `interval_for`.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final, TypedDict

import attrs

from ev_energy_async.clock import seconds
from ev_energy_async.devices import DEVICES, log_names
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.events import Delays

if TYPE_CHECKING:
    from collections.abc import Collection

    from ev_energy_async.clock import Duration
    from ev_energy_async.devices import WatchedLog

__all__ = [
    "ERROR_SHARE",
    "PAST",
    "REREAD_EVERY",
    "REREAD_SHARE",
    "Plan",
    "PlanOptions",
    "Usage",
    "interval_for",
    "plan",
]

_LOGS: Final = DEVICES["vehicles"].watched

ERROR_SHARE: Final = 0.1
REREAD_SHARE: Final = 0.05
REREAD_EVERY: Final = 86_400.0
PAST: Final = dt.timedelta(days=3)

_CHANGED: Final = 0.05
_BUDGET: Final = 1_000
_PAGE: Final = 100
_HOUR: Final = 3_600.0
# An interval that is longer than this is none.
_LONGEST: Final = 366 * 86_400.0


@attrs.frozen(kw_only=True)
class Usage:
    """Requests an hour, by what for. They are means: a single hour may take a little more or less.

    Attributes:
        snapshot: Pages of the snapshot, one for 100 vehicles in each cycle.
        status: Pages of status logs of vehicles that changed.
        errors: Pages of error logs: of vehicles that look unwell, and of the others in turn.
        reread: Pages of the rotation that reads again what is past.
        backfill: What is set aside for backfills.
    """

    snapshot: float = 0.0
    status: float = 0.0
    errors: float = 0.0
    reread: float = 0.0
    backfill: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.snapshot + self.status + self.errors + self.reread + self.backfill


@attrs.frozen(kw_only=True)
class Plan:
    """What a watch takes, and what it gives for it.

    Attributes:
        vehicles: How many there are.
        asked: The interval that was asked for, in seconds.
        budget: Requests that a rolling hour allows.
        requests: Requests an hour at the interval that was asked for.
        fits: Whether these are within the budget.
        shortest_every: The shortest interval that the budget allows, in seconds; infinite if a year is too short.
        every: The interval that a watch settles on, in seconds: the one asked for, or `shortest_every` if that is
            longer.
        effective: Requests an hour at `every`.
        delays: The longest delays at `every`, in seconds, if nothing fails. A status log waits until its vehicle may be
            read, and for the cycle that reads it, which is over when the next one begins. An error log of a vehicle
            that looks well waits for a rotation through all vehicles, and so does a status log that is not the newest.
            Infinite for a rotation that gets no requests.
    """

    vehicles: int
    asked: float
    budget: int
    requests: Usage
    fits: bool
    shortest_every: float
    every: float
    effective: Usage
    delays: Delays

    @property
    def spare(self) -> float:
        """Requests an hour that are left over at `every`; not below zero."""
        return max(0.0, self.budget - self.effective.total)

    @property
    def cycle_share(self) -> float:
        """The fraction of the budget that is free for snapshots and changes: what `interval_for` may use."""
        used = self.effective
        return max(0.0, 1 - (used.errors + used.reread + used.backfill) / self.budget)

    def __str__(self) -> str:
        total = self.requests.total
        verdict = "fits" if self.fits else "does not fit"
        of_budget = f"{total:,.0f} of {self.budget:,} requests an hour"
        lines = [
            f"{self.vehicles:,} vehicles every {_spoken(self.asked)}: {verdict}, {of_budget}",
            "",
            f"{'requests an hour':<20}{_spoken(self.asked):>16}{'of the budget':>16}"
            + ("" if self.fits else f"{_spoken(self.every):>16}{'of the budget':>16}"),
        ]
        for name in (*attrs.fields_dict(Usage), "total"):
            lines.append(f"{name:<20}{self._cells(self.requests, name)}")
            if not self.fits:
                lines[-1] += self._cells(self.effective, name)
        lines += ["", f"{'shortest interval':<20}{_spoken(self.shortest_every):>16}", "longest delays"]
        for name, delay in (("status", self.delays.status), ("errors", self.delays.errors), ("late", self.delays.late)):
            lines.append(f"  {name:<18}{'not read' if delay is None else _spoken(delay):>16}")
        return "\n".join(lines)

    def _cells(self, usage: Usage, name: str) -> str:
        value: float = getattr(usage, name)
        return f"{value:>16,.1f}{value / self.budget:>16.1%}"


@attrs.frozen
class _Fleet:
    """What a plan is made from, checked and in seconds."""

    vehicles: int
    kinds: frozenset[str]
    rate: float
    read_every: float
    error_share: float
    reread_share: float
    reread_every: float
    past: float
    backfills: float
    budget: int

    def usage(self, every: float) -> Usage:
        """Return the requests an hour at an interval; no part of it rises with the interval."""
        has_status, has_errors = "status" in self.kinds, "error" in self.kinds
        return Usage(
            snapshot=_HOUR / every * max(1, math.ceil(self.vehicles / _PAGE)),
            status=_HOUR * self.vehicles * self._reads(max(every, self.read_every)) if has_status else 0.0,
            errors=min(self.error_share * self.budget, _HOUR / every * self.vehicles) if has_errors else 0.0,
            reread=min(self.reread_share * self.budget, _HOUR / self.reread_every * self._past) if has_status else 0.0,
            backfill=self.backfills,
        )

    def delays(self, every: float, usage: Usage) -> Delays:
        """Return how long logs take at the worst."""
        return Delays(
            status=max(every, self.read_every) + every,
            errors=_period(self.vehicles, usage.errors, every) if "error" in self.kinds else None,
            late=_period(self._past, usage.reread, self.reread_every) if "status" in self.kinds else None,
        )

    def shortest(self) -> float:
        """Return the shortest interval that fits, rounded up by less than a millionth; infinite if there is none."""
        if not self.fits(_LONGEST):
            return math.inf
        low, high = 0.0, 1.0
        while not self.fits(high):
            low, high = high, min(2 * high, _LONGEST)
        while low < high * (1 - 1e-9):
            middle = (low + high) / 2
            low, high = (low, middle) if self.fits(middle) else (middle, high)
        return high

    def fits(self, every: float) -> bool:
        """Whether an interval is within the budget."""
        return self.usage(every).total <= self.budget

    @property
    def _past(self) -> float:
        """Pages that all vehicles' pasts fill."""
        return self.vehicles * _pages(self.past * self.rate)

    def _reads(self, every: float) -> float:
        """Return pages a second of a vehicle that is read so often if it has changed."""
        if every == math.inf:
            return self.rate / _PAGE
        return min(1 / every, self.rate) * _pages(every * self.rate)


class PlanOptions(TypedDict, total=False):
    """The options of `plan`."""

    logs: Collection[WatchedLog]
    changed: float | None
    report_every: Duration | None
    read_every: Duration | None
    error_share: float
    reread_share: float
    reread_every: Duration
    past: Duration
    backfills: float
    budget: int


def plan(
    vehicles: int,
    every: Duration,
    *,
    logs: Collection[WatchedLog] = _LOGS,
    changed: float | None = None,
    report_every: Duration | None = None,
    read_every: Duration | None = None,
    error_share: float = ERROR_SHARE,
    reread_share: float = REREAD_SHARE,
    reread_every: Duration = REREAD_EVERY,
    past: Duration = PAST,
    backfills: float = 0,
    budget: int = _BUDGET,
) -> Plan:
    """Work out what watching a fleet takes of the hourly budget.

    Vehicles are taken to report at a steady rate, which `changed` or `report_every` says. So at twice the interval
    twice as many have changed, until all have; and a read takes more than one page where more than 100 logs came.

    Args:
        vehicles: How many vehicles there are.
        every: From the beginning of a cycle to that of the next; seconds or a `timedelta`.
        logs: What is read: `status`, `error`, both or neither; snapshots are taken anyway.
        changed: The fraction of vehicles whose newest log changes from one cycle to the next at that interval; 0.05 if
            neither it nor `report_every` is given.
        report_every: How often a vehicle reports, instead of `changed`.
        read_every: How often a vehicle's logs are read at the most; None for each time it has changed.
        error_share: The fraction of the budget that error logs may take, each vehicle once a cycle at the most;
            vehicles that look unwell come first, within it.
        reread_share: The fraction of the budget that reading again what is past may take.
        reread_every: How often the past of a vehicle is read again at the most.
        past: How far back that goes.
        backfills: Requests an hour to set aside for backfills. One that takes 10,000 requests in all is through in ten
            hours with 1,000; how much is left over at most is `Plan.spare`.
        budget: Requests that a rolling hour allows.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> round(plan(2_000, 300).requests.snapshot)
        240
    """
    whole_vehicles, whole_budget = _whole("vehicles", vehicles, 0), _whole("budget", budget, 1)
    asked = seconds("every", every)
    kinds = log_names("logs", logs, _LOGS)
    if changed is not None and report_every is not None:
        raise InvalidArgument("report_every", report_every, "nothing beside `changed`: one follows from the other")
    if report_every is not None:
        rate = 1 / seconds("report_every", report_every)
    else:
        rate = _fraction("changed", _CHANGED if changed is None else changed) / asked
    fleet = _Fleet(
        whole_vehicles,
        kinds,
        rate,
        0.0 if read_every is None else seconds("read_every", read_every),
        _fraction("error_share", error_share),
        _fraction("reread_share", reread_share),
        seconds("reread_every", reread_every),
        seconds("past", past),
        _number("backfills", backfills, math.inf, "requests an hour, not below zero"),
        whole_budget,
    )
    requests, fits = fleet.usage(asked), fleet.fits(asked)
    shortest = fleet.shortest()
    effective = asked if fits else shortest
    used = requests if fits else fleet.usage(effective)
    return Plan(
        vehicles=whole_vehicles,
        asked=asked,
        budget=whole_budget,
        requests=requests,
        fits=fits,
        shortest_every=shortest,
        every=effective,
        effective=used,
        delays=fleet.delays(effective, used),
    )


def interval_for(every: float, cost_per_cycle: float, budget_per_hour: float, usable_share: float) -> float:
    """Return the interval that is kept: the one asked for, or the shortest that the budget allows if that is longer.

    Args:
        every: The interval that was asked for, in seconds.
        cost_per_cycle: Requests that a cycle takes, without the rotations, which have shares of their own.
        budget_per_hour: Requests that a rolling hour allows.
        usable_share: The fraction of them that cycles may take, as in `Plan.cycle_share`.

    Returns:
        Seconds; infinite if cycles may take nothing.

    Example:
        >>> interval_for(60, 40, 1_000, 0.8)
        180.0
    """
    usable = budget_per_hour * usable_share
    if cost_per_cycle <= 0:
        return every
    return max(every, cost_per_cycle * _HOUR / usable) if usable > 0 else math.inf


def _pages(logs: float) -> float:
    """Return how many pages so many logs fill: one for less than half of it, and on average half a page in vain."""
    return max(1.0, logs / _PAGE + 0.5)


def _period(pages: float, per_hour: float, shortest: float) -> float:
    """Return the seconds in which a rotation comes round."""
    if not pages:
        return shortest
    return max(shortest, pages / per_hour * _HOUR) if per_hour else math.inf


def _whole(argument: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidArgument(argument, value, f"a whole number of at least {least}")
    return value


def _fraction(argument: str, value: object) -> float:
    return _number(argument, value, 1.0, "a fraction from 0 to 1")


def _number(argument: str, value: object, most: float, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or value == math.inf:
        raise InvalidArgument(argument, value, expected)
    return float(value)


def _spoken(duration: float) -> str:
    """Return seconds in the one or two units that suit them, as in `1 h 30 min`."""
    if duration == math.inf:
        return "never"
    if duration < 60:  # noqa: PLR2004  # a minute
        return f"{duration:.3g} s"
    rest = round(duration)
    parts: list[str] = []
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
        if len(parts) == 2:  # noqa: PLR2004  # units
            break
    return " ".join(filter(None, parts))
