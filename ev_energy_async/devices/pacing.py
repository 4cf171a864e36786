"""The pace of unhurried work: within a share of the hourly budget, and pausing after failures that affect everything.

`follow` asks here before each reading, `backfill` before each step. It waits and sends nothing itself.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, Self

from ev_energy_async.messages import Sender

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from ev_energy_async.clock import Clock
    from ev_energy_async.errors import EvEnergyError

__all__ = ["Allowance", "Backfilling", "Patience", "Polling"]

_LOG: Final = logging.getLogger("ev_energy_async")
# The first wait after a failure, doubled with each, and the longest; and the longest that the API can demand.
_PATIENCE: Final = 5.0
_LONGEST_WAIT: Final = 300.0
_LONGEST_ANNOUNCED: Final = 3_600.0
_HOUR: Final = 3_600.0
# Requests that are sent within so many seconds are counted together.
_TOGETHER: Final = 30.0


class Polling(Sender, Protocol):
    """The part of a client that device handles need: sending, and the time."""

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        ...


class _Limited(Protocol):
    @property
    def limit(self) -> int: ...


class Backfilling(Polling, Protocol):
    """The part of a client that a backfill needs: sending with a priority, the time, and the limit of the budget."""

    @property
    def budget(self) -> _Limited:
        """The hourly budget of requests."""
        ...

    def with_options(self, *, priority: int | None = None, keep_body: bool | None = None) -> Self:
        """Return a view whose calls have another priority, and whose responses do or do not keep their raw body."""
        ...


class Allowance:
    """A share of the hourly budget, and what was taken of it in the last hour.

    A request counts for half a minute longer than its hour, since some are counted together.

    Args:
        sender: Whose budget.
        share: The fraction of its limit.
    """

    def __init__(self, sender: Backfilling, share: float) -> None:
        self._sender = sender
        self._share = share
        self._spent: deque[tuple[float, int]] = deque()
        self._total = 0

    @property
    def size(self) -> int:
        """Requests per hour; at least one."""
        return max(1, int(self._sender.budget.limit * self._share))

    def left(self) -> int:
        """Return how many requests may be sent now."""
        self._forget()
        return max(0, self.size - self._total)

    def free_in(self) -> float:
        """Return the seconds until one may be sent, if none may now."""
        self._forget()
        return self._spent[0][0] + _TOGETHER + _HOUR - self._sender.clock.monotonic()

    def spend(self, requests: int) -> None:
        """Count requests that are sent now."""
        now = self._sender.clock.monotonic()
        if self._spent and now - self._spent[-1][0] < _TOGETHER:
            at, before = self._spent.pop()
            self._spent.append((at, before + requests))
        else:
            self._spent.append((now, requests))
        self._total += requests

    def _forget(self) -> None:
        gone = self._sender.clock.monotonic() - _TOGETHER - _HOUR
        while self._spent and self._spent[0][0] <= gone:
            self._total -= self._spent.popleft()[1]


class Patience:
    """The waits after failures that affect every device: longer with each, and logged once.

    Args:
        what: What waits, for the log.
        clock: Where time comes from.

    Attributes:
        what: What waits.
        failures: How many there have been since the last success.
    """

    def __init__(self, what: str, clock: Clock) -> None:
        self.failures = 0
        self.what = what
        self._clock = clock
        self._due = float("-inf")

    @property
    def delay(self) -> float:
        """Seconds until the next attempt; zero or less if it may begin at once."""
        return self._due - self._clock.monotonic()

    def fail(self, errors: Sequence[EvEnergyError]) -> None:
        """Take note of an attempt that failed."""
        delay = min(_PATIENCE * 2 ** min(self.failures, 10), _LONGEST_WAIT)
        for error in errors:
            retry_at: dt.datetime | None = getattr(error, "retry_at", None)
            if retry_at is not None:
                announced = (retry_at - self._clock.now()).total_seconds()
                delay = max(delay, min(announced, _LONGEST_ANNOUNCED))
        if not self.failures:
            _LOG.warning("%s is interrupted; next attempt in %.0f s: %s", self.what, delay, errors[0])
        self.failures += 1
        self._due = self._clock.monotonic() + delay

    def succeed(self) -> None:
        """Take note of an attempt that succeeded."""
        if self.failures:
            _LOG.info("%s resumed after %d failures", self.what, self.failures)
            self.failures = 0
