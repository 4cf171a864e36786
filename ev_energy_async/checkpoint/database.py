"""The file of a SQLite database, and a connection to it in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from ev_energy_async.checkpoint import tables
from ev_energy_async.checkpoint.protocol import CheckpointError
from ev_energy_async.files import BY_OTHERS, PRIVATE_FILE, make_private_folder, mode_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["Database", "is_busy", "is_damage", "within_transaction"]

T = TypeVar("T")

_HEADER_BYTES: Final = 100  # of every SQLite file (https://www.sqlite.org/fileformat.html, section 1.3)
_PAGE_BYTES: Final = 8192
_PRIMARY: Final = 0xFF  # of an extended result code


class Database:
    """A connection that lives in a thread, which does one thing after the other.

    A caller that is cancelled does not wait for the thread: what it has begun is finished there, and whatever is asked
    next comes after it.

    Args:
        path: The file.
        synchronous: How often SQLite waits for the disk: `NORMAL` or `FULL`.
    """

    def __init__(self, path: Path, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._thread = ThreadPoolExecutor(1, "ev-energy-async checkpoint")
        self._connection: sqlite3.Connection | None = None

    async def connect(self) -> bool:
        """Open the file, and make it if need be; return whether it was made.

        Raises:
            OSError: It cannot be made.
            sqlite3.Error: It cannot be opened.
            CheckpointError: It is no place for a checkpoint.
            DamagedError: It is no database.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._connect)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the connection; an exception of it is raised here."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Have something done that must be done, whoever is cancelled."""
        return self._thread.submit(self._do, work)

    def make_private(self) -> None:
        """Take the file and its log from others who can use them; to be called in the thread."""
        for suffix in ("", "-wal", "-shm"):
            path = self._path.with_name(self._path.name + suffix)
            if path.exists() and mode_of(path.stat()) & BY_OTHERS:
                path.chmod(PRIVATE_FILE)

    def close(self) -> Future[None]:
        """Close the connection once everything asked before is done, and end the thread."""
        closed = self._thread.submit(self._close)
        self._thread.shutdown(wait=False)
        return closed

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            raise CheckpointError(f"{self._path}: the checkpoint is not open")
        return work(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> bool:
        if str(self._path) == ":memory:":
            raise CheckpointError("a checkpoint in memory is a MemoryCheckpoint; a SqliteCheckpoint takes a file")
        make_private_folder(self._path.parent)
        is_new = not self._path.exists() and self._create()
        size = self._path.stat().st_size
        if size < _HEADER_BYTES:
            raise tables.DamagedError(f"a file of {size} bytes is not a database")
        # No timeout: waiting for another process is up to the event loop, where it can be cancelled.
        connection = self._connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rw", timeout=0, isolation_level=None, uri=True
        )
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA synchronous = {self._synchronous}").close()
        if mode != "wal":
            raise CheckpointError(f"{self._path}: no place for a write-ahead log")
        return is_new

    def _create(self) -> bool:
        """Make the file complete under another name: a crash never leaves one that is half made."""
        if self._path.with_name(f"{self._path.name}-wal").exists():
            raise tables.DamagedError("the file is gone, and its write-ahead log is still there")
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-", suffix=".tmp")
        os.close(handle)
        made = Path(name)
        try:
            with closing(sqlite3.connect(made, isolation_level=None)) as connection:
                # A row of a device takes 1 to 2 KB: of smaller pages each would have one of its own beside its place.
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}").close()
                connection.execute("PRAGMA journal_mode = WAL").close()
                within_transaction(connection, lambda: tables.create(connection))
            os.link(made, self._path)
        except FileExistsError:
            return False  # another process was quicker
        finally:
            made.unlink(missing_ok=True)
        return True


def within_transaction(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Do something within a transaction, which an error rolls back."""
    connection.execute("BEGIN IMMEDIATE").close()
    try:
        done = work()
        connection.execute("COMMIT").close()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").close()
    return done


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds a lock that this one needs."""
    return _code(error) == sqlite3.SQLITE_BUSY


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the content of the file is not what SQLite wrote."""
    # Python itself raises errors without a code, for text that is not UTF-8.
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, None}


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY
