"""The logs of one device: newest first, oldest first, or live.

Which logs there are is the table in `kinds`. A handle (`ev.vehicle(id)`) gives a `LogQuery`, which is newest first like
the API, `.oldest_first()`, or live with `.follow()`. Works against the `Polling` protocol, not the client.
"""

from __future__ import annotations

import datetime as dt
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from ev_energy_async.clock import utc_bounds
from ev_energy_async.devices.follow import Follow
from ev_energy_async.devices.history import Ascending, cradle_of, pages_of, prefetched
from ev_energy_async.devices.seen import place
from ev_energy_async.instants import instant_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator

    from ev_energy_async.calls import Page
    from ev_energy_async.clock import Clock, Duration
    from ev_energy_async.devices.follow import Every
    from ev_energy_async.devices.history import ListLogs
    from ev_energy_async.devices.kinds import LogKind

__all__ = ["LogQuery", "Since"]

L = TypeVar("L")

Since: TypeAlias = "dt.datetime | None"
"""A bound in time: an aware `datetime`, or None for no bound."""

_LATENESS: Final = dt.timedelta(minutes=15)


class LogQuery(Generic[L]):
    """Logs of one kind of one device, not asked for yet; newest first, as the API has them.

    Example:
        >>> async for log in ev.vehicle(vehicle_id).status_logs(since=yesterday): ...  # doctest: +SKIP
        >>> async for log in ev.vehicle(vehicle_id).status_logs(since=yesterday).oldest_first(): ...  # doctest: +SKIP
        >>> async for log in ev.vehicle(vehicle_id).status_logs().follow(every=60): ...  # doctest: +SKIP

    Iterating fetches the next page while the last one is worked on; await the query for the newest page alone.
    """

    __slots__ = ("_clock", "_created_at", "_of", "_read", "_since", "_until", "kind")

    def __init__(
        self,
        read: ListLogs[L],
        kind: LogKind,
        of: str,
        clock: Clock,
        *,
        since: Since = None,
        until: Since = None,
        created_at: Callable[[], dt.datetime | None] = lambda: None,
    ) -> None:
        self.kind = kind
        self._read = read
        self._of = of
        self._clock = clock
        self._since = since
        self._until = until
        self._created_at = created_at

    def __await__(self) -> Generator[Any, None, Page[L]]:
        return self._read(self._since, self._until).__await__()

    async def __aiter__(self) -> AsyncIterator[L]:
        async with aclosing(self._pages(None)) as pages:
            async for page in pages:
                for log in page:
                    yield log

    def pages(self, *, cursor: str | None = None) -> AsyncIterator[Page[L]]:
        """Yield page after page, from a cursor on if there is one; see `Paginator.pages`."""
        return self._pages(cursor)

    async def _pages(self, cursor: str | None) -> AsyncGenerator[Page[L]]:
        async with aclosing(pages_of(self._read(self._since, self._until), cursor)) as found:

            async def fetch() -> Page[L] | None:
                return await anext(found, None)

            async with aclosing(prefetched(fetch)) as pages:
                async for page in pages:
                    yield page

    async def all(self) -> list[L]:
        """Return all the logs, newest first."""
        return await self._read(self._since, self._until).all()

    async def oldest_first(self) -> AsyncIterator[L]:
        """Yield the logs in the order of their time, each once.

        The API serves the newest first. A long past is therefore read in windows of time, which adapt to how many logs
        there are, and the next window is read while the last one is worked on: some hundred logs are held at a time,
        not all. Logs that arrive meanwhile come too, unless they are older than what was yielded.
        """
        since = None if self._since is None else instant_of(self._since)
        cradle = cradle_of(self._created_at() if since is None else None)
        reading = Ascending(
            self._read, self.kind.time, begin=since, since=self._since, until=self._until, cradle=cradle
        )
        async with aclosing(prefetched(reading.next)) as portions:
            async for portion in portions:
                for placed in portion.logs:
                    log: L = placed.log
                    yield log

    def key(self, log: L) -> str:
        """Return what tells a log from all others of every device, in every run, as in `vhcl01.../status/2026-...`.

        Raises:
            DecodeError: The log has no time.
        """
        return f"{self._of.partition('?')[0]}/{place(log, self.kind.time).text}"

    def follow(
        self,
        every: Every[L] = 60,
        lateness: Duration = _LATENESS,
        since: Since = None,
        *,
        ordered: bool = False,
        cursor: str | None = None,
    ) -> Follow[L]:
        """Return an iterator over the logs that continues with those to come; each log exactly once.

        Each reading takes full pages, back to what was seen and over the lateness, so one request as a rule. Failures
        that pass are waited out, and logged once each.

        A log may arrive late by `lateness`, to which 5 minutes are added for clocks that differ, without being missed.
        One that is later still is found if it is on a page that is read anyway; it comes marked, and not twice.

        Args:
            every: From one reading to the next: seconds, a `timedelta`, or a function of the newest log (None before
                there is one) that gives one, as to look at a charging car more often.
            lateness: How late logs may arrive; seconds or a `timedelta`.
            since: Where to begin; that of the query by default. Without either, what comes from now on.
            ordered: Whether to hold logs back until `lateness` has passed, to yield them in the order of their time.
                If not, they come as soon as they are seen, those of one reading in order.
            cursor: Where an earlier iterator was; it overrides `since`. It holds the logs delivered lately.

        Raises:
            InvalidArgument: An argument is not what it should be, or the cursor is of another collection.

        Example:
            >>> logs = ev.vehicle(vehicle_id).status_logs().follow(  # doctest: +SKIP
            ...     every=lambda log: 60 if log is not None and log.is_charging else 900
            ... )
            >>> async for log in logs:  # doctest: +SKIP
            ...     print(log.sampled_at, "late" if logs.late else "")
        """
        begin, _ = utc_bounds(since if since is not None else self._since, self._until)
        return Follow(
            self._read,
            self.kind.time,
            self._of,
            self._clock,
            every=every,
            lateness=lateness,
            since=begin,
            until=self._until,
            ordered=ordered,
            cursor=cursor,
        )
