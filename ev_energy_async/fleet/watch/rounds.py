"""The duties of a watch that depend on time alone: note silent devices, read error logs and the past in rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async.fleet.watch.rotation import ErrorRotation
from ev_energy_async.fleet.watch.shown import Silence
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ev_energy_async.fleet.watch.cycle import Cycle
    from ev_energy_async.fleet.watch.look import Rules
    from ev_energy_async.fleet.watch.rotation import LateRotation
    from ev_energy_async.fleet.watch.scheduler import Scheduler
    from ev_energy_async.fleet.watch.settings import Provision
    from ev_energy_async.fleet.watch.state import FleetState

__all__ = ["Rounds"]


class Rounds:
    """The devices of a kind whose turn comes with time.

    Args:
        rules: What is watched.
        state: The state of the devices.
        scheduler: Where reads wait.
        late: The rotation for logs that come late.
    """

    def __init__(self, rules: Rules, state: FleetState, scheduler: Scheduler, late: LateRotation) -> None:
        self._rules = rules
        self._state = state
        self._scheduler = scheduler
        self._late = late
        self._errors = ErrorRotation()
        self._silence = Silence(rules.stale)

    def forget(self) -> None:
        """Know no device any more."""
        self._silence.forget()
        self._errors.forget()
        self._late.turns.forget()

    def see(self, device_id: str, now: int) -> None:
        """Let a device take part, if it is known."""
        state, rules = self._state.devices.get(device_id), self._rules
        if state is None:
            return
        if rules.errors:
            self._silence.watch(device_id, state, self._state.meta.snapshot_at)
            self._errors.see(device_id, state, now)
        if rules.status and rules.reads:
            self._late.turns.see(device_id, state)

    def fallen(self, now: int) -> Iterator[str]:
        """Yield the devices that have fallen silent since this was asked last."""
        return self._silence.fallen(self._state.devices, now)

    def wait(self, cycle: Cycle, provision: Provision, now: int) -> None:
        """Let those wait to be read whose turn it is after a snapshot."""
        devices, rules, scheduler = self._state.devices, self._rules, self._scheduler
        if rules.errors:
            count = provision.turns("errors", len(devices)) - len(scheduler.errors)
            scheduler.errors.extend(self._errors.next(devices, set(scheduler.errors), count, cycle.began))
        if rules.status and rules.reads:
            count = provision.turns("late", len(devices)) - len(scheduler.late)
            before = cycle.began - round(provision.late_every * SECOND)
            waiting = set(scheduler.late)
            scheduler.late.extend(self._late.next(devices, waiting, count, now=now, before=before, number=cycle.number))
