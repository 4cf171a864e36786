"""Values as they are written: each is a JSON document, as the API sent it where a command has that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ev_energy_async import codec
from ev_energy_async.values import Model

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
    """Return a model, an event, or any other value as an entry."""
    if isinstance(value, Model):
        return Entry(codec.encode(value), value)
    return Entry(codec.encode(codec.as_json(value)))


def event_entry(event: object) -> Entry:
    """Return an event with its name."""
    found = entry(event)
    # In front of the other members of the object.
    return Entry(b'{"event":"%s",%s' % (type(event).__name__.encode(), found.json[1:]), found.model)


def entries(values: Iterable[object]) -> list[Entry]:
    """Return several values as entries."""
    return [entry(value) for value in values]
