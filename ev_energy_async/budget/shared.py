"""A request budget that several processes share, through a store such as PostgreSQL or Redis.

Within this process it is a `Budget`, with its queue; but the permits come from the state in the store, one exchange at
a time (see `exchange`). If the store is down, each process has its static share, until the store is back.
"""

from __future__ import annotations

import asyncio
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from ev_energy_async.budget.bucket import Bucket, Outlook, Permit
from ev_energy_async.budget.budget import DEFAULT_LIMIT, Budget
from ev_energy_async.budget.exchange import GRAIN, SOON, Ask, Reply, Report, Wish, exchange, next_look
from ev_energy_async.budget.ledger import Ledger
from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.messages import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ev_energy_async.budget.spending import Spending
    from ev_energy_async.clock import Clock

__all__ = ["BudgetStore", "SharedBudget"]

T = TypeVar("T")

_LOG: Final = logging.getLogger("ev_energy_async")
# A store that takes longer counts as down: web calls wait for it.
_PATIENCE: Final = 2.0
_AGAIN: Final = 1.0


class BudgetStore(Protocol):
    """A place for the state of a shared budget, which changes it for one process at a time."""

    async def update(self, change: Callable[[str | None, float], tuple[str, T]]) -> T:
        """Replace the state by what a function makes of it, with nobody else in between; return its second result.

        Args:
            change: Takes the state (None if there is none) and the store's time in seconds; may be called again.

        Raises:
            EvEnergyError: The store cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Release its resources."""
        ...


class _Granted(Permit):
    """A permit from the store, with its name there."""

    name: str = ""


class _Share(Bucket):
    """The static share of this process while the store is down.

    Attributes:
        burden: Requests of the share that were spent while it was up.
    """

    burden = 0

    def _own_left(self) -> int:
        return super()._own_left() - self.burden


class _Mirror(Bucket):
    """The shared bucket as this process knows it, in the store's time; permits are those that the store has given.

    Attributes:
        offset: What the store's time is ahead of this process's.
        granted: Permits that nobody has taken yet.
        reports: What the store has not been told.
        share: The static share, while the store is down; None while it is not.
    """

    def __init__(self, limit: int, reserve: int | None, processes: int) -> None:
        super().__init__(limit, 1.0, reserve, grain=GRAIN)
        self.offset = 0.0
        self.granted: list[_Granted] = []
        self.reports: list[Report] = []
        self.alone: list[tuple[float, int]] = []
        self.share: _Share | None = None
        self._processes = processes
        self._given_reserve = reserve
        self._own = Ledger(GRAIN)

    def learn(self, reply: Reply, now: float) -> None:
        """Take over what the store says."""
        self.offset = reply.now - now
        self.restore(reply.bucket, (Permit(each.at, each.is_probe) for each in reply.flying.values()))
        if reply.granted is not None:
            self.granted.append(_Granted(now, name=reply.granted))
            self._own.pop_free(now)
            self._own.add(now, now, 0)

    def go_down(self) -> None:
        """Begin to use the static share."""
        for permit in self.granted:
            self._tell(permit, "release")
        self.granted.clear()
        reserve = None if self._given_reserve is None else self._given_reserve // self._processes
        self.share = _Share(self.limit, 1 / self._processes, reserve, blind=1)
        self.share.blocked_until = self.blocked_until - self.offset

    def come_back(self, now: float) -> None:
        """End the use of the static share; the store is to be told what was spent of it."""
        share, self.share = self.share, None
        if share is not None:
            state = share.state()
            spent = [(now - last, count) for _, last, _, count, _ in [*state.answered, *state.abandoned]]
            self.alone += [(max(0.0, age), count) for age, count in spent]
            self._own.pop_free(now)
            # Sorted by their time: a ledger takes what is older than its last request for requests of the same moment.
            alone = ((now - age, now - age, now - age, count, 0) for age, count in self.alone)
            self._own.restore([*self._own.state(), *alone])

    def take(self, now: float, *, urgent: bool = False) -> Permit | None:
        """Return a permit that the store has given, or one of the share."""
        if self.share is not None:
            return self._up_to(now, self.share).take(now, urgent=urgent)
        return self.granted.pop(0) if self.granted else None

    def outlook(self, now: float, *, urgent: bool = False, ahead: int = 0) -> Outlook:
        """Return when a request can be sent, as far as is known."""
        if self.share is not None:
            return self._up_to(now, self.share).outlook(now, urgent=urgent, ahead=ahead)
        found = super().outlook(now + self.offset, urgent=urgent, ahead=ahead)
        return Outlook(found.soonest - self.offset, found.likely - self.offset)

    def settle(self, now: float, permit: Permit, rate: RateLimit | None) -> None:
        """Note a complete response, for the store."""
        if isinstance(permit, _Granted):
            self._tell(permit, "settle", rate)
        else:
            self._end_alone(lambda share: share.settle(now, permit, self._part_of(rate)))

    def refused(self, now: float, permit: Permit, rate: RateLimit | None, retry_after: float | None) -> None:
        """Note a 429, for the store."""
        if isinstance(permit, _Granted):
            self._tell(permit, "refused", rate, retry_after)
        else:
            self._end_alone(lambda share: share.refused(now, permit, self._part_of(rate), retry_after))

    def forget(self, now: float, permit: Permit) -> None:
        """Note a request without a complete response, for the store."""
        if isinstance(permit, _Granted):
            self._tell(permit, "forget")
        else:
            self._end_alone(lambda share: share.forget(now, permit))

    def release(self, now: float, permit: Permit) -> None:
        """Note a request that was never sent, for the store."""
        if isinstance(permit, _Granted):
            self._tell(permit, "release")
        elif self.share is not None:
            self.share.release(now, permit)

    def remaining(self, now: float, *, urgent: bool = False) -> int:
        """Return how many permits could be given at once, as far as is known."""
        if self.share is not None:
            return self._up_to(now, self.share).remaining(now, urgent=urgent)
        return super().remaining(now + self.offset, urgent=urgent)

    def used(self, now: float) -> int:
        """Return how many requests are spent, by all, as far as is known."""
        known = super().used(now + self.offset)
        return known if self.share is None else known + self.share.spent(now)

    def _tell(
        self, permit: _Granted, how: Any, rate: RateLimit | None = None, retry_after: float | None = None
    ) -> None:
        told = None if rate is None else (rate.limit, rate.remaining)
        self.reports.append(Report(permit=permit.name, how=how, rate=told, retry_after=retry_after))

    def _end_alone(self, note: Callable[[Bucket], None]) -> None:
        if self.share is not None:
            note(self.share)
        else:
            self.alone.append((0.0, 1))  # it began while the store was down, and the store is back

    def _part_of(self, rate: RateLimit | None) -> RateLimit | None:
        """Return what headers leave for this process, where each takes an equal part."""
        return None if rate is None else RateLimit(rate.limit, rate.remaining // self._processes)

    def _up_to(self, now: float, share: _Share) -> _Share:
        """Return the share less what was spent of it while the store was up: by this process, or by an equal part."""
        self._own.pop_free(now)
        of_all = -(-super().spent(now + self.offset) // self._processes)
        share.burden = max(self._own.total, of_all)
        return share


class SharedBudget(Budget):
    """A request budget that several processes share; `PostgresBudget` and `RedisBudget` are made of it.

    A context manager, which closes it: what the store does not know yet would count as spent. A client leaves it open.

    Together they never send more than the limit in any rolling hour; priorities, the reserve, the pause after a 429
    and the order of waiting calls hold across all of them. Time is the store's.

    If the store is down, each process has its equal part of the limit, less what was spent before, and goes by the
    API's headers besides; a process that starts meanwhile has only these. This is logged once, and so is its end.

    Args:
        store: Where the state is.
        processes: How many processes share it at the most.
        limit: Requests per rolling hour until the API's headers report it.
        reserve: Requests that only calls with a `priority` above zero may take; None for 2 % of the limit.
        holder: The name of this process among them.
        clock: Where time comes from, for tests.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(
        self,
        store: BudgetStore,
        *,
        processes: int,
        limit: int = DEFAULT_LIMIT,
        reserve: int | None = None,
        holder: str,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(limit, reserve=reserve, clock=clock)
        if not isinstance(processes, int) or isinstance(processes, bool) or not 1 <= processes <= limit:
            raise InvalidArgument("processes", processes, "how many processes share the limit, at least 1")
        self._store = store
        self._holder = holder
        self._settings = limit, reserve
        self._mirror = self._bucket = _Mirror(limit, reserve, processes)
        self._processes = processes
        self._exchanging: asyncio.Task[None] | None = None
        self._ask_at = -math.inf
        self._is_expected = False  # the store knows of a waiter

    @property
    def is_down(self) -> bool:
        """Whether the store is down, and this process has its static share."""
        return self._mirror.share is not None

    async def acquire(self, *, priority: int = 0, deadline: float | None = None) -> Spending:
        """Wait until a request is free, and take it; see `Budget.acquire`."""
        if self._mirror.share is None:
            self._ask_at = -math.inf
            if deadline is not None and not self._closed:
                await self._refresh(priority, deadline)
        else:
            self._ask()
        return await super().acquire(priority=priority, deadline=deadline)

    async def close(self) -> None:
        """End all waits with `BudgetClosed`, tell the store what it does not know yet, and refuse new calls."""
        await super().close()
        if self._exchanging is not None:
            await asyncio.wait([self._exchanging])
        if self._mirror.reports or self._mirror.granted or self._mirror.alone or self._is_expected:
            await self._exchange()
        await self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "down, " if self.is_down else ""
        return f"<{type(self).__name__}, {state}{self.used} of {self.limit} used, {self.waiting} waiting>"

    def _pump(self) -> None:
        super()._pump()
        self._ask()

    def _look_at(self, now: float, outlook: Outlook) -> float:
        """Return when to ask again; see `Budget._look_at`."""
        if self._mirror.share is not None:
            return min(outlook.likely, now + _AGAIN)
        return self._ask_at if self._ask_at > now else now + SOON  # an exchange is under way, and sets it

    def _ask(self) -> None:
        """Begin an exchange if there is something to tell or to ask."""
        mirror = self._mirror
        if self._exchanging is not None or (self._closed and not mirror.reports):
            return
        now = self._now()
        is_over = bool(mirror.granted or self._is_expected) and not self._queue
        has_news = bool(mirror.reports or mirror.alone or is_over)
        wants = bool(self._queue) and not mirror.granted
        if (now >= self._ask_at if (wants or self.is_down) else has_news) or (has_news and not self.is_down):
            self._begin()

    def _begin(self) -> None:
        self._exchanging = asyncio.get_running_loop().create_task(self._exchange(), name="ev-energy-async budget store")
        self._exchanging.add_done_callback(self._exchanged)

    def _exchanged(self, task: asyncio.Task[None]) -> None:
        self._exchanging = None
        if not task.cancelled() and (error := task.exception()) is not None:
            for waiter in list(self._queue):
                self._dismiss(waiter, error if isinstance(error, Exception) else RuntimeError(str(error)))
            return
        self._pump()

    async def _refresh(self, priority: int, deadline: float) -> None:
        """Learn what the store says before a call is refused because of its deadline."""
        ahead = self._queue.ahead_of(priority)
        outlook = self._mirror.outlook(self._now(), urgent=priority > 0, ahead=ahead)
        if outlook.soonest < deadline + self._slept:
            return
        if self._exchanging is None:
            self._begin()
        if self._exchanging is not None:
            await asyncio.wait([self._exchanging])

    async def _exchange(self) -> None:
        mirror, now = self._mirror, self._now()
        if not self._queue:
            for permit in mirror.granted:
                mirror.release(now, permit)
            mirror.granted.clear()
        reports, mirror.reports = mirror.reports, []
        alone, mirror.alone = mirror.alone, []
        wish = None
        if self._queue and mirror.share is None:
            waiter, is_urgent = self._queue.first(now)
            wish = Wish(waiter.priority, is_urgent, max(0.0, now - waiter.since))
        limit, reserve = self._settings
        ask = Ask(holder=self._holder, reports=reports, alone=alone, wish=wish, limit=limit, reserve=reserve)
        try:
            async with asyncio.timeout(_PATIENCE):
                reply = await self._store.update(partial(exchange, ask=ask))
        except (EvEnergyError, TimeoutError) as error:
            # What may have arrived is told again: a report counts once.
            mirror.reports[:0], mirror.alone[:0] = reports, alone
            self._ask_at = self._now() + _AGAIN
            if mirror.share is None:
                mirror.go_down()
                part = mirror.limit // self._processes
                reason = f"no response within {_PATIENCE:g} s" if isinstance(error, TimeoutError) else error
                _LOG.warning("the shared budget is down: %d requests an hour until it is back: %s", part, reason)
            return
        now = self._now()
        was_down = mirror.share is not None
        mirror.learn(reply, now)
        if was_down:
            mirror.come_back(now)
            _LOG.warning("the shared budget is back")
        self._is_expected, self._ask_at = False, -math.inf
        if wish is not None and reply.granted is None:
            self._is_expected = True
            self._ask_at = next_look(now, mirror.outlook(now, urgent=wish.is_urgent).likely, wish)
