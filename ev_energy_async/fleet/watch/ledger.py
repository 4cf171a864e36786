"""The memory of a watch for one log collection of one device, in a few hundred bytes: which logs were delivered.

Pure: no I/O, no clock. Instants are whole nanoseconds since 1970. A ledger never changes; what happens to it gives a
new one, so that what is delivered and what is acknowledged can be told apart by holding both.

From `floor` on each log that a read has delivered is remembered by its instant, exactly. Below it there is no room for
that: there the time at which the API stored a log (`logged_at`) tells whether it was there when the collection was last
read so far back. Two clocks of the API may differ a little, so logs that were stored around the reading are remembered
too. Logs that were delivered straight from a snapshot are remembered apart: a snapshot proves nothing about what lies
before its log, so the next read goes back to the newest log that a *read* has seen.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import msgspec
from msgspec.structs import replace

from ev_energy_async.fleet.watch.packing import count_of, first_of, last_of, packed, unpacked
from ev_energy_async.instants import ALWAYS, NEVER, SECOND, SKEW

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Ledger", "Seen"]

# So many logs are remembered exactly until they are thinned out to the newest of them. A full page holds 100: there is
# room on it for some that are new before it does not reach the last of them any more.
_MOST: Final = 80
_KEPT: Final = 40
# A floor that rises leaves a step behind. A device with this many reports faster than it is read again.
_MOST_STEPS: Final = 64


class Seen(NamedTuple):
    """A log as the ledger knows it.

    Attributes:
        at: Its instant, which orders the collection and tells it from the others.
        stored: When the API stored it; None if it does not say.
    """

    at: int
    stored: int | None


class Ledger(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The logs delivered from one collection.

    Attributes:
        floor: From where on each delivered log is remembered.
        instants: The delivered logs from there on, sorted and packed.
        read_at: When the collection was last read; ALWAYS if it was not.
        steps: What lies below the floor, from the oldest on: pairs of the instant up to which it lies (the last one is
            the floor), and of the time before which the API stored what was delivered of it.
        extras: Delivered logs below the floor that their time of storing does not tell, sorted.
        fresh: Delivered logs from the floor on that were stored shortly before the last reading, or after.
        deep_at: The last read that reached down to where late logs are still to be expected; see `deep_target`.
        last: The latest instant that was delivered, also where that lies below the floor; ALWAYS if none was.
        direct: The logs that were delivered from snapshots and that no read has seen since, sorted and packed.
    """

    floor: int
    instants: bytes = b""
    read_at: int = ALWAYS
    steps: tuple[tuple[int, int], ...] = ()
    extras: tuple[int, ...] = ()
    fresh: tuple[tuple[int, int], ...] = ()
    deep_at: int = ALWAYS
    last: int = ALWAYS
    direct: bytes = b""

    @classmethod
    def after(cls, at: int, read_at: int) -> Self:
        """Return the ledger of a collection that counts from now on.

        Args:
            at: Where its newest log stands, which counts as delivered, as do those before it.
            read_at: When this was seen. What the API stores later counts, wherever it stands.
        """
        return cls(at, packed([at]), read_at, ((at, read_at),), deep_at=read_at, last=at)

    @classmethod
    def since(cls, at: int, *, stored: int = NEVER) -> Self:
        """Return the ledger of a collection of which nothing was delivered.

        Args:
            at: Where it begins to count.
            stored: What the API stored from this time on counts even if it stands before that.
        """
        return cls(at, steps=((at, stored),), deep_at=min(at, stored))

    @property
    def top(self) -> int:
        """The latest instant that a read has seen; the floor if none was seen."""
        return last_of(self.instants) if self.instants else self.floor

    def is_beyond(self, at: int) -> bool:
        """Return whether an instant is known to lie beyond the floor and all that was delivered."""
        # In rows of the first version it is not noted what was delivered last.
        return self.last > ALWAYS and at > self.last and at > self.floor

    @property
    def target(self) -> int:
        """The time back to which the collection must be read so that nothing stored in order is missed."""
        # A log from the future, of a clock that is ahead, says nothing of what comes before it.
        return min(self.top, self.read_at) if self.instants else self.floor

    @property
    def seen_to(self) -> int:
        """The latest instant that a read has seen, of those that were not ahead of the API's clock."""
        limit = self.read_at + SKEW
        top = self.top
        if not self.instants or top <= limit:
            return top
        return max((at for at in unpacked(self.instants) if at <= limit), default=self.floor)

    def deep_target(self, past: int) -> int:
        """Return how far back a read must reach to find what came up to `past` late since the last one that did.

        Args:
            past: How late logs may be stored, in nanoseconds.
        """
        if self.deep_at <= ALWAYS:
            return ALWAYS
        below, stored = self.steps[0] if self.steps else (ALWAYS, ALWAYS)
        # What lies below a floor that was asked for does not count.
        lowest = below if stored == NEVER else ALWAYS
        return max(lowest, self.deep_at - past - SKEW)

    @property
    def per_hour(self) -> float:
        """Logs per hour, by the last ones that a read has seen; 0 if unknown."""
        count = count_of(self.instants)
        span = last_of(self.instants) - first_of(self.instants) if count > 1 else 0
        return (count - 1) * 3_600 * SECOND / span if span else 0.0

    @property
    def unread(self) -> int:
        """Number of logs delivered from snapshots that no read has seen yet."""
        return count_of(self.direct)

    @property
    def memory(self) -> frozenset[int]:
        """The instants that were delivered and are remembered."""
        return frozenset(unpacked(self.instants)).union(self.extras, unpacked(self.direct))

    def unseen(self, logs: Collection[Seen]) -> list[bool]:
        """Return for each log whether it is one to deliver."""
        if all(self.is_beyond(at) for at, _ in logs):
            return [True] * len(logs)
        memory = self.memory
        bounds = [below for below, _ in self.steps]
        wanted: list[bool] = []
        for at, stored in logs:
            if at in memory:
                wanted.append(False)
            elif at >= self.floor:
                wanted.append(True)
            else:
                step = bisect_right(bounds, at)
                complete = self.steps[step][1] if step < len(bounds) else NEVER
                wanted.append(stored is not None and stored >= complete)
        return wanted

    def with_direct(self, at: int) -> Self:
        """Return the ledger after a log was delivered from a snapshot."""
        numbers = sorted({*unpacked(self.direct), at})
        return replace(self, direct=packed(numbers), last=max(self.last, at))

    def without_oldest_direct(self) -> Self:
        """Return the ledger without all but the newest logs from snapshots, where no read is ever going to see them."""
        if self.unread <= _MOST:
            return self
        numbers = unpacked(self.direct)[-_KEPT:]
        ledger = self.risen(numbers[0], NEVER, ())
        return replace(ledger, direct=packed(numbers))

    def with_delivered(self, delivered: Iterable[Seen]) -> Self:
        """Return the ledger after some logs of a reading were delivered, but not yet all of them."""
        numbers = set(unpacked(self.instants))
        extras = set(self.extras)
        fresh = set(self.fresh)
        last = self.last
        for at, stored in delivered:
            last = max(last, at)
            if at < self.floor:
                extras.add(at)
                continue
            numbers.add(at)
            if stored is not None:
                # The last reading that was complete was before it, whatever the time of its storing.
                fresh.add((at, stored))
        told = {"extras": tuple(sorted(extras)), "fresh": tuple(sorted(fresh)), "last": last}
        return replace(self, instants=packed(sorted(numbers)), **told)

    def with_reading(self, logs: Collection[Seen], *, reach: int, read_at: int, exact_from: int = NEVER) -> Self:
        """Return the ledger after all that a reading brought was delivered.

        Args:
            logs: What the reading brought, what was delivered before too.
            reach: Down to where it is without gaps; ALWAYS if it is all there is.
            read_at: When it began, by the clock by which the API notes when it stored a log; never later than it was.
            exact_from: From where on logs are remembered one by one however many there are. Where the API does not say
                when it stored a log, nothing else tells a late one from one that was delivered.
        """
        complete = read_at - SKEW
        around = {at: stored for at, stored in logs if stored is not None and stored >= complete}
        ledger = self.with_delivered(self._told_exactly(logs)).without_direct(logs, reach)
        if reach < self.floor:
            ledger = ledger.covered(reach, self.floor, complete, around)
        else:
            # What lies between was not read this time, but the last time.
            ledger = ledger.risen(min(reach, exact_from), self.read_at - SKEW, dict(self.fresh))
        numbers = unpacked(ledger.instants)
        if len(numbers) > _MOST:
            ledger = ledger.risen(min(numbers[-_KEPT], exact_from), complete, around)
        return replace(
            ledger,
            read_at=max(self.read_at, read_at),
            fresh=tuple(sorted((at, stored) for at, stored in around.items() if at >= ledger.floor)),
        )

    def without_direct(self, logs: Iterable[Seen], reach: int) -> Self:
        """Return the ledger after a read that reached so far has seen some of what snapshots had delivered.

        What it has not reached is remembered among the exceptions, for the time of its storing may not tell it.
        """
        if not self.direct:
            return self
        found = {log.at for log in logs}
        left = [at for at in unpacked(self.direct) if at not in found]
        below = {at for at in left if at < reach}
        direct = packed(at for at in left if at >= reach)
        return replace(self, direct=direct, extras=tuple(sorted({*self.extras, *below})))

    def with_gap(self, logs: Collection[Seen], *, reach: int, read_at: int) -> Self:
        """Return the ledger after a read that did not get down to `target`; nothing between there and `reach` was read.

        Args:
            logs: What the read brought.
            reach: Down to where it is without gaps.
            read_at: When it was made.
        """
        target = self.target
        known = self.with_delivered(self._told_exactly(logs)).without_direct(logs, reach)
        # All that was delivered below stays an exception, so that whoever reads the gap delivers the rest of it.
        kept = {at for at in unpacked(known.instants) if target <= at < reach}
        known = known.risen(target, self.read_at - SKEW, dict(self.fresh)).risen(reach, ALWAYS, kept)
        return known.with_reading(logs, reach=reach, read_at=read_at)

    def _told_exactly(self, logs: Iterable[Seen]) -> list[Seen]:
        """Return which of the logs are to be remembered one by one: those from the floor on, and new ones below."""
        below = [log for log in logs if log.at < self.floor]
        new = {log.at for log, is_new in zip(below, self.unseen(below), strict=True) if is_new}
        return [log for log in logs if log.at >= self.floor or log.at in new]

    def with_window(self, logs: Collection[Seen], begin: int, end: int, *, read_at: int) -> Self:
        """Return the ledger after all logs of a time were read, and what of them is new was delivered.

        Args:
            logs: All logs of that time.
            begin: From when on.
            end: Up to when; not included.
            read_at: When the reading began, as in `with_reading`.
        """
        complete = read_at - SKEW
        around = {at for at, stored in logs if stored is not None and stored >= complete}
        return self.with_delivered(self._told_exactly(logs)).covered(begin, end, complete, around)

    def covered(self, begin: int, end: int, complete: int, around: Collection[int]) -> Self:
        """Return the ledger with all delivered that lies in a time below the floor and was stored before `complete`.

        Args:
            begin: From when on.
            end: Up to when; not included.
            complete: See above.
            around: What was delivered and stored later than that.
        """
        end = min(end, self.floor)
        if begin >= end:
            return self
        steps: list[tuple[int, int]] = []
        lower = ALWAYS
        for below, before in self.steps:
            for upper in (begin, end, below):
                if lower < upper <= below:
                    is_inside = begin <= lower and upper <= end
                    steps.append((upper, complete if is_inside else before))
                    lower = upper
        # Neighbours that say the same are one.
        after = [complete for _, complete in steps[1:]]
        kept = [step for step, following in zip(steps, [*after, None], strict=True) if step[1] != following]
        extras = {at for at in self.extras if not begin <= at < end}
        extras.update(at for at in around if begin <= at < end)
        return replace(self, steps=_bounded(kept), extras=tuple(sorted(extras)))

    def known_as_of(self, since: int) -> int:
        """Return the time before which the API stored all that is known to be delivered, of what lies after `since`."""
        # What lies in a gap was not read at all, which the gap says.
        steps = (complete for below, complete in self.steps if below > since and complete > ALWAYS)
        return min([self.read_at, *steps])

    def risen(self, floor: int, complete: int, around: Collection[int]) -> Self:
        """Return the ledger with a higher floor; what lies below it was delivered if it was stored before `complete`.

        Args:
            floor: The new floor.
            complete: See above.
            around: What was delivered and stored later than that.
        """
        if floor <= self.floor:
            return self
        numbers = unpacked(self.instants)
        cut = next((index for index, at in enumerate(numbers) if at >= floor), len(numbers))
        steps = _bounded([*self.steps, (floor, complete)])
        extras = {*self.extras, *(at for at in numbers[:cut] if at in around)}
        return replace(self, floor=floor, instants=packed(numbers[cut:]), steps=steps, extras=tuple(sorted(extras)))

    def with_deep_read(self, read_at: int) -> Self:
        """Return the ledger after a read that reached down to `deep_target`."""
        return replace(self, deep_at=max(self.deep_at, read_at))


def _bounded(steps: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return steps, the oldest of which are one if there are too many: what comes so late to those is not found."""
    excess = max(0, len(steps) - _MOST_STEPS)
    if not excess:
        return tuple(steps)
    oldest = steps[: excess + 1]
    return ((oldest[-1][0], max(complete for _, complete in oldest)), *steps[excess + 1 :])
