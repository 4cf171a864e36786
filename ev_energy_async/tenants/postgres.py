"""A registry of tenants in a table of PostgreSQL. Needs the extra `[postgres]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async._extras import extra
from ev_energy_async.backends.common import check_name
from ev_energy_async.clock import Duration, seconds
from ev_energy_async.errors import EvEnergyError

with extra("postgres", __name__, "psycopg", "psycopg_pool"):
    from ev_energy_async.backends.postgres.database import SCHEMA, Place, Postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import LiteralString

    from ev_energy_async.auth import Auth, Grant
    from ev_energy_async.clock import Clock

__all__ = ["PostgresTenants"]

_CLAIM: Final = 60.0
_LONGEST_PAUSE: Final = 3_600.0
_LONGEST_REASON: Final = 500


class PostgresTenants(Postgres):
    """Keeps tenants and when each is due; you supply what authenticates them.

    The times at which tenants are due are spread evenly over their interval, and stay as they are: a tenant that was
    polled late is not polled later for it. One that fails is due after twice its interval, then after four, up to an
    hour and at least its interval.

    Args:
        database: A DSN, or a `psycopg_pool.AsyncConnectionPool` of yours, which is left open.
        auth: Returns the grant of a tenant, with a token store of its own such as `PostgresTokenStore(pool, tenant)`.
        claim: After how long a claimed tenant is due again, if nobody has said what became of it; seconds or a
            `timedelta`. It should be longer than a cycle takes.
        schema: The schema of the tables.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(
        self,
        database: Place,
        auth: Callable[[str], Awaitable[Auth | Grant]],
        *,
        claim: Duration = _CLAIM,
        schema: str = SCHEMA,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(database, schema)
        self._auth = auth
        self._claim = seconds("claim", claim)
        self._clock = clock

    async def add(self, tenant: str, every: Duration) -> None:
        """Add a tenant, or one that was stopped again, or change how often it is polled.

        Args:
            tenant: Its name, such as the ID of the user.
            every: How often it is polled; seconds or a `timedelta`.

        Raises:
            InvalidArgument: An argument is not what it should be.
            EvEnergyError: PostgreSQL cannot be reached, or refuses.
        """
        check_name("tenant", tenant)
        await self._run(
            "INSERT INTO {schema}.tenant (name, every, due_at) VALUES (%(tenant)s, %(every)s,"
            " {now} + random() * %(every)s * interval '1 second')"
            " ON CONFLICT (name) DO UPDATE SET every = excluded.every, failures = 0, stopped_because = NULL,"
            " due_at = least({schema}.tenant.due_at, excluded.due_at)",
            tenant=tenant,
            every=seconds("every", every),
        )

    async def remove(self, tenant: str) -> None:
        """Remove a tenant; nothing if there is none. Its checkpoint and its token stay."""
        await self._run("DELETE FROM {schema}.tenant WHERE name = %(tenant)s", tenant=tenant)

    async def claim(self, most: int) -> Sequence[str]:
        """Return tenants that are due and that nobody has claimed, the longest due first, and claim them."""
        rows = await self._run(
            "WITH due AS (SELECT name, due_at FROM {schema}.tenant WHERE stopped_because IS NULL AND due_at <= {now}"
            " AND claimed_until <= {now} ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED),"
            " claimed AS (UPDATE {schema}.tenant AS found SET claimed_until = {now} + %(claim)s * interval '1 second'"
            " FROM due WHERE found.name = due.name)"
            " SELECT name FROM due ORDER BY due_at",
            most=most,
            claim=self._claim,
        )
        return [name for (name,) in rows]

    async def auth(self, tenant: str) -> Auth | Grant | None:
        """Return what authenticates a tenant; None if it is not due any more: it was polled, stopped or removed."""
        found = await self._run(
            "SELECT 1 FROM {schema}.tenant WHERE name = %(tenant)s AND stopped_because IS NULL AND due_at <= {now}",
            tenant=tenant,
        )
        return await self._auth(tenant) if found else None

    async def finish(self, tenant: str) -> None:
        """Note that a tenant was polled: it is due again at the next of its times. Doing so twice changes nothing."""
        await self._run(
            "UPDATE {schema}.tenant SET failures = 0, claimed_until = '-infinity', finished_at = {now},"
            " due_at = due_at + every * interval '1 second'"
            " * greatest(0, floor(extract(epoch FROM {now} - due_at) / every) + 1) WHERE name = %(tenant)s",
            tenant=tenant,
        )

    async def postpone(self, tenant: str, error: Exception) -> None:
        """Note that polling a tenant failed: it is due again later, and later still the more often it fails."""
        await self._run(
            "UPDATE {schema}.tenant SET failures = failures + 1, claimed_until = '-infinity', failed_because = %(why)s,"
            " due_at = {now} + interval '1 second'"
            " * greatest(every, least(%(longest)s, every * power(2, least(failures, 20) + 1)))"
            " WHERE name = %(tenant)s",
            tenant=tenant,
            why=_reason(error),
            longest=_LONGEST_PAUSE,
        )

    async def stop(self, tenant: str, error: Exception) -> None:
        """Note that a tenant has revoked its grant: it is not due any more, until it is added again."""
        await self._run(
            "UPDATE {schema}.tenant SET stopped_because = %(why)s, claimed_until = '-infinity' WHERE name = %(tenant)s",
            tenant=tenant,
            why=_reason(error),
        )

    async def lateness(self) -> float:
        """Return by how many seconds the tenant that has waited longest is overdue; 0 if none is. To be monitored."""
        [[late]] = await self._run(
            "SELECT coalesce(max(extract(epoch FROM {now} - due_at)), 0)::float8 FROM {schema}.tenant"
            " WHERE stopped_because IS NULL"
        )
        return max(0.0, float(late))

    async def stopped(self) -> dict[str, str]:
        """Return the tenants that were stopped, and why."""
        rows = await self._run(
            "SELECT name, stopped_because FROM {schema}.tenant WHERE stopped_because IS NOT NULL ORDER BY name"
        )
        return {name: str(why) for name, why in rows}

    async def _run(self, text: LiteralString, **given: Any) -> list[tuple[Any, ...]]:
        now = None if self._clock is None else self._clock.now()
        return await self._database.fetch(EvEnergyError, text, {**given, "now": now})


def _reason(error: Exception) -> str:
    return str(error).replace("\0", "")[:_LONGEST_REASON]
