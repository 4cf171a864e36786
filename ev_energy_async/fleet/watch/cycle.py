"""One cycle of a watch: a snapshot, and from it what is to be read and what has become of each vehicle.

Pure decisions: it is given pages and answers, and says what follows. `_engine` asks, and `_telling` makes the events.
"""

from __future__ import annotations

from collections import deque
from heapq import nsmallest
from typing import TYPE_CHECKING, Final
from zlib import crc32

import attrs

from ev_energy_async.fleet.events import Lateness, Spent
from ev_energy_async.fleet.watch.collection import identity_of
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.fleet.watch.state import DeviceState, Meta
from ev_energy_async.instants import ALWAYS, SECOND, SKEW, instant, instant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ev_energy_async.devices import WatchedLog
    from ev_energy_async.models import Vehicle

__all__ = ["Cycle", "Rules", "LogRequest", "lateness_of"]

_INACTIVE: Final = "INACTIVE"
# How long an error log makes a vehicle look unwell.
_RECENTLY: Final = 3_600 * SECOND


@attrs.frozen(kw_only=True)
class Rules:
    """How a watch is to go about it; durations in nanoseconds.

    Attributes:
        status: Whether status logs are read.
        errors: Whether error logs are read.
        read_every: How long after a reading a vehicle that changed is read again at the earliest.
        since: From when on logs count, as asked for; None for from now on.
        past: How far back the rotation reads again.
        stale: After what time without a status log a vehicle looks unwell.
        max_shrink: The share of vehicles that may be missing from a snapshot at once.
    """

    status: bool
    errors: bool
    read_every: int
    since: int | None
    past: int
    stale: int
    max_shrink: float

    @property
    def logs(self) -> tuple[WatchedLog, ...]:
        """The logs that are read."""
        return (*(("status",) if self.status else ()), *(("error",) if self.errors else ()))


@attrs.frozen
class LogRequest:
    """Logs that are to be read.

    Attributes:
        vehicle_id: Whose.
        kind: `status` or `error`.
        why: `status`, `errors` or `reread`, as in `Spent`.
    """

    vehicle_id: str
    kind: str
    why: str


@attrs.frozen
class Change:
    """What a snapshot tells of a vehicle.

    Attributes:
        what: `added`, `integration`, or `quiet` for what nobody needs to hear.
        vehicle: The vehicle.
        known: What is known of it from now on.
        before: What its connection was.
    """

    what: str
    vehicle: Vehicle
    known: DeviceState
    before: str = ""


class Cycle:
    """A cycle under way.

    Args:
        meta: What is known of the fleet.
        rules: How to go about it.
        began: When it began, by the API's clock if that is known to be behind.
        began_monotonic: The same in the seconds of the monotonic clock.
        is_first: Whether nothing was known of the fleet before.

    Attributes:
        number: Its number.
        cursor: Where the snapshot goes on; None at its beginning.
        is_complete: Whether the snapshot is.
        here: The vehicles in it.
        queue: What is to be read.
        absent: The vehicles that were expected and are not in it.
        changed: How many vehicles have a new newest log.
        failed: The vehicles that could not be read.
    """

    def __init__(self, meta: Meta, rules: Rules, began: int, began_monotonic: float, *, is_first: bool) -> None:
        self.number = meta.cycle + 1
        self.began = began
        self.began_monotonic = began_monotonic
        self.cursor: str | None = None
        self.is_complete = False
        self.here: set[str] = set()
        self.absent: list[str] = []
        self.missing: deque[str] = deque()
        self.queue: deque[LogRequest] = deque()
        self.queued: set[tuple[str, str]] = set()
        self.changed = 0
        self.failed: set[str] = set()
        self.spent: dict[str, int] = dict.fromkeys(("snapshot", "status", "errors", "reread", "checks"), 0)
        self.lateness: list[float] = []
        self._meta = meta
        self._is_first = is_first
        self._rules = rules

    def want(self, vehicle_id: str, kind: str, why: str) -> None:
        """Note what is to be read, once."""
        if (vehicle_id, kind) not in self.queued:
            self.queued.add((vehicle_id, kind))
            self.queue.append(LogRequest(vehicle_id, kind, why))

    def take(self, vehicles: Iterable[Vehicle], live: Mapping[str, DeviceState]) -> Iterator[Change]:
        """Take a page of the snapshot, and yield what it changes.

        What follows from it is to be read once what is yielded was noted.
        """
        for vehicle in vehicles:
            if vehicle.id in self.here:
                continue
            self.here.add(vehicle.id)
            known = live.get(vehicle.id)
            hint = identity_of(vehicle.latest_status_log)
            if known is None or not known.is_here:
                yield Change("added", vehicle, self._added(vehicle, known, hint))
            elif vehicle.integrated != known.integrated:
                changed = known.but(integrated=str(vehicle.integrated), changes=known.changes + 1)
                yield Change("integration", vehicle, changed, known.integrated)
                if self._rules.errors and vehicle.integrated == _INACTIVE:
                    self.want(vehicle.id, "error", "errors")
            now = live.get(vehicle.id)
            if now is not None:
                quiet = self._look(vehicle, now, hint)
                if quiet is not now:
                    yield Change("quiet", vehicle, quiet)

    def _added(self, vehicle: Vehicle, known: DeviceState | None, hint: str | None) -> DeviceState:
        """Return what is known of a vehicle that was not there before."""
        integrated = str(vehicle.integrated)
        if known is not None:
            return known.but(integrated=integrated, is_here=True, changes=known.changes + 1)
        given = self._rules.since
        if given is not None:
            since, status = given, Ledger.since(given)
        elif not self._is_first:
            # It was added since the last snapshot, and so were its logs, or they were stored by then.
            since = max(self._meta.since, self._meta.snapshot_at - SKEW)
            status = Ledger.since(since, stored=since)
        else:
            since = self.began
            at = None if hint is None else instant(hint)
            stored = _stored(vehicle)
            if at is None:
                status = Ledger.since(ALWAYS)
            elif stored is not None and stored >= since:
                # It came while the snapshot was being read, and perhaps not alone.
                status = Ledger.since(since, stored=since)
            else:
                status = Ledger.after(at, since)
        hint = hint if status.instants else None
        known = DeviceState(integrated=integrated, hint=hint, since=since, changes=1)
        return known.with_ledger("status", status).with_ledger("error", Ledger.since(since))

    def _look(self, vehicle: Vehicle, known: DeviceState, hint: str | None) -> DeviceState:
        """See from the newest log of a vehicle whether its logs are to be read, and return what is known of it then."""
        at = None if hint is None else instant(hint)
        if known.trouble:
            known = known.without_trouble("vehicle")
        if self._rules.errors and at is not None:
            self._look_for_silence(vehicle.id, at)
        if not self._rules.status:
            return known
        for kind, _ in known.trouble:
            if kind == "status":
                self.want(vehicle.id, kind, kind)
        is_ahead = at is not None and at > self.began + SKEW
        if hint == known.hint and not is_ahead:
            return known
        if at is None:
            return known.but(hint=hint)
        ledger = known.ledger("status")
        if not ledger.unseen([Seen(at, _stored(vehicle))])[0] and not is_ahead:
            return known.but(hint=hint)
        self.changed += 1
        if self._is_due(vehicle.id, ledger.read_at):
            self.want(vehicle.id, "status", "status")
            return known
        return known if known.behind else known.but(behind=self.began)

    def _is_due(self, vehicle_id: str, read_at: int) -> bool:
        """Whether the logs of a vehicle may be read again. Each has a time of its own, so that not all come at once."""
        every = self._rules.read_every
        if not every:
            return True
        offset = crc32(vehicle_id.encode()) * SECOND % every
        return (self.began + offset) // every > (read_at + offset) // every

    def _look_for_silence(self, vehicle_id: str, newest: int) -> None:
        """Want the error logs of a vehicle that has fallen silent since the last snapshot."""
        limit = self._rules.stale
        before = self._meta.snapshot_at
        if self.began - newest > limit and (before == ALWAYS or before - newest <= limit):
            self.want(vehicle_id, "error", "errors")

    def end_snapshot(self, live: Mapping[str, DeviceState]) -> tuple[int, int] | None:
        """Note which vehicles are missing from the snapshot, to be looked up.

        Returns:
            How many were known, and how many of them are there, if too many are missing for that; None if not.
        """
        self.is_complete = True
        known = [vehicle_id for vehicle_id, each in live.items() if each.is_here]
        missing = self.absent = [vehicle_id for vehicle_id in known if vehicle_id not in self.here]
        # One may always be: in a small fleet it is more than any share.
        most = max(1.0, self._rules.max_shrink * len(known)) if self._rules.max_shrink else 0.0
        if len(missing) > most:
            return len(known), len(known) - len(missing)
        self.missing.extend(missing)
        return None

    def rotate_errors(self, live: Mapping[str, DeviceState], count: int) -> None:
        """Want the error logs of so many vehicles, of those that look unwell first, else the longest unread first.

        Those that look unwell get half of it at the most, so that the others have their turn too.
        """
        if not count:
            return
        unread = self._unread(live, "error")
        unwell = nsmallest(count // 2, (pair for pair, known in unread if self._is_unwell(known)))
        chosen = set(unwell)
        others = (pair for pair, _ in self._unread(live, "error") if pair not in chosen)
        for _, each in (*unwell, *nsmallest(count - len(unwell), others)):
            self.want(each, "error", "errors")

    def rotate_past(self, live: Mapping[str, DeviceState], count: int, soon: set[str]) -> None:
        """Want the past of so many vehicles, the longest unread first.

        Those whose new logs are still to be read are read back further instead, for one that reports in each cycle
        would never have its turn.

        Args:
            live: What is known of them.
            count: Of how many.
            soon: Those that are to come first; they get half of it at the most, and are taken out.
        """
        if not count:
            return
        # An odd turn is theirs or not, as by a coin: where turns come every so many cycles, parity favours one side.
        coin = crc32(b"%d" % self.number) % 2
        first = nsmallest((count + coin) // 2, self._turns(live, soon & self.here))
        soon.difference_update(each for _, each in first)
        chosen = set(first)
        others = nsmallest(count - len(first), (pair for pair in self._turns(live, self.here) if pair not in chosen))
        turns = {(each, "status"): LogRequest(each, "status", "reread") for _, each in (*first, *others)}
        rest = [wanted for wanted in self.queue if (wanted.vehicle_id, wanted.kind) not in turns]
        self.queue = deque([*rest, *turns.values()])
        self.queued.update(turns)

    def _turns(self, live: Mapping[str, DeviceState], vehicles: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Yield vehicles with when their past was read last. One by one: of a large fleet a list would be long."""
        for each in vehicles:
            known = live.get(each)
            if known is not None and known.is_here:
                yield known.ledger("status").reread_at, each

    def _unread(self, live: Mapping[str, DeviceState], kind: str) -> Iterator[tuple[tuple[int, str], DeviceState]]:
        """Yield the vehicles of which a kind is not to be read yet, each with when it was read last."""
        for each in self.here:
            known = live.get(each)
            if known is not None and known.is_here and (each, kind) not in self.queued:
                yield (known.ledger(kind).read_at, each), known

    def _is_unwell(self, known: DeviceState) -> bool:
        recent = known.ledger("error")
        return (
            known.integrated == _INACTIVE
            or bool(known.trouble)
            or bool(recent.instants and self.began - recent.top < _RECENTLY)
        )

    def totals(self) -> Spent:
        """Return what was spent."""
        return Spent(**self.spent)


def _stored(vehicle: Vehicle) -> int | None:
    """Return when the API stored a vehicle's newest status log; None if it does not say."""
    log = vehicle.latest_status_log
    return None if isinstance(log, str) or not log or not log.logged_at else instant_of(log.logged_at)


def lateness_of(found: list[float]) -> Lateness | None:
    """Return how late logs were, given the seconds of each."""
    if not found:
        return None
    ranked = sorted(found)

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]

    return Lateness(p50=at(0.5), p90=at(0.9), p99=at(0.99), longest=ranked[-1])
