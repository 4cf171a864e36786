"""A token store in PostgreSQL, whose lock is a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async.auth import Token, TokenStoreError
from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.locking import LOCK_SECONDS, LeasedLock, text_of, token_of
from ev_energy_async.backends.postgres.database import SCHEMA, Place, Postgres
from ev_energy_async.backends.postgres.lease import PostgresLease

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

__all__ = ["PostgresTokenStore"]


class PostgresTokenStore(Postgres):
    """Keeps a token in PostgreSQL: the first process to find it expired refreshes it, once; the others use the new one.

    Tokens are stored as they are: whoever can read the table can use them.

    Args:
        database: A DSN, or a `psycopg_pool.AsyncConnectionPool` of yours, which is left open.
        key: Whose token it is: one for each user and application.
        schema: The schema of the tables.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(self, database: Place, key: str = "default", *, schema: str = SCHEMA) -> None:
        super().__init__(database, schema)
        self._key = check_name("key", key)
        self._lock = LeasedLock(self._lease)

    def __repr__(self) -> str:
        return f"PostgresTokenStore(key={self._key!r})"

    async def load(self) -> Token | None:
        """Return the stored token; None if there is none.

        Raises:
            TokenStoreError: PostgreSQL cannot be reached, or what is stored is no token.
        """
        rows = await self._database.fetch(
            TokenStoreError, "SELECT token FROM {schema}.token WHERE key = %(key)s", {"key": self._key}
        )
        return token_of(rows[0][0], str(self)) if rows else None

    async def save(self, token: Token) -> None:
        """Store a token in place of the one before.

        Raises:
            TokenStoreError: PostgreSQL cannot be reached, or the lock has passed to another, who may have stored one.
        """
        saved = await self._database.fetch(
            TokenStoreError,
            "INSERT INTO {schema}.token (key, token) SELECT %(key)s, %(token)s WHERE"
            " (%(epoch)s::bigint IS NULL OR EXISTS (SELECT FROM {schema}.lease"
            " WHERE name = %(name)s AND epoch = %(epoch)s AND expires_at > clock_timestamp()))"
            " ON CONFLICT (key) DO UPDATE SET token = excluded.token RETURNING key",
            {"key": self._key, "token": text_of(token), **self._held()},
        )
        if not saved:
            raise TokenStoreError(f"{self}: the lock has passed to another process; the token was not stored")

    async def clear(self) -> None:
        """Remove the token; nothing if there is none.

        Raises:
            TokenStoreError: PostgreSQL cannot be reached.
        """
        await self._database.fetch(
            TokenStoreError,
            "DELETE FROM {schema}.token WHERE key = %(key)s AND"
            " (%(epoch)s::bigint IS NULL OR EXISTS (SELECT FROM {schema}.lease"
            " WHERE name = %(name)s AND epoch = %(epoch)s AND expires_at > clock_timestamp()))",
            {"key": self._key, **self._held()},
        )

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that holds between processes: a lease, which expires if its holder vanishes.

        Raises:
            TokenStoreError: When entered: PostgreSQL cannot be reached. When left: it was lost meanwhile.
        """
        return self._lock.entered()

    def _lease(self) -> PostgresLease:
        return PostgresLease(self._database, _lock_name(self._key), ttl=LOCK_SECONDS)

    def _held(self) -> dict[str, Any]:
        """Return what a change is compared with; whoever holds no lock, as to store a first token, compares nothing."""
        term = self._lock.term
        return {"name": _lock_name(self._key), "epoch": None if term is None else term.epoch}


def _lock_name(key: str) -> str:
    return f"token {key}"
