"""Commands on a vehicle that is charging: its session is found first, since the API boosts sessions, not vehicles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async.errors import EvEnergyError
from ev_energy_async.ids import id_text

if TYPE_CHECKING:
    from ev_energy_async import models as m
    from ev_energy_async.messages import Sender

__all__ = ["NotPluggedIn", "boost", "current_session", "end_boost"]


class NotPluggedIn(EvEnergyError):
    """The vehicle has no charging session that is going on.

    Attributes:
        vehicle_id: Which vehicle.
    """

    def __init__(self, vehicle_id: str) -> None:
        self.vehicle_id = vehicle_id
        super().__init__(vehicle_id)

    def __str__(self) -> str:
        return f"{self.vehicle_id} is not plugged in: it has no charging session that is going on"


async def current_session(sender: Sender, vehicle_id: str) -> m.ChargingSession | None:
    """Return the charging session that a vehicle is in; None if it is not plugged in.

    The list of sessions cannot be filtered, while that of sub-sessions can: without a sub-session that is going on
    there is no session to look for, which spares most vehicles the walk.

    Raises:
        ApiError: The API refused.
    """
    from ev_energy_async.api import list_charging_sessions, list_charging_sub_sessions  # noqa: PLC0415  # lazy

    under_way = await list_charging_sub_sessions(sender, vehicle_id=vehicle_id, is_finished=False, page_size=1)
    if not under_way:
        return None
    async for session in list_charging_sessions(sender, page_size=100):
        if not session.end and session.vehicle and id_text("vehicle", session.vehicle) == vehicle_id:
            return session
    return None


async def boost(sender: Sender, vehicle_id: str) -> m.ChargingSession:
    """Charge a vehicle now, without regard to cheap and clean times.

    Returns:
        The session, boosted.

    Raises:
        NotPluggedIn: The vehicle is in no session.
        Conflict: The session cannot be boosted, or smart charging is off.
        ServiceUnavailable: The command could not be delivered to vehicle or charger.
    """
    from ev_energy_async.api import boost_charging_session_start  # noqa: PLC0415  # lazy

    return await boost_charging_session_start(sender, (await _needed(sender, vehicle_id)).id)


async def end_boost(sender: Sender, vehicle_id: str) -> m.ChargingSession:
    """End the boost of a vehicle: back to cheap and clean times.

    Returns:
        The session, smart again.

    Raises:
        NotPluggedIn: The vehicle is in no session.
        Conflict: The session is not boosted, or smart charging is off.
        ServiceUnavailable: The command could not be delivered to vehicle or charger.
    """
    from ev_energy_async.api import boost_charging_session_end  # noqa: PLC0415  # lazy

    return await boost_charging_session_end(sender, (await _needed(sender, vehicle_id)).id)


async def _needed(sender: Sender, vehicle_id: str) -> m.ChargingSession:
    session = await current_session(sender, vehicle_id)
    if session is None:
        raise NotPluggedIn(vehicle_id)
    return session
