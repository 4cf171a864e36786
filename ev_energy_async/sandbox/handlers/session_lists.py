"""Lists of charging sessions and sub-sessions in the order of their IDs, which is the order in which they began.

Those of a few plugs are worked out and sorted. Those of the whole fleet are taken one by one from where a page begins.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import merge
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from urllib.parse import parse_qsl

from ev_energy_async.sandbox.handlers.listing import ById
from ev_energy_async.sandbox.instants import DAY, Instant
from ev_energy_async.sandbox.simulation import RETAINED_DAYS
from ev_energy_async.sandbox.world import Identified, ulid_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ev_energy_async.sandbox.protocol import Ordered
    from ev_energy_async.sandbox.world import Beginning, Plug, Session, SessionBook

T = TypeVar("T", bound=Identified)

_LISTS: Final = {
    "charging_sessions": False,
    "charging_sub_sessions": True,
}  # and whether it is sub-sessions that they list
_NARROWING: Final = frozenset({"vehicle_id", "evse_id", "user_id"})
_PAGING: Final = frozenset({"expand", "page_after", "page_size"})
_LONGEST_DAYS: Final = 2  # midnights that a session may see


def found_sessions(
    book: SessionBook,
    plugs: Sequence[Plug] | None,
    now: Instant,
    find: Callable[[Session], list[T]],
    *,
    subs: bool,
    worth: Callable[[Beginning], bool] = lambda _: True,
) -> Ordered[T, str]:
    """Return an ordered view of what `find` returns for the sessions of some plugs, or of the whole fleet.

    Args:
        book: the sessions.
        plugs: the plugs whose sessions are listed; None is all.
        now: the present.
        find: the session itself or those of its sub-sessions that are wanted, oldest first.
        subs: whether `find` returns sub-sessions.
        worth: whether to examine a session of the whole fleet; must accept every one for which `find` would return
            something that began together with it.
    """
    if plugs is None:
        return _OfFleet(book, now, find, worth, subs=subs)
    since = now - RETAINED_DAYS * DAY
    return ById(
        [thing for plug in plugs for session in book.of_plug(plug, since, now + 1, now) for thing in find(session)]
    )


def prepared(book: SessionBook, now: Instant, path: str, query: str) -> Iterator[None]:
    """Compute step by step what a list of the whole fleet needs, so that only its caller waits.

    Args:
        book: the sessions.
        now: the present.
        path: the last segment of the path that is asked for; nothing is done for others than the two lists.
        query: the raw query string.
    """
    asked = dict(parse_qsl(query))
    if path not in _LISTS or not _NARROWING.isdisjoint(asked):
        return
    first, last = max(book.origin, now - RETAINED_DAYS * DAY) // DAY, now // DAY
    if _PAGING.issuperset(asked):
        # A page of a large fleet ends on the day on which it begins, or on the next one.
        first = max(first, min(last, _day_of(asked["page_after"]))) if "page_after" in asked else first
        last = min(last, first + 1)
    for day in range(first, last + 1):
        yield from book.ahead(day, subs=_LISTS[path])


class _OfFleet(Generic[T]):
    def __init__(
        self,
        book: SessionBook,
        now: Instant,
        find: Callable[[Session], list[T]],
        worth: Callable[[Beginning], bool],
        *,
        subs: bool,
    ) -> None:
        self._book = book
        self._now = now
        self._find = find
        self._worth = worth
        self._subs = subs
        self._first_day = max(book.origin, now - RETAINED_DAYS * DAY) // DAY
        self._last_day = now // DAY

    def following(self, cursor: str | None) -> Iterator[T]:
        """Yield what comes after a cursor."""
        first = self._first_day if cursor is None else max(self._first_day, _day_of(cursor))
        for day in range(first, self._last_day + 1):
            beginnings = self._book.beginnings(day, subs=self._subs)
            start = 0 if cursor is None else bisect_right(beginnings, cursor, key=_id)
            firsts = self._firsts(beginnings[start:])
            later = [thing for thing in self._later(day) if cursor is None or thing.id > cursor]
            yield from merge(firsts, later, key=_id)

    def preceding(self, cursor: str) -> Iterator[T]:
        """Yield what comes before a cursor, nearest first."""
        for day in range(min(self._last_day, _day_of(cursor)), self._first_day - 1, -1):
            beginnings = self._book.beginnings(day, subs=self._subs)
            firsts = self._firsts(beginnings[: bisect_left(beginnings, cursor, key=_id)][::-1])
            later = [thing for thing in self._later(day)[::-1] if thing.id < cursor]
            yield from merge(firsts, later, key=_id, reverse=True)

    def _firsts(self, beginnings: Sequence[Beginning]) -> Iterator[T]:
        """Yield those that began together with their session."""
        for beginning in filter(self._worth, beginnings):
            session = self._book.begun(beginning, self._now)
            if session is not None:
                yield from (thing for thing in self._find(session) if thing.id == beginning.id)

    def _later(self, day: int) -> list[T]:
        """Return those that began on a day within a session already under way, oldest first."""
        if not self._subs:
            return []
        since, until = (day - _LONGEST_DAYS) * DAY, (day + 1) * DAY
        found: list[T] = []
        for number in self._book.switched:
            for session in self._book.of_plug(self._book.plugs[number], since, until, self._now):
                first = self._book.sub_sessions(session, self._now)[0].id
                found += [thing for thing in self._find(session) if thing.id != first and _day_of(thing.id) == day]
        return sorted(found, key=_id)


def _id(thing: Identified) -> str:
    return thing.id


def _day_of(id_: str) -> int:
    """Return the day since 1970 encoded in an ID's ULID."""
    return ulid_time(id_[4:]) // DAY
