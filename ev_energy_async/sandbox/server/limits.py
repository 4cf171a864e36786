"""The rolling-hour request limit of one caller. Pure: time comes in as an argument."""

from collections import deque
from typing import Final

from ev_energy_async.sandbox.instants import HOUR, SECOND, Instant

_MOMENTS: Final = 20_000
"""The number of admission times kept for a large limit; keeping each one would fill the memory."""


class RollingWindow:
    """At most `limit` requests in any hour, wherever that hour begins.

    Every admitted request counts for exactly an hour: the hour is not reset on the full hour or after a pause. Beyond a
    limit of 20,000 requests within a 20,000th of the window count as one moment, the latest of them, so that room for
    them comes back a trifle late and never early.
    """

    __slots__ = ("_admitted", "_count", "_grain", "_last", "limit", "window")

    def __init__(self, limit: int, window: Instant = HOUR) -> None:
        self.limit = limit
        self.window = window
        self._grain = window // _MOMENTS if limit > _MOMENTS else 0
        self._admitted: deque[list[int]] = deque()  # since when, until when, how many; oldest first
        self._count = 0
        self._last: Instant = 0

    def admit(self, now: Instant) -> bool:
        """Count a request, if there is room for it."""
        now = self._forget(now)
        if self._count >= self.limit:
            return False
        self._count += 1
        if self._admitted and now - self._admitted[-1][0] <= self._grain:
            newest = self._admitted[-1]
            newest[1] = now
            newest[2] += 1
        else:
            self._admitted.append([now, now, 1])
        return True

    def remaining(self, now: Instant) -> int:
        """Return how many more requests the window admits."""
        self._forget(now)
        return max(0, self.limit - self._count)

    def retry_after(self, now: Instant) -> int:
        """Return the seconds, rounded up, until the window admits a request; 0 if it does now."""
        now = self._forget(now)
        if self._count < self.limit:
            return 0
        if not self._admitted:  # a limit of nothing at all
            return self.window // SECOND
        return -((now - self._admitted[0][1] - self.window) // SECOND)

    def _forget(self, now: Instant) -> Instant:
        # A computer's clock may be set back; what was counted then still counts.
        self._last = now = max(now, self._last)
        while self._admitted and self._admitted[0][1] <= now - self.window:
            self._count -= self._admitted.popleft()[2]
        return now
