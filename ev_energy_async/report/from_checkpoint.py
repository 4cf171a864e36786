"""The facts in the checkpoint of a watch: how fresh its devices are, and which logs are known to be complete."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from ev_energy_async.fleet.coverage_report import coverage_of
from ev_energy_async.fleet.watch import load
from ev_energy_async.instants import ALWAYS, instant, instant_of, moment
from ev_energy_async.report.facts import HOUR, MOST_DEVICES, Device, Facts, Missing, hours_before

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.checkpoint import Checkpoint
    from ev_energy_async.fleet.coverage import Row
    from ev_energy_async.fleet.watch import DeviceState

__all__ = ["facts_kept"]

_LOG: Final = "status"
_UNKNOWN: Final = "not watched"
_NEVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)


async def facts_kept(checkpoint: Checkpoint, name: str, now: dt.datetime) -> Facts:
    """Return what a checkpoint says, read without its owner.

    Raises:
        CheckpointError: It is not open, or cannot be read.
    """
    state = (await load(_rows(checkpoint, f"{name}/")))["vehicles"]
    coverage = coverage_of([state], instant_of(now))
    rows = [row for row in coverage.rows if row.log_kind == _LOG]
    hours = hours_before(now, min(map(_begin, rows), default=now))
    devices = [_device(row, _newest(state.devices[row.vehicle_id]), hours) for row in rows] if hours else []
    newest = [device.newest for device in devices]
    missing = [0] * len(hours)
    for device in devices:
        for hour in _touched(device.missing, hours[0], len(hours)):
            missing[hour] += 1
    return Facts(
        now=now,
        source="checkpoint of a watch",
        is_complete=True,
        ages=tuple(float("inf") if time is None else (now - time) / HOUR for time in newest),
        covered=tuple(
            (hour, 1 - without / len(devices)) for hour, without in zip(hours, missing, strict=True) if devices
        ),
        worst=tuple(sorted((each for each in devices if each.missing), key=_badness)[:MOST_DEVICES]),
    )


async def _rows(checkpoint: Checkpoint, prefix: str) -> AsyncIterator[tuple[str, str]]:
    async for key, entry in checkpoint.entries(prefix):
        yield key.removeprefix(prefix), entry.value


def _newest(state: DeviceState) -> dt.datetime | None:
    shown = instant(state.hint) if state.hint else None
    at = max(ALWAYS if shown is None else shown, state.ledger(_LOG).seen_to if state.ledger(_LOG).instants else ALWAYS)
    return None if at == ALWAYS else moment(at)


def _device(row: Row, newest: dt.datetime | None, hours: list[dt.datetime]) -> Device:
    first, last = hours[0], hours[-1] + HOUR
    gaps = [(gap.begin, gap.end, gap.reason.value) for gap in row.gaps]
    ends = [row.complete_upto or first, *(end for _, end, _ in gaps)]
    gaps += [(first, _begin(row), _UNKNOWN), (max(ends), last, _UNKNOWN)]
    cut = [Missing(max(begin, first), min(end, last), why) for begin, end, why in sorted(gaps)]
    missing = tuple(each for each in cut if each.begin < each.end)
    return Device(row.vehicle_id, len(hours) - len(_touched(missing, first, len(hours))), missing, newest)


def _begin(row: Row) -> dt.datetime:
    """Return when a device's logs began to count."""
    known = [time for time in (row.complete_from, *(gap.begin for gap in row.gaps)) if time is not None]
    return min(known, default=_NEVER)


def _touched(missing: tuple[Missing, ...], first: dt.datetime, hours: int) -> set[int]:
    """Return the hours after a first one of which something is missing, by their number."""
    found: set[int] = set()
    for each in missing:
        found.update(range((each.begin - first) // HOUR, min(hours, -((first - each.end) // HOUR))))
    return found


def _badness(device: Device) -> tuple[dt.timedelta, int, str]:
    """Return what puts the worst first: what a watch has missed counts before what was not watched."""
    missed = sum((each.end - each.begin for each in device.missing if each.why != _UNKNOWN), dt.timedelta(0))
    return -missed, device.hours, device.device_id
