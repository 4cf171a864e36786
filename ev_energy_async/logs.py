"""The logs of one device, under the import path that users know; they live in `devices`."""

from ev_energy_async.devices.kinds import DEVICES, LogKind
from ev_energy_async.devices.logs import (
    BoundaryMeter,
    CtClamp,
    Device,
    Evse,
    HomeBattery,
    LogQuery,
    Vehicle,
)

__all__ = ["DEVICES", "BoundaryMeter", "CtClamp", "Device", "Evse", "HomeBattery", "LogKind", "LogQuery", "Vehicle"]
