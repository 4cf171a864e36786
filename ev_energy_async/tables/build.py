"""Schemas and tables of models."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async._base import InvalidArgument
from ev_energy_async._extras import extra
from ev_energy_async.api._document import DOCUMENT, DOCUMENT_VERSION, SHA256
from ev_energy_async.tables.columns import columns_of, values_of
from ev_energy_async.tables.lean import lean_values, model_of
from ev_energy_async.tables.lock import table_of

with extra("tables", __name__, "pyarrow"):
    import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ev_energy_async.values import Model

__all__ = ["record_batch", "schema", "table"]

# There are no more than there are models.
_schemas: Final[dict[type[Model], pa.Schema]] = {}


def schema(model: type[Model], *, flatten: bool = False) -> pa.Schema:
    """Return the Arrow schema of a model: one column a field, in the field's name.

    A reference to another resource is `<field>_id`, a list of them `<field>_ids`; a nested model is a struct; objects
    of any shape are JSON text; enums are dictionary-encoded strings, times are UTC in microseconds, decimals
    `decimal128(38, 9)`. Only keys (the `id` of a resource, device and time of a log) are never null. Columns carry the
    unit of their field as metadata, the schema carries the document that it was generated from.

    Args:
        model: A class of `ev_energy_async.models`.
        flatten: Whether nested models become columns of their own, as in `location__latitude`.

    Raises:
        InvalidArgument: It is no model.

    Example:
        >>> schema(Vehicle).field("vin")  # doctest: +SKIP
    """
    made = _nested_schema(model)
    return _flat_schema(made) if flatten else made


def _nested_schema(model: type[Model]) -> pa.Schema:
    columns, locked = columns_of(model), table_of(model)
    if model in _schemas:
        return _schemas[model]
    metadata: dict[bytes | str, bytes | str] = {
        "model": model.__name__,
        "table": locked.table,
        "table_version": str(locked.version),
        "document": DOCUMENT,
        "document_version": DOCUMENT_VERSION,
        "document_sha256": SHA256,
    }
    made = _schemas[model] = pa.schema([each.arrow for each in columns], metadata=metadata)
    return made


def table(items: Iterable[Model], model: type[Model] | None = None, *, flatten: bool = False) -> pa.Table:
    """Return a table of models, one row each.

    Args:
        items: Models of one class.
        model: Their class; needed where there may be none of them.
        flatten: Whether nested models become columns of their own, as in `location__latitude`.

    Raises:
        InvalidArgument: They are not of one class, or a key is missing in one.

    Example:
        >>> frame = table(await ev.vehicles.list().all(), Vehicle).to_pandas()  # doctest: +SKIP
    """
    rows = list(items)
    if model is None:
        if not rows:
            raise InvalidArgument("model", None, "the class of the items, since the list is empty")
        model = model_of(type(rows[0]))
    made = pa.Table.from_batches([record_batch(rows, model)])
    return _flat_table(made) if flatten else made


def record_batch(rows: list[Any], model: type[Model]) -> pa.RecordBatch:
    """Return one batch of models of one class, or of their lean rows."""
    columns = columns_of(model)
    kinds = set[type](map(type, rows))
    for kind in kinds:
        if model_of(kind) is not model:
            index = next(i for i, row in enumerate(rows) if type(row) is kind)
            raise InvalidArgument(f"items[{index}]", kind, f"a {model.__name__}")
    is_lean = bool(kinds) and model not in kinds
    values = lean_values(rows) if is_lean else values_of(rows, [column.field for column in columns])
    arrays = [column.array(each) for column, each in zip(columns, values, strict=True)]
    return pa.record_batch(arrays, schema=_nested_schema(model))


def _flat_schema(nested: pa.Schema) -> pa.Schema:
    made = pa.schema([field for each in nested for field in _flat(each, "", nullable=False)])
    return made.with_metadata(nested.metadata)


def _flat(field: pa.Field[Any], before: str, *, nullable: bool) -> Iterator[pa.Field[Any]]:
    name, may_be_null = before + field.name, nullable or field.nullable
    if isinstance(field.type, pa.StructType):
        for index in range(field.type.num_fields):
            yield from _flat(field.type.field(index), f"{name}__", nullable=may_be_null)
    else:
        yield field.with_name(name).with_nullable(may_be_null)


def _flat_table(nested: pa.Table) -> pa.Table:
    made = nested
    while any(isinstance(field.type, pa.StructType) for field in made.schema):
        made = made.flatten()
    return pa.Table.from_arrays(made.columns, schema=_flat_schema(nested.schema))
