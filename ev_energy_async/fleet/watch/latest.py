"""The latest log of a device as its state keeps it, in a fifth of the bytes of its JSON. Pure.

It is deflated with a dictionary of what such logs hold, since states are many and their logs alike, and without what a
device has in common with all its logs. States of before, which hold the JSON as it is, are understood too.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import models
from ev_energy_async.codec import decode, encode_without
from ev_energy_async.devices import DEVICES

if TYPE_CHECKING:
    from ev_energy_async.devices import LogKind

__all__ = ["latest_of", "log_of"]

# The fields of a log that name its device and itself.
_COMMON: Final = frozenset({"url", *(row.noun for row in DEVICES.values())})

# What is written with these words needs them to be read: it begins with their number, and other words need another one.
_NUMBER: Final = b"\x01"
_WORDS: Final = (
    b'"PRODUCING","CONSUMING","IMPORTING","EXPORTING","DISCHARGING","FAULT","IDLE","TIME_OF_USE","IMPORT_FOCUS",'
    b'"EXPORT_FOCUS","SELF_RELIANCE","capacity_watt_hours":,"discharge_limit_percentage":,"operation_mode":,'
    b'"power_watts":,"solar_power_watts":,"status":,"Deep sleep","Delay","Export match","FFR","Load match","Peak time",'
    b'"Idle","Charge","cable_current_rating_milliamps":32000,"charge_rate_watts":0,"control_pilot_status":"A",'
    b'"export_power_watts":0,"inlet_power_watts":0,"is_charging":false,"is_enabled":true,"is_plugged_in":false,'
    b'"max_current_rating_milliamps":32000,"meter_reading_watt_hours":,"mode":"","signal_strength_rssi_dbm":-,'
    b'"voltage_millivolts":23,"STATIONARY","RECENTLY_FINISHED_DRIVING","PLUGGED_IN_NEAR_READY_BY_TIME",'
    b'"PLUGGED_IN_ALMOST_COMPLETE","PLUGGED_IN_COMPLETE","IN_SERVICE","UNKNOWN","DRIVING","PLUGGED_IN_NOT_CHARGING",'
    b'"DC - Typically OTG chargers","AC - Typically home chargers","ENODE","SMARTCAR",'
    b'"current_type":null,"is_charging":false,"is_complete":true,"is_plugged_in":false,"minutes_to_full_charge":null,'
    b'{"charge_energy_added_watt_hours":null,"charge_level_watt_hours":null,"charge_rate_watts":null,"current_type":"",'
    b'"data_source":"","estimated_charge_rate_watts":null,"is_charging":true,"is_complete":false,"is_plugged_in":true,'
    b'"logged_at":"2026-01-01T00:00:00.000000Z","minutes_to_full_charge":,"odometer_meters":,'
    b'"sampled_at":"2026-01-01T00:00:00Z","state":"PLUGGED_IN_CHARGING","state_of_charge_percentage":,'
    b'"target_charge_level_percentage":80,"target_charge_level_watt_hours":}'
)
# Small tables, for a log is small, and making them would take most of the time.
_LEVEL: Final = 2
_WINDOW: Final = -12
_MEMORY: Final = 2
# A log that takes more than this is not one.
_MOST_BYTES: Final = 1024 * 1024


def latest_of(log: Any) -> bytes | None:
    """Return a log as a state keeps it; None for one of which the URL alone is known."""
    if isinstance(log, str) or not log:
        return None
    deflating = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return _NUMBER + deflating.compress(encode_without(log, _COMMON)) + deflating.flush()


def log_of(latest: bytes | None, row: LogKind) -> Any:
    """Return the log that a state keeps, without `url` and the reference to the device; None if it keeps none.

    Args:
        latest: What the state keeps.
        row: Which log it is.

    Raises:
        DecodeError: It is not what was written.
    """
    if latest is None:
        return None
    is_deflated = latest.startswith(_NUMBER)
    encoded = zlib.decompressobj(_WINDOW, _WORDS).decompress(latest[1:], _MOST_BYTES) if is_deflated else latest
    return decode(encoded, getattr(models, row.model))
