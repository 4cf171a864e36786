"""The documents that the contenders decode: vehicles and status logs, drawn from a seed.

They have the shape of the sandbox's responses. The server of canned responses and the workers use them.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any, Final, Literal, TypeAlias

__all__ = ["BASE", "Variant", "encode", "item_ids", "log_page", "log_time", "status_log", "vehicle", "vehicle_page"]

Variant: TypeAlias = Literal["plain", "unknown", "drift"]
"""`plain` matches the schema; `unknown` has unlisted enum values, in one item of five; `drift` has a null that the
schema forbids and an integer written as `70.0`, in one item of the page."""

BASE: Final = "https://api.ev.energy/v2"
_EPOCH: Final = dt.datetime(2026, 3, 14, tzinfo=dt.UTC)
_STATES: Final = ("DRIVING", "PLUGGED_IN_CHARGING", "PLUGGED_IN_COMPLETE", "PLUGGED_IN_NOT_CHARGING", "STATIONARY")
_SOURCES: Final = ("ENODE", "SMARTCAR", "TESLA")
_PAGE: Final = 100


def item_ids(count: int) -> list[str]:
    """Return the IDs of a fleet."""
    return [f"vhcl01HRFF3SEV{index:016d}" for index in range(count)]


def log_time(number: int, vehicle_index: int = 0) -> str:
    """Return when the log of this number was sampled, each a few minutes after the one before."""
    # At different moments for different vehicles, and with microseconds, as in real data.
    at = _EPOCH + dt.timedelta(seconds=300 * number, microseconds=(vehicle_index * 7919 + number * 31) % 1_000_000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def status_log(rng: random.Random, vehicle_id: str, sampled_at: str, logged_at: str) -> dict[str, Any]:
    """Return one status log."""
    url = f"{BASE}/vehicles/{vehicle_id}"
    state = rng.choice(_STATES)
    charging = state == "PLUGGED_IN_CHARGING"
    level = rng.randint(5, 100)
    return {
        "url": f"{url}/status_logs/{sampled_at}",
        "vehicle": url,
        "sampled_at": sampled_at,
        "logged_at": logged_at,
        "charge_energy_added_watt_hours": rng.randint(0, 40_000) if charging else None,
        "charge_level_watt_hours": level * 770,
        "charge_rate_watts": rng.randint(2_000, 11_000) if charging else 0,
        "current_type": "AC - Typically home chargers" if charging else None,
        "data_source": rng.choice(_SOURCES),
        "estimated_charge_rate_watts": None,
        "is_charging": charging,
        "is_complete": state == "PLUGGED_IN_COMPLETE",
        "is_plugged_in": state.startswith("PLUGGED_IN"),
        "minutes_to_full_charge": rng.randint(5, 600) if charging else None,
        "odometer_meters": rng.randint(1_000_000, 200_000_000),
        "state": state,
        "state_of_charge_percentage": level,
        "target_charge_level_percentage": 80,
        "target_charge_level_watt_hours": 61_600,
    }


def vehicle(rng: random.Random, vehicle_id: str, log: dict[str, Any]) -> dict[str, Any]:
    """Return a vehicle with its newest status log expanded."""
    size = rng.choice((52_000, 60_000, 77_000, 95_000))
    return {
        "id": vehicle_id,
        "url": f"{BASE}/vehicles/{vehicle_id}",
        "user": f"{BASE}/users/user{vehicle_id[4:]}",
        "trim": f"{BASE}/vehicle_trims/trim{vehicle_id[4:]}",
        "latest_status_log": log,
        "charging_sub_sessions": f"{BASE}/charging_sub_sessions?vehicle_id={vehicle_id}",
        "integrated": rng.choice(("ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE")),
        "disabled": False,
        "description": f"Vehicle {vehicle_id[-6:]} of the fleet",
        "battery_size_watt_hours": size,
        "effective_battery_size_watt_hours": size - rng.randint(0, 3_000),
        "maximum_charge_limit_percentage": 80,
        "smart_charging_enabled": True,
        "vehicle_class": rng.choice(("PASSENGER", "COMMERCIAL", None)),
    }


def _departs(log: dict[str, Any], index: int, variant: Variant) -> None:
    if variant == "unknown" and index % 5 == 0:
        log["state"] = f"HOVERING_{index % 3}"
    elif variant == "drift" and index == _PAGE // 2:
        log["logged_at"] = None
        log["state_of_charge_percentage"] = 70.0


def log_page(seed: int, variant: Variant = "plain") -> bytes:
    """Return a page of 100 status logs of one vehicle, newest first."""
    rng = random.Random(seed)
    (vehicle_id,) = item_ids(1)
    logs: list[dict[str, Any]] = []
    for index in range(_PAGE):
        number = (seed + 1) * _PAGE - index
        log = status_log(rng, vehicle_id, log_time(number), log_time(number, 5))
        _departs(log, index, variant)
        logs.append(log)
    return encode(logs)


def vehicle_page(seed: int, variant: Variant = "plain") -> bytes:
    """Return a page of 100 vehicles with their newest status logs expanded."""
    rng = random.Random(seed)
    vehicles: list[dict[str, Any]] = []
    for index, vehicle_id in enumerate(item_ids(_PAGE)):
        log = status_log(rng, vehicle_id, log_time(seed, index), log_time(seed, index + 5))
        _departs(log, index, variant)
        vehicles.append(vehicle(rng, vehicle_id, log))
    return encode(vehicles)


def encode(value: object) -> bytes:
    """Return a document as it goes over the wire."""
    return json.dumps(value, separators=(",", ":")).encode()
