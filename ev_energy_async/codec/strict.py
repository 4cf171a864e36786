"""Strict decoding: what matches its schema to the letter, by msgspec alone.

A type with a union of several models is more than msgspec takes. A document of such a type is taken apart down to the
unions, and msgspec decodes the parts: the boundary of a region, which may have megabytes, never becomes Python objects
one number at a time. `codec` is the only caller.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, get_args

import attrs
import msgspec

from ev_energy_async.codec.types import NONE, hints, is_model, is_union, members, origin, spoken
from ev_energy_async.errors import DecodeError
from ev_energy_async.values import OpenStrEnum

__all__ = ["BROKEN", "decode_strict", "decoder", "reason"]

# How msgspec says that bytes are no JSON document; the last for one nested deeper than the stack.
BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL: Final = b"null"
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@lru_cache(maxsize=1024)
def decoder(into: Any) -> msgspec.json.Decoder[Any] | None:
    """Return the decoder of a type; None for one with a union of several models, which msgspec does not take."""
    try:
        return msgspec.json.Decoder(into)
    except TypeError as error:
        if "unions may not contain more than one" not in str(error):
            raise
        return None


def reason(error: Exception) -> tuple[str, str]:
    """Split what msgspec says into reason and path."""
    found = re.fullmatch(r"(.*?)(?: - at `(.*)`)?", str(error), re.DOTALL)
    return (found[1], found[2] or "$") if found else (str(error), "$")


def decode_strict(data: bytes, into: Any) -> Any:
    """Decode a document that must match its schema.

    Args:
        data: The document in UTF-8.
        into: The type to decode to.

    Raises:
        DecodeError: It does not match; carries the path.
    """
    whole = decoder(into)
    try:
        return whole.decode(data) if whole is not None else _taken_apart(bytes(_RAW.decode(data)), into)
    except BROKEN as error:
        raise DecodeError(*reason(error)) from error


def _taken_apart(data: bytes, into: Any) -> Any:
    if is_union(into):
        return _union(data, into)
    if is_model(into):
        return _model(data, into)
    kind = origin(into)
    if kind is list:
        (item,) = get_args(into)
        return [_part(f"[{index}]", raw, item) for index, raw in enumerate(_ITEMS.decode(data))]
    if kind is dict:
        _, item = get_args(into)
        return {key: _part("[...]", raw, item) for key, raw in _KEYS.decode(data).items()}
    raise AssertionError(f"{spoken(into)} holds no union, and msgspec does not take it")


def _part(step: str, raw: msgspec.Raw, into: Any) -> Any:
    """Decode a part; an error in it has the way there in its path."""
    try:
        return decode_strict(bytes(raw), into)
    except DecodeError as error:
        raise DecodeError(error.reason, f"${step}{error.path.removeprefix('$')}") from error


def _model(data: bytes, into: Any) -> Any:
    keys, kinds = _KEYS.decode(data), hints(into)
    made: dict[str, Any] = {}
    for field in attrs.fields(into):
        if field.name in keys:
            made[field.name] = _part(f".{field.name}", keys[field.name], kinds[field.name])
        elif field.default is attrs.NOTHING:
            raise DecodeError(f"Object missing required field `{field.name}`")
    return into(**made)


def _union(data: bytes, into: Any) -> Any:
    if data == _NULL and NONE in get_args(into):
        return None
    failures: list[tuple[int, DecodeError]] = []
    for member in members(into):
        try:
            return decode_strict(data, member)
        except DecodeError as error:
            failures.append((_listed(data, member), error))
    # That of the member which is likely to be meant: it lists what the document says, or fits it furthest.
    raise max(failures, key=lambda failure: (failure[0], len(failure[1].path)))[1]


def _listed(data: bytes, into: Any) -> int:
    """Count the values of an object that an enum of a model lists, as the `type` of a GeoJSON object."""
    if not is_model(into) or not data.startswith(b"{"):
        return 0
    keys = _KEYS.decode(data)
    listed = 0
    for name, kind in hints(into).items():
        if name in keys and isinstance(kind, type) and issubclass(kind, OpenStrEnum):
            listed += bytes(keys[name]) in {b'"%b"' % member.value.encode() for member in kind}
    return listed
