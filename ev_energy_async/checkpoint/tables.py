"""The tables of a checkpoint in a SQLite database: made, checked, converted, read and advanced.

Functions of a connection that block; `sqlite` calls them in its thread. Every row carries a checksum and the number of
rows is stored beside them: a file that was damaged is refused, never taken for one with less progress.
"""

from __future__ import annotations

import logging
import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ev_energy_async.checkpoint.protocol import (
    Advance,
    CheckpointError,
    Entry,
    Owner,
    check_adoption,
    compare,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["DamagedError", "State", "advance", "claim", "create", "page", "prepare", "read", "state_of"]

_LOG: Final = logging.getLogger("ev_energy_async")
_SCHEMA: Final = 2
_META: Final = "ev_energy_meta"
_ROWS: Final = "ev_energy_checkpoint"
ROWS_AT_ONCE: Final = 2_000

_CREATE_META: Final = "CREATE TABLE ev_energy_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID"
_CREATE_ROWS: Final = (
    "CREATE TABLE ev_energy_checkpoint (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL,"
    " checksum INTEGER NOT NULL) WITHOUT ROWID"
)


class DamagedError(Exception):
    """The content is not what was written; `sqlite` makes a `CheckpointError` of it that names the file."""


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The row about all others.

    Attributes:
        owner: Base URL, client and user of the owner; None until it is opened for one.
        versions: The last version that was given.
        rows: The number of rows.
    """

    owner: tuple[str, str | None, str | None] | None
    versions: int
    rows: int


def prepare(connection: sqlite3.Connection, name: str) -> bool:
    """Make the tables if the database has none, convert those of an earlier version, and check their structure.

    Args:
        connection: A connection within a transaction.
        name: The name of the file in the log.

    Returns:
        Whether the database holds nothing else.

    Raises:
        CheckpointError: A later version of this package wrote it.
        DamagedError: It is not what was written.
    """
    found = {table for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not found & {_META, _ROWS}:
        create(connection)
        _LOG.info("%s: created a new checkpoint", name)
        return not found
    for table in (_META, _ROWS):
        if table not in found:
            raise DamagedError(f"there is no table {table}")
        for (said,) in connection.execute(f"PRAGMA quick_check('{table}')"):
            if said != "ok":
                raise DamagedError(str(said))
    schema = _meta(connection).get("schema")
    if schema == 1:
        _convert(connection)
        _LOG.info("%s: converted from the format of an earlier version", name)
    elif schema != _SCHEMA:
        raise CheckpointError(f"{name}: a checkpoint of schema {schema!r}, which this version cannot read")
    return found == {_META, _ROWS}


def create(connection: sqlite3.Connection) -> None:
    """Make empty tables."""
    connection.execute(_CREATE_META).close()
    connection.execute(_CREATE_ROWS).close()
    _set_meta(connection, "schema", _SCHEMA)
    _set_state(connection, State(None, 0, 0))


def claim(connection: sqlite3.Connection, owner: Owner, *, adopt: bool | Owner) -> None:
    """Enter an owner if there is none, and compare it with the one that is there.

    Raises:
        CheckpointMismatch: It belongs to another, and `adopt` does not allow to take it over.
    """
    state = state_of(connection)
    found = None if state.owner is None else Owner(*state.owner)
    if found == owner:
        return
    if found is not None:
        check_adoption(owner, found, adopt)
    entered = (owner.base_url, owner.client, owner.user)
    _set_state(connection, State(entered, state.versions, state.rows))


def read(connection: sqlite3.Connection, key: str) -> Entry | None:
    """Return the entry of a key; None if there is none."""
    row = connection.execute(
        "SELECT key, version, value, checksum FROM ev_energy_checkpoint WHERE key = ?", (key,)
    ).fetchone()
    return None if row is None else _entry(row)


def page(connection: sqlite3.Connection, *, prefix: str, after: str) -> list[tuple[str, Entry]]:
    """Return the next entries whose keys begin with a prefix, in the order of the keys."""
    # With one lower bound only: given two, SQLite may seek the first of them, and walk over all pages before this one.
    sql = (
        "SELECT key, version, value, checksum FROM ev_energy_checkpoint"
        " WHERE key >= ? AND key <> ? AND key < ? ORDER BY key LIMIT ?"
    )
    # No character comes after this one.
    bounds = (after or prefix, after, prefix + "\U0010ffff", ROWS_AT_ONCE)
    return [(row[0], _entry(row)) for row in connection.execute(sql, bounds)]


def look_through(connection: sqlite3.Connection, after: str) -> list[tuple[str, int]]:
    """Return the keys and versions of the next rows, in their order, once each is seen to be what was written."""
    # As bytes, for nobody reads the values.
    sql = (
        "SELECT key, version, CAST(value AS BLOB), checksum, typeof(value) FROM ev_energy_checkpoint"
        " WHERE key > ? ORDER BY key LIMIT ?"
    )
    rows = connection.execute(sql, (after, ROWS_AT_ONCE)).fetchall()
    if any(kind != "text" or _row_checksum(key, version, value) != told for key, version, value, told, kind in rows):
        raise DamagedError("one of its rows is not what was written")
    return [(key, version) for key, version, *_ in rows]


def advance(connection: sqlite3.Connection, changes: list[Advance]) -> list[int]:
    """Compare the versions and make the changes; the connection is within a transaction."""
    state = state_of(connection)
    rows = state.rows
    for change in changes:
        entry = read(connection, change.key)
        compare(change, 0 if entry is None else entry.version)
        rows += int(change.value is not None) - int(entry is not None)
    version = state.versions + 1
    kept = [_row(change.key, version, change.value) for change in changes if change.value is not None]
    connection.executemany("INSERT OR REPLACE INTO ev_energy_checkpoint VALUES (?, ?, ?, ?)", kept).close()
    gone = [(change.key,) for change in changes if change.value is None]
    connection.executemany("DELETE FROM ev_energy_checkpoint WHERE key = ?", gone).close()
    _set_state(connection, State(state.owner, version, rows))
    return [0 if change.value is None else version for change in changes]


def state_of(connection: sqlite3.Connection) -> State:
    """Return the row about all others.

    Raises:
        DamagedError: It is not what was written.
    """
    meta = _meta(connection)
    text = meta.get("state")
    if not isinstance(text, str) or meta.get("checksum") != _checksum(text):
        raise DamagedError("its state is not what was written")
    return msgspec.json.decode(text, type=State)


def _convert(connection: sqlite3.Connection) -> None:
    """Give the rows of schema 1 their checksums, and the state its row."""
    meta = _meta(connection)
    old = connection.execute("SELECT key, version, value FROM ev_energy_checkpoint").fetchall()
    try:
        owner = msgspec.json.decode(meta["owner"], type=tuple[str, str | None, str | None])
        state = msgspec.convert({"owner": owner, "versions": meta["versions"], "rows": len(old)}, State)
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise DamagedError("its owner or its version is missing") from error
    if not all(isinstance(key, str) and isinstance(value, str) and value for key, _, value in old):
        raise DamagedError("one of its rows is not what was written")
    connection.execute("DROP TABLE ev_energy_checkpoint").close()
    connection.execute("DROP TABLE ev_energy_meta").close()
    create(connection)
    connection.executemany("INSERT INTO ev_energy_checkpoint VALUES (?, ?, ?, ?)", _rows(old)).close()
    _set_state(connection, state)


def _rows(rows: Iterable[tuple[str, int, str]]) -> list[tuple[str, int, str, int]]:
    return [_row(*row) for row in rows]


def _row(key: str, version: int, value: str) -> tuple[str, int, str, int]:
    return key, version, value, _row_checksum(key, version, _bytes(value))


def _entry(row: tuple[Any, ...]) -> Entry:
    key, version, value, checksum = row
    if not isinstance(value, str) or _row_checksum(key, version, _bytes(value)) != checksum:
        raise DamagedError("one of its rows is not what was written")
    return Entry(value, version)


def _row_checksum(key: str, version: int, value: bytes) -> int:
    return zlib.crc32(value, _checksum(f"{key}\0{version}\0"))


def _checksum(text: str) -> int:
    return zlib.crc32(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _meta(connection: sqlite3.Connection) -> dict[Any, Any]:
    return dict(connection.execute("SELECT name, value FROM ev_energy_meta").fetchall())


def _set_meta(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute("INSERT OR REPLACE INTO ev_energy_meta VALUES (?, ?)", (name, value)).close()


def _set_state(connection: sqlite3.Connection, state: State) -> None:
    text = msgspec.json.encode(state).decode()
    _set_meta(connection, "state", text)
    _set_meta(connection, "checksum", _checksum(text))
