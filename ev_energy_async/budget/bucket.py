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

from heapq import merge
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ev_energy_async.budget.ledger import FOREVER, NEVER, SPENT_FOR, WINDOW, Ledger, Reported, Second, finite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ev_energy_async.messages import RateLimit

__all__ = ["Bucket", "BucketState", "Outlook", "Permit"]

# A request whose caller has given up may still be on its way; by then it has arrived or never will.
_ARRIVES_WITHIN: Final = 60.0
_BLIND: Final = 4  # concurrent requests while nothing is known of the bucket
_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 900.0
# The requests that were given up, while there are none: most of many users have none.
_EMPTY: Final = Ledger()
_RESERVED: Final = 0.02  # the default share of a limit that is reserved for urgent requests


class Permit(msgspec.Struct, eq=False, gc=False):
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
        return self.soonest if self.likely == FOREVER else self.likely


class BucketState(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket as values, for a place that several processes share; times in seconds, None for never."""

    limit: int
    limit_of: float | None
    answered: list[tuple[float, float, float, int, int]]
    abandoned: list[tuple[float, float, float, int, int]]
    reported: tuple[float | None, float | None, list[tuple[float, int]], list[tuple[float, int]], int]
    probe_at: float | None
    pause: float
    blocked_until: float | None
    refused_at: float | None
    refusals: int


class Bucket:
    """One bucket of requests per rolling hour, as far as this process can know it.

    Args:
        limit: Requests per rolling hour until the API reports it.
        share: The fraction of the limit that this process may use.
        reserve: Requests that only urgent ones may take; None for 2 % of the limit.
        blind: Concurrent requests while nothing is known of the bucket.
        grain: Seconds that are counted together.

    Attributes:
        limit: Requests per rolling hour, as last reported.
        own_limit: Requests per rolling hour that this process may use.
        in_flight: Permitted requests that have not ended.
        blocked_until: No permits before this, since a 429 said so.
    """

    __slots__ = (
        "_abandoned",
        "_answered",
        "_blind",
        "_kept",
        "_limit_of",
        "_pause",
        "_probe",
        "_probe_at",
        "_refusals",
        "_refused_at",
        "_reported",
        "_reserve",
        "_share",
        "blocked_until",
        "in_flight",
        "limit",
        "own_limit",
    )

    def __init__(
        self, limit: int, share: float = 1.0, reserve: int | None = None, *, blind: int = _BLIND, grain: float = 1.0
    ) -> None:
        self._blind = blind
        self.in_flight = 0
        self._share = share
        self._reserve = reserve
        self._set_limit(limit)
        self._limit_of = NEVER  # when the request that reported the limit was permitted
        self._answered = Ledger(grain)
        self._abandoned = _EMPTY
        self._reported = Reported()
        self._probe: Permit | None = None
        self._probe_at = NEVER
        self._pause = _PAUSE
        self.blocked_until = NEVER
        self._refused_at = NEVER
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
        elif self.in_flight >= self._blind:
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
        wait = max(min(retry_after, WINDOW), min(_PAUSE, 2.0 ** min(self._refusals - 1, 10)))
        self.blocked_until = max(self.blocked_until, now + wait)
        self._probe_at = self.blocked_until

    def forget(self, now: float, permit: Permit) -> None:
        """Note that a request ended without a complete response: it may have been counted, or be counted soon."""
        self._end(now, permit)
        if self._abandoned is _EMPTY:
            self._abandoned = Ledger(self._answered.grain)
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
        told = self._reported.left(self.in_flight) - keep if self._known() else self._blind - self.in_flight
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

    def spent(self, now: float) -> int:
        """Return how many requests of this process are in the window, those in flight included."""
        self._expire(now)
        return self._spent()

    def add(self, now: float, spent: Iterable[tuple[float, float, float, int, int]]) -> None:
        """Count requests that were made elsewhere meanwhile."""
        self._expire(now)
        self._answered.restore([*self._answered.state(), *spent])

    def state(self) -> BucketState:
        """Return the bucket as values, but for the permits in flight."""
        return BucketState(
            limit=self.limit,
            limit_of=finite(self._limit_of),
            answered=self._answered.state(),
            abandoned=self._abandoned.state(),
            reported=self._reported.state(),
            probe_at=finite(self._probe_at),
            pause=self._pause,
            blocked_until=finite(self.blocked_until),
            refused_at=finite(self._refused_at),
            refusals=self._refusals,
        )

    def restore(self, state: BucketState, permits: Iterable[Permit]) -> None:
        """Take the values of `state`, with the permits that are in flight."""
        self._set_limit(state.limit)
        self._limit_of = _never(state.limit_of)
        self._answered.restore(state.answered)
        self._abandoned = Ledger(self._answered.grain)
        self._abandoned.restore(state.abandoned)
        self._reported.restore(state.reported)
        self._probe_at, self._pause = _never(state.probe_at), state.pause
        self.blocked_until, self._refused_at = _never(state.blocked_until), _never(state.refused_at)
        self._refusals = state.refusals
        flying = list(permits)
        self.in_flight = len(flying)
        self._probe = next((permit for permit in flying if permit.probe), None)

    def _known(self) -> bool:
        return self._reported.at > NEVER

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
        return now + SPENT_FOR  # those in flight must end first

    def _told_at(self, now: float, wanted: int) -> float:
        """Return when the reports leave room for this many, or when it is worth sending a probe."""
        if not self._known():
            return now if self.in_flight < self._blind else FOREVER
        wanted -= self._reported.left(self.in_flight)
        if wanted <= 0:
            return now
        asked = self._probe_at if self._probe is None else FOREVER
        for second in self._answered:
            if second.free_at >= asked:
                break
            wanted -= second.surely_counted if self._reported.regains(second) else 0
            if wanted <= 0:
                return second.free_at
        # By then the reported requests have left the window, and a few go ahead as at the start.
        return min(asked, self._reported.at + SPENT_FOR)

    def _expire(self, now: float) -> None:
        if self._answered.quiet_until <= now:
            for gone in self._answered.pop_free(now):
                self._reported.regain(gone)
        if self._abandoned.quiet_until <= now:
            self._abandoned.pop_free(now)
        if self._reported.at + SPENT_FOR <= now:
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


def _free_at(second: Second) -> float:
    return second.free_at


def _never(at: float | None) -> float:
    return NEVER if at is None else at
