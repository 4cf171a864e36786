"""What time it is in the sandbox: the computer's time, or a time that only tests move.

The world, the rate limit and the tokens all ask one clock, so that a stepped one moves them together.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> datetime:
        """The present as an aware datetime."""
        ...


class RealClock:
    """The computer's own time."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)


class SteppedClock:
    """A clock that stands still until it is advanced.

    Example:
        >>> clock = SteppedClock(datetime(2026, 3, 14, 7, 5, tzinfo=UTC))
        >>> clock.advance(90)
        >>> clock.now().isoformat()
        '2026-03-14T07:06:30+00:00'
    """

    def __init__(self, start: datetime) -> None:
        """Starts at `start`, which must be aware.

        Raises:
            ValueError: `start` has no time zone.
        """
        if start.utcoffset() is None:
            raise ValueError(f"start is a time with a zone, not {start!r}")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The present, in UTC."""
        return self._now

    def advance(self, by: float | timedelta) -> None:
        """Moves the present on by that many seconds, or by a timedelta.

        Raises:
            ValueError: `by` is negative; time does not run backwards here.
        """
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"a clock is moved forward only, not by {step}")
        self._now += step
