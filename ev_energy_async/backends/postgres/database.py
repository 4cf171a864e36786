"""The connections to PostgreSQL, and the schema in it. Every class of this package has one `Database`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ev_energy_async.backends.common import InDatabase, passwords_of, shown
from ev_energy_async.backends.postgres.migrations import MIGRATIONS
from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.masking import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping
    from typing import LiteralString

__all__ = ["SCHEMA", "Connection", "Database", "Place", "Postgres", "migrate"]

Connection: TypeAlias = "psycopg.AsyncConnection[Any]"
Place: TypeAlias = "str | AsyncConnectionPool[Any]"
"""A DSN or connection string (libpq, section "Connection Strings"), or a pool of the user's own."""

SCHEMA: Final = "ev_energy"
_LOG: Final = logging.getLogger("ev_energy_async")
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_CONNECTIONS: Final = 4
# How long to wait for a connection: a server that restarts is back by then.
PATIENCE_SECONDS: Final = 30.0
_ATTEMPT: Final = 1.0
# The time of a clock that is handed in, or the server's.
_NOW: Final = sql.SQL("coalesce(%(now)s::timestamptz, clock_timestamp())")
_LOCK: Final = 0x65762D656E  # of `pg_advisory_xact_lock`, for migrations
# The schemas that were found up to date through a pool of the user's: of many objects on one pool the first one looks.
_UP_TO_DATE: Final[WeakKeyDictionary[AsyncConnectionPool[Any], set[str]]] = WeakKeyDictionary()


class Database:
    """Connections of one object: from a pool of the user's, or from a small one of its own, made when first used.

    Args:
        place: A DSN, or a pool.
        schema: The schema of the tables.
        patience: How long to wait for a connection, in seconds.

    Raises:
        InvalidArgument: An argument is not what it should be; a DSN is not shown.
    """

    def __init__(self, place: Place, schema: str, patience: float = PATIENCE_SECONDS) -> None:
        if not isinstance(schema, str) or _IDENTIFIER.fullmatch(schema) is None:
            raise InvalidArgument("schema", schema, "a lower-case name of a PostgreSQL schema")
        self._place: AsyncConnectionPool[Any] | Secret[str]
        self._secrets: list[Secret[str]] = []
        self._up_to_date: set[str] = set()
        if isinstance(place, AsyncConnectionPool):
            self._place = place
            self._up_to_date = _UP_TO_DATE.setdefault(place, self._up_to_date)
        else:
            self._place = _checked(place)
            del place  # error trackers record the variables of a frame
            self._secrets = passwords_of(self._place, conninfo_to_dict(self._place.reveal()))
        self._schema = schema
        self._patience = patience
        self._own: tuple[asyncio.AbstractEventLoop, AsyncConnectionPool[Any]] | None = None

    def sql(self, text: LiteralString) -> sql.Composed:
        """Return a statement with the name of the schema for `{schema}`, and for `{now}` the time of its parameter."""
        return sql.SQL(text).format(schema=sql.Identifier(self._schema), now=_NOW)

    @contextlib.contextmanager
    def errors(self, kind: type[EvEnergyError]) -> Generator[None]:
        """Return a context whose errors of PostgreSQL are raised as an error of ours, without secrets."""
        try:
            yield
        except (psycopg.Error, PoolTimeout, PoolClosed, OSError, UnicodeError) as error:
            raise kind(f"PostgreSQL: {shown(error, self._secrets)}") from None

    @contextlib.asynccontextmanager
    async def transaction(self, kind: type[EvEnergyError]) -> AsyncGenerator[Connection]:
        """Return a connection within a transaction; it is committed at the end, and rolled back on an error.

        What the block raises passes through; errors of PostgreSQL around it are raised as `kind`.
        """
        async with contextlib.AsyncExitStack() as stack:
            with self.errors(kind):
                pool = await self._pool()
                connection = await self._connection(pool, stack)
                if self._schema not in self._up_to_date:
                    await self._prepare(connection)
            inner = connection.transaction()
            with self.errors(kind):
                await inner.__aenter__()
            try:
                yield connection
            except BaseException as error:
                with contextlib.suppress(psycopg.Error):  # a connection that is lost has rolled it back
                    await inner.__aexit__(type(error), error, error.__traceback__)
                raise
            with self.errors(kind):
                await inner.__aexit__(None, None, None)
                await stack.aclose()  # a connection that is lost now fails here

    async def fetch(
        self, kind: type[EvEnergyError], text: LiteralString, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Execute one statement in a transaction of its own, and return its rows."""
        async with self.transaction(kind) as connection:
            with self.errors(kind):
                return await self.rows(connection, text, parameters)

    async def rows(
        self, connection: Connection, text: LiteralString, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection, and return its rows."""
        async with connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(self.sql(text), parameters)
            return [] if cursor.description is None else await cursor.fetchall()

    async def close(self) -> None:
        """Close the connections of its own; they are opened again when needed."""
        own, self._own = self._own, None
        if own is not None and own[0] is asyncio.get_running_loop():
            await own[1].close()

    async def _pool(self) -> AsyncConnectionPool[Any]:
        if not isinstance(self._place, Secret):
            return self._place
        loop = asyncio.get_running_loop()
        if self._own is None or self._own[0] is not loop:
            pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
                self._place.reveal(),
                min_size=0,
                max_size=_CONNECTIONS,
                open=False,
                # It tries again later and later. Where it gives up, the next call begins a new attempt.
                reconnect_timeout=_ATTEMPT / 2,
                # A connection that was lost while it was idle is replaced before anybody notices.
                check=AsyncConnectionPool.check_connection,
                name="ev-energy-async",
            )
            self._own = loop, pool
            await pool.open()
        return self._own[1]

    async def _connection(self, pool: AsyncConnectionPool[Any], stack: contextlib.AsyncExitStack) -> Connection:
        """Return a connection: of a pool of its own, within a second of the server's return."""
        if not isinstance(self._place, Secret):
            return await stack.enter_async_context(pool.connection())
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                return await stack.enter_async_context(pool.connection(min(_ATTEMPT, self._patience)))
            except PoolTimeout:
                if loop.time() >= until:
                    raise

    async def _prepare(self, connection: Connection) -> None:
        async with connection.transaction():
            found = await self._applied(connection)
            if len(found) < len(MIGRATIONS):
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                [[exists]] = await self.rows(
                    connection, "SELECT to_regnamespace(%(name)s) IS NOT NULL", {"name": self._schema}
                )
                if not exists:
                    await connection.execute(self.sql("CREATE SCHEMA IF NOT EXISTS {schema}"))
                await connection.execute(
                    self.sql(
                        "CREATE TABLE IF NOT EXISTS {schema}.migration"
                        " (number integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
                    )
                )
                found = await self._applied(connection)
            for number, migration in enumerate(MIGRATIONS, start=1):
                if number not in found:
                    await connection.execute(self.sql(migration))
                    await connection.execute(self.sql("INSERT INTO {schema}.migration (number) VALUES (%s)"), (number,))
                    _LOG.info("PostgreSQL: applied migration %d in schema %s", number, self._schema)
        if max(found, default=0) > len(MIGRATIONS):
            _LOG.warning("PostgreSQL: schema %s was made by a later version of this package", self._schema)
        self._up_to_date.add(self._schema)

    async def _applied(self, connection: Connection) -> set[int]:
        [[exists]] = await self.rows(
            connection, "SELECT to_regclass(%(name)s) IS NOT NULL", {"name": f"{self._schema}.migration"}
        )
        if not exists:
            return set()
        return {number for (number,) in await self.rows(connection, "SELECT number FROM {schema}.migration", {})}


class Postgres(InDatabase[Database]):
    """An object whose state is in PostgreSQL.

    Args:
        database: Where that is, or the connections that it shares with others.
        schema: The schema of the tables.
    """

    def __init__(self, database: Place | Database, schema: str) -> None:
        super().__init__(database if isinstance(database, Database) else Database(database, schema))


async def migrate(database: Place, *, schema: str = SCHEMA) -> None:
    """Make the tables, or bring them up to date; nothing if they are. For roles that may not do so themselves later.

    Args:
        database: A DSN, or a pool of yours, which is left open.
        schema: The schema of the tables.

    Raises:
        InvalidArgument: An argument is not what it should be.
        EvEnergyError: PostgreSQL refuses.
    """
    place = Database(database, schema)
    try:
        await place.fetch(EvEnergyError, "SELECT 1", {})
    finally:
        await place.close()


def _checked(dsn: Any) -> Secret[str]:
    if isinstance(dsn, Secret):
        dsn = reveal(dsn)  # pyright: ignore[reportUnknownArgumentType]  # of text or bytes
    if isinstance(dsn, str):
        with contextlib.suppress(psycopg.ProgrammingError):
            conninfo_to_dict(dsn)
            return Secret(dsn)
    kind = type(dsn).__name__
    del dsn  # error trackers record the variables of a frame
    raise InvalidArgument("database", f"<{kind}, not shown>", "a DSN of PostgreSQL, or an AsyncConnectionPool")
