"""Handles on single devices: their logs, the operations of their collection, and commands.

The client makes them (`ev.vehicle(id)`). They call the endpoint functions of `api`, which keep their names, types and
defaults here.
"""

from __future__ import annotations

import functools
import inspect
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
)

from ev_energy_async import api
from ev_energy_async.calls import pattern_of
from ev_energy_async.clock import utc_bounds
from ev_energy_async.devices import sessions
from ev_energy_async.devices.kinds import DEVICES, PAGE_SIZE
from ev_energy_async.devices.logs import LogQuery
from ev_energy_async.ids import ResourceId, id_text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from ev_energy_async import models as m
    from ev_energy_async.calls import Paginator
    from ev_energy_async.clock import Duration
    from ev_energy_async.devices.logs import Since
    from ev_energy_async.devices.pacing import Polling
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Sender

__all__ = [
    "BoundaryMeterHandle",
    "CtClampHandle",
    "Device",
    "EvseHandle",
    "HomeBatteryHandle",
    "InverterHandle",
    "OcppFilters",
    "VehicleHandle",
]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class OcppFilters(TypedDict, total=False):
    """Filters of `EvseHandle.ocpp_logs`; `ev.evses.list_ocpp_logs` has the names of actions and error codes."""

    action: str
    action_in: str
    direction: Literal["RECEIVED", "SENT"]
    error_code: str
    error_code_in: str
    expand: Sequence[Literal["evse", "evse.model", "evse.model.make", "evse.user"]]


class on_device(Generic[P, R_co]):  # noqa: N801  # the sibling of `calls.endpoint`
    """Descriptor that binds an endpoint function to the client and the ID of a handle.

    Args:
        function: Returns the endpoint function, which is imported when it is first used.
    """

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], Callable[Concatenate[Sender, Ref, P], R_co]]) -> None:
        self._function = function

    def __get__(self, device: Device | None, owner: type) -> Callable[P, R_co]:
        function = self._function()
        if device is None:
            is_async = inspect.iscoroutinefunction(function)
            pattern: Callable[P, R_co] = pattern_of(function, function.__name__, is_async=is_async, given=2)
            return pattern
        bound: Any = functools.partial(function, device.sender, device.id)
        functools.update_wrapper(bound, function, assigned=("__doc__", "__name__", "__qualname__"))
        del bound.__wrapped__  # whose signature is not that of what is bound
        made: Callable[P, R_co] = bound
        return made


class Device:
    """A handle on one device, by its ID. Making one sends nothing."""

    kind: ClassVar[str]
    __slots__ = ("id", "sender")

    def __init__(self, sender: Polling, reference: Ref) -> None:
        self.sender = sender
        row = DEVICES[self.kind]
        self.id = id_text(f"{row.noun}_id", reference, row.prefix)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def _logs(
        self, log: str, since: dt.datetime | None, until: dt.datetime | None, filters: Mapping[str, Any] = {}
    ) -> LogQuery[Any]:
        row = DEVICES[self.kind].logs[log]
        since, until = utc_bounds(since, until)

        def read(since: dt.datetime | None, until: dt.datetime | None) -> Paginator[Any]:
            function = getattr(api, row.function)
            bounds = {f"{row.time}_gte": since, f"{row.time}_lte": until}
            given = {name: bound for name, bound in bounds.items() if bound is not None}
            found: Paginator[Any] = function(self.sender, self.id, page_size=PAGE_SIZE, **given, **filters)
            return found

        shown = "&".join(f"{name}={filters[name]}" for name in sorted(filters))
        of = f"{self.id}/{log}?{shown}" if shown else f"{self.id}/{log}"
        return LogQuery(read, row, of, self.sender.clock, since=since, until=until, created_at=self._created_at)

    def _created_at(self) -> dt.datetime | None:
        try:
            return ResourceId.parse(self.id).created_at
        except ValueError:
            return None


class VehicleHandle(Device):
    """A handle on a vehicle; `since` and `until` are inclusive, on the time of each collection."""

    kind = "vehicles"
    __slots__ = ("_client",)

    get = on_device(lambda: api.get_vehicle)
    update = on_device(lambda: api.update_vehicle)
    delete = on_device(lambda: api.delete_vehicle)
    disconnect = on_device(lambda: api.disconnect_vehicle)
    reconnect = on_device(lambda: api.reconnect_vehicle)
    get_connectors = on_device(lambda: api.get_vehicle_connectors)
    update_connectors = on_device(lambda: api.update_vehicle_connectors)
    get_state_of_charge = on_device(lambda: api.get_vehicle_state_of_charge)
    update_state_of_charge = on_device(lambda: api.update_vehicle_state_of_charge)
    get_vpp_modes = on_device(lambda: api.get_vehicle_vpp_modes)

    def __init__(self, client: sessions.Commanding, reference: Ref) -> None:
        super().__init__(client, reference)
        self._client = client

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleStatusLog]:
        """Return the reports of the vehicle's state, by `sampled_at`."""
        return self._logs("status", since, until)

    def error_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleAPIErrorLog]:
        """Return the failed exchanges with the vehicle's telematics, by `logged_at`."""
        return self._logs("error", since, until)

    def command_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleCommandLog]:
        """Return the commands sent to the vehicle, by `logged_at`."""
        return self._logs("command", since, until)

    def location_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleLocationLog]:
        """Return when the vehicle's location was sampled, by `sampled_at`."""
        return self._logs("location", since, until)

    async def current_session(self) -> m.ChargingSession | None:
        """Return the charging session that the vehicle is in; None if it is not plugged in."""
        return await sessions.current_session(self._client, self.id)

    async def boost(self, *, wait: Duration | None = None) -> m.ChargingSession:
        """Charge now, at full power, whatever the price and the carbon intensity.

        The session is found first: by the vehicle's user, all within one deadline and at a command's priority. Of a
        vehicle without a user, only the newest 1,000 sessions that the token may see are looked through.

        Args:
            wait: How long to wait until the session shows the boost, after the API accepted it, in seconds. It is
                looked at at once and then ever more rarely: six times in 30 s. None to return at once.

        Returns:
            The session, boosted; with its sub-sessions expanded if it was waited for.

        Raises:
            InvalidArgument: `wait` is not above zero.
            NotFound: There is no such vehicle.
            NotPluggedIn: The vehicle is in no session, or was unplugged meanwhile.
            Conflict: The session cannot be boosted, or smart charging is off; `.problem` has the API's reason.
            ServiceUnavailable: The command could not be delivered to the vehicle or the charger.
            CommandNotConfirmed: The session did not show the boost within `wait`, or could not be read.

        Example:
            >>> try:  # doctest: +SKIP
            ...     await ev.vehicle(vehicle_id).boost(wait=30)
            ... except (NotPluggedIn, Conflict, CommandNotConfirmed) as error:
            ...     print(error)
        """
        return await sessions.boost(self._client, self.id, wait)

    async def end_boost(self, *, wait: Duration | None = None) -> m.ChargingSession:
        """End the boost and return to smart charging; see `boost` for arguments and errors."""
        return await sessions.end_boost(self._client, self.id, wait)


class EvseHandle(Device):
    """A handle on a charger; `since` and `until` are inclusive, on the time of each collection."""

    kind = "evses"
    __slots__ = ()

    get = on_device(lambda: api.get_evse)
    update = on_device(lambda: api.update_evse)
    delete = on_device(lambda: api.delete_evse)
    reconnect = on_device(lambda: api.reconnect_evse)
    get_connectivity = on_device(lambda: api.get_evse_connectivity)
    get_vpp_modes = on_device(lambda: api.get_evse_vpp_modes)

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.EVSEStatusLog]:
        """Return the reports of the charger's state, by `sampled_at`."""
        return self._logs("status", since, until)

    def error_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.EVSEAPIErrorLog]:
        """Return the failed exchanges with the charger's hardware API, by `sampled_at`."""
        return self._logs("error", since, until)

    def command_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.EVSECommandLog]:
        """Return the commands sent to the charger, by `logged_at`."""
        return self._logs("command", since, until)

    def ocpp_logs(
        self, *, since: Since = None, until: Since = None, **filters: Unpack[OcppFilters]
    ) -> LogQuery[m.EVSEOCPPLog]:
        """Return the OCPP messages exchanged with the charger, by `sampled_at`.

        Args:
            since: No earlier than this.
            until: No later than this.
            filters: Further filters of `ev.evses.list_ocpp_logs`, e.g. `action="Heartbeat"`.
        """
        return self._logs("ocpp", since, until, filters)


class HomeBatteryHandle(Device):
    """A handle on a home battery; `since` and `until` are inclusive, on `sampled_at`."""

    kind = "home_batteries"
    __slots__ = ()

    get = on_device(lambda: api.get_home_battery)

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.HomeBatteryStatusLog]:
        """Return the reports of the battery's state, by `sampled_at`."""
        return self._logs("status", since, until)


class BoundaryMeterHandle(Device):
    """A handle on a boundary meter; `since` and `until` are inclusive, on `sampled_at`."""

    kind = "boundary_meters"
    __slots__ = ()

    get = on_device(lambda: api.get_boundary_meter)

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.BoundaryMeterStatusLog]:
        """Return the readings of the meter, by `sampled_at`."""
        return self._logs("status", since, until)


class CtClampHandle(Device):
    """A handle on a CT clamp; `since` and `until` are inclusive, on `sampled_at`."""

    kind = "ct_clamps"
    __slots__ = ()

    get = on_device(lambda: api.get_ct_clamp)

    def logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.CTClampLog]:
        """Return the measurements of the clamp, by `sampled_at`."""
        return self._logs("current", since, until)


class InverterHandle(Device):
    """A handle on an inverter, which has no collection of logs; `get(expand=["latest_status_log"])` has its newest."""

    kind = "inverters"
    __slots__ = ()

    get = on_device(lambda: api.get_inverter)
