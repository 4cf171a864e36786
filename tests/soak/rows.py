"""The events that a consumer has received, as rows in its file and for the judge."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async.fleet.events import CycleFinished, ErrorLogged, PollFailed, StatusLogged, WatchEvent

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["INSERT", "MODES", "TABLES", "Finished", "Row", "cycles_of", "read", "row_of", "values_of"]

MODES: Final = ("explicit", "transaction", "next", "batches")
"""Ways of acknowledging: each event once it is written; in the transaction that writes it; by asking for the next
event; batch by batch."""

TABLES: Final = (
    (
        "CREATE TABLE IF NOT EXISTS delivered (number INTEGER PRIMARY KEY AUTOINCREMENT, life INTEGER, key TEXT,"
        " vehicle TEXT, at TEXT, late INTEGER, seen TEXT, cycle TEXT)"
    ),
    "CREATE TABLE IF NOT EXISTS acknowledged (life INTEGER, key TEXT)",
)
_CYCLES: Final = "SELECT key, cycle FROM delivered WHERE cycle IS NOT NULL"
INSERT: Final = "INSERT INTO delivered (life, key, vehicle, at, late, seen, cycle) VALUES (?, ?, ?, ?, ?, ?, ?)"


@attrs.frozen
class Finished:
    """The content of a `CycleFinished`.

    Attributes:
        number: Number of the cycle.
        began: When it began.
        ended: When it ended.
        vehicles: Number of vehicles.
        late: Pages that were read again for late logs.
    """

    number: int
    began: dt.datetime
    ended: dt.datetime
    vehicles: int
    late: int


@attrs.frozen
class Row:
    """A received event.

    Attributes:
        life: The life of the consumer that received it, counted from 0.
        key: Its key.
        vehicle: ID of its vehicle; empty if it has none.
        at: The timestamp of its log; empty if it has none.
        late: Whether it was marked late.
        seen: When it was received.
        cycle: Its content if it is the end of a cycle.
        acknowledged: Whether the consumer has acknowledged it.
    """

    life: int
    key: str
    vehicle: str
    at: str
    late: bool
    seen: dt.datetime
    cycle: Finished | None
    acknowledged: bool = False

    @property
    def place(self) -> str:
        """The collection of its log."""
        return self.key.rpartition("/")[0]

    @property
    def is_trouble(self) -> bool:
        """Whether it reports a failure, which may recur."""
        return "/failed/" in self.key


def row_of(event: WatchEvent, life: int, seen: dt.datetime) -> Row:
    """Return an event as a row."""
    at, late, cycle = "", False, None
    if isinstance(event, StatusLogged | ErrorLogged):
        at, late = event.key.rpartition("/")[2], event.out_of_order
    elif isinstance(event, CycleFinished):
        ended = event.began_at + dt.timedelta(seconds=event.duration)
        cycle = Finished(event.cycle, event.began_at, ended, event.vehicles, event.spent.late)
    elif isinstance(event, PollFailed):
        assert event.error is not None
    return Row(life, event.key, getattr(event, "vehicle_id", ""), at, late, seen, cycle)


def values_of(row: Row) -> tuple[Any, ...]:
    """Return the values for `INSERT`."""
    cycle = row.cycle and json.dumps([getattr(row.cycle, each.name) for each in attrs.fields(Finished)], default=str)
    return row.life, row.key, row.vehicle, row.at, row.late, row.seen.isoformat(), cycle


def cycles_of(path: Path) -> list[dt.datetime]:
    """Return when the cycles began that a sink tells of."""
    database = sqlite3.connect(path)
    try:
        found = dict(database.execute(_CYCLES))
    finally:
        database.close()
    return [dt.datetime.fromisoformat(json.loads(cycle)[1]) for cycle in found.values()]


def read(path: Path, mode: str) -> list[Row]:
    """Return all rows of a sink, in the order received."""
    database = sqlite3.connect(path)
    try:
        sql = "SELECT life, key, vehicle, at, late, seen, cycle FROM delivered ORDER BY number"
        rows = [parsed(*found) for found in database.execute(sql)]
        marks = set(database.execute("SELECT life, key FROM acknowledged"))
    finally:
        database.close()
    return _acknowledged(rows, marks, mode)


def parsed(life: int, key: str, vehicle: str, at: str, late: int, seen: str, cycle: str | None) -> Row:
    finished = None
    if cycle is not None:
        number, began, ended, vehicles, late = json.loads(cycle)
        finished = Finished(number, dt.datetime.fromisoformat(began), dt.datetime.fromisoformat(ended), vehicles, late)
    return Row(life, key, vehicle, at, bool(late), dt.datetime.fromisoformat(seen), finished)


def _acknowledged(rows: list[Row], marks: set[tuple[int, str]], mode: str) -> list[Row]:
    """Return each row with whether it is known to be acknowledged, which is cumulative within a life."""
    if mode == "transaction":
        return [attrs.evolve(row, acknowledged=True) for row in rows]
    told: list[Row] = []
    ended: set[int] = set()
    after: Row | None = None
    for row in reversed(rows):
        by_asking = mode == "next" and after is not None and after.life == row.life
        if by_asking or (row.life, row.key) in marks:
            ended.add(row.life)
        told.append(attrs.evolve(row, acknowledged=row.life in ended))
        after = row
    return told[::-1]
