"""The events of a watch, under the import path that users know; they live in `fleet`."""

from ev_energy_async.fleet.events import (
    CycleFinished,
    ErrorLogged,
    FleetEvent,
    FleetShrank,
    IntegrationChanged,
    Lateness,
    PollFailed,
    Spent,
    StatusLogged,
    VehicleAdded,
    VehicleRemoved,
    WatchEvent,
)

__all__ = [
    "CycleFinished",
    "ErrorLogged",
    "FleetEvent",
    "FleetShrank",
    "IntegrationChanged",
    "Lateness",
    "PollFailed",
    "Spent",
    "StatusLogged",
    "VehicleAdded",
    "VehicleRemoved",
    "WatchEvent",
]
