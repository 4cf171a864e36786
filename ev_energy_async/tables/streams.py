"""Complete lists as one table, and endless sources as record batches of bounded size."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from ev_energy_async._base import InvalidArgument
from ev_energy_async.calls import Paginator
from ev_energy_async.fleet import Backfill, CycleFinished
from ev_energy_async.tables.build import record_batch, table
from ev_energy_async.tables.lean import lean_of, model_of
from ev_energy_async.tables.rows import row_of
from ev_energy_async.values import Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Generator

    import pyarrow as pa

__all__ = ["Batch", "batches", "collect", "lean_events"]

M = TypeVar("M", bound=Model)

_ROWS: Final = 10_000


@attrs.frozen(eq=False)
class Batch:
    """Rows of one model.

    Attributes:
        model: The model that the rows are of.
        rows: The rows.
        events: What the rows came from, and what came between them without a row, as a vehicle that could not be read.
            A backfill's have a lean row for their `log`: `rows` is where its values are.
    """

    model: type[Model]
    rows: pa.RecordBatch
    events: tuple[Any, ...] = attrs.field(default=(), repr=False)

    async def ack(self) -> None:
        """Acknowledge every event of the batch, once its rows are safe; nothing if the source has no such thing.

        Raises:
            CheckpointError: The checkpoint of the watch refused.
        """
        for event in self.events:
            acknowledge = getattr(event, "ack", None)
            if acknowledge is not None:
                await acknowledge()


async def collect(items: AsyncIterable[M], model: type[M] | None = None, *, flatten: bool = False) -> pa.Table:
    """Return a complete list as a table.

    Args:
        items: A paginator, or any other asynchronous iterable of models of one class.
        model: Their class; needed where there may be none of them.
        flatten: Whether nested models become columns of their own, as in `location__latitude`.

    Raises:
        InvalidArgument: The items are not of one class, or there are none and `model` is not given.
        EvEnergyError: What reading the list raises.

    Example:
        >>> vehicles = await collect(ev.vehicles.list(), Vehicle)  # doctest: +SKIP
    """
    with _lean(items) as rows:
        return table([item async for item in rows], model, flatten=flatten)


async def batches(source: AsyncIterable[Any], *, size: int = _ROWS) -> AsyncIterator[Batch]:
    """Yield what a source brings as record batches, one model each.

    Lists and other sources of models give their items; backfills and watches give the log of each event. What a watch
    has brought is yielded at the end of each of its cycles, even if it is little. A backfill that is used otherwise
    afterwards gives logs again, after the rows that it had already read.

    Args:
        source: An asynchronous iterable of models, or of events with a `log`.
        size: Maximum number of rows in a batch.

    Raises:
        InvalidArgument: `size` is not above zero.

    Example:
        >>> async for batch in batches(ev.fleet.logs("status", since=last_week)):  # doctest: +SKIP
        ...     write(batch.rows)
        ...     await batch.ack()
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidArgument("size", size, "a number of rows above zero")
    waiting: dict[type[Model], _Rows] = {}
    rowless: list[Any] = []
    with _lean(source) as items:
        async for item in items:
            row = row_of(item)
            if row is None or isinstance(row, CycleFinished):
                rowless.append(item)
                if isinstance(item, CycleFinished):
                    for rows in _emptied(waiting):
                        yield rows.batch(rowless)
                continue
            model = model_of(row.__class__)
            if model not in waiting:
                waiting[model] = _Rows(model)
            rows = waiting[model]
            rows.add(row, item)
            if len(rows.rows) >= size:
                yield waiting.pop(model).batch(rowless)
    for rows in _emptied(waiting):
        yield rows.batch(rowless)


@contextlib.contextmanager
def lean_events(source: AsyncIterable[Any]) -> Generator[AsyncIterable[Any]]:
    """Let the events of a backfill have lean rows in place of models until the end of the block; others stay."""
    if not isinstance(source, Backfill):
        yield source
        return
    source.lean(lean_of)
    try:
        yield cast("AsyncIterable[Any]", source)
    finally:
        source.lean(None)


@contextlib.contextmanager
def _lean(source: AsyncIterable[Any]) -> Generator[AsyncIterable[Any]]:
    """Give a source that has lean rows in place of models, if it can, until the end of the block."""
    if isinstance(source, Paginator):
        of_models: Paginator[Any] = source
        yield of_models.lean(lean_of)
    else:
        with lean_events(source) as events:
            yield events


def _emptied(waiting: dict[type[Model], _Rows]) -> list[_Rows]:
    rows = list(waiting.values())
    waiting.clear()
    return rows


class _Rows:
    """Rows that wait for their batch to be full."""

    def __init__(self, model: type[Model]) -> None:
        self.rows: list[Any] = []
        self._model = model
        self._events: list[Any] = []

    def add(self, row: Any, event: Any) -> None:
        self.rows.append(row)
        if event is not row:
            self._events.append(event)

    def batch(self, rowless: list[Any]) -> Batch:
        """Return the batch, with what came without a row, which is then taken care of."""
        events = (*self._events, *rowless)
        rowless.clear()
        return Batch(self._model, record_batch(self.rows, self._model), events)
