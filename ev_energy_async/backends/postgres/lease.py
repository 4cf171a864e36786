"""A lease as a row in PostgreSQL."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.postgres.database import SCHEMA, Database, Place
from ev_energy_async.clock import seconds
from ev_energy_async.lease import KeptLease, LeaseError, Term

if TYPE_CHECKING:
    from typing import LiteralString

    from ev_energy_async.clock import Clock, Duration

__all__ = ["PostgresLease"]

_TTL: Final = 30.0


class PostgresLease(KeptLease):
    """A lease between processes on any number of machines. Terms expire by the server's time, whatever theirs is.

    Args:
        database: A DSN, or a `psycopg_pool.AsyncConnectionPool` of yours, which is left open.
        name: The name of this lease among others in the same schema.
        ttl: How long a term lasts unless it is renewed; seconds or a `timedelta`. Whoever stands by takes over so much
            later, and a second, if its holder vanishes.
        holder: The name of this holder; machine, process and some characters at random unless given.
        schema: The schema of the tables.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(
        self,
        database: Place | Database,
        name: str = "default",
        *,
        ttl: Duration = _TTL,
        holder: str | None = None,
        schema: str = SCHEMA,
        clock: Clock | None = None,
    ) -> None:
        self._database = database if isinstance(database, Database) else Database(database, schema)
        self._name = check_name("name", name)
        super().__init__(seconds("ttl", ttl), holder, clock)
        self._given_clock = clock
        self._epoch = 0

    async def take(self) -> Term | None:
        """Begin a term; None if somebody has the lease.

        Raises:
            LeaseError: PostgreSQL cannot be reached, or refuses.
        """
        term = await self._term(
            "INSERT INTO {schema}.lease AS found (name, holder, epoch, expires_at)"
            " VALUES (%(name)s, %(holder)s, 1, {now} + %(ttl)s * interval '1 second')"
            " ON CONFLICT (name) DO UPDATE"
            " SET holder = excluded.holder, epoch = found.epoch + 1, expires_at = excluded.expires_at"
            " WHERE found.expires_at <= {now} RETURNING holder, epoch, expires_at"
        )
        if term is not None:
            self._epoch = term.epoch
        return term

    async def renew(self) -> Term | None:
        """Extend this holder's term; None if it has none any more.

        Raises:
            LeaseError: PostgreSQL cannot be reached, or refuses.
        """
        return await self._term(
            "UPDATE {schema}.lease SET expires_at = {now} + %(ttl)s * interval '1 second'"
            " WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s AND expires_at > {now}"
            " RETURNING holder, epoch, expires_at"
        )

    async def release(self) -> None:
        """End this holder's term; nothing if it has none.

        Raises:
            LeaseError: PostgreSQL cannot be reached, or refuses.
        """
        await self._term(
            "UPDATE {schema}.lease SET expires_at = {now}"
            " WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s AND expires_at > {now}"
            " RETURNING holder, epoch, expires_at"
        )

    async def current(self) -> Term | None:
        """Return the unexpired term; None if nobody has one.

        Raises:
            LeaseError: PostgreSQL cannot be reached, or refuses.
        """
        return await self._term(
            "SELECT holder, epoch, expires_at FROM {schema}.lease WHERE name = %(name)s AND expires_at > {now}"
        )

    async def close(self) -> None:
        """Close its connections, unless they are from a pool of yours; they are opened again when needed."""
        await self._database.close()

    async def _term(self, text: LiteralString) -> Term | None:
        given: dict[str, Any] = {
            "name": self._name,
            "holder": self._holder,
            "epoch": self._epoch,
            "ttl": self._ttl,
            "now": None if self._given_clock is None else self._given_clock.now(),
        }
        found = await self._database.fetch(LeaseError, text, given)
        if not found:
            return None
        [(holder, epoch, expires_at)] = found
        return Term(holder, epoch, expires_at.astimezone(dt.UTC))
