"""A lock that is not bound to the first event loop that waits for it. Token stores and checkpoints use it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LoopLock"]


class LoopLock:
    """A lock for whatever event loop is running: the tasks of one loop exclude each other, those of two loops do not.

    An `asyncio.Lock` belongs to the first loop in which somebody waits for it, and raises `RuntimeError` in any other.
    Objects that live longer than a loop, as under repeated `asyncio.run`, use this instead. It takes no room while
    nobody holds it: each of many users has a token store.
    """

    __slots__ = ()

    async def __aenter__(self) -> None:
        key = self, asyncio.get_running_loop()
        lock, users = _IN_USE.get(key) or (asyncio.Lock(), 0)
        _IN_USE[key] = lock, users + 1
        try:
            await lock.acquire()
        except BaseException:
            _leave(key)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        key = self, asyncio.get_running_loop()
        _IN_USE[key][0].release()
        _leave(key)


# The locks that are held or waited for, with the number of tasks that do. Only the thread of its loop touches a key.
_IN_USE: Final[dict[tuple[LoopLock, asyncio.AbstractEventLoop], tuple[asyncio.Lock, int]]] = {}


def _leave(key: tuple[LoopLock, asyncio.AbstractEventLoop]) -> None:
    lock, users = _IN_USE[key]
    if users > 1:
        _IN_USE[key] = lock, users - 1
    else:
        del _IN_USE[key]
