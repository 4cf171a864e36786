"""The schedule by which charging sub-sessions are listed: those under way often, ended ones more seldom. Pure.

Each look is one list by the API's own filters (`is_finished`, `start`, `end`), so that what cannot have changed costs
nothing. Where webhooks tell of each start and each end, looks need not find them, and are rarer.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async.instants import SECOND, SKEW, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ENDED", "EVERY", "RUNNING", "SETTLE", "AuditLooks", "Look", "Looks"]

EVERY: Final = 300.0
"""From one look at sub-sessions that go on to the next, in seconds."""
SETTLE: Final = 3 * 86_400.0
"""The time after their end in which sub-sessions are revised, in seconds."""

RUNNING: Final = "running"
ENDED: Final = "ended"
_AUDITED_RUNNING: Final = "audited as going on"
_AUDITED_ENDED: Final = "audited as ended"
_LOG: Final = logging.getLogger("ev_energy_async")
_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0
_PAGE: Final = 100
# How long ago they have ended at the most, and how often these are listed again, in seconds.
_TIERS: Final = ((_HOUR, 900.0), (6 * _HOUR, _HOUR), (24 * _HOUR, 6 * _HOUR), (math.inf, 12 * _HOUR))
# Looks at those that go on are rarer where they would take more than this of the hourly budget.
_SHARE: Final = 0.1
# So much rarer are looks at what goes on where webhooks arrive.
_RARER: Final = 3
# So many starts and ends in a row that webhooks were the first to tell of say that they arrive.
_ENOUGH: Final = 3
# How long a webhook may take before a look that is faster counts it as lost.
_GRACE: Final = 120 * SECOND
# How long a sub-session lasts, for the plan: a night.
_LENGTH: Final = 10 * _HOUR


@attrs.define
class Look:
    """A list on its way.

    Attributes:
        name: `running`, `ended`, or which of the longer ago.
        filters: What is asked for.
        began: When it was begun, by the API's clock.
        cursor: The page that comes next; None at the beginning.
        seen: The sub-sessions that it has shown.
        pages: How many pages were read.
    """

    name: str
    filters: dict[str, Any]
    began: int
    cursor: str | None = None
    seen: set[str] = attrs.field(factory=set[str])
    pages: int = 0


class Looks:
    """Decides which lists are due.

    Args:
        every: From one look at those that go on to the next, in seconds.
        settle: How long after their end they may be revised, in seconds.
        has_webhooks: Whether webhooks are known to arrive.

    Attributes:
        settle: The same.
        has_webhooks: Whether webhooks arrive, so that looks at those that go on are rarer.
        pages: How many pages those that go on have.
        budget: Requests that an hour allows.
    """

    def __init__(self, every: float, settle: float, *, has_webhooks: bool = False) -> None:
        self._every = every
        self.settle = settle
        self.has_webhooks = has_webhooks
        self.pages = 1
        self.budget = math.inf
        self._webhooks_in_a_row = 0
        shorter = [(age, again) for age, again in _TIERS if age < settle]
        # Those that are about to settle are listed three times at the least.
        tiers = [*shorter, (settle, min(_TIERS[len(shorter)][1], settle / 3))]
        self._tiers = [(f"ended within {age:g} s", age, max(every, again)) for age, again in tiers]

    @property
    def every(self) -> float:
        """From one look at those that go on to the next, in seconds.

        That is longer than asked for while webhooks arrive, and where the looks would take too much of the budget.
        """
        asked = self._every * _RARER if self.has_webhooks else self._every
        return max(asked, self.pages * _HOUR / (_SHARE * self.budget))

    @property
    def last(self) -> str:
        """The name of the look that reaches back furthest."""
        return self._tiers[-1][0]

    @property
    def is_over(self) -> bool:
        """Whether none is due any more."""
        return False

    def note_webhook(self) -> None:
        """Take note that a webhook was the first to tell of a start or an end."""
        self._webhooks_in_a_row += 1
        if self._webhooks_in_a_row >= _ENOUGH and not self.has_webhooks:
            self.has_webhooks = True
            _LOG.info(
                "webhooks arrive: charging sub-sessions that go on are listed every %g s instead of %g s",
                self.every,
                self._every,
            )

    def note_missed(self, at: int, looked_at: int) -> None:
        """Take note that a look has found a start or an end of which no webhook has told."""
        if looked_at - at <= _GRACE:
            return
        self._webhooks_in_a_row = 0
        if self.has_webhooks:
            self.has_webhooks = False
            _LOG.info(
                "a webhook did not arrive: charging sub-sessions that go on are listed every %g s again", self._every
            )

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

    def done(self, name: str) -> None:
        """Take note that a look was read to its end."""

    def begin_anew(self) -> None:
        """Take note that what was found since the last acknowledgement is forgotten."""

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
        return end < now - round(self.settle * SECOND) - 4 * SKEW

    def expect(self, per_day: float, budget: float) -> None:
        """Keep the pace, `every`, that so many sub-sessions a day allow, each a night long.

        Args:
            per_day: How many there are.
            budget: Requests that an hour allows.
        """
        self.pages, self.budget = _pages(per_day, _LENGTH), budget

    def per_hour(self, per_day: float) -> float:
        """Return the requests an hour that so many sub-sessions a day take."""
        looks = [(self.every, _LENGTH), (self.every, self.every), *((every, age) for _, age, every in self._tiers)]
        return sum(_HOUR / every * _pages(per_day, length) for every, length in looks)


class AuditLooks(Looks):
    """The lists of an audit: all that went on in a time, those that have ended since and those that have not.

    Args:
        since: The beginning of that time.
        until: Its end.
        settle: How long after their end they may be revised, in seconds: what is settled is known no more.
    """

    def __init__(self, since: int, until: int, settle: float) -> None:
        super().__init__(EVERY, settle)
        self._bounds = since, until
        self._left: list[str] = []
        self.begin_anew()

    @property
    def is_over(self) -> bool:
        """Whether both were read to their ends."""
        return not self._left

    def done(self, name: str) -> None:
        """Go on to the other one; until then `next` returns the same, for it may have failed."""
        self._left.remove(name)

    def begin_anew(self) -> None:
        """Return to the first of both."""
        self._left = [_AUDITED_ENDED, _AUDITED_RUNNING]

    @property
    def last(self) -> str:
        """An empty name, which no look has: an audit forgets nothing."""
        return ""

    def since(self, now: int) -> int:
        """Return from when on sub-sessions are known."""
        return max(self._bounds[0], now - round(self.settle * SECOND))

    def next(self, looked: dict[str, int], begin: int, now: int) -> Look | None:
        """Return the first of both that is not done; see `Looks.next`."""
        del looked
        if not self._left:
            return None
        name = self._left[-1]
        # The API's bounds exclude.
        bounds: dict[str, Any] = {"start_lt": moment(self._bounds[1] + 1_000)}
        if name == _AUDITED_RUNNING:
            return Look(name, {"is_finished": False, **bounds}, now)
        since = max(begin, self.since(now)) - 1_000
        return Look(name, {"is_finished": True, "end_gt": moment(since), **bounds}, now)

    def covered_by(self, name: str) -> Sequence[str]:
        """Return none: the stream goes on as if there had been no audit."""
        del name
        return []


def _pages(per_day: float, length: float) -> int:
    """Return how many pages list the sub-sessions of so many seconds."""
    return max(1, math.ceil(per_day * length / _DAY / _PAGE))
