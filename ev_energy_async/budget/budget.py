"""The rolling-hour request budget: who may send next, and when.

The API allows each pair of application and user a number of requests per rolling hour. A `Budget` keeps one such bucket
for a client, or for several that share it: a call waits for its turn in `Budget.acquire`, and reports its end through
the `Spending`. The arithmetic is `bucket.Bucket`, the order `queue.Turns`; here both meet asyncio. It never sends
anything; all it needs is a clock.

Turns are fair: higher `priority` first, and in the order of arrival within one priority. So that nobody starves, after
nine turns in a row that passed over an older waiter, the tenth goes to the oldest, even if it takes a request of the
reserve. Only calls that had to wait themselves, for more than a second, count: as long as the reserve suffices for
those that may use it, it is theirs alone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.budget.bucket import Bucket
from ev_energy_async.budget.ledger import FOREVER
from ev_energy_async.budget.queue import LONG_WAIT, Turns, Waiter
from ev_energy_async.budget.spending import Spending
from ev_energy_async.clock import SystemClock
from ev_energy_async.errors import EvEnergyError, InvalidArgument

if TYPE_CHECKING:
    from ev_energy_async.budget.bucket import Outlook, Permit
    from ev_energy_async.clock import Clock

__all__ = ["ANONYMOUS_LIMIT", "DEFAULT_LIMIT", "Budget", "BudgetClosed", "NotInTime"]

DEFAULT_LIMIT: Final = 1000
"""Requests per rolling hour for a pair of application and user, unless agreed otherwise."""

ANONYMOUS_LIMIT: Final = 50
"""Requests per rolling hour and IP address without a token."""

_LOG: Final = logging.getLogger("ev_energy_async")
# The wall clock is this far ahead of the monotonic one only if the machine slept, or the wall clock was set.
_SLEEP: Final = dt.timedelta(seconds=60)
# A sleep may end a little early; asking again at once would find the same.
_SHORTEST_NAP: Final = 0.001
# The queue of a budget for which nobody has waited yet: most of those of many users.
_NOBODY: Final = Turns()


class NotInTime(EvEnergyError):
    """No request is free before the deadline. The client raises the error that names the call.

    Attributes:
        retry_at: When a request is free again, aware, as far as is known.
        retry_at_monotonic: The same in seconds of the budget's clock.
    """

    def __init__(self, retry_at: dt.datetime, retry_at_monotonic: float) -> None:
        super().__init__(f"no request is free before the deadline, the next one at {retry_at.isoformat()}")
        self.retry_at = retry_at
        self.retry_at_monotonic = retry_at_monotonic

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.retry_at, self.retry_at_monotonic)


class BudgetClosed(EvEnergyError):
    """The budget was closed; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("the request budget is closed")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class Budget:
    """A bucket of requests per rolling hour, and the queue before it. Belongs to one event loop.

    Args:
        limit: Requests per rolling hour until the API's headers report it.
        share: The fraction of the limit that this process may use, where several share one bucket.
        reserve: Requests that only calls with a `priority` above zero may take, so that a command passes when polls
            have used up the rest; None for 2 % of the limit, which is 20 of 1,000.
        clock: Where time comes from, for tests.

    At first nothing is known of what was spent before: a few requests go ahead, and the others wait for their headers.
    The same holds after an hour without a response.

    If others used up the bucket, nobody knows when it frees up: then one request goes alone, at the time that a 429
    stated, or a minute after the last response and less often while that fails.

    Raises:
        InvalidArgument: A number is out of bounds, or the reserve leaves nothing.
    """

    __slots__ = (
        "__weakref__",
        "_bucket",
        "_clock",
        "_closed",
        "_queue",
        "_read",
        "_slept",
        "_timer",
        "_timer_at",
    )

    def __init__(
        self, limit: int = DEFAULT_LIMIT, *, share: float = 1.0, reserve: int | None = None, clock: Clock | None = None
    ) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise InvalidArgument("limit", limit, "requests per hour, at least 1")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise InvalidArgument("share", share, "a fraction above 0, at most 1")
        self._bucket: Bucket = Bucket(limit, share, reserve)
        usable = self._bucket.own_limit
        if reserve is not None and (
            not isinstance(reserve, int) or isinstance(reserve, bool) or not 0 <= reserve < usable
        ):
            raise InvalidArgument("reserve", reserve, f"a number of requests from 0 to {usable - 1}")
        self._clock = clock or SystemClock()
        self._slept = 0.0
        # The system's clock goes on while the machine sleeps; of others it is not known.
        self._read = None if isinstance(self._clock, SystemClock) else (self._clock.monotonic(), self._clock.now())
        self._queue = _NOBODY
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = FOREVER
        self._closed = False

    @property
    def limit(self) -> int:
        """Requests per rolling hour, as the API last reported."""
        return self._bucket.limit

    @property
    def allowance(self) -> int:
        """Requests per rolling hour that calls of priority 0 may use here: the share of the limit, less the reserve."""
        return self._bucket.allowance

    @property
    def remaining(self) -> int:
        """Number of requests of priority 0 that could be sent at once; a few until the API has reported it."""
        return self._bucket.remaining(self._now())

    @property
    def used(self) -> int:
        """Number of requests spent in the last hour, by others too as far as the API reported."""
        return self._bucket.used(self._now())

    @property
    def waiting(self) -> int:
        """Number of calls that wait for their turn."""
        return len(self._queue)

    @property
    def next_free(self) -> dt.datetime | None:
        """When a new request of priority 0 could be sent, aware, as far as is known; None if at once."""
        now = self._now()
        if not self._queue and self._bucket.remaining(now) > 0:
            return None
        return self._wall(now, self._bucket.outlook(now, ahead=len(self._queue)).guess)

    async def acquire(self, *, priority: int = 0, deadline: float | None = None) -> Spending:
        """Wait until a request is free, and take it.

        The wait can be cancelled at any moment: a request that was about to be given goes to the next.

        Args:
            priority: Higher goes first; above zero the reserve may be used.
            deadline: How long to wait, in seconds of the clock's `monotonic`; None for as long as it takes.

        Raises:
            NotInTime: No request is free before the deadline; raised at once if that can be foreseen.
            BudgetClosed: The budget was closed, now or while waiting.
        """
        if self._closed:
            raise BudgetClosed
        now = self._now()
        if not self._queue:
            permit = self._bucket.take(now, urgent=priority > 0)
            if permit is not None:
                return Spending(self._bucket, permit, self._now, self._pump)
        permit = await self._wait(now, priority, FOREVER if deadline is None else deadline + self._slept)
        return Spending(self._bucket, permit, self._now, self._pump, self._now() - now)

    async def close(self) -> None:
        """End all waits with `BudgetClosed`, and refuse new ones."""
        self._closed = True
        for waiter in list(self._queue):
            self._dismiss(waiter, BudgetClosed())
        timer = self._stop_timer()
        if timer is not None:
            await asyncio.wait([timer])

    def __repr__(self) -> str:
        return f"<Budget, {self.used} of {self.limit} used, {self.waiting} waiting>"

    def _now(self) -> float:
        """Return the seconds of the clock, and those in which the machine slept.

        Many monotonic clocks stand still meanwhile. The wall clock does not; should it have been set instead, a few
        requests are sent too early, and the headers of their responses correct the count.
        """
        now = self._clock.monotonic()
        if self._read is None:
            return now
        (before, wall_before), wall = self._read, self._clock.now()
        self._read, passed = (now, wall), wall - wall_before
        if passed > _SLEEP and (slept := passed - dt.timedelta(seconds=now - before)) > _SLEEP:
            self._slept += slept.total_seconds()
            self._bucket.doubt()
        return now + self._slept

    async def _wait(self, now: float, priority: int, deadline: float) -> Permit:
        outlook = self._bucket.outlook(now, urgent=priority > 0, ahead=self._queue.ahead_of(priority))
        if outlook.soonest >= deadline:
            raise self._not_in_time(now, outlook.guess)
        outcome: asyncio.Future[Permit | Exception] = asyncio.get_running_loop().create_future()
        if self._queue is _NOBODY:
            self._queue = Turns()
        self._queue.arrivals += 1
        waiter = Waiter(outcome, self._queue.arrivals, priority, now, deadline)
        self._queue.add(waiter)
        if now + LONG_WAIT < outlook.likely < FOREVER:
            until = self._wall(now, outlook.likely).isoformat(timespec="seconds")
            self._warn(waiter, now, f"waits for about {outlook.likely - now:.0f} s, until {until}")
        self._set_alarm(waiter)
        self._pump()
        try:
            found = await outcome
        except asyncio.CancelledError:
            if waiter in self._queue:
                self._queue.remove(waiter)
            elif not outcome.cancelled() and not isinstance(given := outcome.result(), Exception):
                # The turn came at the same moment as the cancellation: it goes to the next.
                self._bucket.release(self._now(), given)
            self._pump()
            raise
        if isinstance(found, Exception):
            raise found
        return found

    def _pump(self) -> None:
        """Give free requests to the next waiters; called whenever something may have changed."""
        if self._timer is None and not self._queue:
            return
        now = self._now()
        self._ring_alarms(now)
        if self._bucket.blocked_until > self._queue.blocked_until:
            self._queue.blocked_until = self._bucket.blocked_until
            self._dismiss_late(now)
        while self._queue:
            waiter, urgent = self._queue.first(now)
            if waiter.outcome.done():  # cancelled, and not run since
                self._queue.remove(waiter)
                continue
            permit = self._bucket.take(now, urgent=urgent)
            if permit is None:
                break
            self._queue.serve(waiter, now)
            waiter.outcome.set_result(permit)
        self._arrange(now)

    def _ring_alarms(self, now: float) -> None:
        while self._queue.alarms and self._queue.alarms[0][0] <= now:
            waiter = heappop(self._queue.alarms)[2]
            if waiter not in self._queue:
                continue
            if waiter.deadline <= now:
                self._dismiss(waiter, self._not_in_time(now, self._bucket.outlook(now).guess))
                continue
            self._warn(waiter, now, f"has waited for {now - waiter.since:.0f} s")
            self._set_alarm(waiter)

    def _dismiss_late(self, now: float) -> None:
        """End the waits whose deadline comes before the time that a 429 set."""
        late = [waiter for waiter in self._queue if waiter.deadline <= self._queue.blocked_until]
        for waiter in late:
            self._dismiss(waiter, self._not_in_time(now, self._bucket.outlook(now).guess))

    def _dismiss(self, waiter: Waiter, error: Exception) -> None:
        self._queue.remove(waiter)
        if not waiter.outcome.done():
            waiter.outcome.set_result(error)

    def _not_in_time(self, now: float, at: float) -> NotInTime:
        return NotInTime(self._wall(now, at), at - self._slept)

    def _wall(self, now: float, at: float) -> dt.datetime:
        return self._clock.now() + dt.timedelta(seconds=at - now)

    def _warn(self, waiter: Waiter, now: float, what: str) -> None:
        waiter.warned = True
        used, limit = self._bucket.used(now), self._bucket.limit
        _LOG.warning("request budget: a call %s; %d of %d used, %d waiting", what, used, limit, len(self._queue))

    def _set_alarm(self, waiter: Waiter) -> None:
        if len(self._queue.alarms) > 2 * len(self._queue) + 16:
            # Most of them are for waiters that have left.
            self._queue.alarms = [alarm for alarm in self._queue.alarms if alarm[2] in self._queue]
            heapify(self._queue.alarms)
        if waiter.alarm < FOREVER:
            heappush(self._queue.alarms, (waiter.alarm, waiter.number, waiter))

    def _arrange(self, now: float) -> None:
        """Set the one timer to the next moment at which there is something to do."""
        if not self._queue:
            self._queue.alarms.clear()
            self._stop_timer()
            return
        at = self._queue.alarms[0][0] if self._queue.alarms else FOREVER
        _, urgent = self._queue.first(now)
        at = min(at, self._look_at(now, self._bucket.outlook(now, urgent=urgent)))
        if at == FOREVER or (self._timer is not None and self._timer_at <= at):
            return
        self._stop_timer()
        nap = self._nap(max(at - now, _SHORTEST_NAP))
        self._timer_at = at
        self._timer = asyncio.get_running_loop().create_task(nap, name="ev-energy-async budget")
        self._timer.add_done_callback(self._rang)

    def _look_at(self, now: float, outlook: Outlook) -> float:  # noqa: ARG002  # a shared budget looks at the clock
        """Return when it is worth looking again."""
        return outlook.likely

    def _stop_timer(self) -> asyncio.Task[None] | None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        return timer

    async def _nap(self, delay: float) -> None:
        await self._clock.sleep(delay)

    def _rang(self, timer: asyncio.Task[None]) -> None:
        error = None if timer.cancelled() else timer.exception()
        if timer is not self._timer:
            return  # another has taken its place
        self._timer = None
        if isinstance(error, Exception):
            # Without a clock nobody would be woken.
            for waiter in list(self._queue):
                self._dismiss(waiter, error)
        self._pump()
