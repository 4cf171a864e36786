"""One kind of devices in a watch: its snapshots and its reads, when they are due, and what comes of them.

`engine` runs the jobs of all kinds, and hands their outcomes back. What is due is decided by `scheduler`, what follows
from a snapshot by `look` and `cycle`, what of a log is new by `ledger`.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ev_energy_async.devices import is_refusal, is_transient
from ev_energy_async.errors import ApiError, DecodeError, EvEnergyError
from ev_energy_async.fleet.watch.cycle import Cycle
from ev_energy_async.fleet.watch.emitter import Emitter
from ev_energy_async.fleet.watch.jobs import Lookup, PageJob, ReadJob
from ev_energy_async.fleet.watch.look import look_at
from ev_energy_async.fleet.watch.pages import Pages
from ev_energy_async.fleet.watch.reads import Reads
from ev_energy_async.fleet.watch.rounds import Rounds
from ev_energy_async.fleet.watch.scheduler import Scheduler
from ev_energy_async.fleet.watch.settings import Progress, Provision
from ev_energy_async.fleet.watch.state import FleetState, Meta
from ev_energy_async.instants import ALWAYS, SECOND, moment

if TYPE_CHECKING:
    from collections.abc import Collection

    from ev_energy_async.devices import ServerTime
    from ev_energy_async.fleet.watch.emitter import Events
    from ev_energy_async.fleet.watch.journal import Journal
    from ev_energy_async.fleet.watch.settings import Expenses, FleetClient, Settings

__all__ = ["Task", "Track"]

Task: TypeAlias = "PageJob | ReadJob | Lookup"
"""A job of the engine."""

# Below calls of the application; a backfill comes after both.
_SNAPSHOT, _HISTORY = -1, -2
_SHORT: Final = 5.0  # seconds that history waits where others have used up the budget


class Track:
    """A kind of devices that is watched.

    Args:
        client: What to ask through.
        settings: The settings of the watch for this kind.
        time: The API's time.
        journal: Where changes are noted.
        events: Where events go.
        expenses: What the watch has spent, for all its kinds.

    Attributes:
        state: The state of each device, with all that was delivered.
        provision: Its share of the budget.
        finished: How many cycles were finished.
        has_begun: Whether the first look ever was taken, which is still to be written to the checkpoint.
    """

    def __init__(
        self,
        client: FleetClient,
        settings: Settings,
        time: ServerTime,
        journal: Journal,
        events: Events,
        expenses: Expenses,
    ) -> None:
        self.clock = client.clock
        self.state = FleetState(settings.kind.kind)
        self.finished = 0
        self.has_begun = False
        self._client = client.with_options(priority=_SNAPSHOT)
        self._settings = settings
        self._expenses = expenses
        self._rules = settings.rules
        self._time = time
        self._emitter = Emitter(journal, self.state, events)
        self.provision = self._provision = Provision(settings, self.clock, expenses)
        self._scheduler = Scheduler(self.clock.monotonic())
        self._emitter.on_late = self._provision.note_late
        reader = client.with_options(priority=_HISTORY)
        self._reads = Reads(reader, time, settings, self.state, self._scheduler, self._provision, self._emitter)
        self._pages = Pages(self._client, settings, self._scheduler)
        self._rounds = Rounds(self._rules, self.state, self._scheduler, self._emitter.late)
        self._cycle: Cycle | None = None
        self._due = -math.inf
        self._has_shrunk = False

    @property
    def is_over(self) -> bool:
        """Whether its last cycle is finished."""
        return self._settings.cycles is not None and self.finished >= self._settings.cycles

    def reset(self) -> None:
        """Forget what is under way."""
        self._cycle, self.has_begun = None, False
        self._pages.forget()
        self._rounds.forget()
        self._reads.clear()
        self._scheduler.forget_all()

    def loaded(self, state: FleetState) -> None:
        """Begin anew with the state of a checkpoint."""
        self.state.take(state)
        self._provide(self.clock.monotonic())
        for device_id, device in self.state.devices.items():
            if device.is_here and (device.behind or any(what == device.regular for what, _ in device.trouble)):
                self._reads.want(device_id, device.behind, is_initial=device.behind <= device.since)

    def hint(self, device_id: str) -> bool:
        """Read a device before others, for it is said to have something new; return whether it is known."""
        device = self.state.devices.get(device_id)
        if device is None or not device.is_here or not self._rules.reads:
            return False
        self._reads.want(device_id, device.behind, due=0)
        return True

    # --- What is due

    def begin_if_due(self, now: float) -> None:
        """Begin a cycle if its time has come."""
        if self._cycle is None and now >= self._due and not self.is_over:
            self._begin(now)

    def finish_if_done(self, now: float) -> bool:
        """Finish the cycle if it is done, and return whether it was."""
        if self._cycle is None or not self._may_finish(self._cycle, now):
            return False
        self._finish(self._cycle, now)
        return True

    def _begin(self, now: float) -> None:
        meta = self.state.meta
        cycle = self._cycle = Cycle(meta, self._time.now(), now)
        cycle.is_first = meta.since == ALWAYS
        is_recent = cycle.began - meta.snapshot_at <= round(2 * self._provision.every * SECOND)
        is_paced = (is_recent or self.finished > 0) and self._settings.cycles is None
        self._pages.begin(cycle, now, is_paced=is_paced)
        self._reads.retry()

    @property
    def has_walkers(self) -> bool:
        """Whether several pages of a snapshot may be under way at a time."""
        return self._cycle is not None and len(self._cycle.walk.walkers) > 1

    def jobs(self, now: float, under_way: Collection[Task] = ()) -> list[Task]:
        """Return what is to be asked now, all at once, beside what is under way."""
        jobs = self.urgent(now, under_way)
        if self._client.budget.remaining <= len(jobs):
            return jobs
        return [*jobs, *self._reads.due(now, self._settings.concurrency, under_way)]

    def urgent(self, now: float, under_way: Collection[Task] = ()) -> list[Task]:
        """Return what no read may hold up: the next page of the snapshot if it is due, and devices to be looked up."""
        cycle, settings = self._cycle, self._settings
        if cycle is None:
            return []
        missing = () if self._is_looking(under_way) else islice(cycle.missing, settings.concurrency)
        lookups = (Lookup(self._client, settings.kind, device_id) for device_id in missing)
        return [*lookups, *self._pages.due(cycle, now, under_way)]

    def _is_looking(self, under_way: Collection[Task]) -> bool:
        return any(isinstance(job, Lookup) and job.of is self._settings.kind for job in under_way)

    def snapshot_at(self, now: float, under_way: Collection[Task] = ()) -> float:
        """Return when the next page of a snapshot, or the next cycle, is due."""
        if self._cycle is None:
            return math.inf if self.is_over else self._due
        if self._cycle.is_complete:
            if self._settings.cycles is not None or self._is_looking(under_way):
                # Where cycles are counted each waits for its reads, however long they take.
                return math.inf
            return max(self._next_due(self._cycle, now), now)
        return self._pages.at(self._cycle, now, under_way)

    def reads_at(self, now: float) -> float:
        """Return when the next read is due."""
        reads = self._reads.next_at(now)
        # Where others have used up the budget, history gives way, and looks again before long.
        return max(reads, now + _SHORT) if reads < math.inf and self._client.budget.remaining <= 0 else reads

    # --- What comes of it

    def note(self, ended: list[tuple[Task, Any]], failures: int) -> list[EvEnergyError] | None:
        """Note what came of some jobs.

        Args:
            ended: The jobs, each with its outcome; nothing fatal.
            failures: After how many failures in a row of all snapshots it was waited.

        Returns:
            The errors that snapshots have to wait after; None if they were asked for nothing.
        """
        trouble: list[EvEnergyError] = []
        reads: list[tuple[ReadJob, Any]] = []
        for job, outcome in ended:
            if isinstance(job, PageJob):
                self._note_page(job, outcome, trouble, failures)
            elif isinstance(job, Lookup):
                self._note_lookup(job, outcome, trouble)
            else:
                reads.append((job, outcome))
        for purpose, calls in self._reads.note(reads, self._cycle, self.clock.monotonic()):
            self._spend(purpose, calls, self.clock.monotonic())
        for job, _ in reads:
            self._rounds.see(job.reading.device_id, self._time.now())
        self._report_progress()
        return trouble if len(reads) < len(ended) else None

    def _note_page(self, job: PageJob, outcome: Any, trouble: list[EvEnergyError], failures: int) -> None:
        cycle, walker, now = self._cycle, job.walker, self.clock.monotonic()
        assert cycle is not None, "pages are read within a cycle"  # noqa: S101  # tells type checkers
        if isinstance(outcome, EvEnergyError):
            is_garbled = isinstance(outcome, DecodeError) and failures < job.most_waits
            if is_garbled or is_transient(outcome):
                trouble.append(outcome)
                return
            if isinstance(outcome, ApiError) and walker.number and not walker.has_begun:
                # What it was to begin with may be gone; the others come by.
                cycle.walk.drop(walker)
                self._note_walk(cycle, now)
                return
            # From its beginning when it is asked for again, for it may have been the cursor that was refused.
            was_resumed = cycle.is_resumed and isinstance(outcome, ApiError)
            cycle.restart(self._time.now())
            self._pages.forget()
            if not was_resumed:
                raise outcome
            return
        self._spend("snapshot", job.calls, now)
        cycle.pages += 1
        shown_at = self._time.read_at(outcome.response, cycle.began if walker.cursor is None else self._time.now())
        if walker.cursor is None:
            # Of several walkers another one may have been answered before.
            cycle.began = min(cycle.began, shown_at) if self.has_walkers else shown_at
            if self.state.meta.since == ALWAYS:
                self.state.meta = Meta(since=cycle.began)
                self.has_begun = True
        for item in job.bad:
            self._rounds.see(self._emitter.bad_device(cycle, item), shown_at)
        if job.glance is not None:
            self._pages.shown.note(cycle.see(job.glance.same))
        for device, mark in zip(outcome, job.marks(len(outcome)), strict=True):
            is_settled = self._look(cycle, device, shown_at, job.raw_of(device.id))
            if is_settled and mark is not None:
                self._pages.shown.note({mark: device.id})
            self._rounds.see(device.id, shown_at)
        self._scheduler.look_into([*cycle.unwell, *self._rounds.fallen(shown_at)])
        cycle.unwell.clear()
        self._pages.done(cycle, job, outcome, now)
        self._note_walk(cycle, now)

    def _note_walk(self, cycle: Cycle, now: float) -> None:
        """Note how far the snapshot has got, and end it if no walker is left."""
        self._pages.walked(cycle)
        self._emitter.page_done(cycle.under_way(self.state.meta))
        if cycle.walk.is_over:
            self._end_snapshot(cycle, now)

    def _look(self, cycle: Cycle, device: Any, shown_at: int, raw: bytes | None) -> bool:
        """Look at a device, and return whether another look would say nothing, unless it is shown with a change."""
        if device.id in cycle.here:
            return False
        cycle.here.add(device.id)
        selects = self._settings.selects
        if selects is not None and not selects(device):
            return False
        cycle.seen += 1
        is_shown = self._rules.of.is_shown
        look = look_at(
            device,
            self.state.devices.get(device.id),
            self.state.meta,
            self._rules,
            began=cycle.began,
            shown_at=shown_at,
            is_first=cycle.is_first,
            within=0.0 if self._provision.reads_at_once else self._provision.within,
            is_in_turn=self._provision.reads_one_page,
        )
        if look is None:
            return is_shown
        self._emitter.looked(device, look, raw)
        cycle.note(device.id, look)
        if look.per_hour or (look.is_changed and self._rules.reads):
            self._provision.outlook.learn(device.id, look.per_hour)
        if look.due is not None and (device.id, self._rules.regular) not in self._reads.active:
            behind = self.state.devices[device.id].behind
            self._reads.want(device.id, behind, due=look.due, is_initial=look.is_initial)
        return is_shown and not look.is_ahead

    def _end_snapshot(self, cycle: Cycle, now: float) -> None:
        shrunk = cycle.end_snapshot(self.state.devices, self._rules)
        cycle.took = now - cycle.began_monotonic
        self._emitter.absent(cycle)
        for device_id in cycle.absent:
            # Since it was loaded no page may have shown it, and it may be there nevertheless.
            self._rounds.see(device_id, self._time.now())
        if shrunk is not None and not self._has_shrunk:
            self._emitter.shrunk(cycle, *shrunk)
        self._has_shrunk = shrunk is not None
        if not cycle.is_resumed:
            self._provision.note_pages(cycle.pages)
        self._provide(now)
        self._rounds.wait(cycle, self._provision, self._time.now())

    def _note_lookup(self, job: Lookup, outcome: Any, trouble: list[EvEnergyError]) -> None:
        cycle = self._cycle
        assert cycle is not None, "devices are looked up within a cycle"  # noqa: S101  # tells type checkers
        if isinstance(outcome, EvEnergyError) and is_refusal(outcome):
            trouble.append(outcome)
            return
        cycle.missing.remove(job.device_id)
        if isinstance(outcome, EvEnergyError):
            self._emitter.failed(cycle, job.device_id, self._settings.kind.noun, outcome)
            self._rounds.see(job.device_id, self._time.now())
            return
        self._spend("checks", 1, self.clock.monotonic())
        if not outcome:
            self._emitter.removed(job.device_id)
            self._scheduler.forget([job.device_id])
            self._provision.outlook.forget([job.device_id])

    def _spend(self, purpose: str, calls: int, now: float) -> None:
        self._expenses.spend(calls, now)
        if self._cycle is not None:
            self._cycle.spent[purpose] += calls

    # --- Cycles

    def _next_due(self, cycle: Cycle, now: float) -> float:
        elapsed = (self._time.now() - cycle.began) / SECOND if cycle.is_resumed else now - cycle.began_monotonic
        return now + max(0.0, self._provision.every - elapsed)

    def _may_finish(self, cycle: Cycle, now: float) -> bool:
        """Return whether a cycle is done: its snapshot is, and so are reads, unless the next snapshot is due."""
        if not cycle.is_complete or cycle.missing:
            return False
        if self._settings.cycles is not None:
            # Nobody is going to read it later.
            return not self._reads.active and not self._scheduler.is_due(self._time.now())
        is_waiting = any(not job.reading.is_long for job in self._reads.active.values())
        return not is_waiting or self._next_due(cycle, now) <= now

    def _provide(self, now: float) -> None:
        allotment, pages = self._provision.choose(len(self.state.devices), now)
        self._scheduler.follow(allotment, pages, now)

    def _finish(self, cycle: Cycle, now: float) -> None:
        self._provide(now)
        self._due = self._next_due(cycle, now)
        if not self._scheduler.is_paced and self._settings.cycles is None:
            # A snapshot that was taken faster is followed by one at even intervals, whose last page must not be late.
            pages = self._provision.pages
            self._due = min(self._due, cycle.began_monotonic + cycle.took + self._provision.every / pages)
        self._cycle = None
        self.finished += 1
        provision, meta, began = self._provision, self.state.meta, cycle.began
        provision.announce(len(self.state.devices), now)
        # A snapshot that another process has begun does not say which devices it was without.
        snapshot_at = meta.snapshot_at if cycle.is_resumed else began
        self._emitter.finished(
            cycle,
            Meta(cycle.number, meta.since, snapshot_at, provision.every, self._rules.logs),
            began_at=moment(began),
            duration=max(0.0, self.clock.monotonic() - cycle.began_monotonic),
            complete_within=provision.complete_within,
            fits=provision.fits,
            vehicles=cycle.seen,
            waiting=self._scheduler.waiting,
            budget_remaining=self._client.budget.remaining,
        )

    def _report_progress(self) -> None:
        cycle, report = self._cycle, self._settings.on_progress
        if cycle is None or report is None:
            return
        phase = "logs" if cycle.is_complete else "snapshot"
        waiting = self._scheduler.waiting + len(self._reads.active)
        spent, kind = cycle.totals(), self._settings.kind.kind
        report(Progress(kind, cycle=cycle.number, phase=phase, vehicles=cycle.seen, waiting=waiting, spent=spent))
