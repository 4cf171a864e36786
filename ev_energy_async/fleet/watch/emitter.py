"""Makes the events of a watch, and says what each changes in the checkpoint once it is acknowledged.

The only part that changes the state of the fleet: an event and the state that goes with it are made together.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ev_energy_async.devices import DEVICES
from ev_energy_async.errors import BudgetExhausted, DecodeError, NotFound, RateLimited, ServerError, TransportError
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import (
    CycleFinished,
    DeviceAdded,
    DeviceRemoved,
    ErrorLogged,
    FleetShrank,
    IntegrationChanged,
    PollFailed,
    StatusLogged,
    VehicleAdded,
    VehicleRemoved,
)
from ev_energy_async.fleet.watch.cycle import lateness_of
from ev_energy_async.fleet.watch.latest import latest_of
from ev_energy_async.fleet.watch.rotation import LateRotation
from ev_energy_async.instants import ALWAYS, NEVER, SECOND, SKEW, instant

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping

    import msgspec

    from ev_energy_async.devices import DeviceKind, Placed
    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.watch.collection import Reading
    from ev_energy_async.fleet.watch.cycle import Cycle
    from ev_energy_async.fleet.watch.journal import Journal, RowValue
    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.fleet.watch.look import Look, Step
    from ev_energy_async.fleet.watch.state import DeviceState, FleetState, Meta
    from ev_energy_async.messages import BadItem

__all__ = ["Emitter", "Events", "reason_of", "state_after"]

Events: TypeAlias = "deque[tuple[int, WatchEvent]]"
"""Events that were not handed over, each with the number of its entry in the journal."""

_MOST_LATENESS: Final = 100_000
_ID: Final = re.compile(rb'"id"\s*:\s*"(\w+)"')


def reason_of(error: EvEnergyError) -> Reason:
    """Return why something is missing, given the error that asking for it ended with."""
    if isinstance(error, BudgetExhausted | RateLimited):
        return Reason.BUDGET
    if isinstance(error, NotFound):
        return Reason.NOT_FOUND
    if isinstance(error, DecodeError):
        return Reason.UNDECODABLE
    if isinstance(error, ServerError | TransportError):
        return Reason.DOWNTIME
    return Reason.REFUSED


class Emitter:
    """Makes events of a kind of devices, in the order in which they are to be delivered.

    Args:
        journal: Where changes are noted.
        state: The state of the devices.
        events: Where events go.

    Attributes:
        events: Where events go.
        late: The rotation for logs that come late.
        on_late: Called with how late a log was stored, in seconds, after later ones had been read.
    """

    def __init__(self, journal: Journal, state: FleetState, events: Events) -> None:
        self.events = events
        self.late = LateRotation()
        self.on_late: Callable[[float], object] = lambda _lateness: None
        self._journal = journal
        self._state = state
        self._kind: DeviceKind = DEVICES[state.kind]

    @property
    def _is_of_vehicles(self) -> bool:
        return self._kind.kind == "vehicles"

    def _names(self, device_id: str) -> dict[str, str]:
        """Return how an event names its device."""
        if self._is_of_vehicles:
            return {"vehicle_id": device_id}
        return {"device_id": device_id, "kind": self._kind.kind}

    def _emit(self, event: Callable[..., WatchEvent], changes: Mapping[str, RowValue], /, **fields: Any) -> None:
        number = self._journal.enter(changes)
        self.events.append((number, event(ack=partial(self._journal.acknowledge, number), **fields)))

    def looked(self, device: Any, look: Look, raw: bytes | None = None) -> None:
        """Deliver what a snapshot shows of a device.

        Args:
            device: The device.
            look: What follows from it.
            raw: The raw JSON of its newest log, if events are to have it.
        """
        before = self._state.devices.get(device.id)
        for step in look.steps:
            rows = {device.id: step.state}
            self._state.apply(rows)
            self._step(device, step, rows, "" if before is None else before.integrated, raw)

    def _step(self, device: Any, step: Step, rows: Mapping[str, DeviceState], before: str, raw: bytes | None) -> None:
        common, row = self._names(device.id), self._kind.regular
        if step.what == "status":
            self._emit(
                StatusLogged,
                rows,
                key=f"{device.id}/{row.log}/{step.text}",
                log=getattr(device, str(row.newest)),
                raw=raw,
                late=step.is_late,
                out_of_order=step.is_out_of_order,
                via="snapshot",
                **common,
            )
            return
        key = f"{device.id}/{step.what}/{step.state.changes}"
        if step.what == "added" and self._is_of_vehicles:
            self._emit(VehicleAdded, rows, key=key, vehicle=device, **common)
        elif step.what == "added":
            self._emit(DeviceAdded, rows, key=key, device=device, **common)
        elif step.what == "integration":
            changed = {"before": before, "after": step.state.integrated, "vehicle": device}
            self._emit(IntegrationChanged, rows, key=key, **changed, **common)
        else:
            self._journal.enter(rows)

    def removed(self, device_id: str) -> None:
        """Report that a device is gone."""
        state = self._state.devices[device_id]
        state = state.but(is_here=False, changes=state.changes + 1)
        self._state.apply({device_id: state})
        key = f"{device_id}/removed/{state.changes}"
        event = VehicleRemoved if self._is_of_vehicles else DeviceRemoved
        self._emit(event, {device_id: state}, key=key, **self._names(device_id))

    def shrunk(self, cycle: Cycle, before: int, after: int) -> None:
        """Report that many devices are missing at once."""
        key = f"{self._state.meta_row}/shrank/{cycle.number}"
        self._emit(FleetShrank, {}, key=key, kind=self._kind.kind, before=before, after=after)

    def absent(self, cycle: Cycle) -> None:
        """Note which devices the snapshot was without: it does not say that they have no new logs."""
        expected = {each: self._state.devices[each] for each in cycle.absent}
        rows = {
            each: state.with_trouble(self._kind.noun, Reason.DOWNTIME)
            for each, state in expected.items()
            if self._kind.noun not in dict(state.trouble)
        }
        self._state.apply(rows)
        if rows:
            self._journal.enter(rows)

    def page_done(self, meta: Meta) -> None:
        """Note how far a snapshot has got."""
        self._state.meta = meta
        self._journal.enter({self._state.meta_row: meta})

    def failed(
        self, cycle: Cycle | None, device_id: str, log: str, error: EvEnergyError, place: int | None = None
    ) -> None:
        """Report that a device could not be read; `place` tells an entry of its log from others."""
        rows: dict[str, RowValue] = {}
        state = self._state.devices.get(device_id)
        if state is not None:
            rows[device_id] = state = state.with_trouble(log, reason_of(error))
            self._state.apply({device_id: state})
        number = 0 if cycle is None else cycle.number
        if cycle is not None:
            cycle.failed.add(device_id)
        key = f"{device_id}/{log}/failed/{number}" + ("" if place is None else f"/{place}")
        self._emit(PollFailed, rows, key=key, log_kind=log, error=error, **self._names(device_id))

    def bad_device(self, cycle: Cycle, item: BadItem) -> str:
        """Report that a device in the snapshot cannot be decoded, and return its ID, "" if it shows none.

        It is there nevertheless.
        """
        found = _ID.search(item.raw)
        device_id = "" if found is None else found[1].decode()
        if device_id and device_id in cycle.here:
            return device_id  # shown on two pages
        cycle.here.add(device_id)
        cycle.seen += 1
        self.failed(cycle, device_id, self._kind.noun, DecodeError(item.reason, item.path))
        return device_id

    def logs(self, cycle: Cycle | None, reading: Reading, logs: list[Placed], *, has_more: bool, past: int) -> None:
        """Deliver the logs of a portion that were not delivered before, and note what was read.

        Args:
            cycle: The cycle under way.
            reading: What brought them.
            logs: The portion, oldest first.
            has_more: Whether the read continues.
            past: How late logs may be stored, in nanoseconds.
        """
        state = self._with_gaps(cycle, self._state.devices[reading.device_id], reading)
        delivered, new = _new(state, reading, logs)
        log = reading.log
        before = state.ledger(log)
        seen_to = before.seen_to if before.instants else ALWAYS
        if has_more:
            after = state.with_delivered(log, delivered)
            if log == self._kind.regular.log:
                after = after.but(behind=after.behind or max(before.read_at, state.since))
        else:
            after = _with_latest(state_after(state, reading, past=past), reading)
            self.late.note(reading.device_id, delivered, seen_to, reading.read_at)
        self._deliver(state, reading, new, delivered, after, seen_to)
        if log == self._kind.regular.log:
            stored_late = [(stored - at) / SECOND for at, stored in delivered if stored is not None]
            if cycle is not None and len(cycle.lateness) < _MOST_LATENESS:
                cycle.lateness += stored_late
            for at, stored in delivered:
                if stored is not None and at < seen_to:
                    self.on_late((stored - at) / SECOND)

    def audited(self, reading: Reading, logs: list[Placed], begin: int, end: int, *, gaps_from: int | None) -> None:
        """Deliver the logs of a portion of an audit that were not delivered before, and note what was read.

        Args:
            reading: What brought them.
            logs: The portion, oldest first.
            begin: From when on the portion has all logs.
            end: Up to when; not included.
            gaps_from: Where the audit began, if it is through: gaps between there and `end` are closed.
        """
        log = reading.log
        state = self._with_gaps(None, self._state.devices[reading.device_id], reading)
        delivered, new = _new(state, reading, logs)
        ledger = state.ledger(log).with_window(reading.logs, begin, end, read_at=reading.read_at)
        after = state.with_ledger(log, ledger)
        if gaps_from is not None:
            after = after.but(gaps=tuple(gap for gap in state.gaps if not _is_closed(gap, log, gaps_from, end)))
        self._deliver(state, reading, new, delivered, after, None)

    def _deliver(
        self,
        state: DeviceState,
        reading: Reading,
        new: list[Placed],
        delivered: list[Seen],
        after: DeviceState,
        seen_to: int | None,
    ) -> None:
        device_id, log = reading.device_id, reading.log
        last = state.ledger(log).last
        self._state.apply({device_id: after})
        for count, placed in enumerate(new, 1):
            row: RowValue = after if count == len(new) else partial(_partly, state, log, delivered, count)
            self._emit(
                ErrorLogged if log == "error" else StatusLogged,
                {device_id: row},
                key=f"{device_id}/{log}/{placed.text}",
                **self._names(device_id),
                log=placed.log,
                raw=reading.raw_of(placed),
                late=seen_to is None or placed.at < seen_to,
                out_of_order=placed.at < last,
            )
            last = max(last, placed.at)
        if not new and after != state:
            self._journal.enter({device_id: after})

    def _with_gaps(self, cycle: Cycle | None, state: DeviceState, reading: Reading) -> DeviceState:
        """Report the entries that cannot be decoded, each once, and return the state with them missing."""
        for index, bad in enumerate(reading.bad):
            at = bad.at if bad.at is not None else reading.read_at
            gap = (reading.log, at, at, Reason.UNDECODABLE.value)
            if bad.at is None or gap not in state.gaps:
                self._state.apply({reading.device_id: state.with_gap(*gap)})
                place = index if bad.at is None else bad.at
                self.failed(cycle, reading.device_id, reading.log, bad.error, place)
                state = self._state.devices[reading.device_id]
        return state

    def finished(self, cycle: Cycle, meta: Meta, **fields: Any) -> None:
        """Report that a cycle is done."""
        self._state.meta = meta
        self._emit(
            CycleFinished,
            {self._state.meta_row: meta},
            key=f"{self._state.meta_row}/cycle/{cycle.number}",
            kind=self._kind.kind,
            cycle=cycle.number,
            every=meta.every,
            changed=cycle.changed,
            failed=len(cycle.failed),
            spent=cycle.totals(),
            lateness=lateness_of(cycle.lateness),
            **fields,
        )


def _new(state: DeviceState, reading: Reading, logs: list[Placed]) -> tuple[list[Seen], list[Placed]]:
    """Return which logs of a portion were not delivered, in two forms."""
    portion = reading.logs[len(reading.logs) - len(logs) :]
    flags = state.ledger(reading.log).unseen(portion)
    pairs = [pair for pair, is_new in zip(zip(portion, logs, strict=True), flags, strict=True) if is_new]
    return [each for each, _ in pairs], [placed for _, placed in pairs]


def _with_latest(state: DeviceState, reading: Reading) -> DeviceState:
    """Return the state with the newest log that a read has found, unless a later one is known."""
    newest = reading.newest
    if newest is None or reading.log != state.regular:
        return state
    known = None if state.hint is None else instant(state.hint)
    is_news = known is None or newest.at > known
    return state.but(latest=latest_of(newest.log) or state.latest) if is_news else state


def _is_closed(gap: tuple[str, int, int, str], log: str, begin: int, end: int) -> bool:
    """Return whether a gap is closed when a time was read; what cannot be decoded still cannot."""
    of, since, until, why = gap
    return of == log and begin <= since and until <= end and why != Reason.UNDECODABLE.value


def _partly(state: DeviceState, log: str, delivered: list[Seen], count: int) -> msgspec.Struct:
    return state.with_delivered(log, delivered[:count])


def state_after(state: DeviceState, reading: Reading, *, past: int) -> DeviceState:
    """Return the state of a device after a read that is through."""
    log, read_at, reach = reading.log, reading.read_at, reading.reach
    before = state.ledger(log)
    deep_target = before.deep_target(past)
    if reading.is_cut and reach > before.target:
        ledger = before.with_gap(reading.logs, reach=reach, read_at=read_at)
        state = state.with_gap(log, before.target, reach, Reason.BUDGET.value)
    else:
        # Where the API does not say when it stored a log, each that may come late is remembered.
        exact_from = NEVER if reading.row.stored else read_at - past - SKEW
        ledger = before.with_reading(reading.logs, reach=reach, read_at=read_at, exact_from=exact_from)
        gaps = tuple(gap for gap in state.gaps if gap[3] != Reason.BUDGET or not _is_closed(gap, log, reach, read_at))
        state = state if len(gaps) == len(state.gaps) else state.but(gaps=gaps)
    # The first log of a window stands just after where it begins.
    if reach <= deep_target + 1:
        ledger = ledger.with_deep_read(read_at)
    state = state.with_ledger(log, ledger).without_trouble(log)
    if log == state.regular:
        newest = None if state.hint is None else instant(state.hint)
        # A log that was shown and that this read has not seen came since, or the read came from a copy that lags.
        is_behind = newest is not None and newest > ledger.seen_to
        state = state.but(behind=max(read_at, state.since) if is_behind else 0)
    top = before.top
    if before.instants and reach == ALWAYS and not any(each.at <= top for each in reading.logs):
        # Where there was a log, there is none any more, and none before it.
        first = reading.logs[0].at if reading.logs else read_at
        state = state.with_gap(log, top, first, Reason.RETENTION.value)
    return state
