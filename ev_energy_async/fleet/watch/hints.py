"""Hints of webhooks and other sources that know more than a snapshot: whose logs are worth reading soon. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import Ref, id_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Hint", "Notice", "devices_of"]


class Notice(Protocol):
    """A verified webhook event, as `webhooks` makes them."""

    @property
    def payload(self) -> Any:
        """Its payload, whose `data` is the resource that it is about."""
        ...


Hint: TypeAlias = "Notice | Ref"
"""A webhook event, or a reference to a device."""


def devices_of(hint: Hint) -> list[str]:
    """Return the IDs of the devices that a hint names.

    Raises:
        InvalidArgument: It names none.
    """
    found = list(_named(hint))
    if not found:
        raise InvalidArgument("hint", hint, "an event about a vehicle or a charger, or a reference to a device")
    return found


def _named(hint: Any) -> Iterator[str]:
    data = getattr(getattr(hint, "payload", hint), "data", None)
    if data is None:
        yield id_text("hint", hint)
        return
    for field in ("vehicle", "evse"):
        reference = getattr(data, field, None)
        if reference:
            yield id_text("hint", reference)
