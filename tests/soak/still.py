"""A clock of several processes that stands still while any of them works, and then jumps to the next one who wakes.

So hours pass in minutes, and what a call waits for is the budget alone, however busy the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
import mmap
import struct
from bisect import insort
from typing import TYPE_CHECKING, Any, Final

from .timing import START

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

__all__ = ["Conductor", "StillClock"]

_NOW: Final = struct.Struct("<d")
# Of each process: when it wakes next, and the time up to which it has nothing more to do, infinite
# once it has ended.
_PLACE: Final = struct.Struct("<dd")
_TICK: Final = 0.001
_QUIET: Final = 5


class Conductor:
    """The end that moves the clock.

    Args:
        path: Its file.
        processes: How many processes there are; it stands still until all have begun.
    """

    def __init__(self, path: Path, processes: int) -> None:
        path.write_bytes(_NOW.pack(0.0) + processes * _PLACE.pack(math.inf, -1.0))
        self._processes = processes
        self._memory = _open(path)

    def now(self) -> dt.datetime:
        """Return the time, in UTC."""
        return START + dt.timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since its start."""
        now: float = _NOW.unpack_from(self._memory)[0]
        return now

    async def run(self, until: float) -> None:
        """Move it to whoever wakes next, each time that all have nothing more to do, up to a time."""
        while (now := self.monotonic()) < until:
            await asyncio.sleep(_TICK)
            places = [
                _PLACE.unpack_from(self._memory, _NOW.size + number * _PLACE.size) for number in range(self._processes)
            ]
            if all(settled in {now, math.inf} for _, settled in places):
                _NOW.pack_into(self._memory, 0, min(until, *(wake for wake, _ in places)))


class StillClock:
    """The end of a process, for its client and its budget.

    Args:
        path: The file.
        number: Which of the processes it is.
    """

    def __init__(self, path: Path, number: int) -> None:
        self._memory = _open(path)
        self._place = _NOW.size + number * _PLACE.size
        self._wakes: list[float] = []
        self._busy = 0

    def now(self) -> dt.datetime:
        """Return the time, in UTC."""
        return START + dt.timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since its start."""
        now: float = _NOW.unpack_from(self._memory)[0]
        return now

    async def sleep(self, delay: float) -> None:
        """Wait for seconds of this clock."""
        wake = self.monotonic() + delay
        insort(self._wakes, wake)
        try:
            while self.monotonic() < wake:  # noqa: ASYNC110  # the conductor is another process
                await asyncio.sleep(_TICK)
        finally:
            self._wakes.remove(wake)

    async def run(self) -> None:
        """Say up to when this process has nothing more to do; once cancelled, for ever."""
        quiet, before = 0, -1.0
        try:
            while True:
                await asyncio.sleep(_TICK)
                now = self.monotonic()
                wake = self._wakes[0] if self._wakes else math.inf
                quiet = 0 if self._busy or wake <= now or now != before else quiet + 1
                before = now
                _PLACE.pack_into(self._memory, self._place, wake, now if quiet >= _QUIET else -1.0)
        finally:
            _PLACE.pack_into(self._memory, self._place, math.inf, math.inf)

    @contextlib.contextmanager
    def io(self) -> Generator[None]:
        """Return a context in which the clock stands still."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def still(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that asks, while the clock stands still."""

        async def asked(*given: Any, **named: Any) -> Any:
            with self.io():
                return await ask(*given, **named)

        return asked


def _open(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)
