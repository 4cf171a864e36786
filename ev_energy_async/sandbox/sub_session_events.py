"""The feed of sub-sessions that begin and end, for whoever delivers webhooks. No I/O, no clock."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Literal, NamedTuple

from ev_energy_async.sandbox.instants import DAY, Instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ev_energy_async.sandbox.entities import Plug
    from ev_energy_async.sandbox.sessions import SessionBook

CREATED: Literal["charging_sub_session.created"] = "charging_sub_session.created"
ENDED: Literal["charging_sub_session.ended"] = "charging_sub_session.ended"

_FAR_BACK = 31 * DAY


class SubSessionEvent(NamedTuple):
    """That a sub-session began or ended."""

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
        self._known = 0
        self._late: list[SubSessionEvent] = []

    def between(self, since: Instant, until: Instant) -> list[SubSessionEvent]:
        """The events after `since` and up to `until`, oldest first; of a month at most.

        A change that was made at a moment that had already been read (a boost, in a world whose clock stands still)
        is in the next reading.
        """
        since = max(since, until - _FAR_BACK)
        if since == self._read_until:
            found = self._read_on(since, until)
        else:
            found = [event for plug in self._plugs for event in self._of(plug, since, until)]
            self._known, self._due = len(self._plugs), [(until, plug.number) for plug in self._plugs]
            self._read_until = until
        late, self._late = self._late, []
        return sorted({*found, *late})

    def note(self, plug: Plug, events: Iterator[SubSessionEvent]) -> None:
        """Takes note of a change at a plug and of what happened by it right now."""
        if self._read_until is not None:
            self._late += [event for event in events if event.at <= self._read_until]
            heapq.heappush(self._due, (self._read_until, plug.number))

    def _read_on(self, since: Instant, until: Instant) -> list[SubSessionEvent]:
        for plug in self._plugs[self._known :]:
            heapq.heappush(self._due, (since, plug.number))
        self._known = len(self._plugs)
        found: list[SubSessionEvent] = []
        looked_at: set[int] = set()
        while self._due and self._due[0][0] <= until:
            number = heapq.heappop(self._due)[1]
            if number not in looked_at:
                looked_at.add(number)
                found += self._of(self._plugs[number], since, until)
        for number in looked_at:
            heapq.heappush(self._due, (self._next(self._plugs[number], until), number))
        self._read_until = until
        return found

    def _next(self, plug: Plug, after: Instant) -> Instant:
        """When a plug's next event is due, or the moment at which it is worth looking again."""
        ahead = plug.life.starts(plug.life.day_of(after) + 1)
        return min((event.at for event in self._of(plug, after, ahead)), default=ahead + 1)

    def _of(self, plug: Plug, since: Instant, until: Instant) -> Iterator[SubSessionEvent]:
        # A day begins with a departure and no session does, so a bound that is a departure needs no look at its day.
        for session in self._book.on_days(plug, since, until - 1, until):
            for sub in self._book.sub_sessions(session, until):
                if since < sub.span.start <= until:
                    yield SubSessionEvent(sub.span.start, CREATED, sub.id)
                if since < sub.span.end <= until:
                    yield SubSessionEvent(sub.span.end, ENDED, sub.id)
