"""(a) The floor: aiohttp, and orjson to dictionaries. No models, no types."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.contenders.plain import Plain

__all__ = ["Floor", "make"]


class Floor(Plain):
    """The least that can be done with a response."""

    def decode_logs(self, data: bytes) -> list[Any]:
        """Decode a page of status logs."""
        logs: list[Any] = orjson.loads(data)
        return logs

    def decode_vehicles(self, data: bytes) -> list[Any]:
        """Decode a page of vehicles."""
        vehicles: list[Any] = orjson.loads(data)
        return vehicles

    def decode_vehicle(self, data: bytes) -> object:
        """Decode one vehicle."""
        return orjson.loads(data)


def make(base_url: str) -> Floor:
    """Make the client."""
    return Floor(base_url)
