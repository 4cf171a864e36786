"""The times at which devices report, the delay of their logs, and random failures."""

from collections.abc import Iterator
from random import Random
from typing import Final
from uuid import UUID

from ev_energy_async.sandbox.instants import HOUR, MINUTE, SECOND, Instant
from ev_energy_async.sandbox.simulation.habits import Stage

_VERY_LATE: Final = 0.006  # share of the logs that come hours late
_LATE: Final = 0.05  # share of the logs that come minutes late, or later


def samples(stage: Stage, period: Instant, chance: Random) -> Iterator[Instant]:
    """Yield distinct moments of a stage about a period apart, the first soon after its start."""
    at = stage.start + chance.randrange(20 * SECOND)
    while at < stage.end:
        yield at
        at += int(period * chance.uniform(0.9, 1.1))


def lateness(usual_seconds: float, chance: Random) -> Instant:
    """Return the delay of a log: mostly seconds, sometimes minutes, rarely hours."""
    luck = chance.random()
    if luck < _VERY_LATE:
        return int(chance.uniform(1, 5) * HOUR)
    if luck < _LATE:
        return int(chance.uniform(2, 25) * MINUTE)
    return int(chance.uniform(0.5, usual_seconds) * SECOND)


def passing(start: Instant, end: Instant, hours_between: float, chance: Random) -> Iterator[Instant]:
    """Yield moments of failures between two moments, a number of hours apart on average."""
    at = start + int(chance.expovariate(1 / hours_between) * HOUR)
    while at < end:
        yield at
        at += 1 + int(chance.expovariate(1 / hours_between) * HOUR)


def uuid(chance: Random) -> str:
    """Return a UUID (RFC 9562, version 4) as text."""
    return str(UUID(int=chance.getrandbits(128), version=4))
