"""A clock for tests, to be handed to a client or a webhook verifier; nothing ever waits for it."""

from __future__ import annotations

import asyncio
import datetime as dt
from bisect import insort
from typing import Final

__all__ = ["START", "FakeClock"]

START: Final = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)
"""Where a `FakeClock` begins, and the time in the sandbox of `ev_sandbox`."""

# How often the others may go on before time moves: as often as an answer on a mocked network takes, and more.
_TURNS: Final = 40


class FakeClock:
    """A clock whose time moves when somebody sleeps on it, or when a test says so; nothing ever waits.

    Args:
        now: The wall-clock time to begin with, aware.
        moves_by_itself: Whether a sleep moves time to its end, the earliest first. If not, it lasts until `advance`.

    Attributes:
        naps: How long each sleep was to last in seconds, in the order in which they began.

    Example:
        >>> clock = FakeClock()
        >>> ev = EvEnergy(StaticToken("token"), clock=clock)  # doctest: +SKIP
        >>> clock.advance(3600)
        >>> clock.now().isoformat()
        '2026-03-14T13:00:00+00:00'
    """

    def __init__(self, now: dt.datetime = START, *, moves_by_itself: bool = True) -> None:
        self.naps: list[float] = []
        self._start = now
        self._seconds = 0.0
        self._wakes: list[float] = []
        self._moves_by_itself = moves_by_itself

    def now(self) -> dt.datetime:
        """Return the wall-clock time."""
        return self._start + dt.timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Return the seconds since the clock began."""
        return self._seconds

    async def sleep(self, delay: float) -> None:
        """Sleep for some seconds of this clock."""
        self.naps.append(delay)
        wake = self.monotonic() + delay
        insort(self._wakes, wake)
        try:
            await asyncio.sleep(0)
            while self.monotonic() < wake:
                # The others get their turns first: one of them may want to be woken earlier, or have no need to wait.
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if self._moves_by_itself and self._wakes[0] == wake:
                    self._reach(wake)
        finally:
            self._wakes.remove(wake)

    def _reach(self, wake: float) -> None:
        """Move time to a sleep's end."""
        self._seconds = max(self._seconds, wake)

    def advance(self, delay: float | dt.timedelta) -> None:
        """Let time pass: seconds, or a `timedelta`."""
        self._seconds += delay.total_seconds() if isinstance(delay, dt.timedelta) else delay
