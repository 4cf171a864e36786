"""Lets attrs take values that are `msgspec.Struct`s.

Those are made in C, in a tenth of the time that a frozen class of attrs takes, and their classes in a third of it: what
every call makes, and what the first one imports. Imports nothing of ours.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import attrs

__all__ = ["WithAttributes"]


class _Attributes:
    """The attributes of a struct as attrs describes those of its classes, made when they are first asked for."""

    def __get__(self, instance: object, owner: Any) -> Any:
        return _described(owner)


@cache
def _described(owner: Any) -> Any:
    fields = {name: attrs.field(type=kind) for name, kind in inspect.get_annotations(owner).items()}
    return attrs.fields(attrs.make_class(owner.__name__, fields))


class WithAttributes:
    """A struct that `attrs.asdict`, `attrs.evolve` and `attrs.fields` take like any other value of the package."""

    __slots__ = ()

    __attrs_attrs__ = _Attributes()
