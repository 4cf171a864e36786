"""Leases: they decide which of several processes does a job that only one may do at a time, such as polling a fleet.

Users hand one to `ev.fleet.watch`, or enter it themselves: `async with lease:`. The protocol says what a lease of their
own must guarantee. Those between machines are in `backends`.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.lease.file import FileLease as FileLease
    from ev_energy_async.lease.keeper import Keeper as Keeper
    from ev_energy_async.lease.keeper import KeptLease as KeptLease
    from ev_energy_async.lease.memory import MemoryLease as MemoryLease
    from ev_energy_async.lease.protocol import Lease as Lease
    from ev_energy_async.lease.protocol import LeaseError as LeaseError
    from ev_energy_async.lease.protocol import LeaseLost as LeaseLost
    from ev_energy_async.lease.protocol import Term as Term
    from ev_energy_async.lease.protocol import new_holder as new_holder
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        file=("FileLease",),
        keeper=("Keeper", "KeptLease"),
        memory=("MemoryLease",),
        protocol=("Lease", "LeaseError", "LeaseLost", "Term", "new_holder"),
    )
