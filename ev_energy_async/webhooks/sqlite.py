"""A store of completed webhook deliveries in a SQLite file, for processes of one machine and across restarts."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from ev_energy_async.clock import SystemClock
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.files import PRIVATE_FILE, make_private_folder, user_path

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.clock import Clock

__all__ = ["SqliteDeduplicationStore"]

_PATIENCE: Final = 30.0  # seconds to wait for another process's lock
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS ev_energy_delivery (key TEXT PRIMARY KEY, expires_at REAL NOT NULL) WITHOUT ROWID"
)


class SqliteDeduplicationStore:
    """Keeps the keys of completed deliveries in a SQLite file until they expire. All I/O runs in threads.

    The file may be your own database; the table is `ev_energy_delivery`. A new file is for its owner alone (mode 0600).

    Args:
        path: The file; it is made if it does not exist, and so is its folder. `~` is the home folder.
        clock: The clock that keys expire by; None for the system clock.

    Raises:
        InvalidArgument: It is no path of a file.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock | None = None) -> None:
        self._path = user_path("path", path)
        self._clock = clock or SystemClock()

    async def contains(self, key: str) -> bool:
        """Return whether a key was added and has not expired.

        Raises:
            EvEnergyError: The file cannot be read.
        """
        return await asyncio.to_thread(self._run, partial(_contains, key=key, now=self._clock.now()))

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Keep a key until a time (aware); return whether it is new. Expired keys are removed.

        Raises:
            EvEnergyError: The file cannot be written.
        """
        return await asyncio.to_thread(self._run, partial(_add, key=key, expires_at=expires_at, now=self._clock.now()))

    def _run(self, work: partial[bool]) -> bool:
        try:
            make_private_folder(self._path.parent)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE").close()
                connection.execute(_CREATE).close()
                done = work(connection)
                connection.execute("COMMIT").close()
                return done
        except (OSError, sqlite3.Error) as error:
            raise EvEnergyError(f"{self._path}: {error}") from error


def _contains(connection: sqlite3.Connection, *, key: str, now: dt.datetime) -> bool:
    found = connection.execute(
        "SELECT 1 FROM ev_energy_delivery WHERE key = ? AND expires_at > ?", (key, now.timestamp())
    ).fetchone()
    return found is not None


def _add(connection: sqlite3.Connection, *, key: str, expires_at: dt.datetime, now: dt.datetime) -> bool:
    connection.execute("DELETE FROM ev_energy_delivery WHERE expires_at <= ?", (now.timestamp(),)).close()
    added = connection.execute("INSERT OR IGNORE INTO ev_energy_delivery VALUES (?, ?)", (key, expires_at.timestamp()))
    return added.rowcount > 0
