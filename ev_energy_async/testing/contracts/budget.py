"""The contract of request budgets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from ev_energy_async.budget import BudgetClosed, NotInTime
from ev_energy_async.messages import RateLimit
from ev_energy_async.testing.contracts.kit import SECONDS, expect, made, raises

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable, Sequence

    from ev_energy_async.budget import RequestBudget, Spending

__all__ = ["check_budget"]

_HOUR: Final = 3_600.0
_PAUSE: Final = 120.0


class SleptClock(Protocol):
    """A clock that moves to the end of a sleep by itself, and when the kit moves it, such as a `FakeClock`."""

    def now(self) -> dt.datetime:
        """Return the wall-clock time."""
        ...

    def monotonic(self) -> float:
        """Return seconds since a start."""
        ...

    async def sleep(self, delay: float) -> None:
        """Wait for seconds."""
        ...

    def advance(self, delay: float) -> None:
        """Move time forward by seconds."""
        ...


async def check_budget(factory: Callable[[], RequestBudget | Awaitable[RequestBudget]], *, clock: SleptClock) -> None:
    """Check a request budget against the contract of `RequestBudget`.

    Args:
        factory: Returns a budget that has spent nothing, of a small limit such as 20, with every call; those it returns
            share one bucket, or are one object. Plain or `async`.
        clock: The clock of the budgets, which moves to the end of a sleep.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_budget(dsn):  # doctest: +SKIP
        ...     clock = FakeClock()
        ...     await check_budget(lambda: MyBudget(dsn, limit=20, clock=clock), clock=clock)
    """
    async with asyncio.timeout(SECONDS):
        budgets = [await made(factory) for _ in range(3)]
        try:
            await _check_window(budgets, clock)
            clock.advance(2 * _HOUR)
            await _check_order(budgets, clock)
            clock.advance(2 * _HOUR)
            await _check_cancellation(budgets)
            clock.advance(2 * _HOUR)
            await _check_refusal(budgets, clock)
        finally:
            for budget in budgets:
                await budget.close()
        await raises(BudgetClosed, budgets[0].acquire(), "a budget that is closed gives no request")


class _Api:
    """The API's own count of requests, and its reports."""

    def __init__(self, limit: int, clock: SleptClock) -> None:
        self.times: list[float] = []
        self._limit = limit
        self._clock = clock

    def serve(self, spending: Spending) -> None:
        """Count a request, and report what it leaves."""
        now = self._clock.monotonic()
        self.times.append(now)
        recent = sum(each > now - _HOUR for each in self.times)
        expect(recent <= self._limit, "never more than `limit` requests in a rolling hour")
        spending.settle(RateLimit(self._limit, self._limit - recent))


async def _check_window(budgets: Sequence[RequestBudget], clock: SleptClock) -> None:
    api = _Api(budgets[0].limit, clock)

    async def spend(budget: RequestBudget, count: int) -> None:
        for _ in range(count):
            api.serve(await budget.acquire())

    await asyncio.gather(*(spend(budget, budget.limit) for budget in budgets))
    began, ended = api.times[0], api.times[-1]
    hours = 1 + int((ended - began) / (_HOUR + 60))
    expect(len(api.times) >= hours * budgets[0].allowance // 2, "what is free can be spent")


async def _check_order(budgets: Sequence[RequestBudget], clock: SleptClock) -> None:
    api = _Api(budgets[0].limit, clock)
    order: list[int] = []
    first = budgets[0]
    while first.remaining > 0 or not api.times:
        api.serve(await first.acquire())

    async def wait(budget: RequestBudget, priority: int) -> None:
        spending = await budget.acquire(priority=priority)
        order.append(priority)
        api.serve(spending)

    waiting = [asyncio.create_task(wait(budget, priority)) for priority in (-2, -1, 0) for budget in budgets]
    await asyncio.gather(*waiting)
    places = [order.index(priority) for priority in (0, -1, -2)]
    expect(places == sorted(places), "higher priorities go first, in whatever process they wait")


async def _check_cancellation(budgets: Sequence[RequestBudget]) -> None:
    budget, other = budgets[0], budgets[-1]
    held = [await budget.acquire()]
    held[0].settle(RateLimit(budget.limit, budget.limit - 1))
    tasks = [asyncio.create_task(each.acquire()) for each in (budget, other) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(found, BaseException):
            found.release()
    given = 0
    while given < budget.allowance - 2:
        spending = await other.acquire(deadline=None)
        given += 1
        spending.settle(RateLimit(budget.limit, budget.limit - 1 - given))
    expect(given == budget.allowance - 2, "a wait that is cancelled costs no request")


async def _check_refusal(budgets: Sequence[RequestBudget], clock: SleptClock) -> None:
    budget, other = budgets[0], budgets[-1]
    (await other.acquire()).settle(RateLimit(other.limit, other.limit - 1))
    (await budget.acquire()).refused(RateLimit(budget.limit, 0), _PAUSE)
    refused_at = clock.monotonic()
    await raises(
        NotInTime,
        budget.acquire(deadline=clock.monotonic() + 1),
        "a wait that does not end before its deadline is refused at once",
    )
    for each in budgets:
        spending = await each.acquire()
        expect(clock.monotonic() >= refused_at + _PAUSE - 1, "after a 429 nobody sends before the time it states")
        spending.settle(RateLimit(each.limit, each.limit - 3))
