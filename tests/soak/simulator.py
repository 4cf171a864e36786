"""Days of a simulated fleet in seconds, on the real decisions of a watch: `python -m tests.soak.simulator`.

The allotment, the schedule and what is learned of the fleet are those of the package; here are the fleet, a clock that
jumps, and the count of what came when. Beside each run stands what an oracle would need, who looks as often and knows
which pages hold a log that no snapshot has shown.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async.fleet.allotment import HOUR, PAST, Allotment, Demand, allot
from ev_energy_async.fleet.watch.outlook import Outlook
from ev_energy_async.fleet.watch.scheduler import Scheduler, deadline_of
from ev_energy_async.instants import SECOND

from .mixes import MIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .mixes import Arrivals

__all__ = ["Result", "simulate"]

_PAGE: Final = 100
_DAY: Final = 86_400.0
_KEPT: Final = 80
_SKEW: Final = 300.0


@attrs.define
class _Device:
    """A device at the server, and what the watch knows of it."""

    arrivals: Arrivals
    next: int = 0
    upcoming: float = 0.0
    # What the server has, by the time of sampling.
    logs: list[float] = attrs.field(factory=list[float])
    # What was stored and not delivered.
    owed: dict[float, float] = attrs.field(factory=dict[float, float])
    shown: float = -1.0
    top: float = -1.0
    read_at: float = 0.0
    deep_at: float = 0.0
    behind: float = 0.0

    def arrive(self, now: float) -> None:
        """Take what was stored up to now."""
        arrivals, at = self.arrivals, self.next
        while at < len(arrivals) and arrivals[at][0] <= now:
            stored, sampled = arrivals[at]
            if not self.logs or sampled > self.logs[-1]:
                self.logs.append(sampled)
            else:
                insort(self.logs, sampled)
            self.owed[sampled] = stored
            at += 1
        self.next = at
        self.upcoming = arrivals[at][0] if at < len(arrivals) else math.inf

    @property
    def per_hour(self) -> float:
        """Logs an hour, as the last ones that were read tell."""
        end = bisect_left(self.logs, self.top + 1e-6)
        kept = self.logs[max(0, end - _KEPT) : end]
        return (len(kept) - 1) / (kept[-1] - kept[0]) * HOUR if len(kept) > 1 else 0.0


@attrs.define(kw_only=True)
class Result:
    """The result of a run.

    Attributes:
        devices: How many devices there were.
        mix: How they report.
        hours: How long it went on, after a day to settle.
        plan: The allotment at the end.
        spent: Requests by purpose.
        oracle: What an oracle would have needed.
        busiest: The most requests in any hour.
        busiest_minute: The most requests in any minute.
        direct: The delays of logs that came from snapshots, in seconds, sorted.
        read: The delays of the others, sorted.
        never: Logs that were not delivered although the past was due to be read again since.
        undelivered: Logs that were stored and not delivered by the end.
        every_log: The share of all logs that were delivered within what was promised.
    """

    devices: int
    mix: str
    hours: float
    plan: Allotment
    spent: dict[str, int]
    oracle: int
    busiest: int
    busiest_minute: int
    direct: list[float]
    read: list[float]
    never: int
    undelivered: int
    every_log: float
    took: float = 0.0

    @property
    def per_hour(self) -> float:
        """Requests an hour."""
        return sum(self.spent.values()) / self.hours


def at(ranked: Sequence[float], share: float) -> float:
    """Return a quantile of sorted numbers."""
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


@attrs.define
class _Watch:
    """The watch, as far as it decides."""

    devices: list[_Device]
    budget: float
    settles: float
    direct_too: bool = True
    now: float = 0.0
    scheduler: Scheduler = attrs.field(factory=lambda: Scheduler(0.0))
    outlook: Outlook = attrs.field(factory=lambda: Outlook(0.0))
    allotment: Allotment | None = None
    previous: float = 0.0
    began: float = 0.0
    spent: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(("snapshot", "history", "errors", "late"), 0))
    direct: list[float] = attrs.field(factory=list[float])
    read: list[float] = attrs.field(factory=list[float])
    minutes: dict[int, int] = attrs.field(factory=dict[int, int])
    useful: int = 0
    every: float | None = None

    @property
    def pages(self) -> int:
        """Pages of a snapshot."""
        return max(1, math.ceil(len(self.devices) / _PAGE))

    def plan(self) -> None:
        """Choose anew, as at the end of a cycle."""
        self.allotment = allot(
            Demand(
                devices=len(self.devices),
                rate=self.outlook.rate(len(self.devices), self.now),
                budget=self.budget,
                every=self.every,
                lateness=self.outlook.lateness(self.now),
            )
        )
        self.scheduler.follow(self.allotment, self.pages, self.now)

    def count(self, purpose: str, requests: int) -> None:
        """Count requests."""
        minute = int(self.now // 60)
        self.minutes[minute] = self.minutes.get(minute, 0) + requests
        if self.now >= self.settles:
            self.spent[purpose] += requests

    def look(self, device: _Device, name: str) -> None:
        """Look at a device in a snapshot."""
        if device.upcoming > self.now:
            return
        device.arrive(self.now)
        if not device.logs or device.logs[-1] == device.shown:
            return
        newest = device.shown = device.logs[-1]
        stored = device.owed.pop(newest, None)
        if stored is not None and stored >= self.settles:
            self.direct.append(self.now - stored)
        if newest > device.top and not device.behind:
            device.behind = max(device.read_at, self.previous, 1e-9)
        if device.behind:
            assert self.allotment is not None
            per_hour = device.per_hour
            self.outlook.learn(name, per_hour)
            within = self.allotment.complete_within or 0.0
            due = deadline_of(round(device.behind * SECOND), within, per_hour)
            self.scheduler.history.want(name, 0 if self.allotment.reads_at_once else due)

    def visit(self, device: _Device, purpose: str, *, one_page: bool) -> int:
        """Read a device's history, and return how many pages that took."""
        device.arrive(self.now)
        logs = device.logs
        target = min(device.top, device.read_at)
        deep = device.deep_at - PAST - _SKEW
        if purpose == "late":
            target = min(target, deep)
        down = bisect_left(logs, target) if target > 0 else 0
        pages = max(1, math.ceil((len(logs) - down) / _PAGE))
        pages = 1 if one_page and purpose == "history" else pages
        first = max(0, len(logs) - pages * _PAGE)
        reach = logs[first] if first else -math.inf
        found = sorted((each for each in device.owed if each >= reach), reverse=True)
        places = {(len(logs) - 1 - bisect_left(logs, each)) // _PAGE for each in found}
        self.useful += len(places) if self.now >= self.settles else 0
        for each in found:
            stored = device.owed.pop(each)
            if stored >= self.settles:
                self.read.append(self.now - stored)
            if each <= device.top:
                self.outlook.note_late(stored - each, self.now)
        device.top = max([device.top, *logs[-1:]])
        device.read_at, device.behind = self.now, 0.0
        device.shown = device.top
        if reach <= deep:
            device.deep_at = self.now
        return pages

    def begin(self) -> None:
        """Begin a pass."""
        self.previous, self.began = self.began, self.now
        self.plan()
        self.scheduler.begin_pass(self.now, is_paced=True)

    def rotate(self) -> None:
        """Choose whose past is read again, as at the end of a pass."""
        assert self.allotment is not None
        count = math.ceil(self.allotment.late * self.allotment.every / HOUR)
        if self.now < self.allotment.late_every or count <= len(self.scheduler.late):
            return
        old = ((device.deep_at, str(number)) for number, device in enumerate(self.devices))
        wanted = sorted(pair for pair in old if self.now - pair[0] >= self.allotment.late_every)[
            : max(0, count - len(self.scheduler.late))
        ]
        waiting = set(self.scheduler.late)
        self.scheduler.late.extend(name for _, name in wanted if name not in waiting)


def _run(watch: _Watch, seconds: float, error_requests: Callable[[float], float]) -> None:
    page = 0
    watch.begin()
    errors = due = watch.now
    while watch.now < seconds:
        scheduler = watch.scheduler
        page_at = max(watch.now, due, scheduler.page_at(watch.now))
        next_at = min(page_at, max(watch.now, scheduler.next_at(watch.now)), errors)
        watch.now = next_at
        if errors <= watch.now:
            watch.count("errors", 1)
            assert watch.allotment is not None
            errors += error_requests(watch.allotment.errors)
        if page_at <= watch.now:
            if page == watch.pages:
                page = 0
                watch.rotate()
                watch.begin()
            for number in range(page * _PAGE, min(len(watch.devices), (page + 1) * _PAGE)):
                watch.look(watch.devices[number], str(number))
            watch.count("snapshot", 1)
            scheduler.page_done(1, watch.now)
            page += 1
            if page == watch.pages:
                assert watch.allotment is not None
                due = max(watch.began + watch.allotment.every, watch.now)
        for purpose in ("history", "late"):
            while scheduler.due(purpose, watch.now):
                name = scheduler.take(purpose)
                assert watch.allotment is not None
                one_page = watch.allotment.reads_one_page
                pages = watch.visit(watch.devices[int(name)], purpose, one_page=one_page)
                scheduler.history.drop(name)
                scheduler.spend(purpose, pages, watch.now)
                watch.count(purpose, pages)


def simulate(
    devices: int,
    mix: str = "steady",
    *,
    days: float = 3.0,
    budget: float = 980.0,
    seed: int = 1,
    every: float | None = None,
) -> Result:
    """Watch a simulated fleet for some days, of which the first one does not count.

    Args:
        devices: How many devices there are.
        mix: How they report; one of `MIXES`.
        days: How long.
        budget: Requests an hour that the watch may use.
        seed: What all chance is drawn from.
        every: The interval that is asked for, in seconds.
    """
    began = time.perf_counter()
    seconds = days * _DAY
    chance = random.Random(seed)
    fleet = [_Device(MIXES[mix](number, seconds, chance)) for number in range(devices)]
    watch = _Watch(fleet, budget, _DAY, every=every)
    _run(watch, seconds, lambda per_hour: HOUR / per_hour if per_hour else math.inf)
    assert watch.allotment is not None
    plan = watch.allotment
    within = plan.complete_within or math.inf
    never = waiting = undelivered = 0
    for device in fleet:
        device.arrive(seconds)
        for stored in device.owed.values():
            never += _DAY <= stored < seconds - within - plan.late_every - PAST / 3
            waiting += _DAY <= stored < seconds - within
            undelivered += stored >= _DAY
    delays = sorted([*watch.direct, *watch.read])
    in_time = bisect_left(delays, within + 1e-6)
    every_log = in_time / max(1, len(delays) + waiting)
    hours = [0] * (int(seconds // HOUR) + 1)
    for minute, requests in watch.minutes.items():
        if minute >= 60:
            hours[minute // 60] += requests
    return Result(
        devices=devices,
        mix=mix,
        hours=(seconds - _DAY) / HOUR,
        plan=plan,
        spent=watch.spent,
        oracle=round((seconds - _DAY) / plan.every * watch.pages) + watch.useful,
        busiest=max(hours),
        busiest_minute=max(watch.minutes.values()),
        direct=sorted(watch.direct),
        read=sorted(watch.read),
        never=never,
        undelivered=undelivered,
        every_log=every_log,
        took=time.perf_counter() - began,
    )


_HEAD: Final = (
    *("vehicles", "mix", "requests/h", "snapshot", "history", "late", "errors", "oracle/h", "every", "p50", "p99"),
    *("straight", "between p99", "promised", "in time", "never", "busiest hour", "minute", "took"),
)


def _cells(found: Result) -> tuple[str, ...]:
    plan, direct, hours = found.plan, found.direct, found.hours
    by = {name: count / hours for name, count in found.spent.items()}
    straight = len(direct) / max(1, len(direct) + len(found.read) + found.undelivered)
    is_promised = plan.complete_within is not None and math.isfinite(plan.complete_within)
    within = f"{(plan.complete_within or 0.0) / HOUR:.1f} h" if is_promised else "-"
    return (
        f"{found.devices:,}",
        found.mix,
        *(f"{each:.0f}" for each in (found.per_hour, by["snapshot"], by["history"], by["late"], by["errors"])),
        f"{found.oracle / hours:.0f}",
        *(f"{each / 60:.1f} min" for each in (plan.every, at(direct, 0.5), at(direct, 0.99))),
        f"{straight:.1%}",
        f"{at(found.read, 0.99) / HOUR:.1f} h",
        within,
        f"{found.every_log:.2%}" if is_promised else "-",
        f"{found.never:,}",
        f"{found.busiest:,}",
        f"{found.busiest_minute:,}",
        f"{found.took:.0f} s",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 5_000, 10_000, 20_000, 50_000])
    parser.add_argument("--mixes", nargs="+", default=list(MIXES), choices=list(MIXES))
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| " + " | ".join(_HEAD) + " |", "|" + " ---: |" * len(_HEAD), sep="\n")  # noqa: T201  # the result
    for mix in options.mixes:
        for size in options.sizes:
            found = simulate(size, mix, days=options.days, seed=options.seed)
            print("| " + " | ".join(_cells(found)) + " |", flush=True)  # noqa: T201  # the result


if __name__ == "__main__":
    main()
