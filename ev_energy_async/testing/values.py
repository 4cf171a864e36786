"""Plausible values by the name and the unit of a field; all randomness comes from the source passed in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ulid import ULID

from ev_energy_async.testing.clock import START

if TYPE_CHECKING:
    from random import Random

__all__ = ["amount", "delay", "fraction", "is_known", "moment", "number", "resource_id", "ring", "text"]

_SPAN: Final = dt.timedelta(days=30)
_NAMES: Final = ("Alex Morgan", "Kim Larsen", "Noor Haddad", "Robin Berger", "Sam Okafor", "Yuki Tanaka")
_CITIES: Final = ("Bath", "Cardiff", "Derby", "Exeter", "Leeds", "York")
_LISTED: Final = {
    "city": _CITIES,
    "currency": ("GBP",),
    "end": ("06:00:00",),
    "error_code": ("VEHICLE_OFFLINE", "TIMEOUT", "RATE_LIMITED"),
    "full_name": _NAMES,
    "gsp_group": ("_A", "_C", "_H"),
    "start": ("23:00:00",),
    "state": ("England", "Wales"),
    "supported_countries": ("GB", "US"),
    "timezone": ("Europe/London",),
    "timezone_name": ("Europe/London",),
}
_LINKS: Final = frozenset({"icon", "link", "logo", "svg", "url"})
# Texts about an object as a whole.
_OWN: Final = frozenset({"description", "display_name", "name", "title"})
_UNITS: Final = {
    "%": (0, 100),
    "W": (0, 7_400),
    "W/kW": (0, 1_000),
    "Wh": (0, 60_000),
    "dBm": (-90, -40),
    "g": (0, 5_000),
    "g/kWh": (0, 400),
    "h": (0, 72),
    "hundredths of a minor unit of currency": (0, 4_000),
    "km/h": (0, 110),
    "m": (1_000, 90_000_000),
    "mA": (0, 32_000),
    "mV": (220_000, 245_000),
    "min": (0, 480),
    "minor units of currency": (0, 4_000),
    "s": (0, 3_600),
    "units of currency": (0, 40),
}
_ANYTHING: Final = (0, 100)
_LOW: Final = frozenset({"min", "minimum"})
_HIGH: Final = frozenset({"max", "maximum"})
_BATTERIES: Final = (40_000, 100_000)
# Offsets from the first time of an object: a log is stored seconds later, a period ends in the evening.
_SECONDS_LATER: Final = {
    **dict.fromkeys(("logged", "received"), 5),
    **dict.fromkeys(("dispatched", "read", "resolved", "updated", "used", "verified"), 600),
    **dict.fromkeys(("end", "expires", "ready", "until"), 10_800),
}


def resource_id(prefix: str, number: int, chance: Random) -> str:
    """Return an ID; those with a greater number sort later, as if they were made a second apart."""
    milliseconds = int((START - 2 * _SPAN).timestamp() + number) * 1000
    return prefix + str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + chance.randbytes(10)))


def moment(chance: Random) -> dt.datetime:
    """Return a time in the month before `START`, aware."""
    return START - dt.timedelta(milliseconds=chance.randrange(1, int(_SPAN.total_seconds() * 1000)))


def delay(name: str) -> dt.timedelta:
    """Return the offset of a field's time from the first time of its object."""
    words = name.split("_")
    return dt.timedelta(seconds=max(_SECONDS_LATER.get(word, 0) for word in words))


def is_known(name: str) -> bool:
    """Return whether the texts of a field are listed here, so that it is not a reference."""
    return name in _LISTED


def text(name: str, owner: str, chance: Random) -> str:
    """Return a text for a field of an owner, e.g. a `vehicle trim`."""
    words, counted = name.split("_"), chance.randrange(1, 1_000)
    if name in _LISTED:
        return chance.choice(_LISTED[name])
    if name == "email":
        return f"{chance.choice(_NAMES).split()[0].lower()}{counted}@example.com"
    if not _LINKS.isdisjoint(words):
        return f"https://example.com/{name}/{counted}"
    if name == "ip_address":
        return f"192.0.2.{counted % 255}"
    if name == "postal_code":
        return f"BA1 {counted % 10}AB"
    if name == "address_1":
        return f"{counted} High Street"
    if name in {"price", "value"}:
        return f"0.{counted:03}"
    if "version" in words:
        return f"{counted % 9}.{counted % 7}.{counted % 5}"
    if name == "file_name":
        return f"receipt-{counted}.pdf"
    return f"{owner if name in _OWN else ' '.join(words)} {counted}".capitalize()


def number(name: str, unit: str | None, chance: Random) -> int:
    """Return an integer for a field."""
    words = set(name.split("_"))
    low, high = _UNITS.get(unit or "", _ANYTHING)
    if "battery" in words and unit == "Wh" and "size" in words:
        return chance.randrange(*_BATTERIES, 10)
    # A lower bound is never above the upper one beside it.
    if _LOW & words:
        high = low + (high - low) // 3
    elif _HIGH & words:
        low = high - (high - low) // 3
    return chance.randint(low, high)


def fraction(name: str, unit: str | None, chance: Random) -> float:
    """Return a number with two decimals for a field; coordinates are in Great Britain."""
    if name == "latitude":
        return round(chance.uniform(51, 55), 5)
    if name == "longitude":
        return round(chance.uniform(-3, 0), 5)
    return min(number(name, unit, chance) + chance.randrange(100) / 100, float(_UNITS.get(unit or "", _ANYTHING)[1]))


def amount(name: str, unit: str | None, chance: Random) -> Decimal:
    """Return a decimal number for a field."""
    return Decimal(str(fraction(name, unit, chance)))


def ring(chance: Random) -> list[list[float]]:
    """Return a closed square of longitudes and latitudes, counter-clockwise (RFC 7946, section 3.1.6)."""
    west, south = fraction("longitude", None, chance), fraction("latitude", None, chance)
    east, north = round(west + 0.5, 5), round(south + 0.5, 5)
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
