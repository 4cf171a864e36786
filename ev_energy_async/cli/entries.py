"""Values as they are written: each is a JSON document, as the API sent it where a command has that."""

from __future__ import annotations

import datetime as dt
from math import isfinite
from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async import codec
from ev_energy_async.values import Model, is_list

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Entry", "entries", "entry", "event_entry"]


@attrs.frozen(eq=False)
class Entry:
    """One value to write.

    Attributes:
        json: The value as JSON.
        model: The model that it is, for Parquet; None if it is none.
    """

    json: bytes
    model: Model | None = None


def entry(value: object) -> Entry:
    """Return a model, an event, or a value of JSON values and models, as an entry."""
    return Entry(codec.encode(_plain(value)), value if isinstance(value, Model) else None)


def event_entry(event: object) -> Entry:
    """Return an event with its name."""
    found = entry(event)
    # In front of the other members of the object.
    return Entry(b'{"event":"%s",%s' % (type(event).__name__.encode(), found.json[1:]), found.model)


def _plain(value: Any) -> Any:
    """Return a value that is made of attrs classes as mappings: errors are their text, what is endless is null."""
    if isinstance(value, Model):
        return value
    if isinstance(value, BaseException):
        return str(value)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if attrs.has(kind := _class_of(value)):
        fields = [each.name for each in attrs.fields(kind) if not each.name.startswith("_")]
        return {name: _plain(getattr(value, name)) for name in fields}
    if is_list(value):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _class_of(value: object) -> Any:
    return type(value)


def entries(values: Iterable[object]) -> list[Entry]:
    """Return several values as entries."""
    return [entry(value) for value in values]
