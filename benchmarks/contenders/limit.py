"""(b) The limit: aiohttp, and msgspec into attrs classes. Nothing else: no checks, retries, budget, errors or pages.

The classes have the fields of a vehicle and a status log in the document. They are written here: nothing of this
package is imported. Enum fields are plain strings, so that unlisted values decode too.
"""

from __future__ import annotations

import datetime as dt

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from benchmarks.contenders.plain import Plain

__all__ = ["StatusLog", "Vehicle", "make"]


@attrs.define(kw_only=True, eq=False, repr=False, weakref_slot=False)
class StatusLog:
    """`VehicleStatusLog`."""

    charge_energy_added_watt_hours: int | UnsetType | None = UNSET
    charge_level_watt_hours: int | UnsetType | None = UNSET
    charge_rate_watts: int | UnsetType | None = UNSET
    current_type: str | UnsetType | None = UNSET
    data_source: str | UnsetType | None = UNSET
    estimated_charge_rate_watts: int | UnsetType | None = UNSET
    is_charging: bool | UnsetType | None = UNSET
    is_complete: bool | UnsetType | None = UNSET
    is_plugged_in: bool | UnsetType | None = UNSET
    logged_at: dt.datetime | UnsetType = UNSET
    minutes_to_full_charge: int | UnsetType | None = UNSET
    odometer_meters: int | UnsetType | None = UNSET
    sampled_at: dt.datetime | UnsetType = UNSET
    state: str | UnsetType | None = UNSET
    state_of_charge_percentage: int | UnsetType | None = UNSET
    target_charge_level_percentage: int | UnsetType | None = UNSET
    target_charge_level_watt_hours: int | UnsetType | None = UNSET
    url: str | UnsetType = UNSET
    vehicle: str | Vehicle | UnsetType = UNSET


@attrs.define(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Vehicle:
    """`Vehicle`; its trim and user as URLs, since they are not expanded here."""

    battery_size_watt_hours: int
    description: str
    disabled: bool
    effective_battery_size_watt_hours: int
    id: str
    integrated: str
    maximum_charge_limit_percentage: int | None
    smart_charging_enabled: bool
    url: str
    vehicle_class: str | None
    charging_sub_sessions: str | UnsetType = UNSET
    latest_status_log: str | StatusLog | UnsetType | None = UNSET
    trim: str | UnsetType = UNSET
    user: str | UnsetType = UNSET


def make(base_url: str) -> Plain[Vehicle, StatusLog]:
    """Make the client."""
    vehicle, vehicles = msgspec.json.Decoder(Vehicle), msgspec.json.Decoder(list[Vehicle])
    return Plain(base_url, vehicle.decode, vehicles.decode, msgspec.json.Decoder(list[StatusLog]).decode)
