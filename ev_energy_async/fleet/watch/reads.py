"""The reads of a watch: which are under way, what is to be read next, and what comes of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ev_energy_async.devices import Patience, settle
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.fleet.watch.collection import Reading
from ev_energy_async.fleet.watch.jobs import ReadJob
from ev_energy_async.fleet.watch.scheduler import deadline_of
from ev_energy_async.instants import ALWAYS, SECOND, SKEW, instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ev_energy_async.devices import ServerTime
    from ev_energy_async.fleet.watch.cycle import Cycle
    from ev_energy_async.fleet.watch.emitter import Emitter
    from ev_energy_async.fleet.watch.ledger import Ledger
    from ev_energy_async.fleet.watch.scheduler import Scheduler
    from ev_energy_async.fleet.watch.settings import FleetClient, Provision, Settings
    from ev_energy_async.fleet.watch.state import FleetState

__all__ = ["Reads", "reach_of"]


class Reads:
    """The reads of a watch. Their failures hold up no snapshot.

    Attributes:
        active: Those that are under way, by device and log.
    """

    def __init__(
        self,
        client: FleetClient,
        time: ServerTime,
        settings: Settings,
        state: FleetState,
        scheduler: Scheduler,
        provision: Provision,
        emitter: Emitter,
    ) -> None:
        self.active: dict[tuple[str, str], ReadJob] = {}
        self._client = client
        self._time = time
        self._settings = settings
        self._rules = settings.rules
        self._state = state
        self._scheduler = scheduler
        self._provision = provision
        self._emitter = emitter
        self._again: set[str] = set()
        self._patience = Patience("reading the history of the fleet", client.clock)

    def clear(self) -> None:
        """Forget what is under way."""
        self.active.clear()
        self._again.clear()

    def retry(self) -> None:
        """Want the devices again that could not be read, or showed newer logs than the read has seen."""
        for device_id in self._again:
            self._scheduler.history.want(device_id, 0)
        self._again.clear()

    def due(self, now: float, most: int, under_way: Collection[object] = ()) -> list[ReadJob]:
        """Return the reads to continue or begin now, so many at the most with those that are under way."""
        if self._patience.delay > 0:
            return []
        scheduler = self._scheduler
        found = [job for job in self.active.values() if job not in under_way and scheduler.may(job.purpose, now)]
        for purpose in ("errors", "history", "late"):
            while len(self.active) < most and scheduler.due(purpose, now):
                job = self._begin(purpose, scheduler.take(purpose))
                if job is not None:
                    scheduler.spend(purpose, 1, now)
                    found.append(job)
        return found

    def next_at(self, now: float) -> float:
        """Return when the next read is due; infinite if none is."""
        at = self._scheduler.next_at(now, {job.purpose for job in self.active.values()})
        return at if at == math.inf else max(at, now + self._patience.delay)

    def _begin(self, purpose: str, device_id: str) -> ReadJob | None:
        """Begin a read; None if it is under way, or the device is gone."""
        log = "error" if purpose == "errors" else self._rules.regular
        state, key = self._state.devices.get(device_id), (device_id, log)
        if state is None or not state.is_here or key in self.active:
            return None
        is_wanted = purpose == "history"
        if is_wanted and device_id in self._scheduler.late:
            # One read for both. Of a device that has something new in every cycle the past would never have its turn.
            self._scheduler.late.remove(device_id)
            purpose = "late"
        ledger = state.ledger(log)
        down_to = reach_of(ledger, purpose, self._rules.past)
        is_one_page = purpose == "history" and ledger.read_at > ALWAYS and self._provision.reads_one_page
        reading = Reading(
            self._client,
            self._settings.kind,
            device_id,
            log,
            self._time,
            down_to=down_to,
            is_one_page=is_one_page,
            is_raw=self._settings.is_raw,
        )
        job = self.active[key] = ReadJob(purpose, reading, is_wanted)
        return job

    def want(self, device_id: str, behind: int, *, due: int | None = None, is_initial: bool = False) -> None:
        """Want the history of a device to be read; a long past that was never read waits in a line of its own."""
        within = self._provision.within
        is_long = is_initial and self._time.now() - behind > round(within * SECOND)
        queue = self._scheduler.initial if is_long else self._scheduler.history
        if self._rules.reads:
            queue.want(device_id, deadline_of(behind, within, 0.0) if due is None else due)

    def note(self, reads: Sequence[tuple[ReadJob, Any]], cycle: Cycle | None, now: float) -> Iterator[tuple[str, int]]:
        """Note what came of some reads, and yield the requests that they made, by purpose."""
        failures: list[tuple[ReadJob, EvEnergyError]] = []
        for job, outcome in reads:
            calls = job.reading.calls()
            yield job.purpose, calls
            # The first one was counted when the read was begun.
            self._scheduler.spend(job.purpose, calls - job.is_new, now)
            job.is_new = False
            if isinstance(outcome, EvEnergyError):
                failures.append((job, outcome))
            else:
                self._note_logs(job, cycle)
        waits, failed = settle(failures, answered=len(failures) < len(reads), waits=self._patience.failures)
        for job, error in failed:
            self._drop(job)
            device_id = job.reading.device_id
            if job.purpose == "late":
                self._emitter.late.soon[device_id] = self._time.now()
            if job.is_wanted:
                self._again.add(device_id)
            self._emitter.failed(cycle, device_id, job.reading.log, error)
        if waits:
            self._patience.fail(waits)
        elif reads:
            self._patience.succeed()

    def _note_logs(self, job: ReadJob, cycle: Cycle | None) -> None:
        reading = job.reading
        logs, has_more = reading.take()
        self._emitter.logs(cycle, reading, logs, has_more=has_more, past=self._rules.past)
        if has_more:
            return
        self._drop(job)
        if reading.log == self._rules.regular:
            self._scheduler.forget([reading.device_id])
            state = self._state.devices[reading.device_id]
            if state.behind and not self._provision.reads_at_once:
                self.want(reading.device_id, state.behind)
            elif state.behind and not _is_ahead(state.hint, reading.read_at):
                # Its newest log came during the read, or was hidden from it by a copy that lags.
                self._again.add(reading.device_id)

    def _drop(self, job: ReadJob) -> None:
        del self.active[job.reading.device_id, job.reading.log]


def reach_of(ledger: Ledger, purpose: str, past: int) -> int:
    """Return how far back a read for a purpose has to reach."""
    if purpose == "late":
        return min(ledger.target, ledger.deep_target(past))
    # Nothing reads the past of error logs again, and one may show a little after the time that it states.
    return max(ALWAYS, ledger.target - SKEW) if purpose == "errors" else ledger.target


def _is_ahead(hint: str | None, read_at: int) -> bool:
    newest = None if hint is None else instant(hint)
    return newest is not None and newest > read_at + SKEW
