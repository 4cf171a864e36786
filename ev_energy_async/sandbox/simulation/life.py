"""The life of a car: which day a moment belongs to, and the state that one day hands to the next.

Only the state at each dawn is kept, for a month; the stages of a day are worked out when asked for.
"""

from collections import deque
from typing import Final, NamedTuple

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, SECOND, Instant
from ev_energy_async.sandbox.simulation.chance import mix, share, source
from ev_energy_async.sandbox.simulation.habits import Dawn, Habits, Stage, live_a_day, replan
from ev_energy_async.sandbox.simulation.recent import Recent

RETAINED_DAYS: Final = 31
"""Days whose logs can be read back; older ones are gone."""

_DEPARTURE: Final = 1  # kinds of draws
_STAGES: Final = 2
_BIRTH: Final = 3

_REACTION: Final = 20 * SECOND  # how long a car takes to follow a change of plan
_SLACK: Final = HOUR  # how long before departure a changed plan has charging done

Days = Recent[tuple[int, int, int], list[Stage]]


class Switch(NamedTuple):
    """A change of the plan for a plugged-in car."""

    at: Instant
    mode: str
    """The mode of charging from then on."""
    reason: str
    """The reason, as the API calls it."""


class Life:
    """One car's days.

    A day is a number: days since 1970. It begins with that date's departure (a little earlier or later each time) and
    ends with the next.
    """

    __slots__ = ("_amended", "_dawns", "_days", "_first", "_smart", "_switches", "_target", "habits", "key", "revision")

    def __init__(self, key: int, habits: Habits, origin: Instant, days: Days, *, target: int, smart: bool) -> None:
        """Make a life whose first day is the one that `origin` lies in."""
        self.key = key
        self.habits = habits
        self._days = days
        self._target = target
        self._smart = smart
        self._first = self.day_of(origin)
        self._amended: dict[int, list[Stage]] | None = None
        self._switches: dict[int, tuple[Switch, ...]] | None = None
        self.revision = 0
        """The number of changes so far; results computed under another revision are stale."""
        draw = source(key, _BIRTH)
        charge = int(habits.battery_watt_hours * draw.uniform(0.55, target / 100))
        odometer, meter = draw.randrange(2_000_000, 90_000_000), draw.randrange(200_000, 9_000_000)
        self._dawns = deque((Dawn(charge, odometer, meter, target, smart),), maxlen=RETAINED_DAYS)

    @property
    def first_day(self) -> int:
        """The oldest day that is still remembered."""
        return self._first

    def starts(self, day: int) -> Instant:
        """Return the start of a day."""
        jitter = int((share(self.key, _DEPARTURE, day) * 2 - 1) * 45 * MINUTE)
        return day * DAY + self.habits.leaves + jitter

    def day_of(self, at: Instant) -> int:
        """Return the day that a moment lies in."""
        day = (at - self.habits.leaves + HOUR) // DAY
        return day if self.starts(day) <= at else day - 1

    def stages(self, day: int) -> list[Stage]:
        """Return the car's stages from one day's departure to the next; empty for a day no longer kept."""
        self.live_until(day)
        if day < self._first:
            return []
        return self._days.get((self.key, day, self.revision), lambda: self._work_out(day))

    def dawn(self, day: int) -> Dawn:
        """Return the state in which a day begins that is not forgotten."""
        self.live_until(day)
        return self._dawns[day - self._first]

    def live_until(self, day: int) -> None:
        """Compute the days up to a given one."""
        while self._first + len(self._dawns) <= day:
            last = self._work_out(self._first + len(self._dawns) - 1)[-1]
            if len(self._dawns) == RETAINED_DAYS:
                self._first += 1
            self._dawns.append(Dawn(last.charge_end, last.odometer_end, last.meter_end, self._target, self._smart))

    def wish(self, now: Instant, *, target: int | None = None, smart: bool | None = None) -> None:
        """Change the owner's settings. They apply from the next departure on; the day in progress keeps its course."""
        self.live_until(self.day_of(now))
        self._target = self._target if target is None else target
        self._smart = self._smart if smart is None else smart
        self.changed(self.day_of(now))

    def switches(self, day: int) -> tuple[Switch, ...]:
        """Return the changes of plan of that day, oldest first."""
        return () if self._switches is None else self._switches.get(day, ())

    def switch(self, now: Instant, mode: str, reason: str) -> None:
        """Change the plan of a car that stands at its home charger: the mode `SMART` waits, any other charges now.

        The logs so far stay what they are. The car follows within half a minute.
        """
        day = self.day_of(now)
        stages, target = self.stages(day), self.dawn(day).target
        if self._amended is None or self._switches is None:
            self._amended, self._switches = {}, {}
        self._amended[day] = replan(stages, now + _REACTION, self.habits, target, _SLACK, at_once=mode != "SMART")
        self._switches[day] = (*self.switches(day), Switch(now, mode, reason))
        self._amended = {kept: value for kept, value in self._amended.items() if kept >= self._first}
        self._switches = {kept: value for kept, value in self._switches.items() if kept >= self._first}
        self.changed(day)

    def changed(self, day: int) -> None:
        """Say that from this day on something is not as it was worked out."""
        while self._first + len(self._dawns) - 1 > max(day, self._first):
            self._dawns.pop()
        self.revision += 1

    def _work_out(self, day: int) -> list[Stage]:
        if self._amended is not None and day in self._amended:
            return self._amended[day]
        dawn = self._dawns[day - self._first]
        return live_a_day(
            self.habits, dawn, self.starts(day), self.starts(day + 1), source(mix(self.key, _STAGES, day))
        )
