"""The unit of a field, read off its name: the API puts units there."""

from __future__ import annotations

import re
from typing import Final

# The longer names first: `watt_hours` holds `watts` in spirit, `grams_per_kilowatt_hour` holds a unit of energy.
_UNITS: Final = (
    ("grams_per_kilowatt_hour", "g/kWh"),
    ("watts_per_kilowatt", "W/kW"),
    ("watt_hours", "Wh"),
    ("wh", "Wh"),
    ("watts", "W"),
    ("milliamps", "mA"),
    ("millivolts", "mV"),
    ("velocity_kmh", "km/h"),
    ("sq_km", "km²"),
    ("meters", "m"),
    ("grams", "g"),
    ("seconds", "s"),
    ("minutes", "min"),
    ("time_hours", "h"),
    ("percentage", "%"),
    ("percent", "%"),
    ("dbm", "dBm"),
    ("minor_units", "minor units of currency"),
)


def unit_of(name: str) -> str | None:
    """Return the unit that the name of a number states; None if it states none."""
    for part, unit in _UNITS:
        if re.search(rf"(^|_){part}(_|$)", name):
            return unit
    return None
