"""Makes a coverage from the rows that a watch keeps in its checkpoint. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.coverage import Coverage, Gap, Reason, Row, join_gaps
from ev_energy_async.instants import MICROSECOND, SECOND, moment

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping

    from ev_energy_async.fleet import sub_sessions as subs
    from ev_energy_async.fleet.coverage import Gaps
    from ev_energy_async.fleet.watch import DeviceState, FleetState, Meta

__all__ = ["SUB_SESSIONS", "coverage_of"]

SUB_SESSIONS: Final = "charging_sub_sessions"
"""Stands for the device in the coverage of charging sub-sessions, which share one row."""

# A watch that is this many intervals late is taken as one that does not run.
_LATE: Final = 3
_AT_LEAST: Final = 600 * SECOND
# Sub-sessions that have ended are listed this often at the least.
_LISTED_WITHIN: Final = 900 * SECOND


def coverage_of(states: Iterable[FleetState], now: int, sub_sessions: subs.Meta | None = None) -> Coverage:
    """Return what is complete.

    Args:
        states: What the checkpoint says of the devices of each kind.
        now: The time.
        sub_sessions: What it says of charging sub-sessions; None if they are not followed.
    """
    rows = [row for state in states for row in _rows(state.meta, state.devices, now)]
    return Coverage((*rows, *([] if sub_sessions is None else [_row_of_sub_sessions(sub_sessions, now)])))


def _row_of_sub_sessions(meta: subs.Meta, now: int) -> Row:
    upto = meta.complete_upto
    log = "charging_sub_session"
    if upto is None or upto <= meta.begin:
        return Row(SUB_SESSIONS, log)
    gaps = [Gap(moment(at), _after(at, at), Reason.UNDECODABLE) for at in meta.bad.values()]
    if now - upto > _LATE * max(round(meta.every * SECOND), _LISTED_WITHIN):
        # What a pause has missed is read afterwards, and then this is no gap any more.
        gaps.append(Gap(moment(upto), moment(now), Reason.DOWNTIME))
    return Row(SUB_SESSIONS, log, moment(meta.begin), moment(upto), moment(upto), _from(gaps, meta.begin))


def _rows(meta: Meta, devices: Mapping[str, DeviceState], now: int) -> Iterator[Row]:
    overdue = now - meta.snapshot_at > max(_LATE * round(meta.every * SECOND), _AT_LEAST)
    for device_id in sorted(devices):
        state = devices[device_id]
        # What has no collection of logs cannot be proven complete.
        logs = [log for log in meta.kinds if DEVICES[state.kind].logs[log].function] if state.is_here else []
        for log in logs:
            yield _row(meta, device_id, log, state, max(now, meta.snapshot_at), overdue=overdue)


def _row(meta: Meta, device_id: str, log: str, state: DeviceState, now: int, *, overdue: bool) -> Row:
    ledger = state.ledger(log)
    troubles = dict(state.trouble)
    # A snapshot in which the device could not be seen says nothing of its newest log.
    is_regular = log == state.regular
    trouble = troubles.get(log) or (troubles.get(DEVICES[state.kind].noun) if is_regular else None)
    upto, is_behind = ledger.read_at, is_regular and state.behind > 0
    if is_behind:
        # A newer log was shown than any read has seen, and nothing is known of what lies before it.
        upto = max(upto, state.behind)
    elif is_regular and trouble is None:
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
