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
from ev_energy_async.values import UNSET, Model, is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AsDict", "json_value", "public_fields"]


class AsDict:
    """Gives an attrs class the methods by which models go out."""

    __slots__ = ()

    def to_dict(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """Return its fields as a dictionary, models and nested values too; unset ones are left out.

        Args:
            mode: `python` keeps times, durations, decimals and errors as they are. `json` makes JSON values of all:
                times as RFC 3339, durations in seconds, errors as text, infinity and functions as null, secrets as
                `***`, and other objects as the name of their class.

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
        return {str(key): _out(member, mode) for key, member in value.items() if member is not UNSET}
    if is_list(value) or isinstance(value, set | frozenset):
        items = [_out(item, mode) for item in cast("Iterable[Any]", value)]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    return value if mode == "python" else _json(value)


def _json(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, Secret):
        return f"{value}"
    if callable(value):
        return None
    try:
        return json.loads(encode(value))
    except DecodeError:
        return type(value).__name__  # a store of tokens, for one, is no data
