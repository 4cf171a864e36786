"""One day of one car as a chain of stages: drive out, stand, perhaps charge on the way, drive home, plug in, charge.

A day runs from one morning's departure to the next. It follows from the car's habits, the state at dawn and a source of
chance, and from nothing else.
"""

from enum import Enum
from random import Random
from typing import Final, NamedTuple

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, SECOND, Instant

EFFICIENCY: Final = 0.92
"""Share of the metered energy that reaches the battery."""

_RESERVE: Final = 0.12  # no trip is started that would leave less than this share of the battery
_WORTHWHILE_METERS: Final = 1_000
_ALMOST_EMPTY: Final = 0.5  # below this share of the battery everybody plugs in
_SATURDAY: Final = 5
_PUBLIC_DAYS: Final = 0.1  # share of the days out on which the car is charged away from home
_PUBLIC_LIMIT: Final = 0.8  # public chargers are left at this share of the battery


class Activity(Enum):
    """The car's activity in a stage."""

    DRIVING = "driving"
    PARKED = "parked"
    WAITING = "waiting"
    """Plugged in, charging comes later."""
    CHARGING = "charging"
    COMPLETE = "complete"
    """Plugged in, the target is reached."""


PLUGGED: Final = frozenset({Activity.WAITING, Activity.CHARGING, Activity.COMPLETE})


_SETTLED: Final = {True: frozenset({Activity.CHARGING, Activity.COMPLETE}), False: frozenset({Activity.COMPLETE})}
"""The activities that a new plan does not change, by whether the plan is to charge at once."""


class Habits(NamedTuple):
    """The constants of a car's days."""

    battery_watt_hours: int
    watt_hours_per_kilometer: int
    home_watts: int
    leg_meters: int
    """A usual way to work."""
    leaves: Instant
    """The usual time of departure, as time since midnight UTC."""
    plugs_in: float
    """The probability that the car is plugged in on an evening when it need not be."""


class Dawn(NamedTuple):
    """A car's state as a day begins."""

    charge: int
    """The Wh in the battery."""
    odometer: int
    meter: int
    """The Wh that the home charger has delivered in total."""
    target: int
    """Percent at which charging stops."""
    smart: bool
    """Whether charging waits for the best hours of the night."""


class Stage(NamedTuple):
    """A stretch of one activity. Energy and distance grow evenly from the start's value to the end's."""

    start: Instant
    end: Instant
    activity: Activity
    at_home: bool
    watts: int
    """Power drawn from the socket while charging."""
    direct_current: bool
    charge: int
    charge_end: int
    odometer: int
    odometer_end: int
    meter: int
    meter_end: int

    def between(self, first: int, last: int, at: Instant) -> int:
        """Return a value that grows evenly from `first` to `last` over the stage, at one moment."""
        return first + (last - first) * (at - self.start) // (self.end - self.start)

    def charge_at(self, at: Instant) -> int:
        """Return the Wh in the battery at a moment of the stage."""
        return self.between(self.charge, self.charge_end, at)


class _Diary:
    """Writes stages one after the other and keeps the running state."""

    def __init__(self, start: Instant, end: Instant, dawn: Dawn, habits: Habits) -> None:
        self.now = start
        self.end = end
        self.charge = dawn.charge
        self.odometer = dawn.odometer
        self.meter = dawn.meter
        self.habits = habits
        self.stages: list[Stage] = []

    def spend(
        self,
        until: Instant,
        activity: Activity,
        *,
        at_home: bool,
        watts: int = 0,
        direct_current: bool = False,
        gained: int = 0,
        driven: int = 0,
    ) -> None:
        """Let time pass in one activity that adds Wh to the battery and metres to the odometer."""
        if until <= self.now:
            return
        charge, odometer = self.charge + gained, self.odometer + driven
        meter = self.meter + round(gained / EFFICIENCY) if watts and at_home else self.meter
        self.stages.append(
            Stage(
                self.now,
                until,
                activity,
                at_home,
                watts,
                direct_current,
                self.charge,
                charge,
                self.odometer,
                odometer,
                self.meter,
                meter,
            )
        )
        self.now, self.charge, self.odometer, self.meter = until, charge, odometer, meter

    def drive(self, meters: int, kilometers_per_hour: float) -> None:
        """Drive a trip of that length."""
        spent = meters * self.habits.watt_hours_per_kilometer // 1_000
        duration = int(meters / 1_000 / kilometers_per_hour * HOUR)
        self.spend(self.now + duration, Activity.DRIVING, at_home=False, gained=-spent, driven=meters)

    def charge_up(self, aim: int, watts: int, until: Instant, *, at_home: bool, direct_current: bool = False) -> None:
        """Charge to `aim` Wh, or as far as it gets before `until`."""
        power = watts * EFFICIENCY
        wanted = max(0, aim - self.charge)
        possible = int((until - self.now) / HOUR * power)
        gained = min(wanted, possible)
        if gained > 0:
            end = min(until, self.now + int(gained / power * HOUR))
            self.spend(
                end,
                Activity.CHARGING,
                at_home=at_home,
                watts=watts,
                direct_current=direct_current,
                gained=gained,
            )


def live_a_day(habits: Habits, dawn: Dawn, start: Instant, end: Instant, chance: Random) -> list[Stage]:
    """Return the stages of the day from `start` to `end`, without a gap."""
    diary = _Diary(start, end, dawn, habits)
    weekend = (start // DAY + 3) % 7 >= _SATURDAY  # 1970-01-01 was a Thursday
    if chance.random() >= (0.4 if weekend else 0.08):
        _go_out(diary, 0.45 if weekend else 1.0, chance)
    _come_home(diary, dawn, chance)
    return diary.stages


def _go_out(diary: _Diary, of_a_working_day: float, chance: Random) -> None:
    habits = diary.habits
    reserve = int(habits.battery_watt_hours * _RESERVE)
    range_meters = max(0, diary.charge - reserve) * 1_000 // habits.watt_hours_per_kilometer
    leg = min(int(habits.leg_meters * chance.uniform(0.7, 1.3)), range_meters // 2)
    if leg < _WORTHWHILE_METERS:
        return
    diary.drive(leg, chance.uniform(28, 55))
    leaves = diary.now + int(chance.uniform(7, 9.5) * of_a_working_day * HOUR)
    if chance.random() < _PUBLIC_DAYS:
        _charge_in_public(diary, leaves, chance)
    diary.spend(leaves, Activity.PARKED, at_home=False)
    diary.drive(leg, chance.uniform(24, 50))


def _charge_in_public(diary: _Diary, until: Instant, chance: Random) -> None:
    direct_current = chance.choice((True, False))
    diary.spend(diary.now + int(chance.uniform(3, 20) * MINUTE), Activity.PARKED, at_home=False)
    aim = int(diary.habits.battery_watt_hours * _PUBLIC_LIMIT)
    watts = 50_000 if direct_current else 11_000
    diary.charge_up(aim, watts, until - 10 * MINUTE, at_home=False, direct_current=direct_current)


def _come_home(diary: _Diary, dawn: Dawn, chance: Random) -> None:
    habits = diary.habits
    lag, habit, slack = chance.uniform(1, 12), chance.random(), chance.uniform(0.5, 3)
    if habit >= habits.plugs_in and diary.charge > habits.battery_watt_hours * _ALMOST_EMPTY:
        diary.spend(diary.end, Activity.PARKED, at_home=True)
        return
    diary.spend(diary.now + int(lag * MINUTE), Activity.PARKED, at_home=True)
    _charge_at_home(diary, dawn, diary.now + 45 * SECOND, int(slack * HOUR))


def _charge_at_home(diary: _Diary, dawn: Dawn, starts: Instant, slack: Instant) -> None:
    """Charge from `starts` on, or later if that is in time too, and stays plugged in until the day's end."""
    habits = diary.habits
    aim = habits.battery_watt_hours * dawn.target // 100
    if aim > diary.charge:
        needed = int((aim - diary.charge) / (habits.home_watts * EFFICIENCY) * HOUR)
        if dawn.smart:
            starts = max(starts, diary.end - needed - slack)
        diary.spend(starts, Activity.WAITING, at_home=True)
        diary.charge_up(aim, habits.home_watts, diary.end - 5 * MINUTE, at_home=True)
    diary.spend(diary.end, Activity.COMPLETE if diary.charge >= aim else Activity.WAITING, at_home=True)


def replan(
    stages: list[Stage], at: Instant, habits: Habits, target: int, slack: Instant, *, at_once: bool
) -> list[Stage]:
    """Return the stages of a day when the plan for the car that stands at its home charger changes at a moment.

    Args:
        stages: the day as it was planned.
        at: when the change takes effect; earlier stages stay.
        habits: the car's.
        target: percent at which charging stops.
        slack: how long before departure a plan that waits has charging done.
        at_once: whether to charge now, else as late as it can be.
    """
    place = next((place for place, stage in enumerate(stages) if stage.start <= at < stage.end), None)
    if place is None:
        return stages
    cut = stages[place]
    if not cut.at_home or cut.activity not in PLUGGED or cut.activity in _SETTLED[at_once]:
        return stages
    last = place
    while last + 1 < len(stages) and stages[last + 1].activity in PLUGGED:
        last += 1
    state = Dawn(
        cut.charge_at(at),
        cut.between(cut.odometer, cut.odometer_end, at),
        cut.between(cut.meter, cut.meter_end, at),
        target,
        not at_once,
    )
    before = cut._replace(end=at, charge_end=state.charge, odometer_end=state.odometer, meter_end=state.meter)
    diary = _Diary(at, stages[last].end, state, habits)
    _charge_at_home(diary, state, diary.now, slack)
    kept = [before] if cut.start < at else []
    return [*stages[:place], *kept, *diary.stages, *stages[last + 1 :]]
