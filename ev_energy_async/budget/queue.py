"""Who waits for a request, and whose turn it is: the queue behind `budget.Budget`, which alone uses it.

Higher priority comes first, and within one priority who came first. After nine turns in a row that passed over somebody
who has waited longer, the tenth is for whoever has waited longest. Pure: it neither waits nor wakes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from ev_energy_async.budget.bucket import Permit

__all__ = ["LONG_WAIT", "Turns", "Waiter"]

LONG_WAIT: Final = 60.0
"""Seconds after which a wait is worth a word in the log."""

_IN_A_ROW: Final = 9


class Waiter:
    """A call that waits.

    Attributes:
        outcome: Takes the permit, or the error that ends the wait.
        number: Its place in the order of arrival.
        priority: Higher comes first; above zero the reserve is theirs too.
        since: When it came, in the seconds of the clock, as `deadline`.
        deadline: When it stops waiting; infinite if never.
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
        """When it wants to be looked at, whether or not a request is free."""
        return self.deadline if self.warned else min(self.deadline, self.since + LONG_WAIT)


class Turns:
    """Those who wait, in order: `len`, `in` and removal take the same time for ten and for ten thousand."""

    def __init__(self) -> None:
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
        """Let somebody wait, behind all of the same priority."""
        self._levels.setdefault(waiter.priority, OrderedDict())[waiter.number] = waiter
        self._size += 1

    def remove(self, waiter: Waiter) -> None:
        """Let somebody go, wherever they stand."""
        level = self._levels[waiter.priority]
        del level[waiter.number]
        self._size -= 1
        if not level:
            del self._levels[waiter.priority]

    def ahead_of(self, priority: int) -> int:
        """Return how many come before somebody who arrives now."""
        return sum(len(level) for found, level in self._levels.items() if found >= priority)

    def first(self) -> tuple[Waiter, bool]:
        """Return whose turn it is, and whether the reserve is theirs too."""
        top = self._head(max(self._levels))
        oldest = self._oldest()
        if oldest is not top and self._passed_over >= _IN_A_ROW:
            return oldest, True
        return top, top.priority > 0

    def serve(self, waiter: Waiter) -> None:
        """Remove who had their turn."""
        self._passed_over = 0 if waiter is self._oldest() else self._passed_over + 1
        self.remove(waiter)

    def _head(self, priority: int) -> Waiter:
        return next(iter(self._levels[priority].values()))

    def _oldest(self) -> Waiter:
        return min(map(self._head, self._levels), key=_number)


def _number(waiter: Waiter) -> int:
    return waiter.number
