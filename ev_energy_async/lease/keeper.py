"""Holds a lease while something is done under it: waits for it, renews it, and stops the work when it is lost.

`fleet.watch` keeps its lease with a `Keeper`; so does a lease that is entered by itself. Nothing here knows where a
lease is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from ev_energy_async.clock import SystemClock
from ev_energy_async.lease.protocol import LeaseError, LeaseLost, holder_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType

    from ev_energy_async.clock import Clock
    from ev_energy_async.lease.protocol import Lease, Term

__all__ = ["Keeper", "KeptLease"]

_LOG: Final = logging.getLogger("ev_energy_async")
_RENEWALS: Final = 3  # within one term
# How often to ask whether a lease is free: a stand-by takes over this much later than a term ends.
_LONGEST_LOOK: Final = 1.0
_LOOKS: Final = 5  # within one term


class Keeper:
    """Keeps a lease that it has taken, until it is released or lost.

    The term counts from before the request that began or renewed it, on this machine's monotonic clock: it ends here
    no later than in the store, however long the response took.

    Args:
        lease: The lease.
        look: How often to ask whether it is free, in seconds; None for what suits its term.
        on_lost: Called when it is lost; must not block.

    Attributes:
        term: The last term; None before the first.
    """

    def __init__(self, lease: Lease, look: float | None = None, on_lost: Callable[[], object] | None = None) -> None:
        self._on_lost = on_lost
        self.term: Term | None = None
        self._lease = lease
        self._clock = lease.clock
        self._look = min(_LONGEST_LOOK, lease.ttl / _LOOKS) if look is None else look
        self._until = -math.inf
        self._task: asyncio.Task[None] | None = None
        self._working: dict[asyncio.Task[object], bool] = {}

    @property
    def is_held(self) -> bool:
        """Whether the term goes on, as far as can be known here."""
        return self._clock.monotonic() < self._until

    async def acquire(self) -> Term:
        """Wait until the lease is free, take it, and renew it from then on.

        Raises:
            LeaseError: The store cannot be asked.
        """
        await self._stop()
        while True:
            began = self._clock.monotonic()
            term = await self._lease.take()
            if term is not None:
                break
            await self._clock.sleep(self._look)
        self.term, self._until = term, began + self._lease.ttl
        self._task = asyncio.create_task(self._keep(), name="ev-energy-async lease")
        return term

    async def release(self) -> None:
        """Give the lease up; if the store cannot be asked, it expires by itself."""
        if self._until == -math.inf:
            return
        await self._stop()
        self._until = -math.inf
        try:
            await self._lease.release()
        except LeaseError as error:
            _LOG.warning("a lease was not released, and expires by itself: %s", error)

    def abandon(self) -> None:
        """Stop renewing it, from any thread: it expires by itself."""
        task = self._task
        if task is not None and not task.done():
            loop = task.get_loop()
            with contextlib.suppress(RuntimeError):  # the loop was closed, and the task with it
                loop.call_soon_threadsafe(task.cancel)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Return a context in which something is done under the lease; it is cancelled when the lease is lost.

        Raises:
            LeaseLost: It is lost, now or before.
        """
        if not self.is_held:
            raise self._lost()
        task = asyncio.current_task()
        assert task is not None, "only a task awaits"  # noqa: S101  # tells type checkers
        before = task.cancelling()
        self._working[task] = False
        try:
            yield
            if self._working[task]:
                # Cancelled as it ended: the cancellation is still to come, and must not reach what follows.
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            if self._working[task] and task.uncancel() <= before:
                raise self._lost() from None
            raise
        finally:
            del self._working[task]

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"{self._lease.holder} has lost its lease; what it did since may have been done by another")

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep(self) -> None:
        """Renew the lease until it is lost, and then cancel the work under it."""
        renewing = asyncio.create_task(self._renew(), name="ev-energy-async lease renewal")
        expiring = asyncio.create_task(self._expire(), name="ev-energy-async lease expiry")
        try:
            await asyncio.wait([renewing, expiring], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (renewing, expiring):
                each.cancel()
            await asyncio.wait([renewing, expiring])
        self._until = -math.inf
        _LOG.warning("%s has lost its lease", self._lease.holder)
        for task in self._working:
            self._working[task] = True
            task.cancel()
        if self._on_lost is not None:
            self._on_lost()

    async def _renew(self) -> None:
        pause = self._lease.ttl / _RENEWALS
        task = asyncio.current_task()
        assert task is not None, "only a task awaits"  # noqa: S101  # tells type checkers
        # A database's library may make an error of its own of a cancellation.
        while not task.cancelling():
            await self._clock.sleep(min(pause, 3_600.0))
            began = self._clock.monotonic()
            try:
                term = await self._lease.renew()
            except LeaseError as error:
                _LOG.warning("a lease is not renewed yet: %s", error)
                pause = min(_LONGEST_LOOK, self._lease.ttl / _RENEWALS / _LOOKS)
                continue
            if term is None:
                return
            self.term, self._until = term, began + self._lease.ttl
            pause = self._lease.ttl / _RENEWALS

    async def _expire(self) -> None:
        while (left := self._until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, 3_600.0))


class KeptLease(ABC):
    """A lease that can be entered: `async with lease:` waits for it, keeps it, and cancels the block if it is lost.

    A base for leases of your own; the members of `Lease` are theirs to define.

    Example:
        >>> async with PostgresLease(dsn, "backfill"):  # doctest: +SKIP
        ...     async for item in ev.fleet.logs("status", since=last_month):
        ...         await store(item)
    """

    _work: contextlib.AbstractAsyncContextManager[None]

    def __init__(self, ttl: float, holder: str | None = None, clock: Clock | None = None) -> None:
        """Take what every lease has.

        Args:
            ttl: How long a term lasts unless it is renewed, in seconds; infinite for one that stays. Checked before.
            holder: The name of this holder; machine, process and some characters at random unless given.
            clock: The clock for waiting; the machine's unless given.

        Raises:
            InvalidArgument: An argument is not what it should be.
        """
        self._ttl = ttl
        self._holder = holder_of(holder)
        self._clock = clock or SystemClock()
        self._keeper: Keeper | None = None

    @property
    def holder(self) -> str:
        """The name under which this object holds it."""
        return self._holder

    @property
    def ttl(self) -> float:
        """The duration of a term unless it is renewed, in seconds; infinite for one that stays."""
        return self._ttl

    @property
    def clock(self) -> Clock:
        """The clock for waiting."""
        return self._clock

    @abstractmethod
    async def take(self) -> Term | None:
        """Begin a term; see `Lease.take`."""

    @abstractmethod
    async def renew(self) -> Term | None:
        """Extend this holder's term; see `Lease.renew`."""

    @abstractmethod
    async def release(self) -> None:
        """End this holder's term; see `Lease.release`."""

    @abstractmethod
    async def current(self) -> Term | None:
        """Return the unexpired term; see `Lease.current`."""

    async def __aenter__(self) -> Term:
        """Wait for the lease; return the term that begins.

        Raises:
            LeaseError: The store cannot be asked.
        """
        keeper = Keeper(self)
        term = await keeper.acquire()
        self._keeper = keeper
        self._work = keeper.working()
        await self._work.__aenter__()
        return term

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the lease.

        Raises:
            LeaseLost: It was lost, and the block was cancelled.
        """
        keeper = self._keeper
        assert keeper is not None, "it was entered"  # noqa: S101  # tells type checkers
        try:
            await self._work.__aexit__(kind, error, traceback)
        finally:
            self._keeper = None
            await keeper.release()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.holder}>"
