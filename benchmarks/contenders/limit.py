"""(b) The limit: aiohttp, and msgspec into attrs classes. Nothing else: no checks, retries, budget, errors or pages.

The classes have the fields that the document gives to a vehicle and a status log, and are written here: nothing of
this package is imported. Enum fields are plain strings, so that values that are not listed decode too.
"""

from __future__ import annotations

import datetime as dt

import aiohttp
import attrs
import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["Limit", "StatusLog", "Vehicle", "make"]


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


class Limit:
    """The least that can be done to have models."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None
        self._vehicle = msgspec.json.Decoder(Vehicle)
        self._vehicles = msgspec.json.Decoder(list[Vehicle])
        self._logs = msgspec.json.Decoder(list[StatusLog])

    def decode_logs(self, data: bytes) -> list[StatusLog]:
        """Decode a page of status logs."""
        return self._logs.decode(data)

    def decode_vehicles(self, data: bytes) -> list[Vehicle]:
        """Decode a page of vehicles."""
        return self._vehicles.decode(data)

    async def _get(self, url: str) -> tuple[bytes, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": "Bearer a-token"})
        async with self._session.get(url) as response:
            response.raise_for_status()
            return await response.read(), response.headers.get("Link", "")

    async def get_vehicle(self, vehicle_id: str) -> Vehicle:
        """Get one vehicle."""
        return self._vehicle.decode((await self._get(f"{self._base_url}/vehicles/{vehicle_id}"))[0])

    async def log_page(self, vehicle_id: str) -> list[StatusLog]:
        """Get one page of 100 status logs."""
        return self.decode_logs((await self._get(f"{self._base_url}/vehicles/{vehicle_id}/status_logs?page_size=100"))[0])

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        url: str = f"{self._base_url}/vehicles?page_size=100&expand=latest_status_log"
        count = 0
        while url != "about:blank":
            body, link = await self._get(url)
            count += sum(1 for _ in self.decode_vehicles(body))
            url = link[1 : link.index(">")]
        return count

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


def make(base_url: str) -> Limit:
    """Make the client."""
    return Limit(base_url)
