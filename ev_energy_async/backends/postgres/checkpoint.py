"""A checkpoint in PostgreSQL, beside the user's own rows."""

from __future__ import annotations

import contextlib
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.postgres.database import SCHEMA, Connection, Place, Postgres
from ev_energy_async.checkpoint import Advance, CheckpointError, Entry, Owner
from ev_energy_async.checkpoint.protocol import check_adoption, compare, each_key_once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
    from typing import LiteralString

__all__ = ["PostgresCheckpoint"]

_LOG: Final = logging.getLogger("ev_energy_async")
_ROWS_AT_ONCE: Final = 2_000


class PostgresCheckpoint(Postgres):
    """Stores progress in PostgreSQL, for processes on any number of machines.

    An acknowledgement is one transaction; with `transaction` it is yours, and each event is processed exactly once.

    Args:
        database: A DSN, or a `psycopg_pool.AsyncConnectionPool` of yours, which is left open.
        name: The name of this checkpoint among others in the same schema.
        schema: The schema of the tables.
        adopt: Whether to take over the checkpoint of another owner, as after a change of credentials; or the only
            `Owner` from whom to take it over. `True` does not take over an unfinished copy.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> async with PostgresCheckpoint("postgresql:///fleet") as checkpoint:  # doctest: +SKIP
        ...     async for event in ev.fleet.watch(checkpoint=checkpoint, ack="explicit"):
        ...         async with checkpoint.transaction() as connection:
        ...             await connection.execute("INSERT INTO mine VALUES (%s)", [event.key])
        ...             await event.ack()
    """

    def __init__(
        self, database: Place, *, name: str = "default", schema: str = SCHEMA, adopt: bool | Owner = False
    ) -> None:
        super().__init__(database, schema)
        self._name = check_name("name", name)
        self._adopt = adopt
        self._is_open = False
        self._current: ContextVar[Connection | None] = ContextVar("ev_energy_async_connection", default=None)

    def __repr__(self) -> str:
        return f"PostgresCheckpoint(name={self._name!r})"

    async def open(self, owner: Owner) -> None:
        """Open it for an owner; see `Checkpoint.open`.

        Raises:
            CheckpointMismatch: It belongs to another owner, and `adopt` does not allow to take it over.
            CheckpointError: PostgreSQL cannot be reached, or refuses.
        """
        entered = {"name": self._name, "base_url": owner.base_url, "client": owner.client, "user": owner.user}
        async with self._database.transaction(CheckpointError) as connection:
            made = await self._rows(
                connection,
                'INSERT INTO {schema}.checkpoint_state (name, base_url, client, "user")'
                " VALUES (%(name)s, %(base_url)s, %(client)s, %(user)s) ON CONFLICT DO NOTHING RETURNING name",
                entered,
            )
            if made:
                _LOG.info("PostgreSQL: created a new checkpoint %s", self._name)
            [row] = await self._rows(
                connection,
                'SELECT base_url, client, "user" FROM {schema}.checkpoint_state WHERE name = %(name)s FOR UPDATE',
                entered,
            )
            found = Owner(*row)
            if found != owner:
                check_adoption(owner, found, self._adopt)
                await self._rows(
                    connection,
                    "UPDATE {schema}.checkpoint_state"
                    ' SET base_url = %(base_url)s, client = %(client)s, "user" = %(user)s WHERE name = %(name)s',
                    entered,
                )
        self._is_open = True

    async def owner(self) -> Owner | None:
        """Return whose checkpoint it is; None if it was opened for nobody yet.

        Raises:
            CheckpointError: PostgreSQL cannot be reached, or refuses.
        """
        async with self._joined_or_alone() as connection:
            found = await self._rows(
                connection,
                'SELECT base_url, client, "user" FROM {schema}.checkpoint_state WHERE name = %(name)s',
                {"name": self._name},
            )
        return Owner(*found[0]) if found else None

    async def get(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        async with self._joined_or_alone() as connection:
            found = await self._rows(
                connection,
                "SELECT value, version FROM {schema}.checkpoint WHERE name = %(name)s AND key = %(key)s",
                {"name": self._name, "key": key},
            )
        return Entry(*found[0]) if found else None

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with their entries, in the order of the keys."""
        asked: dict[str, Any] = {
            "name": self._name,
            "prefix": prefix,
            "after": "",
            "most": _ROWS_AT_ONCE,
            "end": prefix + "\U0010ffff",  # no character comes after this one
        }
        while True:
            async with self._joined_or_alone() as connection:
                found = await self._rows(
                    connection,
                    "SELECT key, value, version FROM {schema}.checkpoint WHERE name = %(name)s AND key >= %(prefix)s"
                    " AND key < %(end)s AND key > %(after)s ORDER BY key LIMIT %(most)s",
                    asked,
                )
            for key, value, version in found:
                yield key, Entry(value, version)
            if len(found) < _ROWS_AT_ONCE:
                return
            asked["after"] = found[-1][0]

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value and return its new version; within `transaction`, as a part of it. See `Checkpoint.advance`.

        A cancelled call may have been carried out: read the key again.
        """
        return (await self.advance_all([Advance(key, expected_version, value)]))[0]

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none; within `transaction`, as a part of it. See `Checkpoint.advance_all`."""
        wanted = each_key_once(changes)
        async with self._joined_or_alone() as connection:
            # Whoever has this row writes alone.
            state = await self._rows(
                connection,
                "UPDATE {schema}.checkpoint_state SET versions = versions + 1 WHERE name = %(name)s RETURNING versions",
                {"name": self._name},
            )
            if not state or not self._is_open:
                raise CheckpointError("the checkpoint is not open")
            [[version]] = state
            rows = await self._rows(
                connection,
                "SELECT key, version FROM {schema}.checkpoint WHERE name = %(name)s AND key = ANY(%(keys)s)",
                {"name": self._name, "keys": [change.key for change in wanted]},
            )
            found = dict(rows)
            for change in wanted:
                compare(change, found.get(change.key, 0))
            kept = [change for change in wanted if change.value is not None]
            gone = [change.key for change in wanted if change.value is None]
            written: dict[str, Any] = {"name": self._name, "version": version, "gone": gone}
            if kept:
                written |= {"keys": [each.key for each in kept], "values": [each.value for each in kept]}
                await self._rows(
                    connection,
                    "INSERT INTO {schema}.checkpoint (name, key, version, value)"
                    " SELECT %(name)s, key, %(version)s, value"
                    " FROM unnest(%(keys)s::text[], %(values)s::text[]) AS given (key, value)"
                    " ON CONFLICT (name, key) DO UPDATE SET version = excluded.version, value = excluded.value",
                    written,
                )
            if gone:
                await self._rows(
                    connection,
                    "DELETE FROM {schema}.checkpoint WHERE name = %(name)s AND key = ANY(%(gone)s)",
                    written,
                )
        return [0 if change.value is None else version for change in wanted]

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """Begin a transaction for writes of your own: they and what is advanced in it happen together or not at all.

        Its value is the `psycopg.AsyncConnection`, to execute your statements with; it is committed at the end of the
        block, not before. An exception that leaves the block rolls all of it back.

        Raises:
            CheckpointError: PostgreSQL cannot be reached, the commit failed, or there is a transaction around this one.
        """
        if self._current.get() is not None:
            raise CheckpointError("a transaction within a transaction")
        async with self._database.transaction(CheckpointError) as connection:
            self._current.set(connection)
            try:
                yield connection
            finally:
                self._current.set(None)

    async def close(self) -> None:
        """Close its connections, unless they are from a pool of yours; it can be opened again."""
        self._is_open = False
        await super().close()

    @contextlib.asynccontextmanager
    async def _joined_or_alone(self) -> AsyncGenerator[Connection]:
        current = self._current.get()
        if current is not None:
            yield current
            return
        async with self._database.transaction(CheckpointError) as connection:
            yield connection

    async def _rows(
        self, connection: Connection, text: LiteralString, parameters: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        with self._database.errors(CheckpointError):
            return await self._database.rows(connection, text, parameters)
