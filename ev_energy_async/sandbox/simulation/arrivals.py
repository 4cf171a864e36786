"""Faulty arrival of logs: late, all at once, twice, at rounded times.

What a plan says of arrivals is part of the world: lists, single logs and the newest log of a device all follow it. It
holds for logs whose own time lies within the plan's, and stays true of them when another plan has taken over: nothing
that was visible is taken back. No I/O, no clock.
"""

from bisect import insort
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from operator import attrgetter
from typing import Final, NamedTuple
from zlib import crc32

from ev_energy_async.sandbox.faults import (
    ArrivalEffect,
    CoarseTimes,
    FaultPlan,
    LateUploads,
    OfflineDevices,
    RepeatedLogs,
)
from ev_energy_async.sandbox.instants import MINUTE, SECOND, Instant
from ev_energy_async.sandbox.simulation.chance import share, source
from ev_energy_async.sandbox.simulation.life import Life
from ev_energy_async.sandbox.simulation.log_kinds import Log, LogKind

_UPLOAD: Final = 2 * MINUTE  # how long a device takes to hand in what it kept while it was offline
_SHORTEST: Final = 0.1  # of the longest time offline
_STRETCH: Final = 1  # kinds of draws
_BEGINNING: Final = 2
_LENGTH: Final = 3

TimelineKey = tuple[int, str, str]
"""The life that a log reports on, and its collection's owner and name."""


class Arrived(NamedTuple):
    """A log that came otherwise than it would have."""

    at: Instant
    logged_at: Instant
    log: Log

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return self.log.fields()


class _Manner(NamedTuple):
    """One rule of a plan that was once in force."""

    effect: ArrivalEffect
    operation: str | None
    since: Instant | None
    until: Instant | None
    draws: int
    """Separates its random numbers from those of others."""

    def concerns(self, kind: LogKind) -> bool:
        if self.operation is None:
            # Where the order is that of arrival, nothing arrives late unless that is asked for.
            lates = isinstance(self.effect, LateUploads | OfflineDevices)
            return kind.key == "sampled_at" or not lates
        return fnmatchcase(operation_of(kind), self.operation)

    def covers(self, at: Instant) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Arrivals:
    """The rules of arrival, shared by all collections of logs."""

    def __init__(self) -> None:
        self.revision = 0
        """The number of changes so far that affect logs yet to come."""
        self._manners: tuple[_Manner, ...] = ()
        self._extra: dict[TimelineKey, list[Log]] = {}

    def use(self, plan: FaultPlan, now: Instant, *, from_the_beginning: bool = False) -> None:
        """Put another plan into force.

        Args:
            plan: what goes wrong from now on, of which the arrivals are taken.
            now: the present.
            from_the_beginning: whether it holds for the past that a world begins with too.
        """
        begun = [
            _Manner(
                rule.effect,
                rule.operation,
                None if from_the_beginning and not rule.from_seconds else now + round(rule.from_seconds * SECOND),
                None if rule.until_seconds is None else now + round(rule.until_seconds * SECOND),
                crc32(f"{plan.seed}:{number}".encode()),
            )
            for number, rule in enumerate(plan.rules)
            if isinstance(rule.effect, ArrivalEffect)
        ]
        manners = (*(_ended(manner, now) for manner in self._manners), *begun)
        if manners != self._manners:
            self._manners = manners
            self.revision += 1

    def add(self, key: TimelineKey, log: Log) -> None:
        """Add a log beside those that a device writes by itself."""
        insort(self._extra.setdefault(key, []), log, key=attrgetter("at"))

    def added(self, key: TimelineKey, life: Life, day: int) -> list[Log]:
        """Return the logs of a day that were added."""
        added = self._extra.get(key)
        if not added:
            return []
        start, end = life.starts(day), life.starts(day + 1)
        return [log for log in added if start <= log.at < end]

    def arranged(self, key: TimelineKey, kind: LogKind, day: int, start: Instant, logs: Sequence[Log]) -> Sequence[Log]:
        """Return the logs of a device's day that begins at `start`, in the order of their arrival."""
        for manner in self._manners:
            if manner.concerns(kind):
                logs = list(_arranged(manner, key, day, start, logs))
        return logs


def operation_of(kind: LogKind) -> str:
    """Return the operation that lists the logs of a kind: `vehicles.list_status_logs`."""
    return f"{kind.owner}s.list_{kind.name}"


def _arranged(manner: _Manner, key: TimelineKey, day: int, start: Instant, logs: Sequence[Log]) -> Iterator[Log]:
    chance = source(manner.draws, key[0], _number(key[1], key[2]), day)
    match manner.effect:
        case LateUploads(share=part, seconds=seconds):
            for log in logs:
                is_late, lateness = chance.random() < part, round(chance.random() * seconds * SECOND)
                yield _delayed(log, log.at + lateness) if is_late and manner.covers(log.at) else log
        case OfflineDevices() as effect:
            for log in logs:
                lag, until = chance.randrange(_UPLOAD), _offline_until(effect, manner.draws, key, log.at)
                yield log if until is None or not manner.covers(log.at) else _delayed(log, until + lag)
        case RepeatedLogs(share=part, seconds=seconds):
            for log in logs:
                again, later = chance.random() < part, round(chance.random() * seconds * SECOND)
                yield log
                if again and manner.covers(log.at):
                    yield Arrived(log.at, log.logged_at + later, _inner(log))
        case CoarseTimes(seconds=seconds):
            yield from _at_round_times(manner, max(1, round(seconds * SECOND)), start, logs)
        case _:
            yield from logs


def _offline_until(effect: OfflineDevices, draws: int, key: TimelineKey, at: Instant) -> Instant | None:
    """Return the end of the offline stretch that contains a moment, or None; each period has at most one."""
    longest = max(1, round(effect.seconds * SECOND))
    period = at // (2 * longest)
    draw = (draws, key[0], _number(key[1], ""), period)
    if share(*draw, _STRETCH) >= effect.share:
        return None
    length = round(longest * (_SHORTEST + (1 - _SHORTEST) * share(*draw, _LENGTH)))
    begins = period * 2 * longest + round((2 * longest - length) * share(*draw, _BEGINNING))
    return begins + length if begins <= at < begins + length else None


def _at_round_times(manner: _Manner, step: Instant, start: Instant, logs: Sequence[Log]) -> Iterator[Log]:
    last: Instant | None = None
    for log in logs:
        at = log.at // step * step if manner.covers(log.at) else log.at
        # A log stays on its day, or it could not be found by its time; and the order stays.
        if at < start or (last is not None and at < last):
            at = log.at
        # One time names one log of a kind, so the later ones of a step are not taken.
        if at != last:
            yield log if at == log.at else Arrived(at, log.logged_at, _inner(log))
        last = at


def _delayed(log: Log, until: Instant) -> Log:
    return log if until <= log.logged_at else Arrived(log.at, until, _inner(log))


def _inner(log: Log) -> Log:
    return log.log if isinstance(log, Arrived) else log


def _ended(manner: _Manner, now: Instant) -> _Manner:
    return manner if manner.until is not None and manner.until <= now else manner._replace(until=now)


@cache
def _number(owner: str, name: str) -> int:
    return crc32(f"{owner}.{name}".encode())
