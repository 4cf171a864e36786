"""A vehicle as the API describes it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

UTC: Final = dt.UTC
MOMENT: Final = dt.datetime(2026, 3, 14, 7, 5, 0, 250_000, tzinfo=UTC)

VEHICLE: Final[dict[str, Any]] = {
    "battery_size_watt_hours": 64_000,
    "description": "Blue",
    "disabled": False,
    "effective_battery_size_watt_hours": 60_000,
    "id": "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
    "integrated": "ACTIVE",
    "maximum_charge_limit_percentage": 80,
    "smart_charging_enabled": True,
    "url": "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
    "vehicle_class": None,
}


def document(**changes: object) -> bytes:
    return json.dumps({**VEHICLE, **changes}).encode()
