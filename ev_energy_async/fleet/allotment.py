"""The rule by which a watch shares out the hourly budget. `plan` shows it before anything runs, the watch follows it.

Pure arithmetic: no I/O and no clock. A page of a log collection holds 100 logs and costs what a single log costs, and
a page of the snapshot shows 100 devices with their newest logs. So the newest logs come from snapshots, which are taken
as often as half of the budget allows, and the history between them is read rarely, in full pages.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

__all__ = [
    "COMPLETE_WITHIN",
    "ERROR_SHARE",
    "EVERY",
    "FILL",
    "PAST",
    "REPORT_EVERY",
    "Allotment",
    "Demand",
    "allot",
    "wish",
]

PAGE: Final = 100
HOUR: Final = 3_600.0
EVERY: Final = 300.0
"""The interval of snapshots that is aimed at, in seconds."""
COMPLETE_WITHIN: Final = 86_400.0
"""The time within which every log should be delivered, in seconds."""
REPORT_EVERY: Final = 1_800.0
"""The interval at which a device is assumed to report until more is known, in seconds."""
ERROR_SHARE: Final = 0.05
PAST: Final = 3 * 86_400.0
"""The longest delay of storing after which a log is still found, in seconds."""
FILL: Final = 65
"""So many new logs make a page worth reading; with 75 to 88 a simulated watch fell behind more and more."""

# The rest is for what changes more than usual.
_USABLE: Final = 0.95
_LATE_SHARE: Final = 0.03
# Where history cannot keep up, a snapshot takes no longer than this.
_SLOWEST: Final = 7_200.0


@attrs.frozen(kw_only=True)
class Demand:
    """The input of an allotment.

    Attributes:
        devices: How many devices there are.
        rate: Logs per device and hour, on average.
        budget: Requests that a rolling hour allows.
        every: The interval of snapshots that was asked for, in seconds; None to choose it.
        complete_within: How soon every log is to be delivered, in seconds; None to choose it, 0 for no history at all.
        error_share: The share of the budget for error logs; 0 if they are not read.
        past: How late a log may be stored and is still found, in seconds.
        lateness: How late logs are stored, as seen of late, in seconds.
        backfills: Requests an hour to set aside for backfills.
        sub_sessions: Requests an hour to set aside for charging sub-sessions.
        is_status: Whether status logs are delivered.
        pages: How many pages a snapshot has at the least: it may show more devices than are watched.
        is_shown: Whether snapshots show newest logs. If not, what devices write is seen by reads alone.
    """

    devices: int
    rate: float = HOUR / REPORT_EVERY
    budget: float = 1_000.0
    every: float | None = None
    complete_within: float | None = None
    error_share: float = ERROR_SHARE
    past: float = PAST
    lateness: float = 0.0
    backfills: float = 0.0
    sub_sessions: float = 0.0
    is_status: bool = True
    pages: int = 0
    is_shown: bool = True

    @property
    def set_aside(self) -> float:
        """Requests an hour that this watch has no part in."""
        return self.backfills + self.sub_sessions

    @property
    def snapshot_pages(self) -> int:
        """The number of pages of a snapshot."""
        return max(1, math.ceil(self.devices / PAGE), self.pages)

    @property
    def most_reads(self) -> float:
        """Reads an hour that suffice where each change is read at once, with snapshots at the interval asked for."""
        asked = EVERY if self.every is None else self.every
        return self.devices * min(self.rate if self.is_shown else math.inf, HOUR / asked)


@attrs.frozen(kw_only=True)
class Allotment:
    """Requests an hour by purpose, and what they give.

    Attributes:
        snapshot: Pages of snapshots.
        history: Pages of status logs of devices that have changed.
        usable: All that a watch may take.
        slack: How much more each purpose may take in a busy hour, where the budget has room for it.
        errors: Pages of error logs.
        late: Pages of status logs that are read again for what came late.
        backfill: Set aside for backfills.
        sub_sessions: Set aside for charging sub-sessions.
        every: From the beginning of a snapshot to that of the next, in seconds.
        complete_within: How soon every log is delivered that the API stores in time, in seconds; None without history,
            infinite where the budget does not allow it.
        late_every: How often the past of a device is read again at the most, in seconds.
        reads_at_once: Whether each change is read at once.
        reads_one_page: Whether a visit reads no more than a page, so that the rest is a gap.
        fits: Whether the budget allows what was asked for; by itself, whether history keeps up.
    """

    snapshot: float
    history: float
    usable: float
    slack: float
    errors: float
    late: float
    backfill: float
    sub_sessions: float
    every: float
    complete_within: float | None
    late_every: float
    reads_at_once: bool
    reads_one_page: bool
    fits: bool

    @property
    def total(self) -> float:
        """All requests an hour."""
        return self.snapshot + self.history + self.errors + self.late + self.backfill + self.sub_sessions


def allot(demand: Demand) -> Allotment:
    """Share out the budget.

    Snapshots get up to half of the room, history what keeps up with the reports in full pages and visits each device
    within a day, up to the other half. Where history cannot keep up, snapshots give way down to one in two hours; where
    that is not enough, both get half.

    Example:
        >>> round(allot(Demand(devices=10_000, budget=980)).every / 60)
        14
    """
    devices, budget = demand.devices, max(1.0, demand.budget)
    pages = demand.snapshot_pages
    asked = EVERY if demand.every is None else demand.every
    wanted = HOUR * pages / asked
    errors = min(demand.error_share * budget, HOUR / asked * devices)
    has_history = demand.is_status and demand.complete_within != 0
    late = _late(demand, budget) if has_history else 0.0
    room = max(1.0, _USABLE * budget - errors - late - demand.set_aside)
    if not has_history:
        snapshot = min(wanted, room)
        return _made(demand, snapshot, 0.0, errors, late, fits=demand.every is None or snapshot >= wanted)
    # Reading each change as soon as a snapshot shows it.
    most = demand.most_reads
    keeps_up = min(devices * demand.rate / FILL, most)
    target = COMPLETE_WITHIN if demand.complete_within is None else demand.complete_within
    punctual = min(max(keeps_up, devices * HOUR / target), most)
    if demand.every is not None or demand.complete_within is not None:
        return _explicit(demand, wanted, room, errors, late, keeps_up, punctual, most)
    history = min(max(keeps_up, min(punctual, room / 2), min(room / 2, room - wanted)), most)
    snapshot = min(wanted, room - history)
    slowest = min(wanted, HOUR * pages / _SLOWEST)
    fits = snapshot >= slowest
    if not fits:
        snapshot = min(wanted, room / 2)
        history = room - snapshot
    return _made(demand, snapshot, history, errors, late, fits=fits)


def _explicit(
    demand: Demand,
    wanted: float,
    room: float,
    errors: float,
    late: float,
    keeps_up: float,
    punctual: float,
    most: float,
) -> Allotment:
    """Share out by what was asked for; `complete_within` is stretched first, then `every`."""
    if demand.every is None:
        # What snapshots leave goes to history, up to half, and is more than was asked for.
        history = min(max(punctual, min(room / 2, room - wanted)), most)
        snapshot = min(wanted, max(room - history, 0.0))
        slowest = min(wanted, wanted * EVERY / _SLOWEST)
        fits = snapshot >= slowest
        if not fits:
            history = min(max(keeps_up, room - slowest), most)
            snapshot = min(wanted, max(room - history, 0.0))
    else:
        history = min(max(room - wanted, 0.0), most)
        if demand.complete_within is None:
            fits = wanted <= room and history >= keeps_up
        else:
            fits = wanted <= room and history >= punctual
        history = max(history, min(keeps_up, most))
        snapshot = min(wanted, max(room - history, 0.0))
    pages = demand.snapshot_pages
    if snapshot < min(wanted, HOUR * pages / _SLOWEST):
        snapshot = min(wanted, room / 2)
        history, fits = room - snapshot, False
    return _made(demand, snapshot, history, errors, late, fits=fits)


def wish(devices: int, rate: float) -> float:
    """Return the requests an hour that a kind of devices would like to have, to share a budget among several kinds.

    Args:
        devices: How many there are.
        rate: Logs per device and hour.
    """
    return HOUR / EVERY * max(1, math.ceil(devices / PAGE)) + devices * (rate / FILL + HOUR / COMPLETE_WITHIN)


def _deep(demand: Demand, turn: float) -> float:
    """Return the pages an hour that read the past of each device once in a turn, to find what came late."""
    pages = max(1.0, demand.rate * (turn + demand.past) / HOUR / PAGE + 0.5)
    return demand.devices * pages * HOUR / turn


def _late(demand: Demand, budget: float) -> float:
    """Return the pages an hour that have to be set aside for logs that come late.

    A share, as a rule. Where logs come later than the pages reach that are read anyway, the past has to be read again.
    """
    share = _LATE_SHARE * budget
    visit = demand.complete_within or COMPLETE_WITHIN
    is_beyond_a_page = demand.rate * (visit + demand.lateness) / HOUR > PAGE
    needed = _deep(demand, demand.past) if demand.lateness and is_beyond_a_page else demand.devices * HOUR / demand.past
    return min(needed, budget / 3) if demand.lateness and is_beyond_a_page else min(needed, share)


def _made(demand: Demand, snapshot: float, history: float, errors: float, late: float, *, fits: bool) -> Allotment:
    pages = demand.snapshot_pages
    asked = EVERY if demand.every is None else demand.every
    every = max(asked, HOUR * pages / snapshot) if snapshot > 0 else math.inf
    has_history = demand.is_status and demand.complete_within != 0
    most = demand.devices * min(demand.rate if demand.is_shown else math.inf, HOUR / every)
    keeps_up = history >= min(demand.devices * demand.rate / FILL, most) * (1 - 1e-9)
    complete_within: float | None = None
    late_every = demand.past
    spare = 0.0
    if has_history:
        visits = 0.0 if history >= most * (1 - 1e-9) else HOUR * demand.devices / history if history else math.inf
        complete_within = every + visits if keeps_up else math.inf
        # What is left finds late logs sooner.
        spare = max(0.0, _USABLE * demand.budget - snapshot - history - errors - late - demand.set_aside)
        before = late
        target = min(demand.complete_within or COMPLETE_WITHIN, demand.past)
        wanted = _deep(demand, target)
        if late + spare >= wanted:
            late, late_every = max(late, wanted), target
        spare = max(0.0, spare + min(0.0, before - late))
    reads_at_once = has_history and history >= most * (1 - 1e-9) > 0
    return Allotment(
        snapshot=snapshot,
        history=history,
        usable=_USABLE * demand.budget,
        slack=spare / 3 if reads_at_once else 0.0,
        errors=errors,
        late=late,
        backfill=demand.backfills,
        sub_sessions=demand.sub_sessions,
        every=every,
        complete_within=complete_within,
        late_every=late_every,
        reads_at_once=reads_at_once,
        reads_one_page=history > 0 and not keeps_up,
        fits=fits,
    )
