"""The clocks of the sandbox: the machine's time, a faster one, or one that only tests move.

The world, the rate limit, the tokens and the deliveries all ask one clock, so that they move together. Where a client
is told a number of seconds to count with its own clock (`Retry-After`, `expires_in`), it is told real ones: the
sandbox's divided by the clock's speed.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""The time that no clock is moved to: well before the last one that a datetime can hold."""

_FASTEST: Final = 1_000_000
_LONGEST_NAP: Final = 3_600.0  # a computer's clock may be set meanwhile


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> datetime:
        """Return the present as an aware datetime."""
        ...


class RealClock:
    """The computer's own time."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return datetime.now(UTC)


class MovableClock:
    """The base of clocks that can be moved forward."""

    def __init__(self, start: datetime) -> None:
        if start.utcoffset() is None:
            raise ValueError(f"start is a time with a zone, not {start!r}")
        self._start = start.astimezone(UTC)
        self.listeners: list[Callable[[], None]] = []
        """Called after each move."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return self._start

    def advance(self, by: float | timedelta) -> None:
        """Move the time forward by seconds of the sandbox, or by a timedelta.

        By a microsecond at least, if it is to move at all: who sleeps until the clock shows a moment gets there, though
        the last step is a fraction of what a datetime counts.

        Raises:
            ValueError: `by` is negative, not a number, or leads beyond the year 8999.
        """
        beyond = f"a clock can't be moved to the year {LAST.year} or beyond, by {by}"
        try:
            step = by if isinstance(by, timedelta) else timedelta(seconds=by)
            reached = self.now() + step
        except OverflowError as error:
            raise ValueError(beyond) from error
        if reached >= LAST:
            raise ValueError(beyond)
        if step < timedelta(0):
            raise ValueError(f"a clock is moved forward only, not by {step}")
        if by and not step:
            step = timedelta.resolution
        self._start += step
        for listener in self.listeners:
            listener()


class SteppedClock(MovableClock):
    """A clock that stands still until it is advanced.

    Example:
        >>> clock = SteppedClock(datetime(2026, 3, 14, 7, 5, tzinfo=UTC))
        >>> clock.advance(90)
        >>> clock.now().isoformat()
        '2026-03-14T07:06:30+00:00'
    """

    def __init__(self, start: datetime) -> None:
        """Make a clock that stands at `start`, an aware datetime.

        Raises:
            ValueError: `start` has no time zone.
        """
        super().__init__(start)


class ScaledClock(MovableClock):
    """A clock that runs `speed` times as fast as the machine's, and can be moved forward as well.

    Example:
        >>> clock = ScaledClock(600)  # a day in two and a half minutes
    """

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        """Make a clock that starts at `start`, by default now.

        Raises:
            ValueError: `speed` is not above 0, or `start` has no time zone.
        """
        if not speed > 0:
            raise ValueError(f"a clock's speed is above 0, not {speed}")
        super().__init__(datetime.now(UTC) if start is None else start)
        self._speed = speed
        self._paused = False
        self._began = monotonic()

    @property
    def speed(self) -> float:
        """Its speed relative to the machine's clock, while it is not paused."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not 0 < speed <= _FASTEST:
            raise ValueError(f"a clock's speed is above 0 and at most {_FASTEST:,}, not {speed}")
        self._change(speed, paused=self._paused)

    @property
    def paused(self) -> bool:
        """Whether it stands still for now."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._change(self._speed, paused=paused)

    def now(self) -> datetime:
        """Return the present, in UTC."""
        passed = 0.0 if self._paused else (monotonic() - self._began) * self._speed
        return self._start + timedelta(seconds=passed)

    def _change(self, speed: float, *, paused: bool) -> None:
        self._start, self._began = self.now(), monotonic()
        self._speed, self._paused = speed, paused
        for listener in self.listeners:
            listener()


class Timekeeper:
    """A clock as the rest of the sandbox uses it: read, moved, and waited for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._moved = asyncio.Event()
        if isinstance(clock, MovableClock):
            clock.listeners.append(self.wake)

    @property
    def speed(self) -> float:
        """Seconds of the sandbox in a second of the client's clock."""
        return self.clock.speed if isinstance(self.clock, ScaledClock) else 1.0

    @property
    def _stands(self) -> bool:
        """Whether time passes by moves alone."""
        return isinstance(self.clock, SteppedClock) or (isinstance(self.clock, ScaledClock) and self.clock.paused)

    def now(self) -> datetime:
        """Return the present, by the clock."""
        return self.clock.now()

    def receivers_now(self) -> datetime:
        """Return the time by the client's clock: real time, unless both share a stepped clock."""
        return datetime.now(UTC) if isinstance(self.clock, ScaledClock) else self.clock.now()

    def advance(self, by: float | timedelta) -> None:
        """Move the clock forward and wake its sleepers.

        Raises:
            RuntimeError: the clock is not one that can be moved.
            ValueError: `by` is negative.
        """
        if not isinstance(self.clock, MovableClock):
            detail = "Only a Sandbox with a clock=SteppedClock(start) or ScaledClock() can be advanced."
            raise RuntimeError(detail)  # noqa: TRY004  # the error lies in how the sandbox was made, not in an argument
        self.clock.advance(by)

    def wake(self) -> None:
        """Let everybody who waits look at the clock again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, moment: datetime) -> None:
        """Wait until the clock reaches a moment or `wake` is called; check the clock afterwards."""
        moved = self._moved
        remaining = (moment - self.now()).total_seconds()
        if remaining <= 0:
            return
        nap = None if self._stands else min(remaining / self.speed, _LONGEST_NAP)
        try:
            async with asyncio.timeout(nap):
                await moved.wait()
        except TimeoutError:
            pass
