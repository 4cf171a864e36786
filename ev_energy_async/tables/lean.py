"""Lean rows: what a page of a list is decoded to when its models are wanted as columns alone.

A lean type has the keys and types of its model, so that it takes the documents that the model takes to the letter, and
no others: pages that it refuses are decoded to models, as always. Columns are made of both alike. Pure.
"""

from __future__ import annotations

import types
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

import msgspec

from ev_energy_async.codec import decoder, is_model, reachable, shape
from ev_energy_async.tables.columns import columns_of
from ev_energy_async.values import UnsetType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.values import Model

__all__ = ["Lean", "lean_of", "lean_values", "model_of"]


class Lean(msgspec.Struct, gc=False):
    """A row without a model: the values of its columns, in their order; None for unset and null."""


# There are no more than there are models.
_models: Final[dict[type, type[Model]]] = {}


@lru_cache(maxsize=1024)
def lean_of(model: Any) -> type[Lean] | None:
    """Return the lean type of a model; None for one that holds one of several models, or keeps unknown keys."""
    if not is_model(model) or shape(model).more is not None:
        return None
    fields = {each.name: each for each in shape(model).fields}
    leans: list[Any] = []
    for column in columns_of(model):
        field = fields[column.field]
        hint = _lean_hint(field.hint, column.kind.lean)
        if any(is_model(each) and shape(each).more is not None for each in reachable(hint)):
            return None
        leans.append((field.name, hint) if field.required else (field.name, hint, None))
    keys = {field.name: field.key for field in fields.values()}
    # One without a default may stand anywhere among keywords.
    made: Any = msgspec.defstruct(model.__name__, leans, bases=(Lean,), rename=keys, kw_only=True)
    if decoder(made) is None:
        return None
    _models[made] = model
    lean: type[Lean] = made
    return lean


def model_of(kind: type) -> type:
    """Return the model of lean rows; any other type itself."""
    return _models.get(kind, kind)


def _lean_hint(hint: Any, lean: Any) -> Any:
    """Return the type of a lean field: unset is null, which no document tells apart in a column."""
    every = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    kept = [each for each in every if each is not UnsetType and (lean is None or each is types.NoneType)]
    return Union[(*kept, *([] if lean is None else [lean]))]  # of a list of types


def lean_values(rows: Sequence[Lean]) -> list[list[Any]]:
    """Return the values of each column, in their order."""
    if not rows:
        return []
    # One list: a tuple for each row that is kept would wake the garbage collector.
    values: list[Any] = []
    for row in map(msgspec.structs.astuple, rows):
        values += row
    count = len(rows[0].__struct_fields__)
    return [values[column::count] for column in range(count)]
