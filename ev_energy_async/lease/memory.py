"""A lease in memory."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async.clock import seconds
from ev_energy_async.lease.keeper import KeptLease
from ev_energy_async.lease.protocol import Term

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock, Duration

__all__ = ["MemoryLease"]

_TTL: Final = 30.0


@attrs.define
class _Place:
    """The place that rivals share: the last term, and when it ends by the clock's `monotonic`."""

    term: Term | None = None
    until: float = 0.0


class MemoryLease(KeptLease):
    """A lease between tasks of one process: for tests, and for a program that may outgrow its process.

    Args:
        ttl: How long a term lasts unless it is renewed; seconds or a `timedelta`.
        holder: The name of this holder; machine, process and some characters at random unless given.
        clock: Where time comes from.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(self, *, ttl: Duration = _TTL, holder: str | None = None, clock: Clock | None = None) -> None:
        super().__init__(seconds("ttl", ttl), holder, clock)
        self._place = _Place()
        self._epoch = 0

    def rival(self, holder: str | None = None) -> MemoryLease:
        """Return another holder's handle on the same lease."""
        other = MemoryLease(ttl=self._ttl, holder=holder, clock=self._clock)
        other._place = self._place
        return other

    async def take(self) -> Term | None:
        """Begin a term; None if somebody has the lease."""
        place = self._place
        if place.term is not None and self._clock.monotonic() < place.until:
            return None
        self._epoch = 1 if place.term is None else place.term.epoch + 1
        return self._extend()

    async def renew(self) -> Term | None:
        """Extend this holder's term; None if it has none any more."""
        if not self._is_mine() or self._clock.monotonic() >= self._place.until:
            return None
        return self._extend()

    async def release(self) -> None:
        """End this holder's term; nothing if it has none."""
        if self._is_mine():
            self._place.until = self._clock.monotonic()

    async def current(self) -> Term | None:
        """Return the unexpired term; None if nobody has one."""
        return self._place.term if self._clock.monotonic() < self._place.until else None

    def _is_mine(self) -> bool:
        term = self._place.term
        return term is not None and (term.holder, term.epoch) == (self._holder, self._epoch)

    def _extend(self) -> Term:
        self._place.until = self._clock.monotonic() + self._ttl
        expires_at = self._clock.now() + dt.timedelta(seconds=self._ttl)
        self._place.term = Term(self._holder, self._epoch, expires_at)
        return self._place.term
