"""Clocks for tests, to be passed to a client, a budget or a webhook verifier; nothing waits for them."""

from __future__ import annotations

import asyncio
import datetime as dt
from bisect import insort
from typing import TYPE_CHECKING, Final

from ev_energy_async.clock import utc

if TYPE_CHECKING:
    from ev_energy_async.sandbox import Sandbox

__all__ = ["START", "FakeClock", "SandboxClock"]

START: Final = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)
"""The initial time of a `FakeClock` and of the sandbox of `ev_sandbox`."""

# Turns of other tasks before time moves: more than a response on a mocked network takes.
_TURNS: Final = 40


class FakeClock:
    """A clock whose time moves when a task sleeps on it, or when a test moves it; nothing waits.

    Args:
        now: The wall-clock time to begin with, aware.
        moves_by_itself: Whether a sleep moves time to its end, the earliest first. If not, it lasts until `advance`.

    Attributes:
        naps: The length of each sleep in seconds, in the order in which they started.

    Example:
        >>> clock = FakeClock()
        >>> ev = EvEnergy(StaticToken("token"), clock=clock)  # doctest: +SKIP
        >>> clock.advance(3600)
        >>> clock.now().isoformat()
        '2026-03-14T13:00:00+00:00'
    """

    def __init__(self, now: dt.datetime = START, *, moves_by_itself: bool = True) -> None:
        self.naps: list[float] = []
        self._start = utc("now", now)  # in a zone, adding a duration would move the clock on the wall
        self._seconds = 0.0
        self._wakes: list[float] = []
        self._moves_by_itself = moves_by_itself

    def now(self) -> dt.datetime:
        """Return the wall-clock time."""
        return self._start + dt.timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Return the seconds since the clock was created."""
        return self._seconds

    async def sleep(self, delay: float) -> None:
        """Sleep for some seconds of this clock."""
        self.naps.append(delay)
        wake = self.monotonic() + delay
        insort(self._wakes, wake)
        try:
            await asyncio.sleep(0)
            while self.monotonic() < wake:
                # Other tasks run first: one of them may need to wake earlier, or make this sleep unnecessary.
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
        """Move time forward, by seconds or a `timedelta`."""
        self._seconds += delay.total_seconds() if isinstance(delay, dt.timedelta) else delay


class SandboxClock(FakeClock):
    """The clock of a sandbox, for a client of it: a sleep moves the sandbox's time and takes no real time.

    The fixture `ev` has one where the sandbox's time stands still.

    Args:
        sandbox: The sandbox, with a `SteppedClock` or a `ScaledClock` that can be moved on.

    Example:
        >>> async with Sandbox(clock=SteppedClock(START)) as sandbox:  # doctest: +SKIP
        ...     auth = StaticToken(sandbox.issue_token())
        ...     ev = EvEnergy(auth, base_url=sandbox.base_url, clock=SandboxClock(sandbox))
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.now())
        self._sandbox = sandbox

    def now(self) -> dt.datetime:
        """Return the sandbox's time."""
        return self._sandbox.now()

    def monotonic(self) -> float:
        """Return the seconds that have passed in the sandbox since this clock was created."""
        return (self._sandbox.now() - self._start).total_seconds()

    def advance(self, delay: float | dt.timedelta) -> None:
        """Move the sandbox's time forward, by seconds or a `timedelta`."""
        self._sandbox.advance(delay)

    def _reach(self, wake: float) -> None:
        self._sandbox.advance(max(0.0, wake - self.monotonic()))
