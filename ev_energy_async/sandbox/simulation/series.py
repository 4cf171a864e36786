"""Things that happen at an even pace: forecasts, prices, meter readings. Their moments are computed, never stored."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.simulation.chance import mix


class Series(Sequence[Instant]):
    """The moments of a series in some bounds, newest first: an ordered collection and a sequence alike."""

    __slots__ = ("_first", "_jitter", "_key", "_last", "_step")

    def __init__(self, key: int, step: Instant, since: Instant, until: Instant, *, jitter: Instant = 0) -> None:
        """Make a series of the moments from `since` to `until`, both included.

        Args:
            key: what the jitter is drawn from.
            step: how far apart the moments are.
            since: the earliest there may be.
            until: the latest there may be.
            jitter: by how much less than this a moment is later than its place; less than a step.
        """
        self._key = key
        self._step = step
        self._jitter = jitter
        self._first = since // step
        if self.moment(self._first) < since:
            self._first += 1
        self._last = until // step
        if self.moment(self._last) > until:
            self._last -= 1

    def moment(self, number: int) -> Instant:
        """Return the moment of that number since 1970."""
        jitter = mix(self._key, number) % self._jitter if self._jitter else 0
        return number * self._step + jitter

    def __len__(self) -> int:
        return max(0, self._last - self._first + 1)

    @overload
    def __getitem__(self, place: int) -> Instant: ...
    @overload
    def __getitem__(self, place: slice) -> list[Instant]: ...
    def __getitem__(self, place: int | slice) -> Instant | list[Instant]:
        """Return the entry at an index, counted from the newest."""
        numbers = range(self._last, self._first - 1, -1)
        chosen = numbers[place]
        return self.moment(chosen) if isinstance(chosen, int) else [self.moment(number) for number in chosen]

    def __contains__(self, at: object) -> bool:
        if not isinstance(at, int):
            return False
        number = at // self._step
        return self._first <= number <= self._last and self.moment(number) == at

    def following(self, cursor: Instant | None) -> Iterator[Instant]:
        """Yield the moments older than the cursor."""
        number = self._last if cursor is None else min(self._last, cursor // self._step)
        while number >= self._first:
            at = self.moment(number)
            if cursor is None or at < cursor:
                yield at
            number -= 1

    def preceding(self, cursor: Instant) -> Iterator[Instant]:
        """Yield the moments newer than the cursor, the oldest first."""
        number = max(self._first, cursor // self._step)
        while number <= self._last:
            at = self.moment(number)
            if at > cursor:
                yield at
            number += 1


class Bounds(NamedTuple):
    """From when to when a caller wants to see a series; None is without a bound."""

    since: Instant | None
    until: Instant | None

    def within(self, first: Instant, last: Instant) -> tuple[Instant, Instant]:
        """Return the part of a stretch that lies in the bounds."""
        return (
            first if self.since is None else max(first, self.since),
            last if self.until is None else min(last, self.until),
        )
