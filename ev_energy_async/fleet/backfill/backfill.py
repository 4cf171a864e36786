"""Reading the past of many vehicles at once, merged, through failures and restarts; `fleet.logs` gives it.

It starts no task that outlives a step: everything happens while somebody waits for the next log. A step reads one page
for each of some vehicles, all at the same time, and delivers what it read before the next. Where each vehicle is,
and the cursor, is in `positions`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ev_energy_async import api
from ev_energy_async.devices import PAGE_SIZE, Allowance, Patience, Stream, is_fatal, is_transient, pages_of, settle
from ev_energy_async.errors import DecodeError, EvEnergyError, InvalidArgument
from ev_energy_async.fleet.backfill.items import LogRead
from ev_energy_async.fleet.backfill.positions import Position, Saved, SavedPosition, digest, read_cursor, write_cursor
from ev_energy_async.fleet.backfill.selection import LogSelection, device_ids, itself
from ev_energy_async.fleet.events import PollFailed

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Callable, Iterable

    from ev_energy_async.calls import Page, Paginator
    from ev_energy_async.devices import Backfilling
    from ev_energy_async.ids import Ref

__all__ = ["PRIORITY", "Backfill"]

T = TypeVar("T")
L_co = TypeVar("L_co", default=Any, covariant=True)
Read: TypeAlias = "LogRead[L_co] | PollFailed"

PRIORITY: Final = -3
"""Below the snapshots and reads of a watch: where the budget is short, a backfill comes last."""

_LOG: Final = logging.getLogger("ev_energy_async")


class Backfill(Stream[LogRead[L_co] | PollFailed]):
    """An iterator over the past logs of many vehicles.

    Example:
        >>> logs = ev.fleet.logs("status", since=last_week)  # doctest: +SKIP
        >>> async for item in logs:  # doctest: +SKIP
        ...     if isinstance(item, PollFailed):
        ...         print(item.vehicle_id, item.error)
        ...     else:
        ...         await store(item.key, item.log)
        ...     await save(logs.cursor)

    The logs of one vehicle come newest first, those of several in turns, a page at a time. At most `concurrency`
    vehicles are read at the same time, and at most one page of each is held. Logs that the API gets meanwhile may be
    missed: following the fleet into the future is what `fleet.watch` is for.

    A vehicle that cannot be read gives a `PollFailed`, after the client's own retries, and the others are not
    affected; it stays in the cursor, and a run resumed from there retries it. So does one that ended: it then reads
    only those.
    A log that cannot be decoded gives a `PollFailed` too, and the rest of its vehicle follows. Where the API refuses
    everybody for want of budget, or does not answer at all, the backfill waits, and says so in the log, once.

    With all vehicles (`vehicles=None`) they are listed first, page by page between the reads, and those are left out
    that have no status log, or none since `since`. That is told from their newest status log, so for `status` alone: a
    car whose telematics fail has new error logs and no new status, and commands and locations are times of their own.

    A backfill passes after polls and commands where the budget is short, and takes no more than its share of a rolling
    hour of it. What it took before a restart it does not know.

    Asking for the next item reads when there is none left, so that a slow consumer slows the reading. A wait that is
    cancelled loses nothing: ask again. One task at a time may ask. To abandon it nothing needs to be done; `aclose`, or
    leaving its `async with`, ends it for good.

    Args:
        sender: The client.
        log: `status`, `error`, `command` or `location`.
        vehicles: Which vehicles (IDs, URLs or models); None for all.
        since: No earlier than this, on the time of the collection; included.
        until: No later than this; included.
        concurrency: How many vehicles are read at the same time.
        share: The fraction of the hourly budget that it may take.
        cursor: Where an earlier run was, of the same kind, bounds and vehicles.

    Raises:
        InvalidArgument: An argument is not what it should be; nothing was sent.
    """

    def __init__(
        self,
        sender: Backfilling,
        log: str,
        vehicles: Iterable[Ref] | None = None,
        *,
        kind: str = "vehicles",
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        concurrency: int = 50,
        share: float = 0.5,
        cursor: str | None = None,
    ) -> None:
        super().__init__()
        self._selection = LogSelection.select(kind, log, since, until)
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise InvalidArgument("concurrency", concurrency, "an integer of at least 1")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise InvalidArgument("share", share, "a fraction above 0, at most 1")
        self._concurrency = concurrency
        # For the errors of items, which are found once a page is decoded; no page is held.
        self._sender = sender.with_options(priority=PRIORITY, keep_body=True)
        self._clock = sender.clock
        self._allowance = Allowance(sender, share)
        self._patience = Patience(f"the backfill of {self._selection.text}", sender.clock)
        self._named = None if vehicles is None else device_ids(vehicles, self._selection.of.prefix)
        self._digest = "" if self._named is None else digest(self._named)
        if cursor is None:
            saved = Saved(self._selection.text, self._digest, 0, None, self._named == [], (), ())
        else:
            saved = read_cursor(cursor, self._selection.text, self._digest, self._selection.of.prefix)
        self._begun = saved.begun
        self._page = saved.page
        self._has_all = saved.has_all
        self._waiting = deque(map(Position, (*saved.positions, *saved.failed)))
        self._failed: list[SavedPosition] = []
        self._active: list[Position] = []
        self._giving: deque[Position] = deque()
        self._failures: deque[PollFailed] = deque()
        self._trouble: list[tuple[Position | None, EvEnergyError]] = []
        self._fatal: EvEnergyError | None = None
        self._has_answer = False
        self._lean_of: Callable[[Any], Any] | None = None
        self._done = 0

    @property
    def cursor(self) -> str:
        """Where to resume after the last item, for `logs(cursor=...)`.

        Text, made when asked for: some 4,000 characters with 50 vehicles under way, and 20 to 60 for each that failed.
        """
        positions = (vehicle.saved for vehicle in (*self._active, *self._waiting) if not vehicle.is_over)
        saved = Saved(
            self._selection.text,
            self._digest,
            self._begun,
            self._page,
            self._has_all,
            tuple(positions),
            tuple(self._failed),
        )
        return write_cursor(saved)

    @property
    def done(self) -> int:
        """Devices that this run has done with: read to the end, failed, or left out of those that it listed."""
        return self._done

    def lean(self, lean_of: Callable[[Any], Any] | None) -> None:
        """Read pages from now on as lean rows in place of logs, if they fit them (see `Paginator.lean`); None: as logs.

        What was read already, and not given out yet, stays what it is.
        """
        self._lean_of = lean_of

    async def __anext__(self) -> Read[L_co]:
        """Return the next log, or which vehicle could not be read.

        Raises:
            Unauthorized: The token was refused.
            AuthError: The credentials were refused.
            TransportError: Trying again is of no use: the client is closed, say.
            ApiError: The list of vehicles was refused.
            DecodeError: The list of vehicles cannot be understood.
            InvalidArgument: The cursor names pages that there are none of.
            StopAsyncIteration: Everything was delivered, or it was closed.
        """
        # What was read is given out at once: of a hundred logs one has to be waited for.
        if not (self._is_over or self._is_busy) and (found := self._held()) is not None:
            return found
        return await super().__anext__()

    async def batches(self) -> AsyncIterator[list[Read[L_co]]]:
        """Yield the same items in lists, one for each page of a vehicle: for those who write many at once.

        `cursor` is behind the whole of a list as soon as it is given out, so store it after the list's last item.

        Raises:
            EvEnergyError: As the iterator itself.

        Example:
            >>> async for items in logs.batches():  # doctest: +SKIP
            ...     await write(items)
            ...     await save(logs.cursor)
        """
        async for item in self:
            if self._giving and self._giving[0] and not self._failures:
                vehicle = self._giving[0]
                yield [item, *self._items(vehicle.vehicle_id, vehicle.give_all())]
            else:
                yield [item]

    async def _next(self) -> Read[L_co]:
        while not self._is_over:
            found = self._held()
            if found is not None:
                return found
            await self._step()
        raise StopAsyncIteration

    def __repr__(self) -> str:
        return f"<Backfill {self._selection.text}{', closed' if self._is_over else ''}>"

    def _held(self) -> Read[L_co] | None:
        """Deliver what was read and not delivered yet."""
        if self._failures:
            return self._failures.popleft()
        while self._giving:
            vehicle = self._giving[0]
            if vehicle:
                return self._items(vehicle.vehicle_id, [vehicle.give()])[0]
            self._giving.popleft()
        left = [vehicle for vehicle in self._active if not vehicle.is_over]
        self._done += len(self._active) - len(left)
        self._active = left
        self._is_over = self._has_all and not self._active and not self._waiting
        return None

    def _items(self, vehicle_id: str, given: list[tuple[str, Any]]) -> list[Read[L_co]]:
        log, kind = self._selection.log, self._selection.of.kind
        before = f"{vehicle_id}/{log}/"
        return [
            self._failure(before + text, vehicle_id, log, found)
            if isinstance(found, DecodeError)
            else LogRead(key=before + text, vehicle_id=vehicle_id, log_kind=log, log=found, kind=kind)
            for text, found in given
        ]

    def _failure(self, key: str, device_id: str, log: str, error: EvEnergyError) -> PollFailed:
        kind = self._selection.of.kind
        if kind == "vehicles":
            return PollFailed(key=key, vehicle_id=device_id, log_kind=log, error=error)
        return PollFailed(key=key, device_id=device_id, kind=kind, log_kind=log, error=error)

    async def _step(self) -> None:
        """Read a page of each of some vehicles, and one of the list of vehicles if these run out; when it is time."""
        if self._is_over:
            return
        width = await self._wait()
        self._begin_vehicles()
        runs_out = self._named is None and not self._has_all and len(self._waiting) < self._concurrency
        lists = runs_out and (width > 1 or not self._active)
        reads = self._active[: width - lists]
        self._allowance.spend(len(reads) + lists)
        self._trouble, self._fatal, self._has_answer = [], None, False
        try:
            async with asyncio.TaskGroup() as group:
                for vehicle in reads:
                    group.create_task(self._read(vehicle))
                if lists:
                    group.create_task(self._list())
        except BaseExceptionGroup as failures:
            # As a single call raises it, say from an auth of the caller's own.
            raise failures.exceptions[0] from None
        finally:
            # Responses that arrived count, even if the step was cancelled.
            self._giving.extend(vehicle for vehicle in reads if vehicle)
        self._settle()

    async def _wait(self) -> int:
        """Wait until it is time; return how many requests may be sent."""
        if self._patience.delay > 0:
            await self._clock.sleep(self._patience.delay)
        while not (left := self._allowance.left()):
            delay = self._allowance.free_in()
            said = "%s has taken its share of the budget, %d requests an hour; it continues in %.0f s"
            _LOG.warning(said, self._patience.what, self._allowance.size, delay)
            await self._clock.sleep(delay)
        return min(self._concurrency, left)

    def _begin_vehicles(self) -> None:
        while len(self._active) < self._concurrency:
            if not self._waiting and self._named is not None and not self._has_all:
                self._waiting.append(Position(SavedPosition(self._named[self._begun])))
                self._begun += 1
                self._has_all = self._begun == len(self._named)
            if not self._waiting:
                break
            self._active.append(self._waiting.popleft())

    async def _read(self, vehicle: Position) -> None:
        """Read the page that a vehicle is at."""
        wanted = self._selection
        list_logs = getattr(api, wanted.row.function)
        paginator: Paginator[Any] = list_logs(
            self._sender, vehicle.vehicle_id, page_size=PAGE_SIZE, on_bad_item=itself, **wanted.filters
        )
        if self._lean_of is not None:
            paginator = paginator.lean(self._lean_of)
        try:
            page = await _page_at(paginator, vehicle.page)
        except EvEnergyError as error:
            self._note(vehicle, error)
            return
        self._has_answer = True
        vehicle.take(page, wanted.row.time)

    async def _list(self) -> None:
        """Read the next page of the list of vehicles."""
        of = self._selection.of
        expand = {} if of.regular.newest is None else {"expand": [of.regular.newest]}
        lister = getattr(api, of.list_devices)
        paginator: Paginator[Any] = lister(self._sender, page_size=PAGE_SIZE, on_bad_item=itself, **expand)
        try:
            page = await _page_at(paginator, self._page)
        except EvEnergyError as error:
            self._note(None, error)
            return
        self._has_answer = True
        found, undecodable = self._selection.find(page)
        self._waiting.extend(Position(SavedPosition(vehicle_id)) for vehicle_id in found)
        self._done += len(page) - len(found)
        noun = self._selection.of.noun
        for text, reason in undecodable:
            self._failures.append(self._failure(f"unknown/{noun}/{text}", "unknown", noun, reason))
        self._page = page.next_cursor
        self._has_all = page.next_cursor is None

    def _note(self, vehicle: Position | None, error: EvEnergyError) -> None:
        """Note an error of a vehicle, or of the list of vehicles if that is None."""
        if is_fatal(error) or (vehicle is None and not is_transient(error)):
            self._fatal = self._fatal or error
            return
        self._has_answer = self._has_answer or not is_transient(error)
        self._trouble.append((vehicle, error))

    def _settle(self) -> None:
        """Decide for each vehicle in trouble whether it failed, or everybody has to wait."""
        waits, failed = settle(self._trouble, answered=self._has_answer, waits=self._patience.failures)
        for vehicle, error in failed:
            if vehicle is None:
                waits.append(error)
                continue
            self._active.remove(vehicle)
            self._done += 1
            self._failed.append(vehicle.saved)
            vehicle_id, log = vehicle.vehicle_id, self._selection.log
            key = f"{vehicle_id}/{log}/failed"
            self._failures.append(self._failure(key, vehicle_id, log, error))
        if waits:
            self._patience.fail(waits)
        elif self._has_answer:
            self._patience.succeed()
        if self._fatal is not None:
            raise self._fatal


async def _page_at(paginator: Paginator[T], cursor: str | None) -> Page[T]:
    if cursor is None:
        return await paginator
    async with aclosing(pages_of(paginator, cursor)) as pages:
        return await anext(pages)
