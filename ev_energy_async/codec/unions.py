"""The member of a union that a JSON value is meant for.

Objects: by the discriminator, then by the values that an enum of a member lists, then by the fewest unknown and missing
keys. Text and numbers: by the listed values, then by the strictest type that takes them. Both ways of decoding ask;
nothing here decodes.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args
from uuid import UUID

from ev_energy_async.codec.types import is_union, members, origin, shape
from ev_energy_async.values import Model, is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["choose_model", "choose_scalar", "may_be"]

# The strictest first: what is no UUID may still be a time, and anything is text.
_TEXTS: Final = (UUID, dt.datetime, dt.date, Decimal, str)


def may_be(member: Any, value: object) -> bool:
    """Whether a JSON value is of the kind that a member of a union takes."""
    kind = origin(member) or member
    if kind is Annotated:
        return may_be(get_args(member)[0], value)
    if member is Any:
        return True
    if is_object(value):
        return kind is dict or (isinstance(kind, type) and issubclass(kind, Model))
    if is_array(value):
        return kind is list
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, int | float):
        return isinstance(kind, type) and issubclass(kind, (int, float, Decimal)) and kind is not bool
    return isinstance(kind, type) and issubclass(kind, (str, dt.date, UUID, Decimal)) and value is not None


def choose_model(fits: list[Any], keys: Collection[str], read: Callable[[str], object]) -> tuple[list[Any], bool]:
    """Return the members that an object may be meant for, the likeliest first, and whether that one is a guess.

    Args:
        fits: The members that are models.
        keys: The keys of the object.
        read: Returns the value of a key.
    """
    chosen = _by_discriminator(fits, keys, read)
    if len(chosen) == 1:
        return chosen, len(fits) > 1 and not chosen[0].__tags__
    scores = sorted(((_score(each, keys, read), i, each) for i, each in enumerate(chosen)), key=lambda s: s[:2])
    (wrong, listed, unknown, missing), *others = (score for score, _, _ in scores)
    if all((wrong, listed) < other[:2] for other in others):
        # A value that one member lists, and no other: an error in the rest is an error of that member.
        return [scores[0][2]], False
    is_guess = bool(unknown or missing) or any(not (other[2] or other[3]) for other in others)
    return [each for _, _, each in scores], is_guess


def _by_discriminator(fits: list[Any], keys: Collection[str], read: Callable[[str], object]) -> list[Any]:
    for key in {key: None for member in fits for key in member.__tags__}:
        if key not in keys:
            continue
        value = read(key)
        hits = [member for member in fits if value in member.__tags__.get(key, ())]
        # A value that no discriminator lists is left to the members that have none: the base of the others.
        fits = hits or [member for member in fits if key not in member.__tags__] or fits
    return fits


def _score(model: Any, keys: Collection[str], read: Callable[[str], object]) -> tuple[int, int, int, int]:
    """Return how far an object is from a model: unlisted values, listed ones (below zero), unknown and missing keys."""
    wrong = listed = 0
    known = shape(model)
    for key, values in _listing(model):
        if key in keys:
            is_listed = read(key) in values
            listed -= is_listed
            wrong += not is_listed
    unknown = 0 if known.more else sum(key not in known.keys for key in keys)
    return wrong, listed, unknown, sum(field.required and field.key not in keys for field in known.fields)


@lru_cache(maxsize=1024)
def _listing(model: Any) -> tuple[tuple[str, frozenset[Any]], ...]:
    """Return the keys of a model whose values are listed, and the values."""
    found: list[tuple[str, frozenset[Any]]] = []
    for field in shape(model).fields:
        kinds = members(field.hint) if is_union(field.hint) else [field.hint]
        if len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], Enum):
            found.append((field.key, frozenset(member.value for member in kinds[0])))
    return tuple(found)


def choose_scalar(fits: list[Any], value: object) -> list[Any]:
    """Return the members that text, a number or a boolean may be meant for, the likeliest first."""
    return sorted(fits, key=lambda member: _rank(member, value))


def _rank(member: Any, value: object) -> int:
    kind = get_args(member)[0] if origin(member) is Annotated else member
    if isinstance(kind, type) and issubclass(kind, Enum):
        # Enums are open: a value that none lists is text before it is a new member.
        return 0 if value in {each.value for each in kind} else len(_TEXTS) + 1
    return 1 + _TEXTS.index(kind) if kind in _TEXTS else 1
