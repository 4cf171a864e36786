"""Ordered views of the world's collections for paging: narrowed, filtered, by name, or a device's logs."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.protocol import Ordered, invalid
from ev_energy_async.sandbox.simulation import Log, Timeline
from ev_energy_async.sandbox.world import Identified


class Named(Identified, Protocol):
    """An object with an ID and a name."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


T = TypeVar("T", bound=Identified)
N = TypeVar("N", bound=Named)


class ById(Generic[T]):
    """A few things in the order of their IDs."""

    def __init__(self, things: Sequence[T]) -> None:
        self._things = sorted(things, key=_id)

    def following(self, cursor: str | None) -> Iterator[T]:
        """Return the things after that ID."""
        start = 0 if cursor is None else bisect_right(self._things, cursor, key=_id)
        return iter(self._things[start:])

    def preceding(self, cursor: str) -> Iterator[T]:
        """Return the things before that ID, the nearest first."""
        return reversed(self._things[: bisect_left(self._things, cursor, key=_id)])


class ByName(Generic[N]):
    """Things by name, those of one name by ID. A cursor is the ID of one of them."""

    def __init__(self, things: Sequence[N], *, descending: bool) -> None:
        self._things = sorted(things, key=lambda thing: (thing.name, thing.id), reverse=descending)
        self._places = {thing.id: place for place, thing in enumerate(self._things)}

    def following(self, cursor: str | None) -> Iterator[N]:
        """Return the things after that one."""
        return iter(self._things[0 if cursor is None else self._place(cursor, "page_after") + 1 :])

    def preceding(self, cursor: str) -> Iterator[N]:
        """Return the things before that one, the nearest first."""
        return reversed(self._things[: self._place(cursor, "page_before")])

    def _place(self, cursor: str, parameter: str) -> int:
        try:
            return self._places[cursor]
        except KeyError:
            raise invalid({parameter: ["There is nothing of this ID in the list."]}) from None


class Filtered(Generic[T]):
    """Those of an ordered collection that meet a condition."""

    def __init__(self, ordered: Ordered[T, str], fits: Callable[[T], bool]) -> None:
        self._ordered = ordered
        self._fits = fits

    def following(self, cursor: str | None) -> Iterator[T]:
        """Yield the matching things after a cursor."""
        return filter(self._fits, self._ordered.following(cursor))

    def preceding(self, cursor: str) -> Iterator[T]:
        """Yield the matching things before a cursor, nearest first."""
        return filter(self._fits, self._ordered.preceding(cursor))


class Logs:
    """A device's logs of one kind, newest first, within bounds that are part of it. A cursor is a timestamp."""

    def __init__(
        self,
        timeline: Timeline,
        now: Instant,
        *,
        since: Instant | None,
        until: Instant | None,
        fits: Callable[[Log], bool] | None = None,
    ) -> None:
        self._timeline = timeline
        self._now = now
        self._since = -1 if since is None else since
        self._until = now if until is None else min(now, until)
        self._fits = fits

    def following(self, cursor: Instant | None) -> Iterator[Log]:
        """Yield the logs older than the cursor."""
        bound = self._until + 1 if cursor is None else min(cursor, self._until + 1)
        for log in self._timeline.newest_first(self._now, bound):
            if log.at < self._since:
                return
            if self._fits is None or self._fits(log):
                yield log

    def preceding(self, cursor: Instant) -> Iterator[Log]:
        """Yield the logs newer than the cursor, the oldest first."""
        for log in self._timeline.oldest_first(self._now, max(cursor, self._since - 1)):
            if log.at > self._until:
                return
            if self._fits is None or self._fits(log):
                yield log


def _id(thing: Identified) -> str:
    return thing.id
