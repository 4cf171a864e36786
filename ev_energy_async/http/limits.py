"""Time limits on calls: what `asyncio.timeout` does, with one timer for all limits of the same length.

The calls of a client mostly have the same limits, so they would end in the order in which they began: a dictionary
holds them in that order, and a timer waits for the first. To set a limit and to take it away costs a quarter of what a
timer of its own does. Used by the core and the transport of a client; knows nothing of either.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Limit", "Limits"]


class Limit:
    """A context manager that ends what is in it when the time is over, with `TimeoutError`. Used once.

    Attributes:
        at: When that is, on the clock of the loop.
        expired: Whether it came to that.
    """

    __slots__ = ("_cancelling", "_row", "_task", "at", "expired")

    def __init__(self, row: _Row, at: float) -> None:
        self._row = row
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self.at = at
        self.expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task to cancel")
        self._task = task
        self._cancelling = task.cancelling()
        self._row.add(self)
        return self

    def expire(self) -> None:
        """Let the time be over now."""
        if self._task is not None and not self.expired:
            self.expired = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._row.discard(self)
        task, self._task = self._task, None
        # As in `asyncio.Timeout`: the cancellation was ours and ends here, unless somebody else cancels the task too.
        if self.expired and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


class _Row:
    """Limits of one length, in the order in which they end."""

    __slots__ = ("_limits", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._limits: dict[Limit, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in it, and no timer looks after it."""
        return self._timer is None and not self._limits

    def add(self, limit: Limit) -> None:
        self._limits[limit] = None
        if self._timer is None:
            self._timer = self._loop.call_at(limit.at, self._ring)

    def discard(self, limit: Limit) -> None:
        # The timer stays: the next limit will want it, and it finds nothing to do otherwise.
        self._limits.pop(limit, None)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        for limit in list(self._limits):
            if limit.at > now:
                self._timer = self._loop.call_at(limit.at, self._ring)
                return
            del self._limits[limit]
            limit.expire()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Limits:
    """The time limits of one client, which belongs to one event loop."""

    def __init__(self) -> None:
        self._rows: dict[float, _Row] = {}

    def within(self, seconds: float) -> Limit:
        """Return a limit that ends so many seconds from now."""
        loop = asyncio.get_running_loop()
        row = self._rows.get(seconds)
        if row is None:
            # Few programs have more than a handful of lengths; who draws them by lot must not fill the memory.
            self._rows = {length: each for length, each in self._rows.items() if not each.is_idle}
            row = self._rows[seconds] = _Row(loop)
        return Limit(row, loop.time() + seconds)

    def close(self) -> None:
        """Stop the timers; limits that are set no longer end by themselves."""
        for row in self._rows.values():
            row.close()
