"""From the fields of a model to the columns of a table: names, Arrow types, and how each value is converted.

The columns follow from the model alone, never from data, so that every file of a table has the same schema. Pure.
"""

from __future__ import annotations

import datetime as dt
import types
import typing
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union, get_args, get_origin
from uuid import UUID

import attrs

from ev_energy_async import codec
from ev_energy_async._base import InvalidArgument
from ev_energy_async._extras import extra
from ev_energy_async.ids import id_text
from ev_energy_async.values import UNSET, Model, UnsetType

with extra("tables", __name__, "pyarrow"):
    import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Column", "columns_of"]

Convert: TypeAlias = "Callable[[Any], Any]"

# What a column of a log is keyed by: the device it is of, and the time that orders its collection.
_LOG_TIMES: Final = ("sampled_at", "logged_at")
_UTC_MICROSECONDS: Final = pa.timestamp("us", tz="UTC")
_DECIMAL: Final = pa.decimal128(38, 9)
_SCALARS: Final[dict[Any, pa.DataType]] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    dt.date: pa.date32(),
}


# There are no more than there are models.
_made: Final[dict[type[Model], tuple[Column, ...]]] = {}


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        name: Its name; the field's, with `_id` added for a reference to another resource.
        field: The field of the model that it is filled from.
        type: Its Arrow type.
        convert: Turns a value of the field, neither `UNSET` nor None, into what Arrow takes.
        nullable: Whether it may be null; only keys may not.
        metadata: Unit and description, where the field has them.
        members: The columns of a nested model, if it is one.
    """

    name: str
    field: str
    type: pa.DataType
    convert: Convert | None = attrs.field(default=None, eq=False, repr=False)
    nullable: bool = True
    metadata: dict[str, str] = attrs.field(factory=dict[str, str])
    members: tuple[Column, ...] = ()

    @property
    def arrow(self) -> pa.Field[Any]:
        """The Arrow field of this column."""
        return pa.field(self.name, self.type, nullable=self.nullable, metadata=self.metadata or None)

    def value(self, owner: Model) -> Any:
        """Return the value of this column for a model: None for unset and null."""
        value = getattr(owner, self.field)
        if value is UNSET or value is None:
            return None
        return value if self.convert is None else self.convert(value)


def columns_of(model: type[Model]) -> tuple[Column, ...]:
    """Return the columns of a model, in the order of its fields.

    Raises:
        InvalidArgument: It is no model of this package, or two of its fields would be one column.
    """
    if not (isinstance(model, type) and issubclass(model, Model)):
        raise InvalidArgument("model", model, "a model of ev_energy_async.models")
    found = _made.get(model)
    if found is None:
        found = _made[model] = _columns(model, ())
    return found


def _columns(model: type[Model], within: tuple[type[Model], ...]) -> tuple[Column, ...]:
    hints = typing.get_type_hints(model)
    keys = _keys(model, hints)
    made = [_column(each, hints[each.name], keys, (*within, model)) for each in attrs.fields(model)]
    names = [each.name for each in made]
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgument("model", model.__name__, f"fields that make one column each; two make {name!r}")
    return tuple(made)


def _keys(model: type[Model], hints: dict[str, Any]) -> set[str]:
    """Return the fields that are never null: the ID of a resource; the device and the time of a log."""
    if "id" in hints:
        return {"id"}
    if not model.__name__.endswith("Log"):
        return set()
    time = next((name for name in _LOG_TIMES if name in hints), None)
    device = next((name for name, hint in hints.items() if _reference(_members(hint)) is not None), None)
    return {name for name in (time, device) if name is not None}


def _column(each: Any, hint: Any, keys: set[str], within: tuple[type[Model], ...]) -> Column:
    members = _members(hint)
    metadata = {key: str(text) for key, text in each.metadata.items() if key in {"unit", "description"}}
    nullable = each.name not in keys
    reference = _reference(members)
    if reference is not None:
        return Column(f"{each.name}_id", each.name, pa.string(), _id_of, nullable, metadata)
    kind, convert, nested = _type(members, within)
    if convert is _ids_of:
        return Column(f"{each.name}_ids", each.name, kind, convert, nullable, metadata)
    return Column(each.name, each.name, kind, convert, nullable, metadata, nested)


def _members(hint: Any) -> tuple[Any, ...]:
    """Return the types that a value may have, absent and null aside."""
    kinds = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    flat: list[Any] = []
    for kind in kinds:
        if get_origin(kind) is typing.Annotated:
            flat += _members(get_args(kind)[0])
        elif kind not in {UnsetType, types.NoneType}:
            flat.append(kind)
    return tuple(flat)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _reference(members: tuple[Any, ...]) -> type[Model] | None:
    """Return the model that a reference field may be expanded to, if it is one: a URL or a resource with an ID."""
    models = [kind for kind in members if _is_model(kind)]
    if str in members and len(models) == 1 and "id" in {each.name for each in attrs.fields(models[0])}:
        found: type[Model] = models[0]
        return found
    return None


def _type(
    members: tuple[Any, ...], within: tuple[type[Model], ...]
) -> tuple[pa.DataType, Convert | None, tuple[Column, ...]]:
    """Return Arrow type, conversion, and the columns of a nested model."""
    models = [kind for kind in members if _is_model(kind)]
    if len(models) == 1 and set(members) <= {str, models[0]} and models[0] not in within:
        nested = _columns(models[0], within)
        return pa.struct([each.arrow.with_nullable(True) for each in nested]), _struct_of(models[0], nested), nested
    if len(members) == 1:
        [kind] = members
        if kind in _SCALARS:
            return _SCALARS[kind], None, ()
        if kind is dt.datetime:
            return _UTC_MICROSECONDS, _utc, ()
        if kind is Decimal:
            return _DECIMAL, _decimal, ()
        if kind is UUID or get_origin(kind) is Literal:
            return pa.string(), str, ()
        if isinstance(kind, type) and issubclass(kind, IntEnum):
            return pa.int64(), int, ()
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return pa.dictionary(pa.int32(), pa.string()), _text, ()
        if get_origin(kind) is list:
            inner = _members(get_args(kind)[0])
            if _reference(inner) is not None:
                return pa.list_(pa.string()), _ids_of, ()
            item, convert, _ = _type(inner, within)
            if convert is None:
                return pa.list_(item), None, ()
            return pa.list_(item), _each(convert), ()
    # Objects of any shape, alternatives, and models that hold themselves.
    return pa.string(), _json, ()


def _id_of(value: Any) -> str | None:
    """Return the ID that a reference stands for; the text itself if there is none in it."""
    try:
        return id_text("reference", value)
    except InvalidArgument:
        return value if isinstance(value, str) else None


def _ids_of(values: Any) -> list[str | None]:
    return [_id_of(value) for value in values]


def _utc(value: dt.datetime) -> dt.datetime:
    return value.astimezone(dt.UTC) if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)


def _decimal(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1e-9"))


def _text(value: StrEnum) -> str:
    return value.value


def _json(value: Any) -> str:
    return codec.encode(value).decode()


def _each(convert: Convert) -> Convert:
    return lambda values: [None if value is None else convert(value) for value in values]


def _struct_of(model: type[Model], columns: tuple[Column, ...]) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if isinstance(value, model):
            return {each.name: each.value(value) for each in columns}
        # What was not expanded is known by its URL alone.
        return {"url": value}

    return convert
