"""The logs of one device, under the import path that users know; they live in `devices`."""

from ev_energy_async.devices.device import (
    BoundaryMeterHandle,
    CtClampHandle,
    Device,
    EvseHandle,
    HomeBatteryHandle,
    InverterHandle,
    VehicleHandle,
)
from ev_energy_async.devices.kinds import DEVICES, LogKind
from ev_energy_async.devices.logs import LogQuery

__all__ = [
    "DEVICES",
    "BoundaryMeterHandle",
    "CtClampHandle",
    "Device",
    "EvseHandle",
    "HomeBatteryHandle",
    "InverterHandle",
    "LogKind",
    "LogQuery",
    "VehicleHandle",
]
