"""How a watch shares out the hourly budget: its interval, the turns of its rotations, and what is to be expected of it.

Pure arithmetic on what `_engine` tells it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async.fleet.events import Delays
from ev_energy_async.fleet.plan import Plan, interval_for, plan
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.budget import Budget
    from ev_energy_async.fleet.events import Spent
    from ev_energy_async.fleet.watch.cycle import Rules

__all__ = ["Allotment", "Settings"]

# The share of the hourly budget that a watch plans with; the rest is for what changes more than usual.
_USABLE: Final = 0.9
_HOUR: Final = 3_600.0
# Over how many readings of a past its size is averaged.
_OF_LATE: Final = 50


@attrs.frozen(kw_only=True)
class Settings:
    """How a watch is made; durations in seconds.

    Attributes:
        every: From the beginning of one cycle to that of the next, at the least.
        rules: What is read when.
        concurrency: How many collections are read at once.
        error_share: The share of the budget for error logs.
        reread_share: The share of the budget for reading the past again.
        reread_every: How often the past of a vehicle is read again, at the most.
        on_progress: Called with a `Progress` after each step.
        name: What the keys in the checkpoint begin with.
    """

    every: float
    rules: Rules
    concurrency: int
    error_share: float
    reread_share: float
    reread_every: float
    on_progress: Callable[[Any], object] | None
    name: str


class Allotment:
    """What a watch may spend on what.

    Attributes:
        every: From the beginning of one cycle to that of the next, as the budget allows it.
    """

    def __init__(self, settings: Settings, budget: Budget) -> None:
        self.every = settings.every
        self._settings = settings
        self._rules = settings.rules
        self._budget = budget
        self._credit = {"errors": 0.0, "reread": 0.0}
        # How many pages the past of a vehicle takes, as seen of late.
        self._pages = 1.0
        self._turns = 0.0

    def errors(self, vehicles: int) -> int:
        """Return of how many vehicles the error logs may be read in a cycle."""
        return self._allowed("errors", self._settings.error_share, vehicles)

    def turns(self, vehicles: int) -> int:
        """Return of how many vehicles the past may be read in a cycle, and count them.

        Each has its turn once in `reread_every` at the most, and all of them together what the share pays for.
        """
        due = self._turns + vehicles * self.every / self._settings.reread_every
        pages = self._allowed("reread", self._settings.reread_share, math.ceil(vehicles * self._pages))
        turns = min(int(due), vehicles, math.ceil(pages / self._pages))
        self._turns = min(due - turns, float(vehicles))
        return turns

    def _allowed(self, what: str, share: float, most: int) -> int:
        more = share * self._budget.allowance * self.every / _HOUR
        self._credit[what] = min(self._credit[what] + more, max(1.0, 2 * more))
        return min(max(0, int(self._credit[what])), most)

    def spend(self, why: str, calls: int) -> None:
        """Take what a reading has cost."""
        if why in self._credit:
            self._credit[why] -= calls

    def give_back(self) -> None:
        """Take back a turn that came to nothing."""
        self._turns += 1

    def learn(self, pages: int) -> None:
        """Take how many pages the past of a vehicle took."""
        self._pages += (max(1, pages) - self._pages) / _OF_LATE

    def stretch(self, spent: Spent) -> None:
        """Make the interval as long as the budget asks for, given what a cycle has spent."""
        rotations = self._rules.errors * self._settings.error_share + self._rules.status * self._settings.reread_share
        usable = max(1 - _USABLE, _USABLE - rotations)
        cost = spent.snapshot + spent.status + spent.checks
        self.every = interval_for(self._settings.every, cost, self._budget.allowance, usable)

    def delays(self, vehicles: int, duration: float) -> Delays:
        """Return how long it takes at the worst until a log is told of, as things go now.

        Args:
            vehicles: How many there are.
            duration: How long a cycle takes, in seconds.
        """
        settings, rules = self._settings, self._rules
        hourly = self._budget.allowance / _HOUR

        def turn(share: float, pages: float = 1.0) -> float:
            return max(self.every, vehicles * pages / (share * hourly)) + duration if share else math.inf

        return Delays(
            status=max(self.every, rules.read_every / SECOND) + duration,
            # Those that look unwell take half of it.
            errors=turn(settings.error_share / 2) if rules.errors else None,
            late=max(settings.reread_every, turn(settings.reread_share, self._pages)) if rules.status else None,
        )

    def plan(self, vehicles: int) -> Plan:
        """Return what a watch over so many vehicles is going to take."""
        settings, rules = self._settings, self._rules
        return plan(
            vehicles,
            settings.every,
            logs=rules.logs,
            read_every=rules.read_every / SECOND or None,
            error_share=settings.error_share,
            reread_share=settings.reread_share,
            reread_every=settings.reread_every,
            past=rules.past / SECOND,
            budget=self._budget.allowance,
        )
