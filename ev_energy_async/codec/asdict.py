"""Reports of the package about itself as dictionaries and JSON: statistics, events, plans, coverage.

Their classes derive from `AsDict`, so that they go out as models do. Pure.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

from ev_energy_async.codec.dicts import to_dict
from ev_energy_async.codec.encoding import encode
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.masking import Secret
from ev_energy_async.values import UNSET, Model, is_list, is_mapping, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AsDict", "as_json", "json_value", "public_fields"]


class AsDict:
    """Gives an attrs class the methods by which models go out."""

    __slots__: tuple[str, ...] = ()

    def to_dict(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """Return its fields as a dictionary, models and nested values too; unset ones are left out.

        Args:
            mode: `python` keeps times, durations, decimals and errors as they are. `json` makes JSON values of all:
                times as RFC 3339, durations in seconds, errors as text, infinity and functions as null, secrets as
                `***`, and other objects as the name of their class. A lone surrogate in a text becomes `?`.

        Raises:
            InvalidArgument: There is no such mode.

        Example:
            >>> json.dumps(ev.stats().to_dict("json"))  # doctest: +SKIP
        """
        if mode not in ("python", "json"):
            raise InvalidArgument("mode", mode, "'python' or 'json'")
        found: dict[str, Any] = _out(self, mode)
        return found

    def to_json(self) -> str:
        """Return its fields as JSON; see `to_dict`."""
        return json.dumps(self.to_dict("json"))


def public_fields(value: object) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the fields of an attrs instance that are no private ones."""
    kind: Any = type(value)
    for field in attrs.fields(kind):
        if not field.name.startswith("_"):
            yield field.name, getattr(value, field.name)


def as_json(value: object) -> Any:
    """Return a value of any kind as JSON has it, as `to_dict("json")` does with fields."""
    return _out(value, "json")


def json_value(instance: object, field: object, value: object) -> Any:  # noqa: ARG001  # what attrs calls it with
    """Return a value as JSON has it, for `attrs.asdict(..., value_serializer=json_value)`.

    Beyond what `to_dict("json")` does, absent fields are null.
    """
    return None if value is UNSET else _out(value, "json")


def _out(value: Any, mode: Literal["python", "json"]) -> Any:
    if isinstance(value, Model):
        return to_dict(value, mode)
    if attrs.has(value.__class__):
        return {name: _out(member, mode) for name, member in public_fields(value) if member is not UNSET}
    if is_mapping(value):
        pairs = ((str(key), member) for key, member in value.items() if member is not UNSET)
        return {key if mode == "python" else _text(key): _out(member, mode) for key, member in pairs}
    if is_list(value) or isinstance(value, set | frozenset):
        items = [_out(item, mode) for item in cast("Iterable[Any]", value)]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    return value if mode == "python" else _json(value)


def _json(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, BaseException):
        return _text(f"{type(value).__name__}: {value}")
    if isinstance(value, Secret):
        return f"{value}"
    if callable(value):
        return None
    simple = value if isinstance(value, dt.date) else plain(value)
    if isinstance(simple, str):
        return _text(simple)
    if isinstance(simple, float):
        return simple if math.isfinite(simple) else None
    try:
        return json.loads(encode(simple))
    except DecodeError as error:
        if not isinstance(error.__cause__, TypeError):
            raise
        return type(value).__name__  # a store of tokens, for one, is no data


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()
