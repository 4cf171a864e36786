"""Drives a watch: snapshots and reads when they are due, in bounded steps, each noted at its end in one go.

It starts no task that outlives a step, and steps are made while somebody waits for an event: so it can be cancelled,
left and resumed at any point. What is due is decided by `scheduler`, what follows from a snapshot by `look` and
`cycle`, what of a log is new by `ledger`, what an acknowledgement writes by `journal`; here they meet the API, time and
errors.
"""

from __future__ import annotations

import logging
import math
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.devices import (
    MOST_WAITS,
    Patience,
    Running,
    is_fatal,
    is_refusal,
    is_transient,
)
from ev_energy_async.errors import ApiError, DecodeError, EvEnergyError, Unauthorized
from ev_energy_async.fleet.owner import found_owner
from ev_energy_async.fleet.watch.cycle import Cycle
from ev_energy_async.fleet.watch.emitter import Emitter
from ev_energy_async.fleet.watch.jobs import Lookup, PageJob, ReadJob
from ev_energy_async.fleet.watch.journal import Journal
from ev_energy_async.fleet.watch.look import Usual, look_at
from ev_energy_async.fleet.watch.reads import Reads
from ev_energy_async.fleet.watch.rotation import next_for_errors
from ev_energy_async.fleet.watch.scheduler import Scheduler
from ev_energy_async.fleet.watch.settings import Progress, Provision
from ev_energy_async.fleet.watch.state import FLEET, FleetState, Meta
from ev_energy_async.instants import ALWAYS, SECOND, moment

if TYPE_CHECKING:
    from collections import deque

    from ev_energy_async.checkpoint import Checkpoint, CheckpointConflict, Owner
    from ev_energy_async.devices import ServerTime
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.owner import TokenOwner
    from ev_energy_async.fleet.watch.settings import FleetClient, Settings

__all__ = ["Engine"]

_LOG: Final = logging.getLogger("ev_energy_async")
# So often the checkpoint is loaded again before a cycle is finished.
_MOST_CONFLICTS: Final = 3
# Below calls of the application; a backfill comes after both.
_SNAPSHOT, _HISTORY = -1, -2
_SHORT: Final = 5.0  # seconds that history waits where others have used up the budget


class Engine:
    """Reads a fleet and makes events of what it finds.

    Attributes:
        state: The state of each device, with all that was delivered.
        clock: Where time comes from.
        finished: How many cycles were finished.
    """

    def __init__(
        self,
        client: FleetClient,
        owner: Owner | TokenOwner,
        checkpoint: Checkpoint,
        settings: Settings,
        time: ServerTime,
    ) -> None:
        self.clock = client.clock
        self.state = FleetState()
        self.finished = 0
        self._client = client.with_options(priority=_SNAPSHOT)
        self._owner = owner
        self._settings = settings
        self._rules = settings.rules
        self._time = time
        self._journal = Journal(checkpoint, settings.name)
        self._emitter = Emitter(self._journal, self.state)
        self._events: deque[tuple[int, WatchEvent]] = self._emitter.events
        self._provision = Provision(settings, client.budget, self.clock)
        self._scheduler = Scheduler(self.clock.monotonic())
        self._emitter.on_late = self._provision.note_late
        reader = client.with_options(priority=_HISTORY)
        self._reads = Reads(reader, time, self._rules, self.state, self._scheduler, self._provision, self._emitter)
        self._is_loaded = self._has_begun = False
        self._given = 0
        self._cycle: Cycle | None = None
        self._due = -math.inf
        self._patience = Patience("watching the fleet", self.clock)
        self._is_refused = self._has_shrunk = False
        self._overtaken = 0

    # --- What the stream asks for

    async def next(self, most: int = 1, age: float = 0.0) -> list[WatchEvent]:
        """Return the next events: as soon as there are so many, or the first of them has waited so many seconds.

        Events are returned together or not at all: where this fails or is cancelled, they come with the next call.
        None are returned once the last cycle is finished.
        """
        if not self._is_loaded or self._journal.is_overtaken:
            await self._load()
        deadline: float | None = None
        while len(self._events) < most and not self._is_over():
            if self._events and deadline is None:
                deadline = self.clock.monotonic() + age
            if deadline is not None and self.clock.monotonic() >= deadline:
                break
            await self._step(deadline)
        if self._has_begun:
            # All that comes after the first look counts.
            await self._journal.write({FLEET: self.state.meta})
            self._has_begun = False
        given = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        if given:
            self._given, _ = given[-1]
        return [event for _, event in given]

    def _is_over(self) -> bool:
        return self._settings.cycles is not None and self.finished >= self._settings.cycles

    async def acknowledge(self) -> None:
        """Acknowledge what was delivered; nothing if nothing was, or if it has to be delivered again."""
        if self._given and not self._journal.is_overtaken:
            await self._journal.acknowledge(self._given)

    def give_way(self, conflict: CheckpointConflict) -> None:
        """Take note that another process has advanced the checkpoint.

        Raises:
            CheckpointConflict: That happens time and again: two processes write to it.
        """
        if self._overtaken >= _MOST_CONFLICTS:
            raise conflict

    async def _load(self) -> None:
        if self._journal.is_overtaken:
            # Another process may have gone on from here for a while, and ended; two at a time get nowhere.
            self._overtaken += 1
            if self._overtaken == 1:
                _LOG.warning("another process has advanced the checkpoint; the watch reloads it and continues")
        self._given, self._cycle = 0, None
        self._reads.clear()
        self._events.clear()
        owner = await found_owner(self._owner, self.clock, self._patience)
        async with aclosing(self._journal.load(owner)) as rows:
            await self.state.load(rows)
        self._scheduler.forget_all()
        self._provide(self.clock.monotonic())
        for device_id, state in self.state.devices.items():
            if state.is_here and (state.behind or any(what == "status" for what, _ in state.trouble)):
                self._reads.want(device_id, state.behind, is_initial=state.behind <= state.since)
        self._is_loaded = True

    # --- Steps

    async def _step(self, deadline: float | None) -> None:
        """Do what can be done at once, or wait until something can."""
        now = self.clock.monotonic()
        wait = self._patience.delay
        if wait <= 0:
            self._begin_if_due(now)
            jobs = self._jobs(now)
            if jobs:
                await self._run(jobs)
                return
            if self._finish_if_done(now):
                return
            wait = min(self._snapshot_at(now), self._reads_at(now)) - now
        await self.clock.sleep(max(0.0, wait if deadline is None else min(wait, deadline - now)))

    def _begin_if_due(self, now: float) -> None:
        if self._cycle is None and now >= self._due:
            self._begin(now)

    def _finish_if_done(self, now: float) -> bool:
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
        self._scheduler.begin_pass(now, is_paced=is_paced)
        self._reads.retry()

    def _jobs(self, now: float) -> list[PageJob | ReadJob | Lookup]:
        """Return what is to be asked now, all at once."""
        most = self._settings.concurrency
        jobs: list[PageJob | ReadJob | Lookup] = [*self._page_due(now)]
        if self._cycle is not None:
            jobs += [Lookup(self._client, device_id) for device_id in list(self._cycle.missing)[:most]]
        return jobs if self._client.budget.remaining <= len(jobs) else [*jobs, *self._reads.due(now, most)]

    def _page_due(self, now: float) -> list[PageJob]:
        cycle = self._cycle
        is_due = cycle is not None and not cycle.is_complete and self._scheduler.page_at(now) <= now
        return [PageJob(self._client, cycle)] if cycle is not None and is_due else []

    def _snapshot_at(self, now: float) -> float:
        """Return when the next page of a snapshot, or the next cycle, is due."""
        if self._cycle is None:
            return self._due
        if self._cycle.is_complete:
            return max(self._next_due(self._cycle, now), now)
        return self._scheduler.page_at(now)

    def _reads_at(self, now: float) -> float:
        """Return when the next read is due."""
        reads = self._reads.next_at(now)
        # Where others have used up the budget, history gives way, and looks again before long.
        return max(reads, now + _SHORT) if reads < math.inf and self._client.budget.remaining <= 0 else reads

    async def _run(self, jobs: list[PageJob | ReadJob | Lookup]) -> None:
        """Run jobs to their end. Snapshots go on meanwhile, so that a read that hangs does not hold them up."""
        async with Running[PageJob | ReadJob | Lookup]() as running:
            running.start(jobs)
            while under_way := list(running):
                wait = None
                urgent: Any = [job for job in under_way if not isinstance(job, ReadJob)]
                if not urgent:
                    now = self.clock.monotonic()
                    wait = max(self._snapshot_at(now) - now, self._patience.delay, 0.0)
                self._note(await running.ended(urgent or under_way, wait))
                if list(running) and self._patience.delay <= 0:
                    now = self.clock.monotonic()
                    self._finish_if_done(now)
                    self._begin_if_due(now)
                    running.start(self._page_due(now))

    def _note(self, ended: list[tuple[PageJob | ReadJob | Lookup, Any]]) -> None:
        """Note what came of some jobs."""
        outcomes = [outcome for _, outcome in ended]
        fatal = next((each for each in outcomes if isinstance(each, Exception) and is_fatal(each)), None)
        if isinstance(fatal, Unauthorized) and not self._is_refused:
            # Two tokens may end one after the other, as where the process was stopped for long; not three.
            self._is_refused = True
            self._patience.fail([fatal])
            return
        if fatal is not None:
            raise fatal
        self._is_refused = self._is_refused and not ended
        trouble: list[EvEnergyError] = []
        reads: list[tuple[ReadJob, Any]] = []
        for job, outcome in ended:
            if isinstance(job, PageJob):
                self._note_page(job, outcome, trouble)
            elif isinstance(job, Lookup):
                self._note_lookup(job, outcome, trouble)
            else:
                reads.append((job, outcome))
        for purpose, calls in self._reads.note(reads, self._cycle, self.clock.monotonic()):
            self._spend(purpose, calls, self.clock.monotonic())
        if trouble:
            self._patience.fail(trouble)
        elif len(reads) < len(ended):
            self._patience.succeed()
        if ended:
            self._report_progress()

    # --- Snapshots

    def _note_page(self, job: PageJob, outcome: Any, trouble: list[EvEnergyError]) -> None:
        cycle, now = job.cycle, self.clock.monotonic()
        if isinstance(outcome, EvEnergyError):
            is_garbled = isinstance(outcome, DecodeError) and self._patience.failures < MOST_WAITS
            if is_garbled or is_transient(outcome):
                trouble.append(outcome)
                return
            # From its beginning when it is asked for again, for it may have been the cursor that was refused.
            was_resumed = cycle.is_resumed and isinstance(outcome, ApiError)
            cycle.restart(self._time.now())
            if not was_resumed:
                raise outcome
            return
        page = outcome
        self._spend("snapshot", job.calls, now)
        self._scheduler.page_done(1, now)
        shown_at = self._time.read_at(page.response, cycle.began if cycle.cursor is None else self._time.now())
        if cycle.cursor is None:
            cycle.began = shown_at
            if self.state.meta.since == ALWAYS:
                self.state.meta = Meta(since=cycle.began)
                self._has_begun = True
        for item in job.bad:
            self._emitter.bad_device(cycle, item)
        usual = Usual.of(shown_at, self._rules)
        for vehicle in page:
            self._look(cycle, vehicle, shown_at, usual)
        cycle.cursor = page.next_cursor
        self._emitter.page_done(cycle.under_way(self.state.meta))
        if page.next_cursor is None:
            self._end_snapshot(cycle, now)

    def _look(self, cycle: Cycle, vehicle: Any, shown_at: int, usual: Usual) -> None:
        if vehicle.id in cycle.here:
            return
        cycle.here.add(vehicle.id)
        state = self.state.devices.get(vehicle.id)
        look = look_at(
            vehicle,
            state,
            self.state.meta,
            self._rules,
            began=cycle.began,
            shown_at=shown_at,
            usual=usual,
            is_first=cycle.is_first,
            within=0.0 if self._provision.reads_at_once else self._provision.within,
        )
        if look is None:
            return
        self._emitter.looked(vehicle, look)
        cycle.changed += look.is_changed
        shown = (step for step in look.steps if step.what == "status" and step.stored is not None)
        cycle.lateness += [((step.stored or step.at) - step.at) / SECOND for step in shown]
        if look.per_hour:
            self._provision.outlook.learn(vehicle.id, look.per_hour)
        if look.is_unwell and vehicle.id not in self._scheduler.errors:
            self._scheduler.errors.appendleft(vehicle.id)
        if look.due is not None and (vehicle.id, "status") not in self._reads.active:
            behind = self.state.devices[vehicle.id].behind
            self._reads.want(vehicle.id, behind, due=look.due, is_initial=look.is_initial)

    def _end_snapshot(self, cycle: Cycle, now: float) -> None:
        devices, rules, scheduler = self.state.devices, self._rules, self._scheduler
        shrunk = cycle.end_snapshot(devices, rules)
        cycle.took = now - cycle.began_monotonic
        self._emitter.absent(cycle)
        if shrunk is not None and not self._has_shrunk:
            self._emitter.shrunk(cycle, *shrunk)
        self._has_shrunk = shrunk is not None
        self._provide(now)
        provision = self._provision
        if rules.errors:
            count = provision.turns("errors", len(devices)) - len(scheduler.errors)
            scheduler.errors.extend(next_for_errors(devices, set(scheduler.errors), count, cycle.began))
        if rules.status and rules.reads:
            count = provision.turns("late", len(devices)) - len(scheduler.late)
            before = cycle.began - round(provision.late_every * SECOND)
            rotation, waiting = self._emitter.late, set(scheduler.late)
            scheduler.late.extend(
                rotation.next(devices, waiting, count, now=self._time.now(), before=before, number=cycle.number)
            )

    def _note_lookup(self, job: Lookup, outcome: Any, trouble: list[EvEnergyError]) -> None:
        cycle = self._cycle
        assert cycle is not None, "devices are looked up within a cycle"  # noqa: S101
        if isinstance(outcome, EvEnergyError) and is_refusal(outcome):
            trouble.append(outcome)
            return
        cycle.missing.remove(job.device_id)
        if isinstance(outcome, EvEnergyError):
            self._emitter.failed(cycle, job.device_id, "vehicle", outcome)
            return
        self._spend("checks", 1, self.clock.monotonic())
        if not outcome:
            self._emitter.removed(job.device_id)
            self._scheduler.forget([job.device_id])
            self._provision.outlook.forget([job.device_id])

    def _spend(self, purpose: str, calls: int, now: float) -> None:
        self._provision.spend(calls, now)
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
        self._overtaken = 0
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
            vehicles=len(cycle.here),
            waiting=self._scheduler.waiting,
            budget_remaining=self._client.budget.remaining,
        )

    def _report_progress(self) -> None:
        cycle, report = self._cycle, self._settings.on_progress
        if cycle is None or report is None:
            return
        phase = "logs" if cycle.is_complete else "snapshot"
        waiting = self._scheduler.waiting + len(self._reads.active)
        spent = cycle.totals()
        report(Progress(cycle=cycle.number, phase=phase, vehicles=len(cycle.here), waiting=waiting, spent=spent))
