"""Checkpoint, lease, budget, token store and deduplication store in PostgreSQL. Needs the extra `[postgres]`.

Their tables are in a schema of their own, `ev_energy` unless another is named, and are made when they are first used;
a role without the right to make them can use those that `migrate` made. Each class takes a DSN, or a
`psycopg_pool.AsyncConnectionPool` of yours, which it leaves open: several objects then share its connections.
"""

from ev_energy_async._extras import extra

with extra("postgres", __name__, "psycopg", "psycopg_pool"):
    from ev_energy_async.backends.postgres.budget import PostgresBudget
    from ev_energy_async.backends.postgres.checkpoint import PostgresCheckpoint
    from ev_energy_async.backends.postgres.database import migrate
    from ev_energy_async.backends.postgres.deduplication import PostgresDeduplicationStore
    from ev_energy_async.backends.postgres.lease import PostgresLease
    from ev_energy_async.backends.postgres.tokens import PostgresTokenStore

__all__ = [
    "PostgresBudget",
    "PostgresCheckpoint",
    "PostgresDeduplicationStore",
    "PostgresLease",
    "PostgresTokenStore",
    "migrate",
]
