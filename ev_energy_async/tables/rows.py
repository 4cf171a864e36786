"""From what lists, backfills and watches yield to rows: the table of each, its key, and the day it belongs to. Pure.

A key is the same whenever a row is delivered again: that of its event, else device, log and time of a log, else the ID
of a resource and a digest of its content, so that a resource that has changed is another row.
"""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async import codec
from ev_energy_async._extras import extra
from ev_energy_async.devices import DEVICES, place
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.fleet import CycleFinished
from ev_energy_async.ids import id_text
from ev_energy_async.tables.build import record_batch, schema
from ev_energy_async.tables.columns import columns_of
from ev_energy_async.tables.lean import Lean, model_of
from ev_energy_async.tables.lock import table_of
from ev_energy_async.values import Model

with extra("tables", __name__, "pyarrow"):
    import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CYCLES", "KEY", "LATE", "Form", "form_of", "row_of"]

KEY: Final = "_ev_key"
"""The column of keys."""
LATE: Final = "_ev_late"
"""The column that says whether the API stored a log late; null where the source does not say."""
CYCLES: Final = "cycle_finished"
"""The table of the cycles of watches."""

_ROWS: Final = (Lean, Model, CycleFinished)
# Where an event keeps what it is about.
_HELD: Final = ("log", "session")
_STORED: Final = "logged_at"
_LOGS: Final = {log for row in DEVICES.values() for log in row.logs}
_FIELDS: Final[list[pa.Field[Any]]] = [
    pa.field("cycle", pa.int64(), nullable=False),
    pa.field("began_at", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("duration", pa.float64(), metadata={"unit": "s"}),
    pa.field("every", pa.float64(), metadata={"unit": "s"}),
    pa.field("complete_within", pa.float64(), metadata={"unit": "s"}),
    pa.field("fits", pa.bool_()),
    *(pa.field(name, pa.int64()) for name in ("vehicles", "changed", "waiting", "failed")),
    pa.field(
        "spent",
        pa.struct([(name, pa.int64()) for name in ("snapshot", "history", "errors", "late", "checks")]),
        metadata={"unit": "requests"},
    ),
    pa.field(
        "lateness",
        pa.struct([(name, pa.float64()) for name in ("p50", "p90", "p99", "longest")]),
        metadata={"unit": "s"},
    ),
    pa.field("budget_remaining", pa.int64(), metadata={"unit": "requests"}),
]
_CYCLE: Final = pa.schema(_FIELDS, metadata={"table": CYCLES, "table_version": "1"})


@attrs.frozen
class Form:
    """The storage of one kind of rows.

    Attributes:
        table: The name of their table.
        schema: Their columns.
        sort: The columns that they are sorted by in a file: device and time.
        batch: Makes a batch of some of them.
        key: Returns the key of one.
        day: Returns the day that one belongs to, given the present: for logs the day on which the API stored it.
    """

    table: str
    schema: pa.Schema
    sort: tuple[str, ...]
    batch: Callable[[list[Any]], pa.RecordBatch]
    key: Callable[[Any], str]
    day: Callable[[Any, dt.datetime], dt.date]


_forms: Final[dict[type, Form]] = {}


def row_of(item: Any) -> Any:
    """Return the row in an item: a model, a lean row, the log of an event, a finished cycle; None if there is none."""
    if isinstance(item, _ROWS):
        return item
    for name in _HELD:
        held = getattr(item, name, None)
        if isinstance(held, _ROWS):
            return held
    return None


def form_of(row: Any) -> Form:
    """Return how a row is kept.

    Raises:
        InvalidArgument: It is of no model of this package.
    """
    kind = type(row)
    found = _forms.get(kind)
    if found is None:
        found = _forms[kind] = _cycles() if kind is CycleFinished else _models(model_of(kind))
    return found


def _models(model: type[Model]) -> Form:
    locked = table_of(model)
    keys = [column for column in columns_of(model) if not column.nullable]
    times = [column for column in keys if pa.types.is_timestamp(column.kind.type)]
    devices = [column for column in keys if column not in times]
    is_log = bool(times)
    log = next((each for each in _LOGS if locked.table.endswith(f"_{each}_log")), locked.table)

    def key(row: Any) -> str:
        if not is_log:
            digest = hashlib.sha256(codec.encode(row)).hexdigest()[:16]
            return f"{getattr(row, 'id', locked.table)}/{digest}"
        [time] = times
        owner = id_text(devices[0].field, getattr(row, devices[0].field)) if devices else locked.table
        try:
            return f"{owner}/{log}/{place(row, time.field).text}"
        except DecodeError as error:
            raise InvalidArgument(time.field, getattr(row, time.field), "a time, since it is a key") from error

    def day(row: Any, now: dt.datetime) -> dt.date:
        if not is_log:
            return now.astimezone(dt.UTC).date()
        stored = getattr(row, _STORED, None)
        time: dt.datetime = stored if isinstance(stored, dt.datetime) else getattr(row, times[0].field)
        return (time.astimezone(dt.UTC) if time.tzinfo is not None else time).date()

    return Form(
        locked.table,
        schema(model),
        tuple(column.name for column in (*devices, *times)),
        lambda rows: record_batch(rows, model),
        key,
        day,
    )


def _cycles() -> Form:
    def batch(rows: list[Any]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([attrs.asdict(each) for each in rows], schema=_CYCLE)

    def day(row: CycleFinished, _now: dt.datetime) -> dt.date:
        return row.began_at.astimezone(dt.UTC).date()

    return Form(CYCLES, _CYCLE, ("began_at",), batch, lambda row: row.key, day)
