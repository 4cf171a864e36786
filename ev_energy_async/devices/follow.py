"""Following a log collection live: every log once, through outages, late arrivals and restarts.

`LogQuery.follow` in `logs` makes a `Follow`. What it remembers is `seen.Memory`, how it reads is `history`; here both
meet time and errors. It starts no task: everything happens while somebody waits for the next log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ev_energy_async.clock import seconds
from ev_energy_async.devices.dates import ServerTime
from ev_energy_async.devices.failures import is_transient
from ev_energy_async.devices.history import Ascending, read_back
from ev_energy_async.devices.pacing import Patience, Polling
from ev_energy_async.devices.seen import Memory
from ev_energy_async.devices.stream import Stream
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.instants import ALWAYS, SKEW, instant_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from ev_energy_async.clock import Clock, Duration
    from ev_energy_async.devices.history import ListLogs, Portion
    from ev_energy_async.messages import Response

__all__ = ["Every", "Follow", "Polling"]

L = TypeVar("L")

Every: TypeAlias = "Duration | Callable[[L | None], Duration]"
"""The time from one read to the next: seconds, a `timedelta`, or a function that returns one.

The function is called after each reading with the newest log that was read, or None if there was none since the start.
"""


class Follow(Stream[L]):
    """An endless iterator over the logs of one collection, those that are still to come included.

    Example:
        >>> logs = ev.vehicle(vehicle_id).status_logs().follow(every=60)  # doctest: +SKIP
        >>> async for log in logs:
        ...     await store(log, late=logs.late)
        ...     await save(logs.cursor)

    Asking for the next log reads when it is time, so that a slow consumer slows the reading. A wait that is cancelled,
    as by `asyncio.timeout`, loses nothing: ask again. One task at a time may ask. To abandon it nothing needs to be
    done; `aclose`, or leaving its `async with`, ends it for good.

    Attributes:
        cursor: Where to resume after the last log, for `follow(cursor=...)`; None until the collection was read.
        late: Whether the last log is older than one that came before it.
    """

    def __init__(
        self,
        read: ListLogs[L],
        field: str,
        of: str,
        clock: Clock,
        *,
        every: Every[L],
        lateness: Duration,
        since: dt.datetime | None,
        until: dt.datetime | None,
        ordered: bool,
        cursor: str | None,
    ) -> None:
        super().__init__()
        if not callable(every):
            seconds("every", every)
        self._read = read
        self._field = field
        self._of = of
        self._clock = clock
        self._time = ServerTime(clock)
        self._every = every
        self._lateness = round(seconds("lateness", lateness) * 1e9)
        self._since = since
        self._until = until
        self._ordered = ordered
        self._memory: Memory[L] | None = None
        if cursor is not None:
            self._memory = Memory[L].resume(cursor, of, self._lateness)
        elif since is not None:
            self._memory = Memory[L](instant_of(since), self._lateness)
        self._has_read = cursor is not None
        self._reading: Ascending[L] | None = None
        self._began = self._complete_at = ALWAYS
        self._dated: Response[Any] | None = None
        self._began_monotonic = 0.0
        self._due = float("-inf")
        self._patience = Patience(f"following {of}", clock)
        self.late = False

    @property
    def cursor(self) -> str | None:
        """Where to resume after the last log, for `follow(cursor=...)`; None until the collection was read.

        Text of about a thousand characters, made when asked for.
        """
        return self._memory.cursor(self._of) if self._memory is not None and self._has_read else None

    async def __anext__(self) -> L:
        """Return the next log, as soon as there is one.

        Raises:
            ApiError: The API refused, other than for the moment: the device is gone (`NotFound`), say.
            DecodeError: A log cannot be understood.
            AuthError: The credentials were refused.
            StopAsyncIteration: `until` has passed, and the lateness after it; or it was closed.
        """
        return await super().__anext__()

    async def _next(self) -> L:
        while not self._is_over:
            found = None if self._memory is None else self._memory.next()
            if found is not None:
                log, self.late = found
                return log
            await self._go_on()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End it; there is nothing to wait for. The cursor stays."""
        await super().aclose()
        self._reading = None

    def __repr__(self) -> str:
        return f"<Follow {self._of}{', closed' if self._is_over else ''}>"

    async def _go_on(self) -> None:
        """Read a portion, when it is time for it."""
        if self._reading is None and self._has_ended():
            self._is_over = True
            return
        delay = max(self._due - self._clock.monotonic(), self._patience.delay)
        if delay > 0:
            await self._clock.sleep(delay)
        try:
            await self._poll()
        except EvEnergyError as error:
            # What an interrupted reading has given is kept; the next begins where it got to.
            self._reading = None
            if not is_transient(error):
                raise
            self._patience.fail([error])
            return
        self._patience.succeed()

    async def _poll(self) -> None:
        memory = self._memory
        if self._reading is None:
            self._began = self._time.now()
            self._began_monotonic = self._clock.monotonic()
            if memory is None:
                self._memory = await self._baseline()
                self._finish(self._memory)
                return
            memory.forget()
            self._reading = Ascending(
                self._read, self._field, begin=memory.reach, since=self._since, until=self._until, cradle=memory.reach
            )
        assert memory is not None, "there is no reading without a memory"  # noqa: S101  # tells type checkers
        portion = await self._reading.next()
        if portion is None:
            self._reading = None
            self._finish(memory)
            return
        if self._reading.response is not self._dated:
            self._dated = self._reading.response
            self._began = self._time.read_at(self._dated, self._began)
        memory.take(portion.logs, read_at=self._began, upto=portion.upto, hold=self._ordered)
        self._has_read = True

    async def _baseline(self) -> Memory[L]:
        """Read what exists already."""
        memory = Memory[L](ALWAYS, self._lateness)

        def down_to(response: Response[Any]) -> int:
            self._began = self._time.read_at(response, self._began)
            return self._began - self._lateness - SKEW

        portion: Portion = await read_back(self._read(None, self._until), self._field, down_to=down_to)
        memory.begin(portion.logs, read_at=self._began, complete=portion.complete)
        self._has_read = True
        return memory

    def _finish(self, memory: Memory[L]) -> None:
        self._complete_at = self._began
        every = self._every(memory.newest) if callable(self._every) else self._every
        self._due = self._began_monotonic + seconds("every", every)

    def _has_ended(self) -> bool:
        """Whether `until` is so long ago that nothing more is to be expected."""
        if self._until is None or self._memory is None or self._memory.waiting or self._patience.failures:
            return False
        return self._complete_at - self._lateness - SKEW >= instant_of(self._until)
