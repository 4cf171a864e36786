"""The settings of a watch, and what the budget provides for them: the allotment, chosen anew in each cycle."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from ev_energy_async.codec import AsDict
from ev_energy_async.devices import Backfilling
from ev_energy_async.fleet.allotment import COMPLETE_WITHIN, HOUR, PAGE, Demand, allot
from ev_energy_async.fleet.plan import plan_of
from ev_energy_async.fleet.watch.outlook import Outlook
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.budget import RequestBudget
    from ev_energy_async.clock import Clock
    from ev_energy_async.fleet.allotment import Allotment
    from ev_energy_async.fleet.events import Spent
    from ev_energy_async.fleet.watch.look import Rules

__all__ = ["FleetClient", "Progress", "Provision", "Settings"]

_LOG: Final = logging.getLogger("ev_energy_async")
# A change of the interval that is worth a line in the log.
_NOTABLE: Final = 1.5


class FleetClient(Backfilling, Protocol):
    """The part of a client that a fleet needs: sending, the time, and the budget."""

    @property
    def budget(self) -> RequestBudget:
        """The hourly budget of requests."""
        ...


@attrs.frozen(kw_only=True)
class Progress(AsDict):
    """The progress of a cycle.

    Attributes:
        cycle: Its number.
        phase: `snapshot` while that is read, else `logs`.
        vehicles: Vehicles that were seen in it.
        waiting: Vehicles whose history is still to be read.
        spent: The requests it has made.
    """

    cycle: int
    phase: str
    vehicles: int
    waiting: int
    spent: Spent


@attrs.frozen(kw_only=True)
class Settings:
    """Settings of a watch; durations in seconds.

    Attributes:
        every: From the beginning of one snapshot to that of the next; None to choose it.
        complete_within: How soon every log is to be delivered; None to choose it, 0 for no history.
        rules: What is delivered.
        concurrency: How many logs are read at once.
        error_share: The share of the budget for error logs.
        cycles: After how many cycles it ends; None for never.
        on_progress: Called with a `Progress` after each step.
        name: What the keys in the checkpoint begin with.
    """

    every: float | None
    complete_within: float | None
    rules: Rules
    concurrency: int
    error_share: float
    cycles: int | None
    on_progress: Callable[[Any], object] | None
    name: str


class Provision:
    """The share of the budget that a watch has at present.

    Args:
        settings: The settings of the watch.
        budget: The hourly budget, which others may spend from too.
        clock: Where time comes from.

    Attributes:
        outlook: What was learned of the fleet.
        pages: How many pages a snapshot has.
    """

    def __init__(self, settings: Settings, budget: RequestBudget, clock: Clock) -> None:
        self.outlook = Outlook(clock.monotonic())
        self._settings = settings
        self._budget = budget
        self._clock = clock
        self._own: deque[tuple[float, int]] = deque()
        self._own_total = 0
        self._allotment = allot(self._demand(1, clock.monotonic()))
        self.pages = 1
        self._announced: tuple[float, bool] | None = None

    @property
    def every(self) -> float:
        """From the beginning of a snapshot to that of the next, in seconds."""
        return self._allotment.every

    @property
    def complete_within(self) -> float | None:
        """The time within which every log is delivered; see `Allotment`."""
        return self._allotment.complete_within

    @property
    def within(self) -> float:
        """The same in finite seconds, for deadlines."""
        found = self._allotment.complete_within
        return COMPLETE_WITHIN if found is None else min(found, 100 * COMPLETE_WITHIN)

    @property
    def fits(self) -> bool:
        """Whether the budget allows what was asked for."""
        return self._allotment.fits

    @property
    def reads_at_once(self) -> bool:
        """Whether each change is read at once."""
        return self._allotment.reads_at_once

    @property
    def reads_one_page(self) -> bool:
        """Whether a visit reads no more than a page."""
        return self._allotment.reads_one_page

    @property
    def late_every(self) -> float:
        """The interval at which the past of a device is read again, in seconds."""
        return self._allotment.late_every

    def turns(self, purpose: str, devices: int) -> int:
        """Return how many devices of a rotation there is budget for until the next snapshot ends."""
        per_hour = self._allotment.errors if purpose == "errors" else self._allotment.late
        wanted = per_hour * self.every / HOUR
        return min(devices, int(wanted) + (wanted > int(wanted)))

    def spend(self, calls: int, now: float) -> None:
        """Count requests of the watch, to tell those of others from them."""
        self._own.append((now, calls))
        self._own_total += calls

    def note_late(self, lateness: float) -> None:
        """Learn that a log was stored so many seconds late."""
        self.outlook.note_late(lateness, self._clock.monotonic())

    def choose(self, devices: int, now: float) -> tuple[Allotment, int]:
        """Choose anew, and return the allotment and how many pages a snapshot has."""
        self._allotment = allot(self._demand(devices, now))
        self.pages = max(1, -(-devices // PAGE))
        return self._allotment, self.pages

    def _demand(self, devices: int, now: float) -> Demand:
        settings, rules = self._settings, self._settings.rules
        while self._own and self._own[0][0] <= now - HOUR:
            self._own_total -= self._own.popleft()[1]
        allowance = self._budget.allowance
        # Others may spend from the same budget; whoever takes it all leaves a tenth.
        others = max(0, self._budget.used - self._own_total)
        return Demand(
            devices=devices,
            rate=self.outlook.rate(devices, now),
            budget=max(allowance / 10, allowance - others),
            every=settings.every,
            complete_within=settings.complete_within,
            error_share=settings.error_share if rules.errors else 0.0,
            past=rules.past / SECOND,
            lateness=self.outlook.lateness(now),
            is_status=rules.status,
        )

    def announce(self, devices: int, now: float) -> None:
        """Log what was chosen, once, and again when it changes much."""
        found = self._allotment
        before = self._announced
        if before is not None and found.fits == before[1] and 1 / _NOTABLE < found.every / before[0] < _NOTABLE:
            return
        self._announced = (found.every, found.fits)
        level = logging.INFO if found.fits else logging.WARNING
        _LOG.log(level, "watching the fleet: %s", plan_of(self._demand(devices, now), found).headline)
