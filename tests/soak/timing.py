"""A clock shared by a sandbox and consumers in other processes: it runs fast, and skips sleeps.

Nobody waits between two cycles, yet time passes during requests, as in reality. A consumer that was stopped or killed
finds that hours have passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import mmap
import struct
import time
from bisect import insort
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

__all__ = ["START", "SharedClock", "Sleepers"]

START: Final = dt.datetime(2026, 3, 14, 7, 5, tzinfo=dt.UTC)

# Its start by the machine's clock in nanoseconds, and its speed; how far the harness and the consumer have moved it.
# Only one process writes each number, so no update is lost.
_HEAD: Final = struct.Struct("<qd")
_NUMBER: Final = struct.Struct("<q")
_NAP: Final = 0.001


class Sleepers:
    """Sleepers on a movable clock: only the first to wake may move it."""

    def __init__(self) -> None:
        self._wakes: list[float] = []

    @contextlib.asynccontextmanager
    async def entered(self, wake: float) -> AsyncGenerator[Callable[[], bool]]:
        """Be one of them until a moment; yields a function that returns whether it is the first to wake."""
        insort(self._wakes, wake)
        try:
            yield lambda: self._wakes[0] >= wake
        finally:
            self._wakes.remove(wake)


class SharedClock:
    """A clock for sandboxes and clients, in a memory-mapped file that several processes share.

    Args:
        path: The file, which `create` creates.
        is_consumer: Whether this is the consumer's end, which moves time when it sleeps.
    """

    def __init__(self, path: Path, *, is_consumer: bool) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._began, self._speed = _HEAD.unpack_from(self._memory)
        self._own = _HEAD.size + (_NUMBER.size if is_consumer else 0)
        self._sleepers = Sleepers()

    @classmethod
    def create(cls, path: Path, speed: float) -> SharedClock:
        """Create a clock that runs `speed` times as fast as the machine's, and return the harness's end."""
        path.write_bytes(_HEAD.pack(time.monotonic_ns(), speed) + 2 * _NUMBER.pack(0))
        return cls(path, is_consumer=False)

    def now(self) -> dt.datetime:
        """Return the time, in UTC."""
        return START + dt.timedelta(microseconds=self._elapsed() // 1_000)

    def monotonic(self) -> float:
        """Return the seconds since its start."""
        return self._elapsed() / 1e9

    def _elapsed(self) -> int:
        moved = sum(_NUMBER.unpack_from(self._memory, _HEAD.size + at)[0] for at in (0, _NUMBER.size))
        return int((time.monotonic_ns() - self._began) * self._speed) + int(moved)

    async def sleep(self, delay: float) -> None:
        """Move time to the end of the delay, unless it gets there by itself or others wake earlier."""
        wake = self.monotonic() + delay
        async with self._sleepers.entered(wake) as is_next:
            while self.monotonic() < wake:
                await asyncio.sleep(min((wake - self.monotonic()) / self._speed, _NAP))
                if is_next():
                    self.advance(wake - self.monotonic())

    def advance(self, by: float) -> None:
        """Move time on by some seconds; negative ones have no effect."""
        if by > 0:
            [before] = _NUMBER.unpack_from(self._memory, self._own)
            _NUMBER.pack_into(self._memory, self._own, before + round(by * 1e9))

    def close(self) -> None:
        """Close the file."""
        self._memory.close()
