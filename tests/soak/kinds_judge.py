"""The truth to judge a run with all kinds by: the logs of devices and the charging sub-sessions of a sandbox."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from ev_energy_async import api
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet import PollFailed

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ev_energy_async import EvEnergy
    from ev_energy_async.fleet import SubSessionEvent
    from ev_energy_async.models import ChargingSubSession

__all__ = ["judged_sessions", "stored"]

# The first look is made a little after the beginning.
_GRACE: Final = dt.timedelta(minutes=1)


async def stored(
    ev: EvEnergy, kind: str, begin: dt.datetime, until: dt.datetime, *, errors: bool
) -> tuple[set[str], set[str]]:
    """Return the keys of the logs of a kind of devices: those that are due, and all there are."""
    of = DEVICES[kind]
    due, known = set[str](), set[str]()
    async for device in getattr(api, of.list_devices)(ev):
        for log in of.watched:
            row = of.logs[log]
            if log == "error" and not errors:
                continue
            async for each in getattr(api, row.function)(ev, device.id):
                key = f"{device.id}/{log}/{each.url.rpartition('/')[2].replace('%3A', ':')}"
                known.add(key)
                # Where the API does not say when it stored a log, one that was sampled in time may come late.
                stored = getattr(each, row.stored or row.time)
                if begin < stored <= until and getattr(each, row.time) > begin:
                    due.add(key)
    return due, known


async def judged_sessions(
    ev: EvEnergy, events: list[SubSessionEvent], acknowledged: AbstractSet[str], begin: dt.datetime, until: dt.datetime
) -> tuple[list[str], int]:
    """Return which starts, ends and revisions did not come, or came twice; and of how many sub-sessions.

    One that was not acknowledged comes again as what the sub-session is by then, under another key if that has changed.
    """
    wrong: list[str] = []
    made: dict[str, dict[str, str]] = {}
    last: dict[str, ChargingSubSession] = {}
    for event in events:
        assert not isinstance(event, PollFailed)
        name = type(event).__name__
        before = made.setdefault(event.sub_session_id, {})
        if name in {"SubSessionStarted", "SubSessionEnded"}:
            if before.get(name, event.key) != event.key and before[name] in acknowledged:
                wrong.append(f"{event.key}: another {name}")
            before[name] = event.key
        last[event.sub_session_id] = event.session
    count = 0
    async for session in ev.charging_sub_sessions.list(end_gt=begin):
        if session.end is None or not begin + _GRACE < session.end < until:
            continue
        count += 1
        found = made.get(session.id, {})
        wrong += [f"{session.id}: no {name}" for name in ("SubSessionStarted", "SubSessionEnded") if name not in found]
        known = last.get(session.id)
        if known is not None and known.energy_delivered_watt_hours != session.energy_delivered_watt_hours:
            wrong.append(f"{session.id}: its last revision did not come")
    return wrong, count
