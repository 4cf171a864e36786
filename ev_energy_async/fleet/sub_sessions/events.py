"""The events of charging sub-sessions; `fleet.sub_sessions` yields them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from ev_energy_async.fleet.events import FleetEvent, PollFailed
from ev_energy_async.ids import reference_id

if TYPE_CHECKING:
    from ev_energy_async.fleet.sub_sessions.changes import Change
    from ev_energy_async.models import ChargingSubSession

__all__ = [
    "SubSessionChanged",
    "SubSessionEnded",
    "SubSessionEvent",
    "SubSessionRevised",
    "SubSessionStarted",
]


@attrs.frozen(kw_only=True)
class _OfSubSession(FleetEvent):
    """An event of one charging sub-session.

    Attributes:
        session: The sub-session as it is now.
        changes: What has changed, by field.
    """

    session: ChargingSubSession
    changes: dict[str, Change] = attrs.field(factory=dict[str, "Change"])

    @property
    def sub_session_id(self) -> str:
        """ID of the sub-session."""
        return self.session.id

    @property
    def vehicle_id(self) -> str | None:
        """ID of the vehicle; None if the sub-session names none."""
        vehicle = self.session.vehicle
        return reference_id(vehicle) if vehicle else None


@attrs.frozen(kw_only=True)
class SubSessionStarted(_OfSubSession):
    """A charging sub-session is seen for the first time."""


@attrs.frozen(kw_only=True)
class SubSessionChanged(_OfSubSession):
    """A charging sub-session that goes on has changed: energy was delivered, say."""


@attrs.frozen(kw_only=True)
class SubSessionEnded(_OfSubSession):
    """A charging sub-session has ended."""


@attrs.frozen(kw_only=True)
class SubSessionRevised(_OfSubSession):
    """A charging sub-session that has ended was changed: energy, costs and carbon figures are recalculated."""


SubSessionEvent: TypeAlias = SubSessionStarted | SubSessionChanged | SubSessionEnded | SubSessionRevised | PollFailed
"""The events that `fleet.sub_sessions` yields."""
