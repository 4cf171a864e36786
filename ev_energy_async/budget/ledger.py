"""The requests of one rolling hour, as a `bucket.Bucket` counts them, and what the API's headers say of them. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FOREVER", "NEVER", "SPENT_FOR", "WINDOW", "Ledger", "Reported", "Second", "finite"]

WINDOW: Final = 3600.0
# Two good clocks still drift apart by some tenths of a second in an hour.
_DRIFT: Final = 1.0
SPENT_FOR: Final = WINDOW + _DRIFT
_SURELY_SPENT_FOR: Final = WINDOW - _DRIFT
NEVER: Final = -math.inf
"""The time of what has not happened yet."""
FOREVER: Final = math.inf
"""The time of what is not going to happen."""
# Nothing is ever added to it: those who have something make a list of their own.
_NONE: Final[list[Any]] = []


@attrs.define(eq=False, weakref_slot=False)
class Second:
    """Requests that ended within one second; each attribute is the most cautious of theirs."""

    first: float
    last: float
    sent: float  # the earliest
    count: int
    surely_counted: int

    @property
    def free_at(self) -> float:
        """When they have left the window."""
        return self.last + SPENT_FOR


class Ledger:
    """Requests in the order in which they ended, by the second: a million take no more room than 3,600.

    Args:
        grain: Seconds that are counted together.

    Attributes:
        grain: Seconds that are counted together.
        total: Their number.
        quiet_until: Before this none of them leaves the window.
    """

    __slots__ = ("_seconds", "grain", "quiet_until", "total")

    def __init__(self, grain: float = 1.0) -> None:
        self.grain = grain
        self.total = 0
        self.quiet_until = FOREVER
        # At most 3,600. A deque would take 760 bytes, and each of many users has a budget.
        self._seconds: list[Second] = _NONE

    def __iter__(self) -> Iterator[Second]:
        return iter(self._seconds)

    def add(self, at: float, sent: float, surely_counted: int) -> None:
        """Add a request that ended."""
        self.total += 1
        if not self._seconds:
            self.quiet_until = at + SPENT_FOR
            self._seconds = [Second(at, at, sent, 1, surely_counted)]
            return
        if at - (last := self._seconds[-1]).first < self.grain:
            last.last = at
            last.sent = min(last.sent, sent)
            last.count += 1
            last.surely_counted += surely_counted
            return
        self._seconds.append(Second(at, at, sent, 1, surely_counted))

    def state(self) -> list[tuple[float, float, float, int, int]]:
        """Return it as values, rounded to milliseconds."""
        return [
            (round(each.first, 3), round(each.last, 3), round(each.sent, 3), each.count, each.surely_counted)
            for each in self._seconds
        ]

    def restore(self, state: Iterable[tuple[float, float, float, int, int]]) -> None:
        """Take the values of `state`, in the order of their time."""
        self._seconds = [Second(*each) for each in sorted(state)]
        self.total = sum(each.count for each in self._seconds)
        self.quiet_until = self._seconds[0].free_at if self._seconds else FOREVER

    def pop_free(self, now: float) -> list[Second]:
        """Remove and return the requests that have left the window."""
        gone: list[Second] = []
        while self._seconds and self._seconds[0].free_at <= now:
            gone.append(self._seconds.pop(0))
            self.total -= gone[-1].count
        self.quiet_until = self._seconds[0].free_at if self._seconds else FOREVER
        return gone


class Reported:
    """The least that the API's headers leave.

    Attributes:
        at: When it was last reported; minus infinity if never.
    """

    __slots__ = ("_low", "_newest", "_regained", "_untold", "_untold_total", "at")

    def __init__(self) -> None:
        self.at = NEVER
        self._newest = NEVER  # when the newest request with a response was permitted
        # Responses that may be the most recent, the lowest `remaining` first: (arrival, remaining).
        self._low: list[tuple[float, int]] = _NONE
        # Requests that ended without a header, until a later one has a response: (counted by then, how many).
        self._untold: list[tuple[float, int]] = _NONE
        self._untold_total = 0
        self._regained = 0

    def state(self) -> tuple[float | None, float | None, list[tuple[float, int]], list[tuple[float, int]], int]:
        """Return it as values; None for never."""
        return finite(self.at), finite(self._newest), self._low, self._untold, self._regained

    def restore(
        self, state: tuple[float | None, float | None, list[tuple[float, int]], list[tuple[float, int]], int]
    ) -> None:
        """Take the values of `state`."""
        at, newest, self._low, self._untold, self._regained = state
        self.at = NEVER if at is None else at
        self._newest = NEVER if newest is None else newest
        self._untold_total = sum(count for _, count in self._untold)

    def left(self, in_flight: int) -> int:
        """Return what is left for requests that are not in flight yet; below zero if it may be overdrawn."""
        return self._low[0][1] - in_flight - self._untold_total + self._regained

    def hear(self, now: float, granted: float, remaining: int) -> None:
        """Note what a response reports."""
        self.at = now
        self._newest = max(self._newest, granted)
        self._regained = 0
        while self._low and self._low[0][0] < self._newest:
            self._low.pop(0)
        while self._low and self._low[-1][1] >= remaining:
            self._low.pop()
        if self._low:
            self._low.append((now, remaining))
        else:
            self._low = [(now, remaining)]
        while self._untold and self._untold[0][0] < self._newest:
            self._untold_total -= self._untold.pop(0)[1]

    def miss(self, now: float, counted_by: float) -> None:
        """Note a request that may have been counted, at the latest then."""
        while self._untold and self._untold[0][0] + SPENT_FOR <= now:
            self._untold_total -= self._untold.pop(0)[1]
        self._untold_total += 1
        if self._untold and counted_by - self._untold[-1][0] < 1.0:
            before, count = self._untold.pop()
            self._untold.append((max(before, counted_by), count + 1))
        else:
            self._untold = [*self._untold, (counted_by, 1)]

    def regains(self, gone: Second) -> bool:
        """Whether requests that left the window were certainly still in it at the last report."""
        return gone.sent + _SURELY_SPENT_FOR > self.at

    def regain(self, gone: Second) -> None:
        """Count requests that left the window as left again."""
        if self.regains(gone):
            self._regained += gone.surely_counted

    def lapse(self) -> None:
        """Forget the reports: their requests have left the window, and what others spent since is unknown."""
        self.at = NEVER
        self._low = _NONE
        self._regained = 0


def finite(at: float) -> float | None:
    """Return a time, or None for never: JSON has no infinity."""
    return None if math.isinf(at) else at
