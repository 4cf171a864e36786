"""Charging sub-sessions as their consumer sees them; `fleet.sub_sessions` makes the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async.fleet.sub_sessions.events import SubSessionEvent
from ev_energy_async.fleet.watch.stream import Deliveries
from ev_energy_async.instants import ALWAYS, moment
from ev_energy_async.models import ChargingSubSession

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.fleet.sub_sessions.follower import Follower

__all__ = ["SubSessions"]


class SubSessions(Deliveries[SubSessionEvent]):
    """An endless iterator over what happens to charging sub-sessions.

    Example:
        >>> async for event in ev.fleet.sub_sessions(checkpoint=checkpoint):  # doctest: +SKIP
        ...     match event:
        ...         case SubSessionEnded(session=session):
        ...             print(session.id, session.energy_delivered_watt_hours)
        ...         case SubSessionRevised(changes=changes):
        ...             print(changes)  # {"cost": Change(old=215, new=198)}
    """

    _driver: Follower

    def __repr__(self) -> str:
        return f"<SubSessions, {self._driver.known} under way or not settled{', closed' if self._is_over else ''}>"

    @property
    def complete_from(self) -> dt.datetime | None:
        """From when on all sub-sessions are known that went on or ended since; None before the first look."""
        begin = self._driver.meta.begin
        return None if begin <= ALWAYS else moment(begin)

    @property
    def complete_upto(self) -> dt.datetime | None:
        """Up to when; None before the first look is complete. A pause is no gap: what it missed is read afterwards."""
        looked = self._driver.meta.looked
        return moment(min(looked["running"], looked["ended"])) if {"running", "ended"} <= looked.keys() else None

    def notify(self, event: Any) -> bool:
        """Take a verified webhook event: its sub-session is delivered at once, unless a look has shown it already.

        Events may be lost, doubled or out of order; each start and each end is delivered once.

        Returns:
            Whether it brought something new.
        """
        payload = getattr(event, "payload", event)
        session = getattr(payload, "data", None)
        if not isinstance(session, ChargingSubSession):
            return False
        return self._driver.hint(session, has_ended=str(payload.type) == "charging_sub_session.ended")
