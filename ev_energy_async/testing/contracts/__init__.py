"""Conformance kits: run them against a store of your own, in a test of your own.

Each takes a factory, checks one promise of the protocol after the other, and raises `AssertionError` with the promise
that is broken. A factory returns a handle on the same place with every call, as another process would have; one that
lives in memory may return the same object, or a new and empty one.
"""

from ev_energy_async.testing.contracts.budget import check_budget
from ev_energy_async.testing.contracts.checkpoint import check_checkpoint
from ev_energy_async.testing.contracts.deduplication import check_deduplication_store
from ev_energy_async.testing.contracts.lease import check_lease
from ev_energy_async.testing.contracts.tokens import check_token_store

__all__ = ["check_budget", "check_checkpoint", "check_deduplication_store", "check_lease", "check_token_store"]
