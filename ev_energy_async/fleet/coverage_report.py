"""Makes a coverage from the rows that a watch keeps in its checkpoint. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ev_energy_async.fleet.coverage import Coverage, Gap, Reason, Row, join_gaps
from ev_energy_async.instants import MICROSECOND, SECOND, moment

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from ev_energy_async.fleet.coverage import Gaps
    from ev_energy_async.fleet.watch import DeviceState, Meta

__all__ = ["coverage_of"]

# A watch that is this many intervals late is taken as one that does not run.
_LATE: Final = 3
_AT_LEAST: Final = 600 * SECOND


def coverage_of(meta: Meta, vehicles: Mapping[str, DeviceState], now: int) -> Coverage:
    """Return what is complete.

    Args:
        meta: What the checkpoint says of the fleet.
        vehicles: What it says of each vehicle.
        now: The time.
    """
    overdue = now - meta.snapshot_at > max(_LATE * round(meta.every * SECOND), _AT_LEAST)
    return Coverage(
        tuple(
            _row(meta, vehicle_id, kind, vehicles[vehicle_id], now, overdue=overdue)
            for vehicle_id in sorted(vehicles)
            for kind in meta.kinds
            if vehicles[vehicle_id].is_here
        )
    )


def _row(meta: Meta, device_id: str, log: str, state: DeviceState, now: int, *, overdue: bool) -> Row:
    ledger = state.ledger(log)
    troubles = dict(state.trouble)
    # A snapshot in which the device could not be seen says nothing of its newest log.
    trouble = troubles.get(log) or (troubles.get("vehicle") if log == "status" else None)
    upto, is_behind = ledger.read_at, log == "status" and state.behind > 0
    if is_behind:
        # A newer log was shown than any read has seen, and nothing is known of what lies before it.
        upto = max(upto, state.behind)
    elif log == "status" and trouble is None:
        # That its newest log was still the same says that there is none after it.
        upto = max(upto, meta.snapshot_at)
    gaps = [Gap(moment(begin), _after(begin, end), Reason(why)) for of, begin, end, why in state.gaps if of == log]
    reason = trouble or (Reason.DOWNTIME if overdue else Reason.UNREAD if is_behind else None)
    start = max(state.since, upto)
    if reason is not None and now - start >= MICROSECOND:
        gaps.append(Gap(moment(start), moment(now), Reason(reason)))
    if upto <= state.since:
        return Row(device_id, log, gaps=join_gaps(gaps))
    as_of = max(ledger.known_as_of(state.since), state.since)
    return Row(device_id, log, moment(state.since), moment(upto), moment(as_of), _from(gaps, state.since))


def _after(begin: int, end: int) -> dt.datetime:
    # What is one log long is a gap too.
    return moment(max(end, begin + MICROSECOND))


def _from(gaps: list[Gap], since: int) -> Gaps:
    return tuple(gap for gap in join_gaps(gaps) if gap.end > moment(since))
