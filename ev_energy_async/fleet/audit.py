"""Audits: reading a past time again in full, and delivering what had not been delivered; `fleet.audit` makes one.

As with a watch, everything happens while somebody waits, in bounded steps that leave nothing behind. An audit holds one
portion of logs of each collection that it is reading, however long the time is.
"""

from __future__ import annotations

import base64
import sys
import zlib
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Generic

import attrs
import msgspec

from ev_energy_async.codec import AsDict
from ev_energy_async.devices import DEVICES, Allowance, Patience, Stream, is_fatal, outcomes_of, settle
from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.fleet.backfill import PRIORITY
from ev_energy_async.fleet.events import ErrorLogged, PollFailed, StatusLogged
from ev_energy_async.fleet.owner import found_owner
from ev_energy_async.fleet.watch import Emitter, FleetState, Journal, Reading, load
from ev_energy_async.instants import instant_of

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Generator

    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.devices import DeviceKind, ServerTime
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.owner import TokenOwner
    from ev_energy_async.fleet.watch import FleetClient

__all__ = ["Audit", "AuditReport"]

M_co = TypeVar("M_co", default="StatusLogged | ErrorLogged", covariant=True)

_FORMAT: Final = "1."


@attrs.frozen(kw_only=True)
class AuditReport(AsDict, Generic[M_co]):
    """The findings of an audit.

    Attributes:
        since: The beginning of the audited time.
        until: Its end.
        collections: How many collections of logs it read.
        logs: How many logs were in them.
        missing_count: How many of them had not been delivered; they are now.
        failed_count: How many collections or logs could not be read.
        missing: The logs that had not been delivered, where the audit was awaited; iterating keeps none.
        failed: What could not be read, where the audit was awaited.
        spent: Requests it took.
    """

    since: dt.datetime
    until: dt.datetime
    collections: int
    logs: int
    missing_count: int = 0
    failed_count: int = 0
    missing: tuple[M_co, ...] = ()
    failed: tuple[PollFailed, ...] = ()
    spent: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was missing and everything could be read."""
        return not self.missing_count and not self.failed_count

    def __str__(self) -> str:
        return (
            f"{self.since.isoformat()} to {self.until.isoformat()}: {self.logs:,} logs in {self.collections:,}"
            f" collections, {self.missing_count:,} were missing, {self.failed_count:,} could not be read;"
            f" {self.spent:,} requests"
        )


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The content of a cursor: the bounds and logs of the audit, the next device, those that failed."""

    since: int
    until: int
    logs: tuple[str, ...]
    device_id: str
    failed: tuple[str, ...]


@attrs.define
class _Collection:
    """A collection of logs on its way through an audit.

    Attributes:
        device_id: Whose logs.
        of: Its kind.
        log: Which log.
        reading: What reads them, once it has begun.
        read_to: Up to which instant all were read.
        is_over: Whether it was read to its end, or failed.
        entry: The number of its last entry in the journal.
    """

    device_id: str
    of: DeviceKind
    log: str
    read_to: int
    reading: Reading | None = None
    is_over: bool = False
    entry: int = 0


class Audit(Stream["StatusLogged | ErrorLogged | PollFailed"]):
    """An audit, as an iterator over the logs that were missing; await it to have all of them at once, in a report.

    Example:
        >>> report = await ev.fleet.audit(yesterday, today, checkpoint=checkpoint)  # doctest: +SKIP
        >>> print(report)  # doctest: +SKIP
        >>> async for event in ev.fleet.audit(yesterday, today, checkpoint=checkpoint):  # doctest: +SKIP
        ...     await store(event)

    Asking for the next event acknowledges the last one, as does the end; awaiting the audit acknowledges all.
    """

    def __init__(
        self,
        client: FleetClient,
        owner: Owner | TokenOwner,
        checkpoint: Checkpoint,
        *,
        since: dt.datetime,
        until: dt.datetime,
        logs: Collection[str] | None,
        concurrency: int,
        share: float,
        cursor: str | None,
        name: str,
        time: ServerTime,
    ) -> None:
        super().__init__()
        self._client = client.with_options(priority=PRIORITY)
        self._clock = client.clock
        self._time = time
        self._owner = owner
        self._journal = Journal(checkpoint, name)
        self._states: dict[str, FleetState] = {}
        self._emitters: dict[str, Emitter] = {}
        self._events: deque[tuple[int, WatchEvent]] = deque()
        self._logs = logs
        self._since, self._until = since, until
        self._resumed = None if cursor is None else _read_cursor(cursor, instant_of(since), instant_of(until))
        self._concurrency = concurrency
        self._allowance = Allowance(client, share)
        # In the order in which they are read; those that are through and acknowledged are taken off its left end.
        self._begun: deque[_Collection] = deque()
        self._waiting: deque[_Collection] = deque()
        self._failed: dict[str, None] = {}
        self._patience = Patience("the audit", client.clock)
        self._is_loaded = False
        self._given = 0
        self._kept: list[StatusLogged | ErrorLogged | PollFailed] | None = None
        self._report = AuditReport(since=since, until=until, collections=0, logs=0, spent=0)

    def __repr__(self) -> str:
        return f"<Audit from {self._since.isoformat()} to {self._until.isoformat()}>"

    @property
    def report(self) -> AuditReport:
        """The findings so far."""
        kept = self._kept or []
        return attrs.evolve(
            self._report,
            missing=tuple(event for event in kept if not isinstance(event, PollFailed)),
            failed=tuple(event for event in kept if isinstance(event, PollFailed)),
        )

    @property
    def cursor(self) -> str | None:
        """Where to resume after the last event, for `audit(cursor=...)`; None before the first step.

        What was acknowledged is not read again, except for the devices that were under way; nothing is delivered twice.
        """
        if not self._is_loaded:
            return None
        pending = next((each for each in (*self._begun, *self._waiting) if not self._is_done(each)), None)
        saved = _Cursor(
            instant_of(self._since),
            instant_of(self._until),
            tuple(self._logs or ()),
            "\U0010ffff" if pending is None else pending.device_id,
            tuple(self._failed),
        )
        return _FORMAT + base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(saved))).decode().rstrip("=")

    def __await__(self) -> Generator[Any, None, AuditReport]:
        return self._through().__await__()

    async def _through(self) -> AuditReport:
        self._kept = []
        with self._entered():
            await self._load()
            while self._begun or self._waiting:
                await self._step()
                while self._events:
                    self._given, event = self._events.popleft()
                    self._kept.append(self._counted(event))
                await self._acknowledge()
            self._is_over = True
        return self.report

    async def __anext__(self) -> StatusLogged | ErrorLogged | PollFailed:
        """Return the next log that was missing, or the failure of a collection that could not be read.

        Raises:
            AuthError: The credentials were refused.
            CheckpointConflict: A watch runs with the same checkpoint.
            CheckpointError: The checkpoint cannot be read or written.
            StopAsyncIteration: That is all.
        """
        return await super().__anext__()

    async def _next(self) -> StatusLogged | ErrorLogged | PollFailed:
        await self._load()
        while True:
            await self._journal.acknowledge(self._given)
            if self._events:
                self._given, event = self._events.popleft()
                return self._counted(event)
            await self._acknowledge()
            if not self._begun and not self._waiting:
                raise StopAsyncIteration
            await self._step()

    def _counted(self, event: WatchEvent) -> StatusLogged | ErrorLogged | PollFailed:
        report = self._report
        if isinstance(event, PollFailed):
            self._report = attrs.evolve(report, failed_count=report.failed_count + 1)
            return event
        assert isinstance(event, StatusLogged | ErrorLogged), "an audit delivers nothing else"  # noqa: S101  # tells type checkers
        self._report = attrs.evolve(report, missing_count=report.missing_count + 1)
        return event

    async def _acknowledge(self) -> None:
        """Acknowledge what was delivered, and what changed without an event."""
        self._given = self._journal.enter({})
        await self._journal.acknowledge(self._given)
        while self._begun and self._is_done(self._begun[0]):
            self._begun.popleft()

    def _is_done(self, each: _Collection) -> bool:
        return each.is_over and each.entry <= self._journal.acknowledged

    async def _load(self) -> None:
        if self._is_loaded:
            return
        owner = await found_owner(self._owner, self._clock, self._patience)
        async with aclosing(self._journal.load(owner)) as rows:
            self._states = await load(rows)
        self._emitters = {kind: Emitter(self._journal, state, self._events) for kind, state in self._states.items()}
        if self._resumed is not None and self._resumed.logs:
            self._logs = self._resumed.logs
        begin, resumed = instant_of(self._since), self._resumed
        devices = ((each, kind) for kind, state in self._states.items() for each in state.devices)
        for device_id, kind in sorted(devices):
            is_left = resumed is None or device_id >= resumed.device_id or device_id in resumed.failed
            if is_left and self._states[kind].devices[device_id].is_here:
                self._waiting.extend(_Collection(device_id, DEVICES[kind], log, begin) for log in self._logs_of(kind))
        self._is_loaded = True

    def _logs_of(self, kind: str) -> list[str]:
        """Return the logs of a kind of devices that are read: those that the watch delivers, if none were named."""
        row = DEVICES[kind]
        watched = self._states[kind].meta.kinds if self._logs is None else self._logs
        # The currents of a clamp are its status.
        names = [row.regular.log if log == "status" else log for log in watched]
        return [log for log in names if log in row.watched and row.logs[log].function]

    async def _step(self) -> None:
        """Read the next portion of some collections."""
        if self._patience.delay > 0:
            await self._clock.sleep(self._patience.delay)
        while not (left := self._allowance.left()):
            await self._clock.sleep(self._allowance.free_in())
        active = [each for each in self._begun if not each.is_over]
        while self._waiting and len(active) < self._concurrency:
            active.append(self._begin(self._waiting.popleft()))
        readings = [(each, each.reading) for each in active[:left] if each.reading is not None]
        outcomes = await outcomes_of([reading.fetch for _, reading in readings])
        failures: list[tuple[_Collection, EvEnergyError]] = []
        for (each, reading), outcome in zip(readings, outcomes, strict=True):
            calls = reading.calls()
            self._allowance.spend(calls)
            self._report = attrs.evolve(self._report, spent=self._report.spent + calls)
            if not isinstance(outcome, Exception):
                self._note(each, reading)
            elif is_fatal(outcome) or not isinstance(outcome, EvEnergyError):
                raise outcome
            else:
                failures.append((each, outcome))
        waits, failed = settle(failures, answered=len(failures) < len(readings), waits=self._patience.failures)
        for each, error in failed:
            self._emitters[each.of.kind].failed(None, each.device_id, each.log, error)
            self._failed[each.device_id] = None
            self._end(each)
        if waits:
            self._patience.fail(waits)
        else:
            self._patience.succeed()

    def _begin(self, each: _Collection) -> _Collection:
        each.reading = Reading(
            self._client,
            each.of,
            each.device_id,
            each.log,
            self._time,
            down_to=each.read_to,
            since=self._since,
            until=self._until,
            is_kept=False,
        )
        self._begun.append(each)
        return each

    def _note(self, each: _Collection, reading: Reading) -> None:
        logs, has_more = reading.take()
        end = reading.upto if has_more else instant_of(self._until) + 1
        gaps_from = None if has_more else instant_of(self._since)
        self._emitters[each.of.kind].audited(reading, logs, each.read_to, end, gaps_from=gaps_from)
        each.read_to = end
        self._report = attrs.evolve(self._report, logs=self._report.logs + len(logs))
        if not has_more:
            self._end(each)
            self._report = attrs.evolve(self._report, collections=self._report.collections + 1)

    def _end(self, each: _Collection) -> None:
        each.is_over, each.reading, each.entry = True, None, self._journal.enter({})


def _read_cursor(cursor: object, since: int, until: int) -> _Cursor:
    expected = "a cursor of an audit of the same time"
    if not isinstance(cursor, str) or not cursor.startswith(_FORMAT):
        raise InvalidArgument("cursor", cursor, expected)
    text = cursor.removeprefix(_FORMAT)
    try:
        saved = msgspec.json.decode(
            zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))), type=_Cursor
        )
    except (ValueError, zlib.error, msgspec.MsgspecError):
        raise InvalidArgument("cursor", cursor, expected) from None
    if (saved.since, saved.until) != (since, until):
        raise InvalidArgument("cursor", "one of another time", expected)
    return saved
