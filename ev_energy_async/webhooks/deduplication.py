"""Handles each webhook delivery once.

For users' webhook routes, through `webhooks`; `delivery` uses it for aiohttp. Knows neither signatures nor events: a
delivery is a key here.

A delivery counts as done after its work has succeeded, never before. An exception or the end of the process loses no
event: the delivery was not acknowledged, so it is redelivered, and its key is not known yet.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakValueDictionary

from ev_energy_async.clock import Clock, Duration, SystemClock, seconds
from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["DeduplicationStore", "Deduplicator", "MemoryDeduplicationStore"]

_LOG: Final = logging.getLogger("ev_energy_async")
# Svix retries a failed delivery for about 28 hours (docs.svix.com/retries).
_REMEMBER: Final = dt.timedelta(hours=48)
_DEFAULT_SIZE: Final = 10_000


class DeduplicationStore(Protocol):
    """A store for the keys of completed deliveries; a `Deduplicator` uses it.

    Processes that share a store know what the others have done. In Redis `contains` is EXISTS, and `add` is SET with NX
    and EXAT. Exceptions of a store pass through: the delivery is then not acknowledged.
    """

    async def contains(self, key: str) -> bool:
        """Return whether a key was added and has not expired."""
        ...

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Keep a key until a time (aware, in UTC); return whether it is new."""
        ...


class MemoryDeduplicationStore:
    """Keeps keys in this process, until it ends.

    Args:
        max_size: The most keys to keep; the oldest make room.
        clock: The clock that keys expire by; None for the system clock.

    Raises:
        InvalidArgument: `max_size` is not an integer of at least 1.
    """

    def __init__(self, max_size: int = _DEFAULT_SIZE, *, clock: Clock | None = None) -> None:
        if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
            raise InvalidArgument("max_size", max_size, "an integer of at least 1")
        self._max_size = max_size
        self._clock = clock or SystemClock()
        self._expiries: OrderedDict[str, dt.datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._expiries)

    async def contains(self, key: str) -> bool:
        """Return whether a key was added and has not expired."""
        expires_at = self._expiries.get(key)
        return expires_at is not None and expires_at > self._clock.now()

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Keep a key until a time; return whether it is new."""
        if await self.contains(key):
            return False
        self._expiries[key] = expires_at
        self._expiries.move_to_end(key)
        # The keys of one deduplicator expire in the order they were added, so expired ones are at the front.
        now = self._clock.now()
        while self._expiries and (len(self._expiries) > self._max_size or next(iter(self._expiries.values())) <= now):
            self._expiries.popitem(last=False)
        return True


class Deduplicator:
    """Does the work of a delivery once, however often it is delivered.

    Exact within one process. Two processes that share a store may both handle an event that reaches the second while
    the first is still working on it; and if a process or the store fails between the work and `add`, the work is done
    again. Where that matters, make the work idempotent by `Event.id`, for instance with a unique key in your database.

    Args:
        store: Where to keep completed deliveries; None for a `MemoryDeduplicationStore`.
        remember: How long, in seconds or as a `timedelta`; the default outlasts the sender's retries.
        clock: The clock that `remember` counts by; None for the system clock.

    Raises:
        InvalidArgument: `remember` is not a duration above zero.
    """

    def __init__(
        self,
        store: DeduplicationStore | None = None,
        *,
        remember: Duration = _REMEMBER,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._store: DeduplicationStore = store if store is not None else MemoryDeduplicationStore(clock=self._clock)
        self._remember = dt.timedelta(seconds=seconds("remember", remember))
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def once(self, key: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Do the work of a key, unless it is done already.

        Waits while the work of the same key is in progress. If that work fails, this call does it, so that no delivery
        is acknowledged for work that failed elsewhere.

        Args:
            key: The `svix-id`, which is `Event.id`.
            work: Does the work. Its exceptions pass through, and the key counts as not done.

        Returns:
            Whether this call did the work; False for a redelivery.
        """
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            if await self._store.contains(key):
                return False
            await work()
            if not await self._store.add(key, self._clock.now() + self._remember):
                _LOG.warning("webhook %s was also handled by another process", key)
            return True
