"""The exchange between processes that share a budget: they report how requests ended, and ask for the next one.

The state is a text in a store, which gives it to one process at a time; here it is changed. The arithmetic is that of
`bucket.Bucket`, as within one process. Pure: the time is the store's, so the processes' clocks need not agree.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

from ev_energy_async.budget.bucket import Bucket, BucketState, Permit
from ev_energy_async.budget.queue import IN_A_ROW, PROMPT
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.messages import RateLimit

__all__ = ["GRAIN", "LATEST", "SOON", "Ask", "InFlight", "Reply", "Report", "Wish", "exchange", "next_look"]

GRAIN: Final = 10.0
"""Seconds that are counted together: a request frees up so much later at the most, and the state stays small."""

# A request whose process has not reported by then never will: it counts as spent.
_LOST_AFTER: Final = 300.0
SOON: Final = 0.25
"""The interval at which a waiting process asks again, in seconds, while nothing says when it is its turn."""

LATEST: Final = 120.0
"""After how many seconds it asks again at the latest: others may have learned of more."""

# One that may use the reserve asks again after this part of the time that it has waited: what others have under way
# when it asks may be all that is left, and is back a moment later.
_URGENT: Final = 0.25

# A process that does not ask again when its turn comes has given up.
_GIVES_UP_AFTER: Final = 3.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a request.

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
    """The next waiter of a process, and for how many seconds it has waited."""

    priority: int
    is_urgent: bool
    waited: float


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A report and a request for turns by one process.

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


class InFlight(msgspec.Struct, frozen=True):
    """A permit of a request that is under way: when it was given, and whether its request is a probe."""

    at: float
    is_probe: bool


class Reply(msgspec.Struct, frozen=True):
    """The reply to a process.

    Attributes:
        now: The store's time.
        bucket: The bucket.
        granted: Name of the permit that it was given; None for none.
        flying: All permits in flight.
    """

    now: float
    bucket: BucketState
    granted: str | None
    flying: dict[str, InFlight]


class _Waiting(msgspec.Struct, frozen=True):
    """A process that was given nothing: its next waiter, and until when it counts unless it asks again."""

    priority: int
    is_urgent: bool
    since: float
    until: float


class _Shared(msgspec.Struct, kw_only=True):
    """The state.

    Attributes:
        bucket: The bucket, but for the permits in flight.
        now: When it was changed.
        number: How many permits were given.
        passed_over: How many turns in a row passed over an older waiter.
        flying: The permits in flight, by name.
        waiters: The processes that were given nothing.
        given: Permits for processes that have not asked since.
    """

    bucket: BucketState
    now: float
    number: int = 0
    passed_over: int = 0
    flying: dict[str, InFlight] = {}
    waiters: dict[str, _Waiting] = {}
    given: dict[str, str] = {}


_STATE: Final = msgspec.json.Decoder(_Shared)


def next_look(now: float, likely: float, wish: Wish) -> float:
    """Return when a process asks again that was given nothing, where a request is likely to be free then."""
    latest = min(max(wish.waited * _URGENT, SOON), LATEST) if wish.is_urgent else LATEST
    return min(max(likely if likely < math.inf else now, now + SOON), now + latest)


def exchange(text: str | None, now: float, ask: Ask) -> tuple[str, Reply]:
    """Return the state after a process has reported and asked, and what it learns.

    Args:
        text: The state before; None if there is none.
        now: The store's time in seconds.
        ask: What the process brings.

    Raises:
        EvEnergyError: What is stored is no such state.
    """
    bucket = Bucket(ask.limit, 1.0, ask.reserve, grain=GRAIN)
    try:
        shared = _Shared(bucket=bucket.state(), now=now) if text is None else _STATE.decode(text)
    except msgspec.DecodeError as error:
        raise EvEnergyError(f"what is stored is no state of a budget: {error}") from error
    now = shared.now = max(now, shared.now)  # a server that took another's place may be behind
    permits = {name: Permit(flight.at, flight.is_probe) for name, flight in shared.flying.items()}
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
    shared.flying = {name: InFlight(permit.at, permit.probe) for name, permit in permits.items()}
    shared.given = {holder: name for holder, name in shared.given.items() if name in permits}
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
    given = shared.given.pop(ask.holder, None)
    waiters = shared.waiters = {
        holder: each for holder, each in shared.waiters.items() if holder != ask.holder and each.until > now
    }
    if given in permits:
        return given
    wish = ask.wish
    if wish is None:
        return None
    until = next_look(now, bucket.outlook(now, urgent=wish.is_urgent).likely, wish) + _GIVES_UP_AFTER
    waiters[ask.holder] = _Waiting(wish.priority, wish.is_urgent, now - wish.waited, until)
    while ask.holder in waiters:
        # As `queue.Turns` within a process; by name among those who came together.
        top = min(waiters, key=lambda holder: (-waiters[holder].priority, waiters[holder].since, holder))
        oldest = min(waiters, key=lambda holder: (waiters[holder].since, holder))
        is_owed = now - waiters[top].since > PROMPT and shared.passed_over >= IN_A_ROW
        holder = oldest if is_owed else top
        # Whoever is owed a turn has it even if its process asks later.
        permit = bucket.take(now, urgent=waiters[top].is_urgent) if is_owed or holder == ask.holder else None
        if permit is None:
            return None
        has_waited = now - waiters[holder].since > PROMPT
        shared.passed_over = 0 if holder == oldest else shared.passed_over + has_waited
        del waiters[holder]
        shared.number += 1
        permits[str(shared.number)] = permit
        shared.given[holder] = str(shared.number)
    return shared.given.pop(ask.holder)
