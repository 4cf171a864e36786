"""Time limits of calls and attempts, all those of a client on one timer of the event loop.

`asyncio.timeout` does the same for one block with a timer of its own, two coroutines and a place in the loop's heap.
Every call has two limits and hardly any runs out, so that this was the largest part of what a call cost beside aiohttp.
The pipeline limits calls here, the transport attempts.
"""

from __future__ import annotations

import asyncio
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

    def __init__(self, limits: Limits, task: asyncio.Task[Any], at: float, owner: object) -> None:
        self._limits = limits
        self._task = task
        self._cancelling = task.cancelling()
        self.at = at
        self.owner = owner
        self.expired = False

    def __enter__(self) -> Self:
        self._limits.watch(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._limits.forget(self)
        if self.expired and self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def expire(self) -> None:
        """End the block."""
        self.expired = True
        self._task.cancel()


class Limits:
    """The limits that are open. Belongs to one event loop."""

    __slots__ = ("_open", "_timer")

    def __init__(self) -> None:
        self._open: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float, owner: object = None) -> Limit:
        """Return a limit for the current task, from now."""
        task = asyncio.current_task()
        assert task is not None, "called outside a task"  # noqa: S101  # a coroutine runs in a task, as aiohttp needs
        return Limit(self, task, task.get_loop().time() + seconds, owner)

    def watch(self, limit: Limit) -> None:
        """Expire a limit when its time comes, unless it is forgotten before."""
        self._open.add(limit)
        if self._timer is None or limit.at < self._timer.when():
            self._set_timer(limit.at)

    def forget(self, limit: Limit) -> None:
        """Let a limit be. The timer stays: most likely there is another limit by then."""
        self._open.discard(limit)

    def count(self, owner: object) -> int:
        """Return the number of open limits of an owner."""
        return sum(limit.owner is owner for limit in self._open)

    def end(self, owner: object = None) -> None:
        """End the blocks of an owner, or of all, when the event loop comes round."""
        loop = asyncio.get_running_loop()
        for limit in self._open:
            if owner is None or limit.owner is owner:
                loop.call_soon(self._expire, limit)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        waiting = [limit for limit in self._open if not limit.expired]
        for limit in waiting:
            if limit.at <= now:
                self._expire(limit)
        at = min((limit.at for limit in waiting if not limit.expired), default=None)
        if at is not None:
            self._set_timer(at)

    def _expire(self, limit: Limit) -> None:
        if limit in self._open and not limit.expired:
            limit.expire()
