"""A checkpoint in a SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

import msgspec

from ev_energy_async.checkpoint.protocol import (
    Advance,
    CheckpointError,
    CheckpointMismatch,
    Entry,
    Owner,
    compare,
    each_key_once,
)
from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
    from types import TracebackType

__all__ = ["SqliteCheckpoint", "Transaction"]

T = TypeVar("T")

_SCHEMA: Final = 1
_BUSY_SECONDS: Final = 10.0
_ROWS_AT_ONCE: Final = 2_000


class Transaction:
    """A transaction in the file of a `SqliteCheckpoint`; `SqliteCheckpoint.transaction` makes it."""

    def __init__(self, run: Callable[[Callable[[sqlite3.Connection], Any]], Any], owner: SqliteCheckpoint) -> None:
        self._run = run
        self.of = owner
        self.is_open = True

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Carry out a statement, and return its rows.

        Raises:
            sqlite3.Error: As SQLite has it; the transaction goes on if it is caught.
            CheckpointError: The transaction is over.
        """
        return await self._do(lambda connection: connection.execute(sql, parameters).fetchall())

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Carry out a statement once for each row of parameters.

        Raises:
            sqlite3.Error: As SQLite has it; the transaction goes on if it is caught.
            CheckpointError: The transaction is over.
        """
        given = list(rows)
        await self._do(lambda connection: connection.executemany(sql, given).close())

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self.is_open:
            raise CheckpointError("the transaction is over")
        done: T = await self._run(lambda connection: work(_under_way(connection)))
        return done


_CURRENT: ContextVar[Transaction | None] = ContextVar("ev_energy_async_transaction", default=None)


class SqliteCheckpoint:
    """Keeps progress in a SQLite file, in tables of its own (`ev_energy_meta`, `ev_energy_checkpoint`).

    The file may be your database, and is best on a local disk (its journal is a write-ahead log). All of its I/O goes
    on in a thread of its own, never in the event loop.

    A crash of the process at any moment, by `kill -9` too, and a full disk leave the file as it was before the change
    under way. After a power loss it is intact too, but with `synchronous="NORMAL"` the last changes before it may be
    missing: a stream then gives out again what was acknowledged in that moment. With `synchronous="FULL"` each change
    is on the disk before it returns, as far as the disk tells the truth; it costs one flush a change.

    Args:
        path: The file; it is made if it is not there, and so is its folder.
        synchronous: `NORMAL`, or `FULL` where power loss counts.

    Example:
        >>> async with SqliteCheckpoint("fleet.db") as checkpoint:  # doctest: +SKIP
        ...     await checkpoint.open(Owner(ev.base_url, "my-app"))
        ...     entry = await checkpoint.get("my-stream")
        ...     logs = ev.vehicle(vehicle_id).status_logs().follow(cursor=entry.value if entry else None)
        ...     version = entry.version if entry else 0
        ...     async for log in logs:
        ...         async with checkpoint.transaction() as db:
        ...             await db.execute("INSERT INTO status VALUES (?, ?)", (log.url, log.state_of_charge_percentage))
        ...             version = await checkpoint.advance("my-stream", version, logs.cursor)
    """

    def __init__(self, path: str | Path, *, synchronous: Literal["NORMAL", "FULL"] = "NORMAL") -> None:
        if synchronous not in {"NORMAL", "FULL"}:
            raise InvalidArgument("synchronous", synchronous, "'NORMAL' or 'FULL'")
        self._path = Path(path)
        self._synchronous = synchronous
        self._lock = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"SqliteCheckpoint({str(self._path)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, owner: Owner) -> None:
        """Make the file ready, for one owner; see `Checkpoint.open`.

        Raises:
            CheckpointMismatch: It belongs to another.
            CheckpointError: It cannot be read, or a later version of this package wrote it.
        """
        async with self._lock:
            was_open = self._connection is not None
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "ev-energy-async checkpoint")
            try:
                if not was_open:
                    await self._in_thread(self._connect)
                await self._own(lambda connection: _in_transaction(connection, lambda: _claim(connection, owner)))
            except BaseException:
                if not was_open:
                    await self._let_go()
                raise

    async def get(self, key: str) -> Entry | None:
        """Return what stands under a key; None if nothing does."""
        sql = "SELECT value, version FROM ev_energy_checkpoint WHERE key = ?"
        row = await self._outside_too(lambda connection: connection.execute(sql, (key,)).fetchone())
        return None if row is None else Entry(*row)

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with what stands under them, in the order of the keys."""
        last = ""
        while True:
            rows = await self._outside_too(partial(_page, prefix=prefix, last=last))
            for key, value, version in rows:
                yield key, Entry(value, version)
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1][0]

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value, and return its new version; within `transaction`, as a part of it. See `Checkpoint.advance`.

        A cancelled call may have been carried out: look again.
        """
        return (await self.advance_all([Advance(key, expected_version, value)]))[0]

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none; within `transaction`, as a part of it. See `Checkpoint.advance_all`."""
        wanted = each_key_once(changes)

        if self._joined() is not None:
            return await self._own(lambda connection: _advance(_under_way(connection), wanted))
        async with self._lock:
            return await self._own(lambda connection: _in_transaction(connection, lambda: _advance(connection, wanted)))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """Give a transaction in the file, for writes of your own: they and what is advanced in it happen both or not.

        What leaves the block with an error undoes all of it. Other tasks that use the checkpoint wait meanwhile.

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
            transaction = Transaction(self._on_connection, self)
            around = _CURRENT.get()
            _CURRENT.set(transaction)
            try:
                await self._own(lambda connection: connection.execute("BEGIN IMMEDIATE").close())
                yield transaction
                await self._own(lambda connection: connection.execute("COMMIT").close())
            finally:
                transaction.is_open = False
                _CURRENT.set(around)
                await self._own(_roll_back)

    async def close(self) -> None:
        """Close the file; it can be opened again."""
        async with self._lock:
            await self._let_go()

    async def _let_go(self) -> None:
        thread, connection = self._thread, self._connection
        try:
            if connection is not None:
                await self._in_thread(connection.close)
        finally:
            self._thread = self._connection = None
            if thread is not None:
                thread.shutdown(wait=False)

    def _connect(self) -> None:
        """Open the file, in the thread that it stays in."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Kept at once, so that a cancelled `open` can close it.
            connection = self._connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute(f"PRAGMA synchronous = {self._synchronous}").close()
        except (OSError, sqlite3.Error) as error:
            raise CheckpointError(f"{self._path}: {error}") from error
        if mode != "wal":
            raise CheckpointError(f"{self._path}: no place for a write-ahead log")

    def _joined(self) -> Transaction | None:
        """Return the transaction of this checkpoint that the caller is in."""
        current = _CURRENT.get()
        return current if current is not None and current.of is self and current.is_open else None

    async def _outside_too(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something within the caller's transaction; if there is none, when nobody else has one."""
        if self._joined() is not None:
            return await self._own(work)
        async with self._lock:
            return await self._own(work)

    async def _own(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something of the checkpoint's own, whose errors are its errors."""
        try:
            return await self._on_connection(work)
        except sqlite3.Error as error:
            raise CheckpointError(f"{self._path}: {error}") from error

    async def _on_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise CheckpointError(f"{self._path}: the checkpoint is not open")
        return await self._in_thread(lambda: work(connection))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # What has begun in the thread goes on there, and nobody may come between.
            while not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.cancelled():
                future.exception()
            raise


def _page(connection: sqlite3.Connection, *, prefix: str, last: str) -> list[tuple[str, str, int]]:
    """Return the rows of the next keys that begin with a prefix."""
    # With one lower bound only: given two, SQLite may seek the first of them, and walk over all pages before this one.
    sql = (
        "SELECT key, value, version FROM ev_energy_checkpoint"
        " WHERE key >= ? AND key <> ? AND key < ? ORDER BY key LIMIT ?"
    )
    # No character comes after this one.
    rows: list[tuple[str, str, int]] = connection.execute(
        sql, (last or prefix, last, prefix + "\U0010ffff", _ROWS_AT_ONCE)
    ).fetchall()
    return rows


def _in_transaction(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    connection.execute("BEGIN IMMEDIATE").close()
    try:
        done = work()
        connection.execute("COMMIT").close()
    finally:
        _roll_back(connection)
    return done


def _under_way(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return the connection if its transaction goes on: SQLite ends it by itself, as when the disk is full."""
    if not connection.in_transaction:
        raise CheckpointError("the transaction was undone; nothing of it was kept")
    return connection


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK").close()


def _claim(connection: sqlite3.Connection, owner: Owner) -> None:
    """Make the tables if there are none, and see whose they are."""
    connection.execute("CREATE TABLE IF NOT EXISTS ev_energy_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID").close()
    found = dict(connection.execute("SELECT name, value FROM ev_energy_meta"))
    if not found:
        connection.execute(
            "CREATE TABLE ev_energy_checkpoint (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL)"
        ).close()
        text = msgspec.json.encode([owner.base_url, owner.client, owner.user]).decode()
        rows = [("schema", _SCHEMA), ("owner", text), ("versions", 0)]
        connection.executemany("INSERT INTO ev_energy_meta VALUES (?, ?)", rows).close()
        return
    if found.get("schema") != _SCHEMA:
        raise CheckpointError(f"a checkpoint of schema {found.get('schema')}, which this version does not know")
    theirs = Owner(*msgspec.json.decode(found["owner"], type=tuple[str, str | None, str | None]))
    if theirs != owner:
        raise CheckpointMismatch(owner, theirs)


def _advance(connection: sqlite3.Connection, changes: list[Advance]) -> list[int]:
    for change in changes:
        sql = "SELECT version FROM ev_energy_checkpoint WHERE key = ?"
        row: tuple[int] | None = connection.execute(sql, (change.key,)).fetchone()
        compare(change, 0 if row is None else row[0])
    connection.execute("UPDATE ev_energy_meta SET value = value + 1 WHERE name = 'versions'").close()
    [version] = connection.execute("SELECT value FROM ev_energy_meta WHERE name = 'versions'").fetchone()
    kept = [(change.key, version, change.value) for change in changes if change.value is not None]
    connection.executemany("INSERT OR REPLACE INTO ev_energy_checkpoint VALUES (?, ?, ?)", kept).close()
    gone = [(change.key,) for change in changes if change.value is None]
    connection.executemany("DELETE FROM ev_energy_checkpoint WHERE key = ?", gone).close()
    return [0 if change.value is None else version for change in changes]
