"""The energy flows between a household's solar array, battery, grid and home, by half hour.

A day begins with the battery at its reserve: what is left of it late in the evening goes to the grid. So each day
follows from the household and the date alone, and no energy gets lost in between.
"""

from math import cos, pi
from typing import Final, NamedTuple

from ev_energy_async.sandbox.instants import DAY, HOUR, Instant
from ev_energy_async.sandbox.simulation.chance import share
from ev_energy_async.sandbox.simulation.recent import Recent
from ev_energy_async.sandbox.simulation.signals import STEP, sunshine

STEPS: Final = DAY // STEP

_USE: Final = 41  # kind of draws
_MORNING: Final = (11, 19)  # half hours of the day
_RESERVE: Final = 0.1  # share of its capacity that a battery keeps
_EMPTYING_STEPS: Final = 6  # how many half hours before midnight a battery is emptied


class Household(NamedTuple):
    """The constants of a household."""

    key: int
    utc_hours: int
    solar_watts: int
    battery_watt_hours: int
    base_watts: int

    @property
    def reserve(self) -> int:
        """The battery's capacity in Wh."""
        return int(self.battery_watt_hours * _RESERVE)

    def day_of(self, at: Instant) -> int:
        """Return the day since 1970, by the household's own time, that a moment lies in."""
        return (at + self.utc_hours * HOUR) // DAY

    def starts(self, day: int) -> Instant:
        """Return the start of a day."""
        return day * DAY - self.utc_hours * HOUR


class Flows(NamedTuple):
    """The Wh that flowed in one half hour."""

    solar_to_home: int
    solar_to_battery: int
    solar_to_grid: int
    battery_to_home: int
    battery_to_grid: int
    grid_to_home: int
    stored: int
    """The Wh in the battery at its end."""
    capacity: int

    @property
    def totals(self) -> dict[str, int]:
        """The reported totals by name without the unit; the grid never charges the battery here."""
        return {
            "generation": self.solar_to_home + self.solar_to_battery + self.solar_to_grid,
            "consumption": self.solar_to_home + self.battery_to_home + self.grid_to_home,
            "import": self.grid_to_home,
            "export": self.solar_to_grid + self.battery_to_grid,
            "charge": self.solar_to_battery,
            "discharge": self.battery_to_home + self.battery_to_grid,
            "solar_to_home": self.solar_to_home,
            "solar_to_battery": self.solar_to_battery,
            "solar_to_grid": self.solar_to_grid,
            "battery_to_home": self.battery_to_home,
            "battery_to_grid": self.battery_to_grid,
            "grid_to_home": self.grid_to_home,
            "grid_to_battery": 0,
        }

    @property
    def charge_percentage(self) -> int:
        """The battery's state of charge at its end."""
        return self.stored * 100 // self.capacity


class Households:
    """Works out days of households and keeps those that were asked for lately."""

    def __init__(self, kept: int) -> None:
        self._days: Recent[tuple[int, int], list[Flows]] = Recent(kept)

    def flows(self, household: Household, at: Instant) -> Flows:
        """Return the flows of the half hour that contains a moment."""
        day = household.day_of(at)
        return self.day(household, day)[(at - household.starts(day)) // STEP]

    def day(self, household: Household, day: int) -> list[Flows]:
        """Return the 48 half hours of a day."""
        return self._days.get((household.key, day), lambda: list(_live(household, day)))


def _live(household: Household, day: int) -> list[Flows]:
    stored, capacity = household.reserve, household.battery_watt_hours
    most = max(1, capacity // 6)  # Wh in a half hour: empty to full in three hours
    flows: list[Flows] = []
    for step in range(STEPS):
        at = household.starts(day) + step * STEP
        sun = int(household.solar_watts * sunshine(household.key, household.utc_hours, at) / 2)
        use = _use(household, day, step)
        direct = min(sun, use)
        kept = min(sun - direct, most, capacity - stored)
        given = 0 if kept else min(use - direct, most, stored - household.reserve)
        dumped = 0
        if step >= STEPS - _EMPTYING_STEPS:
            left = stored - household.reserve - given
            dumped = left // (STEPS - step) if step < STEPS - 1 else left
        stored += kept - given - dumped
        flows.append(Flows(direct, kept, sun - direct - kept, given, dumped, use - direct - given, stored, capacity))
    return flows


def _use(household: Household, day: int, step: int) -> int:
    evening = max(0.0, cos(2 * pi * (step - 38) / 48))
    morning = max(0.0, cos(2 * pi * (step - 15) / 16)) if _MORNING[0] <= step <= _MORNING[1] else 0.0
    noise = 0.6 + 0.8 * share(household.key, _USE, day, step)
    return int(household.base_watts * (1 + 3 * evening**3 + 1.5 * morning) * noise / 2)
