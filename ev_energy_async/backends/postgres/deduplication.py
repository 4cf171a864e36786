"""A store of completed webhook deliveries in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async.backends.postgres.database import SCHEMA, Place, Postgres
from ev_energy_async.errors import EvEnergyError

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.clock import Clock

__all__ = ["PostgresDeduplicationStore"]


class PostgresDeduplicationStore(Postgres):
    """Keeps the keys of completed deliveries in PostgreSQL until they expire; expired ones are removed gradually.

    Args:
        database: A DSN, or a `psycopg_pool.AsyncConnectionPool` of yours, which is left open.
        schema: The schema of the tables.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(self, database: Place, *, schema: str = SCHEMA, clock: Clock | None = None) -> None:
        super().__init__(database, schema)
        self._clock = clock

    async def contains(self, key: str) -> bool:
        """Return whether a key was added and has not expired.

        Raises:
            EvEnergyError: PostgreSQL cannot be reached, or refuses.
        """
        return bool(
            await self._database.fetch(
                EvEnergyError,
                "SELECT 1 FROM {schema}.delivery WHERE key = %(key)s AND expires_at > {now}",
                self._given(key),
            )
        )

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Keep a key until a time (aware); return whether it is new.

        Raises:
            EvEnergyError: PostgreSQL cannot be reached, or refuses.
        """
        added = await self._database.fetch(
            EvEnergyError,
            "WITH expired AS (DELETE FROM {schema}.delivery WHERE key <> %(key)s AND key IN"
            " (SELECT key FROM {schema}.delivery"
            " WHERE expires_at <= {now}"
            " ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED))"
            " INSERT INTO {schema}.delivery AS found (key, expires_at) VALUES (%(key)s, %(expires_at)s)"
            " ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at"
            " WHERE found.expires_at <= {now} RETURNING key",
            {**self._given(key), "expires_at": expires_at},
        )
        return bool(added)

    def _given(self, key: str) -> dict[str, Any]:
        return {"key": key, "now": None if self._clock is None else self._clock.now()}
