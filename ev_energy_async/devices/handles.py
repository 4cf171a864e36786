"""The client's handles on single devices: `ev.vehicle(id)` and its siblings. Making one asks nothing of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async.api.groups import Groups

if TYPE_CHECKING:
    from ev_energy_async.devices import logs
    from ev_energy_async.devices.follow import Polling
    from ev_energy_async.ids import Ref

__all__ = ["Handles"]


class Handles(Groups):
    """Makes handles that ask through this client."""

    def vehicle(self: Polling, vehicle_id: Ref) -> logs.Vehicle:
        """Return a handle on a vehicle and its logs.

        Raises:
            InvalidArgument: It is no vehicle.
        """
        from ev_energy_async.devices import logs  # noqa: PLC0415  # loaded when a log is asked for

        return logs.Vehicle(self, vehicle_id)

    def evse(self: Polling, evse_id: Ref) -> logs.Evse:
        """Return a handle on a charger and its logs.

        Raises:
            InvalidArgument: It is no charger.
        """
        from ev_energy_async.devices import logs  # noqa: PLC0415  # loaded when a log is asked for

        return logs.Evse(self, evse_id)

    def home_battery(self: Polling, home_battery_id: Ref) -> logs.HomeBattery:
        """Return a handle on a home battery and its logs.

        Raises:
            InvalidArgument: It is no home battery.
        """
        from ev_energy_async.devices import logs  # noqa: PLC0415  # loaded when a log is asked for

        return logs.HomeBattery(self, home_battery_id)

    def boundary_meter(self: Polling, boundary_meter_id: Ref) -> logs.BoundaryMeter:
        """Return a handle on a boundary meter and its logs.

        Raises:
            InvalidArgument: It is no boundary meter.
        """
        from ev_energy_async.devices import logs  # noqa: PLC0415  # loaded when a log is asked for

        return logs.BoundaryMeter(self, boundary_meter_id)

    def ct_clamp(self: Polling, ct_clamp_id: Ref) -> logs.CtClamp:
        """Return a handle on a CT clamp and its logs.

        Raises:
            InvalidArgument: It is no CT clamp.
        """
        from ev_energy_async.devices import logs  # noqa: PLC0415  # loaded when a log is asked for

        return logs.CtClamp(self, ct_clamp_id)
