"""A device's logs of one kind, in the order of their own timestamp, worked out a day at a time.

A log is there from the moment it was logged. So a late one appears between older ones, and "the newest" is a question
that needs the present.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.simulation.arrivals import Arrivals, TimelineKey
from ev_energy_async.sandbox.simulation.life import Life
from ev_energy_async.sandbox.simulation.log_kinds import Log, LogKind
from ev_energy_async.sandbox.simulation.recent import Recent


class Reporter(Protocol):
    """Writes a device's logs, day by day."""

    @property
    def life(self) -> Life:
        """The life that the logs report on."""
        ...

    def written(self, name: str, day: int) -> Sequence[Log]:
        """Return the logs of one day in one collection, oldest first, each within the day and all of different `at`."""
        ...


Written = Recent[tuple[int, str, str, int, int], Sequence[Log]]


class Shared(NamedTuple):
    """The state shared by all timelines."""

    arrivals: Arrivals
    written: Written


class Timeline:
    """One log collection of one device."""

    __slots__ = (
        "_latest",
        "_latest_from",
        "_latest_until",
        "_origin",
        "_reporter",
        "_revision",
        "_shared",
        "kind",
        "latest_json",
    )

    def __init__(self, kind: LogKind, reporter: Reporter, origin: Instant, shared: Shared) -> None:
        self.kind = kind
        self._reporter = reporter
        self._origin = origin
        self._shared = shared
        self._latest: Log | None = None
        self._latest_from: Instant = 0
        self._latest_until: Instant = 0
        self._revision = -1
        self.latest_json: bytes | None = None
        """A cache for the newest log as JSON; emptied when another one is the newest."""

    def newest_first(self, now: Instant, before: Instant | None = None) -> Iterator[Log]:
        """Yield the logs that are there at `now`, from the newest (older than `before`) back."""
        bound = now + 1 if before is None else min(before, now + 1)
        last = self._reporter.life.day_of(bound)
        self._reporter.life.live_until(last)
        for day in range(last, self._reporter.life.first_day - 1, -1):
            for log in reversed(self._day(day)):
                if log.at < self._origin:
                    return
                if log.at < bound and log.logged_at <= now:
                    yield log

    def oldest_first(self, now: Instant, after: Instant) -> Iterator[Log]:
        """Yield the logs that are there at `now` and newer than `after`, from the oldest on."""
        today = self._reporter.life.day_of(now)
        self._reporter.life.live_until(today)
        for day in range(max(self._reporter.life.day_of(after), self._reporter.life.first_day), today + 1):
            for log in self._day(day):
                if log.at > after and log.at >= self._origin and log.logged_at <= now:
                    yield log

    def visible(self, now: Instant, since: Instant | None, until: Instant | None) -> Iterator[Log]:
        """Yield the logs visible at `now`, without repeats and oldest first, between two times."""
        last: Instant | None = None
        for log in self.oldest_first(now, self._origin - 1 if since is None else since - 1):
            if until is not None and log.at > until:
                return
            if log.at != last:
                last = log.at
                yield log

    def at(self, now: Instant, at: Instant) -> Log | None:
        """Return the log of exactly that timestamp, if it is there at `now`."""
        if at > now or at < self._origin:
            return None
        logs = self._day(self._reporter.life.day_of(at))
        place = bisect_left(logs, at, key=_at)
        if place < len(logs) and logs[place].at == at and logs[place].logged_at <= now:
            return logs[place]
        return None

    def latest(self, now: Instant) -> Log | None:
        """Return the newest log that is there at `now`; kept until another one is due."""
        revision = self._reporter.life.revision + self._shared.arrivals.revision  # neither ever falls
        if not self._latest_from <= now < self._latest_until or revision != self._revision:
            self._revision, self._latest_from = revision, now
            latest, self._latest_until = self._find_latest(now)
            if latest is not self._latest:
                self._latest, self.latest_json = latest, None
        return self._latest

    def _find_latest(self, now: Instant) -> tuple[Log | None, Instant]:
        today = self._reporter.life.day_of(now)
        until = self._reporter.life.starts(today + 1)
        self._reporter.life.live_until(today)
        for day in range(today, self._reporter.life.first_day - 1, -1):
            for log in reversed(self._day(day)):
                if log.at < self._origin:
                    return None, until
                if log.logged_at <= now:
                    return log, until
                until = min(until, log.logged_at)
        return None, until

    def add(self, log: Log) -> None:
        """Add a log of the present beside those that the device writes by itself."""
        self._shared.arrivals.add(self._key, log)
        if self._latest_from <= log.logged_at < self._latest_until and (
            self._latest is None or log.at > self._latest.at
        ):
            # The cache stays valid, and nothing is recomputed.
            self._latest, self._latest_from, self.latest_json = log, log.logged_at, None
        else:
            self._latest_until = 0

    @property
    def _key(self) -> TimelineKey:
        return self._reporter.life.key, self.kind.owner, self.kind.name

    def _day(self, day: int) -> Sequence[Log]:
        life, shared, own = self._reporter.life, self._shared, self._key
        life.live_until(day)
        if day < life.first_day:  # forgotten
            return ()
        key = (*own, day, life.revision + shared.arrivals.revision)
        logs = shared.written.get(
            key,
            lambda: shared.arrivals.arranged(
                own, self.kind, day, life.starts(day), self._reporter.written(self.kind.name, day)
            ),
        )
        added = shared.arrivals.added(own, life, day)
        return sorted([*logs, *added], key=_at) if added else logs


class LogBook(Mapping[str, Timeline]):
    """The log collections of one device by their names. One is made when it is first looked at: fleets have many."""

    __slots__ = ("_kinds", "_made", "_origin", "_reporter", "_shared")

    def __init__(self, kinds: Mapping[str, LogKind], reporter: Reporter, origin: Instant, shared: Shared) -> None:
        self._kinds = kinds
        self._reporter = reporter
        self._origin = origin
        self._shared = shared
        self._made: dict[str, Timeline] = {}

    def __getitem__(self, name: str) -> Timeline:
        """Return the collection of that name."""
        timeline = self._made.get(name)
        if timeline is None:
            timeline = self._made[name] = Timeline(self._kinds[name], self._reporter, self._origin, self._shared)
        return timeline

    def __iter__(self) -> Iterator[str]:
        """Return the names of the collections."""
        return iter(self._kinds)

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._kinds)


def _at(log: Log) -> Instant:
    return log.at
