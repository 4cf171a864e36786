"""The protocol of a lease: its operations, a term, its errors."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec resolves the annotations of Term
import os
import secrets
import socket
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from ev_energy_async.errors import EvEnergyError, InvalidArgument

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock

__all__ = ["Lease", "LeaseError", "LeaseLost", "Term", "holder_of", "new_holder"]


class LeaseError(EvEnergyError):
    """The place where a lease is kept cannot be read or written."""


class LeaseLost(EvEnergyError):
    """The lease has passed to another holder, or could not be renewed before it expired."""


@attrs.frozen
class Term:
    """The time in which one holder has a lease.

    Attributes:
        holder: Who has it.
        epoch: Number of the term: higher for each later one, and never given twice.
        expires_at: When it ends unless it is renewed, aware, by the clock of the place where it is kept; None if it
            ends with the process.
    """

    holder: str
    epoch: int
    expires_at: dt.datetime | None


@runtime_checkable
class Lease(Protocol):
    """The right to do something alone, for a limited time that its holder renews; write your own for another store.

    It must guarantee: at any time at most one holder has an unexpired term, as the clock of the store has it; every
    term has an epoch of its own, higher than all before it. A holder that is paused may believe in its term after it
    has ended; whatever it writes must therefore be compared with the epoch (see `fleet.watch`, which does).

    One object is one holder. `testing.check_lease` tests a lease against this contract.
    """

    @property
    def holder(self) -> str:
        """The name under which this object holds it, different for each."""
        ...

    @property
    def ttl(self) -> float:
        """The duration of a term unless it is renewed, in seconds; infinite if it ends with the process."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock for waiting until it is free, and for renewing it in time."""
        ...

    async def take(self) -> Term | None:
        """Begin a term; None if somebody has the lease, this holder included.

        Raises:
            LeaseError: The store cannot be asked.
        """
        ...

    async def renew(self) -> Term | None:
        """Extend this holder's term to `ttl` from now; None if it has none any more.

        Raises:
            LeaseError: The store cannot be asked.
        """
        ...

    async def release(self) -> None:
        """End this holder's term, so that another can begin; nothing if it has none.

        Raises:
            LeaseError: The store cannot be asked.
        """
        ...

    async def current(self) -> Term | None:
        """Return the unexpired term, whoever has it; None if nobody has.

        Raises:
            LeaseError: The store cannot be asked.
        """
        ...


def new_holder() -> str:
    """Return a name that tells this holder from all others: machine, process, and some characters at random."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def holder_of(holder: str | None) -> str:
    """Return the name of a holder as given, or a new one.

    Raises:
        InvalidArgument: It is no text.
    """
    if holder is None:
        return new_holder()
    if not isinstance(holder, str) or not holder or "\0" in holder:
        raise InvalidArgument("holder", holder, "a non-empty name, different for each process")
    return holder
