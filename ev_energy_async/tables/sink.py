"""Parquet files of what lists, backfills and watches yield: no row lost, none twice, whenever the process is killed.

A flush goes like this: note the parts to come (`state.json`), write them aside, rename them, acknowledge their events,
clear the note. Killed in between, the events of the noted parts are delivered again; on start their keys are loaded,
and rows that are there already are dropped. `folder` has the files, `rows` says what a row is.
"""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, Self

from ev_energy_async._base import InvalidArgument
from ev_energy_async.clock import SystemClock, seconds
from ev_energy_async.files import user_path
from ev_energy_async.fleet import PollFailed, Watch
from ev_energy_async.ids import ulid
from ev_energy_async.tables.folder import SinkFolder, State
from ev_energy_async.tables.load import Load, Written
from ev_energy_async.tables.rows import KEY, form_of, row_of
from ev_energy_async.tables.streams import lean_events

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Callable
    from types import TracebackType

    from ev_energy_async.clock import Clock, Duration
    from ev_energy_async.tables.folder import Part

__all__ = ["ParquetSink"]

_LOG: Final = logging.getLogger("ev_energy_async")
_ROWS: Final = 50_000
_AGE: Final = 300.0
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_SHORT: Final = 0.01


class ParquetSink:
    """Writes what lists, backfills and watches yield into Parquet files, a folder each table and day.

    `ROOT/TABLE/date=YYYY-MM-DD/part-<ulid>.parquet`: the table is that of the model (`vehicle_status_log`); the day is,
    in UTC, that on which the API stored a log, so that a late one does not reopen an old day (where the API does not
    say, the day of the log itself), and for resources the day on which they were read. The rows of a file are sorted by
    device and time. Each has two columns more: `_ev_key`, the same whenever a row is delivered again, and `_ev_late`.
    Cycles of a watch (`CycleFinished`) go into the table `cycle_finished`; other events have no row.

    Rows are written when there are enough of them, or when the oldest is old enough; only then events are acknowledged
    and the cursor of a backfill is kept. So a process that is killed at any moment loses nothing and writes nothing
    twice, provided the disk honours fsync: what is delivered again is known by its key. It works within one process
    and `async with`, which writes what is left at the end, unless an exception ends it.

    Args:
        root: The folder; it is made if it does not exist.
        name: The name of this sink. Sinks of different names write below one root at the same time; each remembers
            the cursor of its own source.
        rows: Write at this number of rows.
        age: Write when the oldest row is so old; seconds or a `timedelta`.
        on_flush: Called with a `Written` after each time; must not block.
        clock: The source of time.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> async with ParquetSink("lake") as sink:  # doctest: +SKIP
        ...     await sink.write(ev.fleet.watch(checkpoint=SqliteCheckpoint("fleet.db"), ack="explicit"))
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        name: str = "sink",
        rows: int = _ROWS,
        age: Duration = _AGE,
        on_flush: Callable[[Written], object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._root = user_path("root", root)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidArgument("name", name, "letters, digits and any of `_.-`, a letter or digit first")
        if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
            raise InvalidArgument("rows", rows, "a number of rows above zero")
        self._folder = SinkFolder(self._root, name)
        self._most = rows
        self._age = seconds("age", age)
        self._on_flush = on_flush
        self._clock: Clock = SystemClock() if clock is None else clock
        self._load = Load()
        self._state = State()
        # Keys of parts whose events may be delivered again, and how many of each part are left.
        self._known: dict[str, str] = {}
        self._left: dict[str, int] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._timer: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._source: object = None
        self._total = Written()

    def __repr__(self) -> str:
        return f"<ParquetSink {self._root}{'' if self._timer else ', closed'}>"

    @property
    def cursor(self) -> str | None:
        """Where the source goes on after all that was written, for `ev.fleet.logs(cursor=...)`; None to begin."""
        return self._state.cursor

    @property
    def total(self) -> Written:
        """A summary of what was written since `async with`."""
        return self._total

    async def __aenter__(self) -> Self:
        if self._timer is not None:
            raise InvalidArgument("sink", self, "a sink that is not in use")
        self._state = await asyncio.to_thread(self._folder.open)
        try:
            for path in self._state.unacknowledged:
                self._remember(path, await asyncio.to_thread(self._folder.keys, path))
        except BaseException:
            self._folder.close()
            raise
        self._total = Written()
        self._timer = asyncio.create_task(self._flush_by_age())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._timer is not None, "it was entered"  # noqa: S101  # tells type checkers
        self._timer.cancel()
        try:
            if kind is None:
                await self.flush()
            elif self._flushing is not None:
                # The rows of a flush under way are complete; what came after it is delivered again.
                await asyncio.wait({self._flushing})
                if not self._flushing.cancelled() and (failure := self._flushing.exception()) is not None:
                    _LOG.warning("%r could not write: %s", self, failure)
        finally:
            await asyncio.wait({self._timer})
            self._timer = self._flushing = self._source = self._failure = None
            self._load, self._known, self._left = Load(), {}, {}
            self._folder.close()

    async def write(self, source: AsyncIterable[Any]) -> Written:
        """Write all that a source yields, and return how much that was; a watch is endless.

        Args:
            source: A list, a backfill, a watch with `ack="explicit"`, or any other asynchronous iterable of models or
                of events with a `log`. A backfill's `cursor` is kept with what was written.

        Raises:
            InvalidArgument: The watch acknowledges events before they are written; or an item has no key.
            SinkError: A file cannot be written.
            CheckpointError: The checkpoint of the watch refused.
            EvEnergyError: What the source raises.
        """
        if isinstance(source, Watch) and source.acknowledges != "explicit":
            raise InvalidArgument("source", source, 'a watch with ack="explicit", which waits for the sink')
        before = self._total
        self._source = source
        # Not those of a list: events have keys, that of any other row is made of the model.
        with lean_events(source) as items:
            async for item in items:
                self._take(item, source)
                if self._is_due:
                    await self.flush()
        await self.flush()
        made = self._total
        return Written(
            made.rows - before.rows,
            made.repeated - before.repeated,
            made.failed - before.failed,
            made.parts[len(before.parts) :],
        )

    async def add(self, item: Any) -> None:
        """Add a model or an event; waits while rows are written, if there are enough of them.

        Acknowledge nothing yourself: events are acknowledged once they are written.

        Raises:
            InvalidArgument: It has no key.
            SinkError: A file cannot be written.
            CheckpointError: The checkpoint of the watch refused.
        """
        self._take(item, None)
        if self._is_due:
            await self.flush()

    async def flush(self) -> None:
        """Write what there is now, and acknowledge it.

        A call that is cancelled leaves the writing under way.

        Raises:
            SinkError: A file cannot be written. The sink is of no use then: leave it, and start again.
            CheckpointError: The checkpoint refused; what was written is known by its keys.
        """
        self._check_open()
        await self._settle()
        if not self._load.is_empty:
            self._begin()
            await self._settle()

    @property
    def _is_due(self) -> bool:
        is_done = self._flushing is not None and self._flushing.done()
        return is_done or self._is_old or len(self._load.keys) >= self._most

    @property
    def _is_old(self) -> bool:
        return not self._load.is_empty and self._clock.monotonic() - self._load.since >= self._age

    def _take(self, item: Any, source: object) -> None:
        self._check_open()
        load = self._load
        if load.is_empty:
            load.since = self._clock.monotonic()
        row = row_of(item)
        if row is not None:
            self._take_row(item, row)
        elif isinstance(item, PollFailed):
            load.failed += 1
        if hasattr(item, "ack"):
            load.last[id(source)] = item

    def _take_row(self, item: Any, row: Any) -> None:
        load = self._load
        form = form_of(row)
        key = (None if item is row else getattr(item, "key", None)) or form.key(row)
        if key in load.keys:
            load.repeated += 1
        elif key in self._known:
            load.repeated += 1
            load.known.add(key)
        else:
            load.add(row, key, form, getattr(item, "late", None), self._clock.now())

    def _check_open(self) -> None:
        if self._timer is None:
            raise InvalidArgument("sink", self, "a sink within `async with`")
        if self._failure is not None:
            raise self._failure

    def _begin(self) -> None:
        """Start to write what there is."""
        load, self._load = self._load, Load()
        cursor = getattr(self._source, "cursor", None)
        load.cursor = cursor if isinstance(cursor, str) else self._state.cursor
        self._flushing = asyncio.create_task(self._run(load))

    async def _settle(self) -> None:
        """Wait for the writing under way, and raise its error."""
        task = self._flushing
        if task is None:
            return
        try:
            await asyncio.shield(task)
        finally:
            if task.done():
                self._flushing = None

    async def _flush_by_age(self) -> None:
        while True:
            waits = self._age if self._load.is_empty else self._load.since + self._age - self._clock.monotonic()
            await self._clock.sleep(max(waits, _SHORT))
            if self._flushing is None and self._is_old:
                self._begin()
            if self._flushing is not None:
                # Its error is for whoever adds the next row.
                await asyncio.wait({self._flushing})

    async def _run(self, load: Load) -> None:
        try:
            parts = await asyncio.to_thread(self._store, load)
        except BaseException as error:
            # What it took can no longer be written, and must never be acknowledged with what comes after it.
            self._failure = error
            raise
        try:
            for event in load.last.values():
                await event.ack()
        except BaseException:
            # The events come again, or the next flush acknowledges them with its own.
            for part in parts:
                keys: list[Any] = part.rows[KEY].to_pylist()
                self._remember(part.path, set(keys))
            self._load.last = {**load.last, **self._load.last}
            self._load.known |= load.known
            raise
        for key in load.known:
            path = self._known.pop(key)
            self._left[path] -= 1
            if not self._left[path]:
                del self._left[path]
        state = State(tuple(self._left), load.cursor)
        if parts or state != self._state:
            await asyncio.to_thread(self._folder.save, state)
            self._state = state
        written = Written(len(load.keys), load.repeated, load.failed, tuple(part.path for part in parts))
        self._total += written
        if self._on_flush is not None:
            self._on_flush(written)

    def _store(self, load: Load) -> list[Part]:
        parts = load.parts(self._part_name)
        if parts:
            noted = (*self._left, *(part.path for part in parts))
            self._folder.save(State(noted, self._state.cursor))
            self._folder.write(parts)
        return parts

    def _part_name(self) -> str:
        return ulid(int(self._clock.now().timestamp() * 1_000), secrets.randbits(80))

    def _remember(self, path: str, keys: set[str]) -> None:
        fresh = keys - self._known.keys()
        if fresh:
            self._known.update(dict.fromkeys(fresh, path))
            self._left[path] = len(fresh)
