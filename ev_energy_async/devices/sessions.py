"""Commands on a vehicle that is charging. The API boosts sessions, not vehicles, so its session is found first.

The handle on a vehicle calls these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from ev_energy_async import api
from ev_energy_async.clock import seconds
from ev_energy_async.devices.failures import is_transient
from ev_energy_async.errors import BudgetExhausted, EvEnergyError
from ev_energy_async.ids import expanded, id_text

if TYPE_CHECKING:
    from ev_energy_async import models as m
    from ev_energy_async.clock import Clock, Duration
    from ev_energy_async.messages import CallOptions, Request, Response

__all__ = ["CommandNotConfirmed", "NotPluggedIn", "boost", "current_session", "end_boost"]

T = TypeVar("T")

# The priority of a call that writes; a read has 0 by default.
_COMMAND: Final = 1
# Pages of sessions to look through where no user narrows the list: 1,000 sessions.
_MOST_PAGES: Final = 10
_LEAST_TIME: Final = 0.001
_BOOST: Final = "BOOST"
# Seconds from one look at the session to the next: a wait of 30 s takes six requests at the most.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


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


class CommandNotConfirmed(EvEnergyError):
    """The API accepted a command, and the session did not show its effect in time.

    Attributes:
        vehicle_id: ID of the vehicle.
        session_id: ID of the session.
        mode: Its mode when it was last seen; None if it could not be read, as the cause of this error says.
        waited: How long its effect was waited for, in seconds.
    """

    def __init__(self, vehicle_id: str, session_id: str, mode: str | None, waited: float) -> None:
        self.vehicle_id = vehicle_id
        self.session_id = session_id
        self.mode = mode
        self.waited = waited
        super().__init__(vehicle_id, session_id, mode, waited)

    def __str__(self) -> str:
        seen = "could not be read" if self.mode is None else f"is still in mode {self.mode}"
        return f"{self.vehicle_id}: the command was accepted, but the session {seen} after {self.waited:.3g} s"


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
        self._ends_at = self.now() + client.options.deadline

    @property
    def link_origins(self) -> frozenset[str]:
        return self._client.link_origins

    def narrow(self, user: str) -> None:
        """Send what follows in the context of a user, unless the client has one."""
        if self._client.user_id is None:
            self._client = self._client.as_user(user)

    async def send(self, request: Request[T]) -> Response[T]:
        left = max(self._ends_at - self.now(), _LEAST_TIME)
        return await self._client.with_options(deadline=left).send(request)

    def now(self) -> float:
        """Return the client's monotonic time."""
        return self._client.clock.monotonic()

    async def pause(self, duration: float) -> None:
        """Sleep on the client's clock."""
        await self._client.clock.sleep(duration)

    def allow(self, duration: float) -> None:
        """Let what follows take so long, and one attempt at the least."""
        self._ends_at = self.now() + max(duration, self._client.options.timeout)


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


async def boost(client: Commanding, vehicle_id: str, wait: Duration | None = None) -> m.ChargingSession:
    """Charge a vehicle now, at full power, whatever the price and the carbon intensity; see `VehicleHandle.boost`."""
    limit = None if wait is None else seconds("wait", wait)
    command = _Command(client)
    session = await api.boost_charging_session_start(command, (await _needed(command, vehicle_id)).id)
    return session if limit is None else await _confirmed(command, vehicle_id, session, limit, boosted=True)


async def end_boost(client: Commanding, vehicle_id: str, wait: Duration | None = None) -> m.ChargingSession:
    """End the boost of a vehicle and return to smart charging; see `VehicleHandle.end_boost`."""
    limit = None if wait is None else seconds("wait", wait)
    command = _Command(client)
    session = await api.boost_charging_session_end(command, (await _needed(command, vehicle_id)).id)
    return session if limit is None else await _confirmed(command, vehicle_id, session, limit, boosted=False)


async def _confirmed(
    command: _Command, vehicle_id: str, session: m.ChargingSession, wait: float, *, boosted: bool
) -> m.ChargingSession:
    """Return the session as soon as it is boosted, or no longer: at once, and at growing intervals."""
    began, pause = command.now(), _FIRST_PAUSE
    while True:
        command.allow(began + wait - command.now())
        mode, trouble = None, None
        try:
            session = await api.get_charging_session(command, session.id, expand=["sub_sessions"])
        except EvEnergyError as error:
            trouble = error  # the command was accepted: it did not fail
        else:
            mode = _mode(session)
        if session.end:
            raise NotPluggedIn(vehicle_id)
        if mode is not None and (mode == _BOOST) == boosted:
            return session
        left = began + wait - command.now()
        is_vain = isinstance(trouble, BudgetExhausted) or (trouble is not None and not is_transient(trouble))
        if left <= 0 or is_vain:
            raise CommandNotConfirmed(vehicle_id, session.id, mode, command.now() - began) from trouble
        await command.pause(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _mode(session: m.ChargingSession) -> str | None:
    """Return the mode of a session, which is that of its newest sub-session; None if it has none yet."""
    newest = next(iter(session.sub_sessions or ()), None)
    sub_session = expanded(newest)
    return None if sub_session is None else sub_session.mode.value


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
