"""When charging sub-sessions are listed, and by which filters: those that go on often, ended ones more seldom. Pure.

Each look is one list by the API's own filters (`is_finished`, `end`), so that what cannot have changed costs nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async.instants import SECOND, SKEW, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ENDED", "EVERY", "RUNNING", "SETTLE", "Look", "Looks"]

EVERY: Final = 300.0
"""From one look at sub-sessions that go on to the next, in seconds."""
SETTLE: Final = 3 * 86_400.0
"""How long after their end sub-sessions are revised, in seconds."""

RUNNING: Final = "running"
ENDED: Final = "ended"
_HOUR: Final = 3_600.0
# How long ago they have ended at the most, and how often these are listed again, in seconds.
_TIERS: Final = ((_HOUR, 900.0), (6 * _HOUR, _HOUR), (24 * _HOUR, 6 * _HOUR), (math.inf, 12 * _HOUR))


@attrs.define
class Look:
    """A list on its way.

    Attributes:
        name: `running`, `ended`, or which of the longer ago.
        filters: What is asked for.
        began: When it was begun, by the API's clock.
        cursor: The page that comes next; None at the beginning.
        seen: The sub-sessions that it has shown.
    """

    name: str
    filters: dict[str, Any]
    began: int
    cursor: str | None = None
    seen: set[str] = attrs.field(factory=set[str])


class Looks:
    """Which list is due.

    Args:
        every: From one look at those that go on to the next, in seconds.
        settle: How long after their end they may be revised, in seconds.
    """

    def __init__(self, every: float, settle: float) -> None:
        self.every = every
        self._settle = settle
        shorter = [(age, again) for age, again in _TIERS if age < settle]
        # Those that are about to settle are listed three times at the least.
        tiers = [*shorter, (settle, min(_TIERS[len(shorter)][1], settle / 3))]
        self._tiers = [(f"ended within {age:g} s", age, max(every, again)) for age, again in tiers]

    @property
    def last(self) -> str:
        """The name of the look that reaches back furthest."""
        return self._tiers[-1][0]

    def next(self, looked: dict[str, int], begin: int, now: int) -> Look | None:
        """Return the look that is due; None if none is.

        Args:
            looked: When each was last begun.
            begin: From when on sub-sessions count.
            now: The time.
        """
        running, ended = looked.get(RUNNING), looked.get(ENDED)
        if ended is None or (running is not None and running > ended):
            # What has ended since the last look is not among those that go on.
            since = begin if ended is None else max(begin, ended - SKEW)
            if running is not None:
                return Look(ENDED, {"is_finished": True, "end_gt": moment(since)}, now)
        if running is None or now - running >= round(self.every * SECOND):
            return Look(RUNNING, {"is_finished": False}, now)
        for name, age, every in self._tiers:
            last = looked.get(name, begin)
            if now - last >= round(every * SECOND):
                # After a pause, what was to be looked at meanwhile is.
                since = max(begin, min(now, last + round(every * SECOND)) - round(age * SECOND) - SKEW)
                return Look(name, {"is_finished": True, "end_gt": moment(since)}, now)
        return None

    def next_at(self, looked: dict[str, int], begin: int) -> int:
        """Return when the next look is due."""
        tiers = [looked.get(name, begin) + round(every * SECOND) for name, _, every in self._tiers]
        return min([looked.get(RUNNING, begin) + round(self.every * SECOND), *tiers])

    def covered_by(self, name: str) -> Sequence[str]:
        """Return the looks that one with this name makes unnecessary: those that reach back less far."""
        names = [ENDED, *(tier for tier, _, _ in self._tiers)]
        return names[: names.index(name) + 1] if name in names else [name]

    def is_settled(self, end: int, now: int) -> bool:
        """Return whether a sub-session that ended then is revised no more, and no look shows it."""
        return end < now - round(self._settle * SECOND) - 4 * SKEW
