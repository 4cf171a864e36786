"""What processes that share a budget do to its state: they report how requests ended, and ask for the next one.

The state is a text in a store, which gives it to one process at a time; here it is changed. The arithmetic is that of
`bucket.Bucket`, as within one process. Pure: the time is the store's, so the processes' clocks need not agree.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

from ev_energy_async.budget.bucket import Bucket, BucketState, Permit
from ev_energy_async.messages import RateLimit

__all__ = ["GRAIN", "LATEST", "SOON", "Ask", "Grant", "Reply", "Report", "Wish", "exchange", "next_look"]

GRAIN: Final = 10.0
"""Seconds that are counted together: a request frees up so much later at the most, and the state stays small."""

# A request whose process has not reported by then never will: it counts as spent.
_LOST_AFTER: Final = 300.0
SOON: Final = 0.25
"""How often a process that waits asks again, in seconds, while what is known does not say when."""

LATEST: Final = 120.0
"""After how many seconds it asks again at the latest: others may have learned of more."""

# A process that does not ask again when its turn comes has given up.
_GIVES_UP_AFTER: Final = 3.0
_IN_A_ROW: Final = 9


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended.

    Attributes:
        permit: Its permit.
        how: What is reported; see the methods of `Bucket`.
        rate: Limit and remaining requests that its response reports; None if it does not.
        retry_after: Seconds to wait, of a 429.
    """

    permit: str
    how: Literal["settle", "refused", "forget", "release"]
    rate: tuple[int, int] | None = None
    retry_after: float | None = None


class Wish(msgspec.Struct, frozen=True):
    """The next waiter of a process: since when it waits is a time of the store."""

    priority: int
    is_urgent: bool
    since: float


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a process brings.

    Attributes:
        holder: The process.
        reports: How its requests ended.
        alone: Requests that it made while the store was down: seconds ago, and how many.
        wish: Its next waiter; None if nobody waits.
        limit: Requests per rolling hour, where the API has reported none yet.
        reserve: Requests that only urgent calls may take; None for the default.
    """

    holder: str
    reports: list[Report]
    alone: list[tuple[float, int]]
    wish: Wish | None
    limit: int
    reserve: int | None


class Grant(msgspec.Struct, frozen=True):
    """A permit in flight."""

    at: float
    is_probe: bool


class Reply(msgspec.Struct, frozen=True):
    """What a process learns.

    Attributes:
        now: The store's time.
        bucket: The bucket.
        granted: Name of the permit that it was given; None for none.
        flying: All permits in flight.
    """

    now: float
    bucket: BucketState
    granted: str | None
    flying: dict[str, Grant]


class _Shared(msgspec.Struct, kw_only=True):
    bucket: BucketState
    now: float
    number: int = 0
    passed_over: int = 0
    flying: dict[str, Grant] = {}
    waiting: dict[str, tuple[Wish, float]] = {}


def next_look(now: float, likely: float) -> float:
    """Return when a process asks again that was given nothing, where a request is likely to be free then."""
    return min(max(likely if likely < math.inf else now, now + SOON), now + LATEST)


def exchange(text: str | None, now: float, ask: Ask) -> tuple[str, Reply]:
    """Return the state after a process has reported and asked, and what it learns.

    Args:
        text: The state before; None if there is none.
        now: The store's time in seconds.
        ask: What the process brings.
    """
    bucket = Bucket(ask.limit, 1.0, ask.reserve, grain=GRAIN)
    shared = _Shared(bucket=bucket.state(), now=now) if text is None else msgspec.json.decode(text, type=_Shared)
    now = shared.now = max(now, shared.now)  # a server that took another's place may be behind
    permits = {name: Permit(grant.at, grant.is_probe) for name, grant in shared.flying.items()}
    bucket.restore(shared.bucket, permits.values())
    for report in ask.reports:
        permit = permits.pop(report.permit, None)
        if permit is not None:  # else it came too late, or was reported before
            _report(bucket, now, permit, report)
    for name in [name for name, permit in permits.items() if permit.at + _LOST_AFTER <= now]:
        bucket.forget(now, permits.pop(name))
    bucket.add(now, ((now - age, now - age, now - age, count, 0) for age, count in ask.alone))
    granted = _next(shared, bucket, permits, now, ask)
    shared.bucket = bucket.state()
    shared.flying = {name: Grant(permit.at, permit.probe) for name, permit in permits.items()}
    reply = Reply(now, shared.bucket, granted, shared.flying)
    return msgspec.json.encode(shared).decode(), reply


def _report(bucket: Bucket, now: float, permit: Permit, report: Report) -> None:
    rate = None if report.rate is None else RateLimit(*report.rate)
    if report.how == "settle":
        bucket.settle(now, permit, rate)
    elif report.how == "refused":
        bucket.refused(now, permit, rate, report.retry_after)
    elif report.how == "forget":
        bucket.forget(now, permit)
    else:
        bucket.release(now, permit)


def _next(shared: _Shared, bucket: Bucket, permits: dict[str, Permit], now: float, ask: Ask) -> str | None:
    """Give a permit to the process that asks, if there is one and no other is to be served first."""
    shared.waiting = {
        holder: (wish, until)
        for holder, (wish, until) in shared.waiting.items()
        if holder != ask.holder and until > now
    }
    if ask.wish is None:
        return None
    look = next_look(now, bucket.outlook(now, urgent=ask.wish.is_urgent).likely)
    shared.waiting[ask.holder] = (ask.wish, look + _GIVES_UP_AFTER)
    first, is_oldest = _first(shared)
    if first != ask.holder:
        return None
    permit = bucket.take(now, urgent=ask.wish.is_urgent or is_oldest)
    if permit is None:
        return None
    shared.passed_over = 0 if _oldest(shared) == ask.holder else shared.passed_over + 1
    del shared.waiting[ask.holder]
    shared.number += 1
    name = str(shared.number)
    permits[name] = permit
    return name


def _first(shared: _Shared) -> tuple[str, bool]:
    """Return whose turn it is, and whether because it has been passed over; as `queue.Turns` within a process."""
    waiting = shared.waiting
    # By name among those who came together.
    top = min(waiting, key=lambda holder: (-waiting[holder][0].priority, waiting[holder][0].since, holder))
    oldest = _oldest(shared)
    if oldest != top and shared.passed_over >= _IN_A_ROW:
        return oldest, True
    return top, False


def _oldest(shared: _Shared) -> str:
    return min(shared.waiting, key=lambda holder: (shared.waiting[holder][0].since, holder))
