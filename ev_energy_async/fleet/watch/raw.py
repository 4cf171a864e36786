"""The raw JSON of logs, as the API sent it: for whoever keeps what the schema does not know yet. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["raw_items_of", "raw_newest_of"]

_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DEVICES: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def raw_items_of(body: bytes, without: set[int]) -> list[bytes]:
    """Return the raw items of a list, apart from those at some places."""
    return [bytes(item) for place, item in enumerate(_ITEMS.decode(body)) if place not in without]


def raw_newest_of(body: bytes, field: str) -> dict[str, bytes]:
    """Return the raw newest log of each device of a list that shows one, by the ID of the device."""
    found: dict[str, bytes] = {}
    for device in _DEVICES.decode(body):
        newest: Any = device.get(field)
        raw = b"" if newest is None else bytes(newest)
        # Else it is null, or a URL.
        if raw.startswith(b"{") and "id" in device:
            found[str(msgspec.json.decode(device["id"]))] = raw
    return found
