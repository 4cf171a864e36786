"""The pages of the snapshots of one kind of devices: which is due, and from which cursor. `track` decides the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ev_energy_async.fleet.watch.jobs import PageJob
from ev_energy_async.fleet.watch.shown import Shown
from ev_energy_async.fleet.watch.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Collection

    from ev_energy_async.fleet.watch.cycle import Cycle
    from ev_energy_async.fleet.watch.scheduler import Scheduler
    from ev_energy_async.fleet.watch.settings import FleetClient, Settings
    from ev_energy_async.fleet.watch.walk import Walker

__all__ = ["Pages"]


class Pages:
    """The pages of the snapshots of a kind.

    Args:
        client: What to ask through.
        settings: The settings of the watch.
        scheduler: When a page is due.

    Attributes:
        shown: The devices as the snapshot before has shown them.
    """

    def __init__(self, client: FleetClient, settings: Settings, scheduler: Scheduler) -> None:
        self.shown = Shown()
        self._client = client
        self._settings = settings
        self._scheduler = scheduler
        # The cursors that the last snapshot came by, and how long a page takes.
        self._cursors: list[str] = []
        self._took = 0.0

    def forget(self) -> None:
        """Know nothing of an earlier snapshot any more."""
        self.shown.forget()
        self._cursors = []

    def begin(self, cycle: Cycle, now: float, *, is_paced: bool) -> None:
        """Begin a snapshot, from as many cursors at once as are needed to keep its intervals."""
        walkers = 1
        if is_paced and not cycle.is_resumed:
            walkers = min(self._scheduler.walkers(self._took, self._settings.concurrency), 1 + len(self._cursors))
            step = len(self._cursors) / walkers
            cycle.walk = Walk(None, [self._cursors[int(step * number)] for number in range(1, walkers)])
        self._scheduler.begin_pass(now, is_paced=is_paced, walkers=walkers)
        self.shown.begin()

    def due(self, cycle: Cycle, now: float, under_way: Collection[object]) -> list[PageJob]:
        """Return the next page if it is due, given the jobs that are under way."""
        walker = self._idle(cycle, under_way)
        if walker is None or self.at(cycle, now, under_way) > now:
            return []
        settings = self._settings
        # A selection by the application may depend on more than a device.
        glance = self.shown.glance() if settings.selects is None else None
        return [PageJob(self._client, settings.kind, walker, is_raw=settings.is_raw, glance=glance)]

    def at(self, cycle: Cycle, now: float, under_way: Collection[object]) -> float:
        """Return when the next page is due; infinite if all that can be asked for are under way."""
        if self._idle(cycle, under_way) is None:
            return math.inf
        return self._scheduler.page_at(now, len(self._asked(under_way)))

    def _asked(self, under_way: Collection[object]) -> list[PageJob]:
        """Return those of this kind; jobs of other kinds may be under way beside them."""
        return [job for job in under_way if isinstance(job, PageJob) and job.of is self._settings.kind]

    def _idle(self, cycle: Cycle, under_way: Collection[object]) -> Walker | None:
        busy = {job.walker.number for job in self._asked(under_way)}
        idle = [walker for walker in cycle.walk.walkers if walker.number not in busy]
        # In turns, so that each meets what the next one has begun with.
        return min(idle, key=lambda walker: walker.pages, default=None)

    def done(self, cycle: Cycle, job: PageJob, page: Any, now: float) -> None:
        """Take note of a page that was looked at."""
        self._scheduler.page_done(now)
        self._took = 0.8 * self._took + 0.2 * job.took if self._took else job.took
        same = () if job.glance is None else job.glance.same.values()
        cycle.walk.move(job.walker, [*same, *(device.id for device in page)], page.next_cursor)

    def walked(self, cycle: Cycle) -> None:
        """Keep the cursors of a snapshot that is over, for the next one."""
        if cycle.walk.is_over:
            self._cursors = [] if cycle.is_resumed else cycle.walk.cursors
