"""The queue in front of `budget.Budget`, which alone uses it.

Higher priorities go first, and equal ones in the order of arrival. Where those wait too, for more than a second, the
oldest waiter has every tenth turn. Pure: it neither waits nor wakes, and time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ev_energy_async.budget.ledger import NEVER

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from ev_energy_async.budget.bucket import Permit

__all__ = ["IN_A_ROW", "LONG_WAIT", "PROMPT", "Turns", "Waiter"]

LONG_WAIT: Final = 60.0
"""Seconds after which a wait is logged."""

IN_A_ROW: Final = 9
"""After so many turns that passed over an older waiter, it has the next one."""

PROMPT: Final = 1.0
"""Seconds. A call that is served within them has not waited, and has taken no turn from those that do: what it took
may be of the reserve, which is not theirs."""


class Waiter:
    """A call that waits.

    Attributes:
        outcome: The permit, or the error that ends the wait.
        number: Its place in the order of arrival.
        priority: Higher goes first; above zero it may use the reserve.
        since: When it arrived, in seconds of the clock.
        deadline: When it stops waiting, in seconds of the clock; infinite if never.
        warned: Whether its long wait was logged.
    """

    __slots__ = ("deadline", "number", "outcome", "priority", "since", "warned")

    def __init__(
        self, outcome: asyncio.Future[Permit | Exception], number: int, priority: int, since: float, deadline: float
    ) -> None:
        self.outcome = outcome
        self.number = number
        self.priority = priority
        self.since = since
        self.deadline = deadline
        self.warned = False

    @property
    def alarm(self) -> float:
        """When it needs attention, whether or not a request is free."""
        return self.deadline if self.warned else min(self.deadline, self.since + LONG_WAIT)


class Turns:
    """The waiters in order; `len`, `in` and removal take constant time.

    Attributes:
        arrivals: How many there have been.
        blocked_until: Those whose deadline comes before it have been dismissed.
        alarms: When waiters need attention, as a heap: (time, number, waiter).
    """

    __slots__ = ("_levels", "_passed_over", "_size", "alarms", "arrivals", "blocked_until")

    def __init__(self) -> None:
        self.alarms: list[tuple[float, int, Waiter]] = []
        self.arrivals = 0
        self.blocked_until = NEVER
        self._levels: dict[int, OrderedDict[int, Waiter]] = {}
        self._passed_over = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Waiter]:
        for level in self._levels.values():
            yield from level.values()

    def __contains__(self, waiter: Waiter) -> bool:
        return waiter.number in self._levels.get(waiter.priority, ())

    def add(self, waiter: Waiter) -> None:
        """Add a waiter, behind all of the same priority."""
        self._levels.setdefault(waiter.priority, OrderedDict())[waiter.number] = waiter
        self._size += 1

    def remove(self, waiter: Waiter) -> None:
        """Remove a waiter, wherever it is."""
        level = self._levels[waiter.priority]
        del level[waiter.number]
        self._size -= 1
        if not level:
            del self._levels[waiter.priority]

    def ahead_of(self, priority: int) -> int:
        """Return how many go before a waiter that arrives now."""
        return sum(len(level) for found, level in self._levels.items() if found >= priority)

    def first(self, now: float) -> tuple[Waiter, bool]:
        """Return whose turn it is, and whether it may use the reserve."""
        top = self._head(max(self._levels))
        may_use_it = top.priority > 0
        has_waited = now - top.since > PROMPT
        return (self._oldest() if has_waited and self._passed_over >= IN_A_ROW else top), may_use_it

    def serve(self, waiter: Waiter, now: float) -> None:
        """Remove a waiter that had its turn."""
        if waiter is self._oldest():
            self._passed_over = 0
        else:
            self._passed_over += now - waiter.since > PROMPT
        self.remove(waiter)

    def _head(self, priority: int) -> Waiter:
        return next(iter(self._levels[priority].values()))

    def _oldest(self) -> Waiter:
        return min(map(self._head, self._levels), key=_number)


def _number(waiter: Waiter) -> int:
    return waiter.number
