"""Time limits of calls and attempts, all those of a client on one timer of the event loop.

`asyncio.timeout` does the same for one block with a timer of its own, two coroutines and a place in the loop's heap.
Every call has two limits and hardly any runs out. By cachegrind, two of `asyncio.timeout` take 11 % of the instructions
of a usual call, aiohttp's included, and two limits of this module 3 %.

The pipeline limits calls here, the transport attempts.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Limit", "Limits"]


class Limit:
    """Cancels the task inside a `with` block if it takes too long, and turns that into `TimeoutError`.

    Cancellation from elsewhere passes through, as in `asyncio.timeout`, whose counting of requests to cancel this is.

    Attributes:
        at: When it runs out, on the clock of the event loop.
        owner: Whoever may end it early.
        expired: Whether it ran out, or was ended, before the block was left.
    """

    __slots__ = ("_cancelling", "_limits", "_task", "at", "expired", "owner")

    def __init__(self, limits: Limits, seconds: float, owner: object) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "called outside a task"  # noqa: S101  # a coroutine runs in a task, as aiohttp needs
        self._limits = limits
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self.at = loop.time() + seconds
        self.owner = owner
        self.expired = False

    def __enter__(self) -> Self:
        self._limits.open.add(self)
        if self.at < self._limits.rings_at:
            self._limits.ring_at(self.at)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The timer stays: most likely there is another limit by then.
        self._limits.open.discard(self)
        if self.expired and self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def expire(self) -> None:
        """End the block."""
        self.expired = True
        self._task.cancel()


class Limits:
    """The limits that are open. Belongs to one event loop.

    Attributes:
        open: The limits.
        rings_at: When the timer rings, on the clock of the event loop; infinite without one.
    """

    __slots__ = ("_timer", "open", "rings_at")

    def __init__(self) -> None:
        self.open: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.rings_at = math.inf

    def within(self, seconds: float, owner: object = None) -> Limit:
        """Return a limit for the current task, from now."""
        return Limit(self, seconds, owner)

    def owners(self) -> set[object]:
        """Return the owners of open limits."""
        return {limit.owner for limit in self.open}

    def count(self, owner: object) -> int:
        """Return the number of open limits of an owner."""
        return sum(limit.owner is owner for limit in self.open)

    def end(self, owner: object = None) -> None:
        """End the blocks of an owner, or of all, when the event loop comes round."""
        loop = asyncio.get_running_loop()
        for limit in self.open:
            if owner is None or limit.owner is owner:
                loop.call_soon(self._expire, limit)

    def ring_at(self, at: float) -> None:
        """Look at the limits at a time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.rings_at = asyncio.get_running_loop().call_at(at, self._ring), at

    def _ring(self) -> None:
        self._timer, self.rings_at = None, math.inf
        now = asyncio.get_running_loop().time()
        waiting = [limit for limit in self.open if not limit.expired]
        for limit in waiting:
            if limit.at <= now:
                self._expire(limit)
        at = min((limit.at for limit in waiting if not limit.expired), default=None)
        if at is not None:
            self.ring_at(at)

    def _expire(self, limit: Limit) -> None:
        if limit in self.open and not limit.expired:
            limit.expire()
