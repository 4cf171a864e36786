"""Encodes models and plain values as JSON.

`calls` encodes request bodies with it, the test kit responses; users through `codec.encode`. Pure.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from itertools import chain, repeat
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ev_energy_async.codec.types import shape
from ev_energy_async.errors import DecodeError
from ev_energy_async.values import UNSET, Model, is_mapping, plain, set_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["encode", "encode_without", "lost_keys"]

_NULL: Final = b"null"
# Types of which no value is NaN.
_CERTAIN: Final = frozenset({str, int, bool, type(None), dt.datetime})


def encode(value: object) -> bytes:
    """Encode a model, or a mapping of JSON values and models, as JSON.

    Unset fields are left out, None is null, decimals are strings, times keep their offset. Instances of subclasses are
    encoded as what they are: a `pandas.Timestamp` as a time, a `numpy.float64` as a number.

    Raises:
        DecodeError: A value is not one of JSON, or a number is NaN or infinite; carries the path.
    """
    try:
        try:
            encoded = _encoder.encode(value)
        except TypeError:
            # Mappings that are not dictionaries, unset values in them, and keys beyond those of a schema.
            encoded = _encoder.encode(_plain(value))
        # Each null is usually one that was asked for; a model has many, and a number that became one makes it more.
        if _NULL in encoded and encoded.count(_NULL) != _nulls(value):
            _check_numbers(value)
    except (TypeError, ValueError, msgspec.EncodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}", _culprit(value)) from error
    return encoded


def encode_without(value: Model, names: frozenset[str]) -> bytes:
    """Encode a model without some of its fields; see `encode`."""
    return encode({key: member for key, member in _pairs(value, names) if member is not UNSET})


def _nulls(value: object) -> int:
    """Return how many members of an object are null."""
    if isinstance(value, Model):
        return sum(member is None for _, member in set_fields(value))
    return sum(member is None for member in value.values()) if is_mapping(value) else 0


def _simple(value: Any) -> Any:
    """Return what msgspec encodes for an instance of a subclass; msgspec calls it for types it does not know."""
    simple = plain(value)
    if simple is value or simple is UNSET:
        raise TypeError(f"a {type(value).__name__} cannot be encoded")
    return simple


_encoder: Final = msgspec.json.Encoder(decimal_format="string", enc_hook=_simple)
_keys: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _plain(value: object) -> Any:
    """Return a value as msgspec takes it: dictionaries for mappings, without their unset values."""
    if isinstance(value, Model):
        try:
            return msgspec.Raw(_encoder.encode(value))
        except TypeError:
            return _object(value)
    if is_mapping(value):
        return {key: _plain(member) for key, member in value.items() if member is not UNSET}
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        # Most lists are fine as they are, and a boundary of a million points is not walked in Python.
        try:
            return msgspec.Raw(_encoder.encode(items))
        except TypeError:
            return [_plain(item) for item in items]
    return value


def _object(value: Model) -> dict[str, Any]:
    """Return a model as an object, with the keys beyond its own beside them."""
    return {key: _plain(member) for key, member in _pairs(value) if member is not UNSET}


def _pairs(value: Model, without: frozenset[str] = frozenset()) -> Iterable[tuple[str, Any]]:
    """Return the keys of a model, those beyond its own too, with their values; some are unset."""
    kind: Any = type(value)
    names, keys, more = _fields(kind, without)
    pairs = zip(keys, map(getattr, repeat(value), names), strict=True)
    further = UNSET if more is None else getattr(value, more)
    return pairs if further is UNSET else chain(pairs, further.items())


@lru_cache(maxsize=1024)
def _fields(kind: Any, without: frozenset[str]) -> tuple[list[str], list[str], str | None]:
    """Return the names and keys of some fields of a model, and the name of that with keys beyond them."""
    known = shape(kind)
    kept = [field for field in known.fields if field.name not in without]
    more = None if known.more is None else known.more.name
    return [field.name for field in kept], [field.key for field in kept], more


def _check_numbers(value: object) -> None:
    """Refuse NaN and infinity: msgspec writes them as null, which would clear a field."""
    if isinstance(value, Model):
        for _, member in set_fields(value):
            if type(member) not in _CERTAIN:
                _check_numbers(member)
    elif is_mapping(value):
        for member in value.values():
            _check_numbers(member)
    elif isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        if _NULL in _encoder.encode(_plain(items)):
            for item in items:
                _check_numbers(item)
    elif isinstance(number := value if type(value) is float else plain(value), float) and not isfinite(number):
        raise ValueError(f"{number} is not a number of JSON")


def _culprit(value: object, path: str = "$") -> str:
    """Return the path of the first value that cannot be encoded."""
    if isinstance(value, Model):
        members: list[tuple[str, object]] = [(f".{name}", member) for name, member in set_fields(value)]
    elif is_mapping(value):
        members = [(f".{key}", member) for key, member in value.items() if member is not UNSET]
    elif isinstance(value, list | tuple):
        members = [(f"[{index}]", item) for index, item in enumerate(cast("Sequence[object]", value))]
    else:
        return path
    for step, member in members:
        try:
            encode(member)
        except DecodeError as error:
            return path + step + error.path.removeprefix("$")
    return path


def lost_keys(before: bytes, after: bytes) -> list[str]:
    """Return the paths of keys that one JSON document has and another one lacks.

    Args:
        before: The document.
        after: The other, by the same encoder, so that equal parts are equal bytes.
    """
    lost: list[str] = []

    def compare(old: bytes, new: bytes, path: str) -> None:
        if old == new:
            return
        if old.startswith(b"{") and new.startswith(b"{"):
            others = _keys.decode(new)
            for key, raw in _keys.decode(old).items():
                if key in others:
                    compare(bytes(raw), bytes(others[key]), f"{path}{key}.")
                else:
                    lost.append(f"{path}{key}")
        elif old.startswith(b"[") and new.startswith(b"[") and b"{" in old:
            # Without a brace there is no key, and a million points need not be looked at.
            for raw, other in zip(_items.decode(old), _items.decode(new), strict=False):
                compare(bytes(raw), bytes(other), path)

    compare(before, after, "")
    return lost
