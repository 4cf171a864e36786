"""Reading a log collection back and forth: page by page with the next one on its way, and oldest first in windows.

The API lists the newest logs first. To go the other way through a long past without holding all of it, it is read in
windows of time, each as long as a few pages last. Requests go through the paginator that is handed in.
`logs` and `follow` use it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import operator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

import attrs

from ev_energy_async.devices.seen import Placed, place_all
from ev_energy_async.instants import ALWAYS, MICROSECOND, NEVER, SECOND, instant_of, moment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from ev_energy_async.calls import Page, Paginator
    from ev_energy_async.messages import Response

__all__ = ["Ascending", "ListLogs", "Portion", "in_order", "prefetched", "read_back"]

T = TypeVar("T")
L = TypeVar("L")

ListLogs: TypeAlias = "Callable[[dt.datetime | None, dt.datetime | None], Paginator[L]]"
"""Lists the logs between two times, both included; None for no bound."""

# A window longer than this many pages is shortened, and what was read of it is dropped.
_MOST_PAGES: Final = 8
# The number of logs that a window should hold: a few full pages, well below the limit.
_AIM: Final = 300
_GROWTH: Final = 8
_SHORTEST: Final = SECOND // 1_000
_DAY: Final = 86_400 * SECOND


@attrs.frozen(eq=False)
class Portion:
    """Logs without gaps.

    Attributes:
        logs: The logs; the newest first as `read_back` gives them, the oldest first from `Ascending`.
        upto: The instant up to which there are no others.
        complete: Whether there are no older ones within the bounds.
        cut: Whether the read was abandoned because there were too many.
        response: The first response; None if there was none.
    """

    logs: list[Placed]
    upto: int = NEVER
    complete: bool = True
    cut: bool = False
    response: Response[Any] | None = None


async def prefetched(fetch: Callable[[], Awaitable[T | None]]) -> AsyncGenerator[T]:
    """Yield what a function fetches until that is None, the next one on its way while the consumer works.

    There is at most one task, and it ends with the generator. An error is raised in its place among the items.
    """
    task: asyncio.Task[T | None] | None = None
    try:
        item = await fetch()
        while item is not None:
            task = asyncio.create_task(_awaited(fetch), name="ev-energy-async prefetch")
            yield item
            item = await task
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # nobody is left to raise it to


async def _awaited(fetch: Callable[[], Awaitable[T]]) -> T:
    return await fetch()


def pages_of(paginator: Paginator[L], cursor: str | None = None) -> AsyncGenerator[Page[L]]:
    """Return the pages of a list as a generator, which the caller closes."""
    return cast("AsyncGenerator[Page[L]]", paginator.pages(cursor=cursor))


async def read_back(
    paginator: Paginator[Any],
    field: str,
    *,
    down_to: int | Callable[[Response[Any]], int] | None = None,
    most_pages: int | None = None,
) -> Portion:
    """Read whole pages, the newest logs first.

    Args:
        paginator: What to read.
        field: The field with the time of a log.
        down_to: Stop after the page that goes beyond this instant, or beyond what it makes of the first response; None
            to read all.
        most_pages: Give up if there are more pages to read than this, or after the first one if there seem to be.
    """
    logs: list[Placed] = []
    response: Response[Any] | None = None
    count = 0
    limit: int | None = None
    async with aclosing(pages_of(paginator)) as pages:
        async for page in pages:
            count += 1
            if response is None:
                response = page.response
                limit = down_to(response) if callable(down_to) else down_to
            logs += place_all(page, field, page.response)
            complete = page.next_cursor is None
            if complete or (limit is not None and logs and logs[-1].at < limit):
                return Portion(logs, complete=complete, response=response)
            is_far = count == 1 and most_pages is not None and limit is not None and _is_far(logs, limit, most_pages)
            if count == most_pages or is_far:
                return Portion(logs, complete=False, cut=True, response=response)
    return Portion(logs, response=response)


def _is_far(logs: list[Placed], limit: int, most_pages: int) -> bool:
    """Return whether more than so many pages reach back to an instant, if all hold as long a time as this one.

    If it were far more, the page is of a busy hour, and says nothing about the others.
    """
    if not logs:
        return False
    span, left = logs[0].at - logs[-1].at, logs[-1].at - limit
    return (most_pages - 1) * span < left <= 3 * most_pages * span


class Ascending(Generic[L]):
    """The logs of a collection, oldest first, in portions of bounded size.

    Args:
        read: Lists the logs between two times.
        field: The field with the time of a log.
        begin: Where to begin; None for the first log there is.
        since: The caller's lower bound.
        until: The caller's upper bound.
        cradle: A time before which there is hardly any log.

    A short past is one portion: whole pages read back to `begin`, and whatever else they hold. A longer one is read in
    windows. A call of `next` that fails or is cancelled can be repeated.

    Attributes:
        response: The first response; None before it.
        reach: The instant down to which the portions have no gaps, once all have been read; ALWAYS for everything.
    """

    def __init__(
        self,
        read: ListLogs[L],
        field: str,
        *,
        begin: int | None,
        since: dt.datetime | None,
        until: dt.datetime | None,
        cradle: int,
    ) -> None:
        self.response: Response[Any] | None = None
        self.reach = ALWAYS if begin is None else begin
        self._read = read
        self._field = field
        self._begin = begin
        self._since = since
        self._until = until
        self._cradle = cradle
        self._split = False
        self._span = self._usual = _SHORTEST
        self._known = ALWAYS
        self._in_gap = False
        self._end = NEVER
        self._edge: frozenset[str] = frozenset()
        self._done = False

    async def next(self) -> Portion | None:
        """Return the next portion, oldest first; None at the end. It may be empty.

        Raises:
            ApiError: The API refused.
            TransportError: There was no complete response.
            DecodeError: A response cannot be decoded.
        """
        if self._done:
            return None
        if not self._split:
            portion = await read_back(
                self._read(self._since, self._until), self._field, down_to=self._begin, most_pages=_MOST_PAGES
            )
            self.response = self.response or portion.response
            if not portion.cut:
                self._done = True
                earliest = ALWAYS if self._since is None else instant_of(self._since)
                self.reach = earliest if portion.complete else portion.logs[-1].at
                return Portion(in_order(portion.logs), complete=portion.complete, response=portion.response)
            self._end, self._known = portion.logs[0].at, portion.logs[-1].at
            self._span = self._usual = _span_for(portion.logs)
            self._split = True
        return await self._window()

    async def _window(self) -> Portion:
        while True:
            begin = self._begin
            # To the microsecond, as filters are.
            upper = (self._cradle if begin is None else begin + self._span) // MICROSECOND * MICROSECOND
            last = upper >= self._end
            paginator = self._read(
                self._since if begin is None else self._later_since(moment(begin)),
                self._until if last else moment(upper),
            )
            portion = await read_back(paginator, self._field, most_pages=self._most_pages())
            if not portion.cut:
                break
            newest, oldest = portion.logs[0].at, portion.logs[-1].at
            if begin is None:
                # There is a past before the cradle: look further back, in longer and longer steps.
                self._cradle = oldest - max(_DAY, 2 * (upper - oldest))
                continue
            self._end = max(self._end, newest) if last else self._end
            self._known = oldest
            half = (min(upper, newest) - begin) // 2
            self._usual = max(_SHORTEST, min(_span_for(portion.logs), half))
            self._span = max(self._usual, (oldest - begin) // 2) if self._in_gap else self._usual
        logs = in_order(placed for placed in portion.logs if placed.text not in self._edge)
        self._done = last
        if begin is not None:
            self._span = max(_SHORTEST, self._next_span(upper, len(logs)))
            self._in_gap = not logs
        self._begin = upper
        # Bounds are inclusive, so that what stands on this one comes again.
        self._edge = frozenset(placed.text for placed in portion.logs if placed.at >= upper - MICROSECOND)
        return Portion(logs, upto=NEVER if last else upper, complete=last, response=portion.response)

    def _most_pages(self) -> int | None:
        """Return the number of pages beyond which a window is too long."""
        if self._begin is not None and self._span <= _SHORTEST:
            return None
        # A gap is crossed in long steps; one page of each is enough.
        return 1 if self._in_gap and self._span > self._usual else _MOST_PAGES

    def _next_span(self, upper: int, count: int) -> int:
        """Return the length of the window that follows one with this many logs."""
        if count and self._in_gap:
            return self._usual
        if count:
            return int(self._span * min(_GROWTH, max(1 / _GROWTH, _AIM / count)))
        # Nothing here. Halve the way to the next log that is known of, or take longer and longer steps.
        ahead = (self._known - upper) // 2 if self._known > upper else self._span * _GROWTH
        return max(self._usual, ahead)

    def _later_since(self, begin: dt.datetime) -> dt.datetime:
        return begin if self._since is None else max(begin, self._since)


def in_order(logs: Iterable[Placed]) -> list[Placed]:
    """Return logs, the oldest first, each once: of two that are stored under one time, the one stored first."""
    given = list(logs)
    ats = [placed.at for placed in given]
    if all(map(operator.gt, ats, ats[1:])):
        return given[::-1]  # as the API lists them
    found: dict[str, Placed] = {}
    for placed in given:
        other = found.setdefault(placed.text, placed)
        if other is placed:
            continue
        stored, before = getattr(placed.log, "logged_at", None), getattr(other.log, "logged_at", None)
        if stored and before and stored < before:
            found[placed.text] = placed
    return sorted(found.values(), key=_by_time)


def _by_time(placed: Placed) -> tuple[int, str]:
    return placed.at, placed.text


def _span_for(logs: list[Placed]) -> int:
    """Return the length of a window that holds a few hundred logs, at the rate of these."""
    return max(_SHORTEST, (logs[0].at - logs[-1].at) * _AIM // len(logs))


def cradle_of(created_at: dt.datetime | None) -> int:
    """Return an instant before which a device has hardly any log: its creation, or long ago if that is not known."""
    return instant_of(created_at or dt.datetime(2015, 1, 1, tzinfo=dt.UTC))
