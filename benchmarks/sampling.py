"""Which code the processor's time goes to, seen by a signal every millisecond of it.

What libraries do for a package of ours, such as msgspec for the codec, counts as that package's; aiohttp and the event
loop stand for themselves.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Sampler"]

_OURS: Final = "ev_energy_async"
_LOOP: Final = "event loop"
_OTHERS: Final = {"aiohttp": "aiohttp", "asyncio": _LOOP, "benchmarks": "benchmark"}
_SECONDS: Final = 0.001


class Sampler:
    """Counts stages while it is open; a context manager, in the main thread.

    Args:
        depth: How many names of the path in this package make a stage: 1 for packages.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._seen = Counter[str]()
        self._names: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def shares(self) -> dict[str, float]:
        """Return the share of each stage, the largest first."""
        total = self._seen.total()
        return {stage: times / total for stage, times in self._seen.most_common()}

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        while frame is not None:
            path = frame.f_code.co_filename
            if path not in self._names:
                self._names[path] = self._stage(path)
            if (stage := self._names[path]) is not None:
                self._seen[stage] += 1
                return
            frame = frame.f_back
        self._seen[_LOOP] += 1

    def _stage(self, path: str) -> str | None:
        """Return the stage that a file belongs to; None if that is its caller's."""
        parts = PurePath(path).with_suffix("").parts
        if _OURS in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(_OURS) :][: self._depth])
        return next((stage for part, stage in _OTHERS.items() if part in parts), None)
