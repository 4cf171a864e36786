"""The feed of sub-sessions that begin and end, for the delivery of webhooks. Does no I/O and has no clock."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ev_energy_async.sandbox.instants import DAY, Instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ev_energy_async.sandbox.world.entities import Plug
    from ev_energy_async.sandbox.world.sessions import SessionBook

CREATED: Final = "charging_sub_session.created"
ENDED: Final = "charging_sub_session.ended"

_FAR_BACK: Final = 31 * DAY
_AT_ONCE: Final = 100  # plugs looked at for one portion


class SubSessionEvent(NamedTuple):
    """The start or end of a sub-session."""

    at: Instant
    type: Literal["charging_sub_session.created", "charging_sub_session.ended"]
    sub_session_id: str


class SubSessionFeed:
    """Gives the events of all plugs in their order.

    It is meant to be read on from where the last reading ended, which costs no more than what happened since. Reading
    what was read before gives the same events again, at the cost of looking at every plug.
    """

    def __init__(self, book: SessionBook, plugs: Sequence[Plug]) -> None:
        self._book = book
        self._plugs = plugs
        self._read_until: Instant | None = None
        self._due: list[tuple[Instant, int]] = []
        self._looks: dict[int, Instant] = {}
        """The next time to examine each plug; other entries for it in `_due` are stale."""
        self._late: list[SubSessionEvent] = []
        self._given: set[SubSessionEvent] = set()
        """The events given already of the moment up to which was read."""

    def between(self, since: Instant, until: Instant) -> list[SubSessionEvent]:
        """Return the events after `since` and up to `until`, oldest first; of a month at most.

        A change that was made at a moment that had already been read (a boost, in a world whose clock stands still)
        is in the next reading.
        """
        return sorted({event for portion in self.portions(since, until) for event in portion})

    def portions(self, since: Instant, until: Instant) -> Iterator[list[SubSessionEvent]]:
        """Yield the same in portions of little work each, in no order, for those who must not be kept waiting.

        The next reading is for when all of them were taken.
        """
        since = max(since, until - _FAR_BACK)
        if since != self._read_until:
            self._due, self._looks = [], {}
        given = self._given if until == self._read_until else set[SubSessionEvent]()
        self._read_until = since
        for plug in self._plugs[len(self._looks) :]:
            self._look_again(plug.number, since)
        while self._due and self._due[0][0] <= until:
            found: list[SubSessionEvent] = []
            looks = 0
            while looks < _AT_ONCE and self._due and self._due[0][0] <= until:
                at, number = heapq.heappop(self._due)
                if self._looks[number] != at:
                    continue
                looks += 1
                found += self.of(self._plugs[number], since, until)
                self._look_again(number, self._next(self._plugs[number], until))
            given.update(event for event in found if event.at == until)
            yield found
        late = [event for event in dict.fromkeys(self._late) if event not in given]
        self._late, self._read_until, self._given = [], until, given.union(late)
        yield late

    def note(self, plug: Plug, events: Iterator[SubSessionEvent]) -> None:
        """Note a change at a plug and the events that it caused just now."""
        if self._read_until is not None:
            self._late += [event for event in events if event.at <= self._read_until]
            if plug.number in self._looks:
                self._look_again(plug.number, self._read_until)

    def _look_again(self, number: int, at: Instant) -> None:
        self._looks[number] = at
        heapq.heappush(self._due, (at, number))

    def _next(self, plug: Plug, after: Instant) -> Instant:
        """Return when a plug's next event is due, or when to look again."""
        ahead = plug.life.starts(plug.life.day_of(after) + 1)
        return min((event.at for event in self.of(plug, after, ahead)), default=ahead + 1)

    def of(self, plug: Plug, since: Instant, until: Instant) -> Iterator[SubSessionEvent]:
        """Yield the events of one plug after `since` and up to `until`, session by session."""
        # A day begins with a departure and no session does, so a bound that is a departure needs no look at its day.
        for session in self._book.on_days(plug, since, until - 1, until):
            for sub in self._book.sub_sessions(session, until):
                if since < sub.span.start <= until:
                    yield SubSessionEvent(sub.span.start, CREATED, sub.id)
                if since < sub.span.end <= until:
                    yield SubSessionEvent(sub.span.end, ENDED, sub.id)
