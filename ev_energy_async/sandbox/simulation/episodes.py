"""Plug-ins as they follow from a car's days, the modes they pass through, and the energy that flowed in them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ev_energy_async.sandbox.instants import MINUTE, Instant
from ev_energy_async.sandbox.simulation.habits import PLUGGED, Activity, Stage
from ev_energy_async.sandbox.simulation.life import Life

INTERVAL: Final = 30 * MINUTE
"""The interval of usage and schedules, aligned to the half hour."""

SMART: Final = "SMART"
BOOST: Final = "BOOST"
UNMANAGED_HOME: Final = "UNMANAGED_HOME"
UNMANAGED_PUBLIC: Final = "UNMANAGED_OTG"
MANAGED_PUBLIC: Final = "MANAGED_OTG"


class Episode(NamedTuple):
    """One plug-in, from plugging in to unplugging."""

    day: int
    """The day of the car's life in which it lies; it never crosses a departure."""
    number: int
    """Its number among the day's plug-ins, from 0."""
    stages: tuple[Stage, ...]

    @property
    def start(self) -> Instant:
        """The moment at which the car is plugged in."""
        return self.stages[0].start

    @property
    def end(self) -> Instant:
        """The moment at which it is unplugged."""
        return self.stages[-1].end

    @property
    def at_home(self) -> bool:
        """Whether it happens at the home charger."""
        return self.stages[0].at_home


class Span(NamedTuple):
    """A stretch of an episode in one mode."""

    number: int
    start: Instant
    end: Instant
    mode: str
    start_reason: str | None
    finish_reason: str | None


def episodes(life: Life, day: int) -> Iterator[Episode]:
    """Yield the plug-ins of a day, in order."""
    number = 0
    together: list[Stage] = []
    for stage in life.stages(day):
        if stage.activity in PLUGGED:
            together.append(stage)
        elif together:
            yield Episode(day, number, tuple(together))
            number, together = number + 1, []
    if together:
        yield Episode(day, number, tuple(together))


def spans(life: Life, episode: Episode, end: Instant, start_reason: str, finish_reason: str | None) -> list[Span]:
    """Return the stretches of an episode that ends at `end`, oldest first."""
    smart = life.dawn(episode.day).smart
    if episode.at_home:
        mode = SMART if smart else UNMANAGED_HOME
    else:
        mode = MANAGED_PUBLIC if smart and not episode.stages[0].direct_current else UNMANAGED_PUBLIC
    switches = [switch for switch in life.switches(episode.day) if episode.start <= switch.at < end]
    cuts = [episode.start, *(switch.at for switch in switches), end]
    modes = [mode, *(switch.mode for switch in switches)]
    reasons = [start_reason, *(switch.reason for switch in switches), finish_reason]
    return [
        Span(number, cuts[number], cuts[number + 1], mode, reasons[number], reasons[number + 1])
        for number, mode in enumerate(modes)
    ]


def delivered(stages: Iterable[Stage], until: Instant) -> int:
    """Return the Wh delivered to the battery by a moment."""
    return sum(
        stage.between(stage.charge, stage.charge_end, min(until, stage.end)) - stage.charge
        for stage in stages
        if stage.activity is Activity.CHARGING and stage.start < until
    )


def seconds_charging(stages: Iterable[Stage], start: Instant, end: Instant) -> float:
    """Return the seconds in which energy flowed between two moments."""
    return sum(
        max(0, min(end, stage.end) - max(start, stage.start)) / 1e6
        for stage in stages
        if stage.activity is Activity.CHARGING
    )


class Usage(NamedTuple):
    """The energy delivered in one interval."""

    start: Instant
    watt_hours: int
    at_once_watt_hours: int
    """The energy of an unmanaged charge that starts at plug-in."""


def usage(stages: Sequence[Stage], start: Instant, end: Instant) -> list[Usage]:
    """Return the intervals of a span up to `end`; their energy adds up to what was delivered in it."""
    charging = [stage for stage in stages if stage.activity is Activity.CHARGING]
    watts = max((_rate(stage) for stage in charging), default=0.0)
    total = delivered(stages, stages[-1].end)
    plugged_in = stages[0].start

    def at_once(at: Instant) -> int:
        return min(total, int(watts * (at - plugged_in) / (3_600 * 1_000_000)))

    intervals: list[Usage] = []
    at = start // INTERVAL * INTERVAL
    while at < end:
        first, last = max(at, start), min(at + INTERVAL, end)
        intervals.append(Usage(at, delivered(stages, last) - delivered(stages, first), at_once(last) - at_once(first)))
        at += INTERVAL
    return intervals


def _rate(stage: Stage) -> float:
    return (stage.charge_end - stage.charge) * 3_600 * 1_000_000 / (stage.end - stage.start)
