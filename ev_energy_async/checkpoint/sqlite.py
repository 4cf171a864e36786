"""A checkpoint in a SQLite file, which may be the user's own database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from contextvars import ContextVar
from functools import partial
from operator import ge
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from ev_energy_async.checkpoint import tables
from ev_energy_async.checkpoint.database import Database, is_busy, is_damage, within_transaction
from ev_energy_async.checkpoint.protocol import Advance, CheckpointError, Entry, Owner, each_key_once
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.files import user_path
from ev_energy_async.loops import LoopLock

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from types import TracebackType

__all__ = ["SqliteCheckpoint", "Transaction"]

T = TypeVar("T")

_LOG: Final = logging.getLogger("ev_energy_async")
# How long to wait before asking again for a lock that another process holds, and after how long it is worth a warning.
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.25
_LONG_SECONDS: Final = 10.0


class Transaction:
    """A transaction in the file of a `SqliteCheckpoint`; `SqliteCheckpoint.transaction` makes it."""

    def __init__(self, run: Callable[[Callable[[sqlite3.Connection], Any]], Any], owner: SqliteCheckpoint) -> None:
        self._run = run
        self.of = owner
        self.is_open = True

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows.

        Raises:
            sqlite3.Error: As SQLite raises it; the transaction continues if it is caught.
            CheckpointError: The transaction is over.
        """
        return await self._do(lambda connection: connection.execute(sql, parameters).fetchall())

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each row of parameters.

        Raises:
            sqlite3.Error: As SQLite raises it; the transaction continues if it is caught.
            CheckpointError: The transaction is over.
        """
        given = list(rows)
        await self._do(lambda connection: connection.executemany(sql, given).close())

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self.is_open:
            raise CheckpointError("the transaction is over")
        done: T = await self._run(lambda connection: work(_in_progress(connection)))
        return done


_CURRENT: ContextVar[Transaction | None] = ContextVar("ev_energy_async_transaction", default=None)


class SqliteCheckpoint:
    """Stores progress in a SQLite file, in tables of its own (`ev_energy_meta`, `ev_energy_checkpoint`).

    The file may be your own database, and is best on a local disk (its journal is a write-ahead log). A new file is
    for its owner alone (mode 0600). All I/O runs in a thread of its own, never in the event loop. It works in one event
    loop after another, in one at a time.

    A crash of the process at any moment, `kill -9` included, and a full disk leave the file as it was before the change
    in progress. After a power loss it is intact too, but with `synchronous="NORMAL"` the last changes may be missing: a
    stream then redelivers what was acknowledged in the last moments. With `synchronous="FULL"` each change is on the
    disk before it returns, provided the disk honours fsync; it costs one flush a change. A damaged file is refused.

    A lock that another process holds on the database, such as a backup, is waited out for as long as the caller allows.

    Args:
        path: The file; it is made if it does not exist, and so is its folder. `~` is the home folder.
        synchronous: `NORMAL`, or `FULL` where power loss matters.
        adopt: Whether to take over the checkpoint of another owner, as after a change of credentials; or the only
            `Owner` from whom to take it over. `True` does not take over an unfinished copy.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> async with SqliteCheckpoint("fleet.db") as checkpoint:  # doctest: +SKIP
        ...     async with checkpoint.transaction() as db:
        ...         await db.execute("CREATE TABLE IF NOT EXISTS status (key TEXT PRIMARY KEY, percentage INTEGER)")
        ...     async for event in ev.fleet.watch(checkpoint=checkpoint, ack="explicit"):
        ...         async with checkpoint.transaction() as db:
        ...             await db.execute("INSERT INTO status VALUES (?, ?)", (event.key, percentage_of(event)))
        ...             await event.ack()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        adopt: bool | Owner = False,
    ) -> None:
        if synchronous not in {"NORMAL", "FULL"}:
            raise InvalidArgument("synchronous", synchronous, "'NORMAL' or 'FULL'")
        self._path = user_path("path", path)
        self._synchronous = synchronous
        self._adopt = adopt
        self._lock = LoopLock()
        self._database: Database | None = None

    def __repr__(self) -> str:
        return f"SqliteCheckpoint({str(self._path)!r})"

    async def __aenter__(self) -> Self:
        async with self._lock:
            await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, owner: Owner) -> None:
        """Open the file for an owner; see `Checkpoint.open`. `async with` opens it without one.

        Raises:
            CheckpointMismatch: It belongs to another owner, and `adopt` does not allow to take it over.
            CheckpointError: It cannot be read, is damaged, or a later version of this package wrote it.
        """
        async with self._lock:
            was_open = self._database is not None
            try:
                await self._connect()
                await self._in_transaction(partial(tables.claim, owner=owner, adopt=self._adopt))
            except BaseException as error:
                if not was_open:
                    await self._abandon(error)
                raise

    async def owner(self) -> Owner | None:
        """Return whose checkpoint it is; None if it was opened for nobody yet.

        Raises:
            CheckpointError: It cannot be read.
        """
        state = await self._alone_or_joined(tables.state_of)
        return None if state.owner is None else Owner(*state.owner)

    async def get(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        return await self._alone_or_joined(partial(tables.read, key=key))

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with their entries, in the order of the keys."""
        last = ""
        while True:
            found = await self._alone_or_joined(partial(tables.page, prefix=prefix, after=last))
            for key, entry in found:
                yield key, entry
            if len(found) < tables.ROWS_AT_ONCE:
                return
            last = found[-1][0]

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value and return its new version; within `transaction`, as a part of it. See `Checkpoint.advance`.

        A cancelled call may have been carried out: read the key again.
        """
        return (await self.advance_all([Advance(key, expected_version, value)]))[0]

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none; within `transaction`, as a part of it. See `Checkpoint.advance_all`."""
        wanted = each_key_once(changes)
        if self._joined() is not None:
            return await self._own(lambda connection: tables.advance(_in_progress(connection), wanted))
        async with self._lock:
            return await self._in_transaction(partial(tables.advance, changes=wanted))

    async def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement that reads your own tables, and return its rows; within `transaction`, as a part of it.

        Alone it takes no lock that keeps other processes from writing.

        Raises:
            sqlite3.Error: As SQLite raises it; also if the statement would write.
            CheckpointError: The checkpoint is not open.

        Example:
            >>> rows = await checkpoint.query("SELECT percentage FROM status WHERE key = ?", [key])  # doctest: +SKIP
        """
        work = partial(_read_only, sql=sql, parameters=parameters)
        if self._joined() is not None:
            return await self._run(work)
        async with self._lock:
            return await self._run(work)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """Begin a transaction for writes of your own: they and what is advanced in it happen together or not at all.

        An exception that leaves the block rolls all of it back. Other tasks that use the checkpoint wait meanwhile.

        Raises:
            CheckpointError: It cannot be written, or there is a transaction around this one.

        Example:
            >>> async with checkpoint.transaction() as db:  # doctest: +SKIP
            ...     await db.execute("INSERT INTO status VALUES (?, ?)", (key, percentage))
            ...     await checkpoint.advance("my-stream", version, logs.cursor)
        """
        if self._joined() is not None:
            raise CheckpointError(f"{self._path}: a transaction within a transaction")
        async with self._lock:
            transaction = Transaction(self._run, self)
            around = _CURRENT.get()
            _CURRENT.set(transaction)
            try:
                await self._own(lambda connection: connection.execute("BEGIN IMMEDIATE").close())
                yield transaction
                await self._own(lambda connection: connection.execute("COMMIT").close())
            finally:
                transaction.is_open = False
                _CURRENT.set(around)
                if self._database is not None:
                    # It is done even if this wait for it is cancelled.
                    await asyncio.shield(asyncio.wrap_future(self._database.submit(_roll_back)))

    async def close(self) -> None:
        """Close the file; it can be opened again."""
        async with self._lock:
            closed = self._let_go()
            if closed is not None:
                await closed

    async def _connect(self) -> None:
        """Open the file if it is not open, and check what it holds."""
        if self._database is not None:
            return
        database = self._database = Database(self._path, self._synchronous)
        try:
            if await self._patiently(database.connect):
                _LOG.info("%s: created a new checkpoint", self._path)
            if await self._in_transaction(partial(tables.prepare, name=str(self._path))):
                await self._own(lambda _: database.make_private())
            await self._check()
        except BaseException as error:
            await self._abandon(error)
            raise

    async def _check(self) -> None:
        """Read all rows once: each must be what was written and in its place, and none may be missing."""
        state = await self._own(tables.state_of)
        rows, newest, last = 0, 0, ""
        while True:
            found = await self._own(partial(tables.look_through, after=last))
            keys = [key for key, _ in found]
            if any(map(ge, [last, *keys], keys)):
                # SQLite does not check the order by which it looks rows up: one that is out of it would not be found.
                raise self._damaged("its rows are out of order")
            rows += len(keys)
            newest = max([newest, *(version for _, version in found)])
            if len(found) < tables.ROWS_AT_ONCE:
                break
            last = found[-1][0]
        if rows != state.rows or newest > state.versions:
            raise self._damaged(f"{rows} rows where {state.rows} were written")

    async def _abandon(self, error: BaseException) -> None:
        """Close the file after an error; a caller that is cancelled does not wait for it."""
        closed = self._let_go()
        if closed is not None and not isinstance(error, asyncio.CancelledError):
            await closed

    def _let_go(self) -> asyncio.Future[None] | None:
        database, self._database = self._database, None
        return None if database is None else asyncio.shield(asyncio.wrap_future(database.close()))

    def _joined(self) -> Transaction | None:
        """Return the transaction of this checkpoint that the caller is in."""
        current = _CURRENT.get()
        return current if current is not None and current.of is self and current.is_open else None

    async def _alone_or_joined(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something within the caller's transaction; if there is none, when nobody else has one."""
        if self._joined() is not None:
            return await self._own(work)
        async with self._lock:
            return await self._own(work)

    async def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._own(lambda connection: within_transaction(connection, lambda: work(connection)))

    async def _own(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something of the checkpoint's own, whose errors are its errors."""
        return await self._patiently(partial(self._run, work))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._database is None:
            raise CheckpointError(f"{self._path}: the checkpoint is not open")
        return await self._database.run(work)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat what another process's lock prevents, until it succeeds or the caller gives up."""
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            try:
                return await attempt()
            except sqlite3.Error as error:
                if not is_busy(error):
                    raise self._damaged(str(error)) if is_damage(error) else self._failed(error) from error
            except (tables.DamagedError, UnicodeDecodeError) as error:  # the second of SQLite's own messages
                raise self._damaged(str(error)) from error
            except OSError as error:
                raise self._failed(error) from error
            if waited < _LONG_SECONDS <= waited + pause:
                _LOG.warning("%s: has waited %.0f s for a lock that another process holds", self._path, _LONG_SECONDS)
            await asyncio.sleep(pause)
            waited += pause
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _failed(self, error: Exception) -> CheckpointError:
        return CheckpointError(f"{self._path}: {error}")

    def _damaged(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self._path}: this checkpoint is damaged: {what}. Restore the file from a backup, or move it away to "
            "begin again; events acknowledged since then are redelivered"
        )


def _in_progress(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return the connection if its transaction is still open: SQLite ends it by itself, as when the disk is full."""
    if not connection.in_transaction:
        raise CheckpointError("the transaction was undone; nothing of it was kept")
    return connection


def _read_only(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    connection.execute("PRAGMA query_only = ON").close()
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.execute("PRAGMA query_only = OFF").close()


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK").close()
