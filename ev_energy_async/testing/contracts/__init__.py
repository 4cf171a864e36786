"""Conformance kits: run them against a store, an `Auth` or a middleware of your own, in a test of your own.

Each checks one promise of the protocol after the other, and raises `AssertionError` with the one that is broken. The
kits of stores take a factory, which returns a handle on the same place with every call, as another process would have;
one that lives in memory may return the same object, or a new and empty one.
"""

from ev_energy_async.testing.contracts.auth import check_auth
from ev_energy_async.testing.contracts.budget import check_budget
from ev_energy_async.testing.contracts.checkpoint import check_checkpoint
from ev_energy_async.testing.contracts.deduplication import check_deduplication_store
from ev_energy_async.testing.contracts.lease import check_lease
from ev_energy_async.testing.contracts.middleware import check_middleware
from ev_energy_async.testing.contracts.tokens import check_token_store

__all__ = [
    "check_auth",
    "check_budget",
    "check_checkpoint",
    "check_deduplication_store",
    "check_lease",
    "check_middleware",
    "check_token_store",
]
