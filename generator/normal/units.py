"""The unit of a field, read off its name: the API puts units there. Whether a text says it already."""

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


# Spellings of a unit in prose, in addition to its symbol.
_WORDS: Final = {
    "%": r"per ?cent|percentage",
    "W": r"watts",
    "Wh": r"watt[- ]hours",
    "mA": r"milliamps|milliamperes",
    "mV": r"millivolts",
    "m": r"met(re|er)s?",
    "g": r"grams",
    "s": r"seconds?",
    "min": r"minutes?",
    "h": r"hours?",
    "km/h": r"kilomet(re|er)s (an|per) hour",
    "km²": r"square kilomet(re|er)s|km2",
    "g/kWh": r"grams\b.*\b(kWh|kilowatt[- ]hour)",
    "minor units of currency": r"minor units?",
}


def states_unit(text: str, unit: str) -> bool:
    """Whether a description says already what the unit of a number is."""
    words = "|".join(filter(None, (re.escape(unit), _WORDS.get(unit))))
    return re.search(rf"(?<!\w)({words})(?!\w)", " ".join(text.split()), re.IGNORECASE) is not None
