"""The arithmetic of one bucket of requests per rolling hour; only `budget.Budget` uses it.

Two bounds hold at once. The count: requests that this process sent and that may still be in the window, however the API
responds. The reported value: the least that the API's own headers leave, which also reflect other processes and what
the HTTP library repeats by itself. When in doubt, a request counts as spent. Pure: no I/O, time is an argument.

The reported value needs care, since responses overlap. A request is counted at some moment between its permit and its
response, so nobody knows which of two concurrent requests was counted last. Of the responses that may be the most
recent (no permit was given after they arrived) the lowest `remaining` holds, less all requests that it may not include:
those in flight, and those that ended without a header.
"""

from __future__ import annotations

import math
from heapq import merge
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ev_energy_async.messages import RateLimit

__all__ = ["Bucket", "Permit", "Outlook"]

_WINDOW: Final = 3600.0
# Two good clocks still drift apart by some tenths of a second in an hour.
_DRIFT: Final = 1.0
_SPENT_FOR: Final = _WINDOW + _DRIFT
_SURELY_SPENT_FOR: Final = _WINDOW - _DRIFT
# A request whose caller has given up may still be on its way; by then it has arrived or never will.
_ARRIVES_WITHIN: Final = 60.0
_BLIND: Final = 4  # concurrent requests while nothing is known of the bucket
_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 900.0
_RESERVED: Final = 0.02  # the default share of a limit that is reserved for urgent requests


@attrs.define(eq=False)
class Permit:
    """The right to send one request, ended by `Bucket.settle`, `refused`, `forget` or `release`.

    Attributes:
        at: When it was given; the request is sent then or later.
        probe: Whether it was given although the bucket seems empty, to learn how much is left.
    """

    at: float
    probe: bool = False


class Outlook(NamedTuple):
    """When the next request can be sent, in seconds of the caller's clock.

    Attributes:
        soonest: Not before this, whatever the pending responses report.
        likely: At this moment, unless one of them reports otherwise; infinite if it depends on them alone.
    """

    soonest: float
    likely: float

    @property
    def guess(self) -> float:
        """The estimate to report, never infinite."""
        return self.soonest if self.likely == math.inf else self.likely


@attrs.define(eq=False)
class _Second:
    """Requests that ended within one second; each attribute is the most cautious of theirs."""

    first: float
    last: float
    sent: float  # the earliest
    count: int
    surely_counted: int

    @property
    def free_at(self) -> float:
        return self.last + _SPENT_FOR


class _Ledger:
    """Requests in the order in which they ended, by the second: a million take no more room than 3,600.

    Attributes:
        total: Their number.
        quiet_until: Before this none of them leaves the window.
    """

    def __init__(self) -> None:
        self.total = 0
        self.quiet_until = math.inf
        # At most 3,600. An empty deque would take 760 bytes, and each of many users has a budget.
        self._seconds: list[_Second] = []

    def __iter__(self) -> Iterator[_Second]:
        return iter(self._seconds)

    def add(self, at: float, sent: float, surely_counted: int) -> None:
        self.total += 1
        if not self._seconds:
            self.quiet_until = at + _SPENT_FOR
        elif at - (last := self._seconds[-1]).first < 1.0:
            last.last = at
            last.sent = min(last.sent, sent)
            last.count += 1
            last.surely_counted += surely_counted
            return
        self._seconds.append(_Second(at, at, sent, 1, surely_counted))

    def pop_free(self, now: float) -> list[_Second]:
        """Remove and return the requests that have left the window."""
        gone: list[_Second] = []
        while self._seconds and self._seconds[0].free_at <= now:
            gone.append(self._seconds.pop(0))
            self.total -= gone[-1].count
        self.quiet_until = self._seconds[0].free_at if self._seconds else math.inf
        return gone


class Reported:
    """The least that the API's headers leave.

    Attributes:
        at: When it was last reported; minus infinity if never.
    """

    def __init__(self) -> None:
        self.at = -math.inf
        self._newest = -math.inf  # when the newest request with a response was permitted
        # Responses that may be the most recent, the lowest `remaining` first: (arrival, remaining).
        self._low: list[tuple[float, int]] = []
        # Requests that ended without a header, until a later one has a response: (counted by then, how many).
        self._untold: list[tuple[float, int]] = []
        self._untold_total = 0
        self._regained = 0

    def left(self, in_flight: int) -> int:
        """Return what is left for requests that are not in flight yet; below zero if it may be overdrawn."""
        return self._low[0][1] - in_flight - self._untold_total + self._regained

    def hear(self, now: float, granted: float, remaining: int) -> None:
        self.at = now
        self._newest = max(self._newest, granted)
        self._regained = 0
        while self._low and self._low[0][0] < self._newest:
            self._low.pop(0)
        while self._low and self._low[-1][1] >= remaining:
            self._low.pop()
        self._low.append((now, remaining))
        while self._untold and self._untold[0][0] < self._newest:
            self._untold_total -= self._untold.pop(0)[1]

    def miss(self, now: float, counted_by: float) -> None:
        """Note a request that may have been counted, at the latest then."""
        while self._untold and self._untold[0][0] + _SPENT_FOR <= now:
            self._untold_total -= self._untold.pop(0)[1]
        self._untold_total += 1
        if self._untold and counted_by - self._untold[-1][0] < 1.0:
            before, count = self._untold.pop()
            self._untold.append((max(before, counted_by), count + 1))
        else:
            self._untold.append((counted_by, 1))

    def regains(self, gone: _Second) -> bool:
        """Whether requests that left the window were certainly still in it at the last report."""
        return gone.sent + _SURELY_SPENT_FOR > self.at

    def regain(self, gone: _Second) -> None:
        if self.regains(gone):
            self._regained += gone.surely_counted

    def lapse(self) -> None:
        """Forget the reports: their requests have left the window, and what others spent since is unknown."""
        self.at = -math.inf
        self._low.clear()
        self._regained = 0


class Bucket:
    """One bucket of requests per rolling hour, as far as this process can know it.

    Args:
        limit: Requests per rolling hour until the API reports it.
        share: The fraction of the limit that this process may use.
        reserve: Requests that only urgent ones may take; None for 2 % of the limit.

    Attributes:
        limit: Requests per rolling hour, as last reported.
        own_limit: Requests per rolling hour that this process may use.
        in_flight: Permitted requests that have not ended.
        blocked_until: No permits before this, since a 429 said so.
    """

    def __init__(self, limit: int, share: float = 1.0, reserve: int | None = None) -> None:
        self.in_flight = 0
        self._share = share
        self._reserve = reserve
        self._set_limit(limit)
        self._limit_of = -math.inf  # when the request that reported the limit was permitted
        self._answered = _Ledger()
        self._abandoned = _Ledger()
        self._reported = Reported()
        self._probe: Permit | None = None
        self._probe_at = -math.inf
        self._pause = _PAUSE
        self.blocked_until = -math.inf
        self._refused_at = -math.inf
        self._refusals = 0

    def take(self, now: float, *, urgent: bool = False) -> Permit | None:
        """Permit one request, or none now; `outlook` says when to ask again."""
        self._expire(now)
        keep = 0 if urgent else self._kept
        if now < self.blocked_until or self._own_left() <= keep:
            return None
        probe = False
        if self._known():
            if self._reported.left(self.in_flight) <= keep:
                if self._probe is not None or now < self._probe_at:
                    return None
                probe = True
        elif self.in_flight >= _BLIND:
            return None
        self.in_flight += 1
        permit = Permit(now, probe)
        if probe:
            self._probe = permit
        return permit

    def outlook(self, now: float, *, urgent: bool = False, ahead: int = 0) -> Outlook:
        """Return when `take` can let a request through that has others ahead of it."""
        self._expire(now)
        keep = 0 if urgent else self._kept
        soonest = max(now, self.blocked_until, self._own_at(now, keep + 1 + ahead))
        likely = max(soonest, self._told_at(now, keep + 1))
        return Outlook(soonest if self.in_flight else likely, likely)

    def settle(self, now: float, permit: Permit, rate: RateLimit | None) -> None:
        """Note a complete response other than 429, and what its headers report."""
        self._end(now, permit)
        self._answered.add(now, permit.at, 0 if rate is None else 1)
        if rate is None:
            self._untold(now, permit, now)
            return
        if permit.at > self._refused_at:
            self._refusals = 0
        self._hear(now, permit, rate.limit, rate.remaining)

    def refused(self, now: float, permit: Permit, rate: RateLimit | None, retry_after: float | None) -> None:
        """Note a 429: no permits for `retry_after` seconds, at most an hour.

        Whether the API counts a refused request is not documented; here it counts.
        """
        self._end(now, permit)
        self._answered.add(now, permit.at, 0)
        # Whatever the reason of a refusal: it means no more requests now.
        self._hear(now, permit, self.limit if rate is None else rate.limit, 0)
        if permit.at > self._refused_at:  # the first of those refused together
            self._refusals += 1
        self._refused_at = now
        if retry_after is None or not retry_after >= 0:
            retry_after = self._pause
        # Whatever a response states, an hour refills the bucket. Clients with the same time come back together:
        # repeated refusals lengthen the wait.
        wait = max(min(retry_after, _WINDOW), min(_PAUSE, 2.0 ** min(self._refusals - 1, 10)))
        self.blocked_until = max(self.blocked_until, now + wait)
        self._probe_at = self.blocked_until

    def forget(self, now: float, permit: Permit) -> None:
        """Note that a request ended without a complete response: it may have been counted, or be counted soon."""
        self._end(now, permit)
        self._abandoned.add(now + _ARRIVES_WITHIN, permit.at, 0)
        self._untold(now, permit, now + _ARRIVES_WITHIN)

    def release(self, now: float, permit: Permit) -> None:
        """Note that a request was certainly never sent."""
        self._end(now, permit)

    def remaining(self, now: float, *, urgent: bool = False) -> int:
        """Return how many permits could be given at once."""
        self._expire(now)
        if now < self.blocked_until:
            return 0
        keep = 0 if urgent else self._kept
        # The reserve is kept only of requests that are known to be left.
        told = self._reported.left(self.in_flight) - keep if self._known() else _BLIND - self.in_flight
        return max(0, min(self._own_left() - keep, told))

    def used(self, now: float) -> int:
        """Return how many requests of the bucket are spent, by others too as far as is known."""
        self._expire(now)
        own = self._spent()
        return max(own, self.limit - self._reported.left(self.in_flight)) if self._known() else own

    def doubt(self) -> None:
        """Forget what the API reported: the next requests ask again, a few at a time."""
        self._reported.lapse()

    @property
    def allowance(self) -> int:
        """Requests per rolling hour that this process may use, less those that only urgent ones may take."""
        return self.own_limit - self._kept

    def _known(self) -> bool:
        return self._reported.at > -math.inf

    def _spent(self) -> int:
        return self._answered.total + self._abandoned.total + self.in_flight

    def _own_left(self) -> int:
        return self.own_limit - self._spent()

    def _set_limit(self, limit: int) -> None:
        # At least one: without a request now and then, nobody would learn that the limit is higher again.
        self.limit = max(1, limit)
        self.own_limit = max(1, int(self.limit * self._share))
        reserve = int(self.own_limit * _RESERVED) if self._reserve is None else self._reserve
        self._kept = min(reserve, self.own_limit - 1)

    def _own_at(self, now: float, wanted: int) -> float:
        """Return when the own count leaves room for this many."""
        wanted -= self._own_left()
        if wanted <= 0:
            return now
        both = merge(self._answered, self._abandoned, key=_free_at) if self._abandoned.total else self._answered
        for second in both if wanted <= self._answered.total + self._abandoned.total else ():
            wanted -= second.count
            if wanted <= 0:
                return second.free_at
        return now + _SPENT_FOR  # those in flight must end first

    def _told_at(self, now: float, wanted: int) -> float:
        """Return when the reports leave room for this many, or when it is worth sending a probe."""
        if not self._known():
            return now if self.in_flight < _BLIND else math.inf
        wanted -= self._reported.left(self.in_flight)
        if wanted <= 0:
            return now
        asked = self._probe_at if self._probe is None else math.inf
        for second in self._answered:
            if second.free_at >= asked:
                break
            wanted -= second.surely_counted if self._reported.regains(second) else 0
            if wanted <= 0:
                return second.free_at
        # By then the reported requests have left the window, and a few go ahead as at the start.
        return min(asked, self._reported.at + _SPENT_FOR)

    def _expire(self, now: float) -> None:
        if self._answered.quiet_until <= now:
            for gone in self._answered.pop_free(now):
                self._reported.regain(gone)
        if self._abandoned.quiet_until <= now:
            self._abandoned.pop_free(now)
        if self._reported.at + _SPENT_FOR <= now:
            self._reported.lapse()

    def _end(self, now: float, permit: Permit) -> None:
        self._expire(now)
        self.in_flight -= 1
        if permit is self._probe:
            self._probe = None

    def _hear(self, now: float, permit: Permit, limit: int, remaining: int) -> None:
        if permit.at >= self._limit_of:
            self._limit_of = permit.at
            if limit != self.limit:
                self._set_limit(limit)
        self._reported.hear(now, permit.at, min(remaining, self.limit))
        in_vain = permit.probe and self._reported.left(self.in_flight) <= self._kept
        self._rest(now, in_vain=in_vain)

    def _untold(self, now: float, permit: Permit, counted_by: float) -> None:
        self._reported.miss(now, counted_by)
        if permit.probe:
            self._rest(now, in_vain=True)

    def _rest(self, now: float, *, in_vain: bool) -> None:
        self._pause = min(self._pause * 2, _LONGEST_PAUSE) if in_vain else _PAUSE
        self._probe_at = max(now + self._pause, self.blocked_until)


def _free_at(second: _Second) -> float:
    return second.free_at
