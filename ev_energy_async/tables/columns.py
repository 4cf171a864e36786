"""From the fields of a model to the columns of a table: Arrow types, and arrays made of the values of many models.

The columns follow from the model alone, never from data, so that every file of a table has the same schema. Arrays are
made a column at a time: what Arrow takes as it is gets no Python object of its own. The generator keeps the same types
in its lock file (`generator/columns.py`). Pure.
"""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import datetime as dt
import decimal
import operator
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ev_energy_async import codec, models
from ev_energy_async._base import InvalidArgument
from ev_energy_async._extras import extra
from ev_energy_async.ids import id_text
from ev_energy_async.tables.lock import table_of
from ev_energy_async.values import UNSET, Model

with extra("tables", __name__, "pyarrow"):
    import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Column", "columns_of", "values_of"]

Values: TypeAlias = "Sequence[Any]"
"""The values of a column; None for unset and null."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DURATION: Final = pa.duration("us")
_UTC_MICROSECONDS: Final = pa.timestamp("us", tz="UTC")
_ENUM: Final = pa.dictionary(pa.int32(), pa.string())
_DIGITS, _PLACES = 38, 9
_DECIMAL: Final = pa.decimal128(_DIGITS, _PLACES)
_EXACT: Final = decimal.Context(prec=_DIGITS)
_STEP: Final = decimal.Decimal(1).scaleb(-_PLACES)
_NESTED: Final = re.compile(r"(struct|list)<(.+)>")


class Kind:
    """A type of columns: what it is in Arrow, and how values become an array of it.

    Args:
        type: The Arrow type.
        array: Makes the array; by default Arrow takes the values as they are.
        lean: The type that lean rows have in place of the model's, where it takes the same documents.
    """

    def __init__(
        self,
        type: pa.DataType,  # noqa: A002  # as Arrow calls it
        array: Callable[[Values], pa.Array[Any]] | None = None,
        lean: Any = None,
    ) -> None:
        self.type = type
        self.lean = lean
        self._array = array

    def array(self, values: Values) -> pa.Array[Any]:
        """Return the array of some values."""
        return pa.array(values, type=self.type) if self._array is None else self._array(values)


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        name: Its name; the field's, with `_id` added for a reference to another resource.
        field: The field of the model that it is filled from.
        kind: Its type.
        nullable: Whether it may be null; only keys may not.
        metadata: Unit and description, where the field has them.
    """

    name: str
    field: str
    kind: Kind = attrs.field(repr=False)
    nullable: bool = True
    metadata: dict[str, str] = attrs.field(factory=dict[str, str])

    @property
    def arrow(self) -> pa.Field[Any]:
        """The Arrow field of this column."""
        return pa.field(self.name, self.kind.type, nullable=self.nullable, metadata=self.metadata or None)

    def array(self, values: Values) -> pa.Array[Any]:
        """Return the array of the values of this column.

        Raises:
            InvalidArgument: One of them is too large for its type, or is None and a key.
        """
        try:
            made = self.kind.array(values)
        except _UNFIT:
            index = next(i for i, value in enumerate(values) if not self._takes(value))
            raise InvalidArgument(
                f"items[{index}].{self.field}", values[index], f"a value that fits {self.kind.type}"
            ) from None
        if made.null_count and not self.nullable:
            index = made.is_null().to_pylist().index(True)
            raise InvalidArgument(f"items[{index}].{self.field}", values[index], "a value, since it is a key")
        return made

    def _takes(self, value: Any) -> bool:
        try:
            self.kind.array([value])
        except _UNFIT:
            return False
        return True


# Numbers beyond the bounds of their type, times beyond the calendar, text with half a character.
_UNFIT: Final = (pa.ArrowException, OverflowError, UnicodeError, TypeError, decimal.InvalidOperation)
# There are no more than there are models.
_made: Final[dict[type[Model], tuple[Column, ...]]] = {}


def columns_of(model: type[Model]) -> tuple[Column, ...]:
    """Return the columns of a model, in the order of its fields.

    Raises:
        InvalidArgument: It is no model of this package.
    """
    locked = table_of(model)
    found = _made.get(model)
    if found is None:
        found = _made[model] = tuple(
            Column(
                name=each.name,
                field=each.field or each.name,
                kind=_kind(each.type),
                nullable=not each.key,
                metadata={
                    name: text for name, text in (("unit", each.unit), ("description", each.description)) if text
                },
            )
            for each in locked.columns
        )
    return found


def values_of(items: Sequence[Any], fields: Sequence[str]) -> list[list[Any]]:
    """Return the values of some fields of many models, a list each field; None for unset and null."""
    # A field at a time: a tuple for each item would keep the garbage collector busy.
    return [[None if v is UNSET else v for v in map(operator.attrgetter(field), items)] for field in fields]


def _kind(text: str) -> Kind:
    """Return the type that the lock file names."""
    nested = _NESTED.fullmatch(text)
    if nested is None:
        return _KINDS[text]
    if nested[1] == "list":
        return _list_of(_kind(nested[2]))
    model: type[Model] = getattr(models, nested[2])
    return _struct_of(model, columns_of(model))


def _list_of(item: Kind) -> Kind:
    made = pa.list_(item.type)

    def array(values: Values) -> pa.Array[Any]:
        ends = accumulate((0 if value is None else len(value) for value in values), initial=0)
        inner = [None if each is UNSET else each for value in values if value is not None for each in value]
        offsets = pa.array(list(ends), type=pa.int32())
        return pa.ListArray.from_arrays(offsets, item.array(inner), type=made, mask=_nulls(values))

    return Kind(made, array)


def _struct_of(model: type[Model], columns: tuple[Column, ...]) -> Kind:
    # Keys too may be null where the model itself is.
    fields = [each.arrow.with_nullable(True) for each in columns]

    def array(values: Values) -> pa.Array[Any]:
        rows = [value for value in values if isinstance(value, model)]
        taken = values_of(rows, [each.field for each in columns])
        if len(rows) < len(values):
            taken = [_spread(values, model, column, each.name) for column, each in zip(taken, columns, strict=True)]
        arrays = [each.kind.array(column) for each, column in zip(columns, taken, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=fields, mask=_nulls(values))

    return Kind(pa.struct(fields), array)


def _spread(values: Values, model: type[Model], column: list[Any], name: str) -> list[Any]:
    """Return the values of a nested column at the places of their owners.

    What was not expanded is known by its URL alone.
    """
    left = iter(column)
    return [
        next(left) if isinstance(value, model) else value if name == "url" and isinstance(value, str) else None
        for value in values
    ]


def _nulls(values: Values) -> pa.Array[Any] | None:
    return pa.array([value is None for value in values]) if None in values else None


def _times(values: Values) -> pa.Array[Any]:
    try:
        since = [None if value is None else value - _EPOCH for value in values]
    except TypeError:  # one of a model made by hand, without its zone, which is UTC here as everywhere
        aware = [v.replace(tzinfo=dt.UTC) if v is not None and v.tzinfo is None else v for v in values]
        since = [None if value is None else value - _EPOCH for value in aware]
    return pa.array(since, type=_DURATION).view(pa.int64()).view(_UTC_MICROSECONDS)


def _enums(values: Values) -> pa.Array[Any]:
    # Members are texts themselves. To have Arrow find the distinct ones is thirty times as fast as `type=_ENUM`.
    return pa.array(values, type=pa.string()).dictionary_encode()


def _ids(values: Values) -> pa.Array[Any]:
    try:
        # The logs of one device all name it.
        known = {value: _id_of(value) for value in set(values)}
    except TypeError:  # some are expanded
        return pa.array([None if value is None else _id_of(value) for value in values], type=pa.string())
    return pa.array([*map(known.__getitem__, values)], type=pa.string())


def _id_of(value: Any) -> str | None:
    """Return the ID that a reference stands for; the text itself if there is none in it."""
    try:
        return id_text("reference", value)
    except InvalidArgument:
        return value if isinstance(value, str) else None


def _decimals(values: Values) -> pa.Array[Any]:
    made = [None if value is None else value.quantize(_STEP, context=_EXACT) for value in values]
    return pa.array(made, type=_DECIMAL)


def _texts(values: Values) -> pa.Array[Any]:
    return pa.array([None if value is None else str(value) for value in values], type=pa.string())


def _documents(values: Values) -> pa.Array[Any]:
    made = [None if value is None else codec.encode(value).decode() for value in values]
    return pa.array(made, type=pa.string())


_KINDS: Final[dict[str, Kind]] = {
    "string": Kind(pa.string()),
    "int64": Kind(pa.int64()),
    "float64": Kind(pa.float64()),
    "bool": Kind(pa.bool_()),
    "date": Kind(pa.date32()),
    "timestamp": Kind(_UTC_MICROSECONDS, _times),
    "decimal": Kind(_DECIMAL, _decimals),
    "uuid": Kind(pa.string(), _texts),
    "enum": Kind(_ENUM, _enums, lean=str),  # any text is a member of an open enum
    "id": Kind(pa.string(), _ids, lean=str),  # unless it is expanded
    "json": Kind(pa.string(), _documents),
}
