"""Judge a run: compare the delivered logs with those that existed, and the requests with the necessary ones.

Does no I/O: takes the rows of a sink, the sandbox's requests and its logs, and returns figures.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async.sandbox.server.api import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ev_energy_async.fleet import Coverage
    from ev_energy_async.sandbox import Logged, Served

    from .rows import Finished, Row

__all__ = ["HARMLESS", "IN_FULL", "Cost", "Verdict", "cost_of", "judge"]

KINDS: Final = {"status_logs": "status", "error_logs": "error"}
IN_FULL: Final = 200
# Cycles are dated by the API's clock, which `Date` reports in whole seconds.
_DATE: Final = dt.timedelta(seconds=1)
# Faults that affect a request but not its response.
HARMLESS: Final = frozenset({"latency", "expired_token"})
_PAGE: Final = 100
_MICROSECOND: Final = dt.timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class Cost:
    """Requests with a complete response, in cycles that nothing interrupted.

    Attributes:
        cycles: The number of these cycles.
        requests: Requests except those of the rotation.
        minimum: Pages of snapshots, and pages with undelivered logs.
        rotation: Requests of the rotation.
        naive: Requests for reading every vehicle in every cycle.
    """

    cycles: int = 0
    requests: int = 0
    minimum: int = 0
    rotation: int = 0
    naive: int = 0

    @property
    def ratio(self) -> float:
        """Requests as a multiple of the minimum."""
        return self.requests / self.minimum if self.minimum else 1.0


@attrs.frozen(kw_only=True)
class Verdict:
    """The result of a run.

    Attributes:
        events: Events received, redeliveries included.
        logs: Distinct logs among them.
        late: Logs marked as late.
        repeated: Redelivered events that had not been acknowledged.
        lost: Logs that could be read and were not delivered.
        twice: Keys of events that were redelivered although acknowledged.
        trouble: The same for events that report failures, which may recur.
        disorder: Logs that were late but not marked so.
        invented: Logs that the sandbox never had.
        unfit: Vehicles that were added or removed without an event.
        doubtful: Undelivered logs in an interval that coverage calls complete.
        cycles: Finished cycles.
        cost: The cost in requests.
    """

    events: int
    logs: int
    late: int
    repeated: int
    lost: tuple[str, ...]
    twice: tuple[str, ...]
    trouble: int
    disorder: tuple[str, ...]
    invented: tuple[str, ...]
    unfit: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    cycles: int
    cost: Cost = attrs.field(factory=Cost)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.twice or self.disorder or self.invented or self.unfit or self.doubtful)


def judge(
    rows: Sequence[Row],
    truth: Iterable[Logged],
    *,
    until: dt.datetime,
    began: Mapping[str, dt.datetime],
    removed: Mapping[str, dt.datetime],
    coverage: Coverage,
    cost: Cost,
) -> Verdict:
    """Compare the delivered logs with those that existed.

    Args:
        rows: The received events, in order.
        truth: All logs that could be read at some time.
        until: Logs that appeared after this are not required.
        began: Vehicles added during the run, and when.
        removed: Removed vehicles, and when.
        coverage: The coverage that the checkpoint claims.
        cost: The cost in requests.
    """
    truth = list(truth)
    starts = _starts(rows, began)
    keys = {row.key for row in rows}
    known: set[str] = set()
    lost: list[str] = []
    for log in truth:
        key = f"{log.device}/{KINDS[log.kind]}/{log.at}"
        known.add(key)
        start = starts.get(log.device)
        counts = start is not None and start < log.visible_at <= until and log.device not in removed
        if counts and key not in keys:
            lost.append(key)
    logs = [row for row in rows if row.at]
    distinct = {row.key for row in logs}
    twice = list(_twice(rows))
    return Verdict(
        events=len(rows),
        logs=len(distinct),
        late=len({row.key for row in logs if row.late}),
        repeated=len(rows) - len(keys),
        lost=tuple(lost),
        twice=tuple(row.key for row in twice if not row.is_trouble),
        trouble=sum(row.is_trouble for row in twice),
        disorder=tuple(_disorder(logs)),
        invented=tuple(sorted(distinct - known)),
        unfit=tuple(_unfit(rows, {log.device for log in truth}, removed)),
        doubtful=tuple(_doubtful(coverage, truth, keys)),
        cycles=len({row.key for row in rows if row.cycle}),
        cost=cost,
    )


def _starts(rows: Iterable[Row], began: Mapping[str, dt.datetime]) -> dict[str, dt.datetime]:
    """Return from when on the logs of each vehicle are promised.

    A watch promises what the API stores from the beginning of its first cycle on; of a vehicle that comes later, all
    logs. As long as no cycle was finished, a consumer that is killed begins with the first one again, so a vehicle that
    came before then has no earlier promise than the others.
    """
    starts: dict[str, dt.datetime] = {}
    lives: dict[str, int] = {}
    first: Row | None = None
    for row in rows:
        if row.key.endswith("/added/1"):
            starts[row.vehicle], lives[row.vehicle] = row.seen, row.life
        elif row.cycle is not None and first is None:
            first = row
    if first is None or first.cycle is None:
        return starts
    for vehicle, life in lives.items():
        if life == first.life and vehicle not in began:
            starts[vehicle] = min(starts[vehicle], first.cycle.began)
    for vehicle, came in began.items():
        promised = max(came, first.cycle.began)
        starts[vehicle] = min(starts.get(vehicle, promised), promised)
    return starts


def _twice(rows: Iterable[Row]) -> Iterable[Row]:
    """Yield events that were received after they had been acknowledged."""
    acknowledged: set[str] = set()
    for row in rows:
        if row.key in acknowledged:
            yield row
        if row.acknowledged:
            acknowledged.add(row.key)


def _disorder(logs: Iterable[Row]) -> Iterable[str]:
    """Yield logs that are not marked late although they are older than one delivered before.

    What was delivered and not acknowledged before the consumer died is not known to have been.
    """
    latest: dict[str, str] = {}
    unsure: dict[tuple[int, str], str] = {}
    for row in logs:
        place, here = row.place, (row.life, row.place)
        if not row.late and row.at < max(latest.get(place, ""), unsure.get(here, "")):
            yield row.key
        unsure[here] = max(unsure.get(here, ""), row.at)
        if row.acknowledged:
            latest[place] = max(latest.get(place, ""), row.at)


def _unfit(rows: Iterable[Row], here: AbstractSet[str], removed: Iterable[str]) -> Iterable[str]:
    reported: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        change = row.key.split("/")[1] if row.vehicle else ""
        if change in {"added", "removed"}:
            reported[change].add(row.vehicle)
            if row.acknowledged:
                reported[f"{change} for good"].add(row.vehicle)
    for vehicle in sorted(here - set(removed) - reported["added"]):
        yield f"{vehicle} was added without an event"
    # A vehicle that was removed before it was reported never existed.
    for vehicle in sorted((set(removed) & reported["added for good"]) - reported["removed"]):
        yield f"{vehicle} was removed without an event"
    for vehicle in sorted(reported["removed"] - set(removed)):
        yield f"{vehicle} was reported as removed, and exists"


def _doubtful(coverage: Coverage, truth: Iterable[Logged], keys: AbstractSet[str]) -> Iterable[str]:
    """Yield undelivered logs in intervals that were called complete when the logs existed."""
    reported = {(row.vehicle_id, row.log_kind): row for row in coverage.rows}
    for log in truth:
        key = f"{log.device}/{KINDS[log.kind]}/{log.at}"
        row = reported.get((log.device, KINDS[log.kind]))
        if key in keys or row is None or row.as_of is None or log.visible_at >= row.as_of:
            continue
        at = dt.datetime.fromisoformat(log.at)
        if row.complete(at, at + _MICROSECOND):
            yield key


@attrs.define
class _Group:
    """The pages of one reading of a collection."""

    pages: int = 0
    unseen: int = 0


def cost_of(rows: Sequence[Row], requests: Iterable[Served], broken: Sequence[dt.datetime] = ()) -> Cost:
    """Return the cost of the cycles that ran from beginning to end.

    The first cycle of each later life is left out, because it rereads more than what is new. So are cycles in which the
    consumer was paused.

    Args:
        rows: The received events.
        requests: The requests that the sandbox served.
        broken: When the consumer was paused.
    """
    cycles = _complete_cycles(rows, broken)
    begins = [cycle.began for cycle in cycles]
    wanted = {row.key for row in rows if row.at}
    seen: set[str] = set()
    snapshots = [0] * len(cycles)
    groups: list[list[_Group]] = [[] for _ in cycles]
    reading: dict[str, _Group] = {}
    for served in requests:
        if served.status != IN_FULL or set(served.faults) - HARMLESS:
            continue
        index = bisect_right(begins, served.at) - 1
        counts = index >= 0 and served.at <= cycles[index].ended + _DATE
        if served.operation == "vehicles.list" and counts:
            snapshots[index] += 1
        elif served.operation == "vehicles.list_status_logs":
            vehicle = served.path.removeprefix(f"{PREFIX}/vehicles/").partition("/")[0]
            new = {f"{vehicle}/status/{at}" for at in served.logs} & wanted - seen
            seen |= new
            if counts:
                # A collection may be read twice in a cycle: because it changed, and as part of the rotation.
                if "page_after=" not in served.path or vehicle not in reading:
                    reading[vehicle] = _Group()
                    groups[index].append(reading[vehicle])
                group = reading[vehicle]
                group.pages += 1
                group.unseen += bool(new)
    requested = minimum = rotation = naive = 0
    for cycle, pages, read in zip(cycles, snapshots, groups, strict=True):
        # Of the reads for late logs it is known how many pages they had: those that found least for most pages.
        rest = sorted(read, key=lambda group: (group.pages - group.unseen, group.pages))
        turn = 0
        while rest and turn < cycle.late:
            turn += rest.pop().pages
        requested += pages + sum(group.pages for group in rest)
        # A read that proves that nothing lies between two logs of snapshots takes a page, and finds nothing.
        minimum += -(-cycle.vehicles // _PAGE) + sum(max(1, group.unseen) for group in rest)
        rotation += turn
        naive += cycle.vehicles
    return Cost(cycles=len(cycles), requests=requested, minimum=minimum, rotation=rotation, naive=naive)


def _complete_cycles(rows: Sequence[Row], broken: Sequence[dt.datetime]) -> list[Finished]:
    found: dict[int, Finished] = {}
    lives: set[int] = set()
    for row in rows:
        if row.cycle is None:
            continue
        is_first = row.life not in lives
        lives.add(row.life)
        was_paused = any(row.cycle.began <= pause <= row.cycle.ended for pause in broken)
        if row.cycle.number not in found and not was_paused and not (is_first and row.life):
            found[row.cycle.number] = row.cycle
    return sorted(found.values(), key=lambda cycle: cycle.began)
