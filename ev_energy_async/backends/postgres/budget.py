"""A request budget whose state is a row in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.postgres.database import SCHEMA, Connection, Database, Place
from ev_energy_async.budget import DEFAULT_LIMIT, SharedBudget
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.lease import new_holder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.clock import Clock

__all__ = ["PostgresBudget"]

T = TypeVar("T")

_PATIENCE: Final = 1.0  # seconds; calls wait for it, and have their share without it
# What is older says nothing any more: all its requests have left the window.
_KEEP_SECONDS: Final = 8_000


class _Row:
    """The state of one budget; a `BudgetStore`."""

    def __init__(self, database: Database, name: str, clock: Clock | None) -> None:
        self._database = database
        self._name = name
        self._clock = clock

    async def update(self, change: Callable[[str | None, float], tuple[str, T]]) -> T:
        """Replace the state by what a function makes of it; whoever has the row does so alone."""
        given = {"name": self._name}
        async with self._database.transaction(EvEnergyError) as connection:
            with self._database.errors(EvEnergyError):
                # This locks the row, whether it was there or not: it could be removed before a second statement.
                [[text, now]] = await self._database.rows(
                    connection,
                    "INSERT INTO {schema}.budget (name, state) VALUES (%(name)s, '')"
                    " ON CONFLICT (name) DO UPDATE SET changed_at = clock_timestamp()"
                    " RETURNING state, extract(epoch FROM clock_timestamp())::float8",
                    given,
                )
                if not text:  # it is new
                    await self._remove_old(connection)
            if self._clock is not None:
                now = self._clock.now().timestamp()
            state, result = change(text or None, now)
            with self._database.errors(EvEnergyError):
                await self._database.rows(
                    connection,
                    "UPDATE {schema}.budget SET state = %(state)s, changed_at = clock_timestamp()"
                    " WHERE name = %(name)s",
                    {**given, "state": state},
                )
        return result

    async def _remove_old(self, connection: Connection) -> None:
        """Remove some of those that nobody uses any more, such as those of users who have left."""
        await self._database.rows(
            connection,
            "DELETE FROM {schema}.budget WHERE name IN (SELECT name FROM {schema}.budget"
            " WHERE changed_at < clock_timestamp() - %(keep)s * interval '1 second' LIMIT 100 FOR UPDATE SKIP LOCKED)",
            {"keep": _KEEP_SECONDS},
        )

    async def close(self) -> None:
        """Close the connections of its own."""
        await self._database.close()


class PostgresBudget(SharedBudget):
    """A request budget that processes share through PostgreSQL, by the server's time; see `SharedBudget`.

    Args:
        database: A DSN, or a `psycopg_pool.AsyncConnectionPool` of yours, which is left open.
        name: The name of this budget: one for each pair of application and user.
        processes: How many processes share it at the most: if PostgreSQL is down, each has such a part of the limit.
        limit: Requests per rolling hour until the API's headers report it.
        reserve: Requests that only calls with a `priority` above zero may take; None for 2 % of the limit.
        schema: The schema of the tables.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> async with PostgresBudget("postgresql:///fleet", processes=4) as budget:  # doctest: +SKIP
        ...     async with EvEnergy(credentials, budget=budget) as ev:
        ...         await poll(ev)
    """

    def __init__(
        self,
        database: Place,
        name: str = "default",
        *,
        processes: int,
        limit: int = DEFAULT_LIMIT,
        reserve: int | None = None,
        schema: str = SCHEMA,
        clock: Clock | None = None,
    ) -> None:
        store = _Row(Database(database, schema, _PATIENCE), check_name("name", name), clock)
        super().__init__(store, processes=processes, limit=limit, reserve=reserve, holder=new_holder(), clock=clock)
