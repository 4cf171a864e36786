"""What has become of each log: what was delivered against what there was, and what was asked against what had to be.

Pure: rows of a sink, the sandbox's record and its truth go in, figures come out.
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

__all__ = ["Cost", "Verdict", "cost_of", "judge"]

KINDS: Final = {"status_logs": "status", "error_logs": "error"}
_IN_FULL: Final = 200
# Cycles are dated by the API's clock, of which `Date` tells whole seconds.
_DATE: Final = dt.timedelta(seconds=1)
# Faults that strike a request without touching its answer.
_HARMLESS: Final = frozenset({"latency", "expired_token"})
_PAGE: Final = 100
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_STATUS_LOGS: Final = "vehicles.list_status_logs"


@attrs.frozen(kw_only=True)
class Cost:
    """Requests that were answered in full, in cycles that nothing interrupted.

    Attributes:
        cycles: How many cycles these were.
        requests: Requests, without those of the rotation.
        minimum: Pages of snapshots, and pages that held logs which had not been delivered.
        rotation: Requests of the rotation.
        naive: What reading each vehicle in each cycle takes.
    """

    cycles: int = 0
    requests: int = 0
    minimum: int = 0
    rotation: int = 0
    naive: int = 0

    @property
    def ratio(self) -> float:
        """How many times the minimum it was."""
        return self.requests / self.minimum if self.minimum else 1.0


@attrs.frozen(kw_only=True)
class Verdict:
    """What came out of a run.

    Attributes:
        events: Events that were received, those that came again included.
        logs: Different logs among them.
        late: Logs that were marked as late.
        repeated: Events that came again, for they had not been acknowledged.
        lost: Logs that were there to be read and were not delivered.
        twice: Events that came again although they had been acknowledged, as keys.
        trouble: The same of those that tell of failures, which do happen again.
        disorder: Logs that were not marked late, and were.
        invented: Logs that the sandbox does not know.
        unfit: Vehicles that came or went, and were not told of.
        doubtful: Logs that stand in an interval that was said to be complete, and were not delivered.
        cycles: Cycles that were finished.
        cost: What it took.
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
        """Whether all that is promised was kept."""
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
    """Compare what was delivered with what there was.

    Args:
        rows: What was received, in order.
        truth: All logs that there were to be read, at some time.
        until: Logs that were there to be read after this are not missed.
        began: Vehicles that came during the run; all their logs count.
        removed: Vehicles that went, and when.
        coverage: What was said to be complete.
        cost: What it took.
    """
    truth = list(truth)
    starts = {**_starts(rows), **began}
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
        unfit=tuple(_unfit(rows, began, removed)),
        doubtful=tuple(_doubtful(coverage, truth, keys)),
        cycles=len({row.key for row in rows if row.cycle}),
        cost=cost,
    )


def _starts(rows: Iterable[Row]) -> dict[str, dt.datetime]:
    """Return for each vehicle when it was told of at first; its logs count from then on at the latest."""
    return {row.vehicle: row.seen for row in rows if row.key.endswith("/added/1")}


def _twice(rows: Iterable[Row]) -> Iterable[Row]:
    """Yield what was received after it had been acknowledged."""
    acknowledged: set[str] = set()
    for row in rows:
        if row.key in acknowledged:
            yield row
        if row.acknowledged:
            acknowledged.add(row.key)


def _disorder(logs: Iterable[Row]) -> Iterable[str]:
    """Yield the logs that are not marked late, and are older than one that was delivered before.

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


def _unfit(rows: Iterable[Row], began: Iterable[str], removed: Iterable[str]) -> Iterable[str]:
    told: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        change = row.key.split("/")[1] if row.vehicle else ""
        if change in {"added", "removed"}:
            told[change].add(row.vehicle)
            if row.acknowledged:
                told[f"{change} for good"].add(row.vehicle)
    for vehicle in began:
        if vehicle not in told["added"]:
            yield f"{vehicle} came, and was not told of"
    # Who went before it was told of was never there.
    for vehicle in sorted((set(removed) & told["added for good"]) - told["removed"]):
        yield f"{vehicle} went, and was not told of"
    for vehicle in sorted(told["removed"] - set(removed)):
        yield f"{vehicle} was told to have gone, and is there"


def _doubtful(coverage: Coverage, truth: Iterable[Logged], keys: AbstractSet[str]) -> Iterable[str]:
    """Yield the logs that were not delivered, out of intervals that were said to be complete when they were there."""
    told = {(row.vehicle_id, row.log_kind): row for row in coverage.rows}
    for log in truth:
        key = f"{log.device}/{KINDS[log.kind]}/{log.at}"
        row = told.get((log.device, KINDS[log.kind]))
        if key in keys or row is None or row.as_of is None or log.visible_at >= row.as_of:
            continue
        at = dt.datetime.fromisoformat(log.at)
        if row.complete(at, at + _MICROSECOND):
            yield key


@attrs.define
class _Group:
    """The pages of one reading of one collection."""

    pages: int = 0
    unseen: int = 0


def cost_of(rows: Sequence[Row], requests: Iterable[Served], broken: Sequence[dt.datetime] = ()) -> Cost:
    """Return what the cycles took, of those that went through from their beginning to their end.

    The first cycle of each later life is left out: there is more to be read again than what is new. So are those in
    which the consumer was paused.

    Args:
        rows: What was received.
        requests: What the sandbox has served.
        broken: When the consumer was paused.
    """
    cycles = _whole_cycles(rows, broken)
    begins = [cycle.began for cycle in cycles]
    wanted = {row.key for row in rows if row.at}
    seen: set[str] = set()
    snapshots = [0] * len(cycles)
    groups: list[list[_Group]] = [[] for _ in cycles]
    reading: dict[str, _Group] = {}
    for served in requests:
        if served.status != _IN_FULL or set(served.faults) - _HARMLESS:
            continue
        index = bisect_right(begins, served.at) - 1
        counts = index >= 0 and served.at <= cycles[index].ended + _DATE
        if served.operation == "vehicles.list" and counts:
            snapshots[index] += 1
        elif served.operation == _STATUS_LOGS:
            vehicle = served.path.removeprefix(f"{PREFIX}/vehicles/").partition("/")[0]
            new = {f"{vehicle}/status/{at}" for at in served.logs} & wanted - seen
            seen |= new
            if counts:
                # A collection may be read twice in a cycle: as one that changed, and in its turn of the rotation.
                if "page_after=" not in served.path or vehicle not in reading:
                    reading[vehicle] = _Group()
                    groups[index].append(reading[vehicle])
                group = reading[vehicle]
                group.pages += 1
                group.unseen += bool(new)
    requested = minimum = rotation = naive = 0
    for cycle, pages, read in zip(cycles, snapshots, groups, strict=True):
        # The rotation has its turn when the snapshot is through, after those that changed.
        rest = list(read)
        turn = 0
        while rest and turn < cycle.reread:
            turn += rest.pop().pages
        requested += pages + sum(group.pages for group in rest)
        minimum += -(-cycle.vehicles // _PAGE) + sum(group.unseen for group in rest)
        rotation += turn
        naive += cycle.vehicles
    return Cost(cycles=len(cycles), requests=requested, minimum=minimum, rotation=rotation, naive=naive)


def _whole_cycles(rows: Sequence[Row], broken: Sequence[dt.datetime]) -> list[Finished]:
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
