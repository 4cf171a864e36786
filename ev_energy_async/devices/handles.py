"""Gives the client its handles on single devices, `ev.vehicle(id)` and its siblings. Making one sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async._lazy import lazy_module
from ev_energy_async.api.groups import Groups

if TYPE_CHECKING:
    from ev_energy_async.devices import device
    from ev_energy_async.devices.follow import Polling
    from ev_energy_async.devices.sessions import Commanding
    from ev_energy_async.ids import Ref
else:
    device = lazy_module("ev_energy_async.devices.device")

__all__ = ["Handles"]


class Handles(Groups):
    """Makes handles that call through this client."""

    def vehicle(self: Commanding, vehicle_id: Ref) -> device.VehicleHandle:
        """Return a handle on a vehicle and its logs.

        Raises:
            InvalidArgument: It is not a vehicle.
        """
        return device.VehicleHandle(self, vehicle_id)

    def evse(self: Polling, evse_id: Ref) -> device.EvseHandle:
        """Return a handle on a charger and its logs.

        Raises:
            InvalidArgument: It is not a charger.
        """
        return device.EvseHandle(self, evse_id)

    def home_battery(self: Polling, home_battery_id: Ref) -> device.HomeBatteryHandle:
        """Return a handle on a home battery and its logs.

        Raises:
            InvalidArgument: It is not a home battery.
        """
        return device.HomeBatteryHandle(self, home_battery_id)

    def boundary_meter(self: Polling, boundary_meter_id: Ref) -> device.BoundaryMeterHandle:
        """Return a handle on a boundary meter and its logs.

        Raises:
            InvalidArgument: It is not a boundary meter.
        """
        return device.BoundaryMeterHandle(self, boundary_meter_id)

    def inverter(self: Polling, inverter_id: Ref) -> device.InverterHandle:
        """Return a handle on an inverter.

        Raises:
            InvalidArgument: It is not an inverter.
        """
        return device.InverterHandle(self, inverter_id)

    def ct_clamp(self: Polling, ct_clamp_id: Ref) -> device.CtClampHandle:
        """Return a handle on a CT clamp and its logs.

        Raises:
            InvalidArgument: It is not a CT clamp.
        """
        return device.CtClampHandle(self, ct_clamp_id)
