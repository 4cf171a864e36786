"""The settings of a watch, and what the budget provides for them: the allotment, chosen anew in each cycle."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from ev_energy_async.codec import AsDict
from ev_energy_async.devices import Backfilling
from ev_energy_async.fleet.allotment import COMPLETE_WITHIN, HOUR, PAGE, Demand, allot, wish
from ev_energy_async.fleet.plan import plan_of
from ev_energy_async.fleet.watch.outlook import Outlook
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.budget import RequestBudget
    from ev_energy_async.clock import Clock
    from ev_energy_async.devices import DeviceKind
    from ev_energy_async.fleet.allotment import Allotment
    from ev_energy_async.fleet.events import Spent
    from ev_energy_async.fleet.watch.look import Rules

__all__ = ["Expenses", "FleetClient", "Progress", "Provision", "Settings"]

_LOG: Final = logging.getLogger("ev_energy_async")
# A change of the interval that is worth a line in the log.
_NOTABLE: Final = 1.5


class FleetClient(Backfilling, Protocol):
    """The part of a client that a fleet needs: sending, the time, and the budget."""

    @property
    def budget(self) -> RequestBudget:
        """The hourly budget of requests."""
        ...


@attrs.frozen
class Progress(AsDict):
    """The progress of a cycle.

    Attributes:
        kind: Of which devices.
        cycle: Its number.
        phase: `snapshot` while that is read, else `logs`.
        vehicles: Devices that were seen in it.
        waiting: Devices whose history is still to be read.
        spent: The requests it has made.
    """

    kind: str = "vehicles"
    cycle: int = attrs.field(kw_only=True)
    phase: str = attrs.field(kw_only=True)
    vehicles: int = attrs.field(kw_only=True)
    waiting: int = attrs.field(kw_only=True)
    spent: Spent = attrs.field(kw_only=True)


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
        is_raw: Whether events have the raw JSON of their logs.
        selects: Which devices are watched; None for all.
    """

    every: float | None
    complete_within: float | None
    rules: Rules
    concurrency: int
    error_share: float
    cycles: int | None
    on_progress: Callable[[Any], object] | None
    name: str
    is_raw: bool = False
    selects: Callable[[Any], bool] | None = None

    @property
    def kind(self) -> DeviceKind:
        """The kind of devices."""
        return self.rules.of


class Expenses:
    """The requests that a watch has made in the last hour, which tell those of others from them, and its kinds' wishes.

    Args:
        budget: The hourly budget, which others may spend from too.

    Attributes:
        wishes: Requests an hour that each kind of devices would like to have.
    """

    def __init__(self, budget: RequestBudget) -> None:
        self.wishes: dict[str, float] = {}
        self._budget = budget
        self._own: deque[tuple[float, int]] = deque()
        self._total = 0

    def spend(self, calls: int, now: float) -> None:
        """Count requests."""
        self._own.append((now, calls))
        self._total += calls

    def left(self, kind: str, now: float) -> float:
        """Return what an hour allows for a kind of devices, beside what others spend."""
        while self._own and self._own[0][0] <= now - HOUR:
            self._total -= self._own.popleft()[1]
        allowance = self._budget.allowance
        # Whoever takes it all leaves a tenth.
        others = max(0, self._budget.used - self._total)
        wishes = sum(self.wishes.values())
        share = self.wishes[kind] / wishes if wishes else 1.0
        return max(allowance / 10, allowance - others) * share


class Provision:
    """The share of the budget that a kind of devices has at present.

    Args:
        settings: The settings of the watch.
        clock: Where time comes from.
        expenses: What the watch has spent, for all its kinds.

    Attributes:
        outlook: What was learned of the fleet.
        pages: How many pages a snapshot has.
    """

    def __init__(self, settings: Settings, clock: Clock, expenses: Expenses) -> None:
        self.outlook = Outlook(clock.monotonic())
        self._settings = settings
        self._clock = clock
        self._expenses = expenses
        self.pages = 1
        self._pages_seen = 0
        self._allotment = allot(self._demand(1, clock.monotonic()))
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

    def note_pages(self, pages: int) -> None:
        """Learn how many pages a snapshot has: it may show devices that are not watched."""
        self._pages_seen = pages

    def note_late(self, lateness: float) -> None:
        """Learn that a log was stored so many seconds late."""
        self.outlook.note_late(lateness, self._clock.monotonic())

    def choose(self, devices: int, now: float) -> tuple[Allotment, int]:
        """Choose anew, and return the allotment and how many pages a snapshot has."""
        self._allotment = allot(self._demand(devices, now))
        self.pages = max(1, -(-devices // PAGE), self._pages_beside)
        return self._allotment, self.pages

    def _demand(self, devices: int, now: float) -> Demand:
        settings, rules = self._settings, self._settings.rules
        rate = self.outlook.rate(devices, now)
        self._expenses.wishes[settings.kind.kind] = wish(devices, rate)
        return Demand(
            devices=devices,
            rate=rate,
            budget=self._expenses.left(settings.kind.kind, now),
            pages=self._pages_beside,
            every=settings.every,
            complete_within=settings.complete_within,
            error_share=settings.error_share if rules.errors else 0.0,
            past=rules.past / SECOND,
            lateness=self.outlook.lateness(now),
            is_status=rules.status,
            is_shown=settings.kind.is_shown,
        )

    @property
    def _pages_beside(self) -> int:
        # Of a fleet that is watched as a whole the number of devices tells more, for it may have grown meanwhile.
        return 0 if self._settings.selects is None else self._pages_seen

    def announce(self, devices: int, now: float) -> None:
        """Log what was chosen, once, and again when it changes much."""
        found = self._allotment
        before = self._announced
        if before is not None and found.fits == before[1] and 1 / _NOTABLE < found.every / before[0] < _NOTABLE:
            return
        self._announced = (found.every, found.fits)
        level = logging.INFO if found.fits else logging.WARNING
        _LOG.log(level, "watching the fleet: %s", plan_of(self._demand(devices, now), found).headline)
