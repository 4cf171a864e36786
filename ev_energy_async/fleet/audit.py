"""Looking again whether all logs of a time were delivered, and delivering those that were not; `fleet.audit` gives it.

As with a watch, everything happens while somebody waits, in bounded steps that leave nothing behind.
"""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async.devices import Patience, Stream, is_fatal, outcomes_of, settle
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.fleet.events import ErrorLogged, PollFailed, StatusLogged
from ev_energy_async.fleet.watch import Emitter, Journal, Reading, decoded
from ev_energy_async.instants import instant_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Generator

    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.devices import Job
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.watch import DeviceState, FleetClient

__all__ = ["Audit", "AuditReport"]


@attrs.frozen(kw_only=True)
class AuditReport:
    """What an audit found.

    Attributes:
        since: From when on it looked.
        until: Up to when.
        collections: How many collections of logs it read.
        logs: How many logs were in them.
        missing: The logs that had not been delivered, which they are now.
        failed: What could not be read.
        spent: Calls it took.
    """

    since: dt.datetime
    until: dt.datetime
    collections: int
    logs: int
    missing: tuple[StatusLogged | ErrorLogged, ...]
    failed: tuple[PollFailed, ...]
    spent: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was missing and all could be read."""
        return not self.missing and not self.failed

    def __str__(self) -> str:
        return (
            f"{self.since.isoformat()} to {self.until.isoformat()}: {self.logs:,} logs in {self.collections:,}"
            f" collections, {len(self.missing):,} were missing, {len(self.failed):,} could not be read;"
            f" {self.spent:,} requests"
        )


class Audit(Stream["StatusLogged | ErrorLogged | PollFailed"]):
    """An audit, as an iterator over what was missing; await it to have all at once, in a report.

    Example:
        >>> report = await ev.fleet.audit(yesterday, today, checkpoint=checkpoint)  # doctest: +SKIP
        >>> print(report)  # doctest: +SKIP
        >>> async for event in ev.fleet.audit(yesterday, today, checkpoint=checkpoint):  # doctest: +SKIP
        ...     await store(event)

    Asking for the next event acknowledges the last one, as does the end; awaiting the audit acknowledges all.

    Attributes:
        report: What was found so far.
    """

    def __init__(
        self,
        client: FleetClient,
        owner: Owner,
        checkpoint: Checkpoint,
        *,
        since: dt.datetime,
        until: dt.datetime,
        kinds: Collection[str] | None,
        concurrency: int,
        name: str,
    ) -> None:
        super().__init__()
        self._client = client
        self._clock = client.clock
        self._owner = owner
        self._journal = Journal(checkpoint, name)
        self._live: dict[str, DeviceState] = {}
        self._emitter = Emitter(self._journal, self._live)
        self._events: deque[tuple[int, WatchEvent]] = self._emitter.events
        self._kinds = kinds
        self._since, self._until = since, until
        self._concurrency = concurrency
        self._waiting: deque[tuple[str, str]] = deque()
        self._active: list[Reading] = []
        self._patience = Patience("the audit", client.clock)
        self._is_loaded = False
        self._given = 0
        self.report = AuditReport(since=since, until=until, collections=0, logs=0, missing=(), failed=(), spent=0)

    def __await__(self) -> Generator[Any, None, AuditReport]:
        return self._through().__await__()

    async def _through(self) -> AuditReport:
        async for _ in self:
            pass
        return self.report

    async def __anext__(self) -> StatusLogged | ErrorLogged | PollFailed:
        """Return the next log that was missing, or vehicle that could not be read.

        Raises:
            AuthError: The credentials were refused.
            CheckpointConflict: A watch runs with the same checkpoint.
            CheckpointError: The checkpoint cannot be read or written.
            StopAsyncIteration: That is all.
        """
        return await super().__anext__()

    async def _next(self) -> StatusLogged | ErrorLogged | PollFailed:
        if not self._is_loaded:
            await self._load()
        while True:
            await self._journal.acknowledge(self._given)
            if self._events:
                self._given, event = self._events.popleft()
                return self._reported(event)
            if not self._active and not self._waiting:
                # What changed nothing that anybody needs to hear is kept too.
                await self._journal.acknowledge(self._journal.enter({}))
                raise StopAsyncIteration
            await self._step()

    def _reported(self, event: WatchEvent) -> StatusLogged | ErrorLogged | PollFailed:
        report = self.report
        if isinstance(event, PollFailed):
            self.report = attrs.evolve(report, failed=(*report.failed, event))
            return event
        assert isinstance(event, StatusLogged | ErrorLogged), "an audit tells of nothing else"  # noqa: S101
        self.report = attrs.evolve(report, missing=(*report.missing, event))
        return event

    async def _load(self) -> None:
        self._live.clear()
        async with aclosing(self._journal.load(self._owner)) as rows:
            meta = await decoded(rows, self._live)
        kinds = meta.kinds if self._kinds is None else self._kinds
        self._waiting.extend((each, kind) for each, known in self._live.items() if known.is_here for kind in kinds)
        self._is_loaded = True

    async def _step(self) -> None:
        if self._patience.delay > 0:
            await self._clock.sleep(self._patience.delay)
        while self._waiting and len(self._active) < self._concurrency:
            vehicle_id, kind = self._waiting.popleft()
            begin = instant_of(self._since)
            self._active.append(
                Reading(self._client, vehicle_id, kind, down_to=begin, since=self._since, until=self._until)
            )
        now = instant_of(self._clock.now())
        jobs: list[Job] = [partial(reading.fetch, now) for reading in self._active]
        found = list(zip(self._active, await outcomes_of(jobs), strict=True))
        failures: list[tuple[Reading, EvEnergyError]] = []
        for reading, outcome in found:
            self.report = attrs.evolve(self.report, spent=self.report.spent + reading.calls())
            if not isinstance(outcome, Exception):
                self._note(reading)
            elif is_fatal(outcome) or not isinstance(outcome, EvEnergyError):
                raise outcome
            else:
                failures.append((reading, outcome))
        waits, failed = settle(failures, answered=len(failures) < len(found), waits=self._patience.failures)
        for reading, error in failed:
            self._active.remove(reading)
            self._emitter.failed(None, reading.vehicle_id, reading.kind, error)
        if waits:
            self._patience.fail(waits)
        else:
            self._patience.succeed()

    def _note(self, reading: Reading) -> None:
        logs, has_more = reading.take()
        window = None if has_more else (instant_of(self._since), instant_of(self._until) + 1)
        self._emitter.audited(reading, logs, window)
        self.report = attrs.evolve(self.report, logs=self.report.logs + len(logs))
        if not has_more:
            self._active.remove(reading)
            self.report = attrs.evolve(self.report, collections=self.report.collections + 1)
