"""The logs of one device, under the import path that users know; they live in `devices`."""

from ev_energy_async.devices.logs import (
    DEVICES,
    BoundaryMeter,
    CtClamp,
    Device,
    Evse,
    HomeBattery,
    LogKind,
    LogQuery,
    Vehicle,
)

__all__ = ["DEVICES", "BoundaryMeter", "CtClamp", "Device", "Evse", "HomeBattery", "LogKind", "LogQuery", "Vehicle"]
