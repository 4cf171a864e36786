"""One time for a sandbox and for consumers in other processes: it runs fast, and jumps where somebody sleeps.

Nobody waits for an interval between two cycles, yet time goes on while requests are under way, as it does in life. A
consumer that was stopped or killed finds that hours have passed.
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

# When it began by the machine's clock, in nanoseconds, and how fast it runs; how far the harness and how far the
# consumer has moved it. Each number has one process that writes it, so none is lost.
_HEAD: Final = struct.Struct("<qd")
_NUMBER: Final = struct.Struct("<q")
_NAP: Final = 0.001


class Sleepers:
    """Those who sleep on a clock that can be moved: only the one who is to wake first may move it."""

    def __init__(self) -> None:
        self._wakes: list[float] = []

    @contextlib.asynccontextmanager
    async def entered(self, wake: float) -> AsyncGenerator[Callable[[], bool]]:
        """Count among them until a moment, and give a function that tells whether that is the first of all."""
        insort(self._wakes, wake)
        try:
            yield lambda: self._wakes[0] >= wake
        finally:
            self._wakes.remove(wake)


class SharedClock:
    """A clock for sandboxes and clients, kept in a file that several processes have in their memory.

    Args:
        path: The file; `create` makes it.
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
        """Begin to count, `speed` times as fast as the machine does, and return the harness's end."""
        path.write_bytes(_HEAD.pack(time.monotonic_ns(), speed) + 2 * _NUMBER.pack(0))
        return cls(path, is_consumer=False)

    def now(self) -> dt.datetime:
        """Return the time, in UTC."""
        return START + dt.timedelta(microseconds=self._elapsed() // 1_000)

    def monotonic(self) -> float:
        """Return the seconds since it began."""
        return self._elapsed() / 1e9

    def _elapsed(self) -> int:
        moved = sum(_NUMBER.unpack_from(self._memory, _HEAD.size + at)[0] for at in (0, _NUMBER.size))
        return int((time.monotonic_ns() - self._began) * self._speed) + int(moved)

    async def sleep(self, delay: float) -> None:
        """Move time on to the end of the delay, unless it gets there by itself or others are to wake before."""
        wake = self.monotonic() + delay
        async with self._sleepers.entered(wake) as is_next:
            while self.monotonic() < wake:
                await asyncio.sleep(min((wake - self.monotonic()) / self._speed, _NAP))
                if is_next():
                    self.advance(wake - self.monotonic())

    def advance(self, by: float) -> None:
        """Move time on by some seconds; nothing if they are below zero."""
        if by > 0:
            [before] = _NUMBER.unpack_from(self._memory, self._own)
            _NUMBER.pack_into(self._memory, self._own, before + round(by * 1e9))

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
