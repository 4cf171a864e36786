"""The contents of a sink between two flushes: rows to be written, and acknowledgements due with them. No I/O."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async._extras import extra
from ev_energy_async.tables.folder import Part, path_of
from ev_energy_async.tables.rows import KEY, LATE

with extra("tables", __name__, "pyarrow"):
    import pyarrow as pa
    import pyarrow.compute as pc

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator

    from ev_energy_async.tables.rows import Form

__all__ = ["Load", "Written"]

# Models are turned into Arrow so many at a time: a tenth of the memory, and a few milliseconds of the event loop.
_AT_ONCE: Final = 2_000
_DAY: Final = "_ev_day"


@attrs.frozen
class Written:
    """A summary of what was written.

    Attributes:
        rows: New rows.
        repeated: Rows that were there already, and were dropped.
        failed: Devices that could not be read.
        parts: Paths of the new files, below the root.
    """

    rows: int = 0
    repeated: int = 0
    failed: int = 0
    parts: tuple[str, ...] = ()

    def __add__(self, other: Written) -> Written:
        return Written(
            self.rows + other.rows,
            self.repeated + other.repeated,
            self.failed + other.failed,
            self.parts + other.parts,
        )


class _Rows:
    """Rows of one table that wait to be written."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._fresh: list[tuple[Any, str, bool | None, dt.date]] = []
        self._batches: list[pa.RecordBatch] = []

    def add(self, row: Any, key: str, late: bool | None, day: dt.date) -> None:
        self._fresh.append((row, key, late, day))
        if len(self._fresh) >= _AT_ONCE:
            self._pack()

    def parts(self, name: Callable[[], str]) -> Iterator[Part]:
        """Yield one part for each day, sorted by device and time."""
        self._pack()
        everything = pa.Table.from_batches(self._batches)
        self._batches.clear()
        days: list[Any] = everything[_DAY].unique().sort().to_pylist()
        for day in days:
            of_day = everything.filter(pc.equal(everything[_DAY], pa.scalar(day))).drop_columns([_DAY])
            made = of_day.sort_by([(column, "ascending") for column in self._form.sort])
            yield Part(path_of(self._form.table, day, name()), made)

    def _pack(self) -> None:
        if not self._fresh:
            return
        rows, keys, late, days = map(list, zip(*self._fresh, strict=True))
        self._fresh.clear()
        batch = self._form.batch(rows)
        own = (
            (pa.field(KEY, pa.string(), nullable=False), keys),
            (pa.field(LATE, pa.bool_()), late),
            (pa.field(_DAY, pa.date32()), days),
        )
        for field, values in own:
            batch = batch.append_column(field, pa.array(values, type=field.type))
        self._batches.append(batch)


@attrs.define
class Load:
    """The contents of one flush.

    Attributes:
        rows: The rows of each table.
        keys: Their keys.
        known: Keys of rows in earlier parts, whose events were delivered again.
        repeated: How many rows were dropped.
        failed: How many devices could not be read.
        last: The last event of each source: to acknowledge it acknowledges all before it.
        cursor: Where the source goes on after these rows.
        since: When the first of them came, by the clock that never goes back.
    """

    rows: dict[str, _Rows] = attrs.field(factory=dict[str, _Rows])
    keys: set[str] = attrs.field(factory=set[str])
    known: set[str] = attrs.field(factory=set[str])
    repeated: int = 0
    failed: int = 0
    last: dict[int, Any] = attrs.field(factory=dict[int, Any])
    cursor: str | None = None
    since: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write or to acknowledge."""
        return not (self.keys or self.repeated or self.failed or self.last)

    def add(self, row: Any, key: str, form: Form, late: bool | None, now: dt.datetime) -> None:
        """Add a row."""
        rows = self.rows.get(form.table)
        if rows is None:
            rows = self.rows[form.table] = _Rows(form)
        rows.add(row, key, late, form.day(row, now))
        self.keys.add(key)

    def parts(self, name: Callable[[], str]) -> list[Part]:
        """Return the rows as parts, one a table and day."""
        return [part for rows in self.rows.values() for part in rows.parts(name)]
