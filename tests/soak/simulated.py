"""The world of a simulated watch: devices with what they have logged, a clock that jumps, a budget of its own."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right, insort
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async import models
from ev_energy_async.devices import DEVICES, PAGE_SIZE, LogKind
from ev_energy_async.fleet.watch.ledger import Seen
from ev_energy_async.instants import ALWAYS, MICROSECOND, SECOND, instant_of, moment

from .timing import START

if TYPE_CHECKING:
    from .mixes import Arrivals

__all__ = ["Device", "JumpingClock", "LoneBudget", "Read", "instant_at", "seconds_at"]

_BEGIN: Final = instant_of(START)
_AT: Final = attrgetter("at")


def instant_at(seconds: float) -> int:
    """Return so many seconds after the start as an instant, to the microsecond."""
    return _BEGIN + round(seconds * 1e6) * MICROSECOND


def seconds_at(instant: int) -> float:
    """Return how many seconds after the start an instant is."""
    return (instant - _BEGIN) / SECOND


@attrs.frozen
class Read:
    """A read that is through, as the decisions of a watch take it.

    Attributes:
        logs: The logs, oldest first.
        reach: Down to where there are no others.
        read_at: When it was made.
        pages: How many pages that took.
        is_cut: Whether it ended before it got down to where it should.
    """

    logs: list[Seen]
    reach: int
    read_at: int
    pages: int
    is_cut: bool
    log: str = "status"
    row: LogKind = DEVICES["vehicles"].regular


@attrs.define
class Device:
    """A device at the server.

    Attributes:
        id: Its name.
        arrivals: What it is going to log.
        upcoming: When the next log is stored, in seconds.
        owed: Logs that were stored and not delivered, with when they were stored.
        latest_status_log: The newest log, as a snapshot shows it.
    """

    id: str
    arrivals: Arrivals
    integrated: str = "ACTIVE"
    upcoming: float = 0.0
    owed: dict[int, int] = attrs.field(factory=dict[int, int])
    latest_status_log: models.VehicleStatusLog | None = None
    _next: int = 0
    _logs: list[Seen] = attrs.field(factory=list[Seen])

    def arrive(self, now: float) -> None:
        """Take what was stored up to now."""
        arrivals, at, logs = self.arrivals, self._next, self._logs
        before = logs[-1] if logs else None
        while at < len(arrivals) and arrivals[at][0] <= now:
            stored, sampled = map(instant_at, arrivals[at])
            insort(logs, Seen(sampled, stored), key=_AT)
            self.owed[sampled] = stored
            at += 1
        self._next = at
        self.upcoming = arrivals[at][0] if at < len(arrivals) else math.inf
        if logs and logs[-1] is not before:
            newest = logs[-1]
            time = moment(newest.at)
            self.latest_status_log = models.VehicleStatusLog(
                url=f"/{time:%Y-%m-%dT%H:%M:%S.%f}Z", sampled_at=time, logged_at=moment(newest.stored or newest.at)
            )

    def read(self, now: float, down_to: int, *, is_one_page: bool) -> Read:
        """Read whole pages of its logs, the newest first, until one goes back so far."""
        self.arrive(now)
        logs = self._logs
        count = len(logs) - bisect_right(logs, down_to, key=_AT) + 1
        wanted = max(1, math.ceil(count / PAGE_SIZE))
        pages = 1 if is_one_page else wanted
        first = max(0, len(logs) - pages * PAGE_SIZE)
        reach = logs[first].at if first else ALWAYS
        # `Date` states whole seconds.
        return Read(logs[first:], reach, instant_at(math.floor(now)), pages, is_cut=pages < wanted and first > 0)

    def places_of(self, found: list[Seen]) -> int:
        """Return how many pages of its logs hold some logs."""
        logs = self._logs
        return len({(len(logs) - bisect_right(logs, each.at, key=_AT)) // PAGE_SIZE for each in found})


class JumpingClock:
    """A clock that jumps from one request to the next."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, delay: float) -> None:
        self.elapsed += delay


class LoneBudget:
    """A budget that nobody else spends from."""

    used = 0

    def __init__(self, allowance: float) -> None:
        self.allowance = allowance
