"""The logs of home devices: batteries, boundary meters, inverters and CT clamps, at regular intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.sandbox.instants import MINUTE, SECOND, Instant, text
from ev_energy_async.sandbox.simulation import Activity, Bounds, Series, mix, share
from ev_energy_async.sandbox.world import CtClamp

if TYPE_CHECKING:
    from ev_energy_async.sandbox.protocol import JsonObject
    from ev_energy_async.sandbox.simulation import Households
    from ev_energy_async.sandbox.world import Record, World

_PACE: Final = 5 * MINUTE
_JITTER: Final = 50 * SECOND
_UNDERWAY: Final = 4 * SECOND  # from a device to the platform
_MAINS_VOLTS: Final = 230
_BASE_WATTS: Final = 300
_IDLE_WATTS: Final = 40  # what flows below this counts as nothing


def series(
    device: Record | CtClamp, world: World, now: Instant, since: Instant | None = None, until: Instant | None = None
) -> Series:
    """Return the times of a device's logs, newest first."""
    first = world.origin
    if not isinstance(device, CtClamp):
        first = max(first, device.hidden.get("since", first))
    last = now - _UNDERWAY
    if not isinstance(device, CtClamp) and "household" not in device.hidden:
        last = first - 1  # nothing is known of it yet
    first, last = Bounds(since, until).within(first, last)
    return Series(_key(device), _PACE, first, last, jitter=_JITTER)


def report(device: Record | CtClamp, at: Instant, households: Households) -> JsonObject:
    """Return the members of a device's log that hold no references."""
    if isinstance(device, CtClamp):
        return {"sampled_at": text(at), "logged_at": text(at + _UNDERWAY), "current_milliamps": _clamp(device, at)}
    body: JsonObject = {"sampled_at": text(at)}
    flows = households.flows(device.hidden["household"], at)
    totals = {name: watt_hours * 2 for name, watt_hours in flows.totals.items()}
    match device.kind.name:
        case "boundary_meters":
            return body | _meter(totals["import"] - totals["export"])
        case "home_batteries":
            return body | _battery(totals["charge"] - totals["discharge"], flows.capacity, flows.charge_percentage)
        case _:
            watts = totals["generation"]
            status = "PRODUCING" if watts > 0 else "IDLE"
            return body | {"logged_at": text(at + _UNDERWAY), "solar_power_watts": watts, "status": status}


def _meter(watts: int) -> dict[str, Any]:
    status = "IMPORTING" if watts > _IDLE_WATTS else "EXPORTING" if watts < -_IDLE_WATTS else "IDLE"
    return {"power_watts": watts, "status": status}


def _battery(watts: int, capacity: int, percentage: int) -> dict[str, Any]:
    return {
        "capacity_watt_hours": capacity,
        "charge_rate_watts": watts,
        "discharge_limit_percentage": 10,
        "operation_mode": "SELF_RELIANCE",
        "state_of_charge_percentage": percentage,
        "status": "CHARGING" if watts > 0 else "DISCHARGING" if watts < 0 else "IDLE",
    }


def _clamp(clamp: CtClamp, at: Instant) -> int:
    watts = int(_BASE_WATTS * (0.5 + share(_key(clamp), at // _PACE)))
    if clamp.evse is not None:
        life = clamp.evse.reporter.life
        stage = next((stage for stage in life.stages(life.day_of(at)) if stage.start <= at < stage.end), None)
        if stage is not None and stage.at_home and stage.activity is Activity.CHARGING:
            watts += stage.watts
    return watts * 1_000 // _MAINS_VOLTS


def _key(device: Record | CtClamp) -> int:
    return mix(*device.id.encode()[-8:])
