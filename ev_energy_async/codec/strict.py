"""Strict decoding, by msgspec alone: documents that match their schema to the letter.

msgspec has no unions of several models and no models that keep unknown keys. A document of such a type is taken apart
down to those, and msgspec decodes the parts, so that the boundary of a region, of megabytes, never becomes Python
objects one number at a time. `codec` decodes with it, `calls` checks request bodies. Pure.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import lru_cache
from typing import Annotated, Any, Final, get_args

import msgspec

from ev_energy_async.codec.types import NONE, is_model, is_union, members, origin, shape, spoken
from ev_energy_async.codec.unions import choose_model, choose_scalar, may_be
from ev_energy_async.errors import DecodeError
from ev_energy_async.values import open_models_made

__all__ = ["BROKEN", "decode_certain", "decode_strict", "decode_whole", "decoder", "keys_of", "likely_member", "reason"]

# The errors of msgspec for bytes that are not a JSON document; the last for one nested deeper than the stack.
BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL: Final = b"null"
_refuses_guesses: ContextVar[bool] = ContextVar("_refuses_guesses", default=False)
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@lru_cache(maxsize=1024)
def decoder(into: Any) -> msgspec.json.Decoder[Any] | None:
    """Return the decoder of a type; None for one with a union of several models, which msgspec does not support."""
    try:
        return msgspec.json.Decoder(into)
    except TypeError as error:
        if "unions may not contain more than one" not in str(error):
            raise
        return None


def reason(error: Exception) -> tuple[str, str]:
    """Split the text of a msgspec error into reason and path."""
    found = re.fullmatch(r"(.*?)(?: - at `(.*)`)?", str(error), re.DOTALL)
    return (found[1], found[2] or "$") if found else (str(error), "$")


def keys_of(data: bytes) -> dict[str, msgspec.Raw]:
    """Return the members of an object, undecoded.

    Raises:
        msgspec.DecodeError: It is not an object.
    """
    return _KEYS.decode(data)


def likely_member(data: bytes, into: Any) -> Any:
    """Return the member of a union that a large document is likely to be; another type itself."""
    if origin(into) is Annotated:
        return likely_member(data, get_args(into)[0])
    if not is_union(into):
        return into
    is_object = data.lstrip().startswith(b"{")
    fitting = [each for each in members(into) if (is_model(each) if is_object else origin(each) is list)]
    if len(fitting) > 1 and is_object:
        try:
            keys = keys_of(data)
            fitting, is_guess = choose_model(fitting, keys, lambda key: msgspec.json.decode(keys[key]))
        except BROKEN:
            return into  # whose decoding says what is wrong
        fitting = [] if is_guess else fitting[:1]
    return fitting[0] if len(fitting) == 1 else into


def decode_certain(data: bytes, into: Any) -> Any:
    """Decode as `decode_strict` does, and also refuse objects whose schema would be a guess."""
    whole = decoder(into)
    try:
        if whole is not None:
            before = open_models_made()
            made = whole.decode(data)
            if open_models_made() == before:
                return made  # nearly always
        token = _refuses_guesses.set(True)
        try:
            return _taken_apart(bytes(_RAW.decode(data)), into)
        finally:
            _refuses_guesses.reset(token)
    except BROKEN as error:
        raise DecodeError(*reason(error)) from error


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
        return _taken_apart(bytes(_RAW.decode(data)), into) if whole is None else decode_whole(whole, data, into)
    except BROKEN as error:
        raise DecodeError(*reason(error)) from error


def decode_whole(whole: msgspec.json.Decoder[Any], data: bytes | msgspec.Raw, into: Any) -> Any:
    """Decode a document with the decoder of its type, and the models in it that keep unknown keys with those."""
    before = open_models_made()
    made = whole.decode(data)
    return made if open_models_made() == before else _taken_apart(bytes(data), into)


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
    keys, known = _KEYS.decode(data), shape(into)
    made: dict[str, Any] = {}
    for field in known.fields:
        if field.key in keys:
            made[field.name] = _part(f".{field.key}", keys[field.key], field.hint)
        elif field.required:
            raise DecodeError(f"Object missing required field `{field.key}`")
    if known.more is not None:
        hint = known.more.hint
        made[known.more.name] = {k: _part(f".{k}", raw, hint) for k, raw in keys.items() if k not in known.keys}
    return into(**made)


def _union(data: bytes, into: Any) -> Any:
    if data == _NULL and NONE in get_args(into):
        return None
    if data.startswith(b"{"):
        fitting = _fitting_object(data, into)
    else:
        value = msgspec.json.decode(data)
        fitting = choose_scalar([member for member in members(into) if may_be(member, value)], value)
    failure: DecodeError | None = None
    for member in fitting:
        try:
            return decode_strict(data, member)
        except DecodeError as error:
            # That of the likeliest member says most.
            failure = failure or error
    raise failure or DecodeError(f"Expected {' or '.join(sorted(map(spoken, members(into))))}")


def _fitting_object(data: bytes, into: Any) -> list[Any]:
    """Return the members of a union that an object may be meant for, the likeliest first."""
    fits = [member for member in members(into) if may_be(member, {})]
    models = [member for member in fits if is_model(member)]
    if len(models) > 1:
        keys = _KEYS.decode(data)
        models, is_guess = choose_model(models, keys, lambda key: msgspec.json.decode(keys[key]))
        if is_guess and _refuses_guesses.get():
            raise DecodeError("fits several schemas of a union")
    return [*models, *(member for member in fits if not is_model(member))]
