"""A clock that stands still, a server that counts, and what else tests of the request budget share."""

from __future__ import annotations

import asyncio
import bisect
import datetime as dt
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ev_energy_async.budget import Budget
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.messages.request import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ev_energy_async.clock import Clock

T = TypeVar("T")

HOUR = 3600.0
# A request stays in the books for a second longer than in the window, since two clocks drift apart.
BOOKED = HOUR + 1
NOON = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)
OTHERS = -1


class HeldClock:
    """A clock that stands still until `pass_time`, which stops at each moment for which somebody set an alarm.

    Attributes:
        seconds: What `monotonic` returns; noon is zero.
        asleep: When each of those who sleep wants to be woken.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asleep: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> dt.datetime:
        return NOON + dt.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, delay: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self.seconds + delay, alarm)
        self.asleep.append(entry)
        try:
            await alarm
        finally:
            self.asleep.remove(entry)

    async def pass_time(self, seconds: float) -> None:
        until = self.seconds + seconds
        await turns()
        while self.asleep and (first := min(self.asleep, key=lambda entry: entry[0]))[0] <= until:
            self.seconds = max(self.seconds, first[0])
            if not first[1].done():
                first[1].set_result(None)
            await turns()
        self.seconds = until
        await turns()


@attrs.define
class Answer:
    """A report of the server, and the requests that it had counted by then."""

    rate: RateLimit
    retry_after: float | None
    said_at: int


class Server:
    """Counts requests over a true rolling hour, those of others too."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.counted: list[tuple[float, int]] = []  # when, whose; in the order of time
        self.refusals = 0

    def handle(self, now: float, whose: int = 0) -> Answer:
        live = len(self.counted) - bisect.bisect_right(self.counted, now - HOUR, key=lambda each: each[0])
        if live >= self.limit:
            self.refusals += 1
            wait = self.counted[-self.limit][0] + HOUR - now
            return Answer(RateLimit(self.limit, 0), wait, len(self.counted))
        self.counted.append((now, whose))
        return Answer(RateLimit(self.limit, self.limit - live - 1), None, len(self.counted))


class Store:
    """A store in memory, which can be down, and whose clock is an hour ahead."""

    def __init__(self, clock: Clock) -> None:
        self.is_down = False
        self.state: str | None = None
        self._clock = clock
        self._lock = asyncio.Lock()

    async def update(self, change: Callable[[str | None, float], tuple[str, T]]) -> T:
        async with self._lock:
            await asyncio.sleep(0)
            if self.is_down:
                raise EvEnergyError("the store is down")
            self.state, result = change(self.state, self._clock.now().timestamp() + 3_600)
            return result

    async def close(self) -> None:
        pass


async def turns() -> None:
    """Let every task run until it waits for something."""
    for _ in range(8):
        await asyncio.sleep(0)


async def call(
    budget: Budget,
    server: Server,
    clock: HeldClock,
    *,
    priority: int = 0,
    deadline: float | None = None,
    takes: float = 0.0,
) -> None:
    """Send one request as a client does."""
    with await budget.acquire(priority=priority, deadline=deadline) as spending:
        answer = server.handle(clock.monotonic())
        if takes:
            await clock.sleep(takes)
        if answer.retry_after is None:
            spending.settle(answer.rate)
        else:
            spending.refused(answer.rate, answer.retry_after)


async def hear(budget: Budget, remaining: int, limit: int = 1000) -> None:
    """Send one request whose answer says this."""
    (await budget.acquire(priority=1)).settle(RateLimit(limit, remaining))


async def spent(clock: HeldClock, limit: int = 10, **options: Any) -> Budget:
    """Return a budget whose requests were all spent just now, by itself."""
    budget = Budget(limit, clock=clock, **options)
    server = Server(limit)
    for _ in range(limit):
        await call(budget, server, clock, priority=1)
    assert budget.remaining == 0
    return budget


async def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.create_task(coroutine)
    await turns()
    return task


async def stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
