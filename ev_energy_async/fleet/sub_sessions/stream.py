"""Charging sub-sessions as their consumer sees them; `fleet.sub_sessions` makes the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from ev_energy_async.clock import utc, utc_bounds
from ev_energy_async.fleet.audit import AuditReport
from ev_energy_async.fleet.events import PollFailed
from ev_energy_async.fleet.sub_sessions.events import SubSessionEvent
from ev_energy_async.fleet.sub_sessions.looks import AuditLooks
from ev_energy_async.fleet.watch.stream import Deliveries
from ev_energy_async.instants import ALWAYS, instant_of, moment
from ev_energy_async.models import ChargingSubSession

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Generator

    from ev_energy_async.fleet.sub_sessions.follower import Follower
    from ev_energy_async.fleet.sub_sessions.looks import Looks

__all__ = ["SubSessionAudit", "SubSessions"]


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

    def __init__(self, follow: Callable[[Looks], Follower], looks: Looks, ack: Literal["next", "explicit"]) -> None:
        super().__init__(follow(looks), ack)
        # An audit has looks of its own.
        self._follow = follow

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
        upto = self._driver.meta.complete_upto
        return None if upto is None else moment(upto)

    @property
    def every(self) -> float:
        """From one look at those that go on to the next, in seconds.

        Three times as long as asked for while webhooks arrive, and longer where the looks would take more than a tenth
        of the hourly budget.
        """
        return self._driver.looks.every

    def notify(self, event: Any) -> bool:
        """Take a verified webhook event: its sub-session is delivered at once, unless a look has shown it already.

        Events may be lost, doubled or out of order; each start and each end is delivered once. As long as webhooks are
        the first to tell of starts and ends, looks are rarer (`every`).

        Returns:
            Whether it brought something new.
        """
        payload = getattr(event, "payload", event)
        session = getattr(payload, "data", None)
        if not isinstance(session, ChargingSubSession):
            return False
        return self._driver.hint(session, has_ended=str(payload.type) == "charging_sub_session.ended")

    def audit(self, since: dt.datetime, until: dt.datetime) -> SubSessionAudit:
        """List all sub-sessions of a time again, deliver what had not been delivered, and note that it is now.

        Await it for a report, or iterate over what was missing. Those that are settled are known no more, so that it
        reaches back as far as `settle`, and the report says from when on. This stream must not go on meanwhile.

        Args:
            since: The first instant, aware; sub-sessions count that went on at some time between both.
            until: The last one.

        Raises:
            InvalidArgument: A time is naive, or they are not in this order.
        """
        first, last = utc("since", since), utc("until", until)
        utc_bounds(first, last)
        looks = AuditLooks(instant_of(first), instant_of(last), self._driver.looks.settle)
        return SubSessionAudit(self._follow(looks), looks, last)


class SubSessionAudit(Deliveries[SubSessionEvent]):
    """An audit of charging sub-sessions, as an iterator over what was missing; await it to have a report.

    Asking for the next event acknowledges the last one, as does the end.
    """

    _driver: Follower

    def __init__(self, follower: Follower, looks: AuditLooks, until: dt.datetime) -> None:
        super().__init__(follower, "next")
        self._looks = looks
        self._until = until
        self._missing = self._failed = 0

    def __await__(self) -> Generator[Any, None, AuditReport[SubSessionEvent]]:
        return self._through().__await__()

    async def _through(self) -> AuditReport[SubSessionEvent]:
        events = [event async for event in self]
        return attrs.evolve(
            self.report,
            missing=tuple(event for event in events if not isinstance(event, PollFailed)),
            failed=tuple(event for event in events if isinstance(event, PollFailed)),
        )

    async def _next(self) -> SubSessionEvent:
        event = await super()._next()
        self._failed += isinstance(event, PollFailed)
        self._missing += not isinstance(event, PollFailed)
        return event

    @property
    def report(self) -> AuditReport[SubSessionEvent]:
        """The findings so far; `logs` are the sub-sessions that were listed."""
        return AuditReport(
            since=moment(self._looks.since(instant_of(self._driver.clock.now()))),
            until=self._until,
            collections=1,
            logs=self._driver.listed,
            missing_count=self._missing,
            failed_count=self._failed,
            spent=self._driver.calls,
        )
