"""What drives a watch: cycles of snapshots and readings, in bounded steps, each noted at its end in one go.

It starts no task that outlives a step, and steps are made while somebody waits for an event: so it can be cancelled,
left and gone on with at any point. What follows from a snapshot is decided by `_cycle`, what of a collection is new by
`_ledger`, what an acknowledgement writes by `_journal`; here they meet the API, time and errors.
"""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from ev_energy_async import api
from ev_energy_async.devices import (
    MOST_WAITS,
    PAGE_SIZE,
    Backfilling,
    Patience,
    ServerTime,
    is_fatal,
    is_refusal,
    is_transient,
    outcomes_of,
    pages_of,
    settle,
)
from ev_energy_async.errors import DecodeError, EvEnergyError, NotFound, Unauthorized
from ev_energy_async.fleet.owner import found_owner
from ev_energy_async.fleet.watch.allotment import Allotment, Settings
from ev_energy_async.fleet.watch.collection import Counted, Reading
from ev_energy_async.fleet.watch.cycle import Cycle
from ev_energy_async.fleet.watch.emitter import Emitter
from ev_energy_async.fleet.watch.journal import Journal
from ev_energy_async.fleet.watch.state import FLEET, DeviceState, Meta, decoded
from ev_energy_async.instants import ALWAYS, NEVER, SKEW, moment
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections import deque

    from ev_energy_async.budget import Budget
    from ev_energy_async.calls import Page
    from ev_energy_async.checkpoint import Checkpoint, CheckpointConflict, Owner
    from ev_energy_async.devices import Job
    from ev_energy_async.fleet.events import Spent, WatchEvent
    from ev_energy_async.fleet.owner import TokenOwner
    from ev_energy_async.fleet.watch.cycle import LogRequest
    from ev_energy_async.messages import BadItem

__all__ = ["Engine", "FleetClient", "Progress", "Settings"]

_LOG: Final = logging.getLogger("ev_energy_async")
# So often the checkpoint is loaded again before a cycle is finished.
_MOST_CONFLICTS: Final = 3


class FleetClient(Backfilling, Protocol):
    """What a fleet needs of a client: to send, to know time, and what may be spent."""

    @property
    def budget(self) -> Budget:
        """The hourly budget of requests."""
        ...


@attrs.frozen(kw_only=True)
class Progress:
    """How far a cycle is.

    Attributes:
        cycle: Its number.
        phase: `snapshot` while that is read, else `logs`.
        vehicles: Vehicles that were seen in it.
        waiting: Log collections that are still to be read.
        spent: The calls it has made.
    """

    cycle: int
    phase: str
    vehicles: int
    waiting: int
    spent: Spent


@attrs.define
class _Active:
    """A reading under way, and why."""

    wanted: LogRequest
    reading: Reading
    top: int | None
    calls: int = 0


class Engine:
    """Reads a fleet and tells of it.

    Attributes:
        live: What is known of each vehicle, with all that was told.
        clock: Where time comes from.
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
        self._time = time
        self.live: dict[str, DeviceState] = {}
        self.meta = Meta()
        self._client = client
        self._owner = owner
        self._settings = settings
        self._rules = settings.rules
        self._journal = Journal(checkpoint, settings.name)
        self._emitter = Emitter(self._journal, self.live)
        self._events: deque[tuple[int, WatchEvent]] = self._emitter.events
        self._is_loaded = self._has_begun = False
        self._given = 0
        self._cycle: Cycle | None = None
        self._active: dict[tuple[str, str], _Active] = {}
        self._allotment = Allotment(settings, client.budget)
        self._due = float("-inf")
        self._patience = Patience("watching the fleet", client.clock)
        self._is_refused = False
        self._has_shrunk = self._has_planned = False
        self._overtaken = 0

    async def next(self, most: int = 1, age: float = 0.0) -> list[WatchEvent]:
        """Return the next events: as soon as there are so many, or the first of them has waited so many seconds.

        None is given out before all are: where this fails or is cancelled, they come with the next call.
        """
        if not self._is_loaded or self._journal.is_overtaken:
            await self._load()
        deadline: float | None = None
        while len(self._events) < most:
            if self._events and deadline is None:
                deadline = self.clock.monotonic() + age
            if deadline is not None and self.clock.monotonic() >= deadline:
                break
            await self._step(deadline)
        if self._has_begun:
            # All that comes after the first look counts, whatever becomes of this process.
            await self._journal.write({FLEET: self.meta})
            self._has_begun = False
        given = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        self._given, _ = given[-1]
        return [event for _, event in given]

    async def acknowledge(self) -> None:
        """Acknowledge what was given out; nothing if nothing was, or if it has to be given out again."""
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
                _LOG.warning("another process has advanced the checkpoint; the watch loads it again and goes on")
        self._given, self._cycle = 0, None
        self._active.clear()
        self._events.clear()
        self.live.clear()
        owner = await found_owner(self._owner, self.clock, self._patience)
        async with aclosing(self._journal.load(owner)) as rows:
            self.meta = await decoded(rows, self.live)
        self._is_loaded = True

    async def _step(self, deadline: float | None) -> None:
        """Do what can be done at once, or wait until something can."""
        now = self.clock.monotonic()
        wait = self._patience.delay
        if wait <= 0 and self._cycle is None:
            if now >= self._due:
                self._cycle = self._begin(now)
            elif not self._active:
                wait = self._due - now
        if wait > 0:
            await self.clock.sleep(wait if deadline is None else max(0.0, min(wait, deadline - now)))
            return
        await self._read(self._cycle)

    def _begin(self, now: float) -> Cycle:
        is_first = self.meta.since == ALWAYS
        return Cycle(self.meta, self._rules, self._time.now(), now, is_first=is_first)

    async def _read(self, cycle: Cycle | None) -> None:
        """Ask what is to be asked next, all at once, and note what came of it."""
        settings = self._settings
        if cycle is not None:
            while cycle.queue and len(self._active) < settings.concurrency:
                self._activate(cycle, cycle.queue.popleft())
        snapshot = cycle is not None and not cycle.is_complete and len(cycle.queue) < settings.concurrency
        active = list(self._active.values())
        missing = [] if cycle is None else list(cycle.missing)[: settings.concurrency]
        if cycle is not None and not (snapshot or missing or cycle.queue or self._holds_up(active)):
            self._finish(cycle)
            return
        jobs: list[Job] = [each.reading.fetch for each in active]
        jobs += [partial(self._look_up, vehicle_id) for vehicle_id in missing]
        bad: list[BadItem] = []
        if cycle is not None and snapshot:
            jobs.append(partial(self._page, cycle, bad))
        outcomes = await outcomes_of(jobs)
        fatal = next((each for each in outcomes if isinstance(each, Exception) and is_fatal(each)), None)
        if isinstance(fatal, Unauthorized) and not self._is_refused:
            # Two tokens may end one after the other, as where the process was stopped for long; not three.
            self._is_refused = True
            self._patience.fail([fatal])
            return
        if fatal is not None:
            raise fatal
        self._is_refused = False
        trouble: list[EvEnergyError] = []
        if cycle is not None and snapshot:
            self._note_page(cycle, outcomes.pop(), bad, trouble)
        self._note_readings(active, outcomes[: len(active)], trouble)
        if cycle is not None:
            for vehicle_id, outcome in zip(missing, outcomes[len(active) :], strict=True):
                self._note_lookup(cycle, vehicle_id, outcome, trouble)
        if trouble:
            self._patience.fail(trouble)
        else:
            self._patience.succeed()
        if cycle is not None and settings.on_progress is not None:
            phase = "logs" if cycle.is_complete else "snapshot"
            waiting = len(cycle.queue) + len(self._active)
            settings.on_progress(
                Progress(
                    cycle=cycle.number, phase=phase, vehicles=len(cycle.here), waiting=waiting, spent=cycle.totals()
                )
            )

    def _holds_up(self, active: list[_Active]) -> bool:
        """Whether a reading is to be waited for; one that has a long past to read goes on beside the next cycle."""
        return any(not each.reading.is_long for each in active)

    def _activate(self, cycle: Cycle, wanted: LogRequest) -> None:
        key = wanted.vehicle_id, wanted.kind
        known = self.live.get(wanted.vehicle_id)
        if known is None or key in self._active:
            return
        ledger = known.ledger(wanted.kind)
        down_to = ledger.target
        if wanted.why == "reread":
            down_to = min(down_to, cycle.began - self._rules.past)
        elif wanted.kind == "error":
            # Nothing reads its past again, and a log may show a little after the time that it states.
            down_to = max(ALWAYS, down_to - SKEW)
        reading = Reading(self._client, wanted.vehicle_id, wanted.kind, self._time, down_to=down_to)
        self._active[key] = _Active(wanted, reading, None if ledger.last == ALWAYS else ledger.last)

    async def _page(self, cycle: Cycle, bad: list[BadItem]) -> tuple[Page[Any], int]:
        """Return the next page of the snapshot, and how many calls it took."""

        def put_aside(item: BadItem) -> object:
            bad.append(item)
            return UNSET

        sender = Counted(self._client)
        vehicles = api.list_vehicles(sender, expand=["latest_status_log"], page_size=PAGE_SIZE, on_bad_item=put_aside)
        async with aclosing(pages_of(vehicles, cycle.cursor)) as pages:
            return await anext(pages), sender.calls

    async def _look_up(self, vehicle_id: str) -> bool:
        """Return whether a vehicle is still there."""
        try:
            await api.get_vehicle(self._client, vehicle_id)
        except NotFound:
            return False
        return True

    def _note_page(self, cycle: Cycle, outcome: Any, bad: list[BadItem], trouble: list[EvEnergyError]) -> None:
        if isinstance(outcome, EvEnergyError):
            is_garbled = isinstance(outcome, DecodeError) and self._patience.failures < MOST_WAITS
            if not (is_garbled or is_transient(outcome)):
                # From its beginning when it is asked for again, for it may have been the cursor that was refused.
                cycle.cursor = None
                raise outcome
            trouble.append(outcome)
            return
        page, calls = outcome
        cycle.spent["snapshot"] += calls
        if cycle.cursor is None:
            cycle.began = self._time.read_at(page.response, cycle.began)
            if self.meta.since == ALWAYS:
                self.meta = Meta(since=cycle.began)
                self._has_begun = True
        for item in bad:
            self._emitter.bad_vehicle(cycle, item)
        for change in cycle.take(page, self.live):
            self._emitter.change(change)
        cycle.cursor = page.next_cursor
        if page.next_cursor is None:
            self._end_snapshot(cycle)

    def _end_snapshot(self, cycle: Cycle) -> None:
        shrunk = cycle.end_snapshot(self.live)
        self._emitter.absent(cycle)
        if shrunk is not None and not self._has_shrunk:
            self._emitter.shrunk(cycle, *shrunk)
        self._has_shrunk = shrunk is not None
        count = len(cycle.here)
        if self._rules.errors:
            cycle.rotate_errors(self.live, self._allotment.errors(count))
        if self._rules.status:
            cycle.rotate_past(self.live, self._allotment.turns(count), self._emitter.soon)

    def _note_readings(self, active: list[_Active], outcomes: list[Any], trouble: list[EvEnergyError]) -> None:
        failures: list[tuple[_Active, EvEnergyError]] = []
        good = 0
        for each, outcome in zip(active, outcomes, strict=True):
            self._spend(each)
            if isinstance(outcome, EvEnergyError):
                failures.append((each, outcome))
            else:
                good += 1
                self._note_logs(each)
        waits, failed = settle(failures, answered=good > 0, waits=self._patience.failures)
        trouble += waits
        for each, error in failed:
            self._drop(each)
            if each.wanted.why == "reread":
                self._allotment.give_back()
                self._emitter.soon.add(each.wanted.vehicle_id)
            self._emitter.failed(self._cycle, each.wanted.vehicle_id, each.wanted.kind, error)

    def _note_logs(self, each: _Active) -> None:
        logs, has_more = each.reading.take()
        if not has_more:
            self._drop(each)
            if each.wanted.why == "reread":
                self._allotment.learn(each.calls)
        is_turn = each.wanted.why == "reread"
        past = NEVER if is_turn else self._time.now() - self._rules.past
        self._emitter.logs(self._cycle, each.reading, logs, has_more=has_more, top=each.top, past=past)

    def _drop(self, each: _Active) -> None:
        del self._active[each.wanted.vehicle_id, each.wanted.kind]

    def _spend(self, each: _Active) -> None:
        calls = each.reading.calls()
        each.calls += calls
        self._allotment.spend(each.wanted.why, calls)
        if self._cycle is not None:
            self._cycle.spent[each.wanted.why] += calls

    def _note_lookup(self, cycle: Cycle, vehicle_id: str, outcome: Any, trouble: list[EvEnergyError]) -> None:
        if isinstance(outcome, EvEnergyError) and is_refusal(outcome):
            trouble.append(outcome)
            return
        cycle.missing.remove(vehicle_id)
        if isinstance(outcome, EvEnergyError):
            self._emitter.failed(cycle, vehicle_id, "vehicle", outcome)
            return
        cycle.spent["checks"] += 1
        if not outcome:
            self._emitter.removed(vehicle_id)

    def _finish(self, cycle: Cycle) -> None:
        vehicles = len(cycle.here)
        self._allotment.stretch(cycle.totals())
        self._due = cycle.began_monotonic + self._allotment.every
        self._cycle = None
        self._overtaken = 0
        if not self._has_planned:
            self._has_planned = True
            found = self._allotment.plan(vehicles)
            _LOG.log(logging.INFO if found.fits else logging.WARNING, "watching the fleet: %s", found)
        duration = self.clock.monotonic() - cycle.began_monotonic
        self.meta = Meta(cycle.number, self.meta.since, cycle.began, self._allotment.every, self._rules.logs)
        self._emitter.finished(
            cycle,
            self.meta,
            began_at=moment(cycle.began),
            duration=duration,
            budget=self._client.budget,
            delays=self._allotment.delays(vehicles, duration),
        )
