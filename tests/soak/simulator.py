"""Days of a simulated fleet in seconds, on the real decisions of a watch: `python -m tests.soak.simulator`.

What a watch concludes from a snapshot, remembers of a device, reads when and how far back, and how it shares out the
budget is decided by the package; here are the fleet, a clock that jumps, and the count of what came when. Beside each
run stands what an oracle would need, who looks as often and knows which pages hold a log that no snapshot has shown.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, cast

import attrs

from ev_energy_async.devices import PAGE_SIZE
from ev_energy_async.fleet.allotment import ERROR_SHARE, HOUR, PAST, Allotment
from ev_energy_async.fleet.watch.emitter import state_after
from ev_energy_async.fleet.watch.look import Rules, look_at
from ev_energy_async.fleet.watch.reads import reach_of
from ev_energy_async.fleet.watch.rotation import LateRotation
from ev_energy_async.fleet.watch.scheduler import Scheduler, deadline_of
from ev_energy_async.fleet.watch.settings import Expenses, Provision, Settings
from ev_energy_async.fleet.watch.state import DeviceState, Meta
from ev_energy_async.instants import ALWAYS, SECOND

from .mixes import MIXES
from .simulated import Device, JumpingClock, LoneBudget, instant_at, seconds_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.budget import RequestBudget

__all__ = ["Result", "simulate"]

_DAY: Final = 86_400.0


@attrs.define(kw_only=True)
class Result:
    """The result of a run.

    Attributes:
        devices: How many devices there were.
        mix: How they report.
        hours: How long it went on, after a day to settle.
        plan: The allotment at the end.
        spent: Requests by purpose.
        granted: The share of history.
        looks: What an oracle would have needed for snapshots.
        oracle: What it would have needed in all.
        busiest: The most requests in any hour, from any minute on, after the first one.
        busiest_minute: The most requests in any minute.
        direct: The delays of logs that came from snapshots, in seconds, sorted.
        read: The delays of the others, sorted.
        never: Logs that were not delivered although the past was due to be read again since; None in a run that is too
            short to tell.
        twice: Logs that were delivered although they had been, or did not count.
        undelivered: Logs that were stored and not delivered by the end.
        logs: Logs that count, of the devices that were simulated.
        every_log: The share of all logs that were delivered within what was promised.
    """

    devices: int
    mix: str
    hours: float
    plan: Allotment
    spent: dict[str, int]
    looks: int
    granted: int
    oracle: int
    busiest: int
    busiest_minute: int
    direct: list[float]
    read: list[float]
    never: int | None
    twice: int
    undelivered: int
    logs: int
    every_log: float
    took: float = 0.0

    @property
    def per_hour(self) -> float:
        """Requests an hour."""
        return sum(self.spent.values()) / self.hours


def at(ranked: Sequence[float], share: float) -> float:
    """Return a quantile of sorted numbers."""
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


_RULES: Final = Rules(
    status=True, errors=True, since=None, past=round(PAST * SECOND), stale=86_400 * SECOND, max_shrink=0.2
)


class _Watch:
    """A watch: what it knows, and what it decides; `Track` does the same between requests."""

    def __init__(self, devices: list[Device], budget: float, settles: float, every: float | None) -> None:
        self.devices = devices
        self.by_id = {device.id: device for device in devices}
        self.settles = settles
        self.clock = JumpingClock()
        settings = Settings(
            every=every,
            complete_within=None,
            rules=_RULES,
            concurrency=50,
            error_share=ERROR_SHARE,
            cycles=None,
            on_progress=None,
            name="watch",
        )
        self.provision = Provision(settings, self.clock, Expenses(cast("RequestBudget", LoneBudget(budget))))
        self.scheduler = Scheduler(0.0)
        self.rotation = LateRotation()
        self.states: dict[str, DeviceState] = {}
        self.meta = Meta()
        self.began = 0.0
        self.spent: dict[str, int] = dict.fromkeys(("snapshot", "history", "errors", "late"), 0)
        self.direct: list[float] = []
        self.read: list[float] = []
        self.minutes: dict[int, int] = {}
        self.useful = 0
        self.looks = self.granted = self.history = 0.0
        self.planned_at = 0.0
        self.twice = 0
        self.plan()

    @property
    def now(self) -> float:
        """The time, in seconds."""
        return self.clock.elapsed

    @property
    def pages(self) -> int:
        """Pages of a snapshot."""
        return max(1, math.ceil(len(self.devices) / PAGE_SIZE))

    def plan(self) -> Allotment:
        """Choose anew, as at the end of a snapshot."""
        if self.now >= self.settles:
            since = max(self.settles, self.planned_at)
            self.looks += (self.now - since) / self.provision.every * self.pages
            self.granted += (self.now - since) / HOUR * self.history
        self.planned_at = self.now
        allotment, pages = self.provision.choose(len(self.devices), self.now)
        self.scheduler.follow(allotment, pages, self.now)
        self.history = allotment.history
        return allotment

    def count(self, purpose: str, requests: int) -> None:
        """Count requests."""
        minute = int(self.now // 60)
        self.minutes[minute] = self.minutes.get(minute, 0) + requests
        if self.now >= self.settles:
            self.spent[purpose] += requests

    def deliver(self, device: Device, at: int, into: list[float]) -> None:
        """Take note that a log was delivered."""
        stored = device.owed.pop(at, None)
        self.twice += stored is None
        if stored is not None and seconds_at(stored) >= self.settles:
            into.append(self.now - seconds_at(stored))

    def page(self, number: int) -> None:
        """Look at a page of a snapshot."""
        shown_at = instant_at(math.floor(self.now))
        if self.meta.since == ALWAYS:
            self.meta = Meta(since=shown_at)
        for device in self.devices[number * PAGE_SIZE : (number + 1) * PAGE_SIZE]:
            if device.upcoming > self.now and device.id in self.states:
                continue  # it shows what it showed, and `Shown` tells it by its bytes
            device.arrive(self.now)
            self._look(device, shown_at)
        self.count("snapshot", 1)
        self.scheduler.page_done(self.now)

    def _look(self, device: Device, shown_at: int) -> None:
        provision = self.provision
        look = look_at(
            device,
            self.states.get(device.id),
            self.meta,
            _RULES,
            began=instant_at(math.floor(self.began)),
            shown_at=shown_at,
            is_first=self.meta.snapshot_at == ALWAYS,
            within=0.0 if provision.reads_at_once else provision.within,
            is_in_turn=provision.reads_one_page,
        )
        if look is None:
            return
        for step in look.steps:
            self.states[device.id] = step.state
            if step.what == "status":
                self.deliver(device, step.at, self.direct)
        self.rotation.turns.see(device.id, self.states[device.id])
        if look.per_hour or look.is_changed:
            provision.outlook.learn(device.id, look.per_hour)
        if look.due is not None:
            self.scheduler.history.want(device.id, look.due)

    def visit(self, device: Device, purpose: str) -> int:
        """Read a device's history, and return how many pages that took."""
        state = self.states[device.id]
        ledger = state.ledger("status")
        is_one_page = purpose == "history" and ledger.read_at > ALWAYS and self.provision.reads_one_page
        read = device.read(self.now, reach_of(ledger, purpose, _RULES.past), is_one_page=is_one_page)
        seen_to = ledger.seen_to if ledger.instants else ALWAYS
        found = [log for log, is_new in zip(read.logs, ledger.unseen(read.logs), strict=True) if is_new]
        self.useful += device.places_of(found) if self.now >= self.settles else 0
        for log in found:
            self.deliver(device, log.at, self.read)
            if log.stored is not None and log.at < seen_to:
                self.provision.note_late((log.stored - log.at) / SECOND)
        self.rotation.note(device.id, found, seen_to, read.read_at)
        state = self.states[device.id] = state_after(state, read, past=_RULES.past)  # type: ignore[arg-type]  # what it uses of a Reading
        self.scheduler.forget([device.id])
        if state.behind and not self.provision.reads_at_once:
            self.scheduler.history.want(device.id, deadline_of(state.behind, self.provision.within, 0.0))
        return read.pages

    def begin(self) -> None:
        """Begin a snapshot."""
        self.began = self.now
        self.scheduler.begin_pass(self.now, is_paced=True)

    def end(self, cycle: int) -> Allotment:
        """End a snapshot: choose anew, and whose past is read again."""
        allotment = self.plan()
        began, scheduler = instant_at(math.floor(self.began)), self.scheduler
        count = self.provision.turns("late", len(self.states)) - len(scheduler.late)
        before = began - round(self.provision.late_every * SECOND)
        now = instant_at(self.now)
        turns = self.rotation.next(self.states, set(scheduler.late), count, now=now, before=before, number=cycle)
        scheduler.late.extend(turns)
        self.meta = Meta(cycle, self.meta.since, began, allotment.every)
        return allotment


def _run(watch: _Watch, seconds: float) -> None:
    page, cycle = 0, 1
    allotment = watch.plan()
    watch.begin()
    errors = due = watch.now
    while watch.now < seconds:
        scheduler, now = watch.scheduler, watch.now
        page_at = max(now, due, scheduler.page_at(now))
        watch.clock.elapsed = now = min(page_at, max(now, scheduler.next_at(now)), errors)
        if errors <= now:
            watch.count("errors", 1)
            errors += HOUR / allotment.errors if allotment.errors else math.inf
        if page_at <= now:
            if page == watch.pages:
                page, cycle = 0, cycle + 1
                watch.begin()
            watch.page(page)
            page += 1
            if page == watch.pages:
                allotment = watch.end(cycle)
                due = max(watch.began + allotment.every, now)
        for purpose in ("history", "late"):
            while scheduler.due(purpose, now):
                pages = watch.visit(watch.by_id[scheduler.take(purpose)], purpose)
                scheduler.spend(purpose, pages, now)
                watch.count(purpose, pages)


def simulate(
    devices: int,
    mix: str = "steady",
    *,
    days: float = 3.0,
    budget: float = 980.0,
    seed: int = 1,
    every: float | None = None,
    sample: int = 1_000_000,
) -> Result:
    """Watch a simulated fleet for some days, of which the first one does not count.

    Args:
        devices: How many devices there are.
        mix: How they report; one of `MIXES`.
        days: How long.
        budget: Requests an hour that the watch may use.
        seed: What all chance is drawn from.
        every: The interval that is asked for, in seconds.
        sample: Of a larger fleet only so many devices are simulated, on their part of the budget.
    """
    began = time.perf_counter()
    seconds = days * _DAY
    chance = random.Random(seed)
    count = min(devices, sample)
    part = devices / count
    fleet = [Device(str(number), MIXES[mix](number, seconds, chance)) for number in range(count)]
    watch = _Watch(fleet, budget / part, _DAY, every)
    _run(watch, seconds)
    plan = watch.plan()
    within = plan.complete_within or math.inf
    given_up = seconds - within - plan.late_every - PAST / 3
    never = waiting = undelivered = 0
    for device in fleet:
        device.arrive(seconds)
        for stored in map(seconds_at, device.owed.values()):
            never += _DAY <= stored < given_up
            waiting += _DAY <= stored < seconds - within
            undelivered += stored >= _DAY
    delays = sorted([*watch.direct, *watch.read])
    in_time = bisect_left(delays, within + 1e-6)
    every_log = in_time / max(1, len(delays) + waiting)
    minutes = [watch.minutes.get(minute, 0) for minute in range(int(seconds // 60) + 1)]
    return Result(
        devices=devices,
        mix=mix,
        hours=(seconds - _DAY) / HOUR,
        plan=plan,
        spent={purpose: round(part * requests) for purpose, requests in watch.spent.items()},
        looks=round(part * watch.looks),
        granted=round(part * watch.granted),
        oracle=round(part * (watch.looks + watch.useful)),
        busiest=round(part * max(sum(minutes[at : at + 60]) for at in range(60, len(minutes) - 59))),
        busiest_minute=round(part * max(minutes)),
        direct=sorted(watch.direct),
        read=sorted(watch.read),
        never=round(part * never) if given_up > _DAY else None,
        twice=watch.twice,
        undelivered=round(part * undelivered),
        logs=len(delays) + undelivered,
        every_log=every_log,
        took=time.perf_counter() - began,
    )


_HEAD: Final = (
    *("vehicles", "mix", "requests/h", "snapshot", "history", "late", "errors", "oracle/h", "every", "p50", "p99"),
    *("straight", "between p99", "promised", "in time", "never", "twice", "busiest hour", "minute", "took"),
)


def _cells(found: Result) -> tuple[str, ...]:
    plan, direct, hours = found.plan, found.direct, found.hours
    by = {name: count / hours for name, count in found.spent.items()}
    straight = len(direct) / max(1, found.logs)
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
        "-" if found.never is None else f"{found.never:,}",
        f"{found.twice:,}",
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
    parser.add_argument("--sample", type=int, default=2_000, help="devices of a larger fleet that are simulated")
    options = parser.parse_args()
    print("| " + " | ".join(_HEAD) + " |", "|" + " ---: |" * len(_HEAD), sep="\n")  # noqa: T201  # the result
    for mix in options.mixes:
        for size in options.sizes:
            found = simulate(size, mix, days=options.days, seed=options.seed, sample=options.sample)
            print("| " + " | ".join(_cells(found)) + " |", flush=True)  # noqa: T201  # the result


if __name__ == "__main__":
    main()
