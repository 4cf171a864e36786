"""Looks into the types of documents: their members, their fields and their names in messages.

The modules of `codec` use it. Pure; nothing here reads a document.
"""

from __future__ import annotations

import types
from functools import lru_cache
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import attrs
import msgspec
from msgspec.structs import replace

from ev_energy_async.values import Model, UnsetType

__all__ = [
    "NONE",
    "Shape",
    "hints",
    "shape",
    "is_model",
    "is_union",
    "members",
    "optional",
    "origin",
    "reachable",
    "spoken",
]

NONE: Final = type(None)


@lru_cache(maxsize=1024)
def hints(into: Any) -> dict[str, Any]:
    """Return the types of a model's fields."""
    return get_type_hints(into, include_extras=True)


class Field(msgspec.Struct, frozen=True):
    """A field of a model: its name in Python, its key, its type, and whether its key must be there."""

    name: str
    key: str
    hint: Any
    required: bool


class Shape(msgspec.Struct, frozen=True):
    """A model: its fields, and the type and the field of keys beyond theirs; None for a model that drops them."""

    fields: tuple[Field, ...]
    keys: frozenset[str]
    more: Field | None


@lru_cache(maxsize=1024)
def shape(into: Any) -> Shape:
    """Return the fields of a model."""
    kinds = hints(into)
    every = [
        (a, Field(a.name, a.metadata.get("wire", a.name), kinds[a.name], a.default is attrs.NOTHING))
        for a in into.__attrs_attrs__
    ]
    own = tuple(field for a, field in every if "open" not in a.metadata)
    # The field of further keys holds a mapping of them.
    more = [replace(field, hint=get_args(optional(field.hint)[0])[1]) for a, field in every if "open" in a.metadata]
    return Shape(own, frozenset(field.key for field in own), more[0] if more else None)


def origin(into: Any) -> Any:
    """Return the generic type of a type with parameters, e.g. `list` of `list[str]`; None for one without."""
    return get_origin(into)


def is_model(into: Any) -> bool:
    """Return whether a type is a model."""
    return isinstance(into, type) and issubclass(into, Model)


def is_union(into: Any) -> bool:
    """Return whether a type is a union."""
    return get_origin(into) in (Union, types.UnionType)


def members(into: Any) -> list[Any]:
    """Return the members of a union, beside null and unset; of anything else, the type itself."""
    every = get_args(into) if is_union(into) else (into,)
    return [member for member in every if member not in (NONE, UnsetType)]


def optional(hint: Any) -> tuple[Any, bool]:
    """Return the only type of a hint apart from null and unset (or the hint itself), and whether it takes null."""
    every = get_args(hint) if is_union(hint) else (hint,)
    plain = [get_args(m)[0] if get_origin(m) is Annotated else m for m in every if m not in (NONE, UnsetType)]
    return (plain[0] if len(plain) == 1 else hint), NONE in every or Any in plain or object in plain


@lru_cache(maxsize=1024)
def reachable(into: Any) -> tuple[Any, ...]:
    """Return a type and all that it contains."""
    found: dict[Any, None] = {}
    waiting = [into]
    while waiting:
        each = waiting.pop()
        if each in found:
            continue
        found[each] = None
        if is_model(each):
            waiting += hints(each).values()
        elif get_origin(each) is Annotated:
            waiting.append(get_args(each)[0])
        else:
            waiting += get_args(each)
    return tuple(found)


def spoken(into: Any) -> str:
    """Return the name of a type in messages."""
    if is_union(into):
        return " or ".join(sorted(map(spoken, members(into))))
    kind = get_origin(into) or into
    if kind is Annotated:
        return spoken(get_args(into)[0])
    return str(getattr(kind, "__name__", kind))
