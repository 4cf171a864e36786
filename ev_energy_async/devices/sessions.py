"""Commands on a vehicle that is charging. The API boosts sessions, not vehicles, so its session is found first.

The handle on a vehicle calls these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from ev_energy_async import api
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.ids import id_text

if TYPE_CHECKING:
    from ev_energy_async import models as m
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import CallOptions, Request, Response

__all__ = ["NotPluggedIn", "boost", "current_session", "end_boost"]

T = TypeVar("T")

# The priority of a call that writes; a read has 0 by default.
_COMMAND: Final = 1
# Pages of sessions to look through where no user narrows the list: 1,000 sessions.
_MOST_PAGES: Final = 10
_LEAST_TIME: Final = 0.001


class NotPluggedIn(EvEnergyError):
    """The vehicle is in no charging session.

    Attributes:
        vehicle_id: ID of the vehicle.
    """

    def __init__(self, vehicle_id: str) -> None:
        self.vehicle_id = vehicle_id
        super().__init__(vehicle_id)

    def __str__(self) -> str:
        return f"{self.vehicle_id} is not plugged in: it is in no charging session"


class Commanding(Protocol):
    """A client as commands need it."""

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        ...

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins that `Link` headers may name."""
        ...

    @property
    def options(self) -> CallOptions:
        """The options of the client's calls."""
        ...

    @property
    def user_id(self) -> str | None:
        """ID of the user whose context the client calls in."""
        ...

    def as_user(self, user: str) -> Self:
        """Return a view in the context of a user."""
        ...

    def with_options(self, *, deadline: float | None = None, priority: int | None = None) -> Self:
        """Return a view whose calls are made differently."""
        ...

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and decode its response."""
        ...


class _Command:
    """Sends the requests of one command: within one deadline, all at the priority of a write."""

    def __init__(self, client: Commanding) -> None:
        priority = client.options.priority
        self._client = client.with_options(priority=_COMMAND if priority is None else priority)
        self._ends_at = client.clock.monotonic() + client.options.deadline

    @property
    def link_origins(self) -> frozenset[str]:
        return self._client.link_origins

    def narrow(self, user: str) -> None:
        """Send what follows in the context of a user, unless the client has one."""
        if self._client.user_id is None:
            self._client = self._client.as_user(user)

    async def send(self, request: Request[T]) -> Response[T]:
        left = max(self._ends_at - self._client.clock.monotonic(), _LEAST_TIME)
        return await self._client.with_options(deadline=left).send(request)


async def current_session(client: Commanding, vehicle_id: str) -> m.ChargingSession | None:
    """Return the charging session that a vehicle is in; None if it is not plugged in.

    Takes two requests for a vehicle that is not plugged in and three for one that is, all within one deadline. The list
    of sessions cannot be filtered by vehicle, so it is read in the context of the vehicle's user. Of a vehicle without
    a user, only the newest 1,000 sessions that the token may see are looked through.

    Raises:
        NotFound: There is no such vehicle.
        ApiError: The API refused.
    """
    return await _current(_Command(client), vehicle_id)


async def boost(client: Commanding, vehicle_id: str) -> m.ChargingSession:
    """Charge a vehicle now, at full power, whatever the price and the carbon intensity; see `current_session`.

    Returns:
        The session, boosted.

    Raises:
        NotFound: There is no such vehicle.
        NotPluggedIn: The vehicle is in no session.
        Conflict: The session cannot be boosted, or smart charging is off.
        ServiceUnavailable: The command could not be delivered to the vehicle or the charger.
    """
    command = _Command(client)
    return await api.boost_charging_session_start(command, (await _needed(command, vehicle_id)).id)


async def end_boost(client: Commanding, vehicle_id: str) -> m.ChargingSession:
    """End the boost of a vehicle and return to smart charging; see `current_session`.

    Returns:
        The session, smart again.

    Raises:
        NotFound: There is no such vehicle.
        NotPluggedIn: The vehicle is in no session.
        Conflict: The session is not boosted, or smart charging is off.
        ServiceUnavailable: The command could not be delivered to the vehicle or the charger.
    """
    command = _Command(client)
    return await api.boost_charging_session_end(command, (await _needed(command, vehicle_id)).id)


async def _needed(command: _Command, vehicle_id: str) -> m.ChargingSession:
    session = await _current(command, vehicle_id)
    if session is None:
        raise NotPluggedIn(vehicle_id)
    return session


async def _current(command: _Command, vehicle_id: str) -> m.ChargingSession | None:
    vehicle = await api.get_vehicle(command, vehicle_id)
    # Sub-sessions can be filtered by vehicle: without a current one, there is no session to look for.
    if not await api.list_charging_sub_sessions(command, vehicle_id=vehicle_id, is_finished=False, page_size=1):
        return None
    user: Any = vehicle.user
    if user:
        command.narrow(id_text("user", user, "user"))
    pages = 0
    async for page in api.list_charging_sessions(command).pages():
        for session in page:
            if not session.end and session.vehicle and id_text("vehicle", session.vehicle) == vehicle_id:
                return session
        pages += 1
        if pages == _MOST_PAGES and not user:
            break
    return None
