"""Mixes of reporting in a simulated fleet: when each log is sampled, and when the API stores it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from ev_energy_async.fleet.allotment import HOUR

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = ["MIXES", "Arrivals"]

_DAY: Final = 86_400.0

Arrivals = list[tuple[float, float]]
"""The times at which logs are stored and were sampled, in the order of storing."""


def steady(_: int, seconds: float, chance: random.Random) -> Arrivals:
    """A report every half hour, stored within seconds."""
    at = chance.uniform(0, 1_800)
    found: Arrivals = []
    while at < seconds:
        found.append((at + chance.uniform(0, 20), at))
        at += 1_800
    return found


def commuters(number: int, seconds: float, chance: random.Random) -> Arrivals:
    """Every 6 minutes for three hours a day, hourly else; a fifth is parked for days."""
    begin = 0.0
    if number % 5 == 0:
        begin = chance.uniform(0, 4) * _DAY
    trips = [(chance.uniform(5, 9) * HOUR, 1.5 * HOUR), (chance.uniform(15, 21) * HOUR, 1.5 * HOUR)]
    at = begin + chance.uniform(0, HOUR)
    found: Arrivals = []
    while at < seconds:
        found.append((at + chance.uniform(0, 60), at))
        hour = at % _DAY
        is_busy = any(start <= hour < start + length for start, length in trips)
        at += chance.uniform(0.9, 1.1) * (360 if is_busy else HOUR)
    return found


def late(number: int, seconds: float, chance: random.Random) -> Arrivals:
    """Half-hourly; one log in twenty is up to two days late, and one device in twenty is offline now and then."""
    gap = (chance.uniform(0, seconds), chance.uniform(0, 2 * _DAY)) if number % 20 == 0 else (math.inf, 0.0)
    at = chance.uniform(0, 1_800)
    found: Arrivals = []
    while at < seconds:
        stored = at + chance.uniform(0, 20)
        if gap[0] <= at < gap[0] + gap[1]:
            stored = gap[0] + gap[1] + chance.uniform(0, 120)
        elif chance.random() < 0.05:
            stored += chance.uniform(0, 2 * _DAY)
        found.append((stored, at))
        at += 1_800
    return sorted(found)


MIXES: Final[dict[str, Callable[[int, float, random.Random], Arrivals]]] = {
    "steady": steady,
    "commuters": commuters,
    "late": late,
}
