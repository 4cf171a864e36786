"""Energy signals: prices, carbon intensities, grid levels, sunshine.

Functions of time alone: nothing is stored, and no clock is read.
"""

from functools import cache
from math import cos, pi, sin
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, Instant, moment
from ev_energy_async.sandbox.simulation.chance import share

STEP: Final = 30 * MINUTE
"""The interval of prices, intensities and levels."""

_CARBON: Final = 31  # kinds of draws
_LEVEL: Final = 32
_CLOUDS: Final = 33
_DYNAMIC: Final = 34

_NIGHT: Final = (23 * 60 + 30, 5 * 60 + 30)  # minutes of the local day between which the night price holds
_SUNRISE: Final = 6 * HOUR
_SUNSET: Final = 18 * HOUR
_CLASSES: Final = ((60, "very low"), (130, "low"), (220, "moderate"), (310, "high"))


class Rates(NamedTuple):
    """A tariff's prices per kWh, in minor units of its currency."""

    timezone: str
    day: int
    night: int
    dynamic: bool
    """Whether the price varies every half hour around the day price."""
    key: int


@cache
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name."""
    return ZoneInfo(name)


def price(rates: Rates, at: Instant) -> int:
    """Return the price of a kWh at a moment, in minor units."""
    if rates.dynamic:
        wave = cos(2 * pi * (_local_minutes(rates.timezone, at) - 18 * 60) / (24 * 60))
        return max(1, round(rates.day * (1 + 0.5 * wave + 0.3 * (share(rates.key, _DYNAMIC, at // STEP) - 0.5))))
    start, end = _NIGHT
    minutes = _local_minutes(rates.timezone, at)
    return rates.night if minutes >= start or minutes < end else rates.day


def carbon_intensity(key: int, at: Instant) -> int:
    """Return the grams of CO2 per kWh of a grid's power."""
    step = at // STEP
    wave = cos(2 * pi * (step % 48 - 38) / 48)
    return round(185 + 85 * wave + 60 * (share(key, _CARBON, step) - 0.5))


def carbon_class(grams: int) -> str:
    """Return the API's name for an intensity."""
    return next((name for limit, name in _CLASSES if grams < limit), "very high")


def grid_level(key: int, at: Instant) -> int:
    """Return how urgently a grid asks not to charge, from 1 to 100; 50 is neutral."""
    step = at // STEP
    wave = cos(2 * pi * (step % 48 - 36) / 48)
    return max(1, min(100, round(50 + 32 * wave + 24 * (share(key, _LEVEL, step) - 0.5))))


def sunshine(key: int, utc_hours: int, at: Instant) -> float:
    """Return the share of its capacity that a solar array yields in the half hour that a moment lies in."""
    step = at // STEP
    time_of_day = (step * STEP + STEP // 2 + utc_hours * HOUR) % DAY
    if not _SUNRISE < time_of_day < _SUNSET:
        return 0.0
    height = sin(pi * (time_of_day - _SUNRISE) / (_SUNSET - _SUNRISE))
    return 0.85 * height * (0.35 + 0.65 * share(key, _CLOUDS, step // 4))


def _local_minutes(timezone: str, at: Instant) -> int:
    local = moment(at).astimezone(zone(timezone))
    return local.hour * 60 + local.minute
