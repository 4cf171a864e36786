"""A lock that is not bound to the first event loop that waits for it. Token stores and checkpoints use it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LoopLock"]


class LoopLock:
    """A lock for whatever event loop is running: the tasks of one loop exclude each other, those of two loops do not.

    An `asyncio.Lock` belongs to the first loop in which somebody waits for it, and raises `RuntimeError` in any other.
    Objects that live longer than a loop, as under repeated `asyncio.run`, use this instead.
    """

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def __aenter__(self) -> None:
        await self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()).acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._locks[asyncio.get_running_loop()].release()
