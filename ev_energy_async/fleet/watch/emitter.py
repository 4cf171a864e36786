"""How a watch makes events of what it finds, and what each changes in the checkpoint once it is acknowledged."""

from __future__ import annotations

import re
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.errors import BudgetExhausted, DecodeError, NotFound, RateLimited, ServerError, TransportError
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import (
    CycleFinished,
    Delays,
    ErrorLogged,
    FleetShrank,
    IntegrationChanged,
    PollFailed,
    StatusLogged,
    VehicleAdded,
    VehicleRemoved,
)
from ev_energy_async.fleet.watch.cycle import lateness_of
from ev_energy_async.fleet.watch.state import FLEET, DeviceState
from ev_energy_async.instants import ALWAYS, SECOND

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    import msgspec

    from ev_energy_async.budget import Budget
    from ev_energy_async.devices import Placed
    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.watch.collection import Reading
    from ev_energy_async.fleet.watch.cycle import Change, Cycle
    from ev_energy_async.fleet.watch.journal import Journal, RowValue
    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.fleet.watch.state import Meta
    from ev_energy_async.messages import BadItem

__all__ = ["Emitter", "reason_of"]

# A vehicle that was silent for so long has a past to catch up on, which may come in any order.
_SILENCE: Final = 2 * 3_600 * SECOND
_MOST_GAPS: Final = 50
_MOST_LATENESS: Final = 100_000
_VEHICLE: Final = re.compile(rb'"id"\s*:\s*"(vhcl\w+)"')


def reason_of(error: EvEnergyError) -> Reason:
    """Return why something is missing, given the error that it was asked for in vain."""
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
    """Makes events, in the order in which they are to be given out.

    Attributes:
        events: Those that were not given out, each with the number of its entry in the journal.
        soon: Vehicles to which logs come late, so that more may be on their way: their past is to be read soon.
    """

    def __init__(self, journal: Journal, live: dict[str, DeviceState]) -> None:
        self.events: deque[tuple[int, WatchEvent]] = deque()
        self.soon: set[str] = set()
        self._journal = journal
        self._live = live

    def _tell(self, event: Callable[..., WatchEvent], changes: Mapping[str, RowValue], /, **fields: Any) -> None:
        number = self._journal.enter(changes)
        self.events.append((number, event(ack=partial(self._journal.acknowledge, number), **fields)))

    def change(self, change: Change) -> None:
        """Tell what a snapshot says of a vehicle."""
        vehicle, known = change.vehicle, change.known
        self._live[vehicle.id] = known
        rows = {vehicle.id: known}
        name = f"{vehicle.id}/{change.what}/{known.changes}"
        if change.what == "added":
            self._tell(VehicleAdded, rows, key=name, vehicle_id=vehicle.id, vehicle=vehicle)
        elif change.what == "integration":
            fields: dict[str, Any] = {"before": change.before, "after": known.integrated, "vehicle": vehicle}
            self._tell(IntegrationChanged, rows, key=name, vehicle_id=vehicle.id, **fields)
        else:
            self._journal.enter(rows)

    def removed(self, vehicle_id: str) -> None:
        """Tell that a vehicle is gone."""
        known = self._live[vehicle_id]
        known = self._live[vehicle_id] = known.but(is_here=False, changes=known.changes + 1)
        key = f"{vehicle_id}/removed/{known.changes}"
        self._tell(VehicleRemoved, {vehicle_id: known}, key=key, vehicle_id=vehicle_id)

    def shrunk(self, cycle: Cycle, before: int, after: int) -> None:
        """Tell that many vehicles are missing at once."""
        self._tell(FleetShrank, {}, key=f"fleet/shrank/{cycle.number}", before=before, after=after)

    def absent(self, cycle: Cycle) -> None:
        """Note which vehicles the snapshot was without: it does not say that they have no new logs."""
        expected = {each: self._live[each] for each in cycle.absent}
        rows = {
            each: known.with_trouble("vehicle", Reason.DOWNTIME)
            for each, known in expected.items()
            if "vehicle" not in dict(known.trouble)
        }
        self._live.update(rows)
        if rows:
            self._journal.enter(rows)

    def failed(
        self, cycle: Cycle | None, vehicle_id: str, kind: str, error: EvEnergyError, place: int | None = None
    ) -> None:
        """Tell that a vehicle could not be read; `place` tells a log of it from others."""
        rows: dict[str, RowValue] = {}
        known = self._live.get(vehicle_id)
        if known is not None:
            rows[vehicle_id] = self._live[vehicle_id] = known.with_trouble(kind, reason_of(error))
        number = 0 if cycle is None else cycle.number
        if cycle is not None:
            cycle.failed.add(vehicle_id)
        key = f"{vehicle_id}/{kind}/failed/{number}" + ("" if place is None else f"/{place}")
        self._tell(PollFailed, rows, key=key, vehicle_id=vehicle_id, log_kind=kind, error=error)

    def bad_vehicle(self, cycle: Cycle, item: BadItem) -> None:
        """Tell that a vehicle in the snapshot cannot be decoded. It is there nevertheless."""
        found = _VEHICLE.search(item.raw)
        vehicle_id = "" if found is None else found[1].decode()
        cycle.here.add(vehicle_id)
        self.failed(cycle, vehicle_id, "vehicle", DecodeError(item.reason, item.path))

    def logs(
        self,
        cycle: Cycle | None,
        reading: Reading,
        logs: list[Placed],
        *,
        has_more: bool,
        top: int | None,
        past: int,
    ) -> None:
        """Tell of the logs of a portion that were not delivered before, and note what was read.

        Args:
            cycle: The cycle under way.
            reading: What brought them.
            logs: The portion, oldest first.
            has_more: Whether the reading goes on.
            top: The latest log that was delivered before this reading; None if none was.
            past: Back to which time it must reach to count as a turn of the rotation; NEVER if it is one.
        """
        known = self._with_gaps(cycle, self._live[reading.vehicle_id], reading)
        delivered, new = _new(known, reading, logs)
        kind = reading.kind
        if has_more:
            after = known.with_delivered(kind, delivered)
            after = after.but(behind=after.behind or reading.read_at) if kind == "status" else after
        else:
            after = _through(known, reading, top=top, past=past)
            oldest = min((each.at for each in delivered), default=None)
            if oldest is not None and top is not None and not -_SILENCE < oldest - top < _SILENCE:
                self.soon.add(reading.vehicle_id)
        self._tell_logs(known, reading, new, delivered, after, lambda at: top is not None and at < top)
        if cycle is not None and kind == "status" and len(cycle.lateness) < _MOST_LATENESS:
            cycle.lateness += [(stored - at) / SECOND for at, stored in delivered if stored is not None]

    def audited(self, reading: Reading, logs: list[Placed], begin: int, end: int, *, gaps_from: int | None) -> None:
        """Deliver the logs of a portion of an audit that were not delivered before, and note what was read.

        Args:
            reading: What brought them.
            logs: The portion, oldest first.
            begin: From when on the portion has all logs.
            end: Up to when; not included.
            gaps_from: Where the audit began, if it is through: gaps between there and `end` are closed.
        """
        kind = reading.kind
        known = self._with_gaps(None, self._live[reading.vehicle_id], reading)
        delivered, new = _new(known, reading, logs)
        after = known.with_ledger(
            kind, known.ledger(kind).with_window(reading.logs, begin, end, read_at=reading.read_at)
        )
        if gaps_from is not None:
            after = after.but(gaps=tuple(gap for gap in known.gaps if not _is_closed(gap, kind, gaps_from, end)))
        self._tell_logs(known, reading, new, delivered, after, lambda _: True)

    def _tell_logs(
        self,
        known: DeviceState,
        reading: Reading,
        new: list[Placed],
        delivered: list[Seen],
        after: DeviceState,
        is_late: Callable[[int], bool],
    ) -> None:
        vehicle_id, kind = reading.vehicle_id, reading.kind
        self._live[vehicle_id] = after
        event = StatusLogged if kind == "status" else ErrorLogged
        for count, placed in enumerate(new, 1):
            row: RowValue = after if count == len(new) else partial(_partly, known, kind, delivered, count)
            key = f"{vehicle_id}/{kind}/{placed.text}"
            fields = {"vehicle_id": vehicle_id, "log": placed.log, "late": is_late(placed.at)}
            self._tell(event, {vehicle_id: row}, key=key, **fields)
        if not new and after != known:
            self._journal.enter({vehicle_id: after})

    def _with_gaps(self, cycle: Cycle | None, known: DeviceState, reading: Reading) -> DeviceState:
        """Tell of logs that cannot be decoded, each once, and return what is known with them missing."""
        for index, bad in enumerate(reading.bad):
            at = bad.at if bad.at is not None else reading.read_at
            gap = (reading.kind, at, at, Reason.UNDECODABLE.value)
            if bad.at is None or gap not in known.gaps:
                known = known.but(gaps=(*known.gaps, gap)[-_MOST_GAPS:])
                self._live[reading.vehicle_id] = known
                place = index if bad.at is None else bad.at
                self.failed(cycle, reading.vehicle_id, reading.kind, bad.error, place)
                known = self._live[reading.vehicle_id]
        return known

    def finished(
        self, cycle: Cycle, meta: Meta, *, began_at: dt.datetime, duration: float, budget: Budget, delays: Delays
    ) -> None:
        """Tell that a cycle is done."""
        self._tell(
            CycleFinished,
            {FLEET: meta},
            key=f"fleet/cycle/{cycle.number}",
            cycle=cycle.number,
            began_at=began_at,
            duration=duration,
            every=meta.every,
            vehicles=len(cycle.here),
            changed=cycle.changed,
            failed=len(cycle.failed),
            spent=cycle.totals(),
            lateness=lateness_of(cycle.lateness),
            budget_remaining=budget.remaining,
            delays=delays,
        )


def _new(known: DeviceState, reading: Reading, logs: list[Placed]) -> tuple[list[Seen], list[Placed]]:
    """Return which logs of a portion were not delivered, in two forms."""
    portion = reading.logs[len(reading.logs) - len(logs) :]
    flags = known.ledger(reading.kind).unseen(portion)
    pairs = [pair for pair, is_new in zip(zip(portion, logs, strict=True), flags, strict=True) if is_new]
    return [each for each, _ in pairs], [placed for _, placed in pairs]


def _is_closed(gap: tuple[str, int, int, str], kind: str, begin: int, end: int) -> bool:
    """Whether a gap is closed when a time was read; what cannot be decoded still cannot."""
    of, since, until, why = gap
    return of == kind and begin <= since and until <= end and why != Reason.UNDECODABLE.value


def _partly(known: DeviceState, kind: str, delivered: list[Seen], count: int) -> msgspec.Struct:
    return known.with_delivered(kind, delivered[:count])


def _through(known: DeviceState, reading: Reading, *, top: int | None, past: int) -> DeviceState:
    """Return what is known of a vehicle after a reading that is through."""
    kind, read_at = reading.kind, reading.read_at
    before = known.ledger(kind)
    ledger = before.with_reading(reading.logs, reach=reading.reach, read_at=read_at)
    if reading.reach <= past:
        ledger = ledger.with_reread(read_at)
    known = known.with_ledger(kind, ledger).without_trouble(kind)
    if kind == "status":
        known = known.but(behind=0)
        if reading.newest is not None:
            known = known.but(hint=reading.newest.text)
    if reading.reach == ALWAYS and top is not None and not any(each.at <= top for each in reading.logs):
        # Where there was a log, there is none any more, and none before it.
        first = reading.logs[0].at if reading.logs else read_at
        gap = (kind, top, first, Reason.RETENTION.value)
        known = known.but(gaps=(*known.gaps, gap)[-_MOST_GAPS:])
    return known
